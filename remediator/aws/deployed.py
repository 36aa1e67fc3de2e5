"""A remediator that is deployed: its ARN and its settings, for people who act by hand."""

from collections.abc import Mapping
from typing import NamedTuple

from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors


class Deployed(NamedTuple):
    """The deployed function."""

    function_arn: str
    environ: Mapping[str, str]


def deployed(clients: Clients, function: str) -> Deployed:
    """Read it (lambda:GetFunctionConfiguration), by name or ARN.

    Raises PermanentError when it is not there or denied, TemporaryError when it may work later.
    """
    with aws_errors("lambda"):
        found = clients.lambda_.get_function_configuration(FunctionName=function)
        environ = found.get("Environment", {}).get("Variables", {})
        return Deployed(found["FunctionArn"], environ)
