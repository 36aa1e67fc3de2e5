"""What a healthy mapping that collects its batches publishes, minute by minute."""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from remediator.evidence.metrics import Metric
from remediator.model import Evidence, Series
from tests.evidence import MINUTE, MINUTES, NOW, evidence

Minutes = dict[Metric, dict[int, list[float]]]


class Windowed(NamedTuple):
    """One shard whose mapping waits for a full batch, or until its window is over."""

    window_seconds: int
    records_per_minute: float
    batch_size: int = 100
    takes_seconds: float = 0.5
    oldest: bool = True
    """Whether the age that is published is that of a batch's first record, or of its last."""

    def looks(self, seed: int, minutes: int = 90) -> Iterator[Evidence]:
        """The evidence at each minute of the last hour."""
        published = self._published(Random(seed), minutes * 60.0)
        for now in range(30, minutes):
            yield self._evidence(published, now)

    def _published(self, dice: Random, until: float) -> Minutes:
        found: Minutes = {}

        def count(metric: Metric, at: float, value: float) -> None:
            found.setdefault(metric, {}).setdefault(int(at // 60), []).append(value)

        for arrived, invoked in self._batches(dice, until):
            age = invoked - (arrived[0] if self.oldest else arrived[-1])
            took = self.takes_seconds * 1000 * dice.uniform(0.8, 1.2)
            for metric, value in (
                (Metric.INVOCATIONS, 1.0),
                (Metric.ERRORS, 0.0),
                (Metric.THROTTLES, 0.0),
                (Metric.DURATION_MS, took),
                (Metric.ITERATOR_AGE_MS, age * 1000),
                (Metric.CONCURRENT_EXECUTIONS, 1.0),
            ):
                count(metric, invoked, value)
            for at in arrived:
                count(Metric.INCOMING_RECORDS, at, 1.0)
                count(Metric.READ_RECORDS, at, 1.0)
        return found

    def _batches(self, dice: Random, until: float) -> Iterator[tuple[list[float], float]]:
        """Each batch's arrivals, and when it was invoked: one is collected while none runs."""
        at, free = 0.0, 0.0
        batch: list[float] = []
        while at < until:
            at += dice.expovariate(self.records_per_minute / 60)
            due = max(free, batch[0] if batch else at) + self.window_seconds
            if batch and (at > due or len(batch) >= self.batch_size):
                invoked = max(free, min(due, at))
                yield batch, invoked
                free, batch = invoked + self.takes_seconds, []
            batch.append(at)

    def _evidence(self, published: Minutes, now: int) -> Evidence:
        said: dict[str, Any] = dict.fromkeys((*map(str, published), str(Metric.DURATION_MAX_MS)))
        said |= {"batching_window_seconds": self.window_seconds, "batch_size": self.batch_size}
        blank = evidence(at=NOW, **said)
        counted = {str(name): _series(name, published[name], now) for name in published}
        return blank.model_copy(update={"metrics": {**blank.metrics, **counted}})


_HIGHEST = frozenset({Metric.ITERATOR_AGE_MS, Metric.CONCURRENT_EXECUTIONS, Metric.DURATION_MS})


def _series(metric: Metric, values: Mapping[int, Sequence[float]], now: int) -> Series:
    """The half hour before minute ``now``; a minute in which nothing was published has no point."""
    fold = max if metric in _HIGHEST else sum
    newest = NOW.replace(second=0)
    return Series(
        points=tuple(
            (newest + MINUTE * (minute - now), fold(values[minute]))
            for minute in range(now - MINUTES, now)
            if minute in values
        )
    )
