"""Shards and retention on streams that are UPDATING for a while after each change."""

import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from remediator.aws.actuator import AwsActuator
from remediator.aws.clients import Clients
from remediator.errors import TemporaryError
from remediator.model import Resource, ResourceKind
from tests.e2e.kinesis_local import kinesis_local
from tests.e2e.ministack import ACCOUNT, REGION

STREAM_ARN = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders"
STREAM = Resource(kind=ResourceKind.STREAM, id=STREAM_ARN)
LAST = 2**128 - 1
MIDDLE = 2**127


def hash_range(first: int, last: int) -> Resource:
    return Resource(kind=ResourceKind.HASH_RANGE, id=f"{STREAM_ARN}#{first}-{last}")


WHOLE, LOWER, UPPER = hash_range(0, LAST), hash_range(0, MIDDLE - 1), hash_range(MIDDLE, LAST)


@pytest.fixture
def clients(
    kinesis_locals_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Clients]:
    """Of an account that holds the stream, with one shard."""
    with kinesis_local(kinesis_locals_folder, tmp_path) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", url)
        clients = Clients(boto3.Session(ACCOUNT, "test", region_name=REGION))
        clients.kinesis.create_stream(StreamName="orders", ShardCount=1)
        clients.kinesis.get_waiter("stream_exists").wait(
            StreamName="orders", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
        )
        yield clients


@pytest.fixture
def actuator(clients: Clients) -> AwsActuator:
    return AwsActuator(clients, time.sleep)


def status(clients: Clients) -> str:
    summary = clients.kinesis.describe_stream_summary(StreamARN=STREAM_ARN)
    return summary["StreamDescriptionSummary"]["StreamStatus"]


def open_shards(clients: Clients) -> int:
    summary = clients.kinesis.describe_stream_summary(StreamARN=STREAM_ARN)
    return summary["StreamDescriptionSummary"]["OpenShardCount"]


def test_a_shard_is_split_waited_for_and_merged_again(
    clients: Clients, actuator: AwsActuator
) -> None:
    actuator.write(WHOLE, {"shards": 2})
    assert status(clients) == "UPDATING"
    assert actuator.settled(WHOLE)
    assert actuator.read(WHOLE, ["shards"]) == {"shards": 2}
    assert actuator.read(LOWER, ["shards"]) == {"shards": 1}

    actuator.write(WHOLE, {"shards": 1})
    assert actuator.settled(WHOLE)
    assert actuator.read(WHOLE, ["shards"]) == {"shards": 1}


def test_a_stream_that_is_updating_takes_no_second_split_and_takes_it_later(
    clients: Clients, actuator: AwsActuator
) -> None:
    actuator.write(WHOLE, {"shards": 2})
    assert actuator.settled(WHOLE)

    actuator.write(LOWER, {"shards": 2})
    with pytest.raises(TemporaryError):
        actuator.write(UPPER, {"shards": 2})
    assert actuator.settled(UPPER)
    assert actuator.read(UPPER, ["shards"]) == {"shards": 1}
    actuator.write(UPPER, {"shards": 2})
    assert actuator.settled(WHOLE)
    assert open_shards(clients) == 4


def test_retention_is_raised_and_lowered(actuator: AwsActuator) -> None:
    actuator.write(STREAM, {"retention_hours": 168})
    assert actuator.settled(STREAM)
    assert actuator.read(STREAM, ["retention_hours"]) == {"retention_hours": 168}
    actuator.write(STREAM, {"retention_hours": 24})
    assert actuator.read(STREAM, ["retention_hours"]) == {"retention_hours": 24}
