"""The remediator's own intake understands the lab's alarm events in all three shapes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from lab.bridge.alarms import Alarm, State
from lab.bridge.shapes import Delivery, alarm_event
from remediator.events.intake import understand
from remediator.model import AlarmState, Incident, Watched

AT = datetime(2026, 11, 23, 12, 5, 30, 250_000, tzinfo=UTC)
ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:orders-age"
METRIC = {
    "Namespace": "AWS/Lambda",
    "MetricName": "IteratorAge",
    "Dimensions": [{"Name": "FunctionName", "Value": "orders-consumer"}],
}
COMMON: dict[str, Any] = {
    "AlarmDescription": "orders fall behind",
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 2,
    "AlarmActions": ["arn:aws:sns:eu-west-1:123456789012:alarms"],
    "OKActions": ["arn:aws:sns:eu-west-1:123456789012:alarms"],
}
SINGLE = COMMON | METRIC | {"Statistic": "Maximum", "Period": 60, "Threshold": "60000"}
MATH = COMMON | {
    "Threshold": 0.5,
    "Metrics": [
        {"Id": "slope", "Expression": "RATE(age)", "Label": "slope", "ReturnData": True},
        {
            "Id": "age",
            "ReturnData": False,
            "MetricStat": {"Stat": "Maximum", "Period": 60, "Metric": METRIC},
        },
    ],
}


def alarm(properties: dict[str, Any], value: str = "ALARM") -> Alarm:
    data = '{"version": "1.0", "recentDatapoints": [61000.0, 121000.0], "threshold": 60000.0}'
    before = State("OK" if value == "ALARM" else "ALARM", "fine", AT, None)
    return Alarm("orders-age", ARN, properties, State(value, "why", AT, data), before, AT)


def incident(event: dict[str, Any]) -> Incident:
    found = understand(event, AT)
    assert isinstance(found, Incident)
    return found


@pytest.mark.parametrize("properties", [SINGLE, MATH], ids=["single metric", "metric math"])
@pytest.mark.parametrize("delivery", ["lambda", "sns", "eventbridge"])
@pytest.mark.parametrize("value", ["ALARM", "OK"])
def test_the_intake_reads_who_and_when(
    delivery: Delivery, properties: dict[str, Any], value: str
) -> None:
    found = incident(alarm_event(alarm(properties, value), delivery))
    assert found.watched == Watched(function="orders-consumer")
    assert found.at == AT
    assert (found.account_id, found.region) == ("123456789012", "eu-west-1")
    assert found.alarm is not None
    assert (found.alarm.name, found.alarm.state) == ("orders-age", AlarmState(value))


@pytest.mark.parametrize("delivery", ["lambda", "sns", "eventbridge"])
def test_the_intake_finds_the_threshold(delivery: Delivery) -> None:
    found = incident(alarm_event(alarm(SINGLE), delivery))
    assert found.alarm is not None
    assert found.alarm.threshold == 60_000


def test_one_transition_is_one_incident_however_it_comes() -> None:
    ways: tuple[Delivery, ...] = ("lambda", "sns", "eventbridge")
    assert len({incident(alarm_event(alarm(SINGLE), way)).incident_id for way in ways}) == 1
