"""What is being read, told while it is: on standard error, and only to somebody at a terminal.

A live plan takes seconds. Whatever a runbook reads, it reads by its sensor; so that is where it
is told, for every command alike.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import NamedTuple

from rich.console import Console
from rich.status import Status

from remediator.escaping import visible
from remediator.model import Busy, Evidence, KeySample, Released, Target, Watched
from remediator.ports import DescribedAlarm, Sensor


class Progress:
    """One line that says what is being done, and is gone once it is."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = Lock()
        self._status: Status | None = None
        self._told = ""
        self._calls = 0

    @contextmanager
    def during(self, told: str) -> Iterator[None]:
        """Tell it while the block lasts; nothing where nobody sits at a terminal."""
        if not self._console.is_terminal or self._status is not None:
            yield
            return
        self._told, self._calls = visible(told), 0
        with self._console.status(_plain(self._told), spinner="line") as status:
            self._status = status
            try:
                yield
            finally:
                self._status = None

    def called(self, service: str, operation: str) -> None:
        """A request is made, in whichever thread: say so, if something is being told."""
        with self._lock:
            self._calls += 1
            if self._status is not None:
                self._status.update(
                    _plain(f"{self._told}: {service} {operation} ({self._calls} requests)")
                )


def _plain(told: str) -> str:
    """Text in which Rich finds no markup."""
    return told.replace("[", r"\[")


QUIET = Progress(Console(quiet=True, force_terminal=False))


class ToldSensor(NamedTuple):
    """A sensor that tells what it reads (port: Sensor)."""

    sensor: Sensor
    progress: Progress

    def describe_alarms(self, names: Sequence[str]) -> tuple[DescribedAlarm, ...]:
        """As the sensor does."""
        with self.progress.during("Reading alarms"):
            return self.sensor.describe_alarms(names)

    def find_targets(self, watched: Watched, now: datetime) -> tuple[Target, ...]:
        """As the sensor does."""
        with self.progress.during(f"Looking for {watched}"):
            return self.sensor.find_targets(watched, now)

    def read(self, target: Target, now: datetime, window_seconds: int) -> Evidence:
        """As the sensor does."""
        with self.progress.during(f"Reading {target.function} and {target.stream}"):
            return self.sensor.read(target, now, window_seconds)

    def destination_exists(self, arn: str) -> bool | None:
        """As the sensor does."""
        with self.progress.during("Reading the destination"):
            return self.sensor.destination_exists(arn)

    def busiest(self, now: datetime) -> tuple[Busy, ...] | None:
        """As the sensor does."""
        with self.progress.during("Reading who is busy"):
            return self.sensor.busiest(now)

    def sample_keys(
        self, target: Target, shard_id: str, since: datetime, records: int, *, named: bool
    ) -> KeySample:
        """As the sensor does."""
        with self.progress.during(f"Reading partition keys of {shard_id}"):
            return self.sensor.sample_keys(target, shard_id, since, records, named=named)

    def released(self, target: Target) -> Released | None:
        """As the sensor does."""
        with self.progress.during(f"Reading alias {target.qualifier} of {target.function}"):
            return self.sensor.released(target)
