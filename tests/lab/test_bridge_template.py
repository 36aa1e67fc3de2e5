"""The template as CloudFormation would resolve it, and what it would refuse."""

from pathlib import Path

import pytest

from lab.bridge.deployment import TEMPLATE
from lab.bridge.template import Stack, TemplateError, load

ACCOUNT, REGION = "210987654321", "eu-west-1"
WATCHED = {"TargetFunction": "orders-consumer"}


def stack(**parameters: str) -> Stack:
    return Stack(load(TEMPLATE), "remediator", ACCOUNT, REGION, WATCHED | parameters)


def test_the_function_gets_names_and_arns_of_what_the_stack_makes() -> None:
    function = stack(Mode="apply").resources("AWS::Serverless::Function")["RemediatorFunction"]
    variables = function["Environment"]["Variables"]
    assert variables["REMEDIATOR_MODE"] == "apply"
    assert variables["REMEDIATOR_JOURNAL_TABLE"] == "remediator-Journal"
    assert variables["REMEDIATOR_NOTICES_TOPIC_ARN"] == (
        f"arn:aws:sns:{REGION}:{ACCOUNT}:remediator-Notices"
    )
    assert variables["REMEDIATOR_QUARANTINE_QUEUE_ARN"] == (
        f"arn:aws:sqs:{REGION}:{ACCOUNT}:remediator-Quarantine"
    )
    assert function["Role"] == f"arn:aws:iam::{ACCOUNT}:role/remediator-RemediatorRole"


def test_the_alarm_watches_the_target_at_the_threshold_in_milliseconds() -> None:
    alarm = stack(IteratorAgeThresholdSeconds="90").resources("AWS::CloudWatch::Alarm")[
        "IteratorAgeAlarm"
    ]
    assert alarm["Threshold"] == "90000"
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "orders-consumer"}]


@pytest.mark.parametrize(
    ("alarms", "made"),
    [
        ("function", {"IteratorAgeAlarm", "EarlyWarningAlarm"}),
        ("fleet", {"FleetIteratorAgeAlarm"}),
        ("none", set()),
    ],
)
def test_one_stack_watches_one_function_or_all_of_them(alarms: str, made: set[str]) -> None:
    deployed = stack(TargetFunction="orders-*", Alarms=alarms, TaggedFunctionsOnly="yes")
    found = set(deployed.resources("AWS::CloudWatch::Alarm"))
    assert found - {"RemediatorErrorsAlarm", "DeadLettersAlarm"} == made


@pytest.mark.parametrize(
    ("delivery", "action"),
    [
        pytest.param(
            "lambda",
            f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:remediator-RemediatorFunction",
            id="the function itself",
        ),
        pytest.param(
            "sns",
            f"arn:aws:sns:{REGION}:{ACCOUNT}:remediator-AlarmTopic",
            id="a topic that the function subscribes to",
        ),
    ],
)
def test_the_alarms_action_follows_the_delivery(delivery: str, action: str) -> None:
    deployed = stack(AlarmDelivery=delivery)
    alarm = deployed.resources("AWS::CloudWatch::Alarm")["IteratorAgeAlarm"]
    assert alarm["AlarmActions"] == alarm["OKActions"] == [action]
    assert deployed.exists("AlarmTopic") == (delivery == "sns")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        pytest.param({}, "TargetFunction has no default", id="a parameter that is missing"),
        pytest.param(WATCHED | {"Mode": "yolo"}, "none of", id="a value that is not allowed"),
        pytest.param(WATCHED | {"Mood": "calm"}, "no such parameters: Mood", id="one too many"),
        pytest.param({"TargetFunction": "a b"}, "does not fit", id="a name that does not fit"),
    ],
)
def test_bad_parameters_are_refused(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(TemplateError, match=complaint):
        Stack(load(TEMPLATE), "remediator", ACCOUNT, REGION, given)


def test_conditions_and_joins_are_worked_out(tmp_path: Path) -> None:
    path = tmp_path / "template.yml"
    path.write_text(
        """
Parameters: {Stage: {Type: String}}
Conditions:
  Live: !Or [!Equals [!Ref Stage, prod], !And [!Equals [!Ref Stage, pre], !Equals [a, a]]]
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Condition: Live
    Properties: {QueueName: !Join ["-", [orders, !Ref Stage]]}
""",
        encoding="utf-8",
    )

    def queues(stage: str) -> list[str]:
        made = Stack(load(path), "s", ACCOUNT, REGION, {"Stage": stage})
        return [made.physical_name(name) for name in made.resources("AWS::SQS::Queue")]

    assert [queues(stage) for stage in ("prod", "pre", "dev")] == [
        ["orders-prod"],
        ["orders-pre"],
        [],
    ]
