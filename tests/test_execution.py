"""The executor: a write that got no answer is read and compared before it is repeated."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from lab.memory_table import memory_journal
from remediator.errors import TemporaryError
from remediator.execution import Executor
from remediator.model import (
    Cause,
    Change,
    ChangeResult,
    ChangeStatus,
    Decision,
    GuardedChange,
    GuardedPlan,
    Mode,
    Plan,
    RemedyName,
    Resource,
    ResourceKind,
    Ruling,
    Value,
)
from remediator.state import ChangeState, IncidentState, TrackedChange
from tests.aws.aws_world import kinesis_target
from tests.histories import NOW, state

MAPPING = Resource(kind=ResourceKind.EVENT_SOURCE_MAPPING, id="mapping-1")
RAISE = Change(
    remedy=RemedyName.RAISE_PARALLELIZATION_FACTOR,
    resource=MAPPING,
    setting="parallelization_factor",
    before=1,
    after=4,
)


@dataclass
class Aws:
    """Settings in memory. ``struck`` says, write by write, what happens instead of an answer."""

    held: dict[Resource, dict[str, Value]]
    struck: list[Callable[["Aws"], None]] = field(default_factory=list)
    written: list[Mapping[str, Value]] = field(default_factory=list)
    reshards_at_once: bool = True

    def read(self, resource: Resource, settings: Sequence[str]) -> Mapping[str, Value]:
        return {setting: self.held[resource][setting] for setting in settings}

    def write(self, resource: Resource, values: Mapping[str, Value]) -> None:
        self.written.append(values)
        if self.struck:
            self.struck.pop(0)(self)
            raise TemporaryError("no answer")
        self.held[resource] |= values

    def settled(self, resource: Resource) -> bool:
        return resource.kind is not ResourceKind.HASH_RANGE or self.reshards_at_once


def lost(aws: Aws) -> None:
    """It never arrived."""


def took_effect(aws: Aws) -> None:
    aws.held[MAPPING]["parallelization_factor"] = 4


def a_person_came(aws: Aws) -> None:
    aws.held[MAPPING]["parallelization_factor"] = 2


def plan(*changes: Change) -> GuardedPlan:
    ruling = Ruling(decision=Decision.ALLOW, guardrail="policy", reason="")
    wish = Plan(
        incident_id="incident-1",
        target=kinesis_target("mapping-1"),
        cause=Cause.SLOW_CONSUMER,
        changes=changes,
    )
    guarded = tuple(GuardedChange(change=one, ruling=ruling) for one in changes)
    return GuardedPlan(plan=wish, changes=guarded, mode=Mode.APPLY)


def apply(aws: Aws, *changes: Change) -> tuple[IncidentState, tuple[ChangeResult, ...]]:
    journal = memory_journal()
    journal.begin(state(mapping="mapping-1"))
    lease = journal.acquire("mapping-1", "me", NOW, 180)
    assert lease is not None
    executor = Executor(aws, journal, lambda: NOW + timedelta(seconds=1))
    present = journal.load("incident-1")
    assert present is not None
    return executor.apply(present, lease, plan(*changes))


@pytest.mark.parametrize(
    ("struck", "status", "held", "writes"),
    [
        pytest.param([lost], ChangeStatus.APPLIED, 4, 2, id="repeated where it was lost"),
        pytest.param([took_effect], ChangeStatus.APPLIED, 4, 1, id="not where it took effect"),
        pytest.param([a_person_came], ChangeStatus.CONFLICT, 2, 1, id="not over a person's value"),
    ],
)
def test_a_write_without_answer_is_compared_before_it_is_repeated(
    struck: list[Callable[[Aws], None]], status: ChangeStatus, held: int, writes: int
) -> None:
    aws = Aws({MAPPING: {"parallelization_factor": 1}}, struck)
    after, results = apply(aws, RAISE)
    assert [done.status for done in results] == [status]
    assert aws.held[MAPPING]["parallelization_factor"] == held
    assert len(aws.written) == writes
    kept = ChangeState.APPLIED if status is ChangeStatus.APPLIED else ChangeState.ABANDONED
    assert [tracked.state for tracked in after.changes] == [kept]


def test_a_write_that_gets_no_answer_for_good_is_left_for_the_next_look_to_settle() -> None:
    aws = Aws({MAPPING: {"parallelization_factor": 1}}, [lost] * 9)
    with pytest.raises(TemporaryError, match="no answer"):
        apply(aws, RAISE)
    assert len(aws.written) == 3


def test_what_holds_our_value_already_stays_ours_though_it_is_planned_once_more() -> None:
    """It was planned by readings of before our own write: nobody else has set it (invariant 8)."""
    aws, journal = Aws({MAPPING: {"parallelization_factor": 4}}), memory_journal()
    made = TrackedChange(change=RAISE, state=ChangeState.APPLIED, at=NOW, turn=1)
    journal.begin(state(mapping="mapping-1"))
    lease = journal.acquire("mapping-1", "me", NOW, 180)
    present = journal.load("incident-1")
    assert lease is not None
    assert present is not None
    known = present.model_copy(update={"changes": (made,), "turn": 2})
    after, results = Executor(aws, journal, lambda: NOW).apply(known, lease, plan(RAISE))
    assert [result.status for result in results] == [ChangeStatus.ALREADY_SO]
    assert after.changes[0].state is ChangeState.APPLIED


def _split(n: int) -> Change:
    arn = kinesis_target("mapping-1").source_arn
    return Change(
        remedy=RemedyName.SPLIT_SHARDS,
        resource=Resource(kind=ResourceKind.HASH_RANGE, id=f"{arn}#{n}0-{n}9"),
        setting="shards",
        before=1,
        after=2,
    )


def _shards(*, at_once: bool) -> tuple[Aws, tuple[Change, ...]]:
    splits = tuple(_split(n) for n in (1, 2, 3))
    held: dict[Resource, dict[str, Value]] = {one.resource: {"shards": 1} for one in splits}
    return Aws(held, reshards_at_once=at_once), splits


def test_shards_are_split_one_after_another_as_long_as_aws_keeps_up() -> None:
    aws, splits = _shards(at_once=True)
    after, results = apply(aws, *splits)
    assert [done.status for done in results] == [ChangeStatus.APPLIED] * 3
    assert after.going_on == ()


def test_a_shard_that_aws_is_still_at_lets_the_others_wait_for_the_next_look() -> None:
    aws, splits = _shards(at_once=False)
    after, results = apply(aws, *splits)
    assert [done.status for done in results] == [
        ChangeStatus.SETTLING,
        ChangeStatus.SKIPPED,
        ChangeStatus.SKIPPED,
    ]
    assert "next look" in results[-1].detail
    assert after.going_on == splits[1:]
    assert [tracked.change for tracked in after.changes] == [splits[0]]


def _of_the_mapping(setting: str, before: Value, after: Value) -> Change:
    return Change(
        remedy=RemedyName.ISOLATE_POISON,
        resource=MAPPING,
        setting=setting,
        before=before,
        after=after,
    )


def _undone(aws: Aws, *made: Change) -> tuple[IncidentState, tuple[ChangeResult, ...]]:
    """Put back by hand, with what an earlier look has seen, what the settings are made to hold."""
    journal = memory_journal()
    tracked = tuple(
        TrackedChange(change=one, state=ChangeState.APPLIED, at=NOW, turn=1) for one in made
    )
    journal.begin(state(mapping="mapping-1").model_copy(update={"changes": tracked}))
    lease = journal.acquire("mapping-1", "me", NOW, 180)
    assert lease is not None
    executor = Executor(aws, journal, lambda: NOW + timedelta(seconds=1))
    present = journal.load("incident-1")
    assert present is not None
    return executor.undo(present, lease, present.in_effect)


CAPTURED = _of_the_mapping("on_failure_destination", None, "arn:aws:sqs:::quarantine")


def test_bounded_retries_go_back_to_the_old_default_of_10000_without_a_destination() -> None:
    bounded = _of_the_mapping("maximum_retry_attempts", 10_000, 5)
    aws = Aws({MAPPING: {bounded.setting: 5, CAPTURED.setting: CAPTURED.after}})
    after, results = _undone(aws, bounded, CAPTURED)
    assert {done.status for done in results} == {ChangeStatus.APPLIED}
    assert aws.held[MAPPING] == {bounded.setting: 10_000, CAPTURED.setting: None}
    assert not after.in_effect


def test_a_destination_is_not_taken_away_where_somebody_has_just_bounded_the_retries() -> None:
    aws = Aws({MAPPING: {"maximum_retry_attempts": 3, CAPTURED.setting: CAPTURED.after}})
    after, results = _undone(aws, CAPTURED)
    assert {done.status for done in results} == {ChangeStatus.CONFLICT}
    assert not aws.written
    assert [one.change for one in after.in_effect] == [CAPTURED]


@pytest.mark.parametrize(
    ("before", "after", "named_again"),
    [
        pytest.param(10_000, 7, True, id="sooner than an old default"),
        pytest.param(-1, 7, True, id="where nothing was ever given up"),
        pytest.param(7, -1, False, id="never again"),
        pytest.param(7, 10_000, False, id="back to the owner's value"),
    ],
)
def test_whoever_gives_up_sooner_names_the_destination_again_so_that_aws_checks_it(
    before: int, after: int, *, named_again: bool
) -> None:
    theirs = "arn:aws:sqs:eu-central-1:123456789012:theirs"
    aws = Aws({MAPPING: {"maximum_retry_attempts": before, "on_failure_destination": theirs}})
    change = RAISE.model_copy(
        update={
            "remedy": RemedyName.ISOLATE_POISON,
            "setting": "maximum_retry_attempts",
            "before": before,
            "after": after,
        }
    )
    apply(aws, change)
    expected = {"on_failure_destination": theirs} if named_again else {}
    assert aws.written == [{**expected, "maximum_retry_attempts": after}]
