"""The account's concurrency, its functions' neighbours, and what stands behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from lab.plant.specs import AccountSpec, BackendSpec, NeighbourSpec, Outage


class Reserving(Protocol):
    """Whatever may hold a reservation."""

    reserved_concurrency: int | None


@dataclass(slots=True)
class Neighbour:
    """Another function: wants some concurrency and gets what the pool leaves it."""

    spec: NeighbourSpec
    reserved_concurrency: int | None
    starved_seconds: float = 0.0
    worst_shortfall: float = 0.0

    def wanted(self, now: float) -> float:
        """Concurrency it asks for."""
        return max(0.0, self.spec.concurrency(now))

    def wanted_of_pool(self, now: float) -> float:
        """What of it comes from the shared pool: beyond what is provisioned for it."""
        return max(0.0, self.wanted(now) - self.spec.provisioned_concurrency)


class Account:
    """The concurrency pool: reservations are cut out of it, the rest is shared."""

    def __init__(self, spec: AccountSpec) -> None:
        self.spec = spec
        self.concurrency_limit = spec.concurrency_limit
        self.neighbours: dict[str, Neighbour] = {}
        self.reserving: list[Reserving] = []
        self.running_unreserved = 0
        self.running = 0
        self.peak_running = 0
        self.peak_unreserved = 0
        self.refused = 0
        """How often the pool was found full; whose call meets it, is chance."""

    @property
    def reserved_total(self) -> int:
        """Σ of all reservations."""
        return sum(holder.reserved_concurrency or 0 for holder in self.reserving)

    @property
    def provisioned_total(self) -> int:
        """Σ of what is provisioned for functions without a reservation, used or not."""
        return sum(
            neighbour.spec.provisioned_concurrency
            for neighbour in self.neighbours.values()
            if neighbour.reserved_concurrency is None
        )

    @property
    def unreserved_pool(self) -> int:
        """What unreserved functions share."""
        return self.concurrency_limit - self.reserved_total - self.provisioned_total

    def settings(self) -> dict[str, int]:
        """AccountLimit of GetAccountSettings."""
        provisioned = 0 if self.spec.settings_subtract_provisioned else self.provisioned_total
        return {
            "ConcurrentExecutions": self.concurrency_limit,
            "UnreservedConcurrentExecutions": self.unreserved_pool + provisioned,
        }

    def may_reserve(self, holder: Reserving, wanted: int) -> bool:
        """Whether the pool would keep the account's minimum."""
        left = self.unreserved_pool + (holder.reserved_concurrency or 0) - wanted
        return left >= self.spec.minimum_unreserved

    def pool_has_room(self, now: float) -> bool:
        """Whether one more unreserved invocation may start, beside the neighbours' use."""
        room = self.running_unreserved + self.neighbours_want(now) + 1 <= self.unreserved_pool
        self.refused += not room
        return room

    def neighbours_want(self, now: float) -> float:
        """Unreserved concurrency that the neighbours ask for."""
        if not self.neighbours:
            return 0.0
        return sum(
            neighbour.wanted_of_pool(now)
            for neighbour in self.neighbours.values()
            if neighbour.reserved_concurrency is None
        )

    def started(self, *, unreserved: bool) -> None:
        """Count an invocation in."""
        self.running += 1
        self.running_unreserved += unreserved
        self.peak_running = max(self.running, self.peak_running)
        self.peak_unreserved = max(self.running_unreserved, self.peak_unreserved)

    def ended(self, *, unreserved: bool) -> None:
        """Count an invocation out."""
        self.running -= 1
        self.running_unreserved -= unreserved

    def watch_neighbours(self, now: float, seconds: float) -> dict[str, tuple[float, float]]:
        """Sample the neighbours: name → (concurrency got, shortfall); keeps their starvation."""
        room = max(0.0, float(self.unreserved_pool - self.running_unreserved))
        wanted = self.neighbours_want(now)
        share = min(1.0, room / wanted) if wanted else 1.0
        return {
            name: self._watch(neighbour, now, seconds, share)
            for name, neighbour in self.neighbours.items()
        }

    def _watch(
        self, neighbour: Neighbour, now: float, seconds: float, share: float
    ) -> tuple[float, float]:
        wanted, of_pool = neighbour.wanted(now), neighbour.wanted_of_pool(now)
        cap = neighbour.reserved_concurrency
        got = wanted - of_pool * (1 - share) if cap is None else min(wanted, cap)
        shortfall = wanted - got
        if shortfall > 0:
            neighbour.starved_seconds += seconds
            neighbour.worst_shortfall = max(neighbour.worst_shortfall, shortfall)
        return got, shortfall


class Backend:
    """What functions call. Its load is the number of invocations in flight against it."""

    def __init__(self, spec: BackendSpec, rng: Random) -> None:
        self.spec = spec
        self.in_flight = 0
        self.peak_load = 0.0
        self._rng = rng

    def latency_factor(self, now: float) -> float:
        """How much longer a call takes than on an idle backend."""
        overload: float = max(1.0, self._load()) ** self.spec.exponent
        return overload * latency_factor(self.spec.outages, now)

    def fails(self, now: float) -> bool:
        """Whether a call made now fails."""
        overload = self.spec.errors_per_overload * max(0.0, self._load() - self.spec.errors_from)
        share = max(min(1.0, overload), error_share(self.spec.outages, now))
        return share > 0 and self._rng.random() < share

    def _load(self) -> float:
        load = self.in_flight / self.spec.concurrency
        self.peak_load = max(load, self.peak_load)
        return load


def error_share(outages: Sequence[Outage], now: float) -> float:
    """The worst share of failing calls among the outages of this moment."""
    active = (o.error_share for o in outages if o.from_seconds <= now < o.to_seconds)
    return max(active, default=0.0)


def latency_factor(outages: Sequence[Outage], now: float) -> float:
    """The worst stretch of latency among the outages of this moment."""
    active = (o.latency_factor for o in outages if o.from_seconds <= now < o.to_seconds)
    return max(active, default=1.0)
