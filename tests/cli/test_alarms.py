"""One alarm a function, from its history: shown first, made once, removed again."""

import json
from typing import Any

from tests.aws.aws_world import ACCOUNT, REGION
from tests.cli.clerk import Pipeline

NAME = "remediator-age-consumer"


def alarms_of(world: Pipeline) -> list[dict[str, Any]]:
    found = world.aws.session.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return [dict(each) for each in found]


def _put_alarm(world: Pipeline, name: str, *, threshold_ms: float) -> None:
    world.aws.session.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/Lambda",
        MetricName="IteratorAge",
        Period=60,
        EvaluationPeriods=1,
        Statistic="Maximum",
        ComparisonOperator="GreaterThanThreshold",
        Threshold=threshold_ms,
    )


def test_a_dry_run_shows_what_it_would_make_and_makes_nothing(healthy: Pipeline) -> None:
    answer = healthy.run("alarms")
    assert answer.exit_code == 3
    assert "create" in answer.stdout
    assert "consumer" in answer.stdout
    assert healthy.writes() == []


def test_made_it_calls_the_deployed_remediator_and_a_second_time_changes_nothing(
    healthy: Pipeline,
) -> None:
    assert healthy.act("alarms", "--create").exit_code == 0
    [alarm] = alarms_of(healthy)
    assert alarm["AlarmName"] == NAME
    assert alarm["AlarmActions"] == [f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:remediator"]
    assert alarm["Threshold"] == 60_000
    healthy.aws.calls.clear()
    assert healthy.act("alarms", "--create").exit_code == 0
    assert healthy.writes() == []
    assert healthy.run("alarms").exit_code == 0


def test_what_a_person_has_set_stays_is_told_and_is_ours_again_by_force(healthy: Pipeline) -> None:
    healthy.act("alarms", "--create")
    [alarm] = alarms_of(healthy)
    taken_over = ("AlarmName", "AlarmDescription", "Namespace", "MetricName", "Dimensions")
    kept = ("Period", "EvaluationPeriods", "Statistic", "ComparisonOperator", "AlarmActions")
    by_hand = {key: alarm[key] for key in (*taken_over, *kept)} | {"Threshold": 300_000}
    healthy.aws.session.client("cloudwatch").put_metric_alarm(**by_hand)

    answer = healthy.act("alarms", "--create")
    assert "a person has set it; with --force it would be 60 s" in " ".join(answer.stdout.split())
    assert [one["Threshold"] for one in alarms_of(healthy)] == [300_000]
    assert healthy.run("alarms").exit_code == 0
    assert healthy.act("alarms", "--create", "--force").exit_code == 0
    assert [one["Threshold"] for one in alarms_of(healthy)] == [60_000]


def test_an_alarm_of_ours_follows_what_is_usual_also_from_before_that_was_written_down(
    healthy: Pipeline,
) -> None:
    healthy.act("alarms", "--create")
    _put_alarm(healthy, NAME, threshold_ms=1000)
    assert healthy.act("alarms", "--create").exit_code == 0
    assert [one["Threshold"] for one in alarms_of(healthy)] == [60_000]


def test_somebody_elses_alarm_is_left_alone_and_ours_goes_when_asked(healthy: Pipeline) -> None:
    theirs = "orders-age"
    _put_alarm(healthy, theirs, threshold_ms=1)
    healthy.act("alarms", "--create")
    answer = healthy.run("alarms", "--remove", "--format", "json")
    assert [each["verb"] for each in json.loads(answer.stdout)["alarms"]] == ["remove"]
    assert [alarm["AlarmName"] for alarm in alarms_of(healthy)] == [theirs]


def test_an_alarm_that_would_call_nobody_is_not_made(healthy: Pipeline) -> None:
    answer = healthy.run("alarms", "--create")
    assert answer.exit_code == 1
    assert "--remediator-function" in answer.stderr
    assert alarms_of(healthy) == []
