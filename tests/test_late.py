"""What an alarm's owner calls late is late, from the event to the diagnosis."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from remediator.events.intake import understand
from remediator.model import Alarm, AlarmState, Cause, Evidence, Incident, Mode
from remediator.policy import Policy
from remediator.ports import DescribedAlarm
from remediator.replay import NoActuator, SavedSensor
from remediator.runbook.respond import told_when_late
from remediator.runbook.session import Deployment, Session
from tests.evidence import ACCOUNT, NOW, REGION, aged, evidence, since

ARN = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:orders-age"


class Sensor(SavedSensor):
    """Saved evidence, and alarms that can be looked up."""

    def __init__(self, seen: Evidence, threshold: float | None) -> None:
        super().__init__(seen)
        self._threshold = threshold

    def describe_alarms(self, names: Sequence[str]) -> tuple[DescribedAlarm, ...]:
        if self._threshold is None:
            return ()
        late = self._threshold / 1000
        return tuple(
            DescribedAlarm(
                alarm=Alarm(
                    name=name,
                    state=AlarmState.ALARM,
                    threshold=self._threshold,
                    late_after_seconds=late,
                )
            )
            for name in names
        )


def half_a_minute_late() -> Evidence:
    """A lane that is busy nearly all the time, half a minute behind and no worse."""
    return evidence(
        **aged(since(15, 30_000, 400)),
        batch_size=10,
        duration_ms=990,
        duration_max_ms=1100,
    )


def session(threshold: float | None = None) -> Session:
    return Session(
        sensor=Sensor(half_a_minute_late(), threshold),
        actuator=NoActuator(),
        policy=Policy(),
        deployment=Deployment(mode=Mode.PLAN),
        clock=lambda: NOW,
    )


def by_sns(threshold: float, metric: str = "IteratorAge", at: datetime = NOW) -> Incident:
    message = {
        "AlarmName": "orders-age",
        "AlarmArn": ARN,
        "AWSAccountId": ACCOUNT,
        "NewStateValue": "ALARM",
        "StateChangeTime": at.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "Trigger": {
            "MetricName": metric,
            "Namespace": "AWS/Lambda",
            "Dimensions": [{"name": "FunctionName", "value": "orders"}],
            "Threshold": threshold,
        },
    }
    return understood(
        {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(message)}}]}
    )


AGE = {
    "namespace": "AWS/Lambda",
    "name": "IteratorAge",
    "dimensions": {"FunctionName": "orders"},
}
AS_IT_IS = (
    {"id": "m", "metricStat": {"metric": AGE, "period": 60, "stat": "Maximum"}, "returnData": True},
)
AS_A_SLOPE = (
    {"id": "slope", "expression": "RATE(age) / 1000", "returnData": True},
    {"id": "age", "metricStat": {"metric": AGE}, "returnData": False},
)


def by_action(data: str | None, metrics: Sequence[Mapping[str, Any]] = AS_IT_IS) -> Incident:
    state = {"value": "ALARM", "reason": "", "timestamp": "2026-11-23T12:00:00.000+0000"}
    return understood(
        {
            "source": "aws.cloudwatch",
            "alarmArn": ARN,
            "accountId": ACCOUNT,
            "region": REGION,
            "time": "2026-11-23T12:00:00.000+0000",
            "alarmData": {
                "alarmName": "orders-age",
                "state": state | ({} if data is None else {"reasonData": data}),
                "configuration": {"metrics": list(metrics)},
            },
        }
    )


def understood(event: Any) -> Incident:
    found = understand(event, NOW)
    assert isinstance(found, Incident)
    return found


def cause(at: Session, incident: Incident) -> Cause:
    incident = told_when_late(at, incident)
    (target,) = at.sensor.find_targets(incident.watched, NOW) if incident.watched else ()
    return at.read(target, incident).diagnosis.cause


def test_an_alarm_at_ten_seconds_is_late_for_its_owner() -> None:
    assert cause(session(), by_sns(10_000)) is Cause.SLOW_CONSUMER


def test_an_alarm_at_the_policys_threshold_changes_nothing() -> None:
    assert cause(session(), by_sns(60_000)) is Cause.RECOVERING


@pytest.mark.parametrize("metric", ["Duration", "Errors"])
def test_the_threshold_of_another_metric_is_no_age(metric: str) -> None:
    assert cause(session(), by_sns(10_000, metric)) is Cause.RECOVERING


def test_a_slope_that_is_made_of_ages_is_no_age() -> None:
    """As the template's own early warning has it: its threshold is in seconds a second."""
    incident = by_action(json.dumps({"threshold": 0.5}), AS_A_SLOPE)
    alarm = incident.alarm
    assert alarm is not None
    assert (alarm.threshold, alarm.late_after_seconds) == (0.5, None)
    assert cause(session(), incident) is Cause.RECOVERING


def test_the_threshold_stands_in_the_reasons_data() -> None:
    assert cause(session(), by_action(json.dumps({"threshold": 10_000.0}))) is Cause.SLOW_CONSUMER


@pytest.mark.parametrize(
    ("described", "told"), [(10_000.0, Cause.SLOW_CONSUMER), (None, Cause.RECOVERING)]
)
def test_where_the_event_does_not_tell_the_threshold_the_alarm_is_looked_up(
    described: float | None, told: Cause
) -> None:
    assert cause(session(described), by_action(None)) is told
