"""Reading one mapping: everything at once, within nine calls, and never a crash."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from remediator.aws.sensor import MOST_CALLS, AwsSensor
from remediator.errors import PermanentError, TemporaryError
from remediator.metrics import Metric
from remediator.model import Evidence, Gap, Target
from tests.aws.aws_world import NOW, World, kinesis_target

WITHOUT_ANSWER = EndpointConnectionError(endpoint_url="https://lambda.example")


@pytest.fixture
def target(aws: World) -> Target:
    """A stream of two shards, a function with a tag, and a mapping between them."""
    stream = aws.stream(shards=2)
    aws.function(MemorySize=256, Timeout=30, Tags={"team": "orders"})
    aws.consumers_counted(0)
    return kinesis_target(aws.mapping(stream, BatchSize=10, ParallelizationFactor=2))


def read(aws: World, target: Target, now: datetime = NOW) -> Evidence:
    return AwsSensor(aws.clients).read(target, now, 3600)


# --- the whole ---------------------------------------------------------------------------------


def test_all_parts_are_read_without_a_gap(aws: World, target: Target) -> None:
    evidence = read(aws, target)
    assert evidence.gaps == ()
    assert (evidence.gathered_at, evidence.window_seconds) == (NOW, 3600)
    assert evidence.mapping is not None
    assert (evidence.mapping.parallelization_factor, evidence.mapping.batch_size) == (2, 10)
    assert evidence.function is not None
    assert (evidence.function.memory_mb, evidence.function.timeout_seconds) == (256, 30)
    assert evidence.function.tags == {"team": "orders"}
    assert evidence.account is not None
    assert evidence.account.unreserved_concurrency == 900
    assert evidence.stream is not None
    assert (evidence.stream.status, evidence.stream.retention_hours) == ("ACTIVE", 24)
    assert evidence.shards is not None
    assert [shard.first_hash_key for shard in evidence.shards] == [0, 2**127]
    assert (evidence.readers, evidence.sibling_mappings) == ((), 0)


@pytest.mark.parametrize("consumers", [None, 0, 3])
def test_a_kinesis_reading_makes_nine_calls_at_most_and_all_of_them_read(
    aws: World, target: Target, consumers: int | None
) -> None:
    aws.consumers_counted(consumers)
    read(aws, target)
    assert len(aws.calls) <= MOST_CALLS == 9
    assert all(call.operation.startswith(("Get", "List", "Describe")) for call in aws.calls)


@pytest.mark.parametrize("pages", [1, 2, 3, 9])
def test_a_dynamodb_reading_makes_nine_calls_at_most_however_long_the_stream(
    aws: World, pages: int
) -> None:
    aim = aws.table_pipeline(pages)
    evidence = read(aws, aim)
    assert len(aws.calls) <= MOST_CALLS
    assert (evidence.shards is None) == (pages > 3)
    assert evidence.stream is not None
    assert (evidence.stream.retention_hours, evidence.stream.status) == (24, "ENABLED")


def test_metrics_of_many_pages_stay_within_nine_calls(aws: World, target: Target) -> None:
    aws.answer("cloudwatch:GetMetricData", {"MetricDataResults": [], "NextToken": "more"})
    evidence = read(aws, target)
    assert len(aws.calls) == MOST_CALLS
    assert [gap.reading for gap in evidence.gaps] == ["metrics", "sibling_mappings"]


def test_a_function_named_by_alias_is_read_as_that_alias(aws: World, target: Target) -> None:
    aws.answer("lambda:GetFunction", {"Configuration": {"MemorySize": 512}})
    aliased = target.model_copy(update={"qualifier": "live"})
    evidence = read(aws, aliased)
    assert aws.params_of("lambda:GetFunction") == {"FunctionName": "consumer", "Qualifier": "live"}
    assert aws.params_of("lambda:GetFunctionConcurrency") == {"FunctionName": "consumer"}
    assert evidence.function is not None
    assert evidence.function.memory_mb == 512


# --- gaps --------------------------------------------------------------------------------------

PARTS: dict[str, tuple[str, Callable[[Evidence], object]]] = {
    "lambda:GetFunction": ("function", lambda e: e.function and e.function.memory_mb),
    "lambda:GetFunctionConcurrency": ("reserved_concurrency", lambda e: None),
    "lambda:GetAccountSettings": ("account", lambda e: e.account),
    "lambda:ListEventSourceMappings": ("readers", lambda e: e.readers),
    "kinesis:DescribeStreamSummary": ("stream", lambda e: e.stream),
    "kinesis:ListShards": ("shards", lambda e: e.shards),
    "cloudwatch:GetMetricData": ("metrics", lambda e: e.metrics or None),
}


@pytest.mark.parametrize("call", PARTS)
def test_a_denied_part_is_a_gap_that_names_the_missing_action(
    aws: World, target: Target, call: str
) -> None:
    reading, seen = PARTS[call]
    aws.deny(call)
    evidence = read(aws, target)
    assert Gap(reading=reading, reason="denied", permission=call) in evidence.gaps
    assert seen(evidence) is None
    assert evidence.mapping is not None


@pytest.mark.parametrize("call", PARTS)
@pytest.mark.parametrize(
    "error",
    [WITHOUT_ANSWER, ReadTimeoutError(endpoint_url="https://lambda.example")],
    ids=["unreachable", "timeout"],
)
def test_a_part_that_does_not_answer_is_a_gap(
    aws: World, target: Target, call: str, error: Exception
) -> None:
    reading, seen = PARTS[call]
    aws.break_off(call, error)
    evidence = read(aws, target)
    assert reading in [gap.reading for gap in evidence.gaps]
    assert seen(evidence) is None


def test_nothing_but_the_mapping_leaves_only_gaps(aws: World, target: Target) -> None:
    for call in PARTS:
        aws.refuse(call, "SomethingNew", "never heard of", 400)
    evidence = read(aws, target)
    assert {gap.reading for gap in evidence.gaps} >= {reading for reading, _ in PARTS.values()}
    assert (evidence.function, evidence.metrics) == (None, {})


def test_a_function_that_is_gone_is_told_from_one_that_cannot_be_seen(
    aws: World, target: Target
) -> None:
    for call in ("lambda:GetFunction", "lambda:GetFunctionConcurrency"):
        aws.refuse(call, "ResourceNotFoundException", "Function not found", 404)
    evidence = read(aws, target)
    assert evidence.function is None
    assert Gap(reading="function", reason="is gone") in evidence.gaps


def test_tags_that_are_withheld_are_a_gap(aws: World, target: Target) -> None:
    error = {"ErrorCode": "AccessDeniedException", "Message": "no"}
    aws.answer("lambda:GetFunction", {"Configuration": {}, "TagsError": error})
    assert (
        Gap(reading="tags", reason="denied", permission="lambda:ListTags") in read(aws, target).gaps
    )


def test_a_mapping_that_may_not_be_read_is_the_end(aws: World, target: Target) -> None:
    aws.deny("lambda:GetEventSourceMapping")
    with pytest.raises(PermanentError) as caught:
        read(aws, target)
    assert caught.value.permission == "lambda:GetEventSourceMapping"


def test_a_mapping_that_was_deleted_is_the_end(aws: World, target: Target) -> None:
    gone = target.model_copy(
        update={"event_source_mapping": "0" * 8 + target.event_source_mapping[8:]}
    )
    with pytest.raises(PermanentError) as caught:
        read(aws, gone)
    assert caught.value.code == "ResourceNotFoundException"


@pytest.mark.parametrize("code", ["TooManyRequestsException", "ServiceException"])
def test_a_mapping_that_cannot_be_read_now_may_be_read_later(
    aws: World, target: Target, code: str
) -> None:
    aws.refuse("lambda:GetEventSourceMapping", code, "slow down", 429)
    with pytest.raises(TemporaryError, match=code):
        read(aws, target)


# --- concurrency and readers -------------------------------------------------------------------


@pytest.mark.parametrize("reserved", [0, 7])
def test_a_reservation_of_zero_is_not_taken_for_none(
    aws: World, target: Target, reserved: int
) -> None:
    aws.answer("lambda:GetFunctionConcurrency", {"ReservedConcurrentExecutions": reserved})
    evidence = read(aws, target)
    assert evidence.function is not None
    assert evidence.function.reserved_concurrency == reserved


def test_the_other_readers_are_mappings_and_registered_consumers(
    aws: World, target: Target
) -> None:
    aws.function("second")
    aws.mapping(target.source_arn, "second")
    aws.function("third")
    aws.mapping(target.source_arn, "third", Enabled=False)
    aws.consumer(target.source_arn, "fanout")
    aws.consumers_counted(1)
    readers = read(aws, target).readers
    assert readers is not None
    seen = {(one.name, one.shared_throughput, one.enabled) for one in readers}
    assert seen == {("second", True, True), ("third", True, False), ("fanout", False, True)}


def test_our_own_consumer_is_no_other_reader(aws: World, target: Target) -> None:
    arn = aws.consumer(target.source_arn, "ours")
    aws.consumers_counted(1)
    assert read(aws, target.model_copy(update={"consumer_arn": arn})).readers == ()


def test_the_function_s_other_running_stream_mappings_are_counted(
    aws: World, target: Target
) -> None:
    aws.mapping(aws.stream("payments"))
    aws.mapping(aws.stream("returns"), Enabled=False)
    assert read(aws, target).sibling_mappings == 1


# --- metrics -----------------------------------------------------------------------------------

FUNCTION = {"FunctionName": "consumer"}
ALIAS = {"FunctionName": "consumer", "Resource": "consumer:live"}


def test_series_come_oldest_first_with_aware_times(aws: World, target: Target) -> None:
    aws.metric("AWS/Lambda", "IteratorAge", FUNCTION, 1000, 61_000)
    points = read(aws, target).metrics[Metric.ITERATOR_AGE_MS].points
    newest = datetime(2026, 11, 23, 11, 59, tzinfo=UTC)
    assert points == ((newest - timedelta(minutes=1), 1000.0), (newest, 61_000.0))


def test_the_running_minute_is_left_out(aws: World, target: Target) -> None:
    read(aws, target)
    asked = aws.params_of("cloudwatch:GetMetricData")
    assert asked["EndTime"] == datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    assert asked["StartTime"] == datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
    assert asked["ScanBy"] == "TimestampAscending"


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        pytest.param({"alias": 5, "function": 9}, 5, id="the alias's own where it has datapoints"),
        pytest.param({"function": 9}, 9, id="else the function's"),
    ],
)
def test_an_alias_is_measured_by_itself(
    aws: World, target: Target, published: dict[str, float], expected: float
) -> None:
    for where, value in published.items():
        aws.metric("AWS/Lambda", "Errors", ALIAS if where == "alias" else FUNCTION, value)
    aliased = target.model_copy(update={"qualifier": "live"})
    assert read(aws, aliased).metrics[Metric.ERRORS].values == (expected,)


def test_what_is_no_number_is_dropped(aws: World, target: Target) -> None:
    aws.metric("AWS/Lambda", "Duration", FUNCTION, float("nan"), 3.0, float("inf"))
    assert read(aws, target).metrics[Metric.DURATION_MS].values == (3.0,)


def test_shards_are_measured_where_the_stream_publishes_them(aws: World, target: Target) -> None:
    shard = {"StreamName": "orders", "ShardId": "shardId-000000000001"}
    aws.metric("AWS/Kinesis", "IncomingBytes", shard, 9)
    assert read(aws, target).shard_metrics == {}
    aws.shard_metrics_on(target.source_arn, "IncomingBytes")
    seen = read(aws, target).shard_metrics
    assert seen["shardId-000000000001"][Metric.SHARD_INCOMING_BYTES].values == (9.0,)


def test_a_consumer_s_lag_is_asked_for_by_its_name(aws: World, target: Target) -> None:
    arn = aws.consumer(target.source_arn, "fanout")
    dimensions = {"StreamName": "orders", "ConsumerName": "fanout"}
    aws.metric("AWS/Kinesis", "SubscribeToShardEvent.MillisBehindLatest", dimensions, 7)
    evidence = read(aws, target.model_copy(update={"consumer_arn": arn}))
    assert evidence.metrics[Metric.CONSUMER_BEHIND_MS].values == (7.0,)


def test_a_table_s_stream_is_measured_by_its_label(aws: World) -> None:
    aim = aws.table_pipeline(1)
    label = aim.source_arn.rpartition("/")[2]
    dimensions = {"TableName": "orders", "StreamLabel": label, "Operation": "GetRecords"}
    aws.metric("AWS/DynamoDB", "ReturnedRecordsCount", dimensions, 12)
    assert read(aws, aim).metrics[Metric.READ_RECORDS].values == (12.0,)
