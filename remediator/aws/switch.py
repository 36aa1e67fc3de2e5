"""The freeze switch: one SSM parameter that stops every change.

``off`` lets the remediator act; ``on``, or ``on: reason``, stops it. A switch that cannot be read,
or that says anything else, raises, so that the guardrail fails closed.
"""

from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors
from remediator.aws.reading import utc
from remediator.errors import PermanentError
from remediator.state import Freeze


class FreezeSwitch:
    """One SSM parameter, read anew each time (ssm:GetParameter)."""

    def __init__(self, clients: Clients, parameter: str) -> None:
        self._clients = clients
        self._parameter = parameter

    def frozen(self) -> Freeze | None:
        """The freeze, if the switch is on.

        Raises PermanentError when the parameter is missing, denied or unclear, TemporaryError
        when reading it may work later.
        """
        with aws_errors("ssm"):
            found = self._clients.ssm.get_parameter(Name=self._parameter)["Parameter"]
            word, _, reason = found["Value"].partition(":")
            since = utc(found["LastModifiedDate"])
        match word.strip().lower():
            case "off":
                return None
            case "on":
                return Freeze(
                    scope="all",
                    reason=reason.strip() or "no reason given",
                    by=f"SSM parameter {self._parameter}",
                    at=since,
                )
        raise PermanentError(
            f"SSM parameter {self._parameter}: expected 'off', 'on' or 'on: reason'",
            code="UnclearSwitch",
        )
