"""Whether what stands behind the function is saturated: more lanes, each of them slower."""

from datetime import timedelta
from math import ceil

from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.evidence.metrics import Metric
from remediator.evidence.series import series_of
from remediator.evidence.signals import LAST_MINUTES, Signals
from remediator.model import (
    Answer,
)


def saturates_downstream(case: Case) -> Finding:
    """A longer duration alone says little: batches grow with the backlog. A lane that gets less
    done since more of them run does."""
    signals, ratio = case.signals, case.policy.thresholds.saturation_ratio
    readings = (
        case.reading("lane_rate", "records/s"),
        case.reading("usual_lane_rate", "records/s"),
        case.reading("narrow_lane_rate", "records/s"),
        case.reading("concurrency"),
        case.reading("usual_concurrency"),
        case.reading("busy_lanes"),
        case.reading("usual_busy_lanes"),
        case.reading("duration_ms", "ms"),
        case.reading("usual_duration_ms", "ms"),
        case.reading("duration_max_ms", "ms"),
        case.reading("usual_duration_max_ms", "ms"),
        case.reading("slowdown"),
        case.reading("peak_arrival_per_second", "records/s"),
        case.reading("usual_arrival_per_second", "records/s"),
    )
    rate, usual = signals.lane_rate, signals.usual_lane_rate
    running, before = signals.concurrency, signals.usual_concurrency
    yes = "a lane gets less done since more of them run"
    if _slow_since_a_deploy(case):
        return Finding(
            NO, "the function was changed as it began to lag: the code is slow", readings
        )
    if _out_for_longer(case):
        because = "more lanes run than ever, and for minutes nothing has ended that has begun"
        return Finding(YES, because, readings)
    if as_quick_as_ever(signals, ratio):
        return Finding(NO, "the longest invocation takes no longer than before", readings)
    if _slower_under_more_load(case):
        return Finding(YES, yes, readings)
    if rate is None or usual is None or running is None or before is None:
        return unseen("the course of a lane's work and of concurrency", *readings)
    most = max(rate, _at_least(case))
    slower = most * ratio <= min(usual, signals.narrow_lane_rate or usual)
    slower = slower and takes_longer(signals.usual_duration_ms, signals.duration_ms, ratio)
    wider = running >= ratio * max(1.0, before)
    no = "a lane gets as much done as before or takes no longer, or no more of them run"
    return when(slower and wider, yes if slower and wider else no, *readings)


def _out_for_longer(case: Case) -> bool:
    """Whether all that has begun of late is still out, for far longer than any invocation took, in
    more lanes than usual: it is counted once it has ended."""
    signals, ratio = case.signals, case.policy.thresholds.saturation_ratio
    silent, took = signals.silent_minutes or 0.0, series_of(case.evidence, Metric.DURATION_MAX_MS)
    running = series_of(case.evidence, Metric.CONCURRENT_EXECUTIONS)
    longest = max(took.values, default=0.0) if took else 0.0
    if running is None or not longest or silent < LAST_MINUTES:
        return False
    far = silent * 60_000 >= _FAR_LONGER * longest
    lately = running.values[-ceil(silent) :]
    usual = max(1.0, signals.usual_concurrency or 0.0)
    return far and min(lately, default=0.0) >= ratio * usual


_FAR_LONGER = 2.0


def _at_least(case: Case) -> float:
    """Records a second that a busy lane gets done for sure: what was read ahead is done while less
    is read. Where enough waits for full batches, the longest invocations have one; and the oldest
    record is passed by what was done."""
    signals, mapping = case.signals, case.evidence.mapping
    longest, head, busy = signals.duration_max_ms, signals.head_per_second, signals.busy_lanes
    of_full = mapping is not None and _batches_are_full(case) and longest
    by_batch = mapping.batch_size * 1000 / longest if mapping and longest and of_full else 0.0
    return max(by_batch, head / busy if head and busy else 0.0)


def _slower_under_more_load(case: Case) -> bool:
    """Whether more came in, so that lanes rest less, and each record takes longer since, even if
    every batch was full: so half of the growth will do. Where no more came in, something else has
    made it slow."""
    signals, ratio = case.signals, case.policy.thresholds.saturation_ratio
    return (
        (signals.slowdown or 0.0) >= (1 + ratio) / 2
        and _times(signals.busy_lanes, signals.usual_busy_lanes, ratio)
        and _times(signals.peak_arrival_per_second, signals.usual_arrival_per_second, ratio)
    )


def as_quick_as_ever(signals: Signals, ratio: float, longest: float | None = None) -> bool:
    """Whether the longest invocations, which are full batches if any is, take no longer.

    ``longest``: of some of the minutes alone."""
    usual = signals.usual_duration_max_ms
    longest = signals.duration_max_ms if longest is None else longest
    return longest is not None and bool(usual) and longest < (1 + ratio) / 2 * (usual or 0.0)


def takes_longer(before: float | None, now: float | None, ratio: float) -> bool:
    """Whether an invocation takes so much longer than before that lanes may be slower by a ratio.
    A slower lane takes longer for what it has in hand: else its batches are smaller, or what was
    read before was not yet done."""
    return before is None or now is None or now >= (1 + ratio) / 2 * before


def _slow_since_a_deploy(case: Case) -> bool:
    """Whether the function was changed, as far as the readings show, when it began to lag."""
    changed = case.evidence.function.last_modified if case.evidence.function else None
    onset, window = case.signals.onset, case.policy.thresholds.deploy_minutes
    if changed is None or onset is None:
        return False
    return onset - timedelta(minutes=window) <= changed <= onset + timedelta(minutes=LAST_MINUTES)


def _times(now: float | None, usual: float | None, ratio: float) -> bool:
    return now is not None and bool(usual) and now >= ratio * (usual or 0.0)


def maybe_saturated(case: Case) -> bool:
    """Whether lanes look slower, and a reading that would tell why is missing."""
    signals, ratio = case.signals, case.policy.thresholds.saturation_ratio
    blind = case.evidence.readers is None or any(
        metric not in case.evidence.metrics
        for metric in (Metric.READ_RECORDS, Metric.CONCURRENT_EXECUTIONS)
    )
    if not blind or saturates_downstream(case).answer is not Answer.UNSEEN:
        return False
    running, before = signals.concurrency, signals.usual_concurrency
    wider = running is None or before is None or running >= ratio * max(1.0, before)
    if signals.slowdown is not None and _batches_are_full(case):
        return wider and signals.slowdown >= (1 + ratio) / 2
    return wider and _times(signals.duration_ms, signals.usual_duration_ms, ratio)


def _batches_are_full(case: Case) -> bool:
    """Whether enough waits for a full batch in every lane."""
    mapping, lanes, waiting = (
        case.evidence.mapping,
        case.signals.lanes,
        case.signals.backlog_records,
    )
    if mapping is None or lanes is None or waiting is None:
        return False
    return waiting >= lanes * mapping.batch_size
