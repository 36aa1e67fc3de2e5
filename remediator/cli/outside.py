"""Environment, clock, terminal and AWS, as the commands find them. Tests bring their own."""

import getpass
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from rich.console import Console

from remediator import wiring
from remediator.cli.progress import QUIET, Progress, ToldSensor
from remediator.environment import PREFIX, Settings
from remediator.errors import InputError, RemediatorError
from remediator.model import Bundle, Mode
from remediator.policy import Policy
from remediator.runbook import Runbook
from remediator.wiring import Caller, Clients, Deployed, Runtime


class Outside(NamedTuple):
    """What the commands need of the world."""

    environ: Mapping[str, str]
    clock: Callable[[], datetime]
    sleep: Callable[[float], object]
    clients: Callable[[str | None, str | None], Clients]
    interactive: Callable[[], bool]
    """Whether a person sits at a terminal and can be asked."""
    user: str
    progress: Progress = QUIET

    @classmethod
    def real(cls) -> "Outside":
        """This process's."""
        return cls(
            environ=os.environ,
            clock=lambda: datetime.now(UTC),
            sleep=time.sleep,
            clients=wiring.clients_of,
            interactive=lambda: sys.stdin.isatty() and sys.stderr.isatty(),
            user=_user(),
            progress=Progress(Console(stderr=True)),
        )


class Place(NamedTuple):
    """Where a command works and under which rules, as said on the command line."""

    profile: str | None = None
    region: str | None = None
    policy: Path | None = None
    journal: str | None = None
    deployment: str | None = None


class Office(NamedTuple):
    """A place that was opened: clients and settings, before anything is looked at."""

    outside: Outside
    clients: Clients
    settings: Settings
    remediator_arn: str | None

    @property
    def remediator(self) -> str | None:
        """The deployed remediator's name, for commands that are offered."""
        return self.remediator_arn.split(":function:")[-1] if self.remediator_arn else None

    def who(self) -> str:
        """Who acts: the identity that AWS sees, else the one of this machine."""
        try:
            return wiring.identity(self.clients)
        except RemediatorError:
            return self.outside.user

    def runbook(self, mode: Mode | None = None) -> Runbook:
        """The runbook; ``mode`` plan is wired to an actuator that cannot write."""
        self.need_policy()
        return self._made(self.settings.model_copy(update={"mode": mode} if mode else {}))

    def reader(self) -> Runbook:
        """A runbook for what no policy bears on: the journal, the freezes. It cannot write other
        people's settings, and needs no policy file: also where only the deployed one has it, what
        people were told to paste runs."""
        file = self.settings.policy_file
        if not file.exists():
            file = Settings.model_fields["policy_file"].default
        rules = {"policy_file": file, "policy_source": None}
        return self._made(self.settings.model_copy(update={"mode": Mode.PLAN, **rules}))

    def _made(self, settings: Settings) -> Runbook:
        caller = Caller(f"by-hand-{uuid4()}", self.remediator_arn)
        runtime = Runtime(self.outside.environ, self.outside.clock, self.outside.sleep)
        made = wiring.runbook(settings, caller, runtime, self.clients)
        return made._replace(sensor=ToldSensor(made.sensor, self.outside.progress))

    @property
    def policy_is_elsewhere(self) -> bool:
        """Whether only the deployed remediator has the policy that holds."""
        readable = self.settings.policy_source or self.settings.policy_file.exists()
        return self.remediator_arn is not None and not readable

    def need_policy(self) -> None:
        """Raises InputError, with what to do, where the deployed one's policy file is not here."""
        if self.policy_is_elsewhere:
            raise InputError(
                f"{self.settings.policy_file} is not here: the deployed remediator's policy lies "
                "in its artifact; name your copy of it with --policy FILE"
            )


def open_office(outside: Outside, place: Place) -> Office:
    """Clients and settings: the deployed remediator's own, then the environment's, then said ones.

    Raises InputError for a wrong setting, PermanentError or TemporaryError as AWS answers.
    """
    region = place.region or outside.environ.get("AWS_REGION") or None
    clients = outside.clients(place.profile, region)
    clients.tell_of_calls(outside.progress.called)
    deployed: Deployed | None = None
    if place.deployment:
        deployed = wiring.deployed(clients, place.deployment)
    environ = {
        **(deployed.environ if deployed else {}),
        **{key: value for key, value in outside.environ.items() if key.startswith(PREFIX)},
        **_said(place),
    }
    settings = Settings.from_environment(environ, needs_journal=False)
    return Office(outside, clients, settings, deployed.function_arn if deployed else None)


def _said(place: Place) -> dict[str, str]:
    said: dict[str, str] = {}
    if place.journal:
        said[f"{PREFIX}JOURNAL_TABLE"] = place.journal
    if place.policy:
        said |= {
            f"{PREFIX}POLICY_FILE": str(place.policy.resolve()),
            f"{PREFIX}POLICY_PARAMETER": "",
            f"{PREFIX}POLICY_CONFIGURATION": "",
        }
    return said


def offline(outside: Outside, bundle: Bundle, policy: Path | None) -> Runbook:
    """The runbook that stands on a saved bundle. Raises InputError for a wrong policy file."""
    settings = offline_settings(outside, policy)
    rules, source = wiring.rules(settings)
    return wiring.offline(bundle, rules, settings.quarantine_queue_arn, source)


def offline_settings(outside: Outside, policy: Path | None) -> Settings:
    """What environment and command line say, without AWS. Raises InputError for what is wrong."""
    return Settings.from_environment(
        {key: value for key, value in outside.environ.items() if key.startswith(PREFIX)}
        | _said(Place(policy=policy)),
        needs_journal=False,
    )


def policy_of(office: Office) -> Policy:
    """The policy that holds here. Raises InputError for a wrong file."""
    office.need_policy()
    return wiring.policy_of(office.settings, office.clients)


def need_journal(office: Office) -> None:
    """Raises InputError, with what to do, where no journal is configured."""
    if office.settings.journal_table is None:
        raise InputError(
            "no journal is configured: name its table with --journal TABLE or "
            "REMEDIATOR_JOURNAL_TABLE, or the deployed remediator with --remediator-function NAME"
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return "somebody"
