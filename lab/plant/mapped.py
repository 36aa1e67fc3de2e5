"""What an event source mapping is, and what became of its records; how it lives is `mapping`.

Cursors, pollers and lanes stand on this.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from lab.plant.chance import chance
from lab.plant.function import Ending, Function, Run
from lab.plant.messages import failure_message
from lab.plant.pacing import Pacing
from lab.plant.parts import Parts
from lab.plant.shard import Shard
from lab.plant.specs import MappingSpec
from lab.plant.stream import Consumer, Stream

# Called for each ended invocation: shard, record positions, when it began, how it ended.
Observer = Callable[[Shard, list[int], float, Ending], None]


@dataclass(slots=True)
class EventCounts:
    """The EventCount metrics since the last minute."""

    polled: int = 0
    invoked: int = 0
    failed: int = 0
    dropped: int = 0
    filtered: int = 0
    delivery_failures: int = 0
    sent_to_destination: int = 0
    millis_behind: float = 0.0
    pushed: int = 0
    pushed_bytes: int = 0


class Mapped(ABC):
    """A stream, a function, the settings between them, and the counts."""

    def __init__(
        self, world: Parts, spec: MappingSpec, uuid: str, source: Stream, consumer: Consumer | None
    ) -> None:
        self.world = world
        self.spec = spec
        self.uuid = uuid
        self.stream = source
        self.consumer = consumer
        self.is_fan_out = consumer is not None
        self.function: Function = world.functions[spec.function]
        self.qualifier = spec.qualifier
        self.settings = spec.settings
        self.last_result = "No records processed"
        self.rng = chance(world.seed, "mapping", uuid)
        self.pacing = Pacing(world.knobs, self.rng)
        self.counts = EventCounts()
        self.observers: list[Observer] = []
        self.processed = self.captured = self.discarded = self.expired = self.splits = 0
        self.windows_broken = 0
        """Tumbling windows whose state was lost, because their shard ended."""
        self.poll_interval_seconds = self._poll_interval()

    @abstractmethod
    def shard_drained(self) -> None:
        """A shard is done with: what was waiting for it may begin."""

    @property
    def resource(self) -> str | None:
        """The metrics' Resource dimension, where the mapping names an alias or version."""
        return f"{self.function.name}:{self.qualifier}" if self.qualifier else None

    def _poll_interval(self) -> float:
        knobs = self.world.knobs
        if self.is_fan_out:
            return knobs.efo_push_interval_seconds
        if self.stream.is_dynamodb:
            return knobs.dynamodb_poll_interval_seconds
        return knobs.poll_interval_seconds

    def takes_as_success(self, ending: Ending) -> bool:
        """A partial response is a success where the mapping does not ask for item failures."""
        partial = ending is Ending.PARTIAL and not self.settings.report_batch_item_failures
        return ending is Ending.SUCCESS or partial

    def note_read(self, records: int, size_bytes: int, age_ms: float) -> None:
        """One successful poll or push."""
        self.counts.polled += records
        if self.is_fan_out:
            self.counts.pushed += records
            self.counts.pushed_bytes += size_bytes
            self.counts.millis_behind = max(age_ms, self.counts.millis_behind)

    def delivered(self, shard: Shard, records: list[int], began: float, ending: Ending) -> None:
        """Tell the observers of an ended invocation."""
        for observe in self.observers:
            observe(shard, records, began, ending)

    def give_up(
        self,
        shard: Shard,
        records: list[int],
        count: int,
        condition: str,
        invocations: int,
        run: Run | None,
    ) -> None:
        """Capture records at the destination, as metadata, or lose them: `count` are new to it.

        A delivery that fails is not tried again: what it was to tell of is dropped.
        """
        destination = self.settings.on_failure_destination
        message = failure_message(
            uuid=self.uuid,
            function_arn=self.function.arn,
            stream=self.stream,
            shard=shard,
            records=records,
            condition=condition,
            invocations=invocations,
            run=run,
            clock=self.world.clock,
        )
        if destination and self.world.deliver(destination, message):
            self.captured += count
            self.counts.sent_to_destination += count
            return
        self.counts.delivery_failures += destination is not None
        self.discarded += count
        self.counts.dropped += count
