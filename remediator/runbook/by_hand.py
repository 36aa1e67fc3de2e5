"""What people ask for: approve a stored plan, undo an incident, freeze."""

from collections.abc import Mapping, Sequence

from remediator.errors import ConflictError, InputError, PermanentError, TemporaryError
from remediator.events.requests import Approve, Rollback, SetFreeze
from remediator.model import (
    Incident,
    Mode,
    Report,
    Status,
    Watched,
)
from remediator.runbook import acting, watching
from remediator.runbook.desk import ATTEMPTS, Desk
from remediator.state import (
    Entry,
    EntryKind,
    Freeze,
    IncidentState,
    Lease,
    Stage,
)


def approve(desk: Desk, command: Approve) -> Report:
    """Make the stored plan, exactly as it was proposed, if it is valid and still asked for.

    ``command.plan`` names the plan that was read; another one is not made. While another
    invocation is at work, the approval is written down for the next look.
    Raises InputError for an unknown incident.
    """
    state = desk.load_incident(command.incident_id)
    pending, until = state.pending, state.pending_until
    if pending is None or until is None:
        reason = "no plan of this incident waits for approval"
        return desk.brief(state.incident, Status.NOTHING_TO_DO, reason, state.target)
    if command.plan not in {"", pending.digest}:
        reason = f"plan {pending.digest} waits for approval, not {command.plan}: nothing is made"
        return desk.brief(state.incident, Status.BLOCKED, reason, state.target)
    if desk.clock() > until:
        reason = f"the plan was valid until {until:%F %T} UTC: it is too old to approve"
        return desk.brief(state.incident, Status.BLOCKED, reason, state.target)

    def act(held: IncidentState, lease: Lease) -> Report:
        if held.pending is None or held.pending.digest != pending.digest:
            reason = "somebody was faster: the plan does not wait any more"
            return desk.brief(held.incident, Status.DUPLICATE, reason, held.target)
        if held.pending.plan.undo:
            return watching.undo_approved(desk, held, lease, held.pending, command.by)
        return acting.turn_approved(desk, held, lease, held.pending, command.by)

    report = desk.with_lease(state, act)
    if not _met_another(report):
        return report
    wish = {"approved_plan": pending.digest, "approved_by": command.by}
    return write_down(desk, state, wish, EntryKind.APPROVAL, "the approval", command.by)


def roll_back(desk: Desk, command: Rollback) -> Report:
    """Undo everything of an incident that is still in effect, newest first; then close it.

    A freeze that is there holds back what the remediator does by itself, not what a person asks
    for in spite of it; one that is set later holds back what is left to do. While another
    invocation is at work, the wish is written down for the next look.
    Raises InputError for an unknown incident or a function without one.
    """
    reports = [roll_back_one(desk, state, command) for state in find_rollback(desk, command)]
    return _together(reports)


def roll_back_one(desk: Desk, state: IncidentState, command: Rollback) -> Report:
    """As ``roll_back``, of one incident."""
    if desk.mode_for(state.incident, state.target) is Mode.PLAN:
        reason = "mode is plan: nothing is changed, nothing undone"
        return desk.brief(state.incident, Status.BLOCKED, reason, state.target)
    by, asked_at = command.by or "hand", desk.clock()

    def act(held: IncidentState, lease: Lease) -> Report:
        held = desk.make_executor().recover(held, lease)
        return watching.give_back(desk, held, lease, by, asked_at)

    report = desk.with_lease(state, act)
    if not _met_another(report):
        return report
    wish = {"undo_asked_by": by, "undo_asked_at": asked_at, "stage": Stage.WATCHING}
    return write_down(desk, state, wish, EntryKind.NOTE, "the rollback", by)


def _met_another(report: Report) -> bool:
    """Whether another invocation was at work, and nothing was done here."""
    met = report.outcome.status in {Status.IN_PROGRESS, Status.CONFLICT}
    return met and not report.outcome.results


def write_down(
    desk: Desk,
    state: IncidentState,
    wish: Mapping[str, object],
    kind: EntryKind,
    what: str,
    by: str,
) -> Report:
    """Journal what a person wants, and have it looked at soon.

    The invocation that is at work notices it at its next line in the journal, and stops there.
    """
    journal = desk.need_journal()
    for _ in range(ATTEMPTS):
        now = desk.clock()
        noted = acting.sooner(
            desk, desk.load_incident(state.incident_id), desk.policy.follow_up.soon_seconds
        ).model_copy(update=dict(wish))
        entry = Entry(
            incident_id=state.incident_id, kind=kind, at=now, data={"asked": what, "by": by}
        )
        try:
            noted = journal.commit(noted, [entry], None, now)
        except ConflictError:
            continue
        when = f"at {noted.follow_up_at:%T} UTC" if noted.follow_up_at else "soon"
        reason = f"another invocation is at work: {what} is written down and made by the next look"
        return desk.brief(state.incident, Status.RECORDED, f"{reason}, {when}", state.target)
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


def find_rollback(desk: Desk, command: Rollback) -> Sequence[IncidentState]:
    """The incidents to roll back, the newest first: the one that is named, or every one that has
    something in effect at any mapping of the function."""
    if command.incident_id is not None:
        return [desk.load_incident(command.incident_id)]
    watched = Watched(function=command.function)
    targets = desk.sensor.find_targets(watched, desk.clock())
    uuids = dict.fromkeys(t.event_source_mapping for t in targets)
    known = [state for uuid in uuids for state in desk.need_journal().history(uuid)]
    found = [state for state in known if state.in_effect]
    if not found:
        raise InputError(f"nothing of ours is in effect on function {command.function}")
    return sorted(found, key=lambda state: state.opened_at, reverse=True)


def set_freeze(desk: Desk, command: SetFreeze) -> Report:
    """Stop all changes of a scope, or let them go on.

    Raises InputError for a function that has no stream: a mistyped name would freeze nothing.
    """
    journal, now = desk.need_journal(), desk.clock()
    by, reason = command.by or "hand", command.reason or "no reason given"
    unseen = _must_exist(desk, command) if command.on and command.scope != "all" else ""
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
    report = desk.brief(incident, Status.RECORDED, said)
    desk.tell(report, "frozen" if command.on else "unfrozen")
    return report


def _must_exist(desk: Desk, command: SetFreeze) -> str:
    """Raises InputError for an unknown function; what cannot be looked up is frozen anyway."""
    try:
        desk.sensor.find_targets(Watched(function=command.scope), desk.clock())
    except InputError as error:
        raise InputError(f"freeze: nothing is frozen: {error}") from error
    except (PermanentError, TemporaryError) as error:
        return f"; whether there is such a function could not be seen: {error}"
    return ""
