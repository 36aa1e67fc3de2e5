"""Levers that are asked for by default, in the lab: made where they may be, and what came of it."""

from lab.scenarios import CONSUMER
from remediator.model import Status
from tests.lab.acting import changes, policy, run_until, run_until_changed, set_up, statuses

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
    run_until(stage, stage.seconds + 7200)
    assert changes(stage)[-1] == (setting, now, None)
