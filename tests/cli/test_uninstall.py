"""uninstall: first it shows, then it puts back, and only then it says how the stack is deleted."""

import re
import shlex
from datetime import timedelta

import pytest

from tests.aws.aws_world import ACCOUNT, REGION
from tests.cli.clerk import JOURNAL, Pipeline

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:remediator"


@pytest.fixture
def acted(slow: Pipeline) -> str:
    """The id of the incident in which the factor was raised."""
    answer = slow.act("apply", "--function", "consumer", "--yes")
    assert (answer.exit_code, slow.factor()) == (0, 8)
    found = re.search(r"inc-[0-9a-f]{20}", answer.stdout)
    assert found is not None
    slow.aws.calls.clear()
    return found[0]


def test_without_yes_it_shows_what_is_in_effect_and_changes_nothing(
    slow: Pipeline, acted: str
) -> None:
    answer = slow.act("uninstall")
    assert (answer.exit_code, slow.factor(), slow.writes()) == (3, 8, [])
    assert f"A rollback of incident {acted} (consumer) puts back" in answer.stdout
    assert "8 → 1" in answer.stdout
    assert "delete-stack" not in answer.stdout
    assert "say --yes" in answer.stderr


def test_with_yes_it_freezes_puts_back_and_says_how_the_stack_is_deleted(
    slow: Pipeline, acted: str
) -> None:
    tags = {"aws:cloudformation:stack-name": "orders-remediator"}
    slow.aws.session.client("lambda").tag_resource(Resource=ARN, Tags=tags)
    answer = slow.act("uninstall", "--yes")
    assert (answer.exit_code, slow.factor()) == (0, 1)
    assert "delete-stack --stack-name orders-remediator --region eu-west-1" in answer.stdout
    assert f"delete-table --table-name {JOURNAL}" in answer.stdout
    frozen = slow.act("frozen", "--function", "consumer").stdout
    assert "the remediator is being uninstalled" in frozen
    assert acted in answer.stdout


def test_what_was_put_back_stays_so_when_the_alarm_comes_again(slow: Pipeline, acted: str) -> None:
    slow.act("uninstall", "--yes")
    later = timedelta(seconds=30)
    assert slow.act("apply", "--function", "consumer", "--yes", later=later).exit_code == 4
    assert (acted != "", slow.factor()) == (True, 1)


def test_a_second_time_there_is_nothing_left_to_do(slow: Pipeline, acted: str) -> None:
    slow.act("uninstall", "--yes")
    again = slow.act("uninstall")
    assert again.exit_code == 0
    assert acted not in again.stdout
    assert "Nothing of ours is in effect" in again.stdout


def test_while_something_could_not_be_put_back_the_stack_is_not_to_be_deleted(
    slow: Pipeline, acted: str
) -> None:
    slow.aws.deny("lambda:UpdateEventSourceMapping")
    answer = slow.act("uninstall", "--yes")
    assert (answer.exit_code, slow.factor()) == (1, 8)
    assert "do not delete the stack yet" in answer.stdout
    assert "delete-stack" not in answer.stdout
    (offered,) = re.findall(r"\$ (remediator report .*)", answer.stdout)
    assert slow.run(*shlex.split(offered)[1:]).exit_code == 0
    assert acted in offered


def test_in_mode_plan_nothing_is_undone(slow: Pipeline, acted: str) -> None:
    answer = slow.act("uninstall", "--yes", environ={"REMEDIATOR_MODE": "plan"})
    assert (answer.exit_code, slow.factor(), acted != "") == (4, 8, True)
    assert "REMEDIATOR_MODE=apply" in answer.stderr


def test_what_another_deployment_watches_is_left_alone(slow: Pipeline, acted: str) -> None:
    others = {"REMEDIATOR_TARGET_FUNCTION": "payments-*"}
    answer = slow.act("uninstall", "--yes", environ=others)
    assert (answer.exit_code, slow.factor()) == (0, 8)
    assert acted not in answer.stdout


def test_a_persons_change_is_left_alone_and_is_not_ours_any_more(
    slow: Pipeline, acted: str
) -> None:
    client = slow.aws.session.client("lambda")
    client.update_event_source_mapping(UUID=slow.mapping, ParallelizationFactor=3)
    answer = slow.act("uninstall", "--yes")
    assert (answer.exit_code, slow.factor(), acted in answer.stdout) == (0, 3, True)


def test_without_an_incident_it_says_at_once_how_to_go_on(slow: Pipeline) -> None:
    answer = slow.act("uninstall")
    assert answer.exit_code == 0
    assert "delete-stack --stack-name STACK" in answer.stdout
