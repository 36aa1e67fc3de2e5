"""A mapping that is gone: what was changed beside it goes back as an act of our own."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from lab.memory_table import memory_journal
from remediator.model import (
    Change,
    Mode,
    RemedyName,
    Resource,
    ResourceKind,
    Status,
    Value,
)
from remediator.policy import MaintenanceWindow, Policy
from remediator.replay import SavedSensor
from remediator.runbook import undoing
from remediator.runbook.session import Deployment, Session
from remediator.runbook.turn import Turn
from remediator.state import ChangeState, Freeze, Stage, TrackedChange
from tests.aws.aws_world import kinesis_target
from tests.evidence import evidence
from tests.histories import NOW, state

FUNCTION = Resource(kind=ResourceKind.FUNCTION, id="orders")
RANGE = Resource(kind=ResourceKind.HASH_RANGE, id="arn:aws:kinesis:::stream/orders#0-1")
ALWAYS = MaintenanceWindow(name="night", start=time(0, 0), end=time(23, 59, 59))


class Hand:
    """Settings in memory."""

    def __init__(self, held: dict[str, Value]) -> None:
        self.held = held

    def read(self, resource: Resource, settings: Sequence[str]) -> Mapping[str, Value]:
        return {name: self.held[name] for name in settings}

    def write(self, resource: Resource, values: Mapping[str, Value]) -> None:
        self.held |= values

    def settled(self, resource: Resource) -> bool:
        return True


class Clockwork:
    """A scheduler that only remembers."""

    def __init__(self) -> None:
        self.due = list[datetime]()

    def schedule(self, name: str, at: datetime, payload: Mapping[str, Any]) -> None:
        self.due.append(at)


def made(resource: Resource, setting: str, before: int, after: int) -> TrackedChange:
    remedy = RemedyName.RAISE_RESERVED_CONCURRENCY
    change = Change(remedy=remedy, resource=resource, setting=setting, before=before, after=after)
    return TrackedChange(change=change, state=ChangeState.APPLIED, at=NOW, turn=1)


RESERVED = made(FUNCTION, "reserved_concurrency", 2, 8)
SPLIT = made(RANGE, "shards", 1, 2)


def forgotten(
    tracked: TrackedChange, policy: Policy | None = None, freeze: Freeze | None = None
) -> tuple[Hand, Stage, Status, Clockwork]:
    """The look that finds the mapping gone, and what it leaves."""
    hand, journal = Hand({tracked.change.setting: tracked.change.after}), memory_journal()
    clockwork, later = Clockwork(), NOW + timedelta(minutes=5)
    if freeze is not None:
        journal.freeze(freeze)
    session = Session(
        sensor=SavedSensor(evidence()),
        actuator=hand,
        policy=policy or Policy(mode=Mode.APPLY),
        deployment=Deployment(mode=Mode.APPLY),
        clock=lambda: later,
        journal=journal,
        scheduler=clockwork,
    )
    present = state(mapping="mapping-1").model_copy(
        update={"changes": (tracked,), "target": kinesis_target("mapping-1")}
    )
    journal.begin(present)
    loaded, lease = journal.load(present.incident_id), journal.acquire("mapping-1", "me", later, 60)
    assert loaded is not None
    assert lease is not None
    report = undoing.forget(Turn(session, loaded, lease), "it is gone")
    after = journal.load(present.incident_id)
    assert after is not None
    return hand, after.stage, report.outcome.status, clockwork


def test_what_was_changed_of_the_function_goes_back_once_the_mapping_is_gone() -> None:
    hand, stage, status, _ = forgotten(RESERVED)
    assert hand.held == {"reserved_concurrency": 2}
    assert (stage, status) == (Stage.CLOSED, Status.ROLLED_BACK)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"policy": Policy(mode=Mode.APPLY, freeze=True)}, id="the policy's freeze"),
        pytest.param(
            {"policy": Policy(mode=Mode.APPLY, maintenance_windows=(ALWAYS,))}, id="a window"
        ),
        pytest.param(
            {"freeze": Freeze(scope="all", reason="a release", by="ada", at=NOW)}, id="a freeze"
        ),
        pytest.param({"policy": Policy(mode=Mode.PLAN)}, id="mode plan"),
    ],
)
def test_what_holds_back_our_own_acts_holds_that_back_too(said: dict[str, Any]) -> None:
    hand, stage, status, clockwork = forgotten(RESERVED, **said)
    assert hand.held == {"reserved_concurrency": 8}
    assert (stage, status) == (Stage.WATCHING, Status.BLOCKED)
    assert clockwork.due, "it is come back to"


def test_shards_are_not_merged_unasked_because_our_mapping_is_gone() -> None:
    hand, _, status, _ = forgotten(SPLIT)
    assert (hand.held, status) == ({"shards": 2}, Status.BLOCKED)


def test_shards_of_a_stream_that_is_ours_alone_are_merged_once_the_mapping_is_gone() -> None:
    hand, stage, _, _ = forgotten(SPLIT, Policy(mode=Mode.APPLY, streams_of_ours=("*",)))
    assert (hand.held, stage) == ({"shards": 1}, Stage.CLOSED)
