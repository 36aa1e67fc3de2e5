"""Lambda's asynchronous invocations: a queue, retries after one and two minutes, dead letters.

Source: Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous
invocation". CloudWatch alarms, SNS and the Scheduler all invoke like this.
"""

import heapq
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import NAMESPACE_URL, uuid5

# Lambda's waits before the first and the second retry.
RETRY_DELAYS_SECONDS = (60.0, 120.0)


@dataclass(frozen=True, slots=True, order=True)
class Invocation:
    """One call of the function. The order is that of running."""

    due: datetime
    number: int
    event: Any = field(compare=False)
    request_id: str = field(compare=False)
    """Kept through the retries, as Lambda does."""
    first_at: datetime = field(compare=False)
    attempt: int = field(compare=False, default=1)


class Invocations:
    """What waits to be run. ``seed`` makes the request ids."""

    def __init__(self, seed: int, retry_attempts: int, maximum_event_age_seconds: int) -> None:
        self._seed = seed
        self._retries = min(retry_attempts, len(RETRY_DELAYS_SECONDS))
        self._maximum_age = timedelta(seconds=maximum_event_age_seconds)
        self._waiting: list[Invocation] = []
        self._numbers = count(1)

    def new(self, event: Any, due: datetime, now: datetime) -> Invocation:
        """An invocation that is not queued yet."""
        number = next(self._numbers)
        request_id = str(uuid5(NAMESPACE_URL, f"rehearsal {self._seed}, invocation {number}"))
        return Invocation(due, number, event, request_id, now)

    def push(self, invocation: Invocation) -> None:
        """Queue it."""
        heapq.heappush(self._waiting, invocation)

    def push_again(self, failed: Invocation, now: datetime) -> bool:
        """Queue the next try of one that failed; False when it was the last."""
        tries = failed.attempt - 1
        if tries >= self._retries or now - failed.first_at >= self._maximum_age:
            return False
        due = now + timedelta(seconds=RETRY_DELAYS_SECONDS[tries])
        self.push(replace(failed, due=due, attempt=failed.attempt + 1))
        return True

    def next_due(self) -> datetime | None:
        """When the next one is to run."""
        return self._waiting[0].due if self._waiting else None

    def pop_due(self, now: datetime) -> list[Invocation]:
        """Those that are due, in order."""
        due = []
        while self._waiting and self._waiting[0].due <= now:
            due.append(heapq.heappop(self._waiting))
        return due
