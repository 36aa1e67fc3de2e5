"""Watches a world from inside: the truth, not its metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf
from typing import Any

from lab.episode import Setting, Timeline
from lab.plant import Ledger, World
from lab.plant.function import Ending
from lab.plant.mapping import EventSourceMapping
from lab.plant.shard import Shard
from lab.scenarios import CONSUMER, MAPPING, NEIGHBOUR, Happening
from remediator.arns import successor_name

SAMPLE_SECONDS = 5.0
# One column of the timeline for so many samples: half a minute.
COLUMN_SAMPLES = 6
# For so long what a person has set stays as it is: the cool-down that the policy promises.
PERSON_SECONDS = 600.0
# For so long the lag must stay away to count as gone; a restore may follow, which restarts.
SETTLED_SECONDS = 900.0
_FAILED = frozenset({Ending.ERROR, Ending.TIMEOUT, Ending.PARTIAL})


@dataclass(slots=True)
class _Columns:
    seconds: list[float] = field(default_factory=list)
    age_seconds: list[float] = field(default_factory=list)
    backlog_records: list[int] = field(default_factory=list)
    concurrency: list[int] = field(default_factory=list)
    errors_per_minute: list[float] = field(default_factory=list)
    throttles_per_minute: list[float] = field(default_factory=list)


class Recorder:
    """Samples the lag of the watched function, its neighbour's share, and what persons have set,
    every few seconds."""

    def __init__(
        self, world: World, from_seconds: float, happenings: Sequence[Happening] = ()
    ) -> None:
        self.ages: list[tuple[float, float]] = []
        """(seconds, age of the oldest unprocessed record of any of the function's mappings)"""
        self.starved_seconds = 0.0
        self.overridden: set[str] = set()
        """Settings that had another value soon after a person had set them."""
        self._persons = [(h.at_seconds, *h.sets) for h in happenings if h.sets]
        self._stood: set[str] = set()
        self._world = world
        self._retries = world.mappings[MAPPING].settings.maximum_retry_attempts
        self._bounded_at = inf
        self._columns = _Columns()
        self._errors = self._peak = self._refused = 0
        self._since = from_seconds
        for mapping in self.mappings:
            mapping.observers.append(self._ended)
        world.at(from_seconds, self._sample)

    @property
    def mappings(self) -> list[EventSourceMapping]:
        """The mappings of the watched function that read, or should."""
        return in_charge(self._world)

    def timeline(self) -> Timeline:
        """What was seen so far."""
        names = _Columns.__slots__
        return Timeline(**{name: tuple(getattr(self._columns, name)) for name in names})

    def recovered_at(self, alarm_at: float | None, threshold: float) -> float | None:
        """The first sample from which on the lag stays below the threshold for a quarter of an
        hour, or to the last sample."""
        if alarm_at is None:
            return None
        since = alarm_at
        for at, age in self.ages:
            if age >= threshold and at >= since:
                since = at + SAMPLE_SECONDS
            elif at - since >= SETTLED_SECONDS:
                break
        return since if since <= self.ages[-1][0] else None

    def settled_seconds(self, threshold: float) -> float:
        """For how long the lag has been below the threshold."""
        now = self._world.env.now
        for at, age in reversed(self.ages):
            if age >= threshold:
                return now - at
        return now

    def ledger(self) -> Ledger:
        """All mappings of the function together."""
        parts = [self._world.ledger(mapping.uuid) for mapping in self.mappings]
        names = Ledger.__slots__
        whole = Ledger(**{name: sum(getattr(part, name) for part in parts) for name in names})
        gone = [
            (old, new) for old in _of_the_consumer(self._world) if (new := _heir(self._world, old))
        ]
        captured = sum(old.captured for old, _ in gone)
        discarded = sum(old.discarded for old, _ in gone)
        expired = sum(old.expired + _left_out(old, new) for old, new in gone)
        return replace(
            whole,
            produced=whole.produced + captured + discarded + expired,
            captured=whole.captured + captured,
            discarded=whole.discarded + discarded,
            expired=whole.expired + expired,
        )

    def captured_good(self) -> int:
        """Records at a destination that could have been processed, less those that the owner's
        own bound of the retries gave up."""
        mapping = self._world.mappings[MAPPING]
        shards = mapping.stream.shards
        good = 0
        for messages in self._world.destinations.values():
            for message in messages:
                batch = message.get("KinesisBatchInfo") or message["DDBStreamBatchInfo"]
                if batch["streamArn"] == mapping.stream.arn and not self._by_the_owner(message):
                    good += batch["batchSize"] - _poison_in(shards[batch["shardId"]], batch)
        return good

    def _by_the_owner(self, message: Mapping[str, Any]) -> bool:
        """Whether it was given up for its retries while those were as their owner has set them."""
        given_up = datetime.fromisoformat(message["timestamp"])
        before = (given_up - self._world.start).total_seconds() < self._bounded_at
        return before and message["requestContext"]["condition"] == "RetryAttemptsExhausted"

    def _ended(self, _shard: Shard, _records: list[int], _began: float, ending: Ending) -> None:
        self._errors += ending in _FAILED

    def _sample(self) -> None:
        world, now = self._world, self._world.env.now
        age = max(world.oldest_unprocessed_age_seconds(mapping.uuid) for mapping in self.mappings)
        self.ages.append((now, age))
        self._peak = max(self._peak, world.functions[CONSUMER].running)
        self._watch_persons(now)
        self._watch_retries(now)
        account = world.account
        wanted, refused = account.neighbours_want(now), account.refused - self._refused
        self._refused = account.refused
        short = wanted > account.unreserved_pool - account.running_unreserved
        if (short or refused) and wanted and self._competes():
            self.starved_seconds += SAMPLE_SECONDS
        if len(self.ages) % COLUMN_SAMPLES == 1:
            self._close_column(now, age)
        world.at(now + SAMPLE_SECONDS, self._sample)

    def others_hurt(self) -> int:
        """Records lost, windows broken, at other consumers of the stream."""
        stream = self._world.mappings[MAPPING].stream
        hurt = stream.sub_records_lost(self._world.knobs.kpl_remap_seconds)
        for mapping in self._world.mappings.values():
            if mapping.stream is stream and mapping.function.name != CONSUMER:
                ledger = self._world.ledger(mapping.uuid)
                hurt += mapping.windows_broken + ledger.discarded + ledger.expired
        return hurt

    def _watch_persons(self, now: float) -> None:
        """From when it is as a person has set it, which AWS takes a while for."""
        for at, setting, value in self._persons:
            if not at < now <= at + PERSON_SECONDS:
                continue
            if settings_of(self._world)[setting] == value:
                self._stood.add(setting)
            elif setting in self._stood:
                self.overridden.add(setting)

    def _watch_retries(self, now: float) -> None:
        """From when on they are not as their owner has set them."""
        if self._world.mappings[MAPPING].settings.maximum_retry_attempts != self._retries:
            self._bounded_at = min(self._bounded_at, now - SAMPLE_SECONDS)

    def _competes(self) -> bool:
        return self._world.neighbours[NEIGHBOUR].reserved_concurrency is None

    def _close_column(self, now: float, age: float) -> None:
        columns, function = self._columns, self._world.functions[CONSUMER]
        per_minute = 60.0 / (SAMPLE_SECONDS * COLUMN_SAMPLES)
        throttles = sum(refused.at > self._since for refused in function.throttle_log)
        columns.seconds.append(now)
        columns.age_seconds.append(round(age, 1))
        columns.backlog_records.append(self.ledger().queued)
        columns.concurrency.append(self._peak)
        columns.errors_per_minute.append(self._errors * per_minute)
        columns.throttles_per_minute.append(throttles * per_minute)
        self._errors, self._peak, self._since = 0, 0, now


def in_charge(world: World) -> list[EventSourceMapping]:
    """The watched function's mappings, less those from which another one has taken over."""
    return [mapping for mapping in _of_the_consumer(world) if _heir(world, mapping) is None]


def _of_the_consumer(world: World) -> list[EventSourceMapping]:
    return [mapping for mapping in world.mappings.values() if mapping.function.name == CONSUMER]


def _heir(world: World, old: EventSourceMapping) -> EventSourceMapping | None:
    """The mapping that has begun to read in the place of one that is disabled."""
    if old.state != "Disabled":
        return None
    named = successor_name(old.uuid)
    return next(
        (
            new
            for new in _of_the_consumer(world)
            if new.consumer is not None and new.consumer.name == named and new.cursors
        ),
        None,
    )


def _left_out(old: EventSourceMapping, new: EventSourceMapping) -> int:
    """Records that neither has processed, since the new one began behind them."""
    return sum(
        max(0, cursor.start_position - old.cursors[shard].checkpoint)
        for shard, cursor in new.cursors.items()
        if shard in old.cursors
    )


def settings_of(world: World) -> dict[str, Setting]:
    """What the levers stand at now."""
    mapping = world.mappings[MAPPING]
    settings, stream = mapping.settings, mapping.stream
    return {
        "parallelization_factor": settings.parallelization_factor,
        "batch_size": settings.batch_size,
        "bisect_on_error": settings.bisect_on_error,
        "maximum_retry_attempts": settings.maximum_retry_attempts,
        "on_failure_destination": settings.on_failure_destination,
        "reserved_concurrency": mapping.function.reserved_concurrency,
        "shard_count": len(stream.open_shards()),
        "retention_hours": round(stream.retention_seconds / 3600),
    }


def _poison_in(shard: Shard, batch: dict[str, str]) -> int:
    first, last = (
        shard.position_of(batch[name]) for name in ("startSequenceNumber", "endSequenceNumber")
    )
    return sum(first <= position <= last for position in shard.poison)
