"""What we did, what it did, and what is told of it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, computed_field

from remediator.model.incident import Incident, Target
from remediator.model.plan import (
    Change,
    Diagnosis,
    GuardedChange,
    GuardedPlan,
    Option,
    Reading,
    Ruling,
)
from remediator.model.words import Mode, Record, RemedyName, Value


class Status(StrEnum):
    """What became of an incident in this run."""

    PLANNED = "planned"
    APPLIED = "applied"
    PARTLY_APPLIED = "partly_applied"
    FAILED = "failed"
    CONFLICT = "conflict"
    BLOCKED = "blocked"
    AWAITING_APPROVAL = "awaiting_approval"
    NOTHING_TO_DO = "nothing_to_do"
    ESCALATED = "escalated"
    DUPLICATE = "duplicate"
    IN_PROGRESS = "in_progress"
    ROLLED_BACK = "rolled_back"
    RESTORED = "restored"
    RECORDED = "recorded"


class ChangeStatus(StrEnum):
    """What became of one change."""

    APPLIED = "applied"
    SETTLING = "settling"
    """Written and accepted; AWS had not finished when the bounded wait was over."""
    ALREADY_SO = "already_so"
    CONFLICT = "conflict"
    REFUSED = "refused"
    FAILED = "failed"
    SKIPPED = "skipped"


class ChangeResult(Record):
    """One change and what AWS made of it."""

    change: Change
    status: ChangeStatus
    detail: str = ""
    code: str = ""
    """AWS's own, where it has refused it for good: the same write would be refused again."""

    @property
    def in_effect(self) -> bool:
        """Whether our value is (or is about to be) the setting's value."""
        return self.status in {ChangeStatus.APPLIED, ChangeStatus.SETTLING}


class Outcome(Record):
    """What we did."""

    status: Status
    reason: str = ""
    results: tuple[ChangeResult, ...] = ()
    at: datetime | None = None


class VerdictName(StrEnum):
    """What our change did to the pipeline, on the alarm's own metric."""

    RECOVERED = "recovered"
    IMPROVING = "improving"
    UNCHANGED = "unchanged"
    WORSE = "worse"
    TOO_EARLY = "too_early"


class Verdict(Record):
    """Before against after."""

    verdict: VerdictName
    because: str
    readings: tuple[Reading, ...] = ()
    saturates: bool = False
    """Whether it is worse since what stands behind the function bears no more."""


class FollowUpDecision(StrEnum):
    """What comes next."""

    NONE = "none"
    CLOSE = "close"
    WAIT = "wait"
    NEXT_RUNG = "next_rung"
    ROLL_BACK = "roll_back"
    RESTORE = "restore"
    ESCALATE = "escalate"


class FollowUp(Record):
    """The next look, and what this one decided."""

    decision: FollowUpDecision
    at: datetime | None = None
    because: str = ""
    number: Annotated[int, Field(ge=0)] = 0


class PoisonPacket(Record):
    """Where the records that cannot be processed lie, and how long they can be fetched."""

    source_arn: str
    shard_id: str | None = None
    oldest_arrival: datetime | None = None
    newest_arrival: datetime | None = None
    first_sequence_number: str | None = None
    last_sequence_number: str | None = None
    expires_at: datetime | None = None
    fetch: tuple[str, ...] = ()
    """Commands that fetch the range before it expires."""


class PlannedChange(Record):
    """A change as the report tells it: the resource in words, the ruling beside it."""

    remedy: RemedyName
    resource: str
    setting: str
    before: Value
    after: Value
    why: str
    caveats: tuple[str, ...]
    safe_only_with: tuple[str, ...] = ()
    ruling: Ruling


class PlannedChanges(Record):
    """The plan as the report tells it."""

    changes: tuple[PlannedChange, ...]
    digest: str = ""
    """Names what is proposed here, and nothing else: an approval may name it."""


class InEffect(Record):
    """A setting that holds our value, and the one that a rollback would put back."""

    resource: str
    setting: str
    before: Value
    after: Value
    since: datetime


class PolicySource(Record):
    """Under which rules a report was made: an auditor finds the very file again."""

    file: str
    """As it lies in the artifact, else its path; or where it was read from instead."""
    sha256: str
    """Of the file's bytes, as ``sha256sum`` says it."""
    digest: str = ""
    """Of all values in effect: the file's, with the deployment's parameters in their place."""
    problem: str = ""
    """Why it is not what stands at its source now: that cannot be read or understood."""


class Report(Record):
    """What the handler returns and the CLI prints; its JSON Schema is published."""

    schema_version: int = 1
    incident_id: str
    mode: Mode
    at: datetime
    account_id: str | None = None
    region: str | None = None
    remediator: str | None = None
    """The deployed function that answered, as commands by hand name it."""
    policy: PolicySource | None = None
    target: Target | None = None
    incident: Incident | None = None
    age_seconds: float | None = None
    """Of the oldest record that waits. ``None``: not looked at, or not seen."""
    backlog_records: float | None = None
    over_in_seconds: float | None = None
    """Until the backlog is gone, as things are now. ``None``: never, or not known."""
    in_effect: tuple[InEffect, ...] = ()
    """What of ours the incident's settings hold, newest first."""
    diagnosis: Diagnosis | None = None
    forecast: tuple[Option, ...] = ()
    guarded_plan: GuardedPlan | None = Field(default=None, exclude=True)
    outcome: Outcome
    verdict: Verdict | None = None
    follow_up: FollowUp = FollowUp.model_construct(decision=FollowUpDecision.NONE)
    recovered_in_seconds: float | None = None
    """From the alarm to the end of the last minute whose age was over it."""
    forecast_error_seconds: float | None = None
    """By how much later than forecast the backlog was gone after our change."""
    poison: PoisonPacket | None = None
    escalation: str | None = None
    next_commands: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def plan(self) -> PlannedChanges:
        """The changes, flat, each with its ruling."""
        guarded = self.guarded_plan.changes if self.guarded_plan else ()
        digest = self.guarded_plan.digest if self.guarded_plan else ""
        return PlannedChanges(changes=tuple(_flat(change) for change in guarded), digest=digest)


def _flat(guarded: GuardedChange) -> PlannedChange:
    change = guarded.change
    return PlannedChange(
        remedy=change.remedy,
        resource=str(change.resource),
        setting=change.setting,
        before=change.before,
        after=change.after,
        why=change.why,
        caveats=change.caveats,
        safe_only_with=change.safe_only_with,
        ruling=guarded.ruling,
    )
