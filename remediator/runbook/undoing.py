"""Putting back: what did harm, what need not stay, what a person asks for."""

from collections.abc import Sequence
from datetime import UTC, datetime

from remediator.decide import effects, harm, learned, pacing, refuting, restoring, verification
from remediator.decide.guardrails import Undo
from remediator.decide.restoring import Stays
from remediator.errors import PermanentError, TemporaryError
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
from remediator.runbook import acting, memory, outcomes
from remediator.runbook.turn import Turn
from remediator.settings_table import RETRIES, SHARDS, of
from remediator.state import Stage, TrackedChange


def roll_back(turn: Turn, verdict: Verdict, step: FollowUp) -> Report:
    """Undo the newest turn; remember that its remedy does harm here; keep watching."""
    due = _did_harm(turn)
    _blame(turn, verdict, due)
    held = turn.held_back()
    if held:
        return hold(turn, verdict, step, f"rollback is due, but {held}")
    ruled = turn.rule_undo(due, Undo.GOOD_ONES if _good_ones_go(turn) else Undo.HARM)
    which, stays = restoring.ruled_out(due, ruled)
    if not which:
        return _hold_undo(turn, verdict, step, ruled, restoring.kept_words(stays))
    # Remembered with the undo's first line: one that dies half-way must not raise it again.
    _remember_tried(turn, which)
    turn.update(learned=turn.case.diagnosis.cause, stage=Stage.WATCHING)
    results = turn.undo(which)
    turn.free_claim()
    outcome = Outcome(
        status=outcomes.undo_status(results, Status.ROLLED_BACK),
        reason=step.because + restoring.kept_words(stays),
        results=results,
        at=turn.session.clock(),
    )
    done = {"decision": FollowUpDecision.ROLL_BACK, "at": turn.state.follow_up_at}
    return turn.end(outcome, step.model_copy(update=done), verdict=verdict, called=True)


def _blame(turn: Turn, verdict: Verdict, due: Sequence[TrackedChange]) -> None:
    """What is worse since a raise is of what stands behind, and that is the word, whether or not
    the raise may be taken back at once."""
    worse, raised = verdict.verdict is VerdictName.WORSE, any(map(learned.raised, due))
    if worse and raised and learned.saturates(turn.case, verdict):
        found = learned.saturated(turn.case.diagnosis, verdict)
        turn.case = turn.case._replace(diagnosis=found)
    found = turn.case.diagnosis
    if learned.blames_a_raise(due, found):  # to be held against what comes without it
        turn.update(harm=verification.harm_seen(turn.state, turn.case))
    turn.update(cause=found.cause, diagnosis=found)


def _did_harm(turn: Turn) -> list[TrackedChange]:
    """What gives records up that nothing takes, or that are good; else the newest turn."""
    state = turn.state
    levers = state.levers_in_effect or state.in_effect
    lost = turn.case.signals.lost_events or turn.gives_up_to_nobody()
    if lost or _good_ones_go(turn):
        endangering = [t for t in levers if t.endangers]
        if endangering:
            return endangering
    newest = max(t.turn for t in levers)
    return [t for t in state.in_effect if t.turn == newest]


def _good_ones_go(turn: Turn) -> bool:
    """Whether what our bound gives up is good, as far as it shows."""
    case = turn.case
    if refuting.of_other_code(turn.state, case):
        return True
    seen = effects.effect(turn.state, case.evidence, case.at, case.policy)
    bounded = any(of(tracked.change) is RETRIES for tracked in turn.state.in_effect)
    return bounded and harm.gives_up_all(seen, case.evidence.mapping) is not None


def _remember_tried(turn: Turn, which: Sequence[TrackedChange]) -> None:
    used = (*turn.state.tried, *(t.change.remedy for t in which))
    turn.update(tried=tuple(dict.fromkeys(used)))


def _hold_undo(
    turn: Turn, verdict: Verdict, step: FollowUp, ruled: GuardedPlan, words: str
) -> Report:
    """What did harm may not be taken back now: a person is asked, or it is looked at again."""
    status = Status.AWAITING_APPROVAL if ruled.awaiting_approval else Status.BLOCKED
    reason = f"rollback is due: {step.because}{words}"
    outcome = Outcome(status=status, reason=reason, at=turn.at)
    _stay_open(turn, ruled, outcome)
    return turn.end(outcome, step, guarded=ruled, verdict=verdict, called=True)


def hold(turn: Turn, verdict: Verdict, step: FollowUp, reason: str) -> Report:
    """What is due may not be done now: say so once, and look again."""
    turn.update(stage=memory.stage_of(turn.state))
    outcome = Outcome(status=Status.BLOCKED, reason=f"{reason} ({step.because})", at=turn.at)
    return turn.end(outcome, step, verdict=verdict)


def _stay_open(turn: Turn, ruled: GuardedPlan, outcome: Outcome) -> None:
    """Watched on; what a person has to allow waits for their word."""
    turn.wait_for_a_person(ruled, outcome)
    turn.update(stage=memory.stage_of(turn.state))


def restore(turn: Turn, verdict: Verdict, step: FollowUp) -> Report:
    """Recovered and quiet: put back what need not stay, by policy; then close.

    All that concerns one resource goes in one write: what goes back, and what is lowered. Each is
    ruled on like any other change. What waits for a quieter moment, or for a person, is looked at
    again; when the looks are used up, it stays on purpose, and people are told.
    """
    held = turn.held_back()
    if held:
        return hold(turn, verdict, step, f"restoring is due, but {held}")
    back, stays = restoring.to_restore(turn.state, turn.case)
    lower = restoring.lowered(stays, turn.case)
    ruled = turn.rule_undo(back, Undo.RESTORE, beside=lower)
    which, kept_back = restoring.ruled_out(back, ruled)
    stays += kept_back
    lower = tuple(change for change in lower if change in ruled.allowed)
    results = turn.undo(which, lower) if which or lower else ()
    last = turn.state.looks_made >= turn.case.policy.follow_up.most
    for_good = [one for one in stays if last or not one.waits]
    words = restoring.kept_words(stays, lower)
    kept = [one.tracked for one in for_good]
    kept += [tracked for tracked in turn.state.in_effect if tracked.change in lower]
    turn.state = memory.keeping(turn.state, kept, words)
    turn.free_claim()
    more = bool(turn.state.to_go_back)
    status = outcomes.undo_status(results, Status.RESTORED) if results else Status.NOTHING_TO_DO
    if more and not results:
        status = Status.AWAITING_APPROVAL if ruled.awaiting_approval else Status.BLOCKED
    reason = step.because + words
    outcome = Outcome(status=status, reason=reason, results=results, at=turn.session.clock())
    _stay_open_or_close(turn, ruled, outcome, more=more)
    if more and not results:
        turn.await_the_end(ruled)
    notes = restoring.lasting(turn.state, for_good)
    return turn.end(outcome, step, guarded=ruled, verdict=verdict, notes=notes)


def _stay_open_or_close(turn: Turn, ruled: GuardedPlan, outcome: Outcome, *, more: bool) -> None:
    if more:
        _stay_open(turn, ruled, outcome)
    else:
        turn.update(**memory.CLOSED)


def approved(turn: Turn, plan: GuardedPlan, by: str) -> Report:
    """Put back exactly what a person has approved, or nothing of it."""
    acting.hear(turn, plan, by, pending=None)
    turn.recover()
    turn.overtaken()
    turn.look()
    wanted = {(c.resource, c.setting) for c in plan.awaiting_approval}
    back = [t for t in turn.state.in_effect if (t.change.resource, t.change.setting) in wanted]
    # Whatever it was asked for: the pace of our own acts holds back nothing that a person allows.
    ruled = turn.rule_undo(back, Undo.HARM, approved=True)
    exactly = outcomes.is_exactly(ruled, plan) and ruled.mode is Mode.APPLY
    harm = turn.state.quiet_since is None
    results: tuple[ChangeResult, ...] = ()
    if back and exactly:
        if harm:  # not to be made again, and watched on
            _remember_tried(turn, back)
        if harm and learned.blamed_for_harm(turn.state):
            turn.update(learned=turn.state.cause)
            turn.case = learned.as_learned(turn.case, turn.state)
        results = turn.undo(back)
        turn.free_claim()
    words = restoring.kept_words([] if exactly else restoring.ruled_out(back, ruled)[1])
    reason = f"approved by {by}" if exactly else f"what was approved is not made{words}"
    status = outcomes.undo_status(results, Status.RESTORED) if results else Status.BLOCKED
    outcome = Outcome(status=status, reason=reason, results=results, at=turn.session.clock())
    _stay_open_or_close(turn, ruled, outcome, more=harm or bool(turn.state.to_go_back))
    step = FollowUp(decision=FollowUpDecision.RESTORE, at=turn.state.follow_up_at, because=reason)
    return turn.end(outcome, step, guarded=ruled)


def give_back(turn: Turn, by: str, asked_at: datetime | None) -> Report:
    """Undo everything, as a person asked; then close. What AWS does not take at once, and what a
    death has cut short, the next look goes on with. ``asked_at``: ``None`` where nobody has, and
    it is an act of our own, held back as such."""
    session = turn.session
    turn.overtaken(asked_at)
    which, due = turn.state.in_effect, turn.state.follow_up_at
    turn.update(**memory.CLOSED)
    turn.update(
        undo_asked_by=by, undo_asked_at=asked_at or _NEVER, stage=Stage.WATCHING, follow_up_at=due
    )
    if which and session.scheduler is not None:
        used_up = turn.state.looks_made >= session.policy.follow_up.most
        every = pacing.SLOW_SECONDS if used_up else session.policy.follow_up.every_seconds
        if any(of(tracked.change).in_steps for tracked in which):
            every = pacing.between_steps(session.policy, turn.state)
        turn.wake_up_in(every)
    held = _holds_giving_back(turn, asked_at) if which else None
    if held:
        words = memory.in_effect_words(turn.state)
        reason = f"asked for by {by}, but {held}; still in effect: {words}"
        outcome = Outcome(status=Status.BLOCKED, reason=reason, at=session.clock())
        return turn.end_unseen(outcome, notify=True)
    going, stays = _may_go_back(turn, which)
    if asked_at is None:
        going, merged = _unmerged(turn, going)
        stays += merged
    results = turn.undo(going, asked_at=asked_at)
    words = restoring.kept_words(stays)
    turn.state = memory.keeping(turn.state, [one.tracked for one in stays], words)
    turn.free_claim()
    if not turn.state.to_go_back:
        turn.update(**memory.CLOSED)
    status = outcomes.undo_status(results, Status.ROLLED_BACK) if going else Status.NOTHING_TO_DO
    if stays and not going:
        status = Status.BLOCKED
    reason = f"by {by}{words}" if which else "nothing of it is in effect"
    outcome = Outcome(status=status, reason=reason, results=results, at=session.clock())
    return turn.end_unseen(outcome, notify=bool(which))


def go_on_giving_back(turn: Turn) -> Report:
    """As a person has asked before, or nobody."""
    state = turn.state
    asked_at = state.undo_asked_at or state.updated_at
    return give_back(turn, state.undo_asked_by or "", None if asked_at == _NEVER else asked_at)


# When a person asked for what nobody asked for.
_NEVER = datetime.min.replace(tzinfo=UTC)


def _holds_giving_back(turn: Turn, asked_at: datetime | None) -> str | None:
    session, target = turn.session, turn.target
    if session.mode_for(turn.incident, target) is Mode.PLAN:
        return "mode is plan"
    if asked_at is not None:
        return session.stopped(target, asked_at)
    policy = session.policy.for_target(target.function, target.stream, {})
    return session.undo_held_back(turn.incident, target, policy)


def _may_go_back(
    turn: Turn, which: Sequence[TrackedChange]
) -> tuple[list[TrackedChange], list[Stays]]:
    """What a person's rollback takes back, and what it would lose records by.

    What cannot be looked at is not known to be safe: then what only keeps records stays.
    """
    keeping = [t for t in which if of(t.change).keeps_records]
    if not keeping:
        return list(which), []
    try:
        turn.look()
    except (PermanentError, TemporaryError) as error:
        unseen = f"whether it is still needed was not seen: {error}"
        return [t for t in which if t not in keeping], [Stays(t, unseen) for t in keeping]
    ruled = turn.rule_undo(which, Undo.BY_HAND, approved=True)
    return restoring.ruled_out(which, ruled)


def _unmerged(
    turn: Turn, which: Sequence[TrackedChange]
) -> tuple[list[TrackedChange], list[Stays]]:
    """Nobody has asked, and who else reads the stream was not seen: shards are merged only where
    the policy says that it is ours alone (invariant 10)."""
    if turn.session.policy.is_ours_alone(turn.target.stream):
        return list(which), []
    shards = [t for t in which if of(t.change) is SHARDS]
    because = "a merge acts on every consumer of the stream: a person's rollback merges them"
    return [t for t in which if t not in shards], [Stays(t, because) for t in shards]


def forget(turn: Turn, reason: str) -> Report:
    """The mapping is gone, and what was set on it went with it; what was changed of its function
    and its stream is still there, and goes back."""
    turn.overtaken()
    if turn.state.in_effect:
        return give_back(turn, "the remediator, since the mapping is gone", None)
    turn.update(**memory.CLOSED)
    turn.free_claim()
    reason = f"closed, since the mapping is gone: {reason}"
    outcome = Outcome(status=Status.NOTHING_TO_DO, reason=reason, at=turn.session.clock())
    return turn.end_unseen(outcome)
