"""Plain boto3 clients get from the plant what AWS would answer: values, states and refusals."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from lab.bridge import Conditions
from lab.plant import AlarmSpec, StreamSpec, World
from tests.lab.bridge_worlds import (
    FUNCTION,
    START,
    answer,
    client,
    mapping_of,
    rehearsal,
    world,
)

MISSING = "00000000-0000-4000-8000-00000000dead"


def test_a_function_is_described_with_its_tags_and_reservation() -> None:
    made = world()
    made.put_function_concurrency(FUNCTION, 7)
    tags = {made.function_arn(FUNCTION): {"team": "orders"}}
    got = answer(
        made,
        lambda: client("lambda").get_function(FunctionName=f"{FUNCTION}:live"),
        Conditions(tags=tags),
    )
    assert got["Configuration"]["MemorySize"] == 1024
    assert got["Configuration"]["FunctionArn"].endswith(f":{FUNCTION}:live")
    assert got["Tags"] == {"team": "orders"}
    assert got["Concurrency"] == {"ReservedConcurrentExecutions": 7}


def test_the_remediators_own_reservation_is_taken_from_the_account() -> None:
    limit = answer(world(), lambda: client("lambda").get_account_settings()["AccountLimit"])
    assert (limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]) == (1000, 995)


def test_a_reservation_comes_and_goes() -> None:
    def work() -> list[Any]:
        lambda_ = client("lambda")
        steps = [lambda_.get_function_concurrency(FunctionName=FUNCTION)]
        lambda_.put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=50)
        steps.append(lambda_.get_function_concurrency(FunctionName=FUNCTION))
        lambda_.delete_function_concurrency(FunctionName=FUNCTION)
        steps.append(lambda_.get_function_concurrency(FunctionName=FUNCTION))
        return [step.get("ReservedConcurrentExecutions") for step in steps]

    assert answer(world(), work) == [None, 50, None]


def test_an_update_of_a_mapping_is_accepted_and_takes_effect_later() -> None:
    made = world(mapping_update_gap_seconds=90.0)
    uuid = mapping_of(made)

    def work() -> Any:
        lambda_ = client("lambda")
        accepted = lambda_.update_event_source_mapping(UUID=uuid, ParallelizationFactor=4)
        return accepted, lambda_.get_event_source_mapping(UUID=uuid)

    accepted, at_once = answer(made, work)
    assert accepted["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (at_once["State"], at_once["ParallelizationFactor"]) == ("Updating", 1)
    made.run_until(made.now() + timedelta(seconds=100))
    later = answer(made, lambda: client("lambda").get_event_source_mapping(UUID=uuid))
    assert (later["State"], later["ParallelizationFactor"]) == ("Enabled", 4)
    assert later["DestinationConfig"] == {"OnFailure": {}}


def test_mappings_are_listed_by_source_and_in_pages() -> None:
    made = world()
    source = made.stream_arn("orders")
    for number in range(3):
        made.create_event_source_mapping(
            {
                "EventSourceArn": made.add_stream(StreamSpec(name=f"s{number}")).arn,
                "FunctionName": FUNCTION,
            }
        )

    def work() -> Any:
        paginator = client("lambda").get_paginator("list_event_source_mappings")
        pages = paginator.paginate(FunctionName=FUNCTION, PaginationConfig={"PageSize": 3})
        of_source = client("lambda").list_event_source_mappings(EventSourceArn=source)
        return [len(page["EventSourceMappings"]) for page in pages], of_source

    sizes, of_source = answer(made, work)
    assert sizes == [3, 1]
    assert [m["UUID"] for m in of_source["EventSourceMappings"]] == [mapping_of(made)]


def test_a_split_takes_its_time_and_closes_the_parent() -> None:
    made = world(shards=2, split_seconds=30.0)

    def shards() -> Any:
        kinesis = client("kinesis")
        listed = kinesis.list_shards(StreamName="orders")["Shards"]
        open_ = kinesis.list_shards(StreamName="orders", ShardFilter={"Type": "AT_LATEST"})
        return listed, open_["Shards"]

    def split() -> Any:
        listed, _ = shards()
        low, high = listed[0]["HashKeyRange"].values()
        client("kinesis").split_shard(
            StreamName="orders",
            ShardToSplit=listed[0]["ShardId"],
            NewStartingHashKey=str((int(low) + int(high)) // 2),
        )
        summary = client("kinesis").describe_stream_summary(StreamName="orders")
        return summary["StreamDescriptionSummary"]

    during = answer(made, split)
    assert (during["StreamStatus"], during["OpenShardCount"]) == ("UPDATING", 2)
    made.run_until(made.now() + timedelta(seconds=31))
    listed, open_ = answer(made, shards)
    assert (len(listed), len(open_)) == (4, 3)


def test_shards_and_consumers_are_listed_in_pages() -> None:
    made = world(shards=5)
    made.register_stream_consumer(made.stream_arn("orders"), "analytics")

    def work() -> Any:
        kinesis = client("kinesis")
        first = kinesis.list_shards(StreamName="orders", MaxResults=3)
        rest = kinesis.list_shards(NextToken=first["NextToken"], MaxResults=3)
        consumers = kinesis.list_stream_consumers(StreamARN=made.stream_arn("orders"))
        ids = [shard["ShardId"] for shard in first["Shards"] + rest["Shards"]]
        return ids, rest.get("NextToken"), consumers["Consumers"]

    ids, token, consumers = answer(made, work)
    assert len(set(ids)) == 5
    assert token is None
    assert [(c["ConsumerName"], c["ConsumerStatus"]) for c in consumers] == [
        ("analytics", "CREATING")
    ]


def test_a_tables_stream_is_described_without_hash_keys() -> None:
    made = world()
    arn = made.add_stream(StreamSpec(name="carts", table="carts", shards=3)).arn

    def work() -> Any:
        streams = client("dynamodbstreams")
        first = streams.describe_stream(StreamArn=arn, Limit=2)["StreamDescription"]
        rest = streams.describe_stream(
            StreamArn=arn, ExclusiveStartShardId=first["LastEvaluatedShardId"]
        )["StreamDescription"]
        return first, rest

    first, rest = answer(made, work)
    assert (first["TableName"], first["StreamStatus"]) == ("carts", "ENABLED")
    assert [len(part["Shards"]) for part in (first, rest)] == [2, 1]
    assert "LastEvaluatedShardId" not in rest
    assert "HashKeyRange" not in first["Shards"][0]


def test_the_table_of_a_stream_is_described_by_its_arn_and_other_tables_are_moto_s() -> None:
    made = world()
    arn = made.add_stream(StreamSpec(name="carts", table="carts")).arn.partition("/stream/")[0]

    def work() -> Any:
        tables = client("dynamodb")
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            tables.describe_table(TableName="journal")
        return tables.describe_table(TableName=arn)["Table"]

    assert answer(made, work)["TableName"] == "carts"


def metric_query(id_: str, name: str, stat: str) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/Lambda",
        "MetricName": name,
        "Dimensions": [{"Name": "FunctionName", "Value": FUNCTION}],
    }
    return {"Id": id_, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}


def metrics(made: World, **more: Any) -> list[dict[str, Any]]:
    """All pages of GetMetricData over the last ten minutes."""

    def work() -> list[dict[str, Any]]:
        pages = client("cloudwatch").get_paginator("get_metric_data")
        return list(
            pages.paginate(
                MetricDataQueries=[
                    metric_query("sum", "Invocations", "Sum"),
                    metric_query("none", "NoSuchMetric", "Sum"),
                    metric_query("age", "IteratorAge", "Maximum"),
                ],
                StartTime=START,
                EndTime=START + timedelta(minutes=10),
                **more,
            )
        )

    conditions = Conditions(metric_page_datapoints=more.pop("page", 100_800))
    pages: list[dict[str, Any]] = answer(made, work, conditions)
    return pages


def test_metrics_come_late_newest_first_and_are_empty_where_there_are_none() -> None:
    made = world(records_per_second=2.0, cloudwatch_delay_seconds=120.0)
    made.run_until(600)
    (page,) = metrics(made)
    by_id = {result["Id"]: result for result in page["MetricDataResults"]}
    assert by_id["none"]["Timestamps"] == []
    stamps = by_id["sum"]["Timestamps"]
    assert stamps == sorted(stamps, reverse=True)
    assert START + timedelta(minutes=6) <= stamps[0] <= START + timedelta(minutes=8)
    assert {result["StatusCode"] for result in by_id.values()} == {"Complete"}


def test_pages_of_metrics_add_up_to_the_whole() -> None:
    made = world(records_per_second=2.0)
    made.run_until(630)
    (whole,) = metrics(made, ScanBy="TimestampAscending")
    pages = metrics(made, ScanBy="TimestampAscending", page=3)
    assert len(pages) > 3
    joined: dict[str, list[float]] = {}
    for page in pages:
        for result in page["MetricDataResults"]:
            joined.setdefault(result["Id"], []).extend(result["Values"])
    assert joined == {result["Id"]: result["Values"] for result in whole["MetricDataResults"]}
    codes = [r["StatusCode"] for r in pages[0]["MetricDataResults"]]
    assert "PartialData" in codes


def test_the_deployed_alarms_are_described() -> None:
    made = world()
    made.alarms.put(
        AlarmSpec(
            name="not-of-the-stack",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions={},
            stat="Sum",
            threshold=1,
        )
    )
    alarms = answer(made, lambda: client("cloudwatch").describe_alarms()["MetricAlarms"])
    assert [alarm["AlarmName"] for alarm in alarms] == [
        "remediator-iterator-age",
        "remediator-iterator-age-slope",
    ]
    assert (alarms[0]["Threshold"], alarms[0]["StateValue"]) == (60000.0, "INSUFFICIENT_DATA")


def reserve(amount: int, name: str = FUNCTION) -> Callable[[World], Any]:
    return lambda _: client("lambda").put_function_concurrency(
        FunctionName=name, ReservedConcurrentExecutions=amount
    )


def update_twice(made: World) -> None:
    for factor in (2, 3):
        client("lambda").update_event_source_mapping(
            UUID=mapping_of(made), ParallelizationFactor=factor
        )


REFUSALS: dict[str, tuple[Callable[[World], Any], str, int]] = {
    "a function that is not there": (
        lambda _: client("lambda").get_function(FunctionName="nobody"),
        "ResourceNotFoundException",
        404,
    ),
    "a mapping that is not there": (
        lambda _: client("lambda").get_event_source_mapping(UUID=MISSING),
        "ResourceNotFoundException",
        404,
    ),
    "a reservation that leaves the others less than 100": (
        reserve(950),
        "InvalidParameterValueException",
        400,
    ),
    "a reservation of an alias": (
        reserve(5, f"{FUNCTION}:live"),
        "InvalidParameterValueException",
        400,
    ),
    "a second update while the first is under way": (update_twice, "ResourceInUseException", 400),
    "a stream that is not there": (
        lambda _: client("kinesis").describe_stream_summary(StreamName="nothing"),
        "ResourceNotFoundException",
        400,
    ),
    "more than twice the shards": (
        lambda _: client("kinesis").update_shard_count(
            StreamName="orders", TargetShardCount=5, ScalingType="UNIFORM_SCALING"
        ),
        "InvalidArgumentException",
        400,
    ),
    "a shorter retention asked for as a longer one": (
        lambda _: client("kinesis").increase_stream_retention_period(
            StreamName="orders", RetentionPeriodHours=24
        ),
        "InvalidArgumentException",
        400,
    ),
    "a schedule that is not there": (
        lambda _: client("scheduler").delete_schedule(Name="nothing"),
        "ResourceNotFoundException",
        404,
    ),
    "metrics from the future to the past": (
        lambda made: client("cloudwatch").get_metric_data(
            MetricDataQueries=[metric_query("a", "Errors", "Sum")],
            StartTime=made.now(),
            EndTime=made.now() - timedelta(minutes=1),
        ),
        "ValidationError",
        400,
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_aws_refuses(name: str) -> None:
    work, code, status = REFUSALS[name]
    made = world()
    with pytest.raises(ClientError) as refusal:
        answer(made, lambda: work(made))
    assert refusal.value.response["Error"]["Code"] == code
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_the_sdks_own_validation_stays() -> None:
    with pytest.raises(ParamValidationError):
        answer(world(), lambda: client("lambda").get_event_source_mapping(UUID="short"))


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda: client("iam").list_roles(), id="a service the lab does not have"),
        pytest.param(
            lambda: client("lambda").list_functions(), id="an operation the plant does not have"
        ),
    ],
)
def test_what_the_lab_does_not_know_is_denied_and_remembered(work: Callable[[], Any]) -> None:
    def hides_it() -> str:
        try:
            work()
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "answered"

    made = rehearsal(world(), lambda *_: hides_it())
    assert made.invoke({}).result in {"AccessDenied", "AccessDeniedException"}
    assert len(made.unsupported) == 1
