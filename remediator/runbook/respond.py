"""An incident comes in: what is it about, is it news, who is at it already."""

from datetime import timedelta

from remediator.decide import pacing, waiting
from remediator.errors import TemporaryError
from remediator.events.intake import from_described, with_threshold
from remediator.events.requests import FollowUpDue
from remediator.model import AlarmState, Cause, Incident, Mode, Outcome, Report, Status, Target
from remediator.runbook import acting, follow_up, outcomes
from remediator.runbook.look import Look
from remediator.runbook.session import Session
from remediator.runbook.turn import Turn, under_lease, with_turn
from remediator.state import IncidentState, Lease, Stage
from remediator.state import in_effect as effect_of
from remediator.wording import in_effect

# A new alarm waits this long for the next look of the open incident; else it is that look. So a
# follow-up that never came is made up for, too.
SOON = timedelta(minutes=5)


def respond(session: Session, incident: Incident) -> Report:
    """An incident, from an alarm or by hand, to its report.

    Raises InputError when nothing is behind it, TemporaryError or PermanentError when the
    world is broken.
    """
    incident = told_when_late(session, resolve_composite(session, incident))
    if incident.watched is None:
        return session.brief(incident, Status.NOTHING_TO_DO, "no child alarm could be found")
    target = session.choose_target(incident)
    news = stale_news(session, incident)
    if news is not None:
        return session.brief(incident, Status.NOTHING_TO_DO, news, target)
    if incident.alarm is None and session.mode_for(incident, target) is Mode.PLAN:
        return dry_run(session, incident, target)
    if incident.alarm is not None and incident.alarm.state is not AlarmState.ALARM:
        return alarm_cleared(session, incident, target)
    return open_incident(session, incident, target)


def resolve_composite(session: Session, incident: Incident) -> Incident:
    """Fill in what a composite alarm watches, from the child that is in ALARM."""
    names, depth = incident.child_alarms, 0
    while incident.watched is None and names and depth < 3:
        described = session.sensor.describe_alarms(names)
        alarmed = sorted(described, key=lambda d: d.alarm.state is not AlarmState.ALARM)
        usable = next((child for child in alarmed if child.watched), None)
        if usable is not None:
            return from_described(incident, usable)
        names = tuple(name for child in alarmed for name in child.children)
        depth += 1
    return incident


def told_when_late(session: Session, incident: Incident) -> Incident:
    """With what the alarm's owner calls late, where the event does not say it: one that was forced
    by hand, and one that several series share, come without their numbers."""
    alarm = incident.alarm
    if alarm is None or alarm.threshold is not None or alarm.state is not AlarmState.ALARM:
        return incident
    described = session.described_alarms([alarm.name]).get(alarm.name)
    return incident if described is None else with_threshold(incident, described)


def stale_news(session: Session, incident: Incident) -> str | None:
    """Why a late delivery is no news any more; ``None`` while it is."""
    alarm, late = incident.alarm, session.clock() - incident.at
    limit = timedelta(minutes=session.policy.thresholds.stale_alarm_minutes)
    if alarm is None or alarm.state is not AlarmState.ALARM or late < limit:
        return None
    described = session.described_alarms([alarm.name]).get(alarm.name)
    if described is not None and described.alarm.state is alarm.state:
        return None
    now = f"is {described.alarm.state} by now" if described else "can not be seen any more"
    return f"delivered {late.total_seconds() / 60:.0f} min late: alarm {alarm.name} {now}"


def dry_run(session: Session, incident: Incident, target: Target) -> Report:
    """Look and plan; touch nothing at all, not even the journal."""
    look = Look(session, incident, target)
    look.look()
    guarded, running = look.rule(), session.open_incident(target)
    report = look.report(guarded, outcomes.on_paper(guarded, look.at), state=running)
    return report.model_copy(update={"notes": (*report.notes, *open_beside(running))})


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


def open_incident(session: Session, incident: Incident, target: Target) -> Report:
    """Open the incident and make its first turn, unless somebody is at this mapping already."""
    running = running_beside(session, incident, target)
    if running is not None:
        return join(session, running, incident, target)
    report = under_lease(
        session, incident, target, lambda lease: first_turn(session, incident, target, lease)
    )
    if report.outcome.status is Status.IN_PROGRESS:
        somebody_is_at_it(session, incident, target)
    return report


def somebody_is_at_it(session: Session, incident: Incident, target: Target) -> None:
    """Whoever holds the lease may have died: its incident must have a next look.

    Raises TemporaryError where it has not come as far as to open one, so that this event comes
    again.
    """
    journal = session.need_journal()
    running = journal.load(incident.incident_id)
    running = running or journal.open_incident(target.known_as)
    if running is None:
        raise TemporaryError("another invocation has just begun with this mapping: try again")
    if running.open and (running.follow_up_at is None or running.follow_up_at < session.clock()):
        follow_up.come_back(session, FollowUpDue(incident_id=running.incident_id), running)


def running_beside(session: Session, incident: Incident, target: Target) -> IncidentState | None:
    """Another incident that is open for the mapping."""
    running = session.need_journal().open_incident(target.known_as)
    beside = running is not None and running.incident_id != incident.incident_id
    return running if beside else None


def first_turn(session: Session, incident: Incident, target: Target, lease: Lease) -> Report:
    """Under the lease, so that two alarms of one mapping open one incident. A repeated delivery
    finds it opened; found in mid-turn, an invocation has died there, and it is gone on with."""
    running = running_beside(session, incident, target)
    if running is not None:
        return in_progress(session, running, incident, target)
    now = session.clock()
    state = IncidentState(
        incident_id=incident.incident_id,
        account_id=target.account_id,
        region=target.region,
        incident=incident,
        target=target,
        opened_at=now,
        updated_at=now,
    )
    turn, journal = Turn(session, state, lease), session.need_journal()
    new = journal.load(incident.incident_id) is None
    # Before anything else is done: so no death leaves an incident that nobody looks at.
    if new and turn.is_watched():
        session.keep_watch(incident.incident_id)
        soon = pacing.first_interval(session.policy, state, now)
        turn.update(follow_up_at=session.schedule_look(incident.incident_id, 1, soon))
    known = journal.begin(turn.state)
    if known is not None and known.stage is not Stage.ACTING:
        return session.brief(incident, Status.DUPLICATE, f"already {known.stage}", target)
    turn.state = known or turn.state
    return acting.first(turn)


def join(session: Session, running: IncidentState, incident: Incident, target: Target) -> Report:
    """Another alarm of a mapping whose incident is open: one incident, one remedy at a time.

    A person who asks is shown what is there now; an alarm is a reason to look early, or makes
    up for a look that never came.
    """
    if incident.alarm is None:
        look = Look(session, incident, target, running)
        look.look()
        reason = f"incident {running.incident_id} of this mapping is open and acts"
        outcome = Outcome(status=Status.IN_PROGRESS, reason=reason, at=look.at)
        report = look.report(look.rule(), outcome)
        return report.model_copy(update={"notes": open_beside(running)})
    next_at = running.follow_up_at
    if running.looks_made >= session.policy.follow_up.most:
        return with_turn(session, running, look_renewed)
    if next_at is None or abs(next_at - session.clock()) > SOON:
        return follow_up.follow_up(session, FollowUpDue(incident_id=running.incident_id))
    return in_progress(session, running, incident, target)


def look_renewed(turn: Turn) -> Report:
    """A new alarm, when the looks that may act are used up: they begin anew."""
    turn.look_sooner(turn.session.policy.follow_up.first_seconds)
    turn.update(looks_from=turn.state.follow_up_number, tried=())
    turn.commit()
    return follow_up.look_again(turn, FollowUpDue(incident_id=turn.state.incident_id))


def in_progress(
    session: Session, running: IncidentState, incident: Incident, target: Target
) -> Report:
    """Somebody is at it: which incident, and when it looks again."""
    when = f"at {running.follow_up_at:%T} UTC" if running.follow_up_at else "soon"
    reason = f"incident {running.incident_id} of this mapping is open; next look {when}"
    return session.brief(incident, Status.IN_PROGRESS, reason, target, state=running)


def alarm_cleared(session: Session, incident: Incident, target: Target) -> Report:
    """OK or INSUFFICIENT_DATA: news for the open incident, if there is one."""
    running = session.need_journal().open_incident(target.known_as)
    state = incident.alarm.state if incident.alarm else AlarmState.OK
    if running is None and state is AlarmState.INSUFFICIENT_DATA:
        return fell_silent(session, incident, target)
    if running is None:
        return session.brief(incident, Status.RECORDED, "no incident is open", target)
    if state is AlarmState.OK and not running.in_effect:
        return follow_up.follow_up(session, FollowUpDue(incident_id=running.incident_id))
    reason = f"alarm is {state}; incident {running.incident_id} looks again " + (
        f"at {running.follow_up_at:%T} UTC" if running.follow_up_at else "soon"
    )
    return session.brief(incident, Status.RECORDED, reason, target)


def fell_silent(session: Session, incident: Incident, target: Target) -> Report:
    """A consumer that never runs, or whose batches take minutes, has no iterator age: its alarm
    falls silent, not red. That is an incident where what waits is late; a quiet stream is none."""
    look = Look(session, incident, target)
    look.look()
    cause = look.case.diagnosis.cause
    late = waiting.late_and_climbs(look.case.signals, look.case.policy.thresholds)
    if late or cause in {Cause.THROTTLING, Cause.CONSUMER_STOPPED}:
        return open_incident(session, incident, target)
    reason = f"the metric fell silent; cause: {cause}"
    return look.report(None, Outcome(status=Status.RECORDED, reason=reason, at=look.at))
