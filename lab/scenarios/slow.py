"""Consumers that are too slow for what arrives."""

from dataclasses import replace
from random import Random

from lab.plant import Behaviour, Keys, MappingSpec, ProducerSpec, StreamSpec
from lab.scenarios.blueprint import CONSUMER, STREAM, STREAM_ARN, Blueprint, Scenario
from lab.scenarios.parts import (
    Pipeline,
    a_line,
    constant,
    consumer,
    feed,
    grows,
    mapping,
    onset,
    outgrown,
)
from remediator.model import Cause


def _slow_io_bound(dice: Random) -> Blueprint:
    line = a_line(dice)
    before, after = outgrown(dice, line)
    return line.blueprint(grows(before, after, onset(dice)))


def _slow_cpu_bound(dice: Random) -> Blueprint:
    line = a_line(dice)
    memory_mb = dice.choice([256, 512, 1024])
    cpu = line.seconds_per_record * memory_mb / 1769
    before, after = outgrown(dice, line)
    return line.blueprint(
        grows(before, after, onset(dice)),
        functions=consumer(
            Behaviour(cpu_seconds_per_record=cpu, jitter_share=0.1),
            memory_mb=memory_mb,
            lambda_insights=dice.random() < 0.7,
        ),
    )


def _reference_demo(_dice: Random) -> Blueprint:
    second = Behaviour(io_seconds_per_invocation=1.0)
    line = Pipeline(shards=1, seconds_per_record=1.0, batch_size=1)
    distinct = Keys(kind="sequential", population=1000)
    records = ProducerSpec(stream=STREAM, burst_records=1000, keys=distinct)
    return replace(line.blueprint(constant(0)), functions=consumer(second), producers=(records,))


def _two_mappings(dice: Random) -> Blueprint:
    """The function also reads `payments`, which is fine; both ages are one metric."""
    line = a_line(dice)
    before, after = outgrown(dice, line)
    other = f"{STREAM_ARN.rpartition('/')[0]}/payments"
    payments = MappingSpec(function=CONSUMER, source_arn=other, settings=line.settings())
    rate = grows(before, after, onset(dice))
    return line.blueprint(
        rate,
        streams=(
            StreamSpec(name="payments", shards=2),
            StreamSpec(name=STREAM, shards=line.shards),
        ),
        mappings=(payments, *mapping(line)),
        producers=(
            feed(rate),
            feed(constant(0.5 / line.seconds_per_record), stream="payments"),
        ),
    )


def _metrics_with_gaps(dice: Random) -> Blueprint:
    """Invocations last for minutes, so that most minutes have no datapoint."""
    line = Pipeline(shards=dice.randint(1, 2), seconds_per_record=dice.uniform(0.9, 1.4))
    before, after = (
        line.capacity_per_second * 0.2,
        line.capacity_per_second * dice.uniform(1.3, 2.5),
    )
    return line.blueprint(
        grows(before, after, onset(dice)),
        functions=consumer(line.io_bound(), timeout_seconds=600),
    )


SCENARIOS = (
    Scenario(
        name="slow_io_bound",
        title="More traffic than one lane a shard can wait for",
        lesson="The function waits for something else most of the time. More lanes "
        "(ParallelizationFactor) wait side by side, at once and also on the backlog; more shards "
        "would only help what arrives later.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"raise_parallelization_factor"}),
        draw=_slow_io_bound,
    ),
    Scenario(
        name="slow_cpu_bound",
        title="Too little CPU for the traffic",
        lesson="CPU time fills the invocation: CPU comes with memory, so more memory makes each "
        "record cheaper. More lanes bring CPUs of their own and help as well.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"raise_parallelization_factor", "raise_memory"}),
        draw=_slow_cpu_bound,
    ),
    Scenario(
        name="reference_demo",
        title="The reference demo: 1000 records, one second each",
        lesson="One shard, one lane, one record a batch: 1000 s. Ten lanes drain the same backlog "
        "ten times as fast; a split leaves it where it is.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"raise_parallelization_factor", "raise_batch_size"}),
        draw=_reference_demo,
        horizon_seconds=2400,
    ),
    Scenario(
        name="two_mappings",
        title="One function, two streams, one of them late",
        lesson="IteratorAge is a metric of the function: the mapping that lags has to be found "
        "before anything is changed.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"raise_parallelization_factor"}),
        draw=_two_mappings,
    ),
    Scenario(
        name="metrics_with_gaps",
        title="Invocations that last for minutes",
        lesson="Metrics are emitted when an invocation ends: long ones leave minutes without a "
        "datapoint. A missing reading is missing, not zero.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"raise_parallelization_factor"}),
        draw=_metrics_with_gaps,
        horizon_seconds=5400,
    ),
)
