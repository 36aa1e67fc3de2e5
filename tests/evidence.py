"""Evidence in sentences: what is not said is a healthy pipeline, seen as a whole.

    evidence(shards=4, errors=rising(0, 60), bisect_on_error=True, function_state="Failed")

A metric is one number for every minute, a list that ends in the newest minute, or ``None`` for
"never published". A setting goes by its name in the model; where two records have the same name,
by ``mapping_``, ``function_`` or ``stream_`` before it. ``mapping=None`` is "not seen".
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from remediator.decide.case import Case
from remediator.decide.caution import weighed
from remediator.decide.diagnosis import diagnosed
from remediator.evidence.metrics import Metric
from remediator.model import (
    AccountState,
    Bundle,
    Diagnosis,
    Evidence,
    FunctionState,
    Gap,
    MappingState,
    Reader,
    Series,
    Shard,
    SourceKind,
    StreamState,
    Target,
)
from remediator.policy import Policy

NOW = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# How far back the metrics go.
MINUTES: Final = 30
ACCOUNT, REGION = "111122223333", "eu-west-1"
MAPPING = "11111111-2222-3333-4444-555555555555"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders"
STREAM_ARN = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders"
TABLE_STREAM_ARN = (
    f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders/stream/2026-01-01T00:00:00.000"
)
QUARANTINE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:quarantine"

Values: TypeAlias = float | Sequence[float] | None

STATES: Mapping[str, type[BaseModel]] = {
    "mapping": MappingState,
    "function": FunctionState,
    "account": AccountState,
    "stream": StreamState,
}
LISTS = ("shards", "readers", "sibling_mappings")

# One shard, ten records a second, one lane at work for a third of the time.
HEALTHY: Mapping[Metric, float] = {
    Metric.ITERATOR_AGE_MS: 400,
    Metric.INVOCATIONS: 60,
    Metric.ERRORS: 0,
    Metric.THROTTLES: 0,
    Metric.DURATION_MS: 300,
    Metric.DURATION_MAX_MS: 500,
    Metric.CONCURRENT_EXECUTIONS: 1,
    Metric.ACCOUNT_CONCURRENT_EXECUTIONS: 50,
    Metric.UNRESERVED_CONCURRENT_EXECUTIONS: 50,
    Metric.ACCOUNT_THROTTLES: 0,
    Metric.STREAM_ITERATOR_AGE_MS: 400,
    Metric.INCOMING_RECORDS: 600,
    Metric.INCOMING_BYTES: 600_000,
    Metric.READ_RECORDS: 600,
    Metric.READ_BYTES: 600_000,
    Metric.READ_CALLS: 60,
    Metric.READ_THROTTLES: 0,
    Metric.READ_THROTTLE_SHARE: 0,
}

NOT_DYNAMODB = frozenset(
    {
        Metric.STREAM_ITERATOR_AGE_MS,
        Metric.INCOMING_BYTES,
        Metric.READ_THROTTLES,
        Metric.READ_THROTTLE_SHARE,
    }
)

# Everything that can be missing; see ``without``.
READINGS: tuple[str, ...] = (*STATES, *LISTS, *HEALTHY)


def evidence(
    *,
    at: datetime = NOW,
    kind: SourceKind = SourceKind.KINESIS,
    shards: int | None = 1,
    readers: int | None = 0,
    sibling_mappings: int | None = 0,
    shard_metrics: Mapping[str, Mapping[Metric, Values]] | None = None,
    gaps: Sequence[Gap] = (),
    **said: Any,
) -> Evidence:
    """The evidence of one pipeline; see the top of this file."""
    where = target(kind)
    settings = {name: said.pop(name, {}) for name in STATES}
    metrics: dict[str, Values] = {
        name: value
        for name, value in HEALTHY.items()
        if not (kind is SourceKind.DYNAMODB and name in NOT_DYNAMODB)
    }
    for name, value in said.items():
        if name in set(Metric):
            metrics[name] = value
        else:
            _put(settings, name, value)
    return Evidence(
        gathered_at=at,
        target=where,
        window_seconds=3600,
        mapping=_mapping(where, settings["mapping"]),
        function=_function(where, settings["function"]),
        account=_account(settings["account"]),
        stream=_stream(where, shards, settings["stream"]),
        shards=None if shards is None else tuple(shard(n, shards) for n in range(shards)),
        readers=None if readers is None else others(readers),
        sibling_mappings=sibling_mappings,
        metrics=series(metrics, at),
        shard_metrics={name: series(of, at) for name, of in (shard_metrics or {}).items()},
        gaps=tuple(gaps),
    )


def without(whole: Evidence, *readings: str) -> Evidence:
    """The same evidence with some readings missing, each with its gap."""
    gone = {name: None for name in readings if name not in set(Metric)}
    kept = {name: values for name, values in whole.metrics.items() if name not in readings}
    gaps = tuple(Gap(reading=name, reason="denied") for name in readings)
    return whole.model_copy(update={**gone, "metrics": kept, "gaps": (*whole.gaps, *gaps)})


def read_by_own_consumer(seen: Evidence) -> Evidence:
    """The same, with enhanced fan-out."""
    consumer = f"{seen.target.source_arn}/consumer/orders:1"
    own = seen.target.model_copy(update={"consumer_arn": consumer})
    return seen.model_copy(update={"target": own})


# --- series ------------------------------------------------------------------------------------


def climbing(slope: float = 1.0, minutes: int = 10, base: float = 400) -> list[float]:
    """An age in ms that has grown by ``slope`` seconds a second for the last minutes."""
    return [base] * (MINUTES - minutes) + [base + slope * 60_000 * n for n in range(1, minutes + 1)]


def falling(slope: float = 1.0, minutes: int = 5, peak: float = 900_000) -> list[float]:
    """An age in ms that climbed to its peak and has come down for the last minutes."""
    up = [max(400.0, peak - 60_000 * (MINUTES - minutes - n)) for n in range(MINUTES - minutes)]
    return up + [max(400.0, peak - slope * 60_000 * n) for n in range(1, minutes + 1)]


def since(minutes: int, now: float, before: float = 0) -> list[float]:
    """One value for the last minutes, another before."""
    return [before] * (MINUTES - minutes) + [now] * minutes


def aged(age: Values) -> dict[str, Any]:
    """An age that the function's metric and the stream's agree on."""
    return {"iterator_age_ms": age, "stream_iterator_age_ms": age}


def by_shard(metric: Metric, *values: Values) -> dict[str, dict[Metric, Values]]:
    """A shard-level metric, shard after shard."""
    return {f"shardId-{n:012}": {metric: value} for n, value in enumerate(values)}


def shard_ages(*ages: Values) -> dict[str, dict[Metric, Values]]:
    """Each shard's own age."""
    return by_shard(Metric.SHARD_ITERATOR_AGE_MS, *ages)


def series(metrics: Mapping[Any, Values], at: datetime = NOW) -> dict[str, Series]:
    """Each metric's values as datapoints, the newest one in the last whole minute."""
    newest = at.replace(second=0, microsecond=0) - MINUTE
    found: dict[str, Series] = {}
    for name, values in metrics.items():
        if values is None:
            continue
        listed = [float(values)] * MINUTES if isinstance(values, int | float) else list(values)
        first = newest - MINUTE * (len(listed) - 1)
        points = tuple((first + MINUTE * n, float(value)) for n, value in enumerate(listed))
        found[str(name)] = Series(points=points)
    return found


# --- parts -------------------------------------------------------------------------------------


def target(kind: SourceKind = SourceKind.KINESIS) -> Target:
    """Function ``orders``, which reads stream ``orders``."""
    return Target(
        function="orders",
        function_arn=FUNCTION_ARN,
        event_source_mapping=MAPPING,
        source_arn=STREAM_ARN if kind is SourceKind.KINESIS else TABLE_STREAM_ARN,
        kind=kind,
        stream="orders",
    )


def shard(number: int, of: int) -> Shard:
    """One of some shards that share the hash keys evenly."""
    width = 2**128 // of
    return Shard(
        shard_id=f"shardId-{number:012}",
        first_hash_key=number * width,
        last_hash_key=2**128 - 1 if number == of - 1 else (number + 1) * width - 1,
    )


def others(count: int) -> tuple[Reader, ...]:
    """Other readers that share the stream's throughput."""
    return tuple(Reader(name=f"reader-{n}", shared_throughput=True) for n in range(count))


def _put(settings: dict[str, Any], name: str, value: object) -> None:
    """File a setting under the one record that has it."""
    homes = [
        (record, field)
        for record, model in STATES.items()
        for field in model.model_fields
        if name in {field, f"{record}_{field}"}
    ]
    exact = [home for home in homes if name == f"{home[0]}_{home[1]}"] or homes
    if len(exact) != 1:
        raise TypeError(f"no one setting or metric is called {name}: {exact}")
    record, field = exact[0]
    if settings[record] is not None:
        settings[record] = {**settings[record], field: value}


def _mapping(where: Target, said: Mapping[str, Any] | None) -> MappingState | None:
    if said is None:
        return None
    defaults = {
        "uuid": where.event_source_mapping,
        "function_arn": where.function_arn,
        "source_arn": where.source_arn,
        "state": "Enabled",
        "starting_position": "TRIM_HORIZON",
        "last_processing_result": "OK",
        "last_modified": NOW - timedelta(days=30),
    }
    return MappingState.model_validate(defaults | dict(said))


def _function(where: Target, said: Mapping[str, Any] | None) -> FunctionState | None:
    if said is None:
        return None
    defaults = {
        "name": where.function,
        "memory_mb": 512,
        "timeout_seconds": 30,
        "last_modified": NOW - timedelta(days=30),
        "state": "Active",
        "last_update_status": "Successful",
    }
    return FunctionState.model_validate(defaults | dict(said))


def _account(said: Mapping[str, Any] | None) -> AccountState | None:
    if said is None:
        return None
    defaults = {"concurrency_limit": 1000, "unreserved_concurrency": 1000}
    return AccountState.model_validate(defaults | dict(said))


def _stream(
    where: Target, shards: int | None, said: Mapping[str, Any] | None
) -> StreamState | None:
    if said is None:
        return None
    defaults = {
        "name": where.stream,
        "arn": where.source_arn,
        "status": "ACTIVE",
        "open_shards": shards,
        "registered_consumers": 0,
    }
    return StreamState.model_validate(defaults | dict(said))


# --- pipelines that one may meet ---------------------------------------------------------------

Builder: TypeAlias = Callable[..., Evidence]


def _as(said: Mapping[str, Any], **usual: Any) -> Evidence:
    return evidence(**(usual | dict(said)))


def slow_consumer(**said: Any) -> Evidence:
    """As in the reference demo: one lane, one record a second, a thousand put at once."""
    return _as(
        said,
        batch_size=1,
        **aged(climbing(1.0, 10)),
        invocations=since(10, 60, 6),
        duration_ms=1000,
        duration_max_ms=1010,
        incoming_records=[6.0] * 20 + [1000.0] + [6.0] * 9,
        read_records=since(10, 60, 6),
    )


def overloaded(**said: Any) -> Evidence:
    """Four shards whose lanes are all busy, while more comes in than they can take."""
    return _as(
        said,
        shards=4,
        **aged(climbing(0.5, 10)),
        invocations=since(10, 240, 120),
        duration_ms=since(10, 1000, 900),
        concurrent_executions=4,
        incoming_records=since(10, 48_000, 6_000),
        read_records=since(10, 24_000, 6_000),
    )


def throttled(**said: Any) -> Evidence:
    """Four shards, one invocation reserved: three in four are refused."""
    return _as(
        said,
        shards=4,
        reserved_concurrency=1,
        **aged(climbing(0.8, 10)),
        throttles=since(10, 180),
        invocations=since(10, 60, 240),
        concurrent_executions=1,
    )


def poison(**said: Any) -> Evidence:
    """Four shards, one of which fails again and again while the others go on as before."""
    return _as(
        said,
        shards=4,
        **aged(climbing(1.0, 10)),
        invocations=240,
        errors=since(10, 60),
        concurrent_executions=4,
    )


def one_shard_fails(**said: Any) -> Evidence:
    """One shard, and every invocation ends in an error: poison or failure, nobody can tell."""
    return _as(
        said,
        **aged(climbing(1.0, 10)),
        errors=since(10, 60),
    )


def broken_deploy(**said: Any) -> Evidence:
    """Four shards, everything fails since the function was changed."""
    return _as(
        said,
        shards=4,
        **aged(climbing(1.0, 10)),
        invocations=240,
        errors=since(10, 240),
        concurrent_executions=4,
        function_last_modified=NOW - timedelta(minutes=13),
    )


def read_contention(**said: Any) -> Evidence:
    """Five other readers of one shard read its 2 MB a second: a third of the calls is refused, and
    the lane waits."""
    return _as(
        said,
        readers=5,
        **aged(climbing(0.5, 10)),
        invocations=since(10, 20, 60),
        read_throttles=since(10, 100),
        read_throttle_share=since(10, 0.33),
        read_calls=200,
        read_bytes=since(10, 120_000_000, 6_000_000),
    )


def hot_key(**said: Any) -> Evidence:
    """Ten lanes a shard, of which one has all the work."""
    return _as(
        said,
        parallelization_factor=10,
        **aged(climbing(0.5, 10)),
        invocations=since(10, 60, 30),
        duration_ms=1000,
        concurrent_executions=2,
        incoming_records=since(10, 12_000, 600),
        read_records=since(10, 6_000, 600),
    )


def saturated(**said: Any) -> Evidence:
    """Ten times as many lanes as before at work on full batches, which take far longer."""
    return _as(
        said,
        parallelization_factor=10,
        **aged(climbing(0.7, 10)),
        batch_size=10,
        invocations=since(10, 90, 60),
        duration_ms=since(10, 5000, 300),
        duration_max_ms=since(10, 8000, 500),
        concurrent_executions=since(10, 10, 1),
        incoming_records=since(10, 2000, 600),
        read_records=since(10, 900, 600),
    )


def stopped(**said: Any) -> Evidence:
    """The mapping is disabled and records wait."""
    return _as(
        said,
        mapping_state="Disabled",
        iterator_age_ms=None,
        invocations=None,
        errors=None,
        throttles=None,
        duration_ms=None,
        duration_max_ms=None,
        concurrent_executions=None,
        read_records=None,
    )


def recovering(**said: Any) -> Evidence:
    """The backlog is nearly gone."""
    return _as(
        said,
        **aged(falling(2.0, 6, 800_000)),
        duration_ms=950,
    )


def expiring(**said: Any) -> Evidence:
    """A slow consumer whose oldest records have an hour left."""
    old = [23 * 3_600_000.0 - 60_000 * (MINUTES - 1 - n) for n in range(MINUTES)]
    return slow_consumer(**({"iterator_age_ms": old, "stream_iterator_age_ms": old} | said))


PIPELINES: Mapping[str, Builder] = {
    "healthy": evidence,
    "slow-consumer": slow_consumer,
    "overloaded": overloaded,
    "throttled": throttled,
    "poison": poison,
    "one-shard-fails": one_shard_fails,
    "broken-deploy": broken_deploy,
    "read-contention": read_contention,
    "hot-key": hot_key,
    "saturated": saturated,
    "stopped": stopped,
    "recovering": recovering,
    "expiring": expiring,
}

# Pipelines of which a bundle lies in ``tests/bundles``, as ``remediator collect`` saves them.
SAVED = ("slow-consumer", "throttled", "poison", "broken-deploy", "recovering", "stopped")
BUNDLES = Path(__file__).parent / "bundles"


def case_of(seen: Evidence, found: Diagnosis, policy: Policy, **known: Any) -> Case:
    """All that remedies and guardrails look at, where the tree has found that."""
    return weighed(diagnosed(seen, policy)._replace(diagnosis=found), **known)


def bundle(of: Evidence) -> Bundle:
    """What ``collect`` would save."""
    return Bundle(collected_by="remediator 0.1.0", policy_digest="0123456789ab", evidence=of)


if __name__ == "__main__":
    for saved in SAVED:
        text = bundle(PIPELINES[saved]()).model_dump_json(exclude_defaults=True)
        (BUNDLES / f"{saved}.json").write_text(text + "\n", encoding="utf-8")
