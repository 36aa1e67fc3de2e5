"""What the plant must be able to do so that harm can be seen: each ability in a small world."""

from dataclasses import replace

import pytest

from lab.plant import (
    AccountSpec,
    AwsError,
    BackendSpec,
    Behaviour,
    DestinationSpec,
    DirectCalls,
    FunctionSpec,
    Keys,
    Knobs,
    MappingSettings,
    MappingSpec,
    NeighbourSpec,
    Outage,
    OutsideReaderSpec,
    ProducerSpec,
    StreamSpec,
    World,
)
from lab.plant.rates import constant
from tests.lab.plant_worlds import CALM, DISTINCT, QUEUE, START, Rig, burst, rig

QUICK = Behaviour(io_seconds_per_invocation=0.1)
STEADY = ProducerSpec(stream="orders", rate=constant(2), keys=DISTINCT)
FUNCTION = {"FunctionName": "consumer"}


def summed(world: World, metric: str, stat: str = "Sum", **where: str) -> list[float]:
    namespace = "AWS/DynamoDB" if "TableName" in where else "AWS/Lambda"
    points = world.metrics.query(namespace, metric, where, stat, 60, START, world.now())
    return [value for _, value in points]


def test_a_minute_of_invocations_without_throttles_has_zero_throttles() -> None:
    world = rig(producer=STEADY, behaviour=QUICK).world
    world.run_until(600)
    throttles, invocations = (
        summed(world, name, **FUNCTION) for name in ("Throttles", "Invocations")
    )
    assert throttles == [0.0] * len(invocations) != []


def test_what_is_provisioned_is_claimed_and_not_in_the_pool() -> None:
    world = rig(producer=STEADY, behaviour=QUICK, account=AccountSpec(concurrency_limit=100)).world
    world.add_neighbour(
        NeighbourSpec(name="web", concurrency=constant(40), provisioned_concurrency=60)
    )
    world.run_until(300)
    account = world.account
    assert (account.unreserved_pool, account.neighbours_want(300)) == (40, 0)
    assert account.settings()["UnreservedConcurrentExecutions"] == 100
    assert min(summed(world, "ClaimedAccountConcurrency", "Maximum")) >= 60
    assert max(summed(world, "UnreservedConcurrentExecutions", "Maximum")) < 10
    subtracting = replace(account.spec, settings_subtract_provisioned=True)
    account.spec = subtracting
    assert account.settings()["UnreservedConcurrentExecutions"] == 40


def test_the_unreserved_minimum_is_the_account_s_own() -> None:
    world = rig(account=AccountSpec(concurrency_limit=50, minimum_unreserved=10)).world
    world.put_function_concurrency("consumer", 40)
    with pytest.raises(AwsError, match=r"\[10\]"):
        world.put_function_concurrency("consumer", 41)


BAD_FIRST = replace(burst(40), poison_at_seconds=(0.0,))


def poisoned(destination: str, **destinations: str) -> Rig:
    settings = MappingSettings(
        batch_size=10,
        bisect_on_error=True,
        maximum_retry_attempts=1,
        on_failure_destination=destination,
        event_count_metrics=True,
    )
    made = rig(producer=BAD_FIRST, behaviour=QUICK, settings=settings)
    for state in destinations.values():
        made.world.add_destination(DestinationSpec(arn=destination, state=state))  # type: ignore[arg-type]
    made.seconds_until_drained(600)
    made.world.run_until(made.world.env.now + 300)
    return made


@pytest.mark.parametrize(
    ("destination", "state"),
    [
        pytest.param(QUEUE, "missing", id="deleted"),
        pytest.param(QUEUE, "denies", id="not writable"),
        pytest.param(QUEUE + ".fifo", "takes", id="FIFO"),
        pytest.param(QUEUE.replace("eu-central-1", "us-east-1"), "takes", id="another Region"),
    ],
)
def test_a_delivery_that_fails_drops_the_record_and_is_counted(
    destination: str, state: str
) -> None:
    made = poisoned(destination, state=state)
    ledger = made.world.ledger(made.mapping.uuid)
    assert (ledger.processed, ledger.captured, ledger.discarded) == (39, 0, 1)
    assert summed(made.world, "DestinationDeliveryFailures", **FUNCTION) == [1.0]
    where = {"EventSourceMappingUUID": made.mapping.uuid}
    assert sum(summed(made.world, "DroppedEventCount", **where)) == 1


@pytest.mark.parametrize("kind", ["sns", "s3"])
def test_topics_and_buckets_take_what_is_given_up(kind: str) -> None:
    arn = {"sns": QUEUE.replace("sqs", "sns"), "s3": "arn:aws:s3:::quarantine"}[kind]
    made = poisoned(arn)
    ledger = made.world.ledger(made.mapping.uuid)
    assert (ledger.captured, ledger.discarded) == (1, 0)
    assert summed(made.world, "DestinationDeliveryFailures", **FUNCTION) == []


def test_aws_asks_of_a_destination_only_whether_the_role_may_write_and_only_when_it_is_named() -> (
    None
):
    made = poisoned(QUEUE)
    made.world.add_destination(DestinationSpec(arn=QUEUE, state="denies"))
    made.update(MaximumRetryAttempts=2)
    made.world.run_until(made.world.env.now + 300)
    with pytest.raises(AwsError, match="ensure the role can perform"):
        made.update(DestinationConfig={"OnFailure": {"Destination": QUEUE}})


def test_halves_may_keep_the_retries_that_the_whole_has_used() -> None:
    settings = MappingSettings(
        batch_size=32,
        bisect_on_error=True,
        maximum_retry_attempts=3,
        on_failure_destination=QUEUE,
    )
    producer = replace(burst(32), poison_at_seconds=(0.0,))
    captured = []
    for costs in (False, True):
        knobs = replace(CALM, split_costs_retries=costs)
        made = rig(producer=producer, behaviour=QUICK, settings=settings, knobs=knobs)
        made.seconds_until_drained(600)
        captured.append(made.world.ledger(made.mapping.uuid).captured)
    assert captured[0] == 1
    assert captured[1] > 1


def test_other_triggers_succeed_without_an_age_while_this_streams_records_fail() -> None:
    stream = "arn:aws:kinesis:eu-central-1:123456789012:stream/orders"
    function = FunctionSpec(
        name="consumer",
        behaviour=QUICK,
        outages=(Outage(from_seconds=0, to_seconds=1e9, source_arn=stream),),
        direct_calls=DirectCalls(rate=constant(2), seconds=0.05),
    )
    made = rig(producer=STEADY, function=function)
    made.world.run_until(900)
    errors, invocations = (
        sum(summed(made.world, name, **FUNCTION)) for name in ("Errors", "Invocations")
    )
    assert made.world.ledger(made.mapping.uuid).processed == 0
    assert invocations - errors > 1000
    assert max(summed(made.world, "IteratorAge", "Maximum", **FUNCTION)) > 600_000


def test_a_filter_passes_its_share_and_the_rest_is_done_without_an_invocation() -> None:
    settings = MappingSettings(filter_patterns=("{}",), event_count_metrics=True)
    world = World(START, AccountSpec(), Knobs(), seed=1)
    stream = world.add_stream(StreamSpec(name="orders"))
    world.add_function(FunctionSpec(name="consumer", behaviour=QUICK))
    mapping = world.add_mapping(
        MappingSpec(
            function="consumer", source_arn=stream.arn, settings=settings, filter_passes=0.1
        )
    )
    world.add_producer(STEADY)
    world.run_until(1200)
    where = {"EventSourceMappingUUID": mapping.uuid}
    polled, out, invoked = (
        sum(summed(world, f"{name}EventCount", **where))
        for name in ("Polled", "FilteredOut", "Invoked")
    )
    assert polled == out + invoked
    assert 0.03 < invoked / polled < 0.2
    assert world.ledger(mapping.uuid).queued <= 2


def test_a_lost_minute_is_missing_while_its_neighbours_are_there() -> None:
    world = rig(producer=STEADY, behaviour=QUICK).world
    world.metrics.lose("Errors", 120, 240)
    world.run_until(700)
    errors, invocations = (summed(world, name, **FUNCTION) for name in ("Errors", "Invocations"))
    assert len(errors) == len(invocations) - 2


def test_a_batch_does_not_cross_a_tumbling_window_and_a_split_breaks_it() -> None:
    settings = MappingSettings(tumbling_window_seconds=60, batching_window_seconds=50)
    made = rig(producer=STEADY, behaviour=QUICK, settings=settings)
    made.world.run_until(600)
    for delivery in made.deliveries:
        arrivals = [delivery.shard.arrivals[record] // 60 for record in delivery.records]
        assert arrivals[0] == arrivals[-1]
    assert made.mapping.windows_broken == 0
    made.world.update_shard_count(made.stream.arn, 2)
    made.world.run_until(900)
    assert made.mapping.windows_broken == 1


@pytest.mark.parametrize("unpacks", [True, False])
def test_a_split_loses_records_inside_of_aggregates_for_whoever_unpacks_them(
    unpacks: bool,
) -> None:
    keys = Keys(kind="aggregated", population=64, records_per_aggregate=10)
    made = rig(producer=replace(STEADY, keys=keys), behaviour=QUICK)
    made.world.add_outside_reader(OutsideReaderSpec(stream="orders", deaggregates=unpacks))
    made.world.run_until(300)
    assert made.stream.sub_records_lost(60) == 0
    made.world.update_shard_count(made.stream.arn, 2)
    made.world.run_until(900)
    assert (made.stream.sub_records_lost(60) > 100) == unpacks


def test_a_backend_may_fail_before_it_is_full() -> None:
    world = World(START, AccountSpec(), Knobs(), seed=1)
    backend = world.add_backend(
        BackendSpec(name="db", concurrency=2, errors_per_overload=1.0, errors_from=0.25)
    )
    backend.in_flight = 1
    failed = sum(backend.fails(0.0) for _ in range(1000))
    assert 200 < failed < 300


def test_a_table_s_write_units_are_not_its_records() -> None:
    producer = replace(STEADY, record_bytes=2500)
    made = rig(producer=producer, behaviour=QUICK, stream=StreamSpec(name="orders", table="orders"))
    made.world.run_until(600)
    assert summed(made.world, "ConsumedWriteCapacityUnits", TableName="orders")[1] == 3 * 120
