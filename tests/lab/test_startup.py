"""What make bench and the benchmark print: that they measure, not how fast this machine is."""

import re
import shutil
from pathlib import Path

from lab import first_write, startup

ROOT = Path(__file__).parents[2]


def test_start_up_is_told_beside_its_floor_in_one_run(tmp_path: Path) -> None:
    for name in ("remediator", "policies"):
        shutil.copytree(ROOT / name, tmp_path / name)
    told = "\n".join(startup.lines(tmp_path, rounds=1))
    rows = re.findall(r"^(\w[\w, ]*?)  +[\d.]+ +[\d.]+ +[\d.]+$", told, re.MULTILINE)
    assert rows == [
        "floor",
        "floor, clients",
        "import",
        "import, clients",
        "first event",
        "import, nothing compiled",
    ]
    assert "first event: escalated" in told
    assert "dynamodb" in told.splitlines()[0]


def test_a_single_incident_hardly_waits_for_the_pace_before_it_writes() -> None:
    """Simulated time, so the same on every machine."""
    found = first_write.first_write()
    assert found.waiting_seconds <= 1
    assert found.seconds <= 3
