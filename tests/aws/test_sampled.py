"""Partition keys of a shard's newest records: by one call, and nothing else of the records."""

from datetime import timedelta

import pytest

from remediator.aws.sensor import AwsSensor
from remediator.errors import PermanentError, RemediatorError, TemporaryError
from remediator.model import KeySample
from tests.aws.aws_world import NOW, World, kinesis_target

SHARD = "shardId-000000000000"
AGGREGATE = b"\xf3\x89\x9a\xc2"


@pytest.fixture
def stream(aws: World) -> World:
    """A stream of three records of one key and one of another."""
    aws.stream("orders", shards=2)
    kinesis = aws.session.client("kinesis")
    for key, data in (("ada", b"secret"), ("ada", b"x"), ("ada", b"x"), ("bob", AGGREGATE)):
        kinesis.put_record(StreamName="orders", Data=data, PartitionKey=key, ExplicitHashKey="0")
    aws.calls.clear()
    return aws


def sample(aws: World, records: int = 100, *, named: bool = False) -> KeySample:
    since = NOW - timedelta(days=1)
    target = kinesis_target("1")
    return AwsSensor(aws.clients).sample_keys(target, SHARD, since, records, named=named)


def test_it_keeps_hashes_and_counts_and_nothing_of_a_payload(stream: World) -> None:
    found = sample(stream)
    assert (found.records, found.aggregated) == (4, 1)
    assert [key.records for key in found.keys] == [3, 1]
    said = found.model_dump_json()
    assert all(word not in said for word in ("secret", "c2VjcmV0", "ada", "bob"))


def test_the_hash_is_the_one_by_which_kinesis_finds_the_shard(stream: World) -> None:
    kinesis = stream.session.client("kinesis")
    for name in ("ada", "bob", "grace"):
        put = kinesis.put_record(StreamName="orders", Data=b"x", PartitionKey=name)
        found = AwsSensor(stream.clients).sample_keys(
            kinesis_target("1"), put["ShardId"], NOW - timedelta(days=1), 100, named=True
        )
        ranges = {
            shard["ShardId"]: shard["HashKeyRange"]
            for shard in kinesis.list_shards(StreamName="orders")["Shards"]
        }
        place = ranges[put["ShardId"]]
        hashes = [key.hash_key for key in found.keys if key.name in {name, None}]
        first, last = int(place["StartingHashKey"]), int(place["EndingHashKey"])
        assert any(first <= value <= last for value in hashes)


def test_only_the_most_frequent_key_is_named_and_only_where_that_is_asked_for(
    stream: World,
) -> None:
    assert [key.name for key in sample(stream, named=True).keys] == ["ada", None]


def test_it_is_one_call_of_no_more_records_than_said(stream: World) -> None:
    assert sample(stream, 2).records == 2
    assert stream.operations() == ["kinesis:GetShardIterator", "kinesis:GetRecords"]
    asked = stream.params_of("kinesis:GetShardIterator")
    assert asked["ShardIteratorType"] == "AT_TIMESTAMP"


@pytest.mark.parametrize("call", ["kinesis:GetShardIterator", "kinesis:GetRecords"])
@pytest.mark.parametrize(
    ("code", "raised"),
    [
        ("ProvisionedThroughputExceededException", TemporaryError),
        ("AccessDeniedException", PermanentError),
        ("ResourceNotFoundException", PermanentError),
    ],
)
def test_what_aws_refuses_is_said_and_not_asked_again(
    stream: World, call: str, code: str, raised: type[RemediatorError]
) -> None:
    stream.refuse(call, code)
    with pytest.raises(raised, match=code):
        sample(stream)
    assert stream.operations().count(call) == 1


def test_an_empty_shard_has_no_keys(stream: World) -> None:
    stream.answer("kinesis:GetRecords", {"Records": []})
    assert sample(stream) == KeySample(shard_id=SHARD, records=0)
