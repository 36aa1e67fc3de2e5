"""AWS's request quotas, in simulated time."""

from datetime import UTC, datetime, timedelta

import pytest

from lab.bridge.quotas import Buckets
from lab.plant import AwsError

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def accepted(buckets: Buckets, operations: list[str], now: datetime = NOW) -> int:
    """How many of the calls are let through."""
    passed = 0
    for name in operations:
        service, operation = name.split(":")
        try:
            buckets.take(service, operation, {"StreamName": "orders"}, now)
        except AwsError:
            continue
        passed += 1
    return passed


@pytest.mark.parametrize(
    ("operations", "let_through"),
    [
        pytest.param(["lambda:GetAccountSettings"] * 20, 15, id="15 of Lambda's control plane"),
        pytest.param(
            ["lambda:GetAccountSettings", "lambda:UpdateEventSourceMapping"] * 10,
            15,
            id="15 across all of Lambda's calls together",
        ),
        pytest.param(["lambda:GetFunction"] * 120, 100, id="100 of GetFunction, apart from those"),
        pytest.param(["kinesis:SplitShard"] * 9, 5, id="5 of SplitShard"),
        pytest.param(["cloudwatch:DescribeAlarms"] * 12, 9, id="9 of DescribeAlarms"),
        pytest.param(["sns:Publish"] * 500, 500, id="any number of what has no quota here"),
    ],
)
def test_one_second_lets_through(operations: list[str], let_through: int) -> None:
    assert accepted(Buckets(), operations) == let_through


def test_the_bucket_fills_again_with_time() -> None:
    buckets, calls = Buckets(), ["lambda:GetAccountSettings"] * 20
    accepted(buckets, calls)
    assert accepted(buckets, calls, NOW + timedelta(milliseconds=200)) == 3
    assert accepted(buckets, calls, NOW + timedelta(hours=1)) == 15


def test_what_ci_takes_of_lambdas_control_plane_is_gone() -> None:
    assert accepted(Buckets(10.0), ["lambda:ListEventSourceMappings"] * 20) == 5


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [
        ("lambda:GetAccountSettings", "TooManyRequestsException", 429),
        ("kinesis:DescribeLimits", "LimitExceededException", 400),
        ("cloudwatch:DescribeAlarms", "ThrottlingException", 400),
    ],
)
def test_each_service_has_its_own_word_for_it(name: str, code: str, status: int) -> None:
    buckets = Buckets()
    accepted(buckets, [name] * 20)
    service, operation = name.split(":")
    with pytest.raises(AwsError) as refusal:
        buckets.take(service, operation, {"StreamName": "orders"}, NOW)
    assert (refusal.value.code, refusal.value.http_status) == (code, status)
