"""Lambda's control plane is called at a pace: one incident goes at once, a storm queues."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from lab.own_aws import make_journal_table
from remediator.aws.pace import ALONE, AT_ONCE, BLIND, SHARED, Pace, Reserve, SharedSlots
from remediator.aws.table import DynamoTable
from remediator.errors import TemporaryError
from tests.aws.aws_world import NOW, World

SECOND = timedelta(seconds=1)


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


class Row:
    """The shared slots, without a table."""

    def __init__(self) -> None:
        self.free_at = NOW
        self.asked = 0

    def reserve(self, now: datetime, count: int) -> datetime:
        self.asked += 1
        first = max(now, self.free_at)
        self.free_at = first + count * SHARED
        return first


def turns(time: Time, pace: Pace, count: int) -> Iterator[datetime]:
    for _ in range(count):
        pace.take()
        yield time.now


def apart(times: Iterable[datetime]) -> list[timedelta]:
    return [later - earlier for earlier, later in pairwise(times)]


def within_a_second(times: Iterable[datetime]) -> int:
    """The most in any one second."""
    known = sorted(times)
    return max(sum(first <= at < first + SECOND for at in known) for first in known)


# --- one process ---------------------------------------------------------------------------------


def test_a_single_incidents_first_look_takes_half_a_second_and_not_two(time: Time) -> None:
    at = list(turns(time, Pace(time.clock, time.sleep, Row().reserve), 5))
    assert at[0] == NOW
    assert at[-1] - NOW < timedelta(seconds=0.5)


def test_slots_are_taken_for_a_whole_look_by_one_write(time: Time) -> None:
    row = Row()
    list(turns(time, Pace(time.clock, time.sleep, row.reserve), 2 * AT_ONCE))
    assert row.asked == 2


def test_slots_that_were_not_used_in_time_do_not_pile_up(time: Time) -> None:
    pace = Pace(time.clock, time.sleep, Row().reserve)
    pace.take()
    time.now += timedelta(seconds=30)
    at = list(turns(time, pace, 40))
    assert within_a_second(at) <= 10


def test_by_hand_a_third_of_the_quota_is_taken(time: Time) -> None:
    at = list(turns(time, Pace(time.clock, time.sleep), 5))
    assert apart(at) == [ALONE] * 4


def test_who_has_paused_long_enough_does_not_wait(time: Time) -> None:
    pace = Pace(time.clock, time.sleep)
    pace.take()
    time.now += timedelta(seconds=3)
    pace.take()
    assert time.slept == []


@pytest.mark.parametrize("shared", [True, False])
def test_a_clock_put_back_costs_no_wait(time: Time, shared: bool) -> None:
    pace = Pace(time.clock, time.sleep, Row().reserve if shared else None)
    pace.take()
    time.now -= timedelta(hours=1)
    pace.take()
    assert sum(time.slept) <= BLIND.total_seconds()


def test_threads_share_one_pace(time: Time) -> None:
    pace = Pace(time.clock, time.sleep)
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda _: pace.take(), range(9)))
    assert sum(time.slept) == pytest.approx(8 * ALONE.total_seconds())


# --- all processes -------------------------------------------------------------------------------


def test_five_processes_together_leave_a_third_to_others() -> None:
    row = Row()
    at: list[datetime] = []
    times = [Time() for _ in range(5)]
    paces = [Pace(time.clock, time.sleep, row.reserve) for time in times]
    for _ in range(60):
        time = min(times, key=lambda one: one.now)
        paces[times.index(time)].take()
        at.append(time.now)
    assert within_a_second(at) <= 10


def broken(_now: datetime, _count: int) -> datetime:
    raise TemporaryError("the table does not answer")


def far_off(now: datetime, _count: int) -> datetime:
    return now + timedelta(hours=1)


@pytest.mark.parametrize("reserve", [broken, far_off])
def test_slots_that_cannot_be_shared_are_half_a_second_apart(time: Time, reserve: Reserve) -> None:
    at = list(turns(time, Pace(time.clock, time.sleep, reserve), 4))
    assert apart(at) == [BLIND] * 3


def test_a_table_that_failed_is_asked_again_only_in_the_next_invocation(time: Time) -> None:
    asked: list[int] = []

    def reserve(now: datetime, count: int) -> datetime:
        asked.append(count)
        return broken(now, count)

    pace = Pace(time.clock, time.sleep, reserve)
    list(turns(time, pace, 3))
    assert len(asked) == 1
    pace.go_on(time.clock, time.sleep, reserve)
    pace.take()
    assert len(asked) == 2


@pytest.fixture
def slots(aws: World) -> SharedSlots:
    client = aws.session.client("dynamodb")
    make_journal_table(client, "journal")
    return SharedSlots(DynamoTable(client, "journal"))


def test_slots_in_the_table_are_free_at_once_or_behind_those_taken(slots: SharedSlots) -> None:
    near = timedelta(microseconds=100)
    assert slots.reserve(NOW, 5) == NOW
    assert abs(slots.reserve(NOW, 5) - (NOW + 5 * SHARED)) < near
    assert abs(slots.reserve(NOW + SHARED, 2) - (NOW + 10 * SHARED)) < near
    later = NOW + timedelta(minutes=1)
    assert slots.reserve(later, 5) == later


# --- the clients ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "slept"),
    [
        pytest.param(("get_event_source_mapping",) * 3, [0.2, 0.2], id="the control plane"),
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
