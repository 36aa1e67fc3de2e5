"""What a world is built from: frozen descriptions of every part. Times are seconds from start."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

# A quantity as a function of the seconds since the world's start.
RateOfTime = Callable[[float], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSpec:
    """One account in one Region. Limits are AWS's defaults."""

    account_id: str = "123456789012"
    region: str = "eu-central-1"
    concurrency_limit: int = 1000
    minimum_unreserved: int = 100
    """What reservations must leave unreserved; 10, 50 and 100 were seen in accounts."""
    settings_subtract_provisioned: bool = False
    """Whether GetAccountSettings' unreserved figure leaves provisioned concurrency out."""
    shard_limit: int = 6000
    shard_count_updates_per_day: int = 10
    consumers_per_stream: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSpec:
    """A Kinesis stream, or with `table` set a DynamoDB table's stream (24 h, no resharding)."""

    name: str
    shards: int = 1
    mode: Literal["PROVISIONED", "ON_DEMAND"] = "PROVISIONED"
    retention_hours: int = 24
    shard_level_metrics: bool = False
    table: str | None = None
    label: str = "2026-11-01T00:00:00.000"
    replicas: tuple[str, ...] = ()
    """Regions of a global table's replicas."""
    consumers: tuple[str, ...] = ()
    """Names of enhanced fan-out consumers that were registered long ago."""
    account_id: str | None = None
    """Another account, whose stream it is: its metrics and its control plane are not ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """How partition keys are drawn.

    `sequential` walks through the population (all distinct while it is large enough), `hot` gives
    one key `hot_share` of the records, `aggregated` is KPL: every record has the key "a", its
    explicit hash key spreads it over the shards, and it holds `records_per_aggregate` records.
    """

    kind: Literal["uniform", "zipf", "hot", "sequential", "aggregated"] = "uniform"
    population: int = 1000
    exponent: float = 1.1
    hot_share: float = 0.9
    records_per_aggregate: int = 1
    hashed_from: float = 0.0
    """With `hashed_to` below 1, explicit hash keys in a share of the range, as of one shard."""
    hashed_to: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProducerSpec:
    """Writes to one stream at `rate` records per second (see `lab.plant.rates` for shapes).

    `spacing`: `even` (D/…) or `poisson` (M/…). `burst_records` are put all at once at `at_seconds`
    instead. `poison_at_seconds`: the first record after each of these times can not be processed.
    What was written before the world's start has negative times.
    """

    stream: str
    rate: RateOfTime | None = None
    burst_records: int = 0
    at_seconds: float = 0.0
    until_seconds: float = float("inf")
    keys: Keys = field(default_factory=Keys)
    record_bytes: int = 500
    record_bytes_spread: float = 0.0
    spacing: Literal["even", "poisson"] = "even"
    poison_at_seconds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Between two times a share of calls fails and all take `latency_factor` as long.

    `source_arn`: only for the records of that stream, as when a deploy cannot read them any more.
    """

    from_seconds: float
    to_seconds: float
    error_share: float = 1.0
    latency_factor: float = 1.0
    source_arn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What one version of the function's code does with a batch.

    CPU times are at one vCPU (1,769 MB) and scale with memory up to `vcpus_usable`; I/O times do
    not, but stretch with the backend. `poison` says what a poison record does: raise, hang until
    the timeout, or nothing. `reports_item_failures`: the code returns batchItemFailures (it counts
    only if the mapping asks for them; otherwise the failure is swallowed, as AWS would).
    """

    io_seconds_per_invocation: float = 0.0
    io_seconds_per_record: float = 0.0
    cpu_seconds_per_invocation: float = 0.0
    cpu_seconds_per_record: float = 0.0
    vcpus_usable: float = 1.0
    jitter_share: float = 0.0
    error_share: float = 0.0
    seconds_until_error: float | None = None
    poison: Literal["raises", "hangs", "harmless"] = "raises"
    reports_item_failures: bool = False
    cold_start_seconds: float = 0.0
    memory_used_mb: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectCalls:
    """What invokes a function beside its mappings (SQS, SNS, a schedule, people): it succeeds."""

    rate: RateOfTime
    seconds: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """A Lambda function. `alias`: mappings may point at it (metrics then also carry Resource).

    `role_may_send_to`: ARNs of the destinations its execution role may write to; None is any.
    """

    name: str
    behaviour: Behaviour = field(default_factory=Behaviour)
    memory_mb: int = 1024
    timeout_seconds: int = 60
    reserved_concurrency: int | None = None
    backend: str | None = None
    outages: tuple[Outage, ...] = ()
    alias: str | None = None
    lambda_insights: bool = False
    role_may_send_to: frozenset[str] | None = None
    direct_calls: DirectCalls | None = None
    last_modified_seconds: float = -30 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingSettings:
    """The settings of an event source mapping, AWS's defaults. -1 is unlimited."""

    parallelization_factor: int = 1
    batch_size: int = 100
    batching_window_seconds: int = 0
    bisect_on_error: bool = False
    maximum_retry_attempts: int = -1
    maximum_record_age_seconds: int = -1
    on_failure_destination: str | None = None
    report_batch_item_failures: bool = False
    tumbling_window_seconds: int = 0
    filter_patterns: tuple[str, ...] = ()
    event_count_metrics: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingSpec:
    """An event source mapping from `source_arn` (stream or consumer ARN) to a function.

    `qualifier`: the function's alias or version. `enabled` mappings poll from the world's start.
    `filter_passes`: the share of records that the settings' filter patterns let through.
    """

    function: str
    source_arn: str
    uuid: str | None = None
    qualifier: str | None = None
    settings: MappingSettings = field(default_factory=MappingSettings)
    starting_position: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"] = "TRIM_HORIZON"
    starting_at_seconds: float | None = None
    enabled: bool = True
    filter_passes: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideReaderSpec:
    """Another shared-throughput consumer (KCL, Flink, …) of every shard of a stream.

    `deaggregates`: it unpacks KPL aggregates, and drops what does not belong to their shard.
    """

    stream: str
    name: str = "kcl-application"
    calls_per_second: float = 1.0
    bytes_per_second: float = 0.0
    from_seconds: float = 0.0
    to_seconds: float = float("inf")
    deaggregates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourSpec:
    """Another function of the account: the concurrency it wants, as a function of time.

    `provisioned_concurrency` is allocated to it, used or not; what it wants beyond comes from the
    shared pool.
    """

    name: str
    concurrency: RateOfTime
    reserved_concurrency: int | None = None
    provisioned_concurrency: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendSpec:
    """What stands behind functions: beyond `concurrency` calls at once it slows and fails.

    With n calls in flight latency is multiplied by (n/concurrency)^exponent, only above 1, and the
    share of failing calls is errors_per_overload × (n/concurrency − errors_from), only above
    `errors_from`: some backends fail a little before they are full.
    """

    name: str
    concurrency: float
    exponent: float = 1.0
    errors_per_overload: float = 0.0
    errors_from: float = 1.0
    outages: tuple[Outage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationSpec:
    """What is behind the ARN of an on-failure destination.

    `missing`: it was deleted. `denies`: it exists, and the consumer's role may not write to it.
    """

    arn: str
    state: Literal["takes", "missing", "denies"] = "takes"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSpec:
    """A metric alarm: M (`datapoints_to_alarm`) of N (`evaluation_periods`)."""

    name: str
    namespace: str
    metric: str
    dimensions: dict[str, str]
    stat: str
    threshold: float
    period_seconds: int = 60
    evaluation_periods: int = 1
    datapoints_to_alarm: int = 1
    comparison: Literal[
        "GreaterThanThreshold",
        "GreaterThanOrEqualToThreshold",
        "LessThanThreshold",
        "LessThanOrEqualToThreshold",
    ] = "GreaterThanThreshold"
    treat_missing_data: Literal["missing", "notBreaching", "breaching", "ignore"] = "missing"


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where the records of one mapping are; `produced` is the sum of the other five, always."""

    produced: int
    processed: int
    captured: int
    discarded: int
    expired: int
    queued: int
