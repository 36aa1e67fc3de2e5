"""A world while it is being put together: what was drawn, fitted to what one machine can play."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import pi, sin
from random import Random

from lab.plant import (
    Behaviour,
    DestinationSpec,
    FunctionSpec,
    Keys,
    MappingSpec,
    NeighbourSpec,
    Outage,
    OutsideReaderSpec,
    ProducerSpec,
    StreamSpec,
)
from lab.plant.chance import chance
from lab.plant.keys import HASH_KEYS, KeySource, KeyTable
from lab.scenarios import Happening, OwnAlarm
from lab.scenarios.blueprint import ACCOUNT_ID, REGION, STREAM, STREAM_ARN
from lab.scenarios.reading import LABEL, TABLE, TABLE_STREAM_ARN
from lab.wild.priors import Drawn

# What all lanes together can do: more would be played too slowly.
MOST_RECORDS_PER_SECOND = 6.0
LONGEST_BATCH_SECONDS = 60.0
DRAWN_KEYS = 20_000
FULL_VCPU_MB = 1769.0
OTHER_ACCOUNT = "210987654321"
# For so long a world goes on from the onset.
WATCHED_SECONDS = 2300.0
Shape = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Spell:
    """When something lasts, and how bad it is (1 to 4)."""

    start: float
    end: float
    severity: float
    gradual: bool = False

    def share(self, seconds: float) -> float:
        """How much of it there is at a time: 0 to 1."""
        if not self.start <= seconds < self.end:
            return 0.0
        return min(1.0, (seconds - self.start) / 600.0) if self.gradual else 1.0

    def scaling(self, most: float) -> Shape:
        """A factor: 1 outside, `most` at the full."""
        return lambda seconds: 1.0 + (most - 1.0) * self.share(seconds)


@dataclass(slots=True)
class Site:
    """What stories may change before the blueprint is made of it."""

    drawn: Drawn
    dice: Random
    shards: int
    factor: int
    batch: int
    batch_seconds: float
    load: float
    behaviour: Behaviour
    timeout: int
    record_bytes: int
    reserved: int | None
    keys: Keys
    scalings: list[Shape] = field(default_factory=list)
    poison_at: list[float] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    backend_outages: list[Outage] = field(default_factory=list)
    backend_lanes: float | None = None
    """How many lanes at once what stands behind can bear; None: nothing stands behind."""
    producers: list[ProducerSpec] = field(default_factory=list)
    old_records: list[ProducerSpec] = field(default_factory=list)
    readers: list[OutsideReaderSpec] = field(default_factory=list)
    streams: list[StreamSpec] = field(default_factory=list)
    functions: list[FunctionSpec] = field(default_factory=list)
    mappings: list[MappingSpec] = field(default_factory=list)
    crowds: list[tuple[Spell, float]] = field(default_factory=list)
    """A neighbour that leaves so much of the pool."""
    others: list[NeighbourSpec] = field(default_factory=list)
    destinations: list[DestinationSpec] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    alarms: list[OwnAlarm] = field(default_factory=list)
    enabled: bool = True
    threshold: int = 60

    @property
    def lanes(self) -> int:
        """All of them."""
        return self.shards * self.factor

    @property
    def capacity(self) -> float:
        """Records a second at which the busiest lane has all the work that it can do."""
        lane = self.batch / self.batch_seconds
        share = busiest_share(self.keys, self.shards, self.factor)
        return lane / share

    @property
    def rate(self) -> float:
        """The usual traffic."""
        return self.capacity * self.load

    @property
    def is_table(self) -> bool:
        """Whether it is a table's stream."""
        return self.drawn.source.source == "table"

    @property
    def stream_arn(self) -> str:
        """What is watched."""
        if self.drawn.source.source == "other account":
            return STREAM_ARN.replace(ACCOUNT_ID, OTHER_ACCOUNT)
        return TABLE_STREAM_ARN if self.is_table else STREAM_ARN

    def traffic(self, seconds: float) -> float:
        """Records a second at a time."""
        rate = self.rate * _usual(self.drawn.source.shape, seconds)
        for scaling in self.scalings:
            rate *= scaling(seconds)
        return rate

    def slower(self, times: float) -> Behaviour:
        """The function with code that takes so many times as long."""
        now = self.behaviour
        return replace(
            now,
            io_seconds_per_invocation=now.io_seconds_per_invocation * times,
            io_seconds_per_record=now.io_seconds_per_record * times,
            cpu_seconds_per_invocation=now.cpu_seconds_per_invocation * times,
            cpu_seconds_per_record=now.cpu_seconds_per_record * times,
        )


_USUAL: dict[str, Shape] = {
    "steady": lambda _: 1.0,
    "waves": lambda s: 1.0 + 0.4 * sin(2 * pi * s / 1700.0),
    "spikes": lambda s: 2.5 if s % 500.0 < 20.0 else 0.93,
    "drifting": lambda s: 0.85 + 0.3 * s / 3600.0,
}


def _usual(shape: str, seconds: float) -> float:
    return _USUAL[shape](seconds)


def fitted(drawn: Drawn) -> Site:
    """The site without any trouble; sizes are made such that it can be played."""
    source, wiring, code = drawn.source, drawn.wiring, drawn.code
    shards = max(1, source.shards)
    lanes = shards * wiring.factor
    most = MOST_RECORDS_PER_SECOND * LONGEST_BATCH_SECONDS / lanes
    batch = max(1, min(wiring.batch_size, int(most)))
    seconds = max(code.batch_seconds, lanes * batch / MOST_RECORDS_PER_SECOND)
    keys = _keys(source.keys)
    site = Site(
        drawn=drawn,
        dice=chance(drawn.seed, "wild", "site"),
        shards=shards,
        factor=wiring.factor,
        batch=batch,
        batch_seconds=seconds,
        load=code.load,
        behaviour=_behaviour(drawn, batch * keys.records_per_aggregate, seconds),
        timeout=int(min(900, max(3, seconds * code.timeout_times))),
        record_bytes=int(source.record_bytes),
        reserved={"none": None, "ample": lanes * 2 + 5, "lanes": lanes}[code.reserved],
        keys=keys,
        threshold=_threshold(drawn, seconds),
    )
    near = {"nothing": None, "ample": lanes * 12.0, "near": lanes * 2.0, "touching": lanes * 1.1}
    site.backend_lanes = near[code.backend]
    return site


def _threshold(drawn: Drawn, seconds: float) -> int:
    """What its owner calls late is more than what is usual: a window and a few batches."""
    return round(max(drawn.wiring.threshold, 1.5 * usual_age(drawn, seconds)))


def usual_age(drawn: Drawn, seconds: float) -> float:
    """How old a record becomes that nothing holds: it waits for its batch, and for the next."""
    return drawn.wiring.batching_window + 2 * seconds


@lru_cache(maxsize=64)
def busiest_share(keys: Keys, shards: int, factor: int) -> float:
    """The share of the records that comes to the busiest lane, shards being even."""
    table = KeyTable()
    source = KeySource(keys, table, "p0-", chance(0, "busiest"))
    drawn = Counter(source.draw(DRAWN_KEYS))
    lanes: Counter[tuple[int, int]] = Counter()
    for key, count in drawn.items():
        lanes[table.hash_keys[key] * shards // HASH_KEYS, table.lane_hashes[key] % factor] += count
    return lanes.most_common(1)[0][1] / DRAWN_KEYS


def _keys(kind: str) -> Keys:
    return {
        "many": Keys(kind="uniform", population=1500),
        "zipf": Keys(kind="zipf", population=1000, exponent=0.9),
        "few": Keys(kind="uniform", population=30),
        "one of many is hot": Keys(kind="hot", population=1000, hot_share=0.25),
        "aggregated": Keys(kind="aggregated", population=64, records_per_aggregate=8),
    }[kind]


def _behaviour(drawn: Drawn, records: int, seconds: float) -> Behaviour:
    """So that a full batch takes the seconds at the memory that the function has."""
    code, wiring = drawn.code, drawn.wiring
    fixed, each = seconds * code.per_batch, seconds * (1 - code.per_batch) / records
    speed = min(code.memory / FULL_VCPU_MB, 1.0)
    return Behaviour(
        io_seconds_per_invocation=fixed * (1 - code.cpu),
        io_seconds_per_record=each * (1 - code.cpu),
        cpu_seconds_per_invocation=fixed * code.cpu * speed,
        cpu_seconds_per_record=each * code.cpu * speed,
        jitter_share=code.jitter,
        error_share=code.error_rate,
        seconds_until_error=min(1.0, seconds / 4),
        reports_item_failures=wiring.partial != "no",
        cold_start_seconds=code.cold_start,
    )


def queue_arn(name: str = "orders-failed") -> str:
    """A queue of the account."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{name}"


def stream_of(site: Site, *, fan_out: str) -> StreamSpec:
    """The stream that is watched."""
    source = site.drawn.source
    if site.is_table:
        return StreamSpec(name=STREAM, shards=site.shards, table=TABLE, label=LABEL)
    return StreamSpec(
        name=STREAM,
        shards=site.shards,
        mode="ON_DEMAND" if source.source == "on demand" else "PROVISIONED",
        retention_hours=source.retention_hours,
        shard_level_metrics=source.shard_metrics,
        consumers=(fan_out,) if source.source == "fan-out" else (),
        account_id=OTHER_ACCOUNT if source.source == "other account" else None,
    )
