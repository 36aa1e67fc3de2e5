"""plan, explain, collect: they look, and change nothing."""

import sys
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, cast

import typer

from remediator import replay
from remediator.cli import options, showing
from remediator.cli.failures import complain, usage
from remediator.cli.options import Command, Format
from remediator.cli.outside import Outside, Place, offline, open_office
from remediator.errors import InputError
from remediator.events import intake
from remediator.model import Bundle, Incident, Mode, Report
from remediator.render import pages

PANEL = "Look, and change nothing"


def plan(
    context: typer.Context,
    function: options.Function = None,
    mapping: options.Mapping = None,
    stream: options.Stream = None,
    evidence: options.Evidence = None,
    policy: options.Policy = None,
    journal: options.Journal = None,
    deployment: options.Deployment = None,
    profile: options.Profile = None,
    region: options.Region = None,
    shown: options.Shown = Format.TEXT,
) -> None:
    """Show what would be done, and why. Only reads; the exit code tells CI.

    0: nothing to do. 3: changes are proposed. 4: they are, but the policy blocks them. 1: nothing
    could be read, or a bundle cannot be understood.
    """
    place = Place(profile, region, policy, journal, deployment)
    if evidence:
        about = Subject(function, mapping, stream, tuple(evidence))
        raise typer.Exit(_saved(context.obj, about, place, shown))
    found = look(context.obj, Subject(function, mapping, stream), place)
    showing.report(context.obj, found, shown)
    raise showing.end(found)


def explain(
    context: typer.Context,
    function: options.Function = None,
    mapping: options.Mapping = None,
    stream: options.Stream = None,
    evidence: options.Evidence = None,
    policy: options.Policy = None,
    journal: options.Journal = None,
    deployment: options.Deployment = None,
    profile: options.Profile = None,
    region: options.Region = None,
    shown: options.Shown = Format.TEXT,
) -> None:
    """As plan, with every reading that each question leant on. Ends in 0 whatever it finds."""
    place = Place(profile, region, policy, journal, deployment)
    if evidence:
        about = Subject(function, mapping, stream, tuple(evidence))
        code = _saved(context.obj, about, place, shown, readings=True)
        raise typer.Exit(ERROR if code == ERROR else 0)
    found = look(context.obj, Subject(function, mapping, stream), place)
    showing.report(context.obj, found, shown, readings=True)


def collect(
    context: typer.Context,
    function: options.Function = None,
    mapping: options.Mapping = None,
    stream: options.Stream = None,
    out: options.Out = None,
    policy: options.Policy = None,
    profile: options.Profile = None,
    region: options.Region = None,
) -> None:
    """Save everything that was read as JSON, to plan from later: plan --evidence FILE.

    It holds settings, counts and tags; never what is in the stream's records.
    """
    outside: Outside = context.obj
    asked = incident(one_of(function, mapping, stream), outside.clock(), Mode.PLAN)
    desk = open_office(outside, Place(profile, region, policy)).runbook(Mode.PLAN)
    aim = desk.choose_target(asked)
    window = desk.policy.thresholds.metric_window_minutes * 60
    bundle = Bundle(
        collected_by=options.version_text(),
        policy_digest=desk.policy.digest,
        evidence=desk.sensor.read(aim, outside.clock(), window),
    )
    _write(bundle.model_dump_json(indent=2) + "\n", out)


class Named(NamedTuple):
    """What was named on the command line, as an event's key and value."""

    key: str
    name: str


def one_of(function: str | None, mapping: str | None, stream: str | None) -> Named:
    """The one thing that was named. Raises a usage error for none or several."""
    said = {"function": function, "event_source_mapping": mapping, "stream": stream}
    named = [Named(key, name) for key, name in said.items() if name]
    if len(named) != 1:
        raise typer.BadParameter(
            "name exactly one of them", param_hint="'--function' / '--mapping' / '--stream'"
        )
    return named[0]


def incident(named: Named, now: datetime, mode: Mode) -> Incident:
    """The incident that a person reports. Raises a usage error for a name that is none."""
    try:
        return cast("Incident", intake.understand({named.key: named.name, "mode": mode.value}, now))
    except InputError as error:
        option = "--mapping" if named.key == "event_source_mapping" else f"--{named.key}"
        raise usage(error, option) from error


class Subject(NamedTuple):
    """What is looked at: something in AWS, or saved evidence."""

    function: str | None
    mapping: str | None
    stream: str | None
    evidence: tuple[Path, ...] = ()


def look(outside: Outside, about: Subject, place: Place) -> Report:
    """The plan, from AWS."""
    asked = incident(
        one_of(about.function, about.mapping, about.stream), outside.clock(), Mode.PLAN
    )
    return open_office(outside, place).runbook(Mode.PLAN).respond(asked)


def _saved(
    outside: Outside, about: Subject, place: Place, shown: Format, *, readings: bool = False
) -> int:
    """Answer each saved bundle, and say what came of it; the gravest exit code."""
    if about.function or about.mapping or about.stream:
        raise typer.BadParameter(
            "the evidence says what it is about: leave the others out", param_hint="'--evidence'"
        )
    answers = [_answer(outside, file, place.policy) for file in about.evidence]
    found = [answer.report for answer in answers if answer.report is not None]
    if shown is Format.JSON and len(answers) > 1:
        showing.data([report.model_dump(mode="json") for report in found])
    else:
        for report in found:
            showing.report(outside, report, shown, readings=readings)
    for answer in answers:
        if answer.report is None or len(answers) > 1:
            complain(answer.told)
    return showing.gravest(answer.code for answer in answers)


ERROR = 1


class Answered(NamedTuple):
    """One bundle's answer: its report unless it could not be read, its line, its exit code."""

    report: Report | None
    told: str
    code: int


def _answer(outside: Outside, file: Path, policy: Path | None) -> Answered:
    try:
        bundle = read_bundle(file)
    except InputError as error:
        return Answered(None, f"Error: {error}", ERROR)
    function = Named("function", bundle.evidence.target.function)
    desk = offline(outside, bundle, policy)
    report = desk.respond(incident(function, desk.clock(), Mode.PLAN))
    code = showing.end(report).exit_code
    return Answered(report, f"{file}: {pages.headline(report)} (exit code {code})", code)


def read_bundle(file: Path) -> Bundle:
    """A saved bundle. Raises InputError that says where it is wrong and what was expected."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"evidence {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"evidence {file}: expected UTF-8, {error.reason}") from error
    return replay.bundle(text, str(file))


def _write(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}") from error


COMMANDS = (
    Command(
        "plan",
        PANEL,
        plan,
        "Examples:  remediator plan --function orders   ·   "
        "remediator plan --evidence bundle.json --format github",
    ),
    Command(
        "explain",
        PANEL,
        explain,
        "Example:  remediator explain --mapping 11111111-2222-3333-4444-555555555555",
    ),
    Command(
        "collect",
        PANEL,
        collect,
        "Example:  remediator collect --stream orders --out bundle.json",
    ),
)
