"""Loads that are not spread: over shards, over keys."""

from random import Random

from lab.plant import Behaviour, Keys, StreamSpec, World
from lab.plant.shard import Shard
from lab.scenarios.blueprint import STREAM, STREAM_ARN, Blueprint, Happening, Scenario
from lab.scenarios.parts import Pipeline, constant, consumer, feed, grows, onset, outgrown
from remediator.model import Cause


def _hot_shard(dice: Random) -> Blueprint:
    """Uneven splits of long ago: one of three shards owns most of the hash range."""
    line = Pipeline(shards=1, seconds_per_record=dice.uniform(0.3, 0.8), batch_size=20)
    share = dice.uniform(0.6, 0.75)
    edges = [int(share * 2**128), int((share + 1) / 2 * 2**128)]
    lane = line.capacity_per_second
    before, after = lane * dice.uniform(0.5, 0.7) / share, lane * dice.uniform(1.4, 2.5) / share

    def split(world: World, shard: int, edge: int) -> None:
        world.split_shard(STREAM_ARN, Shard(shard, (0, 0), (), 0).shard_id, str(edge))

    return line.blueprint(
        grows(before, after, onset(dice)),
        streams=(StreamSpec(name=STREAM, shard_level_metrics=dice.random() < 0.8),),
        happenings=(
            Happening(1, "an uneven split", lambda world: split(world, 0, edges[0])),
            Happening(60, "another one", lambda world: split(world, 2, edges[1])),
        ),
    )


def _hot_partition_key(dice: Random) -> Blueprint:
    line = Pipeline(
        shards=dice.randint(2, 4),
        seconds_per_record=dice.uniform(0.3, 0.8),
        batch_size=20,
        factor=dice.choice([1, 4]),
    )
    share = dice.uniform(0.7, 0.9)
    lane = 1 / line.seconds_per_record
    before, after = lane * dice.uniform(0.3, 0.5) / share, lane * dice.uniform(1.2, 1.8) / share
    keys = Keys(kind="hot", population=2000, hot_share=share)
    return line.blueprint(
        constant(0), producers=(feed(grows(before, after, onset(dice)), keys=keys),)
    )


def kpl_aggregation(dice: Random) -> Blueprint:
    """Records of the KPL, which aggregates: more of them than one lane a shard can do."""
    each = dice.choice([10, 20, 50])
    line = Pipeline(
        shards=dice.randint(1, 3),
        seconds_per_record=dice.uniform(0.3, 0.8),
        batch_size=dice.choice([10, 50]),
    )
    behaviour = Behaviour(io_seconds_per_record=line.seconds_per_record / each, jitter_share=0.1)
    rate = grows(*outgrown(dice, line), onset(dice))
    keys = Keys(kind="aggregated", population=64, records_per_aggregate=each)
    return line.blueprint(
        rate,
        functions=consumer(behaviour),
        producers=(feed(rate, keys=keys, record_bytes=each * 300),),
    )


SCENARIOS = (
    Scenario(
        name="hot_shard",
        title="One shard carries most of the traffic",
        lesson="Uneven splits left one shard with most of the hash range. More lanes work on its "
        "backlog now; splitting that shard helps what arrives later.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"raise_parallelization_factor", "split_shards"}),
        draw=_hot_shard,
    ),
    Scenario(
        name="hot_partition_key",
        title="One key carries most of the traffic",
        lesson="Records of one key are processed one after another, whatever the number of lanes "
        "or shards. Only a cheaper record or another key helps.",
        causes=(Cause.HOT_PARTITION_KEY,),
        levers=frozenset({"hands_off", "raise_parallelization_factor"}),
        draw=_hot_partition_key,
        shows_only_when_tried=True,
    ),
    Scenario(
        name="kpl_aggregation",
        title="Aggregated records all bear the key “a”",
        lesson="The KPL packs many records into one whose partition key is always “a”: all of a "
        "shard's records share one lane. More shards spread what arrives later.",
        causes=(Cause.HOT_PARTITION_KEY,),
        levers=frozenset({"hands_off", "raise_parallelization_factor", "split_shards"}),
        draw=kpl_aggregation,
        shows_only_when_tried=True,
    ),
)
