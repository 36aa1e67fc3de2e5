"""The remediator itself, unmodified, from the alarm to the lever."""

import json
from typing import Any

import pytest

from lab.bridge import Conditions, Rehearsal
from lab.bridge.shapes import Delivery
from lab.plant import World
from remediator.render.forms import LINES
from tests.lab.bridge_worlds import FUNCTION, world

HOUR = 3600
APPLY = "version: 1\nmode: apply\n"


def clogging() -> World:
    """0.1 s a record and one lane: 10 records/s, where 30 records/s arrive."""
    return world(records_per_second=30.0)


def rehearsed(
    mode: str = "apply", delivery: Delivery = "lambda", conditions: Conditions | None = None
) -> Rehearsal:
    rehearsal = Rehearsal(
        clogging(), FUNCTION, {"Mode": mode}, APPLY, delivery, conditions=conditions
    )
    rehearsal.run_until(HOUR)
    return rehearsal


def writes(rehearsal: Rehearsal) -> list[str]:
    """What was changed of other people's."""
    theirs = {"lambda", "kinesis"}
    return [call.name for call in rehearsal.calls if call.service in theirs and not call.is_read]


def results(rehearsal: Rehearsal) -> list[Any]:
    return [report.result for report in rehearsal.reports]


@pytest.mark.parametrize("delivery", ["lambda", "sns", "eventbridge"])
def test_an_alarm_leads_to_the_lever(delivery: Delivery) -> None:
    rehearsal = rehearsed(delivery=delivery)
    assert [report.error for report in rehearsal.reports if report.error] == []
    assert rehearsal.dead_letters == []
    acted = next(r for r in results(rehearsal) if r["outcome"]["status"] == "applied")
    assert acted["diagnosis"]["cause"] == "slow_consumer"
    assert writes(rehearsal)[0] == "lambda:UpdateEventSourceMapping"
    assert rehearsal.notices
    for told in (json.loads(notice["Message"]) for notice in rehearsal.notices):
        assert len(told["default"].splitlines()) <= LINES
        assert json.loads(told["https"])["metadata"]["threadId"].startswith("inc-")


def test_plan_mode_changes_nothing() -> None:
    rehearsal = rehearsed(mode="plan")
    assert writes(rehearsal) == []
    planned = [r for r in results(rehearsal) if r["outcome"]["status"] == "planned"]
    assert planned[0]["plan"]["changes"]
    assert rehearsal.dead_letters == []


def test_with_the_remediator_more_gets_done_than_with_nothing() -> None:
    alone = clogging()
    alone.run_until(HOUR)
    (uuid,) = alone.mappings
    assert rehearsed().world.ledger(uuid).processed > 1.5 * alone.ledger(uuid).processed


def test_the_same_seed_tells_the_same_story() -> None:
    first, second = (rehearsed(conditions=Conditions(seed=7)) for _ in range(2))
    assert results(first) == results(second)
    assert first.transitions == second.transitions
    assert sorted(c.name for c in first.calls) == sorted(c.name for c in second.calls)


def test_a_journal_in_memory_changes_neither_what_is_done_nor_what_is_counted() -> None:
    on_the_wire = rehearsed(conditions=Conditions(seed=7))
    in_memory = Rehearsal(
        clogging(), FUNCTION, {"Mode": "apply"}, APPLY, conditions=Conditions(seed=7)
    )
    in_memory.keep_in_memory()
    in_memory.run_until(HOUR)
    assert results(in_memory) == results(on_the_wire)
    assert writes(in_memory)
    assert sorted(c.name for c in in_memory.calls) == sorted(c.name for c in on_the_wire.calls)
