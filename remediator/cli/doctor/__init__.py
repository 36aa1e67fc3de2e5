"""doctor: is a deployment wired as it must be; each check with what to do. It changes nothing."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated

import typer

from remediator import wiring
from remediator.arns import parsed
from remediator.cli import options, showing
from remediator.cli.doctor import itself, needs, pipeline
from remediator.cli.doctor.finding import Finding, Health, Patient
from remediator.cli.failures import hint
from remediator.cli.options import Command, Format
from remediator.cli.outside import Outside, Place, open_office
from remediator.environment import Settings
from remediator.errors import InputError, PermanentError, RemediatorError
from remediator.render.page import Page, Section, Table, Tone

# In the order in which a newcomer would wonder; one that cannot look hides none of the others.
CHECKS: Mapping[str, Callable[[Patient], Finding]] = {
    "function": itself.runs,
    "mode": itself.mode,
    "policy": itself.policy,
    "permissions": itself.role,
    "journal": needs.journal,
    "one journal": needs.one_journal,
    "schedule role": needs.schedule_role,
    "alarm": needs.alarm,
    "quarantine": needs.quarantine,
    "notices": needs.notices,
    "freeze": needs.freeze,
    "tags": pipeline.tags,
    "dry plan": pipeline.dry_plan,
}


def checked(who: Patient) -> Iterator[tuple[str, Finding]]:
    """Every check with what it found."""
    for name, check in CHECKS.items():
        try:
            yield name, check(who)
        except RemediatorError as error:
            yield name, _unseen(error)


def _unseen(error: RemediatorError) -> Finding:
    """What is not there is in the way; what may not be looked at proves nothing."""
    gone = isinstance(error, PermanentError) and error.gone
    health = Health.FAIL if gone or isinstance(error, InputError) else Health.WARN
    return Finding(
        health, str(error), hint(error) or "See the troubleshooting in docs/operations.md."
    )


Deployed = Annotated[
    str,
    typer.Option(
        "--remediator-function",
        metavar="NAME",
        envvar="REMEDIATOR_FUNCTION",
        help="The deployed remediator that is checked.",
    ),
]


def doctor(
    context: typer.Context,
    *,
    deployment: Deployed,
    function: options.Function = None,
    place: Annotated[Place, "policy", "profile", "region"],
    shown: options.Shown = Format.TEXT,
) -> None:
    """Check that a deployment is wired as it must be, down to one dry plan; say what to do.

    It changes nothing. 0: nothing is in the way. 1: something is. What may not be looked at is
    warned of; remediator iam --for operator prints what that needs.
    """
    outside: Outside = context.obj
    found = dict(
        checked(_patient(outside, place._replace(deployment=deployment), deployment, function))
    )
    if shown is Format.JSON:
        showing.data({name: one._asdict() for name, one in found.items()})
    else:
        showing.plain_page(_page(deployment, found), shown)
    if any(one.health is Health.FAIL for one in found.values()):
        raise typer.Exit(1)


def _patient(outside: Outside, place: Place, name: str, function: str | None) -> Patient:
    office = open_office(outside, place)
    here = parsed(office.remediator_arn)
    if office.remediator_arn is None or here is None:
        raise InputError(f"{name} has no ARN")
    environ = wiring.deployed(office.clients, name).environ
    settings = Settings.from_environment(environ, needs_journal=False)
    watched = (function,) if function else settings.target_functions
    one = watched[0] if len(watched) == 1 and not set(watched[0]) & set("*?[") else None
    return Patient(
        office, wiring.inspector(office.clients), office.remediator_arn, here, settings, one
    )


def _page(name: str, found: Mapping[str, Finding]) -> Page:
    worst = {one.health for one in found.values()}
    tone, title = next(told for health, told in _TOLD.items() if health in worst)
    rows = tuple((check, one.health.value, one.found, one.advice) for check, one in found.items())
    table = Table(("check", "is", "found", "what to do"), rows)
    return Page(title.format(name), tone, sections=(Section("", table=table),))


# The worst comes first.
_TOLD = {
    Health.FAIL: (Tone.BAD, "Something is in the way of {}"),
    Health.WARN: (Tone.CAREFUL, "Nothing is in the way of {}; see the warnings"),
    Health.OK: (Tone.GOOD, "All is well with {}"),
}

COMMANDS = (
    Command(
        "doctor",
        "Install and remove",
        doctor,
        "remediator doctor --remediator-function remediator --function orders",
    ),
)
