"""Given-up records are read from the stream and kept in the bucket, the messages left alone."""

import json
from typing import Any

import pytest

from remediator.aws.keeping import AwsRecordKeeper
from remediator.errors import PermanentError, TemporaryError
from remediator.model import SourceKind
from remediator.policy import Capture
from remediator.redrive import read
from tests.aws.aws_world import ACCOUNT, REGION, World

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:quarantine"
BUCKET = "captured"
LIMITS = Capture(enabled=True)


class Stack:
    """A stream of ten records, the queue and the bucket."""

    def __init__(self, aws: World) -> None:
        self.aws, session = aws, aws.session
        self.stream = aws.stream("orders")
        kinesis, self.sqs, self.s3 = (
            session.client("kinesis"),
            session.client("sqs"),
            session.client("s3"),
        )
        self.numbers = [
            kinesis.put_record(StreamName="orders", Data=b"%d" % n, PartitionKey="k")[
                "SequenceNumber"
            ]
            for n in range(10)
        ]
        self.shard = kinesis.list_shards(StreamName="orders")["Shards"][0]["ShardId"]
        self.url = self.sqs.create_queue(QueueName="quarantine")["QueueUrl"]
        place: Any = {"LocationConstraint": REGION}
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        self.slept: list[float] = []
        self.keeper = AwsRecordKeeper(aws.clients, self.slept.append, QUEUE, BUCKET)
        aws.calls.clear()

    def message(self, first: int = 2, last: int = 5) -> str:
        info = {
            "shardId": self.shard,
            "startSequenceNumber": self.numbers[first],
            "endSequenceNumber": self.numbers[last],
            "batchSize": last - first + 1,
            "streamArn": self.stream,
        }
        context = {"functionArn": "f", "condition": "RetryAttemptsExhausted"}
        return json.dumps({"requestContext": context, "KinesisBatchInfo": info})

    def objects(self) -> dict[str, str]:
        found = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {
            each["Key"]: self.s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read().decode()
            for each in found
        }


@pytest.fixture
def stack(aws: World) -> Stack:
    return Stack(aws)


def test_a_range_is_kept_as_an_s3_destination_would_keep_it_and_nothing_beside(
    stack: Stack,
) -> None:
    kept = stack.keeper.keep("inc-1", stack.message(), SourceKind.KINESIS, LIMITS)
    assert (kept.records, kept.because) == (4, "")
    [(name, text)] = stack.objects().items()
    assert name == f"inc-1/{stack.shard}/{stack.numbers[2]}-{stack.numbers[5]}.json"
    event = read(text).event
    assert event is not None
    found = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
    assert found == stack.numbers[2:6]


def test_what_is_kept_is_never_overwritten(stack: Stack) -> None:
    name = f"inc-1/{stack.shard}/{stack.numbers[2]}-{stack.numbers[5]}.json"
    stack.s3.put_object(Bucket=BUCKET, Key=name, Body=b"first")
    assert stack.keeper.keep("inc-1", stack.message(), SourceKind.KINESIS, LIMITS).records == 4
    assert stack.objects() == {name: "first"}


def test_messages_are_looked_at_and_stay(stack: Stack) -> None:
    for n in range(12):
        stack.sqs.send_message(QueueUrl=stack.url, MessageBody=str(n))
    stack.aws.calls.clear()
    assert sorted(map(int, stack.keeper.messages())) == list(range(12))
    asked = {str(call) for call in stack.aws.calls}
    assert asked == {"sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
    assert stack.aws.params_of("sqs:ReceiveMessage")["VisibilityTimeout"] <= 10
    counted = stack.sqs.get_queue_attributes(QueueUrl=stack.url, AttributeNames=["All"])
    numbers = counted["Attributes"]
    hidden = int(numbers["ApproximateNumberOfMessagesNotVisible"])
    assert int(numbers["ApproximateNumberOfMessages"]) + hidden == 12


def test_a_queue_in_which_a_look_would_count_is_left_alone(stack: Stack) -> None:
    other = stack.sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = stack.sqs.get_queue_attributes(QueueUrl=other, AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 3}
    stack.sqs.set_queue_attributes(
        QueueUrl=stack.url, Attributes={"RedrivePolicy": json.dumps(policy)}
    )
    stack.aws.calls.clear()
    with pytest.raises(PermanentError, match="dead-letter queue"):
        stack.keeper.messages()
    assert "sqs:ReceiveMessage" not in stack.aws.operations()


def test_reads_of_a_shard_are_apart_and_no_more_than_the_policy_allows(stack: Stack) -> None:
    page = {"Records": [], "NextShardIterator": "next", "MillisBehindLatest": 1000}
    stack.aws.answer("kinesis:GetRecords", page)
    kept = stack.keeper.keep(
        "inc-1", stack.message(), SourceKind.KINESIS, Capture(enabled=True, reads_per_range=3)
    )
    assert kept.records == 0
    reads = [str(call) for call in stack.aws.calls].count("kinesis:GetRecords")
    assert reads == 3
    assert len(stack.slept) >= reads
    assert min(stack.slept) >= 0.2  # seconds: five calls in one are all that a shard has


REFUSALS = {
    "too large": (Capture(enabled=True, megabytes_per_range=1), "more than 1 MB"),
    "not reached": (Capture(enabled=True, reads_per_range=1), "not reached by 1 reads"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_what_is_not_read_whole_is_not_kept(stack: Stack, why: str) -> None:
    limits, said = REFUSALS[why]
    size = 2**20 if why == "too large" else 1
    records = [
        {"SequenceNumber": number, "PartitionKey": "k", "Data": b"x" * size}
        for number in stack.numbers[2:5]
    ]
    stack.aws.answer("kinesis:GetRecords", {"Records": records, "NextShardIterator": "next"})
    with pytest.raises(PermanentError, match=said):
        stack.keeper.keep("inc-1", stack.message(), SourceKind.KINESIS, limits)
    assert stack.objects() == {}


@pytest.mark.parametrize(
    ("call", "code", "raised"),
    [
        ("kinesis:GetRecords", "ProvisionedThroughputExceededException", TemporaryError),
        ("kinesis:GetRecords", "AccessDeniedException", PermanentError),
        ("kinesis:GetShardIterator", "AccessDeniedException", PermanentError),
        ("kinesis:GetRecords", "KMSAccessDeniedException", PermanentError),
        ("s3:PutObject", "AccessDenied", PermanentError),
        ("s3:PutObject", "SlowDown", TemporaryError),
    ],
)
def test_what_aws_refuses_is_said(
    stack: Stack, call: str, code: str, raised: type[Exception]
) -> None:
    stack.aws.refuse(call, code)
    with pytest.raises(raised, match=code):
        stack.keeper.keep("inc-1", stack.message(), SourceKind.KINESIS, LIMITS)


def test_what_has_expired_is_no_error(stack: Stack) -> None:
    stack.aws.refuse("kinesis:GetShardIterator", "InvalidArgumentException", "trimmed")
    kept = stack.keeper.keep("inc-1", stack.message(), SourceKind.KINESIS, LIMITS)
    assert (kept.records, kept.because) == (0, "no longer in the stream")
