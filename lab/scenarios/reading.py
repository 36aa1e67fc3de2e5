"""Readers that take each other's share of the stream."""

from random import Random

from lab.plant import (
    Behaviour,
    FunctionSpec,
    MappingSpec,
    OutsideReaderSpec,
    StreamSpec,
)
from lab.scenarios.blueprint import (
    ACCOUNT_ID,
    CONSUMER,
    MAPPING,
    REGION,
    STREAM,
    STREAM_ARN,
    Blueprint,
    Scenario,
)
from lab.scenarios.parts import Pipeline, constant, feed, grows, onset
from remediator.model import Cause

SHARD_READ_BYTES = 2_097_152
SHARD_WRITE_BYTES = 1_048_576
TABLE, LABEL = "orders", "2026-11-01T00:00:00.000"
TABLE_STREAM_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{TABLE}/stream/{LABEL}"


def _quick(shards: int) -> Pipeline:
    """A consumer with plenty of time: only reading can hold it up."""
    return Pipeline(shards=shards, seconds_per_record=0.002)


def _others(
    source_arn: str, count: int
) -> tuple[tuple[FunctionSpec, ...], tuple[MappingSpec, ...]]:
    names = [f"orders-reader-{n}" for n in range(1, count + 1)]
    behaviour = Behaviour(io_seconds_per_record=0.002)
    functions = tuple(FunctionSpec(name=name, behaviour=behaviour) for name in names)
    return functions, tuple(MappingSpec(function=name, source_arn=source_arn) for name in names)


def _ours(source_arn: str) -> MappingSpec:
    return MappingSpec(function=CONSUMER, source_arn=source_arn, uuid=MAPPING)


def _by_other_mappings(dice: Random) -> Blueprint:
    """All of them read every byte: together more than 2 MB/s a shard."""
    line, others = _quick(1), dice.randint(4, 6)
    record_bytes = dice.randint(60_000, 120_000)
    limit = line.shards * SHARD_READ_BYTES / (others + 1) / record_bytes
    rate = grows(limit * 0.5, limit * dice.uniform(1.2, 1.6), onset(dice))
    functions, mappings = _others(STREAM_ARN, others)
    return line.blueprint(
        rate,
        producers=(feed(rate, record_bytes=record_bytes),),
        functions=(FunctionSpec(name=CONSUMER, behaviour=line.io_bound()), *functions),
        mappings=(_ours(STREAM_ARN), *mappings),
    )


def _by_an_outside_consumer(dice: Random) -> Blueprint:
    """Somebody starts an application that polls in a tight loop: few other calls get through."""
    line, record_bytes = _quick(dice.randint(1, 2)), dice.randint(60_000, 120_000)
    greedy = OutsideReaderSpec(
        stream=STREAM,
        calls_per_second=dice.uniform(35, 50),
        bytes_per_second=SHARD_READ_BYTES * dice.uniform(0.5, 0.6),
        from_seconds=onset(dice),
    )
    rate = constant(line.shards * SHARD_WRITE_BYTES * dice.uniform(0.7, 0.8) / record_bytes)
    return line.blueprint(
        rate, producers=(feed(rate, record_bytes=record_bytes),), readers=(greedy,)
    )


def _by_three_readers_of_a_table(dice: Random) -> Blueprint:
    """Two readers a shard are allowed; a third one makes all of them slow."""
    line, record_bytes = _quick(1), dice.randint(60_000, 120_000)
    limit = line.shards * SHARD_READ_BYTES / 3 / record_bytes
    rate = grows(limit * 0.4, limit * dice.uniform(1.2, 1.4), onset(dice))
    functions, mappings = _others(TABLE_STREAM_ARN, 2)
    return line.blueprint(
        rate,
        streams=(StreamSpec(name=STREAM, table=TABLE, label=LABEL, shards=line.shards),),
        producers=(feed(rate, record_bytes=record_bytes),),
        functions=(FunctionSpec(name=CONSUMER, behaviour=line.io_bound()), *functions),
        mappings=(_ours(TABLE_STREAM_ARN), *mappings),
    )


SCENARIOS = (
    Scenario(
        name="read_contention_by_mappings",
        title="Too many mappings read the same shards",
        lesson="All shared readers of a shard have 2 MB/s and 5 calls a second together. Give one "
        "of them enhanced fan-out, or the stream more shards.",
        causes=(Cause.READ_CONTENTION,),
        levers=frozenset({"split_shards", "enhanced_fan_out"}),
        draw=_by_other_mappings,
    ),
    Scenario(
        name="read_contention_by_an_outside_consumer",
        title="An application outside Lambda reads greedily",
        lesson="AWS lists no shared readers outside Lambda: throttled reads without other mappings "
        "betray one.",
        causes=(Cause.READ_CONTENTION,),
        levers=frozenset({"split_shards", "enhanced_fan_out"}),
        draw=_by_an_outside_consumer,
    ),
    Scenario(
        name="table_stream_with_three_readers",
        title="A DynamoDB stream with three readers",
        lesson="A DynamoDB stream allows two readers a shard, has no metric of throttled reads and "
        "cannot be resharded: one reader has to go.",
        causes=(Cause.READ_CONTENTION,),
        levers=frozenset({"hands_off"}),
        draw=_by_three_readers_of_a_table,
    ),
)
