"""Reading one mapping: everything at once, whatever safety needs, and never a crash."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from remediator.aws.sensor import AwsSensor
from remediator.errors import PermanentError, TemporaryError
from remediator.evidence.metrics import Metric
from remediator.model import Evidence, Gap, Reader, Target
from tests.aws.aws_world import ACCOUNT, NOW, REGION, Refused, World, kinesis_target

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
def test_a_reading_of_a_usual_account_makes_nine_calls_at_most_and_all_of_them_read(
    aws: World, target: Target, consumers: int | None
) -> None:
    aws.consumers_counted(consumers)
    evidence = read(aws, target)
    assert (len(aws.calls), evidence.sibling_mappings) == (8 if consumers == 0 else 9, 0)
    assert all(call.operation.startswith(("Get", "List", "Describe")) for call in aws.calls)


@pytest.mark.parametrize("pages", [1, 2, 3, 9])
def test_a_dynamodb_stream_is_read_to_its_last_page(aws: World, pages: int) -> None:
    evidence = read(aws, aws.table_pipeline(pages))
    assert evidence.shards is not None
    assert len(evidence.shards) == pages
    assert evidence.stream is not None
    assert (evidence.stream.retention_hours, evidence.stream.status) == (24, "ENABLED")


@pytest.mark.parametrize("copies", [0, 2])
def test_the_replicas_of_a_global_table_are_counted(aws: World, copies: int) -> None:
    aim = aws.table_pipeline(1)
    table = {"Replicas": [{"RegionName": f"eu-west-{n}"} for n in range(copies)]}
    aws.answer("dynamodb:DescribeTable", {"Table": table})
    stream = read(aws, aim).stream
    assert stream is not None
    assert stream.replicas == copies


def test_a_table_that_may_not_be_described_leaves_its_replicas_open(aws: World) -> None:
    aim = aws.table_pipeline(1)
    aws.deny("dynamodb:DescribeTable")
    evidence = read(aws, aim)
    assert evidence.stream is not None
    assert evidence.stream.replicas is None
    assert Gap(reading="replicas", reason="denied", permission="dynamodb:DescribeTable") in (
        evidence.gaps
    )


def test_an_answer_without_end_is_cut_and_told(aws: World, target: Target) -> None:
    aws.answer("cloudwatch:GetMetricData", {"MetricDataResults": [], "NextToken": "more"})
    evidence = read(aws, target)
    assert [gap.reading for gap in evidence.gaps] == ["metrics"]
    assert evidence.sibling_mappings == 0


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


def test_every_other_running_mapping_of_the_function_is_counted_whatever_feeds_it(
    aws: World, target: Target
) -> None:
    aws.mapping(aws.stream("payments"))
    aws.mapping(aws.stream("returns"), Enabled=False)
    aws.function("bystander")
    aws.mapping(aws.stream("others"), "bystander")
    _list_also(aws, _feeding("queue", "consumer", "sqs"), _feeding("alias", "consumer:live"))
    assert read(aws, target).sibling_mappings == 3


def test_a_registered_consumer_hides_no_sibling(aws: World, target: Target) -> None:
    aws.consumer(target.source_arn, "flink")
    aws.consumers_counted(1)
    aws.mapping(aws.stream("audit"))
    evidence = read(aws, target)
    assert (evidence.sibling_mappings, evidence.gaps) == (1, ())


# --- large accounts: listed by name ------------------------------------------------------------


def test_in_a_large_account_the_mappings_are_listed_by_all_the_names_of_the_function(
    aws: World, target: Target
) -> None:
    consumer = aws.consumer(target.source_arn, "fanout")
    aws.consumers_counted(1)
    aws.answer("lambda:ListAliases", {"Aliases": [{"Name": "live"}, {"Name": "next"}]})
    pushed = _feeding("pushed", "third") | {"EventSourceArn": consumer}
    pushed |= {"TumblingWindowInSeconds": 60, "ParallelizationFactor": 4}
    _large_account(
        aws,
        {
            "consumer": [_feeding("queue", "consumer", "sqs")],
            "consumer:live": [_feeding("topic", "consumer:live", "kafka")],
            "consumer:next": [_feeding("off", "consumer:next") | {"State": "Disabled"}],
            consumer: [pushed],
        },
    )
    evidence = read(aws, target)
    assert (evidence.sibling_mappings, evidence.gaps) == (2, ())
    assert evidence.readers == (
        Reader(
            name="third",
            shared_throughput=False,
            event_source_mapping="pushed",
            function="third",
            tumbling_window_seconds=60,
            parallelization_factor=4,
        ),
    )


@pytest.mark.parametrize("call", ["lambda:ListAliases", "function", "alias"])
def test_siblings_that_could_not_all_be_listed_are_unseen_and_not_none(
    aws: World, target: Target, call: str
) -> None:
    aws.answer("lambda:ListAliases", {"Aliases": [{"Name": "live"}]})
    _large_account(aws, {}, denied={"function": "consumer", "alias": "consumer:live"}.get(call))
    if call == "lambda:ListAliases":
        aws.deny(call)
    evidence = read(aws, target)
    assert evidence.sibling_mappings is None
    assert evidence.readers == ()
    assert [gap.reading for gap in evidence.gaps] == ["sibling_mappings"]


def test_a_consumer_whose_mappings_could_not_be_listed_is_a_reader_with_a_gap(
    aws: World, target: Target
) -> None:
    consumer = aws.consumer(target.source_arn, "fanout")
    aws.consumers_counted(1)
    aws.answer("lambda:ListAliases", {"Aliases": []})
    _large_account(aws, {}, denied=consumer)
    evidence = read(aws, target)
    assert evidence.readers == (Reader(name="fanout", shared_throughput=False),)
    assert [gap.reading for gap in evidence.gaps] == ["consumer_mappings"]


def test_a_mapping_that_names_no_function_counts_for_nobody(aws: World, target: Target) -> None:
    _list_also(aws, {"UUID": "kafka", "State": "Enabled"})
    assert read(aws, target).sibling_mappings == 0


def _feeding(uuid: str, function: str, service: str = "kinesis") -> dict[str, Any]:
    return {
        "UUID": uuid,
        "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}",
        "EventSourceArn": f"arn:aws:{service}:{REGION}:{ACCOUNT}:stream/{uuid}",
        "State": "Enabled",
    }


def _list_also(aws: World, *more: dict[str, Any]) -> None:
    """Let AWS list these mappings after those that are there."""
    there = aws.session.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    aws.answer("lambda:ListEventSourceMappings", {"EventSourceMappings": [*there, *more]})


def _large_account(
    aws: World, found: dict[str, list[dict[str, Any]]], denied: str | None = None
) -> None:
    """An account of more mappings than one page, and what its listings by name show."""

    def listed(asked: Mapping[str, Any]) -> Mapping[str, Any]:
        name = asked.get("FunctionName") or asked.get("EventSourceArn")
        if name is None:
            strangers = [_feeding(f"m{n}", f"f{n}") for n in range(100)]
            return {"EventSourceMappings": strangers, "NextMarker": "more"}
        if name == denied:
            raise Refused("AccessDeniedException", "no", 403)
        return {"EventSourceMappings": found.get(name, [])}

    aws.fakes["lambda:ListEventSourceMappings"] = listed


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
    aws.metric("AWS/Kinesis", "IncomingRecords", shard, 9)
    assert read(aws, target).shard_metrics == {}
    aws.shard_metrics_on(target.source_arn, "IncomingRecords")
    seen = read(aws, target).shard_metrics
    assert seen["shardId-000000000001"][Metric.SHARD_INCOMING_RECORDS].values == (9.0,)


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


def test_what_is_pushed_to_our_consumer_is_read_by_its_name(aws: World, target: Target) -> None:
    arn = aws.consumer(target.source_arn, "fanout")
    dimensions = {"StreamName": "orders", "ConsumerName": "fanout"}
    aws.metric("AWS/Kinesis", "SubscribeToShardEvent.Records", dimensions, 120)
    metrics = read(aws, target.model_copy(update={"consumer_arn": arn})).metrics
    assert metrics[Metric.PUSHED_RECORDS].values == (120.0,)


def test_claimed_concurrency_is_the_account_s_and_lost_deliveries_the_function_s(
    aws: World, target: Target
) -> None:
    aws.metric("AWS/Lambda", "ClaimedAccountConcurrency", {}, 640)
    aws.metric("AWS/Lambda", "DestinationDeliveryFailures", FUNCTION, 2)
    metrics = read(aws, target).metrics
    assert metrics[Metric.CLAIMED_ACCOUNT_CONCURRENCY].values == (640.0,)
    assert metrics[Metric.DESTINATION_FAILURES].values == (2.0,)


def test_what_the_runtime_and_the_stream_say_of_themselves_is_kept(
    aws: World, target: Target
) -> None:
    configuration = {
        "DurableConfig": {"ExecutionTimeout": 900},
        "State": "Inactive",
        "StateReasonCode": "Idle",
        "LastUpdateStatusReasonCode": "DisabledKMSKey",
    }
    aws.answer("lambda:GetFunction", {"Configuration": configuration})
    aws.summary |= {
        "RecordDistributionStrategy": "AUTO",
        "MaxRecordSizeInKiB": 10_240,
        "QueueCount": 2,
    }
    evidence = read(aws, target)
    function, stream = evidence.function, evidence.stream
    assert function is not None
    assert stream is not None
    assert (function.durable, function.state_reason_code) == (True, "Idle")
    assert function.last_update_reason_code == "DisabledKMSKey"
    assert (stream.record_distribution, stream.max_record_kib) == ("AUTO", 10_240)
    assert stream.queue_count == 2


# --- streams of other accounts, malformed answers ----------------------------------------------


def test_the_metrics_of_a_stream_in_another_account_are_unseen_and_not_its_namesake_s(
    aws: World, target: Target
) -> None:
    aws.metric("AWS/Kinesis", "IncomingRecords", {"StreamName": "orders"}, 9)
    aws.metric("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", {"StreamName": "orders"}, 9)
    aws.metric("AWS/Lambda", "IteratorAge", FUNCTION, 1000)
    aws.shard_metrics_on(target.source_arn, "ALL")
    theirs = target.source_arn.replace(ACCOUNT, "444455556666")
    evidence = read(aws, target.model_copy(update={"source_arn": theirs}))
    of_lambda = {
        *(Metric.ITERATOR_AGE_MS, Metric.YOUNGEST_AGE_MS, Metric.MEAN_AGE_MS),
        Metric.STREAM_INVOCATIONS,
    }
    assert set(evidence.metrics) == of_lambda
    assert (evidence.shard_metrics, evidence.readers) == ({}, None)
    unseen = {gap.reading for gap in evidence.gaps if "444455556666" in gap.reason}
    assert unseen >= {Metric.INCOMING_RECORDS, Metric.STREAM_ITERATOR_AGE_MS, "readers"}
    asked = aws.params_of("cloudwatch:GetMetricData")["MetricDataQueries"]
    namespaces = {one["MetricStat"]["Metric"]["Namespace"] for one in asked}
    assert "AWS/Kinesis" not in namespaces


def test_the_table_of_a_stream_in_another_account_is_asked_for_there(aws: World) -> None:
    aim = aws.table_pipeline(1)
    theirs = aim.source_arn.replace(ACCOUNT, "444455556666")
    read(aws, aim.model_copy(update={"source_arn": theirs}))
    table = aws.params_of("dynamodb:DescribeTable")["TableName"]
    assert table == theirs.partition("/stream/")[0]


MALFORMED: dict[str, list[dict[str, Any]]] = {
    "lambda:GetFunction": [{}, {"Configuration": 7}],
    "lambda:GetAccountSettings": [{"AccountLimit": 7}],
    "kinesis:DescribeStreamSummary": [{}, {"StreamDescriptionSummary": {}}],
    "kinesis:ListShards": [{}, {"Shards": [{}]}, {"Shards": [{"ShardId": "s"}]}],
    "cloudwatch:GetMetricData": [{}, {"MetricDataResults": [{}]}],
    "lambda:ListEventSourceMappings": [{}, {"EventSourceMappings": [{}]}],
}


@pytest.mark.parametrize(
    ("call", "answer"), [(call, answer) for call, some in MALFORMED.items() for answer in some]
)
def test_a_part_that_cannot_be_read_is_a_gap_and_never_nothing(
    aws: World, target: Target, call: str, answer: dict[str, Any]
) -> None:
    reading, seen = PARTS[call]
    aws.answer(call, answer)
    evidence = read(aws, target)
    assert reading in [gap.reading for gap in evidence.gaps]
    assert seen(evidence) is None


@pytest.mark.parametrize("answer", [{}, {"UUID": 7}, {"UUID": "u", "ParallelizationFactor": "x"}])
def test_a_mapping_that_cannot_be_read_may_be_read_later(
    aws: World, target: Target, answer: dict[str, Any]
) -> None:
    aws.answer("lambda:GetEventSourceMapping", answer)
    with pytest.raises(TemporaryError, match="cannot be read"):
        read(aws, target)


def test_an_empty_body_is_not_taken_for_a_function_without_reservation(
    aws: World, target: Target
) -> None:
    empty = {"ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {"content-length": "0"}}}
    aws.session.events.register(
        "after-call.lambda.GetFunctionConcurrency", lambda parsed, **_: parsed.update(empty)
    )
    evidence = read(aws, target)
    assert "reserved_concurrency" in [gap.reading for gap in evidence.gaps]
