"""uninstall: put back what is in effect, then say how the stack is deleted, and what stays."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Annotated

import typer

from remediator import wiring
from remediator.cli import options, showing
from remediator.cli.acting import must_be_opted_in
from remediator.cli.doctor import Deployed
from remediator.cli.options import Command, Format
from remediator.cli.outside import Office, Outside, Place, need_journal, open_office
from remediator.errors import InputError, PermanentError, TemporaryError
from remediator.escaping import command
from remediator.events.requests import Rollback, SetFreeze
from remediator.model import Mode, Report
from remediator.render import incidents
from remediator.render.page import Page, Section, Tone
from remediator.state import IncidentState

PROPOSED, ERROR = 3, 1
REASON = "the remediator is being uninstalled"
_REMEMBERED = timedelta(days=400)
_MOST = 1000
STACK_TAG = "aws:cloudformation:stack-name"


def uninstall(
    context: typer.Context,
    *,
    deployment: Deployed,
    place: Annotated[Place, "policy", "journal", "profile", "region"],
    yes: options.Yes = False,
) -> None:
    """Show what of ours is in effect; with --yes freeze it and put it back. Then say how the stack
    is deleted.

    0: nothing of ours is in effect. 3: something is, and --yes was not said. 1: not all could be
    put back. 4: the mode is plan, in which nothing is undone.
    """
    outside: Outside = context.obj
    office = open_office(outside, place._replace(deployment=deployment))
    need_journal(office)
    states = in_effect(office)
    for state in states:
        showing.plain_page(incidents.undoing(state), Format.TEXT)
    if states and not yes:
        typer.echo("\nNothing was changed. To put it back: say --yes.", err=True)
        raise typer.Exit(PROPOSED)
    if states:
        must_be_opted_in(office)
        for report in _put_back(office, states):
            showing.report(outside, report, Format.TEXT)
    left = in_effect(office)
    showing.plain_page(_steps(office, left), Format.TEXT)
    if left:
        raise typer.Exit(ERROR)


def in_effect(office: Office) -> tuple[IncidentState, ...]:
    """The incidents, open or closed, of what this deployment watches, that hold settings."""
    session = office.runbook(Mode.PLAN)
    account, region = wiring.whoami(office.clients)
    since = office.outside.clock() - _REMEMBERED
    known = (
        *session.need_journal().open_incidents(account, region),
        *session.need_journal().recent(account, region, since, _MOST),
    )
    by_id = {state.incident_id: state for state in known}
    return tuple(
        state
        for state in by_id.values()
        if state.in_effect and state.target is not None and session.opted_in(state.target)
    )


def _put_back(office: Office, states: Sequence[IncidentState]) -> list[Report]:
    """Frozen first, so that no alarm makes anew what is put back; a rollback that a person asks
    for is made all the same."""
    who = office.who()
    for scope in dict.fromkeys(state.target.function for state in states if state.target):
        with suppress(InputError):  # it is gone, and nothing will be changed of it
            freeze = SetFreeze(scope=scope, on=True, reason=REASON, by=who)
            office.runbook(Mode.PLAN).run(freeze)
    return [
        office.runbook().run(Rollback(incident_id=state.incident_id, by=who)) for state in states
    ]


def _steps(office: Office, left: Sequence[IncidentState]) -> Page:
    if left:
        return Page(
            "Not all could be put back: do not delete the stack yet",
            Tone.BAD,
            sections=(
                Section(
                    "What is left",
                    ("Put it back by hand, or look again:",),
                    commands=tuple(
                        command("remediator", "report", state.incident_id, *_where(office))
                        for state in left
                    ),
                ),
            ),
        )
    place = ("--region", office.clients.region)
    stack, table = _stack(office), office.settings.journal_table
    queue = (office.settings.quarantine_queue_arn or "").rpartition(":")[2] or "QUARANTINE"
    delete = ("aws", "cloudformation", "delete-stack", "--stack-name", stack, *place)
    forget = ("aws", "dynamodb", "delete-table", "--table-name", table, *place)
    look = ("aws", "sqs", "get-queue-url", "--queue-name", queue, *place)
    return Page(
        "Nothing of ours is in effect",
        Tone.GOOD,
        sections=(
            Section(
                "Then, in this order",
                _BEFORE,
                commands=(
                    command("remediator", "alarms", "--remove", *_where(office)),
                    command(*delete),
                ),
            ),
            Section(
                "What stays until you delete it",
                _STAYS,
                commands=(command(*forget), command(*look)),
            ),
        ),
    )


_BEFORE = (
    "Remove the alarms that were made one by one.",
    "Detach the policy of the output QuarantineSendPolicyArn from the consumers' roles.",
    "Name another destination where a mapping still names the quarantine.",
    "Delete the stack.",
)
_STAYS = (
    "The journal, with every setting's former value.",
    "The quarantine, with what is kept there of records that could not be processed.",
    "The bucket of captured records, where the parameter CaptureBucket has made one.",
)


def _where(office: Office) -> tuple[str, ...]:
    named = ("--remediator-function", office.remediator) if office.remediator else ()
    return (*named, "--region", office.clients.region)


def _stack(office: Office) -> str:
    """The stack's name, as CloudFormation tags what it makes."""
    with suppress(PermanentError, TemporaryError):
        tags = wiring.inspector(office.clients).function_tags(office.remediator_arn or "")
        return tags.get(STACK_TAG, "STACK")
    return "STACK"


COMMANDS = (
    Command(
        "uninstall",
        "Install and remove",
        uninstall,
        "REMEDIATOR_MODE=apply remediator uninstall --remediator-function remediator --yes",
    ),
)
