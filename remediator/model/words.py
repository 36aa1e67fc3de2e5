"""Words that code may decide by, and the base of every record."""

from enum import StrEnum
from typing import Any, Self, TypeAlias

from pydantic import BaseModel, ConfigDict

# What a setting can hold. ``None`` is "not set", which differs from 0.
Value: TypeAlias = bool | int | str | None


class Record(BaseModel):
    """Base of every record: frozen, strict about unknown fields, and saved as plain JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Cause(StrEnum):
    """Why a consumer lags (docs/concepts.md, causes). ``unknown`` is a first-class answer."""

    THROTTLING = "throttling"
    POISON_RECORD = "poison_record"
    READ_CONTENTION = "read_contention"
    SLOW_CONSUMER = "slow_consumer"
    HOT_PARTITION_KEY = "hot_partition_key"
    DOWNSTREAM_SATURATED = "downstream_saturated"
    FUNCTION_FAILURE = "function_failure"
    CONSUMER_STOPPED = "consumer_stopped"
    RECOVERING = "recovering"
    UNKNOWN = "unknown"


class Detail(StrEnum):
    """A finding inside a cause. A name that code may decide by; what people read stands in a Step.

    ``NONE`` is the empty text, so that a report's JSON keeps a string.
    """

    NONE = ""
    RESERVATION = "reservation"
    ACCOUNT = "account"
    UNCLEAR = "unclear"
    DEPLOY = "deploy"
    TIMEOUTS = "timeouts"
    EVERYWHERE = "everywhere"
    PARTIAL = "partial"
    ISOLATED = "isolated"
    SUSPECTED = "suspected"
    UNDECIDED = "undecided"
    PARTIAL_BATCHES = "partial_batches"
    MAPPINGS = "mappings"
    OUTSIDE_READER = "outside_reader"
    CPU_BOUND = "cpu_bound"
    PAUSED = "paused"
    RESERVED_AT_0 = "reserved_at_0"
    FUNCTION_GONE = "function_gone"
    NO_INVOCATIONS = "no_invocations"
    DEACTIVATED = "deactivated"
    NOT_INVOCABLE = "not_invocable"
    REQUEST_RATE = "request_rate"
    SCALING_RATE = "scaling_rate"
    CALLS = "calls"
    BYTES = "bytes"
    TABLE_READERS = "table_readers"
    BATCHING_WINDOW = "batching_window"
    OLD_RECORD = "old_record"
    SHORT_SPIKE = "short_spike"
    ONE_KEY = "one_key"


def _known(detail: Any) -> Any:
    """What another version of us wrote here and this one does not know decides nothing."""
    return Detail.NONE if isinstance(detail, str) and detail not in set(Detail) else detail


class RemedyName(StrEnum):
    """Every lever that this version can plan."""

    # Whether a person approves it unless the policy says otherwise: it costs money, the function
    # may not be made for it, it takes from others, or records are read twice.
    asked_first: bool

    def __new__(cls, name: str, asked_first: bool = False) -> Self:  # noqa: FBT002
        """A lever by its name."""
        lever = str.__new__(cls, name)
        lever._value_, lever.asked_first = name, asked_first
        return lever

    RAISE_PARALLELIZATION_FACTOR = "raise_parallelization_factor"
    ISOLATE_POISON = "isolate_poison"
    SPLIT_SHARDS = "split_shards"
    RAISE_RESERVED_CONCURRENCY = "raise_reserved_concurrency"
    EXTEND_RETENTION = "extend_retention"
    RAISE_MEMORY = "raise_memory", True
    RAISE_BATCH_SIZE = "raise_batch_size", True
    LOWER_BATCH_SIZE = "lower_batch_size"
    RESERVE_CONCURRENCY = "reserve_concurrency", True
    ENHANCED_FAN_OUT = "enhanced_fan_out", True
    ESCALATE = "escalate"


class Mode(StrEnum):
    """Whether changes are only described (``plan``, the default) or made (``apply``)."""

    PLAN = "plan"
    APPLY = "apply"


class SourceKind(StrEnum):
    """The two kinds of stream; a DynamoDB stream has a fixed 24 h and cannot be resharded."""

    KINESIS = "kinesis"
    DYNAMODB = "dynamodb"


class AlarmState(StrEnum):
    """CloudWatch's three alarm states."""

    ALARM = "ALARM"
    OK = "OK"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
