"""After acting: did it help, and what comes next (docs/concepts.md, after acting)."""

from contextlib import suppress
from datetime import timedelta

from remediator.decide import effects, learned, next_step, pacing, refuting, verification
from remediator.errors import InputError, PermanentError, TemporaryError
from remediator.events.requests import FollowUpDue
from remediator.model import Incident, Report, Status, Verdict, VerdictName
from remediator.runbook import acting, capturing, memory, steps, undoing
from remediator.runbook.session import Session
from remediator.runbook.turn import Turn, with_turn
from remediator.state import IncidentState


def follow_up(session: Session, due: FollowUpDue) -> Report:
    """Did it help, and what comes next. Bounded; a look that was made already is not repeated.

    However it ends, there is a next look: whatever raises here, known or not, is come back to, and
    whatever does not come as far as to raise, the incident's watch makes up for.
    Raises InputError for an incident that the journal does not know.
    """
    state: IncidentState | None = None
    try:
        state = session.load_incident(due.incident_id)
        if not state.open:
            return session.brief_of(state, Status.DUPLICATE, "the incident is closed")
        if due.watch:
            session.keep_watch(due.incident_id)
            if not _is_overdue(session, state):
                return _nothing_missed(session, state)
            due = _of_number(due, state.follow_up_number + 1)
        elif due.tries and _is_due(session, state):
            # All looks are come back to under one name: it is for whichever is due by now.
            due = _of_number(due, max(due.number or 0, state.follow_up_number + 1))
        report = with_turn(session, state, lambda turn: look_again(turn, due))
    except InputError:
        raise
    except Exception as error:
        with suppress(Exception):
            come_back(session, due, state)
        if due.tries == _TELL_AT:
            return _cannot_look(session, due, state, error)
        raise
    if report.outcome.status in {Status.IN_PROGRESS, Status.CONFLICT}:
        come_back(session, due, state)
    return report


def come_back(session: Session, due: FollowUpDue, state: IncidentState | None) -> None:
    """A look that could not be made is made later: its schedule has fired and is gone.

    Later than any lease that is held now, and later each time, up to an hour. Where the next look
    is scheduled already, it stays so. A watch renews itself. ``state``: none where the journal
    could not be read.
    """
    if due.watch:
        session.keep_watch(due.incident_id)
        return
    made = state.follow_up_number if state else 0
    number = due.number or 0
    if state is not None and not made < number <= made + _PLAUSIBLE:
        number = made  # it was not said, or it is made up
    seconds = pacing.again_seconds(due.tries)
    session.schedule_look(due.incident_id, number + 1, seconds, tries=due.tries + 1)


def _of_number(due: FollowUpDue, number: int) -> FollowUpDue:
    return due.model_copy(update={"number": number})


def _is_due(session: Session, state: IncidentState) -> bool:
    return state.follow_up_at is None or session.clock() >= state.follow_up_at


def _is_overdue(session: Session, state: IncidentState) -> bool:
    """Whether the next look has not come, or there is none."""
    return state.follow_up_at is None or session.clock() - state.follow_up_at > pacing.LATE


def _nothing_missed(session: Session, state: IncidentState) -> Report:
    reason = f"the watch has nothing to make up for: next look at {state.follow_up_at:%T} UTC"
    return session.brief_of(state, Status.DUPLICATE, reason)


# After so many looks in a row that could not be made, people are told: about ten minutes.
_TELL_AT = 2


def _cannot_look(
    session: Session, due: FollowUpDue, state: IncidentState | None, error: Exception
) -> Report:
    """People are told, once, that nobody sees what becomes of an incident. That is an answer, so
    that Lambda does not try again at once and tell of it thrice; it is come back to."""
    unknown = Incident(incident_id=due.incident_id, at=session.clock())
    reason = (
        f"the last {due.tries + 1} looks at incident {due.incident_id} could not be made: "
        f"{type(error).__name__}: {error}. It is tried again, at least once an hour"
    )
    incident, target = (state.incident, state.target) if state else (unknown, None)
    report = session.brief(incident, Status.ESCALATED, reason, target, state)
    if _nobody_has_told(session, due.incident_id):
        session.notify(report)
    return report


# Looks that were asked for at other times are come back to each by itself.
_TOLD_SECONDS = 24 * 3600


def _nobody_has_told(session: Session, incident_id: str) -> bool:
    """Whether no other look of the incident has told of it of late. Its record cannot say so: a
    lease that nobody gives back does. Where that cannot be had either, twice is better than never.
    """
    name, now = f"not seen {incident_id}", session.clock()
    try:
        journal = session.need_journal()
        return journal.acquire(name, session.holder, now, _TOLD_SECONDS) is not None
    except (TemporaryError, PermanentError):
        return True


# By how much a look's number may be ahead of the last one made: it grows when looks fail.
_PLAUSIBLE = 1000

# Schedules fire in the minute that they name, never before; clocks differ by seconds.
EARLY = timedelta(seconds=30)


def look_again(turn: Turn, due: FollowUpDue) -> Report:
    """One look, made once: judge, schedule the next, take the step that follows.

    A look counts when it was due by the state's own time, whatever number it came with. One that
    a new alarm asks for comes in between, and leaves the next one where it is.
    """
    state, session = turn.state, turn.session
    if not state.open or (due.number is not None and due.number <= state.follow_up_number):
        return session.brief_of(state, Status.DUPLICATE, f"look {due.number} was made already")
    early = state.follow_up_at is not None and session.clock() < state.follow_up_at - EARLY
    if early and due.number is not None and not state.waits_for_nobody:
        reason = f"look {due.number} is not due before {state.follow_up_at:%T} UTC"
        return session.brief_of(state, Status.DUPLICATE, reason)
    turn.recover(onward=state.undo_asked_by is None)
    counted = {} if early else {"follow_up_number": turn.state.follow_up_number + 1}
    if state.undo_asked_by is not None:
        turn.update(**counted)
        return undoing.go_on_giving_back(turn)
    if turn.half_way is not None:
        turn.update(**counted)
        return acting.half_way(turn)
    if state.approved_plan is not None:
        turn.update(**counted)
        return _make_approved(turn, early=early)
    try:
        turn.look()
    except PermanentError as error:
        if error.gone:
            turn.update(**counted)
            return undoing.forget(turn, str(error))
        raise
    turn.state = learned.held_against(turn.case, turn.state)
    turn.case = learned.as_learned(turn.case, turn.state)
    seen = effects.effect(turn.state, turn.case.evidence, turn.at, turn.case.policy)
    verdict = _judged(turn, seen)
    turn.case = learned.while_it_shows(turn.case, turn.state, verdict)
    turn.state = memory.with_quiet(turn.state, verdict, turn.at)
    turn.update(**counted)
    if counted and pacing.sees_to_it(turn.state, turn.case):
        turn.update(looks_from=turn.state.looks_from + 1)
    if not early:
        turn.wake_up_in(pacing.interval(turn.state, turn.case, verdict))
    turn.overtaken()
    capturing.capture(turn)
    case = turn.case
    step = next_step.next_step(
        turn.state, verdict, case.diagnosis, case.policy, turn.at, clear=seen.clear, seen=seen
    )
    return steps.take(turn, step, verdict)


def _judged(turn: Turn, seen: effects.Effect) -> Verdict:
    state, case = turn.state, turn.case
    if costs := learned.only_costs(state, case):
        return Verdict(verdict=VerdictName.WORSE, because=costs)
    if turn.gives_up_to_nobody():
        gone = "the on-failure destination is not there any more: what is given up now is lost"
        return Verdict(verdict=VerdictName.WORSE, because=gone)
    if other := refuting.of_other_code(state, case):
        return Verdict(verdict=VerdictName.WORSE, because=other)
    mapping = case.evidence.mapping
    loses = mapping is not None and mapping.loses_what_fails
    answered = any(effects.was_answered(state, t) for t in seen.levers)
    return verification.judge(
        state.before,
        turn.at,
        case.signals,
        case.policy,
        seen=seen,
        raised=any(learned.raised(t) for t in state.in_effect),
        bounded=any(t.endangers for t in state.in_effect),
        loses=loses,
        settled=verification.settled(state, turn.at) or (answered and not loses),
        shared=bool(case.evidence.sibling_mappings or case.signals.others_invoke),
        mapping=mapping,
        cause=case.diagnosis.cause,
    )


def _make_approved(turn: Turn, *, early: bool) -> Report:
    """Make the plan that was approved while another invocation was at work."""
    by, pending = turn.state.approved_by, turn.state.pending
    if not early:
        turn.wake_up_soon()
    if pending is not None and pending.digest == turn.state.approved_plan:
        make = undoing.approved if pending.plan.undo else acting.approved
        return make(turn, pending, by)
    turn.update(approved_plan=None, approved_by="")
    turn.commit()
    return acting.first(turn)
