"""quota: shown, asked for once, never waited for."""

import json
from typing import Any

import pytest

from tests.cli.clerk import Pipeline


def with_quota(world: Pipeline, *open_requests: tuple[str, float]) -> list[Any]:
    """An account of 1,000; returns what is asked of AWS from now on."""
    asked: list[Any] = []
    world.aws.answer("service-quotas:GetServiceQuota", {"Quota": {"Value": 1000.0}})
    world.aws.answer(
        "service-quotas:ListRequestedServiceQuotaChangeHistoryByQuota",
        {"RequestedQuotas": [{"Status": s, "DesiredValue": v} for s, v in open_requests]},
    )

    def take(params: Any) -> dict[str, Any]:
        asked.append(params["DesiredValue"])
        return {"RequestedQuota": {}}

    world.aws.fakes["service-quotas:RequestServiceQuotaIncrease"] = take
    world.aws.metric("AWS/Lambda", "ClaimedAccountConcurrency", {}, 400.0, 870.0, 20.0)
    return asked


def test_it_shows_the_quota_the_peak_and_an_open_request(healthy: Pipeline) -> None:
    with_quota(healthy, ("CASE_CLOSED", 5000.0), ("PENDING", 2000.0))
    answer = healthy.run("quota", "--format", "json")
    assert json.loads(answer.stdout) == {"value": 1000, "peak": 870, "asked": 2000}


def test_more_is_asked_for_once(healthy: Pipeline) -> None:
    asked = with_quota(healthy)
    answer = healthy.run("quota", "--request", 2000, "--yes")
    assert (answer.exit_code, asked) == (0, [2000.0])
    assert "hours to days" in answer.stdout


@pytest.mark.parametrize("status", ["PENDING", "CASE_OPENED"])
def test_what_was_asked_for_already_is_not_asked_again(healthy: Pipeline, status: str) -> None:
    asked = with_quota(healthy, (status, 2000.0))
    assert healthy.run("quota", "--request", 1500, "--yes").exit_code == 0
    assert asked == []


@pytest.mark.parametrize(
    "words", [("--request", "900", "--yes"), ("--request", "2000")], ids=["too few", "nobody asked"]
)
def test_a_request_that_makes_no_sense_or_that_nobody_confirms_is_not_made(
    healthy: Pipeline, words: tuple[str, ...]
) -> None:
    asked = with_quota(healthy)
    assert healthy.run("quota", *words).exit_code == 2
    assert asked == []
