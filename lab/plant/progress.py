"""How far one mapping has come in one shard: what is read, what is done with."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from lab.plant.function import Run
from lab.plant.mapped import Mapped
from lab.plant.shard import Shard


@dataclass(slots=True)
class Batch:
    """Records (positions) on their way through the function."""

    records: list[int]
    retries: int = 0
    invocations: int = 0
    throttles: int = 0


class Progress(ABC):
    """Everything before `checkpoint` is finished, so is what `finished` holds beyond it; `position`
    is the next record to read. Poller and lanes stand on this; the cursor has them."""

    def __init__(self, mapping: Mapped, shard: Shard, start: int) -> None:
        self.mapping = mapping
        self.world = mapping.world
        self.shard = shard
        self.start_position = start
        self.checkpoint = start
        self.position = start
        self.finished: set[int] = set()
        self.capacity = 0
        self.in_flight = 0
        self.running = False
        self.drained = False

    # What the cursor does with it

    @abstractmethod
    def room(self) -> int:
        """How many more records it may hold."""

    @abstractmethod
    def take(self, end: int) -> None:
        """Deal the records from the position to `end` out to the lanes of their keys."""

    @abstractmethod
    def start_lanes(self) -> None:
        """Let every free lane look for a batch."""

    @abstractmethod
    def check_drained(self) -> None:
        """A closed shard whose last record is done lets its children begin."""

    # What has been read

    def reread(self, records: list[int]) -> None:
        """A retry reads its records again, at the cost of a call."""
        if not self.mapping.is_fan_out:
            age_ms = (self.world.env.now - self.shard.arrivals[records[-1]]) * 1000
            size = self.shard.size_bytes(records[0], records[-1] + 1)
            self.shard.counts.add_read(0, size, age_ms)

    def skip_expired(self, now: float) -> None:
        """Read on behind what has expired unread."""
        horizon = now - self.mapping.stream.retention_seconds
        arrivals, position = self.shard.arrivals, self.position
        if position < len(arrivals) and arrivals[position] < horizon:
            trimmed = self.shard.trimmed(horizon)
            self.mapping.expired += self.finish(list(range(position, trimmed)))
            self.position = trimmed

    # What lanes ask for

    def weight(self, records: list[int]) -> int:
        """User records in a batch: KPL aggregates count for what they hold."""
        table = self.mapping.stream.keys
        if not table.aggregated:
            return len(records)
        return sum(table.weights[self.shard.keys[record]] for record in records)

    def poison_at(self, records: list[int]) -> int | None:
        """The place in a batch of its first poison record."""
        poison = self.shard.poison
        if not poison or poison.isdisjoint(records):
            return None
        return next(place for place, record in enumerate(records) if record in poison)

    def drop_overdue(self, batch: Batch) -> None:
        """Before each try: what has expired is gone, what is past the maximum age is given up."""
        mapping, now, records = self.mapping, self.world.env.now, batch.records
        expired = self._count_before(records, now - mapping.stream.retention_seconds)
        if expired:
            mapping.expired += self.finish(records[:expired])
            batch.records = records = records[expired:]
        age = mapping.settings.maximum_record_age_seconds
        too_old = self._count_before(records, now - age) if age >= 0 else 0
        if too_old:
            self.give_up(records[:too_old], "RecordAgeExceeded", batch, None)
            batch.records = records[too_old:]

    def _count_before(self, records: list[int], horizon: float) -> int:
        arrivals = self.shard.arrivals
        if not records or arrivals[records[0]] >= horizon:
            return 0
        return sum(arrivals[record] < horizon for record in records)

    def give_up(self, records: list[int], condition: str, batch: Batch, run: Run | None) -> None:
        """Send records to the on-failure destination, or lose them."""
        count = self.finish(records)
        self.mapping.give_up(self.shard, records, count, condition, batch.invocations, run)

    # What is done with

    def finish(self, records: list[int]) -> int:
        """Mark records as done with; how many of them were not before."""
        if not records:
            return 0
        first, last = records[0], records[-1]
        if first == self.checkpoint and last - first + 1 == len(records) and not self.finished:
            self.checkpoint = last + 1
            fresh = len(records)
        else:
            fresh = self._finish_scattered(records)
        self.check_drained()
        return fresh

    def _finish_scattered(self, records: list[int]) -> int:
        finished, checkpoint = self.finished, self.checkpoint
        fresh = {r for r in records if r >= checkpoint and r not in finished}
        finished |= fresh
        while checkpoint in finished:
            finished.remove(checkpoint)
            checkpoint += 1
        self.checkpoint = checkpoint
        return len(fresh)

    def queued_and_expired(self, now: float) -> tuple[int, int]:
        """Records not done with: those still readable, and those past the retention."""
        visible = self.shard.visible(now)
        horizon = now - self.mapping.stream.retention_seconds
        trimmed = min(visible, max(self.checkpoint, self.shard.trimmed(horizon)))
        late = trimmed - self.checkpoint - sum(record < trimmed for record in self.finished)
        waiting = max(visible, self.checkpoint) - self.checkpoint - len(self.finished)
        return waiting - late, late

    def oldest_arrival(self, now: float) -> float | None:
        """When the first record that is not done with arrived."""
        visible = self.shard.visible(now)
        horizon = now - self.mapping.stream.retention_seconds
        first = max(self.checkpoint, self.shard.trimmed(horizon))
        return self.shard.arrivals[first] if first < visible else None
