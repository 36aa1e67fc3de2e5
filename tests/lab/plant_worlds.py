"""Small worlds for the plant's tests, and a witness of what was delivered."""

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from lab.plant import (
    AccountSpec,
    Behaviour,
    FunctionSpec,
    Keys,
    Knobs,
    MappingSettings,
    MappingSpec,
    ProducerSpec,
    StreamSpec,
    World,
)
from lab.plant.function import Ending
from lab.plant.mapping import EventSourceMapping
from lab.plant.shard import Shard
from lab.plant.stream import Stream

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
CALM = Knobs(backoff_jitter_share=0.0)
ONE_SECOND = Behaviour(io_seconds_per_invocation=1.0)
DISTINCT = Keys(kind="sequential", population=100_000)
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:quarantine"


@dataclass
class Delivery:
    """One ended invocation."""

    shard: Shard
    records: list[int]
    began: float
    ended: float
    ending: Ending


@dataclass
class Rig:
    """One stream, one function, one mapping."""

    world: World
    stream: Stream
    mapping: EventSourceMapping
    deliveries: list[Delivery] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.mapping.observers.append(self._witness)

    def _witness(self, shard: Shard, records: list[int], began: float, ending: Ending) -> None:
        now = self.world.env.now
        self.deliveries.append(Delivery(shard, list(records), began, now, ending))

    def seconds_until_drained(self, limit: float = 20_000.0, step: float = 1.0) -> float:
        """Run until nothing is queued; the time then."""
        world = self.world
        world.run_until(world.env.now + step)
        while world.ledger(self.mapping.uuid).queued and world.env.now < limit:
            world.run_until(world.env.now + step)
        return world.env.now

    def update(self, **changes: object) -> None:
        """UpdateEventSourceMapping."""
        self.world.update_event_source_mapping(self.mapping.uuid, changes)
        self.restarts.append(self.world.env.now)

    def sizes(self) -> list[int]:
        """How many records each invocation had, in order of their ends."""
        return [len(delivery.records) for delivery in self.deliveries]

    def assert_order_per_key(self) -> None:
        """A key's records are never in flight twice at once, and succeed in order first time.

        From the checkpoint on they may come again, in order, after a restart (at least once).
        """
        done: dict[tuple[int, str, int], list[int]] = {}
        in_flight: dict[tuple[str, int], list[tuple[float, float]]] = {}
        for delivery in self.deliveries:
            shard = delivery.shard
            for key in {shard.keys[record] for record in delivery.records}:
                spans = in_flight.setdefault((shard.shard_id, key), [])
                spans.append((delivery.began, delivery.ended))
            if delivery.ending is Ending.SUCCESS:
                starts = bisect_left(self.restarts, delivery.began)
                for record in delivery.records:
                    done.setdefault((starts, shard.shard_id, shard.keys[record]), []).append(record)
        assert all(records == sorted(set(records)) for records in done.values())
        for spans in in_flight.values():
            assert all(a[1] <= b[0] + 1e-6 for a, b in pairwise(sorted(spans)))

    def assert_parents_first(self) -> None:
        """No invocation with a child's records begins before its parents' last one ended."""
        last_end = {d.shard.shard_id: d.ended for d in self.deliveries}
        for delivery in self.deliveries:
            for parent in delivery.shard.parents:
                assert delivery.began >= last_end.get(parent, 0.0) - 1e-6


def rig(
    *,
    settings: MappingSettings | None = None,
    behaviour: Behaviour = ONE_SECOND,
    function: FunctionSpec | None = None,
    stream: StreamSpec | None = None,
    producer: ProducerSpec | None = None,
    knobs: Knobs = CALM,
    account: AccountSpec | None = None,
    qualifier: str | None = None,
    seed: int = 1,
) -> Rig:
    """A world with one pipeline, polling from time 0."""
    world = World(START, account or AccountSpec(), knobs, seed)
    source = world.add_stream(stream or StreamSpec(name="orders"))
    world.add_function(function or FunctionSpec(name="consumer", behaviour=behaviour))
    spec = MappingSpec(
        function="consumer",
        source_arn=source.arn,
        settings=settings or MappingSettings(),
        qualifier=qualifier,
    )
    mapping = world.add_mapping(spec)
    if producer:
        world.add_producer(producer)
    return Rig(world, source, mapping)


def burst(records: int, *, keys: Keys = DISTINCT, **more: object) -> ProducerSpec:
    """All at once, at the start."""
    return ProducerSpec(stream="orders", burst_records=records, keys=keys, **more)  # type: ignore[arg-type]
