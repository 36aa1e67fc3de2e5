"""One AWS for each test; see ``clerk``."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from tests.aws.aws_world import NOW, World
from tests.cli.clerk import Pipeline, pipeline
from tests.evidence import aged, climbing, since

SLOW = {
    "batch_size": 1,
    **aged(climbing(1.0, 10)),
    "invocations": since(10, 60, 6),
    "duration_ms": 1000,
    "duration_max_ms": 1000,
    "incoming_records": [6.0] * 20 + [1000.0] + [6.0] * 9,
    "read_records": since(10, 60, 6),
}


@pytest.fixture
def slow() -> Iterator[Pipeline]:
    """The reference demo's pipeline, ten minutes after a thousand records came."""
    with mock_aws():
        yield from _at_work(**SLOW)


@pytest.fixture
def healthy() -> Iterator[Pipeline]:
    """A pipeline that keeps up."""
    with mock_aws():
        yield from _at_work()


def _at_work(**readings: Any) -> Iterator[Pipeline]:
    """Made a month ago, so that nobody's hand is fresh on it; looked at now."""
    with time_machine.travel(NOW - timedelta(days=30), tick=False):
        made = pipeline(World(), **readings)
    with time_machine.travel(NOW, tick=False):
        yield made
