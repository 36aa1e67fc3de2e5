"""A remediator that is deployed: its ARN and its settings, for people who act by hand."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

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


def ask(clients: Clients, function_arn: str, event: Mapping[str, Any]) -> None:
    """Hand it an event (lambda:InvokeFunction); it answers by what it does, which may take minutes.

    Raises PermanentError or TemporaryError when the event was not taken.
    """
    with aws_errors("lambda"):
        clients.lambda_writer.invoke(
            FunctionName=function_arn, InvocationType="Event", Payload=json.dumps(event).encode()
        )
