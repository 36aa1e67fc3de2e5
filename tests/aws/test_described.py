"""Alarms as CloudWatch describes them now."""

from datetime import UTC, datetime
from typing import Any

import pytest

from remediator.aws.sensor import AwsSensor
from remediator.errors import InputError, PermanentError, TemporaryError
from remediator.model import AlarmState, Watched
from remediator.ports import DescribedAlarm
from tests.aws.aws_world import ACCOUNT, REGION, World

ARN = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:"
SINCE = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)


def describe(aws: World, *names: str) -> tuple[DescribedAlarm, ...]:
    return AwsSensor(aws.clients).describe_alarms(names)


def put_alarm(aws: World, name: str, **metric: Any) -> None:
    one = {
        "Namespace": "AWS/Lambda",
        "MetricName": "IteratorAge",
        "Dimensions": [{"Name": "FunctionName", "Value": "consumer"}],
        "Period": 60,
        "Statistic": "Maximum",
    }
    aws.clients.cloudwatch.put_metric_alarm(
        AlarmName=name,
        EvaluationPeriods=1,
        Threshold=60_000,
        ComparisonOperator="GreaterThanThreshold",
        **(metric or one),
    )
    aws.calls.clear()


@pytest.mark.parametrize("name", ["lag", f"{ARN}lag"], ids=["by name", "by ARN"])
def test_an_alarm_tells_its_state_threshold_and_what_it_watches(aws: World, name: str) -> None:
    put_alarm(aws, "lag")
    aws.clients.cloudwatch.set_alarm_state(AlarmName="lag", StateValue="ALARM", StateReason="old")
    (found,) = describe(aws, name)
    assert (found.alarm.name, found.alarm.state) == ("lag", AlarmState.ALARM)
    assert (found.alarm.threshold, found.alarm.reason) == (60_000, "old")
    assert found.state_since is not None
    assert found.state_since.tzinfo is UTC
    assert (found.watched, found.children) == (Watched(function="consumer"), ())


def test_a_metric_math_alarm_watches_the_metric_of_lag_in_it(aws: World) -> None:
    stream = {
        "Namespace": "AWS/Kinesis",
        "MetricName": "GetRecords.IteratorAgeMilliseconds",
        "Dimensions": [{"Name": "StreamName", "Value": "orders"}],
    }
    put_alarm(
        aws,
        "math",
        Metrics=[
            {"Id": "e1", "Expression": "m1 / 1000", "ReturnData": True},
            {
                "Id": "m1",
                "MetricStat": {"Metric": stream, "Period": 60, "Stat": "Maximum"},
                "ReturnData": False,
            },
        ],
    )
    assert describe(aws, "math")[0].watched == Watched(stream="orders")


def test_only_alarms_that_exist_are_described_each_once(aws: World) -> None:
    put_alarm(aws, "lag")
    assert [found.alarm.name for found in describe(aws, "lag", "lag", "no-such")] == ["lag"]
    assert aws.operations() == ["cloudwatch:DescribeAlarms"]


def test_no_names_need_no_call(aws: World) -> None:
    assert describe(aws) == ()
    assert aws.operations() == []


def test_more_names_than_one_call_takes_are_asked_in_turn(aws: World) -> None:
    put_alarm(aws, "alarm-249")
    found = describe(aws, *(f"alarm-{number}" for number in range(250)))
    assert [one.alarm.name for one in found] == ["alarm-249"]
    assert len(aws.calls) == 3


@pytest.mark.parametrize(
    ("rule", "children"),
    [
        pytest.param('ALARM("a b") OR ALARM(c)', ("a b", "c"), id="quoted and bare"),
        pytest.param(f'ALARM("{ARN}a") AND NOT OK("b")', (f"{ARN}a", "b"), id="ARN"),
        pytest.param("AT_LEAST(2, ALARM, (one, two, three))", ("one", "two", "three"), id="group"),
        pytest.param("ALARM(a) OR ALARM( a )", ("a",), id="each once"),
        pytest.param("TRUE", (), id="none"),
    ],
)
def test_a_composite_alarm_names_its_children_and_watches_nothing(
    aws: World, rule: str, children: tuple[str, ...]
) -> None:
    composite = {
        "AlarmName": "all",
        "AlarmRule": rule,
        "StateValue": "ALARM",
        "StateUpdatedTimestamp": datetime(2026, 11, 23, 11, 30, tzinfo=UTC),
        "StateTransitionedTimestamp": SINCE,
    }
    aws.answer("cloudwatch:DescribeAlarms", {"CompositeAlarms": [composite]})
    (found,) = describe(aws, "all")
    assert (found.children, found.watched, found.state_since) == (children, None, SINCE)


def test_a_state_of_a_newer_aws_is_no_crash(aws: World) -> None:
    alarm = {"AlarmName": "lag", "StateValue": "DREAMING", "MetricName": "m", "Namespace": "n"}
    aws.answer("cloudwatch:DescribeAlarms", {"MetricAlarms": [alarm]})
    (found,) = describe(aws, "lag")
    assert (found.alarm.state, found.watched) == (AlarmState.INSUFFICIENT_DATA, None)


def test_an_alarm_of_another_region_is_refused(aws: World) -> None:
    with pytest.raises(InputError, match="lies in us-east-1"):
        describe(aws, f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:lag")


def test_denied_alarms_name_the_missing_action(aws: World) -> None:
    aws.refuse("cloudwatch:DescribeAlarms", "AccessDenied", "no", 403)
    with pytest.raises(PermanentError) as caught:
        describe(aws, "lag")
    assert caught.value.permission == "cloudwatch:DescribeAlarms"


def test_an_alarm_on_a_log_query_is_described_too(aws: World) -> None:
    log_alarm = {
        "AlarmName": "errors-in-log",
        "AlarmArn": f"{ARN}errors-in-log",
        "StateValue": "ALARM",
        "StateTransitionedTimestamp": SINCE,
    }
    aws.answer("cloudwatch:DescribeAlarms", {"LogAlarms": [log_alarm]})
    (found,) = describe(aws, "errors-in-log")
    assert (found.alarm.state, found.state_since) == (AlarmState.ALARM, SINCE)
    assert (found.watched, found.children) == (None, ())
    asked = aws.params_of("cloudwatch:DescribeAlarms")
    assert asked["AlarmTypes"] == ["MetricAlarm", "CompositeAlarm", "LogAlarm"]


@pytest.mark.parametrize("answer", [{"MetricAlarms": [{}]}, {"CompositeAlarms": 7}])
def test_alarms_that_cannot_be_read_are_asked_for_again_later(
    aws: World, answer: dict[str, Any]
) -> None:
    aws.answer("cloudwatch:DescribeAlarms", answer)
    with pytest.raises(TemporaryError, match="cannot be read"):
        describe(aws, "lag")
