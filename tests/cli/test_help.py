"""The help: the same words at any width, with examples that the command line understands."""

import re
import shlex
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from remediator.cli import app
from tests.cli.clerk import UNSET, outside
from tests.golden import golden

WIDTHS = (60, 80, 120)
ROOT = get_command(app)


def commands() -> list[tuple[str, ...]]:
    """Every command, and those that have commands of their own."""
    found: list[tuple[str, ...]] = [()]
    for name, command in getattr(ROOT, "commands", {}).items():
        found += [(name,), *((name, inner) for inner in getattr(command, "commands", {}))]
    return found


def found(*words: str) -> Any:
    """The command of these words."""
    here: Any = ROOT
    for word in words:
        here = getattr(here, "commands", {})[word]
    return here


def told(*words: str, width: int = 80) -> str:
    how: dict[str, Any] = {"terminal_width": width, "max_content_width": width}
    answer = CliRunner().invoke(
        app, [*words, "--help"], obj=outside(), env=UNSET, prog_name="remediator", **how
    )
    assert answer.exit_code == 0
    return answer.stdout


def examples(*words: str) -> list[str]:
    _, _, shown = told(*words, width=200).partition("\n  Examples:\n")
    return [line.strip() for line in shown.splitlines() if line.strip()]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("words", [("plan",), ("report",), ("apply",)], ids=" ".join)
def test_the_help_reads_as_it_was_reviewed(words: tuple[str, ...], width: int) -> None:
    """If not, and it is meant: WRITE_GOLDEN=1 pytest tests/cli/test_help.py."""
    shown = told(*words, width=width)
    assert shown == golden(f"help/{'-'.join(words)}-{width}.txt", shown)


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_no_word_of_it_is_broken_or_cut_in_a_narrow_terminal(words: tuple[str, ...]) -> None:
    wide, narrow = (set(told(*words, width=width).split()) for width in (200, 60))
    assert wide - narrow == set()
    assert "…" not in told(*words, width=60)


@pytest.mark.parametrize(
    "words", [c for c in commands() if c not in {(), ("policy",)}], ids=" ".join
)
def test_every_example_is_one_that_the_command_understands(words: tuple[str, ...]) -> None:
    shown = examples(*words)
    assert shown
    for line in shown:
        pasted = re.split(r" (?:&&|>) ", line)[0]
        said = shlex.split(re.sub(r"^([A-Z_]+=\S+ )+", "", pasted))
        assert said[: 1 + len(words)] == ["remediator", *words]
        found(*words).make_context(words[-1], said[1 + len(words) :], resilient_parsing=False)
