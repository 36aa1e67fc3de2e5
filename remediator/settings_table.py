"""What a setting is: one row for each that may be changed. Whoever asks about one reads its row.

A change names its setting; ``of`` finds the row. A new lever is a row here (and a file in
``decide/remedies``): the actuator, the guardrails, budgets, undoing and saved evidence follow it.
"""

from collections.abc import Mapping
from functools import partial

from remediator.model import OLD_DEFAULT_RETRIES, Change, Evidence, ResourceKind, Value
from remediator.policy import Limits
from remediator.setting import Api, Setting, TemplateNames

_MAPPING = Api("get_event_source_mapping", "update_event_source_mapping", "UUID", proof="UUID")
_RESERVATION = Api(
    "get_function_concurrency",
    "put_function_concurrency",
    "FunctionName",
    delete="delete_function_concurrency",
)
_CONFIGURATION = Api(
    "get_function_configuration",
    "update_function_configuration",
    "FunctionName",
    proof="FunctionArn",
)


def _retries(limits: Limits, evidence: Evidence) -> int:
    """The halvings that isolate one record of a full batch come on top."""
    return limits.retry_attempts + (evidence.mapping.halvings if evidence.mapping else 0)


def _is_set(_: Value, after: Value) -> bool:
    return after != -1


def _is_lower(before: Value, after: Value) -> bool:
    return isinstance(before, int) and isinstance(after, int) and after < before


def _lanes_of_a_shard(evidence: Evidence) -> int | None:
    own = evidence.mapping.parallelization_factor if evidence.mapping else 1
    return evidence.lanes_of_a_shard or own


_SECONDS = "Duration.seconds({})"
_of_mapping = partial(Setting, kind=ResourceKind.EVENT_SOURCE_MAPPING, api=_MAPPING)

PARALLELIZATION_FACTOR = _of_mapping(
    "parallelization_factor",
    field="ParallelizationFactor",
    templates=TemplateNames("parallelization_factor", "parallelizationFactor"),
    bounds=(1, 10),
    default=1,
    limit=lambda limits, _: limits.parallelization_factor,
    concurrency=lambda evidence: evidence.open_shards or 1,
    draws_on_reservation=True,
    fine=True,
)
BATCH_SIZE = _of_mapping(
    "batch_size",
    field="BatchSize",
    templates=TemplateNames("batch_size", "batchSize"),
    bounds=(1, 10_000),
    default=100,
    limit=lambda limits, _: limits.batch_size,
    throughput=True,
)
BATCHING_WINDOW = _of_mapping(
    "batching_window_seconds",
    field="MaximumBatchingWindowInSeconds",
    templates=TemplateNames("maximum_batching_window_in_seconds", "maxBatchingWindow", _SECONDS),
    bounds=(0, 300),
    default=0,
)
BISECT = _of_mapping(
    "bisect_on_error",
    field="BisectBatchOnFunctionError",
    templates=TemplateNames("bisect_batch_on_function_error", "bisectBatchOnError"),
    default=False,
)
DESTINATION = _of_mapping(
    "on_failure_destination",
    field="DestinationConfig.OnFailure.Destination",
    templates=TemplateNames("destination_config", "onFailure"),
    keeps_records=True,
)
RETRIES = _of_mapping(
    "maximum_retry_attempts",
    field="MaximumRetryAttempts",
    templates=TemplateNames("maximum_retry_attempts", "retryAttempts"),
    bounds=(0, 10_000),
    default=-1,
    limit=_retries,
    never=(-1, OLD_DEFAULT_RETRIES),
    lossy=_is_set,
    captured_by=DESTINATION,
)
RECORD_AGE = _of_mapping(
    "maximum_record_age_seconds",
    field="MaximumRecordAgeInSeconds",
    templates=TemplateNames("maximum_record_age_in_seconds", "maxRecordAge", _SECONDS),
    bounds=(60, 604_800),
    default=-1,
    never=(-1, 604_800),
    lossy=_is_set,
    keeps_records=True,
)
RESERVED_CONCURRENCY = Setting(
    "reserved_concurrency",
    ResourceKind.FUNCTION,
    "ReservedConcurrentExecutions",
    templates=TemplateNames("reserved_concurrent_executions", "reservedConcurrentExecutions"),
    bounds=(0, 10**6),
    api=_RESERVATION,
    limit=lambda limits, _: limits.reserved_concurrency,
    concurrency=lambda _: 1,
)
MEMORY = Setting(
    "memory_mb",
    ResourceKind.FUNCTION,
    "MemorySize",
    templates=TemplateNames("memory_size", "memorySize"),
    bounds=(128, 10_240),
    default=128,
    api=_CONFIGURATION,
    limit=lambda limits, _: limits.memory_mb,
    throughput=True,
)
RETENTION = Setting(
    "retention_hours",
    ResourceKind.STREAM,
    "RetentionPeriodHours",
    templates=TemplateNames("retention_period", "retentionPeriod", "Duration.hours({})"),
    bounds=(24, 8760),
    default=24,
    limit=lambda limits, _: limits.retention_hours,
    lossy=_is_lower,
    keeps_records=True,
)
SHARDS = Setting("shards", ResourceKind.HASH_RANGE, concurrency=_lanes_of_a_shard)
READS_BY = Setting("reads_by", ResourceKind.READER)
RELEASED_MEMORY = Setting(
    "released_memory_mb",
    ResourceKind.ALIAS,
    limit=lambda limits, _: limits.memory_mb,
    throughput=True,
)

SETTINGS: Mapping[str, Setting] = {
    row.name: row
    for row in (
        PARALLELIZATION_FACTOR,
        BATCH_SIZE,
        BATCHING_WINDOW,
        BISECT,
        RETRIES,
        RECORD_AGE,
        DESTINATION,
        RESERVED_CONCURRENCY,
        MEMORY,
        RETENTION,
        SHARDS,
        READS_BY,
        RELEASED_MEMORY,
    )
}
# By what records are given up, and what captures them.
CAPTURED = tuple((row, row.captured_by) for row in SETTINGS.values() if row.captured_by)


def of(change: Change) -> Setting:
    """The row of a change's setting. What only another version of us knows has one of its own,
    that says nothing."""
    unknown = Setting(change.setting, change.resource.kind)
    return SETTINGS.get(change.setting, unknown)


def gives_up(change: Change) -> bool:
    """Whether records are given up by it for as long as it stands: it must not be left behind."""
    return of(change).lossy(change.before, change.after)


def lowers(change: Change) -> bool:
    """Whether the setting becomes a smaller number."""
    return _is_lower(change.before, change.after)


def raises(change: Change) -> bool:
    """Whether it may bring more invocations at once."""
    return of(change).concurrency is not None


def concurrency(change: Change, evidence: Evidence) -> int:
    """How much of the account's pool a change may come to use; negative where it gives back."""
    row = of(change)
    before, after = (0 if value is None else value for value in (change.before, change.after))
    if row.concurrency is None or not isinstance(before, int) or not isinstance(after, int):
        return 0
    function = evidence.function
    if row.draws_on_reservation and function and function.reserved_concurrency is not None:
        return 0
    return (after - before) * (row.concurrency(evidence) or 0)
