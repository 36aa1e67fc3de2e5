"""Questions about failures that nobody counts: those behind partial batch responses."""

from math import inf
from statistics import fmean

from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.decide.failing import (
    like_a_clock,
    nothing_gets_on,
    reads_run_ahead,
)
from remediator.decide.overload import SECONDS_BETWEEN_TRIES, loaded
from remediator.evidence.metrics import Metric
from remediator.evidence.series import series_of
from remediator.evidence.signals import LAST_MINUTES, Signals
from remediator.model import Reading, Series


def no_place_gets_on(case: Case) -> Finding:
    """What stands still everywhere is no record's doing, though no failure is counted."""
    readings = (
        case.reading("others_move"),
        case.reading("successes_per_minute"),
        case.reading("usual_successes_per_minute"),
        Reading(name="open_shards", value=case.evidence.open_shards),
        Reading(name="sibling_mappings", value=case.evidence.sibling_mappings),
    )
    if most_lanes_try_in_vain(case) or _works_for_nothing(case):
        return Finding(YES, "far more is tried than the lanes of a few records could", readings)
    shards, standing = case.evidence.open_shards or 0, case.signals.stuck_shards or 0
    if 1 < shards <= standing:
        return Finding(YES, "by their own ages, no shard moves on", readings)
    if case.signals.others_move is None:
        return unseen("whether the youngest batches grow older as well", *readings)
    none = nothing_gets_on(case)
    because = "the youngest batches grow older as well" if none else "some place may get on"
    return when(none, because, *readings)


def most_lanes_try_in_vain(case: Case) -> bool:
    """Whether there are so many more invocations than what comes in asks for that most lanes must
    do again what they did: behind partial responses a batch of which every record fails succeeds,
    too, and is tried again a while later."""
    signals, mapping, shards = case.signals, case.evidence.mapping, case.evidence.open_shards
    tried, usual = signals.successes_per_minute, signals.usual_successes_per_minute
    hidden = mapping is not None and mapping.reports_partial_batches
    alone = case.evidence.sibling_mappings == 0 and signals.others_invoke is not None
    lanes = lanes_or_most_at_once(case)
    if not hidden or not alone or tried is None or not usual or not lanes:
        return False
    busy = (signals.busy_share or 1.0) >= case.policy.thresholds.busy_share
    drains = busy and not _tries_more_than_came(signals)
    few = signals.stuck_shards is not None and 2 * signals.stuck_shards <= (shards or 0)
    if drains or few:
        return False
    came, usually = signals.peak_arrival_per_second, signals.usual_arrival_per_second
    more = max(1.0, came / usually) if came and usually else 1.0
    each = SECONDS_BETWEEN_TRIES + (signals.duration_ms or 0.0) / 1000
    return tried - more * usual >= _MOST_OF_THEM * lanes * 60 / each


_MOST_OF_THEM = 0.5


def _tries_more_than_came(signals: Signals) -> bool:
    """Whether there were more batches in the newest minutes than records have come since the oldest
    that waits, which stands still: then most of them were tried before."""
    tried, came = signals.successes_per_minute, signals.arrived_since_oldest
    still = (signals.still_minutes or 0) >= LAST_MINUTES
    return still and tried is not None and came is not None and LAST_MINUTES * tried > came


def lanes_or_most_at_once(case: Case) -> float:
    """How many invocations the mapping may run at once; of another account's stream, has run."""
    running = (series_of(case.evidence, Metric.CONCURRENT_EXECUTIONS) or Series()).values
    return case.signals.lanes or max(running, default=0.0)


def _works_for_nothing(case: Case) -> bool:
    """Whether lanes that are all busy would do far more than comes in, since what waits fills every
    batch, and yet the oldest record ages like a clock, though no more comes in than usual and more
    is tried: they do again what they did, all of them."""
    signals, mapping = case.signals, case.evidence.mapping
    most, arrives = signals.most_done_per_second, signals.arrival_per_second
    tried, usual = signals.successes_per_minute, signals.usual_successes_per_minute
    came, usually = signals.peak_arrival_per_second, signals.usual_arrival_per_second
    if mapping is None or not mapping.reports_partial_batches or signals.others_move:
        return False
    if None in {most, arrives, tried, usual, came, usually} or not signals.lanes:
        return False
    busy = (signals.busy_share or 0.0) >= case.policy.thresholds.busy_share
    full = (signals.backlog_records or 0.0) >= signals.lanes * mapping.batch_size
    far = (most or 0.0) >= _FAR_MORE * (arrives or 0.0)
    again = (tried or 0.0) >= _MORE * (usual or 0.0)
    no_more = (came or 0.0) <= _AS_BEFORE * (usually or 0.0)
    lasts = (signals.climbing_minutes or 0) >= LAST_MINUTES and like_a_clock(signals)
    return busy and full and far and again and no_more and lasts


_FAR_MORE = 2.0


def stuck_in_silence(case: Case) -> Finding:
    """Partial batch responses hide a poison record: the invocation counts as a success."""
    mapping, signals = case.evidence.mapping, case.signals
    partial = mapping.reports_partial_batches if mapping else None
    readings = (
        Reading(name="reports_partial_batches", value=partial),
        case.reading("failed_events_per_minute", "records/min"),
        case.reading("age_slope", "s/s"),
        case.reading("stuck_shards"),
        case.reading("busy_share"),
        case.reading("busy_lanes"),
        case.reading("usual_busy_lanes"),
    )
    if partial is False:
        return Finding(NO, "the function does not report partial batches", readings)
    longest = max(signals.duration_max_ms or 0.0, signals.usual_duration_max_ms or 0.0) / 60_000
    if (signals.silent_minutes or 0) >= LAST_MINUTES + longest:
        return Finding(NO, "nothing is invoked that could fail", readings)
    if partial is None or signals.age_slope is None or signals.busy_share is None:
        return unseen("partial responses, the slope or the lanes", *readings)
    several = (case.evidence.open_shards or 0) > 1
    if signals.stuck_shards == 0 and several and not reads_run_ahead(case):
        return Finding(NO, "by their own ages, every shard moves on", readings)
    counted = Metric.FAILED_INVOKE_EVENTS in case.evidence.metrics
    if counted and not (signals.failed_events_per_minute and signals.failed_event_share != 0):
        return Finding(NO, "the mapping's own counts show no failed record", readings)
    if counted and _fails_as_before(case):
        return Finding(NO, "as many records failed before anything lagged", readings)
    idle = signals.busy_share < case.policy.thresholds.busy_share or _works_in_vain(signals)
    idle = idle or _works_as_ever(signals) or _gets_on_nowhere(case) or _works_for_nothing(case)
    flowing = signals.arrival_per_second != 0  # of another account's stream it is not seen
    climbing = _climbs(case, signals.age_slope)
    own = case.evidence.target.consumer_arn is not None  # then refused reads are others'
    refused = bool(signals.read_throttled_minutes) and not own
    return when(
        climbing and idle and flowing and not refused,
        "the oldest record does not move although lanes are free, or do the same again: failures "
        "may be hidden in partial responses"
        if climbing and idle
        else "records move on, or every lane is busy",
        *readings,
    )


# Seconds of age a second: by more it does not age, but jump.
_NO_FASTER = 1.5


def _climbs(case: Case, slope: float) -> bool:
    """With free lanes no healthy shard's age climbs, so half the slope of a stopped clock will do;
    unless far more comes in than usual, which may all be one lane's, or it has lagged for so long
    that a stopped clock would have shown."""
    signals, steep = case.signals, case.policy.thresholds.stuck_slope
    if (signals.still_minutes or 0) < _MINUTES_OF_COURSE:
        return False
    if (signals.age_seconds or 0.0) >= _FOR_LONG:
        return steep <= max(slope, signals.oldest_slope or 0.0) and slope <= _NO_FASTER
    return (steep if loaded(case) else 0.5 * steep) <= slope <= _NO_FASTER


# Two ages alone are no course: the second one may be of any batch.
_MINUTES_OF_COURSE = 2
# Seconds of age in which the time between two tries makes no difference any more.
_FOR_LONG = 480.0


def _fails_as_before(case: Case) -> bool:
    """Whether no more records are reported as failed since it lags than before."""
    points, onset = case.evidence.metrics[Metric.FAILED_INVOKE_EVENTS].points, case.signals.onset
    before = [count for at, count in points if onset is not None and at < onset]
    since = [count for at, count in points if onset is not None and at >= onset]
    if len(before) < LAST_MINUTES or not since:
        return False
    return any(before) and fmean(since) <= _NO_MORE_THAN * fmean(before)


_NO_MORE_THAN = 1.5


def _works_in_vain(signals: Signals) -> bool:
    """Whether lanes work more than usual though no more comes in and nothing takes longer: they do
    again what they did before."""
    busy, usual = signals.busy_lanes, signals.usual_busy_lanes
    if busy is None or usual is None:
        return False
    return busy >= _MORE * usual and _nothing_explains_it(signals)


def _works_as_ever(signals: Signals) -> bool:
    """Whether the oldest record ages like a clock although lanes work no more than while nothing
    lagged, no more comes in and nothing takes longer: who has too much to do works more."""
    busy, usual = signals.busy_lanes, signals.usual_busy_lanes
    if busy is None or usual is None or not like_a_clock(signals):
        return False
    return busy <= _AS_BEFORE * usual and _nothing_explains_it(signals)


def _gets_on_nowhere(case: Case) -> bool:
    """Whether every place ages like a clock, the youngest batches as well, though no more comes in
    and nothing takes much longer: lanes that are busy get nothing done at all."""
    signals = case.signals
    if not like_a_clock(signals) or not nothing_gets_on(case):
        return False
    came, usually = signals.peak_arrival_per_second, signals.usual_arrival_per_second
    takes, took = signals.duration_ms, signals.usual_duration_ms
    if came is None or usually is None or takes is None or took is None:
        return False
    return came <= _AS_BEFORE * usually and takes <= _MORE * took


def _nothing_explains_it(signals: Signals) -> bool:
    came, usually = signals.peak_arrival_per_second, signals.usual_arrival_per_second
    takes, took = signals.duration_ms, signals.usual_duration_ms
    if came is None or usually is None or takes is None or took is None:
        return False
    longest, before = signals.duration_max_ms, signals.usual_duration_max_ms
    longer = (longest or 0.0) > _AS_BEFORE * (before or inf)
    return came <= _AS_BEFORE * usually and not longer and takes <= _AS_BEFORE * took


_MORE, _AS_BEFORE = 1.3, 1.15
