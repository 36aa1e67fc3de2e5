"""Where the SDK's requests end instead of at AWS, while a lab is plugged in.

One botocore ``before-send`` handler among the built-in ones, so that every client that any code of
this process creates goes through it: after validation, serialisation and signing, before the
network. The clients, their configuration and their retries stay the SDK's.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import botocore.endpoint
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.handlers import BUILTIN_HANDLERS

from remediator.aws.clients import quick_session

# (service, operation, request) → response; may raise what the network would raise.
Answer = Callable[[str, str, AWSPreparedRequest], AWSResponse]

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIALABLABLABLABLAB0",
    "AWS_SECRET_ACCESS_KEY": "no-secret-of-anybody",
    "AWS_EC2_METADATA_DISABLED": "true",
}


# Where a service's id in event names is not its name for ``boto3.client``.
_CLIENT_NAMES = {"dynamodb-streams": "dynamodbstreams", "eventbridge": "events"}
_ENDPOINT: Any = botocore.endpoint


class Network:
    """Hands requests to the lab that is plugged in; without one, they go where they always go."""

    def __init__(self) -> None:
        self.answer: Answer | None = None

    def __call__(
        self, event_name: str, request: AWSPreparedRequest, **_: object
    ) -> AWSResponse | None:
        """The ``before-send`` handler: a response stops botocore from using the network."""
        if self.answer is None:
            return None
        service, operation = event_name.split(".")[1:]
        return self.answer(_CLIENT_NAMES.get(service, service), operation, request)


class SimulatedTime:
    """Botocore's endpoint waits between retries with ``time.sleep``: here the plant runs on."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self.sleep = sleep


NETWORK = Network()
BUILTIN_HANDLERS.append(("before-send", NETWORK))


@cache
def _session(region: str) -> boto3.Session:
    """One default session per Region for the whole process: its clients stay valid."""
    return boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=region,
        botocore_session=quick_session(),
    )


@contextmanager
def plugged(answer: Answer, sleep: Callable[[float], None], region: str) -> Iterator[None]:
    """Answer every SDK request of this process with ``answer``; retries wait with ``sleep``.

    Raises RuntimeError when another lab is plugged in already.
    """
    if NETWORK.answer is not None:
        raise RuntimeError("another lab is plugged in already; one at a time")
    variables = CREDENTIALS | {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    before = {name: os.environ.get(name) for name in variables}
    endpoint_time, session = _ENDPOINT.time, boto3.DEFAULT_SESSION
    os.environ.update(variables)
    boto3.DEFAULT_SESSION = _session(region)
    NETWORK.answer = answer
    _ENDPOINT.time = SimulatedTime(sleep)
    try:
        yield
    finally:
        NETWORK.answer = None
        _ENDPOINT.time, boto3.DEFAULT_SESSION = endpoint_time, session
        _restore(before)


def _restore(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
