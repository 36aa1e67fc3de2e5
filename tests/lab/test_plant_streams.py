"""Shards, limits, resharding, retention, enhanced fan-out and DynamoDB streams."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lab.plant import (
    AccountSpec,
    AwsError,
    Behaviour,
    FunctionSpec,
    Keys,
    Knobs,
    MappingSettings,
    MappingSpec,
    OutsideReaderSpec,
    ProducerSpec,
    StreamSpec,
    World,
)
from lab.plant.rates import constant
from tests.lab.plant_worlds import CALM, DISTINCT, START, Rig, burst, rig

INSTANT = Behaviour(io_seconds_per_invocation=0.01)
STREAM = {"StreamName": "orders"}
SHARD_0 = "shardId-000000000000"
MIDDLE = str(2**127)
TABLE = StreamSpec(name="table-stream", table="orders")


def total(world: World, name: str, dimensions: dict[str, str] | None = None) -> float:
    namespace = "AWS/Kinesis"
    where = dimensions or STREAM
    args = (namespace, name, where, "Sum", 60, world.start, world.now())
    return sum(value for _, value in world.metrics.query(*args))


def steady(rate: float, **more: Any) -> ProducerSpec:
    return ProducerSpec(stream="orders", rate=constant(rate), keys=DISTINCT, **more)


# Writing


@pytest.mark.parametrize(
    ("rate", "size", "accepted"),
    [
        pytest.param(500, 500, 500, id="within both limits"),
        pytest.param(1500, 500, 1000, id="1000 records a second"),
        pytest.param(100, 2**20 // 50, 50, id="1 MiB a second"),
    ],
)
def test_a_shard_takes_what_its_write_limits_allow(rate: float, size: int, accepted: int) -> None:
    pipeline = rig(behaviour=INSTANT, producer=steady(rate, record_bytes=size))
    pipeline.world.run_until(300)
    produced = pipeline.world.ledger(pipeline.mapping.uuid).produced
    assert produced == pytest.approx(accepted * 300, rel=0.02)
    rejected = total(pipeline.world, "WriteProvisionedThroughputExceeded")
    assert (rejected > 0) == (accepted < rate)


def test_keys_spread_over_the_shards_by_their_hash() -> None:
    pipeline = rig(
        behaviour=INSTANT, stream=StreamSpec(name="orders", shards=4), producer=burst(4000)
    )
    pipeline.world.run_until(5)
    sizes = [len(shard.arrivals) for shard in pipeline.stream.shards.values()]
    assert sizes == pytest.approx([1000] * 4, rel=0.1)


# Resharding


def test_after_a_split_new_records_go_to_the_children_once_the_parent_is_drained() -> None:
    pipeline = rig(settings=MappingSettings(batch_size=10), producer=steady(20))
    world, stream = pipeline.world, pipeline.stream
    world.run_until(300)
    world.split_shard(stream.arn, SHARD_0, MIDDLE)
    assert stream.status == "UPDATING"
    world.run_until(300 + CALM.split_seconds + 1)
    assert [shard.shard_id for shard in stream.open_shards()] == [
        "shardId-000000000001",
        "shardId-000000000002",
    ]
    world.run_until(1500)
    pipeline.assert_parents_first()
    pipeline.assert_order_per_key()
    ledger = world.ledger(pipeline.mapping.uuid)
    assert ledger.produced == pytest.approx(1500 * 20, abs=1)
    assert len({d.shard.shard_id for d in pipeline.deliveries}) == 3


def test_a_merge_has_two_parents() -> None:
    pipeline = rig(stream=StreamSpec(name="orders", shards=2), producer=steady(5))
    pipeline.world.run_until(10)
    pipeline.world.merge_shards(pipeline.stream.arn, SHARD_0, "shardId-000000000001")
    pipeline.world.run_until(100)
    child = pipeline.stream.list_shards()[-1]
    assert child["ParentShardId"] == SHARD_0
    assert child["AdjacentParentShardId"] == "shardId-000000000001"
    pipeline.assert_parents_first()


def test_doubling_the_shards_takes_thirty_seconds_for_each_split() -> None:
    pipeline = rig(stream=StreamSpec(name="orders", shards=3))
    pipeline.world.update_shard_count(pipeline.stream.arn, 6)
    pipeline.world.run_until(3 * CALM.split_seconds - 1)
    assert pipeline.stream.summary()["StreamStatus"] == "UPDATING"
    pipeline.world.run_until(3 * CALM.split_seconds + 1)
    summary = pipeline.stream.summary()
    assert (summary["StreamStatus"], summary["OpenShardCount"]) == ("ACTIVE", 6)


def test_shards_of_unchanged_range_stay_open() -> None:
    pipeline = rig(stream=StreamSpec(name="orders", shards=4))
    pipeline.world.update_shard_count(pipeline.stream.arn, 2)
    pipeline.world.run_until(200)
    closed = [s for s in pipeline.stream.shards.values() if s.closed_at is not None]
    assert len(closed) == 4
    assert [len(s.parents) for s in pipeline.stream.open_shards()] == [2, 2]


def test_eleven_count_updates_in_a_day_are_one_too_many() -> None:
    pipeline = rig(stream=StreamSpec(name="orders", shards=2))
    world, arn = pipeline.world, pipeline.stream.arn
    for turn in range(10):
        world.update_shard_count(arn, 3 if turn % 2 == 0 else 2)
        world.run_until(world.env.now + 100)
    with pytest.raises(AwsError, match="LimitExceededException"):
        world.update_shard_count(arn, 3)
    world.run_until(world.env.now + 24 * 3600)
    world.update_shard_count(arn, 3)


def _split(world: World, arn: str, shard: str = SHARD_0, at: str = MIDDLE) -> None:
    world.split_shard(arn, shard, at)


Refusal = tuple[StreamSpec, Callable[[World, str], object], str]
REFUSED: dict[str, Refusal] = {
    "split on demand": (
        StreamSpec(name="orders", mode="ON_DEMAND"),
        _split,
        "ValidationException",
    ),
    "split of a missing shard": (
        StreamSpec(name="orders"),
        lambda world, arn: _split(world, arn, "shardId-000000000009"),
        "ResourceNotFoundException",
    ),
    "split at the parent's start": (
        StreamSpec(name="orders"),
        lambda world, arn: _split(world, arn, at="0"),
        "InvalidArgumentException",
    ),
    "split of a table's stream": (TABLE, _split, "ResourceNotFoundException"),
    "more than double": (
        StreamSpec(name="orders", shards=2),
        lambda world, arn: world.update_shard_count(arn, 5),
        "InvalidArgumentException",
    ),
    "less than half": (
        StreamSpec(name="orders", shards=4),
        lambda world, arn: world.update_shard_count(arn, 1),
        "InvalidArgumentException",
    ),
    "merge of shards apart": (
        StreamSpec(name="orders", shards=3),
        lambda world, arn: world.merge_shards(arn, SHARD_0, "shardId-000000000002"),
        "InvalidArgumentException",
    ),
    "beyond the account's shards": (
        StreamSpec(name="orders", shards=8),
        lambda world, arn: world.update_shard_count(arn, 12),
        "LimitExceededException",
    ),
    "retention not longer": (
        StreamSpec(name="orders", retention_hours=48),
        lambda world, arn: world.increase_retention(arn, 48),
        "InvalidArgumentException",
    ),
    "retention above a year": (
        StreamSpec(name="orders"),
        lambda world, arn: world.increase_retention(arn, 8761),
        "InvalidArgumentException",
    ),
    "retention below a day": (
        StreamSpec(name="orders", retention_hours=48),
        lambda world, arn: world.decrease_retention(arn, 12),
        "InvalidArgumentException",
    ),
}


@pytest.mark.parametrize("refusal", REFUSED.values(), ids=REFUSED.keys())
def test_aws_refuses(refusal: Refusal) -> None:
    spec, attempt, code = refusal
    world = World(START, AccountSpec(shard_limit=10), CALM, 1)
    stream = world.add_stream(spec)
    with pytest.raises(AwsError, match=code):
        attempt(world, stream.arn)


@pytest.mark.parametrize(
    "second",
    [
        _split,
        lambda world, arn: world.update_shard_count(arn, 2),
        lambda world, arn: world.increase_retention(arn, 48),
    ],
    ids=["split", "count", "retention"],
)
def test_a_stream_that_is_updating_is_in_use(second: Callable[[World, str], object]) -> None:
    pipeline = rig()
    _split(pipeline.world, pipeline.stream.arn)
    with pytest.raises(AwsError, match="ResourceInUseException"):
        second(pipeline.world, pipeline.stream.arn)


def test_an_on_demand_stream_splits_a_busy_shard_within_a_quarter_of_an_hour() -> None:
    pipeline = rig(
        behaviour=INSTANT,
        stream=StreamSpec(name="orders", mode="ON_DEMAND"),
        producer=steady(100, record_bytes=6000),
    )
    pipeline.world.run_until(900)
    assert len(pipeline.stream.open_shards()) == 1
    pipeline.world.run_until(1000)
    assert len(pipeline.stream.open_shards()) == 2


# Retention


def stopped() -> Rig:
    function = FunctionSpec(name="consumer", reserved_concurrency=0)
    return rig(function=function, producer=steady(1, until_seconds=100.0))


def test_records_expire_after_a_day() -> None:
    pipeline = stopped()
    uuid = pipeline.mapping.uuid
    pipeline.world.run_until(86_400 + 50)
    assert pipeline.world.ledger(uuid).expired == pytest.approx(50, abs=1)
    pipeline.world.run_until(86_400 + 200)
    assert pipeline.world.ledger(uuid).expired == 100


def test_longer_retention_saves_what_has_not_expired_and_revives_nothing() -> None:
    pipeline = stopped()
    world, uuid = pipeline.world, pipeline.mapping.uuid
    world.run_until(86_400 + 30)
    world.increase_retention(pipeline.stream.arn, 48)
    world.run_until(86_400 + 30 + CALM.retention_increase_seconds + 1)
    assert pipeline.stream.retention_hours == 48
    expired = world.ledger(uuid).expired
    world.put_function_concurrency("consumer", 5)
    world.run_until(86_400 + 1000)
    ledger = world.ledger(uuid)
    assert (ledger.expired, ledger.processed) == (expired, 100 - expired)


# Reading


def test_a_caught_up_mapping_polls_each_shard_once_a_second() -> None:
    pipeline = rig(stream=StreamSpec(name="orders", shards=2))
    pipeline.world.run_until(1200)
    minutes = 1200 / 60 - 2
    calls = total(pipeline.world, "GetRecords.Success")
    assert calls == pytest.approx(minutes * 60 * 2, rel=0.02)


@pytest.mark.parametrize("rate", [0.05, 3.0, 200.0])
def test_the_count_of_polls_does_not_depend_on_the_traffic_while_it_keeps_up(rate: float) -> None:
    pipeline = rig(behaviour=INSTANT, producer=steady(rate))
    pipeline.world.run_until(1200)
    polls = total(pipeline.world, "GetRecords.Success")
    assert polls == pytest.approx((1200 / 60 - 2) * 60, rel=0.02)


def with_outside(calls_per_second: float, *, knobs: Knobs = CALM) -> Rig:
    pipeline = rig(behaviour=INSTANT, producer=steady(20), knobs=knobs)
    pipeline.world.add_outside_reader(
        OutsideReaderSpec(stream="orders", calls_per_second=calls_per_second)
    )
    return pipeline


@pytest.mark.parametrize(
    ("calls", "contended"),
    [(0.0, False), (3.0, False), (10.0, True), (20.0, True)],
    ids="{}".format,
)
def test_five_calls_a_second_are_shared_by_all_readers(calls: float, contended: bool) -> None:
    pipeline = with_outside(calls)
    pipeline.world.run_until(1200)
    throttled = total(pipeline.world, "ReadProvisionedThroughputExceeded")
    assert (throttled > 0) == contended
    if contended:
        served = total(pipeline.world, "GetRecords.Success")
        assert throttled / (throttled + served) == pytest.approx(1 - 5 / (calls + 1), abs=0.1)


def mean_wait(pipeline: Rig) -> float:
    waits = [d.began - d.shard.arrivals[r] for d in pipeline.deliveries for r in d.records]
    return sum(waits) / len(waits)


def test_outside_calls_make_the_mapping_wait() -> None:
    def wait(calls: float) -> float:
        pipeline = with_outside(calls, knobs=Knobs())
        pipeline.world.run_until(1200)
        return mean_wait(pipeline)

    assert wait(0) < 0.6
    assert wait(4) < 0.6
    assert wait(20) > 1.5
    assert wait(50) > 2 * wait(20)


@pytest.mark.parametrize(("others", "clogs"), [(0, False), (1, False), (4, True)])
def test_mappings_share_two_megabytes_a_second(others: int, clogs: bool) -> None:
    pipeline = rig(behaviour=INSTANT, producer=steady(80, record_bytes=10_000))
    world = pipeline.world
    for number in range(others):
        name = f"other-{number}"
        world.add_function(FunctionSpec(name=name, behaviour=INSTANT))
        world.add_mapping(MappingSpec(function=name, source_arn=pipeline.stream.arn))
    world.run_until(600)
    oldest = world.oldest_unprocessed_age_seconds(pipeline.mapping.uuid)
    assert (oldest > 100) == clogs


def test_six_mappings_contend_for_one_shard() -> None:
    pipeline = rig(behaviour=INSTANT, producer=steady(20))
    world = pipeline.world
    for number in range(6):
        name = f"other-{number}"
        world.add_function(FunctionSpec(name=name, behaviour=INSTANT))
        world.add_mapping(MappingSpec(function=name, source_arn=pipeline.stream.arn))
    world.run_until(1200)
    assert total(world, "ReadProvisionedThroughputExceeded") > 0


def test_after_ten_megabytes_nobody_reads_for_five_seconds() -> None:
    pipeline = rig(stream=StreamSpec(name="orders"))
    (shard,) = pipeline.stream.shards.values()
    reading = pipeline.stream.reading(shard)
    assert reading.admit(100.0)
    reading.take(100.0, 10 * 2**20)
    assert not reading.admit(104.9)
    assert reading.admit(105.0)


def test_reading_a_backlog_is_bound_by_two_megabytes_a_second() -> None:
    size = 100_000
    pipeline = rig(
        settings=MappingSettings(batch_size=1000, parallelization_factor=10),
        behaviour=INSTANT,
        producer=ProducerSpec(
            stream="orders", burst_records=2000, record_bytes=size, keys=Keys(population=500)
        ),
    )
    written_in = 2000 * size / 2**20
    drained = pipeline.seconds_until_drained()
    assert drained >= 2000 * size / (2 * 2**20)
    assert drained == pytest.approx(written_in, rel=0.1)


def test_a_batch_ends_at_six_megabytes_with_base64_and_metadata() -> None:
    pipeline = rig(
        settings=MappingSettings(batch_size=10_000, batching_window_seconds=60),
        behaviour=INSTANT,
        producer=burst(200, record_bytes=100_000),
    )
    pipeline.world.run_until(200)
    assert max(pipeline.sizes()) == 6 * 2**20 // (100_000 * 4 // 3 + 400)


# Enhanced fan-out


def fan_out(calls_per_second: float, keys: Keys = DISTINCT) -> Rig:
    world = World(START, AccountSpec(), CALM, 1)
    stream = world.add_stream(StreamSpec(name="orders"))
    world.add_function(FunctionSpec(name="consumer", behaviour=INSTANT))
    world.add_outside_reader(OutsideReaderSpec(stream="orders", calls_per_second=calls_per_second))
    consumer = world.register_stream_consumer(stream.arn, "fast")
    world.run_until(CALM.consumer_registration_seconds + 1)
    source = consumer["ConsumerARN"]
    mapping = world.add_mapping(MappingSpec(function="consumer", source_arn=source))
    world.add_producer(ProducerSpec(stream="orders", rate=constant(20), keys=keys))
    return Rig(world, stream, mapping)


def test_a_fan_out_consumer_does_not_feel_other_readers() -> None:
    pipeline = fan_out(calls_per_second=50)
    world = pipeline.world
    world.run_until(600)
    assert world.oldest_unprocessed_age_seconds(pipeline.mapping.uuid) < 1
    where = STREAM | {"ConsumerName": "fast"}
    assert total(world, "SubscribeToShardEvent.Records", where) > 0


def test_moving_an_aggregated_stream_to_fan_out_loses_records() -> None:
    pipeline = fan_out(0, Keys(kind="aggregated", population=8, records_per_aggregate=20))
    pipeline.world.run_until(300)
    assert pipeline.world.ledger(pipeline.mapping.uuid).discarded > 0


def test_the_sixth_consumer_in_creation_is_refused() -> None:
    pipeline = rig()
    for number in range(5):
        pipeline.world.register_stream_consumer(pipeline.stream.arn, f"c{number}")
    with pytest.raises(AwsError, match="LimitExceededException"):
        pipeline.world.register_stream_consumer(pipeline.stream.arn, "c5")


# DynamoDB streams


def table_rig(readers: int) -> Rig:
    pipeline = rig(
        behaviour=INSTANT,
        stream=replace(TABLE, name="orders"),
        producer=steady(20),
    )
    for number in range(readers - 1):
        name = f"other-{number}"
        pipeline.world.add_function(FunctionSpec(name=name, behaviour=INSTANT))
        spec = MappingSpec(function=name, source_arn=pipeline.stream.arn)
        pipeline.world.add_mapping(spec)
    return pipeline


@pytest.mark.parametrize(("readers", "share"), [(1, 0.0), (2, 0.0), (3, 1 / 3), (4, 0.5)])
def test_a_third_reader_of_a_table_s_stream_is_throttled(readers: int, share: float) -> None:
    pipeline = table_rig(readers)
    pipeline.world.run_until(100)
    (shard,) = pipeline.stream.shards.values()
    assert pipeline.stream.reading(shard).idle_throttled_share(100) == pytest.approx(share)
    assert (shard.counts.throttled_calls > 0) == (share > 0)


def test_a_table_s_stream_is_polled_four_times_a_second_and_emits_its_own_metrics() -> None:
    pipeline = table_rig(1)
    world = pipeline.world
    world.run_until(600)
    where = {
        "TableName": "orders",
        "StreamLabel": pipeline.stream.spec.label,
        "Operation": "GetRecords",
    }
    args = (60, world.start, world.now())
    records = world.metrics.query("AWS/DynamoDB", "ReturnedRecordsCount", where, "Sum", *args)
    calls = world.metrics.query(
        "AWS/DynamoDB", "SuccessfulRequestLatency", where, "SampleCount", *args
    )
    assert records[2][1] == pytest.approx(20 * 60, rel=0.05)
    assert calls[2][1] == pytest.approx(4 * 60, rel=0.05)
    assert not world.metrics.names("AWS/Kinesis")


def test_a_table_s_stream_rolls_its_shards_over() -> None:
    pipeline = table_rig(1)
    pipeline.world.run_until(4 * 3600.0 + 60)
    first, second = pipeline.stream.list_shards()
    assert second["ParentShardId"] == first["ShardId"]
    assert "HashKeyRange" not in second
    assert pipeline.world.ledger(pipeline.mapping.uuid).queued < 30
