"""Processes of our own on loopback: started, waited for and ended here, whatever happens."""

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_UP_WITHIN_SECONDS = 60
_DOWN_WITHIN_SECONDS = 2


class EndpointError(Exception):
    """An endpoint did not do what it must for a test to say anything at all."""


# Below those that the system hands out by itself, so that none is taken before it is used.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    while True:
        port = random.choice(_PORTS)
        with suppress(OSError), socket.socket() as found:
            found.bind(("127.0.0.1", port))
            return port


@contextmanager
def running(
    command: Sequence[str], environ: Mapping[str, str], port: int, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A server and all its children while the block lasts. Raises EndpointError if it does not
    come up."""
    with log.open("wb") as told:
        server = subprocess.Popen(
            command, env=dict(environ), stdout=told, stderr=told, start_new_session=True
        )
    try:
        _wait_for(server, port, log)
        yield server
    finally:
        _end(server)


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _UP_WITHIN_SECONDS
    while time.monotonic() < until and server.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise EndpointError(f"not up after {_UP_WITHIN_SECONDS} s:\n{log.read_text()[-2000:]}")


def _end(server: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, how)
        with suppress(subprocess.TimeoutExpired):
            server.wait(_DOWN_WITHIN_SECONDS)
