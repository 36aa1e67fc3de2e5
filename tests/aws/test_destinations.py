"""Whether an on-failure destination exists: yes, no, or not to be seen."""

import pytest

from remediator.aws.sensor import AwsSensor
from tests.aws.aws_world import ACCOUNT, REGION, World

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:quarantine"


def test_a_queue_that_is_there_exists(aws: World) -> None:
    aws.clients.sqs.create_queue(QueueName="quarantine")
    aws.calls.clear()
    assert AwsSensor(aws.clients).destination_exists(QUEUE) is True
    assert aws.operations() == ["sqs:GetQueueUrl"]


def test_a_queue_that_is_not_there_does_not(aws: World) -> None:
    assert AwsSensor(aws.clients).destination_exists(QUEUE) is False


@pytest.mark.parametrize(
    "code", ["AccessDenied", "AccessDeniedException", "RequestThrottled", "SomethingNew"]
)
def test_a_queue_that_may_not_be_seen_is_unknown(aws: World, code: str) -> None:
    aws.refuse("sqs:GetQueueUrl", code)
    assert AwsSensor(aws.clients).destination_exists(QUEUE) is None


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:sns:{REGION}:{ACCOUNT}:topic",
        "arn:aws:s3:::bucket",
        f"arn:aws:sqs:us-east-1:{ACCOUNT}:quarantine",
        f"{QUEUE}.fifo",
        f"{QUEUE}/../other",
        "kafka://topic",
        "",
    ],
)
def test_what_is_no_standard_queue_here_is_unknown_without_a_call(aws: World, arn: str) -> None:
    assert AwsSensor(aws.clients).destination_exists(arn) is None
    assert aws.operations() == []
