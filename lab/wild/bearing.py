"""Whether what stands behind the function could bear lanes enough for what comes in, read off the
plant's own laws: how it slows and how it fails as more of them call it."""

from bisect import bisect_left
from typing import cast

from lab.plant.cursor import Cursor
from lab.plant.mapping import EventSourceMapping

# What came in of late, which the lanes have to keep up with.
RATE_SECONDS = 300.0
MOST_FACTOR = 10


def more_would_saturate(cursor: Cursor, now: float) -> bool:
    """Whether no number of lanes would get done what comes in: with more of them at work, what
    stands behind slows down, or fails, by as much as is gained."""
    mapping = cast("EventSourceMapping", cursor.mapping)
    backend = mapping.function.backend
    if backend is None:
        return False
    others = max(0, backend.in_flight - mapping.function.running)
    spec, cursors = backend.spec, [c for c in mapping.cursors.values() if not c.drained]

    def done_by(lanes: int) -> float:
        load = (lanes + others) / spec.concurrency
        fails = spec.errors_per_overload * max(0.0, load - spec.errors_from)
        return lanes * max(0.0, 1.0 - fails) / float(max(1.0, load) ** spec.exponent)

    return max(map(done_by, range(1, MOST_FACTOR * len(cursors) + 1))) < _needed(cursors, now)


def _needed(cursors: list[Cursor], now: float) -> float:
    """Lanes that are always busy with what comes in, in full batches and with nothing in their
    way."""
    return sum(_work_of(cursor, now) for cursor in cursors) / RATE_SECONDS


def _work_of(cursor: Cursor, now: float) -> float:
    shard, size = cursor.shard, cursor.mapping.settings.batch_size
    seen = shard.visible(now)
    since = bisect_left(shard.arrivals, now - RATE_SECONDS, 0, seen)
    came = range(since, seen)
    if not came:
        return 0.0
    batch = list(came[:size])
    return sum(cursor.mapping.function.work_seconds(cursor.weight(batch))) * len(came) / len(batch)
