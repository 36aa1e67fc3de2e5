"""When and for whom a policy holds: maintenance windows, and the targets of an override."""

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Self, TypeAlias

from pydantic import WithJsonSchema, field_validator, model_validator

from remediator.policy.section import Section

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Clock: TypeAlias = Annotated[
    time, WithJsonSchema({"type": "string", "pattern": f"^{_CLOCK.pattern}$"})
]
Day: TypeAlias = Annotated[str, WithJsonSchema({"enum": list(_DAYS)})]


class MaintenanceWindow(Section):
    """A time of day (UTC) in which nothing is changed. It may pass midnight."""

    name: str
    start: Clock
    end: Clock
    days: tuple[Day, ...] = _DAYS

    @field_validator("start", "end", mode="before")
    @classmethod
    def _time_of_day(cls, value: object) -> object:
        """YAML reads a bare ``10:00`` as the number 600, which would be taken for 00:10."""
        if isinstance(value, time) or (isinstance(value, str) and _CLOCK.fullmatch(value)):
            return value
        raise ValueError('Input should be a time of day (UTC) in quotes, such as "22:00"')

    @field_validator("days")
    @classmethod
    def _known_days(cls, days: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(days) - set(_DAYS))
        if unknown:
            raise ValueError(f"Input should be of {', '.join(_DAYS)}; {', '.join(unknown)} is not")
        return days

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.start == self.end:
            raise ValueError("start and end should differ; to stop everything, use freeze")
        return self

    def ends(self, now: datetime) -> datetime:
        """When the window that covers ``now`` is over."""
        end = now.replace(
            hour=self.end.hour, minute=self.end.minute, second=self.end.second, microsecond=0
        )
        return end if end > now else end + timedelta(days=1)

    def covers(self, now: datetime) -> bool:
        """Whether ``now`` (UTC) lies inside; ``start`` belongs to it, ``end`` does not."""
        today, clock = _DAYS[now.weekday()], now.time()
        if self.start <= self.end:
            return today in self.days and self.start <= clock < self.end
        yesterday = _DAYS[now.weekday() - 1]
        return (today in self.days and clock >= self.start) or (
            yesterday in self.days and clock < self.end
        )


class Match(Section):
    """Which targets an override is for: by name patterns and by tags, all of which must fit."""

    function: str | None = None
    stream: str | None = None
    tags: Mapping[str, str] = {}

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.function is None and self.stream is None and not self.tags:
            raise ValueError("match needs a function, a stream or tags")
        return self

    def fits(self, function: str, stream: str, tags: Mapping[str, str]) -> bool:
        """Whether the target fits; patterns as in a shell (``payments-*``)."""
        return (
            fnmatchcase(function, self.function or "*")
            and fnmatchcase(stream, self.stream or "*")
            and all(fnmatchcase(tags.get(key, "\0"), want) for key, want in self.tags.items())
        )
