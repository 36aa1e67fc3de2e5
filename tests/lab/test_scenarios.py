"""The incidents that the lab plays: each is what it says, and what helps it helps."""

from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from typing import get_args

import pytest

from lab.baselines import NOTHING, pulling
from lab.episode import Episode
from lab.plant import World
from lab.play import play
from lab.scenarios import CONSUMER, INCIDENTS, MAPPING, SCENARIOS, Lever, Scenario
from lab.stage import Levers
from remediator.model import Cause, RemedyName

EVERY = [pytest.param(scenario, id=name) for name, scenario in INCIDENTS.items()]
# These begin with their trouble.
SUDDEN = {"reference_demo", "expiry_near"}
# Until then every other one is healthy.
QUIET_SECONDS = 880.0
WANTED = {
    "slow I/O-bound": "slow_io_bound",
    "slow CPU-bound": "slow_cpu_bound",
    "the reference demo": "reference_demo",
    "throttled by reservation": "throttled_by_reservation",
    "throttled by the account": "throttled_by_account",
    "poison on one of many shards": "poison_on_one_of_many",
    "poison on a single shard": "poison_on_a_single_shard",
    "poison hidden by partial-batch responses": "poison_in_partial_batches",
    "function failure by deploy": "failure_by_deploy",
    "function failure by a backend outage that heals": "failure_by_outage",
    "timeouts from too large batches": "timeouts_of_large_batches",
    "read contention by other mappings": "read_contention_by_mappings",
    "read contention by an outside consumer": "read_contention_by_an_outside_consumer",
    "hot shard": "hot_shard",
    "hot partition key": "hot_partition_key",
    "KPL aggregation": "kpl_aggregation",
    "backend that saturates when pushed": "saturating_backend",
    "producer burst that heals by itself": "producer_burst",
    "paused mapping": "paused_mapping",
    "reservation 0": "reserved_at_zero",
    "expiry near": "expiry_near",
    "two causes at once": "two_causes_at_once",
    "a function with two mappings": "two_mappings",
    "metrics with gaps": "metrics_with_gaps",
    "DynamoDB stream with three readers": "table_stream_with_three_readers",
}


def world_at(scenario: Scenario, seconds: float, seed: int = 0) -> World:
    world = scenario.blueprint(seed).build(seed)
    world.run_until(seconds)
    return world


def total(world: World, namespace: str, metric: str, **dimensions: str) -> float:
    """The sum of a metric over all that CloudWatch shows by now."""
    points = world.metrics.query(
        namespace, metric, dimensions, "Sum", 60, datetime(2026, 1, 1, tzinfo=UTC), world.now()
    )
    return sum(value for _, value in points)


@cache
def fate(name: str, levers: Levers | None = None, seed: int = 0) -> Episode:
    """What becomes of an incident when these levers are pulled at its alarm."""
    strategy = pulling("test", "", levers) if levers else NOTHING
    return play(SCENARIOS[name], seed, strategy)


@pytest.mark.parametrize("name", [pytest.param(name, id=kind) for kind, name in WANTED.items()])
def test_every_kind_of_incident_is_there(name: str) -> None:
    assert name in SCENARIOS


@pytest.mark.parametrize("scenario", EVERY)
def test_a_scenario_says_its_truth_and_teaches_it(scenario: Scenario) -> None:
    assert scenario.causes
    assert Cause.UNKNOWN not in scenario.causes
    assert scenario.levers <= set(get_args(Lever))
    assert scenario.title[0].isupper()
    assert 80 <= len(scenario.lesson) <= 320
    assert scenario.lesson.endswith(".")


def test_all_remedies_have_an_incident_that_they_are_for() -> None:
    needed = set().union(*(scenario.levers for scenario in SCENARIOS.values()))
    assert set(RemedyName) - {RemedyName.ESCALATE} <= needed


@pytest.mark.parametrize("scenario", EVERY)
def test_the_same_seed_tells_the_same_story_and_another_one_another(scenario: Scenario) -> None:
    until = scenario.watch_from_seconds + (2400 if scenario.watch_from_seconds else 1500)
    until = min(scenario.horizon_seconds, until)
    first, second = (world_at(scenario, until, seed=3) for _ in range(2))
    assert first.ledger(MAPPING) == second.ledger(MAPPING)
    assert first.metrics.names("AWS/Lambda") == second.metrics.names("AWS/Lambda")
    ages = [world.oldest_unprocessed_age_seconds(MAPPING) for world in (first, second)]
    assert ages[0] == ages[1]
    if scenario.name != "reference_demo":  # the same to the record, whatever the seed
        other = world_at(scenario, until, seed=1)
        assert other.ledger(MAPPING).produced != first.ledger(MAPPING).produced


@pytest.mark.parametrize("scenario", [param for param in EVERY if param.id not in SUDDEN])
def test_it_is_healthy_before_it_begins(scenario: Scenario) -> None:
    world = scenario.blueprint(1).build(1)
    for seconds in range(120, int(QUIET_SECONDS), 20):
        world.run_until(seconds)
        if scenario.name == "metrics_with_gaps":
            continue  # its invocations last for minutes
        assert world.oldest_unprocessed_age_seconds(MAPPING) < 60
    invoked = total(world, "AWS/Lambda", "Invocations", FunctionName=CONSUMER)
    assert total(world, "AWS/Lambda", "Errors", FunctionName=CONSUMER) <= 0.03 * invoked
    assert total(world, "AWS/Lambda", "Throttles", FunctionName=CONSUMER) <= 0.3 * invoked


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("scenario", EVERY)
def test_the_alarm_calls(scenario: Scenario, seed: int) -> None:
    alarm = fate(scenario.name, seed=seed).alarm_at_seconds
    assert alarm is not None
    if scenario.name not in SUDDEN:
        assert 1000 < alarm < 1900


@pytest.mark.parametrize(
    ("name", "namespace", "metric"),
    [
        ("throttled_by_reservation", "AWS/Lambda", "Throttles"),
        ("throttled_by_account", "AWS/Lambda", "Throttles"),
        ("poison_on_one_of_many", "AWS/Lambda", "Errors"),
        ("poison_on_a_single_shard", "AWS/Lambda", "Errors"),
        ("failure_by_deploy", "AWS/Lambda", "Errors"),
        ("failure_by_outage", "AWS/Lambda", "Errors"),
        ("timeouts_of_large_batches", "AWS/Lambda", "Errors"),
        ("read_contention_by_mappings", "AWS/Kinesis", "ReadProvisionedThroughputExceeded"),
        (
            "read_contention_by_an_outside_consumer",
            "AWS/Kinesis",
            "ReadProvisionedThroughputExceeded",
        ),
    ],
)
def test_its_sign_shows_once_it_has_begun(name: str, namespace: str, metric: str) -> None:
    where = {"FunctionName": CONSUMER} if namespace == "AWS/Lambda" else {"StreamName": "orders"}
    world = world_at(SCENARIOS[name], QUIET_SECONDS)
    before = total(world, namespace, metric, **where)
    world.run_until(2 * QUIET_SECONDS)
    assert total(world, namespace, metric, **where) - before > 2 * before + 10


@pytest.mark.parametrize(
    "name",
    ["slow_io_bound", "slow_cpu_bound", "hot_shard", "hot_partition_key", "kpl_aggregation"],
)
def test_where_only_capacity_lacks_nothing_fails_and_nothing_is_throttled(name: str) -> None:
    world = world_at(SCENARIOS[name], 2400)
    assert world.oldest_unprocessed_age_seconds(MAPPING) > 60
    assert total(world, "AWS/Lambda", "Errors", FunctionName=CONSUMER) == 0
    assert total(world, "AWS/Lambda", "Throttles", FunctionName=CONSUMER) == 0


def test_partial_batch_responses_hide_the_poison_record() -> None:
    world = world_at(SCENARIOS["poison_in_partial_batches"], 2400)
    assert world.oldest_unprocessed_age_seconds(MAPPING) > 1000
    assert total(world, "AWS/Lambda", "Errors", FunctionName=CONSUMER) == 0


@pytest.mark.parametrize("name", [name for name in INCIDENTS if name.startswith("poison")])
def test_there_is_exactly_one_poison_record(name: str) -> None:
    world = world_at(SCENARIOS[name], 2400)
    shards = world.mappings[MAPPING].stream.shards.values()
    assert sum(len(shard.poison) for shard in shards) == 1


def test_records_expire_where_expiry_is_near() -> None:
    assert fate("expiry_near").lost > 500


def test_a_burst_is_over_before_help_could_come() -> None:
    ended = fate("producer_burst").recovery_seconds
    assert ended is not None
    assert ended < 120


@pytest.mark.parametrize(
    ("name", "levers"),
    [
        ("slow_io_bound", Levers(factor=10)),
        ("slow_cpu_bound", Levers(factor=10)),
        ("reference_demo", Levers(factor=10)),
        ("hot_shard", Levers(factor=10)),
        ("two_mappings", Levers(factor=10)),
        ("metrics_with_gaps", Levers(factor=10)),
        ("throttled_by_reservation", Levers(reserved=40)),
        ("poison_on_one_of_many", Levers(bounded=True)),
        ("poison_on_a_single_shard", Levers(bounded=True)),
        ("poison_in_partial_batches", Levers(bounded=True)),
        ("timeouts_of_large_batches", Levers(bisect=True)),
        ("two_causes_at_once", Levers(bounded=True, factor=10)),
        ("read_contention_by_mappings", Levers(double_shards=True)),
    ],
)
def test_the_right_lever_helps_where_nothing_does_not(name: str, levers: Levers) -> None:
    alone, helped = fate(name), fate(name, levers)
    assert helped.recovery_seconds is not None
    if alone.recovery_seconds is not None:
        assert helped.recovery_seconds < 0.5 * alone.recovery_seconds
    assert helped.lost == helped.captured_good == 0
    assert not helped.starved


@pytest.mark.parametrize(
    ("name", "levers"),
    [
        pytest.param("hot_partition_key", Levers(factor=10), id="lanes for a hot key"),
        pytest.param("kpl_aggregation", Levers(factor=10), id="lanes for aggregated records"),
        pytest.param("saturating_backend", Levers(factor=10), id="lanes for a full database"),
        pytest.param("poison_on_one_of_many", Levers(factor=10), id="lanes for a poison record"),
        pytest.param(
            "poison_on_a_single_shard", Levers(double_shards=True), id="shards for poison"
        ),
        pytest.param("throttled_by_reservation", Levers(factor=10), id="lanes for a throttled one"),
        pytest.param("reference_demo", Levers(double_shards=True), id="shards for a backlog"),
    ],
)
def test_the_tempting_lever_gains_nothing(name: str, levers: Levers) -> None:
    alone, tempted = fate(name).recovery_seconds, fate(name, levers).recovery_seconds
    assert (tempted or float("inf")) >= 0.9 * (alone or float("inf"))


def test_bounded_retries_would_give_up_good_records_of_a_broken_function() -> None:
    tempted = fate("failure_by_deploy", Levers(bounded=True))
    assert tempted.captured_good > 100


@pytest.mark.parametrize("name", ["paused_mapping", "reserved_at_zero"])
def test_a_stopped_consumer_does_not_move_until_somebody_starts_it(name: str) -> None:
    scenario = SCENARIOS[name]
    healed = scenario.blueprint(0).heals_at_seconds
    assert healed is not None
    world = world_at(scenario, healed - 600)
    done = []
    for seconds in (healed - 600, healed - 300, healed - 10):
        world.run_until(seconds)
        done.append(world.ledger(MAPPING).processed)
    assert all(before == after for before, after in pairwise(done))
    world.run_until(healed + 600)
    assert world.ledger(MAPPING).processed > done[-1]
