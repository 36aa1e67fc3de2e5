"""What people ask for: approve a stored plan, undo an incident, freeze."""

from remediator.commands import Approve, Rollback, SetFreeze
from remediator.errors import InputError
from remediator.model import (
    Incident,
    Mode,
    Report,
    Status,
    Target,
    Watched,
)
from remediator.runbook import acting, memory, outcomes, watching
from remediator.runbook.desk import Desk
from remediator.state import (
    Entry,
    EntryKind,
    Freeze,
    IncidentState,
    Lease,
)


def approve(desk: Desk, command: Approve) -> Report:
    """Make the stored plan, if it is still valid and the world still asks for it.

    Raises InputError for an unknown incident.
    """
    state = desk.load_incident(command.incident_id)
    pending, until = state.pending, state.pending_until
    if pending is None or until is None:
        reason = "no plan of this incident waits for approval"
        return desk.brief(state.incident, Status.NOTHING_TO_DO, reason, state.target)
    if desk.clock() > until:
        reason = f"the plan was valid until {until:%F %T} UTC: it is too old to approve"
        return desk.brief(state.incident, Status.BLOCKED, reason, state.target)

    def act(held: IncidentState, lease: Lease) -> Report:
        if held.pending != pending:
            reason = "somebody was faster: the plan does not wait any more"
            return desk.brief(held.incident, Status.DUPLICATE, reason, held.target)
        look = desk.look_at(memory.target_of(held))
        ledger = desk.own_ledger(held, memory.target_of(held))
        again = desk.guarded(look, held.incident, ledger, held.tried)
        if outcomes.wishes(again) != outcomes.wishes(pending):
            outcome = outcomes.without_action(again, look.at)
            changed = outcome.model_copy(
                update={"reason": "the world has changed since: planned again. " + outcome.reason}
            )
            return acting.end_turn(desk, held, lease, look, again, changed)
        who = Entry(
            incident_id=held.incident_id,
            kind=EntryKind.APPROVAL,
            at=look.at,
            data={"by": command.by},
        )
        held = desk.need_journal().commit(held, [who], lease, desk.clock())
        return acting.turn(desk, held, lease, look, approved=True)

    return desk.with_lease(state, act)


def roll_back(desk: Desk, command: Rollback) -> Report:
    """Undo everything of an incident that is still in effect, newest first; then close it.

    A freeze holds back what the remediator does by itself, not what a person asks for.
    Raises InputError for an unknown incident or a function without one.
    """
    state = find_rollback(desk, command)
    if desk.mode_for(state.incident, state.target) is Mode.PLAN:
        reason = "mode is plan: nothing is changed, nothing undone"
        return desk.brief(state.incident, Status.BLOCKED, reason, state.target)

    def act(held: IncidentState, lease: Lease) -> Report:
        held = desk.make_executor().recover(held, lease)
        return watching.give_back(desk, held, lease, command.by or "hand")

    return desk.with_lease(state, act)


def find_rollback(desk: Desk, command: Rollback) -> IncidentState:
    if command.incident_id is not None:
        return desk.load_incident(command.incident_id)
    target = target_behind(desk, command.function)
    history = desk.need_journal().history(target.event_source_mapping)
    found = next((state for state in history if state.in_effect), None)
    if found is None:
        raise InputError(f"nothing of ours is in effect on function {command.function}")
    return found


def target_behind(desk: Desk, function: str | None) -> Target:
    from_hand = Incident(
        incident_id="by-hand",
        at=desk.clock(),
        watched=Watched(function=function),
    )
    return desk.choose_target(from_hand)


def set_freeze(desk: Desk, command: SetFreeze) -> Report:
    """Stop all changes of a scope, or let them go on."""
    journal, now = desk.need_journal(), desk.clock()
    by = command.by or "hand"
    if command.on:
        reason = command.reason or "no reason given"
        journal.freeze(Freeze(scope=command.scope, reason=reason, by=by, at=now))
    else:
        journal.unfreeze(command.scope)
    word = "frozen" if command.on else "no longer frozen"
    incident = Incident(incident_id=f"freeze-{command.scope}", at=now)
    report = desk.brief(incident, Status.RECORDED, f"{command.scope} is {word}, by {by}")
    desk.tell(report, "frozen" if command.on else "unfrozen")
    return report
