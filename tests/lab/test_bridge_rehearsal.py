"""A function deployed into a world is called by alarms and schedules, as Lambda would call it."""

import os
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lab.bridge import Conditions, LambdaContext, Rehearsal, TimedOut, at_call, crashed
from lab.bridge.shapes import Delivery
from lab.plant import AccountSpec, FunctionSpec, Knobs, World
from remediator.events.intake import understand
from remediator.model import AlarmState, Incident
from remediator.wiring import Runtime
from tests.lab.bridge_worlds import FUNCTION, START, client, mapping_of, rehearsal, world


def noop(event: Any, _: LambdaContext, __: Runtime) -> Any:
    return event


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def incident(event: Any) -> Incident:
    understood = understand(event, START)
    assert isinstance(understood, Incident)
    return understood


# --- alarms ------------------------------------------------------------------------------------


@pytest.mark.parametrize("delivery", ["lambda", "sns", "eventbridge"])
def test_each_change_of_the_alarm_calls_the_function_once(delivery: Delivery) -> None:
    made = world(records_per_second=15.0)
    rehearsed = Rehearsal(made, FUNCTION, delivery=delivery, function=noop)
    rehearsed.run_until(900)
    calls = [(report.started, incident(report.event)) for report in rehearsed.reports]
    ours = [(when, found) for when, found in calls if _is_age_alarm(found)]
    states = [(s, when) for when, name, s in rehearsed.transitions if name.endswith("-age")]
    assert [state for state, _ in states] == ["OK", "ALARM"]
    assert [found.alarm.state for _, found in ours if found.alarm] == [
        AlarmState.OK,
        AlarmState.ALARM,
    ]
    assert [started for started, _ in ours] == [when + timedelta(seconds=1) for _, when in states]


def _is_age_alarm(found: Incident) -> bool:
    return found.alarm is not None and found.alarm.name == "remediator-iterator-age"


def test_the_early_warning_calls_before_the_alarm_does() -> None:
    made = world(records_per_second=30.0)
    rehearsed = rehearsal(made, noop)
    rehearsed.run_until(900)
    alarms = [name for _, name, state in rehearsed.transitions if state == "ALARM"]
    assert set(alarms) == {"remediator-iterator-age", "remediator-iterator-age-slope"}


def test_the_alarm_waits_for_the_threshold_that_the_stack_was_given() -> None:
    early, late = (
        rehearsal(world(records_per_second=15.0), noop, IteratorAgeThresholdSeconds=seconds)
        for seconds in ("30", "120")
    )
    for rehearsed in (early, late):
        rehearsed.run_until(1800)
    first, second = (
        next(
            when for when, name, state in r.transitions if state == "ALARM" and "slope" not in name
        )
        for r in (early, late)
    )
    assert first < second


# --- time --------------------------------------------------------------------------------------


def test_the_plant_runs_on_while_the_function_sleeps_and_calls() -> None:
    made = world(records_per_second=5.0)
    uuid = mapping_of(made)
    seen: list[int] = []

    def work(_: Any, __: LambdaContext, runtime: Runtime) -> None:
        client("lambda").get_account_settings()
        seen.append(made.ledger(uuid).produced)
        runtime.sleep(20)
        seen.append(made.ledger(uuid).produced)
        seen.append(int((runtime.clock() - START).total_seconds()))

    rehearsal(made, work).invoke({})
    before, after, seconds = seen
    assert after - before == pytest.approx(100, abs=6)
    assert seconds == 20


def test_lambda_ends_an_invocation_at_the_templates_timeout() -> None:
    def work(_: Any, context: LambdaContext, runtime: Runtime) -> str:
        assert context.get_remaining_time_in_millis() == 120_000
        try:
            runtime.sleep(500)
        except Exception:  # noqa: BLE001
            return "survived"
        return "slept"

    report = rehearsal(world(), work).invoke({})
    assert isinstance(report.error, TimedOut)
    assert report.finished - report.started == timedelta(seconds=120)


def test_a_slow_invocation_makes_the_next_one_wait() -> None:
    rehearsed = rehearsal(world(), lambda _, __, runtime: runtime.sleep(50))
    for _ in range(3):
        rehearsed.send({})
    rehearsed.run_until(10)
    assert [report.started for report in rehearsed.reports] == [at(1), at(51), at(101)]


# --- retries -----------------------------------------------------------------------------------


def test_a_failing_function_is_tried_again_after_one_and_two_minutes_and_then_given_up() -> None:
    def fail(*_: Any) -> None:
        raise ValueError("broken world")

    rehearsed = rehearsal(world(), fail)
    rehearsed.send({"function": FUNCTION})
    rehearsed.run_until(150)
    starts = [
        report.started for report in rehearsed.reports if report.event == {"function": FUNCTION}
    ]
    assert starts == [at(1), at(61)]
    assert rehearsed.dead_letters == []
    rehearsed.run_until(200)
    (letter,) = rehearsed.dead_letters
    assert (letter.event, letter.at) == ({"function": FUNCTION}, at(181))
    assert str(letter.error) == "broken world"


def test_a_crash_is_retried_with_the_same_request() -> None:
    requests: list[str] = []

    def work(_: Any, context: LambdaContext, __: Runtime) -> str:
        requests.append(context.aws_request_id)
        client("lambda").get_account_settings()
        return "done"

    rehearsed = rehearsal(world(), work, Conditions(faults=at_call(1, crashed)))
    rehearsed.send({})
    rehearsed.run_until(100)
    assert [report.result for report in rehearsed.reports] == [None, "done"]
    assert len(requests) == 2
    assert len(set(requests)) == 1
    assert rehearsed.dead_letters == []


def test_a_manual_invocation_is_not_retried() -> None:
    def fail(*_: Any) -> None:
        raise ValueError("no")

    rehearsed = rehearsal(world(), fail)
    assert isinstance(rehearsed.invoke({}).error, ValueError)
    rehearsed.run_until(150)
    assert len(rehearsed.reports) == 1


# --- schedules ---------------------------------------------------------------------------------


def schedule_once(event: Any, context: LambdaContext, runtime: Runtime) -> Any:
    """Books its own follow-up five minutes ahead, when called by hand."""
    if event == {"function": FUNCTION}:
        client("scheduler").create_schedule(
            Name="remediator-follow-up",
            ScheduleExpression=(runtime.clock() + timedelta(minutes=5)).strftime(
                "at(%Y-%m-%dT%H:%M:%S)"
            ),
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target={
                "Arn": context.invoked_function_arn,
                "RoleArn": runtime.environ["REMEDIATOR_FOLLOW_UP_ROLE_ARN"],
                "Input": '{"follow_up": "incident"}',
            },
        )
    return event


def test_a_schedule_calls_the_function_with_its_input_within_the_minute() -> None:
    rehearsed = rehearsal(world(), schedule_once)
    rehearsed.invoke({"function": FUNCTION})
    rehearsed.run_until(600)
    (followed,) = [r for r in rehearsed.reports if r.event == {"follow_up": "incident"}]
    assert at(300) <= followed.started <= at(362)
    assert rehearsed.aws.schedules.all() == []


# --- what the function is given ----------------------------------------------------------------


def test_what_the_function_stores_and_says_goes_to_its_own_stack() -> None:
    def work(_: Any, __: LambdaContext, runtime: Runtime) -> Any:
        table = runtime.environ["REMEDIATOR_JOURNAL_TABLE"]
        key = {"pk": {"S": "incident"}, "sk": {"S": "1"}}
        client("dynamodb").put_item(TableName=table, Item=key)
        client("sns").publish(
            TopicArn=runtime.environ["REMEDIATOR_NOTICES_TOPIC_ARN"], Subject="s", Message="m"
        )
        client("events").put_events(
            Entries=[{"Source": "remediator", "DetailType": "t", "Detail": "{}"}]
        )
        return client("dynamodb").get_item(TableName=table, Key=key)["Item"]

    rehearsed = rehearsal(world(), work)
    report = rehearsed.invoke({})
    assert report.error is None
    assert report.result["pk"] == {"S": "incident"}
    assert [(n["Subject"], n["Message"]) for n in rehearsed.notices] == [("s", "m")]
    assert [entry["DetailType"] for entry in rehearsed.bus_events] == ["t"]


def test_rehearsals_follow_one_another_with_the_same_clients_and_empty_journals() -> None:
    made_once: list[Any] = []

    def work(*_: Any) -> int:
        if not made_once:
            made_once.append(client("dynamodb"))
        found = made_once[0].scan(TableName="remediator-Journal")["Count"]
        made_once[0].put_item(
            TableName="remediator-Journal", Item={"pk": {"S": "a"}, "sk": {"S": "b"}}
        )
        return int(found)

    assert [rehearsal(world(), work).invoke({}).result for _ in range(3)] == [0, 0, 0]


def test_afterwards_the_process_is_as_it_was() -> None:
    environ, session = dict(os.environ), boto3.DEFAULT_SESSION
    rehearsal(world(), noop).run_until(300)
    assert dict(os.environ) == environ
    assert boto3.DEFAULT_SESSION is session


def test_an_account_of_any_number_and_region_has_its_own_stack() -> None:
    made = World(START, AccountSpec(account_id="210987654321", region="us-west-2"), Knobs(), seed=1)
    made.add_function(FunctionSpec(name=FUNCTION))

    def work(_: Any, __: LambdaContext, runtime: Runtime) -> Any:
        lambda_ = client("lambda")
        topic = runtime.environ["REMEDIATOR_NOTICES_TOPIC_ARN"]
        client("sns").publish(TopicArn=topic, Message="m")
        function = lambda_.get_function(FunctionName=FUNCTION)
        return lambda_.meta.region_name, topic, function["Configuration"]["FunctionArn"]

    report = rehearsal(made, work).invoke({})
    assert report.error is None
    assert report.result == (
        "us-west-2",
        "arn:aws:sns:us-west-2:210987654321:remediator-Notices",
        f"arn:aws:lambda:us-west-2:210987654321:function:{FUNCTION}",
    )


def test_somebody_elses_alarm_is_described_and_calls_nobody() -> None:
    def work(*_: Any) -> list[tuple[str, str]]:
        described = client("cloudwatch").describe_alarms(AlarmNames=["orders-database-busy"])
        return [(a["AlarmName"], a["StateValue"]) for a in described["MetricAlarms"]]

    made = world(records_per_second=15.0)
    rehearsed = rehearsal(made, work)
    rehearsed.put_alarm(
        "orders-database-busy",
        {
            "Namespace": "AWS/Lambda",
            "MetricName": "Invocations",
            "Dimensions": [{"Name": "FunctionName", "Value": FUNCTION}],
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanThreshold",
        },
    )
    rehearsed.run_until(300)
    assert rehearsed.invoke({}).result == [("orders-database-busy", "ALARM")]
    assert "orders-database-busy" in {name for _, name, _ in rehearsed.transitions}
    assert not any("orders-database-busy" in str(report.event) for report in rehearsed.reports)


def test_motos_own_mock_would_answer_first_and_is_refused() -> None:
    with mock_aws(), pytest.raises(RuntimeError, match="mock_aws"):
        rehearsal(world(), noop).invoke({})


def test_one_lab_at_a_time() -> None:
    other = rehearsal(world(), noop)
    report = rehearsal(world(), lambda *_: other.invoke({})).invoke({})
    assert isinstance(report.error, RuntimeError)
