"""Where given-up records are told of, the records themselves, and the function that takes them.

All with the credentials of the person who asks. Raises PermanentError or TemporaryError as AWS
answers.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from remediator import arns
from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors
from remediator.errors import InputError, PermanentError
from remediator.model import SourceKind, Target
from remediator.redrive import GivenUp, first_failure, kinesis_record, sequence_of, table_record

# For which a message that was read is not handed out again: long enough to see all of them.
_HIDDEN_SECONDS = 30
_MOST_POLLS = 200
_MOST_OBJECTS = 1000
# Between reads of one shard, which allows five calls a second to all its readers.
PAUSE_SECONDS = 0.25


class Attempt(NamedTuple):
    """What became of one invocation. ``from_sequence``: where a partial batch response begins to
    fail; 0 for all of it."""

    failed: bool
    because: str = ""
    from_sequence: int = 0


class GivenUpRecords(NamedTuple):
    """Lists, fetches and replays."""

    clients: Clients
    sleep: Callable[[float], object]
    most_reads: int = 500
    """Calls of GetRecords for one range; what they do not reach is missing."""

    def messages(self, destination: str, mapping: str) -> tuple[str, ...]:
        """All messages that the destination holds. Nothing is removed.

        Raises InputError for a destination that keeps nothing.
        """
        where = arns.parsed(destination)
        if where is not None and where.service == "sqs":
            return tuple(self._in_queue(where.resource, where.account_id))
        if where is not None and where.service == "s3":
            return tuple(self._in_bucket(where.resource, f"aws/lambda/{mapping}/"))
        raise InputError(
            f"{destination} keeps nothing that could be read: look at what subscribes to it, and "
            "name that queue or bucket with --from ARN"
        )

    def captured(self, bucket: str, incident_id: str) -> tuple[str, ...]:
        """What the remediator has kept of an incident, in the form of an S3 destination."""
        return tuple(self._in_bucket(bucket, f"{incident_id}/"))

    def _in_queue(self, name: str, owner: str) -> Iterator[str]:
        sqs = self.clients.sqs
        with aws_errors("sqs"):
            url = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=owner)["QueueUrl"]
            for _ in range(_MOST_POLLS):
                found = sqs.receive_message(
                    QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=_HIDDEN_SECONDS
                ).get("Messages", [])
                if not found:
                    return
                yield from (message["Body"] for message in found)

    def _in_bucket(self, bucket: str, prefix: str) -> Iterator[str]:
        s3 = self.clients.s3
        with aws_errors("s3"):
            pages = s3.get_paginator("list_objects_v2").paginate(
                Bucket=bucket,
                Prefix=prefix,
                PaginationConfig={"MaxItems": _MOST_OBJECTS},
            )
            for page in pages:
                for entry in page.get("Contents", []):
                    found = s3.get_object(Bucket=bucket, Key=entry["Key"])
                    yield found["Body"].read().decode("utf-8", "replace")

    def read(self, one: GivenUp, kind: SourceKind) -> Iterator[dict[str, Any]]:
        """The range's records as they stand in an event; none where they have expired."""
        client: Any = self.clients.dynamodbstreams
        service, make, where = "dynamodbstreams", table_record, {"StreamArn": one.stream_arn}
        if kind is SourceKind.KINESIS:
            client, service, make = self.clients.kinesis, "kinesis", kinesis_record
            name = one.stream_arn.rpartition("/")[2]
            where = {"StreamARN": one.stream_arn, "StreamName": name}
        try:
            with aws_errors(service):
                iterator = client.get_shard_iterator(
                    **where,
                    ShardId=one.shard_id,
                    ShardIteratorType="AT_SEQUENCE_NUMBER",
                    StartingSequenceNumber=one.first,
                )["ShardIterator"]
        except PermanentError as error:
            if error.code in _EXPIRED:
                return
            raise
        whose = {"StreamARN": one.stream_arn} if kind is SourceKind.KINESIS else {}
        yield from self._range(partial(client.get_records, **whose), service, iterator, one, make)

    def _range(
        self,
        get_records: Callable[..., Any],
        service: str,
        iterator: str | None,
        one: GivenUp,
        make: Callable[[GivenUp, Mapping[str, Any]], dict[str, Any]],
    ) -> Iterator[dict[str, Any]]:
        for _ in range(self.most_reads):
            if iterator is None:
                return
            with aws_errors(service):
                answer = get_records(ShardIterator=iterator)
            for each in answer["Records"]:
                record = make(one, each)
                if sequence_of(record) > int(one.last):
                    return
                if sequence_of(record) >= int(one.first):
                    yield record
                if sequence_of(record) == int(one.last):
                    return
            iterator = answer.get("NextShardIterator")
            self.sleep(PAUSE_SECONDS)

    def invoke(self, target: Target, records: Sequence[Mapping[str, Any]]) -> Attempt:
        """Hand a batch to the function, as the mapping would, and wait for what becomes of it."""
        event = {"Records": list(records)}
        name = f"{target.function}:{target.qualifier}" if target.qualifier else target.function
        with aws_errors("lambda"):
            answer = self.clients.lambda_caller.invoke(
                FunctionName=name, Payload=json.dumps(event).encode()
            )
            said = answer["Payload"].read().decode("utf-8", "replace")
        if answer.get("FunctionError"):
            return Attempt(failed=True, because=said[:300])
        try:
            sequence = first_failure(json.loads(said or "null"))
        except ValueError:
            sequence = None
        if sequence is None:
            return Attempt(failed=False)
        return Attempt(
            failed=True, because="it reports batch item failures", from_sequence=sequence
        )


_EXPIRED = frozenset(
    {"InvalidArgumentException", "TrimmedDataAccessException", "ResourceNotFoundException"}
)
