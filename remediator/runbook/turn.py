"""A turn: one invocation's hold of an incident. Its state, its lease, its look, what it commits."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from remediator.decide import pacing, planning
from remediator.errors import ConflictError, PermanentError, TemporaryError
from remediator.execution import Executor
from remediator.model import (
    Change,
    ChangeResult,
    FollowUp,
    GuardedPlan,
    Incident,
    Mode,
    Outcome,
    Record,
    Report,
    Status,
    Target,
    Verdict,
)
from remediator.runbook import memory, reserving
from remediator.runbook.remembered import Remembered
from remediator.runbook.session import Session
from remediator.settings_table import of, raises
from remediator.state import LEASE_SECONDS, Entry, EntryKind, IncidentState, Lease, TrackedChange

# How often something is repeated because another invocation was faster at the journal.
ATTEMPTS = 5


class Turn(Remembered):
    """One invocation's hold of an incident."""

    lease: Lease
    notes: tuple[str, ...] = ()
    """What this look has to say beside what it decides."""

    # --- changes ---------------------------------------------------------------------------

    def recover(self, *, onward: bool = True) -> None:
        """Settle what a dead invocation left behind. What takes several writes goes on, unless
        it is not to go ``onward``."""
        self.state = self._executor().recover(self.state, self.lease, onward=onward)
        self.target = memory.target_of(self.state)

    @property
    def half_way(self) -> TrackedChange | None:
        """The change that takes several writes and has not arrived: nobody reads, perhaps."""
        return next(
            (t for t in self.state.in_effect if t.unsettled and of(t.change).in_steps), None
        )

    def overtaken(self, asked_at: datetime | None = None) -> None:
        """Give up what somebody else has changed since."""
        self.state = self._executor(asked_at).overtaken(self.state, self.lease)

    def apply(self, guarded: GuardedPlan) -> tuple[ChangeResult, ...]:
        """Make the allowed changes."""
        self.state, results = self._executor().apply(self.state, self.lease, guarded)
        self.target = memory.target_of(self.state)
        return results

    def undo(
        self,
        which: Sequence[TrackedChange],
        beside: Sequence[Change] = (),
        *,
        asked_at: datetime | None = None,
    ) -> tuple[ChangeResult, ...]:
        """Put changes back. Counted for its own cool-down first: a death may cut the undo short."""
        self._reserve_lowering(which, by_hand=asked_at is not None)
        executor = self._executor(asked_at)
        self.state, results = executor.undo(self.state, self.lease, which, beside)
        self.target = memory.target_of(self.state)
        return results

    def _executor(self, asked_at: datetime | None = None) -> Executor:
        session, stopped = self.session, partial(self.stopped, asked_at)
        return Executor(session.actuator, session.need_journal(), session.clock, stopped)

    def stopped(self, asked_at: datetime | None = None) -> str | None:
        """Why nothing may be written at this moment: a mode that was lowered, or a freeze."""
        if self.session.mode_for(self.incident, self.target) is Mode.PLAN:
            return "mode is plan"
        return self.session.stopped(self.target, asked_at)

    def gives_up_to_nobody(self) -> bool:
        """Whether something of ours may give records up, and what captures them is known not to be
        there any more."""
        mapping = self.case.evidence.mapping
        arn = mapping.on_failure_destination if mapping else None
        if arn is None or not pacing.gives_up_records(self.state):
            return False
        return self.session.sensor.destination_exists(arn) is False

    # --- the account's ledger --------------------------------------------------------------

    def reserve(
        self,
        approved: GuardedPlan | None = None,
        if_so: Callable[[GuardedPlan], bool] = lambda _: True,
    ) -> GuardedPlan:
        """Rule, and claim the concurrency and spend the budget of what may be made, against the
        very ledger that it was ruled by (invariants 4 and 6).

        Another incident may be faster: then the ruling is repeated with what it has left. Nothing
        is spent unless ``if_so``. Raises TemporaryError when others are faster all the time.
        """
        session = self.session
        for _ in range(ATTEMPTS):
            ledger = self.ledger()
            guarded = self.rule(ledger, approved=approved.plan if approved else None)
            if guarded.mode is Mode.PLAN or not guarded.allowed or not if_so(guarded):
                return guarded
            now = session.clock()
            with suppress(ConflictError):
                session.need_journal().spend(
                    self.target.account_id,
                    self.target.region,
                    now,
                    ledger,
                    reserving.claim_of(self.case, guarded, now),
                    reserving.spent_on(self.state, guarded, now),
                )
                return guarded
        raise TemporaryError("too many incidents act in this account at the same moment")

    def _reserve_lowering(self, which: Sequence[TrackedChange], *, by_hand: bool) -> None:
        """Raises TemporaryError where it cannot be counted: its cool-down would be forgotten."""
        journal, now, state = self.session.need_journal(), self.session.clock(), self.state
        spent = reserving.lowered(state, which, now, by_hand=by_hand)
        for _ in range(ATTEMPTS if spent else 0):
            ledger = journal.ledger(state.account_id, state.region)
            with suppress(ConflictError):
                journal.spend(state.account_id, state.region, now, ledger, None, spent)
                return
        if spent:
            raise TemporaryError("too many incidents act in this account at the same moment")

    def free_claim(self) -> None:
        """As ``release_claim``, once nothing that uses it is in effect."""
        if not any(raises(tracked.change) for tracked in self.state.in_effect):
            self.release_claim()

    def release_claim(self) -> None:
        """Give the claimed concurrency back."""
        state, now = self.state, self.session.clock()
        self.session.need_journal().release_claim(
            state.account_id, state.region, state.incident_id, now
        )

    # --- the end ---------------------------------------------------------------------------

    def wait_for_a_person(self, guarded: GuardedPlan, outcome: Outcome) -> GuardedPlan | None:
        """Remember the plan that waits for approval, and until when; ``None``: none is asked for.

        The one that people were told of stays it for as long as it is valid and answers the same
        question; another look neither changes it under their hands nor prolongs it.
        """
        pending, until = memory.waiting(self.state, self.case.policy, guarded, outcome, self.at)
        self.update(pending=pending, pending_until=until)
        return pending if outcome.status is Status.AWAITING_APPROVAL else None

    def end(
        self,
        outcome: Outcome,
        step: FollowUp,
        *,
        guarded: GuardedPlan | None = None,
        verdict: Verdict | None = None,
        kind: str | None = None,
        quiet: bool = False,
        called: bool = False,
        notes: tuple[str, ...] = (),
    ) -> Report:
        """Report, journal, and notify where it is news. ``called``: a person is, who is told what
        was tried and why nothing else is done. ``kind``: of the notice, where the outcome's status
        is not it. ``quiet``: nobody is notified."""
        if guarded is not None and guarded.plan.undo and not guarded.changes:
            guarded = None
        report = self.report(guarded, outcome, verdict=verdict, follow_up=step)
        report = report.model_copy(update={"notes": (*notes, *self.notes)})
        if called:
            report = report.model_copy(update=self._what_was_tried())
        self.state, fresh = memory.announced(self.state, report, kind)
        if fresh and kind == "recovered":
            report = report.model_copy(update=memory.recovery(self.state, self.case))
        self.notice_settings()
        self.update(updated_at=self.session.clock())
        self.commit(*self._facts(guarded, report))
        if fresh and not quiet:
            self.session.notify(report, kind)
        return report

    def end_unseen(self, outcome: Outcome, *, notify: bool = False) -> Report:
        """Report and journal an outcome that no reading has led to."""
        report = self.session.brief(
            self.incident, outcome.status, outcome.reason, self.target, self.state
        ).model_copy(update={"outcome": outcome})
        if outcome.status is Status.BLOCKED:
            self.state, notify = memory.announced(self.state, report)
        self.commit(self.entry(EntryKind.OUTCOME, outcome.model_dump(mode="json")))
        if notify:
            self.session.notify(report)
        return report

    def notice_settings(self) -> None:
        """What this look leaves for the next one to compare the mapping's settings with."""
        mapping = self.case.evidence.mapping
        self.update(edit=self.around.edit, mapping_seen=mapping or self.state.mapping_seen)

    def _facts(self, guarded: GuardedPlan | None, report: Report) -> list[Entry]:
        """The append-only records of a turn: evidence digest, diagnosis, rulings, outcome."""
        seen = self.case.signals.model_dump(mode="json", exclude_none=True)
        told = report.model_dump(mode="json", include=TOLD, exclude_defaults=True)
        said: list[tuple[EntryKind, Record | None, dict[str, object]]] = [
            (EntryKind.DIAGNOSIS, self.case.diagnosis, {}),
            *((EntryKind.RULING, one, {}) for one in (guarded.changes if guarded else ())),
            (EntryKind.OUTCOME, report.outcome, {"told": told}),
            (EntryKind.VERDICT, report.verdict, {}),
            (EntryKind.FOLLOW_UP, report.follow_up, {}),
        ]
        return [
            self.entry(EntryKind.EVIDENCE, seen),
            *(
                self.entry(kind, one.model_dump(mode="json") | and_)
                for kind, one, and_ in said
                if one
            ),
        ]

    def _what_was_tried(self) -> dict[str, object]:
        ledger = self.ledger()
        guarded = self.rule(ledger)
        refused = {
            one.change.remedy: f"{one.ruling.guardrail}: {one.ruling.reason}"
            for one in guarded.changes
            if not one.allowed
        }
        return {
            "escalation": planning.escalation(self.weighed(ledger), self.state.tried, refused),
            "next_commands": guarded.plan.next_commands,
        }


# What of a report stands nowhere else in the journal: kept for who reads it a month later.
TOLD = {
    "forecast",
    "poison",
    "escalation",
    "next_commands",
    "notes",
    "recovered_in_seconds",
    "forecast_error_seconds",
}


def under_lease(
    session: Session, incident: Incident, target: Target, act: Callable[[Lease], Report]
) -> Report:
    """Act while nobody else does; a lease that is held elsewhere is an answer, not an error."""
    journal, now = session.need_journal(), session.clock()
    lease = journal.acquire(target.known_as, session.holder, now, LEASE_SECONDS)
    if lease is None:
        reason = "another invocation acts on this mapping right now"
        return session.brief(incident, Status.IN_PROGRESS, reason, target)
    try:
        return act(lease)
    except ConflictError as error:
        return session.brief(incident, Status.CONFLICT, str(error), target)
    finally:
        with suppress(TemporaryError, PermanentError):  # it expires by itself
            journal.release(lease)


def with_turn(session: Session, state: IncidentState, act: Callable[[Turn], Report]) -> Report:
    """As ``under_lease``, with the incident's state as it is once the lease is held."""
    return under_lease(
        session,
        state.incident,
        memory.target_of(state),
        lambda lease: act(Turn(session, session.load_incident(state.incident_id), lease)),
    )
