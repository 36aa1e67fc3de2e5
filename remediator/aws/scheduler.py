"""Follow-ups: one-shot schedules that invoke the remediator again and delete themselves.

Source: EventBridge Scheduler API Reference, CreateSchedule. A name is unique, so
the same follow-up asked for twice is one; a schedule fires within the minute that it names.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors
from remediator.aws.reading import utc
from remediator.errors import PermanentError

if TYPE_CHECKING:
    from mypy_boto3_scheduler.type_defs import TargetTypeDef

# Of every schedule's name: what the function's permissions are bound to.
PREFIX = "remediator-"

_SOONEST = timedelta(seconds=60)
_LONGEST_NAME = 64
_NAME = re.compile(r"[0-9a-zA-Z_.-]+")
_MOST_RETRIES = 60
# A follow-up that comes late is better than a change that nobody looks at again.
_OLDEST_SECONDS = 3600


class EventBridgeScheduler:
    """Wakes the remediator up again (port: Scheduler)."""

    def __init__(
        self,
        clients: Clients,
        function_arn: str,
        role_arn: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._clients = clients
        self._clock = clock
        self._target: TargetTypeDef = {
            "Arn": function_arn,
            "RoleArn": role_arn,
            "RetryPolicy": {
                "MaximumRetryAttempts": _MOST_RETRIES,
                "MaximumEventAgeInSeconds": _OLDEST_SECONDS,
            },
        }

    def schedule(self, name: str, at: datetime, payload: Mapping[str, Any]) -> None:
        """Invoke the remediator once at ``at``, at the earliest in a minute.

        A name that is scheduled already stays as it is. Raises PermanentError or TemporaryError
        as AWS answers.
        """
        try:
            with aws_errors("scheduler"):
                self._clients.scheduler.create_schedule(
                    Name=schedule_name(name),
                    ScheduleExpression=f"at({self._second(at):%Y-%m-%dT%H:%M:%S})",
                    ScheduleExpressionTimezone="UTC",
                    FlexibleTimeWindow={"Mode": "OFF"},
                    ActionAfterCompletion="DELETE",
                    Target={**self._target, "Input": json.dumps(payload)},
                )
        except PermanentError as error:
            if error.code != "ConflictException":
                raise

    def _second(self, at: datetime) -> datetime:
        """The next whole second, so far ahead that its minute is not over: one might never come."""
        soonest = max(utc(at), utc(self._clock()) + _SOONEST)
        whole = soonest.replace(microsecond=0)
        return whole if whole == soonest else whole + timedelta(seconds=1)


def schedule_name(name: str) -> str:
    """A name that AWS takes: prefixed, at most 64 characters, the same for the same name."""
    wanted = name if name.startswith(PREFIX) else PREFIX + name
    if len(wanted) <= _LONGEST_NAME and _NAME.fullmatch(wanted):
        return wanted
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    kept = re.sub(r"[^0-9a-zA-Z_.-]", "-", wanted)[: _LONGEST_NAME - len(digest) - 1]
    return f"{kept}-{digest}"
