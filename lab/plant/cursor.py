"""One mapping's place in one shard: its poller and its lanes, and what they have in hand."""

from collections.abc import Sequence
from zlib import crc32

from lab.plant.lane import Lane, Laned
from lab.plant.mapped import Mapped
from lab.plant.poller import Poller
from lab.plant.shard import Shard


class Cursor(Laned):
    """The records of one shard on their way through one mapping.

    What is read is dealt out to the lanes by key.
    """

    def __init__(self, mapping: Mapped, shard: Shard, start: int) -> None:
        super().__init__(mapping, shard, start)
        self.lanes: list[Lane] = []
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
