"""Requests by hand: what each means, and what is refused with which words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remediator.errors import InputError
from remediator.events.intake import understand
from remediator.events.requests import Approve, FollowUpDue, Rollback, SetFreeze
from remediator.model import Incident, Mode, Watched

NOW = datetime(2026, 11, 23, 10, 15, 31, tzinfo=UTC)
ACCOUNT, REGION = "123456789012", "eu-west-1"
ID = "inc-0123456789abcdef0123"
UUID = "a1b2c3d4-5678-90ab-cdef-111122223333"
LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}"
KINESIS = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders"
DYNAMODB = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Orders/stream/2026-11-14T00:04:06.388"


ORDERS = Watched(function="orders-consumer")
STREAM = Watched(stream="orders")


def named(value: object) -> str:
    """An event as a test's id."""
    return repr(value)[:80] if not isinstance(value, str) else "->"


def incident(raw: object, **known: str) -> Incident:
    """The incident in an event."""
    found = understand(raw, NOW, **known)
    assert isinstance(found, Incident)
    return found


@pytest.mark.parametrize(
    ("raw", "watched"),
    [
        ({"function": "orders-consumer"}, ORDERS),
        ({"function": "orders:live"}, Watched(function="orders", qualifier="live")),
        ({"function": "orders:$LATEST"}, Watched(function="orders", qualifier="$LATEST")),
        ({"function": f"{LAMBDA}:function:orders-consumer"}, ORDERS),
        (
            {"function": f"{LAMBDA}:function:orders:7"},
            Watched(function="orders", qualifier="7"),
        ),
        ({"function": f"{ACCOUNT}:function:orders-consumer"}, ORDERS),
        ({"event_source_mapping": UUID.upper()}, Watched(event_source_mapping=UUID)),
        (
            {"event_source_mapping": f"{LAMBDA}:event-source-mapping:{UUID}"},
            Watched(event_source_mapping=UUID),
        ),
        ({"stream": "orders"}, STREAM),
        ({"stream": KINESIS}, Watched(stream=KINESIS)),
        ({"stream": f"{KINESIS}/consumer/fan-out:1669186800"}, Watched(stream=KINESIS)),
        ({"stream": DYNAMODB}, Watched(stream=DYNAMODB)),
    ],
    ids=named,
)
def test_a_person_may_name_a_function_a_mapping_or_a_stream(
    raw: dict[str, str], watched: Watched
) -> None:
    found = incident(raw, account_id=ACCOUNT, region=REGION)
    assert found.watched == watched
    assert (found.at, found.account_id, found.region) == (NOW, ACCOUNT, REGION)
    assert found.alarm is None


@pytest.mark.parametrize(("asked", "mode"), [("plan", Mode.PLAN), ("apply", Mode.APPLY)])
def test_a_person_may_wish_for_a_mode(asked: str, mode: Mode) -> None:
    assert incident({"function": "orders", "mode": asked}).mode is mode
    assert incident({"function": "orders"}).mode is None


def test_a_request_by_hand_is_the_same_within_a_second_or_by_its_request_id() -> None:
    def asked(raw: object, after_seconds: float) -> str:
        found = understand(raw, NOW + timedelta(seconds=after_seconds))
        assert isinstance(found, Incident)
        return found.incident_id

    bare, tagged = {"function": "orders"}, {"function": "orders", "request_id": "r-1"}
    assert asked(bare, 0) == asked(bare, 0.4)
    assert asked(bare, 0) != asked(bare, 60)
    assert asked(tagged, 0) == asked(tagged, 60)
    assert asked(tagged, 0) != asked({"function": "invoices", "request_id": "r-1"}, 0)
    assert asked(bare, 0) != asked({"stream": "orders"}, 0)


@pytest.mark.parametrize(
    ("raw", "command"),
    [
        ({"approve": ID}, Approve(incident_id=ID)),
        ({"approve": ID, "by": "mia"}, Approve(incident_id=ID, by="mia")),
        ({"rollback": ID}, Rollback(incident_id=ID)),
        ({"rollback": {"function": "orders"}}, Rollback(function="orders")),
        ({"follow_up": ID}, FollowUpDue(incident_id=ID)),
        ({"follow_up": ID, "number": 3}, FollowUpDue(incident_id=ID, number=3)),
        ({"follow_up": ID, "watch": True}, FollowUpDue(incident_id=ID, watch=True)),
        (
            {"follow_up": ID, "number": 3, "tries": 2},
            FollowUpDue(incident_id=ID, number=3, tries=2),
        ),
        (
            {"freeze": "all", "reason": "launch", "by": "mia"},
            SetFreeze(scope="all", on=True, reason="launch", by="mia"),
        ),
        ({"freeze": f"{LAMBDA}:function:orders:live"}, SetFreeze(scope="orders", on=True)),
        ({"unfreeze": "orders"}, SetFreeze(scope="orders", on=False)),
    ],
    ids=named,
)
def test_commands(raw: dict[str, Any], command: object) -> None:
    assert understand(raw, NOW, account_id=ACCOUNT) == command


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (None, "expected a JSON object, got None"),
        ([], "expected a JSON object, got a value of type list"),
        (b"{}", "expected a JSON object, got a value of type bytes"),
        ({}, r"expected a CloudWatch alarm .*alarmData.*detail.*Records.* or a request with one"),
        ({"func": "orders"}, "got the keys 'func'"),
        ({"function": ""}, "function: expected a Lambda function's name, .* got ''"),
        ({"function": "../../etc"}, "function: expected a Lambda function's name"),
        ({"function": "orders\n"}, "function: expected a Lambda function's name"),
        ({"function": "o" * 65}, "function: expected a Lambda function's name"),
        ({"function": "órders"}, "function: expected a Lambda function's name"),
        ({"function": f"{LAMBDA}:layer:orders"}, "function: expected a Lambda function's name"),
        ({"function": ["orders"]}, "function: .* got a value of type list"),
        ({"event_source_mapping": "orders"}, "event_source_mapping: expected .* UUID"),
        ({"stream": "orders/../x"}, "stream: expected a Kinesis stream's name"),
        ({"stream": f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders"}, "stream: expected a Kinesis stream"),
        ({"function": "a", "stream": "b"}, "stream: unknown key beside 'function'; known here"),
        ({"function": "a", "dry_run": True}, "known here: function, mode, request_id"),
        ({"function": "a", "mode": "destroy"}, "mode: expected plan or apply, got 'destroy'"),
        ({"function": "a", "mode": True}, "mode: expected plan or apply, got True"),
        ({"function": "a", "request_id": 7}, "request_id: expected text, got 7"),
        ({"approve": "all"}, "approve: expected an incident id such as inc-"),
        ({"approve": ID + "\n"}, "approve: expected an incident id"),
        ({"approve": ID, "mode": "apply"}, "mode: unknown key beside 'approve'; known here"),
        ({"rollback": {"stream": "a"}}, "rollback: expected an incident id or"),
        ({"rollback": {"function": 1}}, r"rollback\.function: expected a Lambda function's name"),
        ({"follow_up": ID, "number": -1}, "number: expected a whole number from 0 to"),
        ({"follow_up": ID, "number": True}, "number: expected a whole number"),
        ({"follow_up": ID, "tries": None}, "tries: expected a whole number"),
        ({"follow_up": ID, "watch": 1}, "watch: expected true or false"),
        ({"follow_up": ID, "number": 10**400}, "number: expected a whole number"),
        ({"freeze": "every one"}, "freeze: expected a Lambda function's name"),
        ({"freeze": "all", "reason": {}}, "reason: expected text"),
        ({"Records": []}, "Records: expected the one record of an SNS notification, got 0"),
        ({"Records": [{}, {}]}, "Records: expected the one record of an SNS notification, got 2"),
        ({"Records": [{"eventSource": "aws:kinesis"}]}, "record of SNS, got one of 'aws:kinesis'"),
        (
            {"Records": [{"Sns": {"Message": "hello"}}]},
            r"Records\.0\.Sns\.Message: expected a CloudWatch alarm notification in JSON",
        ),
        ({"Records": [{"Sns": {"Message": "[" * 100_000}}]}, "alarm notification in JSON"),
        (
            {"detail-type": "EC2 Instance State-change Notification", "detail": {}},
            "detail-type: expected CloudWatch Alarm State Change or",
        ),
        ({"source": "aws.ec2", "detail": {}}, "source: expected 'aws.cloudwatch', got 'aws.ec2'"),
        ({"alarmData": {}}, r"alarmData\.alarmName: expected the alarm's name, got none"),
        (
            {"alarmData": {"alarmName": "a", "state": {"value": "alarm"}}},
            r"alarmData\.state\.value: expected ALARM, OK, INSUFFICIENT_DATA, got 'alarm'",
        ),
    ],
    ids=named,
)
def test_what_cannot_be_understood_is_refused_with_what_was_expected(
    raw: object, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        understand(raw, NOW)


@pytest.mark.parametrize(
    "raw",
    [
        {"function": "arn:aws:lambda:eu-west-1:999999999999:function:orders"},
        {"function": "999999999999:function:orders"},
        {"function": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:orders"},
        {"stream": KINESIS.replace(ACCOUNT, "999999999999")},
        {"stream": DYNAMODB.replace(ACCOUNT, "999999999999")},
        {"event_source_mapping": f"arn:aws:lambda:us-east-1:{ACCOUNT}:event-source-mapping:{UUID}"},
        {"freeze": "999999999999:function:orders"},
        {"rollback": {"function": "999999999999:function:orders"}},
    ],
    ids=named,
)
def test_nobody_can_name_another_accounts_or_regions_resource(raw: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="got something in"):
        understand(raw, NOW, account_id=ACCOUNT, region=REGION)
