"""What it means, and what should be changed: diagnosis, forecast, plan, rulings."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from remediator.model.evidence import Gap
from remediator.model.incident import Target
from remediator.model.words import Cause, Detail, Mode, Record, RemedyName, Value, _known


class Reading(Record):
    """One number (or word) that a step of the diagnosis leant on."""

    name: str
    value: float | int | bool | str | None
    unit: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.name}: not seen"
        shown = str(self.value)
        if isinstance(self.value, float):
            shown = f"{self.value:,.0f}" if abs(self.value) >= 1e4 else f"{self.value:.4g}"
        return f"{self.name} = {shown}{' ' if self.unit else ''}{self.unit}"


class Answer(StrEnum):
    """A question's answer; ``unseen`` when its readings are missing."""

    YES = "yes"
    NO = "no"
    UNSEEN = "unseen"


class Step(Record):
    """One question of the tree, answered."""

    id: str
    question: str
    answer: Answer
    because: str
    readings: tuple[Reading, ...] = ()


class Diagnosis(Record):
    """The cause, the path of questions that led to it, and what could not be seen."""

    cause: Cause
    path: tuple[Step, ...]
    gaps: tuple[Gap, ...] = ()
    detail: Annotated[Detail, BeforeValidator(_known), WithJsonSchema({"type": "string"})] = (
        Detail.NONE
    )
    """A finding inside the cause, such as ``reservation``, ``timeouts`` or ``suspected``."""
    proven: bool = False
    """Whether this mapping's own records show that its function is healthy, so that a record is to
    blame: without it nothing may bound retries (invariant 2)."""


class Option(Record):
    """What one option would do to the backlog (docs/concepts.md, the forecast)."""

    option: str
    drains_in_seconds: float | None
    """``None``: never, with this option; or it cannot be told, as the note says."""
    at_best: bool = False
    """Whether that is the soonest that it may be: more lanes would run than were ever at work."""
    first_loss_in_seconds: float | None = None
    """When the oldest record expires at this pace; ``None``: none will."""
    capacity_per_second: float | None = None
    arrival_per_second: float | None = None
    backlog_records: float | None = None
    note: str = ""


class ResourceKind(StrEnum):
    """What a change is made to."""

    EVENT_SOURCE_MAPPING = "event_source_mapping"
    FUNCTION = "function"
    STREAM = "stream"
    HASH_RANGE = "hash_range"
    """A range of hash keys of one stream, as ``stream-arn#first-last``: a shard to split; in the
    middle, or where ``@key`` says that the upper part begins."""
    ALIAS = "alias"
    """What an alias of a function releases, as ``function:alias@version``: the version that it had
    before anything was changed."""
    READER = "reader"
    """How a mapping's records are read, as ``stream-arn/consumer/remediator-UUID``: by the mapping
    itself, or by one that takes over from it and reads through that registered consumer."""


class Resource(Record):
    """One AWS resource: its kind and its name, UUID or ARN as AWS's calls want it."""

    kind: ResourceKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def place(self) -> str:
        """What it is, wherever a shard of it is to be split."""
        return f"{self.kind} {self.id.partition('@')[0]}"

    @property
    def counted_as(self) -> "Resource":
        """What a change counts for in budgets: the splits of one plan are one reshard."""
        if self.kind is not ResourceKind.HASH_RANGE:
            return self
        return Resource(kind=ResourceKind.STREAM, id=self.id.partition("#")[0])


class Change(Record):
    """One setting, from what it is to what it should be."""

    remedy: RemedyName
    resource: Resource
    setting: str
    before: Value
    after: Value
    why: str = ""
    caveats: tuple[str, ...] = ()
    safe_only_with: tuple[str, ...] = ()
    """Settings whose change in the same plan makes this one safe: not made without theirs. What
    names nothing stands alone, whatever becomes of the rest of the plan."""

    def inverse(self) -> "Change":
        """The change that puts the old value back (invariant 8)."""
        return self.model_copy(
            update={
                "before": self.after,
                "after": self.before,
                "why": f"undo: {self.why}",
                "caveats": (),
                "safe_only_with": (),
            }
        )


class Plan(Record):
    """A wish: a set of levers that go together, perhaps with first aid beside it."""

    incident_id: str
    target: Target
    cause: Cause
    changes: tuple[Change, ...] = ()
    escalation: str | None = None
    """Why a person is needed, in plain words; ``None`` when nobody is."""
    waits: str = ""
    """Why nothing is done though a lever fits: it would take longer than what it is to end."""
    next_commands: tuple[str, ...] = ()
    forecast: tuple[Option, ...] = ()
    undo: bool = False
    """Whether it puts back what an incident of ours has changed."""
    proven: bool = False
    """Whether the diagnosis was proven that it follows: who approves it relies on that."""

    @property
    def may_capture_good_records(self) -> bool:
        """Whether it bounds retries though nothing proves the function healthy (invariant 2)."""
        bounds = any(
            change.setting == "maximum_retry_attempts" and change.after != -1
            for change in self.changes
        )
        return bounds and not self.undo and not self.proven


class Decision(StrEnum):
    """What a guardrail says of a change."""

    ALLOW = "allow"
    CLIP = "clip"
    APPROVE = "approve"
    BLOCK = "block"


class Ruling(Record):
    """A guardrail's word on one change, with its reason."""

    decision: Decision
    guardrail: str
    reason: str
    until: datetime | None = None
    """When a refusal ends by itself; ``None``: it does not, or nobody knows when."""


class GuardedChange(Record):
    """A change (already clipped, where it had to be) and the ruling that decided it."""

    change: Change
    ruling: Ruling

    @property
    def allowed(self) -> bool:
        """Whether it may be made without asking anybody."""
        return self.ruling.decision in {Decision.ALLOW, Decision.CLIP}


class GuardedPlan(Record):
    """The wish with a ruling for each change. The actuator takes nothing else."""

    plan: Plan
    changes: tuple[GuardedChange, ...] = ()
    mode: Mode
    policy_digest: str = ""

    @property
    def allowed(self) -> tuple[Change, ...]:
        """The changes that may be made now."""
        return tuple(guarded.change for guarded in self.changes if guarded.allowed)

    @property
    def proposed(self) -> tuple[Change, ...]:
        """What is made, if a person lets it: all that is not blocked."""
        return tuple(
            guarded.change
            for guarded in self.changes
            if guarded.ruling.decision is not Decision.BLOCK
        )

    @property
    def digest(self) -> str:
        """A short name of exactly what is proposed, for an approval to name; empty for nothing."""
        made = sorted(
            f"{change.resource}\0{change.setting}\0{change.before!r}\0{change.after!r}"
            for change in self.proposed
        )
        if made and self.plan.may_capture_good_records:
            made.append("though nothing proves the function healthy")
        return hashlib.sha256("\n".join(made).encode()).hexdigest()[:12] if made else ""

    @property
    def awaiting_approval(self) -> tuple[Change, ...]:
        """The changes that wait for a person's word."""
        return tuple(
            guarded.change
            for guarded in self.changes
            if guarded.ruling.decision is Decision.APPROVE
        )
