"""Second thoughts of what was made: it is used up, was wrong, is of other code, or only costs."""

from typing import Any

import pytest

from remediator.decide.case import Case
from remediator.decide.diagnosis import diagnosed
from remediator.decide.effects import was_answered
from remediator.decide.learned import blames_a_raise, only_costs, used_up, was_wrong
from remediator.decide.refuting import of_other_code
from remediator.evidence.signals import measure
from remediator.model import Answer, Cause, Change, Detail, Diagnosis, RemedyName, Step, Verdict
from tests.evidence import NOW, evidence, slow_consumer
from tests.watching import (
    BEFORE,
    BOUNDING,
    DEFAULTS,
    FUNCTION_CHANGE,
    ISOLATING,
    MAPPING_CHANGE,
    U,
    after_an_undo,
    seconds_ago,
    state,
    tracked,
)

UNCHANGED = Verdict(verdict=U, because="the age went on")


@pytest.mark.parametrize(
    ("changes", "factor", "tried"),
    [
        pytest.param([MAPPING_CHANGE], 2, set(), id="raised once, and not as far as it may be"),
        pytest.param(
            [MAPPING_CHANGE], 10, {"raise_parallelization_factor"}, id="raised all the way"
        ),
        pytest.param([FUNCTION_CHANGE], 2, {"raise_reserved_concurrency"}, id="a reservation"),
        pytest.param([FUNCTION_CHANGE, MAPPING_CHANGE], 2, set(), id="room for a first step"),
        pytest.param([ISOLATING], 2, set(), id="a record is only looked for"),
        pytest.param([ISOLATING, BOUNDING], 2, {"isolate_poison"}, id="it is given up, and stays"),
    ],
)
def test_a_remedy_is_used_up_once_all_of_it_was_tried(
    changes: list[Change], factor: int, tried: set[str]
) -> None:
    seen = evidence(parallelization_factor=factor)
    here = Case(seen, measure(seen, DEFAULTS.thresholds), DEFAULTS)
    made = tuple(tracked(change) for change in changes)
    before = BEFORE.model_copy(update={"processed_per_second": 1e6, "successes_per_minute": 1e6})
    found = used_up(state(changes=made, before=before), UNCHANGED, here)
    assert set(found.tried) == tried


BOUND = MAPPING_CHANGE.model_copy(
    update={
        "remedy": RemedyName.ISOLATE_POISON,
        "setting": "maximum_retry_attempts",
        "before": -1,
        "after": 7,
    }
)
MORE_MEMORY = MAPPING_CHANGE.model_copy(
    update={"setting": "memory_mb", "before": 512, "after": 1024}
)


@pytest.mark.parametrize(
    ("deployed_ago", "failing", "changes", "void"),
    [
        pytest.param(300, 200.0, (BOUND,), True, id="other code, and much fails"),
        pytest.param(300, 4.0, (BOUND,), False, id="only the record's own tries fail"),
        pytest.param(900, 200.0, (BOUND,), False, id="the code that the proof was of"),
        pytest.param(300, 200.0, (BOUND, MORE_MEMORY), False, id="it was us who changed it"),
        pytest.param(300, 200.0, (), False, id="nothing of ours is bounded"),
    ],
)
def test_a_bound_rests_on_nothing_once_the_function_is_another_one_and_fails(
    deployed_ago: float, failing: float, changes: tuple[Change, ...], *, void: bool
) -> None:
    """Good records were seen to succeed with the code of then (invariant 2)."""
    seen = evidence(
        function_last_modified=NOW - seconds_ago(deployed_ago),
        invocations=300.0,
        errors=[0.0] * 26 + [failing] * 4,
    )
    known = state(changes=tuple(tracked(change, 600) for change in changes))
    assert (of_other_code(known, diagnosed(seen, DEFAULTS)) is not None) is void


SMALLER = MAPPING_CHANGE.model_copy(
    update={
        "remedy": RemedyName.LOWER_BATCH_SIZE,
        "setting": "batch_size",
        "before": 10,
        "after": 2,
    }
)


@pytest.mark.parametrize(
    ("said", "costs"),
    [
        pytest.param({"duration_max_ms": 4_000}, True, id="a batch of before would end in time"),
        pytest.param({"duration_max_ms": 9_000}, False, id="it may run into the timeout again"),
        pytest.param({"duration_max_ms": 4_000, "errors": 1}, False, id="some fails yet"),
    ],
)
def test_smaller_batches_go_back_once_they_only_make_the_lanes_slower(
    said: dict[str, Any], costs: bool
) -> None:
    """What stood behind was slow, and is not any more: now the batches are too small."""
    seen = slow_consumer(batch_size=2, timeout_seconds=30, **said)
    slow = Diagnosis(cause=Cause.SLOW_CONSUMER, path=())
    here = diagnosed(seen, DEFAULTS)._replace(diagnosis=slow)
    assert bool(only_costs(state(600, SMALLER), here)) is costs
    stopped = here._replace(diagnosis=Diagnosis(cause=Cause.CONSUMER_STOPPED, path=()))
    assert only_costs(state(600, SMALLER), stopped) is None


def test_what_a_newer_turn_has_left_alone_was_judged_before() -> None:
    undone = after_an_undo(340)
    assert [was_answered(undone, each) for each in undone.changes] == [True, False]
    only_learned = saturated(Step(id="learned", question="?", answer=Answer.YES, because="shown"))
    assert not was_wrong(undone, only_learned)
    assert was_wrong(state(280), only_learned)


def test_what_a_newer_turn_has_left_alone_is_too_much_once_the_newest_readings_say_so() -> None:
    """The newer turn is gone, and lanes are as slow as with it (invariant 5)."""
    assert was_wrong(after_an_undo(340), saturated())


def saturated(*path: Step) -> Diagnosis:
    return Diagnosis(cause=Cause.DOWNSTREAM_SATURATED, path=path)


@pytest.mark.parametrize(
    "detail", [Detail.NONE, Detail.EVERYWHERE, Detail.PARTIAL, Detail.TIMEOUTS]
)
def test_no_bound_of_ours_stays_while_the_function_may_be_what_fails(detail: Detail) -> None:
    """However it fails, good records would be given up (invariant 2). A split loses none."""
    found = Diagnosis(cause=Cause.FUNCTION_FAILURE, detail=detail, path=())
    assert was_wrong(state(280, BOUNDING), found)
    assert not was_wrong(state(280, ISOLATING), found)


def test_a_raise_that_is_taken_back_for_what_stands_behind_is_held_against_what_comes_without() -> (
    None
):
    """Also where no number has grown worse, and the readings alone have named it."""
    saturated = Diagnosis(cause=Cause.DOWNSTREAM_SATURATED, path=())
    assert blames_a_raise([tracked()], saturated)
    assert not blames_a_raise([tracked(ISOLATING)], saturated)
    assert not blames_a_raise([tracked()], Diagnosis(cause=Cause.HOT_PARTITION_KEY, path=()))
