"""One hand for each kind of resource: how its settings are read, written and seen to settle.

Source: Lambda API Reference (UpdateEventSourceMapping, PutFunctionConcurrency,
DeleteFunctionConcurrency, GetFunction).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

from remediator.aws import reading
from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors
from remediator.aws.limits import Values, number, only, refusal
from remediator.aws.reading import Answer
from remediator.aws.stream_writers import RangeHand, StreamHand
from remediator.model import ResourceKind, Value

_Seen = TypeVar("_Seen")


class Hand(Protocol):
    """What can be done with one kind of resource. All raise PermanentError or TemporaryError."""

    def read(self, name: str) -> Values:
        """All settings of the resource that can be changed."""
        ...

    def write(self, name: str, values: Values) -> None:
        """Set the values; on an error nothing was changed."""
        ...

    def settled(self, name: str) -> bool:
        """Whether AWS has finished with the resource now."""
        ...


# --- event source mapping ----------------------------------------------------------------------


class _Whole(NamedTuple):
    """A whole number of a mapping: AWS's name and bounds."""

    field: str
    low: int
    high: int


_WHOLE: Mapping[str, _Whole] = {
    "parallelization_factor": _Whole("ParallelizationFactor", 1, 10),
    "batch_size": _Whole("BatchSize", 1, 10_000),
    "batching_window_seconds": _Whole("MaximumBatchingWindowInSeconds", 0, 300),
    "maximum_retry_attempts": _Whole("MaximumRetryAttempts", -1, 10_000),
    "maximum_record_age_seconds": _Whole("MaximumRecordAgeInSeconds", -1, 604_800),
}
_SHORTEST_AGE_SECONDS = 60


class MappingHand:
    """One mapping; all of its settings are set by one UpdateEventSourceMapping."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def read(self, name: str) -> Values:
        """An answer that lacks the mapping's own id would read as all of AWS's defaults."""
        return self._seen(name, _settings)

    def write(self, name: str, values: Values) -> None:
        fields = dict(_mapping_field(setting, value) for setting, value in values.items())
        with aws_errors("lambda"):
            self._clients.lambda_writer.update_event_source_mapping(UUID=name, **fields)

    def settled(self, name: str) -> bool:
        return self._seen(name, lambda answer: answer["State"] in {"Enabled", "Disabled"})

    def _seen(self, name: str, read: Callable[[Answer], _Seen]) -> _Seen:
        with aws_errors("lambda"):
            return read(self._clients.lambda_.get_event_source_mapping(UUID=name))


def _settings(answer: Answer) -> Values:
    settings = reading.mapping(answer).model_dump()
    return {name: settings[name] for name in reading.mapping_settings(answer)}


def _mapping_field(setting: str, value: Value) -> tuple[str, Any]:
    """A setting as UpdateEventSourceMapping wants it; an empty destination removes it."""
    if setting == "bisect_on_error":
        return "BisectBatchOnFunctionError", bool(value)
    if setting == "on_failure_destination":
        return "DestinationConfig", {"OnFailure": {"Destination": value or ""}}
    if setting not in _WHOLE:
        raise refusal(f"{setting} is not a setting of an event source mapping")
    field, low, high = _WHOLE[setting]
    whole = number(setting, value, low, high)
    if setting == "maximum_record_age_seconds" and 0 <= whole < _SHORTEST_AGE_SECONDS:
        raise refusal(f"{setting}: AWS takes -1, or {_SHORTEST_AGE_SECONDS} and more")
    return field, whole


# --- function ----------------------------------------------------------------------------------


class FunctionHand:
    """A function's reserved concurrency; ``None`` removes the reservation."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def read(self, name: str) -> Values:
        with aws_errors("lambda"):
            answer = self._clients.lambda_.get_function_concurrency(FunctionName=name)
            return {"reserved_concurrency": reading.reservation(answer)}

    def write(self, name: str, values: Values) -> None:
        _, value = only(values, "reserved_concurrency")
        with aws_errors("lambda"):
            if value is None:
                self._clients.lambda_writer.delete_function_concurrency(FunctionName=name)
                return
            self._clients.lambda_writer.put_function_concurrency(
                FunctionName=name,
                ReservedConcurrentExecutions=number("reserved_concurrency", value, 0, 10**6),
            )

    def settled(self, name: str) -> bool:
        """A reservation holds at once; an update of the function itself may be under way."""
        with aws_errors("lambda"):
            answer = self._clients.lambda_.get_function(FunctionName=name)
            return answer["Configuration"].get("LastUpdateStatus") != "InProgress"


def hands(clients: Clients) -> Mapping[ResourceKind, Hand]:
    """The hand for each kind of resource."""
    return {
        ResourceKind.EVENT_SOURCE_MAPPING: MappingHand(clients),
        ResourceKind.FUNCTION: FunctionHand(clients),
        ResourceKind.STREAM: StreamHand(clients),
        ResourceKind.HASH_RANGE: RangeHand(clients),
    }
