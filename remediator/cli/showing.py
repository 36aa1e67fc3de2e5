"""How an answer is shown, and which exit code it ends in."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from remediator.cli.failures import complain
from remediator.cli.options import Format
from remediator.cli.outside import Outside
from remediator.escaping import json_text
from remediator.model import Answer, Cause, Report, Status
from remediator.render import github, incidents, markdown, pages, text
from remediator.render.page import Page
from remediator.render.words import name
from remediator.state import Entry, EntryKind

# Columns where nobody looks: in a file or a pipe, unless COLUMNS says how many there are.
PLAIN_WIDTH = 160

# 0 nothing to do or done, 1 error, (2 usage,) 3 changes proposed, 4 blocked by the policy.
EXIT_CODES = {
    Status.NOTHING_TO_DO: 0,
    Status.ESCALATED: 0,
    Status.APPLIED: 0,
    Status.ROLLED_BACK: 0,
    Status.RESTORED: 0,
    Status.RECORDED: 0,
    Status.DUPLICATE: 0,
    Status.IN_PROGRESS: 0,
    Status.FAILED: 1,
    Status.PARTLY_APPLIED: 1,
    Status.CONFLICT: 1,
    Status.PLANNED: 3,
    Status.AWAITING_APPROVAL: 3,
    Status.BLOCKED: 4,
}


# Exit codes, the gravest last: of several answers, that one is the command's.
_BY_GRAVITY = (0, 3, 4, 2, 1)


def exit_code(report: Report) -> int:
    """The exit code that a report stands for."""
    return 1 if saw_nothing(report) else EXIT_CODES[report.outcome.status]


def saw_nothing(report: Report) -> bool:
    """Whether no cause was found because nothing could be read: no answer, so an error."""
    diagnosis = report.diagnosis
    if diagnosis is None or diagnosis.cause is not Cause.UNKNOWN:
        return False
    seen = [step for step in diagnosis.path if step.answer is not Answer.UNSEEN and step.readings]
    measured = [
        reading
        for step in seen
        for reading in step.readings
        if isinstance(reading.value, int | float) and not isinstance(reading.value, bool)
    ]
    return not measured


def end(report: Report) -> typer.Exit:
    """The exit that a report stands for."""
    if saw_nothing(report):
        complain(f"Error: nothing could be told of {subject(report)}: {_blind(report)}")
    return typer.Exit(exit_code(report))


def _blind(report: Report) -> str:
    """What would have shown more."""
    gaps = report.diagnosis.gaps if report.diagnosis else ()
    missing = sorted({gap.permission for gap in gaps if gap.permission})
    return f"grant {', '.join(missing)}" if missing else "its readings are missing"


def subject(report: Report) -> str:
    """Which consumer a report is about."""
    return report.target.function if report.target else report.incident_id


def gravest(codes: Iterable[int]) -> int:
    """The one exit code of several answers."""
    return max(codes, key=_BY_GRAVITY.index, default=0)


def report(
    outside: Outside,
    found: Report,
    shown: Format,
    *,
    readings: bool = False,
    file: str | None = None,
) -> None:
    """Print a report; ``file``: which of several bundles it is about."""
    if shown is Format.JSON:
        typer.echo(json_text(found.model_dump_json(indent=2)))
        return
    page = pages.report(found, readings=readings)
    if shown is Format.GITHUB:
        typer.echo(github.annotations(found, file), nl=False)
        step_summary(outside, page)
        return
    plain_page(page, shown)


def plain_page(page: Page, shown: Format) -> None:
    """Print a page as text or Markdown."""
    if shown is Format.TEXT:
        text.write(_console(), page)
    else:
        typer.echo(markdown.page(page), nl=False)


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        return Console(highlight=False, width=PLAIN_WIDTH)
    return console


def entry(found: Entry, shown: Format) -> None:
    """Print one entry of the journal as it comes: a line of text, or of JSON."""
    if shown is Format.JSON:
        typer.echo(json_text(found.model_dump_json()))
    else:
        head = f"{found.at:%H:%M:%S}  {name(found.kind):<{_WIDEST_KIND}}"
        text.write_entry(_console(), head, incidents.said(found))


_WIDEST_KIND = max(map(len, EntryKind))


def aside(page: Page) -> None:
    """Print a page beside the answer: on standard error."""
    text.write(Console(highlight=False, stderr=True), page)


def data(value: Any) -> None:
    """Print plain data as JSON."""
    typer.echo(json_text(json.dumps(value, indent=2, ensure_ascii=False)))


def step_summary(outside: Outside, page: Page) -> None:
    """GitHub shows what is appended to this file on the run's page."""
    file = outside.environ.get("GITHUB_STEP_SUMMARY")
    if file:
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(markdown.page(page))
