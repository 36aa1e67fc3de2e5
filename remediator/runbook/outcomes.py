"""What a turn comes to, in one word and a reason. Pure."""

from collections.abc import Sequence
from datetime import datetime

from remediator.model import (
    Change,
    ChangeResult,
    ChangeStatus,
    Decision,
    GuardedPlan,
    Outcome,
    Status,
)


def planned_status(guarded: GuardedPlan) -> Status:
    if guarded.changes:
        blocked = all(c.ruling.decision is Decision.BLOCK for c in guarded.changes)
        return Status.BLOCKED if blocked else Status.PLANNED
    return Status.ESCALATED if guarded.plan.escalation else Status.NOTHING_TO_DO


def on_paper(guarded: GuardedPlan, now: datetime) -> Outcome:
    """What becomes of a plan that is only described; a refusal keeps its reason (invariant 9)."""
    status = planned_status(guarded)
    if status is not Status.PLANNED:
        return without_action(guarded, now)
    return Outcome(status=status, reason="mode is plan", at=now)


def without_action(guarded: GuardedPlan, now: datetime) -> Outcome:
    """What becomes of a plan of which nothing may be done now."""
    if guarded.awaiting_approval:
        reason = guarded.changes[0].ruling.reason
        return Outcome(status=Status.AWAITING_APPROVAL, reason=reason, at=now)
    if guarded.changes:
        reason = "; ".join(
            dict.fromkeys(f"{c.ruling.guardrail}: {c.ruling.reason}" for c in guarded.changes)
        )
        return Outcome(status=Status.BLOCKED, reason=reason, at=now)
    if guarded.plan.escalation:
        return Outcome(status=Status.ESCALATED, reason=guarded.plan.escalation, at=now)
    reason = guarded.plan.waits or f"cause: {guarded.plan.cause}"
    return Outcome(status=Status.NOTHING_TO_DO, reason=reason, at=now)


def status_of(results: Sequence[ChangeResult]) -> Status:
    kinds = {result.status for result in results}
    ours = any(result.in_effect for result in results)
    if kinds <= {ChangeStatus.APPLIED, ChangeStatus.SETTLING, ChangeStatus.ALREADY_SO}:
        return Status.APPLIED
    if ours:
        return Status.PARTLY_APPLIED
    return Status.CONFLICT if ChangeStatus.CONFLICT in kinds else Status.FAILED


def undo_status(results: Sequence[ChangeResult], done: Status) -> Status:
    kinds = {result.status for result in results}
    fine = {ChangeStatus.APPLIED, ChangeStatus.SETTLING, ChangeStatus.ALREADY_SO}
    if kinds <= fine:
        return done
    if kinds & fine and kinds <= fine | {ChangeStatus.SKIPPED}:
        return Status.PARTLY_APPLIED  # shards go one after another: the rest goes on later
    return Status.CONFLICT if ChangeStatus.CONFLICT in kinds else Status.FAILED


def reasons_of(results: Sequence[ChangeResult]) -> str:
    return "; ".join(dict.fromkeys(result.detail for result in results if result.detail))


def is_exactly(guarded: GuardedPlan, approved: GuardedPlan) -> bool:
    """Whether what may be made now is what was approved: all of it, and as it was proposed."""
    return _values(guarded.allowed) == _values(approved.proposed)


def asks_the_same(one: GuardedPlan, other: GuardedPlan) -> bool:
    """Whether two plans are for the same cause, as sure of it, and start from the same values of
    the same settings; how far they go may differ from look to look."""
    alike = one.plan.cause is other.plan.cause and one.plan.proven == other.plan.proven
    return alike and _befores(one.proposed) == _befores(other.proposed)


def _values(changes: Sequence[Change]) -> set[tuple[object, ...]]:
    return {(str(c.resource), c.setting, c.before, c.after) for c in changes}


def _befores(changes: Sequence[Change]) -> set[tuple[object, ...]]:
    return {(c.resource.place, c.setting, c.before) for c in changes}
