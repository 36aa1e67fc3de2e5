"""microburst on this machine: what AWS may answer instead, between a function and its endpoint."""

import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.processes import free_port, running

Rule = dict[str, Any]
_WITHIN_SECONDS = 5


class Faults:
    """The proxy: rules go in, and what was done by them can be read."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def inject(self, *rules: Rule) -> None:
        """From now on, these and no others."""
        self._call("POST", "rules", list(rules))

    def fired(self) -> set[str]:
        """The operations that have met a fault so far."""
        return {f"{one['service']}:{one['operation']}" for one in self._call("GET", "fired")}

    def requests(self) -> int:
        """Requests that came in so far."""
        total: int = self._call("GET", "stats")["requests"]["total"]
        return total

    def _call(self, method: str, what: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_microburst/{what}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=_WITHIN_SECONDS) as answer:
            return json.loads(answer.read())


@contextmanager
def microburst(python: Path, folder: Path, upstream: int) -> Iterator[Faults]:
    """A proxy to a port of this machine, without any rule yet."""
    port = free_port()
    command = [str(python), "-m", "microburst", "--port", str(port)]
    command += ["--upstream", f"http://127.0.0.1:{upstream}"]
    with running(command, {"PATH": os.environ["PATH"]}, port, folder / "microburst.log"):
        yield Faults(port)
