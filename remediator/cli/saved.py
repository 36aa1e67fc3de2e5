"""Answers from saved evidence: many bundles at once, or what two policies decide differently."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

import typer

from remediator import replay
from remediator.cli import files, showing
from remediator.cli.failures import complain
from remediator.cli.options import Format
from remediator.cli.outside import Outside, offline, offline_settings
from remediator.errors import InputError
from remediator.events import intake
from remediator.model import Bundle, Incident, Mode, Report
from remediator.render import differences, pages

ERROR = 1
# As with a plan: something would change.
DIFFERENT = 3


class Answered(NamedTuple):
    """One bundle's answer: its report unless it could not be read, its line, its exit code."""

    file: str
    report: Report | None
    told: str
    code: int


def answers(
    outside: Outside,
    bundles: Sequence[Path],
    policy: Path | None,
    shown: Format,
    *,
    readings: bool = False,
) -> int:
    """Answer each saved bundle, and say what came of it; the gravest exit code."""
    answered = [_answer(outside, file, policy) for file in files.named(bundles)]
    several = len(answered) > 1
    if shown is Format.JSON and several:
        found = [answer.report for answer in answered if answer.report is not None]
        showing.data([report.model_dump(mode="json") for report in found])
    else:
        for answer in answered:
            if answer.report is not None:
                file = answer.file if several else None
                showing.report(outside, answer.report, shown, readings=readings, file=file)
    for answer in answered:
        if answer.report is None or several:
            complain(answer.told)
    return showing.gravest(answer.code for answer in answered)


def compared(
    outside: Outside, bundles: Sequence[tuple[str, Bundle]], old: Path, new: Path | None
) -> tuple[differences.Difference, ...]:
    """What is decided of each bundle otherwise under one policy than under another.

    Raises InputError for a wrong policy file.
    """
    return tuple(
        difference
        for name, bundle in bundles
        for difference in differences.between(
            name, respond(outside, bundle, old), respond(outside, bundle, new)
        )
    )


def show_compared(
    outside: Outside,
    bundles: Sequence[tuple[str, Bundle]],
    old: Path,
    new: Path | None,
    shown: Format,
) -> int:
    """Show what is decided differently; the exit code."""
    found = compared(outside, bundles, old, new)
    if shown is Format.JSON:
        showing.data([one._asdict() for one in found])
    else:
        under = str(new or offline_settings(outside, None).policy_file)
        page = differences.page(found, str(old), under, len(bundles))
        if shown is Format.GITHUB:
            typer.echo(differences.annotations(found), nl=False)
            showing.step_summary(outside, page)
        else:
            showing.plain_page(page, shown)
    return DIFFERENT if found else 0


def respond(outside: Outside, bundle: Bundle, policy: Path | None) -> Report:
    """The plan that stands on a bundle. Raises InputError for a wrong policy file."""
    session = offline(outside, bundle, policy)
    asked = {"function": bundle.evidence.target.function, "mode": Mode.PLAN.value}
    return session.respond(cast("Incident", intake.understand(asked, session.clock())))


def _answer(outside: Outside, file: Path, policy: Path | None) -> Answered:
    try:
        bundle = read_bundle(file)
    except InputError as error:
        return Answered(str(file), None, f"Error: {error}", ERROR)
    report = respond(outside, bundle, policy)
    code = showing.end(report).exit_code
    told = f"{file}: {pages.headline(report)} (exit code {code})"
    return Answered(str(file), report, told, code)


def read_bundle(file: Path) -> Bundle:
    """A saved bundle. Raises InputError that says where it is wrong and what was expected."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"evidence {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"evidence {file}: expected UTF-8, {error.reason}") from error
    return replay.bundle(text, str(file))
