"""AWS's answers → the model's records. Pure: no call is made here.

Absent fields take AWS's documented defaults; words that a newer AWS may say (states, modes) are
kept as they come.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from remediator.aws.failures import whole
from remediator.errors import InputError
from remediator.events import names
from remediator.model import (
    STOPPED_STATES,
    AccountState,
    FunctionState,
    MappingState,
    ResourceKind,
    Shard,
    SourceKind,
    StreamState,
    Target,
    Watched,
)
from remediator.setting import Setting
from remediator.settings_table import SETTINGS

Answer = Mapping[str, Any]


def utc(moment: datetime) -> datetime:
    """The same moment in UTC; what comes without a zone is UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def target(answer: Answer) -> Target | None:
    """What a mapping joins; ``None`` unless it reads a Kinesis or a DynamoDB stream."""
    text = answer.get("EventSourceArn") or ""
    source = names.stream_arn(text)
    watched = function_of(answer)
    if source is None or watched is None:
        return None
    return Target(
        function=watched.function or "",
        function_arn=answer["FunctionArn"],
        qualifier=watched.qualifier,
        event_source_mapping=answer["UUID"],
        source_arn=source.arn,
        consumer_arn=text if source.consumer else None,
        kind=source.kind,
        stream=source.name,
    )


def is_running(answer: Answer) -> bool:
    """Whether a mapping polls, or is about to."""
    return answer.get("State") not in STOPPED_STATES


def mapping(answer: Answer) -> MappingState:
    """A mapping's settings (AWS: EventSourceMappingConfiguration)."""
    return MappingState(
        uuid=answer["UUID"],
        function_arn=answer.get("FunctionArn", ""),
        source_arn=answer.get("EventSourceArn", ""),
        state=answer.get("State", ""),
        last_modified=utc(answer["LastModified"]) if answer.get("LastModified") else None,
        last_processing_result=answer.get("LastProcessingResult"),
        state_transition_reason=answer.get("StateTransitionReason"),
        starting_position=answer.get("StartingPosition"),
        tumbling_window_seconds=given_or(answer.get("TumblingWindowInSeconds"), 0),
        reports_partial_batches="ReportBatchItemFailures"
        in (answer.get("FunctionResponseTypes") or ()),
        counts_events="EventCount" in ((answer.get("MetricsConfig") or {}).get("Metrics") or ()),
        filters_events=bool((answer.get("FilterCriteria") or {}).get("Filters"))
        or bool(answer.get("FilterCriteriaError")),
        not_to_copy=not_to_copy(answer),
        **mapping_settings(answer),
    )


def copied(answer: Answer) -> dict[str, Any]:
    """What another mapping is created with to be like this one; what is empty is left out."""
    found = {name: answer.get(name) for name in _COPIED}
    destination = (answer.get("DestinationConfig") or {}).get("OnFailure") or {}
    found["DestinationConfig"] = {"OnFailure": destination} if destination else None
    metrics = answer.get("MetricsConfig") or {}
    found["MetricsConfig"] = metrics if metrics.get("Metrics") else None
    filters = answer.get("FilterCriteria") or {}
    found["FilterCriteria"] = filters if filters.get("Filters") else None
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def not_to_copy(answer: Answer) -> tuple[str, ...]:
    """What is set beside that: of another kind of source, unreadable, or newer than we are."""
    return tuple(
        sorted(
            name
            for name, value in answer.items()
            if name not in _COPIED and name not in _ITS_OWN and value not in (None, "", [], {}, 0)
        )
    )


_COPIED = (
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "FilterCriteria",
    "FunctionResponseTypes",
    "KMSKeyArn",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "MetricsConfig",
    "ParallelizationFactor",
)
# Of a mapping itself. A tumbling window is not copied: its state would be lost.
_ITS_OWN = frozenset(
    {
        "EventSourceArn",
        "EventSourceMappingArn",
        "FunctionArn",
        "LastModified",
        "LastProcessingResult",
        "ResponseMetadata",
        "StartingPosition",
        "StartingPositionTimestamp",
        "State",
        "StateTransitionReason",
        "UUID",
    }
)


def mapping_settings(answer: Answer) -> dict[str, Any]:
    """The settings of a mapping that can be changed, by our names."""
    rows = (row for row in SETTINGS.values() if row.kind is ResourceKind.EVENT_SOURCE_MAPPING)
    return {row.name: setting(row, answer) for row in rows}


def setting(row: Setting, answer: Answer) -> Any:
    """What AWS shows of a setting; what is empty or absent is what AWS means by that."""
    value: Any = answer
    for part in row.field.split("."):
        value = (value or {}).get(part)
    return row.default if value in {None, ""} else value


def given_or(value: int | None, default: int) -> int:
    """What AWS says; its default where it says nothing."""
    return default if value is None else value


def function(name: str, answer: Answer) -> FunctionState:
    """A function's (or a version's) configuration (AWS: GetFunction)."""
    configuration = answer.get("Configuration") or {}
    return FunctionState(
        name=name,
        memory_mb=configuration.get("MemorySize"),
        timeout_seconds=configuration.get("Timeout"),
        last_modified=_moment(configuration.get("LastModified")),
        state=configuration.get("State"),
        last_update_status=configuration.get("LastUpdateStatus"),
        reserved_concurrency=(answer.get("Concurrency") or {}).get("ReservedConcurrentExecutions"),
        runs_on_managed_instances=bool(configuration.get("CapacityProviderConfig")),
        durable=bool(configuration.get("DurableConfig")),
        state_reason_code=configuration.get("StateReasonCode"),
        last_update_reason_code=configuration.get("LastUpdateStatusReasonCode"),
        tags=answer.get("Tags") or {},
    )


def _moment(text: str | None) -> datetime | None:
    """Lambda writes ``2026-11-23T12:00:00.000+0000``; what it may write one day is no crash."""
    try:
        return utc(datetime.fromisoformat(text)) if text else None
    except ValueError:
        return None


def reservation(answer: Answer) -> int | None:
    """A function's reserved concurrency, ``None`` where it has none (GetFunctionConcurrency)."""
    reserved: int | None = whole(answer).get("ReservedConcurrentExecutions")
    return reserved


def account(answer: Answer) -> AccountState | None:
    """The account's limits (AWS: GetAccountSettings)."""
    limit = answer.get("AccountLimit") or {}
    if "ConcurrentExecutions" not in limit or "UnreservedConcurrentExecutions" not in limit:
        return None
    return AccountState(
        concurrency_limit=limit["ConcurrentExecutions"],
        unreserved_concurrency=limit["UnreservedConcurrentExecutions"],
    )


def kinesis_stream(answer: Answer) -> StreamState:
    """A Kinesis stream's summary (AWS: DescribeStreamSummary)."""
    summary = answer["StreamDescriptionSummary"]
    return StreamState(
        name=summary["StreamName"],
        arn=summary["StreamARN"],
        status=summary.get("StreamStatus", ""),
        retention_hours=given_or(summary.get("RetentionPeriodHours"), 24),
        open_shards=summary.get("OpenShardCount"),
        on_demand=(summary.get("StreamModeDetails") or {}).get("StreamMode") == "ON_DEMAND",
        registered_consumers=summary.get("ConsumerCount"),
        shard_metrics=tuple(
            name
            for part in summary.get("EnhancedMonitoring") or ()
            for name in part.get("ShardLevelMetrics") or ()
        ),
        record_distribution=summary.get("RecordDistributionStrategy"),
        max_record_kib=summary.get("MaxRecordSizeInKiB"),
        queue_count=summary.get("QueueCount"),
    )


def kinesis_shards(answers: Iterable[Answer]) -> tuple[Shard, ...]:
    """Kinesis shards, open and closed (AWS: ListShards)."""
    return tuple(
        Shard(
            shard_id=shard["ShardId"],
            first_hash_key=int(shard["HashKeyRange"]["StartingHashKey"]),
            last_hash_key=int(shard["HashKeyRange"]["EndingHashKey"]),
            is_open=_is_open(shard),
            parent=shard.get("ParentShardId"),
        )
        for answer in answers
        for shard in answer["Shards"]
    )


def _is_open(shard: Answer) -> bool:
    return not (shard.get("SequenceNumberRange") or {}).get("EndingSequenceNumber")


def table_shards(answers: Iterable[Answer]) -> tuple[Shard, ...]:
    """A DynamoDB stream's shards, which have no range of hash keys to show."""
    return tuple(
        Shard(
            shard_id=shard["ShardId"],
            is_open=_is_open(shard),
            parent=shard.get("ParentShardId"),
        )
        for answer in answers
        for shard in answer["StreamDescription"]["Shards"]
    )


def replicas(answer: Answer) -> int:
    """Replicas of a global table in other Regions (AWS: DescribeTable)."""
    return len(answer["Table"].get("Replicas") or ())


def table_stream(
    target: Target, answer: Answer, shards: tuple[Shard, ...] | None, copies: int | None
) -> StreamState:
    """A DynamoDB stream: always 24 hours, and it scales by itself (AWS: DescribeStream)."""
    description = answer["StreamDescription"]
    return StreamState(
        name=target.stream,
        arn=target.source_arn,
        status=description.get("StreamStatus", ""),
        open_shards=sum(shard.is_open for shard in shards) if shards is not None else None,
        registered_consumers=0,
        replicas=copies,
    )


def function_of(mapping: Answer) -> Watched | None:
    """Whom a mapping feeds; ``None`` where it names nobody that we can read."""
    try:
        return names.function(mapping.get("FunctionArn")).watched
    except InputError:
        return None


def is_kinesis(target: Target) -> bool:
    """Whether the mapping reads a Kinesis stream, else it reads a DynamoDB stream."""
    return target.kind is SourceKind.KINESIS
