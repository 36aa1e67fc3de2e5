"""What the bridge says of destinations, tables, tags and alarms that a scenario tells of."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.bridge import Conditions
from lab.plant import AccountSpec, DestinationSpec, FunctionSpec, Knobs, StreamSpec, World
from tests.lab.bridge_worlds import FUNCTION, START, answer, client, rehearsal, world

HERE = "eu-central-1:123456789012"
TOPIC, QUEUE = f"arn:aws:sns:{HERE}:failed", f"arn:aws:sqs:{HERE}:failed"
BUCKET = "arn:aws:s3:::failed-records"


def ask(kind: str, state: str) -> Any:
    made = world()
    arn, question = {
        "topic": (TOPIC, lambda: client("sns").get_topic_attributes(TopicArn=TOPIC)),
        "queue": (QUEUE, lambda: client("sqs").get_queue_url(QueueName="failed")),
        "bucket": (BUCKET, lambda: client("s3").head_bucket(Bucket="failed-records")),
    }[kind]
    made.add_destination(DestinationSpec(arn=arn, state=state))  # type: ignore[arg-type]
    return answer(made, question)


@pytest.mark.parametrize("kind", ["topic", "queue", "bucket"])
def test_a_destination_that_exists_is_found_and_a_deleted_one_is_not(kind: str) -> None:
    assert ask(kind, "takes")["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert ask(kind, "denies")["ResponseMetadata"]["HTTPStatusCode"] == 200
    with pytest.raises(ClientError):
        ask(kind, "missing")


@pytest.mark.parametrize("tags", [{}, {"remediator": "managed"}])
def test_a_stream_without_the_tag_keeps_its_retention_and_its_shards(tags: dict[str, str]) -> None:
    made = world()
    (arn,) = made.streams

    def work() -> list[str]:
        kinesis, codes = client("kinesis"), []
        shard = {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": str(2**127)}
        for call, parameters in (
            (kinesis.increase_stream_retention_period, {"RetentionPeriodHours": 48}),
            (kinesis.split_shard, shard),
        ):
            try:
                call(StreamARN=arn, **parameters)
                codes.append("OK")
            except ClientError as error:
                codes.append(error.response["Error"]["Code"])
        return codes

    codes = answer(made, work, Conditions(tags={arn: tags}))
    assert codes[0] == ("OK" if tags else "AccessDeniedException")
    assert codes[1] == ("ResourceInUseException" if tags else "AccessDeniedException")


def test_a_table_is_described_with_its_stream_and_its_replicas() -> None:
    made = world()
    stream = made.add_stream(StreamSpec(name="t", table="carts", replicas=("us-east-1",)))
    table = answer(made, lambda: client("dynamodb").describe_table(TableName="carts"))["Table"]
    assert table["LatestStreamArn"] == stream.arn
    assert table["Replicas"] == [{"RegionName": "us-east-1"}]


def test_a_log_alarm_is_described_only_to_those_who_ask_for_log_alarms() -> None:
    made = rehearsal(
        world(),
        lambda *_: [
            client("cloudwatch").describe_alarms(AlarmNames=["errors-in-the-log"], **more)
            for more in ({}, {"AlarmTypes": ["MetricAlarm", "CompositeAlarm", "LogAlarm"]})
        ],
    )
    made.put_log_alarm("errors-in-the-log", "ALARM")
    plain, whole = made.invoke({}).result
    assert not plain.get("LogAlarms")
    assert [alarm["StateValue"] for alarm in whole["LogAlarms"]] == ["ALARM"]


def test_the_account_s_own_minimum_is_what_a_reservation_meets() -> None:
    """The remediator's own reservation of 5 counts too."""
    made = World(START, AccountSpec(concurrency_limit=60, minimum_unreserved=10), Knobs(), seed=1)
    made.add_function(FunctionSpec(name=FUNCTION))

    def work() -> str:
        lambda_ = client("lambda")
        lambda_.put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=45)
        with pytest.raises(ClientError) as refusal:
            lambda_.put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=46)
        return str(refusal.value)

    assert "minimum value of [10]" in answer(made, work)
