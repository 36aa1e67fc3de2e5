"""One-time schedules: one per name, at their minute, gone after firing if they said so."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lab.bridge.schedules import Schedules
from lab.plant import AwsError

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def request(**changes: Any) -> dict[str, Any]:
    return {
        "Name": "remediator-a",
        "ScheduleExpression": "at(2026-11-23T12:05:00)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": "arn", "RoleArn": "role", "Input": '{"follow_up": "a"}'},
        "ActionAfterCompletion": "DELETE",
        **changes,
    }


@pytest.mark.parametrize("seed", range(20))
def test_a_schedule_fires_once_within_its_minute(seed: int) -> None:
    schedules = Schedules(seed)
    schedules.create(request(), NOW)
    at = NOW + timedelta(minutes=5)
    due = schedules.next_due()
    assert due is not None
    assert at <= due < at + timedelta(minutes=1)
    assert schedules.fire(due - timedelta(microseconds=1)) == []
    assert [schedule.event for schedule in schedules.fire(due)] == [{"follow_up": "a"}]
    assert schedules.fire(due) == []


def test_the_same_name_twice_is_a_conflict() -> None:
    schedules = Schedules()
    schedules.create(request(), NOW)
    with pytest.raises(AwsError) as refusal:
        schedules.create(request(), NOW)
    assert (refusal.value.code, refusal.value.http_status) == ("ConflictException", 409)


@pytest.mark.parametrize(
    ("after", "names"),
    [
        pytest.param("DELETE", [], id="deleted, so the name is free again"),
        pytest.param("NONE", ["remediator-a"], id="kept, so the name stays taken"),
    ],
)
def test_a_completed_schedule_is(after: str, names: list[str]) -> None:
    schedules = Schedules()
    schedules.create(request(ActionAfterCompletion=after), NOW)
    schedules.fire(NOW + timedelta(hours=1))
    assert [schedule.request["Name"] for schedule in schedules.all()] == names


def test_a_schedule_in_the_past_never_fires() -> None:
    schedules = Schedules()
    schedules.create(request(ScheduleExpression="at(2026-11-23T11:59:00)"), NOW)
    assert schedules.next_due() is None


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"Name": "remediator a"}, id="a name with a space"),
        pytest.param({"Name": "r" * 65}, id="a name that is too long"),
        pytest.param({"ScheduleExpression": "at(2026-11-23T12:05:00Z)"}, id="a time with a zone"),
        pytest.param({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, id="a flexible window"),
        pytest.param({"Target": {"Arn": "a", "RoleArn": "r", "Input": "hi"}}, id="no JSON"),
    ],
)
def test_a_schedule_is_refused_that_has(changes: dict[str, Any]) -> None:
    with pytest.raises(AwsError, match="ValidationException"):
        Schedules().create(request(**changes), NOW)


def test_a_schedule_that_is_not_there_cannot_be_deleted() -> None:
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        Schedules().delete("default", "remediator-a")
