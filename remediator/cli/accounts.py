"""Many accounts and Regions: a file that lists them, and one command in all of them side by side.

What the file does not allow is asked nothing: not even for a role. And what answers has to be the
account that is written there, before anything is read or written in it.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from remediator import plain_yaml, wiring
from remediator.arns import parsed
from remediator.cli import showing
from remediator.cli.failures import told
from remediator.cli.options import Format
from remediator.cli.outside import Office, Outside, Place, need_journal, open_office
from remediator.environment import PREFIX
from remediator.errors import FileError, InputError, Problem, RemediatorError
from remediator.escaping import field_path, visible
from remediator.render.page import Page, Section, Tone
from remediator.wiring import Clients

AccountId = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
_AT_ONCE = 8


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Account(_Settings):
    """One account in one Region, and how it is reached: by a profile, a role, or a role that a
    profile takes on."""

    name: str
    account: AccountId
    region: str
    profile: str | None = None
    role: str | None = None
    """ARN of a role of that account, taken on by sts:AssumeRole."""
    external_id: str | None = None
    """What the role's trust policy asks for (IAM User Guide: the confused deputy)."""
    remediator_function: str | None = None
    """The deployed remediator, whose journal it is; in its place ``journal``, the table."""
    journal: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Account":
        if not (self.profile or self.role):
            raise ValueError("say how it is reached: profile, role or both")
        if self.external_id and not self.role:
            raise ValueError("external_id goes with role")
        if self.role:
            arn = parsed(self.role)
            if arn is None or arn.service != "iam" or not arn.resource.startswith("role/"):
                raise ValueError(f"role: expected the ARN of a role, got {self.role}")
            if arn.account_id != self.account:
                raise ValueError(f"role: it is of account {arn.account_id}, not {self.account}")
        if bool(self.remediator_function) is bool(self.journal):
            raise ValueError("say remediator_function or journal, one of both")
        return self


class AccountsFile(_Settings):
    """The accounts, and which of them a command may enter at all."""

    allowed_accounts: tuple[AccountId, ...] = Field(min_length=1)
    accounts: tuple[Account, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _allowed(self) -> "AccountsFile":
        for one in self.accounts:
            if one.account not in self.allowed_accounts:
                raise ValueError(f"{one.name}: {one.account} is not among allowed_accounts")
        names = [one.name for one in self.accounts]
        if len(set(names)) < len(names):
            raise ValueError("each of accounts needs a name of its own")
        return self


class Answered(NamedTuple):
    """What one account has answered, or why it has not."""

    account: Account
    answer: Any = None
    error: RemediatorError | None = None

    @property
    def heading(self) -> str:
        """Which one it is."""
        return f"{self.account.name} ({self.account.account}, {self.account.region})"


def load(path: Path) -> AccountsFile:
    """The file. Raises InputError with the line and the field of what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    document = plain_yaml.read(text, str(path))
    try:
        return AccountsFile.model_validate(document.value)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise FileError(
            *(_problem(document, one["loc"], one["msg"]) for one in problems)
        ) from error


def _problem(document: plain_yaml.Document, at: tuple[int | str, ...], said: str) -> Problem:
    message = said.removeprefix("Value error, ")
    where = f"{field_path(at)}: " if at else ""
    return Problem(document.name, document.line(at), visible(f"{where}{message}"))


def alone(*said: str | None) -> None:
    """Raises BadParameter where a command line names one place or target beside the file."""
    if any(said):
        raise typer.BadParameter(
            "the file says where: not together with a profile, a Region or a target",
            param_hint="'--accounts'",
        )


def in_all(outside: Outside, path: Path, act: Callable[[Office], Any]) -> list[Answered]:
    """What each account answers, in the file's order; one that fails stops none of the others.

    Raises InputError for a file that is wrong.
    """
    accounts = load(path).accounts
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(lambda one: _answered(outside, one, act), accounts))


def _answered(outside: Outside, account: Account, act: Callable[[Office], Any]) -> Answered:
    try:
        return Answered(account, act(_office(outside, account)))
    except RemediatorError as error:
        return Answered(account, error=error)


def _office(outside: Outside, account: Account) -> Office:
    """The account, opened. Raises InputError where another account answers."""
    clients = _clients(outside, account)
    found, _ = wiring.whoami(clients)
    if found != account.account:
        raise InputError(f"the credentials are of account {found}, not {account.account}")
    # This machine's own variables are about one deployment, and not about each of these.
    environ = {key: value for key, value in outside.environ.items() if not key.startswith(PREFIX)}
    there = outside._replace(environ=environ, clients=lambda *_: clients)
    place = Place(None, account.region, None, account.journal, account.remediator_function)
    office = open_office(there, place)
    need_journal(office)
    return office


def _clients(outside: Outside, account: Account) -> Clients:
    clients = outside.clients(account.profile, account.region)
    if account.role is None:
        return clients
    return wiring.clients_as(
        clients, account.role, account.external_id, account.region, f"remediator-{outside.user}"
    )


# --- how it is told ------------------------------------------------------------------------------


def show(
    found: Sequence[Answered],
    title: str,
    section: Callable[[Any], Section],
    data: Callable[[Any], Any],
    shown: Format,
) -> None:
    """Account by account. Ends in exit code 1 where one has not answered."""
    silent = [one for one in found if one.error is not None]
    if shown is Format.JSON:
        showing.data({"accounts": [_data(one, data) for one in found]})
    else:
        unseen = f", {len(silent)} not reached" if silent else ""
        sections = tuple(_section(one, section) for one in found)
        tone = Tone.BAD if silent else Tone.CALM
        showing.plain_page(
            Page(f"{title} {len(found)} accounts{unseen}", tone, sections=sections), shown
        )
    if silent:
        raise typer.Exit(1)


def _section(one: Answered, section: Callable[[Any], Section]) -> Section:
    if one.error is not None:
        return Section(one.heading, lines=tuple(told(one.error).splitlines()))
    return section(one.answer)._replace(heading=one.heading)


def _data(one: Answered, data: Callable[[Any], Any]) -> dict[str, Any]:
    about = one.account.model_dump(include={"name", "account", "region"})
    if one.error is not None:
        return about | {"error": str(one.error)}
    return about | {"answer": data(one.answer)}
