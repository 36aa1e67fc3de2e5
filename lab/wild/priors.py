"""What may differ between two worlds, each property independently of all others.

The ranges are wide on purpose, and know nothing of what the remediator looks at or where its
thresholds lie. Times are seconds.
"""

from dataclasses import dataclass

from lab.wild.dice import Prior, drawn, flag, labels, one_of, priors, seldom, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The stream and what is written to it."""

    source: str = one_of(
        "what is read",
        {"provisioned": 45, "on demand": 15, "fan-out": 17, "table": 18, "other account": 5},
    )
    shards: int = spread("open shards", 0.7, 50, (1, 2, 5, 13), whole=True)
    uneven: bool = flag("one shard owns most of the hash range", 0.12)
    keys: str = one_of(
        "partition keys",
        {"many": 55, "zipf": 17, "few": 10, "one of many is hot": 8, "aggregated": 10},
    )
    record_bytes: float = spread("bytes of a record", 100, 60_000, (500, 5_000, 25_000))
    bursty: bool = flag("records come in clumps, not evenly", 0.5)
    shape: str = one_of(
        "the usual traffic", {"steady": 50, "waves": 20, "spikes": 10, "drifting": 20}
    )
    retention_hours: int = one_of("retention, hours", {24: 75, 48: 13, 168: 12})
    shard_metrics: bool = flag("shard-level metrics are on", 0.35)
    tagged: bool = flag("the stream is tagged as managed", 0.8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """The mapping, its company, and the alarm."""

    batch_size: int = spread("batch size", 1, 500, (2, 10, 50, 200), whole=True)
    batching_window: int = seldom("batching window", 0.25, 1, 300, (1, 10, 60))
    factor: int = one_of("parallelization factor", {1: 60, 2: 14, 3: 6, 5: 10, 10: 10})
    retries: int = one_of("retries", {-1: 70, 10_000: 12, 50: 8, 3: 6, 0: 4})
    record_age: int = one_of("maximum record age", {-1: 76, 604_800: 10, 3600: 5, 600: 5, 240: 4})
    bisect: bool = flag("batches are split on error", 0.25)
    partial: str = one_of(
        "partial batch responses", {"no": 70, "yes": 22, "returned but not asked for": 8}
    )
    destination: str = one_of(
        "on-failure destination",
        {"none": 62, "queue": 14, "topic": 7, "bucket": 7, "missing": 4, "denied": 4, "fifo": 2},
    )
    filter_passes: float = one_of("share that the filter passes", {1.0: 85, 0.5: 8, 0.03: 7})
    tumbling_window: int = one_of("tumbling window", {0: 92, 60: 4, 300: 4})
    position: str = one_of(
        "starting position", {"TRIM_HORIZON": 60, "LATEST": 30, "AT_TIMESTAMP": 10}
    )
    alias: bool = flag("the mapping names an alias", 0.3)
    siblings: str = one_of(
        "other mappings",
        {
            "none": 64,
            "same function, other stream": 14,
            "same stream, other function": 14,
            "same stream, tumbling": 4,
            "same stream, KCL": 4,
        },
    )
    other_triggers: bool = flag("the function is called by others, too", 0.25)
    event_counts: bool = flag("event count metrics are on", 0.35)
    threshold: int = spread("alarm threshold, seconds", 10, 600, (30, 61, 180), whole=True)
    early_warning: bool = flag("the early warning is deployed", 0.8)
    own_alarm: str = one_of("an alarm of the owner's, too", {"none": 80, "flaps": 12, "slow": 8})
    by_sns: bool = flag("alarms come through a topic", 0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """The function, what stands behind it, and the account."""

    batch_seconds: float = spread("seconds of a usual full batch", 0.05, 60, (0.5, 3, 15))
    per_batch: float = one_of(
        "share of that which does not grow with the batch", {0.0: 30, 0.2: 30, 0.6: 25, 1.0: 15}
    )
    cpu: float = one_of("share of CPU time", {0.0: 35, 0.2: 30, 0.6: 20, 0.95: 15})
    memory: int = one_of("memory, MB", {128: 15, 512: 35, 1024: 30, 3008: 20})
    jitter: float = one_of("jitter of durations", {0.0: 20, 0.1: 40, 0.4: 30, 0.8: 10})
    timeout_times: float = spread("timeout, in usual full batches", 1.5, 60, (3, 10))
    cold_start: float = one_of("cold start", {0.0: 25, 0.5: 40, 3.0: 25, 10.0: 10})
    insights: bool = flag("Lambda Insights is on", 0.35)
    load: float = one_of("usual load of the lanes", {0.1: 20, 0.3: 35, 0.5: 30, 0.7: 15})
    error_rate: float = one_of("usual share of errors", {0.0: 75, 0.002: 15, 0.02: 10})
    backend: str = one_of(
        "what stands behind", {"nothing": 50, "ample": 24, "near": 16, "touching": 10}
    )
    backend_exponent: float = one_of("how it slows", {0.5: 25, 1.0: 40, 2.0: 35})
    backend_errors: float = one_of("how it fails", {0.0: 50, 0.1: 30, 0.5: 20})
    reserved: str = one_of("reserved concurrency", {"none": 74, "ample": 16, "lanes": 10})
    account: str = one_of(
        "the account's concurrency", {"ample": 70, "small": 18, "full of provisioned": 12}
    )
    minimum_unreserved: int = one_of("what must stay unreserved", {100: 60, 50: 20, 10: 20})
    neighbours: str = one_of("neighbours", {"quiet": 60, "busy": 25, "in waves": 15})


@dataclass(frozen=True, slots=True, kw_only=True)
class Undocumented:
    """What AWS does not document: nobody may count on a default."""

    update_gap: float = spread("a mapping stands still at an update", 15, 300, (45, 120))
    retry_first: float = spread("wait before the first retry", 0.2, 5, (1,))
    retry_most: float = spread("longest wait before a retry", 2, 30, (8,))
    throttle_most: float = spread("longest wait after a throttle", 2, 30, (8,))
    failing_lane_blocks: bool = flag("one failing lane halts its shard", 0.4)
    read_ahead: float = spread("records read ahead", 50, 10_000, (500, 3_000))
    metric_delay: float = spread("delay of metrics", 20, 300, (60, 150))
    lost_minutes: float = one_of("share of minutes that are lost", {0.0: 75, 0.1: 15, 0.4: 10})
    lost_metric: str = one_of(
        "the metric that loses them",
        {"Errors": 25, "Throttles": 20, "IteratorAge": 25, "Invocations": 15, "Duration": 15},
    )
    zeros: bool = flag("zeros are published", 0.7)
    redelivers: bool = flag("an update delivers finished records again", 0.6)
    splits_cost: bool = flag("a split batch keeps its retries", 0.3)
    split_seconds: float = spread("a shard's split takes", 10, 120, (40,))
    latency: float = spread("an AWS call takes", 0.02, 1.0, (0.2,))
    calls_of_others: float = one_of("Lambda API calls of others a second", {0.0: 80, 6.0: 20})


CAUSES = {
    "nothing": 8,
    "more traffic": 12,
    "burst": 7,
    "more traffic for one key": 5,
    "more traffic for one shard": 5,
    "slower code": 6,
    "poison record": 10,
    "poison records": 5,
    "poison hangs": 3,
    "bad deploy": 5,
    "broken for this stream": 3,
    "outage": 5,
    "partial outage": 4,
    "timeouts": 4,
    "reservation too small": 6,
    "neighbour takes the pool": 5,
    "backend slows": 4,
    "backend full": 6,
    "greedy reader": 4,
    "more readers": 3,
    "paused": 3,
    "reserved at 0": 2,
    "age spike": 3,
    "expiry near": 2,
}
SECOND = {"nothing else": 300.0} | {
    name: share for name, share in CAUSES.items() if name not in {"nothing", "expiry near"}
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """What happens."""

    cause: str = one_of("what happens", CAUSES)
    severity: float = spread("how bad it is", 1.0, 4.0, (1.4, 2.4))
    onset: float = one_of("when it begins", {420.0: 30, 660.0: 40, 900.0: 30})
    lasts: float = one_of("for how long", {0.0: 60, 400.0: 12, 900.0: 16, 1500.0: 12})
    gradual: bool = flag("it grows over ten minutes", 0.25)
    second: str = one_of("what else happens", SECOND)
    second_later: float = one_of(
        "when that begins, after the first", {0.0: 40, 200.0: 35, 700.0: 25}
    )
    person: str = one_of(
        "a person acts in the middle",
        {
            "nobody": 84,
            "changes the factor": 4,
            "reserves": 4,
            "disables for a while": 3,
            "deploys": 5,
        },
    )
    person_at: float = one_of("how long after the onset", {150.0: 30, 400.0: 40, 900.0: 30})
    approves: str = one_of(
        "who approves what waits for approval", {"nobody": 60, "somebody after five minutes": 40}
    )
    other_incident: bool = flag("another function of the account is in trouble, too", 0.1)


TABLES = (Source, Wiring, Code, Undocumented, Events)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One world's properties."""

    seed: int
    source: Source
    wiring: Wiring
    code: Code
    undocumented: Undocumented
    events: Events

    def labels(self) -> dict[str, str]:
        """The label of every property, in the order of the tables."""
        rows = (self.source, self.wiring, self.code, self.undocumented, self.events)
        return {name: label for row in rows for name, label in labels(row).items()}


def draw(seed: int) -> Drawn:
    """All properties of the world of a seed."""
    return Drawn(
        seed=seed,
        source=drawn(Source, seed),
        wiring=drawn(Wiring, seed),
        code=drawn(Code, seed),
        undocumented=drawn(Undocumented, seed),
        events=drawn(Events, seed),
    )


def table() -> dict[str, Prior]:
    """Every prior by the name of its property."""
    return {name: prior for rows in TABLES for name, prior in priors(rows).items()}
