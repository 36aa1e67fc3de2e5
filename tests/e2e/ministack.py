"""MiniStack on this machine: an AWS that nobody here wrote, with a wall clock that can be moved."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import boto3
import time_machine
from botocore.config import Config

from tests.e2e.processes import free_port, running

ACCOUNT = "123456789012"
REGION = "eu-central-1"
BEGINS = datetime(2026, 11, 23, 12, tzinfo=UTC)
SITE = Path(__file__).parent / "moved_clock"
_CATCH_UP_SECONDS = 0.1


class Clock:
    """The wall clock of this process and of the endpoint's: one file says how far it is moved."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._moved = (BEGINS - datetime.now(UTC)).total_seconds()
        self._woken = 0
        self._travel = time_machine.travel(BEGINS, tick=True)
        self._write()

    def __enter__(self) -> Self:
        self._traveller = self._travel.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._travel.stop()

    def now(self) -> datetime:
        """What every process here takes for the present."""
        return datetime.now(UTC)

    def move_to(self, when: datetime) -> None:
        """Go on to a time; one that has passed already is no move."""
        ahead = (when - self.now()).total_seconds()
        if ahead > 0:
            self._moved += ahead
            self._traveller.shift(timedelta(seconds=ahead))
            self._write()

    def wake_sleepers(self) -> None:
        """Let whoever sleeps in the endpoint see what time it is: its scheduler is such a one."""
        self._woken += 1
        self._write()

    def _write(self) -> None:
        beside = self.file.with_suffix(".new")
        beside.write_text(f"{self._moved!r} {self._woken}")
        beside.replace(self.file)
        time.sleep(_CATCH_UP_SECONDS)


class MiniStack:
    """One account at one address, and what is needed to reach it."""

    def __init__(self, port: int, clock: Clock, folder: Path) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.clock = clock
        self.folder = folder
        self.session = boto3.Session("test", "test", region_name=REGION)
        self._made: dict[str, Any] = {}

    def __getattr__(self, service: str) -> Any:
        """A client, by the service's name: ``lambda_`` is ``lambda``."""
        if service not in self._made:
            patience = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 1})
            self._made[service] = self.session.client(
                service.rstrip("_"),  # type: ignore[call-overload]
                endpoint_url=self.url,
                config=patience,
            )
        return self._made[service]

    @property
    def environ(self) -> dict[str, str]:
        """What a process needs that is to find this AWS, at this time."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(SITE),
            "E2E_CLOCK": str(self.clock.file),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }


@contextmanager
def ministack(python: Path, folder: Path, *, enforces_iam: bool = False) -> Iterator[MiniStack]:
    """An empty account, at noon of a Monday."""
    port = free_port()
    with Clock(folder / "clock") as clock:
        stack = MiniStack(port, clock, folder)
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(SITE),
            "E2E_CLOCK": str(clock.file),
            "TMPDIR": str(folder),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "AUTH": str(enforces_iam).lower(),
            # It counts by the wall clock, which jumps: a function stays warm.
            "LAMBDA_WARM_TTL_SECONDS": "1000000",
        }
        command = [str(python), "-m", "ministack"]
        with running(command, environ, port, folder / "ministack.log"):
            yield stack
