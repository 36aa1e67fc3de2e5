"""Follow-ups: one schedule for one name, in time, and gone once it has fired."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from remediator.aws.scheduler import EventBridgeScheduler, schedule_name
from remediator.errors import PermanentError, TemporaryError
from tests.aws.aws_world import ACCOUNT, NOW, REGION, World

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:remediator"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/follow-up"


@pytest.fixture
def scheduler(aws: World) -> EventBridgeScheduler:
    return EventBridgeScheduler(aws.clients, FUNCTION, ROLE, lambda: NOW)


def test_a_follow_up_is_a_one_shot_schedule_that_deletes_itself(
    aws: World, scheduler: EventBridgeScheduler
) -> None:
    scheduler.schedule("remediator-i-1", NOW + timedelta(minutes=4), {"follow_up": "i"})
    made = aws.clients.scheduler.get_schedule(Name="remediator-i-1")
    assert made["ScheduleExpression"] == "at(2026-11-23T12:04:30)"
    assert made["ScheduleExpressionTimezone"] == "UTC"
    assert made["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert made["ActionAfterCompletion"] == "DELETE"
    assert made["GroupName"] == "default"
    assert (made["Target"]["Arn"], made["Target"]["RoleArn"]) == (FUNCTION, ROLE)
    assert json.loads(made["Target"]["Input"]) == {"follow_up": "i"}


@pytest.mark.parametrize(
    ("at", "expression"),
    [
        pytest.param(NOW + timedelta(seconds=90), "12:02:00", id="a whole second stays"),
        pytest.param(NOW + timedelta(seconds=90.5), "12:02:01", id="else the next one"),
        pytest.param(NOW, "12:01:30", id="not before a minute from now"),
        pytest.param(NOW - timedelta(days=1), "12:01:30", id="never in the past"),
        pytest.param(
            (NOW + timedelta(minutes=9)).astimezone(timezone(timedelta(hours=5))),
            "12:09:30",
            id="in UTC",
        ),
    ],
)
def test_the_time_is_a_whole_second_whose_minute_is_still_to_come(
    aws: World, scheduler: EventBridgeScheduler, at: datetime, expression: str
) -> None:
    scheduler.schedule("one", at, {})
    asked = aws.params_of("scheduler:CreateSchedule")
    assert asked["ScheduleExpression"] == f"at(2026-11-23T{expression})"


def test_the_same_name_twice_is_one_schedule(aws: World, scheduler: EventBridgeScheduler) -> None:
    for minutes in (5, 9):
        scheduler.schedule("one", NOW + timedelta(minutes=minutes), {})
    made = aws.clients.scheduler.get_schedule(Name="remediator-one")
    assert made["ScheduleExpression"] == "at(2026-11-23T12:05:30)"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("remediator-x", "remediator-x"),
        ("x", "remediator-x"),
        ("x" * 53, "remediator-" + "x" * 53),
    ],
)
def test_a_short_name_is_kept_behind_the_prefix(name: str, expected: str) -> None:
    assert schedule_name(name) == expected


@pytest.mark.parametrize("name", ["x" * 54, "a b", "a/b", "é", "x" * 500])
def test_any_other_name_becomes_one_that_aws_takes_and_stays_its_own(name: str) -> None:
    made = schedule_name(name)
    assert len(made) <= 64
    assert made.startswith("remediator-")
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert made == schedule_name(name) != schedule_name(f"{name}!")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ThrottlingException", TemporaryError),
        ("InternalServerException", TemporaryError),
        ("ServiceQuotaExceededException", PermanentError),
        ("AccessDeniedException", PermanentError),
    ],
)
def test_what_aws_refuses_is_raised(
    aws: World, scheduler: EventBridgeScheduler, code: str, error: type[Exception]
) -> None:
    aws.refuse("scheduler:CreateSchedule", code)
    with pytest.raises(error, match=code):
        scheduler.schedule("one", NOW, {})
