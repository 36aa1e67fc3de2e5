"""A steady pace for Lambda's control plane, which CI and people need as well.

Lambda allows an account 15 control-plane requests a second, of all APIs and all callers together,
not to be raised; GetFunction alone has a bucket of its own (Lambda Developer Guide: quotas). One
look makes about five of them at once, so a storm of alarms would take all. The SDK's means do not
keep to that: its adaptive mode slows down only after it was throttled, when others were, too, and a
limit on the function's concurrency does not limit the bursts. So each process keeps to a pace: with
the template's five at once that is 10 a second, and a third is always left to others.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

CALLS_PER_SECOND = 2.0
"""Of one process, to Lambda's control plane."""

UNPACED = frozenset({"GetFunction"})
"""Operations of Lambda with a quota of their own (100 a second)."""


class Pace:
    """Lets one call pass at a time, at most ``per_second``; safe from threads."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        sleep: Callable[[float], object],
        per_second: float = CALLS_PER_SECOND,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._apart = timedelta(seconds=1 / per_second)
        self._free_at: datetime | None = None
        self._lock = Lock()

    def go_on(self, clock: Callable[[], datetime], sleep: Callable[[float], object]) -> None:
        """The same pace in another invocation of the process, with its clock and its patience."""
        with self._lock:
            self._clock, self._sleep = clock, sleep

    def take(self) -> None:
        """Wait for the next turn. The turns are a fixed time apart, whoever takes them."""
        with self._lock:
            wait = self._until_free(self._clock())
            if wait > 0:
                self._sleep(wait)
            self._free_at = self._clock() + self._apart

    def _until_free(self, now: datetime) -> float:
        """Seconds; 0 also where the clock was put back, since no turn is further off than one."""
        if self._free_at is None or self._free_at - now > self._apart:
            return 0.0
        return (self._free_at - now).total_seconds()
