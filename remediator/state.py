"""What is remembered of an incident between two invocations, and the journal's other records."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from remediator.model import (
    Cause,
    Change,
    Diagnosis,
    GuardedPlan,
    Incident,
    Record,
    RemedyName,
    Target,
)


class Stage(StrEnum):
    """Where an incident stands."""

    ACTING = "acting"
    """Between the first reading and the last write of a turn; found like this, it crashed."""
    AWAITING_APPROVAL = "awaiting_approval"
    WATCHING = "watching"
    CLOSED = "closed"


class ChangeState(StrEnum):
    """How far one change has come. ``intended`` is journalled before the write (invariant 8)."""

    INTENDED = "intended"
    APPLIED = "applied"
    UNDOING = "undoing"
    UNDONE = "undone"
    ABANDONED = "abandoned"
    """Never in effect: not ours to undo, and not paid for."""
    OVERTAKEN = "overtaken"
    """Somebody has changed the setting since: theirs, and not ours to undo."""


class TrackedChange(Record):
    """A change and its life so far."""

    change: Change
    state: ChangeState
    at: datetime
    turn: int = 0
    """Which turn of the incident made it; a turn is undone as a whole, newest first."""
    detail: str = ""

    @property
    def ours_to_undo(self) -> bool:
        """Whether the setting may hold our value."""
        return self.state in {ChangeState.INTENDED, ChangeState.APPLIED, ChangeState.UNDOING}


class Snapshot(Record):
    """The few numbers that a verdict compares, as they were just before a turn's changes."""

    at: datetime
    age_seconds: float | None = None
    age_slope: float | None = None
    error_share: float | None = None
    throttle_share: float | None = None
    duration_ms: float | None = None
    concurrency: float | None = None
    successes_per_minute: float | None = None
    lane_rate: float | None = None
    records_per_batch: float | None = None
    processed_per_second: float | None = None
    head_per_second: float | None = None
    neighbours_throttles_per_minute: float | None = None


class IncidentState(Record):
    """One incident's memory: a snapshot that every journal entry moves on by one version."""

    incident_id: str
    account_id: str
    region: str
    incident: Incident
    target: Target | None = None
    stage: Stage = Stage.ACTING
    version: int = 0
    opened_at: datetime
    updated_at: datetime
    turn: int = 0
    cause: Cause | None = None
    diagnosis: Diagnosis | None = None
    learned: Cause | None = None
    """What our own change has shown, which readings alone do not: it holds for this incident."""
    before: Snapshot | None = None
    forecast_drains_in_seconds: float | None = None
    changes: tuple[TrackedChange, ...] = ()
    tried: tuple[RemedyName, ...] = ()
    """Remedies that did not help in this incident, or made it worse; not planned again."""
    pending: GuardedPlan | None = None
    pending_until: datetime | None = None
    follow_up_number: int = 0
    follow_up_at: datetime | None = None
    quiet_since: datetime | None = None
    recovered_at: datetime | None = None
    undo_asked_by: str | None = None
    """Who asked for everything to be undone; what AWS does not take at once is tried again."""
    announced: tuple[str, ...] = ()
    """Kinds of notice already sent, so that nobody is told the same thing every minute."""

    @property
    def open(self) -> bool:
        """Whether anything is still to be done or watched."""
        return self.stage is not Stage.CLOSED

    @property
    def in_effect(self) -> tuple[TrackedChange, ...]:
        """The changes that may still be in effect, newest first."""
        return tuple(tracked for tracked in reversed(self.changes) if tracked.ours_to_undo)

    @property
    def levers_in_effect(self) -> tuple[TrackedChange, ...]:
        """As ``in_effect``, without first aid, which is not judged by what the age does."""
        return tuple(
            tracked
            for tracked in self.in_effect
            if tracked.change.remedy is not RemedyName.EXTEND_RETENTION
        )


class EntryKind(StrEnum):
    """Kinds of append-only journal records."""

    INCIDENT = "incident"
    EVIDENCE = "evidence"
    DIAGNOSIS = "diagnosis"
    RULING = "ruling"
    INTENT = "intent"
    APPLIED = "applied"
    NOT_APPLIED = "not_applied"
    UNDOING = "undoing"
    UNDONE = "undone"
    OUTCOME = "outcome"
    VERDICT = "verdict"
    FOLLOW_UP = "follow_up"
    APPROVAL = "approval"
    NOTE = "note"


class Entry(Record):
    """One append-only record. ``data`` is plain JSON and never holds a stream record's payload."""

    incident_id: str
    kind: EntryKind
    at: datetime
    data: Mapping[str, Any] = {}
    number: int = 0
    """Set by the journal: 1, 2, 3… within the incident."""


class Lease(Record):
    """The right to act on one mapping until ``expires_at``; ``token`` grows with each holder."""

    mapping: str
    holder: str
    token: int
    expires_at: datetime


class Freeze(Record):
    """A stop switch that somebody set."""

    scope: str
    """``all``, or a function's name."""
    reason: str
    by: str
    at: datetime


class Claim(Record):
    """Concurrency that an incident has been promised, until metrics show its use."""

    incident_id: str
    amount: int
    expires_at: datetime


class Spent(Record):
    """One change counted against the budgets and the cool-downs."""

    incident_id: str
    mapping: str
    remedy: RemedyName
    at: datetime
    raised: bool = True
    """Whether it raised something; lowering has a cool-down of its own."""
    by_hand: bool = False
    """Whether a person asked for it: theirs starts the cool-down of a human's change."""


SPENT_COUNTS_FOR = timedelta(days=1)
"""How far back the ledger knows; no budget window or cool-down of a policy may be longer."""


class AccountLedger(Record):
    """What all incidents of one account and Region have claimed and spent lately."""

    claims: tuple[Claim, ...] = ()
    spent: tuple[Spent, ...] = ()
    version: int = 0
    """Moves on with every write: what compare-and-set compares. 0: never written."""

    def claimed_by_others(self, incident_id: str, now: datetime) -> int:
        """Concurrency promised to other incidents that is not yet expired."""
        return sum(
            claim.amount
            for claim in self.claims
            if claim.incident_id != incident_id and claim.expires_at > now
        )

    def spending(
        self, claim: Claim | None, spent: Sequence[Spent], now: datetime
    ) -> "AccountLedger":
        """One version on, with a claim and changes added and without what no longer counts.

        A second claim of one incident adds to its first: the first may not show in metrics yet,
        and a promise counted twice is safe for the neighbours where one forgotten is not
        (invariant 4).
        """
        return AccountLedger(
            claims=(
                *(old for old in self.claims if old.expires_at > now),
                *([claim] if claim else []),
            ),
            spent=(*(old for old in self.spent if old.at > now - SPENT_COUNTS_FOR), *spent),
            version=self.version + 1,
        )

    def releasing(self, incident_id: str, now: datetime) -> "AccountLedger":
        """One version on, without an incident's claims and without what no longer counts."""
        rest = tuple(claim for claim in self.claims if claim.incident_id != incident_id)
        return self.model_copy(update={"claims": rest}).spending(None, (), now)
