"""alarms: one alarm for each chosen function, with a threshold from its own history."""

from typing import Annotated

import typer

from remediator import alarming, wiring
from remediator.alarming import Verb
from remediator.cli import options, showing
from remediator.cli.options import Command, Format
from remediator.cli.outside import Outside, Place, open_office, policy_of
from remediator.errors import InputError
from remediator.render import rules

PANEL = "Look after the alarms"
_PROPOSED = 3

Functions = Annotated[
    list[str] | None,
    typer.Option(
        "--function",
        metavar="PATTERN",
        help="Functions by name or pattern (orders-*); all that a stream feeds if not said.",
    ),
]
Create = Annotated[
    bool, typer.Option("--create", help="Make it so: create, change, and remove what is left over.")
]
Remove = Annotated[bool, typer.Option("--remove", help="Remove the alarms of these functions.")]
Force = Annotated[bool, typer.Option("--force", help="Also what a person has set since.")]
Topic = Annotated[
    str | None,
    typer.Option(
        "--topic", metavar="ARN", help="What the alarms call, where it is not the function itself."
    ),
]


def alarms(
    context: typer.Context,
    *,
    function: Functions = None,
    create: Create = False,
    remove: Remove = False,
    force: Force = False,
    topic: Topic = None,
    place: Annotated[Place, "policy", "deployment", "profile", "region"],
    shown: options.Shown = Format.TEXT,
) -> None:
    """Show which alarm each stream consumer should have; with --create or --remove, make it so.

    The threshold comes from the function's last 14 days, its batching window, the stream's
    retention and what the policy calls late. Only alarms whose names begin with remediator-age-
    are touched, and a threshold that a person has set stays, but with --force. Repeating it changes
    nothing more. 0: as it should be, or done. 3: to change.
    """
    if create and remove:
        raise typer.BadParameter("say one of --create and --remove", param_hint="'--remove'")
    outside: Outside = context.obj
    office = open_office(outside, place)
    action = _action(topic, office.remediator_arn, needed=create)
    keeper = wiring.alarm_keeper(office.clients)
    patterns = function or ["*"]
    existing = keeper.existing()
    steps = (
        alarming.removals(existing.thresholds, patterns)
        if remove
        else alarming.steps(
            keeper.consumers(outside.clock()),
            existing.thresholds,
            patterns,
            policy_of(office).thresholds.alarm_seconds,
            frozenset() if force else existing.theirs,
        )
    )
    changing = create or remove
    if changing:
        keeper.carry_out(steps, action)
    if shown is Format.JSON:
        showing.data({"done": changing, "alarms": [step._asdict() for step in steps]})
    else:
        showing.plain_page(rules.alarm_steps(steps, done=changing), shown)
    open_ends = not changing and any(step.verb is not Verb.KEEP for step in steps)
    raise typer.Exit(_PROPOSED if open_ends else 0)


def _action(topic: str | None, remediator: str | None, *, needed: bool) -> str:
    """What the alarms call."""
    action = topic or remediator or ""
    if needed and not action:
        raise InputError(
            "whom shall the alarms call? Name the deployed remediator with --remediator-function "
            "NAME, or a topic that it subscribes to with --topic ARN"
        )
    return action


COMMANDS = (
    Command(
        "alarms",
        PANEL,
        alarms,
        "remediator alarms --function 'orders-*'\n"
        "remediator alarms --create --remediator-function NAME",
    ),
)
