"""policy check: what is wrong or odd in policy files, for people, editors and CI."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from remediator import plain_yaml, policy_file
from remediator.cli import files, showing
from remediator.cli.failures import Listed, complain
from remediator.cli.options import Format, examples, version_text
from remediator.cli.outside import Outside
from remediator.contradictions import contradictions
from remediator.environment import Settings
from remediator.errors import FileError, InputError, Problem
from remediator.policy import Policy
from remediator.render import findings, rules
from remediator.render.findings import Finding, Level

policy = typer.Typer(cls=Listed, no_args_is_help=True, help="About the policy file.")


class CheckFormat(StrEnum):
    """As ``options.Format``, and what other tools read."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    GITHUB = "github"
    JUNIT = "junit"
    SARIF = "sarif"


class Checked(NamedTuple):
    """One file: what it means, unless it is refused, and what is to be said of it."""

    file: str
    policy: Policy | None
    found: tuple[Finding, ...]


@policy.command(
    "check",
    epilog=examples(
        "remediator policy check policies/guardrails.yml && git commit\n"
        "remediator policy check policies/*.yml --format github"
    ),
)
def check(
    context: typer.Context,
    file: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="The shipped one if not said. Patterns, too."),
    ] = None,
    strict: Annotated[  # noqa: FBT002 - typer's way
        bool, typer.Option("--strict", help="What contradicts itself is an error, too.")
    ] = False,
    shown: Annotated[
        CheckFormat,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help=f"How the answer is shown: {', '.join(CheckFormat)}.",
        ),
    ] = CheckFormat.TEXT,
) -> None:
    """Read policy files; name each wrong field by line and path, with what is allowed.

    Values that contradict each other are warned of. 0: all are understood. 1: one is not (or, with
    --strict, one is warned of).
    """
    shipped = Settings.model_fields["policy_file"].default
    checked = [_checked(where) for where in files.named(file or [shipped])]
    _show(context.obj, checked, shown)
    bad = {Level.ERROR, Level.WARNING} if strict else {Level.ERROR}
    if any(one.level in bad for of in checked for one in of.found):
        raise typer.Exit(1)


def _checked(where: Path) -> Checked:
    name = str(where)
    try:
        understood = policy_file.load(where)
        document = plain_yaml.read(where.read_text(encoding="utf-8"), name)
    except FileError as error:
        return Checked(name, None, tuple(Finding(Level.ERROR, one) for one in error.problems))
    except InputError as error:
        said = str(error).removeprefix(f"policy file {name}: ")
        return Checked(name, None, (Finding(Level.ERROR, Problem(name, None, said)),))
    odd = (Finding(Level.WARNING, one) for one in contradictions(document))
    return Checked(name, understood, tuple(odd))


# --- how it is shown -----------------------------------------------------------------------------


def _show(outside: Outside, checked: list[Checked], shown: CheckFormat) -> None:
    found = [one for of in checked for one in of.found]
    match shown:
        case CheckFormat.JUNIT:
            typer.echo(findings.junit([of.file for of in checked], found), nl=False)
        case CheckFormat.SARIF:
            typer.echo(findings.sarif(found, version_text()))
        case CheckFormat.GITHUB:
            typer.echo(findings.annotations(found), nl=False)
            for of in checked:
                if of.policy is not None:
                    showing.step_summary(outside, rules.policy(of.policy, of.file))
        case CheckFormat.JSON:
            told = [_record(of) for of in checked]
            showing.data(told[0] if len(told) == 1 else told)
            _complain(found)
        case _:
            for of in checked:
                if of.policy is not None:
                    showing.plain_page(rules.policy(of.policy, of.file), Format(shown))
            _complain(found)


def _complain(found: list[Finding]) -> None:
    for one in found:
        complain(f"{one.level.title()}: {one.problem}")


def _record(of: Checked) -> dict[str, Any]:
    """The policy with all of its settings, and what is to be said of it."""
    settings = of.policy.model_dump(mode="json") if of.policy else {}
    digest = {"digest": of.policy.digest} if of.policy else {}
    said = {level: [str(f.problem) for f in of.found if f.level is level] for level in Level}
    told = {"errors": said[Level.ERROR], "warnings": said[Level.WARNING]}
    return {"file": of.file} | digest | settings | told
