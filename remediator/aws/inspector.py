"""What a deployment looks like from outside, for ``remediator doctor``. It only reads."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors
from remediator.errors import PermanentError


class Deployment(NamedTuple):
    """The deployed function's own state."""

    state: str
    last_update: str
    role_arn: str
    dead_letters_arn: str | None
    log_group: str | None
    reserved_concurrency: int | None


class Allowed(NamedTuple):
    """Who may invoke the function: a service, for one of its resources where it says so."""

    principal: str
    source_arn: str | None


class CallingAlarm(NamedTuple):
    """An alarm that calls the function, itself or through a topic."""

    name: str
    arn: str
    state: str
    enabled: bool
    through: str
    """What its action names: the function, or a topic."""


class Inspector(NamedTuple):
    """Looks. Every method raises PermanentError where it is denied or nothing is there,
    TemporaryError where it may work later."""

    clients: Clients

    def deployment(self, function: str) -> Deployment:
        """(lambda:GetFunctionConfiguration, lambda:GetFunctionConcurrency)"""
        with aws_errors("lambda"):
            found: Mapping[str, Any] = self.clients.lambda_.get_function_configuration(
                FunctionName=function
            )
            reserved = self.clients.lambda_.get_function_concurrency(FunctionName=function)
        return Deployment(
            state=found.get("State") or "Active",
            last_update=found.get("LastUpdateStatus") or "Successful",
            role_arn=found.get("Role") or "",
            dead_letters_arn=(found.get("DeadLetterConfig") or {}).get("TargetArn"),
            log_group=(found.get("LoggingConfig") or {}).get("LogGroup"),
            reserved_concurrency=reserved.get("ReservedConcurrentExecutions"),
        )

    def allowed(self, function: str) -> tuple[Allowed, ...]:
        """Who may invoke it, by its resource policy (lambda:GetPolicy)."""
        try:
            with aws_errors("lambda"):
                text = self.clients.lambda_.get_policy(FunctionName=function)["Policy"]
        except PermanentError as error:
            if error.gone:
                return ()  # no policy: nobody but the account's own identities
            raise
        return tuple(map(_allowed, json.loads(text).get("Statement", [])))

    def alarms_calling(self, action_arns: Sequence[str]) -> tuple[CallingAlarm, ...]:
        """The alarms that name one of these as an action (cloudwatch:DescribeAlarms)."""
        return tuple(
            CallingAlarm(
                found["AlarmName"],
                found["AlarmArn"],
                found["StateValue"],
                bool(found.get("ActionsEnabled", True)),
                arn,
            )
            for arn in action_arns
            for found in self._alarms(arn)
            if arn in found.get("AlarmActions", ())
        )

    def _alarms(self, action_arn: str) -> Iterator[Any]:
        with aws_errors("cloudwatch"):
            pages = self.clients.cloudwatch.get_paginator("describe_alarms").paginate(
                ActionPrefix=action_arn
            )
            for page in pages:
                yield from (*page.get("MetricAlarms", ()), *page.get("CompositeAlarms", ()))

    def denied(
        self,
        role_arn: str,
        actions: Sequence[str],
        resources: Sequence[str],
        context: Mapping[str, Sequence[str]],
    ) -> tuple[str, ...]:
        """Which actions a role lacks on resources, where ``context`` is true of the request, by
        what its policies say (iam:SimulatePrincipalPolicy)."""
        entries = [
            {"ContextKeyName": key, "ContextKeyValues": list(values), "ContextKeyType": "string"}
            for key, values in context.items()
        ]
        with aws_errors("iam"):
            answer = self.clients.iam.simulate_principal_policy(
                PolicySourceArn=role_arn,
                ActionNames=list(actions),
                ResourceArns=list(resources),
                ContextEntries=entries,
                MaxItems=1000,
            )
        results = answer["EvaluationResults"]
        refused = [one for one in results if one["EvalDecision"] != "allowed"]
        return tuple(dict.fromkeys(one["EvalActionName"] for one in refused))

    def trusted(self, role_arn: str) -> tuple[str, ...]:
        """Which services may take a role on (iam:GetRole)."""
        with aws_errors("iam"):
            found = self.clients.iam.get_role(RoleName=role_arn.rpartition("/")[2])
        statements = found["Role"]["AssumeRolePolicyDocument"].get("Statement", [])
        return tuple(
            service
            for one in statements
            if one.get("Effect") == "Allow"
            for service in _listed(_principals(one).get("Service", []))
        )

    def table_keys(self, table: str) -> tuple[str, ...]:
        """The keys of a table (dynamodb:DescribeTable)."""
        with aws_errors("dynamodb"):
            found = self.clients.dynamodb.describe_table(TableName=table)["Table"]
        return tuple(key["AttributeName"] for key in found["KeySchema"])

    def function_tags(self, function_arn: str) -> Mapping[str, str]:
        """A function's tags (lambda:ListTags)."""
        with aws_errors("lambda"):
            found: Mapping[str, str] = self.clients.lambda_.list_tags(Resource=function_arn)["Tags"]
        return found

    def stream_tags(self, stream_arn: str) -> Mapping[str, str]:
        """A Kinesis stream's tags (kinesis:ListTagsForStream)."""
        with aws_errors("kinesis"):
            found = self.clients.kinesis.list_tags_for_stream(StreamARN=stream_arn)
        return {tag["Key"]: tag.get("Value", "") for tag in found["Tags"]}

    def subscribers(self, topic_arn: str) -> int:
        """How many have confirmed that they want a topic's news (sns:GetTopicAttributes)."""
        with aws_errors("sns"):
            found = self.clients.sns.get_topic_attributes(TopicArn=topic_arn)["Attributes"]
        return int(found.get("SubscriptionsConfirmed", 0))


def _allowed(statement: Mapping[str, Any]) -> Allowed:
    service = next(iter(_listed(_principals(statement).get("Service", []))), "")
    sources: list[str] = []
    for operator in ("ArnLike", "ArnEquals", "StringEquals", "StringLike"):
        for key, value in (statement.get("Condition") or {}).get(operator, {}).items():
            sources += _listed(value) if key.lower() == "aws:sourcearn" else []
    return Allowed(service, next(iter(sources), None))


def _principals(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    found = statement.get("Principal")
    return found if isinstance(found, Mapping) else {}


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
