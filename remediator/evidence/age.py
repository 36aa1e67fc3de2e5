"""The age, its course, and whether anything is invoked at all."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise, takewhile
from statistics import median

from remediator.evidence.explained import normal_age_seconds, window_seconds
from remediator.evidence.metrics import Metric
from remediator.evidence.plausible import age_jump_seconds
from remediator.evidence.record import Signals
from remediator.evidence.series import (
    INVOCATION_FAMILY,
    LAST_MINUTES,
    LOST_AT_MOST,
    MINUTE,
    STREAM_FAMILY,
    counts_of,
    known,
    long_minutes,
    metric_delay,
    minutes_seen,
    series_of,
    slope,
)
from remediator.model import STOPPED_STATES, Evidence, MappingState, Series
from remediator.policy import Thresholds


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
    pause = _pause(evidence) + long_minutes(evidence) * MINUTE
    ended = others and others[0].points[-1][0] - own.points[-1][0] >= pause
    return others[0] if ended and not _fell_silent(evidence, own.points[-1][0]) else own


def _goes_on(series: Series, mapping: MappingState) -> bool:
    """Whether an age comes long after its mapping was stopped: then it is a sibling's."""
    stopped_at = mapping.last_modified
    return stopped_at is not None and any(at > stopped_at + _WINDS_DOWN for at, _ in series.points)


# A mapping that is disabled ends the batches that it has begun.
_WINDS_DOWN = 3 * MINUTE


def ages(evidence: Evidence) -> list[tuple[datetime, float]]:
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
    return _without_dips(kept, normal_age_seconds(evidence))


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


# Between an age and the course of those before it; a poll and a batch come now or a little later.
_BEAT_SECONDS = 5.0


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


def alarming_ages(evidence: Evidence) -> list[tuple[datetime, float]]:
    """The ages that the alarm saw, in seconds, by minute, also if they have ended."""
    return _in_seconds(evidence.metrics.get(Metric.ITERATOR_AGE_MS)) or ages(evidence)


def _in_seconds(series: Series | None) -> list[tuple[datetime, float]]:
    return [(at, value / 1000) for at, value in series.points] if series else []


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


def course(evidence: Evidence) -> list[tuple[datetime, float]]:
    """The age's own course, once it is beyond what is normal: below that, it stands."""
    normal, points = normal_age_seconds(evidence), ages(evidence)
    beyond = bool(points) and points[-1][1] > normal
    return points if beyond else [(at, max(normal, age)) for at, age in points]


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
    beyond = course(evidence)
    gradient = slope(beyond)
    elapsed = max(0.0, (evidence.gathered_at - newest_at - MINUTE).total_seconds())
    silent = _fell_silent(evidence, newest_at)
    # A climb goes on; that a fall goes on for as long as the metrics are late is no reading.
    pace = 1.0 if silent else min(1.0, gradient or 0.0)
    on = elapsed if pace > 0 else min(elapsed, MINUTE.total_seconds())
    now_seconds = max(0.0, newest + pace * on)
    peak = max(value for _, value in points)
    late = max(thresholds.alarm_seconds, always.normal_age_seconds)
    return always | Signals(
        age_seconds=now_seconds,
        highest_age_seconds=max(age for _, age in points[-2:]),
        age_slope=1.0 if silent else gradient,
        oldest_slope=1.0 if silent else _since_it_came(beyond),
        age_jump_seconds=age_jump_seconds(points, always.normal_age_seconds),
        late_minutes=_late_for(points, late),
        climbing_minutes=_newest_run([now >= was for (_, was), (_, now) in pairwise(beyond)]),
        still_minutes=(newest_at - still_since(evidence, beyond)) / MINUTE,
        falling=None
        if gradient is None
        else not silent and gradient < thresholds.recovering_slope and newest < peak,
        onset=evidence.gathered_at - timedelta(seconds=now_seconds),
    )


def _since_it_came(points: Sequence[tuple[datetime, float]]) -> float | None:
    """The slope since the oldest record has arrived: what was before is of other records."""
    newest, age = points[-1]
    came = newest - timedelta(seconds=age)
    mine = [(at, seconds) for at, seconds in points if at > came]
    return slope(mine) if len(mine) >= LAST_MINUTES else None


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


def _fell_silent(evidence: Evidence, newest: datetime) -> bool:
    """Whether the age stopped coming although records arrive: then nothing takes them.

    Of a filtered stream only what passes must be taken, and of a window's batch not at once.
    """
    first, end = _first_arrival_after(evidence, newest), _newest_minute(evidence)
    if first is None or end is None:
        return False
    invoked = evidence.metrics.get(Metric.INVOCATIONS, Series()).points
    at_work = any(count > 0 and at > newest for at, count in invoked)
    lost = LOST_AT_MOST * MINUTE if at_work else timedelta(0)
    return end - first + MINUTE >= _pause(evidence) + lost


def _first_arrival_after(evidence: Evidence, moment: datetime | None) -> datetime | None:
    """The minute since which something waits, if nothing was taken after ``moment``."""
    filters = evidence.mapping is not None and evidence.mapping.filters_events
    witness = Metric.INVOKED_EVENTS if filters else Metric.INCOMING_RECORDS
    arrivals = evidence.metrics.get(witness, Series()).points
    return min(
        (at for at, count in arrivals if count > 0 and (moment is None or at > moment)),
        default=None,
    )


def _newest_minute(evidence: Evidence) -> datetime | None:
    return max(minutes_seen(evidence, STREAM_FAMILY), default=None)


def _pause(evidence: Evidence) -> timedelta:
    """For how long no age may come while all is well."""
    return 2 * MINUTE + timedelta(seconds=window_seconds(evidence))


def measure_invocations(evidence: Evidence, _: Thresholds, __: Signals) -> Signals:
    minutes = minutes_seen(evidence, INVOCATION_FAMILY)
    counts = counts_of(evidence, Metric.INVOCATIONS, minutes)
    if counts is None:
        return Signals(silent_minutes=_silence(evidence, _last_sign_of_life(evidence)))
    active = {at for at, count in zip(minutes, counts, strict=True) if count}
    changed = evidence.mapping.last_modified if evidence.mapping else None
    since = [
        at
        for at in minutes_seen(evidence, (*INVOCATION_FAMILY, *STREAM_FAMILY))
        if changed is None or at >= changed - MINUTE
    ]
    last = next(
        (at for at, count in zip(reversed(minutes), reversed(counts), strict=True) if count), None
    )
    return Signals(
        silent_minutes=_silence(evidence, last),
        idle_minutes_since_modified=sum(at not in active for at in since),
    )


def _last_sign_of_life(evidence: Evidence) -> datetime | None:
    """The newest minute of what only invocations publish, where they are not counted."""
    signs = (Metric.DURATION_MS, Metric.ERRORS, Metric.ITERATOR_AGE_MS)
    return max(minutes_seen(evidence, signs), default=None)


def _silence(evidence: Evidence, last_invocation: datetime | None) -> float | None:
    """Minutes for which something has waited and nothing was invoked, up to the newest minute that
    the stream published; where no arrival is seen, since the last invocation."""
    published = minutes_seen(evidence, STREAM_FAMILY)
    if not published:
        return None
    since = last_invocation or published[0]
    first = _first_arrival_after(evidence, last_invocation)
    if first is not None and not (evidence.mapping and evidence.mapping.filters_events):
        since = max(since, first - MINUTE)
    return max(0.0, (published[-1] - since).total_seconds() / 60)
