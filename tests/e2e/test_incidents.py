"""Whole incidents on an AWS that nobody here wrote: alarm → topic → function → mapping → back."""

from pathlib import Path
from typing import Any

import pytest

from lab.plant import (
    Behaviour,
    FunctionSpec,
    Keys,
    MappingSettings,
    ProducerSpec,
    RateOfTime,
)
from lab.plant.rates import steps
from tests.e2e.day import CONSUMER, STREAM, Day
from tests.e2e.ministack import MiniStack
from tests.e2e.operator import Operator
from tests.e2e.stack import files_of

FACTOR = "ParallelizationFactor"
MANY_KEYS = Keys(kind="uniform", population=4000)
WAVE = steps([(0.0, 1.0), (1200.0, 6.0), (2400.0, 1.0)])
"""Records a second, where one lane can do two."""


def day_of(aws: MiniStack, rate: RateOfTime, shards: int = 1, **producer: Any) -> Day:
    return Day(
        aws,
        FunctionSpec(
            name=CONSUMER, behaviour=Behaviour(io_seconds_per_record=0.5, jitter_share=0.1)
        ),
        ProducerSpec(stream=STREAM, rate=rate, keys=MANY_KEYS, spacing="poisson", **producer),
        shards,
        MappingSettings(batch_size=10),
    )


@pytest.fixture
def operator(aws: MiniStack, artifact: Path) -> Operator:
    """Whoever has deployed it for acting; a restart of the mapping is no alarm yet."""
    return Operator(aws, files_of(artifact), CONSUMER, IteratorAgeThresholdSeconds="300")


def test_a_slow_consumer_is_widened_watched_and_put_back(operator: Operator) -> None:
    day = day_of(operator.aws, WAVE)

    day.pass_until(lambda: day.alarm() == "ALARM", 30)
    assert day.setting(FACTOR) > 1
    day.pass_until(lambda: day.alarm() == "OK", 10)
    day.pass_until(lambda: day.setting(FACTOR) == 1, 30)

    (incident,) = operator.asked("history", "--function", CONSUMER)
    assert (incident["cause"], incident["stage"]) == ("slow_consumer", "closed")
    assert [change["state"] for change in incident["changes"]] == ["undone"]
    assert len(told := operator.messages()) == 3, "acted, recovered, put back"
    assert all(incident["incident_id"] in text for _, text in told)
    assert day.failures() == []
