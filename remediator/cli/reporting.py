"""report, drift: an incident told as a whole, and what the next deploy would undo."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import typer

from remediator import drift as drifting
from remediator.cli import options, saved, showing
from remediator.cli.acting import named_incident
from remediator.cli.failures import complain
from remediator.cli.journal import journal_office
from remediator.cli.looking import incident, one_of
from remediator.cli.options import Command, Format
from remediator.cli.outside import Office, Outside, Place, offline, open_office
from remediator.decide.tree import TREE
from remediator.drift import Row, Standing
from remediator.errors import InputError, PermanentError, TemporaryError
from remediator.model import Evidence, Mode
from remediator.render import github, html, incidents, rules, story
from remediator.render.story import Story
from remediator.render.words import name
from remediator.state import IncidentState

PANEL = "Look back"

# As with a plan: something would change.
DRIFTED = 3

# What is read around an incident's time.
_BEFORE, _AFTER, _LONGEST = timedelta(minutes=30), timedelta(minutes=15), timedelta(days=2)
# Of metrics, where only settings matter.
_WINDOW_SECONDS = 600


class Asked(NamedTuple):
    """A template to compare with, as said on the command line."""

    template: Path | None
    parameters: Sequence[str] = ()
    resource: str | None = None

    def rows(self, evidence: Evidence | None) -> tuple[Row, ...] | None:
        """What drifted; ``None`` where no template was named. Raises InputError."""
        if self.template is None:
            return None
        if evidence is None:
            raise InputError("what is live could not be read, so no template is compared with it")
        return drifting.drift(self._read(self.template), evidence, self.resource)

    def _read(self, file: Path) -> drifting.Template:
        values = dict(_pair(said) for said in self.parameters)
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"template {file}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise InputError(f"template {file}: expected UTF-8, {error.reason}") from error
        return drifting.template(text, str(file), values)


def _pair(said: str) -> tuple[str, str]:
    key, equals, value = said.partition("=")
    if not key or not equals:
        raise typer.BadParameter("expected KEY=VALUE", param_hint="'--parameter'")
    return key, value


def report(
    context: typer.Context,
    *,
    incident_id: options.SomeIncident = None,
    evidence: options.Bundle = None,
    watch: options.Watch = False,
    page: options.Html = None,
    template: options.Template = None,
    parameters: options.Parameters = None,
    resource: options.Resource = None,
    place: Place,
    shown: options.Shown = Format.TEXT,
) -> None:
    """Tell one incident: where it stands, what was changed, and everything in order of time.

    With --html as one page: the age with the changes marked, the path through the tree, forecast
    against what happened, rulings, commands, and the patch that makes permanent what stays. Of
    saved evidence (--evidence) it tells the plan. With --watch INCIDENT it tells first what
    happens, as it does, until the incident is over.
    """
    asked = Asked(template, parameters or (), resource)
    if (incident_id is None) == (evidence is None):
        raise typer.BadParameter("name an incident, or saved --evidence", param_hint="'INCIDENT'")
    if evidence is not None and watch:
        raise typer.BadParameter("what is saved does not go on", param_hint="'--watch'")
    if evidence is not None:
        _of_bundle(context.obj, evidence, place.policy, asked, page, shown)
        return
    which = named_incident(str(incident_id))
    office = journal_office(context.obj, place)
    if watch:
        _watch(office, which, shown)
    if not watch or page or shown is not Format.JSON:
        _of_incident(office, which, asked, page, shown)


# Between two looks into the journal: an incident's own are a minute apart at least.
_EVERY_SECONDS = 10


def _watch(office: Office, which: str, shown: Format) -> None:
    """Tell what the journal takes in, as it does, until the incident is closed."""
    desk = office.reader()
    journal, told, waits = desk.need_journal(), 0, "Reading the journal"
    while True:
        try:
            state, entries = desk.load_incident(which), journal.entries(which)
        except TemporaryError as error:
            complain(f"{error}; trying again")
        else:
            for entry in entries[told:]:
                showing.entry(entry, shown)
            told = len(entries)
            if not state.open:
                return
            waits = _waits_for(state)
        with office.outside.progress.during(waits):
            office.outside.sleep(_EVERY_SECONDS)


def _waits_for(state: IncidentState) -> str:
    at = f", next look at {state.follow_up_at:%H:%M:%S} UTC" if state.follow_up_at else ""
    return f"{name(state.stage)}{at}"


def _of_bundle(
    outside: Outside,
    file: Path,
    policy: Path | None,
    asked: Asked,
    page: Path | None,
    shown: Format,
) -> None:
    bundle = saved.read_bundle(file)
    found = saved.respond(outside, bundle, policy)
    drifted = asked.rows(bundle.evidence)
    if page is None:
        showing.report(outside, found, shown, readings=True)
        if drifted is not None and shown is not Format.JSON:
            showing.plain_page(rules.drift(drifted), shown)
        return
    late = offline(outside, bundle, policy).policy.thresholds.alarm_seconds
    _write(story.of_report(found, bundle.evidence, late_seconds=late, drifted=drifted), page)


def _of_incident(
    office: Office, which: str, asked: Asked, page: Path | None, shown: Format
) -> None:
    session = office.reader()
    state = session.load_incident(which)
    entries = session.need_journal().entries(which)
    if shown is Format.JSON and page is None:
        told = [entry.model_dump(mode="json") for entry in entries]
        showing.data({"incident": state.model_dump(mode="json"), "entries": told})
        return
    evidence = _evidence(office, state) if page or asked.template else None
    drifted = asked.rows(evidence)
    if page is None:
        showing.plain_page(incidents.incident(state, entries, office.remediator, evidence), shown)
        if drifted is not None:
            showing.plain_page(rules.drift(drifted), shown)
        return
    alarm = state.incident.alarm
    late = alarm.late_after_seconds if alarm else None
    told_story = story.of_incident(
        state,
        entries,
        evidence,
        told_at=office.outside.clock(),
        late_seconds=late or session.policy.thresholds.alarm_seconds,
        remediator=office.remediator,
        drifted=drifted,
    )
    _write(told_story, page)


def _evidence(office: Office, state: IncidentState) -> Evidence | None:
    """The readings of an incident's time, as far as AWS still has them."""
    if state.target is None:
        return None
    now = office.outside.clock()
    until = now if state.open else min(now, state.updated_at + _AFTER)
    window = min(until - state.incident.at + _BEFORE, _LONGEST)
    try:
        sensor = office.reader().sensor
        return sensor.read(state.target, until, int(window.total_seconds()))
    except (PermanentError, TemporaryError) as error:
        complain(f"Told from the journal alone, since AWS could not be read: {error}")
        return None


def _write(told: Story, file: Path) -> None:
    made = html.page(told, TREE)
    if str(file) == "-":
        typer.echo(made, nl=False)
        return
    try:
        file.write_text(made, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error
    complain(f"Wrote {file} ({len(made.encode()) // 1000} KB)")


def drift(
    context: typer.Context,
    *,
    template: options.Template = None,
    about: options.About,
    evidence: options.Bundle = None,
    parameters: options.Parameters = None,
    resource: options.Resource = None,
    place: options.Account,
    shown: options.Shown = Format.TEXT,
) -> None:
    """Compare a template with what is live: what would its next deploy change?

    Of the mapping (also a SAM function's event), its function and its stream, as far as the
    template has them. 0: nothing. 3: something.
    """
    if template is None:
        raise typer.BadParameter("name the template's file", param_hint="'--template'")
    asked = Asked(template, parameters or (), resource)
    if evidence is not None:
        read = saved.read_bundle(evidence).evidence
    else:
        outside: Outside = context.obj
        named = one_of(about)
        session = open_office(outside, place).runbook(Mode.PLAN)
        target = session.choose_target(incident(named, outside.clock(), Mode.PLAN))
        read = session.sensor.read(target, outside.clock(), _WINDOW_SECONDS)
    rows = asked.rows(read) or ()
    if shown is Format.JSON:
        showing.data({"template": str(template), "rows": [r.model_dump(mode="json") for r in rows]})
    elif shown is Format.GITHUB:
        typer.echo(github.drift(rows, str(template)), nl=False)
        showing.step_summary(context.obj, rules.drift(rows))
    else:
        showing.plain_page(rules.drift(rows), shown)
    if any(row.standing is Standing.DRIFTED for row in rows):
        raise typer.Exit(DRIFTED)


COMMANDS = (
    Command(
        "report",
        PANEL,
        report,
        "remediator report inc-0123456789abcdef0123\n"
        "remediator report --watch inc-0123456789abcdef0123\n"
        "remediator report inc-0123456789abcdef0123 --html incident.html --template template.yml",
    ),
    Command(
        "drift",
        PANEL,
        drift,
        "remediator drift --template template.yml --function orders",
    ),
)
