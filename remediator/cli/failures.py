"""Errors in words: where, what, and what to do about it; no traceback where that can be said."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from remediator.errors import InputError, PermanentError, RemediatorError, TemporaryError
from remediator.escaping import paragraphs, printed

# Characters of a command's first sentence in the list: it is never cut.
_WHOLE = 1000

_SIGN_IN = "Sign in again (aws sso login), or name other credentials with --profile."
_HINTS = {
    "NoCredentialsError": "Name credentials with --profile NAME or AWS_PROFILE, or offline: "
    "--evidence FILE needs none.",
    "PartialCredentialsError": "The credentials are incomplete: see 'aws configure list'.",
    "NoRegionError": "Name the Region with --region NAME, AWS_REGION or the profile.",
    "ProfileNotFound": "See the profiles there are: aws configure list-profiles",
    "ExpiredToken": _SIGN_IN,
    "ExpiredTokenException": _SIGN_IN,
    "SSOTokenLoadError": _SIGN_IN,
    "TokenRetrievalError": _SIGN_IN,
    "UnauthorizedSSOTokenError": _SIGN_IN,
    "InvalidClientTokenId": "AWS does not know these credentials. " + _SIGN_IN,
    "UnrecognizedClientException": "AWS does not know these credentials. " + _SIGN_IN,
    "ResourceNotFoundException": "Is it in this account and Region? See --profile and --region.",
}


def hint(error: RemediatorError) -> str:
    """What to do about it; empty where the message says it all."""
    if isinstance(error, PermanentError) and error.permission:
        return f"Grant {error.permission} to whom you are signed in as; see policies/iam.yml."
    if isinstance(error, PermanentError):
        return _HINTS.get(error.code, "")
    if isinstance(error, TemporaryError):
        return "This may pass: try again. If it stays, check --region and the network."
    return ""


def told(error: RemediatorError) -> str:
    """The message, then what to do about it."""
    advice = hint(error)
    return f"Error: {error}" + (f"\n{advice}" if advice else "")


def complain(message: object) -> None:
    """Say on standard error what is wrong: nothing of it is obeyed by what reads it."""
    typer.echo(printed(paragraphs(message)), err=True)


class Listed(TyperGroup):
    """Commands that the help lists panel by panel, none of their sentences cut."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            panel = getattr(command, "rich_help_panel", None) or "Commands"
            panels.setdefault(panel, []).append((name, command.get_short_help_str(_WHOLE)))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)


class Commands(Listed):
    """The commands; an error of ours ends in one message and exit code 1."""

    def make_context(self, *words: Any, **how: Any) -> Any:
        """Read the command line."""
        with _harmless():
            return super().make_context(*words, **how)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            with _harmless():
                return super().invoke(ctx)
        except RemediatorError as error:
            complain(told(error))
            raise typer.Exit(1) from error
        except BrokenPipeError as error:  # the reader, such as head, has seen enough
            sys.stderr.close()
            raise typer.Exit(1) from error


@contextmanager
def _harmless() -> Iterator[None]:
    """What Typer says of a wrong word, and what Python says of a mistake of ours, may quote what
    came from outside."""
    try:
        yield
    except (RemediatorError, BrokenPipeError, typer.Abort, typer.Exit):
        raise
    except Exception as error:
        said = getattr(error, "format_message", None)
        if said is None:
            complain(traceback.format_exc())
            raise typer.Exit(1) from error
        message = printed(paragraphs(said()))
        error.format_message = lambda: message  # type: ignore[attr-defined]
        raise


def usage(error: InputError, option: str) -> typer.BadParameter:
    """A wrong option's value as a usage error (exit code 2)."""
    return typer.BadParameter(str(error), param_hint=f"'{option}'")
