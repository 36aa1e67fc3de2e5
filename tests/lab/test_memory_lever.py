"""More memory in the lab: asked for by default, made where it may be, and the age comes down."""

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
