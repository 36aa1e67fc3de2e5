"""Stream ARNs as AWS answers them, taken apart. None is ever built.

Patterns: Kinesis API Reference (StreamARN, ConsumerARN), DynamoDB Streams (StreamArn).
"""

import re
from typing import NamedTuple

from remediator.errors import InputError
from remediator.events.names import ARN, REGION
from remediator.model import SourceKind, Target

_PLACE = rf"{REGION}:(?P<account>\d{{12}})"
_KINESIS = re.compile(
    rf"(?P<arn>{ARN}:kinesis:{_PLACE}:stream/(?P<name>[A-Za-z0-9_.-]{{1,128}}))"
    r"(?:/consumer/(?P<consumer>[A-Za-z0-9_.-]{1,128})(?::\d+)?)?"
)
_DYNAMODB = re.compile(
    rf"(?P<arn>{ARN}:dynamodb:{_PLACE}:table/(?P<name>[A-Za-z0-9_.-]{{1,255}})"
    r"/stream/[0-9T:.-]+)"
)


class StreamArn(NamedTuple):
    """A stream's ARN, taken apart."""

    arn: str
    """The stream's own, without the consumer."""
    kind: SourceKind
    name: str
    """The Kinesis stream's or the DynamoDB table's name."""
    account_id: str
    consumer: str | None = None
    """The registered consumer's name, where the ARN is a consumer's."""


def stream(text: str) -> StreamArn | None:
    """The ARN of a stream, or of a stream's consumer; ``None`` for anything else."""
    if found := _KINESIS.fullmatch(text):
        return StreamArn(
            found["arn"], SourceKind.KINESIS, found["name"], found["account"], found["consumer"]
        )
    if found := _DYNAMODB.fullmatch(text):
        return StreamArn(found["arn"], SourceKind.DYNAMODB, found["name"], found["account"])
    return None


def consumer_name(aim: Target) -> str | None:
    """The registered consumer that a mapping reads through, if it does."""
    source = stream(aim.consumer_arn) if aim.consumer_arn else None
    return source.consumer if source else None


def owner_elsewhere(aim: Target) -> str | None:
    """The account of the stream where that is not the function's: its metrics are kept there."""
    source = stream(aim.source_arn)
    return source.account_id if source and source.account_id != aim.account_id else None


def same_region(named: str | None, ours: str, what: str) -> None:
    """Raise InputError when a name spells out another Region than the one that we call."""
    if named is not None and named != ours:
        raise InputError(f"{what} lies in {named}; this remediator works in {ours}")
