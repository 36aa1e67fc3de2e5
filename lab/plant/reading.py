"""How the readers of one shard share it: 5 calls/s and 2 MB/s (Kinesis), 2 readers (DynamoDB)."""

from dataclasses import dataclass, field
from random import Random

from lab.plant.shard import (
    DYNAMODB_READERS,
    EPSILON_SECONDS,
    READ_BYTES_PER_SECOND,
    READ_CALLS_PER_SECOND,
    Shard,
)
from lab.plant.specs import OutsideReaderSpec


@dataclass(slots=True)
class SharedReading:
    """The shared throughput of one Kinesis shard.

    Calls of active mappings are counted one by one in each second's window. Outside readers and
    the polls of idle mappings are a background: how many of them came before a call in its second
    is drawn at random, and what of them exceeds the limit is throttled too. After a response above
    2 MB nobody may read until its bytes are paid off at 2 MB/s (10 MB: 5 s).
    """

    shard: Shard
    outside: list[OutsideReaderSpec]
    rng: Random
    idle_calls_per_second: float = 0.0
    _window: int = -1
    _calls: int = 0
    _paid_at: float = 0.0
    _blocked_until: float = 0.0
    _counted_until: float = 0.0

    def admit(self, now: float) -> bool:
        """Whether a GetRecords call made now is served; a refusal is counted as throttled."""
        window = int(now + EPSILON_SECONDS)
        if window != self._window:
            self._window, self._calls = window, 0
        background = int(self._background_calls(now) * self.rng.random())
        served = (
            self._calls + background < READ_CALLS_PER_SECOND
            and now + EPSILON_SECONDS >= self._blocked_until
            and self._paid_at - now < 1.0
        )
        self._calls += served
        self.shard.counts.throttled_calls += not served
        return served

    def take(self, now: float, size_bytes: int) -> None:
        """Account for the bytes of a response."""
        seconds = size_bytes / self._bytes_per_second(now)
        self._paid_at = max(self._paid_at, now) + seconds
        if size_bytes > READ_BYTES_PER_SECOND:
            self._blocked_until = now + seconds

    def idle_throttled_share(self, now: float) -> float:
        """The share of background calls that are refused."""
        wanted = self._background_calls(now) + self._calls
        return max(0.0, 1 - READ_CALLS_PER_SECOND / wanted) if wanted else 0.0

    def count_outside_reads(self, now: float) -> None:
        """Add the outside readers' calls since the last count to the shard's metrics."""
        seconds, self._counted_until = now - self._counted_until, now
        for reader in self._active(now):
            calls = reader.calls_per_second * seconds
            self.shard.counts.add_empty_reads(calls, self.idle_throttled_share(now))
            self.shard.counts.bytes += round(reader.bytes_per_second * seconds)

    def _active(self, now: float) -> list[OutsideReaderSpec]:
        return [reader for reader in self.outside if reader.from_seconds <= now < reader.to_seconds]

    def _background_calls(self, now: float) -> float:
        if not self.outside:
            return self.idle_calls_per_second
        return self.idle_calls_per_second + sum(r.calls_per_second for r in self._active(now))

    def _bytes_per_second(self, now: float) -> float:
        readers = self._active(now) if self.outside else []
        left = READ_BYTES_PER_SECOND - sum(reader.bytes_per_second for reader in readers)
        return max(left, READ_BYTES_PER_SECOND / (len(readers) + 1))


@dataclass(slots=True)
class DynamoDbReading:
    """The readers of one DynamoDB stream shard: beyond two at once calls are throttled."""

    shard: Shard
    outside: list[OutsideReaderSpec]
    rng: Random
    mappings: int = 0
    idle_calls_per_second: float = 0.0
    _paid_at: float = field(default=0.0)

    def admit(self, now: float) -> bool:
        """Whether a GetRecords call made now is served."""
        share = self.idle_throttled_share(now)
        served = (share == 0.0 or self.rng.random() >= share) and self._paid_at - now < 1.0
        self.shard.counts.throttled_calls += not served
        return served

    def take(self, now: float, size_bytes: int) -> None:
        """Account for the bytes of a response."""
        self._paid_at = max(self._paid_at, now) + size_bytes / READ_BYTES_PER_SECOND

    def idle_throttled_share(self, now: float) -> float:
        """The share of calls that are refused: only two readers of n get through."""
        active = [r for r in self.outside if r.from_seconds <= now < r.to_seconds]
        return max(0.0, 1 - DYNAMODB_READERS / max(1, self.mappings + len(active)))

    def count_outside_reads(self, now: float) -> None:
        """AWS/DynamoDB has no metric of the stream's other readers."""


class DedicatedReading:
    """Enhanced fan-out: 2 MB/s per shard for this consumer alone."""

    def __init__(self) -> None:
        self._paid_at = 0.0

    def admit(self, now: float) -> bool:
        """Whether the next push may come."""
        return self._paid_at - now < 1.0

    def take(self, now: float, size_bytes: int) -> None:
        """Account for the bytes of a push."""
        self._paid_at = max(self._paid_at, now) + size_bytes / READ_BYTES_PER_SECOND


Reading = SharedReading | DynamoDbReading | DedicatedReading
