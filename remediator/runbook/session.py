"""What an invocation works with: the ports, the policy, the deployment. And what needs no look."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from remediator.decide.case import Case
from remediator.decide.guardrails import Circumstances, allowing
from remediator.errors import InputError, PermanentError, TemporaryError
from remediator.model import (
    Evidence,
    FollowUp,
    FollowUpDecision,
    Incident,
    Mode,
    Outcome,
    PolicySource,
    Report,
    Status,
    Target,
)
from remediator.policy import Policy
from remediator.ports import (
    Actuator,
    DescribedAlarm,
    Journal,
    Notifier,
    RecordKeeper,
    Scheduler,
    Sensor,
)
from remediator.render import announcing
from remediator.runbook import reading
from remediator.state import Freeze, IncidentState, JournalClaim, in_effect

# After one to two of each, a watch looks whether a look was missed.
_WATCHES = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4), timedelta(days=1))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Deployment(NamedTuple):
    """What the template says of this deployment."""

    mode: Mode
    target_functions: tuple[str, ...] = ()
    """The opted-in functions' names or patterns; others are only planned for."""
    quarantine_arn: str | None = None
    account_id: str | None = None
    region: str | None = None
    capture_bucket: str | None = None
    """Where given-up records are kept; ``None``: nowhere."""
    remediator: str | None = None
    """Our own function's name, for commands that people paste."""
    policy_source: PolicySource | None = None


class Session(NamedTuple):
    """The stages, wired. ``journal`` and ``scheduler`` may be missing for a plan by hand."""

    sensor: Sensor
    actuator: Actuator
    policy: Policy
    deployment: Deployment
    clock: Callable[[], datetime]
    holder: str = "somebody"
    """Who holds a lease: this one attempt of this invocation, unlike any other."""
    journal: Journal | None = None
    scheduler: Scheduler | None = None
    notifier: Notifier | None = None
    keeper: RecordKeeper | None = None
    """Keeps given-up records; ``None``: in mode plan, or without a bucket for them."""
    freeze_switch: Callable[[], Freeze | None] = lambda: None
    """A freeze switch outside the journal. Raises when it cannot be read."""
    other_journal: Callable[[], JournalClaim | None] = lambda: None
    """The claim of another journal that has this account and Region, as far as that is seen."""

    # --- whom it is about ------------------------------------------------------------------

    def choose_target(self, incident: Incident) -> Target:
        if incident.watched is None:
            raise InputError("the incident names nothing to look at")
        found = self.sensor.find_targets(incident.watched, self.clock())
        target = next((t for t in found if self.opted_in(t)), found[0])
        if incident.account_id and target.account_id not in {incident.account_id, ""}:
            raise InputError(
                f"the event is of account {incident.account_id}, the function of "
                f"{target.account_id}: refused"
            )
        return target

    def opted_in(self, target: Target) -> bool:
        patterns = self.deployment.target_functions
        return not patterns or any(fnmatchcase(target.function, one) for one in patterns)

    def mode_for(
        self, incident: Incident, target: Target | None, policy: Policy | None = None
    ) -> Mode:
        """The lowest of deployment, policy and event; plan for functions not opted in."""
        wishes = {self.deployment.mode, (policy or self.policy).mode}
        if incident.mode is not None:
            wishes.add(incident.mode)
        if target is not None and not self.opted_in(target):
            wishes.add(Mode.PLAN)
        return Mode.PLAN if Mode.PLAN in wishes else Mode.APPLY

    # --- what is read ----------------------------------------------------------------------

    def described_alarms(self, names: Sequence[str]) -> dict[str, DescribedAlarm]:
        """Alarms by name; empty where they cannot be seen."""
        try:
            return {found.alarm.name: found for found in self.sensor.describe_alarms(names)}
        except (PermanentError, TemporaryError):
            return {}

    def read(self, target: Target, incident: Incident) -> Case:
        """Read and understand; late is what the policy calls so, or the incident's alarm."""
        alarm = incident.alarm.late_after_seconds if incident.alarm else None
        return reading.read(self.sensor, target, self.clock, self.policy, late_after=alarm)

    def tags_unseen(self, evidence: Evidence) -> bool:
        """Whether an override of the policy asks for tags that could not be read."""
        asked = any(override.match.tags for override in self.policy.overrides)
        return asked and (evidence.function is None or evidence.lacks("tags"))

    # --- what holds changes back -----------------------------------------------------------

    def freeze_of(self, target: Target) -> tuple[Freeze | None, str | None]:
        """The freeze that is set for a target, or why that cannot be read."""
        try:
            switched = self.freeze_switch()
        except (PermanentError, TemporaryError) as error:
            return None, str(error)
        if switched is not None or self.journal is None:
            return switched, None
        return self.journal.frozen(["all", target.function]), None

    def freeze_since(self, target: Target, asked_at: datetime) -> Freeze | None:
        """A freeze that was set for a target after somebody asked, of those that can be seen."""
        with suppress(PermanentError, TemporaryError):
            switched = self.freeze_switch()
            if switched is not None and switched.at > asked_at:
                return switched
        # Scope after scope, one that is set meanwhile would be missed.
        scopes = ["all", target.function]
        return self.journal.frozen(scopes, asked_at) if self.journal else None

    def undo_held_back(self, incident: Incident, target: Target, policy: Policy) -> str | None:
        """Why nothing of ours may be taken back now; ``None`` if it may."""
        freeze, unreadable = self.freeze_of(target)
        around = Circumstances(
            now=self.clock(),
            mode=self.mode_for(incident, target, policy),
            freeze=freeze,
            freeze_unreadable=unreadable,
        )
        return allowing.undo_held_back(policy, around)

    def stopped(self, target: Target, asked_at: datetime | None = None) -> str | None:
        """Why nothing may be written now: a freeze. What a person asked for at ``asked_at`` is
        held back only by one that was set later: the last word of a person holds."""
        if asked_at is not None:
            freeze, unreadable = self.freeze_since(target, asked_at), None
        else:
            freeze, unreadable = self.freeze_of(target)
            if self.policy.freeze:
                return "the policy file says freeze"
        if unreadable:
            return f"the freeze switch cannot be read: {unreadable}"
        if freeze is None:
            return None
        return f"frozen ({freeze.scope}) by {freeze.by} at {freeze.at:%F %R}: {freeze.reason}"

    # --- journal, schedule, reports --------------------------------------------------------

    def need_journal(self) -> Journal:
        if self.journal is None:
            raise PermanentError("there is no journal: nothing is changed without one")
        return self.journal

    def load_incident(self, incident_id: str) -> IncidentState:
        state = self.need_journal().load(incident_id)
        if state is None:
            raise InputError(f"incident {incident_id} is not in the journal")
        return state

    def open_incident(self, target: Target) -> IncidentState | None:
        """The mapping's open incident, where there is a journal to know it."""
        return self.journal.open_incident(target.known_as) if self.journal else None

    def schedule_look(
        self, incident_id: str, number: int, seconds: float, *, tries: int = 0
    ) -> datetime:
        """Ask to be woken for a look.

        Its name has the time in it: what somebody who died has scheduled under the same number,
        for another time, must not stand in its way. ``tries``: how often it could not be made;
        then it is one however often it is asked for.
        """
        at = self.clock() + timedelta(seconds=seconds)
        payload = {"follow_up": incident_id, "number": number}
        if tries:
            payload["tries"] = tries
        word = f"again-{tries}" if tries else f"{number}-{at:%H%M%S}"
        self._need_scheduler().schedule(f"remediator-{incident_id}-{word}", at, payload)
        return at

    def keep_watch(self, incident_id: str, since: datetime | None = None) -> None:
        """Be woken however the looks end: each schedules the next, but one that is killed whenever
        it is tried, or never starts, schedules nothing.

        One-shot schedules, each further ahead than the last, of which any that comes renews all.
        ``since``: when they were last renewed; what is asked for twice in its time is one.
        """
        now, scheduler = self.clock(), self._need_scheduler()
        payload = {"follow_up": incident_id, "watch": True}
        for every in _WATCHES:
            slot = (now - _EPOCH) // every
            if since is None or (since - _EPOCH) // every < slot:
                name = f"remediator-{incident_id}-watch-{every.total_seconds() / 60:.0f}-{slot}"
                scheduler.schedule(name, _EPOCH + (slot + 2) * every, payload)

    def _need_scheduler(self) -> Scheduler:
        if self.scheduler is None:
            raise PermanentError("there is no scheduler: what is changed could not be checked")
        return self.scheduler

    def whereabouts(
        self, incident: Incident, target: Target | None, state: IncidentState | None
    ) -> dict[str, Any]:
        """What every report names: the incident, where, us, under which rules, and what of ours is
        in effect."""
        at = self.deployment
        return {
            "incident_id": incident.incident_id,
            "incident": incident,
            "target": target,
            "account_id": (target.account_id if target else incident.account_id) or at.account_id,
            "region": (target.region if target else incident.region) or at.region,
            "remediator": at.remediator,
            "policy": at.policy_source,
            "in_effect": tuple(map(in_effect, state.in_effect)) if state else (),
        }

    def brief(
        self,
        incident: Incident,
        status: Status,
        reason: str,
        target: Target | None = None,
        state: IncidentState | None = None,
    ) -> Report:
        """A report of something that needed no look."""
        now = self.clock()
        return Report(
            **self.whereabouts(incident, target, state),
            mode=self.mode_for(incident, target),
            at=now,
            outcome=Outcome(status=status, reason=reason, at=now),
            follow_up=FollowUp(decision=FollowUpDecision.NONE),
        )

    def brief_of(self, state: IncidentState, status: Status, reason: str) -> Report:
        """As ``brief``, of a known incident."""
        return self.brief(state.incident, status, reason, state.target)

    def notify(self, report: Report, kind: str | None = None) -> None:
        if self.notifier is not None:
            self.notifier.notify(announcing.notice(report, kind))
