"""What changes cost: concurrency to be claimed, budget to be spent. Pure."""

from datetime import datetime, timedelta

from remediator.model import (
    GuardedPlan,
)
from remediator.runbook.desk import Look
from remediator.settings_table import concurrency
from remediator.state import (
    Claim,
    IncidentState,
    Spent,
)

CLAIM_SECONDS = 900
"""Until metrics surely show the concurrency that was claimed."""


def claim_of(state: IncidentState, look: Look, guarded: GuardedPlan) -> Claim | None:
    amount = sum(concurrency(change, look.evidence) for change in guarded.allowed)
    if amount <= 0:
        return None
    return Claim(
        incident_id=state.incident_id,
        amount=amount,
        expires_at=look.at + timedelta(seconds=CLAIM_SECONDS),
    )


def spending(state: IncidentState, guarded: GuardedPlan, now: datetime) -> list[Spent]:
    """One entry a resource: what goes in one write is one change."""
    remedies = dict.fromkeys((c.remedy, c.resource.paid_as) for c in guarded.allowed)
    mapping = guarded.plan.target.event_source_mapping
    return [
        Spent(
            incident_id=state.incident_id,
            mapping=mapping,
            remedy=remedy,
            at=now,
            turn=state.turn + 1,
        )
        for remedy, _ in remedies
    ]
