"""What was read of one mapping at one time."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import ceil, log2
from typing import Literal

from remediator.model.incident import Target
from remediator.model.words import Record


class Gap(Record):
    """Something that could not be seen, why, and the IAM action that would show it."""

    reading: str
    reason: str
    permission: str | None = None


# AWS was seen to wait about ten seconds between two tries of a batch.
MOST_RETRIES_IN_AN_HOUR = 360


# What mappings of before 2021 show for "no bound" (Lambda Developer Guide of 2020, Kinesis).
OLD_DEFAULT_RETRIES = 10_000


# Of a mapping that reads nothing (Lambda API Reference, EventSourceMappingConfiguration).
STOPPED_STATES = frozenset({"Disabled", "Disabling", "Deleting"})


class MappingState(Record):
    """An event source mapping's settings (AWS: EventSourceMappingConfiguration)."""

    uuid: str
    function_arn: str
    source_arn: str
    state: str
    last_modified: datetime | None = None
    last_processing_result: str | None = None
    state_transition_reason: str | None = None
    parallelization_factor: int = 1
    batch_size: int = 100
    batching_window_seconds: int = 0
    bisect_on_error: bool = False
    maximum_retry_attempts: int = -1
    maximum_record_age_seconds: int = -1
    on_failure_destination: str | None = None
    reports_partial_batches: bool = False
    tumbling_window_seconds: int = 0
    starting_position: str | None = None
    counts_events: bool = False
    """Whether the opt-in EventCount metrics are on."""
    filters_events: bool = False
    not_to_copy: tuple[str, ...] = ()
    """What is set on it, by AWS's names, of which nobody here knows how another mapping gets it."""

    @property
    def retries_bounded(self) -> bool:
        """Whether a failed batch is given up within the hour. Mappings of before 2021 show 10000
        retries where nothing was set: at about ten seconds each, that is unbounded in all but
        name."""
        return 0 <= self.maximum_retry_attempts <= MOST_RETRIES_IN_AN_HOUR

    @property
    def loses_what_fails(self) -> bool:
        """Whether its retries are bounded, and nothing captures what is given up."""
        return self.retries_bounded and self.on_failure_destination is None

    @property
    def halvings(self) -> int:
        """How often a full batch is split until each record is alone."""
        return ceil(log2(max(1, self.batch_size)))


class FunctionState(Record):
    """A consumer function's settings."""

    name: str
    memory_mb: int | None = None
    timeout_seconds: int | None = None
    last_modified: datetime | None = None
    state: str | None = None
    last_update_status: str | None = None
    reserved_concurrency: int | None = None
    """``None``: no reservation. 0: stopped on purpose."""
    runs_on_managed_instances: bool = False
    durable: bool = False
    """Whether an execution may wait while it holds its lane (AWS: DurableConfig)."""
    state_reason_code: str | None = None
    last_update_reason_code: str | None = None
    tags: Mapping[str, str] = {}


class Released(Record):
    """What the mapping's alias releases, beside $LATEST (AWS: ListAliases)."""

    version: str
    alike: bool
    """Whether $LATEST is the same code and configuration."""
    routed: bool = False
    """Whether the alias shifts a share of its traffic to another version."""


class AccountState(Record):
    """The account's concurrency in this Region (AWS: GetAccountSettings)."""

    concurrency_limit: int
    unreserved_concurrency: int
    """The limit less all reservations: a setting, not the present use."""


class Busy(Record):
    """A function, and how much of it has run at once of late."""

    function: str
    concurrency: float


class StreamState(Record):
    """A stream's summary. DynamoDB streams hold for 24 hours and scale by themselves."""

    name: str
    arn: str
    status: str
    retention_hours: int = 24
    open_shards: int | None = None
    on_demand: bool = False
    registered_consumers: int | None = None
    shard_metrics: tuple[str, ...] = ()
    record_distribution: str | None = None
    """Kinesis: AUTO spreads records without regard to their partition keys."""
    max_record_kib: int | None = None
    queue_count: int | None = None
    """Kinesis queues, which share the limit of registered consumers and are not counted in it."""
    replicas: int | None = None
    """DynamoDB: replicas of a global table in other Regions; 0: none, ``None``: not seen."""


class Shard(Record):
    """One shard and the range of hash keys that it takes."""

    shard_id: str
    first_hash_key: int = 0
    last_hash_key: int = 2**128 - 1
    is_open: bool = True
    parent: str | None = None


class SampledKey(Record):
    """A partition key of sampled records: where it lies, and how many of them have it."""

    hash_key: int
    """MD5 of the key, which says the shard (Kinesis API Reference, PutRecord)."""
    records: int
    name: str | None = None
    """The key itself, of the most frequent one alone and only where the policy says so."""


class KeySample(Record):
    """The partition keys of some records of one shard; nothing else of them is kept."""

    shard_id: str
    records: int
    keys: tuple[SampledKey, ...] = ()
    """The most frequent one first."""
    aggregated: int = 0
    """Records that hold several of a producer's (KPL), whose keys do not show."""


class Reader(Record):
    """Another consumer of the same stream."""

    name: str
    shared_throughput: bool
    """Whether it shares the 2 MB/s and 5 calls/s of each shard (no enhanced fan-out)."""
    enabled: bool = True
    event_source_mapping: str | None = None
    """The mapping that reads; ``None``: none of Lambda's, or not seen which."""
    function: str | None = None
    """The mapping's function, with its alias or version."""
    tumbling_window_seconds: int | None = None
    parallelization_factor: int | None = None

    @property
    def reads_for_lambda(self) -> bool:
        """Whether it is a mapping. What shares the throughput and was listed is one."""
        return self.shared_throughput or self.event_source_mapping is not None


class Series(Record):
    """A metric at one-minute steps: (start of the minute, value), oldest first, gaps left out."""

    points: tuple[tuple[datetime, float], ...] = ()

    @property
    def values(self) -> tuple[float, ...]:
        """The values alone, oldest first."""
        return tuple(value for _, value in self.points)


class Evidence(Record):
    """All that was read of one mapping at one time; what is not here was not seen."""

    gathered_at: datetime
    target: Target
    window_seconds: int
    period_seconds: int = 60
    mapping: MappingState | None = None
    function: FunctionState | None = None
    account: AccountState | None = None
    stream: StreamState | None = None
    shards: tuple[Shard, ...] | None = None
    readers: tuple[Reader, ...] | None = None
    """The other readers of the stream; ``None`` when they could not be listed."""
    sibling_mappings: int | None = None
    """How many other enabled mappings, of any source, feed the same function or its aliases."""
    metrics: Mapping[str, Series] = {}
    """By name (``signals.METRICS``); a metric without datapoints is not in here."""
    shard_metrics: Mapping[str, Mapping[str, Series]] = {}
    """By shard id, then by name; only where enhanced monitoring is on."""
    key_sample: KeySample | None = None
    """Partition keys of the hot shard; ``None``: not asked for, as is usual."""
    released: Released | None = None
    """Of a mapping's alias; ``None``: not asked for, since it decides nothing, or no alias."""
    gaps: tuple[Gap, ...] = ()

    def lacks(self, reading: str) -> bool:
        """Whether a reading could not be had: that it is not there says nothing then."""
        return any(gap.reading == reading for gap in self.gaps)

    @property
    def tumbling(self) -> str:
        """Which mapping of the stream has a tumbling window; empty: none that was seen."""
        if self.mapping and self.mapping.tumbling_window_seconds:
            return "the mapping"
        found = (reader.name for reader in self.readers or () if reader.tumbling_window_seconds)
        return f"the mapping of {name}" if (name := next(found, "")) else ""

    @property
    def lanes_of_a_shard(self) -> int | None:
        """Invocations at once that one more shard may bring, by all mappings of the stream.

        ``None`` where not every mapping of the stream was seen.
        """
        if self.mapping is None or self.readers is None or self.lacks("consumer_mappings"):
            return None
        reading = [one for one in self.readers if one.enabled and one.reads_for_lambda]
        factors = [one.parallelization_factor for one in reading]
        if None in factors:
            return None
        return self.mapping.parallelization_factor + sum(factor or 0 for factor in factors)

    @property
    def shared_readers(self) -> int | None:
        """How many others are known to share the stream's throughput; ``None``: not listed."""
        if self.readers is None:
            return None
        return sum(reader.shared_throughput and reader.enabled for reader in self.readers)

    @property
    def reserved_concurrency(self) -> int | None:
        """The function's own; ``None``: it has none, or that was not seen."""
        return self.function.reserved_concurrency if self.function else None

    @property
    def open_shards(self) -> int | None:
        """How many shards take records now."""
        if self.shards:
            return sum(shard.is_open for shard in self.shards) or None
        return self.stream.open_shards if self.stream else None


class Bundle(Record):
    """Evidence as ``remediator collect`` saves it, to plan from offline; its schema is published.

    It holds settings, counts and tags, never what is in the stream's records; of their partition
    keys the hashes, where the policy lets them be sampled.
    """

    schema_version: Literal[1] = 1
    collected_by: str = ""
    """Name and version of the program that saved it."""
    policy_digest: str = ""
    """Fingerprint of the policy that held when it was saved."""
    evidence: Evidence


def unseen(gaps: Iterable[Gap]) -> str:
    """The gaps as one line for people."""
    return "; ".join(
        f"{gap.reading} ({gap.reason}{', needs ' + gap.permission if gap.permission else ''})"
        for gap in gaps
    )
