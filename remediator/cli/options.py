"""What can be said on the command line, each option in one place."""

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from importlib.metadata import PackageNotFoundError, version
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args

import typer

from remediator.cli import completing
from remediator.cli.outside import Place

PACKAGE = "iteratorage-remediator"


class Format(StrEnum):
    """How an answer is shown."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    GITHUB = "github"


class Command(NamedTuple):
    """One command: its name, the panel of the help that lists it, examples, one a line."""

    name: str
    panel: str
    run: Callable[..., Any]
    example: str


def examples(lines: str) -> str:
    """The end of a command's help: each example on a line of its own, as it is pasted."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines.splitlines())


def version_text() -> str:
    """Name and version of this program."""
    try:
        return f"remediator {version(PACKAGE)}"
    except PackageNotFoundError:
        return "remediator (not installed)"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version_text())
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
]

# --- what it is about --------------------------------------------------------------------------

Function = Annotated[
    str | None,
    typer.Option(
        "--function",
        metavar="NAME",
        help="The consumer: name, name:alias or ARN.",
        autocompletion=completing.function,
    ),
]
Mapping = Annotated[
    str | None,
    typer.Option("--mapping", metavar="UUID", help="The event source mapping: UUID or ARN."),
]
Stream = Annotated[
    str | None,
    typer.Option(
        "--stream",
        metavar="NAME",
        help="The stream: Kinesis name or ARN, or DynamoDB stream ARN. The mapping that lags most"
        " is taken.",
    ),
]
Bundles = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[BUNDLE]...", help="As --evidence, one after the other."),
]
Evidence = Annotated[
    list[Path] | None,
    typer.Option(
        "--evidence",
        metavar="FILE",
        help="Offline: a bundle saved by 'remediator collect', or a pattern as 'incidents/*.json';"
        " - for standard input. Without AWS. May be repeated: each is answered, and the gravest"
        " exit code is the command's.",
    ),
]
Against = Annotated[
    Path | None,
    typer.Option(
        "--against",
        metavar="FILE",
        help="Another policy: show only what is decided differently from under that one.",
    ),
]
_AS = "As inc-0123456789abcdef0123."
Incident = Annotated[
    str, typer.Argument(metavar="INCIDENT", help=_AS, autocompletion=completing.incident)
]
SomeIncident = Annotated[
    str | None, typer.Argument(metavar="[INCIDENT]", help=_AS, autocompletion=completing.incident)
]
Bundle = Annotated[
    Path | None,
    typer.Option(
        "--evidence",
        metavar="FILE",
        help="Offline: a bundle saved by 'remediator collect'; - for standard input. Without AWS.",
    ),
]
Template = Annotated[
    Path | None,
    typer.Option(
        "--template",
        metavar="FILE",
        help="A CloudFormation or SAM template (of CDK: in cdk.out): what would its next deploy"
        " change of what is live?",
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter", metavar="KEY=VALUE", help="A parameter of the template. May be repeated."
    ),
]
Resource = Annotated[
    str | None,
    typer.Option(
        "--resource",
        metavar="NAME",
        help="Which mapping of the template it is, if that cannot be told: a logical id, in SAM"
        " Function.Event.",
    ),
]
Watch = Annotated[
    bool, typer.Option("--watch", help="Tell what happens as it does, until the incident is over.")
]
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write one self-contained HTML page instead."),
]
PlanDigest = Annotated[
    str,
    typer.Option(
        "--plan",
        metavar="DIGEST",
        help="The digest of the plan that was read; another one is not approved.",
    ),
]

# --- where and under which rules -----------------------------------------------------------------

Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="AWS profile.")]
Region = Annotated[str | None, typer.Option("--region", metavar="NAME", help="AWS Region.")]
Policy = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        envvar="REMEDIATOR_POLICY_FILE",
        help="What may be changed; the shipped policies/guardrails.yml if not said.",
    ),
]
Journal = Annotated[
    str | None,
    typer.Option(
        "--journal",
        metavar="TABLE",
        envvar="REMEDIATOR_JOURNAL_TABLE",
        help="The journal's DynamoDB table. A plan with it knows freezes, budgets and cool-downs.",
    ),
]
Deployment = Annotated[
    str | None,
    typer.Option(
        "--remediator-function",
        metavar="NAME",
        envvar="REMEDIATOR_FUNCTION",
        help="The deployed remediator. Its settings are taken over (journal, quarantine, mode), and"
        " it is woken for the follow-ups.",
    ),
]

Accounts = Annotated[
    Path | None,
    typer.Option(
        "--accounts",
        metavar="FILE",
        help="In every account and Region that this file lists, side by side, in place of one.",
    ),
]

# --- several at once -----------------------------------------------------------------------------


class About(NamedTuple):
    """What is named of AWS: one of them, where a command needs one."""

    function: str | None = None
    mapping: str | None = None
    stream: str | None = None


Journalled = Annotated[Place, "journal", "deployment", "profile", "region"]
Account = Annotated[Place, "profile", "region"]

_GROUPS: dict[Any, dict[str, Any]] = {
    About: {"function": Function, "mapping": Mapping, "stream": Stream},
    Place: {
        "policy": Policy,
        "journal": Journal,
        "deployment": Deployment,
        "profile": Profile,
        "region": Region,
    },
}


def spread(run: Callable[..., Any]) -> Callable[..., Any]:
    """A command for typer: a parameter that is a group stands for an option for each field of it,
    or for each that is named beside the group (``Annotated[Place, "profile", "region"]``)."""
    groups: dict[str, tuple[Any, list[str]]] = {}
    parameters: list[Parameter] = []
    for one in signature(run).parameters.values():
        kind, *named = get_args(one.annotation) or (one.annotation,)
        if kind not in _GROUPS:
            parameters.append(one)
            continue
        groups[one.name] = kind, named or list(_GROUPS[kind])
        parameters += [
            one.replace(name=name, default=None, annotation=_GROUPS[kind][name])
            for name in groups[one.name][1]
        ]

    @wraps(run)
    def command(**said: Any) -> Any:
        for group, (kind, names) in groups.items():
            said[group] = kind(**{name: said.pop(name) for name in names})
        return run(**said)

    command.__signature__ = signature(run).replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


# --- how -----------------------------------------------------------------------------------------

Shown = Annotated[
    Format,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help=f"How the answer is shown: {', '.join(Format)}.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask (for machines).")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; people will read it.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Where to; standard output if not said."),
]
