"""What people ask for: approve a stored plan, undo an incident, freeze."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from remediator.errors import ConflictError, InputError, PermanentError, TemporaryError
from remediator.events.requests import Approve, Rollback, SetFreeze
from remediator.model import Incident, Mode, Report, Status, Watched
from remediator.runbook import acting, undoing
from remediator.runbook.remembered import Remembered
from remediator.runbook.session import Session
from remediator.runbook.turn import ATTEMPTS, Turn, with_turn
from remediator.state import EntryKind, Freeze, IncidentState, Stage


def approve(session: Session, command: Approve) -> Report:
    """Make the stored plan, exactly as it was proposed, if it is valid and still asked for.

    ``command.plan`` names the plan that was read; another one is not made. While another
    invocation is at work, the approval is written down for the next look.
    Raises InputError for an unknown incident.
    """
    state = session.load_incident(command.incident_id)
    pending, until = state.pending, state.pending_until
    if pending is None or until is None:
        reason = "no plan of this incident waits for approval"
        return session.brief_of(state, Status.NOTHING_TO_DO, reason)
    if command.plan not in {"", pending.digest}:
        reason = f"plan {pending.digest} waits for approval, not {command.plan}: nothing is made"
        return session.brief_of(state, Status.BLOCKED, reason)
    if session.clock() > until:
        reason = f"the plan was valid until {until:%F %T} UTC: it is too old to approve"
        return session.brief_of(state, Status.BLOCKED, reason)

    def act(turn: Turn) -> Report:
        held = turn.state.pending
        if held is None or held.digest != pending.digest:
            reason = "somebody was faster: the plan does not wait any more"
            return session.brief_of(turn.state, Status.DUPLICATE, reason)
        make = undoing.approved if held.plan.undo else acting.approved
        return make(turn, held, command.by)

    report = with_turn(session, state, act)
    if not _met_another(report):
        return report
    wish = {"approved_plan": pending.digest, "approved_by": command.by}
    return write_down(session, state, wish, EntryKind.APPROVAL, "the approval", command.by)


def roll_back(session: Session, command: Rollback) -> Report:
    """Undo everything of an incident that is still in effect, newest first; then close it.

    A freeze that is there holds back what the remediator does by itself, not what a person asks
    for in spite of it; one that is set later holds back what is left to do. While another
    invocation is at work, the wish is written down for the next look.
    Raises InputError for an unknown incident or a function without one.
    """
    reports = [roll_back_one(session, state, command) for state in find_rollback(session, command)]
    return _together(reports)


def roll_back_one(session: Session, state: IncidentState, command: Rollback) -> Report:
    """As ``roll_back``, of one incident."""
    if session.mode_for(state.incident, state.target) is Mode.PLAN:
        reason = "mode is plan: nothing is changed, nothing undone"
        return session.brief_of(state, Status.BLOCKED, reason)
    by, asked_at = command.by or "hand", session.clock()

    def act(turn: Turn) -> Report:
        turn.recover(onward=False)
        return undoing.give_back(turn, by, asked_at)

    report = with_turn(session, state, act)
    if not _met_another(report):
        return report
    wish = {"undo_asked_by": by, "undo_asked_at": asked_at, "stage": Stage.WATCHING}
    return write_down(session, state, wish, EntryKind.NOTE, "the rollback", by)


def _met_another(report: Report) -> bool:
    """Whether another invocation was at work, and nothing was done here."""
    met = report.outcome.status in {Status.IN_PROGRESS, Status.CONFLICT}
    return met and not report.outcome.results


def write_down(
    session: Session,
    state: IncidentState,
    wish: Mapping[str, object],
    kind: EntryKind,
    what: str,
    by: str,
) -> Report:
    """Journal what a person wants, and have it looked at soon.

    The invocation that is at work notices it at its next line in the journal, and stops there.
    """
    for _ in range(ATTEMPTS):
        note = Remembered(session, session.load_incident(state.incident_id), None)
        note.look_sooner(session.policy.follow_up.soon_seconds)
        note.update(**wish)
        with suppress(ConflictError):
            note.commit(note.entry(kind, {"asked": what, "by": by}))
            due = note.state.follow_up_at
            when = f"at {due:%T} UTC" if due else "soon"
            reason = "another invocation is at work: "
            reason += f"{what} is written down and made by the next look, {when}"
            return session.brief_of(state, Status.RECORDED, reason)
    raise TemporaryError(f"{what} could not be written down: others write to this incident now")


def _together(reports: Sequence[Report]) -> Report:
    """Several incidents rolled back: one report, about the newest, with what was done in all."""
    first, rest = reports[0], reports[1:]
    if not rest:
        return first
    worst = max((r.outcome.status for r in reports), key=_TROUBLE.index)
    outcome = first.outcome.model_copy(
        update={
            "status": worst,
            "reason": "; ".join(f"{r.incident_id}: {r.outcome.reason}" for r in reports),
            "results": tuple(result for r in reports for result in r.outcome.results),
        }
    )
    return first.model_copy(update={"outcome": outcome})


_TROUBLE = (
    Status.NOTHING_TO_DO,
    *(s for s in Status if s not in {Status.NOTHING_TO_DO, Status.FAILED, Status.BLOCKED}),
    Status.BLOCKED,
    Status.FAILED,
)


def find_rollback(session: Session, command: Rollback) -> Sequence[IncidentState]:
    """The incidents to roll back, the newest first: the one that is named, or every one that has
    something in effect at any mapping of the function."""
    if command.incident_id is not None:
        return [session.load_incident(command.incident_id)]
    watched = Watched(function=command.function)
    targets = session.sensor.find_targets(watched, session.clock())
    uuids = dict.fromkeys(t.known_as for t in targets)
    known = [state for uuid in uuids for state in session.need_journal().history(uuid)]
    found = [state for state in known if state.in_effect]
    if not found:
        raise InputError(f"nothing of ours is in effect on function {command.function}")
    return sorted(found, key=lambda state: state.opened_at, reverse=True)


def set_freeze(session: Session, command: SetFreeze) -> Report:
    """Stop all changes of a scope, or let them go on.

    Raises InputError for a function that has no stream: a mistyped name would freeze nothing.
    """
    journal, now = session.need_journal(), session.clock()
    by, reason = command.by or "hand", command.reason or "no reason given"
    unseen = _must_exist(session, command) if command.on and command.scope != "all" else ""
    if command.on:
        journal.freeze(Freeze(scope=command.scope, reason=reason, by=by, at=now))
        said = f"{command.scope} is frozen, by {by}: {reason}{unseen}"
    elif journal.frozen([command.scope]) is None:
        said = f"{command.scope} was not frozen"
    else:
        journal.unfreeze(command.scope)
        why = f": {command.reason}" if command.reason else ""
        said = f"{command.scope} is no longer frozen, by {by}{why}"
    whom = None if command.scope == "all" else Watched(function=command.scope)
    incident = Incident(incident_id=f"freeze-{command.scope}", at=now, watched=whom)
    report = session.brief(incident, Status.RECORDED, said)
    session.notify(report, "frozen" if command.on else "unfrozen")
    return report


def _must_exist(session: Session, command: SetFreeze) -> str:
    """Raises InputError for an unknown function; what cannot be looked up is frozen anyway."""
    try:
        session.sensor.find_targets(Watched(function=command.scope), session.clock())
    except InputError as error:
        raise InputError(f"freeze: nothing is frozen: {error}") from error
    except (PermanentError, TemporaryError) as error:
        return f"; whether there is such a function could not be seen: {error}"
    return ""
