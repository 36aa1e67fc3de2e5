"""CloudWatch: names, dimensions, stamps, lateness, gaps and alarms."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lab.plant import (
    AccountSpec,
    AlarmSpec,
    Behaviour,
    FunctionSpec,
    MappingSettings,
    NeighbourSpec,
    ProducerSpec,
    StreamSpec,
    World,
)
from lab.plant.alarms import judge
from lab.plant.metrics import Bucket
from lab.plant.rates import constant
from tests.lab.plant_worlds import CALM, DISTINCT, START, Rig, burst, rig

FUNCTION = {"FunctionName": "consumer"}
STEADY = ProducerSpec(stream="orders", rate=constant(5), keys=DISTINCT)
DELAY = CALM.cloudwatch_delay_seconds


def values(pipeline: Rig, name: str, stat: str, dimensions: dict[str, str], **more: Any) -> Any:
    """Datapoints by whole minutes since the start."""
    world = pipeline.world
    namespace, period = more.get("namespace", "AWS/Lambda"), more.get("period", 60)
    end = more.get("end", world.now())
    points = world.metrics.query(namespace, name, dimensions, stat, period, world.start, end)
    return {round((at - world.start).total_seconds() / 60): value for at, value in points}


LAMBDA_METRICS: dict[str, tuple[str, str, dict[str, str], float]] = {
    "Invocations": ("Invocations", "Sum", FUNCTION, 60),
    "Errors": ("Errors", "Sum", FUNCTION, 0),
    "Duration": ("Duration", "Average", FUNCTION, 200),
    "Duration p99": ("Duration", "p99", FUNCTION, 200),
    "Invocations of the account": ("Invocations", "Sum", {}, 60),
    "Invocations of the alias": (
        "Invocations",
        "Sum",
        FUNCTION | {"Resource": "consumer:live"},
        60,
    ),
    "ConcurrentExecutions": ("ConcurrentExecutions", "Maximum", FUNCTION, 1),
    "ConcurrentExecutions of the account": ("ConcurrentExecutions", "Maximum", {}, 51),
    "UnreservedConcurrentExecutions": ("UnreservedConcurrentExecutions", "Maximum", {}, 41),
    "ClaimedAccountConcurrency": ("ClaimedAccountConcurrency", "Maximum", {}, 71),
    "a neighbour's ConcurrentExecutions": (
        "ConcurrentExecutions",
        "Maximum",
        {"FunctionName": "shared"},
        40,
    ),
}


@pytest.mark.parametrize("metric", LAMBDA_METRICS.values(), ids=LAMBDA_METRICS.keys())
def test_lambda_metrics_have_aws_s_names_and_dimensions(
    metric: tuple[str, str, dict[str, str], float],
) -> None:
    name, stat, dimensions, expected = metric
    pipeline = rig(
        behaviour=Behaviour(io_seconds_per_invocation=0.2), producer=STEADY, qualifier="live"
    )
    world = pipeline.world
    world.add_neighbour(NeighbourSpec(name="shared", concurrency=constant(40)))
    world.add_neighbour(
        NeighbourSpec(name="own", concurrency=constant(10), reserved_concurrency=30)
    )
    world.run_until(600)
    assert values(pipeline, name, stat, dimensions)[4] == pytest.approx(expected, abs=1)


KINESIS_METRICS: dict[str, tuple[str, str, str, float]] = {
    "IncomingRecords": ("IncomingRecords", "IncomingRecords", "Sum", 300),
    "IncomingBytes": ("IncomingBytes", "IncomingBytes", "Sum", 150_000),
    "records read": ("GetRecords.Records", "OutgoingRecords", "Sum", 300),
    "bytes read": ("GetRecords.Bytes", "OutgoingBytes", "Sum", 150_000),
    "age": ("GetRecords.IteratorAgeMilliseconds", "IteratorAgeMilliseconds", "Maximum", 0),
    "throttled reads": (
        "ReadProvisionedThroughputExceeded",
        "ReadProvisionedThroughputExceeded",
        "Average",
        0,
    ),
}


@pytest.mark.parametrize("metric", KINESIS_METRICS.values(), ids=KINESIS_METRICS.keys())
@pytest.mark.parametrize("per_shard", [False, True], ids=["stream", "shard"])
def test_kinesis_metrics_are_per_stream_and_where_enabled_per_shard(
    metric: tuple[str, str, str, float],
    per_shard: bool,
) -> None:
    stream_name, shard_name, stat, expected = metric
    pipeline = rig(
        stream=StreamSpec(name="orders", shard_level_metrics=per_shard),
        producer=STEADY,
        behaviour=Behaviour(),
    )
    pipeline.world.run_until(600)
    shard = {"StreamName": "orders", "ShardId": "shardId-000000000000"}
    names = {"namespace": "AWS/Kinesis"}
    of_stream = values(pipeline, stream_name, stat, {"StreamName": "orders"}, **names)
    of_shard = values(pipeline, shard_name, stat, shard, **names)
    assert of_stream[4] == pytest.approx(expected, rel=0.05)
    assert bool(of_shard) == per_shard
    if per_shard:
        assert of_shard[4] == pytest.approx(expected, rel=0.05)


def test_the_age_is_that_of_the_newest_record_of_the_batch_when_it_is_sent() -> None:
    pipeline = rig(settings=MappingSettings(batch_size=1), producer=burst(500))
    pipeline.world.run_until(600)
    ages = values(pipeline, "IteratorAge", "Maximum", FUNCTION)
    assert [ages[minute] for minute in (0, 1, 2)] == pytest.approx(
        [59_000, 119_000, 179_000], abs=1500
    )


def test_a_datapoint_is_stamped_with_the_invocation_and_published_at_its_end_and_late() -> None:
    slow = FunctionSpec(
        name="consumer",
        behaviour=Behaviour(io_seconds_per_invocation=250.0),
        timeout_seconds=900,
    )
    pipeline = rig(function=slow, producer=burst(1))
    pipeline.world.run_until(250 + DELAY - 5)
    assert values(pipeline, "IteratorAge", "Maximum", FUNCTION) == {}
    pipeline.world.run_until(250 + DELAY + 5)
    assert list(values(pipeline, "IteratorAge", "Maximum", FUNCTION)) == [0]


def test_a_question_about_the_last_minutes_has_no_answer_yet() -> None:
    pipeline = rig(producer=STEADY)
    pipeline.world.run_until(600)
    last = max(
        values(
            pipeline, "IncomingRecords", "Sum", {"StreamName": "orders"}, namespace="AWS/Kinesis"
        )
    )
    assert last == (600 - DELAY) / 60 - 1


@pytest.mark.parametrize("how", ["reserved at 0", "disabled"])
def test_without_invocations_the_age_is_missing_and_not_zero(how: str) -> None:
    pipeline = rig(producer=STEADY, behaviour=Behaviour())
    world = pipeline.world
    world.run_until(300)
    if how == "disabled":
        pipeline.update(Enabled=False)
    else:
        world.put_function_concurrency("consumer", 0)
    world.run_until(1200)
    assert max(values(pipeline, "IteratorAge", "Maximum", FUNCTION)) <= 5
    throttles = values(pipeline, "Throttles", "Sum", FUNCTION)
    assert any(throttles.values()) == (how == "reserved at 0")


def test_a_blocked_consumer_shows_in_the_stream_s_own_age() -> None:
    """Lambda reads again when it retries: GetRecords shows an age where the function has none."""
    pipeline = rig(producer=STEADY, behaviour=Behaviour())
    pipeline.world.put_function_concurrency("consumer", 0)
    pipeline.world.run_until(1200)
    stream_age = "GetRecords.IteratorAgeMilliseconds"
    where = {"StreamName": "orders"}
    ages = values(pipeline, stream_age, "Maximum", where, namespace="AWS/Kinesis")
    assert ages[15] - ages[5] == pytest.approx(600_000, rel=0.05)


def test_the_percentiles_differ_where_durations_do() -> None:
    pipeline = rig(
        behaviour=Behaviour(io_seconds_per_invocation=0.3, jitter_share=0.4), producer=STEADY
    )
    pipeline.world.run_until(900)
    medians = values(pipeline, "Duration", "p50", FUNCTION, period=300)
    tails = values(pipeline, "Duration", "p99", FUNCTION, period=300)
    assert list(medians) == [0, 5, 10]
    assert tails[5] > 1.5 * medians[5]


def test_throttles_are_neither_invocations_nor_errors() -> None:
    pipeline = rig(
        function=FunctionSpec(name="consumer", reserved_concurrency=0), producer=burst(10)
    )
    pipeline.world.run_until(600)
    assert values(pipeline, "Throttles", "Sum", FUNCTION)[3] > 0
    assert values(pipeline, "Throttles", "Sum", {})[3] > 0
    assert not values(pipeline, "Invocations", "Sum", FUNCTION)
    assert not values(pipeline, "Errors", "Sum", FUNCTION)


def test_throttles_of_an_alias_are_counted_for_it_too() -> None:
    pipeline = rig(
        function=FunctionSpec(name="consumer", reserved_concurrency=0, alias="live"),
        producer=burst(10),
        qualifier="live",
    )
    pipeline.world.run_until(600)
    of_all = values(pipeline, "Throttles", "Sum", FUNCTION)
    assert of_all[3] > 0
    assert values(pipeline, "Throttles", "Sum", FUNCTION | {"Resource": "consumer:live"}) == of_all


def test_event_counts_are_opt_in() -> None:
    where = {}
    for opted in (False, True):
        pipeline = rig(
            settings=MappingSettings(event_count_metrics=opted, maximum_retry_attempts=1),
            behaviour=Behaviour(error_share=1.0),
            producer=burst(10),
        )
        pipeline.world.run_until(600)
        where = {"EventSourceMappingUUID": pipeline.mapping.uuid}
        counts = {
            name: values(pipeline, name, "Sum", where).get(0)
            for name in ("PolledEventCount", "InvokedEventCount", "FailedInvokeEventCount")
        }
        dropped = values(pipeline, "DroppedEventCount", "Sum", where).get(0)
        expected = [10, 20, 20, 10] if opted else [None] * 4
        assert [*counts.values(), dropped] == expected


def test_insights_say_whether_the_time_is_cpu() -> None:
    behaviour = Behaviour(cpu_seconds_per_invocation=0.3, io_seconds_per_invocation=0.1)
    spec = FunctionSpec(name="consumer", behaviour=behaviour, memory_mb=1769, lambda_insights=True)
    pipeline = rig(function=spec, producer=STEADY)
    pipeline.world.run_until(600)
    where = {"function_name": "consumer"}
    cpu = values(pipeline, "cpu_total_time", "Average", where, namespace="LambdaInsights")
    memory = values(pipeline, "total_memory", "Maximum", where, namespace="LambdaInsights")
    assert cpu[3] == pytest.approx(300)
    assert memory[3] == 1769


def test_an_unknown_statistic_is_an_error() -> None:
    with pytest.raises(ValueError, match="Median"):
        Bucket(1, 1, 1, 1).statistic("Median")


# Alarms


def alarm(**changes: Any) -> AlarmSpec:
    base = AlarmSpec(
        name="age",
        namespace="AWS/Lambda",
        metric="IteratorAge",
        dimensions=FUNCTION,
        stat="Maximum",
        threshold=60.0,
        evaluation_periods=3,
        datapoints_to_alarm=3,
    )
    return replace(base, **changes)


LOW, HIGH = 10.0, 90.0
JUDGEMENTS: dict[str, tuple[dict[str, Any], list[float], str]] = {
    "all breach": ({}, [HIGH] * 3, "ALARM"),
    "one does not": ({}, [HIGH, LOW, HIGH], "OK"),
    "two of three suffice": ({"datapoints_to_alarm": 2}, [HIGH, LOW, HIGH], "ALARM"),
    "one of three does not": ({"datapoints_to_alarm": 2}, [HIGH, LOW, LOW], "OK"),
    "equal is not greater": ({}, [60.0] * 3, "OK"),
    "equal is greater or equal": (
        {"comparison": "GreaterThanOrEqualToThreshold"},
        [60.0] * 3,
        "ALARM",
    ),
    "less than": ({"comparison": "LessThanThreshold"}, [LOW] * 3, "ALARM"),
    "nothing is there": ({}, [], "INSUFFICIENT_DATA"),
    "missing: what is there breaches": ({}, [HIGH], "ALARM"),
    "missing: what is there is fine": ({}, [LOW], "OK"),
    "not breaching: nothing is there": ({"treat_missing_data": "notBreaching"}, [], "OK"),
    "not breaching: gaps are fine": ({"treat_missing_data": "notBreaching"}, [HIGH] * 2, "OK"),
    "breaching: nothing is there": ({"treat_missing_data": "breaching"}, [], "ALARM"),
    "breaching: one was fine": ({"treat_missing_data": "breaching"}, [LOW], "OK"),
    "ignore: nothing is there": ({"treat_missing_data": "ignore"}, [], "as before"),
    "ignore: one was fine": ({"treat_missing_data": "ignore"}, [LOW], "OK"),
}


@pytest.mark.parametrize("case", JUDGEMENTS.values(), ids=JUDGEMENTS.keys())
def test_m_of_n_and_missing_data(case: tuple[dict[str, Any], list[float], str]) -> None:
    changes, points, expected = case
    for before in ("OK", "ALARM", "INSUFFICIENT_DATA"):
        wanted = before if expected == "as before" else expected
        assert judge(alarm(**changes), points, before) == wanted


Transition = tuple[str, str, float, dict[str, Any]]


def watched(pipeline: Rig, spec: AlarmSpec) -> list[Transition]:
    seen: list[Transition] = []

    def note(_spec: AlarmSpec, old: str, new: str, why: dict[str, Any], at: datetime) -> None:
        seen.append((old, new, (at - START).total_seconds(), why))

    pipeline.world.alarms.on_transition(note)
    pipeline.world.alarms.put(spec)
    return seen


def test_an_alarm_acts_on_transitions_only_and_as_late_as_its_metric() -> None:
    pipeline = rig(settings=MappingSettings(batch_size=1), producer=burst(400))
    seen = watched(pipeline, alarm(threshold=100_000, evaluation_periods=1, datapoints_to_alarm=1))
    pipeline.world.run_until(2400)
    path = [(old, new) for old, new, _, _ in seen]
    assert path == [
        ("INSUFFICIENT_DATA", "OK"),
        ("OK", "ALARM"),
        ("ALARM", "INSUFFICIENT_DATA"),
    ]
    assert seen[1][2] == 120 + DELAY
    assert pipeline.world.alarms.state_of("age") == "INSUFFICIENT_DATA"


def test_the_reason_holds_threshold_and_datapoints() -> None:
    pipeline = rig(settings=MappingSettings(batch_size=1), producer=burst(400))
    seen = watched(pipeline, alarm(threshold=100_000, evaluation_periods=2, datapoints_to_alarm=1))
    pipeline.world.run_until(600)
    reason = next(why for _, new, _, why in seen if new == "ALARM")
    assert reason["threshold"] == 100_000
    assert reason["recentDatapoints"] == pytest.approx([59_000, 119_000], abs=1500)
    newest = START + timedelta(seconds=60)
    assert reason["evaluatedDatapoints"][0]["timestamp"].startswith(
        newest.strftime("%Y-%m-%dT%H:%M")
    )


def test_periods_of_five_minutes_wait_for_whole_ones() -> None:
    pipeline = rig(settings=MappingSettings(batch_size=1), producer=burst(2000))
    seen = watched(
        pipeline,
        alarm(
            threshold=100_000,
            period_seconds=300,
            evaluation_periods=1,
            datapoints_to_alarm=1,
        ),
    )
    pipeline.world.run_until(900)
    assert [(new, at) for _, new, at, _ in seen] == [("ALARM", 300 + DELAY)]


def test_a_world_may_start_within_a_minute() -> None:
    world = World(START + timedelta(seconds=17.5), AccountSpec(), CALM, 1)
    stream = world.add_stream(StreamSpec(name="orders"))
    world.add_producer(STEADY)
    world.run_until(600)
    points = world.metrics.query(
        "AWS/Kinesis",
        "IncomingRecords",
        {"StreamName": stream.name},
        "Sum",
        60,
        START,
        world.now(),
    )
    assert [at.second for at, _ in points] == [0] * len(points)
    assert points[0][1] == pytest.approx(5 * 42.5, abs=1)
    assert points[1][1] == pytest.approx(300, abs=1)
