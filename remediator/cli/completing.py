"""Names that the shell completes: functions that a stream feeds, incidents of the journal.

It is asked at each press of the tab key, and has nowhere to say what went wrong: then it says
nothing.
"""

from contextlib import suppress
from datetime import timedelta

import typer

from remediator import wiring
from remediator.cli.outside import Outside, Place, open_office
from remediator.escaping import visible

_BACK = timedelta(days=30)


def function(context: typer.Context, incomplete: str) -> list[str]:
    """Functions that begin so."""
    with suppress(Exception):
        found = wiring.consumers(open_office(_outside(context), _place(context)).clients)
        return [name for name in sorted(found) if name.startswith(incomplete)]
    return []


def incident(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Incidents of the last month that begin so, the newest first, each with what it is about."""
    with suppress(Exception):
        outside = _outside(context)
        office = open_office(outside, _place(context))
        account, region = wiring.whoami(office.clients)
        journal = office.reader().need_journal()
        return [
            (state.incident_id, visible(f"{state.target.function}, {state.stage}"))
            for state in journal.recent(account, region, outside.clock() - _BACK)
            if state.target is not None and state.incident_id.startswith(incomplete)
        ]
    return []


def _outside(context: typer.Context) -> Outside:
    found = context.find_root().obj
    return found if isinstance(found, Outside) else Outside.real()


def _place(context: typer.Context) -> Place:
    said = context.params
    return Place(
        profile=said.get("profile"),
        region=said.get("region"),
        journal=said.get("journal"),
        deployment=said.get("deployment"),
    )
