"""apply, approve, rollback, freeze, unfreeze: they change things, and ask first."""

from pathlib import Path
from typing import Any

import typer

from remediator import wiring
from remediator.cli import accounts, options, showing
from remediator.cli.failures import usage
from remediator.cli.looking import incident, one_of
from remediator.cli.options import Command, Format
from remediator.cli.outside import Office, Outside, Place, need_journal, open_office, policy_of
from remediator.errors import InputError
from remediator.events import names
from remediator.events.requests import Approve, Rollback, SetFreeze
from remediator.model import Mode, Report
from remediator.render import incidents
from remediator.render.page import Section
from remediator.runbook.by_hand import find_rollback
from remediator.state import IncidentState

PANEL = "Change things"


def apply(
    context: typer.Context,
    *,
    about: options.About,
    place: Place,
    shown: options.Shown = Format.TEXT,
    yes: options.Yes = False,
) -> None:
    """Make the plan, as the deployed remediator would: journalled, within the policy, watched.

    Needs a policy in mode apply, and --remediator-function: it is woken for the follow-ups, which
    see whether the change helped and take it back if it did harm.
    """
    outside: Outside = context.obj
    named = one_of(about)
    _must_be_askable(outside, yes=yes)
    office = _acting_office(outside, place)
    if not yes:
        planned = office.runbook(Mode.PLAN).respond(incident(named, outside.clock(), Mode.PLAN))
        showing.report(outside, planned, Format.TEXT)
        if showing.EXIT_CODES[planned.outcome.status] != _PROPOSED:
            raise showing.end(planned)
        _confirm("Make these changes?", declined=_PROPOSED)
    done = office.runbook().respond(incident(named, outside.clock(), Mode.APPLY))
    _show(outside, done, shown)


def approve(
    context: typer.Context,
    *,
    incident_id: options.Incident,
    plan: options.PlanDigest = "",
    place: Place,
    shown: options.Shown = Format.TEXT,
    yes: options.Yes = False,
) -> None:
    """Make a plan that waits for approval, if the world still asks for it.

    What is made is exactly what was proposed; --plan says which proposal was read.
    """
    outside: Outside = context.obj
    which = named_incident(incident_id)
    _must_be_askable(outside, yes=yes)
    office = _acting_office(outside, place, relayed=True)
    if not yes:
        pending = _show_stored(office, which).pending
        plan = plan or (pending.digest if pending else "")
        _confirm("Approve it?", declined=_PROPOSED)
    command = Approve(incident_id=which, by=office.who(), plan=plan.strip().lower())
    if office.policy_is_elsewhere:
        event = {"approve": which, "plan": command.plan, "by": command.by}
        _relay(office, {key: value for key, value in event.items() if value}, which, shown)
        return
    _show(outside, office.runbook().run(command), shown)


def rollback(
    context: typer.Context,
    *,
    incident_id: options.SomeIncident = None,
    function: options.Function = None,
    place: Place,
    shown: options.Shown = Format.TEXT,
    yes: options.Yes = False,
) -> None:
    """Put back what is still in effect of an incident, or of a function's latest one.

    First it shows what that is. Newest first, and only where the setting still holds our value: a
    person's change stays.
    """
    outside: Outside = context.obj
    asked = _rollback(incident_id, function)
    _must_be_askable(outside, yes=yes)
    office = open_office(outside, place)
    need_journal(office)
    if not office.policy_is_elsewhere:
        must_be_opted_in(office)
    states = find_rollback(office.reader(), asked)
    for state in states:
        showing.aside(incidents.undoing(state))
    if not yes:
        for state in states:
            _show_stored(office, state.incident_id)
        _confirm("Put the old values back?", declined=0)
    command = asked.model_copy(update={"by": office.who()})
    if office.policy_is_elsewhere:
        which = asked.incident_id or {"function": asked.function}
        event = {"rollback": which, "by": command.by}
        _relay(office, event, states[0].incident_id, shown)
        return
    _show(outside, office.runbook().run(command), shown)


def freeze(
    context: typer.Context,
    *,
    function: options.Function = None,
    reason: options.Reason = "",
    place: options.Journalled,
    listed: options.Accounts = None,
    shown: options.Shown = Format.TEXT,
) -> None:
    """Stop all changes, or those of one function, until they are let go on: unfreeze.

    With --accounts: in all of them. 1 where one cannot be reached; the others are stopped.
    """
    _switch(context.obj, place, listed, function, shown, on=True, reason=reason)


def unfreeze(
    context: typer.Context,
    *,
    function: options.Function = None,
    place: options.Journalled,
    listed: options.Accounts = None,
    shown: options.Shown = Format.TEXT,
) -> None:
    """Let changes go on, all or those of one function; with --accounts: in all of them."""
    _switch(context.obj, place, listed, function, shown, on=False, reason="")


_PROPOSED = 3


def _switch(
    outside: Outside,
    place: Place,
    listed: Path | None,
    function: str | None,
    shown: Format,
    *,
    on: bool,
    reason: str,
) -> None:
    scope = bare_function(function) if function else "all"

    def switched(office: Office) -> Report:
        command = SetFreeze(scope=scope, on=on, reason=reason, by=office.who())
        return office.reader().run(command)

    if listed is None:
        office = open_office(outside, place)
        need_journal(office)
        _show(outside, switched(office), shown)
        return
    accounts.alone(place.profile, place.region)
    accounts.show(
        accounts.in_all(outside, listed, switched),
        "Frozen in" if on else "Let go on in",
        lambda report: Section("", lines=(report.outcome.reason,)),
        lambda report: report.model_dump(mode="json"),
        shown,
    )


def _relay(office: Office, event: dict[str, Any], incident_id: str, shown: Format) -> None:
    """Have the deployed remediator do it, by the policy that only it has."""
    wiring.ask(office.clients, str(office.remediator_arn), event)
    if shown is Format.JSON:
        showing.data({"asked": office.remediator_arn, "event": event})
    else:
        showing.plain_page(
            incidents.relayed(incident_id, office.remediator, office.clients.region), shown
        )


def _acting_office(outside: Outside, place: Place, *, relayed: bool = False) -> Office:
    """Everything that acting needs, or an explanation. ``relayed``: the deployed remediator may do
    it, where only it has the policy. Raises InputError."""
    office = open_office(outside, place)
    need_journal(office)
    if relayed and office.policy_is_elsewhere:
        return office
    must_be_opted_in(office)
    if office.remediator_arn is None or office.settings.follow_up_role_arn is None:
        raise InputError(
            "nobody would look whether a change helped: name the deployed remediator with "
            "--remediator-function NAME or REMEDIATOR_FUNCTION; it is woken for the follow-ups "
            "(its own settings, or REMEDIATOR_FOLLOW_UP_ROLE_ARN, name the role for that)"
        )
    return office


def must_be_opted_in(office: Office) -> None:
    """Mode plan is a "no" of the policy: exit code 4, before anything is looked at."""
    if policy_of(office).mode is Mode.PLAN:
        typer.echo(
            f"Nothing was changed: mode is plan in {office.settings.policy_file}. Opt in there "
            "with 'mode: apply', or with REMEDIATOR_MODE=apply. To see what would be done: "
            "remediator plan",
            err=True,
        )
        raise typer.Exit(4)


def _must_be_askable(outside: Outside, *, yes: bool) -> None:
    if not yes and not outside.interactive():
        raise typer.BadParameter(
            "this changes things, and there is no terminal to ask at: say --yes",
            param_hint="'--yes'",
        )


def _confirm(question: str, *, declined: int) -> None:
    if not typer.confirm(question, err=True):
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(declined)


def _show(outside: Outside, found: Report, shown: Format) -> None:
    showing.report(outside, found, shown)
    raise showing.end(found)


def _show_stored(office: Office, incident_id: str) -> IncidentState:
    state = office.reader().load_incident(incident_id)
    showing.plain_page(incidents.incident(state, (), office.remediator), Format.TEXT)
    return state


def _rollback(incident_id: str | None, function: str | None) -> Rollback:
    if (incident_id is None) == (function is None):
        raise typer.BadParameter("name an incident or a --function", param_hint="'INCIDENT'")
    if incident_id is not None:
        return Rollback(incident_id=named_incident(incident_id))
    return Rollback(function=bare_function(function))


def named_incident(value: str) -> str:
    """An incident's id. Raises a usage error for what cannot be one."""
    try:
        return names.incident_id(value)
    except InputError as error:
        raise usage(error, "INCIDENT") from error


def bare_function(value: object) -> str:
    """A function's name without alias or version. Raises a usage error."""
    try:
        return str(names.function(value).watched.function)
    except InputError as error:
        raise usage(error, "--function") from error


COMMANDS = (
    Command(
        "apply",
        PANEL,
        apply,
        "REMEDIATOR_MODE=apply remediator apply --function orders --remediator-function remediator",
    ),
    Command("approve", PANEL, approve, "remediator approve inc-0123456789abcdef0123"),
    Command(
        "rollback",
        PANEL,
        rollback,
        "remediator rollback inc-0123456789abcdef0123\nremediator rollback --function orders --yes",
    ),
    Command("freeze", PANEL, freeze, 'remediator freeze --reason "a release is under way"'),
    Command("unfreeze", PANEL, unfreeze, "remediator unfreeze --function orders"),
)
