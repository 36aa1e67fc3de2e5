"""AWS's answers as records: defaults where AWS is silent, no crash where it says something new."""

from datetime import UTC, datetime
from typing import Any

import pytest

from remediator.aws import reading
from remediator.model import SourceKind
from tests.aws.aws_world import ACCOUNT, REGION

LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:consumer"
STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders/stream/2026-11-23T00:00:00.000"


# --- mappings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "field", "expected"),
    [
        ({}, "parallelization_factor", 1),
        ({}, "maximum_retry_attempts", -1),
        ({"MaximumRetryAttempts": 0}, "maximum_retry_attempts", 0),
        ({"MaximumRecordAgeInSeconds": None}, "maximum_record_age_seconds", -1),
        ({"DestinationConfig": {"OnFailure": {}}}, "on_failure_destination", None),
        ({"DestinationConfig": None}, "on_failure_destination", None),
        ({"DestinationConfig": {"OnFailure": {"Destination": "q"}}}, "on_failure_destination", "q"),
        ({"FunctionResponseTypes": ["ReportBatchItemFailures"]}, "reports_partial_batches", True),
        ({"FunctionResponseTypes": None}, "reports_partial_batches", False),
        ({"MetricsConfig": {"Metrics": ["EventCount"]}}, "counts_events", True),
        ({"MetricsConfig": {}}, "counts_events", False),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "filters_events", True),
        ({"FilterCriteria": {}}, "filters_events", False),
        ({"FilterCriteriaError": {"ErrorCode": "Kms"}}, "filters_events", True),
        ({"TumblingWindowInSeconds": 30}, "tumbling_window_seconds", 30),
        ({"State": "Dreaming"}, "state", "Dreaming"),
        ({"LastModified": datetime(2026, 1, 1)}, "last_modified", datetime(2026, 1, 1, tzinfo=UTC)),  # noqa: DTZ001
    ],
)
def test_a_mapping_s_field(answer: dict[str, Any], field: str, expected: object) -> None:
    assert getattr(reading.mapping({"UUID": "u", **answer}), field) == expected


@pytest.mark.parametrize(
    ("function", "qualifier"),
    [
        (LAMBDA, None),
        (f"{LAMBDA}:live", "live"),
        (f"{LAMBDA}:7", "7"),
        (f"{LAMBDA}:$LATEST", "$LATEST"),
    ],
)
@pytest.mark.parametrize(
    ("source", "kind", "stream", "consumer"),
    [
        (STREAM, SourceKind.KINESIS, STREAM, None),
        (f"{STREAM}/consumer/fast:1540591608", SourceKind.KINESIS, STREAM, True),
        (TABLE, SourceKind.DYNAMODB, TABLE, None),
    ],
    ids=["stream", "consumer", "table"],
)
def test_what_a_mapping_joins(
    function: str,
    qualifier: str | None,
    source: str,
    kind: SourceKind,
    stream: str,
    consumer: bool | None,
) -> None:
    found = reading.target({"UUID": "u", "FunctionArn": function, "EventSourceArn": source})
    assert found is not None
    assert (found.function, found.function_arn, found.qualifier) == (
        "consumer",
        function,
        qualifier,
    )
    assert (found.kind, found.source_arn, found.stream) == (kind, stream, "orders")
    assert found.consumer_arn == (source if consumer else None)


@pytest.mark.parametrize(
    "source",
    [
        f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs",
        f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/c/1",
        f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders/../../x",
        None,
    ],
)
def test_other_sources_are_no_target(source: str | None) -> None:
    answer = {"UUID": "u", "FunctionArn": LAMBDA, "EventSourceArn": source}
    assert reading.target(answer) is None


@pytest.mark.parametrize(
    ("state", "running"),
    [
        ("Enabled", True),
        ("Updating", True),
        ("Enabling", True),
        ("Disabled", False),
        ("Disabling", False),
        ("Deleting", False),
    ],
)
def test_whether_a_mapping_polls(state: str, running: bool) -> None:
    assert reading.is_running({"State": state}) is running


# --- functions, account, streams ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "field", "expected"),
    [
        ({}, "memory_mb", None),
        ({}, "reserved_concurrency", None),
        ({"Concurrency": {"ReservedConcurrentExecutions": 0}}, "reserved_concurrency", 0),
        (
            {"Configuration": {"CapacityProviderConfig": {"x": 1}}},
            "runs_on_managed_instances",
            True,
        ),
        ({"Tags": None}, "tags", {}),
        (
            {"Configuration": {"LastModified": "2026-11-23T10:00:00.000+0000"}},
            "last_modified",
            datetime(2026, 11, 23, 10, tzinfo=UTC),
        ),
        ({"Configuration": {"LastModified": "last Monday"}}, "last_modified", None),
    ],
)
def test_a_function_s_field(answer: dict[str, Any], field: str, expected: object) -> None:
    assert getattr(reading.function("consumer", answer), field) == expected


@pytest.mark.parametrize("limit", [None, {}, {"CodeSizeZipped": 1}, {"ConcurrentExecutions": 9}])
def test_limits_that_are_not_told_are_unknown_and_not_zero(limit: dict[str, Any] | None) -> None:
    assert reading.account({"AccountLimit": limit}) is None


@pytest.mark.parametrize(
    ("summary", "field", "expected"),
    [
        ({}, "on_demand", False),
        ({"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}, "on_demand", True),
        ({"StreamModeDetails": {"StreamMode": "SOMETHING_NEW"}}, "on_demand", False),
        ({"RetentionPeriodHours": 168}, "retention_hours", 168),
        ({}, "registered_consumers", None),
        ({"ConsumerCount": 0}, "registered_consumers", 0),
        ({"EnhancedMonitoring": [{"ShardLevelMetrics": ["A", "B"]}]}, "shard_metrics", ("A", "B")),
        ({"EnhancedMonitoring": [{}]}, "shard_metrics", ()),
    ],
)
def test_a_stream_s_field(summary: dict[str, Any], field: str, expected: object) -> None:
    named = {"StreamName": "orders", "StreamARN": STREAM, **summary}
    found = reading.kinesis_stream({"StreamDescriptionSummary": named})
    assert getattr(found, field) == expected


def test_a_shard_is_closed_once_it_has_an_end() -> None:
    ends = {"StartingHashKey": "0", "EndingHashKey": str(2**128 - 1)}
    first = {
        "ShardId": "a",
        "HashKeyRange": ends,
        "SequenceNumberRange": {"EndingSequenceNumber": "9"},
    }
    second = {"ShardId": "b", "HashKeyRange": ends, "ParentShardId": "a"}
    shards = reading.kinesis_shards([{"Shards": [first]}, {"Shards": [second]}])
    assert [(one.shard_id, one.is_open, one.parent) for one in shards] == [
        ("a", False, None),
        ("b", True, "a"),
    ]
