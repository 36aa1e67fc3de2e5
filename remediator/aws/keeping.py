"""Keeps what was given up: its messages in the stack's queue, its records in the stack's bucket.

Messages are looked at and stay. Each look counts as a receive, which would move a message on to a
dead-letter queue where the queue has one, so such a queue is left alone. Another queue may have
readers of its own, from whom a look would hide messages: only the stack's own is looked into.

Source: SQS API Reference, ReceiveMessage; Amazon S3 User Guide, "Conditional writes".
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from remediator import arns
from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors
from remediator.aws.given_up import PAUSE_SECONDS, GivenUpRecords
from remediator.errors import PermanentError
from remediator.model import SourceKind
from remediator.policy import Capture
from remediator.ports import Kept
from remediator.redrive import GivenUp, read, sequence_of, with_records

# For which a message that was looked at is handed out to nobody: until the look is over.
_HIDDEN_SECONDS = 10
# Ten messages each.
_MOST_POLLS = 20


class AwsRecordKeeper(NamedTuple):
    """Looks, fetches and keeps (port: RecordKeeper)."""

    clients: Clients
    sleep: Callable[[float], object]
    queue_arn: str
    bucket: str

    def messages(self) -> tuple[str, ...]:
        """What the stack's queue holds, a bounded number."""
        where = arns.parsed(self.queue_arn)
        if where is None:
            raise PermanentError(f"{self.queue_arn} is no queue's ARN")
        sqs = self.clients.sqs
        with aws_errors("sqs"):
            url = sqs.get_queue_url(
                QueueName=where.resource, QueueOwnerAWSAccountId=where.account_id
            )["QueueUrl"]
            asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
            if asked.get("Attributes", {}).get("RedrivePolicy"):
                raise PermanentError(f"{self.queue_arn} has a dead-letter queue: looks count there")
            return tuple(self._bodies(url))

    def _bodies(self, url: str) -> Iterator[str]:
        for _ in range(_MOST_POLLS):
            found = self.clients.sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=_HIDDEN_SECONDS
            ).get("Messages", [])
            if not found:
                return
            yield from (message["Body"] for message in found)

    def keep(self, incident_id: str, message: str, kind: SourceKind, limits: Capture) -> Kept:
        """One range's records in one object. What is there already is left as it is."""
        one = read(message)
        records = self._records(one, kind, limits)
        if not records:
            return Kept(because="no longer in the stream")
        body = with_records(message, records).encode()
        name = f"{incident_id}/{one.shard_id}/{one.first}-{one.last}.json"
        try:
            with aws_errors("s3"):
                self.clients.s3.put_object(
                    Bucket=self.bucket,
                    Key=name,
                    Body=body,
                    ContentType="application/json",
                    IfNoneMatch="*",
                )
        except PermanentError as error:
            if error.code != "PreconditionFailed":
                raise
        early = sequence_of(records[0]) > int(one.first)
        return Kept(records=len(records), because="the first of them had expired" if early else "")

    def _records(self, one: GivenUp, kind: SourceKind, limits: Capture) -> list[dict[str, Any]]:
        """Raises PermanentError for a range that is larger than the policy allows to read."""
        reader = GivenUpRecords(self.clients, self.sleep, limits.reads_per_range)
        records: list[dict[str, Any]] = []
        size, most = 0, limits.megabytes_per_range * 1024 * 1024
        self.sleep(PAUSE_SECONDS)
        for record in reader.read(one, kind):
            size += len(json.dumps(record))
            if size > most:
                raise PermanentError(f"more than {limits.megabytes_per_range} MB")
            records.append(record)
        if records and sequence_of(records[-1]) != int(one.last):
            raise PermanentError(f"not reached by {limits.reads_per_range} reads")
        return records
