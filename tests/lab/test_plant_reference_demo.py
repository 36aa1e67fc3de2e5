"""The reference demo: 1000 records at once, one shard, one second per invocation, BatchSize 1."""

from dataclasses import replace
from datetime import datetime
from math import ceil
from typing import Any

import pytest

from lab.plant import AlarmSpec, Keys, Knobs, MappingSettings
from tests.lab.plant_worlds import CALM, Rig, burst, rig

ONE_BY_ONE = MappingSettings(batch_size=1)
AGE_ALARM = AlarmSpec(
    name="age",
    namespace="AWS/Lambda",
    metric="IteratorAge",
    dimensions={"FunctionName": "consumer"},
    stat="Maximum",
    threshold=30_000,
)


def demo(settings: MappingSettings = ONE_BY_ONE, knobs: Knobs = CALM, **producer: Any) -> Rig:
    return rig(settings=settings, producer=burst(1000, **producer), knobs=knobs)


def test_untouched_it_takes_a_thousand_seconds() -> None:
    assert demo().seconds_until_drained() == pytest.approx(1000, rel=0.02)


def test_the_age_peaks_near_a_thousand_seconds() -> None:
    clogged = demo()
    clogged.seconds_until_drained()
    world = clogged.world
    world.run_until(world.env.now + 600)
    points = world.metrics.query(
        "AWS/Lambda",
        "IteratorAge",
        {"FunctionName": "consumer"},
        "Maximum",
        60,
        world.start,
        world.now(),
    )
    assert max(value for _, value in points) == pytest.approx(1_000_000, rel=0.02)


@pytest.mark.parametrize("delay_seconds", [0.0, 120.0], ids=["metrics at once", "metrics late"])
def test_factor_ten_set_at_the_alarm_drains_about_200_seconds_later(delay_seconds: float) -> None:
    """Knobs: update gap 90 s (the default) and the metric delay, which only moves the alarm."""
    clogged = demo(knobs=replace(CALM, cloudwatch_delay_seconds=delay_seconds))
    world = clogged.world
    alarms: list[datetime] = []

    def raise_factor(_spec: AlarmSpec, _old: str, new: str, _why: object, at: datetime) -> None:
        if new == "ALARM":
            alarms.append(at)
            clogged.update(ParallelizationFactor=10)

    world.alarms.on_transition(raise_factor)
    world.alarms.put(AGE_ALARM)
    drained = clogged.seconds_until_drained()
    (alarm_at,) = alarms
    assert (alarm_at - world.start).total_seconds() == 60 + delay_seconds
    assert drained == pytest.approx(200 + 60 + delay_seconds, abs=25)


def test_batch_size_100_drains_the_same_backlog_in_ten_seconds() -> None:
    hundred = demo(MappingSettings(batch_size=100))
    assert hundred.seconds_until_drained(step=0.1) == pytest.approx(10, abs=1.1)


def test_a_split_leaves_the_drain_time_of_the_backlog_unchanged() -> None:
    split = demo()
    split.world.run_until(60)
    split.world.split_shard(split.stream.arn, "shardId-000000000000", str(2**127))
    assert split.seconds_until_drained() == pytest.approx(demo().seconds_until_drained(), abs=1)


@pytest.mark.parametrize(
    ("keys", "speedup"),
    [
        pytest.param(Keys(kind="sequential", population=1000), 9, id="distinct keys"),
        pytest.param(Keys(kind="hot", hot_share=1.0), 1, id="one hot key"),
        pytest.param(
            Keys(kind="aggregated", population=64, records_per_aggregate=10), 1, id="KPL aggregate"
        ),
    ],
)
def test_the_factor_helps_as_far_as_there_are_keys(keys: Keys, speedup: float) -> None:
    ten = replace(ONE_BY_ONE, parallelization_factor=10)
    drained = demo(ten, keys=keys).seconds_until_drained()
    assert drained == pytest.approx(1000 / speedup, rel=0.1)


def test_two_keys_fill_two_lanes_at_most() -> None:
    ten = replace(ONE_BY_ONE, parallelization_factor=10)
    drained = demo(ten, keys=Keys(kind="sequential", population=2)).seconds_until_drained()
    assert drained >= ceil(1000 / 2)
