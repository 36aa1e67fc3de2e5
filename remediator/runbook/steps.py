"""The step that follows from a verdict: go on, wait, put back, close, hand over."""

from remediator.decide import learned, next_step, pacing, restoring
from remediator.decide.guardrails import Undo
from remediator.model import (
    ChangeResult,
    FollowUp,
    FollowUpDecision,
    GuardedPlan,
    Mode,
    Outcome,
    Report,
    Status,
    Verdict,
    VerdictName,
)
from remediator.runbook import acting, memory, undoing
from remediator.runbook.turn import Turn
from remediator.state import Stage


def take(turn: Turn, step: FollowUp, verdict: Verdict) -> Report:
    """The step that follows from a verdict."""
    if acting.goes_on(turn.state, step, verdict):
        return acting.go_on(turn, verdict, step)
    match step.decision:
        case FollowUpDecision.ROLL_BACK:
            return undoing.roll_back(turn, verdict, step)
        case FollowUpDecision.RESTORE:
            return undoing.restore(turn, verdict, step)
        case FollowUpDecision.CLOSE | FollowUpDecision.ESCALATE:
            return close(turn, verdict, step)
        case FollowUpDecision.NEXT_RUNG:
            return next_rung(turn, verdict, step)
        case _:
            return wait(turn, verdict, step)


def next_rung(turn: Turn, verdict: Verdict, step: FollowUp) -> Report:
    """Another lever, unless the cause itself says that our last one was wrong."""
    found = turn.case.diagnosis
    if learned.was_wrong(turn.state, found):
        return undoing.roll_back(turn, verdict, step)
    if found.cause is turn.state.cause and not next_step.surer(turn.state, found):
        turn.state = learned.used_up(turn.state, verdict, turn.case)
    guarded = turn.reserve()
    acts = guarded.mode is Mode.APPLY and guarded.allowed
    if verdict.verdict is VerdictName.IMPROVING and not acts and guarded.mode is Mode.APPLY:
        turn.await_the_end(guarded)
        return wait(turn, verdict, step)
    return acting.act(turn, guarded, verdict)


def wait(turn: Turn, verdict: Verdict, step: FollowUp) -> Report:
    """Nothing to do but to look again."""
    recovered = verdict.verdict is VerdictName.RECOVERED
    turn.update(stage=memory.stage_of(turn.state))
    return turn.end(
        Outcome(status=Status.RECORDED, reason=step.because, at=turn.at),
        step.model_copy(update={"at": turn.state.follow_up_at}),
        verdict=verdict,
        kind="recovered" if recovered else None,
        quiet=not recovered,
    )


def close(turn: Turn, verdict: Verdict, step: FollowUp) -> Report:
    """Nothing is left to be done, or nothing more can be; what is in effect is handed over."""
    if turn.state.to_go_back:
        return hand_over(turn, verdict, step)
    escalated = step.decision is FollowUpDecision.ESCALATE
    status = Status.ESCALATED if escalated else Status.NOTHING_TO_DO
    turn.release_claim()
    turn.update(**memory.CLOSED)
    return turn.end(
        Outcome(status=status, reason=step.because, at=turn.at),
        step,
        verdict=verdict,
        kind=None if escalated else "recovered",
        called=escalated,
    )


def hand_over(turn: Turn, verdict: Verdict, step: FollowUp) -> Report:
    """The looks that may act are used up, and a change of ours is in effect.

    What endangers records goes back now, if it may, and so does what was only to tell causes apart
    and has not. The rest is watched on, slowly, for as long as it is there, and put back once that
    may be: nothing is left behind without an owner. What a person has to allow waits for their
    word, and is asked anew for as long as it is there.
    """
    ruled: GuardedPlan | None = None
    state = turn.state
    if verdict.verdict is VerdictName.WORSE and state.levers_in_effect:
        return undoing.roll_back(turn, verdict, step)
    held, told_nothing = turn.held_back(), learned.told_nothing(state)
    endangering = [t for t in state.in_effect if t.endangers or t in told_nothing]
    results: tuple[ChangeResult, ...] = ()
    if endangering and not held:
        ruled = turn.rule_undo(endangering, Undo.HARM)
        going, stays = restoring.ruled_out(endangering, ruled)
        held = restoring.kept_words(stays).removeprefix("; ")
        results = turn.undo(going)
    if not turn.state.to_go_back:
        return close(turn, verdict, step)
    turn.put_off(pacing.SLOW_SECONDS)
    reason = f"{step.because}. Still in effect: {memory.in_effect_words(turn.state)}"
    if held and endangering:
        reason += f"; {held}, so what may give records up could not be put back"
    reason += "; watched on, slowly, until it can be put back"
    escalated = step.decision is FollowUpDecision.ESCALATE
    status = Status.ESCALATED if escalated else Status.RECORDED
    if ruled is not None and ruled.awaiting_approval:
        status = Status.AWAITING_APPROVAL
    outcome = Outcome(status=status, reason=reason, results=results, at=turn.session.clock())
    waits = ruled is not None and turn.wait_for_a_person(ruled, outcome) is not None
    if waits:
        turn.update(stage=Stage.AWAITING_APPROVAL)
    else:
        turn.update(stage=Stage.WATCHING, pending=None)
    return turn.end(
        outcome,
        step.model_copy(update={"at": turn.state.follow_up_at}),
        verdict=verdict,
        kind="handed_over",
        called=escalated,
        guarded=ruled,
    )
