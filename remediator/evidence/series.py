"""Arithmetic on series of minutes: counts, means, slopes, and the minute still coming in."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import combinations, groupby
from math import ceil
from statistics import fmean, median

from remediator.evidence.metrics import Metric
from remediator.evidence.once import once
from remediator.model import Evidence, Series

INVOCATION_FAMILY = (Metric.INVOCATIONS, Metric.ERRORS, Metric.THROTTLES, Metric.DURATION_MS)
STREAM_FAMILY = (
    Metric.INCOMING_RECORDS,
    Metric.INCOMING_BYTES,
    Metric.READ_RECORDS,
    Metric.READ_CALLS,
    Metric.STREAM_ITERATOR_AGE_MS,
)
MINUTE = timedelta(minutes=1)
# How many of the newest minutes "sustained" looks at.
LAST_MINUTES = 3


def series_of(evidence: Evidence, metric: Metric) -> Series | None:
    return evidence.metrics.get(metric)


def points_of(evidence: Evidence, metric: Metric) -> tuple[tuple[datetime, float], ...]:
    series = evidence.metrics.get(metric)
    return series.points if series else ()


@once
def minutes_seen(evidence: Evidence, family: tuple[Metric, ...]) -> tuple[datetime, ...]:
    """The minutes in which any metric of the family has a datapoint, oldest first."""
    stamps = {at for metric in family for at, _ in points_of(evidence, metric)}
    return tuple(sorted(stamps))


def counts_of(
    evidence: Evidence, metric: Metric, minutes: Sequence[datetime]
) -> tuple[float | None, ...] | None:
    """A count by minute: ``None`` where the minute's datapoint was lost, 0 where AWS publishes a
    count of nothing as nothing; ``None`` for all if it was never seen."""
    return _counts_of(evidence, metric, tuple(minutes))


@once
def _counts_of(
    evidence: Evidence, metric: Metric, minutes: tuple[datetime, ...]
) -> tuple[float | None, ...] | None:
    series = series_of(evidence, metric)
    if series is None or not series.points:
        return None
    by_minute, lost = dict(series.points), lost_minutes(evidence, metric, minutes)
    return tuple(by_minute.get(minute, None if minute in lost else 0.0) for minute in minutes)


_WITH_EACH_INVOCATION = (Metric.INVOCATIONS, Metric.DURATION_MS, Metric.DURATION_MAX_MS)
_WITH_EACH_READ = (Metric.READ_RECORDS, Metric.READ_BYTES, Metric.STREAM_ITERATOR_AGE_MS)
# What AWS emits in one go, zeros included: where one has a datapoint, the other has one too, unless
# it was lost.
_EMITTED_WITH: Mapping[Metric, tuple[Metric, ...]] = {
    Metric.INVOCATIONS: (Metric.DURATION_MS, Metric.DURATION_MAX_MS, Metric.ERRORS),
    Metric.DURATION_MS: _WITH_EACH_INVOCATION,
    Metric.ERRORS: _WITH_EACH_INVOCATION,
    Metric.THROTTLES: _WITH_EACH_INVOCATION,
    Metric.READ_CALLS: _WITH_EACH_READ,
    Metric.READ_RECORDS: _WITH_EACH_READ,
    Metric.READ_BYTES: _WITH_EACH_READ,
    Metric.READ_THROTTLES: (Metric.READ_CALLS, *_WITH_EACH_READ),
    Metric.READ_THROTTLE_SHARE: (Metric.READ_CALLS, *_WITH_EACH_READ),
    Metric.INCOMING_RECORDS: (Metric.INCOMING_BYTES,),
    Metric.INVOKED_EVENTS: (Metric.POLLED_EVENTS,),
    Metric.FILTERED_EVENTS: (Metric.POLLED_EVENTS,),
}

# Minutes in a row that may be lost or late; what is not there for longer was nothing to count.
LOST_AT_MOST = 2
_BEFORE = 5


def lost_minutes(
    evidence: Evidence, metric: Metric, minutes: Sequence[datetime]
) -> frozenset[datetime]:
    """The minutes in which ``metric`` has no datapoint though there should be one.

    Either it lacks where what is emitted with it was published, unless it is published seldom
    anyway, which nothing is that has a datapoint of nothing; or all of them lack for a minute or
    two, though they came minute after minute before.
    """
    own = {at for at, _ in points_of(evidence, metric)}
    others = tuple(other for other in _EMITTED_WITH.get(metric, ()) if other is not metric)
    beside = set(minutes_seen(evidence, others))
    zeros = any(not value for _, value in points_of(evidence, metric))
    seldom = not zeros and len(own & beside) * 2 < len(beside)
    late = _short_gaps([minute in own for minute in minutes])
    return frozenset(
        minute
        for minute, is_late in zip(minutes, late, strict=True)
        if minute not in own and (not seldom if minute in beside else is_late)
    )


def _short_gaps(seen: Sequence[bool]) -> list[bool]:
    """Which minutes lie in a gap of a minute or two, after minutes that were nearly all seen."""
    gaps = [False] * len(seen)
    for kind, run in groupby(enumerate(seen), key=lambda entry: entry[1]):
        indices = [index for index, _ in run]
        before = seen[max(0, indices[0] - _BEFORE) : indices[0]]
        if not kind and len(indices) <= LOST_AT_MOST and len(before) >= LAST_MINUTES:
            steady = sum(before) >= len(before) - 1
            gaps[indices[0] : indices[-1] + 1] = [steady] * len(indices)
    return gaps


def known(values: Iterable[float | None]) -> tuple[float, ...]:
    """The values that were seen."""
    return tuple(value for value in values if value is not None)


def filled(values: Sequence[float | None]) -> tuple[float, ...]:
    """Each lost value as the mean of its neighbours: a sum must not take it for nothing."""
    seen = [(index, value) for index, value in enumerate(values) if value is not None]
    if len(seen) == len(values) or not seen:
        return known(values)
    return tuple(_between(seen, index) if one is None else one for index, one in enumerate(values))


def _between(seen: Sequence[tuple[int, float]], index: int) -> float:
    before = [value for at, value in seen if at < index] or [seen[0][1]]
    after = [value for at, value in seen if at > index] or [seen[-1][1]]
    return fmean((before[-1], after[0]))


def each_minute(minutes: Sequence[datetime]) -> tuple[datetime, ...]:
    """Those minutes and what lies between them: a minute that nothing was published in was one."""
    if not minutes or (minutes[-1] - minutes[0]) / MINUTE > _MOST_MINUTES:
        return tuple(minutes)
    between = round((minutes[-1] - minutes[0]) / MINUTE)
    return tuple(sorted({*minutes, *(minutes[0] + n * MINUTE for n in range(between))}))


_MOST_MINUTES = 1440


def mean_of(values: Iterable[float | None] | None) -> float | None:
    """The mean of what was seen."""
    seen = known(values or ())
    return fmean(seen) if seen else None


def median_of(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def newest_of(evidence: Evidence, metric: Metric, minutes: int) -> tuple[float, ...]:
    """The values of the last ``minutes`` minutes that anything was published of: how late
    CloudWatch is, is no reason to see nothing."""
    series = series_of(evidence, metric)
    if series is None:
        return ()
    late = timedelta(seconds=metric_delay(evidence) or 0.0)
    since = evidence.gathered_at - late - minutes * MINUTE
    return tuple(value for at, value in series.points if at >= since)


@once
def long_minutes(evidence: Evidence) -> int:
    """How many of the newest minutes lack what began in them and has not ended: an invocation is
    counted in the minute in which it began, and not before it has ended. Long ones are there where
    they are usual, or where one has come again of late."""
    took = series_of(evidence, Metric.DURATION_MAX_MS)
    if took is None or not took.points:
        return 0
    usual, lately = median(took.values[-_LONGEST_OF:]), took.values[-1 - _LATELY : -1]
    again = sorted(lately)[-2] if len(lately) > 1 else 0.0
    longest = max(usual, again) / 1000
    return ceil(longest / 60) if longest >= _LONG_SECONDS else 0


# Minutes of which the longest invocation counts.
_LONGEST_OF, _LATELY = 10, 6
# What is shorter lacks little of its minute.
_LONG_SECONDS = 20.0


def usual_of(series: Series | None, before: datetime | None, newest: int) -> float | None:
    """The median before the onset, or of the older half of the window where there is none."""
    if series is None or not series.points:
        return None
    older = [value for at, value in series.points if before is not None and at < before - MINUTE]
    if not older:
        values = series.values[:-newest]
        older = list(values[: max(1, len(values) // 2)])
    return median(older) if older else None


@once
def metric_delay(evidence: Evidence) -> float | None:
    """Seconds since the end of the newest minute that was published: what CloudWatch is late by."""
    published = minutes_seen(evidence, (*INVOCATION_FAMILY, *STREAM_FAMILY))
    if not published:
        return None
    return max(0.0, (evidence.gathered_at - published[-1] - MINUTE).total_seconds())


def lanes_of(evidence: Evidence) -> int | None:
    """How many invocations the mapping may run at once."""
    if evidence.mapping is None or evidence.open_shards is None:
        return None
    lanes = evidence.open_shards * evidence.mapping.parallelization_factor
    reserved = evidence.reserved_concurrency
    return min(lanes, reserved) if reserved else lanes


def slope(points: Sequence[tuple[datetime, float]], newest: int = 4) -> float | None:
    """The median slope of all pairs of the newest points, per second (Theil and Sen): neither the
    bend where a climb began nor the beat of the retries sets it. Needs two points."""
    slopes = [
        (after - before) / (later - earlier).total_seconds()
        for (earlier, before), (later, after) in combinations(points[-newest:], 2)
        if later > earlier
    ]
    return median(slopes) if slopes else None


@once
def without_incomplete_minute(evidence: Evidence) -> Evidence:
    """Drop the newest minute while its datapoints are still coming in.

    Then every count has fewer than half of what the minutes before had: a burst that is over shows
    in some of them only. The highest age of half a minute may well miss the shard that lags.
    """
    family = minutes_seen(evidence, (*INVOCATION_FAMILY, *STREAM_FAMILY))
    if not family or evidence.gathered_at - family[-1] > _LATEST:
        return evidence
    halved = [
        dict(points).get(family[-1], 0.0) < usual / 2
        for witness in (*_WITNESSES, _counted(evidence))
        if len(points := points_of(evidence, witness)) >= 3
        and (usual := median(value for at, value in points[-4:] if at != family[-1])) > 0
    ]
    return _until(evidence, family[-1]) if halved and all(halved) else evidence


# What ended so long ago is no minute that is still coming in, however late CloudWatch is.
_LATEST = 10 * MINUTE
_WITNESSES = (Metric.INCOMING_RECORDS, Metric.READ_CALLS)


def _counted(evidence: Evidence) -> Metric:
    """What tells of invocations: those of streams, since others may go on in any case."""
    streams = Metric.STREAM_INVOCATIONS
    return streams if streams in evidence.metrics else Metric.INVOCATIONS


def _until(evidence: Evidence, end: datetime) -> Evidence:
    def cut(metrics: Mapping[str, Series]) -> dict[str, Series]:
        kept = {
            name: Series.model_construct(
                points=tuple(point for point in series.points if point[0] < end)
            )
            for name, series in metrics.items()
        }
        return {name: series for name, series in kept.items() if series.points}

    return evidence.model_copy(
        update={
            "metrics": cut(evidence.metrics),
            "shard_metrics": {shard: cut(of) for shard, of in evidence.shard_metrics.items()},
        }
    )
