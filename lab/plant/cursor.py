"""One mapping's place in one shard: what it holds and has finished."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zlib import crc32

from lab.plant.function import Run
from lab.plant.lane import Batch, Lane
from lab.plant.poller import Poller
from lab.plant.shard import Shard

if TYPE_CHECKING:
    from lab.plant.mapping import EventSourceMapping
    from lab.plant.parts import Parts


class Cursor:
    """The records of one shard on their way through one mapping.

    Everything before `checkpoint` is finished, so is what `finished` holds beyond it; `position`
    is the next record to read. What is read is dealt out to the lanes by key.
    """

    def __init__(self, mapping: "EventSourceMapping", shard: Shard, start: int) -> None:
        self.mapping = mapping
        self.world: Parts = mapping.world
        self.shard = shard
        self.start_position = start
        self.checkpoint = start
        self.position = start
        self.finished: set[int] = set()
        self.lanes: list[Lane] = []
        self.capacity = 0
        self.in_flight = 0
        self.running = False
        self.drained = False
        self.poller = Poller(self)
        self._failing: set[Lane] = set()
        self._start_when_quiet = False

    # Starting and stopping

    def start(self) -> None:
        """Read on from the checkpoint, once earlier invocations are over."""
        if self.running or self.drained:
            return
        if self.in_flight:
            self._start_when_quiet = True
            return
        self.running = True
        self.position = self.checkpoint
        settings, now = self.mapping.settings, self.world.env.now
        lanes = settings.parallelization_factor
        self.lanes = [Lane(self, now) for _ in range(lanes)]
        self.capacity = max(self.world.knobs.read_ahead_records, settings.batch_size * lanes)
        self.poller.start()

    def stop(self) -> None:
        """No more polls; what is in flight ends, what is only held is forgotten."""
        self._start_when_quiet = False
        if not self.running:
            return
        self.running = False
        self.poller.stop()
        for lane in self.lanes:
            lane.retired = True
        self._failing.clear()

    def start_if_quiet(self) -> None:
        """A start that waited for earlier invocations to end."""
        if self._start_when_quiet and not self.in_flight:
            self._start_when_quiet = False
            self.start()

    def start_lanes(self) -> None:
        """Let every free lane look for a batch."""
        for lane in self.lanes:
            lane.start()

    def batch_over(self, lane: Lane) -> None:
        """After each batch: lanes that it held, and room for more records."""
        self._unblock(lane)
        if self.running:
            dry = len(lane.queue) <= self.mapping.settings.batch_size
            self.poller.room_freed(runs_dry=dry)

    # What has been read

    def room(self) -> int:
        """How many more records it may hold."""
        lanes = self.lanes
        if len(lanes) == 1:
            return self.capacity - len(lanes[0].queue)
        return self.capacity - sum(len(lane.queue) for lane in lanes)

    def take(self, end: int) -> None:
        """Deal the records from the position to `end` out to the lanes of their keys."""
        records, lanes = self._wanted(range(self.position, end)), self.lanes
        self.position = end
        if len(lanes) == 1:
            lanes[0].queue.extend(records)
            return
        hashes, keys = self.mapping.stream.keys.lane_hashes, self.shard.keys
        count = len(lanes)
        for record in records:
            lanes[hashes[keys[record]] % count].queue.append(record)

    def _wanted(self, records: Sequence[int]) -> Sequence[int]:
        """Without what is finished already (by the knob), and what the filter leaves out; fan-out
        drops what it de-aggregates."""
        table = self.mapping.stream.keys
        if self.finished and not self.world.knobs.restart_redelivers:
            records = [record for record in records if record not in self.finished]
        if table.aggregated and self.mapping.is_fan_out:
            weights, keys = table.weights, self.shard.keys
            lost = [record for record in records if weights[keys[record]] > 1]
            records = [record for record in records if weights[keys[record]] == 1]
            self.mapping.discarded += self.finish(lost)
        return self._passing(records) if self.mapping.spec.filter_passes < 1 else records

    def _passing(self, records: Sequence[int]) -> Sequence[int]:
        """Those that the filter passes; the rest is done with, without an invocation."""
        name, passes = self.shard.shard_id, self.mapping.spec.filter_passes
        chosen = {r for r in records if crc32(f"{name}/{r}".encode()) < passes * 2**32}
        out = [record for record in records if record not in chosen]
        self.mapping.counts.filtered += len(out)
        self.mapping.processed += self.finish(out)
        return [record for record in records if record in chosen]

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
        self.mapping.give_up(self, records, condition, batch, run)

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

    def check_drained(self) -> None:
        """A closed shard whose last record is done lets its children begin."""
        closed = self.shard.closed_at is not None
        if closed and not self.drained and self.checkpoint >= len(self.shard.arrivals):
            self.stop()
            self.drained = True
            self.mapping.windows_broken += self.mapping.settings.tumbling_window_seconds > 0
            self.mapping.shard_drained()

    # Failing lanes (knob)

    def is_blocked_for(self, lane: Lane) -> bool:
        """Whether another lane's failure holds this one."""
        return bool(self._failing) and lane not in self._failing

    def block(self, lane: Lane) -> None:
        """A lane's batch failed; by the knob it holds the whole shard."""
        if self.world.knobs.failing_lane_blocks_shard and not lane.retired:
            self._failing.add(lane)

    def _unblock(self, lane: Lane) -> None:
        if lane in self._failing and not lane.todo:
            self._failing.discard(lane)
            for other in self.lanes:
                if other is not lane:
                    other.start()

    # Results

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
