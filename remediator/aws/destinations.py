"""Whether an on-failure destination takes what is sent, before records may be sent there.

Lambda sends the failed records of a stream to a standard queue, a standard topic or a bucket; what
it cannot deliver is dropped. So only what is seen to be there counts (invariant 1).

Source: Lambda Developer Guide, "Retain discarded batch records". The bucket is asked for by
s3:GetBucketLocation, since HeadBucket would need the permission to list what is in it.
"""

import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple

from remediator.arns import Arn
from remediator.aws.clients import Clients
from remediator.aws.failures import NOT_FOUND, aws_errors
from remediator.errors import PermanentError, RemediatorError
from remediator.events import names

_LOG = logging.getLogger(__name__)


class Use(StrEnum):
    """What can be said of a destination."""

    USABLE = "usable"
    UNUSABLE = "unusable"
    UNKNOWN = "unknown"


class Destination(NamedTuple):
    """Whether a destination can be used, and why not or why that is not known."""

    use: Use
    reason: str = ""

    @property
    def exists(self) -> bool | None:
        """``None``: not to be seen from here, which proves nothing."""
        return {Use.USABLE: True, Use.UNUSABLE: False}.get(self.use)


_FIFO = Destination(Use.UNUSABLE, "Lambda does not send failed records to a FIFO queue or topic")


def look(clients: Clients, arn: str) -> Destination:
    """What can be said of a destination. Never raises: what is not seen is unknown."""
    found = names.destination(arn)
    if found is None:
        return Destination(Use.UNKNOWN, "neither a queue, nor a topic, nor a bucket")
    seen = _carefully(clients, arn, found)
    if seen.use is not Use.USABLE:
        _LOG.info("destination %s is %s: %s", arn, seen.use, seen.reason)
    return seen


def _carefully(clients: Clients, arn: str, found: Arn) -> Destination:
    if found.resource.endswith(".fifo"):
        return _FIFO
    if found.region not in {"", clients.region}:
        return Destination(Use.UNKNOWN, f"it lies in {found.region}")
    try:
        return _KINDS[found.service](clients, arn, found)
    except PermanentError as error:
        use = Use.UNUSABLE if error.code in NOT_FOUND else Use.UNKNOWN
        return Destination(use, str(error))
    except RemediatorError as error:
        return Destination(Use.UNKNOWN, str(error))


def _queue(clients: Clients, _: str, found: Arn) -> Destination:
    with aws_errors("sqs"):
        answer = clients.sqs.get_queue_url(
            QueueName=found.resource, QueueOwnerAWSAccountId=found.account_id
        )
        return Destination(Use.USABLE, answer["QueueUrl"])


def _topic(clients: Clients, arn: str, _: Arn) -> Destination:
    with aws_errors("sns"):
        attributes = clients.sns.get_topic_attributes(TopicArn=arn)["Attributes"]
        fifo = attributes.get("FifoTopic", "false") == "true"
        return _FIFO if fifo else Destination(Use.USABLE, attributes["TopicArn"])


def _bucket(clients: Clients, _: str, found: Arn) -> Destination:
    with aws_errors("s3"):
        answer = clients.s3.get_bucket_location(Bucket=found.resource)
        place = _OLD_NAMES.get(known := answer["LocationConstraint"], known)
    if place != clients.region:
        return Destination(Use.UNKNOWN, f"the bucket lies in {place}")
    return Destination(Use.USABLE, found.resource)


# As GetBucketLocation says them.
_OLD_NAMES = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}

_KINDS: Mapping[str, Callable[[Clients, str, Arn], Destination]] = {
    "sqs": _queue,
    "sns": _topic,
    "s3": _bucket,
}
