"""What is remembered of an incident between two invocations, and the journal's other records."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from remediator.model import (
    Cause,
    Change,
    Diagnosis,
    GuardedPlan,
    Incident,
    MappingState,
    Record,
    RemedyName,
    Resource,
    Target,
)
from remediator.state.changes import Begun, ChangeState, TrackedChange, in_effect
from remediator.state.shared import (
    LEASE_SECONDS,
    SPENT_COUNTS_FOR,
    AccountLedger,
    Claim,
    Freeze,
    JournalClaim,
    Lease,
    Spent,
    lease_name,
)

# Which version of these records this code writes. A journal may hold others, older and newer: they
# are read as far as they are understood.
WRITTEN_AS = 2


class Stage(StrEnum):
    """Where an incident stands."""

    ACTING = "acting"
    """Between the first reading and the last write of a turn; found like this, it crashed."""
    AWAITING_APPROVAL = "awaiting_approval"
    WATCHING = "watching"
    CLOSED = "closed"


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
    busy_lanes: float | None = None
    records_per_batch: float | None = None
    processed_per_second: float | None = None
    head_per_second: float | None = None
    neighbours_throttles_per_minute: float | None = None


class Edit(Record):
    """A change of a mapping that somebody else has made: when, and of what, in words."""

    at: datetime
    what: str


class Captured(Record):
    """A range of records that was given up, and whether it is kept; never what is in them."""

    key: str
    shard_id: str
    first: str
    last: str
    """Sequence numbers, both included."""
    records: int = 0
    """How many are kept; 0: none."""
    because: str = ""
    """Why not all."""
    expires_at: datetime | None = None
    """When the stream drops the first of them, as far as that is known."""


class IncidentState(Record):
    """One incident's memory: a snapshot that every journal entry moves on by one version."""

    written_as: int = WRITTEN_AS
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
    harm: Snapshot | None = None
    """As it was when a raise of ours was last blamed for it: what that is held against later."""
    forecast_drains_in_seconds: float | None = None
    changes: tuple[TrackedChange, ...] = ()
    going_on: tuple[Change, ...] = ()
    """Shards that the present turn has still to split: of one plan, made one after another."""
    going_on_approved: bool = False
    """Whether a person has approved that plan; else the policy of now rules on the rest anew."""
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
    undo_asked_at: datetime | None = None
    """When that was: a freeze that is set later holds back what is left of it."""
    approved_plan: str | None = None
    """Digest of the plan that somebody approved while another invocation was at work; the next
    look makes it."""
    approved_by: str = ""
    looks_from: int = 0
    """The number of the look from which those that may act are counted; a new alarm renews them."""
    mapping_seen: MappingState | None = None
    """The mapping as the newest look saw it, to tell what somebody else has changed since."""
    edit: Edit | None = None
    """The latest such change."""
    captured: tuple[Captured, ...] = ()
    """What was given up, as far as the policy allows it to be kept."""
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
    def to_go_back(self) -> tuple[TrackedChange, ...]:
        """What is in effect and not kept on purpose: somebody has to look after it."""
        return tuple(tracked for tracked in self.in_effect if not tracked.kept)

    @property
    def marked(self) -> tuple[Resource, ...]:
        """The resources that hold a value of ours, or a person's who has changed ours."""
        return tuple(
            dict.fromkeys(
                tracked.change.resource
                for tracked in self.changes
                if tracked.ours_to_undo or tracked.state is ChangeState.OVERTAKEN
            )
        )

    @property
    def looks_made(self) -> int:
        """Looks since the alarm, or since a newer one renewed them."""
        return self.follow_up_number - self.looks_from

    @property
    def waits_for_nobody(self) -> bool:
        """Whether something is left that the next look should not wait for: an unsettled write,
        or what a person has asked for meanwhile."""
        asked = self.undo_asked_by is not None or self.approved_plan is not None
        return asked or any(tracked.unsettled for tracked in self.changes)

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


__all__ = [
    "LEASE_SECONDS",
    "SPENT_COUNTS_FOR",
    "WRITTEN_AS",
    "AccountLedger",
    "Begun",
    "ChangeState",
    "Claim",
    "Edit",
    "Entry",
    "EntryKind",
    "Freeze",
    "IncidentState",
    "JournalClaim",
    "Lease",
    "Snapshot",
    "Spent",
    "Stage",
    "TrackedChange",
    "in_effect",
    "lease_name",
]
