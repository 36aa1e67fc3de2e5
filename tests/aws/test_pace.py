"""Lambda's control plane is called at a steady pace, whoever of the process calls it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from remediator.aws.pace import Pace
from tests.aws.aws_world import NOW, World

APART = timedelta(seconds=0.5)


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def clock(self) -> datetime:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def turns(time: Time, pace: Pace, count: int) -> Iterator[datetime]:
    for _ in range(count):
        pace.take()
        yield time.now


def test_the_first_call_does_not_wait_and_the_next_ones_are_apart(time: Time) -> None:
    at = list(turns(time, Pace(time.clock, time.sleep, per_second=2), 5))
    assert at[0] == NOW
    assert [later - earlier for earlier, later in pairwise(at)] == [APART] * 4


def test_who_has_paused_long_enough_does_not_wait(time: Time) -> None:
    pace = Pace(time.clock, time.sleep, per_second=2)
    pace.take()
    time.now += timedelta(seconds=3)
    pace.take()
    assert time.slept == []


def test_a_clock_put_back_costs_no_wait(time: Time) -> None:
    pace = Pace(time.clock, time.sleep, per_second=2)
    pace.take()
    time.now -= timedelta(hours=1)
    pace.take()
    assert time.slept == []


def test_threads_share_one_pace(time: Time) -> None:
    pace = Pace(time.clock, time.sleep, per_second=2)
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda _: pace.take(), range(9)))
    assert sum(time.slept) == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("calls", "slept"),
    [
        pytest.param(("get_event_source_mapping",) * 3, [0.5, 0.5], id="the control plane"),
        pytest.param(("get_function",) * 3, [], id="a quota of its own"),
    ],
)
def test_the_clients_keep_to_it(
    aws: World, time: Time, calls: tuple[str, ...], slept: list[float]
) -> None:
    aws.function()
    uuid = aws.mapping(aws.stream())
    aws.clients.keep_pace(time.clock, time.sleep)
    asked = {"get_function": {"FunctionName": "consumer"}}
    for call in calls:
        getattr(aws.clients.lambda_, call)(**asked.get(call, {"UUID": uuid}))
    assert time.slept == pytest.approx(slept)


def test_another_service_does_not_wait(aws: World, time: Time) -> None:
    stream = aws.stream()
    aws.clients.keep_pace(time.clock, time.sleep)
    for _ in range(3):
        aws.clients.kinesis.describe_stream_summary(StreamARN=stream)
    assert time.slept == []
