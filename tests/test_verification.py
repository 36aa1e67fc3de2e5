"""After acting: too early, recovered, improving, unchanged, worse; and what each leads to."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.decide.case import Case
from remediator.decide.effects import Effect, effect, snapshot, was_answered
from remediator.decide.learned import (
    as_learned,
    only_costs,
    saturates,
    used_up,
    was_wrong,
)
from remediator.decide.next_step import next_step, surer
from remediator.decide.planning import plan
from remediator.decide.refuting import of_other_code
from remediator.decide.tree import diagnose, diagnosed
from remediator.decide.verification import gained, held, judge, settled
from remediator.evidence.metrics import Metric
from remediator.evidence.signals import Signals, measure
from remediator.model import (
    Answer,
    Cause,
    Change,
    Detail,
    Diagnosis,
    Evidence,
    FollowUpDecision,
    Incident,
    RemedyName,
    Resource,
    ResourceKind,
    Step,
    Verdict,
    VerdictName,
)
from remediator.policy import FollowUps, Policy
from remediator.state import ChangeState, IncidentState, Snapshot, Stage, TrackedChange
from tests.anything import POLICIES, blinded, evidences
from tests.evidence import (
    MAPPING,
    MINUTES,
    NOW,
    climbing,
    evidence,
    falling,
    slow_consumer,
    target,
)

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

ISOLATING = MAPPING_CHANGE.model_copy(
    update={"remedy": RemedyName.ISOLATE_POISON, "setting": "bisect_on_error"}
)

BOUNDING = ISOLATING.model_copy(update={"setting": "maximum_retry_attempts", "before": -1})


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
    busy_lanes=1.0,
    processed_per_second=1.0,
)
HEALTHY: dict[str, Any] = {
    "age_slope": 0.8,
    "error_share": 0.0,
    "throttle_share": 0.0,
    "duration_ms": 1000.0,
    "concurrency": 1.0,
    "successes_per_minute": 60.0,
    "lane_rate": 1.0,
    "processed_per_second": 1.0,
    "falling": False,
}


# Five lanes, of which each takes five times as long for as much.
SLOWER: dict[str, Any] = {
    "lane_rate": 0.2,
    "duration_ms": 5000.0,
    "concurrency": 5.0,
    "busy_lanes": 5.0,
}


def signals(age_seconds: float | None, **said: Any) -> Signals:
    return Signals(**HEALTHY | {"age_seconds": age_seconds} | said)


def tracked(change: Change = MAPPING_CHANGE, made_seconds_ago: float = 600) -> TrackedChange:
    at = NOW - seconds_ago(made_seconds_ago)
    return TrackedChange(change=change, state=ChangeState.APPLIED, at=at)


def shown(after: Signals, minutes: int = 3, *changes: Change) -> Effect:
    """What is seen of some changes in so many whole minutes."""
    return Effect(tuple(map(tracked, changes or (MAPPING_CHANGE,))), minutes, after)


def verdict(
    after: Signals, before: Snapshot | None = BEFORE, *, minutes: int = 3, **known: Any
) -> VerdictName:
    seen = shown(after, minutes)
    return judge(before, NOW, after, DEFAULTS, seen=seen, **known).verdict


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


def test_a_single_failure_of_few_invocations_is_no_harm_before_the_next_minute() -> None:
    few = {"error_share": 0.5, "attempts_per_second": 4 / 60}
    assert verdict(signals(900, **few, failing_minutes=1), minutes=1) is E
    assert verdict(signals(900, **few, failing_minutes=2), minutes=2) is W


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


UNCHANGED = Verdict(verdict=U, because="the age went on")


@pytest.mark.parametrize(
    ("changes", "factor", "tried"),
    [
        pytest.param([MAPPING_CHANGE], 2, set(), id="raised once, and not as far as it may be"),
        pytest.param(
            [MAPPING_CHANGE], 10, {"raise_parallelization_factor"}, id="raised all the way"
        ),
        pytest.param([FUNCTION_CHANGE], 2, {"raise_reserved_concurrency"}, id="a reservation"),
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


@pytest.mark.parametrize(
    ("age", "let_go_on", "word"),
    [
        pytest.param(climbing(0.9, 20), 60, Cause.CONSUMER_STOPPED, id="let go on just now"),
        pytest.param(climbing(0.9, 20), 360, Cause.SLOW_CONSUMER, id="it runs, and is too slow"),
        pytest.param(falling(0.3, 6, 3_000_000), 360, Cause.RECOVERING, id="it catches up"),
    ],
)
def test_what_somebody_stopped_and_lets_go_on_is_theirs_and_has_its_word(
    age: list[float], let_go_on: float, word: Cause
) -> None:
    """In no case is anything of ours made: how fast it catches up is theirs to say."""
    seen = slow_consumer(
        iterator_age_ms=age,
        stream_iterator_age_ms=age,
        mapping_last_modified=NOW - seconds_ago(let_go_on),
    )
    here = diagnosed(seen, DEFAULTS)
    assert here.diagnosis.cause is Cause.SLOW_CONSUMER
    stopped = state(None, learned=Cause.CONSUMER_STOPPED)
    known = as_learned(here, stopped)
    assert known.diagnosis.cause is word
    assert not plan("incident-1", known).changes


# --- what shows of a change ----------------------------------------------------------------------


def published(*minutes_ago: int, **said: Any) -> Evidence:
    """Invocations in those minutes alone; the stream's metrics are all there."""
    counts = [0.0] * MINUTES
    for ago in minutes_ago:
        counts[-ago] = 60.0
    return evidence(invocations=counts, **said)


def seen_of(change: Change, made_seconds_ago: float, of: Evidence) -> Effect:
    return effect(state(made_seconds_ago, change), of, NOW, DEFAULTS)


@pytest.mark.parametrize(
    ("change", "made_seconds_ago", "of", "minutes"),
    [
        pytest.param(MAPPING_CHANGE, 280, published(*range(6, 30)), 0, id="it stands still"),
        pytest.param(MAPPING_CHANGE, 280, published(1, *range(6, 30)), 0, id="back this minute"),
        pytest.param(MAPPING_CHANGE, 280, published(1, 2, *range(6, 30)), 1, id="one whole minute"),
        pytest.param(MAPPING_CHANGE, 280, published(1, 2, 3, 4, *range(6, 30)), 3, id="back soon"),
        pytest.param(
            MAPPING_CHANGE, 280, published(1, 2, mapping_state="Updating"), 0, id="not Enabled yet"
        ),
        pytest.param(FUNCTION_CHANGE, 150, evidence(), 1, id="a reservation restarts nothing"),
        pytest.param(FUNCTION_CHANGE, 20, evidence(), 0, id="made this minute"),
    ],
)
def test_a_change_shows_in_the_whole_minutes_since_it_is_there(
    change: Change, made_seconds_ago: float, of: Evidence, minutes: int
) -> None:
    assert seen_of(change, made_seconds_ago, of).minutes == minutes


def test_what_shows_is_of_those_minutes_alone() -> None:
    failing = published(1, 2, 3, *range(6, 30), errors=[60.0] * (MINUTES - 3) + [0.0] * 3)
    seen = seen_of(MAPPING_CHANGE, 280, failing)
    assert seen.signals.error_share == 0
    assert any(failing.metrics[Metric.ERRORS].values)


def after_an_undo(undone_seconds_ago: float) -> IncidentState:
    """A reservation, and a factor that was raised in the next turn and is taken back."""
    older = tracked(FUNCTION_CHANGE, 1500).model_copy(update={"turn": 1})
    undone = {"turn": 2, "state": ChangeState.UNDONE}
    undone |= {"ended_at": NOW - seconds_ago(undone_seconds_ago)}
    newer = tracked(MAPPING_CHANGE, 900).model_copy(update=undone)
    return state(turn=2).model_copy(update={"changes": (older, newer)})


def test_what_was_taken_back_does_not_show_in_what_is_left() -> None:
    """Errors of the many lanes are none of the reservation's."""
    failing = published(1, 2, 3, *range(7, 30), errors=[60.0] * (MINUTES - 3) + [0.0] * 3)
    seen = effect(after_an_undo(340), failing, NOW, DEFAULTS)
    assert [t.change for t in seen.levers] == [FUNCTION_CHANGE]
    assert (seen.minutes, seen.signals.error_share, seen.overdue) == (2, 0, False)
    assert not effect(after_an_undo(20), failing, NOW, DEFAULTS).shows


def test_what_a_newer_turn_has_left_alone_was_judged_before() -> None:
    undone = after_an_undo(340)
    assert [was_answered(undone, each) for each in undone.changes] == [True, False]
    saturated = Diagnosis(cause=Cause.DOWNSTREAM_SATURATED, path=())
    assert not was_wrong(undone, saturated)
    assert was_wrong(state(280), saturated)


def test_where_what_fails_is_lost_an_age_that_falls_is_no_recovery() -> None:
    """The owner's own bound gives it up, and so nothing waits."""
    young = signals(5, age_slope=0, error_share=0.9)
    assert verdict(young) is R
    assert verdict(young, loses=True) is W
    assert verdict(young, loses=True, settled=True) is R


@pytest.mark.parametrize(
    ("change", "minutes", "clear"),
    [
        pytest.param(MAPPING_CHANGE, 2, False, id="too few"),
        pytest.param(MAPPING_CHANGE, 3, True, id="lanes work at once or not at all"),
        pytest.param(
            ISOLATING, 5, False, id="a record is tried again and again before it is alone"
        ),
    ],
)
def test_when_it_is_clear_that_a_change_does_nothing(
    change: Change, minutes: int, clear: bool
) -> None:
    assert shown(signals(900), minutes, change).clear is clear


def test_long_after_a_change_all_of_it_is_there_whatever_shows() -> None:
    assert seen_of(MAPPING_CHANGE, 600, published()).clear
    assert not seen_of(MAPPING_CHANGE, 300, published()).clear


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
    proven = detail in {Detail.ISOLATED, Detail.PARTIAL_BATCHES}
    return Diagnosis(cause=cause, path=(), detail=detail, proven=proven)


D = FollowUpDecision
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


def test_while_it_is_not_clear_that_it_does_nothing_it_is_waited() -> None:
    told = Verdict(verdict=U, because="so")
    found = shows(Cause.SLOW_CONSUMER)
    assert next_step(state(60), told, found, DEFAULTS, NOW, clear=False).decision is D.WAIT
    assert next_step(state(60), told, found, DEFAULTS, NOW, clear=True).decision is D.NEXT_RUNG


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


@pytest.mark.parametrize(
    "detail", [Detail.NONE, Detail.EVERYWHERE, Detail.PARTIAL, Detail.TIMEOUTS]
)
def test_no_bound_of_ours_stays_while_the_function_may_be_what_fails(detail: Detail) -> None:
    """However it fails, good records would be given up (invariant 2). A split loses none."""
    found = Diagnosis(cause=Cause.FUNCTION_FAILURE, detail=detail, path=())
    assert was_wrong(state(280, BOUNDING), found)
    assert not was_wrong(state(280, ISOLATING), found)
