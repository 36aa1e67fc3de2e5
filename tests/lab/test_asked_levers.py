"""Levers that are asked for by default, in the lab: made where they may be, and what came of it."""

from lab.recorder import in_charge
from lab.scenarios import CONSUMER
from remediator.model import Status
from tests.lab.acting import (
    changes,
    in_effect,
    policy,
    results,
    run_until,
    run_until_changed,
    set_up,
    settings,
    statuses,
)

WORLD = ("slow_cpu_bound", 2)
LANES_OFF = "  raise_parallelization_factor: {autonomy: 'off'}"


def test_more_memory_for_a_function_that_computes_ends_the_lag_without_a_restart() -> None:
    stage = set_up(*WORLD, policy("remedies:", LANES_OFF, "  raise_memory: {autonomy: auto}"))
    before = stage.world.functions[CONSUMER].memory_mb
    run_until_changed(stage, "memory_mb", 3600)
    [(setting, was, now)] = changes(stage)
    assert (setting, was) == ("memory_mb", before)
    assert stage.world.functions[CONSUMER].memory_mb == now
    run_until(stage, stage.seconds + 3600)
    assert Status.NOTHING_TO_DO in statuses(stage)


def test_by_default_a_person_is_asked_for_it() -> None:
    stage = set_up(*WORLD, policy("remedies:", LANES_OFF))
    run_until(stage, 3600)
    assert Status.AWAITING_APPROVAL in statuses(stage)
    assert changes(stage) == []


def test_a_starved_consumer_gets_a_reservation_and_gives_it_back_when_all_is_quiet() -> None:
    stage = set_up(
        "throttled_by_account", 1, policy("remedies:", "  reserve_concurrency: {autonomy: auto}")
    )
    run_until_changed(stage, "reserved_concurrency", 3600)
    [(setting, was, now)] = changes(stage)
    assert (setting, was) == ("reserved_concurrency", None)
    assert isinstance(now, int)
    told = next(str(one) for report in results(stage) for one in in_effect(report))
    assert "it is taken from the busiest, who are checkout (" in told
    run_until(stage, stage.seconds + 7200)
    assert changes(stage)[-1] == (setting, now, None)


def test_another_mapping_takes_over_and_taken_back_leaves_the_old_one_and_nothing_else() -> None:
    """Its alarm names the function, whose mapping is another by then: one incident all the same."""
    free = ("  split_shards: {autonomy: 'off'}", "  enhanced_fan_out: {autonomy: auto}")
    stage = set_up("read_contention_by_mappings", 2, policy("remedies:", *free))
    before, mapping = settings(stage), stage.mapping
    incident = run_until_changed(stage, "reads_by", 3600)
    run_until(stage, stage.seconds + 300)
    (heir,) = in_charge(stage.world)
    assert heir.is_fan_out
    assert heir.settings == mapping.settings
    assert (mapping.state, heir.state) == ("Disabled", "Enabled")
    assert stage.recorder.ledger().expired == 0
    run_until(stage, stage.seconds + 300)
    assert stage.world.oldest_unprocessed_age_seconds(heir.uuid) < 60
    assert {one["incident_id"] for one in results(stage) if one.get("verdict")} == {incident}
    stage.rehearsal.invoke({"rollback": incident, "by": "ada"})
    run_until(stage, stage.seconds + 600)
    assert in_charge(stage.world) == [mapping]
    assert (mapping.state, settings(stage)) == ("Enabled", before)
    assert not mapping.stream.consumers
    assert heir.uuid not in stage.world.mappings
