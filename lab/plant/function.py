"""A Lambda function: how long a batch takes, how it ends, and who may run."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from math import exp
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from lab.plant.account import Account, Backend, error_share, latency_factor
from lab.plant.clock import Clock
from lab.plant.specs import Behaviour, FunctionSpec, Outage

FULL_VCPU_MB = 1769
NEW_ENVIRONMENTS_PER_SECOND = 100.0
NEW_ENVIRONMENTS_BURST = 1000.0


class Ending(Enum):
    """How an invocation ends."""

    SUCCESS = "success"
    PARTIAL = "partial"
    """Success with batchItemFailures, from `Run.failed_at` on."""
    ERROR = "error"
    TIMEOUT = "timeout"


class Run(NamedTuple):
    """One invocation, decided at its start. `seconds` is billed duration without the cold start."""

    seconds: float
    cold_seconds: float
    cpu_seconds: float
    ending: Ending
    failed_at: int
    version: int
    unreserved: bool
    blame: str = ""
    """Why it ends badly: poison, function, backend or timeout; empty where it does not."""


class Logged(NamedTuple):
    """One ended invocation, as the metrics will tell it."""

    ended_at: float
    started_at: float
    duration_ms: float
    age_ms: float | None
    """None for what no stream has sent."""
    failed: bool
    cpu_ms: float
    resource: str | None


class Refused(NamedTuple):
    """One call that was throttled."""

    at: float
    resource: str | None


class Function:
    """The configuration and the running state of one function."""

    def __init__(
        self,
        spec: FunctionSpec,
        *,
        arn: str,
        account: Account,
        backend: Backend | None,
        clock: Clock,
        rng: Random,
    ) -> None:
        self.spec = spec
        self.arn = arn
        self.name = spec.name
        self.behaviour = spec.behaviour
        self.memory_mb = spec.memory_mb
        self.timeout_seconds = spec.timeout_seconds
        self.reserved_concurrency = spec.reserved_concurrency
        self.last_modified_seconds = spec.last_modified_seconds
        self.last_update_status = "Successful"
        self.revision = 1
        self.code_version = 1
        self.running = 0
        self.peak_running = 0
        self.log: deque[Logged] = deque()
        self.throttle_log: deque[Refused] = deque()
        self._account = account
        self._clock = clock
        self.backend = backend
        self._rng = rng
        self._warm = 0
        self._new_environments = NEW_ENVIRONMENTS_BURST
        self._refilled_at = 0.0

    def configuration(self) -> dict[str, Any]:
        """What GetFunctionConfiguration would tell; LastModified is a datetime."""
        return {
            "FunctionName": self.name,
            "FunctionArn": self.arn,
            "Version": "$LATEST",
            "MemorySize": self.memory_mb,
            "Timeout": self.timeout_seconds,
            "LastModified": self._clock.datetime_at(self.last_modified_seconds),
            "LastUpdateStatus": self.last_update_status,
            "State": "Active",
            "RevisionId": str(UUID(int=self.revision)),
            "CodeSha256": f"code-{self.code_version}",
        }

    def acquire(self, now: float, resource: str | None = None) -> bool:
        """Take a slot of concurrency, or be throttled (429), which is logged."""
        reserved = self.reserved_concurrency
        room = self._account.pool_has_room(now) if reserved is None else self.running < reserved
        if room and (self._warm or self._may_create(now)):
            self.running += 1
            self.peak_running = max(self.running, self.peak_running)
            self._account.started(unreserved=reserved is None)
            return True
        self.throttle_log.append(Refused(now, resource))
        return False

    def begin(
        self, now: float, weight: int, poison_at: int | None, source_arn: str | None = None
    ) -> Run:
        """Start on a batch of `weight` records; `poison_at` is the first bad one's place in it."""
        behaviour, backend = self.behaviour, self.backend
        outages = [o for o in self.spec.outages if o.source_arn in {None, source_arn}]
        stretch = latency_factor(outages, now)
        failing = self._fails(outages, now)
        blame = "function" if failing else ""
        if backend:
            backend.in_flight += 1
            stretch *= backend.latency_factor(now)
            if backend.fails(now):
                failing, blame = True, blame or "backend"
        cpu, io = self.work_seconds(weight)
        seconds = (cpu + io * stretch) * self._jitter()
        ending, failed_at = self._ending(failing, poison_at)
        if ending is not Ending.SUCCESS and not failing:
            blame = "poison"
        if ending is Ending.TIMEOUT or seconds > self.timeout_seconds:
            blame = blame or ("backend" if seconds / stretch < self.timeout_seconds else "timeout")
            seconds, ending = float(self.timeout_seconds), Ending.TIMEOUT
        elif ending is Ending.ERROR and behaviour.seconds_until_error is not None:
            seconds = min(seconds, behaviour.seconds_until_error)
        unreserved = self.reserved_concurrency is None
        cold, version = self._environment(), self.revision
        spent = (
            min(cpu, seconds) * self.vcpus
        )  # what Insights counts is CPU time, not the wait for it
        return Run(seconds, cold, spent, ending, failed_at, version, unreserved, blame)

    @property
    def vcpus(self) -> float:
        """How much CPU the memory pays for, as far as the code can use it."""
        return min(self.memory_mb / FULL_VCPU_MB, self.behaviour.vcpus_usable)

    def work_seconds(self, weight: int) -> tuple[float, float]:
        """CPU and I/O that so many records take while nothing is in the way."""
        behaviour = self.behaviour
        cpu = behaviour.cpu_seconds_per_invocation + behaviour.cpu_seconds_per_record * weight
        cpu /= self.vcpus
        io = behaviour.io_seconds_per_invocation + behaviour.io_seconds_per_record * weight
        return cpu, io

    def begin_direct(self, seconds: float) -> Run:
        """Start on what no mapping has sent: it takes so long, and succeeds."""
        if self.backend:
            self.backend.in_flight += 1
        unreserved = self.reserved_concurrency is None
        cold, version = self._environment(), self.revision
        return Run(seconds, cold, 0.0, Ending.SUCCESS, 0, version, unreserved)

    def end(self, run: Run) -> None:
        """Give the slot and, if it is still of this revision, the environment back."""
        self.running -= 1
        self._account.ended(unreserved=run.unreserved)
        self._warm += run.version == self.revision
        if self.backend:
            self.backend.in_flight -= 1

    def recycle(self, now: float) -> None:
        """A change of configuration or code: new environments from here on."""
        self.revision += 1
        self._warm = 0
        self.last_modified_seconds = now

    def deploy(self, behaviour: Behaviour, now: float) -> None:
        """New code."""
        self.behaviour = replace(behaviour)
        self.code_version += 1
        self.recycle(now)

    def _fails(self, outages: Sequence[Outage], now: float) -> bool:
        share = max(self.behaviour.error_share, error_share(outages, now))
        return share > 0 and self._rng.random() < share

    def _ending(self, failing: bool, poison_at: int | None) -> tuple[Ending, int]:
        behaviour = self.behaviour
        poisoned = poison_at is not None and behaviour.poison != "harmless"
        if poisoned and behaviour.poison == "hangs":
            return Ending.TIMEOUT, 0
        if not (failing or poisoned):
            return Ending.SUCCESS, 0
        if behaviour.reports_item_failures:
            return Ending.PARTIAL, 0 if failing else poison_at or 0
        return Ending.ERROR, 0

    def _jitter(self) -> float:
        sigma = self.behaviour.jitter_share
        return exp(self._rng.gauss(-sigma * sigma / 2, sigma)) if sigma else 1.0

    def _environment(self) -> float:
        if self._warm:
            self._warm -= 1
            return 0.0
        self._new_environments -= 1
        return self.behaviour.cold_start_seconds

    def _may_create(self, now: float) -> bool:
        """Scaling rate: 1,000 new environments per 10 s per function."""
        grown = self._new_environments + (now - self._refilled_at) * NEW_ENVIRONMENTS_PER_SECOND
        self._new_environments = min(NEW_ENVIRONMENTS_BURST, grown)
        self._refilled_at = now
        return self._new_environments >= 1
