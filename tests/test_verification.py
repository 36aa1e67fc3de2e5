"""After acting: too early, recovered, improving, unchanged, worse; and what each leads to."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.decide.tree import diagnose
from remediator.decide.verification import gained, judge, next_step, settled, snapshot, surer
from remediator.evidence.signals import Signals, measure
from remediator.model import (
    Cause,
    Change,
    Detail,
    Diagnosis,
    FollowUpDecision,
    Incident,
    RemedyName,
    Resource,
    ResourceKind,
    Verdict,
    VerdictName,
)
from remediator.policy import FollowUps, Policy
from remediator.state import ChangeState, IncidentState, Snapshot, Stage, TrackedChange
from tests.anything import POLICIES, blinded, evidences
from tests.evidence import MAPPING, NOW, target

DEFAULTS = Policy()
MAPPING_CHANGE = Change(
    remedy=RemedyName.RAISE_PARALLELIZATION_FACTOR,
    resource=Resource(kind=ResourceKind.EVENT_SOURCE_MAPPING, id=MAPPING),
    setting="parallelization_factor",
    before=1,
    after=10,
)
FUNCTION_CHANGE = Change(
    remedy=RemedyName.RAISE_RESERVED_CONCURRENCY,
    resource=Resource(kind=ResourceKind.FUNCTION, id="orders"),
    setting="reserved_concurrency",
    before=1,
    after=10,
)


def seconds_ago(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def state(
    made_seconds_ago: float | None = 600,
    change: Change = MAPPING_CHANGE,
    found: Diagnosis | None = None,
    made: ChangeState = ChangeState.APPLIED,
    **said: Any,
) -> IncidentState:
    """An incident with a slow consumer whose factor was raised some time ago; ``None``: not."""
    found = found or Diagnosis(cause=Cause.SLOW_CONSUMER, path=())
    changes = (
        ()
        if made_seconds_ago is None
        else (TrackedChange(change=change, state=made, at=NOW - seconds_ago(made_seconds_ago)),)
    )
    known: dict[str, Any] = {
        "incident_id": "inc",
        "account_id": "111122223333",
        "region": "eu-west-1",
        "incident": Incident(incident_id="inc", at=NOW - seconds_ago(900)),
        "target": target(),
        "stage": Stage.WATCHING,
        "opened_at": NOW - seconds_ago(900),
        "updated_at": NOW,
        "changes": changes,
        "cause": found.cause,
        "diagnosis": found,
    }
    return IncidentState(**known | said)


BEFORE = Snapshot(
    at=NOW - seconds_ago(600),
    age_seconds=600,
    age_slope=0.8,
    error_share=0.0,
    throttle_share=0.0,
    duration_ms=1000,
    concurrency=1,
    successes_per_minute=60,
    lane_rate=1.0,
    processed_per_second=1.0,
)
HEALTHY: dict[str, Any] = {
    "age_slope": 0.8,
    "error_share": 0.0,
    "throttle_share": 0.0,
    "duration_ms": 1000.0,
    "concurrency": 10.0,
    "successes_per_minute": 60.0,
    "lane_rate": 1.0,
    "processed_per_second": 1.0,
    "falling": False,
}


def signals(age_seconds: float | None, **said: Any) -> Signals:
    return Signals(**HEALTHY | {"age_seconds": age_seconds} | said)


def verdict(
    after: Signals, before: Snapshot | None = BEFORE, *, done: bool = True, **known: Any
) -> VerdictName:
    return judge(before, NOW, after, DEFAULTS, settled=done, **known).verdict


# --- verdicts ------------------------------------------------------------------------------------

R, I, U, W, E = (  # noqa: E741 - one letter a verdict keeps the table narrow
    VerdictName.RECOVERED,
    VerdictName.IMPROVING,
    VerdictName.UNCHANGED,
    VerdictName.WORSE,
    VerdictName.TOO_EARLY,
)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        pytest.param(signals(5, age_slope=0), R, id="below the alarm"),
        pytest.param(signals(5, age_slope=1.0), I, id="below the alarm, but climbing again"),
        pytest.param(signals(590, falling=True, age_slope=-1), I, id="it falls"),
        pytest.param(signals(300), I, id="much lower than before"),
        pytest.param(signals(900), U, id="still climbing"),
        pytest.param(signals(600), U, id="the same"),
        pytest.param(signals(None), E, id="the age was not seen"),
        pytest.param(signals(900, error_share=0.5), W, id="errors rose"),
        pytest.param(signals(900, error_share=0.01), U, id="hardly any errors"),
        pytest.param(signals(900, throttle_share=0.5), W, id="throttles rose"),
        pytest.param(signals(900, lane_rate=0.2), W, id="each lane slower, all together no faster"),
        pytest.param(
            signals(900, lane_rate=0.5, processed_per_second=5.0), U, id="slower, but more is done"
        ),
        pytest.param(
            signals(900, lane_rate=None, duration_ms=4000.0), W, id="each invocation longer"
        ),
        pytest.param(
            signals(
                900,
                lane_rate=None,
                processed_per_second=None,
                duration_ms=4000.0,
                successes_per_minute=600.0,
            ),
            U,
            id="longer, but more succeed",
        ),
    ],
)
def test_a_verdict_compares_before_with_after(after: Signals, told: VerdictName) -> None:
    assert verdict(after) is told


@pytest.mark.parametrize(
    "after", [signals(900), signals(900, error_share=0.9), signals(300), signals(None)]
)
def test_before_a_change_can_show_there_is_no_verdict(after: Signals) -> None:
    """A restarting mapping ages by a second a second, which says nothing."""
    assert verdict(after, done=False) is E


def test_recovery_is_seen_at_once() -> None:
    assert verdict(signals(5, age_slope=0), done=False) is R


@pytest.mark.parametrize("cause", [Cause.THROTTLING, Cause.CONSUMER_STOPPED])
def test_a_consumer_that_does_not_run_has_no_age_to_recover_by(cause: Cause) -> None:
    assert verdict(signals(5, age_slope=0), cause=cause) is not R


def test_only_what_raised_concurrency_is_blamed_for_errors() -> None:
    """While a poison record is being isolated, errors go on: no harm of the isolation."""
    failing = signals(900, error_share=0.9)
    assert verdict(failing, raised=True) is W
    assert verdict(failing, raised=False) is U


def test_what_somebody_has_stopped_is_not_our_harm() -> None:
    """Reserved at 0, everything is throttled, whatever we have raised."""
    stopped = signals(900, throttle_share=1.0)
    assert verdict(stopped, raised=True) is W
    assert verdict(stopped, raised=True, cause=Cause.CONSUMER_STOPPED) is U


def test_without_a_before_nothing_is_called_better_or_worse() -> None:
    assert verdict(signals(900, error_share=0.9), before=None) is E


def test_a_verdict_says_why_and_cites_both_sides() -> None:
    told = judge(BEFORE, NOW, signals(900), DEFAULTS, settled=True)
    assert "600" in told.because
    assert {"age_seconds_before", "age_seconds_after"} <= {one.name for one in told.readings}


@pytest.mark.parametrize(
    ("processed", "helped"), [(1.0, False), (1.1, False), (1.5, True), (None, False)]
)
def test_a_change_helped_if_more_gets_done(processed: float | None, helped: bool) -> None:
    assert gained(BEFORE, NOW, signals(900, processed_per_second=processed)) is helped


def test_what_was_read_is_no_gain_where_the_oldest_record_stands_as_before() -> None:
    """Pollers read ahead: what is done shows in where the oldest record has got to."""
    before = BEFORE.model_copy(update={"head_per_second": 1.0})
    read_only = signals(900, processed_per_second=5.0, head_per_second=1.0)
    done = signals(900, processed_per_second=1.0, head_per_second=5.0)
    assert not gained(before, NOW, read_only)
    assert gained(before, NOW, done)


@pytest.mark.parametrize(("minutes", "told"), [(2, E), (3, W)])
def test_errors_that_a_raise_brought_need_not_wait_for_the_age(
    minutes: int, told: VerdictName
) -> None:
    after = signals(900, error_share=0.9, active_minutes_since_modified=minutes)
    assert verdict(after, done=False) is told


# --- when a verdict may be given -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("made_seconds_ago", "change", "active_minutes", "may"),
    [
        pytest.param(None, MAPPING_CHANGE, 0, True, id="nothing was changed"),
        pytest.param(60, MAPPING_CHANGE, 5, False, id="the mapping restarts"),
        pytest.param(250, MAPPING_CHANGE, 3, False, id="restarted, and hardly anything shows"),
        pytest.param(250, MAPPING_CHANGE, 4, True, id="restarted sooner than usual"),
        pytest.param(450, MAPPING_CHANGE, 3, True, id="restarted and published"),
        pytest.param(450, MAPPING_CHANGE, 0, False, id="the restart takes longer than usual"),
        pytest.param(60, FUNCTION_CHANGE, 5, False, id="metrics come late"),
        pytest.param(250, FUNCTION_CHANGE, 0, True, id="a reservation restarts nothing"),
        pytest.param(600, MAPPING_CHANGE, 0, True, id="long enough, whatever shows"),
    ],
)
def test_a_change_is_given_time(
    made_seconds_ago: float | None, change: Change, active_minutes: int, may: bool
) -> None:
    of = state(made_seconds_ago, change)
    seen = Signals(active_minutes_since_modified=active_minutes)
    assert settled(of, NOW, DEFAULTS, seen) is may


@pytest.mark.parametrize(
    ("made_seconds_ago", "late_by", "may"),
    [(150, 0, True), (150, 60, False), (150, None, False), (250, 120, True), (250, 400, False)],
)
def test_a_change_shows_once_the_metrics_that_are_so_late_can_show_it(
    made_seconds_ago: float, late_by: float | None, may: bool
) -> None:
    """A reservation takes no restart: what is seen ends so many seconds ago."""
    of = state(made_seconds_ago, FUNCTION_CHANGE)
    assert settled(of, NOW, DEFAULTS, signals(600, metric_delay_seconds=late_by)) is may


def test_first_look_comes_when_a_verdict_may_be_near() -> None:
    """The follow-up waits longer than the restart, so that it is not wasted."""
    assert DEFAULTS.follow_up.first_seconds > DEFAULTS.forecast.restart_seconds


# --- what comes next -----------------------------------------------------------------------------


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
    return Diagnosis(cause=cause, path=(), detail=detail, proven=detail is Detail.ISOLATED)


D = FollowUpDecision
ISOLATING = MAPPING_CHANGE.model_copy(
    update={"remedy": RemedyName.ISOLATE_POISON, "setting": "bisect_on_error"}
)
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
        pytest.param(
            I,
            state(60, ISOLATING, shows(Cause.POISON_RECORD, Detail.ISOLATED)),
            shows(Cause.SLOW_CONSUMER),
            D.NEXT_RUNG,
            id="isolated, but what has piled up drains too slowly: next rung",
        ),
        pytest.param(U, state(60), None, D.WAIT, id="unchanged, but it was made just now"),
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


# --- for any evidence ----------------------------------------------------------------------------


@given(
    before=st.none() | evidences(),
    after=evidences() | blinded(),
    policy=POLICIES,
    done=st.booleans(),
    raised=st.booleans(),
    made=st.none() | st.floats(0, 7200),
)
@settings(max_examples=250, deadline=None)
def test_any_before_and_after_get_a_verdict_and_a_next_step(
    before: Any, after: Any, policy: Policy, done: bool, raised: bool, made: float | None
) -> None:
    thresholds = policy.thresholds
    was = snapshot(NOW - seconds_ago(600), measure(before, thresholds)) if before else None
    now, found = measure(after, thresholds), diagnose(after, policy)
    told = judge(was, NOW, now, policy, settled=done, raised=raised, cause=found.cause)
    assert told.because
    if told.verdict is W:
        assert done or (now.active_minutes_since_modified or 0) > 2
        assert raised
        assert was is not None
    if told.verdict is R:
        assert now.age_seconds is not None
    step = next_step(state(made), told, found, policy, NOW)
    assert step.because
    if step.decision is D.ROLL_BACK:
        assert told.verdict is W
        assert made is not None
