"""An event source mapping: settings, states, cursors, and what became of its records."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import simpy

from lab.plant import settings as mapping_settings
from lab.plant.chance import chance
from lab.plant.cursor import Cursor
from lab.plant.errors import AwsError
from lab.plant.function import Ending, Function, Run
from lab.plant.lane import Batch
from lab.plant.messages import failure_message
from lab.plant.pacing import Pacing
from lab.plant.shard import Shard
from lab.plant.specs import Ledger, MappingSpec
from lab.plant.stream import Consumer, Stream

if TYPE_CHECKING:
    from lab.plant.parts import Parts

Observer = Callable[[Shard, list[int], float, Ending], None]
"""Called for each ended invocation: shard, record positions, when it began, how it ended."""
SETTLED = frozenset({"Enabled", "Disabled"})


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


class EventSourceMapping:
    """Polls a stream and invokes a function. Use `World.add_mapping` to make one."""

    def __init__(
        self,
        world: "Parts",
        spec: MappingSpec,
        uuid: str,
        source: Stream,
        consumer: Consumer | None,
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
        self.state = "Disabled"
        self.last_modified_seconds = world.env.now
        self.last_result = "No records processed"
        self.rng = chance(world.seed, "mapping", uuid)
        self.pacing = Pacing(world.knobs, self.rng)
        self.cursors: dict[str, Cursor] = {}
        self.counts = EventCounts()
        self.observers: list[Observer] = []
        self.processed = self.captured = self.discarded = self.expired = self.splits = 0
        self.windows_broken = 0
        """Tumbling windows whose state was lost, because their shard ended."""
        self._transition = 0
        self.poll_interval_seconds = self._poll_interval()
        source.on_reshard.append(self._follow_reshard)

    @property
    def polling(self) -> bool:
        """Whether records are being read now."""
        return any(cursor.running for cursor in self.cursors.values())

    @property
    def resource(self) -> str | None:
        """The metrics' Resource dimension, where the mapping names an alias or version."""
        return f"{self.function.name}:{self.qualifier}" if self.qualifier else None

    def describe(self) -> dict[str, Any]:
        """As GetEventSourceMapping would answer; LastModified is an aware datetime."""
        qualifier = f":{self.qualifier}" if self.qualifier else ""
        return {
            "UUID": self.uuid,
            "EventSourceArn": self.spec.source_arn,
            "FunctionArn": self.function.arn + qualifier,
            "StartingPosition": self.spec.starting_position,
            "State": self.state,
            "StateTransitionReason": "User action",
            "LastModified": self.world.datetime_at(self.last_modified_seconds),
            "LastProcessingResult": self.last_result,
        } | mapping_settings.described(self.settings)

    # Life

    def create(self) -> None:
        """Creating, and Enabled (or Disabled) after the update gap."""
        enabled = self.spec.enabled
        self._pass_through("Creating", lambda: self._settle_as(enabled=enabled), self._gap())

    def update(self, changes: dict[str, Any]) -> dict[str, Any]:
        """UpdateEventSourceMapping: polling stops, and starts anew with the changes applied.

        Raises:
            AwsError: ResourceInUseException while another transition runs;
                InvalidParameterValueException; ResourceNotFoundException for the function.
        """
        self._check_settled()
        after = mapping_settings.changed(self.settings, changes)
        function, qualifier = self._function_after(changes)
        if "DestinationConfig" in changes:
            self.world.check_destination(function, after.on_failure_destination)
        was = self.state == "Enabled"
        enabled = changes.get("Enabled", was)
        self.stop()
        names = {(True, False): "Disabling", (False, True): "Enabling"}
        disabling = was and not enabled
        delay = self.world.knobs.mapping_disable_seconds if disabling else self._gap()

        def apply() -> None:
            self.settings, self.function, self.qualifier = after, function, qualifier
            self._settle_as(enabled=enabled)

        self._pass_through(names.get((was, enabled), "Updating"), apply, delay)
        return self.describe()

    def delete(self) -> dict[str, Any]:
        """DeleteEventSourceMapping.

        Raises:
            AwsError: ResourceInUseException while another transition runs.
        """
        self._check_settled()
        self.stop()
        self._pass_through("Deleting", self._remove, self.world.knobs.mapping_disable_seconds)
        return self.describe()

    def start(self) -> None:
        """Read every shard whose parents are drained."""
        self.state = "Enabled"
        if not self.cursors:
            for shard in self.stream.shards.values():
                self._track(shard, self._first_position(shard))
        self.shard_drained()

    def stop(self) -> None:
        """No more polling."""
        for cursor in self.cursors.values():
            cursor.stop()

    def shard_drained(self) -> None:
        """Start the cursors whose parents are done with: a parent is read before its children."""
        if self.state != "Enabled":
            return
        for cursor in list(self.cursors.values()):
            cursor.check_drained()
            parents = (self.cursors.get(parent) for parent in cursor.shard.parents)
            if all(parent is None or parent.drained for parent in parents):
                cursor.start()

    def _follow_reshard(self) -> None:
        if not self.cursors:
            return
        for shard in self.stream.shards.values():
            if shard.shard_id not in self.cursors:
                self._track(shard, 0)
        self.shard_drained()

    def _track(self, shard: Shard, start: int) -> None:
        self.cursors[shard.shard_id] = Cursor(self, shard, start)

    def _first_position(self, shard: Shard) -> int:
        now = self.world.env.now
        if self.spec.starting_position == "LATEST":
            return shard.visible(now)
        if self.spec.starting_position == "AT_TIMESTAMP":
            return shard.trimmed(self.spec.starting_at_seconds or 0.0)
        return shard.trimmed(now - self.stream.retention_seconds)

    def _pass_through(self, state: str, then: Callable[[], None], seconds: float) -> None:
        self.state = state
        self.last_modified_seconds = self.world.env.now
        self._transition += 1
        token = self._transition

        def settle(_event: simpy.Event) -> None:
            if token == self._transition:
                then()

        self.world.after(seconds, settle)

    def _settle_as(self, *, enabled: bool) -> None:
        if enabled:
            self.start()
        else:
            self.state = "Disabled"

    def _remove(self) -> None:
        self.stream.on_reshard.remove(self._follow_reshard)
        self.world.forget_mapping(self.uuid)

    def _check_settled(self) -> None:
        if self.state not in SETTLED:
            message = f"Cannot change the event source mapping because it is in use ({self.state})."
            raise AwsError("ResourceInUseException", message)

    def _function_after(self, changes: dict[str, Any]) -> tuple[Function, str | None]:
        if not changes.get("FunctionName"):
            return self.function, self.qualifier
        return self.world.find_function(changes["FunctionName"])

    def _gap(self) -> float:
        return self.world.knobs.mapping_update_gap_seconds

    def _poll_interval(self) -> float:
        knobs = self.world.knobs
        if self.is_fan_out:
            return knobs.efo_push_interval_seconds
        if self.stream.is_dynamodb:
            return knobs.dynamodb_poll_interval_seconds
        return knobs.poll_interval_seconds

    # What becomes of records

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
        self, cursor: Cursor, records: list[int], condition: str, batch: Batch, run: Run | None
    ) -> None:
        """Capture records at the destination, as metadata, or lose them.

        A delivery that fails is not tried again: what it was to tell of is dropped.
        """
        destination = self.settings.on_failure_destination
        count = cursor.finish(records)
        message = failure_message(self, cursor.shard, records, condition, batch.invocations, run)
        if destination and self.world.deliver(destination, message):
            self.captured += count
            self.counts.sent_to_destination += count
            return
        self.counts.delivery_failures += destination is not None
        self.discarded += count
        self.counts.dropped += count

    def ledger(self, now: float) -> Ledger:
        """Where its records are at this moment."""
        places = [cursor.queued_and_expired(now) for cursor in self.cursors.values()]
        produced = sum(
            max(cursor.start_position, cursor.shard.visible(now)) - cursor.start_position
            for cursor in self.cursors.values()
        )
        return Ledger(
            produced=produced,
            processed=self.processed,
            captured=self.captured,
            discarded=self.discarded,
            expired=self.expired + sum(late for _, late in places),
            queued=sum(queued for queued, _ in places),
        )
