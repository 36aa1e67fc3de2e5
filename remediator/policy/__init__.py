"""What a person allows: what may change, how far, how often, with whose approval.

Frozen and strict: an unknown field is an error.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Any, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    field_validator,
)

from remediator.model import Mode, RemedyName
from remediator.policy.scope import MaintenanceWindow, Match
from remediator.policy.section import Autonomy, Section


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


class Thresholds(Section):
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


class ForecastKnobs(Section):
    """The arithmetic's assumptions."""

    drain_target_seconds: Seconds = 60
    patience_seconds: Seconds = 300
    restart_seconds: int = Field(default=180, ge=0, le=3600)
    usual_restart_seconds: int = Field(default=90, ge=0, le=3600)
    healthy_utilisation: float = Field(default=0.7, gt=0, le=1)
    careful_step: float = Field(default=2.0, gt=1)


class Limits(Section):
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
    stream_consumers: int = Field(default=20, ge=1, le=50)


class Cooldown(Section):
    """How long one mapping is left alone after a change, in seconds."""

    raise_seconds: Counted = 120
    lower_seconds: Counted = 900
    human_seconds: int = Field(default=600, ge=0, le=30 * 86_400)


class Budget(Section):
    """How many changes may be made in a sliding window."""

    window_seconds: Counted = 3600
    per_target: Count = 6
    per_account: Count = 30


class FollowUps(Section):
    """How the effect is watched."""

    soon_seconds: int = Field(default=60, ge=60, le=86_400)
    first_seconds: int = Field(default=240, ge=60, le=86_400)
    every_seconds: int = Field(default=180, ge=60, le=86_400)
    most: Count = 30
    quiet_seconds: Seconds = 900
    unchanged_after_seconds: Seconds = 600


class FirstAid(Section):
    """When retention is extended."""

    expiry_near_seconds: Seconds = 4 * 3600
    extend_to_hours: int = Field(default=168, ge=25, le=8760)


class Capture(Section):
    """Whether given-up records are read and kept, and how much at a time."""

    enabled: bool = False
    ranges_per_look: int = Field(default=10, ge=1, le=50)
    reads_per_range: int = Field(default=10, ge=1, le=50)
    megabytes_per_range: int = Field(default=16, ge=1, le=64)


class Sampling(Section):
    """Whether partition keys of a hot shard are read, and what they say."""

    enabled: bool = False
    records: int = Field(default=500, ge=50, le=2000)
    hot_key_share: float = Field(default=0.5, gt=0, le=1)
    key_names: bool = False


class RemedyPolicy(Section):
    """One remedy's freedom; an unset field takes the general one."""

    autonomy: Freedom = Autonomy.AUTO
    per_target: Count | None = None
    cooldown_seconds: Counted | None = None


_ASKED_FIRST = frozenset(name for name in RemedyName if name.asked_first)
_GLOBAL_ONLY = ("version", "overrides")


class Override(Section):
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


class Policy(Section):
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
    sampling: Sampling = Sampling.model_construct()
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


__all__ = [
    "Autonomy",
    "Budget",
    "Capture",
    "Cooldown",
    "FirstAid",
    "FollowUps",
    "ForecastKnobs",
    "Limits",
    "MaintenanceWindow",
    "Match",
    "Override",
    "Policy",
    "RemedyPolicy",
    "RestoreTo",
    "Thresholds",
]
