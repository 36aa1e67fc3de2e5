"""AWS's errors → ours: TemporaryError where trying again helps, PermanentError where it does not.

The codes are those of botocore's service models; what is not known is permanent, because a
repeated unknown would only hide it.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
)
from botocore.exceptions import (
    ConnectionError as NoConnectionError,
)
from botocore.parsers import ResponseParserError

from remediator.errors import PermanentError, TemporaryError

_TEMPORARY = frozenset(
    {
        "BandwidthLimitExceeded",
        "ConcurrentModificationException",
        "EC2ThrottledException",
        "InternalError",
        "InternalException",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "InternalServiceError",
        "KMSThrottlingException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ResourceConflictException",
        "ResourceInUseException",
        "ServiceException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TooManyUpdates",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)

_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "KmsAccessDenied",
        "KMSAccessDenied",
        "KMSAccessDeniedException",
        "KmsAccessDeniedException",
        "NotAuthorized",
        "UnauthorizedOperation",
    }
)

# What AWS says of a thing that does not exist.
NOT_FOUND = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NotFound",
        "NotFoundException",
        "ParameterNotFound",
        "QueueDoesNotExist",
        "ResourceNotFound",
        "ResourceNotFoundException",
    }
)

_NAMED_ACTION = re.compile(r"not authorized to perform:? (?P<action>[a-z0-9-]+:[A-Za-z0-9]+)")


@contextmanager
def aws_errors(service: str) -> Iterator[None]:
    """Raise what AWS raises as TemporaryError or PermanentError.

    ``service`` is the IAM prefix of the calls made inside, for the permission that is missing.
    What is read of an answer is read inside, too: an answer that is cut, empty or otherwise not
    what AWS documents may be whole the next time, so it is a TemporaryError.
    """
    try:
        yield
    except ClientError as error:
        raise translated(error, service) from error
    except (HTTPClientError, NoConnectionError, ResponseParserError) as error:
        raise TemporaryError(f"{service}: no answer: {error}") from error
    except BotoCoreError as error:
        raise PermanentError(f"{service}: {error}", code=type(error).__name__) from error
    except _MALFORMED as error:
        raise TemporaryError(f"{service}: an answer that cannot be read: {error!r:.200}") from error


# What reading an answer raises where it lacks something, or where that is of another kind.
_MALFORMED = (AttributeError, LookupError, TypeError, ValueError)


def whole(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer, where all of its fields may be absent. Raises ValueError for an empty body."""
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if headers.get("content-length") == "0":
        raise ValueError("an empty body")
    return answer


def translated(error: ClientError, service: str) -> TemporaryError | PermanentError:
    """One error answer as ours, with its code and, where it was denied, the IAM action."""
    problem = error.response.get("Error", {})
    code, said = problem.get("Code", "Unknown"), problem.get("Message", "")
    message = f"{service}:{error.operation_name}: {code}: {said}"
    if code in _DENIED:
        return PermanentError(message, code=code, permission=_action(said, service, error))
    if code in _TEMPORARY or _status(error) >= 500 or _is_rate(code, said):
        return TemporaryError(message)
    return PermanentError(message, code=code, gone=code in NOT_FOUND)


def _action(said: str, service: str, error: ClientError) -> str:
    """The action that AWS names, else the one that bears the operation's name."""
    named = _NAMED_ACTION.search(said)
    return named["action"] if named else f"{service}:{error.operation_name}"


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _is_rate(code: str, said: str) -> bool:
    """Kinesis and CloudWatch say LimitExceeded of a rate (passes) and of a quota (stays)."""
    return code in {"LimitExceededException", "LimitExceeded"} and "rate exceeded" in said.lower()
