"""redrive: what was given up is listed, kept, and replayed in order and once."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from remediator.aws.keeping import AwsRecordKeeper
from remediator.model import SourceKind
from remediator.policy import Capture
from tests.aws.aws_world import ACCOUNT, REGION
from tests.cli.clerk import Pipeline
from tests.cli.test_live import CONSUMER, incident_of

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:quarantine"


@pytest.fixture
def lost(slow: Pipeline) -> tuple[Pipeline, str, list[str]]:
    """An incident, and ten records of its stream that were given up as two ranges."""
    incident = incident_of(slow.act("apply", *CONSUMER, "--yes").stdout)
    session = slow.aws.session
    kinesis = session.client("kinesis")
    numbers = [
        kinesis.put_record(StreamName="orders", Data=b"%d" % n, PartitionKey="k")["SequenceNumber"]
        for n in range(10)
    ]
    shard = kinesis.list_shards(StreamName="orders")["Shards"][0]["ShardId"]
    sqs = session.client("sqs")
    url = sqs.create_queue(QueueName="quarantine")["QueueUrl"]
    for first, last in ((numbers[6], numbers[9]), (numbers[0], numbers[3])):
        info = {
            "shardId": shard,
            "startSequenceNumber": first,
            "endSequenceNumber": last,
            "batchSize": 4,
            "streamArn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders",
        }
        context = {"functionArn": "f", "condition": "RetryAttemptsExhausted"}
        body = json.dumps({"requestContext": context, "KinesisBatchInfo": info})
        sqs.send_message(QueueUrl=url, MessageBody=body)
    slow.aws.calls.clear()
    return slow, incident, numbers


class Consumer:
    """The function behind the mapping: takes all but what it is told to refuse."""

    def __init__(self, refuses: set[str] | None = None) -> None:
        self.refuses = refuses or set()
        self.taken: list[str] = []

    def __call__(self, params: Mapping[str, Any]) -> dict[str, Any]:
        event = json.loads(params["Payload"])
        got = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
        if self.refuses & set(got):
            said = b'{"errorMessage": "cannot"}'
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(said), "StatusCode": 200}
        self.taken += got
        return {"Payload": io.BytesIO(b"null"), "StatusCode": 200}


def test_it_lists_what_was_given_up_and_invokes_and_keeps_nothing(
    lost: tuple[Pipeline, str, list[str]], tmp_path: Path
) -> None:
    world, incident, _ = lost
    answer = world.act("redrive", incident, "--from", QUEUE, "--out", tmp_path / "kept")
    assert answer.exit_code == 3
    assert "2 of 2 ranges are left" in answer.stdout
    assert not (tmp_path / "kept").exists()
    assert "lambda:Invoke" not in world.aws.operations()


def test_fetched_records_are_kept_for_their_owner_alone(
    lost: tuple[Pipeline, str, list[str]], tmp_path: Path
) -> None:
    world, incident, numbers = lost
    out = tmp_path / "kept"
    answer = world.act("redrive", incident, "--from", QUEUE, "--out", out, "--fetch")
    assert answer.exit_code == 3, answer.output
    files = sorted(out.glob("*.json"))
    kept = [json.loads(file.read_text()) for file in files if file.name != "manifest.json"]
    found = {r["kinesis"]["sequenceNumber"] for event in kept for r in event["Records"]}
    assert found == {*numbers[0:4], *numbers[6:10]}
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def test_what_the_remediator_has_kept_is_taken_where_the_stream_no_longer_has_it(
    lost: tuple[Pipeline, str, list[str]], tmp_path: Path
) -> None:
    world, incident, numbers = lost
    session = world.aws.session
    place: Any = {"LocationConstraint": REGION}
    session.client("s3").create_bucket(Bucket="captured", CreateBucketConfiguration=place)
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:quarantine"
    keeper = AwsRecordKeeper(world.aws.clients, lambda _: None, queue, "captured")
    for message in keeper.messages():
        keeper.keep(incident, message, SourceKind.KINESIS, Capture(enabled=True))
    world.aws.refuse("kinesis:GetShardIterator", "InvalidArgumentException", "it is trimmed")
    consumer = Consumer()
    world.aws.fakes["lambda:Invoke"] = consumer
    bucket = {"REMEDIATOR_CAPTURE_BUCKET": "captured"}
    said = ("redrive", incident, "--from", QUEUE, "--out", tmp_path / "kept", "--replay", "--yes")
    assert world.act(*said, environ=bucket).exit_code == 0
    assert consumer.taken == [*numbers[0:4], *numbers[6:10]]


def test_what_is_replayed_comes_in_order_and_only_once(
    lost: tuple[Pipeline, str, list[str]], tmp_path: Path
) -> None:
    world, incident, numbers = lost
    consumer = Consumer()
    world.aws.fakes["lambda:Invoke"] = consumer
    said = ("redrive", incident, "--from", QUEUE, "--out", tmp_path / "kept", "--replay", "--yes")
    assert world.act(*said).exit_code == 0
    assert consumer.taken == [*numbers[0:4], *numbers[6:10]]
    assert world.act(*said).exit_code == 0
    assert len(consumer.taken) == 8


def test_where_a_record_still_fails_the_rest_of_its_shard_waits_and_a_second_run_goes_on(
    lost: tuple[Pipeline, str, list[str]], tmp_path: Path
) -> None:
    world, incident, numbers = lost
    consumer = Consumer(refuses={numbers[2]})
    world.aws.fakes["lambda:Invoke"] = consumer
    said = ("redrive", incident, "--from", QUEUE, "--out", tmp_path / "kept", "--replay", "--yes")
    assert world.act(*said).exit_code == 1
    assert consumer.taken == []
    consumer.refuses.clear()
    assert world.act(*said).exit_code == 0
    assert consumer.taken == [*numbers[0:4], *numbers[6:10]]


def test_it_names_the_record_that_fails_when_asked(
    lost: tuple[Pipeline, str, list[str]], tmp_path: Path
) -> None:
    world, incident, numbers = lost
    world.aws.fakes["lambda:Invoke"] = Consumer(refuses={numbers[2]})
    words = ("--out", tmp_path / "kept", "--find", "--yes", "--format", "json")
    answer = world.act("redrive", incident, "--from", QUEUE, *words)
    notes = [each["note"] for each in json.loads(answer.stdout)["ranges"]]
    assert f"{numbers[2]} fails" in notes


def test_nothing_is_invoked_without_a_yes_where_nobody_can_be_asked(
    lost: tuple[Pipeline, str, list[str]],
) -> None:
    world, incident, _ = lost
    answer = world.act("redrive", incident, "--replay")
    assert answer.exit_code == 2
    assert "--yes" in answer.stderr


def test_a_topic_keeps_nothing_and_says_what_to_do(
    lost: tuple[Pipeline, str, list[str]],
) -> None:
    world, incident, _ = lost
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:failed"
    answer = world.act("redrive", incident, "--from", topic)
    assert answer.exit_code == 1
    assert "--from ARN" in answer.stderr
