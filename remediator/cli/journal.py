"""history, frozen, freezes: what the journal knows."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from remediator import wiring
from remediator.cli import accounts, options, showing
from remediator.cli.acting import bare_function
from remediator.cli.looking import incident, one_of
from remediator.cli.options import Command, Format
from remediator.cli.outside import Office, Outside, Place, need_journal, open_office
from remediator.model import Mode
from remediator.ports import Journal
from remediator.render import incidents, rules
from remediator.state import Freeze, IncidentState

PANEL = "Look back"

OnlyOpen = Annotated[bool, typer.Option("--open", help="Only those that are not closed.")]
Days = Annotated[int, typer.Option("--days", min=1, max=400, help="How far back, for an account.")]


def history(
    context: typer.Context,
    *,
    about: options.About,
    only_open: OnlyOpen = False,
    days: Days = 7,
    place: options.Journalled,
    listed: options.Accounts = None,
    shown: options.Shown = Format.TEXT,
) -> None:
    """List incidents, newest first: of one target, else of the whole account in this Region.

    With --accounts: of all of them. 1 where one cannot be reached; the others are shown.
    """
    outside: Outside = context.obj
    if listed is not None:
        accounts.alone(*about, place.profile, place.region)
        _of_accounts(outside, listed, days, shown, only_open=only_open)
        return
    office = journal_office(outside, place)
    if any(about):
        named = one_of(about)
        session = office.reader()
        target = session.choose_target(incident(named, outside.clock(), Mode.PLAN))
        found = _journal(office).history(target.known_as)
        whose = f"of {target.function}, mapping {target.event_source_mapping}"
    else:
        found, whose = _of_account(outside, office, days, only_open=only_open)
    kept = [state for state in found if state.open or not only_open]
    if shown is Format.JSON:
        showing.data([state.model_dump(mode="json") for state in kept])
    else:
        showing.plain_page(incidents.incidents(kept, whose), shown)


def _of_accounts(
    outside: Outside, listed: Path, days: int, shown: Format, *, only_open: bool
) -> None:
    found = accounts.in_all(
        outside, listed, lambda office: _of_account(outside, office, days, only_open=only_open)[0]
    )
    accounts.show(
        found,
        "Open incidents of" if only_open else f"Incidents of the last {days} days of",
        incidents.listed,
        lambda states: [state.model_dump(mode="json") for state in states],
        shown,
    )


def _of_account(
    outside: Outside, office: Office, days: int, *, only_open: bool
) -> tuple[tuple[IncidentState, ...], str]:
    account, region = wiring.whoami(office.clients)
    if only_open:
        return _journal(office).open_incidents(account, region), f"open in {account}, {region}"
    since = outside.clock() - timedelta(days=days)
    return _journal(office).recent(account, region, since), f"of {account}, {region}, {days} days"


def frozen(
    context: typer.Context,
    *,
    function: options.Function = None,
    place: options.Journalled,
    shown: options.Shown = Format.TEXT,
) -> None:
    """Say whether changes are stopped, by whom and why: everywhere, or for one function."""
    office = journal_office(context.obj, place)
    scopes = ["all", *([bare_function(function)] if function else [])]
    found: Freeze | None = office.reader().freeze_switch()
    found = found or _journal(office).frozen(scopes)
    if shown is Format.JSON:
        showing.data({"frozen": found.model_dump(mode="json") if found else None})
    else:
        showing.plain_page(rules.freeze(found, scopes), shown)


def freezes(
    context: typer.Context,
    *,
    place: options.Journalled,
    shown: options.Shown = Format.TEXT,
) -> None:
    """List everything that is frozen, each with by whom, since when and why."""
    office = journal_office(context.obj, place)
    switched = office.reader().freeze_switch()
    found = (*([switched] if switched else []), *_journal(office).freezes())
    if shown is Format.JSON:
        showing.data({"freezes": [one.model_dump(mode="json") for one in found]})
    else:
        showing.plain_page(rules.freezes(found), shown)


def journal_office(outside: Outside, place: Place) -> Office:
    """A place with a journal. Raises InputError where none is configured."""
    office = open_office(outside, place)
    need_journal(office)
    return office


def _journal(office: Office) -> Journal:
    return office.reader().need_journal()


COMMANDS = (
    Command(
        "history",
        PANEL,
        history,
        "remediator history --function orders\nremediator history --open\n"
        "remediator history --open --accounts accounts.yml",
    ),
    Command("frozen", PANEL, frozen, "remediator frozen --function orders"),
    Command("freezes", PANEL, freezes, "remediator freezes --format json"),
)
