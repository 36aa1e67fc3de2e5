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
    InEffect,
    MappingState,
    Record,
    RemedyName,
    Resource,
    ResourceKind,
    Target,
)
from remediator.settings_table import gives_up

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
    ended_at: datetime | None = None
    """When it was seen to be no longer ours."""
    kept: str = ""
    """Why it stays on purpose after its incident, as people were told; a person may still have it
    undone. Empty: it goes back."""

    @property
    def ours_to_undo(self) -> bool:
        """Whether the setting may hold our value."""
        return self.state in {ChangeState.INTENDED, ChangeState.APPLIED, ChangeState.UNDOING}

    @property
    def unsettled(self) -> bool:
        """Whether an invocation has begun to write it and not said how that ended."""
        return self.state in {ChangeState.INTENDED, ChangeState.UNDOING}

    @property
    def endangers(self) -> bool:
        """Whether it gives records up while it stays: it must not be left behind."""
        return gives_up(self.change)


def in_effect(tracked: TrackedChange) -> InEffect:
    """A change that may be in effect, as a report tells it."""
    change = tracked.change
    return InEffect(
        resource=str(change.resource),
        setting=change.setting,
        before=change.before,
        after=change.after,
        since=tracked.at,
    )


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


class Lease(Record):
    """The right to act until ``expires_at``; ``token`` grows with each holder.

    ``mapping`` is a mapping's UUID, or the name of what several of them share (``lease_name``).
    """

    mapping: str
    holder: str
    token: int
    expires_at: datetime


# Longer than one invocation may run (the template's timeout), and held on to before each write.
LEASE_SECONDS = 180


def lease_name(resource: Resource) -> str:
    """Under which name a resource is leased: a stream with all its hash ranges is one."""
    match resource.kind:
        case ResourceKind.EVENT_SOURCE_MAPPING:
            return resource.id
        case ResourceKind.FUNCTION:
            return f"function:{resource.id}"
        case ResourceKind.STREAM | ResourceKind.HASH_RANGE:
            return f"stream:{resource.id.partition('#')[0]}"


class Freeze(Record):
    """A stop switch that somebody set."""

    scope: str
    """``all``, or a function's name."""
    reason: str
    by: str
    at: datetime


class JournalClaim(Record):
    """What a stack says: which journal it keeps."""

    stack: str
    journal: str
    since: datetime


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
    turn: int = 0
    """Which turn of the incident paid for it."""
    raised: bool = True
    """Whether it raised something; lowering has a cool-down of its own."""
    by_hand: bool = False
    """Whether a person asked for it: theirs starts the cool-down of a human's change."""


# How far back the ledger knows; no budget window or cool-down of a policy may be longer.
SPENT_COUNTS_FOR = timedelta(days=1)


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
