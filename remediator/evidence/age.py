"""What the age says: how old, since when, how fast it climbs or falls."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise, takewhile

from remediator.evidence.course import ages, course, reached
from remediator.evidence.explained import normal_age_seconds
from remediator.evidence.metrics import Metric
from remediator.evidence.plausible import age_jump_seconds
from remediator.evidence.record import Signals
from remediator.evidence.series import (
    LAST_MINUTES,
    MINUTE,
    metric_delay,
    series_of,
    slope,
)
from remediator.evidence.silence import fell_silent
from remediator.model import Evidence
from remediator.policy import Thresholds


def _stream_age(evidence: Evidence) -> float | None:
    """The worst of the newest minutes, as old as it is by now if it has not moved since."""
    series = series_of(evidence, Metric.STREAM_ITERATOR_AGE_MS)
    newest = series.points[-LAST_MINUTES:] if series else ()
    return max(
        (
            value / 1000 + max(0.0, (evidence.gathered_at - at - MINUTE).total_seconds())
            for at, value in newest
        ),
        default=None,
    )


def measure_age(evidence: Evidence, thresholds: Thresholds, _: Signals) -> Signals:
    always = Signals(
        metric_delay_seconds=metric_delay(evidence),
        normal_age_seconds=normal_age_seconds(evidence),
        stream_age_seconds=_stream_age(evidence),
    )
    points = ages(evidence)
    if not points:
        return always
    newest_at, newest = points[-1]
    beyond, at_least = course(evidence), reached(evidence)
    slopes = (slope(beyond), slope(course(evidence, at_least)))
    gradient = max((each for each in slopes if each is not None), default=None)
    elapsed = max(0.0, (evidence.gathered_at - newest_at - MINUTE).total_seconds())
    silent = fell_silent(evidence, newest_at)
    # A climb goes on; that a fall goes on for as long as the metrics are late is no reading.
    pace = 1.0 if silent else min(1.0, gradient or 0.0)
    on = elapsed if pace > 0 else min(elapsed, MINUTE.total_seconds())
    now_seconds = max(0.0, newest + pace * on, *(age for _, age in at_least[len(points) :]))
    peak = max(value for _, value in points)
    late = late_from(always, thresholds)
    return always | Signals(
        age_seconds=now_seconds,
        highest_age_seconds=max(age for _, age in at_least[-2:]),
        age_slope=1.0 if silent else gradient,
        oldest_slope=1.0 if silent else _of_the_oldest(beyond, still_since(evidence, beyond)),
        age_jump_seconds=age_jump_seconds(points, always.normal_age_seconds),
        late_minutes=_late_for(at_least, late),
        climbing_minutes=_newest_run([now >= was for (_, was), (_, now) in pairwise(beyond)]),
        still_minutes=(newest_at - still_since(evidence, beyond)) / MINUTE,
        falling=None
        if gradient is None
        else not silent and gradient < thresholds.recovering_slope and newest < peak,
        onset=evidence.gathered_at - timedelta(seconds=now_seconds),
    )


def late_from(signals: Signals, thresholds: Thresholds) -> float:
    """The age from which on it lags: what its owner calls late, or more where more is normal."""
    return max(thresholds.alarm_seconds, signals.normal_age_seconds)


def _of_the_oldest(points: Sequence[tuple[datetime, float]], still: datetime) -> float | None:
    """The slope since the oldest record has arrived: what was before is of other records. By all
    the minutes in which it has not moved: the beat of its tries is much of a few."""
    newest, age = points[-1]
    came = newest - timedelta(seconds=age)
    mine = [(at, seconds) for at, seconds in points if at > came]
    if len(mine) < LAST_MINUTES:
        return None
    return slope(mine, newest=max(4, sum(at >= still for at, _ in mine)))


def _late_for(points: Sequence[tuple[datetime, float]], late: float) -> float:
    """Minutes since an age was last seen that was not late: where none is published for a while,
    as during long invocations, nobody knows that it was not."""
    if points[-1][1] < late:
        return 0.0
    newest = points[-1][0]
    fine = (at for at, age in reversed(points) if age < late)
    return (newest - next(fine, points[0][0] - MINUTE)) / MINUTE


def _newest_run(flags: Sequence[bool]) -> int:
    """How many of the newest are true in a row."""
    return sum(1 for _ in takewhile(bool, reversed(flags)))


# Between two tries; what AWS does is not documented.
LONGEST_WAIT_SECONDS = 30.0


def still_since(evidence: Evidence, points: Sequence[tuple[datetime, float]]) -> datetime:
    """The last minute since which the oldest record has not moved, but for the time between two
    tries of it: an age is seen only when it is tried, and once that try has ended."""
    took = series_of(evidence, Metric.DURATION_MAX_MS)
    longest = max(took.values[-LAST_MINUTES:]) / 1000 if took and took.points else 0.0
    slack = min(90.0, LONGEST_WAIT_SECONDS + 1.5 * longest)
    now, age = points[-1]
    moved = (at for at, was in reversed(points) if (now - at).total_seconds() - age + was > slack)
    return next(moved, points[0][0])
