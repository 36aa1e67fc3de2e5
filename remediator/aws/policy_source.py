"""The policy from outside of the artifact: an SSM parameter, or a configuration of AppConfig.

Read anew at most once a minute. What cannot be read or understood changes nothing: the last good
one stays in force, and the reason is told.
"""

import logging
from functools import lru_cache
from typing import Any, NamedTuple

from aws_lambda_powertools.utilities.parameters import AppConfigProvider, SSMProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from remediator import policy_file
from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors
from remediator.errors import InputError, PermanentError, RemediatorError
from remediator.policy_file import Loaded

# For so long a policy that was read is not asked for again.
SECONDS = 60

logger = logging.getLogger(__name__)


class Current(NamedTuple):
    """The policy in force, and why it is not a newer one; ``None``: none was ever good."""

    loaded: Loaded | None
    problem: str = ""


class PolicyKeeper:
    """Keeps the last good policy of one source, for as long as the process lives."""

    def __init__(self, clients: Clients, source: str) -> None:
        self._clients, self._source = clients, source
        self._good: Loaded | None = None
        self._provider: Any = None

    def current(self) -> Current:
        """What holds now. Raises nothing of AWS's, and nothing of what stands there."""
        try:
            self._good = policy_file.from_text(self._read(), self._source)
        except RemediatorError as error:
            self._provider = None  # also a session of AppConfig's that has expired
            logger.warning("the policy of %s is not taken: %s", self._source, error)
            said = str(error)
            return Current(self._good, said if self._source in said else f"{self._source}: {said}")
        return Current(self._good)

    def _read(self) -> str:
        """The text (ssm:GetParameter; appconfig:StartConfigurationSession and
        appconfig:GetLatestConfiguration). Raises PermanentError, TemporaryError or InputError."""
        parameter = self._source.startswith("/")
        try:
            with aws_errors("ssm" if parameter else "appconfig"):
                found = self._parameter() if parameter else self._configuration()
        except GetParameterError as error:
            raise PermanentError(f"{self._source}: {error}") from error
        text = found.decode("utf-8", errors="replace") if isinstance(found, bytes) else str(found)
        if not text.strip():
            raise InputError(f"{self._source}: it is empty")
        return text

    def _parameter(self) -> Any:
        self._provider = self._provider or SSMProvider(boto3_client=self._clients.ssm)
        return self._asked(self._source)

    def _configuration(self) -> Any:
        try:
            application, environment, profile = self._source.split("/")
        except ValueError:
            shape = "APPLICATION/ENVIRONMENT/PROFILE"
            raise InputError(f"{self._source}: expected {shape}") from None
        client = self._clients.appconfigdata
        self._provider = self._provider or AppConfigProvider(
            environment, application=application, boto3_client=client
        )
        return self._asked(profile)

    def _asked(self, name: str) -> Any:
        """Powertools wraps what botocore raises: the inner error says whether it may pass."""
        try:
            return self._provider.get(name, max_age=SECONDS)
        except GetParameterError as error:
            if error.__context__ is not None:
                raise error.__context__ from error
            raise


@lru_cache(maxsize=8)
def keeper(clients: Clients, source: str) -> PolicyKeeper:
    """The one keeper of a source for these clients."""
    return PolicyKeeper(clients, source)
