"""A small account in memory: pipelines that clog, and everything that may go wrong with them.

It is the least that makes the whole flow work: settings that act on a backlog, minute by minute,
and metrics that show it late. It knows nothing of the remediator but the records it reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

from remediator.evidence.metrics import Metric
from remediator.model import (
    AccountState,
    Evidence,
    FunctionState,
    Gap,
    MappingState,
    Resource,
    ResourceKind,
    Series,
    Shard,
    SourceKind,
    StreamState,
    Target,
    Value,
)
from tests.histories import ACCOUNT, NOW, REGION

QUARANTINE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:quarantine"
MINUTE = timedelta(minutes=1)
METRIC_DELAY = timedelta(seconds=100)
RESTART = timedelta(seconds=90)
# How long a mapping is Updating, and shows its old values, after a write was accepted.
UNDER_WAY = timedelta(seconds=45)
ONE_LANE_PER_SECOND = 10.0
BATCH = 100
# Of records in a batch, where no more wait.
FEW = 20
TIMEOUT_SECONDS = 300
HISTORY_MINUTES = 30


class Author(StrEnum):
    """Who set a value."""

    FIRST = "first"
    HUMAN = "human"
    US = "us"


@dataclass
class Setting:
    """One value, who set it, and what was there before the remediator came."""

    value: Value
    author: Author = Author.FIRST
    theirs: Value = None
    """The last value that was not ours."""

    def __post_init__(self) -> None:
        self.theirs = self.value

    def set(self, value: Value, author: Author) -> None:
        """Who sets what is there already has changed nothing: AWS shows no difference."""
        if value == self.value:
            return
        self.value, self.author = value, author
        if author is not Author.US:
            self.theirs = value


class Weather(StrEnum):
    """What a pipeline suffers from."""

    FAIR = "fair"
    BUSY = "busy"
    POISON = "poison"
    BROKEN = "broken"
    SATURATED = "saturated"
    IDLE = "idle"
    """Nothing comes in any more."""
    OLD = "old"
    """Busy, and the oldest record is about to expire."""
    BUSIER = "busier"
    """More comes in than a part of a CPU gets done, and no more than a whole one would."""
    LARGE = "large"
    """Each record takes so long that a full batch runs into the timeout."""


ARRIVAL_PER_SECOND = {
    Weather.FAIR: 2.0,
    Weather.IDLE: 0.0,
    Weather.BUSIER: 15.0,
    Weather.LARGE: 0.3,
}
# Of one record in full batches.
LARGE_SECONDS = 4.0
ONE_VCPU_MB = 1769
Point = tuple[datetime, dict[Metric, float]]


_FIRST_SHARDS = 2
_CUTS = [n * 2**128 // _FIRST_SHARDS for n in range(_FIRST_SHARDS + 1)]
_UNSPLIT = [(first, end - 1) for first, end in pairwise(_CUTS)]


@dataclass
class Pipeline:
    """A stream, its function and the mapping between them."""

    name: str
    twin: "Pipeline | None" = None
    """Another mapping with which this one shares its function or its stream."""
    shares: ResourceKind | None = None
    weather: Weather = Weather.FAIR
    settings: dict[tuple[ResourceKind, str], Setting] = field(default_factory=dict)
    ranges: dict[str, Setting] = field(default_factory=dict)
    """Ranges of hash keys that were made two shards of one, or one of two, by their names."""
    backlog: float = 0.0
    beside: float = 0.0
    """What waits where nothing stands still, as if that were everywhere."""
    modified: datetime = NOW - timedelta(days=30)
    deployed: datetime = NOW - timedelta(days=30)
    minutes: list[Point] = field(default_factory=list)
    gone: bool = False
    once_seconds: float = 0.0
    """What each invocation takes, beside its records."""
    computes: bool = False
    """Whether its records take CPU, of which the memory brings a part."""
    room: int = 1000
    """What the account's pool leaves for a function that reserves nothing."""
    starting_position: str = "TRIM_HORIZON"
    update: tuple[datetime, dict[str, Value], Author] | None = None
    """What was accepted and has not come into effect: when it will, what, and whose."""

    def __post_init__(self) -> None:
        mapping, function, stream = (
            ResourceKind.EVENT_SOURCE_MAPPING,
            ResourceKind.FUNCTION,
            ResourceKind.STREAM,
        )
        first: dict[tuple[ResourceKind, str], Value] = {
            (mapping, "parallelization_factor"): 1,
            (mapping, "batch_size"): BATCH,
            (mapping, "batching_window_seconds"): 0,
            (mapping, "bisect_on_error"): False,
            (mapping, "maximum_retry_attempts"): -1,
            (mapping, "maximum_record_age_seconds"): -1,
            (mapping, "on_failure_destination"): None,
            (function, "reserved_concurrency"): None,
            (function, "memory_mb"): 1024,
            (stream, "retention_hours"): 24,
        }
        self.settings = {key: Setting(value) for key, value in first.items()}
        if self.twin is not None:
            shared = {k: v for k, v in self.twin.settings.items() if k[0] is self.shares}
            self.settings |= shared
            if self.shares is ResourceKind.STREAM:
                self.ranges = self.twin.ranges

    def _named(self, kind: ResourceKind) -> str:
        return self.twin.name if self.twin is not None and self.shares is kind else self.name

    @property
    def function(self) -> str:
        return self._named(ResourceKind.FUNCTION)

    @property
    def shards(self) -> int:
        return len(self.whole_shards())

    @property
    def uuid(self) -> str:
        return f"mapping-{self.name}"

    @cached_property
    def target(self) -> Target:
        stream = self._named(ResourceKind.STREAM)
        return Target(
            function=self.function,
            function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function}",
            event_source_mapping=self.uuid,
            source_arn=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}",
            kind=SourceKind.KINESIS,
            stream=stream,
        )

    def owns(self, resource: Resource) -> bool:
        name = resource.id.partition("#")[0]
        return name in {self.uuid, self.function, self.target.source_arn}

    def whole_shards(self) -> list[tuple[int, int]]:
        """The open shards' ranges of hash keys: equal ones, and halves of those that were split."""
        if not self.ranges:
            return _UNSPLIT
        return [part for first, last in _UNSPLIT for part in self._parts(first, last)]

    def _parts(self, first: int, last: int) -> list[tuple[int, int]]:
        split = self.ranges.get(f"{self.target.source_arn}#{first}-{last}")
        if split is None or split.value != 2:
            return [(first, last)]
        middle = (first + last + 1) // 2
        return [*self._parts(first, middle - 1), *self._parts(middle, last)]

    def of_mapping(self, name: str) -> Value:
        return self.settings[ResourceKind.EVENT_SOURCE_MAPPING, name].value

    @property
    def lanes(self) -> int:
        return self.shards * int(self.of_mapping("parallelization_factor") or 1)

    @property
    def running(self) -> int:
        """How many invocations its load may have at once."""
        reserved = self.settings[ResourceKind.FUNCTION, "reserved_concurrency"].value
        return min(self.lanes, self.room if reserved is None else int(reserved))

    @property
    def memory_mb(self) -> int:
        return int(self.settings[ResourceKind.FUNCTION, "memory_mb"].value or 0)

    @property
    def batch_size(self) -> int:
        return int(self.of_mapping("batch_size") or 1)

    def takes(self, records: int) -> float:
        """Seconds of an invocation, would it end in time."""
        each = LARGE_SECONDS if self.weather is Weather.LARGE else 1 / ONE_LANE_PER_SECOND
        if self.computes:
            each *= ONE_VCPU_MB / min(ONE_VCPU_MB, self.memory_mb)
        return self.once_seconds + each * records

    def come_into_effect(self, now: datetime) -> None:
        """Finish the update that is due."""
        if self.update is None or self.update[0] > now:
            return
        due, values, author = self.update
        for name, value in values.items():
            self.settings[ResourceKind.EVENT_SOURCE_MAPPING, name].set(value, author)
        self.modified, self.update = due, None

    # --- a minute passes ------------------------------------------------------------------------

    def live(self, minute: datetime) -> None:
        """One minute of work and what its metrics say."""
        arrived = 60 * ARRIVAL_PER_SECOND.get(self.weather, 30.0)
        captured = self.of_mapping("maximum_retry_attempts") != -1
        stuck = self.weather is Weather.POISON and not captured
        restarting = minute < self.modified + RESTART
        size = self.batch_size
        a_lane, lanes, running = size / self.takes(size), self.lanes, self.running
        capacity = 0.0 if restarting else 60 * a_lane * running
        if self.weather is Weather.SATURATED:
            capacity = min(capacity, 60 * ONE_LANE_PER_SECOND * 2)
        times_out = self.takes(size) >= TIMEOUT_SECONDS
        failing = self.weather is Weather.BROKEN or times_out
        moved = 0.0 if failing else min(capacity, self.backlog + arrived) / (2 if stuck else 1)
        self.backlog = max(0.0, self.backlog + arrived - moved)
        # Behind one record half of the places stands still: what moves is of the others.
        self.beside = max(0.0, self.beside + arrived - 2 * moved) if stuck else self.backlog
        busy = self.backlog > 0
        seconds = 60 * running * size / capacity if capacity and busy else self.takes(FEW)
        seconds = min(seconds, TIMEOUT_SECONDS)
        batches = 6.0 if failing else max(1.0, moved / (size if busy else FEW))
        errors = batches if failing else 4.0 if stuck else 0.0
        shown: dict[Metric, float] = {
            Metric.ITERATOR_AGE_MS: 1000 * self._age(self.backlog, arrived, stuck=stuck or failing),
            Metric.YOUNGEST_AGE_MS: 1000 * self._age(self.beside, arrived, stuck=failing),
            Metric.INVOCATIONS: batches + (errors if stuck else 0.0),
            Metric.STREAM_INVOCATIONS: batches + (errors if stuck else 0.0),
            Metric.ERRORS: errors,
            Metric.THROTTLES: 60.0 if running < lanes and busy else 0.0,
            Metric.DURATION_MS: 1000 * seconds,
            Metric.DURATION_MAX_MS: 1000 * seconds,
            Metric.CONCURRENT_EXECUTIONS: float(running if busy else 1),
            Metric.INCOMING_RECORDS: arrived,
            Metric.READ_RECORDS: moved,
            Metric.READ_CALLS: 60.0 * self.shards,
        }
        if self.computes:
            share = min(1.0, self.memory_mb / ONE_VCPU_MB)
            shown[Metric.CPU_TOTAL_TIME_MS] = 0.97 * 1000 * seconds * share
        self.minutes = [*self.minutes[-HISTORY_MINUTES:], (minute, shown)]

    def _age(self, backlog: float, arrived: float, *, stuck: bool) -> float:
        if stuck and self.minutes:
            return self.minutes[-1][1][Metric.ITERATOR_AGE_MS] / 1000 + 60
        return 60 * backlog / max(1.0, arrived) + (20 * 3600 if self.weather is Weather.OLD else 0)

    def mapping_state(self) -> MappingState:
        values = {
            setting: found.value
            for (kind, setting), found in self.settings.items()
            if kind is ResourceKind.EVENT_SOURCE_MAPPING
        }
        return MappingState.model_validate(
            {
                "uuid": self.uuid,
                "function_arn": self.target.function_arn,
                "source_arn": self.target.source_arn,
                "state": "Updating" if self.update else "Enabled",
                "last_modified": self.modified,
                "starting_position": self.starting_position,
                **values,
            }
        )


class SmallAccount:
    """Two pipelines, the rest of the account, and the time of day."""

    concurrency_limit = 170
    neighbours = 20
    """Invocations of everybody else, always."""

    def __init__(self, shares: ResourceKind | None = None) -> None:
        """``shares``: what the bills' mapping has in common with the orders'."""
        self.now = NOW
        orders = Pipeline("orders")
        bills = Pipeline("bills", twin=orders if shares else None, shares=shares)
        self.pipelines = {"orders": orders, "bills": bills}
        self._lived_until = NOW - timedelta(minutes=HISTORY_MINUTES)
        self.live()

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.live()

    def live(self) -> None:
        """Let the pipelines live through every minute that is over."""
        while self._lived_until + MINUTE <= self.now:
            room = self.pool - self.neighbours
            for pipeline in self.pipelines.values():
                pipeline.room = max(1, room)
                pipeline.live(self._lived_until)
                pipeline.come_into_effect(self._lived_until + MINUTE)
            self._lived_until += MINUTE
        for pipeline in self.pipelines.values():
            pipeline.come_into_effect(self.now)

    @property
    def pool(self) -> int:
        """The account's unreserved concurrency."""
        key = ResourceKind.FUNCTION, "reserved_concurrency"
        reserved = {p.function: p.settings[key].value for p in self.pipelines.values()}
        return self.concurrency_limit - sum(int(n) for n in reserved.values() if n is not None)

    def in_use_as_seen(self, at: datetime | None = None) -> float:
        """Unreserved concurrency in use, as the newest datapoint has it, now or then."""
        shown = [self._seen(p, at)[-1][1] for p in self._unreserved()]
        seen = [minute[Metric.CONCURRENT_EXECUTIONS] for minute in shown]
        return self.neighbours + sum(seen)

    def _unreserved(self) -> list[Pipeline]:
        key = ResourceKind.FUNCTION, "reserved_concurrency"
        return [p for p in self.pipelines.values() if p.settings[key].value is None]

    def _seen(self, pipeline: Pipeline, at: datetime | None = None) -> list[Point]:
        newest = (at or self.now) - METRIC_DELAY
        return [(at, shown) for at, shown in pipeline.minutes if at + MINUTE <= newest]

    def owner(self, resource: Resource) -> Pipeline:
        return next(p for p in self.pipelines.values() if p.owns(resource))

    def setting(self, resource: Resource, name: str) -> Setting:
        pipeline = self.owner(resource)
        if resource.kind is ResourceKind.HASH_RANGE:
            return pipeline.ranges.setdefault(resource.id, Setting(1))
        return pipeline.settings[resource.kind, name]

    def write(self, resource: Resource, values: Mapping[str, Value], author: Author) -> bool:
        """Set values, a mapping's after a while; ``False``: refused, it is being updated."""
        pipeline = self.owner(resource)
        if resource.kind is ResourceKind.EVENT_SOURCE_MAPPING:
            if pipeline.update:
                return False
            pipeline.update = (self.now + UNDER_WAY, dict(values), author)
            return True
        for name, value in values.items():
            self.setting(resource, name).set(value, author)
        return True

    def evidence(self, pipeline: Pipeline, gaps: tuple[Gap, ...] = ()) -> Evidence:
        """What can be seen of a pipeline now."""
        seen = self._seen(pipeline)
        series = {
            metric: Series.model_construct(
                points=tuple((at, of[metric]) for at, of in seen if metric in of)
            )
            for metric in seen[-1][1]
        }
        used = Series(points=((seen[-1][0], self.in_use_as_seen()),))
        reserved = pipeline.settings[ResourceKind.FUNCTION, "reserved_concurrency"].value
        retention = pipeline.settings[ResourceKind.STREAM, "retention_hours"].value
        return Evidence(
            gathered_at=self.now,
            target=pipeline.target,
            window_seconds=3600,
            mapping=pipeline.mapping_state(),
            function=FunctionState(
                name=pipeline.function,
                memory_mb=pipeline.memory_mb,
                timeout_seconds=TIMEOUT_SECONDS,
                last_modified=pipeline.deployed,
                state="Active",
                reserved_concurrency=None if reserved is None else int(reserved),
            ),
            account=AccountState(
                concurrency_limit=self.concurrency_limit, unreserved_concurrency=self.pool
            ),
            stream=StreamState(
                name=pipeline.target.stream,
                arn=pipeline.target.source_arn,
                status="ACTIVE",
                retention_hours=int(retention or 24),
                open_shards=pipeline.shards,
            ),
            shards=tuple(
                Shard(shard_id=f"shard-{first}-{last}", first_hash_key=first, last_hash_key=last)
                for first, last in pipeline.whole_shards()
            ),
            readers=(),
            sibling_mappings=0,
            metrics={**series, Metric.UNRESERVED_CONCURRENT_EXECUTIONS: used},
            gaps=gaps,
        )
