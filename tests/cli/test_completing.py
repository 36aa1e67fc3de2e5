"""The shell's completion: names of functions and incidents, and silence where there are none."""

import pytest
from typer.testing import CliRunner

from remediator.cli import app
from remediator.cli.outside import Outside
from tests.cli.clerk import UNSET, Pipeline, outside
from tests.cli.test_live import acted

__all__ = ["acted"]


def completed(line: str, world: Outside) -> str:
    """What bash is told when the tab key is pressed at the end of a line."""
    words = line.split(" ")
    environ = UNSET | {
        "_REMEDIATOR_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_TESTING": "",
    }
    answer = CliRunner().invoke(app, [], obj=world, env=environ, prog_name="remediator")
    return answer.output.strip()


@pytest.mark.parametrize(("begun", "names"), [("", "consumer"), ("con", "consumer"), ("x", "")])
def test_functions_that_a_stream_feeds_are_completed(
    slow: Pipeline, begun: str, names: str
) -> None:
    assert completed(f"remediator plan --function {begun}", slow.outside()) == names


@pytest.mark.parametrize("verb", ["report", "approve", "rollback"])
def test_incidents_of_the_journal_are_completed(slow: Pipeline, acted: str, verb: str) -> None:
    line = f"remediator {verb} --remediator-function remediator inc-"
    assert completed(line, slow.outside()) == acted


def test_who_has_no_credentials_is_told_nothing() -> None:
    assert completed("remediator plan --function o", outside()) == ""
    assert completed("remediator report inc-", outside()) == ""


def test_what_aws_refuses_is_told_to_nobody(slow: Pipeline) -> None:
    slow.aws.refuse("lambda:ListEventSourceMappings", "AccessDeniedException")
    assert completed("remediator plan --function c", slow.outside()) == ""
