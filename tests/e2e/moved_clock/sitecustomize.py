"""The wall clock of every Python process that has this folder on its PYTHONPATH: moved by a file.

The file that E2E_CLOCK names holds the seconds to add to the real time, and how often whoever
sleeps was woken: who is woken looks at the moved clock, and sleeps on if it is too early. Monotonic
time stays real, and so do the timeouts of sockets and locks. A process whose parent has died ends,
so that nothing is left behind by a test that was killed.
"""

import os
import time
from pathlib import Path
from threading import Condition, Thread
from typing import SupportsIndex

_EVERY_SECONDS = 0.02


def _follow(file: Path) -> None:
    import time_machine  # noqa: PLC0415 - only where a clock is to be moved

    def read() -> tuple[float, float]:
        moved, woken = file.read_text().split()
        return float(moved), float(woken)

    parent, (moved, woken) = os.getppid(), read()
    traveller = time_machine.travel(time.time() + moved, tick=True).start()
    traveller.time_ns()  # from now on it ticks
    real_sleep, sleepers = time.sleep, Condition()

    def sleep(seconds: float | SupportsIndex) -> None:
        until = time.time() + float(seconds)
        if float(seconds) <= 0:
            real_sleep(seconds)
        with sleepers:
            while (left := until - time.time()) > 0:
                sleepers.wait(left)

    def keep_up() -> None:
        nonlocal moved, woken
        while os.getppid() == parent:
            real_sleep(_EVERY_SECONDS)
            (before, moved), (calls, woken) = zip((moved, woken), read(), strict=True)
            traveller.shift(moved - before)
            if woken != calls:
                with sleepers:
                    sleepers.notify_all()
        os._exit(1)

    time.sleep = sleep
    Thread(target=keep_up, daemon=True, name="clock").start()


if "E2E_CLOCK" in os.environ:
    _follow(Path(os.environ["E2E_CLOCK"]))
