"""EventBridge Scheduler's one-time schedules, fired in simulated time.

``at()`` has a precision of 60 s, a name is unique in its group (409 on the second create)
(https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).
ActionAfterCompletion DELETE removes it after firing. AWS says nothing of an ``at()`` in the past;
here it never fires, which is the worse case.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from lab.plant import AwsError

_NAME = re.compile(r"[0-9a-zA-Z-_.]{1,64}")
PRECISION_SECONDS = 60


@dataclass(slots=True)
class Schedule:
    """One one-time schedule. ``fires_at`` is ``None`` when it has fired or never will."""

    request: dict[str, Any]
    created_at: datetime
    fires_at: datetime | None

    @property
    def key(self) -> tuple[str, str]:
        """Group and name."""
        return group_of(self.request), self.request["Name"]

    @property
    def event(self) -> Any:
        """What the target is invoked with."""
        return json.loads(self.request["Target"]["Input"])


class Schedules:
    """The account's schedules. ``seed`` draws where in its minute each one fires."""

    def __init__(self, seed: int = 0) -> None:
        self._random = Random(f"schedules {seed}")  # noqa: S311
        self._schedules: dict[tuple[str, str], Schedule] = {}

    def create(self, request: dict[str, Any], now: datetime) -> Schedule:
        """Raises AwsError: a ValidationException, or a ConflictException for a twin."""
        at = _checked(request)
        fires_at = at + timedelta(seconds=self._random.uniform(0, PRECISION_SECONDS - 1))
        schedule = Schedule(request, now, fires_at if at > now else None)
        if schedule.key in self._schedules:
            raise AwsError("ConflictException", f"Schedule {request['Name']} already exists.", 409)
        self._schedules[schedule.key] = schedule
        return schedule

    def get(self, group: str, name: str) -> Schedule:
        """Raises AwsError when there is none."""
        try:
            return self._schedules[group, name]
        except KeyError:
            raise AwsError(
                "ResourceNotFoundException", f"Schedule {name} does not exist.", 404
            ) from None

    def delete(self, group: str, name: str) -> None:
        """Raises AwsError when there is none."""
        self._schedules.pop(self.get(group, name).key)

    def all(self) -> list[Schedule]:
        """Every schedule, by group and name."""
        return [schedule for _, schedule in sorted(self._schedules.items())]

    def next_due(self) -> datetime | None:
        """When the next one fires."""
        return min((s.fires_at for s in self._schedules.values() if s.fires_at), default=None)

    def fire(self, now: datetime) -> list[Schedule]:
        """Those due by ``now``, the earliest first; completed ones go if they said so."""
        due = [s for s in self._schedules.values() if s.fires_at is not None and s.fires_at <= now]
        due.sort(key=lambda schedule: (schedule.fires_at, schedule.key))
        for schedule in due:
            schedule.fires_at = None
            if schedule.request.get("ActionAfterCompletion") == "DELETE":
                del self._schedules[schedule.key]
        return due


def group_of(request: dict[str, Any]) -> str:
    """The schedule group; AWS's default one is called ``default``."""
    return str(request.get("GroupName", "default"))


def _checked(request: dict[str, Any]) -> datetime:
    """When the schedule is for. Raises AwsError for what AWS would refuse."""
    if not _NAME.fullmatch(request["Name"]):
        raise _invalid(f"Invalid schedule name {request['Name']!r}.")
    if group_of(request) != "default":
        raise AwsError(
            "ResourceNotFoundException", f"Schedule group {group_of(request)} does not exist.", 404
        )
    if request["FlexibleTimeWindow"] != {"Mode": "OFF"}:
        raise _invalid("The lab knows only FlexibleTimeWindow OFF.")
    if request.get("ScheduleExpressionTimezone", "UTC") != "UTC":
        raise _invalid("The lab knows only UTC.")
    try:
        json.loads(request["Target"].get("Input", ""))
    except ValueError:
        raise _invalid("Target Input must be JSON.") from None
    return _at(request["ScheduleExpression"])


def _at(expression: str) -> datetime:
    match = re.fullmatch(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)", expression)
    if match is None:
        raise _invalid(f"Invalid Schedule Expression {expression}.")
    return datetime.fromisoformat(match[1]).replace(tzinfo=UTC)


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message, 400)
