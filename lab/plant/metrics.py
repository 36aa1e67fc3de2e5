"""CloudWatch metrics: one-minute buckets, shown late, aggregated to the period asked for."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from typing import NamedTuple

MINUTE_SECONDS = 60
Dimensions = frozenset[tuple[str, str]]
ACCOUNT_LEVEL: Dimensions = frozenset()


@dataclass(slots=True)
class Bucket:
    """A statistic set of one minute."""

    total: float = 0.0
    count: float = 0.0
    low: float = float("inf")
    high: float = float("-inf")
    values: list[float] = field(default_factory=list)

    def add(self, other: "Bucket") -> None:
        """Merge another set into this."""
        self.total += other.total
        self.count += other.count
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        self.values += other.values

    def statistic(self, stat: str) -> float:
        """Sum, Average, Minimum, Maximum, SampleCount or pNN.

        Raises:
            ValueError: an unknown statistic.
        """
        simple = _STATISTICS.get(stat)
        if simple:
            return simple(self)
        if stat.startswith("p") and self.values:
            ordered = sorted(self.values)
            return ordered[max(0, ceil(float(stat[1:]) / 100 * len(ordered)) - 1)]
        raise ValueError(f"no statistic {stat} here")


_STATISTICS: dict[str, Callable[[Bucket], float]] = {
    "Sum": lambda b: b.total,
    "Average": lambda b: b.total / b.count,
    "Minimum": lambda b: b.low,
    "Maximum": lambda b: b.high,
    "SampleCount": lambda b: b.count,
}


class Datum(NamedTuple):
    """A statistic set on its way to CloudWatch."""

    emitted_at: float
    key: tuple[str, str, Dimensions]
    minute: int
    bucket: Bucket


# Asked to fold what was emitted up to a time (seconds from start) into the store.
Source = Callable[[float], None]


class MetricStore:
    """What CloudWatch would show. Times inside are seconds from the world's start."""

    def __init__(self, start: datetime, now: Callable[[], float], delay_seconds: float) -> None:
        self._epoch = start.timestamp()
        self._now = now
        self._delay = delay_seconds
        self._series: dict[tuple[str, str, Dimensions], dict[int, Bucket]] = {}
        self._pending: deque[Datum] = deque()
        self._lost: set[tuple[str, int]] = set()
        self._sources: list[Source] = []

    def add_source(self, source: Source) -> None:
        """Something that keeps its own log and folds it in when somebody looks."""
        self._sources.append(source)

    def minute_of(self, seconds: float) -> int:
        """The start of the wall-clock minute, as an epoch time."""
        return int((self._epoch + seconds) // MINUTE_SECONDS) * MINUTE_SECONDS

    def put(self, namespace: str, name: str, dimensions: Dimensions, at: float, b: Bucket) -> None:
        """Emit a statistic set now for the minute of `at`; it is shown after the delay."""
        key = (namespace, name, dimensions)
        self._pending.append(Datum(self._now(), key, self.minute_of(at), b))

    def series(self, namespace: str, name: str, dimensions: Dimensions) -> dict[int, Bucket]:
        """The buckets of one metric, to fold into."""
        return self._series.setdefault((namespace, name, dimensions), {})

    def lose(self, name: str, from_seconds: float, to_seconds: float) -> None:
        """The minutes of a metric that CloudWatch never shows, though others of them are there."""
        minutes = range(self.minute_of(from_seconds), self.minute_of(to_seconds), MINUTE_SECONDS)
        self._lost |= {(name, minute) for minute in minutes}

    def query(
        self,
        namespace: str,
        name: str,
        dimensions: dict[str, str],
        stat: str,
        period_seconds: int,
        start: datetime,
        end: datetime,
    ) -> list[tuple[datetime, float]]:
        """Datapoints with start ≤ timestamp < end, oldest first, as far as they are shown by now.

        Raises:
            ValueError: an unknown statistic, or a percentile of a metric that has none here.
        """
        self.settle()
        key = (namespace, name, frozenset(dimensions.items()))
        buckets = self._series.get(key, {})
        first = int(start.timestamp() // period_seconds) * period_seconds
        merged: dict[int, Bucket] = {}
        for minute in range(first, ceil(end.timestamp()), MINUTE_SECONDS):
            bucket = buckets.get(minute)
            if bucket and (name, minute) not in self._lost:
                period = minute // period_seconds * period_seconds
                merged.setdefault(period, Bucket()).add(bucket)
        earliest, latest = start.timestamp(), end.timestamp()
        return [
            (datetime.fromtimestamp(period, UTC), bucket.statistic(stat))
            for period, bucket in sorted(merged.items())
            if earliest <= period < latest
        ]

    def names(self, namespace: str) -> list[tuple[str, dict[str, str]]]:
        """Metrics with at least one datapoint: (name, dimensions)."""
        self.settle()
        return [(n, dict(d)) for (ns, n, d), b in self._series.items() if ns == namespace and b]

    def settle(self) -> None:
        """Show what was emitted at least the delay ago."""
        until = self._now() - self._delay + 1e-6
        for source in self._sources:
            source(until)
        while self._pending and self._pending[0].emitted_at <= until:
            datum = self._pending.popleft()
            series = self._series.setdefault(datum.key, {})
            series.setdefault(datum.minute, Bucket()).add(datum.bucket)


def sample(values: list[float], *, keep: bool = False) -> Bucket:
    """A statistic set of some values, at least one; `keep` them for percentiles."""
    kept = values if keep else []
    return Bucket(sum(values), len(values), min(values), max(values), kept)


def dimensions(**names: str) -> Dimensions:
    """Dimensions as a key."""
    return frozenset(names.items())
