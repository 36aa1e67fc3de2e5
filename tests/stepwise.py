"""An incident whose change takes several steps, look after look; it may die before or after any.

What it is made of is told by the two tests of such changes: a takeover, and a promotion.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from lab.memory_table import memory_journal
from remediator.execution import Executor
from remediator.model import Change, ChangeResult, Target
from remediator.ports import Journal
from remediator.state import ChangeState, IncidentState, Lease
from tests.histories import state
from tests.test_execution import plan

ID = "inc-0123456789abcdef0123"
LOOKS = 40


class Killed(BaseException):
    """The invocation is over, at once."""


class Counted:
    """Calls of another object, each of which may be the last: before it, or just after it."""

    def __init__(self, of: object, names: Sequence[str], strike: Callable[[], None]) -> None:
        self._of, self._names, self._strike = of, names, strike

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        if name not in self._names:
            return found

        def call(*args: Any, **named: Any) -> Any:
            self._strike()
            answer = found(*args, **named)
            self._strike()
            return answer

        return call


@dataclass
class Stepwise:
    """One incident of an account that has ``now``, ``pass_time`` and an actuator's side."""

    change: ClassVar[Change]
    mapping: ClassVar[str]
    target: ClassVar[Target]

    account: Any
    journal: Journal = field(default_factory=memory_journal)
    frozen: str | None = None
    strikes: int = 0
    last: int | None = None
    """The number of the moment in which the invocation dies."""

    def __post_init__(self) -> None:
        begun = state(ID, mapping=self.mapping).model_copy(update={"target": self.target})
        self.journal.begin(begun)

    @property
    def state(self) -> IncidentState:
        found = self.journal.load(ID)
        assert found is not None
        return found

    @property
    def life(self) -> ChangeState:
        return self.state.changes[-1].state

    def _strike(self) -> None:
        self.strikes += 1
        if self.strikes == self.last:
            raise Killed

    @contextmanager
    def held(self) -> Iterator[tuple[Executor, Lease]]:
        """One invocation, under the lease; a dead one's is over by then."""
        self.account.pass_time(200)
        lease = self.journal.acquire(self.mapping, f"{self.strikes}", self.account.now, 180)
        assert lease is not None
        journal: Any = Counted(self.journal, ["commit"], self._strike)
        actuator: Any = Counted(self.account, ["write"], self._strike)
        executor = Executor(actuator, journal, lambda: self.account.now, lambda: self.frozen)
        try:
            yield executor, lease
        except Killed:
            return
        self.journal.release(lease)

    def make(self) -> tuple[ChangeResult, ...]:
        made: tuple[ChangeResult, ...] = ()
        with self.held() as (executor, lease):
            _, made = executor.apply(self.state, lease, plan(self.change))
        return made

    def take_back(self) -> Self:
        with self.held() as (executor, lease):
            present = executor.recover(self.state, lease, onward=False)
            executor.undo(present, lease, present.in_effect)
        return self

    def look(self) -> None:
        with self.held() as (executor, lease):
            executor.overtaken(executor.recover(self.state, lease), lease)

    def settle(self) -> Self:
        for _ in range(LOOKS):
            if not any(tracked.unsettled for tracked in self.state.changes):
                return self
            self.look()
        raise AssertionError(f"never settled: {self.state.changes[-1]}")
