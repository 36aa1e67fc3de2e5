"""What writes to a stream."""

from bisect import bisect_left
from random import Random
from typing import NamedTuple

from lab.plant.keys import KeySource, KeyTable
from lab.plant.specs import ProducerSpec


class Arrival(NamedTuple):
    """One record on its way into a shard."""

    at_seconds: float
    key: int
    size_bytes: int
    poison: bool


class Producer:
    """Draws the records of a stretch of time; the rate is taken at the stretch's middle."""

    def __init__(self, spec: ProducerSpec, table: KeyTable, prefix: str, rng: Random) -> None:
        self.spec = spec
        self._rng = rng
        self._keys = KeySource(spec.keys, table, prefix, rng)
        self._owed = 0.0 if spec.spacing == "even" else rng.expovariate(1.0)
        self._poison = sorted(spec.poison_at_seconds)
        self._burst_done = spec.burst_records == 0

    def draw(self, start: float, end: float) -> list[Arrival]:
        """The records put in [start, end), in order of time."""
        times = self._times(max(start, self.spec.at_seconds), min(end, self.spec.until_seconds))
        if not self._burst_done and self.spec.at_seconds < end:
            self._burst_done = True
            times = [max(start, self.spec.at_seconds)] * self.spec.burst_records + times
        if not times:
            return []
        keys, sizes, poison = self._keys.draw(len(times)), self._sizes(len(times)), self._bad(times)
        make = tuple.__new__  # many records: as _make does, without asking each for its length
        return [make(Arrival, row) for row in zip(times, keys, sizes, poison, strict=True)]

    def is_finished(self, now: float) -> bool:
        """Whether nothing will come any more."""
        return self._burst_done and (self.spec.rate is None or now >= self.spec.until_seconds)

    def _times(self, start: float, end: float) -> list[float]:
        """Arrival times: the rate's integral grows by `owed` (1, or exponential) per record."""
        rate = self.spec.rate((start + end) / 2) if self.spec.rate and end > start else 0.0
        if rate <= 0:
            return []
        even, gap = self.spec.spacing == "even", self._rng.expovariate
        times = []
        mass = self._owed
        while (at := start + mass / rate) < end:
            times.append(at)
            mass += 1.0 if even else gap(1.0)
        self._owed = mass - (end - start) * rate
        return times

    def _sizes(self, count: int) -> list[int]:
        size, spread = self.spec.record_bytes, self.spec.record_bytes_spread
        if not spread:
            return [size] * count
        draw, least, width = self._rng.random, 1 - spread, (1 + spread) - (1 - spread)
        return [max(1, int(size * (least + width * draw()))) for _ in range(count)]

    def _bad(self, times: list[float]) -> list[bool]:
        """For each poison time that has come, the first record at or after it."""
        bad = [False] * len(times)
        while self._poison and self._poison[0] <= times[-1]:
            bad[bisect_left(times, self._poison.pop(0))] = True
        return bad
