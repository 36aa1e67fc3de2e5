"""What is remembered of each call, and what may be made to go wrong with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from lab.bridge.clock import Crashed
from lab.plant import AwsError

READ_PREFIXES = ("Get", "List", "Describe", "Query", "BatchGet", "Scan")


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the SDK, a retry being a request of its own."""

    number: int
    """1, 2, 3… within the rehearsal."""
    service: str
    operation: str
    params: Mapping[str, Any]
    at: datetime
    attempt: int = 1
    error: str | None = None
    """The code of the answer, or the name of what was raised; ``None``: it succeeded."""

    @property
    def name(self) -> str:
        """As IAM would name the action: ``lambda:GetFunction``."""
        return f"{self.service}:{self.operation}"

    @property
    def is_read(self) -> bool:
        """Whether the operation only reads."""
        return self.operation.startswith(READ_PREFIXES)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call, ``after_seconds`` of simulated time.

    ``applied``: the call took effect, and only its answer is lost.
    """

    error: BaseException
    applied: bool = False
    after_seconds: float = 0.0


FaultPlan = Callable[[Call], Fault | None]


def throttled(call: Call) -> Fault:
    """The service's own throttling error, which the SDK retries."""
    if call.service == "lambda":
        return Fault(AwsError("TooManyRequestsException", "Rate exceeded", 429))
    if call.service == "kinesis":
        return Fault(AwsError("LimitExceededException", "Rate exceeded", 400))
    return Fault(AwsError("ThrottlingException", "Rate exceeded", 400))


def denied(call: Call) -> Fault:
    """IAM says no."""
    message = f"User is not authorized to perform: {call.name} because no policy allows it"
    code = "AccessDenied" if call.service in {"cloudwatch", "sns"} else "AccessDeniedException"
    return Fault(AwsError(code, message, 403 if call.service in {"lambda", "scheduler"} else 400))


def timed_out(call: Call, *, seconds: float = 5.0, applied: bool = False) -> Fault:
    """No answer: to connect (nothing happened), or to read (``applied``: it did happen)."""
    kind = ReadTimeoutError if applied else ConnectTimeoutError
    return Fault(kind(endpoint_url=f"https://{call.service}"), applied, seconds)


def crashed(call: Call, *, applied: bool = False) -> Fault:
    """The function dies at this call, before or after its effect."""
    return Fault(Crashed(f"at call {call.number}, {call.name}"), applied)
