"""What each verdict leads to: wait, go on, roll back, restore, close, call a person."""

from typing import Any

import pytest

from remediator.decide.next_step import next_step, surer
from remediator.model import (
    Answer,
    Cause,
    Change,
    Detail,
    Diagnosis,
    FollowUpDecision,
    Step,
    Verdict,
    VerdictName,
)
from remediator.policy import FollowUps, Policy
from remediator.state import ChangeState, IncidentState
from tests.evidence import NOW
from tests.watching import (
    BOUNDING,
    DEFAULTS,
    FUNCTION_CHANGE,
    ISOLATING,
    MAPPING_CHANGE,
    D,
    E,
    I,
    R,
    U,
    W,
    seconds_ago,
    shown,
    signals,
    state,
)


def decided(
    told: VerdictName,
    of: IncidentState | None = None,
    now_shows: Diagnosis | None = None,
    policy: Policy = DEFAULTS,
) -> FollowUpDecision:
    of = of or state()
    shows = now_shows or of.diagnosis or Diagnosis(cause=Cause.UNKNOWN, path=())
    return next_step(of, Verdict(verdict=told, because="so"), shows, policy, NOW).decision


def shows(cause: Cause, detail: Detail = Detail.NONE) -> Diagnosis:
    proven = detail in {Detail.ISOLATED, Detail.PARTIAL_BATCHES}
    return Diagnosis(cause=cause, path=(), detail=detail, proven=proven)


SUSPECTED = shows(Cause.POISON_RECORD, Detail.SUSPECTED)
QUIET = NOW - seconds_ago(DEFAULTS.follow_up.quiet_seconds)


@pytest.mark.parametrize(
    ("told", "of", "now_shows", "decision"),
    [
        pytest.param(W, state(), None, D.ROLL_BACK, id="worse: roll back"),
        pytest.param(E, state(60), None, D.WAIT, id="too early: wait"),
        pytest.param(R, state(None), None, D.CLOSE, id="recovered by itself: close"),
        pytest.param(R, state(), None, D.WAIT, id="recovered just now: wait until quiet"),
        pytest.param(
            R, state(quiet_since=NOW - seconds_ago(60)), None, D.WAIT, id="not quiet for long"
        ),
        pytest.param(R, state(quiet_since=QUIET), None, D.RESTORE, id="quiet: restore"),
        pytest.param(
            I, state(), shows(Cause.RECOVERING), D.WAIT, id="improving and soon over: wait"
        ),
        pytest.param(I, state(), None, D.NEXT_RUNG, id="improving too slowly: next rung"),
        pytest.param(I, state(), SUSPECTED, D.NEXT_RUNG, id="a record stands still beside it"),
        pytest.param(I, state(60, ISOLATING, SUSPECTED), SUSPECTED, D.WAIT, id="it is looked for"),
        pytest.param(
            I,
            state(60, ISOLATING, shows(Cause.POISON_RECORD, Detail.ISOLATED)),
            shows(Cause.SLOW_CONSUMER),
            D.NEXT_RUNG,
            id="isolated, but what has piled up drains too slowly: next rung",
        ),
        pytest.param(
            U, state(250, FUNCTION_CHANGE), None, D.NEXT_RUNG, id="there is room for lanes now"
        ),
        pytest.param(U, state(3600), None, D.NEXT_RUNG, id="unchanged for long: next rung"),
        pytest.param(
            U, state(60), shows(Cause.THROTTLING), D.NEXT_RUNG, id="another cause shows: next rung"
        ),
        pytest.param(U, state(60), shows(Cause.RECOVERING), D.WAIT, id="it recovers by itself"),
        pytest.param(
            U, state(None), shows(Cause.SLOW_CONSUMER), D.NEXT_RUNG, id="nothing done yet: try"
        ),
        pytest.param(
            E,
            state(60, ISOLATING, SUSPECTED),
            shows(Cause.POISON_RECORD, Detail.ISOLATED),
            D.NEXT_RUNG,
            id="poison is proven now: bound the retries",
        ),
        pytest.param(
            E, state(60, ISOLATING, SUSPECTED), SUSPECTED, D.WAIT, id="poison is only suspected"
        ),
    ],
)
def test_what_comes_next(
    told: VerdictName, of: IncidentState, now_shows: Diagnosis | None, decision: FollowUpDecision
) -> None:
    assert decided(told, of, now_shows) is decision


def test_a_suspicion_becomes_surer_only_by_proof() -> None:
    of = state(60, ISOLATING, SUSPECTED)
    assert surer(of, shows(Cause.POISON_RECORD, Detail.ISOLATED))
    assert not surer(of, SUSPECTED)
    assert not surer(of, shows(Cause.FUNCTION_FAILURE, Detail.EVERYWHERE))
    assert not surer(state(), shows(Cause.POISON_RECORD, Detail.ISOLATED))


@pytest.mark.parametrize(
    ("approved", "everything_fails", "clear", "decision"),
    [
        pytest.param("undecided", Answer.YES, True, D.ROLL_BACK, id="and all that comes after it"),
        pytest.param("undecided", Answer.YES, False, D.WAIT, id="perhaps it is not given up yet"),
        pytest.param("undecided", Answer.NO, True, D.NEXT_RUNG, id="but the rest succeeds"),
        pytest.param("isolated", Answer.YES, True, D.NEXT_RUNG, id="of a function shown healthy"),
    ],
)
def test_what_a_person_has_let_go_without_proof_is_stopped_where_all_goes_on_failing(
    approved: str, everything_fails: Answer, *, clear: bool, decision: FollowUpDecision
) -> None:
    made = state(60, BOUNDING, shows(Cause.POISON_RECORD, Detail(approved)))
    step = Step(id="everything_fails", question="?", answer=everything_fails, because="so")
    now_shows = shows(Cause.POISON_RECORD, Detail.UNDECIDED).model_copy(update={"path": (step,)})
    told = Verdict(verdict=U, because="so")
    assert next_step(made, told, now_shows, DEFAULTS, NOW, clear=clear).decision is decision


@pytest.mark.parametrize(
    ("slope", "decision"), [(-1.0, D.WAIT), (-0.2, D.NEXT_RUNG), (None, D.WAIT)]
)
def test_no_raise_is_made_for_what_is_over_before_its_restart(
    slope: float | None, decision: FollowUpDecision
) -> None:
    """Fifty seconds of age, by the minutes alone since the newest raise; or its course in those is
    not seen yet."""
    of, found = state(250), shows(Cause.SLOW_CONSUMER)
    told = Verdict(verdict=I, because="more gets done than before")
    seen = shown(signals(50, age_slope=slope), 2)
    clear = slope is not None
    assert next_step(of, told, found, DEFAULTS, NOW, clear=clear, seen=seen).decision is decision


def test_while_it_is_not_clear_that_it_does_nothing_it_is_waited() -> None:
    told = Verdict(verdict=U, because="so")
    found = shows(Cause.SLOW_CONSUMER)
    assert next_step(state(60), told, found, DEFAULTS, NOW, clear=False).decision is D.WAIT
    assert next_step(state(60), told, found, DEFAULTS, NOW, clear=True).decision is D.NEXT_RUNG


@pytest.mark.parametrize(
    ("change", "found", "clear", "decision"),
    [
        (MAPPING_CHANGE, shows(Cause.POISON_RECORD, Detail.SUSPECTED), False, D.WAIT),
        (MAPPING_CHANGE, shows(Cause.FUNCTION_FAILURE, Detail.TIMEOUTS), False, D.WAIT),
        (MAPPING_CHANGE, shows(Cause.FUNCTION_FAILURE, Detail.TIMEOUTS), True, D.NEXT_RUNG),
        (MAPPING_CHANGE, shows(Cause.THROTTLING), False, D.NEXT_RUNG),
        (BOUNDING, shows(Cause.FUNCTION_FAILURE, Detail.TIMEOUTS), False, D.NEXT_RUNG),
    ],
)
def test_nothing_is_put_upon_a_raise_while_it_may_be_what_makes_them_fail(
    change: Change, found: Diagnosis, *, clear: bool, decision: FollowUpDecision
) -> None:
    """Another change would hide it, and the raise would stay."""
    told, seen = Verdict(verdict=U, because="so"), shown(signals(900), 2, change)
    step = next_step(state(200, change), told, found, DEFAULTS, NOW, clear=clear, seen=seen)
    assert step.decision is decision


@pytest.mark.parametrize(("clear", "decision"), [(False, D.WAIT), (True, D.NEXT_RUNG)])
def test_a_record_is_looked_for_beside_a_raise_that_helps_once_that_may_not_be_what_fails(
    *, clear: bool, decision: FollowUpDecision
) -> None:
    told, seen = Verdict(verdict=I, because="so"), shown(signals(900), 2, MAPPING_CHANGE)
    step = next_step(
        state(200, MAPPING_CHANGE), told, SUSPECTED, DEFAULTS, NOW, clear=clear, seen=seen
    )
    assert step.decision is decision


STILL_FAILS = {"error_minutes": 2, "error_share": 0.3, "successes_per_minute": 7.0}


@pytest.mark.parametrize(
    ("found", "now_shows", "said", "decision"),
    [
        pytest.param(
            shows(Cause.POISON_RECORD, Detail.ISOLATED),
            shows(Cause.FUNCTION_FAILURE, Detail.PARTIAL),
            STILL_FAILS,
            D.WAIT,
            id="as if the function failed here and there",
        ),
        pytest.param(
            shows(Cause.POISON_RECORD, Detail.ISOLATED),
            shows(Cause.SLOW_CONSUMER),
            STILL_FAILS,
            D.WAIT,
            id="as if the lanes were too few",
        ),
        pytest.param(
            shows(Cause.POISON_RECORD, Detail.ISOLATED),
            shows(Cause.SLOW_CONSUMER),
            {"error_minutes": 0, "climbing_minutes": 3},
            D.NEXT_RUNG,
            id="it is given up, and the lanes are too few",
        ),
        pytest.param(
            shows(Cause.POISON_RECORD, Detail.ISOLATED),
            shows(Cause.SLOW_CONSUMER),
            {"error_minutes": 0, "climbing_minutes": 0},
            D.WAIT,
            id="it is given up, and the age has begun to fall",
        ),
        pytest.param(
            shows(Cause.POISON_RECORD, Detail.PARTIAL_BATCHES),
            shows(Cause.FUNCTION_FAILURE, Detail.PARTIAL),
            {"error_minutes": 0, "failed_event_minutes": 2},
            D.WAIT,
            id="its tries are reported, and no errors",
        ),
        pytest.param(
            shows(Cause.POISON_RECORD, Detail.ISOLATED),
            shows(Cause.FUNCTION_FAILURE, Detail.PARTIAL),
            STILL_FAILS | {"successes_per_minute": 700.0},
            D.NEXT_RUNG,
            id="more fails than one record is tried",
        ),
        pytest.param(
            shows(Cause.POISON_RECORD, Detail.ISOLATED),
            shows(Cause.FUNCTION_FAILURE, Detail.EVERYWHERE),
            STILL_FAILS,
            D.NEXT_RUNG,
            id="everything fails",
        ),
        pytest.param(
            shows(Cause.POISON_RECORD, Detail.UNDECIDED),
            shows(Cause.FUNCTION_FAILURE, Detail.PARTIAL),
            STILL_FAILS,
            D.NEXT_RUNG,
            id="it was never shown",
        ),
    ],
)
def test_a_record_that_was_shown_to_be_bad_has_its_last_tries_before_anything_else_is_done(
    found: Diagnosis, now_shows: Diagnosis, said: dict[str, Any], decision: FollowUpDecision
) -> None:
    """What they look like meanwhile is another restart, or a bound that is taken back too soon."""
    made, told = state(280, BOUNDING, found), Verdict(verdict=U, because="so")
    seen = shown(signals(900, **said), 2, BOUNDING)
    step = next_step(made, told, now_shows, DEFAULTS, NOW, clear=False, seen=seen)
    assert step.decision is decision


@pytest.mark.parametrize(
    ("after", "clear", "decision"),
    [
        pytest.param(8, False, D.WAIT, id="the whole step: whether it is enough shows soon"),
        pytest.param(8, True, D.NEXT_RUNG, id="and it was not"),
        pytest.param(2, False, D.NEXT_RUNG, id="a careful first step that helps: the rest of it"),
    ],
)
def test_a_raise_that_gets_more_done_is_not_followed_by_another_restart_at_once(
    after: int, *, clear: bool, decision: FollowUpDecision
) -> None:
    made = state(60, MAPPING_CHANGE.model_copy(update={"before": 1, "after": after}))
    told, found = Verdict(verdict=I, because="so"), shows(Cause.SLOW_CONSUMER)
    assert next_step(made, told, found, DEFAULTS, NOW, clear=clear).decision is decision


def test_a_reservation_that_is_sized_to_be_enough_is_not_followed_by_a_restart_at_once() -> None:
    """It restarts nothing; the lanes that might be added do."""
    made, told = state(60, FUNCTION_CHANGE), Verdict(verdict=I, because="throttles have ended")
    soon, later = (
        next_step(made, told, shows(Cause.SLOW_CONSUMER), DEFAULTS, NOW, clear=clear).decision
        for clear in (False, True)
    )
    assert (soon, later) == (D.WAIT, D.NEXT_RUNG)


@pytest.mark.parametrize("told", VerdictName)
def test_no_incident_is_watched_for_ever(told: VerdictName) -> None:
    few = Policy(follow_up=FollowUps(most=3))
    of = state(60, follow_up_number=3, quiet_since=NOW)
    assert decided(told, of, policy=few) is D.ESCALATE


@pytest.mark.parametrize(
    ("told", "of", "decision"),
    [
        pytest.param(R, state(None, follow_up_number=2), D.CLOSE, id="closes"),
        pytest.param(R, state(follow_up_number=2, quiet_since=QUIET), D.RESTORE, id="restores"),
        pytest.param(W, state(follow_up_number=2), D.ROLL_BACK, id="rolls back"),
        pytest.param(U, state(3600, follow_up_number=2), D.ESCALATE, id="else calls a person"),
    ],
)
def test_the_last_look_ends_what_it_can(
    told: VerdictName, of: IncidentState, decision: FollowUpDecision
) -> None:
    assert decided(told, of, policy=Policy(follow_up=FollowUps(most=3))) is decision


def test_what_was_undone_is_not_rolled_back_again() -> None:
    assert decided(W, state(made=ChangeState.UNDONE)) is not D.ROLL_BACK
