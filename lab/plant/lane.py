"""One lane of a shard: batches in order, one at a time, retried, bisected, given up."""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable

import simpy

from lab.plant.function import Ending, Logged, Run
from lab.plant.progress import Batch, Progress

PAYLOAD_BYTES = 6 * 1024 * 1024
# Endings that count in the metric Errors; a partial batch response does not.
FAILURES = frozenset({Ending.ERROR, Ending.TIMEOUT})
# Per record around its base64 data in the event: names, times, sequence number, ARNs.
RECORD_METADATA_BYTES = 400


class Laned(Progress):
    """What a lane asks of the cursor that has it."""

    @abstractmethod
    def batch_over(self, lane: "Lane") -> None:
        """After each batch: lanes that it held, and room for more records."""

    @abstractmethod
    def is_blocked_for(self, lane: "Lane") -> bool:
        """Whether another lane's failure holds this one."""

    @abstractmethod
    def block(self, lane: "Lane") -> None:
        """A lane's batch failed; by the knob it holds the whole shard."""

    @abstractmethod
    def start_if_quiet(self) -> None:
        """A start that waited for earlier invocations to end."""


class Lane:
    """A sub-sequence of a shard's records that is processed in order.

    `todo` is a stack: its top is being worked on, below it are the later halves of bisected
    batches. A lane that belongs to the time before an update is `retired`.
    """

    def __init__(self, cursor: "Laned", now: float) -> None:
        self.cursor = cursor
        self.queue: deque[int] = deque()
        self.todo: list[Batch] = []
        self.busy = False
        self.retired = False
        self.held_by = ""
        """Why the batch on top is not done: what the run blames, throttle, or nothing: it runs."""
        self._window_from = now
        self._timer_set = False

    def start(self) -> None:
        """Work on the next batch, if the lane is free and one is ready."""
        while not (self.busy or self.retired or self.cursor.is_blocked_for(self)):
            if not self.todo:
                batch = self._form()
                if batch is None:
                    return
                self.todo.append(batch)
            self.busy = True
            self._attempt()

    def _form(self) -> Batch | None:
        """The next batch: full, 6 MB, or its window over."""
        queue, cursor = self.queue, self.cursor
        if not queue:
            return None
        settings = cursor.mapping.settings
        wanted = min(len(queue), settings.batch_size)
        count = self._of_one_window(self._fitting(wanted))
        window = settings.batching_window_seconds
        if window and count == len(queue) and count < settings.batch_size:
            rest = self._window_from + window - cursor.world.env.now
            if rest > 0:
                self._wait_for_window(rest)
                return None
        return Batch([queue.popleft() for _ in range(count)])

    def _of_one_window(self, wanted: int) -> int:
        """How many of the first records belong to one tumbling window, which no batch crosses."""
        seconds = self.cursor.mapping.settings.tumbling_window_seconds
        if not seconds:
            return wanted
        arrivals = self.cursor.shard.arrivals
        end = (arrivals[self.queue[0]] // seconds + 1) * seconds
        return next((n for n in range(wanted) if arrivals[self.queue[n]] >= end), wanted)

    def _fitting(self, wanted: int) -> int:
        """How many of the first records fit into 6 MB, base64 and metadata included."""
        shard = self.cursor.shard
        if wanted * (shard.largest_bytes * 4 / 3 + RECORD_METADATA_BYTES) <= PAYLOAD_BYTES:
            return wanted
        total = 0.0
        for count in range(wanted):
            position = self.queue[count]
            size = shard.size_bytes(position, position + 1)
            total += size * 4 / 3 + RECORD_METADATA_BYTES
            if total > PAYLOAD_BYTES:
                return max(1, count)
        return wanted

    def _wait_for_window(self, seconds: float) -> None:
        if not self._timer_set:
            self._timer_set = True
            self._after(seconds, self._window_over)

    def _window_over(self, _event: simpy.Event) -> None:
        self._timer_set = False
        self.start()

    def _again(self, _event: simpy.Event) -> None:
        if not self.retired:
            self._attempt()
            self.start()

    def _attempt(self) -> None:
        """Invoke the function with the batch on top, or be throttled and come back later."""
        batch, cursor = self.todo[-1], self.cursor
        cursor.drop_overdue(batch)
        if not batch.records:
            self._done()
            return
        mapping, now = cursor.mapping, cursor.world.env.now
        if batch.invocations or batch.throttles:
            cursor.reread(batch.records)
        mapping.counts.invoked += len(batch.records)
        if not mapping.function.acquire(now, mapping.resource):
            batch.throttles += 1
            self.held_by = "throttle"
            mapping.last_result = "PROBLEM: Function call failed"
            self._after(mapping.pacing.throttle(batch.throttles), self._again)
            return
        batch.invocations += 1
        batch.throttles = 0
        run = Invocation(self, batch, now).run
        self.held_by = "" if mapping.takes_as_success(run.ending) else run.blame

    def _after(self, seconds: float, callback: Callable[[simpy.Event], None]) -> None:
        self.cursor.world.after(seconds, callback)

    def _done(self) -> None:
        """The batch on top is over, however it ended."""
        self.todo.pop()
        self.busy, self.held_by = False, ""
        self._window_from = self.cursor.world.env.now
        self.cursor.batch_over(self)

    def settle(self, batch: Batch, run: Run) -> None:
        """Take the function's answer to the batch on top and go on."""
        mapping, cursor = self.cursor.mapping, self.cursor
        if mapping.takes_as_success(run.ending):
            mapping.last_result = "OK"
            mapping.processed += cursor.finish(batch.records)
            self._done()
        elif run.ending is Ending.PARTIAL:
            self._partly_failed(batch, run)
        else:
            self._failed(batch, run)
        self.start()

    def _partly_failed(self, batch: Batch, run: Run) -> None:
        """What comes before the lowest failed record is done; the rest is tried again.

        The count of retries restarts when the checkpoint advances.
        """
        mapping = self.cursor.mapping
        good, rest = batch.records[: run.failed_at], batch.records[run.failed_at :]
        if not good:
            self._failed(batch, run)
            return
        mapping.counts.failed += len(batch.records)
        mapping.processed += self.cursor.finish(good)
        self.todo[-1] = Batch(rest)
        self._retry(1)

    def _failed(self, batch: Batch, run: Run) -> None:
        """Bisect, which costs no retry, or retry while attempts are left, or give up."""
        mapping = self.cursor.mapping
        mapping.last_result = "PROBLEM: Function call failed"
        mapping.counts.failed += len(batch.records)
        limit = mapping.settings.maximum_retry_attempts
        used_up = limit >= 0 and batch.retries >= limit
        costs = mapping.world.knobs.split_costs_retries
        if mapping.settings.bisect_on_error and len(batch.records) > 1 and not (costs and used_up):
            self._bisect(batch)
        elif used_up:
            self.cursor.give_up(batch.records, "RetryAttemptsExhausted", batch, run)
            self._done()
        else:
            batch.retries += 1
            self._retry(batch.retries)

    def _bisect(self, batch: Batch) -> None:
        middle, mapping = len(batch.records) // 2, self.cursor.mapping
        mapping.splits += 1
        spent = batch.retries + 1 if mapping.world.knobs.split_costs_retries else 0
        halves = (batch.records[middle:], batch.records[:middle])
        self.todo[-1:] = [Batch(half, retries=spent) for half in halves]
        self._retry(1)

    def _retry(self, attempt: int) -> None:
        self.cursor.block(self)
        self._after(self.cursor.mapping.pacing.retry(attempt), self._again)


class Invocation:
    """One batch inside the function."""

    __slots__ = ("batch", "function", "lane", "run", "started_at")

    def __init__(self, lane: Lane, batch: Batch, now: float) -> None:
        self.lane, self.batch, self.started_at = lane, batch, now
        cursor = lane.cursor
        cursor.in_flight += 1
        self.function = cursor.mapping.function
        weight, poison_at = cursor.weight(batch.records), cursor.poison_at(batch.records)
        self.run = self.function.begin(now, weight, poison_at, cursor.mapping.stream.arn)
        cursor.world.after(self.run.seconds + self.run.cold_seconds, self._end)

    def _end(self, _event: simpy.Event) -> None:
        lane, batch, run = self.lane, self.batch, self.run
        cursor = lane.cursor
        self.function.end(run)
        self.function.log.append(self._log_entry())
        cursor.in_flight -= 1
        cursor.mapping.delivered(cursor.shard, batch.records, self.started_at, run.ending)
        if not lane.retired:
            lane.settle(batch, run)
        elif cursor.mapping.takes_as_success(run.ending):
            cursor.mapping.processed += cursor.finish(batch.records)
        cursor.start_if_quiet()

    def _log_entry(self) -> Logged:
        cursor, run = self.lane.cursor, self.run
        age = self.started_at - cursor.shard.arrivals[self.batch.records[-1]]
        return Logged(
            cursor.world.env.now,
            self.started_at,
            run.seconds * 1000,
            max(0.0, age * 1000),
            run.ending in FAILURES,
            run.cpu_seconds * 1000,
            cursor.mapping.resource,
        )
