"""kinesis-local on this machine: streams that are UPDATING for a while, as AWS's are."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.ministack import ACCOUNT, REGION
from tests.e2e.processes import free_port, running

UPDATING_SECONDS = 2
_LOOPBACK = Path(__file__).parent / "loopback.cjs"


@contextmanager
def kinesis_local(package: Path, folder: Path) -> Iterator[str]:
    """Its address, without any stream; the folder of its npm package is its own."""
    node, port = shutil.which("node"), free_port()
    updating = f"{UPDATING_SECONDS}s"
    environ = {
        "PATH": os.environ["PATH"],
        "AWS_ACCOUNT_ID": ACCOUNT,
        "AWS_REGION": REGION,
        "KINESIS_MOCK_PLAIN_PORT": str(port),
        "KINESIS_MOCK_TLS_PORT": str(free_port()),
        "KINESIS_MOCK_CERT_PATH": str(package / "server.json"),
        "SPLIT_SHARD_DURATION": updating,
        "MERGE_SHARDS_DURATION": updating,
        "UPDATE_SHARD_COUNT_DURATION": updating,
    }
    command = [str(node), "--require", str(_LOOPBACK), str(package / "main.js")]
    with running(command, environ, port, folder / "kinesis-local.log"):
        yield f"http://127.0.0.1:{port}"
