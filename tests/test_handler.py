"""The Lambda entry: what it logs of an event that it refuses is bounded."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from remediator.errors import InputError
from remediator.handler import logger, serve
from remediator.wiring import Runtime

NOW = datetime(2026, 11, 23, 10, 15, 31, tzinfo=UTC)
LONG = "x" * 300_000


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged, as Lambda would write it."""
    written = io.StringIO()
    here = logging.StreamHandler(written)
    here.setFormatter(logger.registered_formatter)
    inner = logger._logger
    inner.addHandler(here)
    yield written
    inner.removeHandler(here)


def alarm(**configuration: Any) -> dict[str, Any]:
    return {
        "source": "aws.cloudwatch",
        "alarmData": {
            "alarmName": LONG,
            "state": {"value": "ALARM", "timestamp": "2026-11-23T10:15:30.123+0000"},
            "configuration": configuration,
        },
    }


def on(name: str) -> dict[str, Any]:
    dimensions = {"FunctionName": name}
    return {"metricStat": {"metric": {"namespace": "AWS/Lambda", "dimensions": dimensions}}}


@pytest.mark.parametrize(
    "event",
    [
        {LONG: 1},
        {f"k{n}": n for n in range(30_000)},
        {"freeze": "all", LONG: 1},
        {"function": LONG},
        {"mode": LONG, "function": "orders"},
        {"Records": [LONG]},
        {"Records": [{"Sns": {"Message": LONG}}]},
        {"detail": {}, "detail-type": LONG},
        alarm(metrics=[on(f"f{n}") for n in range(3000)]),
        alarm(metrics=[{"metricStat": {"metric": {"dimensions": {LONG: LONG}}}}]),
        alarm(alarmRule=LONG),
    ],
    ids=range(11),
)
def test_what_is_logged_of_a_refused_event_is_short_however_long_the_event(
    log: io.StringIO, event: Any
) -> None:
    runtime = Runtime({"REMEDIATOR_JOURNAL_TABLE": "journal"}, lambda: NOW, lambda _: None)
    with pytest.raises(InputError) as refused:
        serve(event, None, runtime)
    assert len(str(refused.value)) < 3000
    (line,) = log.getvalue().splitlines()
    assert json.loads(line)["message"] == "the event was not answered"
    assert len(line) < 12_000


DEPLOYED = {
    "REMEDIATOR_JOURNAL_TABLE": "journal",
    "REMEDIATOR_FOLLOW_UP_ROLE_ARN": "arn:aws:iam::111122223333:role/follow-up",
    "REMEDIATOR_POLICY_FILE": "policies/not-there.yml",
}


@mock_aws
def test_a_look_that_finds_no_policy_to_look_by_is_asked_for_again_once_and_later_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is in effect must not be left alone because a file is broken."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    boto3.setup_default_session(region_name="eu-west-1")
    runtime = Runtime(DEPLOYED, lambda: NOW, lambda _: None)
    arn = "arn:aws:lambda:eu-west-1:111122223333:function:remediator"
    context = SimpleNamespace(
        aws_request_id="r", invoked_function_arn=arn, function_name="remediator"
    )
    incident = "inc-0123456789abcdef0123"
    for tries in (0, 0, 1):
        with pytest.raises(InputError, match="not-there"):
            serve({"follow_up": incident, "number": 3, "tries": tries}, context, runtime)
    scheduler = boto3.client("scheduler")
    names = {each["Name"] for each in scheduler.list_schedules()["Schedules"]}
    assert names == {f"remediator-{incident}-rules-1", f"remediator-{incident}-rules-2"}
    later = [scheduler.get_schedule(Name=name)["ScheduleExpression"] for name in sorted(names)]
    assert later == sorted(later)
    assert len(set(later)) == 2
