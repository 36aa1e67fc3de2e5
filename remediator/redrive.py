"""What was given up: the messages that tell of it, and the records back in their event. Pure.

An on-failure destination holds where records lie, not the records (an S3 bucket holds both).
Source: Lambda Developer Guide, "Retain discarded batch records for a Kinesis data stream event
source in Lambda", the same for DynamoDB, and "Using Lambda with Amazon Kinesis" for the event.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from remediator.errors import InputError

# Of one synchronous invocation's payload, with room for what surrounds the records.
MOST_BYTES = 6 * 1024 * 1024 - 64 * 1024

_INFOS = ("KinesisBatchInfo", "DDBStreamBatchInfo")


class GivenUp(NamedTuple):
    """One range of one shard that was given up, as its message tells it."""

    stream_arn: str
    function_arn: str
    shard_id: str
    first: str
    """Sequence numbers, both included."""
    last: str
    batch_size: int
    condition: str
    """Why: RetryAttemptsExhausted, RecordAgeExceeded…"""
    event: Mapping[str, Any] | None = None
    """The event itself, where the destination keeps it (S3), or the remediator has."""
    at: datetime | None = None
    """When it was given up."""
    arrived: datetime | None = None
    """When the first of its records came in."""

    @property
    def key(self) -> str:
        """The same for every message about the same range."""
        named = f"{self.stream_arn} {self.shard_id} {self.first} {self.last}"
        return hashlib.sha256(named.encode()).hexdigest()[:12]

    @property
    def place(self) -> tuple[str, int]:
        """The order in which ranges are replayed: shard after shard, as they were written."""
        return self.shard_id, int(self.first)


def read(text: str) -> GivenUp:
    """One message: SQS's body, SNS's envelope inside of it, or an S3 object.

    Raises InputError for what is none.
    """
    said = _object(text)
    if said.get("Type") == "Notification":
        said = _object(said.get("Message"))
    info: Any = next((said[name] for name in _INFOS if isinstance(said.get(name), dict)), None)
    context = said.get("requestContext")
    if info is None or not isinstance(context, dict):
        raise InputError("not a message of an event source mapping's on-failure destination")
    try:
        return GivenUp(
            stream_arn=str(info["streamArn"]),
            function_arn=str(context["functionArn"]),
            shard_id=str(info["shardId"]),
            first=str(int(info["startSequenceNumber"])),
            last=str(int(info["endSequenceNumber"])),
            batch_size=int(info["batchSize"]),
            condition=str(context.get("condition", "")),
            event=_payload(said.get("payload")),
            at=_moment(said.get("timestamp")),
            arrived=_moment(info.get("approximateArrivalOfFirstRecord")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"a message of a destination that lacks what it must have: {error}"
        ) from error


def _object(text: object) -> dict[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except ValueError as error:
        raise InputError("not JSON") from error
    if not isinstance(found, dict):
        raise InputError("not a JSON object")
    return found


def _payload(said: object) -> Mapping[str, Any] | None:
    if said is None:
        return None
    event = _object(said)
    return event if isinstance(event.get("Records"), list) else None


def _moment(said: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC) if found else None


def with_records(text: str, records: Sequence[Mapping[str, Any]]) -> str:
    """The message as an S3 destination keeps it: with the event that holds the records.

    Raises InputError for what is no message.
    """
    said = _object(text)
    if said.get("Type") == "Notification":
        said = _object(said.get("Message"))
    return json.dumps({**said, "payload": json.dumps({"Records": list(records)})})


def told(texts: Sequence[str], stream_arn: str) -> tuple[tuple[GivenUp, ...], int]:
    """The ranges of one stream, each once, in the order of replay; and how many messages were not
    understood or are about something else."""
    found: dict[str, GivenUp] = {}
    others = 0
    for text in texts:
        try:
            one = read(text)
        except InputError:
            others += 1
            continue
        if one.stream_arn != stream_arn:
            others += 1
        elif one.key not in found or one.event is not None:
            found[one.key] = one
    return tuple(sorted(found.values(), key=lambda each: each.place)), others


# --- records as Lambda hands them over ------------------------------------------------------------


def kinesis_record(one: GivenUp, answer: Mapping[str, Any]) -> dict[str, Any]:
    """A record of GetRecords as it stands in the event."""
    sequence = answer["SequenceNumber"]
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": answer["PartitionKey"],
            "sequenceNumber": sequence,
            "data": base64.b64encode(answer["Data"]).decode(),
            "approximateArrivalTimestamp": _epoch(answer.get("ApproximateArrivalTimestamp")),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{one.shard_id}:{sequence}",
        "eventName": "aws:kinesis:record",
        "awsRegion": one.stream_arn.split(":")[3],
        "eventSourceARN": one.stream_arn,
    }


def table_record(one: GivenUp, answer: Mapping[str, Any]) -> dict[str, Any]:
    """A record of a table's stream as it stands in the event."""
    said: dict[str, Any] = _plain({**answer, "eventSourceARN": one.stream_arn})
    return said


def _plain(value: Any) -> Any:
    """As JSON has it: times in seconds, bytes in base64, sets as lists."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return _epoch(value)
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _epoch(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def sequence_of(record: Mapping[str, Any]) -> int:
    """The sequence number of a record in an event."""
    kinesis, table = record.get("kinesis"), record.get("dynamodb")
    return int(kinesis["sequenceNumber"] if kinesis else (table or {})["SequenceNumber"])


# --- replaying -----------------------------------------------------------------------------------


def batches(records: Sequence[Mapping[str, Any]], most: int) -> Iterator[list[Mapping[str, Any]]]:
    """The records in order, no more at a time than the mapping takes and an invocation holds."""
    batch: list[Mapping[str, Any]] = []
    size = 0
    for record in records:
        weight = len(json.dumps(record))
        if batch and (len(batch) >= most or size + weight > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += weight
    if batch:
        yield batch


def failing(
    records: Sequence[Mapping[str, Any]], fails: Callable[[Sequence[Mapping[str, Any]]], bool]
) -> Mapping[str, Any] | None:
    """One record that fails, found by halves; ``None`` if all succeed together.

    ``fails`` invokes the function, so about 2 × log2(n) batches are processed again.
    """
    if not fails(records):
        return None
    left = list(records)
    while len(left) > 1:
        half = left[: len(left) // 2]
        left = half if fails(half) else left[len(left) // 2 :]
    return left[0]


def first_failure(answer: object) -> int | None:
    """Of a partial batch response: the sequence number from which the batch has to be repeated;
    ``None`` where it says that all succeeded. Source: "Reporting batch item failures"."""
    said = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not isinstance(said, list) or not said:
        return None
    numbers = [str(each.get("itemIdentifier", "")) for each in said if isinstance(each, dict)]
    known = [int(number) for number in numbers if number.isdecimal()]
    return min(known) if len(known) == len(said) else 0
