"""How an answer is shown, and which exit code it ends in."""

import json
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from remediator.cli.options import Format
from remediator.cli.outside import Outside
from remediator.model import Report, Status
from remediator.render import github, markdown, pages, text
from remediator.render.page import Page

PLAIN_WIDTH = 160
"""Columns where nobody looks: in a file or a pipe."""

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
"""0 nothing to do or done, 1 error, (2 usage,) 3 changes proposed, 4 blocked by the policy."""


def end(report: Report) -> typer.Exit:
    """The exit that a report stands for."""
    return typer.Exit(EXIT_CODES[report.outcome.status])


def report(outside: Outside, found: Report, shown: Format, *, readings: bool = False) -> None:
    """Print a report."""
    if shown is Format.JSON:
        typer.echo(found.model_dump_json(indent=2))
        return
    page = pages.report(found, readings=readings)
    if shown is Format.GITHUB:
        typer.echo(github.annotations(found), nl=False)
        _step_summary(outside, page)
        return
    plain_page(page, shown)


def plain_page(page: Page, shown: Format) -> None:
    """Print a page as text or Markdown."""
    if shown is Format.TEXT:
        console = Console(highlight=False)
        if not console.is_terminal:
            console = Console(highlight=False, width=PLAIN_WIDTH)
        text.write(console, page)
    else:
        typer.echo(markdown.page(page), nl=False)


def data(value: Any) -> None:
    """Print plain data as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _step_summary(outside: Outside, page: Page) -> None:
    """GitHub shows what is appended to this file on the run's page."""
    file = outside.environ.get("GITHUB_STEP_SUMMARY")
    if file:
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(markdown.page(page))
