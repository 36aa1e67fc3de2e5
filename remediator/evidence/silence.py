"""Whether anything is invoked at all, and for how long not, though something waits."""

from datetime import datetime, timedelta

from remediator.evidence.explained import window_seconds
from remediator.evidence.metrics import Metric
from remediator.evidence.record import Signals
from remediator.evidence.series import (
    INVOCATION_FAMILY,
    LOST_AT_MOST,
    MINUTE,
    STREAM_FAMILY,
    counts_of,
    minutes_seen,
    points_of,
)
from remediator.model import Evidence
from remediator.policy import Thresholds


def fell_silent(evidence: Evidence, newest: datetime) -> bool:
    """Whether the age stopped coming although records arrive: then nothing takes them.

    Of a filtered stream only what passes must be taken, and of a window's batch not at once.
    """
    first, end = _first_arrival_after(evidence, newest), _newest_minute(evidence)
    if first is None or end is None:
        return False
    invoked = points_of(evidence, Metric.INVOCATIONS)
    at_work = any(count > 0 and at > newest for at, count in invoked)
    lost = LOST_AT_MOST * MINUTE if at_work else timedelta(0)
    return end - first + MINUTE >= pause(evidence) + lost


def _first_arrival_after(evidence: Evidence, moment: datetime | None) -> datetime | None:
    """The minute since which something waits, if nothing was taken after ``moment``."""
    filters = evidence.mapping is not None and evidence.mapping.filters_events
    witness = Metric.INVOKED_EVENTS if filters else Metric.INCOMING_RECORDS
    arrivals = points_of(evidence, witness)
    return min(
        (at for at, count in arrivals if count > 0 and (moment is None or at > moment)),
        default=None,
    )


def _newest_minute(evidence: Evidence) -> datetime | None:
    return max(minutes_seen(evidence, STREAM_FAMILY), default=None)


def pause(evidence: Evidence) -> timedelta:
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
