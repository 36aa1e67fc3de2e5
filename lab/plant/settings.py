"""The mapping's settings between AWS's names and ours, with AWS's limits."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lab.plant.errors import AwsError
from lab.plant.specs import MappingSettings

# AWS's name, ours, lowest and highest value.
LIMITS: tuple[tuple[str, str, int, int], ...] = (
    ("ParallelizationFactor", "parallelization_factor", 1, 10),
    ("BatchSize", "batch_size", 1, 10_000),
    ("MaximumBatchingWindowInSeconds", "batching_window_seconds", 0, 300),
    ("MaximumRetryAttempts", "maximum_retry_attempts", -1, 10_000),
    ("MaximumRecordAgeInSeconds", "maximum_record_age_seconds", -1, 604_800),
    ("TumblingWindowInSeconds", "tumbling_window_seconds", 0, 900),
)
SHORTEST_RECORD_AGE_SECONDS = 60

_OTHERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "BisectBatchOnFunctionError": lambda v: {"bisect_on_error": bool(v)},
    "DestinationConfig": lambda v: {"on_failure_destination": _destination(v)},
    "FunctionResponseTypes": lambda v: {
        "report_batch_item_failures": "ReportBatchItemFailures" in (v or [])
    },
    "FilterCriteria": lambda v: {
        "filter_patterns": tuple(f["Pattern"] for f in (v or {}).get("Filters", []))
    },
    "MetricsConfig": lambda v: {
        "event_count_metrics": "EventCount" in (v or {}).get("Metrics", [])
    },
}


def changed(settings: MappingSettings, changes: dict[str, Any]) -> MappingSettings:
    """Settings after a request in AWS's names; names that are no settings are left to the caller.

    Raises:
        AwsError: InvalidParameterValueException for a value outside AWS's limits.
    """
    fields: dict[str, Any] = {}
    for aws_name, field, low, high in LIMITS:
        if changes.get(aws_name) is not None:
            fields[field] = _checked(aws_name, changes[aws_name], low, high)
    for aws_name, read in _OTHERS.items():
        if aws_name in changes and changes[aws_name] is not None:
            fields |= read(changes[aws_name])
    return replace(settings, **fields)


def described(settings: MappingSettings) -> dict[str, Any]:
    """The settings as GetEventSourceMapping shows them; an unset destination is `{}`."""
    destination = settings.on_failure_destination
    shown: dict[str, Any] = {name: getattr(settings, field) for name, field, _, _ in LIMITS}
    shown["BisectBatchOnFunctionError"] = settings.bisect_on_error
    shown["DestinationConfig"] = {"OnFailure": {"Destination": destination} if destination else {}}
    shown["FunctionResponseTypes"] = (
        ["ReportBatchItemFailures"] if settings.report_batch_item_failures else []
    )
    if settings.filter_patterns:
        patterns = [{"Pattern": pattern} for pattern in settings.filter_patterns]
        shown["FilterCriteria"] = {"Filters": patterns}
    if settings.event_count_metrics:
        shown["MetricsConfig"] = {"Metrics": ["EventCount"]}
    return shown


def _checked(name: str, value: int, low: int, high: int) -> int:
    too_young = name == "MaximumRecordAgeInSeconds" and -1 < value < SHORTEST_RECORD_AGE_SECONDS
    if not low <= value <= high or too_young:
        message = f"Value {value} for {name} is out of range [{low}, {high}]"
        raise AwsError("InvalidParameterValueException", message)
    return value


def _destination(config: dict[str, Any] | None) -> str | None:
    return (config or {}).get("OnFailure", {}).get("Destination") or None
