"""The words of the flow: one frozen record for each stage.

    event → Incident → Evidence → Diagnosis → Plan → GuardedPlan → Outcome → Verdict → FollowUp

Missing is ``None`` with a ``Gap`` that says why, never 0. Units stand in the names.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from math import ceil, log2
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    computed_field,
)

from remediator import arns

Value: TypeAlias = bool | int | str | None
"""What a setting can hold. ``None`` is "not set", which differs from 0."""


class Record(BaseModel):
    """Base of every record: frozen, strict about unknown fields, and saved as plain JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


# --- words -------------------------------------------------------------------------------------


class Cause(StrEnum):
    """Why a consumer lags (docs/concepts.md, causes). ``unknown`` is a first-class answer."""

    THROTTLING = "throttling"
    POISON_RECORD = "poison_record"
    READ_CONTENTION = "read_contention"
    SLOW_CONSUMER = "slow_consumer"
    HOT_PARTITION_KEY = "hot_partition_key"
    DOWNSTREAM_SATURATED = "downstream_saturated"
    FUNCTION_FAILURE = "function_failure"
    CONSUMER_STOPPED = "consumer_stopped"
    RECOVERING = "recovering"
    UNKNOWN = "unknown"


class Detail(StrEnum):
    """A finding inside a cause. A name that code may decide by; what people read stands in a Step.

    ``NONE`` is the empty text, so that a report's JSON keeps a string.
    """

    NONE = ""
    RESERVATION = "reservation"
    ACCOUNT = "account"
    UNCLEAR = "unclear"
    DEPLOY = "deploy"
    TIMEOUTS = "timeouts"
    EVERYWHERE = "everywhere"
    PARTIAL = "partial"
    ISOLATED = "isolated"
    SUSPECTED = "suspected"
    UNDECIDED = "undecided"
    PARTIAL_BATCHES = "partial_batches"
    MAPPINGS = "mappings"
    OUTSIDE_READER = "outside_reader"
    CPU_BOUND = "cpu_bound"
    PAUSED = "paused"
    RESERVED_AT_0 = "reserved_at_0"
    FUNCTION_GONE = "function_gone"
    NO_INVOCATIONS = "no_invocations"
    DEACTIVATED = "deactivated"
    NOT_INVOCABLE = "not_invocable"
    REQUEST_RATE = "request_rate"
    SCALING_RATE = "scaling_rate"
    CALLS = "calls"
    BYTES = "bytes"
    TABLE_READERS = "table_readers"
    BATCHING_WINDOW = "batching_window"
    OLD_RECORD = "old_record"
    SHORT_SPIKE = "short_spike"


def _known(detail: Any) -> Any:
    """What another version of us wrote here and this one does not know decides nothing."""
    return Detail.NONE if isinstance(detail, str) and detail not in set(Detail) else detail


class RemedyName(StrEnum):
    """Every lever that this version can plan."""

    RAISE_PARALLELIZATION_FACTOR = "raise_parallelization_factor"
    ISOLATE_POISON = "isolate_poison"
    SPLIT_SHARDS = "split_shards"
    RAISE_RESERVED_CONCURRENCY = "raise_reserved_concurrency"
    EXTEND_RETENTION = "extend_retention"
    RAISE_MEMORY = "raise_memory"
    RAISE_BATCH_SIZE = "raise_batch_size"
    LOWER_BATCH_SIZE = "lower_batch_size"
    RESERVE_CONCURRENCY = "reserve_concurrency"
    ESCALATE = "escalate"


class Mode(StrEnum):
    """Whether changes are only described (``plan``, the default) or made (``apply``)."""

    PLAN = "plan"
    APPLY = "apply"


class SourceKind(StrEnum):
    """The two kinds of stream; a DynamoDB stream has a fixed 24 h and cannot be resharded."""

    KINESIS = "kinesis"
    DYNAMODB = "dynamodb"


class AlarmState(StrEnum):
    """CloudWatch's three alarm states."""

    ALARM = "ALARM"
    OK = "OK"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


# --- incident ----------------------------------------------------------------------------------


class Watched(Record):
    """What an alarm or a person points at, before the mapping behind it is known.

    Exactly as named by the caller: a function (with alias or version), a mapping, a Kinesis
    stream or a DynamoDB table stream.
    """

    function: str | None = None
    qualifier: str | None = None
    event_source_mapping: str | None = None
    stream: str | None = None
    """A Kinesis stream's name, or the ARN of a Kinesis or DynamoDB stream."""

    def __str__(self) -> str:
        if self.event_source_mapping:
            return f"mapping {self.event_source_mapping}"
        if self.function:
            return f"function {self.function}" + (f":{self.qualifier}" if self.qualifier else "")
        return f"stream {self.stream}"


class Alarm(Record):
    """The CloudWatch alarm of an incident, as far as its event told."""

    name: str
    arn: str | None = None
    state: AlarmState
    previous_state: AlarmState | None = None
    reason: str = ""
    threshold: float | None = None
    """In the unit of the metric: milliseconds for IteratorAge."""
    late_after_seconds: float | None = None
    """The age from which its owner calls the consumer late; only of an alarm on an age alone."""


class Incident(Record):
    """One normalised episode: who calls, about what, since when."""

    incident_id: str
    at: datetime
    """When the alarm changed state, or when a person asked."""
    account_id: str | None = None
    region: str | None = None
    alarm: Alarm | None = None
    watched: Watched | None = None
    """``None`` while a composite alarm's children have still to be looked up."""
    child_alarms: tuple[str, ...] = ()
    """Names or ARNs of the alarms that a composite alarm was triggered by."""
    mode: Mode | None = None
    """The caller's wish. It can lower the policy's mode, never raise it (invariant 6)."""

    @property
    def recovered(self) -> bool:
        """Whether this is the news that the alarm went back to OK."""
        return self.alarm is not None and self.alarm.state is AlarmState.OK


class Target(Record):
    """The mapping that an incident is about, and what it joins."""

    function: str
    function_arn: str
    """As the mapping names it, with alias or version."""
    qualifier: str | None = None
    event_source_mapping: str
    source_arn: str
    """The stream's ARN, also where the mapping reads through a registered consumer."""
    consumer_arn: str | None = None
    kind: SourceKind
    stream: str
    """Kinesis: the stream's name. DynamoDB: the table's name."""

    @property
    def account_id(self) -> str:
        """Account of the function, from its ARN."""
        arn = arns.parsed(self.function_arn)
        return arn.account_id if arn else ""

    @property
    def region(self) -> str:
        """Region of the function, from its ARN."""
        arn = arns.parsed(self.function_arn)
        return arn.region if arn else ""


# --- evidence ----------------------------------------------------------------------------------


class Gap(Record):
    """Something that could not be seen, why, and the IAM action that would show it."""

    reading: str
    reason: str
    permission: str | None = None


MOST_RETRIES_IN_AN_HOUR = 360
"""AWS was seen to wait about ten seconds between two tries of a batch."""

OLD_DEFAULT_RETRIES = 10_000
"""What mappings of before 2021 show for "no bound" (Lambda Developer Guide of 2020, Kinesis)."""


STOPPED_STATES = frozenset({"Disabled", "Disabling", "Deleting"})
"""Of a mapping that reads nothing (Lambda API Reference, EventSourceMappingConfiguration)."""


class MappingState(Record):
    """An event source mapping's settings (AWS: EventSourceMappingConfiguration)."""

    uuid: str
    function_arn: str
    source_arn: str
    state: str
    last_modified: datetime | None = None
    last_processing_result: str | None = None
    state_transition_reason: str | None = None
    parallelization_factor: int = 1
    batch_size: int = 100
    batching_window_seconds: int = 0
    bisect_on_error: bool = False
    maximum_retry_attempts: int = -1
    maximum_record_age_seconds: int = -1
    on_failure_destination: str | None = None
    reports_partial_batches: bool = False
    tumbling_window_seconds: int = 0
    starting_position: str | None = None
    counts_events: bool = False
    """Whether the opt-in EventCount metrics are on."""
    filters_events: bool = False

    @property
    def retries_bounded(self) -> bool:
        """Whether a failed batch is given up within the hour. Mappings of before 2021 show 10000
        retries where nothing was set: at about ten seconds each, that is unbounded in all but
        name."""
        return 0 <= self.maximum_retry_attempts <= MOST_RETRIES_IN_AN_HOUR

    @property
    def halvings(self) -> int:
        """How often a full batch is split until each record is alone."""
        return ceil(log2(max(1, self.batch_size)))


class FunctionState(Record):
    """A consumer function's settings."""

    name: str
    memory_mb: int | None = None
    timeout_seconds: int | None = None
    last_modified: datetime | None = None
    state: str | None = None
    last_update_status: str | None = None
    reserved_concurrency: int | None = None
    """``None``: no reservation. 0: stopped on purpose."""
    runs_on_managed_instances: bool = False
    durable: bool = False
    """Whether an execution may wait while it holds its lane (AWS: DurableConfig)."""
    state_reason_code: str | None = None
    last_update_reason_code: str | None = None
    tags: Mapping[str, str] = {}


class AccountState(Record):
    """The account's concurrency in this Region (AWS: GetAccountSettings)."""

    concurrency_limit: int
    unreserved_concurrency: int
    """The limit less all reservations: a setting, not the present use."""


class StreamState(Record):
    """A stream's summary. DynamoDB streams hold for 24 hours and scale by themselves."""

    name: str
    arn: str
    status: str
    retention_hours: int = 24
    open_shards: int | None = None
    on_demand: bool = False
    registered_consumers: int | None = None
    shard_metrics: tuple[str, ...] = ()
    record_distribution: str | None = None
    """Kinesis: AUTO spreads records without regard to their partition keys."""
    max_record_kib: int | None = None
    queue_count: int | None = None
    """Kinesis queues, which share the limit of registered consumers and are not counted in it."""
    replicas: int | None = None
    """DynamoDB: replicas of a global table in other Regions; 0: none, ``None``: not seen."""


class Shard(Record):
    """One shard and the range of hash keys that it takes."""

    shard_id: str
    first_hash_key: int = 0
    last_hash_key: int = 2**128 - 1
    is_open: bool = True
    parent: str | None = None


class Reader(Record):
    """Another consumer of the same stream."""

    name: str
    shared_throughput: bool
    """Whether it shares the 2 MB/s and 5 calls/s of each shard (no enhanced fan-out)."""
    enabled: bool = True
    event_source_mapping: str | None = None
    """The mapping that reads; ``None``: none of Lambda's, or not seen which."""
    function: str | None = None
    """The mapping's function, with its alias or version."""
    tumbling_window_seconds: int | None = None
    parallelization_factor: int | None = None

    @property
    def reads_for_lambda(self) -> bool:
        """Whether it is a mapping. What shares the throughput and was listed is one."""
        return self.shared_throughput or self.event_source_mapping is not None


class Series(Record):
    """A metric at one-minute steps: (start of the minute, value), oldest first, gaps left out."""

    points: tuple[tuple[datetime, float], ...] = ()

    @property
    def values(self) -> tuple[float, ...]:
        """The values alone, oldest first."""
        return tuple(value for _, value in self.points)


class Evidence(Record):
    """All that was read of one mapping at one time; what is not here was not seen."""

    gathered_at: datetime
    target: Target
    window_seconds: int
    period_seconds: int = 60
    mapping: MappingState | None = None
    function: FunctionState | None = None
    account: AccountState | None = None
    stream: StreamState | None = None
    shards: tuple[Shard, ...] | None = None
    readers: tuple[Reader, ...] | None = None
    """The other readers of the stream; ``None`` when they could not be listed."""
    sibling_mappings: int | None = None
    """How many other enabled mappings, of any source, feed the same function or its aliases."""
    metrics: Mapping[str, Series] = {}
    """By name (``signals.METRICS``); a metric without datapoints is not in here."""
    shard_metrics: Mapping[str, Mapping[str, Series]] = {}
    """By shard id, then by name; only where enhanced monitoring is on."""
    gaps: tuple[Gap, ...] = ()

    def lacks(self, reading: str) -> bool:
        """Whether a reading could not be had: that it is not there says nothing then."""
        return any(gap.reading == reading for gap in self.gaps)

    @property
    def tumbling(self) -> str:
        """Which mapping of the stream has a tumbling window; empty: none that was seen."""
        if self.mapping and self.mapping.tumbling_window_seconds:
            return "the mapping"
        found = (reader.name for reader in self.readers or () if reader.tumbling_window_seconds)
        return f"the mapping of {name}" if (name := next(found, "")) else ""

    @property
    def lanes_of_a_shard(self) -> int | None:
        """Invocations at once that one more shard may bring, by all mappings of the stream.

        ``None`` where not every mapping of the stream was seen.
        """
        if self.mapping is None or self.readers is None or self.lacks("consumer_mappings"):
            return None
        reading = [one for one in self.readers if one.enabled and one.reads_for_lambda]
        factors = [one.parallelization_factor for one in reading]
        if None in factors:
            return None
        return self.mapping.parallelization_factor + sum(factor or 0 for factor in factors)

    @property
    def shared_readers(self) -> int | None:
        """How many others are known to share the stream's throughput; ``None``: not listed."""
        if self.readers is None:
            return None
        return sum(reader.shared_throughput and reader.enabled for reader in self.readers)

    @property
    def open_shards(self) -> int | None:
        """How many shards take records now."""
        if self.shards:
            return sum(shard.is_open for shard in self.shards) or None
        return self.stream.open_shards if self.stream else None


class Bundle(Record):
    """Evidence as ``remediator collect`` saves it, to plan from offline; its schema is published.

    It holds settings, counts and tags, never what is in the stream's records.
    """

    schema_version: Literal[1] = 1
    collected_by: str = ""
    """Name and version of the program that saved it."""
    policy_digest: str = ""
    """Fingerprint of the policy that held when it was saved."""
    evidence: Evidence


# --- diagnosis ---------------------------------------------------------------------------------


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
    """``None``: never, with this option."""
    first_loss_in_seconds: float | None = None
    """When the oldest record expires at this pace; ``None``: none will."""
    capacity_per_second: float | None = None
    arrival_per_second: float | None = None
    backlog_records: float | None = None
    note: str = ""


# --- plan --------------------------------------------------------------------------------------


class ResourceKind(StrEnum):
    """What a change is made to."""

    EVENT_SOURCE_MAPPING = "event_source_mapping"
    FUNCTION = "function"
    STREAM = "stream"
    HASH_RANGE = "hash_range"
    """A range of hash keys of one stream, as ``stream-arn#first-last``: a shard to split."""


class Resource(Record):
    """One AWS resource: its kind and its name, UUID or ARN as AWS's calls want it."""

    kind: ResourceKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

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


# --- outcome and after -------------------------------------------------------------------------


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
    """As it lies in the artifact, else its path; or where it was read from (``PolicySource``)."""
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
    follow_up: FollowUp = FollowUp(decision=FollowUpDecision.NONE)
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


def unseen(gaps: Iterable[Gap]) -> str:
    """The gaps as one line for people."""
    return "; ".join(
        f"{gap.reading} ({gap.reason}{', needs ' + gap.permission if gap.permission else ''})"
        for gap in gaps
    )
