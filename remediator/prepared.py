"""A YAML file's values as JSON beside it, written when the artifact is built (``make build``).

A YAML reader costs a cold start a twentieth to import, and as much again to read the policy. What
lies beside a file is believed only where it was made of the file's very bytes.
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from remediator.errors import FileError


def values(path: Path, sha256: str) -> Mapping[str, Any] | None:
    """What a file of this SHA-256 says; ``None`` where the build has not prepared just that."""
    try:
        found = json.loads(path.with_suffix(".json").read_bytes())
        return found["values"] if found["sha256"] == sha256 else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def prepare(path: Path) -> None:
    """Write it, unless the file is not plain YAML, or says what JSON cannot."""
    from remediator import plain_yaml  # noqa: PLC0415 - what is spared

    text = path.read_bytes()
    with suppress(FileError, UnicodeDecodeError, TypeError):
        read = plain_yaml.read(text.decode(), str(path)).value
        told = json.dumps({"sha256": hashlib.sha256(text).hexdigest(), "values": read})
        path.with_suffix(".json").write_text(told, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        prepare(Path(name))
