"""One look at a pipeline: what was read, what it means, what the guardrails say. Writes nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from remediator.decide import (
    caution,
    forecast,
    guardrails,
    ownership,
    planning,
    refusals,
    verification,
)
from remediator.decide.case import Case
from remediator.decide.guardrails import Circumstances, Undo
from remediator.model import (
    Busy,
    Cause,
    Change,
    Detail,
    FollowUp,
    FollowUpDecision,
    GuardedPlan,
    Incident,
    Mode,
    Outcome,
    Plan,
    RemedyName,
    Report,
    Target,
    Verdict,
)
from remediator.render import announcing
from remediator.runbook.session import Session
from remediator.state import AccountLedger, ChangeState, IncidentState, TrackedChange


class Look:
    """A pipeline as it is looked at: for a person who asks, or by a turn of an incident."""

    case: Case
    around: Circumstances

    def __init__(
        self,
        session: Session,
        incident: Incident,
        target: Target,
        known: IncidentState | None = None,
    ) -> None:
        """``known``: the incident's memory, where there is one. It says what is late."""
        self.session = session
        self.incident = incident
        self.target = target
        self._known = known
        self._asked_who = False
        self._who: tuple[Busy, ...] | None = None

    @property
    def known(self) -> IncidentState | None:
        """What is remembered of the incident."""
        return self._known

    @property
    def at(self) -> datetime:
        """When it was looked."""
        return self.around.now

    def look(self) -> None:
        """Read, understand, and compare with what an earlier look saw: of this incident, else of
        the last one. Raises as the sensor does."""
        now, known = self.session.clock(), self.known
        self.case = self.session.read(self.target, known.incident if known else self.incident)
        self.around = Circumstances(now=now, incident_id=self.incident.incident_id)
        mapping, opening = self.case.evidence.mapping, known is None or known.mapping_seen is None
        if mapping is None or (opening and not self._edited_of_late()):
            return
        before = self._last_incident() if opening else known
        if before is None or before.mapping_seen is None:
            return
        if before.mapping_seen.uuid != mapping.uuid:  # one has taken over: nobody has edited it yet
            before = before.model_copy(update={"mapping_seen": mapping})
        edit, onset = ownership.edit_since(before, mapping), self.case.signals.onset
        if opening and edit is not None and onset is not None and edit.at <= onset:
            edit = None  # before it began: how things are, and nothing that anybody is at
        self.around = self.around._replace(mapping_known=True, edit=edit)

    def _edited_of_late(self) -> bool:
        quiet, mapping = self.case.policy.cooldown.human_seconds, self.case.evidence.mapping
        changed = mapping.last_modified if mapping else None
        return changed is not None and self.at - changed < timedelta(seconds=quiet)

    def _last_incident(self) -> IncidentState | None:
        if self.session.journal is None:
            return None
        own = self.known.incident_id if self.known else ""
        history = self.session.journal.history(self.target.known_as, 2)
        return next((other for other in history if other.incident_id != own), None)

    # --- rulings ---------------------------------------------------------------------------

    def ledger(self) -> AccountLedger:
        """What all incidents of the account have claimed and spent."""
        if self.session.journal is None:
            return AccountLedger()
        return self.session.journal.ledger(self.target.account_id, self.target.region)

    def rule(
        self,
        ledger: AccountLedger | None = None,
        *,
        wish: Plan | None = None,
        approved: Plan | None = None,
    ) -> GuardedPlan:
        """The plan, ruled on; ``wish``: that very plan, and not one that is made now; ``approved``:
        one that a person has approved."""
        ledger = own_ledger(ledger or self.ledger(), self.known)
        case = self.weighed(ledger)
        tried = self.known.tried if self.known else ()
        wish = approved or wish or planning.plan(self.incident.incident_id, case, tried)
        around = self._surroundings(ledger, approved=approved is not None)
        around = around._replace(taken=self._taken_back(wish))
        if wish.changes and around.mode is Mode.APPLY:
            around = around._replace(other_journal=self.session.other_journal())
        return guardrails.guard(wish, case, around)

    def rule_undo(
        self,
        which: Sequence[TrackedChange],
        why: Undo,
        *,
        beside: Sequence[Change] = (),
        approved: bool = False,
    ) -> GuardedPlan:
        """What the guardrails say of putting changes of ours back."""
        ledger = own_ledger(self.ledger(), self.known)
        return guardrails.guard_undo(
            which,
            self.weighed(ledger),
            self._surroundings(ledger, approved=approved),
            why,
            captured=self.known.changes if self.known else (),
            beside=beside,
        )

    def held_back(self) -> str | None:
        """Why nothing of ours may be taken back now; ``None`` if it may."""
        return self.session.undo_held_back(self.incident, self.target, self.case.policy)

    def weighed(self, ledger: AccountLedger) -> Case:
        """The case, with what levers turn on."""
        return caution.weighed(
            self.case,
            claimed=ledger.claimed_by_others(self.incident.incident_id, self.at),
            unreserved_minimum=refusals.told_minimum(self.known),
            held=self.known is not None and verification.held(self.known, self.case),
            quarantine_arn=self.session.deployment.quarantine_arn,
            destination_usable=self._destination_usable(),
            busiest=self._busiest(),
        )

    def _busiest(self) -> tuple[Busy, ...] | None:
        """Whom a reservation is taken from; asked once, where the account's pool throttles."""
        found = self.case.diagnosis
        if found.cause is not Cause.THROTTLING or found.detail is not Detail.ACCOUNT:
            return None
        if not self._asked_who:
            self._asked_who, self._who = True, self.session.sensor.busiest(self.at)
        return self._who

    def _destination_usable(self) -> bool | None:
        if refusals.uncaptured(self.known, self.at):
            return False
        mapping = self.case.evidence.mapping
        own = mapping.on_failure_destination if mapping else None
        ages = mapping is not None and mapping.maximum_record_age_seconds != -1
        given_up = ages or (own is not None and mapping is not None and mapping.retries_bounded)
        if self.case.diagnosis.cause is not Cause.POISON_RECORD and not given_up:
            return None
        arn = own or self.session.deployment.quarantine_arn
        return self.session.sensor.destination_exists(arn) if arn else None

    def _surroundings(self, ledger: AccountLedger, *, approved: bool) -> Circumstances:
        freeze, unreadable = self.session.freeze_of(self.target)
        alarms = self.case.policy.downstream_alarms
        described = self.session.described_alarms(alarms) if alarms else {}
        return self.around._replace(
            mode=self.session.mode_for(self.incident, self.target, self.case.policy),
            freeze=freeze,
            freeze_unreadable=unreadable,
            ledger=ledger,
            downstream={
                name: described[name].alarm.state.value if name in described else None
                for name in alarms
            },
            approved=approved,
            tags_unseen=self.session.tags_unseen(self.case.evidence),
        )

    def _taken_back(self, wish: Plan) -> ownership.Taken:
        """What somebody has changed since, of the settings that a plan would change."""
        journal = self.session.journal
        resources = dict.fromkeys(change.resource for change in wish.changes) if journal else ()
        return ownership.taken_back(
            state for one in resources if journal for state in journal.owners(one)
        )

    # --- the report ------------------------------------------------------------------------

    def report(
        self,
        guarded: GuardedPlan | None,
        outcome: Outcome,
        *,
        verdict: Verdict | None = None,
        follow_up: FollowUp | None = None,
        state: IncidentState | None = None,
    ) -> Report:
        """``state``: whose changes are in effect, where it is not this incident's memory."""
        case, plan = self.case, guarded.plan if guarded else None
        cause = case.diagnosis.cause
        options = (
            plan.forecast
            if plan
            else forecast.options(case.evidence, case.signals, case.policy, cause)
        )
        return Report(
            **self.session.whereabouts(self.incident, self.target, state or self.known),
            age_seconds=case.signals.age_seconds,
            backlog_records=case.signals.backlog_records,
            over_in_seconds=next(
                (one.drains_in_seconds for one in options if one.option == "nothing"), None
            ),
            mode=guarded.mode if guarded else self.session.mode_for(self.incident, self.target),
            at=self.at,
            diagnosis=case.diagnosis,
            forecast=options,
            guarded_plan=guarded,
            outcome=outcome,
            verdict=verdict,
            follow_up=follow_up or FollowUp(decision=FollowUpDecision.NONE),
            poison=announcing.poison_packet(case.evidence, case.signals)
            if cause is Cause.POISON_RECORD
            else None,
            escalation=plan.escalation if plan else None,
            next_commands=plan.next_commands if plan else (),
        )


def own_ledger(ledger: AccountLedger, state: IncidentState | None) -> AccountLedger:
    """The account's ledger, less what an incident paid for and did not get: of a turn's remedy,
    nothing. What it lowered stays paid for, whatever became of it."""
    if state is None:
        return ledger
    made: dict[tuple[int, RemedyName], bool] = {}
    for tracked in state.changes:
        key = tracked.turn, tracked.change.remedy
        made[key] = made.get(key, False) or tracked.state is not ChangeState.ABANDONED
    turns = {turn for turn, _ in made}  # what else they paid for was skipped
    kept = tuple(
        spent
        for spent in ledger.spent
        if spent.incident_id != state.incident_id
        or not spent.raised
        or made.get((spent.turn, spent.remedy), spent.turn not in turns)
    )
    return ledger.model_copy(update={"spent": kept})
