"""A change that is put to the guardrails, and what they are told of beside it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from remediator.decide.case import Case
from remediator.decide.diagnosis import diagnose
from remediator.decide.guardrails import Circumstances, rule
from remediator.model import (
    Change,
    Decision,
    Evidence,
    Mode,
    RemedyName,
    Ruling,
)
from remediator.policy import MaintenanceWindow, Policy
from remediator.state import AccountLedger, Spent
from tests.changes import change
from tests.evidence import MAPPING, NOW, case_of

DEFAULTS = Policy()
CALM = Circumstances(now=NOW, incident_id="ours", mode=Mode.APPLY)

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
