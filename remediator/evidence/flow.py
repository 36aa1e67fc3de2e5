"""Arrival, processing and backlog, in records."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import fmean, median, median_low

from remediator.evidence.arrivals import OF_A_BURST, arrivals_of
from remediator.evidence.course import ages
from remediator.evidence.explained import filters_unseen, pass_share
from remediator.evidence.lanes import Stream, measure_lanes
from remediator.evidence.metrics import Metric
from remediator.evidence.record import Signals
from remediator.evidence.series import (
    LAST_MINUTES,
    MINUTE,
    STREAM_FAMILY,
    counts_of,
    each_minute,
    filled,
    known,
    minutes_seen,
    series_of,
)
from remediator.model import Evidence, Series
from remediator.policy import Thresholds


def measure_flow(evidence: Evidence, thresholds: Thresholds, known_so_far: Signals) -> Signals:
    minutes = each_minute(minutes_seen(evidence, STREAM_FAMILY))
    arrivals = arrivals_of(evidence, minutes)
    whole = filled(arrivals) if arrivals else None
    arrival = _arrival_per_minute(evidence, minutes, arrivals) if arrivals else None
    processed = _processed_by_minute(evidence, minutes)
    # Late metrics make the newest minute look idle; the backlog keeps the lanes evenly busy.
    newest = known((processed or ())[-LAST_MINUTES:])
    rate = max(newest, default=None)
    lately = known((arrivals or ())[-2 * LAST_MINUTES :])
    peak = max(lately, default=None)
    surely = _within_what_the_age_allows(rate, peak, known_so_far.age_slope)
    done = _counted(evidence, minutes)
    return Signals(
        arrival_per_second=None if arrival is None else arrival / 60,
        peak_arrival_per_second=None if peak is None else peak / 60,
        usual_arrival_per_second=_usual_per_second(arrivals),
        processed_per_second=None if rate is None else rate / 60,
        head_per_second=_head_rate(evidence, minutes, whole) if whole else None,
        least_processed_per_second=min(newest) / 60 if newest else None,
        usual_processed_per_second=_usual_per_second(processed),
        records_per_batch=_per_batch(evidence, surely, known_so_far.successes_per_minute),
        backlog_records=_backlog(
            evidence, minutes, whole, filled(done) if done else None, known_so_far, arrival
        )
        if whole and arrival is not None
        else None,
        arrived_since_oldest=_since_oldest(evidence, minutes, arrivals, known_so_far),
    ) | measure_lanes(evidence, thresholds, known_so_far, Stream(minutes, arrivals, processed))


def _usual_per_second(counts: Sequence[float | None] | None) -> float | None:
    """The median of the minutes before the newest."""
    older = known((counts or ())[: -2 * LAST_MINUTES])
    return median(older) / 60 if older else None


def _since_oldest(
    evidence: Evidence,
    minutes: Sequence[datetime],
    arrivals: Sequence[float | None] | None,
    known_so_far: Signals,
) -> float | None:
    """``None`` where a minute of it was not seen, or the window does not reach back so far."""
    age = known_so_far.age_seconds
    if arrivals is None or age is None:
        return None
    since = evidence.gathered_at - timedelta(seconds=age) - MINUTE
    if not minutes or minutes[0] > since:
        return None
    of_it = [count for at, count in zip(minutes, arrivals, strict=True) if at + MINUTE > since]
    return None if None in of_it or not of_it else sum(known(of_it))


def _head_rate(
    evidence: Evidence, minutes: Sequence[datetime], arrivals: Sequence[float]
) -> float | None:
    """How many records a second the oldest unread one moves on: what arrived between where it was
    and where it is. Unlike what is read, this is done; ``None`` while there is no lag to speak of.
    """
    points = ages(evidence)[-4:]
    if len(points) < 2 or points[-1][1] < 60:
        return None
    heads = [at + MINUTE - timedelta(seconds=age) for at, age in points]
    if heads[0] < minutes[0]:
        return None
    done = _arrived_between(heads[0], heads[-1], minutes, arrivals)
    return max(0.0, done) / (points[-1][0] - points[0][0]).total_seconds()


def _arrived_between(
    head: datetime, end: datetime, minutes: Sequence[datetime], arrivals: Sequence[float]
) -> float:
    return sum(
        count * (_after(head, minute) - _after(end, minute))
        for minute, count in zip(minutes, arrivals, strict=True)
    )


def _within_what_the_age_allows(
    rate: float | None, arrival: float | None, slope: float | None
) -> float | None:
    """Pollers read ahead, so records read are not yet done: an age that grows by ``slope``
    seconds a second says that no more than arrival × (1 − slope) is. ``arrival``: the highest of
    late, since a burst's records are what is being done."""
    if rate is None or not arrival or slope is None or not 0 < slope < 1:
        return rate
    return min(rate, arrival * (1 - slope))


def _arrival_per_minute(
    evidence: Evidence, minutes: Sequence[datetime], arrivals: Sequence[float | None]
) -> float | None:
    """What arrives now: the median of the newest minutes, so that a burst that is over does not
    set the rate; the newest minute alone where it is lower and surely complete, which the calls of
    the pollers show: they never rest."""
    seen, newest = known(arrivals[-LAST_MINUTES:]), arrivals[-1]
    if not seen:
        return None
    usual = median_low(seen)
    published = dict((series_of(evidence, Metric.INCOMING_RECORDS) or Series()).points)
    if newest is None or minutes[-1] not in published:
        return usual
    calls = counts_of(evidence, Metric.READ_CALLS, minutes)
    if calls is None:
        return min(usual, newest)
    most = 0.9 * min(known(calls[-4 * LAST_MINUTES : -1]), default=0.0)
    return min(usual, newest) if calls[-1] is not None and calls[-1] >= most else usual


def _counted(evidence: Evidence, minutes: Sequence[datetime]) -> tuple[float | None, ...] | None:
    """Records processed by this mapping, by minute, where they are counted."""
    invoked = series_of(evidence, Metric.INVOKED_EVENTS)
    if invoked is not None and invoked.points:
        return _difference(evidence, Metric.INVOKED_EVENTS, Metric.FAILED_INVOKE_EVENTS, minutes)
    one_each = evidence.mapping is not None and evidence.mapping.batch_size == 1
    if one_each and not filters_unseen(evidence):
        return _difference(evidence, Metric.INVOCATIONS, Metric.ERRORS, minutes)
    return None


def _processed_by_minute(
    evidence: Evidence, minutes: Sequence[datetime]
) -> tuple[float | None, ...] | None:
    """Records processed, from the best witness: counted, else read by or pushed to this mapping
    alone."""
    counted = _counted(evidence, minutes)
    if counted is not None:
        return counted
    read = read_by_minute(evidence, minutes)
    passes = pass_share(evidence)
    if read is None or passes is None:
        return read
    return tuple(None if count is None else count * passes for count in read)


def read_by_minute(
    evidence: Evidence, minutes: Sequence[datetime]
) -> tuple[float | None, ...] | None:
    """With enhanced fan-out of its own, what is pushed; else what the stream's only reader read."""
    if evidence.target.consumer_arn is not None:
        return counts_of(evidence, Metric.PUSHED_RECORDS, minutes)
    alone = evidence.shared_readers == 0
    return counts_of(evidence, Metric.READ_RECORDS, minutes) if alone else None


def _difference(
    evidence: Evidence, done: Metric, failed: Metric, minutes: Sequence[datetime]
) -> tuple[float | None, ...] | None:
    whole = counts_of(evidence, done, minutes)
    if whole is None:
        return None
    bad = counts_of(evidence, failed, minutes) or (0.0,) * len(whole)
    return tuple(
        None if all_ is None or some is None else max(0.0, all_ - some)
        for all_, some in zip(whole, bad, strict=True)
    )


def _per_batch(evidence: Evidence, rate: float | None, successes: float | None) -> float | None:
    """Records per successful invocation, within the mapping's batch size."""
    if evidence.mapping is None:
        return None
    most = float(evidence.mapping.batch_size)
    if most == 1:
        return 1.0
    if rate is None or not successes or filters_unseen(evidence):
        return None
    return min(most, max(1.0, rate / successes))


def _backlog(
    evidence: Evidence,
    minutes: Sequence[datetime],
    arrivals: Sequence[float],
    done: Sequence[float] | None,
    known_so_far: Signals,
    arrival_per_minute: float,
) -> float | None:
    """Records that arrived in the last ``age_seconds``, less what is known to be done.

    ``done``: records by minute, where they were counted and not only read ahead.
    """
    age = known_so_far.age_seconds
    if age is None:
        return None
    head, end = evidence.gathered_at - timedelta(seconds=age), minutes[-1] + MINUTE
    before = max(0.0, (minutes[0] - head).total_seconds())
    unpublished = max(0.0, (evidence.gathered_at - max(end, head)).total_seconds())
    stands_still = (known_so_far.age_slope or 0.0) >= _STANDS_STILL
    waiting = (
        _arrived_since(head, minutes, arrivals, together=stands_still)
        + fmean(arrivals) / 60 * before
        + arrival_per_minute / 60 * unpublished
    )
    if before or done is None:
        return waiting
    return min(waiting, max(0.0, sum(arrivals) - sum(done))) or waiting


# Seconds of age a second: records that came at one moment are done one after another, and all of
# them are as old.
_STANDS_STILL = 0.9


def _arrived_since(
    head: datetime, minutes: Sequence[datetime], arrivals: Sequence[float], *, together: bool
) -> float:
    """A minute's records spread evenly over it, but a burst's lie together: it counts whole."""
    typical = median_low(arrivals)
    return sum(
        count
        if together and head < minute + MINUTE and count > OF_A_BURST * typical
        else count * _after(head, minute)
        for minute, count in zip(minutes, arrivals, strict=True)
    )


def _after(head: datetime, minute: datetime) -> float:
    return min(1.0, max(0.0, (minute + MINUTE - head) / MINUTE))
