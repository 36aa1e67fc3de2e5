"""The age, minute by minute: gaps and dips told from what goes on, as far as readings can tell."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from statistics import median

from remediator.evidence.explained import normal_age_seconds
from remediator.evidence.metrics import Metric
from remediator.evidence.once import once
from remediator.evidence.series import (
    INVOCATION_FAMILY,
    LAST_MINUTES,
    MINUTE,
    counts_of,
    known,
    long_minutes,
    minutes_seen,
    series_of,
    slope,
)
from remediator.evidence.silence import fell_silent, pause
from remediator.model import STOPPED_STATES, Evidence, MappingState, Series


def _age_series(evidence: Evidence) -> Series | None:
    """The age that is this mapping's own, as far as it can be told.

    AWS/Lambda IteratorAge mixes all mappings of a function, of which the most lagging one is
    looked at; the stream's own metric mixes all readers, which may read ahead. So the function's
    is preferred, unless it ended because nothing arrives any more. What a stopped mapping does not
    read, no other reader's age tells.
    """
    own = series_of(evidence, Metric.ITERATOR_AGE_MS)
    if evidence.mapping is not None and evidence.mapping.state in STOPPED_STATES:
        return own if own and not _goes_on(own, evidence.mapping) else None
    pushed = evidence.target.consumer_arn is not None
    witness = Metric.CONSUMER_BEHIND_MS if pushed else Metric.STREAM_ITERATOR_AGE_MS
    others = [
        series for metric in (witness,) if (series := series_of(evidence, metric)) and series.points
    ]
    if own is None or not own.points:
        return others[0] if others else None
    longest = pause(evidence) + long_minutes(evidence) * MINUTE
    ended = others and others[0].points[-1][0] - own.points[-1][0] >= longest
    return others[0] if ended and not fell_silent(evidence, own.points[-1][0]) else own


def _goes_on(series: Series, mapping: MappingState) -> bool:
    """Whether an age comes long after its mapping was stopped: then it is a sibling's."""
    stopped_at = mapping.last_modified
    return stopped_at is not None and any(at > stopped_at + _WINDS_DOWN for at, _ in series.points)


# A mapping that is disabled ends the batches that it has begun.
_WINDS_DOWN = 3 * MINUTE


@once
def ages(evidence: Evidence) -> tuple[tuple[datetime, float], ...]:
    """The mapping's iterator age now, in seconds, by minute; empty when it was not seen.

    What falls short of its course is not seen to, while invocations of its minute are still out or
    on their way to be counted: the oldest records may be in those.
    """
    whole = whole_until(evidence)
    points = _without_unseen(evidence, _in_seconds(_age_series(evidence)))
    kept = [point for point in points if whole is None or point[0] <= whole]
    for point in points[len(kept) :]:
        if _goes_its_course(kept, point):
            kept.append(point)
    return tuple(_without_dips(kept, normal_age_seconds(evidence)))


@once
def reached(evidence: Evidence) -> tuple[tuple[datetime, float], ...]:
    """The ages, and those of newer minutes that are higher, though invocations of their minute are
    still out: it is no less than that."""
    seen = ages(evidence)
    newest = seen[-1] if seen else None
    published = _in_seconds(_age_series(evidence))
    return (
        *seen,
        *(point for point in published if newest and point[0] > newest[0] and point[1] > newest[1]),
    )


@once
def whole_until(evidence: Evidence) -> datetime | None:
    """The newest minute of which all invocations have been counted, as far as that shows: long ones
    have ended, and it has half as many as those before it."""
    minutes = minutes_seen(evidence, INVOCATION_FAMILY)
    counts = known(counts_of(evidence, Metric.INVOCATIONS, minutes[-1 - LAST_MINUTES :]) or ())
    few = len(counts) > LAST_MINUTES and counts[-1] < median(counts[:-1]) / 2
    lacking = max(long_minutes(evidence), int(few))
    return minutes[-1] - lacking * MINUTE if minutes else None


def _goes_its_course(
    before: Sequence[tuple[datetime, float]], point: tuple[datetime, float]
) -> bool:
    """Whether an age is no less than those before it make expect, were it not to fall."""
    if not before:
        return True
    (at, age), (newest, was) = point, before[-1]
    came = slope(before[-2:]) or 0.0
    return age >= was + max(0.0, came) * (at - newest).total_seconds() - _BEAT_SECONDS


# Between an age and the course of those before it; a poll, a batch, or the next try of what has
# failed come now or a little later: AWS was seen to wait about so long.
_BEAT_SECONDS = 10.0


def _without_unseen(
    evidence: Evidence, points: Sequence[tuple[datetime, float]]
) -> list[tuple[datetime, float]]:
    """Less the minutes in which what falls is not seen to: the oldest record is in an invocation
    that takes minutes, so that only younger ones are tried meanwhile. Of no more than is normal,
    ages come and go."""
    took = dict((series_of(evidence, Metric.DURATION_MAX_MS) or Series()).points)
    normal = normal_age_seconds(evidence)
    kept: list[tuple[datetime, float]] = []
    for at, age in points:
        out = any(
            max(age, normal) < was and at - then <= timedelta(milliseconds=took.get(then, 0.0))
            for then, was in kept[-_OUT_MINUTES:]
            if took.get(then, 0.0) >= _A_MINUTE_MS
        )
        if not out:
            kept.append((at, age))
    return kept


_A_MINUTE_MS = 60_000


def _without_dips(
    points: list[tuple[datetime, float]], normal: float
) -> list[tuple[datetime, float]]:
    """Less the minutes between two tries of the oldest record: an invocation is counted where it
    began, so that while one is out for minutes only younger records are seen. Of no more than is
    normal, ages come and go."""
    return [
        (at, age)
        for n, (at, age) in enumerate(points)
        if not any(
            max(age, normal) < was
            and then - was >= _LIKE_A_CLOCK * (later - earlier - MINUTE).total_seconds()
            for earlier, was in points[max(0, n - _OUT_MINUTES) : n]
            for later, then in points[n + 1 : n + 1 + _OUT_MINUTES]
        )
    ]


_LIKE_A_CLOCK, _OUT_MINUTES = 0.75, 2


def alarming_ages(evidence: Evidence) -> Sequence[tuple[datetime, float]]:
    """The ages that the alarm saw, in seconds, by minute, also if they have ended."""
    return _in_seconds(evidence.metrics.get(Metric.ITERATOR_AGE_MS)) or ages(evidence)


def _in_seconds(series: Series | None) -> list[tuple[datetime, float]]:
    return [(at, value / 1000) for at, value in series.points] if series else []


def lags_since(evidence: Evidence) -> datetime | None:
    """When the first record came of those that are far older than is normal, minute after minute
    until now; ``None`` where none is."""
    far = _FAR * normal_age_seconds(evidence)
    newest = takewhile(lambda point: point[1] > far, reversed(ages(evidence)))
    return min((at - timedelta(seconds=age) for at, age in newest), default=None)


# Times the normal age, which no ripple of a healthy mapping reaches.
_FAR = 2.0


def course(
    evidence: Evidence, points: Sequence[tuple[datetime, float]] | None = None
) -> Sequence[tuple[datetime, float]]:
    """The age's own course, once it is beyond what is normal: below that, it stands.

    ``points``: the ages, where they are not those that are seen for sure."""
    normal = normal_age_seconds(evidence)
    points = ages(evidence) if points is None else points
    beyond = bool(points) and points[-1][1] > normal
    return points if beyond else [(at, max(normal, age)) for at, age in points]
