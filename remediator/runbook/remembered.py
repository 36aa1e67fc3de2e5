"""An incident that is kept in the journal and looked at again: its state, and the next look."""

from collections.abc import Mapping
from datetime import timedelta

from remediator.decide import pacing
from remediator.model import (
    GuardedPlan,
    Mode,
)
from remediator.runbook import memory
from remediator.runbook.look import Look
from remediator.runbook.session import Session
from remediator.state import Entry, EntryKind, IncidentState, Lease


class Remembered(Look):
    """An incident's memory in use. ``lease``: none for whoever only leaves a note."""

    def __init__(self, session: Session, state: IncidentState, lease: Lease | None) -> None:
        super().__init__(session, state.incident, memory.target_of(state))
        self.state = state
        self.lease = lease

    @property
    def known(self) -> IncidentState:
        """The incident's memory, as it is now."""
        return self.state

    def update(self, **fields: object) -> None:
        """Remember something, to be committed."""
        self.state = self.state.model_copy(update=fields)

    def commit(self, *entries: Entry) -> None:
        """Save the state with the entries, all or nothing. Raises as ``Journal.commit``."""
        journal, now = self.session.need_journal(), self.session.clock()
        self.state = journal.commit(self.state, entries, self.lease, now)

    def entry(self, kind: EntryKind, data: Mapping[str, object]) -> Entry:
        """One line of the journal."""
        now = self.session.clock()
        return Entry(incident_id=self.state.incident_id, kind=kind, at=now, data=data)

    # --- the next look ---------------------------------------------------------------------

    def is_watched(self) -> bool:
        """Whether the incident is looked at again: where changes may be made, and where one of ours
        is in effect, whatever the mode is now."""
        acting = self.session.mode_for(self.incident, self.target) is Mode.APPLY
        return acting or bool(self.state.to_go_back)

    def wake_up(self) -> None:
        """Have a next look before anything else is done, so that no death leaves it to nobody."""
        if self.state.follow_up_at is None and self.is_watched():
            self.wake_up_soon()

    def wake_up_soon(self) -> None:
        """As early as a look makes sense."""
        policy, now = self.session.policy, self.session.clock()
        self.wake_up_in(pacing.first_interval(policy, self.state, now))

    def wake_up_in(self, seconds: float) -> None:
        """Schedule the next look, and write it down; the first one together with a watch."""
        renewed = None if self.state.follow_up_at is None else self.state.updated_at
        self.session.keep_watch(self.state.incident_id, renewed)
        number = self.state.follow_up_number + 1
        at = self.session.schedule_look(self.state.incident_id, number, seconds)
        self.update(follow_up_at=at, updated_at=self.session.clock())
        self.commit()

    def put_off(self, seconds: float) -> None:
        """Look again no sooner than there is something to see; an earlier look gives way to it."""
        due = self.state.follow_up_at
        if due is not None and due >= self.session.clock() + timedelta(seconds=seconds):
            return
        if due is not None:
            self.update(follow_up_number=self.state.follow_up_number + 1)
        self.wake_up_in(seconds)

    def await_the_end(self, guarded: GuardedPlan) -> None:
        """The next look when the first of the refusals ends, where that is known: those in between
        would see the same. A change that is in effect is not looked at later for that."""
        ends = [change.ruling.until for change in guarded.changes if change.ruling.until]
        due, now = self.state.follow_up_at, self.session.clock()
        soon = self.session.policy.follow_up.soon_seconds
        if not ends or due is None:
            return
        left = (min(ends) - now).total_seconds() + 1
        seconds = min(pacing.SLOW_SECONDS, max(soon, left))
        later = (now + timedelta(seconds=seconds) - due).total_seconds()
        if abs(later) < soon / 2 or (later > 0 and self.state.in_effect):
            return
        self.look_sooner(seconds)
        self.commit()

    def look_sooner(self, seconds: float) -> None:
        """A look in place of the one that is scheduled, which counts for none; to be committed.

        Without a scheduler (by hand) the look that is scheduled already has to do.
        """
        if self.session.scheduler is None:
            return
        number = self.state.follow_up_number + 1
        at = self.session.schedule_look(self.state.incident_id, number + 1, seconds)
        self.update(follow_up_number=number, looks_from=self.state.looks_from + 1, follow_up_at=at)
