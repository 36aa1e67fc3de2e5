"""What can go wrong with a call: the SDK retries what it would retry, at simulated time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from lab.bridge import (
    Call,
    Conditions,
    Crashed,
    Fault,
    FaultPlan,
    Rehearsal,
    Report,
    at_call,
    at_operation,
    crashed,
    denied,
    throttled,
    timed_out,
)
from lab.plant import World
from tests.lab.bridge_worlds import FUNCTION, client, rehearsal, world

RESERVE = "lambda:PutFunctionConcurrency"


def run(
    made: World, work: Callable[[], Any], faults: FaultPlan | None = None, **conditions: Any
) -> tuple[Report, Rehearsal]:
    rehearsed = rehearsal(made, lambda *_: work(), Conditions(faults=faults, **conditions))
    return rehearsed.invoke({}), rehearsed


def reserve() -> int:
    """The one write of these tests; the reservation that is then in effect."""
    made = client("lambda").put_function_concurrency(
        FunctionName=FUNCTION, ReservedConcurrentExecutions=9
    )
    return int(made["ReservedConcurrentExecutions"])


def lost(call: Call) -> Fault:
    """It took effect, and its answer never came."""
    return timed_out(call, applied=True)


def crashed_after(call: Call) -> Fault:
    return crashed(call, applied=True)


def test_throttling_is_retried_by_the_sdk_at_simulated_time() -> None:
    report, rehearsed = run(world(), reserve, at_operation(RESERVE, throttled, times=2))
    assert report.result == 9
    assert [(call.attempt, call.error) for call in rehearsed.calls] == [
        (1, "TooManyRequestsException"),
        (2, "TooManyRequestsException"),
        (3, None),
    ]
    latencies = len(rehearsed.calls) * rehearsed.conditions.latency_seconds
    assert (report.finished - report.started).total_seconds() > latencies


def test_throttling_that_does_not_end_surfaces_as_awss_error() -> None:
    report, _ = run(world(), reserve, at_operation(RESERVE, throttled, times=99))
    assert isinstance(report.error, ClientError)
    assert report.error.response["Error"]["Code"] == "TooManyRequestsException"


def test_the_account_quota_throttles_a_burst_and_the_sdk_rides_it_out() -> None:
    def burst() -> int:
        lambda_ = client("lambda")
        return sum("AccountLimit" in lambda_.get_account_settings() for _ in range(20))

    report, rehearsed = run(world(), burst, latency_seconds=0.0)
    assert report.result == 20
    assert {call.error for call in rehearsed.calls} == {None, "TooManyRequestsException"}


@pytest.mark.parametrize(
    ("fault", "reservation"),
    [
        pytest.param(timed_out, None, id="no connection: nothing happened"),
        pytest.param(lost, 9, id="no answer: it did happen"),
        pytest.param(denied, None, id="denied: nothing happened"),
        pytest.param(crashed, None, id="died before: nothing happened"),
        pytest.param(crashed_after, 9, id="died after: it did happen"),
    ],
)
def test_what_a_failed_write_leaves_behind(
    fault: Callable[[Call], Fault], reservation: int | None
) -> None:
    made = world()
    report, _ = run(made, reserve, at_operation(RESERVE, fault, times=99))
    assert report.error is not None
    assert made.functions[FUNCTION].reserved_concurrency == reservation


def test_time_outs_take_their_time_and_name_what_timed_out() -> None:
    plan = at_operation(RESERVE, lost, times=99)
    report, _ = run(world(), reserve, plan)
    assert isinstance(report.error, ReadTimeoutError)
    assert (report.finished - report.started).total_seconds() >= 15


@pytest.mark.parametrize(
    ("service", "work"),
    [
        pytest.param("lambda", reserve, id="rest-json"),
        pytest.param("kinesis", lambda: client("kinesis").describe_limits(), id="json"),
        pytest.param("cloudwatch", lambda: client("cloudwatch").describe_alarms(), id="metrics"),
        pytest.param(
            "dynamodb",
            lambda: client("dynamodb").describe_table(TableName="remediator-Journal"),
            id="one of moto's services",
        ),
        pytest.param("sns", lambda: client("sns").list_topics(), id="query"),
    ],
)
def test_a_denial_is_a_client_error_in_every_protocol(
    service: str, work: Callable[[], Any]
) -> None:
    report, rehearsed = run(world(), work, at_call(1, denied))
    assert rehearsed.calls[0].service == service
    assert isinstance(report.error, ClientError)
    assert report.error.response["Error"]["Code"].startswith("AccessDenied")


def test_no_except_clause_of_the_function_survives_a_crash() -> None:
    def stubborn() -> str:
        try:
            reserve()
        except Exception:  # noqa: BLE001
            return "survived"
        return "nothing happened"

    report, _ = run(world(), stubborn, at_call(1, crashed))
    assert isinstance(report.error, Crashed)


def test_calls_are_counted_by_what_they_do() -> None:
    def work() -> None:
        client("lambda").get_function(FunctionName=FUNCTION)
        client("kinesis").describe_stream_summary(StreamName="orders")
        reserve()

    _, rehearsed = run(world(), work)
    assert [(call.number, call.name, call.is_read) for call in rehearsed.calls] == [
        (1, "lambda:GetFunction", True),
        (2, "kinesis:DescribeStreamSummary", True),
        (3, RESERVE, False),
    ]
    assert rehearsed.calls[2].params == {
        "FunctionName": FUNCTION,
        "ReservedConcurrentExecutions": 9,
    }


def test_calls_side_by_side_in_threads_cost_no_time() -> None:
    def work() -> list[Any]:
        lambda_ = client("lambda")
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda _: lambda_.get_function(FunctionName=FUNCTION), range(12)))

    report, rehearsed = run(world(), work)
    assert len(report.result) == len(rehearsed.calls) == 12
    assert report.started == report.finished
