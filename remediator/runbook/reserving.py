"""What changes cost: concurrency to be claimed, budget and cool-downs to be spent. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from remediator.decide.case import Case
from remediator.model import GuardedPlan
from remediator.settings_table import concurrency
from remediator.state import Claim, IncidentState, Spent, TrackedChange

# Until metrics surely show the concurrency that was claimed.
CLAIM_SECONDS = 900


def claim_of(case: Case, guarded: GuardedPlan, now: datetime) -> Claim | None:
    amount = sum(concurrency(change, case.evidence) for change in guarded.allowed)
    if amount <= 0:
        return None
    until = now + timedelta(seconds=CLAIM_SECONDS)
    return Claim(incident_id=guarded.plan.incident_id, amount=amount, expires_at=until)


def spent_on(state: IncidentState, guarded: GuardedPlan, now: datetime) -> list[Spent]:
    """One entry a resource: what goes in one write is one change."""
    made = dict.fromkeys((c.remedy, c.resource.counted_as) for c in guarded.allowed)
    return [
        Spent(
            incident_id=state.incident_id,
            mapping=guarded.plan.target.known_as,
            remedy=remedy,
            at=now,
            turn=state.turn + 1,
        )
        for remedy, _ in made
    ]


def lowered(
    state: IncidentState, which: Sequence[TrackedChange], now: datetime, *, by_hand: bool
) -> list[Spent]:
    """What is put back has a cool-down of its own, and costs no budget."""
    return [
        Spent(
            incident_id=state.incident_id,
            mapping=state.target.known_as if state.target else "",
            remedy=remedy,
            at=now,
            raised=False,
            by_hand=by_hand,
        )
        for remedy in dict.fromkeys(tracked.change.remedy for tracked in which)
    ]
