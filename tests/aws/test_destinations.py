"""Whether an on-failure destination takes what is sent: yes, no, or not to be seen."""

import pytest

from remediator.aws import destinations
from remediator.aws.destinations import Use
from remediator.aws.sensor import AwsSensor
from tests.aws.aws_world import ACCOUNT, REGION, World

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:quarantine"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:failures"
BUCKET = "arn:aws:s3:::failed-records"

CALLS = {
    QUEUE: "sqs:GetQueueUrl",
    TOPIC: "sns:GetTopicAttributes",
    BUCKET: "s3:GetBucketLocation",
}


def exists(aws: World, arn: str) -> bool | None:
    return AwsSensor(aws.clients).destination_exists(arn)


def make(aws: World, arn: str, region: str = REGION) -> None:
    if arn == QUEUE:
        aws.clients.sqs.create_queue(QueueName="quarantine")
    elif arn == TOPIC:
        aws.clients.sns.create_topic(Name="failures")
    else:
        s3 = aws.session.client("s3", region_name=region)
        place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket="failed-records", **({} if region == "us-east-1" else place))
    aws.calls.clear()


@pytest.mark.parametrize("arn", CALLS)
def test_a_destination_that_is_there_is_usable(aws: World, arn: str) -> None:
    make(aws, arn)
    assert exists(aws, arn) is True
    assert aws.operations() == [CALLS[arn]]


@pytest.mark.parametrize("arn", CALLS)
def test_a_destination_that_is_not_there_is_not(aws: World, arn: str) -> None:
    assert exists(aws, arn) is False


@pytest.mark.parametrize("arn", CALLS)
@pytest.mark.parametrize(
    "code", ["AccessDenied", "AccessDeniedException", "RequestThrottled", "SomethingNew"]
)
def test_a_destination_that_may_not_be_seen_is_unknown_with_the_reason(
    aws: World, arn: str, code: str
) -> None:
    aws.refuse(CALLS[arn], code)
    assert exists(aws, arn) is None
    seen = destinations.look(aws.clients, arn)
    assert (seen.use, code in seen.reason) == (Use.UNKNOWN, True)


@pytest.mark.parametrize("arn", CALLS)
def test_an_answer_without_what_was_asked_for_proves_nothing(aws: World, arn: str) -> None:
    aws.answer(CALLS[arn], {})
    assert exists(aws, arn) is None


@pytest.mark.parametrize("arn", [f"{QUEUE}.fifo", f"{TOPIC}.fifo"])
def test_what_is_first_in_first_out_is_not_usable(aws: World, arn: str) -> None:
    assert exists(aws, arn) is False
    assert aws.operations() == []


def test_a_topic_that_calls_itself_fifo_is_not_usable(aws: World) -> None:
    aws.answer(CALLS[TOPIC], {"Attributes": {"TopicArn": TOPIC, "FifoTopic": "true"}})
    assert exists(aws, TOPIC) is False


@pytest.mark.parametrize(("region", "expected"), [("us-east-1", None), (REGION, True)])
def test_a_bucket_of_another_region_is_not_proven(
    aws: World, region: str, expected: bool | None
) -> None:
    make(aws, BUCKET, region)
    assert exists(aws, BUCKET) is expected


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:sqs:us-east-1:{ACCOUNT}:quarantine",
        f"arn:aws:sns:us-east-1:{ACCOUNT}:failures",
        f"{QUEUE}/../other",
        "kafka://topic",
        "",
    ],
)
def test_what_lies_elsewhere_or_is_something_else_is_unknown_without_a_call(
    aws: World, arn: str
) -> None:
    assert exists(aws, arn) is None
    assert aws.operations() == []
