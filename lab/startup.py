"""What whoever waits for an alarm waits for: ``python -m lab.startup ARTIFACT``.

Everything is measured side by side in one run, each in processes of its own, the fastest of some
rounds: CPU seconds, so that a busy machine matters little. Ratios travel between machines; seconds
do not. The floor is what cannot be less: boto3, pydantic, powertools' logger and metrics, and the
clients that a first event makes.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lab.own_aws import ACCOUNT, CONSUMER, JOURNAL, REGION, served

ROUNDS = 7
TARGET_RATIO = 1.25
TARGET_MIB = 90

_FLOOR = """
import boto3, pydantic
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics
"""
_FLOOR_CLIENTS = """
from botocore.config import Config
session = boto3.Session()
for name in {clients!r}:
    session.client(name, config=Config(retries={{"mode": "standard", "total_max_attempts": 3}}))
"""
_HANDLER = """
from remediator import handler
"""
_CLIENTS = """
from remediator.aws.clients import default_clients
made = default_clients(__import__("os").environ)
for name in {clients!r}:
    made._client(name)
"""
_EVENT = """
class Context:
    aws_request_id = "bench"
    function_name = "remediator"
    invoked_function_arn = "arn:aws:lambda:{region}:{account}:function:remediator"
try:
    said["status"] = handler.handler({event!r}, Context())["outcome"]["status"]
except Exception as error:
    said["status"] = repr(error)
from remediator.aws.clients import default_clients
said["clients"] = sorted(name for name, _ in default_clients(__import__("os").environ)._made)
"""
_FRAME = """
import sys
said = {{}}
sys.path.insert(0, {artifact!r})
import time
def peak_mib():
    # Linux's ru_maxrss counts what the process was before its exec, too.
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line[:6] == "VmHWM:")
    except OSError:
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
began = time.process_time()
{body}
said["seconds"] = time.process_time() - began
said["mib"] = peak_mib()
sys.stderr.write(__import__("json").dumps(said))
"""
Said = Mapping[str, Any]


def _once(artifact: Path, body: str, environ: Mapping[str, str]) -> Said:
    """One process with the artifact in front of this interpreter's own packages."""
    text = _FRAME.format(artifact=str(artifact), body=body)
    ended = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-P", "-B", "-c", text],
        env={**environ, "PATH": os.environ.get("PATH", "")},
        cwd=artifact,
        capture_output=True,
        text=True,
        check=True,
    )
    found: Said = json.loads(ended.stderr.strip().splitlines()[-1])
    return found


def _environ(there: Mapping[str, str]) -> dict[str, str]:
    """The function's environment, as the template would set it."""
    return {
        **there,
        "AWS_LAMBDA_FUNCTION_NAME": "remediator",
        "POWERTOOLS_LOG_LEVEL": "CRITICAL",
        "REMEDIATOR_MODE": "plan",
        "REMEDIATOR_TARGET_FUNCTION": CONSUMER,
        "REMEDIATOR_JOURNAL_TABLE": JOURNAL,
        "REMEDIATOR_NOTICES_TOPIC_ARN": f"arn:aws:sns:{REGION}:{ACCOUNT}:notices",
    }


def measured(artifact: Path, rounds: int) -> dict[str, Said]:
    """The fastest of each kind, by name."""
    with served() as there, TemporaryDirectory() as folder:
        environ = _environ(there)
        bare = Path(folder) / "bare"
        shutil.copytree(artifact, bare, ignore=shutil.ignore_patterns("__pycache__"))
        event = _HANDLER + _EVENT.format(
            event={"function": CONSUMER}, region=REGION, account=ACCOUNT
        )
        clients = _once(artifact, event, environ)["clients"]
        kinds = {
            "floor": (artifact, _FLOOR),
            "floor, clients": (artifact, _FLOOR + _FLOOR_CLIENTS.format(clients=clients)),
            "import": (artifact, _HANDLER),
            "import, clients": (artifact, _HANDLER + _CLIENTS.format(clients=clients)),
            "first event": (artifact, event),
            "import, nothing compiled": (bare, _HANDLER),
        }
        runs: dict[str, list[Said]] = {name: [] for name in kinds}
        for _ in range(rounds):
            for name, (place, body) in kinds.items():
                runs[name].append(_once(place, body, environ))
    return {name: min(found, key=lambda said: said["seconds"]) for name, found in runs.items()}


def size_mib(artifact: Path, *, compiled: bool) -> float:
    """Of the files, with or without the compiled ones."""
    files = (path for path in artifact.rglob("*") if path.is_file())
    counted = (path for path in files if compiled or path.suffix != ".pyc")
    return sum(path.stat().st_size for path in counted) / 2**20


def lines(artifact: Path, rounds: int = ROUNDS) -> list[str]:
    """The figures, a line each."""
    found = measured(artifact, rounds)
    floor, first = found["floor, clients"]["seconds"], found["first event"]
    told = [
        f"CPU seconds, the fastest of {rounds}; clients: {', '.join(first['clients'])}",
        f"{'':28}{'seconds':>9}{'× floor':>9}{'MiB':>8}",
    ]
    told += [
        f"{name:28}{said['seconds']:9.3f}{said['seconds'] / floor:9.2f}{said['mib']:8.1f}"
        for name, said in found.items()
    ]
    ready = found["import, clients"]["seconds"] / floor
    whole = found["import, nothing compiled"]["seconds"] / found["import"]["seconds"]
    size, bare = (size_mib(artifact, compiled=compiled) for compiled in (True, False))
    return [
        *told,
        f"ready, with its clients: {ready:.2f} × the floor (target {TARGET_RATIO})",
        f"nothing compiled: {whole:.2f} × the import",
        f"first event: {first['status']}, peak {first['mib']:.0f} MiB (target {TARGET_MIB})",
        f"artifact: {size:.1f} MiB, of it compiled {size - bare:.1f} MiB",
    ]


def main(artifact: str) -> None:
    """Print them."""
    sys.stdout.write("\n".join(lines(Path(artifact).resolve())) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:2])
