"""The template keeps its names and its promises, and grants exactly what policies/iam.yml says."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import lint_file
from cfnlint.decode.cfn_yaml import load

from remediator.decide.remedies import FIRST_AID, REMEDIES, Remedy
from remediator.environment import PREFIX, Settings

ROOT = Path(__file__).parents[1]
TEMPLATE: Mapping[str, Any] = load(str(ROOT / "template.yml"))
RESOURCES: Mapping[str, Any] = TEMPLATE["Resources"]
PERMISSIONS: Mapping[str, Any] = yaml.safe_load((ROOT / "policies/iam.yml").read_text())
CAPABILITIES: Mapping[str, Any] = PERMISSIONS["capabilities"]
CONDITIONS: Mapping[str, Any] = PERMISSIONS["conditions"]


def properties(logical_id: str) -> Any:
    return RESOURCES[logical_id]["Properties"]


def written_out(value: Any) -> Any:
    """Intrinsics as the ``${...}`` text that policies/iam.yml uses for them."""
    match value:
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": text}:
            return text
        case {"Fn::If": [condition, dict(found), {"Ref": "AWS::NoValue"}]}:
            return {"when": condition, **written_out(found)}
        case dict():
            return {key: written_out(inner) for key, inner in value.items()}
        case list():
            return [written_out(inner) for inner in value]
        case _:
            return value


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def policies_of(role: str) -> Iterator[tuple[str | None, Any]]:
    """Each policy document of the role, with the condition under which it exists."""
    for policy in properties(role).get("Policies", []):
        yield None, policy["PolicyDocument"]
    for resource in RESOURCES.values():
        if (
            resource["Type"] == "AWS::IAM::Policy"
            and {"Ref": role} in resource["Properties"]["Roles"]
        ):
            yield resource.get("Condition"), resource["Properties"]["PolicyDocument"]


def statements_of(role: str) -> dict[str, dict[str, Any]]:
    """The role's statements by Sid, in the terms of policies/iam.yml."""
    return {
        statement["Sid"]: {
            "effect": statement["Effect"],
            "actions": as_list(statement["Action"]),
            "resources": written_out(as_list(statement["Resource"])),
            "conditions": written_out(statement.get("Condition", {})),
            "when": condition,
        }
        for condition, document in policies_of(role)
        for statement in document["Statement"]
    }


def test_cfn_lint_finds_nothing() -> None:
    assert [str(match) for match in lint_file(ROOT / "template.yml")] == []


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("Mode", "plan"),
        ("TargetFunction", None),
        ("AlarmDelivery", "lambda"),
        ("IteratorAgeThresholdSeconds", "60"),
        ("PolicyFile", "policies/guardrails.yml"),
    ],
)
def test_a_parameter_others_rely_on_keeps_its_name_and_default(
    name: str, default: str | None
) -> None:
    assert TEMPLATE["Parameters"][name].get("Default") == default


@pytest.mark.parametrize(
    ("logical_id", "kind"),
    [
        ("RemediatorFunction", "AWS::Serverless::Function"),
        ("Journal", "AWS::DynamoDB::Table"),
        ("Notices", "AWS::SNS::Topic"),
        ("Quarantine", "AWS::SQS::Queue"),
        ("IteratorAgeAlarm", "AWS::CloudWatch::Alarm"),
    ],
)
def test_a_resource_others_rely_on_keeps_its_name(logical_id: str, kind: str) -> None:
    assert RESOURCES[logical_id]["Type"] == kind


def test_the_default_policy_file_is_in_the_repository() -> None:
    assert (ROOT / TEMPLATE["Parameters"]["PolicyFile"]["Default"]).is_file()


def test_the_environment_needs_no_more_than_references_to_resolve() -> None:
    variables = properties("RemediatorFunction")["Environment"]["Variables"]
    assert all(
        isinstance(value, str) or set(value) <= {"Ref", "Fn::GetAtt"}
        for value in variables.values()
    )


def test_the_environment_names_exactly_the_settings_that_the_function_reads() -> None:
    variables = properties("RemediatorFunction")["Environment"]["Variables"]
    assert {name for name in variables if name.startswith(PREFIX)} == {
        PREFIX + field.upper() for field in Settings.model_fields
    }


# --- the function's own safety -------------------------------------------------------------------


def test_the_function_has_concurrency_of_its_own() -> None:
    assert written_out(properties("RemediatorFunction")["ReservedConcurrentExecutions"]) == (
        "${ReservedConcurrency}"
    )
    assert TEMPLATE["Parameters"]["ReservedConcurrency"]["MinValue"] >= 1


def test_what_the_function_gives_up_becomes_a_dead_letter_that_alarms() -> None:
    queue = properties("RemediatorFunction")["DeadLetterQueue"]["TargetArn"]
    assert written_out(queue) == "${DeadLetters.Arn}"
    alarm = written_out(properties("DeadLettersAlarm"))
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": "${DeadLetters.QueueName}"}]
    assert alarm["AlarmActions"] == ["${Notices}"]


def test_the_journal_is_recoverable_encrypted_and_outlives_the_stack() -> None:
    journal = properties("Journal")
    assert journal["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert journal["SSESpecification"]["SSEEnabled"]
    assert journal["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert RESOURCES["Journal"]["DeletionPolicy"] == "Retain"


def test_the_journal_is_keyed_by_pk_and_sk_alone() -> None:
    keys = {key["AttributeName"]: key["KeyType"] for key in properties("Journal")["KeySchema"]}
    assert keys == {"pk": "HASH", "sk": "RANGE"}
    assert "GlobalSecondaryIndexes" not in properties("Journal")


def test_the_quarantine_is_a_standard_queue_that_keeps_as_long_as_sqs_can() -> None:
    quarantine = properties("Quarantine")
    assert quarantine["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert "FifoQueue" not in quarantine


def test_captured_records_lie_encrypted_private_and_no_longer_than_thirty_days() -> None:
    bucket, over = properties("CapturedRecords"), properties("CapturedRecordsPolicy")
    assert TEMPLATE["Parameters"]["CaptureBucket"]["Default"] == ""
    for name in ("CapturedRecords", "CapturedRecordsPolicy", "CapturePolicy"):
        assert RESOURCES[name]["Condition"] == "HasCaptureBucket"
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    [ends] = bucket["LifecycleConfiguration"]["Rules"]
    assert (ends["Status"], ends["ExpirationInDays"]) == ("Enabled", 30)
    [statement] = over["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == (
        "Deny",
        {"Bool": {"aws:SecureTransport": "false"}},
    )
    assert RESOURCES["CapturedRecords"]["DeletionPolicy"] == "Retain"


def test_records_can_be_read_only_where_a_parameter_asks_for_it() -> None:
    reads = {"kinesis:GetRecords", "kinesis:GetShardIterator"}
    for statement in statements_of("RemediatorRole").values():
        assert not reads & set(statement["actions"]) or statement["when"] == "ReadsRecords"
    defaults = {
        name: TEMPLATE["Parameters"][name]["Default"] for name in CONDITIONS["ReadsRecords"]
    }
    assert defaults == {"CaptureBucket": "", "KeySampling": "no"}


# --- the alarms ----------------------------------------------------------------------------------


def test_the_alarm_watches_the_target_at_the_threshold_in_milliseconds() -> None:
    alarm = written_out(properties("IteratorAgeAlarm"))
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "IteratorAge")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "${TargetFunction}"}]
    assert (alarm["Statistic"], alarm["Threshold"]) == (
        "Maximum",
        "${IteratorAgeThresholdSeconds}000",
    )


ALARMS = ("IteratorAgeAlarm", "EarlyWarningAlarm", "FleetIteratorAgeAlarm")


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_calls_the_remediator_on_alarm_and_on_ok(alarm: str) -> None:
    delivery = {"Fn::If": ["DeliverBySns", "${AlarmTopic}", "${RemediatorFunction.Arn}"]}
    found = written_out(properties(alarm))
    assert found["AlarmActions"] == [delivery]
    assert found["OKActions"] == [delivery]


@pytest.mark.parametrize("alarm", ALARMS)
def test_only_the_accounts_own_alarm_may_invoke_and_may_so_before_it_first_calls(
    alarm: str,
) -> None:
    permission = written_out(properties(f"{alarm}Permission"))
    name = written_out(properties(alarm)["AlarmName"])
    assert permission["Principal"] == "lambda.alarms.cloudwatch.amazonaws.com"
    assert permission["SourceAccount"] == "${AWS::AccountId}"
    assert permission["SourceArn"].endswith(f":${{AWS::AccountId}}:alarm:{name}")
    assert RESOURCES[alarm]["DependsOn"] == f"{alarm}Permission"


def test_through_sns_only_the_alarm_topic_may_invoke() -> None:
    assert written_out(properties("AlarmTopicPermission"))["SourceArn"] == "${AlarmTopic}"
    assert written_out(properties("AlarmTopicSubscription")) == {
        "TopicArn": "${AlarmTopic}",
        "Protocol": "lambda",
        "Endpoint": "${RemediatorFunction.Arn}",
    }


# --- the permissions -----------------------------------------------------------------------------


def test_the_functions_role_grants_exactly_what_iam_yml_says() -> None:
    said = {
        name: {
            "effect": "Allow",
            "actions": capability["actions"],
            "resources": capability["resources"],
            "conditions": capability.get("conditions", {}),
            "when": capability.get("when"),
        }
        for name, capability in CAPABILITIES.items()
    }
    assert statements_of("RemediatorRole") == said


def test_the_functions_role_is_that_role_and_no_managed_policy_widens_it() -> None:
    assert written_out(properties("RemediatorFunction")["Role"]) == "${RemediatorRole.Arn}"
    assert "Policies" not in properties("RemediatorFunction")
    assert "ManagedPolicyArns" not in properties("RemediatorRole")


@pytest.mark.parametrize("name", CAPABILITIES)
def test_a_capability_says_why_and_names_its_actions_in_order(name: str) -> None:
    capability = CAPABILITIES[name]
    assert capability["why"]
    assert capability["access"] in {"read", "change", "records", "own"}
    assert capability["actions"] == sorted(set(capability["actions"]))
    assert not any("*" in action for action in capability["actions"])


@pytest.mark.parametrize(
    "remedy",
    {remedy.name: remedy for row in (FIRST_AID, *REMEDIES.values()) for remedy in row}.values(),
    ids=lambda remedy: remedy.name,
)
def test_what_a_remedy_needs_is_granted(remedy: Remedy) -> None:
    granted = {action for found in CAPABILITIES.values() for action in found["actions"]}
    assert set(remedy.permissions) - granted == set()


def test_no_action_is_granted_twice_on_one_resource() -> None:
    granted = [
        (action, resource)
        for capability in CAPABILITIES.values()
        for action in capability["actions"]
        for resource in capability["resources"]
    ]
    assert sorted(granted) == sorted(set(granted))


@pytest.mark.parametrize(
    "name", [name for name, found in CAPABILITIES.items() if found["access"] == "read"]
)
def test_reading_grants_no_write(name: str) -> None:
    verbs = {action.split(":")[1] for action in CAPABILITIES[name]["actions"]}
    assert all(verb.startswith(("Get", "List", "Describe")) for verb in verbs)


@pytest.mark.parametrize(
    "name",
    [name for name, found in CAPABILITIES.items() if found["access"] in {"change", "records"}],
)
def test_a_change_is_granted_for_opted_in_resources_only(name: str) -> None:
    """Or, of what AWS scopes by neither: of our own names, and where a parameter asks for it."""
    found = CAPABILITIES[name]
    scope = f"{found['resources']} {found.get('conditions')}"
    scoped = "${TargetFunction}" in scope or "aws:ResourceTag/remediator" in scope
    asked_for = found.get("when") == "HasFanOutLever"
    assert scoped or (asked_for and name in {"CarryTags", "DeregisterConsumers"})
    of_one_function = "lambda:FunctionArn" in found.get("conditions", {}).get("ArnLike", {})
    assert "*" not in found["resources"] or (asked_for and of_one_function)


def test_a_follow_up_may_wake_the_remediator_and_nothing_else() -> None:
    [(_, document)] = policies_of("FollowUpRole")
    [statement] = written_out(document["Statement"])
    assert statement["Action"] == "lambda:InvokeFunction"
    assert statement["Resource"] == "${RemediatorFunction.Arn}"
    [trust] = written_out(properties("FollowUpRole")["AssumeRolePolicyDocument"]["Statement"])
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"}}
