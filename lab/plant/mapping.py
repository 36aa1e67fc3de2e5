"""An event source mapping: settings, states, cursors, and what became of its records."""

from collections.abc import Callable
from typing import Any

import simpy

from lab.plant import settings as mapping_settings
from lab.plant.cursor import Cursor
from lab.plant.errors import AwsError
from lab.plant.function import Function
from lab.plant.mapped import Mapped
from lab.plant.parts import Parts
from lab.plant.shard import Shard
from lab.plant.specs import Ledger, MappingSpec
from lab.plant.stream import Consumer, Stream

SETTLED = frozenset({"Enabled", "Disabled"})


class EventSourceMapping(Mapped):
    """Polls a stream and invokes a function. Use `World.add_mapping` to make one."""

    def __init__(
        self,
        world: Parts,
        spec: MappingSpec,
        uuid: str,
        source: Stream,
        consumer: Consumer | None,
        forget: Callable[[str], object],
    ) -> None:
        """`forget` is told the UUID of a mapping that is deleted."""
        super().__init__(world, spec, uuid, source, consumer)
        self.state = "Disabled"
        self.last_modified_seconds = world.env.now
        self.cursors: dict[str, Cursor] = {}
        self._forget = forget
        self._transition = 0
        source.on_reshard.append(self._follow_reshard)

    @property
    def polling(self) -> bool:
        """Whether records are being read now."""
        return any(cursor.running for cursor in self.cursors.values())

    def describe(self) -> dict[str, Any]:
        """As GetEventSourceMapping would answer; LastModified is an aware datetime."""
        qualifier = f":{self.qualifier}" if self.qualifier else ""
        since = self.spec.starting_at_seconds
        position = (
            {} if since is None else {"StartingPositionTimestamp": self.world.datetime_at(since)}
        )
        return {
            "UUID": self.uuid,
            "EventSourceArn": self.spec.source_arn,
            "FunctionArn": self.function.arn + qualifier,
            "StartingPosition": self.spec.starting_position,
            "State": self.state,
            "StateTransitionReason": "User action",
            "LastModified": self.world.datetime_at(self.last_modified_seconds),
            "LastProcessingResult": self.last_result,
            **position,
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
        self._forget(self.uuid)

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
