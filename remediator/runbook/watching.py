"""After acting: did it help, and what comes next (docs/concepts.md, after acting)."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from remediator.decide import planning, verification
from remediator.decide.guardrails import Undo
from remediator.errors import ConflictError, InputError, PermanentError, TemporaryError
from remediator.events.requests import FollowUpDue
from remediator.model import (
    Cause,
    Change,
    ChangeResult,
    FollowUp,
    FollowUpDecision,
    GuardedPlan,
    Incident,
    Mode,
    Outcome,
    Report,
    Status,
    Verdict,
    VerdictName,
)
from remediator.runbook import acting, memory, outcomes, owning, resharding, restoring
from remediator.runbook.desk import ATTEMPTS, Desk, Look
from remediator.settings_table import SHARDS, of, raises
from remediator.state import (
    LEASE_SECONDS,
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

    However it ends, there is a next look: whatever raises here, known or not, is come back to, and
    whatever does not come as far as to raise, the incident's watch makes up for.
    Raises InputError for an incident that the journal does not know.
    """
    state: IncidentState | None = None
    try:
        state = desk.load_incident(due.incident_id)
        if not state.open:
            return closed_before(desk, due, state)
        if due.watch:
            if not is_overdue(desk, state):
                return nothing_missed(desk, state)
            due = due.model_copy(update={"number": state.follow_up_number + 1})
        report = desk.with_lease(state, lambda held, lease: look_again(desk, held, lease, due))
    except InputError:
        if due.watch and state is None:
            acting.end_watch(desk, due.incident_id)
        raise
    except Exception as error:
        with suppress(Exception):
            come_back(desk, due, state)
        if due.tries == _TELL_AT:
            return cannot_look(desk, due, state, error)
        raise
    if report.outcome.status in {Status.IN_PROGRESS, Status.CONFLICT}:
        come_back(desk, due, state)
    return report


def come_back(desk: Desk, due: FollowUpDue, state: IncidentState | None) -> None:
    """A look that could not be made is made later: its schedule has fired and is gone.

    Later than any lease that is held now, and later each time, up to an hour. Where the next look
    is scheduled already, it stays so. A watch comes again by itself. ``state``: none where the
    journal could not be read.
    """
    if due.watch:
        return
    made = state.follow_up_number if state else 0
    number = due.number or 0
    if state is not None and not made < number <= made + _PLAUSIBLE:
        number = made  # it was not said, or it is made up
    seconds = min(acting.SLOW_SECONDS, _AGAIN_SECONDS * 2 ** min(due.tries, 5))
    acting.schedule_look(desk, due.incident_id, number + 1, seconds, tries=due.tries + 1)


_AGAIN_SECONDS = LEASE_SECONDS + 60
"""Lambda's own tries, within three minutes, are over by then: each would ask for a look more."""


def closed_before(desk: Desk, due: FollowUpDue, state: IncidentState) -> Report:
    """Nothing is to be looked at any more: a watch ends itself, so that no death keeps it."""
    if due.watch:
        acting.end_watch(desk, state.incident_id)
    return desk.brief(state.incident, Status.DUPLICATE, "the incident is closed", state.target)


def is_overdue(desk: Desk, state: IncidentState) -> bool:
    """Whether the next look has not come, or there is none."""
    return state.follow_up_at is None or desk.clock() - state.follow_up_at > acting.LATE


def nothing_missed(desk: Desk, state: IncidentState) -> Report:
    reason = f"the watch has nothing to make up for: next look at {state.follow_up_at:%T} UTC"
    return desk.brief(state.incident, Status.DUPLICATE, reason, state.target)


_TELL_AT = 2
"""After so many looks in a row that could not be made, people are told: about ten minutes."""


def cannot_look(
    desk: Desk, due: FollowUpDue, state: IncidentState | None, error: Exception
) -> Report:
    """People are told, once, that nobody sees what becomes of an incident. That is an answer, so
    that Lambda does not try again at once and tell of it thrice; it is come back to."""
    incident = state.incident if state else Incident(incident_id=due.incident_id, at=desk.clock())
    reason = (
        f"the last {due.tries + 1} looks at incident {due.incident_id} could not be made: "
        f"{type(error).__name__}: {error}. It is tried again, at least once an hour"
    )
    report = desk.brief(
        incident, Status.ESCALATED, reason, state.target if state else None, state=state
    )
    desk.tell(report)
    return report


_PLAUSIBLE = 1000
"""By how much a look's number may be ahead of the last one made: it grows when looks fail."""

EARLY = timedelta(seconds=30)
"""Schedules fire in the minute that they name, never before; clocks differ by seconds."""


def look_again(desk: Desk, state: IncidentState, lease: Lease, due: FollowUpDue) -> Report:
    """One look, made once: judge, schedule the next, take the step that follows.

    A look counts when it was due by the state's own time, whatever number it came with. One that
    a new alarm asks for comes in between, and leaves the next one where it is.
    """
    if not state.open or (due.number is not None and due.number <= state.follow_up_number):
        reason = f"look {due.number} was made already"
        return desk.brief(state.incident, Status.DUPLICATE, reason, state.target)
    early = state.follow_up_at is not None and desk.clock() < state.follow_up_at - EARLY
    if early and due.number is not None and not state.waits_for_nobody:
        return too_early(desk, state, due.number)
    executor = desk.make_executor()
    state = executor.recover(state, lease)
    counted = {} if early else {"follow_up_number": state.follow_up_number + 1}
    if state.undo_asked_by is not None:
        by, asked_at = state.undo_asked_by, state.undo_asked_at or state.updated_at
        return give_back(desk, state.model_copy(update=counted), lease, by, asked_at)
    if state.approved_plan is not None:
        return make_approved(desk, state.model_copy(update=counted), lease, early=early)
    try:
        look = memory.as_learned(desk.look_for(memory.target_of(state), state), state)
    except PermanentError as error:
        if error.gone:
            return forget(desk, state.model_copy(update=counted), lease, str(error))
        raise
    raised = any(memory.raised(t) for t in state.in_effect)
    verdict = verification.judge(
        state.before,
        look.at,
        look.signals,
        look.policy,
        settled=verification.settled(state, look.at, look.policy, look.signals),
        raised=raised,
        bounded=any(t.endangers for t in state.in_effect),
        cause=look.diagnosis.cause,
    )
    state = memory.with_quiet(state, verdict, look.at).model_copy(update=counted)
    if state.quiet_since is not None and counted and acting.gives_up_records(state):
        quiet = timedelta(seconds=look.policy.follow_up.quiet_seconds)
        seen_to = look.at - state.quiet_since < quiet
        state = state.model_copy(update={"looks_from": state.looks_from + seen_to})
    if not early:
        state = acting.wake_up_in(desk, state, lease, acting.interval(state, look))
    state = executor.overtaken(state, lease)
    step = verification.next_step(state, verdict, look.diagnosis, look.policy, look.at)
    return take(desk, step, state, lease, look, verdict)


def too_early(desk: Desk, state: IncidentState, number: int) -> Report:
    """A look that is not due yet: nothing is done; the one that is has its own schedule."""
    due = state.follow_up_at or desk.clock()
    reason = f"look {number} is not due before {due:%T} UTC"
    return desk.brief(state.incident, Status.DUPLICATE, reason, state.target)


def make_approved(desk: Desk, state: IncidentState, lease: Lease, *, early: bool) -> Report:
    """Make the plan that was approved while another invocation was at work."""
    by, pending = state.approved_by, state.pending
    if not early:
        state = acting.wake_up_in(desk, state, lease, acting.first_interval(desk, state))
    if pending is not None and pending.digest == state.approved_plan:
        if pending.plan.undo:
            return undo_approved(desk, state, lease, pending, by)
        return acting.turn_approved(desk, state, lease, pending, by)
    state = state.model_copy(update={"approved_plan": None, "approved_by": ""})
    return acting.turn(desk, desk.need_journal().commit(state, (), lease, desk.clock()), lease)


def take(
    desk: Desk, step: FollowUp, state: IncidentState, lease: Lease, look: Look, verdict: Verdict
) -> Report:
    if resharding.is_due(state, step, verdict):
        return resharding.go_on(desk, state, lease, look, verdict, step)
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
        return acting.act(desk, state, lease, look, guarded)
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
    if memory.to_go_back(state):
        return hand_over(desk, state, lease, look, verdict, step)
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


def hand_over(
    desk: Desk, state: IncidentState, lease: Lease, look: Look, verdict: Verdict, step: FollowUp
) -> Report:
    """The looks that may act are used up, and a change of ours is in effect.

    What endangers records goes back now, if it may, and so does what was only to tell causes apart
    and has not. The rest is watched on, slowly, for as long as it is there, and put back once that
    may be: nothing is left behind without an owner.
    """
    if verdict.verdict is VerdictName.WORSE and state.levers_in_effect:
        return roll_back_turn(desk, state, lease, look, verdict, step)
    held = desk.undo_held_back(state.incident, look)
    told_nothing = memory.told_nothing(state)
    endangering = [t for t in state.in_effect if t.endangers or t in told_nothing]
    results: tuple[ChangeResult, ...] = ()
    if endangering and not held:
        ruled = desk.ruled_undo(state, look, endangering, Undo.HARM)
        going, stays = restoring.ruled_out(endangering, ruled)
        held = restoring.kept_words(stays).removeprefix("; ")
        spend_lowering(desk, state, going)
        state, results = desk.make_executor(memory.target_of(state)).undo(state, lease, going)
    if not memory.to_go_back(state):
        return close_incident(desk, state, lease, look, verdict, step)
    state = acting.put_off(desk, state, lease, acting.SLOW_SECONDS)
    reason = f"{step.because}. Still in effect: {memory.in_effect_words(state)}"
    if held and endangering:
        reason += f"; {held}, so what may give records up could not be put back"
    reason += "; watched on, slowly, until it can be put back"
    status = Status.ESCALATED if step.decision is FollowUpDecision.ESCALATE else Status.RECORDED
    outcome = Outcome(status=status, reason=reason, results=results, at=desk.clock())
    state = state.model_copy(update={"stage": Stage.WATCHING, "pending": None})
    return finish(
        desk,
        state,
        lease,
        look,
        outcome,
        verdict,
        step.model_copy(update={"at": state.follow_up_at}),
        kind="handed_over",
    )


def roll_back_turn(
    desk: Desk, state: IncidentState, lease: Lease, look: Look, verdict: Verdict, step: FollowUp
) -> Report:
    """Undo the newest turn; remember that its remedy does harm here; keep watching."""
    held = desk.undo_held_back(state.incident, look)
    if held:
        return hold(desk, state, lease, look, verdict, step, f"rollback is due, but {held}")
    due = to_take_back(state, look)
    ruled = desk.ruled_undo(state, look, due, Undo.HARM)
    which, stays = restoring.ruled_out(due, ruled)
    if not which:
        words = restoring.kept_words(stays)
        return hold_undo(desk, state, lease, look, verdict, step, ruled, words)
    worse = verdict.verdict is VerdictName.WORSE
    saturated = worse and any(memory.raised(t) for t in which)
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
    executor = desk.make_executor(memory.target_of(state))
    state, results = executor.undo(state, lease, which)
    free_claim(desk, state)
    outcome = Outcome(
        status=outcomes.undo_status(results, Status.ROLLED_BACK),
        reason=step.because + restoring.kept_words(stays),
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


def to_take_back(state: IncidentState, look: Look) -> list[TrackedChange]:
    """What did harm: what gives records up that nothing takes, else the newest turn."""
    levers = state.levers_in_effect or state.in_effect
    if look.signals.lost_events:
        endangering = [t for t in levers if t.endangers]
        if endangering:
            return endangering
    newest = max(t.turn for t in levers)
    return [t for t in state.in_effect if t.turn == newest]


def hold_undo(
    desk: Desk,
    state: IncidentState,
    lease: Lease,
    look: Look,
    verdict: Verdict,
    step: FollowUp,
    ruled: GuardedPlan,
    words: str,
) -> Report:
    """What did harm may not be taken back now: a person is asked, or it is looked at again."""
    status = Status.AWAITING_APPROVAL if ruled.awaiting_approval else Status.BLOCKED
    reason = f"rollback is due: {step.because}{words}"
    outcome = Outcome(status=status, reason=reason, at=look.at)
    state = stays_open(state, look, ruled, outcome)
    return finish(desk, state, lease, look, outcome, verdict, step, guarded=ruled, escalate=True)


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
    if not any(raises(t.change) for t in state.in_effect):
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
    """Recovered and quiet: put back what need not stay, by policy; then close.

    All that concerns one resource goes in one write: what goes back, and what is lowered. Each is
    ruled on like any other change. What waits for a quieter moment, or for a person, is looked at
    again; when the looks are used up, it stays on purpose, and people are told.
    """
    held = desk.undo_held_back(state.incident, look)
    if held:
        return hold(desk, state, lease, look, verdict, step, f"restoring is due, but {held}")
    back, stays = restoring.to_restore(state, look)
    lower = restoring.lowered(stays, look)
    ruled = desk.ruled_undo(state, look, back, Undo.RESTORE, beside=lower)
    which, kept_back = restoring.ruled_out(back, ruled)
    stays += kept_back
    lower = tuple(change for change in lower if change in ruled.allowed)
    results: tuple[ChangeResult, ...] = ()
    if which or lower:
        spend_lowering(desk, state, which)
        executor = desk.make_executor(memory.target_of(state))
        state, results = executor.undo(state, lease, which, beside=lower)
    last = state.looks_made >= look.policy.follow_up.most
    for_good = [one for one in stays if last or not one.waits]
    words = restoring.kept_words(stays, lower)
    state = memory.keeping(state, [one.tracked for one in for_good], words)
    state = memory.keeping(state, _made(state, lower), words)
    free_claim(desk, state)
    more = bool(memory.to_go_back(state))
    status = outcomes.undo_status(results, Status.RESTORED) if results else Status.NOTHING_TO_DO
    if more and not results:
        status = Status.AWAITING_APPROVAL if ruled.awaiting_approval else Status.BLOCKED
    outcome = Outcome(status=status, reason=step.because + words, results=results, at=desk.clock())
    state = stays_open(state, look, ruled, outcome) if more else memory.closed(state)
    if more and not results:
        state = acting.await_the_end(desk, state, lease, ruled)
    notes = restoring.lasting(state, for_good)
    return finish(desk, state, lease, look, outcome, verdict, step, guarded=ruled, notes=notes)


def stays_open(
    state: IncidentState, look: Look, ruled: GuardedPlan, outcome: Outcome
) -> IncidentState:
    """Watched on; what a person has to allow waits for their word."""
    pending, until = acting.waiting(state, look, ruled, outcome)
    return state.model_copy(
        update={
            "stage": Stage.AWAITING_APPROVAL if pending else Stage.WATCHING,
            "pending": pending,
            "pending_until": until,
        }
    )


def undo_approved(
    desk: Desk, state: IncidentState, lease: Lease, approved: GuardedPlan, by: str
) -> Report:
    """Put back exactly what a person has approved, or nothing of it."""
    who = Entry(
        incident_id=state.incident_id,
        kind=EntryKind.APPROVAL,
        at=desk.clock(),
        data={"by": by, "plan": approved.digest},
    )
    heard = state.model_copy(update={"approved_plan": None, "approved_by": "", "pending": None})
    state = desk.need_journal().commit(heard, [who], lease, desk.clock())
    if state.follow_up_at is None and acting.watched(desk, state):
        state = acting.wake_up_in(desk, state, lease, acting.first_interval(desk, state))
    executor = desk.make_executor(memory.target_of(state))
    state = executor.overtaken(executor.recover(state, lease), lease)
    look = desk.look_for(memory.target_of(state), state)
    wanted = {(c.resource, c.setting) for c in approved.awaiting_approval}
    back = [t for t in state.in_effect if (t.change.resource, t.change.setting) in wanted]
    # Whatever it was asked for: the pace of our own acts holds back nothing that a person allows.
    ruled = desk.ruled_undo(state, look, back, Undo.HARM, approved=True)
    exactly = outcomes.is_exactly(ruled, approved) and ruled.mode is Mode.APPLY
    results: tuple[ChangeResult, ...] = ()
    if back and exactly:
        spend_lowering(desk, state, back)
        if state.quiet_since is None:  # it did harm: not to be made again, and watched on
            used = (*state.tried, *(t.change.remedy for t in back))
            state = state.model_copy(update={"tried": tuple(dict.fromkeys(used))})
        state, results = executor.undo(state, lease, back)
        free_claim(desk, state)
    words = restoring.kept_words([] if exactly else restoring.ruled_out(back, ruled)[1])
    reason = f"approved by {by}" if exactly else f"what was approved is not made{words}"
    status = outcomes.undo_status(results, Status.RESTORED) if results else Status.BLOCKED
    outcome = Outcome(status=status, reason=reason, results=results, at=desk.clock())
    more = bool(memory.to_go_back(state)) or state.quiet_since is None
    state = stays_open(state, look, ruled, outcome) if more else memory.closed(state)
    step = FollowUp(decision=FollowUpDecision.RESTORE, at=state.follow_up_at, because=reason)
    return finish(desk, state, lease, look, outcome, None, step, guarded=ruled)


def _made(state: IncidentState, changes: Sequence[Change]) -> list[TrackedChange]:
    return [tracked for tracked in state.in_effect if tracked.change in changes]


def give_back(
    desk: Desk, state: IncidentState, lease: Lease, by: str, asked_at: datetime
) -> Report:
    """Undo everything, as a person asked; then close. What AWS does not take at once, and what a
    death has cut short, the next look goes on with."""
    target, by_itself = memory.target_of(state), asked_at == _NEVER
    executor = desk.make_executor(target, None if by_itself else asked_at)
    state = executor.overtaken(state, lease)
    which = state.in_effect
    state = memory.closed(state).model_copy(
        update={
            "undo_asked_by": by,
            "undo_asked_at": asked_at,
            "stage": Stage.WATCHING,
            "follow_up_at": state.follow_up_at,
        }
    )
    if which and desk.scheduler is not None:
        used_up = state.looks_made >= desk.policy.follow_up.most
        every = acting.SLOW_SECONDS if used_up else desk.policy.follow_up.every_seconds
        state = acting.wake_up_in(desk, state, lease, every)
    held = desk.stopped(target, asked_at) if which and not by_itself else None
    if which and by_itself:
        policy = desk.policy.for_target(target.function, target.stream, {})
        held = desk.undo_held_back_at(state.incident, target, policy)
    if desk.mode_for(state.incident, target) is Mode.PLAN:
        held = "mode is plan"
    if which and held:
        reason = f"asked for by {by}, but {held}; still in effect: {memory.in_effect_words(state)}"
        outcome = Outcome(status=Status.BLOCKED, reason=reason, at=desk.clock())
        return note_without_look(desk, state, lease, outcome, tell=True)
    going, stays = may_go_back(desk, state, which)
    if by_itself:
        going, merged = _unmerged(desk, state, going)
        stays += merged
    spend_lowering(desk, state, going, by_hand=not by_itself)
    state, results = executor.undo(state, lease, going)
    words = restoring.kept_words(stays)
    state = memory.keeping(state, [one.tracked for one in stays], words)
    free_claim(desk, state)
    if not memory.to_go_back(state):
        state = memory.closed(state)
    status = outcomes.undo_status(results, Status.ROLLED_BACK) if going else Status.NOTHING_TO_DO
    if stays and not going:
        status = Status.BLOCKED
    reason = f"by {by}{words}" if which else "nothing of it is in effect"
    outcome = Outcome(status=status, reason=reason, results=results, at=desk.clock())
    return note_without_look(desk, state, lease, outcome, tell=bool(which))


def may_go_back(
    desk: Desk, state: IncidentState, which: Sequence[TrackedChange]
) -> tuple[list[TrackedChange], list[restoring.Stays]]:
    """What a person's rollback takes back, and what it would lose records by.

    What cannot be looked at is not known to be safe: then what only keeps records stays.
    """
    if not any(of(t.change).keeps_records for t in which):
        return list(which), []
    try:
        look = desk.look_for(memory.target_of(state), state)
    except (PermanentError, TemporaryError) as error:
        unseen = f"whether it is still needed was not seen: {error}"
        stays = [t for t in which if of(t.change).keeps_records]
        going = [t for t in which if t not in stays]
        return going, [restoring.Stays(t, unseen) for t in stays]
    ruled = desk.ruled_undo(state, look, which, Undo.BY_HAND, approved=True)
    return restoring.ruled_out(which, ruled)


def _unmerged(
    desk: Desk, state: IncidentState, which: Sequence[TrackedChange]
) -> tuple[list[TrackedChange], list[restoring.Stays]]:
    """Nobody has asked, and who else reads the stream was not seen: shards are merged only where
    the policy says that it is ours alone (invariant 10)."""
    if desk.policy.is_ours_alone(memory.target_of(state).stream):
        return list(which), []
    shards = [t for t in which if of(t.change) is SHARDS]
    because = "a merge acts on every consumer of the stream: a person's rollback merges them"
    return [t for t in which if t not in shards], [restoring.Stays(t, because) for t in shards]


def forget(desk: Desk, state: IncidentState, lease: Lease, reason: str) -> Report:
    """The mapping is gone, and what was set on it went with it; what was changed of its function
    and its stream is still there, and goes back."""
    state = desk.make_executor().overtaken(state, lease)
    if not state.in_effect:
        state = memory.closed(state)
        free_claim(desk, state)
        reason = f"closed, since the mapping is gone: {reason}"
        outcome = Outcome(status=Status.NOTHING_TO_DO, reason=reason, at=desk.clock())
        return note_without_look(desk, state, lease, outcome)
    return give_back(desk, state, lease, "the remediator, since the mapping is gone", _NEVER)


_NEVER = datetime.min.replace(tzinfo=UTC)
"""When a person asked for what nobody asked for: it is an act of our own, and held back as such."""


def note_without_look(
    desk: Desk, state: IncidentState, lease: Lease, outcome: Outcome, *, tell: bool = False
) -> Report:
    """Journal an outcome that no reading has led to, and tell of it once."""
    report = desk.brief(state.incident, outcome.status, outcome.reason, state.target, state=state)
    report = report.model_copy(update={"outcome": outcome})
    if outcome.status is Status.BLOCKED:
        state, tell = memory.announced(state, report)
    entry = Entry(
        incident_id=state.incident_id,
        kind=EntryKind.OUTCOME,
        at=desk.clock(),
        data=outcome.model_dump(mode="json"),
    )
    desk.need_journal().commit(state, [entry], lease, desk.clock())
    if tell:
        desk.tell(report)
    return report


def called(desk: Desk, state: IncidentState, look: Look) -> dict[str, object]:
    """What a person who is called is told: what was tried, and why nothing else is done."""
    ledger = desk.own_ledger(state, memory.target_of(state))
    guarded = desk.guarded(look, state.incident, ledger, state.tried)
    refused = {
        one.change.remedy: f"{one.ruling.guardrail}: {one.ruling.reason}"
        for one in guarded.changes
        if not one.allowed
    }
    here = desk.weighed(look, ledger, state.incident_id)
    return {
        "escalation": planning.escalation(here, state.tried, refused),
        "next_commands": guarded.plan.next_commands,
    }


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
    guarded: GuardedPlan | None = None,
    notes: tuple[str, ...] = (),
) -> Report:
    told = guarded if guarded is not None and guarded.changes else None
    report = desk.report_of(
        state.incident, look, told, outcome, verdict=verdict, follow_up=step, state=state
    ).model_copy(update={"notes": notes})
    if escalate or outcome.status is Status.ESCALATED:
        report = report.model_copy(update=called(desk, state, look))
    state, fresh = memory.announced(state, report, kind)
    if fresh and kind == "recovered":
        report = report.model_copy(update=memory.recovery(state, look))
    state = state.model_copy(update={"updated_at": desk.clock(), **owning.noted(look)})
    desk.need_journal().commit(
        state, acting.record(desk, state, look, told, report), lease, desk.clock()
    )
    if fresh and not quiet:
        desk.tell(report, kind)
    return report
