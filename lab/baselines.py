"""The strategies that the remediator is compared with, as those tools and people work."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from lab.stage import Levers, Stage

HUMAN_SECONDS = 900.0
POLL_SECONDS = 300.0
COOL_DOWN_SECONDS = 300.0
BUSY_SHARE = 0.75
SHARD_RECORDS_PER_SECOND = 1000.0
SHARD_BYTES_PER_SECOND = 1_048_576.0
SHARD_READ_BYTES_PER_SECOND = 2_097_152.0

Act = Callable[[Stage], None]


def _idle(_stage: Stage) -> None:
    """Nothing is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """What somebody does. ``at_start`` before anything happens; ``at_first_alarm`` once;
    ``at_alarm`` each time that an alarm goes to ALARM."""

    name: str
    what: str
    at_start: Act = _idle
    at_first_alarm: Act = _idle
    at_alarm: Act = _idle


def _double_shards(stage: Stage) -> None:
    stage.pull(Levers(double_shards=True))


def _watch_utilisation(stage: Stage) -> None:
    """Every few minutes; cools off after a change. It never merges below what the stream had."""
    stage.world.at(POLL_SECONDS, partial(_judge_utilisation, stage))


def _judge_utilisation(stage: Stage) -> None:
    wait = POLL_SECONDS
    if _utilisation(stage) >= BUSY_SHARE:
        stage.pull(Levers(double_shards=True))
        wait += COOL_DOWN_SECONDS
    stage.world.at(stage.seconds + wait, partial(_judge_utilisation, stage))


def _utilisation(stage: Stage) -> float:
    """The fullest of PUT records, PUT bytes and GET bytes, as shares of what the shards carry."""
    limits = {
        "IncomingRecords": SHARD_RECORDS_PER_SECOND,
        "IncomingBytes": SHARD_BYTES_PER_SECOND,
        "GetRecords.Bytes": SHARD_READ_BYTES_PER_SECOND,
    }
    world, stream = stage.world, stage.mapping.stream
    now, shards = world.now(), len(stream.open_shards())
    shares = [0.0]
    for metric, limit in limits.items():
        since = now - timedelta(seconds=POLL_SECONDS + 120)
        where = {"StreamName": stream.name}
        points = world.metrics.query("AWS/Kinesis", metric, where, "Sum", 60, since, now)
        if points:
            shares.append(sum(value for _, value in points) / (60 * len(points)) / limit / shards)
    return max(shares)


def pulling(name: str, what: str, levers: Levers, after_seconds: float = 0.0) -> Strategy:
    """Pull some levers, a while after the first alarm."""

    def act(stage: Stage) -> None:
        stage.world.at(stage.seconds + after_seconds, partial(stage.pull, levers))

    return Strategy(name=name, what=what, at_first_alarm=act)


NOTHING = Strategy(name="nothing", what="nobody does anything")
DOUBLE_SHARDS = Strategy(
    name="double_shards",
    what="the shards are doubled at each alarm (as aws-samples/kinesis-auto-scaling does)",
    at_alarm=_double_shards,
)
UTILISATION_RESHARD = Strategy(
    name="utilisation_reshard",
    what="the shards are doubled when they are 75 % full (as amazon-kinesis-scaling-utils does)",
    at_start=_watch_utilisation,
)
PF_10 = pulling(
    "pf_10", "ParallelizationFactor 10 at the alarm, whatever the cause", Levers(factor=10)
)


def human(levers: Levers) -> Strategy:
    """Somebody who knows the best levers, a quarter of an hour late."""
    return pulling("human_15_minutes", f"15 minutes later: {levers}", levers, HUMAN_SECONDS)


def oracle(levers: Levers) -> Strategy:
    """The best levers, at the moment of the alarm."""
    return pulling("oracle", f"at the alarm: {levers}", levers)


# In the order of the tables.
STRATEGIES = (
    "nothing",
    "double_shards",
    "utilisation_reshard",
    "pf_10",
    "human_15_minutes",
    "remediator",
    "oracle",
)
