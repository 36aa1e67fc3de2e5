"""What redrive keeps: records given up, and how far each range of them has come.

Beside the records lies a manifest, so that what was interrupted goes on where it stopped and
nothing is replayed twice.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from remediator.errors import InputError

MANIFEST = "manifest.json"


class Range(NamedTuple):
    """One line of the manifest."""

    key: str
    shard_id: str
    first: str
    last: str
    batch_size: int
    condition: str
    records: int = 0
    """Kept beside the manifest."""
    done_to: str = ""
    """Sequence number up to which the function has taken them."""
    standing: str = "listed"
    """listed, kept, expired, failed, replayed."""
    note: str = ""


class Folder(NamedTuple):
    """The manifest and the records, for their owner alone."""

    path: Path

    def load(self) -> dict[str, Range]:
        """The ranges by key. Raises InputError for a manifest that is none."""
        file = self.path / MANIFEST
        if not file.exists():
            return {}
        try:
            ranges = [Range(**each) for each in json.loads(file.read_text("utf-8"))]
        except (ValueError, TypeError, OSError) as error:
            raise InputError(f"{file}: not a manifest of this command: {error}") from error
        return {each.key: each for each in ranges}

    def keep(self, ranges: Mapping[str, Range]) -> None:
        """Write the manifest anew, whole or not at all."""
        self._write(MANIFEST, [each._asdict() for each in ranges.values()])

    def keep_records(self, key: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Write a range's records, as the event that would hold them."""
        self._write(f"{key}.json", {"Records": list(records)})

    def records(self, key: str) -> list[dict[str, Any]]:
        """A range's records."""
        found: list[dict[str, Any]] = json.loads((self.path / f"{key}.json").read_text("utf-8"))[
            "Records"
        ]
        return found

    def _write(self, name: str, value: object) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self.path / f"{name}.new"
        new.touch(mode=0o600)
        new.write_text(json.dumps(value, indent=1) + "\n", "utf-8")
        new.replace(self.path / name)
