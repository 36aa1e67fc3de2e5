"""Cause × lever × kind of source, as the tables of the shipped code answer it.

Each cell is what the lever proposes for a canonical pipeline with that cause, and what the
guardrails say of it under the shipped policy: nothing of it is written down by hand.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from remediator.decide.advice import advice
from remediator.decide.guardrails import Circumstances, guard
from remediator.decide.remedies import FIRST_AID, QUIET_CAUSES, REMEDIES, Pass, Remedy
from remediator.model import (
    Cause,
    Decision,
    Detail,
    Diagnosis,
    Evidence,
    Mode,
    Plan,
    SourceKind,
)
from remediator.policy import Policy
from tests.evidence import (
    NOW,
    QUARANTINE,
    broken_deploy,
    case_of,
    evidence,
    expiring,
    hot_key,
    overloaded,
    poison,
    read_contention,
    recovering,
    saturated,
    since,
    stopped,
    throttled,
)

Build = Callable[..., Evidence]


class Row(NamedTuple):
    """One kind of incident: what it is called, what was found, and a pipeline that has it."""

    name: str
    found: Diagnosis
    build: Build


def _found(cause: Cause, detail: Detail = Detail.NONE, *, proven: bool = False) -> Diagnosis:
    return Diagnosis(cause=cause, detail=detail, proven=proven, path=())


def _starved(**said: object) -> Evidence:
    pool = {
        "concurrency_limit": 1000,
        "unreserved_concurrency": 1000,
        "account_concurrent_executions": 1000,
        "unreserved_concurrent_executions": 1000,
    }
    return overloaded(**pool, throttles=since(10, 200), **said)


_COMPUTING = partial(overloaded, memory_mb=512, cpu_total_time_ms=0.95 * 900 * 512 / 1769)
_TIMING_OUT = partial(evidence, batch_size=400, timeout_seconds=10, errors=since(10, 60))

ROWS = (
    Row("throttled by its reservation", _found(Cause.THROTTLING, Detail.RESERVATION), throttled),
    Row(
        "throttled, the account's pool used up", _found(Cause.THROTTLING, Detail.ACCOUNT), _starved
    ),
    Row(
        "a record fails, the function is healthy", _found(Cause.POISON_RECORD, proven=True), poison
    ),
    Row("a record fails, health is not proven", _found(Cause.POISON_RECORD), poison),
    Row(
        "readers in each other's way", _found(Cause.READ_CONTENTION, Detail.BYTES), read_contention
    ),
    Row("too slow", _found(Cause.SLOW_CONSUMER), overloaded),
    Row("too slow, its CPU binds", _found(Cause.SLOW_CONSUMER, Detail.CPU_BOUND), _COMPUTING),
    Row("one hot key", _found(Cause.HOT_PARTITION_KEY), hot_key),
    Row(
        "one hot key, by its own records", _found(Cause.HOT_PARTITION_KEY, Detail.ONE_KEY), hot_key
    ),
    Row("what stands behind is saturated", _found(Cause.DOWNSTREAM_SATURATED), saturated),
    Row(
        "the function fails since a deploy",
        _found(Cause.FUNCTION_FAILURE, Detail.DEPLOY),
        broken_deploy,
    ),
    Row("every batch times out", _found(Cause.FUNCTION_FAILURE, Detail.TIMEOUTS), _TIMING_OUT),
    Row("stopped", _found(Cause.CONSUMER_STOPPED, Detail.PAUSED), stopped),
    Row("recovering", _found(Cause.RECOVERING), recovering),
    Row("unknown", _found(Cause.UNKNOWN), evidence),
)
AID = Row("records are about to expire", _found(Cause.SLOW_CONSUMER), expiring)

SOURCES: Mapping[str, Callable[[Build], Evidence]] = {
    "Kinesis, provisioned": lambda build: build(),
    "Kinesis, on-demand": lambda build: build(on_demand=True),
    "a table's stream": lambda build: build(kind=SourceKind.DYNAMODB),
}
SHIPPED = Policy()
_WORDS = {
    Decision.ALLOW: "by itself",
    Decision.CLIP: "by itself, within the limit",
    Decision.APPROVE: "on approval",
}


def cell(row: Row, remedy: Remedy, seen: Evidence) -> str:
    """What becomes of a lever: by itself, on approval, or refused, with the reason."""
    here = case_of(seen, row.found, SHIPPED, quarantine_arn=QUARANTINE)
    said = remedy.propose(here)
    if isinstance(said, Pass):
        return f"refused: {said.reason}"
    plan = Plan(
        incident_id="inc",
        target=seen.target,
        cause=row.found.cause,
        changes=said,
        proven=row.found.proven,
    )
    around = Circumstances(now=NOW, incident_id="inc", mode=Mode.APPLY)
    rulings = [one.ruling for one in guard(plan, here, around).changes]
    worst = max(rulings, key=lambda each: list(Decision).index(each.decision))
    return _WORDS.get(worst.decision, f"refused: {worst.reason}")


def _levers(row: Row) -> list[Remedy]:
    of_cause = FIRST_AID if row is AID else REMEDIES[row.found.cause]
    return [each for each in of_cause if row.found.detail in each.details]


def lines() -> Iterator[tuple[str, ...]]:
    """Every cell: the incident, the lever, and what becomes of it on each kind of source."""
    for row in (*ROWS, AID):
        levers = _levers(row)
        for remedy in levers:
            cells = (cell(row, remedy, of(row.build)) for of in SOURCES.values())
            yield (row.name, f"`{remedy.name}`", *cells)
        if not levers:
            yield (row.name, "none", *(_person(row, of(row.build)) for of in SOURCES.values()))


def _person(row: Row, seen: Evidence) -> str:
    if row.found.cause in QUIET_CAUSES:
        return "nothing is needed"
    told = advice(case_of(seen, row.found, SHIPPED))
    return f"advice: {told}"
