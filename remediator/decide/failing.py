"""Questions about what fails: how much, since when, what kind."""

from datetime import timedelta

from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.decide.overload import (
    all_are_taken,
    failing_share_of_lanes,
    loaded,
    more_than_full_batches_hold,
)
from remediator.evidence.metrics import Metric
from remediator.evidence.series import series_of
from remediator.evidence.signals import LAST_MINUTES, Signals
from remediator.model import Reading


def failing(case: Case) -> Finding:
    signals, limits = case.signals, case.policy.thresholds
    readings = (
        case.reading("error_share"),
        case.reading("error_share_before"),
        case.reading("failing_minutes", f"of the last {LAST_MINUTES}"),
        case.reading("failed_events_per_minute", "records/min"),
        case.reading("age_slope", "s/s"),
    )
    reported = _reports_failures(case)
    if signals.failing_minutes is None and not reported:
        if _last_failed(case):
            because = "AWS says that the last batch failed, and the oldest record does not move"
            return Finding(YES, because, readings)
        return unseen("the count of errors", *readings)
    enough = min(limits.sustained_minutes, LAST_MINUTES)
    sustained = (signals.failing_minutes or 0) >= enough
    repeated = (signals.error_minutes or 0) >= limits.sustained_minutes or _all_that_was_seen(case)
    repeated = repeated or _broken_just_now(case)
    all_now = (signals.newest_error_share or 0.0) >= limits.total_failure_share
    stands = stuck(case) and (signals.one_by_chance or 0.0) <= LIKELY
    stands = stands and not nothing_gets_on(case)
    if (sustained or repeated) and not all_now:
        for_long = (signals.still_minutes or 0) >= _FOR_LONG
        sure = stands and (for_long or like_a_clock(signals)) and not _swamped(case)
        if not sure and failed_before(signals):
            return Finding(NO, "as much failed before anything lagged", readings)
        if a_little_beside_the_work(case) and not sure:
            because = "little fails, and the lanes are busy with what succeeds"
            return Finding(NO, because, readings)
        if _moves_on(case) and not sure and (failing_share_of_lanes(case) or 1.0) <= _A_LITTLE:
            because = "little fails, and no record stands still"
            return Finding(NO, because, readings)
        if not sure and _would_lag_anyway(case):
            because = "far more comes in than would be done if nothing failed"
            return Finding(NO, because, readings)
    gravely = (signals.newest_error_share or 0.0) >= _GRAVELY
    if sustained or (repeated and (all_now or gravely or stands)):
        return Finding(YES, "invocations end in errors, minute after minute", readings)
    many = (signals.failed_event_share or 0.0) >= _GRAVELY
    if reported and (many or stuck(case) or signals.age_slope is None):
        return Finding(YES, "the function reports failed records", readings)
    return Finding(NO, "invocations succeed", readings)


def _reports_failures(case: Case) -> bool:
    """Whether the mapping's own counts show failed records; a few are nobody's."""
    signals, share = case.signals, case.signals.failed_event_share
    few = share is not None and share < case.policy.thresholds.error_share
    return bool(signals.failed_events_per_minute) and not few


def _last_failed(case: Case) -> bool:
    """Whether AWS says so of the last batch, which no throttle explains, while the oldest record
    does not move: where the newest counts of errors were lost, that tells of them."""
    mapping, signals = case.evidence.mapping, case.signals
    if Metric.ERRORS not in case.evidence.metrics:
        return False
    said = mapping.last_processing_result if mapping else None
    refused = signals.throttle_share != 0 or bool(signals.throttled_minutes)
    ended = said is not None and said.startswith("PROBLEM")
    return ended and not refused and stuck(case) and like_a_clock(signals)


# Minutes in which a lane that moves on at all has moved on by more than the beat of its tries.
_FOR_LONG = 8
# Of the newest minute, from which there is no need to wait for another one like it.
_GRAVELY = 0.25


def _all_that_was_seen(case: Case) -> bool:
    """Whether it fails in the only one of the newest minutes whose errors were not lost."""
    signals = case.signals
    return signals.seen_minutes == 1 and signals.failing_minutes == 1 and stuck(case)


def _broken_just_now(case: Case) -> bool:
    """Whether most of the newest minute fails, and the function was changed not long before: then
    there is no need to wait for another one like it."""
    function, share = case.evidence.function, case.signals.newest_error_share
    changed = function.last_modified if function else None
    if changed is None or share is None or share < _MOST:
        return False
    return case.at - changed <= timedelta(minutes=case.policy.thresholds.deploy_minutes)


_MOST = 0.5


def like_a_clock(signals: Signals) -> bool:
    """A lane with far too much to do moves on a little."""
    gradient = signals.age_slope if signals.oldest_slope is None else signals.oldest_slope
    return (gradient or 0.0) >= CLOCK


# Seconds of age a second, from which it is that of a record that does not move.
CLOCK = 0.9


def a_little_beside_the_work(case: Case) -> bool:
    """Whether the lanes work all the time, and what fails takes little of it: it must be tried
    again, but waiting for that is no work."""
    failed, most = _failed_of_the_work(case), _A_LITTLE_UNDER_LOAD if loaded(case) else _A_LITTLE
    return _busy(case) and failed is not None and failed <= most


def _busy(case: Case) -> bool:
    """Whether the lanes work all the time; what is more than they are works for another mapping,
    and tells nothing of them unless far more comes in."""
    share = case.signals.busy_share or 0.0
    ours = case.evidence.sibling_mappings == 0 or share <= 1 or loaded(case)
    return ours and share >= case.policy.thresholds.busy_share


def _failed_of_the_work(case: Case) -> float | None:
    """The share of the lanes' work that fails. What runs into the timeout takes longer than the
    rest, in the newest minute, which is that of the durations."""
    signals = case.signals
    failed, mean, longest = signals.error_share, signals.duration_ms, signals.duration_max_ms
    if failed is None or not mean or longest is None:
        return None
    if times_out(case).answer is not YES:
        return failed
    return min(1.0, max(failed, signals.newest_error_share or 0.0) * max(1.0, longest / mean))


def _moves_on(case: Case) -> bool:
    """Whether the oldest record is seen to move on."""
    steepest, fastest = case.policy.thresholds.stuck_slope, case.signals.age_slope
    oldest = case.signals.oldest_slope
    return fastest is not None and max(fastest, oldest or 0.0) < steepest / 2


# Of the lanes' work; where more comes in than usual, what fails may well come of that.
_A_LITTLE, _A_LITTLE_UNDER_LOAD = 0.15, 0.3


def fails_without_load(case: Case) -> bool:
    """Whether more than a little fails, minute after minute, though no more comes in than usual:
    then the failing is not of the load, and more lanes would fail as well."""
    signals, usual = case.signals, case.signals.usual_arrival_per_second
    fails = (signals.error_share or 0.0) >= _A_LITTLE
    lasts = (signals.error_minutes or 0) >= LAST_MINUTES
    return fails and lasts and bool(usual) and not loaded(case)


def _would_lag_anyway(case: Case) -> bool:
    """Whether the lanes, busy all the time, would not get done what comes in by far, even if all
    that fails succeeded: then it is too much, and the failures may well come of that."""
    signals = case.signals
    if more_than_full_batches_hold(case) and times_out(case).answer is not YES:
        return True
    if stuck(case) and _hardly_by_chance(case):  # then its head tells of that record alone
        return _swamped(case)
    failed, arrives = _failed_of_the_work(case), signals.arrival_per_second
    done = (
        signals.processed_per_second if signals.head_per_second is None else signals.head_per_second
    )
    if not _busy(case) or failed is None or failed > _HALF or arrives is None or done is None:
        return _swamped(case)
    return arrives * (1 - failed) >= _BY_FAR * done


_BY_FAR, _HALF = 2.0, 0.5


def _hardly_by_chance(case: Case) -> bool:
    """Whether failures at random would not look like one record that stands still."""
    chance = case.signals.one_by_chance
    return chance is not None and chance <= case.policy.thresholds.chance


def _swamped(case: Case) -> bool:
    """Whether so much more comes in than usual, and than gets done, that the age climbs like a
    clock of itself. A lane is taken, too, while it waits to try again what has failed."""
    signals = case.signals
    arrives, usual = signals.arrival_per_second, signals.usual_arrival_per_second
    done, failed, lanes = signals.processed_per_second, _failed_of_the_work(case), signals.lanes
    if arrives is None or not usual or done is None or not lanes or (failed or 0.0) > _HALF:
        return False
    shards = case.evidence.open_shards or 1
    places = shards if shards > 1 else lanes
    beside = arrives * (places - 1) / places  # what one record that stands still would leave
    return all_are_taken(case) and arrives >= _BY_FAR * usual and beside >= _BY_FAR * done


def failed_before(signals: Signals) -> bool:
    """Whether what fails now did so minute after minute, while nothing lagged: it is not why."""
    now, before = signals.error_share, signals.error_share_before
    return now is not None and before is not None and now <= NO_MORE_THAN * before


# Times the share of before, which is no more than it.
NO_MORE_THAN = 1.5


def nothing_gets_on(case: Case) -> bool:
    """Whether the youngest batches grow older as well as the oldest: then it is no single place of
    several that stands still. Where far more comes in than usual, and lanes that are busy with it
    are seen to succeed, they may for that alone."""
    mapping, several = case.evidence.mapping, (case.evidence.open_shards or 0) > 1
    counted = mapping is not None and not mapping.reports_partial_batches
    some = (case.signals.error_share or 0.0) < case.policy.thresholds.total_failure_share
    at_work = _busy(case) or (some and all_are_taken(case))
    swamped = counted and loaded(case) and at_work
    return case.signals.others_move is False and several and not swamped


def stuck(case: Case) -> bool:
    """Whether the oldest record does not move: its age climbs by a second a second, or, where it
    is tried seldom, by as much as the time between two tries allows."""
    signals, steepest = case.signals, case.policy.thresholds.stuck_slope
    still, gradient = signals.still_minutes, signals.age_slope
    if signals.oldest_slope is not None:
        gradient = max(gradient or 0.0, signals.oldest_slope)
    if gradient is None:
        return False
    seldom = still is not None and still >= LAST_MINUTES and gradient >= _SELDOM * steepest
    return steepest <= gradient <= _NO_FASTER or (seldom and gradient <= _NO_FASTER)


def reads_run_ahead(case: Case) -> bool:
    """Whether no shard's own age shows what the mapping's does, minute after minute: that it stands
    still. Then the shards are read ahead of what is done, and their ages tell nothing of it."""
    lasts = (case.signals.still_minutes or 0) >= 2 * LAST_MINUTES
    return case.signals.stuck_shards == 0 and lasts and stuck(case)


_SELDOM = 0.9
# Seconds of age a second: by more it does not age, but jump.
_NO_FASTER = 1.5


def everything_fails(case: Case) -> Finding:
    signals, limits = case.signals, case.policy.thresholds
    readings = (
        case.reading("error_share"),
        case.reading("failed_event_share"),
        case.reading("successes_per_minute"),
        Reading(name="open_shards", value=case.evidence.open_shards),
    )
    reported = signals.failed_event_share if (signals.lanes or 0) > 1 else None
    if signals.error_share is None and _last_failed(case):
        because = "what comes after the oldest record stands still as well, as far as that shows"
        return when(nothing_gets_on(case), because, *readings)
    if signals.error_share is None and reported is None:
        return Finding(NO, "failed records are reported one by one, the rest succeed", readings)
    total = max(signals.error_share or 0.0, reported or 0.0) >= limits.total_failure_share
    because = "nothing succeeds" if total else "some invocations succeed"
    return Finding(YES if total else NO, because, readings)


def several_fail_at_once(case: Case) -> bool:
    """Whether invocations of this mapping alone run at once, minute after minute, in more lanes
    than one record can hold, and all of them fail."""
    signals, limits = case.signals, case.policy.thresholds
    running = series_of(case.evidence, Metric.CONCURRENT_EXECUTIONS)
    share = max(signals.error_share or 0.0, signals.failed_event_share or 0.0)
    if running is None or case.evidence.sibling_mappings != 0 or signals.others_invoke:
        return False
    newest = running.values[-_MINUTES_AT_ONCE:]
    at_once = len(newest) == _MINUTES_AT_ONCE and min(newest) >= _SEVERAL
    return at_once and share >= limits.total_failure_share


# Invocations at once, of which two may be one lane's old and new one.
_SEVERAL, _MINUTES_AT_ONCE = 3, 2


def times_out(case: Case) -> Finding:
    function, longest = case.evidence.function, case.signals.duration_max_ms
    timeout = function.timeout_seconds if function else None
    readings = (
        case.reading("duration_max_ms", "ms"),
        Reading(name="timeout_seconds", value=timeout, unit="s"),
    )
    if timeout is None or longest is None:
        return unseen("the longest duration or the timeout", *readings)
    share = longest / (timeout * 1000)
    return when(
        share >= case.policy.thresholds.timeout_share,
        f"the longest invocation took {share:.0%} of the timeout",
        *readings,
    )


# How likely it may be that failures at random look like one record that stands still, and yet the
# word is of a record. It proves nothing: what is captured needs more.
LIKELY = 0.3
