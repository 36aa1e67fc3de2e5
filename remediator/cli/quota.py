"""quota: the account's concurrency, and a request for more."""

from typing import Annotated

import typer

from remediator import wiring
from remediator.cli import options, showing
from remediator.cli.options import Command, Format
from remediator.cli.outside import Outside, open_office
from remediator.render.page import Page, Section, Tone
from remediator.render.words import number

PANEL = "Change things"
ADVICE = (
    "AWS takes hours to days for it. Until then: free what other functions reserve, or reserve a "
    "share for the consumer that is starved."
)

Request = Annotated[
    int | None,
    typer.Option("--request", metavar="N", min=1, help="Ask AWS for N concurrent executions."),
]


def quota(
    context: typer.Context,
    *,
    request: Request = None,
    place: options.Account,
    shown: options.Shown = Format.TEXT,
    yes: options.Yes = False,
) -> None:
    """Show the account's quota of concurrency, what was used of it, and an open request for more.

    With --request it asks AWS, which takes hours to days: it is never waited for. Where as much
    was asked for already, nothing is asked again.
    """
    outside: Outside = context.obj
    if request is not None and not yes and not outside.interactive():
        raise typer.BadParameter(
            "this asks AWS for a higher quota, and there is no terminal to ask at: say --yes",
            param_hint="'--yes'",
        )
    quotas = wiring.quotas(open_office(outside, place).clients)
    found = quotas.concurrency(outside.clock())
    if request is not None and request <= found.value:
        raise typer.BadParameter(f"the quota is {found.value} already", param_hint="'--request'")
    if request is not None and (found.asked or 0) < request:
        if not yes:
            typer.confirm(f"Ask AWS for {request} instead of {found.value}?", abort=True, err=True)
        quotas.request(request)
        found = found._replace(asked=request)
    if shown is Format.JSON:
        showing.data(found._asdict())
        return
    used = "" if found.peak is None else f"{found.peak} at most in the last 14 days"
    facts = (("quota", str(found.value)), ("used", used), ("asked for", number(found.asked)))
    waits = (Section("", (ADVICE,)),) if found.asked else ()
    showing.plain_page(Page("Concurrent executions", Tone.CALM, facts, waits), shown)


COMMANDS = (
    Command(
        "quota",
        PANEL,
        quota,
        "remediator quota --region eu-west-1\nremediator quota --request 2000",
    ),
)
