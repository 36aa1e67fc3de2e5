"""doctor: every check can be well, be warned of and fail, says what to do, and changes nothing."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from remediator.cli.doctor import CHECKS
from tests.aws.aws_world import ACCOUNT, REGION
from tests.cli.clerk import JOURNAL, ROLE, Pipeline

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:remediator"
ALARM = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:stack-iterator-age"
CONSUMERS = f"arn:aws:iam::{ACCOUNT}:role/consumer"


class Clinic:
    """A deployment in which all is well, until a test takes something away."""

    def __init__(self, slow: Pipeline) -> None:
        self.at = slow
        self.lacking: set[tuple[str, str]] = set()
        """Roles, by the end of their ARN, with an action that they lack."""
        client = slow.aws.session.client
        self.lambda_, self.iam, self.sns = client("lambda"), client("iam"), client("sns")
        self.cloudwatch, self.kinesis = client("cloudwatch"), client("kinesis")
        client("sqs").create_queue(QueueName="quarantine")
        self.topic = self.sns.create_topic(Name="notices")["TopicArn"]
        self.sns.subscribe(TopicArn=self.topic, Protocol="email", Endpoint="ada@example.org")
        self.trust("scheduler.amazonaws.com")
        self.set_environment()
        self.lambda_.put_function_concurrency(
            FunctionName="remediator", ReservedConcurrentExecutions=5
        )
        self.allow(ALARM)
        self.alarm(ARN)
        self.kinesis.add_tags_to_stream(StreamName="orders", Tags={"remediator": "managed"})
        slow.aws.fakes["iam:SimulatePrincipalPolicy"] = self._simulated
        slow.aws.fakes["sns:GetTopicAttributes"] = lambda _: {
            "Attributes": {"SubscriptionsConfirmed": "1"}
        }
        slow.aws.calls.clear()

    def trust(self, service: str) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        name = ROLE.rpartition("/")[2]
        try:
            self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
        except self.iam.exceptions.EntityAlreadyExistsException:
            self.iam.update_assume_role_policy(RoleName=name, PolicyDocument=document)

    def set_environment(self, **changed: str | None) -> None:
        known = {
            "REMEDIATOR_MODE": "plan",
            "REMEDIATOR_TARGET_FUNCTION": "consumer",
            "REMEDIATOR_JOURNAL_TABLE": JOURNAL,
            "REMEDIATOR_FOLLOW_UP_ROLE_ARN": ROLE,
            "REMEDIATOR_QUARANTINE_QUEUE_ARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:quarantine",
            "REMEDIATOR_NOTICES_TOPIC_ARN": self.topic,
        } | {f"REMEDIATOR_{name.upper()}": value for name, value in changed.items()}
        kept = {name: value for name, value in known.items() if value is not None}
        self.lambda_.update_function_configuration(
            FunctionName="remediator", Environment={"Variables": kept}
        )

    def allow(self, source: str) -> None:
        self.lambda_.add_permission(
            FunctionName="remediator",
            StatementId="alarm",
            Action="lambda:InvokeFunction",
            Principal="lambda.alarms.cloudwatch.amazonaws.com",
            SourceArn=source,
        )

    def alarm(self, action: str, *, enabled: bool = True) -> None:
        self.cloudwatch.put_metric_alarm(
            AlarmName="stack-iterator-age",
            AlarmActions=[action],
            ActionsEnabled=enabled,
            Namespace="AWS/Lambda",
            MetricName="IteratorAge",
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=2,
            Threshold=60000,
            ComparisonOperator="GreaterThanThreshold",
        )

    def _simulated(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        role = asked["PolicySourceArn"].rpartition("/")[2]
        return {
            "EvaluationResults": [
                {
                    "EvalActionName": action,
                    "EvalResourceName": resource,
                    "EvalDecision": "implicitDeny" if (role, action) in self.lacking else "allowed",
                }
                for action in asked["ActionNames"]
                for resource in asked["ResourceArns"]
            ]
        }

    def doctor(self, *words: str) -> tuple[int, dict[str, dict[str, str]]]:
        answer = self.at.act("doctor", *words, "-f", "json")
        return answer.exit_code, json.loads(answer.stdout)

    def is_(self, check: str, health: str, found: str, *words: str) -> None:
        """One check's health and what it found; its exit code; and advice wherever there is a
        reason for it."""
        code, all_ = self.doctor(*words)
        assert (all_[check]["health"], found in all_[check]["found"]) == (health, True), all_[check]
        assert code == (1 if any(one["health"] == "fail" for one in all_.values()) else 0)
        assert bool(all_[check]["advice"]) is (health != "ok")


@pytest.fixture
def clinic(slow: Pipeline) -> Clinic:
    return Clinic(slow)


def test_a_deployment_that_is_wired_as_it_must_be_is_well(clinic: Clinic) -> None:
    code, found = clinic.doctor()
    assert {name: one["health"] for name, one in found.items()} == dict.fromkeys(CHECKS, "ok")
    assert code == 0
    assert found["dry plan"]["found"] == "consumer: slow consumer: planned"
    assert found["alarm"]["found"].startswith("stack-iterator-age (")


def test_it_changes_nothing_and_writes_nothing_down(clinic: Clinic) -> None:
    clinic.doctor()
    reading = re.compile(r"\w+:(Get|List|Describe|Query|Simulate|BatchGet)")
    assert [str(call) for call in clinic.at.aws.calls if not reading.match(str(call))] == []


def test_the_table_says_of_every_check_how_it_is_and_what_to_do(clinic: Clinic) -> None:
    clinic.kinesis.remove_tags_from_stream(StreamName="orders", TagKeys=["remediator"])
    said = clinic.at.act("doctor").stdout
    assert said.startswith("Nothing is in the way of remediator; see the warnings")
    assert all(re.search(rf"^  {check}  ", said, re.MULTILINE) for check in CHECKS)
    assert "Tag the stream with remediator=managed" in said


def test_a_remediator_that_is_not_there_is_an_error(clinic: Clinic) -> None:
    answer = clinic.at.run("doctor", "--remediator-function", "nobody")
    assert answer.exit_code == 1
    assert "Is it in this account and Region?" in answer.stderr


# --- the function itself -------------------------------------------------------------------------


def test_concurrency_of_zero_is_in_the_way_and_none_is_warned_of(clinic: Clinic) -> None:
    clinic.lambda_.delete_function_concurrency(FunctionName="remediator")
    clinic.is_("function", "warn", "no concurrency of its own")
    clinic.lambda_.put_function_concurrency(
        FunctionName="remediator", ReservedConcurrentExecutions=0
    )
    clinic.is_("function", "fail", "it never runs")


def test_the_mode_is_told(clinic: Clinic) -> None:
    clinic.is_("mode", "ok", "plan: it says what it would do for consumer")
    clinic.set_environment(mode="apply")
    clinic.is_("mode", "ok", "apply: it changes consumer")


def test_a_policy_that_cannot_be_read_is_in_the_way_unless_another_is_said(
    clinic: Clinic, tmp_path: Path
) -> None:
    clinic.is_("policy", "ok", "policies/guardrails.yml, sha256 ")
    clinic.set_environment(policy_parameter="/nowhere")
    clinic.is_("policy", "fail", "until it can be read the mode is plan")
    file = tmp_path / "mine.yml"
    file.write_text("limits: {parallelization_factor: 4}\n")
    clinic.is_("policy", "ok", f"{file}, sha256 ", "--policy", str(file))


def test_a_permission_that_its_role_lacks_is_named(clinic: Clinic) -> None:
    clinic.lacking.add(("consumer", "lambda:UpdateEventSourceMapping"))
    clinic.is_("permissions", "fail", "its role lacks lambda:UpdateEventSourceMapping")


def test_permissions_are_asked_for_where_they_are_used_and_as_their_conditions_say(
    clinic: Clinic,
) -> None:
    clinic.doctor()
    asked = [
        call.params
        for call in clinic.at.aws.calls
        if str(call) == "iam:SimulatePrincipalPolicy"
        and "kinesis:SplitShard" in call.params["ActionNames"]
    ]
    assert [one["ResourceArns"] for one in asked] == [
        [f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/*"]
    ]
    assert asked[0]["ContextEntries"] == [
        {
            "ContextKeyName": "aws:ResourceTag/remediator",
            "ContextKeyValues": ["managed"],
            "ContextKeyType": "string",
        }
    ]


def test_what_may_not_be_looked_at_is_warned_of_and_hides_nothing_else(clinic: Clinic) -> None:
    clinic.at.aws.deny("iam:SimulatePrincipalPolicy")
    clinic.is_("permissions", "warn", "iam:SimulatePrincipalPolicy")
    clinic.is_("dry plan", "ok", "planned")


# --- what it needs -------------------------------------------------------------------------------


def test_a_journal_that_is_not_there_or_is_keyed_otherwise_is_in_the_way(clinic: Clinic) -> None:
    clinic.set_environment(journal_table=None)
    clinic.is_("journal", "fail", "no journal is set")
    clinic.set_environment(journal_table="nowhere")
    clinic.is_("journal", "fail", "nowhere")
    clinic.at.aws.session.client("dynamodb").create_table(
        TableName="other",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    clinic.set_environment(journal_table="other")
    clinic.is_("journal", "fail", "other is keyed by id")


def test_another_journal_of_the_account_is_in_the_way_and_one_that_came_later_is_not(
    clinic: Clinic,
) -> None:
    ssm = clinic.at.aws.session.client("ssm")

    def claim(stack: str, journal: str) -> None:
        ssm.put_parameter(Name=f"/remediator/journals/{stack}", Value=journal, Type="String")

    clinic.is_("one journal", "ok", "keeps another")
    claim("a-first", "theirs")
    clinic.is_("one journal", "fail", "the journal theirs, of stack a-first since")
    ssm.delete_parameter(Name="/remediator/journals/a-first")
    claim("a-us", JOURNAL)
    claim("b-later", "theirs")
    clinic.is_("one journal", "warn", "without changes: b-later")


def test_a_follow_up_role_that_cannot_wake_it_is_in_the_way(clinic: Clinic) -> None:
    clinic.trust("lambda.amazonaws.com")
    clinic.is_("schedule role", "fail", "does not trust scheduler.amazonaws.com")
    clinic.trust("scheduler.amazonaws.com")
    clinic.lacking.add(("follow-up", "lambda:InvokeFunction"))
    clinic.is_("schedule role", "fail", "may not invoke the remediator")
    clinic.set_environment(follow_up_role_arn=None)
    clinic.is_("schedule role", "fail", "no role is set")


def test_no_alarm_one_without_actions_and_one_that_may_not_call(clinic: Clinic) -> None:
    clinic.alarm(ARN, enabled=False)
    clinic.is_("alarm", "warn", "actions of stack-iterator-age are switched off")
    clinic.alarm(ARN)
    clinic.lambda_.remove_permission(FunctionName="remediator", StatementId="alarm")
    clinic.is_("alarm", "fail", "stack-iterator-age may not invoke it")
    clinic.allow(ALARM.replace("stack-iterator-age", "stack-*"))
    clinic.is_("alarm", "ok", "stack-iterator-age")
    clinic.cloudwatch.delete_alarms(AlarmNames=["stack-iterator-age"])
    clinic.is_("alarm", "fail", "no alarm calls it")


def test_an_alarm_may_call_through_a_topic(clinic: Clinic) -> None:
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
    clinic.lambda_.add_permission(
        FunctionName="remediator",
        StatementId="topic",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    clinic.alarm(topic)
    clinic.is_("alarm", "ok", "stack-iterator-age")


def test_a_quarantine_that_the_consumer_cannot_reach_is_warned_of(clinic: Clinic) -> None:
    clinic.lacking.add((CONSUMERS.rpartition("/")[2], "sqs:SendMessage"))
    clinic.is_("quarantine", "warn", "the role of consumer may not send to it")
    clinic.set_environment(quarantine_queue_arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:none")
    clinic.is_("quarantine", "warn", "is not there")
    clinic.set_environment(quarantine_queue_arn=None)
    clinic.is_("quarantine", "warn", "none is set")


def test_notices_that_nobody_reads_are_warned_of(clinic: Clinic) -> None:
    nobody = {"Attributes": {"SubscriptionsConfirmed": "0"}}
    clinic.at.aws.answer("sns:GetTopicAttributes", nobody)
    clinic.is_("notices", "warn", "nobody has subscribed")
    clinic.set_environment(notices_topic_arn=None)
    clinic.is_("notices", "warn", "no topic is set")


def test_a_freeze_is_told_with_its_reason_and_an_unreadable_switch_with_what_is_wrong(
    clinic: Clinic,
) -> None:
    clinic.at.act("freeze", "--reason", "a release is under way")
    clinic.is_("freeze", "warn", "a release is under way")
    clinic.set_environment(freeze_parameter="/nowhere")
    clinic.is_("freeze", "fail", "/nowhere")


# --- the pipeline --------------------------------------------------------------------------------


def test_a_stream_and_a_function_that_have_not_opted_in_are_warned_of(clinic: Clinic) -> None:
    clinic.kinesis.remove_tags_from_stream(StreamName="orders", TagKeys=["remediator"])
    clinic.is_("tags", "warn", "orders lacks the tag remediator=managed")
    clinic.set_environment(tagged_functions_only="yes")
    clinic.is_("tags", "warn", "consumer lacks the tag remediator=managed")
    arn = ARN.replace("remediator", "consumer")
    clinic.lambda_.tag_resource(Resource=arn, Tags={"remediator": "managed"})
    clinic.is_("tags", "warn", "orders lacks")


def test_a_dry_plan_that_sees_too_little_names_the_permission(clinic: Clinic) -> None:
    clinic.at.aws.deny("lambda:GetAccountSettings")
    clinic.is_("dry plan", "warn", "not all could be seen")
    _, found = clinic.doctor()
    assert found["dry plan"]["advice"] == "Grant lambda:GetAccountSettings."


def test_where_several_functions_are_watched_one_is_to_be_named(clinic: Clinic) -> None:
    clinic.set_environment(target_function_2="orders")
    clinic.is_("dry plan", "fail", "name one with --function")
    clinic.set_environment(target_function="con*")
    clinic.is_("dry plan", "fail", "name one with --function")
    clinic.is_("dry plan", "ok", "planned", "--function", "consumer")


def test_a_consumer_that_no_stream_feeds_is_in_the_way(clinic: Clinic) -> None:
    clinic.at.aws.function("lonely")
    clinic.is_("dry plan", "fail", "lonely", "--function", "lonely")
