"""The desk at which an incident is worked on: the ports, the policy, and what all turns need."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, NamedTuple

from remediator.decide import forecast, guardrails, planning
from remediator.decide.case import Case
from remediator.decide.guardrails import Circumstances, Undo
from remediator.decide.tree import diagnosed
from remediator.errors import ConflictError, InputError, PermanentError, TemporaryError
from remediator.evidence.signals import Signals
from remediator.execution import Executor
from remediator.model import (
    Cause,
    Change,
    Diagnosis,
    Evidence,
    FollowUp,
    FollowUpDecision,
    GuardedPlan,
    Incident,
    MappingState,
    Mode,
    Outcome,
    Plan,
    PolicySource,
    RemedyName,
    Report,
    Status,
    Target,
    Verdict,
)
from remediator.policy import Policy
from remediator.ports import Actuator, DescribedAlarm, Journal, Notifier, Scheduler, Sensor
from remediator.render import announcing
from remediator.runbook import owning, theirs
from remediator.state import (
    LEASE_SECONDS,
    AccountLedger,
    ChangeState,
    Edit,
    Freeze,
    IncidentState,
    Lease,
    TrackedChange,
    in_effect,
)

ATTEMPTS = 5
"""How often a ruling is repeated because another incident was faster at the ledger."""


class Deployment(NamedTuple):
    """What the template says of this deployment."""

    mode: Mode
    target_function: str | None = None
    """The opted-in function's name or pattern; others are only planned for."""
    quarantine_arn: str | None = None
    account_id: str | None = None
    region: str | None = None
    remediator: str | None = None
    """Our own function's name, for commands that people paste."""
    policy_source: PolicySource | None = None


class Look(NamedTuple):
    """One look at a pipeline: what was read and what it means."""

    at: datetime
    evidence: Evidence
    policy: Policy
    signals: Signals
    diagnosis: Diagnosis
    mapping_known: bool = False
    """Whether an earlier look of ours is there to compare the mapping with."""
    edit: Edit | None = None
    """The latest change of the mapping that somebody else has made since."""
    unreserved_minimum: int | None = None
    """What AWS wants unreserved in this account, where a refusal of this incident has told it."""


class Desk(NamedTuple):
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
    freeze_switch: Callable[[], Freeze | None] = lambda: None
    """A freeze switch outside the journal. Raises when it cannot be read."""

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
        patterns = self.deployment.target_function
        return patterns is None or any(
            fnmatchcase(target.function, pattern.strip()) for pattern in patterns.split(",")
        )

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

    def described_alarms(self, names: Sequence[str]) -> dict[str, DescribedAlarm]:
        """Alarms by name; empty where they cannot be seen."""
        try:
            return {found.alarm.name: found for found in self.sensor.describe_alarms(names)}
        except (PermanentError, TemporaryError):
            return {}

    def look_at(self, target: Target, incident: Incident | None = None) -> Look:
        """Read and understand; late is what the policy calls so, or the incident's alarm."""
        now = self.clock()
        window = self.policy.thresholds.metric_window_minutes * 60
        evidence = self.sensor.read(target, now, window)
        tags = evidence.function.tags if evidence.function else {}
        policy = self.policy.for_target(target.function, target.stream, tags)
        alarm = incident.alarm if incident else None
        policy = policy.late_after(alarm.late_after_seconds if alarm else None)
        case = diagnosed(evidence, policy)
        return Look(now, evidence, policy, case.signals, case.diagnosis)

    def look_for(
        self, target: Target, state: IncidentState | None, incident: Incident | None = None
    ) -> Look:
        """A look that knows what an earlier one saw: of this incident, else of the last one."""
        told = owning.told_minimum(t.detail for t in state.changes) if state else None
        look = self.look_at(target, state.incident if state else incident)._replace(
            unreserved_minimum=told
        )
        mapping, opening = look.evidence.mapping, state is None or state.mapping_seen is None
        if mapping is None or (opening and not self._edited_of_late(look, mapping)):
            return look
        before = self._last_incident(target, state) if opening else state
        if before is None or before.mapping_seen is None:
            return look
        edit, onset = owning.edit_since(before, mapping), look.signals.onset
        if opening and edit is not None and onset is not None and edit.at <= onset:
            edit = None  # before it began: how things are, and nothing that anybody is at
        return look._replace(mapping_known=True, edit=edit)

    @staticmethod
    def _edited_of_late(look: Look, mapping: MappingState) -> bool:
        quiet, changed = look.policy.cooldown.human_seconds, mapping.last_modified
        return changed is not None and look.at - changed < timedelta(seconds=quiet)

    def _last_incident(self, target: Target, state: IncidentState | None) -> IncidentState | None:
        if self.journal is None:
            return None
        known = self.journal.history(target.event_source_mapping, 2)
        own = state.incident_id if state else ""
        return next((other for other in known if other.incident_id != own), None)

    def weighed(
        self, look: Look, ledger: AccountLedger, incident_id: str, usable: bool | None = None
    ) -> Case:
        return planning.weighed(
            Case(look.evidence, look.signals, look.policy, look.diagnosis),
            claimed=ledger.claimed_by_others(incident_id, look.at),
            unreserved_minimum=look.unreserved_minimum,
            quarantine_arn=self.deployment.quarantine_arn,
            destination_usable=self.destination_usable(look) if usable is None else usable,
        )

    def destination_usable(self, look: Look) -> bool | None:
        mapping = look.evidence.mapping
        ages = mapping is not None and mapping.maximum_record_age_seconds != -1
        if look.diagnosis.cause is not Cause.POISON_RECORD and not ages:
            return None
        own = mapping.on_failure_destination if mapping else None
        arn = own or self.deployment.quarantine_arn
        return self.sensor.destination_exists(arn) if arn else None

    def circumstances(
        self,
        look: Look,
        incident: Incident,
        ledger: AccountLedger,
        *,
        approved: bool = False,
    ) -> Circumstances:
        freeze, unreadable = self.freeze_of(look.evidence.target)
        alarms = look.policy.downstream_alarms
        described = self.described_alarms(alarms) if alarms else {}
        return Circumstances(
            now=look.at,
            incident_id=incident.incident_id,
            mode=self.mode_for(incident, look.evidence.target, look.policy),
            freeze=freeze,
            freeze_unreadable=unreadable,
            ledger=ledger,
            downstream={
                name: described[name].alarm.state.value if name in described else None
                for name in alarms
            },
            mapping_known=look.mapping_known,
            edit=look.edit,
            approved=approved,
            tags_unseen=self.tags_unseen(look.evidence),
        )

    def tags_unseen(self, evidence: Evidence) -> bool:
        """Whether an override of the policy asks for tags that could not be read."""
        asked = any(override.match.tags for override in self.policy.overrides)
        return asked and (evidence.function is None or evidence.lacks("tags"))

    def undo_held_back(self, incident: Incident, look: Look) -> str | None:
        """Why nothing of ours may be taken back now; ``None`` if it may."""
        return self.undo_held_back_at(incident, look.evidence.target, look.policy)

    def undo_held_back_at(self, incident: Incident, target: Target, policy: Policy) -> str | None:
        """As ``undo_held_back``, where there is nothing to look at any more."""
        freeze, unreadable = self.freeze_of(target)
        around = Circumstances(
            now=self.clock(),
            mode=self.mode_for(incident, target, policy),
            freeze=freeze,
            freeze_unreadable=unreadable,
        )
        return guardrails.undo_held_back(policy, around)

    def freezes(self, target: Target) -> list[Freeze]:
        """Every freeze that is set for a target and can be seen."""
        found: list[Freeze | None] = []
        with suppress(PermanentError, TemporaryError):
            found.append(self.freeze_switch())
        if self.journal is not None:
            found += [self.journal.frozen([scope]) for scope in ("all", target.function)]
        return [freeze for freeze in found if freeze is not None]

    def ruled_undo(
        self,
        state: IncidentState,
        look: Look,
        which: Sequence[TrackedChange],
        why: Undo,
        *,
        beside: Sequence[Change] = (),
        approved: bool = False,
    ) -> GuardedPlan:
        """What the guardrails say of putting changes of ours back."""
        ledger = self.own_ledger(state, look.evidence.target)
        return guardrails.guard_undo(
            which,
            self.weighed(look, ledger, state.incident_id),
            self.circumstances(look, state.incident, ledger, approved=approved),
            why,
            captured=state.changes,
            beside=beside,
        )

    def freeze_of(self, target: Target) -> tuple[Freeze | None, str | None]:
        try:
            switched = self.freeze_switch()
        except (PermanentError, TemporaryError) as error:
            return None, str(error)
        if switched is not None or self.journal is None:
            return switched, None
        return self.journal.frozen(["all", target.function]), None

    def guarded(
        self,
        look: Look,
        incident: Incident,
        ledger: AccountLedger,
        tried: Sequence[RemedyName] = (),
        *,
        approved: Plan | None = None,
        usable: bool | None = None,
    ) -> GuardedPlan:
        """The plan, ruled on; ``approved``: that very plan, which a person has approved."""
        here = self.weighed(look, ledger, incident.incident_id, usable)
        wish = approved or planning.plan(incident.incident_id, here, tried)
        ruled = guardrails.guard(
            wish, here, self.circumstances(look, incident, ledger, approved=approved is not None)
        )
        taken = self.taken_back(ruled)
        return theirs.left_alone(ruled, taken, look.at, look.policy.cooldown.human_seconds)

    def taken_back(self, guarded: GuardedPlan) -> theirs.Taken:
        """What somebody has changed since, of the settings that a plan would change."""
        resources = dict.fromkeys(change.resource for change in guarded.proposed)
        if self.journal is None:
            return {}
        return theirs.taken_back(
            state for resource in resources for state in self.journal.owners(resource)
        )

    def ledger_of(self, target: Target) -> AccountLedger:
        if self.journal is None:
            return AccountLedger()
        return self.journal.ledger(target.account_id, target.region)

    def own_ledger(self, state: IncidentState, target: Target) -> AccountLedger:
        """The account's ledger, less what this incident paid for and did not get: of a turn's
        remedy, nothing. What it lowered stays paid for, whatever became of it."""
        ledger = self.ledger_of(target)
        made: dict[tuple[int, RemedyName], bool] = {}
        for tracked in state.changes:
            key = tracked.turn, tracked.change.remedy
            made[key] = made.get(key, False) or tracked.state is not ChangeState.ABANDONED
        kept = tuple(
            spent
            for spent in ledger.spent
            if spent.incident_id != state.incident_id
            or not spent.raised
            or made.get((spent.turn, spent.remedy), True)
        )
        return ledger.model_copy(update={"spent": kept})

    def report_of(
        self,
        incident: Incident,
        look: Look,
        guarded: GuardedPlan | None,
        outcome: Outcome,
        *,
        verdict: Verdict | None = None,
        follow_up: FollowUp | None = None,
        state: IncidentState | None = None,
    ) -> Report:
        """``state``: the incident's memory, where there is one."""
        plan: Plan | None = guarded.plan if guarded else None
        options = (
            plan.forecast
            if plan
            else forecast.options(look.evidence, look.signals, look.policy, look.diagnosis.cause)
        )
        return Report(
            **self.whereabouts(incident, look.evidence.target, state),
            age_seconds=look.signals.age_seconds,
            backlog_records=look.signals.backlog_records,
            over_in_seconds=next(
                (one.drains_in_seconds for one in options if one.option == "nothing"), None
            ),
            incident_id=incident.incident_id,
            mode=guarded.mode if guarded else self.mode_for(incident, look.evidence.target),
            at=look.at,
            target=look.evidence.target,
            incident=incident,
            diagnosis=look.diagnosis,
            forecast=options,
            guarded_plan=guarded,
            outcome=outcome,
            verdict=verdict,
            follow_up=follow_up or FollowUp(decision=FollowUpDecision.NONE),
            poison=announcing.poison_packet(look.evidence, look.signals)
            if look.diagnosis.cause is Cause.POISON_RECORD
            else None,
            escalation=plan.escalation if plan else None,
            next_commands=plan.next_commands if plan else (),
        )

    def whereabouts(
        self, incident: Incident, target: Target | None, state: IncidentState | None
    ) -> dict[str, Any]:
        """What every report names: where, us, under which rules, and what of ours is in effect."""
        at = self.deployment
        return {
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
        follow_up: FollowUp | None = None,
        state: IncidentState | None = None,
    ) -> Report:
        """A report of something that needed no look."""
        now = self.clock()
        return Report(
            **self.whereabouts(incident, target, state),
            incident_id=incident.incident_id,
            mode=self.mode_for(incident, target),
            at=now,
            target=target,
            incident=incident,
            outcome=Outcome(status=status, reason=reason, at=now),
            follow_up=follow_up or FollowUp(decision=FollowUpDecision.NONE),
        )

    def tell(self, report: Report, kind: str | None = None) -> None:
        if self.notifier is not None:
            self.notifier.notify(announcing.notice(report, kind))

    def need_journal(self) -> Journal:
        if self.journal is None:
            raise PermanentError("there is no journal: nothing is changed without one")
        return self.journal

    def make_executor(
        self, target: Target | None = None, asked_at: datetime | None = None
    ) -> Executor:
        """What writes, unless ``stopped`` says no at that moment."""
        return Executor(
            self.actuator,
            self.need_journal(),
            self.clock,
            partial(self.stopped, target, asked_at) if target else lambda: None,
        )

    def stopped(self, target: Target, asked_at: datetime | None = None) -> str | None:
        """Why nothing may be written now: a freeze. What a person asked for at ``asked_at`` is
        held back only by one that was set later: the last word of a person holds."""
        if asked_at is not None:
            later = (found for found in self.freezes(target) if found.at > asked_at)
            freeze, unreadable = next(later, None), None
        else:
            freeze, unreadable = self.freeze_of(target)
            if self.policy.freeze:
                return "the policy file says freeze"
        if unreadable:
            return f"the freeze switch cannot be read: {unreadable}"
        if freeze is None:
            return None
        return f"frozen ({freeze.scope}) by {freeze.by} at {freeze.at:%F %R}: {freeze.reason}"

    def load_incident(self, incident_id: str) -> IncidentState:
        state = self.need_journal().load(incident_id)
        if state is None:
            raise InputError(f"incident {incident_id} is not in the journal")
        return state

    def under_lease(
        self, incident: Incident, target: Target, act: Callable[[Lease], Report]
    ) -> Report:
        """Act while nobody else does; a lease that is held elsewhere is an answer, not an error."""
        journal = self.need_journal()
        lease = journal.acquire(
            target.event_source_mapping, self.holder, self.clock(), LEASE_SECONDS
        )
        if lease is None:
            reason = "another invocation acts on this mapping right now"
            return self.brief(incident, Status.IN_PROGRESS, reason, target)
        try:
            return act(lease)
        except ConflictError as error:
            return self.brief(incident, Status.CONFLICT, str(error), target)
        finally:
            with suppress(TemporaryError, PermanentError):  # it expires by itself
                journal.release(lease)

    def with_lease(
        self, state: IncidentState, act: Callable[[IncidentState, Lease], Report]
    ) -> Report:
        """As ``under_lease``, with the incident's state as it is once the lease is held."""
        if state.target is None:
            raise PermanentError(f"incident {state.incident_id} has no target")
        return self.under_lease(
            state.incident,
            state.target,
            lambda lease: act(self.load_incident(state.incident_id), lease),
        )
