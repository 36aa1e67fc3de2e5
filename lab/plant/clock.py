"""Simulated time: simpy's seconds from start, and the wall-clock time they stand for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import simpy


class Clock:
    """The one clock of a world."""

    def __init__(self, start: datetime) -> None:
        self.env = simpy.Environment()
        self.start = start.astimezone(UTC)

    def datetime_at(self, seconds: float) -> datetime:
        """Seconds from start as an aware UTC time."""
        return self.start + timedelta(seconds=seconds)

    def seconds_at(self, when: datetime | float) -> float:
        """A time, or seconds already, as seconds from start."""
        return (when - self.start).total_seconds() if isinstance(when, datetime) else float(when)

    def after(self, seconds: float, callback: Callable[[simpy.Event], None]) -> None:
        """Run something after a while. The plant's only kind of event."""
        simpy.Timeout(self.env, seconds).callbacks.append(callback)
