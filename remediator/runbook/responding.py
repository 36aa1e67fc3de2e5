"""An incident comes in: what is it about, is it news, who is at it already."""

from datetime import timedelta

from remediator.errors import TemporaryError
from remediator.events.intake import from_described, with_threshold
from remediator.events.requests import FollowUpDue
from remediator.model import (
    AlarmState,
    Cause,
    Incident,
    Mode,
    Outcome,
    Report,
    Status,
    Target,
)
from remediator.runbook import acting, memory, outcomes, watching
from remediator.runbook.desk import Desk
from remediator.state import IncidentState, Lease, Stage
from remediator.state import in_effect as effect_of
from remediator.wording import in_effect

SOON = timedelta(minutes=5)
"""A new alarm waits this long for the next look of the open incident; else it is that look.
So a follow-up that never came is made up for, too."""


def respond(desk: Desk, incident: Incident) -> Report:
    """An incident, from an alarm or by hand, to its report.

    Raises InputError when nothing is behind it, TemporaryError or PermanentError when the
    world is broken.
    """
    incident = told_when_late(desk, resolve_composite(desk, incident))
    if incident.watched is None:
        return desk.brief(incident, Status.NOTHING_TO_DO, "no child alarm could be found")
    target = desk.choose_target(incident)
    news = stale_news(desk, incident)
    if news is not None:
        return desk.brief(incident, Status.NOTHING_TO_DO, news, target)
    if incident.alarm is None and desk.mode_for(incident, target) is Mode.PLAN:
        return dry_run(desk, incident, target)
    if incident.alarm is not None and incident.alarm.state is not AlarmState.ALARM:
        return alarm_cleared(desk, incident, target)
    return open_incident(desk, incident, target)


def resolve_composite(desk: Desk, incident: Incident) -> Incident:
    """Fill in what a composite alarm watches, from the child that is in ALARM."""
    names, depth = incident.child_alarms, 0
    while incident.watched is None and names and depth < 3:
        described = desk.sensor.describe_alarms(names)
        alarmed = sorted(described, key=lambda d: d.alarm.state is not AlarmState.ALARM)
        usable = next((child for child in alarmed if child.watched), None)
        if usable is not None:
            return from_described(incident, usable)
        names = tuple(name for child in alarmed for name in child.children)
        depth += 1
    return incident


def told_when_late(desk: Desk, incident: Incident) -> Incident:
    """With what the alarm's owner calls late, where the event does not say it: one that was forced
    by hand, and one that several series share, come without their numbers."""
    alarm = incident.alarm
    if alarm is None or alarm.threshold is not None or alarm.state is not AlarmState.ALARM:
        return incident
    described = desk.described_alarms([alarm.name]).get(alarm.name)
    return incident if described is None else with_threshold(incident, described)


def stale_news(desk: Desk, incident: Incident) -> str | None:
    """Why a late delivery is no news any more; ``None`` while it is."""
    alarm, late = incident.alarm, desk.clock() - incident.at
    limit = timedelta(minutes=desk.policy.thresholds.stale_alarm_minutes)
    if alarm is None or alarm.state is not AlarmState.ALARM or late < limit:
        return None
    described = desk.described_alarms([alarm.name]).get(alarm.name)
    if described is not None and described.alarm.state is alarm.state:
        return None
    now = f"is {described.alarm.state} by now" if described else "can not be seen any more"
    return f"delivered {late.total_seconds() / 60:.0f} min late: alarm {alarm.name} {now}"


def dry_run(desk: Desk, incident: Incident, target: Target) -> Report:
    """Look and plan; touch nothing at all, not even the journal."""
    look = desk.look_for(target, None, incident)
    ledger = desk.ledger_of(target)
    guarded = desk.guarded(look, incident, ledger)
    outcome, running = outcomes.on_paper(guarded, look.at), is_open(desk, target)
    report = desk.report_of(incident, look, guarded, outcome, state=running)
    return report.model_copy(update={"notes": (*report.notes, *open_beside(running))})


def is_open(desk: Desk, target: Target) -> IncidentState | None:
    """The mapping's open incident, where there is a journal to know it."""
    return desk.journal.open_incident(target.event_source_mapping) if desk.journal else None


def open_beside(running: IncidentState | None) -> tuple[str, ...]:
    """That an incident is open, for a person who asks what would be done."""
    if running is None:
        return ()
    held = in_effect(tuple(map(effect_of, running.in_effect))) or "nothing of ours"
    when = f"; next look at {running.follow_up_at:%F %T} UTC" if running.follow_up_at else ""
    told = (
        f"Incident {running.incident_id} of this mapping is open since "
        f"{running.opened_at:%F %T} UTC ({running.stage.value.replace('_', ' ')}). "
        f"In effect: {held}{when}."
    )
    return (told,)


def open_incident(desk: Desk, incident: Incident, target: Target) -> Report:
    """Open the incident and make its first turn, unless somebody is at this mapping already."""
    running = running_beside(desk, incident, target)
    if running is not None:
        return join(desk, running, incident, target)
    report = desk.under_lease(
        incident, target, lambda lease: first_turn(desk, incident, target, lease)
    )
    if report.outcome.status is Status.IN_PROGRESS:
        somebody_is_at_it(desk, incident, target)
    return report


def somebody_is_at_it(desk: Desk, incident: Incident, target: Target) -> None:
    """Whoever holds the lease may have died: its incident must have a next look.

    Raises TemporaryError where it has not come as far as to open one, so that this event comes
    again.
    """
    journal = desk.need_journal()
    running = journal.load(incident.incident_id)
    running = running or journal.open_incident(target.event_source_mapping)
    if running is None:
        raise TemporaryError("another invocation has just begun with this mapping: try again")
    if running.open and (running.follow_up_at is None or running.follow_up_at < desk.clock()):
        watching.come_back(desk, FollowUpDue(incident_id=running.incident_id), running)


def running_beside(desk: Desk, incident: Incident, target: Target) -> IncidentState | None:
    """Another incident that is open for the mapping."""
    running = desk.need_journal().open_incident(target.event_source_mapping)
    beside = running is not None and running.incident_id != incident.incident_id
    return running if beside else None


def first_turn(desk: Desk, incident: Incident, target: Target, lease: Lease) -> Report:
    """Under the lease, so that two alarms of one mapping open one incident. A repeated delivery
    finds it opened; found in mid-turn, an invocation has died there, and it is gone on with."""
    running = running_beside(desk, incident, target)
    if running is not None:
        return in_progress(desk, running, incident, target)
    now = desk.clock()
    state = IncidentState(
        incident_id=incident.incident_id,
        account_id=target.account_id,
        region=target.region,
        incident=incident,
        target=target,
        opened_at=now,
        updated_at=now,
    )
    if desk.need_journal().load(incident.incident_id) is None and acting.watched(desk, state):
        # Before anything else is done: so no death leaves an incident that nobody looks at.
        acting.keep_watch(desk, incident.incident_id)
        soon = acting.first_interval(desk, state)
        at = acting.schedule_look(desk, incident.incident_id, 1, soon)
        state = state.model_copy(update={"follow_up_at": at})
    known = desk.need_journal().begin(state)
    if known is not None and known.stage is not Stage.ACTING:
        return desk.brief(incident, Status.DUPLICATE, f"already {known.stage}", target)
    return acting.turn(desk, known or state, lease)


def join(desk: Desk, running: IncidentState, incident: Incident, target: Target) -> Report:
    """Another alarm of a mapping whose incident is open: one incident, one remedy at a time.

    A person who asks is shown what is there now; an alarm is a reason to look early, or makes
    up for a look that never came.
    """
    if incident.alarm is None:
        look = desk.look_for(target, running)
        guarded = desk.guarded(look, incident, desk.ledger_of(target), running.tried)
        reason = f"incident {running.incident_id} of this mapping is open and acts"
        outcome = Outcome(status=Status.IN_PROGRESS, reason=reason, at=look.at)
        report = desk.report_of(incident, look, guarded, outcome, state=running)
        return report.model_copy(update={"notes": open_beside(running)})
    next_at = running.follow_up_at
    if running.looks_made >= desk.policy.follow_up.most:
        return desk.with_lease(running, lambda held, lease: look_renewed(desk, held, lease))
    if next_at is None or abs(next_at - desk.clock()) > SOON:
        return watching.follow_up(desk, FollowUpDue(incident_id=running.incident_id))
    return in_progress(desk, running, incident, target)


def look_renewed(desk: Desk, state: IncidentState, lease: Lease) -> Report:
    """A new alarm, when the looks that may act are used up: they begin anew."""
    state = acting.sooner(desk, state, desk.policy.follow_up.first_seconds)
    state = desk.need_journal().commit(memory.renewed(state), (), lease, desk.clock())
    return watching.look_again(desk, state, lease, FollowUpDue(incident_id=state.incident_id))


def in_progress(desk: Desk, running: IncidentState, incident: Incident, target: Target) -> Report:
    """Somebody is at it: which incident, and when it looks again."""
    when = f"at {running.follow_up_at:%T} UTC" if running.follow_up_at else "soon"
    reason = f"incident {running.incident_id} of this mapping is open; next look {when}"
    return desk.brief(incident, Status.IN_PROGRESS, reason, target, state=running)


def alarm_cleared(desk: Desk, incident: Incident, target: Target) -> Report:
    """OK or INSUFFICIENT_DATA: news for the open incident, if there is one."""
    running = desk.need_journal().open_incident(target.event_source_mapping)
    state = incident.alarm.state if incident.alarm else AlarmState.OK
    if running is None and state is AlarmState.INSUFFICIENT_DATA:
        return fell_silent(desk, incident, target)
    if running is None:
        return desk.brief(incident, Status.RECORDED, "no incident is open", target)
    if state is AlarmState.OK and not running.in_effect:
        return watching.follow_up(desk, FollowUpDue(incident_id=running.incident_id))
    reason = f"alarm is {state}; incident {running.incident_id} looks again " + (
        f"at {running.follow_up_at:%T} UTC" if running.follow_up_at else "soon"
    )
    return desk.brief(incident, Status.RECORDED, reason, target)


def fell_silent(desk: Desk, incident: Incident, target: Target) -> Report:
    """A consumer that never runs has no iterator age: its alarm falls silent, not red."""
    look = desk.look_at(target, incident)
    if look.diagnosis.cause in {Cause.THROTTLING, Cause.CONSUMER_STOPPED}:
        return open_incident(desk, incident, target)
    reason = f"the metric fell silent; cause: {look.diagnosis.cause}"
    outcome = Outcome(status=Status.RECORDED, reason=reason, at=look.at)
    return desk.report_of(incident, look, None, outcome)
