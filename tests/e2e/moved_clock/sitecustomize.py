"""The wall clock of every Python process that has this folder on its PYTHONPATH: moved by a file.

The file that E2E_CLOCK names holds seconds to add to the real time. Only wall clocks are moved;
what a process waits for (timeouts, sleeps) stays real. A process whose parent has died ends, so
that nothing is left behind by a test that was killed.
"""

import os
import time
from datetime import timedelta
from pathlib import Path
from threading import Thread

_EVERY_SECONDS = 0.02


def _follow(file: Path) -> None:
    import time_machine  # noqa: PLC0415 - only where a clock is to be moved

    parent, moved = os.getppid(), float(file.read_text())
    traveller = time_machine.travel(timedelta(seconds=moved), tick=True).start()
    traveller.time_ns()

    def keep_up() -> None:
        nonlocal moved
        while True:
            time.sleep(_EVERY_SECONDS)
            try:
                now = float(file.read_text())
            except (OSError, ValueError):
                now = moved
            if now != moved:
                traveller.shift(now - moved)
                moved = now
            if os.getppid() != parent:
                os._exit(1)

    Thread(target=keep_up, daemon=True, name="clock").start()


if "E2E_CLOCK" in os.environ:
    _follow(Path(os.environ["E2E_CLOCK"]))
