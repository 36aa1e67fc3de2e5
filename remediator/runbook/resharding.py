"""A reshard of several shards is one plan, made one SplitShard after another.

AWS takes the next one only once the stream is ACTIVE again. What does not fit into the bounded wait
of a turn goes on at the next look, in the same turn of the incident (so that it is undone as a
whole) and without a cool-down or a budget of its own (it was paid for as one).
"""

from remediator.decide import guardrails
from remediator.model import (
    FollowUp,
    FollowUpDecision,
    GuardedPlan,
    Mode,
    Outcome,
    Plan,
    Report,
    Verdict,
    VerdictName,
)
from remediator.runbook import acting, memory, outcomes
from remediator.runbook.desk import Desk, Look
from remediator.state import IncidentState, Lease

_LETS_IT = {FollowUpDecision.WAIT, FollowUpDecision.NEXT_RUNG}
_STOPS_IT = {VerdictName.RECOVERED, VerdictName.WORSE}


def is_due(state: IncidentState, step: FollowUp, verdict: Verdict) -> bool:
    """Whether shards are left to be split, and nothing says that it should end here."""
    lets = step.decision in _LETS_IT and verdict.verdict not in _STOPS_IT
    return bool(state.going_on) and lets


def go_on(
    desk: Desk, state: IncidentState, lease: Lease, look: Look, verdict: Verdict, step: FollowUp
) -> Report:
    """Split what is left of the plan, under every guardrail but cool-down and budget."""
    guarded = _ruled(desk, state, look)
    if guarded.mode is Mode.PLAN or not guarded.allowed:
        kept = state.going_on if guardrails.comes_back(guarded) else ()
        outcome = outcomes.without_action(guarded, look.at)
        state = state.model_copy(update={"going_on": kept})
        return acting.end_turn(desk, state, lease, look, guarded, outcome, verdict, step)
    executor = desk.make_executor(memory.target_of(state))
    state, results = executor.apply(state, lease, guarded)
    outcome = Outcome(
        status=outcomes.status_of(results),
        reason=outcomes.reasons_of(results),
        results=results,
        at=desk.clock(),
    )
    step = step.model_copy(update={"decision": FollowUpDecision.WAIT, "at": state.follow_up_at})
    return acting.end_turn(desk, state, lease, look, guarded, outcome, verdict, step)


def _ruled(desk: Desk, state: IncidentState, look: Look) -> GuardedPlan:
    target = memory.target_of(state)
    rest = Plan(
        incident_id=state.incident_id,
        target=target,
        cause=state.cause or look.diagnosis.cause,
        changes=state.going_on,
    )
    unpaid = desk.own_ledger(state, target).model_copy(update={"spent": ()})
    return desk.guarded(look, state.incident, unpaid, approved=rest)
