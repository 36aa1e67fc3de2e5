"""Arithmetic on series of minutes: counts, means, slopes, and the minute still coming in."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from statistics import fmean, median

from remediator.metrics import Metric
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
LAST_MINUTES = 3
"""How many of the newest minutes "sustained" looks at."""


def series_of(evidence: Evidence, metric: Metric) -> Series | None:
    return evidence.metrics.get(metric)


def minutes_seen(evidence: Evidence, family: Iterable[Metric]) -> tuple[datetime, ...]:
    """The minutes in which any metric of the family has a datapoint, oldest first."""
    stamps = {at for metric in family for at, _ in evidence.metrics.get(metric, Series()).points}
    return tuple(sorted(stamps))


def counts_of(
    evidence: Evidence, metric: Metric, minutes: Sequence[datetime]
) -> tuple[float, ...] | None:
    """A count by minute, 0 where only its family was published; ``None`` if never seen."""
    series = series_of(evidence, metric)
    if series is None or not series.points:
        return None
    by_minute = dict(series.points)
    return tuple(by_minute.get(minute, 0.0) for minute in minutes)


def mean_of(values: Sequence[float] | None) -> float | None:
    return fmean(values) if values else None


def median_of(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def newest_of(series: Series | None, now: datetime, minutes: int) -> tuple[float, ...]:
    """The values of the last ``minutes`` minutes."""
    if series is None:
        return ()
    since = now - minutes * MINUTE
    return tuple(value for at, value in series.points if at >= since)


def usual_of(series: Series | None, before: datetime | None, newest: int) -> float | None:
    """The median before the onset, or of the older half of the window where there is none."""
    if series is None or not series.points:
        return None
    older = [value for at, value in series.points if before is not None and at < before - MINUTE]
    if not older:
        values = series.values[:-newest]
        older = list(values[: max(1, len(values) // 2)])
    return median(older) if older else None


def lanes_of(evidence: Evidence) -> int | None:
    """How many invocations the mapping may run at once."""
    if evidence.mapping is None or evidence.open_shards is None:
        return None
    lanes = evidence.open_shards * evidence.mapping.parallelization_factor
    reserved = evidence.function.reserved_concurrency if evidence.function else None
    return min(lanes, reserved) if reserved else lanes


def slope(points: Sequence[tuple[datetime, float]]) -> float | None:
    """The median slope of all pairs of the newest four points, per second (Theil and Sen): neither
    the bend where a climb began nor the beat of the retries sets it. Needs two points."""
    slopes = [
        (after - before) / (later - earlier).total_seconds()
        for (earlier, before), (later, after) in combinations(points[-4:], 2)
        if later > earlier
    ]
    return median(slopes) if slopes else None


def without_incomplete_minute(evidence: Evidence) -> Evidence:
    """Drop the newest minute while its datapoints are still coming in.

    Then every count has fewer than half of what the minutes before had: a burst that is over shows
    in some of them only. The highest age of half a minute may well miss the shard that lags.
    """
    family = minutes_seen(evidence, (*INVOCATION_FAMILY, *STREAM_FAMILY))
    if not family or evidence.gathered_at - family[-1] > 5 * MINUTE:
        return evidence
    halved = [
        dict(points).get(family[-1], 0.0) < usual / 2
        for witness in _WITNESSES
        if len(points := evidence.metrics.get(witness, Series()).points) >= 3
        and (usual := median(value for at, value in points[-4:] if at != family[-1])) > 0
    ]
    return _until(evidence, family[-1]) if halved and all(halved) else evidence


_WITNESSES = (Metric.INCOMING_RECORDS, Metric.READ_CALLS, Metric.INVOCATIONS)


def _until(evidence: Evidence, end: datetime) -> Evidence:
    def cut(metrics: Mapping[str, Series]) -> dict[str, Series]:
        kept = {
            name: Series(points=tuple(point for point in series.points if point[0] < end))
            for name, series in metrics.items()
        }
        return {name: series for name, series in kept.items() if series.points}

    return evidence.model_copy(
        update={
            "metrics": cut(evidence.metrics),
            "shard_metrics": {shard: cut(of) for shard, of in evidence.shard_metrics.items()},
        }
    )
