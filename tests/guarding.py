"""A change that is put to the guardrails, and what they are told of beside it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from remediator.decide.case import Case
from remediator.decide.guardrails import Circumstances, rule
from remediator.decide.tree import diagnose
from remediator.model import (
    Change,
    Decision,
    Evidence,
    Mode,
    RemedyName,
    Resource,
    ResourceKind,
    Ruling,
)
from remediator.policy import MaintenanceWindow, Policy
from remediator.state import AccountLedger, Spent
from tests.evidence import MAPPING, NOW, STREAM_ARN, case_of

DEFAULTS = Policy()
CALM = Circumstances(now=NOW, incident_id="ours", mode=Mode.APPLY)
KINDS = {
    "parallelization_factor": (ResourceKind.EVENT_SOURCE_MAPPING, MAPPING),
    "maximum_retry_attempts": (ResourceKind.EVENT_SOURCE_MAPPING, MAPPING),
    "bisect_on_error": (ResourceKind.EVENT_SOURCE_MAPPING, MAPPING),
    "maximum_record_age_seconds": (ResourceKind.EVENT_SOURCE_MAPPING, MAPPING),
    "reserved_concurrency": (ResourceKind.FUNCTION, "orders"),
    "retention_hours": (ResourceKind.STREAM, STREAM_ARN),
    "shards": (ResourceKind.HASH_RANGE, f"{STREAM_ARN}#0-1"),
}
REMEDY_OF = {
    "parallelization_factor": RemedyName.RAISE_PARALLELIZATION_FACTOR,
    "reserved_concurrency": RemedyName.RAISE_RESERVED_CONCURRENCY,
    "shards": RemedyName.SPLIT_SHARDS,
    "retention_hours": RemedyName.EXTEND_RETENTION,
}


def change(setting: str, before: Any, after: Any) -> Change:
    kind, name = KINDS[setting]
    return Change(
        remedy=REMEDY_OF.get(setting, RemedyName.ISOLATE_POISON),
        resource=Resource(kind=kind, id=name),
        setting=setting,
        before=before,
        after=after,
    )


# Four lanes instead of one.
FACTOR = change("parallelization_factor", 1, 4)


def situation(seen: Evidence, policy: Policy = DEFAULTS, **known: Any) -> Case:
    return case_of(seen, diagnose(seen, policy), policy, **known)


def ruling(
    made: Change,
    seen: Evidence,
    policy: Policy = DEFAULTS,
    around: Circumstances = CALM,
    **known: Any,
) -> Ruling:
    return rule(made, situation(seen, policy, **known), around).ruling


def spent(minutes_ago: float, remedy: RemedyName, mapping: str = MAPPING) -> Spent:
    at = NOW - timedelta(minutes=minutes_ago)
    return Spent(incident_id="before", mapping=mapping, remedy=remedy, at=at)


def after(*paid: Spent, **said: Any) -> Circumstances:
    return CALM._replace(ledger=AccountLedger(spent=paid), **said)


SPLIT, FACTORS = RemedyName.SPLIT_SHARDS, RemedyName.RAISE_PARALLELIZATION_FACTOR
RETRIES = change("maximum_retry_attempts", -1, 3)
NOON = MaintenanceWindow.model_validate({"name": "noon", "start": "11:00", "end": "13:00"})
NEARLY_FULL = {"unreserved_concurrent_executions": 824, "unreserved_concurrency": 1020}
# What is put to the guardrails, and the ruling with the guardrail that gives it.
Words = Mapping[str, tuple[Change, Evidence, Policy, Circumstances, Decision, str]]
