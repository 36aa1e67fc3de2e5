"""What a person allows: what may change, how far, how often, with whose approval.

Frozen and strict: an unknown field is an error.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Any, Self, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from remediator.model import Mode, RemedyName


class Autonomy(StrEnum):
    """Who decides on a remedy: nobody asks, a person approves, or it is never planned."""

    AUTO = "auto"
    APPROVE = "approve"
    OFF = "off"


class RestoreTo(StrEnum):
    """What happens to a change once the pipeline is quiet again."""

    PRIOR = "prior"
    SMALLEST_HEALTHY = "smallest_healthy"
    KEEP = "keep"


Seconds: TypeAlias = Annotated[int, Field(ge=1, le=30 * 86_400)]
# Seconds over which past changes count: no longer than the ledger remembers them, a day.
Counted: TypeAlias = Annotated[int, Field(ge=1, le=86_400)]
Count: TypeAlias = Annotated[int, Field(ge=1, le=100_000)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]


def _off(word: object) -> object:
    """YAML reads a bare ``off`` as false."""
    return Autonomy.OFF.value if word is False else word


Freedom: TypeAlias = Annotated[Autonomy, BeforeValidator(_off)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    @field_validator("*", mode="before")
    @classmethod
    def _switches_are_no_numbers(cls, value: object, info: ValidationInfo) -> object:
        """``true`` would else be taken for 1."""
        field = cls.model_fields[info.field_name or ""]
        if isinstance(value, bool) and field.annotation not in {bool, Autonomy}:
            raise ValueError("Input should be a value, not a switch such as yes, no, on or off")
        return value


class Thresholds(_Section):
    """Where the questions of the decision tree turn from no to yes."""

    recent_minutes: int = Field(default=5, ge=2, le=60)
    sustained_minutes: int = Field(default=2, ge=1, le=60)
    throttle_share: Share = 0.05
    error_share: Share = 0.05
    total_failure_share: Share = 0.95
    chance: float = Field(default=0.001, gt=0, lt=1)
    stuck_slope: float = Field(default=0.75, ge=0, le=1)
    read_throttle_share: Share = 0.05
    busy_share: Share = 0.75
    recovering_slope: float = Field(default=-0.1, le=0)
    deploy_minutes: int = Field(default=15, ge=1, le=1440)
    saturation_ratio: float = Field(default=1.5, gt=1)
    hot_shard_ratio: float = Field(default=2.0, gt=1)
    cpu_bound_share: float = Field(default=0.8, gt=0, le=1)
    timeout_share: float = Field(default=0.95, gt=0, le=1)
    alarm_seconds: Seconds = 60
    metric_window_minutes: int = Field(default=60, ge=15, le=180)
    metric_delay_seconds: int = Field(default=120, ge=0, le=900)
    stale_alarm_minutes: int = Field(default=30, ge=1, le=1440)


class ForecastKnobs(_Section):
    """The arithmetic's assumptions."""

    drain_target_seconds: Seconds = 60
    patience_seconds: Seconds = 300
    restart_seconds: int = Field(default=180, ge=0, le=3600)
    usual_restart_seconds: int = Field(default=90, ge=0, le=3600)
    healthy_utilisation: float = Field(default=0.7, gt=0, le=1)
    careful_step: float = Field(default=2.0, gt=1)


class Limits(_Section):
    """How far each setting may go."""

    parallelization_factor: int = Field(default=10, ge=1, le=10)
    shards: Count = 64
    reserved_concurrency: Count = 500
    retention_hours: int = Field(default=168, ge=24, le=8760)
    memory_mb: int = Field(default=3008, ge=128, le=10_240)
    batch_size: int = Field(default=1000, ge=1, le=10_000)
    retry_attempts: int = Field(default=3, ge=0, le=10_000)
    """Of one record alone; the halvings that isolate it from a full batch come on top."""
    concurrency_margin: int = Field(default=20, ge=0, le=100_000)
    neighbour_growth: Share = 0.2
    unreserved_minimum: int = Field(default=100, ge=0, le=100_000)
    unseen_pool_share: Share = 0.1


class Cooldown(_Section):
    """How long one mapping is left alone after a change, in seconds."""

    raise_seconds: Counted = 120
    lower_seconds: Counted = 900
    human_seconds: int = Field(default=600, ge=0, le=30 * 86_400)


class Budget(_Section):
    """How many changes may be made in a sliding window."""

    window_seconds: Counted = 3600
    per_target: Count = 6
    per_account: Count = 30


class FollowUps(_Section):
    """How the effect is watched."""

    soon_seconds: int = Field(default=60, ge=60, le=86_400)
    first_seconds: int = Field(default=240, ge=60, le=86_400)
    every_seconds: int = Field(default=180, ge=60, le=86_400)
    most: Count = 30
    quiet_seconds: Seconds = 900
    unchanged_after_seconds: Seconds = 600


class FirstAid(_Section):
    """When retention is extended."""

    expiry_near_seconds: Seconds = 4 * 3600
    extend_to_hours: int = Field(default=168, ge=25, le=8760)


class Capture(_Section):
    """Whether given-up records are read and kept, and how much at a time."""

    enabled: bool = False
    ranges_per_look: int = Field(default=10, ge=1, le=50)
    reads_per_range: int = Field(default=10, ge=1, le=50)
    megabytes_per_range: int = Field(default=16, ge=1, le=64)


class RemedyPolicy(_Section):
    """One remedy's freedom; an unset field takes the general one."""

    autonomy: Freedom = Autonomy.AUTO
    per_target: Count | None = None
    cooldown_seconds: Counted | None = None


_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Clock: TypeAlias = Annotated[
    time, WithJsonSchema({"type": "string", "pattern": f"^{_CLOCK.pattern}$"})
]
Day: TypeAlias = Annotated[str, WithJsonSchema({"enum": list(_DAYS)})]


class MaintenanceWindow(_Section):
    """A time of day (UTC) in which nothing is changed. It may pass midnight."""

    name: str
    start: Clock
    end: Clock
    days: tuple[Day, ...] = _DAYS

    @field_validator("start", "end", mode="before")
    @classmethod
    def _time_of_day(cls, value: object) -> object:
        """YAML reads a bare ``10:00`` as the number 600, which would be taken for 00:10."""
        if isinstance(value, time) or (isinstance(value, str) and _CLOCK.fullmatch(value)):
            return value
        raise ValueError('Input should be a time of day (UTC) in quotes, such as "22:00"')

    @field_validator("days")
    @classmethod
    def _known_days(cls, days: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(days) - set(_DAYS))
        if unknown:
            raise ValueError(f"Input should be of {', '.join(_DAYS)}; {', '.join(unknown)} is not")
        return days

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.start == self.end:
            raise ValueError("start and end should differ; to stop everything, use freeze")
        return self

    def ends(self, now: datetime) -> datetime:
        """When the window that covers ``now`` is over."""
        end = now.replace(
            hour=self.end.hour, minute=self.end.minute, second=self.end.second, microsecond=0
        )
        return end if end > now else end + timedelta(days=1)

    def covers(self, now: datetime) -> bool:
        """Whether ``now`` (UTC) lies inside; ``start`` belongs to it, ``end`` does not."""
        today, clock = _DAYS[now.weekday()], now.time()
        if self.start <= self.end:
            return today in self.days and self.start <= clock < self.end
        yesterday = _DAYS[now.weekday() - 1]
        return (today in self.days and clock >= self.start) or (
            yesterday in self.days and clock < self.end
        )


class Match(_Section):
    """Which targets an override is for: by name patterns and by tags, all of which must fit."""

    function: str | None = None
    stream: str | None = None
    tags: Mapping[str, str] = {}

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.function is None and self.stream is None and not self.tags:
            raise ValueError("match needs a function, a stream or tags")
        return self

    def fits(self, function: str, stream: str, tags: Mapping[str, str]) -> bool:
        """Whether the target fits; patterns as in a shell (``payments-*``)."""
        return (
            fnmatchcase(function, self.function or "*")
            and fnmatchcase(stream, self.stream or "*")
            and all(fnmatchcase(tags.get(key, "\0"), want) for key, want in self.tags.items())
        )


_ASKED_FIRST = frozenset(name for name in RemedyName if name.asked_first)
_GLOBAL_ONLY = ("version", "overrides")


class Override(_Section):
    """Fields of the policy that differ for some targets.

    It can raise limits as well as lower them, but not the mode, and it cannot lift a freeze:
    those two are one switch for all.
    """

    match: Match
    set: Mapping[str, Any]

    @field_validator("set")
    @classmethod
    def _is_a_policy(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        misplaced = [name for name in _GLOBAL_ONLY if name in fields]
        if misplaced:
            raise ValueError(f"overrides cannot set {', '.join(misplaced)}")
        Policy.model_validate(fields)
        return fields


class Policy(_Section):
    """Everything that a person allows. See ``policies/guardrails.yml`` for what each protects."""

    version: int = Field(default=1, ge=1, le=1)
    mode: Mode = Mode.PLAN
    freeze: bool = False
    thresholds: Thresholds = Thresholds.model_construct()
    forecast: ForecastKnobs = ForecastKnobs.model_construct()
    limits: Limits = Limits.model_construct()
    cooldown: Cooldown = Cooldown.model_construct()
    budget: Budget = Budget.model_construct()
    follow_up: FollowUps = FollowUps.model_construct()
    first_aid: FirstAid = FirstAid.model_construct()
    capture: Capture = Capture.model_construct()
    restore: RestoreTo = RestoreTo.PRIOR
    latest_position: Freedom = Autonomy.APPROVE
    record_age: Freedom = Autonomy.APPROVE
    approval_valid_seconds: Seconds = 3600
    remedies: Mapping[RemedyName, RemedyPolicy] = {}
    downstream_alarms: tuple[str, ...] = ()
    maintenance_windows: tuple[MaintenanceWindow, ...] = ()
    streams_of_ours: tuple[str, ...] = ()
    tagged_functions_only: bool = False
    overrides: tuple[Override, ...] = ()

    @field_validator("remedies", mode="before")
    @classmethod
    def _asked_first(cls, remedies: object) -> object:
        """What is said of a remedy beside its autonomy leaves that as it is without the file."""
        if not isinstance(remedies, Mapping):
            return remedies
        return {
            name: {"autonomy": Autonomy.APPROVE.value, **said}
            if name in _ASKED_FIRST and isinstance(said, Mapping)
            else said
            for name, said in remedies.items()
        }

    def remedy(self, name: RemedyName) -> RemedyPolicy:
        """The freedom of one remedy; the default where the file says nothing of it."""
        usual = RemedyPolicy(autonomy=Autonomy.APPROVE if name.asked_first else Autonomy.AUTO)
        return self.remedies.get(name, usual)

    def is_ours_alone(self, stream: str) -> bool:
        """Whether a stream may be resharded unasked: nobody else reads or aggregates on it."""
        return any(fnmatchcase(stream, pattern) for pattern in self.streams_of_ours)

    def for_target(self, function: str, stream: str, tags: Mapping[str, str]) -> "Policy":
        """The policy as it stands for one target: every override that fits, in order."""
        policy = self
        for override in self.overrides:
            if override.match.fits(function, stream, tags):
                policy = policy.overlaid(override)
        mode = Mode.PLAN if Mode.PLAN in {self.mode, policy.mode} else Mode.APPLY
        return policy.model_copy(update={"mode": mode, "freeze": self.freeze or policy.freeze})

    def late_after(self, seconds: float | None) -> "Policy":
        """The policy where an alarm calls an age late that the policy does not yet."""
        if seconds is None or seconds >= self.thresholds.alarm_seconds:
            return self
        late = {"alarm_seconds": max(1, int(seconds))}
        return self.model_copy(update={"thresholds": self.thresholds.model_copy(update=late)})

    def overlaid(self, override: Override) -> "Policy":
        """This policy with an override laid over it, whomever that is for."""
        base = self.model_dump(mode="json", exclude={"overrides"})
        return Policy.model_validate(_merged(base, override.set))

    @property
    def digest(self) -> str:
        """A short fingerprint, so that a record says under which policy it was made."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    return dict(base) | {
        key: _merged(base[key], value)
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        else value
        for key, value in over.items()
    }
