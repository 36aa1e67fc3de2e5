"""Progress and --watch: told to who sits at a terminal, and nobody else; until it is over."""

import json
from io import StringIO

import pytest
from rich.console import Console

from remediator.cli.outside import Outside
from remediator.cli.progress import Progress
from tests.cli.clerk import Pipeline, outside, run
from tests.cli.test_live import CONSUMER, acted
from tests.evidence import BUNDLES

__all__ = ["acted"]


def terminal() -> tuple[Progress, StringIO]:
    """Progress at a terminal, and all that it has written there."""
    screen = StringIO()
    return Progress(Console(file=screen, force_terminal=True, width=100)), screen


# --- progress ----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["plan", "explain", "collect"])
def test_whoever_waits_at_a_terminal_is_told_what_is_read(slow: Pipeline, verb: str) -> None:
    progress, screen = terminal()
    answer = run(verb, *CONSUMER, world=slow.outside()._replace(progress=progress))
    assert "Looking for function consumer" in screen.getvalue()
    assert "Reading consumer and orders" in screen.getvalue()
    assert answer.stderr == ""
    assert "Reading" not in answer.stdout


def test_each_request_is_told_in_whichever_thread_it_is_made() -> None:
    progress, screen = terminal()
    with progress.during("Reading [bold]orders"):
        progress.called("lambda", "GetFunction")
        assert progress._status is not None
        shown = progress._status.status
    assert str(shown) == r"Reading \[bold]orders: lambda GetFunction (1 requests)"
    assert "[bold]orders" in screen.getvalue()


def test_the_clients_tell_of_each_call(slow: Pipeline) -> None:
    told: list[tuple[str, str]] = []
    slow.aws.clients.tell_of_calls(lambda *call: told.append(call))
    assert slow.run("plan", *CONSUMER).exit_code == 3
    assert ("lambda", "GetFunction") in told
    assert ("kinesis", "DescribeStreamSummary") in told


@pytest.mark.parametrize("verb", ["plan", "history"])
def test_nobody_else_is_told_anything(slow: Pipeline, verb: str) -> None:
    screen = StringIO()
    quiet = Progress(Console(file=screen, force_terminal=False))
    answer = run(
        verb, *CONSUMER, "--journal", "journal", world=slow.outside()._replace(progress=quiet)
    )
    assert (answer.stderr, screen.getvalue()) == ("", "")


def test_what_is_told_is_gone_when_what_was_done_fails() -> None:
    progress, screen = terminal()
    with pytest.raises(ValueError, match="x"), progress.during("Reading"):
        raise ValueError("x")
    with progress.during("Again"), progress.during("within"):
        pass
    assert screen.getvalue().endswith("\x1b[?25h\r\x1b[1A\x1b[2K")


# --- watch -------------------------------------------------------------------------------------


def undone_meanwhile(slow: Pipeline, incident: str, waits: list[float]) -> Outside:
    """A world in which somebody rolls the incident back while it is watched."""

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            slow.act("rollback", incident, "--yes")

    return slow.outside()._replace(sleep=sleep)


def test_an_incident_is_watched_until_it_is_over(slow: Pipeline, acted: str) -> None:
    waits: list[float] = []
    world = undone_meanwhile(slow, acted, waits)
    answer = run("report", "--watch", acted, "--journal", "journal", world=world)
    assert answer.exit_code == 0
    lines = answer.stdout.splitlines()
    assert lines[0].split()[1:3] == ["incident", "by"]
    assert any("applied" in line and "parallelization_factor 1 → 8" in line for line in lines)
    assert any("rolled back" in line for line in lines)
    assert "consumer: closed" in lines
    assert waits.count(10) == 2


def test_watched_as_json_each_entry_is_a_line(slow: Pipeline, acted: str) -> None:
    world = undone_meanwhile(slow, acted, [])
    words = ("report", "--watch", acted, "--journal", "journal", "--format", "json")
    kinds = [json.loads(line)["kind"] for line in run(*words, world=world).stdout.splitlines()]
    assert kinds[0] == "incident"
    assert "undone" in kinds


def test_a_journal_that_does_not_answer_for_a_while_is_asked_again(
    slow: Pipeline, acted: str
) -> None:
    slow.act("rollback", acted, "--yes")
    slow.aws.refuse("dynamodb:Query", "ProvisionedThroughputExceededException")
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        slow.aws.fakes.pop("dynamodb:Query", None)

    world = slow.outside()._replace(sleep=sleep)
    answer = run("report", "--watch", acted, "--journal", "journal", world=world)
    assert answer.exit_code == 0
    assert "trying again" in answer.stderr
    assert waited == [10]


def test_what_is_saved_cannot_be_watched() -> None:
    answer = run("report", "--watch", "--evidence", BUNDLES / "poison.json", world=outside())
    assert answer.exit_code == 2
