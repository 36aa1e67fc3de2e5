"""plan, explain, collect: they look, and change nothing."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, NamedTuple, cast

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
    *,
    bundles: options.Bundles = None,
    about: options.About,
    evidence: options.Evidence = None,
    against: options.Against = None,
    place: Place,
    shown: options.Shown = Format.TEXT,
) -> None:
    """Show what would be done, and why. Only reads; the exit code tells CI.

    0: nothing to do. 3: changes are proposed. 4: they are, but the policy blocks them. 1: nothing
    could be read, or a bundle cannot be understood. Of several bundles the gravest counts, in this
    order: 1, 4, 3, 0.

    With --against: 0, the decisions are the same; 3, they differ.
    """
    subject = Subject(about, (*(bundles or ()), *(evidence or ())))
    if against:
        known = _known(context.obj, subject, place)
        raise typer.Exit(saved.show_compared(context.obj, known, against, place.policy, shown))
    if subject.saved:
        raise typer.Exit(saved.answers(context.obj, subject.saved, place.policy, shown))
    found = look(context.obj, subject, place)
    showing.report(context.obj, found, shown)
    raise showing.end(found)


def explain(
    context: typer.Context,
    *,
    bundles: options.Bundles = None,
    about: options.About,
    evidence: options.Evidence = None,
    place: Place,
    shown: options.Shown = Format.TEXT,
) -> None:
    """As plan, with every reading that each question leant on. Ends in 0 whatever it finds."""
    subject = Subject(about, (*(bundles or ()), *(evidence or ())))
    if subject.saved:
        code = saved.answers(context.obj, subject.saved, place.policy, shown, readings=True)
        raise typer.Exit(saved.ERROR if code == saved.ERROR else 0)
    found = look(context.obj, subject, place)
    showing.report(context.obj, found, shown, readings=True)


def collect(
    context: typer.Context,
    *,
    about: options.About,
    out: options.Out = None,
    place: Annotated[Place, "policy", "profile", "region"],
) -> None:
    """Save everything that was read as JSON, to plan from later: plan --evidence FILE.

    It holds settings, counts and tags; never what is in the stream's records.
    """
    subject = Subject(about)
    bundle = _collected(context.obj, subject, place)
    _write(bundle.model_dump_json(indent=2) + "\n", out)


def _collected(outside: Outside, about: "Subject", place: Place) -> Bundle:
    """Everything that can be read of a target."""
    asked = incident(one_of(about.live), outside.clock(), Mode.PLAN)
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


def one_of(about: options.About) -> Named:
    """The one thing that was named. Raises a usage error for none or several."""
    keys = "function", "event_source_mapping", "stream"
    named = [Named(key, name) for key, name in zip(keys, about, strict=True) if name]
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

    live: options.About
    evidence: tuple[Path, ...] = ()

    @property
    def saved(self) -> tuple[Path, ...]:
        """The evidence's files. Raises a usage error where something in AWS was named as well."""
        if self.evidence and any(self.live):
            raise typer.BadParameter(
                "the evidence says what it is about: leave the others out",
                param_hint="'--evidence'",
            )
        return self.evidence


def look(outside: Outside, about: Subject, place: Place) -> Report:
    """The plan, from AWS."""
    asked = incident(one_of(about.live), outside.clock(), Mode.PLAN)
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
