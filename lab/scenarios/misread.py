"""Readings that mislead: implausible ones, sparse ones, late ones, and minutes that are missing."""

from dataclasses import replace
from random import Random

from lab.plant import Keys, Knobs, ProducerSpec, StreamSpec, World
from lab.plant.metrics import dimensions, sample
from lab.plant.rates import steps
from lab.scenarios.blueprint import CONSUMER, STREAM, Blueprint, Happening, Scenario
from lab.scenarios.failing import failure_by_deploy
from lab.scenarios.parts import (
    Pipeline,
    a_line,
    constant,
    feed,
    grows,
    onset,
    outgrown,
)
from lab.scenarios.reading import LABEL, TABLE, TABLE_STREAM_ARN
from lab.scenarios.throttled import by_reservation
from remediator.model import Cause

ONE_KEY = Keys(kind="uniform", population=1)
HOUR_SECONDS = 3600.0


def _age_spike(dice: Random) -> Blueprint:
    """AWS was seen to publish the age of an old record for a stream that is idle and up to date."""
    line = Pipeline(shards=dice.randint(1, 2), seconds_per_record=dice.uniform(0.1, 0.4))
    at, age = onset(dice), dice.uniform(0.15, 23.0) * HOUR_SECONDS
    length = dice.choice([3, 4, 5])

    def spike(world: World) -> None:
        for minute in range(length):
            reading = sample([(age + 60.0 * minute) * 1000])
            function, stream = dimensions(FunctionName=CONSUMER), dimensions(StreamName=STREAM)
            now = world.env.now - 60.0 * (length - 1 - minute)
            world.metrics.put("AWS/Lambda", "IteratorAge", function, now, reading)
            name = "GetRecords.IteratorAgeMilliseconds"
            world.metrics.put("AWS/Kinesis", name, stream, now, reading)

    spiking = Happening(at, "an old record's age is published", spike)
    return line.blueprint(constant(dice.uniform(0.01, 0.03)), happenings=(spiking,))


def _table_spikes(dice: Random) -> Blueprint:
    """Short bursts of a table's stream; between them, and on the whole, its lanes are idle."""
    shards, seconds = dice.randint(4, 8), dice.uniform(0.1, 0.3)
    line = Pipeline(shards=shards, seconds_per_record=seconds)
    capacity, length, late = line.capacity_per_second, dice.uniform(20, 40), dice.uniform(110, 160)
    usual = capacity * dice.uniform(0.01, 0.04)
    points, at = [(0.0, usual)], onset(dice)
    while at < HOUR_SECONDS:
        points += [(at, capacity * (1 + late / length)), (at + length, usual)]
        at += dice.uniform(600, 900)
    rate = steps(points)
    plain = line.blueprint(rate)
    (spec,) = plain.mappings
    return replace(
        plain,
        streams=(StreamSpec(name=STREAM, shards=shards, table=TABLE, label=LABEL),),
        mappings=(replace(spec, source_arn=TABLE_STREAM_ARN),),
    )


def _many_idle_shards(dice: Random) -> Blueprint:
    """So many lanes that some are always busy, and each is hardly ever; one key has a burst."""
    line = Pipeline(
        shards=dice.randint(60, 100), seconds_per_record=dice.uniform(0.3, 0.5), batch_size=10
    )
    rate = constant(line.capacity_per_second * dice.uniform(0.006, 0.01))
    burst = ProducerSpec(
        stream=STREAM,
        burst_records=int(dice.uniform(220, 280) / line.seconds_per_record),
        at_seconds=onset(dice),
        keys=ONE_KEY,
    )
    return line.blueprint(rate, producers=(feed(rate), burst))


def _early_or_late_metrics(dice: Random) -> Blueprint:
    """Nobody promises when a datapoint can be seen: it is read off the newest one."""
    line = a_line(dice)
    before, after = outgrown(dice, line)
    knobs = Knobs(cloudwatch_delay_seconds=dice.uniform(20, 300))
    return line.blueprint(grows(before, after, onset(dice)), knobs=knobs)


LOSING_SECONDS = 5400


def _losing(plain: Blueprint, dice: Random, *names: str) -> Blueprint:
    """Some minutes of these metrics never come, though others of the same minutes do."""
    lost = [
        (name, minute)
        for minute in range(0, LOSING_SECONDS, 60)
        for name in names
        if dice.random() < 0.4
    ]

    def lose(world: World) -> None:
        for name, minute in lost:
            world.metrics.lose(name, minute, minute + 60)

    losing = Happening(0.0, "minutes of metrics are lost", lose)
    return replace(plain, happenings=(losing, *plain.happenings))


def _lost_errors(dice: Random) -> Blueprint:
    return _losing(failure_by_deploy(dice), dice, "Errors")


def _lost_throttles(dice: Random) -> Blueprint:
    return _losing(by_reservation(dice), dice, "Throttles")


SCENARIOS = (
    Scenario(
        name="idle_stream_age_spike",
        title="The age of an old record on an idle stream",
        lesson="An age that jumps by more than the time that passed is no clog: nothing waits. No "
        "lane and no paid retention is needed for a reading that cannot be.",
        causes=(Cause.RECOVERING,),
        levers=frozenset({"hands_off"}),
        draw=_age_spike,
        healthy=True,
        may_ask=True,
    ),
    Scenario(
        name="table_stream_spikes",
        title="Short spikes of a table's stream",
        lesson="Each spike is over within minutes, and the lanes are idle nearly always: more of "
        "them would stand idle, too, and their restart costs more than a spike.",
        causes=(Cause.RECOVERING,),
        levers=frozenset({"hands_off"}),
        draw=_table_spikes,
    ),
    Scenario(
        name="many_idle_shards",
        title="A hundred shards, each of them idle",
        lesson="Of a hundred lanes one or two are busy at any time, and yet there is no lack of "
        "lanes: what is busy is a share of them. One key's burst drains by itself.",
        causes=(Cause.RECOVERING, Cause.HOT_PARTITION_KEY),
        levers=frozenset({"hands_off"}),
        draw=_many_idle_shards,
    ),
    Scenario(
        name="early_or_late_metrics",
        title="Metrics that come early, or very late",
        lesson="CloudWatch promises no time: datapoints came after 20 seconds and after five "
        "minutes. The newest one tells how late they are; what is not there yet is not zero.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"raise_parallelization_factor"}),
        draw=_early_or_late_metrics,
        horizon_seconds=3900,
    ),
    Scenario(
        name="lost_minutes_of_errors",
        title="A broken deploy, and minutes of errors that are missing",
        lesson="A minute without a count of errors is no minute without errors: the function fails "
        "all the time. The records are good, and nothing may be discarded.",
        causes=(Cause.FUNCTION_FAILURE,),
        levers=frozenset({"hands_off"}),
        draw=_lost_errors,
        may_ask=True,
    ),
    Scenario(
        name="lost_minutes_of_throttles",
        title="A small reservation, and minutes of throttles that are missing",
        lesson="A minute without a count of throttles is no minute without throttles. Those that "
        "are there say enough: the reservation is too small.",
        causes=(Cause.THROTTLING,),
        levers=frozenset({"raise_reserved_concurrency"}),
        draw=_lost_throttles,
    ),
)
