"""A burst that is over, and what of it is not done yet: by the work that lanes have had since.

The age tells nothing of it: a burst's records are equally old, so that it climbs by a second a
second until the last of them is done. Lanes do: each record takes about what it always takes.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median_low
from typing import NamedTuple

from remediator.evidence.arrivals import OF_A_BURST, arrivals_of
from remediator.evidence.course import ages, whole_until
from remediator.evidence.record import Signals
from remediator.evidence.series import (
    LAST_MINUTES,
    MINUTE,
    STREAM_FAMILY,
    each_minute,
    known,
    minutes_seen,
)
from remediator.evidence.work import work_of
from remediator.model import Evidence
from remediator.policy import Thresholds


class _Burst(NamedTuple):
    """Minutes in which far more came in than before and since, and how much more."""

    began: datetime
    ended: datetime
    records: float


# Times what comes in in a typical minute: no more than that.
_NO_MORE = 1.5


def measure_burst(evidence: Evidence, _: Thresholds, so_far: Signals) -> Signals:
    burst, whole, work = _burst(evidence), whole_until(evidence), work_of(evidence)
    busy, usual, rate = so_far.busy_lanes, so_far.usual_busy_lanes, _rate(evidence, so_far)
    if burst is None or whole is None or work is None:
        return Signals()
    if busy is None or usual is None or rate is None or not _is_the_oldest(evidence, burst):
        return Signals()
    lanes = busy - usual
    more = [max(0.0, count - usual) for at, count in work.points if burst.began <= at <= whole]
    if len(more) < _ENOUGH_MINUTES or lanes < _ONE_AT_WORK:
        return Signals()
    since = max(0.0, (evidence.gathered_at - whole - MINUTE).total_seconds())
    seen = burst.records - rate * 60 * sum(more)
    left = seen - rate * lanes * since
    return Signals(
        burst_left_records=max(0.0, left),
        burst_left_seen_records=max(0.0, seen),
        burst_lanes=lanes,
    )


# The burst's own minute, and a whole one after it.
_ENOUGH_MINUTES = 2
# Of a lane's time.
_ONE_AT_WORK = 0.75


def _burst(evidence: Evidence) -> _Burst | None:
    """``None`` where there was none, where it goes on, or where a minute of it was not seen."""
    minutes = each_minute(minutes_seen(evidence, STREAM_FAMILY))
    arrivals = arrivals_of(evidence, minutes)
    if not arrivals or None in arrivals:
        return None
    counts = known(arrivals)
    typical = median_low(counts)
    runs = [
        [index for index, _ in run]
        for far, run in groupby(enumerate(counts), key=lambda one: one[1] > OF_A_BURST * typical)
        if far
    ]
    if not runs or len(runs[-1]) > LAST_MINUTES:
        return None
    newest = runs[-1]
    return _between(minutes, counts, newest, typical)


def _between(
    minutes: Sequence[datetime], counts: Sequence[float], run: Sequence[int], typical: float
) -> _Burst | None:
    since = counts[run[-1] + 1 :]
    if len(since) < _ENOUGH_MINUTES or max(since) > max(1.0, _NO_MORE * typical):
        return None
    records = sum(counts[index] - typical for index in run)
    return _Burst(minutes[run[0]], minutes[run[-1]] + MINUTE, records)


def _is_the_oldest(evidence: Evidence, burst: _Burst) -> bool:
    """Whether the oldest record came with it, by one of the newest two ages."""
    came = [at - timedelta(seconds=age) for at, age in ages(evidence)[-2:]]
    return any(burst.began <= at + MINUTE and at <= burst.ended for at in came)


def _rate(evidence: Evidence, so_far: Signals) -> float | None:
    """Records a second that a lane gets done: as usual, or less where full batches take longer."""
    usual, longest, mapping = so_far.usual_lane_rate, so_far.duration_max_ms, evidence.mapping
    if usual is None or not longest or mapping is None:
        return None
    return min(usual, mapping.batch_size * 1000 / longest)
