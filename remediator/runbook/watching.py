"""After acting: did it help, and what comes next (RUNBOOK, after acting)."""

from collections.abc import Sequence
from contextlib import suppress

from remediator import planning, verification
from remediator.commands import FollowUpDue
from remediator.errors import ConflictError, PermanentError, TemporaryError
from remediator.model import (
    Cause,
    ChangeResult,
    FollowUp,
    FollowUpDecision,
    Mode,
    Outcome,
    RemedyName,
    Report,
    Status,
    Verdict,
    VerdictName,
)
from remediator.runbook import acting, memory, outcomes
from remediator.runbook.desk import ATTEMPTS, LEASE_SECONDS, Desk, Look
from remediator.state import (
    AccountLedger,
    Entry,
    EntryKind,
    IncidentState,
    Lease,
    Spent,
    Stage,
    TrackedChange,
)


def follow_up(desk: Desk, due: FollowUpDue) -> Report:
    """Did it help, and what comes next. Bounded; a look that was made already is not repeated.

    Raises InputError for an incident that the journal does not know.
    """
    state = desk.load_incident(due.incident_id)
    if not state.open:
        return desk.brief(state.incident, Status.DUPLICATE, "the incident is closed", state.target)
    try:
        report = desk.with_lease(state, lambda held, lease: look_again(desk, held, lease, due))
    except (TemporaryError, PermanentError):
        with suppress(TemporaryError, PermanentError):
            come_back(desk, state, due)
        raise
    if report.outcome.status in {Status.IN_PROGRESS, Status.CONFLICT}:
        come_back(desk, state, due)
    return report


def come_back(desk: Desk, state: IncidentState, due: FollowUpDue) -> None:
    """A look that could not be made is made later: its schedule has fired and is gone.

    Later than any lease that is held now. Where the next look is scheduled already, it stays so;
    and the number that grows each time bounds how often this is tried.
    """
    number = max(due.number or 0, state.follow_up_number) + 1
    if number <= 2 * desk.policy.follow_up.most:
        acting.schedule_look(desk, state.incident_id, number, LEASE_SECONDS)


def look_again(desk: Desk, state: IncidentState, lease: Lease, due: FollowUpDue) -> Report:
    """One look, made once: judge, schedule the next, take the step that follows."""
    if not state.open or (due.number is not None and due.number <= state.follow_up_number):
        reason = f"look {due.number} was made already"
        return desk.brief(state.incident, Status.DUPLICATE, reason, state.target)
    executor = desk.make_executor()
    state = executor.recover(state, lease)
    number = {"follow_up_number": state.follow_up_number + 1}
    if state.undo_asked_by is not None:
        return give_back(desk, state.model_copy(update=number), lease, state.undo_asked_by)
    try:
        look = memory.as_learned(desk.look_at(memory.target_of(state)), state)
    except PermanentError as error:
        if error.gone:
            return forget(desk, state, lease, str(error))
        raise
    raised = any(t.change.setting in memory.CONCURRENCY for t in state.in_effect)
    verdict = verification.judge(
        state.before,
        look.at,
        look.signals,
        look.policy,
        settled=verification.settled(state, look.at, look.policy, look.signals),
        raised=raised,
        cause=look.diagnosis.cause,
    )
    state = memory.with_quiet(state, verdict, look.at).model_copy(update=number)
    state = acting.wake_up_in(desk, state, lease, acting.interval(state, look))
    state = executor.overtaken(state, lease)
    step = verification.next_step(state, verdict, look.diagnosis, look.policy, look.at)
    return take(desk, step, state, lease, look, verdict)


def take(
    desk: Desk, step: FollowUp, state: IncidentState, lease: Lease, look: Look, verdict: Verdict
) -> Report:
    match step.decision:
        case FollowUpDecision.ROLL_BACK:
            return roll_back_turn(desk, state, lease, look, verdict, step)
        case FollowUpDecision.RESTORE:
            return restore(desk, state, lease, look, verdict, step)
        case FollowUpDecision.CLOSE | FollowUpDecision.ESCALATE:
            return close_incident(desk, state, lease, look, verdict, step)
        case FollowUpDecision.NEXT_RUNG:
            return next_rung(desk, state, lease, look, verdict, step)
        case _:
            return wait(desk, state, lease, look, verdict, step)


def next_rung(
    desk: Desk, state: IncidentState, lease: Lease, look: Look, verdict: Verdict, step: FollowUp
) -> Report:
    """Another lever, unless the cause itself says that our last one was wrong."""
    if memory.was_wrong(state, look.diagnosis):
        return roll_back_turn(desk, state, lease, look, verdict, step)
    if look.diagnosis.cause is state.cause and not verification.surer(state, look.diagnosis):
        state = memory.used_up(state, verdict, look)
    guarded = desk.guarded(
        look, state.incident, desk.own_ledger(state, memory.target_of(state)), state.tried
    )
    if guarded.mode is Mode.APPLY and guarded.allowed:
        return acting.act(desk, state, lease, look, guarded, approved=False)
    if verdict.verdict is VerdictName.IMPROVING:
        return wait(desk, state, lease, look, verdict, step)
    outcome = (
        outcomes.without_action(guarded, look.at)
        if guarded.mode is Mode.APPLY
        else outcomes.on_paper(guarded, look.at)
    )
    return acting.end_turn(desk, state, lease, look, guarded, outcome, verdict)


def wait(
    desk: Desk, state: IncidentState, lease: Lease, look: Look, verdict: Verdict, step: FollowUp
) -> Report:
    return finish(
        desk,
        state.model_copy(update={"stage": memory.stage_while_waiting(state)}),
        lease,
        look,
        Outcome(status=Status.RECORDED, reason=step.because, at=look.at),
        verdict,
        step.model_copy(update={"at": state.follow_up_at}),
        kind="recovered" if verdict.verdict is VerdictName.RECOVERED else None,
        quiet=verdict.verdict is not VerdictName.RECOVERED,
    )


def close_incident(
    desk: Desk, state: IncidentState, lease: Lease, look: Look, verdict: Verdict, step: FollowUp
) -> Report:
    escalated = step.decision is FollowUpDecision.ESCALATE
    status = Status.ESCALATED if escalated else Status.NOTHING_TO_DO
    desk.need_journal().release_claim(
        state.account_id, state.region, state.incident_id, desk.clock()
    )
    return finish(
        desk,
        memory.closed(state),
        lease,
        look,
        Outcome(status=status, reason=step.because, at=look.at),
        verdict,
        step,
        kind=None if escalated else "recovered",
    )


def roll_back_turn(
    desk: Desk, state: IncidentState, lease: Lease, look: Look, verdict: Verdict, step: FollowUp
) -> Report:
    """Undo the newest turn; remember that its remedy does harm here; keep watching."""
    held = desk.undo_held_back(state.incident, look)
    if held:
        return hold(desk, state, lease, look, verdict, step, f"rollback is due, but {held}")
    newest = max(t.turn for t in state.in_effect)
    which = [t for t in state.in_effect if t.turn == newest]
    saturated = any(t.change.setting in memory.CONCURRENCY for t in which) and (
        verdict.verdict is VerdictName.WORSE
    )
    if saturated and look.diagnosis.cause is not Cause.HOT_PARTITION_KEY:
        look = look._replace(diagnosis=memory.saturated(look.diagnosis, verdict))
    used = dict.fromkeys((*state.tried, *(t.change.remedy for t in which)))
    # Remembered with the undo's first line: one that dies half-way must not raise it again.
    state = state.model_copy(
        update={
            "tried": tuple(used),
            "cause": look.diagnosis.cause,
            "diagnosis": look.diagnosis,
            "learned": look.diagnosis.cause,
            "stage": Stage.WATCHING,
        }
    )
    spend_lowering(desk, state, which)
    state, results = desk.make_executor().undo(state, lease, which)
    free_claim(desk, state)
    outcome = Outcome(
        status=outcomes.undo_status(results, Status.ROLLED_BACK),
        reason=step.because,
        results=results,
        at=desk.clock(),
    )
    report_step = FollowUp(
        decision=FollowUpDecision.ROLL_BACK,
        at=state.follow_up_at,
        because=step.because,
        number=step.number,
    )
    return finish(desk, state, lease, look, outcome, verdict, report_step, escalate=True)


def hold(
    desk: Desk,
    state: IncidentState,
    lease: Lease,
    look: Look,
    verdict: Verdict,
    step: FollowUp,
    reason: str,
) -> Report:
    """What is due may not be done now: say so once, and look again."""
    state = state.model_copy(update={"stage": memory.stage_while_waiting(state)})
    outcome = Outcome(status=Status.BLOCKED, reason=f"{reason} ({step.because})", at=look.at)
    return finish(desk, state, lease, look, outcome, verdict, step)


def free_claim(desk: Desk, state: IncidentState) -> None:
    """Give the claim back, once nothing that uses it is in effect."""
    if not any(t.change.setting in memory.CONCURRENCY for t in state.in_effect):
        desk.need_journal().release_claim(
            state.account_id, state.region, state.incident_id, desk.clock()
        )


def spend_lowering(
    desk: Desk, state: IncidentState, which: Sequence[TrackedChange], *, by_hand: bool = False
) -> None:
    """Count the lowering for its own cool-down: before the undo, which a death may cut short."""
    journal, now = desk.need_journal(), desk.clock()
    if not which:
        return
    spent = [
        Spent(
            incident_id=state.incident_id,
            mapping=memory.target_of(state).event_source_mapping,
            remedy=remedy,
            at=now,
            raised=False,
            by_hand=by_hand,
        )
        for remedy in dict.fromkeys(t.change.remedy for t in which)
    ]
    for _ in range(ATTEMPTS):
        ledger = journal.ledger(state.account_id, state.region)
        try:
            journal.spend(state.account_id, state.region, now, ledger, None, spent)
        except ConflictError:
            continue
        return


def restore(
    desk: Desk, state: IncidentState, lease: Lease, look: Look, verdict: Verdict, step: FollowUp
) -> Report:
    """Recovered and quiet: put back what need not stay, by policy; then close."""
    held, last = desk.undo_held_back(state.incident, look), _is_last(step, look)
    if held and not last:
        return hold(desk, state, lease, look, verdict, step, f"restoring is due, but {held}")
    if held:
        return close_incident(desk, state, lease, look, verdict, _handed_over(step, held))
    which, kept = memory.to_restore(state, look)
    results: tuple[ChangeResult, ...] = ()
    if which:
        spend_lowering(desk, state, which)
        state, results = desk.make_executor().undo(state, lease, which)
    lower = memory.lowered(state, kept, look)
    if lower.changes:
        state, lowered = desk.make_executor().apply(state, lease, lower)
        results += lowered
    free_claim(desk, state)
    outcome = Outcome(
        status=outcomes.undo_status(results, Status.RESTORED) if results else Status.NOTHING_TO_DO,
        reason=step.because + memory.kept_words(kept, lower),
        results=results,
        at=desk.clock(),
    )
    more = len(state.in_effect) > len(kept) and not last
    state = state.model_copy(update={"stage": Stage.WATCHING}) if more else memory.closed(state)
    return finish(desk, state, lease, look, outcome, verdict, step)


def _is_last(step: FollowUp, look: Look) -> bool:
    return step.number >= look.policy.follow_up.most


def _handed_over(step: FollowUp, held: str) -> FollowUp:
    because = f"{step.because}, but {held}: a person should restore it"
    return step.model_copy(update={"decision": FollowUpDecision.ESCALATE, "because": because})


def give_back(desk: Desk, state: IncidentState, lease: Lease, by: str) -> Report:
    """Undo everything, as a person asked; then close. What AWS does not take at once, and what a
    death has cut short, the next look goes on with."""
    executor = desk.make_executor()
    state = executor.overtaken(state, lease)
    which = state.in_effect
    state = memory.closed(state).model_copy(
        update={"undo_asked_by": by, "stage": Stage.WATCHING, "follow_up_at": state.follow_up_at}
    )
    if which and desk.scheduler is not None:
        state = acting.wake_up_in(desk, state, lease, desk.policy.follow_up.every_seconds)
    spend_lowering(desk, state, which, by_hand=True)
    state, results = executor.undo(state, lease, which)
    free_claim(desk, state)
    more = state.in_effect and desk.scheduler is not None
    if not more or state.follow_up_number >= desk.policy.follow_up.most:
        state = memory.closed(state)
    status = outcomes.undo_status(results, Status.ROLLED_BACK) if which else Status.NOTHING_TO_DO
    reason = f"by {by}" if which else "nothing of it is in effect"
    outcome = Outcome(status=status, reason=reason, results=results, at=desk.clock())
    report = note_without_look(desk, state, lease, outcome)
    if which:
        desk.tell(report)
    return report


def forget(desk: Desk, state: IncidentState, lease: Lease, reason: str) -> Report:
    """The mapping is gone: there is nothing left to watch, and what was set on it went with it."""
    state = memory.closed(desk.make_executor().overtaken(state, lease))
    free_claim(desk, state)
    reason = f"closed, since the mapping is gone: {reason}"
    outcome = Outcome(status=Status.NOTHING_TO_DO, reason=reason, at=desk.clock())
    return note_without_look(desk, state, lease, outcome)


def note_without_look(desk: Desk, state: IncidentState, lease: Lease, outcome: Outcome) -> Report:
    """Journal an outcome that no reading has led to."""
    report = desk.brief(state.incident, outcome.status, outcome.reason, state.target)
    entry = Entry(
        incident_id=state.incident_id,
        kind=EntryKind.OUTCOME,
        at=desk.clock(),
        data=outcome.model_dump(mode="json"),
    )
    desk.need_journal().commit(state, [entry], lease, desk.clock())
    return report.model_copy(update={"outcome": outcome})


def finish(
    desk: Desk,
    state: IncidentState,
    lease: Lease,
    look: Look,
    outcome: Outcome,
    verdict: Verdict | None,
    step: FollowUp,
    *,
    kind: str | None = None,
    quiet: bool = False,
    escalate: bool = False,
) -> Report:
    report = desk.report_of(state.incident, look, None, outcome, verdict=verdict, follow_up=step)
    if escalate or outcome.status is Status.ESCALATED:
        here = desk.situation(look, AccountLedger(), state.incident_id)
        advice = planning.plan(state.incident_id, here, tuple(RemedyName))
        report = report.model_copy(
            update={"escalation": advice.escalation, "next_commands": advice.next_commands}
        )
    state, fresh = memory.announced(state, report, kind)
    if fresh and kind == "recovered":
        report = report.model_copy(update=memory.recovery(state, look))
    state = state.model_copy(update={"updated_at": desk.clock()})
    desk.need_journal().commit(
        state, acting.record(desk, state, look, None, report), lease, desk.clock()
    )
    if fresh and not quiet:
        desk.tell(report, kind)
    return report
