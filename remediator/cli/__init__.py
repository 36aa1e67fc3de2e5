"""The command ``remediator``: the handler's verbs, for people and for CI.

options    what can be said on the command line
outside    environment, clock, terminal and AWS, as the commands find them
showing    formats and exit codes
failures   errors in words, and what to do about them
files      files as they are named
saved      answers from saved evidence
kept       records that were given up, as redrive keeps them
looking, acting, journal, reporting, alarms, doctor, permissions,
    quota, redriving, removing, tables, checking    the commands
"""

import typer

from remediator.cli import (
    acting,
    alarms,
    checking,
    doctor,
    journal,
    looking,
    permissions,
    quota,
    redriving,
    removing,
    reporting,
    tables,
)
from remediator.cli.failures import Commands
from remediator.cli.options import Version, examples, spread
from remediator.cli.outside import Outside

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text: no box, and nothing of a name is cut at any width
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(
    epilog="Exit codes: 0 nothing to do or done · 1 error · 2 usage · 3 changes proposed · "
    "4 proposed, but blocked by the policy"
)
def remediator(context: typer.Context, version: Version = False) -> None:  # noqa: ARG001, FBT002 - typer's way
    """Find why a stream's Lambda consumer falls behind, and pull the right lever.

    Nothing is changed by plan, explain and collect; they need reading permissions only.
    """
    context.obj = context.obj or Outside.real()


for commands in (
    looking.COMMANDS,
    acting.COMMANDS,
    journal.COMMANDS,
    reporting.COMMANDS,
    alarms.COMMANDS,
    doctor.COMMANDS,
    permissions.COMMANDS,
    quota.COMMANDS,
    redriving.COMMANDS,
    removing.COMMANDS,
    tables.COMMANDS,
):
    for command in commands:
        help_ends = examples(command.example)
        register = app.command(command.name, rich_help_panel=command.panel, epilog=help_ends)
        register(spread(command.run))
app.add_typer(checking.policy, name="policy", rich_help_panel="About the rules")


def main() -> None:
    """Entry of the command line."""
    app()
