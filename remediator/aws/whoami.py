"""To whom and to which account the credentials at hand belong."""

from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors


def whoami(clients: Clients) -> tuple[str, str]:
    """Account and Region (sts:GetCallerIdentity, which needs no permission).

    Raises PermanentError or TemporaryError as AWS answers.
    """
    with aws_errors("sts"):
        return str(clients.sts.get_caller_identity()["Account"]), clients.region


def identity(clients: Clients) -> str:
    """The ARN of who is signed in. Raises as ``whoami``."""
    with aws_errors("sts"):
        return str(clients.sts.get_caller_identity()["Arn"])
