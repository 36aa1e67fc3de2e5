"""A stream: open and closed shards, the producers' tick, retention, and how shards change."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from operator import attrgetter
from random import Random
from typing import Any

from lab.plant import descriptions
from lab.plant.clock import Clock
from lab.plant.keys import HASH_KEYS, KeyTable
from lab.plant.producer import Arrival, Producer
from lab.plant.reading import DynamoDbReading, SharedReading
from lab.plant.shard import Shard
from lab.plant.specs import OutsideReaderSpec, StreamSpec

HOUR_SECONDS = 3600.0
# What EnableEnhancedMonitoring can switch on, per shard.
SHARD_METRICS = (
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)


@dataclass(slots=True)
class Consumer:
    """A registered enhanced fan-out consumer."""

    name: str
    arn: str
    created_seconds: float
    status: str = "CREATING"


class Stream:
    """The data plane of one Kinesis or DynamoDB stream; the control plane is in `world`."""

    def __init__(self, spec: StreamSpec, arn: str, rng: Random, clock: Clock) -> None:
        self.spec = spec
        self.name = spec.name
        self.arn = arn
        self.is_dynamodb = spec.table is not None
        self.mode = spec.mode
        self.status = "ACTIVE"
        self.shard_level_metrics = spec.shard_level_metrics
        self.retention_seconds = (24 if self.is_dynamodb else spec.retention_hours) * HOUR_SECONDS
        self.keys = KeyTable()
        self.producers: list[Producer] = []
        self.outside_readers: list[OutsideReaderSpec] = []
        self.consumers: dict[str, Consumer] = {}
        self.shards: dict[str, Shard] = {}
        self.readings: dict[str, SharedReading | DynamoDbReading] = {}
        self.count_updates: list[float] = []
        self.mode_updates: list[float] = []
        self.on_reshard: list[Callable[[], None]] = []
        self._splits: list[tuple[float, Shard]] = []
        self._clock = clock
        self._rng = rng
        self._route: list[Shard] = []
        for name in spec.consumers:
            created = -descriptions.STREAM_AGE_SECONDS
            made = consumer_arn(arn, name, clock.datetime_at(created))
            self.consumers[made] = Consumer(name, made, created, "ACTIVE")
        for hash_range in uniform_ranges(spec.shards):
            self._open(hash_range, ())
        self._reroute()

    @property
    def retention_hours(self) -> int:
        """The retention in effect."""
        return round(self.retention_seconds / HOUR_SECONDS)

    def open_shards(self) -> list[Shard]:
        """The shards that take records, in order of hash range."""
        open_ = [shard for shard in self.shards.values() if shard.closed_at is None]
        return sorted(open_, key=attrgetter("start_hash"))

    def reading(self, shard: Shard) -> SharedReading | DynamoDbReading:
        """The shared read limits of one shard."""
        return self.readings[shard.shard_id]

    def add_producer(self, producer: Producer) -> None:
        """A producer, whose keys are already in the key table."""
        self.producers.append(producer)
        self._reroute()

    def tick(self, start: float, end: float) -> None:
        """Put the records of [start, end); they become visible as their times come."""
        records = [record for producer in self.producers for record in producer.draw(start, end)]
        if not records:
            return
        if len(self.producers) > 1:
            records.sort(key=attrgetter("at_seconds"))
        for shard, group in self._by_shard(records).items():
            shard.write(group)

    def put_before(self, producer: Producer, start: float) -> None:
        """What a producer wrote before the world's start; it must be the stream's first one."""
        end = min(start, producer.spec.until_seconds)
        second = producer.spec.at_seconds
        while second < end:
            for shard, group in self._by_shard(producer.draw(second, second + 1)).items():
                shard.write(group)
            second += 1

    def change_shards(self, closing: list[Shard], ranges: list[tuple[int, int]]) -> None:
        """Close shards and open their children; each child's parents are those it overlaps."""
        now = self._clock.env.now
        tail = [record for shard in closing for record in shard.close(now)]
        for start, end in ranges:
            parents = tuple(
                s.shard_id for s in closing if s.start_hash <= end and start <= s.end_hash
            )
            child = self._open((start, end), parents)
            if any(s.start_hash < start or end < s.end_hash for s in closing):
                self._splits.append((now, child))
        self._reroute()
        for listener in self.on_reshard:
            listener()
        tail.sort(key=attrgetter("at_seconds"))
        for shard, group in self._by_shard(tail).items():
            shard.append(group)

    def sub_records_lost(self, remap_seconds: float) -> int:
        """Records inside of KPL aggregates that consumers which de-aggregate have dropped.

        Until the KPL knows of a split, an aggregate holds records of both children and lies in
        one of them: half of it does not belong there.
        """
        if not (self.keys.aggregated and any(r.deaggregates for r in self.outside_readers)):
            return 0
        now, weights = self._clock.env.now, self.keys.weights
        return sum(
            weights[shard.keys[position]] // 2
            for since, shard in self._splits
            for position in range(
                shard.trimmed(since), shard.trimmed(min(now, since + remap_seconds))
            )
        )

    def scale_to(self, count: int) -> None:
        """UNIFORM_SCALING: shards whose range does not change stay open."""
        wanted = uniform_ranges(count)
        have = {(shard.start_hash, shard.end_hash): shard for shard in self.open_shards()}
        closing = [shard for hash_range, shard in have.items() if hash_range not in wanted]
        self.change_shards(closing, [r for r in wanted if r not in have])

    # As AWS describes it

    def summary(self) -> dict[str, Any]:
        """StreamDescriptionSummary of DescribeStreamSummary."""
        metrics = list(SHARD_METRICS) if self.shard_level_metrics else []
        return {
            "StreamName": self.name,
            "StreamARN": self.arn,
            "StreamStatus": self.status,
            "StreamModeDetails": {"StreamMode": self.mode},
            "RetentionPeriodHours": self.retention_hours,
            "StreamCreationTimestamp": self._clock.datetime_at(-descriptions.STREAM_AGE_SECONDS),
            "EnhancedMonitoring": [{"ShardLevelMetrics": metrics}],
            "OpenShardCount": len(self.open_shards()),
            "ConsumerCount": len(self.consumers),
        }

    def list_shards(self) -> list[dict[str, Any]]:
        """Every shard, closed ones too until their last record has expired."""
        horizon = self._clock.env.now - self.retention_seconds
        return [
            descriptions.shard(shard, is_dynamodb=self.is_dynamodb)
            for shard in self.shards.values()
            if shard.closed_at is None or shard.closed_at >= horizon
        ]

    def list_consumers(self) -> list[dict[str, Any]]:
        """The enhanced fan-out consumers."""
        return [self.describe_consumer(consumer) for consumer in self.consumers.values()]

    def describe_consumer(self, consumer: Consumer) -> dict[str, Any]:
        """One of them."""
        return {
            "ConsumerName": consumer.name,
            "ConsumerARN": consumer.arn,
            "ConsumerStatus": consumer.status,
            "ConsumerCreationTimestamp": self._clock.datetime_at(consumer.created_seconds),
            "StreamARN": self.arn,
        }

    def _by_shard(self, records: list[Arrival]) -> dict[Shard, list[Arrival]]:
        groups: dict[Shard, list[Arrival]] = {}
        route = self._route
        for record in records:
            groups.setdefault(route[record.key], []).append(record)
        return groups

    def _open(self, hash_range: tuple[int, int], parents: tuple[str, ...]) -> Shard:
        shard = Shard(len(self.shards), hash_range, parents, self._clock.env.now)
        self.shards[shard.shard_id] = shard
        sharing = DynamoDbReading if self.is_dynamodb else SharedReading
        self.readings[shard.shard_id] = sharing(shard, self.outside_readers, self._rng)
        return shard

    def _reroute(self) -> None:
        """Look up the open shard of every key once, so that a record's route is one index."""
        open_ = self.open_shards()
        route: list[Shard] = [open_[0]] * len(self.keys.names)
        ordered = sorted(range(len(route)), key=self.keys.hash_keys.__getitem__)
        shards = iter(open_)
        shard = next(shards)
        for key in ordered:
            while self.keys.hash_keys[key] > shard.end_hash:
                shard = next(shards)
            route[key] = shard
        self._route = route


def consumer_arn(stream_arn: str, name: str, created: datetime) -> str:
    """The ARN of a registered consumer, which says when it was registered."""
    return f"{stream_arn}/consumer/{name}:{int(created.timestamp())}"


def uniform_ranges(count: int) -> list[tuple[int, int]]:
    """Equal hash ranges that cover 0 … 2^128-1."""
    bounds = [HASH_KEYS * n // count for n in range(count + 1)]
    return [(start, end - 1) for start, end in pairwise(bounds)]
