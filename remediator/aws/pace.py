"""A pace for Lambda's control plane, which CI and people need as well.

Lambda allows an account 15 control-plane requests a second, of all APIs and all callers together,
not to be raised; GetFunction alone has a bucket of its own
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests). One look
makes about five of them at once, so a storm of alarms would take all. The SDK's means do not keep
to that: its adaptive mode slows down only after it was throttled, when others were, too, and a
limit on the function's concurrency does not limit the bursts.

So all of the function's processes share one row of slots, a ninth of a second apart, and each takes
the next few of them by one write to the journal's table. A single incident finds them free and goes
at once; a storm queues. Any one second meets ten slots at most, which leaves a third to others.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from threading import Lock

from boto3.dynamodb.conditions import Attr

from remediator.aws.table import Table
from remediator.errors import RemediatorError

_LOG = logging.getLogger(__name__)

# (now, how many) → when the first of so many slots in a row is; they are ``SHARED`` apart.
Reserve = Callable[[datetime, int], datetime]

SHARED = timedelta(seconds=1 / 9)
# By hand: the third that the function leaves to others.
ALONE = timedelta(seconds=1 / 5)
# Where the slots should be shared and cannot: two a second, ten of the template's five at once.
BLIND = timedelta(seconds=1 / 2)
# Slots that are taken by one write: the calls of one look.
AT_ONCE = 5
# Nobody waits longer: the five processes of a stack queue for three seconds, those of several that
# share a journal for as long each. A later slot is an error.
_FURTHEST = timedelta(seconds=30)

# Operations of Lambda with a quota of their own (100 a second).
UNPACED = frozenset({"GetFunction"})


class Pace:
    """Lets one call pass at a time, each in a slot of its own; safe from threads."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        sleep: Callable[[float], object],
        reserve: Reserve | None = None,
    ) -> None:
        self._clock, self._sleep, self._reserve = clock, sleep, reserve
        self._apart = SHARED if reserve else ALONE
        self._slots: deque[datetime] = deque()
        self._free_at: datetime | None = None
        self._lock = Lock()

    def go_on(
        self,
        clock: Callable[[], datetime],
        sleep: Callable[[float], object],
        reserve: Reserve | None = None,
    ) -> None:
        """The same pace in another invocation of the process, with its clock and its patience."""
        with self._lock:
            self._clock, self._sleep, self._reserve = clock, sleep, reserve
            self._apart = SHARED if reserve else ALONE

    def take(self) -> None:
        """Wait for the next slot. Never raises what AWS does."""
        with self._lock:
            now = self._clock()
            wait = (self._next(now) - now).total_seconds()
            if wait > 0:
                self._sleep(wait)

    def _next(self, now: datetime) -> datetime:
        """A slot that is not over: what was not used in time is lost, so that nothing piles up."""
        while self._slots and not now - SHARED < self._slots[0] < now + _FURTHEST:
            self._slots.popleft()
        if not self._slots and self._reserve:
            self._slots.extend(self._reserved(now, self._reserve))
        return self._slots.popleft() if self._slots else self._own(now)

    def _reserved(self, now: datetime, reserve: Reserve) -> Iterable[datetime]:
        """The next slots of all processes; none in this invocation any more, if not to be had."""
        try:
            first = reserve(now, AT_ONCE)
        except RemediatorError as error:
            _LOG.warning("the pace cannot be shared: %s", error)
        else:
            if first - now < _FURTHEST:
                return [first + number * SHARED for number in range(AT_ONCE)]
            _LOG.warning("the shared pace stands at %s", first)
        self._reserve, self._apart = None, BLIND
        return ()

    def _own(self, now: datetime) -> datetime:
        """The next slot of this process alone; now, too, where the clock was put back."""
        free_at = self._free_at
        slot = now if free_at is None or free_at - now > self._apart else max(now, free_at)
        self._free_at = slot + self._apart
        return slot


class SharedSlots:
    """The row of slots that all processes share: one item of the journal's table.

    It holds when the next slot is free, in microseconds since the epoch.
    """

    KEY = ("pace#lambda", "pace")

    def __init__(self, table: Table) -> None:
        self._table = table

    def reserve(self, now: datetime, count: int) -> datetime:
        """Take so many slots in a row, from now on or behind those that are taken already.

        Raises TemporaryError or PermanentError, as AWS answers.
        """
        width = count * round(SHARED / _UNIT)
        at = round((now - _EPOCH) / _UNIT)
        free_at = Attr("free_at")
        alone = self._table.update(
            self.KEY,
            {"free_at": at + width},
            free_at.not_exists() | free_at.lte(at),
        )
        if alone is not None:
            return now
        queued = self._table.update(self.KEY, {}, free_at.gt(at), grow_by={"free_at": width})
        if queued is None:  # somebody removed the item meanwhile
            return now
        return _EPOCH + (int(queued["free_at"]) - width) * _UNIT


_EPOCH = datetime.fromtimestamp(0, UTC)
_UNIT = timedelta(microseconds=1)
