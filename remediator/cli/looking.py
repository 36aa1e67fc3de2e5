"""plan, explain, collect: they look, and change nothing."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple, cast

import typer

from remediator.cli import files, options, saved, showing
from remediator.cli.failures import usage
from remediator.cli.options import Command, Format
from remediator.cli.outside import Outside, Place, open_office
from remediator.errors import InputError
from remediator.events import intake
from remediator.model import Bundle, Incident, Mode, Report

PANEL = "Look, and change nothing"


def plan(
    context: typer.Context,
    bundles: options.Bundles = None,
    function: options.Function = None,
    mapping: options.Mapping = None,
    stream: options.Stream = None,
    evidence: options.Evidence = None,
    against: options.Against = None,
    policy: options.Policy = None,
    journal: options.Journal = None,
    deployment: options.Deployment = None,
    profile: options.Profile = None,
    region: options.Region = None,
    shown: options.Shown = Format.TEXT,
) -> None:
    """Show what would be done, and why. Only reads; the exit code tells CI.

    0: nothing to do. 3: changes are proposed. 4: they are, but the policy blocks them. 1: nothing
    could be read, or a bundle cannot be understood. Of several bundles the gravest counts, in this
    order: 1, 4, 3, 0.

    With --against: 0, the decisions are the same; 3, they differ.
    """
    place = Place(profile, region, policy, journal, deployment)
    about = Subject(function, mapping, stream, (*(bundles or ()), *(evidence or ())))
    if against:
        known = _known(context.obj, about, place)
        raise typer.Exit(saved.show_compared(context.obj, known, against, policy, shown))
    if about.saved:
        raise typer.Exit(saved.answers(context.obj, about.saved, policy, shown))
    found = look(context.obj, about, place)
    showing.report(context.obj, found, shown)
    raise showing.end(found)


def explain(
    context: typer.Context,
    bundles: options.Bundles = None,
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
    about = Subject(function, mapping, stream, (*(bundles or ()), *(evidence or ())))
    if about.saved:
        code = saved.answers(context.obj, about.saved, policy, shown, readings=True)
        raise typer.Exit(saved.ERROR if code == saved.ERROR else 0)
    found = look(context.obj, about, place)
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
    about = Subject(function, mapping, stream)
    bundle = _collected(context.obj, about, Place(profile, region, policy))
    _write(bundle.model_dump_json(indent=2) + "\n", out)


def _collected(outside: Outside, about: "Subject", place: Place) -> Bundle:
    """Everything that can be read of a target."""
    asked = incident(
        one_of(about.function, about.mapping, about.stream), outside.clock(), Mode.PLAN
    )
    session = open_office(outside, place).runbook(Mode.PLAN)
    target = session.choose_target(asked)
    window = session.policy.thresholds.metric_window_minutes * 60
    return Bundle(
        collected_by=options.version_text(),
        policy_digest=session.policy.digest,
        evidence=session.sensor.read(target, outside.clock(), window),
    )


def _known(outside: Outside, about: "Subject", place: Place) -> list[tuple[str, Bundle]]:
    """The evidence by its name: bundles, or what AWS says now."""
    if about.saved:
        return [(str(file), saved.read_bundle(file)) for file in files.named(about.saved)]
    return [("now", _collected(outside, about, place))]


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

    @property
    def saved(self) -> tuple[Path, ...]:
        """The evidence's files. Raises a usage error where something in AWS was named as well."""
        if self.evidence and (self.function or self.mapping or self.stream):
            raise typer.BadParameter(
                "the evidence says what it is about: leave the others out",
                param_hint="'--evidence'",
            )
        return self.evidence


def look(outside: Outside, about: Subject, place: Place) -> Report:
    """The plan, from AWS."""
    asked = incident(
        one_of(about.function, about.mapping, about.stream), outside.clock(), Mode.PLAN
    )
    return open_office(outside, place).runbook(Mode.PLAN).respond(asked)


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
        "remediator plan --function orders\n"
        "remediator plan incidents/*.json --format github\n"
        "remediator plan incidents/*.json --against old.yml --policy new.yml",
    ),
    Command(
        "explain",
        PANEL,
        explain,
        "remediator explain --mapping 11111111-2222-3333-4444-555555555555",
    ),
    Command(
        "collect",
        PANEL,
        collect,
        "remediator collect --stream orders --out bundle.json",
    ),
)
