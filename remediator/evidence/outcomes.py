"""What becomes of invocations: errors, failed records, throttles."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import exp, log
from statistics import fmean, median

from remediator.evidence.age import course, still_since
from remediator.evidence.metrics import Metric
from remediator.evidence.record import Signals
from remediator.evidence.series import (
    INVOCATION_FAMILY,
    LAST_MINUTES,
    MINUTE,
    counts_of,
    lanes_of,
    mean_of,
    minutes_seen,
    newest_of,
    series_of,
)
from remediator.evidence.witness import stream_invocations
from remediator.model import Evidence, Series
from remediator.policy import Thresholds


def measure_errors(evidence: Evidence, thresholds: Thresholds, known: Signals) -> Signals:
    delay = known.late_by(thresholds.metric_delay_seconds)
    failed_events = newest_of(
        series_of(evidence, Metric.FAILED_INVOKE_EVENTS),
        evidence.gathered_at - timedelta(seconds=delay),
        thresholds.recent_minutes,
    )
    found = Signals(failed_events_per_minute=mean_of(failed_events))
    invocations = series_of(evidence, Metric.INVOCATIONS)
    errors = series_of(evidence, Metric.ERRORS)
    if invocations is None or errors is None or not invocations.points or not errors.points:
        return found
    active = _active(evidence, invocations)
    newest = active[-LAST_MINUTES:]
    if not newest:
        return found
    over = [min(1.0, bad / count) >= thresholds.error_share for _, count, bad in active]
    begin = _failing_from(over)
    failing = active[begin + 1 :]
    own = _of_streams(evidence, failing)
    return found | Signals(
        error_share=min(1.0, _weighted(newest)),
        error_minutes=sum(bad > 0 for _, _, bad in newest),
        failing_minutes=sum(over[-LAST_MINUTES:]),
        failing_since=active[begin][0] if begin < len(active) else None,
        successes_per_minute=fmean(_succeeded(newest)),
        least_successes_per_minute=min(_succeeded(newest)),
        newest_error_share=min(1.0, newest[-1][2] / newest[-1][1]),
        usual_successes_per_minute=_usual_successes(active, begin),
        failing_successes_per_minute=median(_succeeded(failing)) if failing else None,
        stands_still_by_chance=_by_chance(evidence, active),
        successes_before_modified=_successes_before(evidence, own),
        successes_since_modified=_successes_since(
            evidence, own if begin < len(active) else _of_streams(evidence, active)
        ),
        quiet_before_modified=_quiet_before(evidence, own),
        failures_grew=_failures_grew(evidence, failing),
    )


def _active(evidence: Evidence, invocations: Series) -> "Minutes":
    """The minutes with invocations; one whose errors were lost tells nothing of them."""
    at_work = [(at, count) for at, count in invocations.points if count > 0]
    failed = counts_of(evidence, Metric.ERRORS, [at for at, _ in at_work]) or ()
    return [
        (at, count, bad)
        for (at, count), bad in zip(at_work, failed, strict=True)
        if bad is not None
    ]


Minutes = Sequence[tuple[datetime, float, float]]
"""Minutes with invocations: when, how many, how many of them failed."""


def _succeeded(minutes: Minutes) -> list[float]:
    return [max(0.0, count - bad) for _, count, bad in minutes]


def _failing_from(over: Sequence[bool]) -> int:
    """Index of the minute in which the failing began that goes on, or was over just now; the
    length where there is none. Less than ``LAST_MINUTES`` good minutes do not end it."""
    begin, good = len(over), 0
    for index in range(len(over) - 1, -1, -1):
        good = 0 if over[index] else good + 1
        if good >= LAST_MINUTES:
            break
        begin = index if over[index] else begin
    return begin


def _weighted(minutes: Minutes) -> float:
    """Errors per invocation over the newest two minutes: an onset must not be averaged away."""
    newest = minutes[-2:]
    return sum(bad for *_, bad in newest) / sum(count for _, count, _ in newest)


def _usual_successes(active: Minutes, begin: int) -> float | None:
    """Before the failing began; where nothing fails, before the newest minutes."""
    before = active[:begin] if begin < len(active) else active[:-LAST_MINUTES]
    return median(_succeeded(before)) if before else None


def _by_chance(evidence: Evidence, active: Minutes) -> float | None:
    """The chance that one of the lanes fails at each of its tries, if each try of any lane fails
    as often as all of them together do; over the minutes in which the oldest record stands still.

    The newest of them is left out: its tries may have been made after the record moved on.
    """
    lanes, points = lanes_of(evidence), course(evidence)
    if not lanes or not points or not any(bad for *_, bad in active[-LAST_MINUTES:]):
        return None
    since = still_since(evidence, points)
    tries = [
        (min(count / lanes, _MOST_TRIES), bad / count)
        for at, count, bad in active
        if since < at < points[-1][0] and 0 < bad / count < 1
    ]
    return min(1.0, lanes * exp(sum(n * log(share) for n, share in tries)))


_MOST_TRIES = 6.0
"""Of one failing lane in a minute: AWS was seen to wait about ten seconds between them."""


def _successes_before(evidence: Evidence, failing: Minutes) -> float | None:
    """What succeeded although it was failing, up to the mapping's last change.

    ``failing``: the whole minutes of it, without that of the onset. ``None`` where batches were
    split from the start, so that it may be halves which succeeded.
    """
    mapping = evidence.mapping
    changed = mapping.last_modified if mapping else None
    if failing and changed is not None and changed > failing[0][0]:
        return sum(_succeeded([entry for entry in failing if entry[0] + MINUTE <= changed]))
    return None if mapping and mapping.bisect_on_error else sum(_succeeded(failing))


def _successes_since(evidence: Evidence, failing: Minutes) -> float | None:
    """Counted from the first whole minute after the change, and of the failing ones only: what
    succeeded before it failed shows nothing. ``None`` before such a minute was published."""
    changed = evidence.mapping.last_modified if evidence.mapping else None
    since = [entry for entry in failing if changed is None or entry[0] >= changed]
    return sum(_succeeded(since)) if since else None


def _of_streams(evidence: Evidence, minutes: Minutes) -> Minutes:
    """The same minutes with this mapping's own invocations alone, where they can be told."""
    counts = stream_invocations(evidence)
    if counts is None:
        return minutes
    return [(at, min(count, counts.get(at, 0.0)), bad) for at, count, bad in minutes]


def _quiet_before(evidence: Evidence, failing: Minutes) -> bool | None:
    """Whether nothing succeeded in the last failing minutes before the mapping was changed."""
    changed = evidence.mapping.last_modified if evidence.mapping else None
    before = [entry for entry in failing if changed is not None and entry[0] + MINUTE <= changed]
    if len(before) < 2:
        return None
    return not any(_succeeded(before[-LAST_MINUTES:]))


def _failures_grew(evidence: Evidence, failing: Minutes) -> float | None:
    """By the median minute, without that of the change and the pause after it."""
    changed = evidence.mapping.last_modified if evidence.mapping else None
    if changed is None:
        return None
    before = [bad for at, _, bad in failing if at + MINUTE <= changed]
    after = [bad for at, _, bad in failing if at >= changed][-LAST_MINUTES:]
    if len(before) < 2 or len(after) < LAST_MINUTES or not median(before):
        return None
    return median(after) / median(before)


def measure_throttles(evidence: Evidence, thresholds: Thresholds, _: Signals) -> Signals:
    minutes = minutes_seen(evidence, INVOCATION_FAMILY)
    throttles = counts_of(evidence, Metric.THROTTLES, minutes)
    account = newest_of(
        series_of(evidence, Metric.ACCOUNT_THROTTLES),
        evidence.gathered_at,
        thresholds.recent_minutes,
    )
    found = Signals(account_throttles_per_minute=mean_of(account))
    if throttles is None:
        return found
    invoked = counts_of(evidence, Metric.INVOCATIONS, minutes) or (0.0,) * len(throttles)
    seen = [
        (refused, refused + done)
        for refused, done in zip(throttles, invoked, strict=True)
        if refused is not None and done is not None
    ]
    shares = [refused / tried if tried else 0.0 for refused, tried in seen[-LAST_MINUTES:]]
    if not shares:
        return found
    return found | Signals(
        throttle_share=mean_of(shares),
        throttled_minutes=sum(share >= thresholds.throttle_share for share in shares),
        attempts_per_second=max(tried for _, tried in seen[-LAST_MINUTES:]) / 60,
    )
