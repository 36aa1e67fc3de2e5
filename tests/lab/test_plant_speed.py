"""The plant is fast enough to rehearse hours in seconds, and its cost grows with the records.

Cost is counted in function calls, which are the same on every machine, however busy it is; the
seconds are printed by ``make benchmark``.
"""

import sys
from functools import cache
from types import FrameType

from lab.benchmark import RECORDS_PER_SECOND, hour

MINUTES = 10


@cache
def calls_a_second(records_per_second: float) -> float:
    """Python function calls for one simulated second."""
    world, counted = hour(records_per_second), 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event == "call"

    sys.setprofile(count)
    try:
        world.run_until(60.0 * MINUTES)
    finally:
        sys.setprofile(None)
    return counted / (60 * MINUTES)


def test_a_second_of_a_hundred_records_takes_some_hundred_calls() -> None:
    assert calls_a_second(RECORDS_PER_SECOND) < 1000


def test_twice_the_records_cost_no_more_than_twice_as_much() -> None:
    once = calls_a_second(RECORDS_PER_SECOND)
    assert calls_a_second(2 * RECORDS_PER_SECOND) < 2 * once
