"""Anything spoilt is answered or refused in words; nothing from outside is obeyed by what reads it.

A bounded number of each with every run; 20,000 of each in the long one.
"""

import io
import itertools
import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from remediator import policy_file, replay, wiring
from remediator.cli.looking import Named, incident
from remediator.errors import InputError
from remediator.escaping import json_text
from remediator.events.intake import understand
from remediator.model import Incident, Mode, Report
from remediator.policy import Policy
from remediator.render import github, markdown, pages, text
from tests.fuzz.mutating import as_json, spoilt, torn

NOW = datetime(2026, 11, 23, 10, 15, 31, tzinfo=UTC)
HERE = Path(__file__).parents[1]
ACCOUNT, REGION = "123456789012", "eu-west-1"
EVENTS = [json.loads(path.read_text()) for path in sorted((HERE / "events").glob("*.json"))]
BUNDLES = [json.loads(path.read_text()) for path in sorted((HERE / "bundles").glob("*.json"))]
POLICY = (HERE.parent / "policies" / "guardrails.yml").read_text()
ID = "inc-0123456789abcdef0123"
COMMANDS: list[Any] = [
    {"function": "orders", "mode": "plan", "request_id": "7"},
    {"stream": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders"},
    {"event_source_mapping": "a1b2c3d4-5678-90ab-cdef-111122223333"},
    {"approve": ID, "by": "ada"},
    {"rollback": ID, "by": "ada"},
    {"rollback": {"function": "orders"}},
    {"follow_up": ID, "number": 3},
    {"freeze": "all", "reason": "a release", "by": "ada"},
    {"unfreeze": "orders"},
]

SOME = range(300)
MANY = range(20_000)
EITHER = pytest.mark.parametrize(
    "numbers", [SOME, pytest.param(MANY, marks=pytest.mark.long)], ids=["some", "many"]
)


def refused_in(most: int, error: InputError, each: str = ".+") -> None:
    """What is said of something that is refused: so many lines at most, whatever it was."""
    lines = str(error).splitlines()
    assert 0 < len(lines) <= most
    assert len(str(error)) <= 9000
    assert all(re.fullmatch(each, line) for line in lines), lines


# --- events and commands -----------------------------------------------------------------------


@EITHER
@pytest.mark.parametrize("bases", [EVENTS, COMMANDS], ids=["alarms", "commands"])
def test_spoilt_events_are_answered_or_refused(bases: list[Any], numbers: range) -> None:
    answered = 0
    for number, base in zip(numbers, itertools.cycle(bases), strict=False):
        try:
            found = understand(
                spoilt(base, number),
                NOW,
                default_function="orders",
                account_id=ACCOUNT,
                region=REGION,
            )
        except InputError as error:
            refused_in(1, error)
            continue
        answered += 1
        found.model_dump_json()
        if isinstance(found, Incident):
            assert found.account_id in {ACCOUNT, None}
            assert found.region in {REGION, None}
    assert 0 < answered < len(numbers)


# --- policies ----------------------------------------------------------------------------------


@EITHER
def test_spoilt_policies_are_understood_or_refused_line_by_line(numbers: range) -> None:
    whole, small = yaml.safe_load(POLICY), "mode: apply\nlimits:\n  shards: 8\noverrides: []\n"
    for number in numbers:
        made = (
            torn(POLICY if number % 20 == 0 else small, number)
            if number % 2
            else as_json(spoilt(whole, number))
        )
        try:
            policy_file.parse(made, "p.yml").for_target("orders", "orders", {})
        except InputError as error:
            refused_in(21, error, r"p\.yml.*")


# --- bundles -----------------------------------------------------------------------------------


def planned(made: str) -> Report | None:
    """The plan on a bundle; ``None`` for one that is refused."""
    try:
        bundle = replay.bundle(made, "b.json")
    except InputError as error:
        refused_in(1, error, r"evidence b\.json: \S.*: .*")
        return None
    session = wiring.offline(bundle, Policy(), None)
    asked = Named("function", bundle.evidence.target.function)
    return session.respond(incident(asked, session.clock(), Mode.PLAN))


def bundles(numbers: range) -> Iterator[str]:
    for number, base in zip(numbers, itertools.cycle(BUNDLES), strict=False):
        made = as_json(spoilt(base, number))
        yield torn(made, number) if number % 4 == 3 else made


@EITHER
def test_spoilt_bundles_are_planned_from_or_refused(numbers: range) -> None:
    answered = 0
    for number, made in enumerate(bundles(numbers)):
        report = planned(made)
        if report is None:
            continue
        answered += 1
        if number % 5 == 0:
            shown_harmlessly(report)
    assert 0 < answered < len(numbers)


def shown_harmlessly(report: Report) -> None:
    """In every kind of output, nothing is obeyed."""
    console = Console(file=io.StringIO(), width=80, highlight=False)
    text.write(console, pages.report(report, readings=True))
    assert isinstance(console.file, io.StringIO)
    harmless_lines(console.file.getvalue())
    harmless_lines(json_text(report.model_dump_json(indent=2)))
    harmless_markdown(markdown.page(pages.report(report, readings=True)))
    harmless_annotations(github.annotations(report))


def harmless_lines(said: str) -> None:
    """Text for a terminal, a pipe or a log of GitHub's."""
    hidden = [c for c in said if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Cs"}]
    assert hidden == []
    assert "##[" not in said
    assert not [line for line in said.splitlines() if line.lstrip().startswith("::")]


def harmless_markdown(said: str) -> None:
    """Markdown: no tags, no links, and fences that close where they should."""
    outside, fence = [], ""
    for line in said.splitlines():
        found = re.match(r"`{3,}", line)
        if fence:
            fence = "" if line == fence else fence
        elif found:
            fence = found[0]
            assert line == f"{fence}sh"
        else:
            outside.append(line)
    assert fence == ""
    told = "\n".join(outside)
    harmless_lines(told.replace("\u200b", ""))
    assert "<" not in told
    assert not re.search(r"(?<!\\)(?:\\\\)*\[", told)
    assert not re.search(r"(?<!\\)`", told)
    assert "://" not in told.replace("\\://", "")


def harmless_annotations(said: str) -> None:
    """Workflow commands: ours, and none beside them."""
    for line in said.splitlines():
        assert re.match(r"::(error|warning|notice) title=remediator%3A [^:,]*::", line), line
    harmless_lines("\n".join(line.removeprefix("::") for line in said.splitlines()))
