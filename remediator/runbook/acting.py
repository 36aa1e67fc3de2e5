"""One turn: look, rule, reserve, schedule the next look, act, record."""

from collections.abc import Sequence

from remediator.decide import effects, guardrails, learned, pacing, refusals
from remediator.model import (
    Cause,
    ChangeResult,
    FollowUp,
    FollowUpDecision,
    GuardedPlan,
    Mode,
    Outcome,
    Plan,
    Report,
    Status,
    Verdict,
    VerdictName,
)
from remediator.render import announcing
from remediator.runbook import memory, outcomes
from remediator.runbook.turn import Turn
from remediator.settings_table import BISECT
from remediator.state import ChangeState, EntryKind, IncidentState


def first(turn: Turn) -> Report:
    """Look, and act on what is seen. What an interrupted turn left is settled first."""
    turn.wake_up()
    turn.recover()
    if turn.half_way is not None:
        return half_way(turn)
    turn.look()
    return act(turn, turn.reserve())


def act(turn: Turn, guarded: GuardedPlan, verdict: Verdict | None = None) -> Report:
    """Make what may be made; else say why nothing is."""
    if guarded.mode is Mode.PLAN:
        return conclude(turn, guarded, outcomes.on_paper(guarded, turn.at), verdict)
    if not guarded.allowed:
        return conclude(turn, guarded, outcomes.without_action(guarded, turn.at), verdict)
    return make(turn, guarded)


def approved(turn: Turn, plan: GuardedPlan, by: str) -> Report:
    """Make exactly what a person has approved, or nothing of it.

    The guardrails rule on that very plan again; where the cause is another by now, or is not proven
    any more, or one of its changes may not be made as it was proposed, it is planned anew, for
    another approval. Whether it is a record or the function, the same split shall tell.
    """
    hear(turn, plan, by)
    turn.recover()
    turn.look()
    turn.case = learned.as_learned(turn.case, turn.state)
    found = turn.case.diagnosis
    alike = found.cause is plan.plan.cause or _shall_tell(found.cause, plan)
    same = alike and (found.proven or not plan.plan.proven)

    def exactly(ruled: GuardedPlan) -> bool:
        return same and outcomes.is_exactly(ruled, plan)

    guarded = turn.reserve(plan, exactly)
    if guarded.mode is Mode.APPLY and exactly(guarded):
        return make(turn, guarded, by_approval=True)
    return _plan_anew(turn, guarded if same else None)


def _shall_tell(cause: Cause, plan: GuardedPlan) -> bool:
    """Whether the plan splits batches and no more, to tell a record from the function."""
    splits = all(guarded.change.setting == BISECT.name for guarded in plan.changes)
    return splits and {cause, plan.plan.cause} == {Cause.POISON_RECORD, Cause.FUNCTION_FAILURE}


def hear(turn: Turn, plan: GuardedPlan, by: str, **fields: object) -> None:
    """Write down who approved what, before anything is done about it."""
    turn.update(approved_plan=None, approved_by="", **fields)
    turn.commit(turn.entry(EntryKind.APPROVAL, {"by": by, "plan": plan.digest}))
    turn.wake_up()


def _plan_anew(turn: Turn, refused: GuardedPlan | None) -> Report:
    """What was approved is not what may be made now: nothing is, and the new plan waits."""
    turn.update(pending=None, pending_until=None)
    why = "the world has changed since: planned again"
    if refused is not None and not refused.awaiting_approval:
        why = outcomes.without_action(refused, turn.at).reason or why
    again = turn.rule()
    outcome = outcomes.without_action(again, turn.at)
    if again.mode is Mode.PLAN:
        outcome = outcomes.on_paper(again, turn.at)
    elif again.allowed:
        outcome = outcome.model_copy(update={"status": Status.BLOCKED, "reason": ""})
    reason = ". ".join(dict.fromkeys(said for said in (why, outcome.reason) if said))
    outcome = outcome.model_copy(update={"reason": f"what was approved is not made: {reason}"})
    return conclude(turn, again, outcome)


def make(turn: Turn, guarded: GuardedPlan, *, by_approval: bool = False) -> Report:
    """Make what is allowed, and was paid for."""
    case = turn.case
    turn.put_off(pacing.pause_after(turn.state, case, guarded))
    wanted = {change.setting: change.after for change in guarded.allowed}
    turn.update(
        turn=turn.state.turn + 1,
        going_on_approved=by_approval,
        before=effects.snapshot(case.at, case.signals),
        cause=case.diagnosis.cause,
        diagnosis=case.diagnosis,
        quiet_since=None,
        forecast_drains_in_seconds=announcing.drain_time(guarded.plan.forecast, wanted),
    )
    turn.notice_settings()
    results = turn.apply(guarded)
    again = _after_refusal(turn, results)
    if again is None:
        return conclude(turn, guarded, _made(turn, results))
    turn.notes = (*turn.notes, f"AWS has refused it, and it was planned again: {_said(results)}")
    return act(turn, again)


def _made(turn: Turn, results: Sequence[ChangeResult]) -> Outcome:
    status, reason = outcomes.status_of(results), outcomes.reasons_of(results)
    return Outcome(status=status, reason=reason, results=tuple(results), at=turn.session.clock())


def _said(results: Sequence[ChangeResult]) -> str:
    """AWS's own words."""
    return "; ".join(dict.fromkeys(result.detail for result in results if result.code))


def _after_refusal(turn: Turn, results: Sequence[ChangeResult]) -> GuardedPlan | None:
    """What may be made, or asked for, once AWS has refused a part and has told why: batches split
    alone, where the consumer's role may not write to the destination; less reserved, where the
    account's own minimum is another than we thought; else another lever.

    Not before the next look where another part was made: it is told first (invariant 9)."""
    taught = refusals.taught(turn.state, turn.at)
    if taught is None:
        return None
    turn.state = taught
    if any(result.in_effect for result in results):
        return None
    again = turn.reserve()
    return again if again.allowed or again.awaiting_approval else None


def conclude(
    turn: Turn,
    guarded: GuardedPlan,
    outcome: Outcome,
    verdict: Verdict | None = None,
    step: FollowUp | None = None,
) -> Report:
    """End a turn that planned something: it is watched where changes may be made."""
    case, left = turn.case, turn.state.to_go_back
    watching = guarded.mode is Mode.APPLY or bool(left)
    if guarded.mode is Mode.PLAN and left:
        outcome = _left_by_a_lower_mode(turn.state, outcome)
    guarded = turn.wait_for_a_person(guarded, outcome) or guarded
    if watching and turn.state.follow_up_at is None:
        turn.wake_up_in(pacing.interval(turn.state, case))
    if watching and pacing.quiet(case):
        turn.put_off(case.policy.follow_up.every_seconds)
    if watching and outcome.status is Status.BLOCKED:
        turn.await_the_end(guarded)
    state = turn.state
    turn.update(
        stage=memory.stage_of(state, watching=watching),
        follow_up_at=state.follow_up_at if watching else None,
        cause=case.diagnosis.cause,
        learned=learned.lasting(case.diagnosis, state) or state.learned,
        diagnosis=case.diagnosis,
        before=state.before or effects.snapshot(case.at, case.signals),
    )
    step = step or FollowUp(
        decision=FollowUpDecision.WAIT if watching else FollowUpDecision.NONE,
        at=turn.state.follow_up_at,
        number=state.follow_up_number,
        because="to see whether it helped" if outcome.results else "to look again",
    )
    return turn.end(outcome, step, guarded=guarded, verdict=verdict)


def _left_by_a_lower_mode(state: IncidentState, outcome: Outcome) -> Outcome:
    """Mode is plan, and a change of ours is there: people are told, and it is come back to."""
    reason = (
        f"{outcome.reason}; still in effect from before: {memory.in_effect_words(state)}; "
        "watched on, and put back once the mode is apply again"
    )
    return outcome.model_copy(update={"reason": reason})


def half_way(turn: Turn) -> Report:
    """A change that takes several writes has not arrived: what is seen between the two ends tells
    nothing. It goes on at the next look; people are told where it cannot."""
    tracked = turn.half_way
    turn.wake_up_in(pacing.between_steps(turn.session.policy, turn.state))
    back = tracked is not None and tracked.state is ChangeState.UNDOING
    steps = [one.step for one in tracked.steps] if tracked else []
    reason = f"{'going back' if back else 'on its way'}: {', '.join(steps) or 'nothing begun'}"
    if tracked is not None and tracked.detail:
        reason += f" ({tracked.detail})"
    held = turn.stopped()
    reason += f"; {held}" if held else "; it goes on at the next look"
    status = Status.BLOCKED if back or held else Status.RECORDED
    return turn.end_unseen(Outcome(status=status, reason=reason, at=turn.session.clock()))


# --- a reshard that goes on ----------------------------------------------------------------------

# A reshard of several shards is one plan, made one SplitShard after another: AWS takes the next
# one only once the stream is ACTIVE again. What does not fit into the bounded wait of a turn goes
# on at the next look, in the same turn of the incident (so that it is undone as a whole) and
# without a cool-down or a budget of its own (it was paid for as one).


def goes_on(state: IncidentState, step: FollowUp, verdict: Verdict) -> bool:
    """Whether shards are left to be split, and nothing says that it should end here."""
    lets = step.decision in {FollowUpDecision.WAIT, FollowUpDecision.NEXT_RUNG}
    ends = verdict.verdict in {VerdictName.RECOVERED, VerdictName.WORSE}
    return bool(state.going_on) and lets and not ends


def go_on(turn: Turn, verdict: Verdict, step: FollowUp) -> Report:
    """Split what is left of the plan, under every guardrail of now but cool-down and budget."""
    state = turn.state
    rest = Plan(
        incident_id=state.incident_id,
        target=turn.target,
        cause=state.cause or turn.case.diagnosis.cause,
        changes=state.going_on,
    )
    unpaid = turn.ledger().model_copy(update={"spent": ()})
    if state.going_on_approved:
        guarded = turn.rule(unpaid, approved=rest)
    else:
        guarded = turn.rule(unpaid, wish=rest)
    if guarded.mode is Mode.PLAN or not guarded.allowed:
        turn.update(going_on=state.going_on if guardrails.comes_back(guarded) else ())
        outcome = outcomes.without_action(guarded, turn.at)
        return conclude(turn, guarded, outcome, verdict, step)
    outcome = _made(turn, turn.apply(guarded))
    waits = {"decision": FollowUpDecision.WAIT, "at": turn.state.follow_up_at}
    return conclude(turn, guarded, outcome, verdict, step.model_copy(update=waits))
