"""Safe hands in the lab: the shipped code on simulated pipelines, to the right end each time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import pytest

from lab.bridge import Conditions, Rehearsal
from lab.plant import (
    AccountSpec,
    FunctionSpec,
    Knobs,
    MappingSettings,
    MappingSpec,
    NeighbourSpec,
    Outage,
    ProducerSpec,
    StreamSpec,
    World,
)
from lab.plant.rates import constant
from lab.scenarios import MAPPING, SCENARIOS, Blueprint, Scenario
from lab.scenarios.blueprint import START
from lab.scenarios.parts import MANY_KEYS, Pipeline, consumer
from lab.stage import Stage
from remediator.model import Cause
from remediator.policy import Policy
from tests.lab.acting import (
    Snapshot,
    causes,
    changes,
    discarded,
    in_effect,
    played,
    policy,
    raised,
    results,
    run_until,
    run_until_changed,
    set_up,
    settings,
    statuses,
)

NO_FACTOR = ("remedies:", "  raise_parallelization_factor: {autonomy: off}")
OURS = 'streams_of_ours: ["*"]'
# Until the plant has finished with a mapping or a stream.
SETTLES_SECONDS = 150


@pytest.mark.parametrize(
    ("scenario", "setting", "lines"),
    [
        pytest.param("slow_io_bound", "parallelization_factor", (), id="more lanes"),
        pytest.param("poison_on_one_of_many", "maximum_retry_attempts", (), id="isolated poison"),
        pytest.param("poison_on_a_single_shard", "bisect_on_error", (), id="bisecting alone"),
        pytest.param("hot_shard", "shards", (*NO_FACTOR, OURS), id="one split shard"),
        pytest.param("throttled_by_reservation", "reserved_concurrency", (), id="a reservation"),
        pytest.param("expiry_near", "retention_hours", (), id="a longer retention"),
    ],
)
def test_a_rollback_leaves_the_old_settings_but_for_what_keeps_records(
    scenario: str, setting: str, lines: tuple[str, ...]
) -> None:
    stage = set_up(scenario, text=policy(*lines))
    run_until(stage, 600)
    before = settings(stage)
    incident = run_until_changed(stage, setting, SCENARIOS[scenario].horizon_seconds)
    run_until(stage, stage.seconds + SETTLES_SECONDS)
    assert settings(stage) != before
    report = stage.rehearsal.invoke({"rollback": incident, "by": "ada"})
    assert report.result["outcome"]["status"] == "rolled_back"
    run_until(stage, stage.seconds + SETTLES_SECONDS)
    told = report.result["outcome"]["reason"]
    stays = [name for name in KEEPS_RECORDS if f"{name}=" in told]
    assert stays == KEPT.get(setting, [])
    assert without(settings(stage), stays) == without(before, stays)
    assert discarded(stage) == 0


KEEPS_RECORDS = ("retention_hours", "on_failure_destination")
# What a rollback leaves in place, since it would lose records, and says so.
KEPT = {
    "retention_hours": ["retention_hours"],  # the oldest unread record is older than it was
    "maximum_retry_attempts": ["on_failure_destination"],  # the record still fails
}


def without(shot: Snapshot, stays: Sequence[str]) -> Snapshot:
    """The settings, as if what keeps records were what it always was."""
    mapping, reserved, retention, shards = shot
    assert isinstance(mapping, MappingSettings)
    if "on_failure_destination" in stays:
        mapping = replace(mapping, on_failure_destination=None)
    return mapping, reserved, 24 if "retention_hours" in stays else retention, shards


def test_a_backend_that_is_saturated_already_is_named_before_anything_is_raised() -> None:
    stage = played("saturating_backend", seed=1)
    assert "downstream_saturated" in causes(stage)
    assert "applied" not in statuses(stage)
    assert lost(stage) == 0


def test_a_saturated_backend_is_named_and_what_was_raised_is_taken_back() -> None:
    """Nothing tells it beforehand: its first minutes are those of a slow consumer."""
    stage = played("saturates_when_pushed")
    assert "downstream_saturated" in causes(stage)
    assert "rolled_back" in statuses(stage)
    assert stage.mapping.settings.parallelization_factor == 1
    assert lost(stage) == 0


def test_a_broken_function_is_left_alone_and_no_record_is_given_up() -> None:
    stage = played("failure_by_deploy")
    assert causes(stage)[0] == "function_failure"
    assert not {setting for setting, *_ in changes(stage)} & {
        "maximum_retry_attempts",
        "maximum_record_age_seconds",
    }
    assert lost(stage) == 0


def lost(stage: Stage) -> int:
    """Records that were given up, kept or not, and those that expired."""
    ledger = stage.world.ledger(MAPPING)
    return ledger.discarded + ledger.captured + ledger.expired


def test_a_poison_record_in_the_only_shard_goes_in_two_stages() -> None:
    stage = played("poison_on_a_single_shard")
    first, second = [r for r in results(stage) if r["outcome"]["status"] == "applied"][:2]
    assert {change["setting"] for change in in_effect(first)} == {
        "bisect_on_error",
        "parallelization_factor",
    }
    assert {change["setting"] for change in in_effect(second)} == {
        "maximum_retry_attempts",
        "on_failure_destination",
        "parallelization_factor",
    }
    assert second["poison"]["shard_id"]
    ledger = stage.world.ledger(MAPPING)
    assert (ledger.captured, ledger.discarded, ledger.expired) == (1, 0, 0)
    assert statuses(stage)[-1] in {"restored", "duplicate", "recorded"}


def test_a_poison_record_among_others_is_captured_and_all_is_restored() -> None:
    stage = played("poison_on_one_of_many")
    assert stage.world.ledger(MAPPING).captured == 1
    assert discarded(stage) == 0
    assert stage.mapping.settings.maximum_retry_attempts == -1


def test_behind_partial_responses_nothing_is_captured_before_it_is_shown() -> None:
    """Failures are not counted there: that the other records succeed is shown by how many of the
    mapping's own batches are young, once they have been for long enough beside the record."""
    stage = played("poison_in_partial_batches")
    found = results(stage)
    bounds = (n for n, r in enumerate(found) if "maximum_retry_attempts" in settings_of(r))
    assert found[next(bounds)]["diagnosis"]["proven"]
    assert stage.world.ledger(MAPPING).captured > 0
    assert discarded(stage) == 0
    assert stage.recorder.captured_good() == 0


def settings_of(report: Mapping[str, Any]) -> set[str]:
    """The settings that a report says are changed now."""
    return {change["setting"] for change in in_effect(report)}


# --- not as planned ------------------------------------------------------------------------------

LINE = Pipeline(shards=1, seconds_per_record=0.5, batch_size=10)


def _outgrown(seconds: float) -> float:
    return 6.0 if seconds > 900 else 0.8


def scenario(draw: Blueprint, hours: float) -> Scenario:
    """A story of these tests alone."""
    return Scenario(
        name="of a test",
        title="",
        lesson="",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"raise_parallelization_factor"}),
        draw=lambda _: draw,
        horizon_seconds=hours * 3600,
    )


def test_shards_are_split_over_several_looks_and_merged_to_the_very_same_ranges() -> None:
    four = Pipeline(shards=4, seconds_per_record=0.5, batch_size=10)
    too_much = four.blueprint(lambda seconds: 24.0 if seconds > 900 else 3.0)
    stage = set_up(scenario(too_much, 2), text=policy(*NO_FACTOR, OURS))
    run_until(stage, 600)
    before, shards = settings(stage), len(stage.mapping.stream.open_shards())
    incident = run_until_changed(stage, "shards", 7200)
    run_until(stage, stage.seconds + 90 * shards)
    split = [change for change in changes(stage) if change[0] == "shards"]
    assert len(stage.mapping.stream.open_shards()) == shards + len(split)
    assert len(split) > 1
    assert len([s for s in statuses(stage) if s in {"applied", "partly_applied"}]) > 1
    stage.rehearsal.invoke({"rollback": incident, "by": "ada"})
    run_until(stage, stage.seconds + 300)
    assert settings(stage) == before


FLAPPING_HOURS = 3
# What stands behind the function is down for six minutes, again and again.
OUTAGES = tuple(
    Outage(from_seconds=start, to_seconds=start + 360) for start in range(900, 10_800, 1080)
)


def test_an_alarm_that_flaps_changes_a_mapping_no_oftener_than_is_allowed() -> None:
    steady = LINE.blueprint(constant(0.8), functions=consumer(LINE.io_bound(), outages=OUTAGES))
    stage = set_up(scenario(steady, FLAPPING_HOURS))
    run_until(stage, FLAPPING_HOURS * 3600)
    alarms = [state for _, _, state in stage.rehearsal.transitions if state == "ALARM"]
    assert len(alarms) >= 6
    assert len(writes(stage)) <= FLAPPING_HOURS * Policy().budget.per_target
    assert raised(stage) == []
    assert stage.rehearsal.dead_letters == []
    assert lost(stage) == 0


def writes(stage: Stage) -> list[str]:
    """Calls that changed something of others'."""
    theirs = {"lambda", "kinesis"}
    return [c.name for c in stage.rehearsal.calls if c.service in theirs and not c.is_read]


def changes_at(stage: Stage) -> list[tuple[float, int, int]]:
    """When the factor was changed, from what to what."""
    return [
        ((report.finished - stage.world.start).total_seconds(), change["before"], change["after"])
        for report in stage.rehearsal.reports
        if report.result
        for change in in_effect(report.result)
        if change["setting"] == "parallelization_factor"
    ]


def test_a_factor_that_a_human_sets_in_mid_incident_is_theirs() -> None:
    stage = set_up(scenario(LINE.blueprint(_outgrown), 2))
    run_until_changed(stage, "parallelization_factor", 3600)
    run_until(stage, stage.seconds + SETTLES_SECONDS)
    stage.world.update_event_source_mapping(MAPPING, {"ParallelizationFactor": 6})
    edited = stage.seconds
    run_until(stage, 2 * 3600)
    later = [made for made in changes_at(stage) if made[0] > edited]
    assert all(at - edited >= Policy().cooldown.human_seconds for at, *_ in later)
    assert [before for _, before, _ in later[:1]] in ([], [6])
    assert stage.mapping.settings.parallelization_factor >= 6
    assert lost(stage) == 0


def test_a_mapping_that_a_human_disables_in_mid_incident_stays_so() -> None:
    plain = LINE.blueprint(_outgrown)
    stage = set_up(scenario(plain, 2))
    run_until_changed(stage, "parallelization_factor", 3600)
    run_until(stage, stage.seconds + SETTLES_SECONDS)
    made = len(changes(stage))
    stage.world.update_event_source_mapping(MAPPING, {"Enabled": False})
    run_until(stage, 2 * 3600)
    assert stage.mapping.state == "Disabled"
    assert len(changes(stage)) == made
    assert "consumer_stopped" in causes(stage)


# --- two at once ---------------------------------------------------------------------------------

NEIGHBOURS = 115
TIGHT = AccountSpec(concurrency_limit=160)
# The template's default.
OWN_RESERVATION = 5


FUNCTION = "consumer"


def _two_mappings() -> World:
    """One function with two streams, each of which outgrows its lane."""
    world = World(START, TIGHT, Knobs(), seed=1)
    world.add_function(FunctionSpec(name=FUNCTION, behaviour=LINE.io_bound(), timeout_seconds=180))
    for name in ("orders", "bills"):
        stream = world.add_stream(StreamSpec(name=name))
        world.add_mapping(
            MappingSpec(function=FUNCTION, source_arn=stream.arn, settings=LINE.settings())
        )
        world.add_producer(ProducerSpec(stream=name, rate=constant(12), keys=MANY_KEYS))
    world.add_neighbour(NeighbourSpec(name="checkout", concurrency=constant(NEIGHBOURS)))
    return world


def test_two_incidents_of_one_minute_do_not_spend_the_same_concurrency() -> None:
    world = _two_mappings()
    rehearsal = Rehearsal(world, FUNCTION, {"Mode": "apply"}, policy(), conditions=Conditions())
    rehearsal.run_until(400)
    for uuid in world.mappings:
        rehearsal.send({"event_source_mapping": uuid})
    rehearsal.run_until(640)
    made = [change for r in rehearsal.reports if r.result for change in in_effect(r.result)]
    assert len({change["resource"]["id"] for change in made}) == 2
    wanted = sum(change["after"] - change["before"] for change in made)
    pool = TIGHT.concurrency_limit - OWN_RESERVATION
    limits = Policy().limits
    margin = max(limits.concurrency_margin, ceil(limits.neighbour_growth * NEIGHBOURS))
    free = pool - NEIGHBOURS - 2 - margin
    assert 0 < wanted <= free < 2 * 9, "both together want more than there is"
