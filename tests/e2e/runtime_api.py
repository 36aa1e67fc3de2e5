"""The Lambda Runtime API, as far as a runtime needs it: one event at a time, by HTTP.

Source: Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes".
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any

from tests.e2e.processes import EndpointError

_API = "/2018-06-01/runtime"
_TIMEOUT_SECONDS = 60
_FUNCTION_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:remediator"


@dataclass
class Answer:
    """How one invocation, or the runtime's start, has ended."""

    failed: bool
    said: Any


@dataclass
class Runtime:
    """A runtime that asks for events."""

    began: float
    events: "Queue[Mapping[str, Any]]" = field(default_factory=Queue)
    answers: "Queue[Answer]" = field(default_factory=Queue)
    is_ready: Event = field(default_factory=Event)
    ready_seconds: float = 0.0
    process: subprocess.Popen[bytes] | None = None

    def invoke(self, event: Mapping[str, Any]) -> Answer:
        """Its answer to an event. Raises EndpointError if there is none."""
        self.events.put(event)
        until = time.monotonic() + _TIMEOUT_SECONDS
        while time.monotonic() < until and self.process and self.process.poll() is None:
            with suppress(Empty):
                return self.answers.get(timeout=0.1)
        raise EndpointError("the runtime has died, or did not answer in time")

    def peak_mib(self) -> float:
        """The most memory that it has held so far (Linux)."""
        status = Path(f"/proc/{self.process.pid if self.process else 0}/status").read_text(
            encoding="utf-8"
        )
        lines = status.splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


@contextmanager
def started(
    command: Sequence[str], environ: Mapping[str, str], folder: Path, log: Path
) -> Iterator[Runtime]:
    """The command as Lambda would start it, in the folder of its code, until the block ends."""
    runtime = Runtime(time.monotonic())
    server = _Server(("127.0.0.1", 0), _handler(runtime))
    Thread(target=server.serve_forever, daemon=True).start()
    given = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "remediator",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "LAMBDA_TASK_ROOT": str(folder),
        "PYTHONPATH": str(folder),
        **environ,
    }
    with log.open("wb") as told:
        process = subprocess.Popen(
            command, cwd=folder, env=given, stdout=told, stderr=told, start_new_session=True
        )
    runtime.process = process
    try:
        yield runtime
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A runtime that is ended while it asks is no error."""


def _handler(runtime: Runtime) -> type[BaseHTTPRequestHandler]:
    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not runtime.is_ready.is_set():
                runtime.ready_seconds = time.monotonic() - runtime.began
                runtime.is_ready.set()
            event = runtime.events.get()
            deadline = int((time.time() + _TIMEOUT_SECONDS) * 1000)
            self._send(
                200,
                json.dumps(event).encode(),
                {
                    "Lambda-Runtime-Aws-Request-Id": f"request-{time.monotonic_ns()}",
                    "Lambda-Runtime-Deadline-Ms": str(deadline),
                    "Lambda-Runtime-Invoked-Function-Arn": _FUNCTION_ARN,
                    # Lambda always sends these; without them AWS's client dies.
                    "Lambda-Runtime-Trace-Id": "Root=1-6b043060-a81e21dd1783e397552b3106",
                    "Content-Type": "application/json",
                },
            )

        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            runtime.answers.put(Answer(failed=self.path.endswith("/error"), said=said))
            self._send(202, b"{}", {})

        def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Api
