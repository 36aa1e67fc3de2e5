"""The function as a custom widget of a CloudWatch dashboard: open incidents, and two buttons.

The dashboard invokes the function in the name of whoever looks at it, and shows the HTML that comes
back. A button sends what it holds beside ``widgetContext``; without that it is an event by hand as
any other, held to the very same rules. What approves or undoes is taken, and nothing else.

Source: CloudWatch User Guide, "Details about custom widgets" and "Interactivity in the custom
widget".
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from remediator import wiring
from remediator.environment import Settings
from remediator.errors import InputError, RemediatorError
from remediator.events.intake import understand
from remediator.events.requests import Approve, Rollback
from remediator.model import Mode, Report
from remediator.ports import Journal
from remediator.render import widget as drawn
from remediator.runbook import Runbook
from remediator.state import Freeze
from remediator.wiring import Caller, Runtime

CONTEXT, DESCRIBE = "widgetContext", "describe"
# The dashboard does not say who; CloudTrail does, where it records invocations.
BY = "somebody at a CloudWatch dashboard"


class Place(NamedTuple):
    """Which deployment answers, and where."""

    settings: Settings
    caller: Caller
    runtime: Runtime
    account_id: str | None
    region: str | None

    def runbook(self, mode: Mode | None = None) -> Runbook:
        """The runbook; ``mode`` plan is wired to an actuator that cannot write."""
        settings = self.settings.model_copy(update={"mode": mode} if mode else {})
        return wiring.runbook(settings, self.caller, self.runtime)


def answer(event: Mapping[str, Any], place: Place) -> dict[str, Any] | str:
    """HTML for the dashboard; for its question what this is, Markdown.

    What is asked for and cannot be done is shown. Raises what is no fault of the asker's.
    """
    if event.get(DESCRIBE) is True:
        return {"markdown": drawn.MANUAL}
    asked = {key: value for key, value in event.items() if key not in {CONTEXT, DESCRIBE}}
    done: Report | None = None
    problem = ""
    try:
        done = _done(asked, place) if asked else None
    except RemediatorError as error:
        problem = str(error)
    return _page(place, done, problem)


def _done(asked: Mapping[str, Any], place: Place) -> Report:
    """What a button asks for. Raises InputError for everything but an approval or a rollback."""
    command = understand(
        {**asked, "by": BY},
        place.runtime.clock(),
        account_id=place.account_id,
        region=place.region,
    )
    if not isinstance(command, Approve | Rollback):
        raise InputError("a widget approves and undoes, and nothing else")
    return place.runbook().run(command)


def _page(place: Place, done: Report | None, problem: str) -> str:
    desk = place.runbook(Mode.PLAN)
    journal = desk.need_journal()
    if place.account_id is None or place.region is None or place.caller.function_arn is None:
        raise InputError("the invocation does not say who we are: no function ARN in its context")
    states = journal.open_incidents(place.account_id, place.region)
    return drawn.page(
        drawn.Shown(
            states=tuple(state for state in states if state.target and desk.opted_in(state.target)),
            freeze=_freeze(desk, journal),
            endpoint=place.caller.function_arn,
            mode=place.runbook().policy.mode,
            now=place.runtime.clock(),
            done=done,
            problem=problem,
        )
    )


def _freeze(desk: Runbook, journal: Journal) -> Freeze | str | None:
    """The freeze of everything, or why it cannot be seen."""
    try:
        return desk.freeze_switch() or journal.frozen(["all"])
    except RemediatorError as error:
        return str(error)
