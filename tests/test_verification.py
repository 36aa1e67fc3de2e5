"""After acting: too early, recovered, improving, unchanged, worse."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.decide.case import Case
from remediator.decide.diagnosis import diagnose, diagnosed
from remediator.decide.effects import effect, snapshot
from remediator.decide.learned import saturates
from remediator.decide.next_step import next_step
from remediator.decide.verification import gained, held, judge, settled
from remediator.evidence.signals import Signals, measure
from remediator.model import Cause, Change, VerdictName
from remediator.policy import Policy
from tests.anything import POLICIES, blinded, evidences
from tests.evidence import NOW, evidence, slow_consumer
from tests.watching import (
    BEFORE,
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
    verdict,
)

# Five lanes, of which each takes five times as long for as much.
SLOWER: dict[str, Any] = {
    "lane_rate": 0.2,
    "duration_ms": 5000.0,
    "concurrency": 5.0,
    "busy_lanes": 5.0,
}


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
        pytest.param(signals(900, processed_per_second=5.0), I, id="more gets done"),
        pytest.param(
            signals(900, lane_rate=0.95, concurrency=10.0),
            I,
            id="more lanes run, each of which gets as much done",
        ),
        pytest.param(signals(900, throttle_share=0.5), W, id="throttles rose"),
        pytest.param(signals(900, **SLOWER), W, id="each lane slower, all together no faster"),
        pytest.param(
            signals(900, lane_rate=0.5, processed_per_second=5.0), I, id="slower, but more is done"
        ),
        pytest.param(
            signals(900, lane_rate=None, duration_ms=4000.0, concurrency=4.0),
            W,
            id="each invocation longer",
        ),
        pytest.param(
            signals(
                900,
                lane_rate=None,
                processed_per_second=None,
                duration_ms=4000.0,
                successes_per_minute=600.0,
            ),
            I,
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
    assert verdict(after, minutes=0) is E


def test_a_recovery_is_one_of_the_minutes_since_the_change() -> None:
    """An age from before it, however low, says nothing of what a restarting mapping holds."""
    assert verdict(signals(5, age_slope=0), minutes=0) is E
    assert verdict(signals(5, age_slope=0), minutes=1) is R


def test_where_nothing_was_done_a_recovery_is_seen_at_once() -> None:
    assert judge(BEFORE, NOW, signals(5, age_slope=0), DEFAULTS).verdict is R


def test_one_minute_shows_that_it_works_and_takes_two_to_say_that_nothing_shows_yet() -> None:
    assert verdict(signals(900, processed_per_second=5.0), minutes=1) is I
    assert verdict(signals(900), minutes=1) is E
    assert verdict(signals(900), minutes=2) is U


@pytest.mark.parametrize(
    ("change", "before", "after", "told"),
    [
        pytest.param(FUNCTION_CHANGE, {"throttle_share": 0.6}, {"throttle_share": 0.0}, I),
        pytest.param(FUNCTION_CHANGE, {"throttle_share": 0.6}, {"throttle_share": 0.5}, U),
        pytest.param(ISOLATING, {"error_share": 0.6}, {"error_share": 0.0}, I),
        pytest.param(ISOLATING, {"error_share": 0.6}, {"error_share": 0.6}, U),
    ],
)
def test_each_lever_is_judged_by_its_own_signal(
    change: Change, before: dict[str, Any], after: dict[str, Any], told: VerdictName
) -> None:
    seen = signals(900, **after)
    was = BEFORE.model_copy(update=before)
    found = judge(was, NOW, seen, DEFAULTS, seen=shown(seen, 2, change), raised=False)
    assert found.verdict is told


def test_of_levers_that_go_together_each_has_to_show_its_own() -> None:
    was = BEFORE.model_copy(update={"throttle_share": 0.6})
    both = (FUNCTION_CHANGE, MAPPING_CHANGE)
    for done, throttled, told in ((5.0, 0.0, I), (5.0, 0.5, U), (1.0, 0.0, U)):
        seen = signals(900, processed_per_second=done, throttle_share=throttled, concurrency=1.0)
        found = judge(was, NOW, seen, DEFAULTS, seen=shown(seen, 3, *both), raised=False)
        assert found.verdict is told


def test_where_nothing_succeeds_no_age_is_a_recovery() -> None:
    """What fails publishes none: the one that is seen is an old one."""
    young = signals(5, age_slope=0)
    assert judge(None, NOW, young, DEFAULTS).verdict is R
    fails = young.model_copy(update={"error_share": 1.0})
    assert judge(None, NOW, fails, DEFAULTS).verdict is not R


@pytest.mark.parametrize("cause", [Cause.THROTTLING, Cause.CONSUMER_STOPPED])
def test_a_consumer_that_does_not_run_has_no_age_to_recover_by(cause: Cause) -> None:
    assert verdict(signals(5, age_slope=0), cause=cause) is not R


def test_only_what_raised_concurrency_is_blamed_for_errors() -> None:
    """While a poison record is being isolated, errors go on: no harm of the isolation."""
    failing = signals(900, error_share=0.9)
    assert verdict(failing, raised=True) is W
    assert verdict(failing, raised=False) is U


def test_lanes_that_go_with_an_isolation_are_not_blamed_for_its_errors() -> None:
    failing = signals(900, error_share=0.9)
    both = shown(failing, 3, ISOLATING, MAPPING_CHANGE)
    assert judge(BEFORE, NOW, failing, DEFAULTS, seen=both).verdict is U


def test_a_recovery_shows_in_the_age_as_a_whole_too() -> None:
    """Where nothing succeeds any more, no age comes: the few since the change look young."""
    young, silent = signals(0, age_slope=0), signals(260, age_slope=1.0)
    assert judge(BEFORE, NOW, silent, DEFAULTS, seen=shown(young)).verdict is not R


def test_lanes_that_go_with_an_isolation_are_not_blamed_for_what_fails_in_them() -> None:
    slower = signals(900, **SLOWER)
    assert verdict(slower) is W
    both = shown(slower, 3, ISOLATING, MAPPING_CHANGE)
    assert judge(BEFORE, NOW, slower, DEFAULTS, seen=both).verdict is U


def test_the_age_is_that_of_all_minutes() -> None:
    """In the first since a restart the oldest record may not have been tried."""
    young, old = signals(0), signals(900)
    assert judge(BEFORE, NOW, old, DEFAULTS, seen=shown(young)).verdict is U


def test_a_recovery_lasts_for_two_minutes() -> None:
    """In one of them the slowest of many lanes may not have been tried."""
    assert verdict(signals(5, age_slope=0, highest_age_seconds=900)) is not R
    assert verdict(signals(5, age_slope=0, highest_age_seconds=5)) is R


def test_what_somebody_has_stopped_is_not_our_harm() -> None:
    """Reserved at 0, everything is throttled, whatever we have raised."""
    stopped = signals(900, throttle_share=1.0)
    assert verdict(stopped, raised=True) is W
    assert verdict(stopped, raised=True, cause=Cause.CONSUMER_STOPPED) is U


def test_without_a_before_nothing_is_called_better_or_worse() -> None:
    assert verdict(signals(900, error_share=0.9), before=None) is E


def test_what_is_refused_since_a_raise_tells_of_a_limit_and_not_of_what_stands_behind() -> None:
    here = diagnosed(slow_consumer(), DEFAULTS)
    fails, refused = signals(900, error_share=0.9), signals(900, throttle_share=0.5)
    starves = signals(900, others_throttles_per_minute=80.0)
    told = [
        judge(BEFORE, NOW, seen, DEFAULTS, seen=shown(seen)) for seen in (fails, refused, starves)
    ]
    assert [each.verdict for each in told] == [W, W, W]
    assert [saturates(here, each) for each in told] == [True, False, False]


def test_a_verdict_says_why_and_cites_both_sides() -> None:
    told = judge(BEFORE, NOW, signals(900), DEFAULTS)
    assert "600" in told.because
    assert {"age_seconds_before", "age_seconds_after"} <= {one.name for one in told.readings}


@pytest.mark.parametrize(
    ("processed", "helped"), [(1.0, False), (1.1, False), (1.5, True), (None, False)]
)
def test_a_change_helped_if_more_gets_done(processed: float | None, helped: bool) -> None:
    assert gained(BEFORE, NOW, shown(signals(900, processed_per_second=processed))) is helped


def test_what_was_read_is_no_gain_where_the_oldest_record_stands_as_before() -> None:
    """Pollers read ahead: what is done shows in where the oldest record has got to."""
    before = BEFORE.model_copy(update={"head_per_second": 1.0})
    read_only = signals(900, processed_per_second=5.0, head_per_second=1.0)
    done = signals(900, processed_per_second=1.0, head_per_second=5.0)
    assert not gained(before, NOW, shown(read_only))
    assert gained(before, NOW, shown(done))


@pytest.mark.parametrize(
    ("batch", "slope", "helped"), [(None, 1.0, False), (None, 0.5, True), (10.0, 1.0, True)]
)
def test_more_successes_may_be_of_smaller_batches_where_the_oldest_does_not_move(
    batch: float | None, slope: float, helped: bool
) -> None:
    before = BEFORE.model_copy(update={"processed_per_second": None})
    more = {"successes_per_minute": 600.0, "processed_per_second": None}
    after = signals(900, **more, records_per_batch=batch, age_slope=slope)
    assert gained(before, NOW, shown(after)) is helped


@pytest.mark.parametrize(("minutes", "told"), [(0, E), (1, W)])
def test_errors_that_a_raise_brought_show_in_the_first_whole_minute(
    minutes: int, told: VerdictName
) -> None:
    assert verdict(signals(900, error_share=0.9), minutes=minutes) is told


def test_an_accident_of_the_whole_minute_is_none_the_worse_for_one_failure_more_before_it() -> None:
    after = signals(900, error_share=0.1, failing_minutes=1, attempts_per_second=20 / 60)
    seen = shown(after)._replace(minutes=1, failed=(3, 25))
    assert judge(BEFORE, NOW, after, DEFAULTS, seen=seen).verdict is E


def test_a_single_failure_of_few_invocations_is_no_harm_before_the_next_minute() -> None:
    few = {"error_share": 0.5, "attempts_per_second": 4 / 60}
    assert verdict(signals(900, **few, failing_minutes=1), minutes=1) is E
    assert verdict(signals(900, **few, failing_minutes=2), minutes=2) is W


@pytest.mark.parametrize(
    ("failed", "share", "told"),
    [
        pytest.param((16, 18), None, W, id="nothing of the whole minutes has ended"),
        pytest.param((16, 18), 1.0, W, id="little has"),
        pytest.param((2, 18), None, U, id="a few"),
        pytest.param((3, 25), None, U, id="cold starts that fail"),
        pytest.param((16, 18), 0.0, U, id="it is over"),
        pytest.param((3, 90), None, U, id="hardly more than before"),
    ],
)
def test_what_takes_as_long_as_its_timeout_is_judged_by_all_that_began_since_the_raise(
    failed: tuple[float, float], share: float | None, told: VerdictName
) -> None:
    few = {"failing_minutes": 1, "attempts_per_second": 1 / 60}
    after = signals(900, error_share=share, **few)
    seen = shown(after)._replace(failed=failed)
    assert judge(BEFORE, NOW, after, DEFAULTS, seen=seen).verdict is told


@pytest.mark.parametrize(
    ("failed", "told"),
    [pytest.param(3, U, id="as chance may bring it"), pytest.param(12, W, id="far more")],
)
def test_what_few_invocations_could_not_show_before_is_no_harm(
    failed: int, told: VerdictName
) -> None:
    """Nothing of 27 had failed; of three of 48 now, nobody can say that it is more."""
    before = BEFORE.model_copy(update={"successes_per_minute": 9.0})
    after = signals(900, error_share=failed / 48, attempts_per_second=16 / 60, failing_minutes=2)
    assert verdict(after, before) is told


def test_lanes_that_are_refused_at_times_are_no_harm_where_all_together_get_more_done() -> None:
    """Its own reservation refuses them: nobody else lacks what they do not get."""
    refused = {"throttle_share": 0.3, "others_throttles_per_minute": 0.0}
    assert verdict(signals(900, **refused, processed_per_second=3.0)) is I
    assert verdict(signals(900, **refused, processed_per_second=1.0)) is W


def test_what_comes_long_after_all_was_well_with_it_is_no_doing_of_a_raise() -> None:
    """But for what the neighbours lack (invariant 4): its lanes are still there."""
    fails, slower = signals(900, error_share=0.9), signals(900, **SLOWER)
    starves = signals(900, others_throttles_per_minute=12.0)
    assert [verdict(each) for each in (fails, slower, starves)] == [W, W, W]
    assert [verdict(each, settled=True) for each in (fails, slower, starves)] == [U, U, W]


@pytest.mark.parametrize(
    ("recovered", "made", "well"),
    [(400, 600, True), (200, 600, False), (400, 300, False), (None, 600, False)],
)
def test_all_was_well_for_some_minutes_with_what_is_in_effect(
    recovered: float | None, made: float, well: bool
) -> None:
    at = None if recovered is None else NOW - seconds_ago(recovered)
    assert settled(state(made, recovered_at=at), NOW) is well


def test_throttles_beyond_the_functions_own_are_those_of_its_neighbours() -> None:
    refused = {"throttle_share": 0.3, "others_throttles_per_minute": 12}
    assert verdict(signals(900, **refused, processed_per_second=3.0)) is W


def test_lanes_of_other_mappings_are_seen_at_work_too_and_are_not_ours_to_judge_by() -> None:
    """What they get done is not seen, and with more of ours among them the mean is another one: it
    is slower only if the longest invocations take longer, too."""
    slower, longer = signals(900, lane_rate=0.2), signals(900, **SLOWER)
    longest = longer.model_copy(update={"usual_duration_max_ms": 2000.0, "duration_max_ms": 8000.0})
    assert [verdict(each) for each in (slower, longer, longest)] == [U, W, W]
    assert [verdict(each, shared=True) for each in (slower, longer, longest)] == [U, U, W]


@pytest.mark.parametrize(
    ("before", "told"),
    [
        pytest.param({}, W, id="more lanes, slower and longer, and together no more"),
        pytest.param({"concurrency": 5.0}, U, id="as many lanes as before: another thing's"),
        pytest.param({"duration_ms": 4500.0}, U, id="they take as long as before"),
        pytest.param({"lane_rate": 0.5}, U, id="five times 0.2 is twice as much as once 0.5"),
    ],
)
def test_a_raise_is_blamed_for_slower_lanes_by_what_is_alike_before_and_after(
    before: dict[str, Any], told: VerdictName
) -> None:
    """What is read in a minute is not what is done in it, throttled or in a burst."""
    was = BEFORE.model_copy(update={"processed_per_second": 9.0, **before})
    assert verdict(signals(900, **SLOWER | {"age_slope": 0.9}), was) is told


def test_lanes_that_were_as_slow_just_before_more_of_them_ran_are_not_slower_by_it() -> None:
    """What was seen at the alarm may be of better minutes, before it became slow."""
    assert verdict(signals(900, **SLOWER, narrow_lane_rate=1.0)) is W
    assert verdict(signals(900, **SLOWER, narrow_lane_rate=0.25)) is U


def test_what_stood_still_before_tells_by_how_much_the_next_witness_has_grown() -> None:
    """No number is a fifth more than nothing."""
    before = BEFORE.model_copy(update={"head_per_second": 0.0})
    read, done = {"processed_per_second": 5.0}, {"head_per_second": 0.5}
    assert gained(before, NOW, shown(signals(900, **read, **done)))
    assert not gained(before, NOW, shown(signals(900, **done)))
    assert not gained(before, NOW, shown(signals(900, **read, head_per_second=0.0)))


def test_slower_lanes_are_not_those_of_a_cold_start() -> None:
    slower = signals(900, **SLOWER)
    assert verdict(slower, minutes=1) is E
    assert verdict(slower, minutes=2) is W


@pytest.mark.parametrize(
    ("arrives", "done", "slope", "busy", "told"),
    [
        pytest.param(1.0, 1.0, 0.9, 0.3, U, id="all that comes in is done, and one place ages"),
        pytest.param(1.0, 1.0, 0.1, 0.3, W, id="it lags as before, and no more is done"),
        pytest.param(2.0, 1.0, 0.9, 0.3, W, id="too little is done"),
        pytest.param(0.6, 1.0, 0.9, 0.3, W, id="it is read ahead"),
        pytest.param(None, 1.0, 0.9, 0.3, W, id="what comes in was not seen"),
        pytest.param(
            1.0, 1.0, 0.9, 1.0, W, id="every lane is at work: what is read waits for them"
        ),
    ],
)
def test_lanes_that_have_no_more_to_do_are_not_slow_for_what_stands_behind(
    arrives: float | None, done: float, slope: float, busy: float, told: VerdictName
) -> None:
    """Ten lanes share what one could do; what is stuck in one of them is no doing of theirs."""
    lanes = {"lane_rate": 0.1, "duration_ms": 9000.0, "concurrency": 10.0, "busy_share": busy}
    after = signals(
        900, **lanes, arrival_per_second=arrives, processed_per_second=done, age_slope=slope
    )
    assert verdict(after) is told


@pytest.mark.parametrize(("longest", "told"), [(30_000.0, U), (60_000.0, W)])
def test_lanes_whose_longest_batches_take_no_longer_are_not_slower(
    longest: float, told: VerdictName
) -> None:
    """What they read a minute comes in bursts."""
    slower = signals(900, **SLOWER, duration_max_ms=longest, usual_duration_max_ms=30_000.0)
    assert verdict(slower) is told


def test_a_first_step_has_held_where_each_lane_gets_as_much_done() -> None:
    """Each of the four lanes has 60 batches a minute, of ten records in 300 ms."""
    seen = evidence(shards=1, parallelization_factor=4, invocations=240, read_records=2400)
    case = Case(seen, measure(seen, DEFAULTS.thresholds), DEFAULTS)
    for rate, well in ((30.0, True), (33.0, True), (60.0, False), (None, False)):
        before = BEFORE.model_copy(update={"lane_rate": rate})
        assert held(state(300, before=before), case) is well
    before = BEFORE.model_copy(update={"lane_rate": 30.0})
    assert not held(state(300, FUNCTION_CHANGE, before=before), case)


def test_where_what_fails_is_lost_an_age_that_falls_is_no_recovery() -> None:
    """The owner's own bound gives it up, and so nothing waits."""
    young = signals(5, age_slope=0, error_share=0.9)
    assert verdict(young) is R
    assert verdict(young, loses=True) is W
    assert verdict(young, loses=True, settled=True) is R


# --- for any evidence ----------------------------------------------------------------------------


@given(
    before=st.none() | evidences(),
    after=evidences() | blinded(),
    policy=POLICIES,
    raised=st.booleans(),
    made=st.none() | st.floats(0, 7200),
)
@settings(max_examples=250, deadline=None)
def test_any_before_and_after_get_a_verdict_and_a_next_step(
    before: Any, after: Any, policy: Policy, raised: bool, made: float | None
) -> None:
    thresholds = policy.thresholds
    was = snapshot(NOW - seconds_ago(600), measure(before, thresholds)) if before else None
    now, found = measure(after, thresholds), diagnose(after, policy)
    of = state(made)
    seen = effect(of, after, NOW, policy)
    told = judge(was, NOW, now, policy, seen=seen, raised=raised, cause=found.cause)
    assert told.because
    if told.verdict is W:
        assert seen.shows
        assert raised
        assert was is not None
    if told.verdict is R:
        assert now.age_seconds is not None
    step = next_step(of, told, found, policy, NOW, clear=seen.clear)
    assert step.because
    if step.decision is D.ROLL_BACK:
        assert told.verdict is W
        assert made is not None
