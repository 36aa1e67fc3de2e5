"""When one mapping reads one shard: its beat, its haste when behind, and the limits it meets."""

from math import ceil

from lab.plant.progress import Progress
from lab.plant.reading import DedicatedReading, DynamoDbReading, SharedReading
from lab.plant.shard import EPSILON_SECONDS

READ_RECORDS = 10_000
READ_BYTES = 10 * 1024 * 1024
DYNAMODB_READ_RECORDS = 1000
DYNAMODB_READ_BYTES = 1024 * 1024


class Poller:
    """Polls on a beat; while behind, as fast as limits and room allow.

    A caught-up reader's polls are counted, not simulated: it sleeps until the poll that will find
    the next record.
    """

    def __init__(self, cursor: Progress) -> None:
        mapping = cursor.mapping
        self._cursor = cursor
        self._shard = cursor.shard
        self._mapping = mapping
        self._clock = mapping.world.clock
        self._knobs = mapping.world.knobs
        self._interval = mapping.poll_interval_seconds
        self._dedicated = mapping.is_fan_out
        self._reading: SharedReading | DynamoDbReading | DedicatedReading = (
            DedicatedReading() if mapping.is_fan_out else mapping.stream.reading(cursor.shard)
        )
        is_dynamodb = mapping.stream.is_dynamodb
        self._most = DYNAMODB_READ_RECORDS if is_dynamodb else READ_RECORDS
        self._most_bytes = DYNAMODB_READ_BYTES if is_dynamodb else READ_BYTES
        self._token = 0
        self._last_poll = float("-inf")
        self._idle_since: float | None = None
        self._counted_as_idle = False
        self._wants_room = False
        self.refused = False
        """Whether the last poll met the limits that the shard's readers share."""

    def start(self) -> None:
        """Begin to poll, somewhere on the beat."""
        self._wants_room = False
        if isinstance(self._reading, DynamoDbReading):
            self._reading.mappings += 1
        self._poll_at(self._clock.env.now + self._mapping.rng.random() * self._interval)

    def stop(self) -> None:
        """No more polls."""
        self._token += 1
        self.count_idle_polls()
        self._leave_idle()
        if isinstance(self._reading, DynamoDbReading):
            self._reading.mappings -= 1

    def wake(self) -> None:
        """Records have come to a shard that was empty: sleep until the poll that finds them."""
        if self._cursor.running and self._idle_since is not None:
            self._sleep(self._idle_since)

    def room_freed(self, *, runs_dry: bool) -> None:
        """A batch is over: read on if records wait and there is room enough, or need."""
        if not self._wants_room:
            return
        room = self._cursor.room()
        if room * 2 >= self._cursor.capacity or (room > 0 and runs_dry):
            self._wants_room = False
            gap = self._knobs.catch_up_poll_interval_seconds
            self._poll_at(max(self._clock.env.now, self._last_poll + gap))

    def count_idle_polls(self) -> None:
        """Account for the empty polls of a caught-up reader up to now."""
        if self._idle_since is None:
            return
        now = self._clock.env.now
        polls = int((now - self._idle_since + EPSILON_SECONDS) / self._interval)
        if polls:
            self._idle_since += polls * self._interval
            if not isinstance(self._reading, DedicatedReading):
                share = self._reading.idle_throttled_share(now)
                self._shard.counts.add_empty_reads(polls, share)

    def _poll_at(self, when: float) -> None:
        self._token += 1
        token = self._token
        delay = max(0.0, when - self._clock.env.now)
        self._clock.after(delay, lambda _event: self._poll(token))

    def _poll(self, token: int) -> None:
        """One GetRecords, if it is still wanted, there is room, and the limits allow it."""
        if token != self._token:
            return
        now, cursor = self._clock.env.now, self._cursor
        if self._idle_since is not None:
            self._idle_since += self._interval  # this poll is no idle one
            self.count_idle_polls()
            self._leave_idle()
        cursor.skip_expired(now)
        room = cursor.room()
        if room <= 0:
            self._wants_room = True
            return
        self._last_poll = now
        self.refused = not self._reading.admit(now)
        if self.refused:
            self._poll_at(now + self._mapping.pacing.read())
            return
        visible = self._shard.visible(now)
        self._read(visible, room, now)
        self._plan(visible, now)
        cursor.start_lanes()

    def _read(self, visible: int, room: int, now: float) -> None:
        start, shard = self._cursor.position, self._shard
        end = min(visible, start + min(room, self._most))
        if end > start:
            end = shard.within_bytes(start, end, self._most_bytes)
        size = shard.size_bytes(start, end)
        self._reading.take(now, size)
        age_ms = (now - shard.arrivals[end - 1]) * 1000 if end < visible else 0.0
        if not self._dedicated:
            shard.counts.add_read(end - start, size, age_ms)
        self._mapping.note_read(end - start, size, age_ms)
        self._cursor.take(end)

    def _plan(self, visible: int, now: float) -> None:
        """The next poll: soon while behind, else when there is something to find."""
        if self._cursor.position < visible:
            if self._cursor.room() > 0:
                self._poll_at(now + self._knobs.catch_up_poll_interval_seconds)
            else:
                self._wants_room = True
        elif self._shard.closed_at is None:
            self._idle_since = now
            self._sleep(now)
        else:
            self._cursor.check_drained()

    def _sleep(self, since: float) -> None:
        """Until the first poll, on the beat of the interval, that will find a record."""
        position, arrivals = self._cursor.position, self._shard.arrivals
        if position < len(arrivals):
            wait = arrivals[position] - since - EPSILON_SECONDS
            beats = max(1, ceil(wait / self._interval))
            self._poll_at(since + beats * self._interval)
            if beats == 1:
                return
        else:
            self._shard.watchers.append(self)
        if not self._counted_as_idle and not isinstance(self._reading, DedicatedReading):
            self._counted_as_idle = True
            self._reading.idle_calls_per_second += 1 / self._interval

    def _leave_idle(self) -> None:
        self._idle_since = None
        if self._counted_as_idle and not isinstance(self._reading, DedicatedReading):
            self._reading.idle_calls_per_second -= 1 / self._interval
        self._counted_as_idle = False
