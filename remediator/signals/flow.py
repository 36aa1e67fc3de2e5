"""Arrival, processing and backlog, in records."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import fmean, median, median_low

from remediator.metrics import Metric
from remediator.model import Evidence, Series
from remediator.policy import Thresholds
from remediator.signals.age import ages
from remediator.signals.lanes import Stream, measure_lanes
from remediator.signals.series import (
    LAST_MINUTES,
    MINUTE,
    STREAM_FAMILY,
    counts_of,
    minutes_seen,
    series_of,
)


def measure_flow(
    evidence: Evidence, thresholds: Thresholds, known: Mapping[str, object]
) -> dict[str, object]:
    minutes = minutes_seen(evidence, STREAM_FAMILY)
    arrivals = counts_of(evidence, Metric.INCOMING_RECORDS, minutes)
    arrival = _arrival_per_minute(evidence, minutes, arrivals) if arrivals else None
    processed = _processed_by_minute(evidence, minutes)
    # Late metrics make the newest minute look idle; the backlog keeps the lanes evenly busy.
    rate = max(processed[-LAST_MINUTES:], default=None) if processed else None
    peak = max(arrivals[-2 * LAST_MINUTES :], default=None) if arrivals else None
    surely = _within_what_the_age_allows(rate, peak, known.get("age_slope"))
    successes = known.get("successes_per_minute")
    return {
        "arrival_per_second": None if arrival is None else arrival / 60,
        "peak_arrival_per_second": None if peak is None else peak / 60,
        "usual_arrival_per_second": median(arrivals[: -2 * LAST_MINUTES]) / 60
        if arrivals and len(arrivals) > 2 * LAST_MINUTES
        else None,
        "processed_per_second": None if rate is None else rate / 60,
        "head_per_second": _head_rate(evidence, minutes, arrivals) if arrivals else None,
        "least_processed_per_second": min(processed[-LAST_MINUTES:]) / 60 if processed else None,
        "usual_processed_per_second": median(processed[: -2 * LAST_MINUTES]) / 60
        if processed and len(processed) > 2 * LAST_MINUTES
        else None,
        "records_per_batch": _per_batch(evidence, surely, successes),
        "backlog_records": _backlog(
            evidence, minutes, arrivals, _counted(evidence, minutes), known
        ),
        **measure_lanes(evidence, thresholds, known, Stream(minutes, arrivals, processed)),
    }


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
    rate: float | None, arrival: float | None, slope: object
) -> float | None:
    """Pollers read ahead, so records read are not yet done: an age that grows by ``slope``
    seconds a second says that no more than arrival × (1 − slope) is. ``arrival``: the highest of
    late, since a burst's records are what is being done."""
    if rate is None or not arrival or not isinstance(slope, float) or not 0 < slope < 1:
        return rate
    return min(rate, arrival * (1 - slope))


def _arrival_per_minute(
    evidence: Evidence, minutes: Sequence[datetime], arrivals: Sequence[float]
) -> float:
    """What arrives now: the median of the newest minutes, so that a burst that is over does not
    set the rate; the newest minute alone where it is lower and surely complete, which the calls of
    the pollers show: they never rest."""
    usual, newest = median_low(arrivals[-LAST_MINUTES:]), arrivals[-1]
    published = dict((series_of(evidence, Metric.INCOMING_RECORDS) or Series()).points)
    calls = counts_of(evidence, Metric.READ_CALLS, minutes)
    whole = calls is None or calls[-1] >= 0.9 * min(calls[-4 * LAST_MINUTES : -1], default=0.0)
    return min(usual, newest) if whole and minutes[-1] in published else usual


def _counted(evidence: Evidence, minutes: Sequence[datetime]) -> tuple[float, ...] | None:
    """Records processed by this mapping, by minute, where they are counted."""
    invoked = series_of(evidence, Metric.INVOKED_EVENTS)
    if invoked is not None and invoked.points:
        return _difference(evidence, Metric.INVOKED_EVENTS, Metric.FAILED_INVOKE_EVENTS, minutes)
    if evidence.mapping and evidence.mapping.batch_size == 1:
        return _difference(evidence, Metric.INVOCATIONS, Metric.ERRORS, minutes)
    return None


def _processed_by_minute(
    evidence: Evidence, minutes: Sequence[datetime]
) -> tuple[float, ...] | None:
    """Records processed, from the best witness: counted, else read by the only reader."""
    counted = _counted(evidence, minutes)
    alone = evidence.readers is not None and not any(
        reader.shared_throughput and reader.enabled for reader in evidence.readers
    )
    return counted or (counts_of(evidence, Metric.READ_RECORDS, minutes) if alone else None)


def _difference(
    evidence: Evidence, done: Metric, failed: Metric, minutes: Sequence[datetime]
) -> tuple[float, ...] | None:
    whole = counts_of(evidence, done, minutes)
    if whole is None:
        return None
    bad = counts_of(evidence, failed, minutes) or (0.0,) * len(whole)
    return tuple(max(0.0, all_ - some) for all_, some in zip(whole, bad, strict=True))


def _per_batch(evidence: Evidence, rate: float | None, successes: object) -> float | None:
    """Records per successful invocation, within the mapping's batch size."""
    if evidence.mapping is None:
        return None
    most = float(evidence.mapping.batch_size)
    if most == 1:
        return 1.0
    if rate is None or not isinstance(successes, float) or successes <= 0:
        return None
    return min(most, max(1.0, rate / successes))


def _backlog(
    evidence: Evidence,
    minutes: Sequence[datetime],
    arrivals: Sequence[float] | None,
    done: Sequence[float] | None,
    known: Mapping[str, object],
) -> float | None:
    """Records that arrived in the last ``age_seconds``, less what is known to be done.

    ``done``: records by minute, where they were counted and not only read ahead.
    """
    age, slope = known.get("age_seconds"), known.get("age_slope")
    if arrivals is None or not isinstance(age, float):
        return None
    head, end = evidence.gathered_at - timedelta(seconds=age), minutes[-1] + MINUTE
    before = max(0.0, (minutes[0] - head).total_seconds())
    unpublished = max(0.0, (evidence.gathered_at - max(end, head)).total_seconds())
    stands_still = isinstance(slope, float) and slope >= _STANDS_STILL
    waiting = (
        _arrived_since(head, minutes, arrivals, together=stands_still)
        + fmean(arrivals) / 60 * before
        + _arrival_per_minute(evidence, minutes, arrivals) / 60 * unpublished
    )
    if before or done is None:
        return waiting
    return min(waiting, max(0.0, sum(arrivals) - sum(done))) or waiting


_STANDS_STILL = 0.9
"""Seconds of age a second: records that came at one moment are done one after another, and all of
them are as old."""


def _arrived_since(
    head: datetime, minutes: Sequence[datetime], arrivals: Sequence[float], *, together: bool
) -> float:
    """A minute's records spread evenly over it, but a burst's lie together: it counts whole."""
    typical = median_low(arrivals)
    return sum(
        count
        if together and head < minute + MINUTE and count > 3 * typical
        else count * _after(head, minute)
        for minute, count in zip(minutes, arrivals, strict=True)
    )


def _after(head: datetime, minute: datetime) -> float:
    return min(1.0, max(0.0, (minute + MINUTE - head) / MINUTE))
