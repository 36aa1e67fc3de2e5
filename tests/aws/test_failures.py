"""AWS's errors, by whether trying again helps."""

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from remediator.aws.failures import aws_errors
from remediator.errors import PermanentError, TemporaryError


def answer(code: str, message: str = "", status: int = 400) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {
                "HTTPStatusCode": status,
                "RequestId": "",
                "HostId": "",
                "HTTPHeaders": {},
                "RetryAttempts": 0,
            },
        },
        "ListShards",
    )


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(answer("Throttling"), id="throttled"),
        pytest.param(answer("TooManyRequestsException", status=429), id="too many requests"),
        pytest.param(answer("ProvisionedThroughputExceededException"), id="throughput"),
        pytest.param(answer("ResourceInUseException"), id="in use"),
        pytest.param(answer("ResourceConflictException", status=409), id="conflict"),
        pytest.param(answer("WhoKnows", status=503), id="any 5xx"),
        pytest.param(
            answer("LimitExceededException", "Rate exceeded for stream orders"), id="a rate"
        ),
        pytest.param(ReadTimeoutError(endpoint_url="https://x"), id="read timeout"),
        pytest.param(ConnectTimeoutError(endpoint_url="https://x"), id="connect timeout"),
        pytest.param(EndpointConnectionError(endpoint_url="https://x"), id="unreachable"),
        pytest.param(ResponseParserError("not JSON"), id="garbled"),
    ],
)
def test_what_passes_is_temporary(error: Exception) -> None:
    with pytest.raises(TemporaryError, match="kinesis"), aws_errors("kinesis"):
        raise error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(answer("ResourceNotFoundException"), "ResourceNotFoundException", id="gone"),
        pytest.param(answer("SomethingNew"), "SomethingNew", id="unknown"),
        pytest.param(
            answer("LimitExceededException", "more than 10 times in 24 hours"),
            "LimitExceededException",
            id="a quota",
        ),
        pytest.param(NoCredentialsError(), "NoCredentialsError", id="no credentials"),
        pytest.param(ParamValidationError(report="x"), "ParamValidationError", id="our mistake"),
    ],
)
def test_what_stays_is_permanent_and_keeps_its_code(
    error: ClientError | BotoCoreError, code: str
) -> None:
    with pytest.raises(PermanentError) as caught, aws_errors("kinesis"):
        raise error
    assert (caught.value.code, caught.value.permission) == (code, None)


@pytest.mark.parametrize(
    ("code", "message", "permission"),
    [
        pytest.param(
            "AccessDeniedException", "", "kinesis:ListShards", id="else the operation's name"
        ),
        pytest.param(
            "AccessDenied",
            "User: arn:aws:sts::1:assumed-role/r is not authorized to perform: iam:PassRole on x",
            "iam:PassRole",
            id="the action that AWS names",
        ),
        pytest.param("AuthorizationError", "no", "kinesis:ListShards", id="SNS's word"),
    ],
)
def test_what_is_denied_names_the_missing_action(code: str, message: str, permission: str) -> None:
    with pytest.raises(PermanentError) as caught, aws_errors("kinesis"):
        raise answer(code, message, 403)
    assert caught.value.permission == permission
    assert isinstance(caught.value.__cause__, ClientError)
