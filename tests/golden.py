"""Golden files: what people see, kept as a file that a reviewer reads.

WRITE_GOLDEN=1 pytest tests/...      writes them anew; git diff then shows what changed
"""

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str, shown: str) -> str:
    """The kept text of that name, to compare with what is shown now."""
    file = GOLDEN / name
    if os.environ.get("WRITE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(shown, encoding="utf-8")
    return file.read_text(encoding="utf-8") if file.is_file() else f"{name}: WRITE_GOLDEN=1"
