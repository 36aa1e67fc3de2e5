"""What changes cost: concurrency to be claimed, budget to be spent. Pure."""

from datetime import datetime, timedelta

from remediator.model import (
    GuardedPlan,
)
from remediator.runbook import memory
from remediator.runbook.desk import Look
from remediator.state import (
    Claim,
    IncidentState,
    Spent,
)

CLAIM_SECONDS = 900
"""Until metrics surely show the concurrency that was claimed."""


def claim_of(state: IncidentState, look: Look, guarded: GuardedPlan) -> Claim | None:
    amount = sum(
        concurrency_of(change.setting, change.before, change.after, look)
        for change in guarded.allowed
    )
    if amount <= 0:
        return None
    return Claim(
        incident_id=state.incident_id,
        amount=amount,
        expires_at=look.at + timedelta(seconds=CLAIM_SECONDS),
    )


def concurrency_of(setting: str, before: object, after: object, look: Look) -> int:
    """How much of the account's pool a change may come to use."""
    if not isinstance(before, int) or not isinstance(after, int):
        return 0
    mapping, function = look.evidence.mapping, look.evidence.function
    reserved = function is not None and function.reserved_concurrency is not None
    if setting == "reserved_concurrency":
        return after - before
    if setting not in memory.CONCURRENCY or (reserved and setting != "shards"):
        return 0
    if setting == "parallelization_factor":
        return (after - before) * (look.evidence.open_shards or 1)
    own = mapping.parallelization_factor if mapping else 1
    return (after - before) * (look.evidence.lanes_of_a_shard or own)


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
