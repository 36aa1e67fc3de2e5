"""template.yml deployed into the lab: table, topics and queues in moto, alarms in the plant."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.utilities.arns import parse_arn

from lab.bridge.bridge import forget_moto, from_moto
from lab.bridge.network import plugged
from lab.bridge.services.base import Aws
from lab.bridge.template import Stack, TemplateError, load
from lab.plant import NeighbourSpec

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yml"
STACK_NAME = "remediator"
FUNCTION = "RemediatorFunction"
_FUNCTION_KIND = "AWS::Serverless::Function"


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the stack gave: the function's settings, and where its news and its failures go."""

    stack: Stack
    environ: Mapping[str, str]
    timeout_seconds: int
    memory_mb: int
    retry_attempts: int
    maximum_event_age_seconds: int

    @property
    def function_name(self) -> str:
        """Name of the remediator's own function."""
        return self.stack.physical_name(FUNCTION)

    @property
    def function_arn(self) -> str:
        """ARN of the remediator's own function."""
        return self.stack.arn(FUNCTION)

    def reaches_function(self, action: str) -> bool:
        """Whether an alarm's action ends at the function: itself, or a topic it subscribes to."""
        subscriptions = self.stack.resources("AWS::SNS::Subscription").values()
        topics = {s["TopicArn"] for s in subscriptions if s["Endpoint"] == self.function_arn}
        return action == self.function_arn or action in topics


def deploy(
    aws: Aws, parameters: Mapping[str, Any], template: Path = TEMPLATE, *, asks: bool = True
) -> Deployment:
    """Deploy the template as CloudFormation would.

    ``asks``: whether the function asks AWS anything; else table, topic and queues, which moto is
    slow to make, are left out.

    Raises TemplateError for parameters that CloudFormation would refuse, AwsError where the account
    cannot give what the stack asks for.
    """
    spec = aws.world.account.spec
    stack = Stack(load(template), STACK_NAME, spec.account_id, spec.region, parameters)
    deployment = _deployment(stack)
    if asks:
        _create_in_moto(stack, aws.world.destination_states)
    _reserve(aws, stack)
    for logical, properties in stack.resources("AWS::CloudWatch::Alarm").items():
        if any(map(deployment.reaches_function, properties.get("AlarmActions", []))):
            aws.alarms.put(stack.physical_name(logical), stack.arn(logical), properties)
    return deployment


def _deployment(stack: Stack) -> Deployment:
    functions = stack.resources(_FUNCTION_KIND)
    if FUNCTION not in functions:
        raise TemplateError(f"the template has no {FUNCTION}")
    properties = functions[FUNCTION]
    variables = {k: str(v) for k, v in properties["Environment"]["Variables"].items()}
    asynchronous = properties.get("EventInvokeConfig", {})
    return Deployment(
        stack=stack,
        environ=variables | _runtime_variables(stack, properties),
        timeout_seconds=int(properties.get("Timeout", 3)),
        memory_mb=int(properties.get("MemorySize", 128)),
        retry_attempts=int(asynchronous.get("MaximumRetryAttempts", 2)),
        maximum_event_age_seconds=int(asynchronous.get("MaximumEventAgeInSeconds", 6 * 3600)),
    )


def _runtime_variables(stack: Stack, properties: Mapping[str, Any]) -> dict[str, str]:
    """What Lambda's runtime adds to a function's own variables."""
    return {
        "AWS_REGION": stack.region,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_LAMBDA_FUNCTION_NAME": stack.physical_name(FUNCTION),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(properties.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    }


def _reserve(aws: Aws, stack: Stack) -> None:
    """The remediator's own reservation, which its account's other functions cannot use."""
    reserved = stack.resources(_FUNCTION_KIND)[FUNCTION].get("ReservedConcurrentExecutions")
    if reserved is not None:
        name = stack.physical_name(FUNCTION)
        aws.world.add_neighbour(NeighbourSpec(name=name, concurrency=lambda _: 0.0))
        aws.world.put_function_concurrency(name, int(reserved))


# --- what moto keeps ---------------------------------------------------------------------------


def _create_in_moto(stack: Stack, destinations: Mapping[str, str]) -> None:
    """The stack's own, and the destinations that exist."""
    forget_moto()

    def answer(_service: str, _operation: str, request: AWSPreparedRequest) -> AWSResponse:
        return from_moto(request, stack.account_id)

    with plugged(answer, lambda _: None, stack.region):
        for kind, create in _CREATORS.items():
            for logical, properties in stack.resources(kind).items():
                create(stack.physical_name(logical), properties)
        for arn, state in destinations.items():
            if state != "missing" and parse_arn(arn).region in {"", stack.region}:
                _create_destination(arn, stack.region)


def _create_destination(arn: str, region: str) -> None:
    there = parse_arn(arn)
    service, name = there.service, there.resource_id
    fifo = {"FifoQueue" if service == "sqs" else "FifoTopic": "true"}
    attributes = fifo if name.endswith(".fifo") else {}
    if service == "sqs":
        boto3.client("sqs").create_queue(QueueName=name, Attributes=attributes)  # type: ignore[arg-type]
    elif service == "sns":
        boto3.client("sns").create_topic(Name=name, Attributes=attributes)
    else:
        where: Any = {"LocationConstraint": region}
        boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=where)


def _create_table(name: str, properties: Mapping[str, Any]) -> None:
    wanted = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
    given = {key: properties[key] for key in wanted if key in properties}
    boto3.client("dynamodb").create_table(TableName=name, **given)


def _create_topic(name: str, _: Mapping[str, Any]) -> None:
    boto3.client("sns").create_topic(Name=name)


def _create_queue(name: str, _: Mapping[str, Any]) -> None:
    boto3.client("sqs").create_queue(QueueName=name)


_CREATORS: dict[str, Callable[[str, Mapping[str, Any]], None]] = {
    "AWS::DynamoDB::Table": _create_table,
    "AWS::SNS::Topic": _create_topic,
    "AWS::SQS::Queue": _create_queue,
}
