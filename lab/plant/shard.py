"""One shard: records in columns, write limits, and the read limits its readers share."""

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate
from math import ceil
from typing import Protocol

from lab.plant.producer import Arrival

# Guards comparisons of times against the rounding of sums of floats.
EPSILON_SECONDS = 1e-6
WRITE_RECORDS_PER_SECOND = 1000
WRITE_BYTES_PER_SECOND = 1_048_576
READ_CALLS_PER_SECOND = 5
READ_BYTES_PER_SECOND = 2_097_152
DYNAMODB_READERS = 2


class Watcher(Protocol):
    """A parked reader."""

    def wake(self) -> None:
        """Records have come, or will within this second."""


@dataclass(slots=True)
class MinuteCounts:
    """What one shard saw since the last minute's metrics."""

    calls: int = 0
    throttled_calls: int = 0
    records: int = 0
    bytes: int = 0
    age_sum_ms: float = 0.0
    age_min_ms: float = float("inf")
    age_max_ms: float = 0.0
    rejected_writes: int = 0

    def add_read(self, records: int, size_bytes: int, age_ms: float) -> None:
        """One successful GetRecords."""
        self.calls += 1
        self.records += records
        self.bytes += size_bytes
        self.age_sum_ms += age_ms
        if age_ms > self.age_max_ms:  # noqa: PLR1730 - once for each of a world's polls
            self.age_max_ms = age_ms
        if age_ms < self.age_min_ms:  # noqa: PLR1730
            self.age_min_ms = age_ms

    def add_empty_reads(self, calls: float, throttled_share: float) -> None:
        """Polls of a caught-up reader, which are counted and not simulated one by one."""
        throttled = round(calls * throttled_share)
        self.throttled_calls += throttled
        self.calls += round(calls) - throttled
        if calls >= 1:
            self.age_min_ms = 0.0


class Shard:
    """Records by position: arrival time, key, cumulative bytes. Future arrivals may be in already.

    Readers see a position only from its arrival time on.
    """

    def __init__(
        self, number: int, hash_range: tuple[int, int], parents: tuple[str, ...], opened_at: float
    ) -> None:
        self.number = number
        self.shard_id = f"shardId-{number:012d}"
        self.start_hash, self.end_hash = hash_range
        self.parents = parents
        self.opened_at = opened_at
        self.closed_at: float | None = None
        self.arrivals = array("d")
        self.keys = array("l")
        self.cumulative_bytes = array("q", [0])
        self.poison: set[int] = set()
        self.watchers: list[Watcher] = []
        self.largest_bytes = 0
        self.counts = MinuteCounts()
        self._writable_at = float("-inf")

    def visible(self, now: float) -> int:
        """How many records have arrived."""
        return bisect_right(self.arrivals, now + EPSILON_SECONDS)

    def trimmed(self, horizon: float) -> int:
        """How many records arrived before the horizon, so have expired."""
        return bisect_left(self.arrivals, horizon)

    def size_bytes(self, start: int, end: int) -> int:
        """Bytes of the records in [start, end)."""
        return self.cumulative_bytes[end] - self.cumulative_bytes[start]

    def within_bytes(self, start: int, end: int, limit: int) -> int:
        """The furthest end whose bytes from start stay in the limit; at least one record."""
        if self.size_bytes(start, end) <= limit:
            return end
        ceiling = self.cumulative_bytes[start] + limit
        return max(start + 1, bisect_right(self.cumulative_bytes, ceiling, start, end) - 1)

    def append(self, records: list[Arrival]) -> None:
        """Take records in order of time, without limits."""
        base = len(self.arrivals)
        times, keys, sizes, bad = zip(*records, strict=True)
        self.arrivals.extend(times)
        self.keys.extend(keys)
        self.cumulative_bytes.extend(accumulate(sizes, initial=self.cumulative_bytes.pop()))
        self.largest_bytes = max(self.largest_bytes, *sizes)
        if True in bad:
            self.poison.update(base + n for n, poison in enumerate(bad) if poison)
        watchers, self.watchers = self.watchers, []
        for watcher in watchers:
            watcher.wake()

    def write(self, records: list[Arrival]) -> None:
        """Take records within 1000 records/s and 1 MiB/s; the producer retries what is rejected."""
        size = sum([record.size_bytes for record in records])
        start = records[0].at_seconds
        small = len(records) <= WRITE_RECORDS_PER_SECOND and size <= WRITE_BYTES_PER_SECOND
        if not (small and self._writable_at <= start):
            records = [self._delayed(record) for record in records]
        self.append(records)

    def _delayed(self, record: Arrival) -> Arrival:
        cost = max(1 / WRITE_RECORDS_PER_SECOND, record.size_bytes / WRITE_BYTES_PER_SECOND)
        self._writable_at = max(self._writable_at, record.at_seconds) + cost
        accepted = max(record.at_seconds, self._writable_at - 1.0)
        self.counts.rejected_writes += ceil(accepted - record.at_seconds)
        return record._replace(at_seconds=accepted)

    def close(self, now: float) -> list[Arrival]:
        """Close the shard; what would have arrived later is handed back, for its children."""
        self.closed_at = now
        first = self.visible(now)
        tail = [self.record(position) for position in range(first, len(self.arrivals))]
        del self.arrivals[first:], self.keys[first:], self.cumulative_bytes[first + 1 :]
        self.poison = {position for position in self.poison if position < first}
        return tail

    def record(self, position: int) -> Arrival:
        """One record as it was put."""
        size = self.size_bytes(position, position + 1)
        poison = position in self.poison
        return Arrival(self.arrivals[position], self.keys[position], size, poison)

    def sequence_number(self, position: int) -> str:
        """A 56-digit sequence number: ascending within the shard, of no other meaning."""
        return f"4966{self.number:012d}{position:040d}"

    @staticmethod
    def position_of(sequence_number: str) -> int:
        """The inverse of `sequence_number`."""
        return int(sequence_number[-40:])
