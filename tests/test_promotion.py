"""More memory behind an alias and back: by whatever it is cut short, one end is reached.

AWS's side is a function of versions and an alias, which releases no other code in any test.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

import pytest

from remediator.errors import PermanentError, RemediatorError, TemporaryError
from remediator.execution.promotion import Parts, Points, Step, memory_released
from remediator.model import Change, ChangeStatus, RemedyName, Resource, ResourceKind, Value
from remediator.state import ChangeState
from tests.aws.aws_world import kinesis_target
from tests.histories import NOW
from tests.stepwise import Stepwise

MAPPING = "mapping-1"
RAISE = Change(
    remedy=RemedyName.RAISE_MEMORY,
    resource=Resource(kind=ResourceKind.ALIAS, id="consumer:live@7"),
    setting="released_memory_mb",
    before=512,
    after=1024,
)
FORWARD, BACKWARD = [Step.RAISE_LATEST, Step.MOVE_ALIAS], [Step.MOVE_BACK, Step.LOWER_LATEST]
# (alias, $LATEST), each with its code and its memory.
BEFORE, AFTER = (("a", 512), ("a", 512)), (("a", 1024), ("a", 1024))


@dataclass
class Account:
    """A function of code a, whose alias has released version 7 of it."""

    now: datetime = NOW
    latest: tuple[str, int] = ("a", 512)
    versions: dict[int, tuple[str, int]] = field(default_factory=lambda: {7: ("a", 512)})
    alias: int | None = 7
    routed: bool = False
    busy_until: datetime = NOW
    written: list[Step] = field(default_factory=list)
    refuses: dict[Step, RemediatorError] = field(default_factory=dict)

    def read(self, _: Resource, __: Sequence[str]) -> dict[str, Value]:
        code, memory = self.versions.get(self.alias or 0, ("", 0))
        old = self.versions.get(7)
        points = Points.OURS if old and code == old[0] else Points.ELSEWHERE
        parts = Parts(
            points=None if self.alias is None else Points.OLD if self.alias == 7 else points,
            memory_mb=memory,
            old_mb=old[1] if old else None,
            latest_mb=self.latest[1],
            alike=old is not None and old[0] == self.latest[0],
            routed=self.routed,
            busy=self.now < self.busy_until,
        )
        return {**parts._asdict(), "released_memory_mb": memory_released(parts)}

    def write(self, _: Resource, values: dict[str, Any]) -> None:
        ((name, goal),) = values.items()
        step = Step(name)
        self.written.append(step)
        if step in self.refuses:
            raise self.refuses[step]
        if step in {Step.RAISE_LATEST, Step.LOWER_LATEST}:
            memory = goal if step is Step.RAISE_LATEST else self.versions[7][1]
            self.latest = self.latest[0], memory
            self.busy_until = self.now + timedelta(seconds=20)
        elif step is Step.MOVE_ALIAS:
            found = [n for n, made in self.versions.items() if made == self.latest]
            self.alias = found[0] if found else max(self.versions) + 1
            self.versions[self.alias] = self.latest
            assert self.latest[0] == "a", "other code was released"
        else:
            self.alias = 7

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def settled(self, _: Resource) -> bool:
        self.pass_time(15)
        return self.now >= self.busy_until

    @property
    def ends(self) -> tuple[tuple[str, int], tuple[str, int]]:
        return self.versions[self.alias or 0], self.latest


@dataclass
class Incident(Stepwise):
    """One incident of that account, look after look."""

    change, mapping, target = RAISE, MAPPING, kinesis_target(MAPPING, qualifier="live")
    account: Account = field(default_factory=Account)

    def promote(self) -> Self:
        self.make()
        return self


def promoted() -> Incident:
    return Incident().promote().settle()


def test_latest_gets_the_memory_and_the_alias_a_version_of_it_and_back_exactly() -> None:
    incident = promoted()
    assert (incident.account.written, incident.account.ends) == (FORWARD, AFTER)
    assert incident.life is ChangeState.APPLIED
    incident.take_back().settle()
    assert incident.account.written == [*FORWARD, *BACKWARD]
    assert (incident.account.ends, incident.account.alias) == (BEFORE, 7)
    assert incident.state.changes[-1].state is ChangeState.UNDONE


def moments(live: Callable[[Incident], object]) -> int:
    incident = Incident()
    live(incident)
    return incident.strikes


def there_and_back(incident: Incident) -> object:
    return incident.promote().settle().take_back().settle()


def test_killed_at_any_moment_it_is_finished_or_undone() -> None:
    for last in range(1, moments(there_and_back) + 1):
        incident = Incident(last=last)
        incident.promote().settle()
        while incident.state.in_effect:  # again where it died before it was written down
            assert incident.account.ends == AFTER, last
            incident.take_back().settle()
        assert (incident.account.ends, incident.account.alias) == (BEFORE, 7), last
        assert not incident.state.in_effect, last


def _deploys(account: Account) -> None:
    account.latest = "b", account.latest[1]


def _releases(account: Account) -> None:
    account.versions[20] = "b", 512
    account.alias = 20


def _routes(account: Account) -> None:
    account.routed = True


def _sets_memory(account: Account) -> None:
    account.latest = account.latest[0], 3000


def _deletes_alias(account: Account) -> None:
    account.alias = None


PERSONS = {
    "$LATEST is not what": _deploys,
    "moved the alias": _releases,
    "shifts traffic": _routes,
    "changed the memory": _sets_memory,
    "deleted the alias": _deletes_alias,
}


@pytest.mark.parametrize("said", PERSONS)
def test_where_it_is_not_as_it_was_planned_from_nothing_is_written(said: str) -> None:
    incident = Incident()
    PERSONS[said](incident.account)
    incident.promote()
    assert incident.account.written == []
    assert incident.life is ChangeState.ABANDONED
    assert said in incident.state.changes[-1].detail


@pytest.mark.parametrize("said", PERSONS)
def test_where_somebody_comes_in_between_it_goes_back_and_their_work_stands(said: str) -> None:
    incident = Incident(last=6)  # $LATEST was written, and the process died
    incident.promote()
    assert incident.account.latest == ("a", 1024)
    PERSONS[said](incident.account)
    incident.settle()
    assert Step.MOVE_ALIAS not in incident.account.written
    assert not incident.state.in_effect
    assert incident.account.latest[1] == (3000 if said == "changed the memory" else 512)
    assert incident.account.alias == {"moved the alias": 20, "deleted the alias": None}.get(said, 7)


def test_an_alias_that_somebody_has_moved_since_is_theirs() -> None:
    incident = promoted()
    _releases(incident.account)
    with incident.held() as (executor, lease):
        executor.overtaken(incident.state, lease)
    assert incident.life is ChangeState.OVERTAKEN


def test_code_that_was_deployed_since_stays_and_only_the_memory_goes_back() -> None:
    incident = promoted()
    _deploys(incident.account)
    incident.take_back().settle()
    assert (incident.account.alias, incident.account.latest) == (7, ("b", 512))


@pytest.mark.parametrize("step", FORWARD)
def test_a_step_that_aws_refuses_turns_it_round(step: Step) -> None:
    incident = Incident()
    incident.account.refuses[step] = PermanentError("denied", code="AccessDenied")
    incident.promote().settle()
    assert (incident.account.ends, incident.account.alias) == (BEFORE, 7)
    assert RemedyName.RAISE_MEMORY in incident.state.tried


def test_a_version_that_aws_is_still_at_is_waited_for() -> None:
    incident = Incident()
    incident.account.refuses[Step.MOVE_ALIAS] = TemporaryError("version 8 is Pending")
    (made,) = incident.make()
    assert made.status is ChangeStatus.SETTLING
    incident.account.refuses.clear()
    assert incident.settle().account.ends == AFTER
