"""What becomes of invocations: errors, failed records."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import fmean, median, median_low

from remediator.evidence.arrivals import on_time
from remediator.evidence.chances import one_by_chance, stands_still_by_chance
from remediator.evidence.counts import at_least, goes_on_at
from remediator.evidence.evenness import Minutes, spread
from remediator.evidence.explained import normal_age_seconds
from remediator.evidence.metrics import Metric
from remediator.evidence.record import Signals
from remediator.evidence.series import (
    LAST_MINUTES,
    MINUTE,
    counts_of,
    mean_of,
    newest_of,
    series_of,
)
from remediator.evidence.witness import counts_batches
from remediator.model import Evidence, Series
from remediator.policy import Thresholds


def measure_errors(evidence: Evidence, thresholds: Thresholds, known: Signals) -> Signals:
    failed_events = newest_of(evidence, Metric.FAILED_INVOKE_EVENTS, thresholds.recent_minutes)
    invoked_events = newest_of(evidence, Metric.INVOKED_EVENTS, thresholds.recent_minutes)
    found = Signals(
        failed_since_success=_failed_since_success(evidence, thresholds),
        failed_events_per_minute=mean_of(failed_events),
        failed_event_minutes=sum(count > 0 for count in failed_events) if failed_events else None,
        failed_event_share=min(1.0, sum(failed_events[-2:]) / sum(invoked_events[-2:]))
        if failed_events and any(invoked_events[-2:])
        else None,
    )
    invocations = series_of(evidence, Metric.INVOCATIONS)
    errors = series_of(evidence, Metric.ERRORS)
    if invocations is None or errors is None or not invocations.points or not errors.points:
        return found
    active = _active(evidence, invocations)
    at_work = [at for at, count in invocations.points if count > 0]
    newest = [entry for entry in active if entry[0] in at_work[-LAST_MINUTES:]]
    if not newest:  # the errors of all of them were lost: then of the one just before
        newest = [entry for entry in active if entry[0] in at_work[-LAST_MINUTES - 1 :]]
        newest = [entry for entry in newest if entry[2] or _since(entry[0], known.onset)]
    if not newest:
        return found
    over = [min(1.0, bad / count) >= thresholds.error_share for _, count, bad in active]
    begin = _failing_from(over)
    failing, within = active[begin + 1 :], _tried_within(evidence, thresholds)
    return (
        found
        | Signals(
            error_share=min(1.0, _weighted(newest)),
            error_share_before=_while_on_time(evidence, active[begin:]),
            error_minutes=sum(bad > 0 for _, _, bad in active[-within:]),
            failing_minutes=sum(over[-len(newest) :]),
            seen_minutes=len(newest),
            failing_since=active[begin][0] if begin < len(active) else None,
            successes_per_minute=fmean(_succeeded(newest)),
            least_successes_per_minute=min(_succeeded(newest)),
            successes_may_be=goes_on_at(_succeeded(newest)),
            newest_error_share=min(1.0, newest[-1][2] / newest[-1][1]),
            usual_successes_per_minute=_usual_successes(active, begin),
            failing_successes_per_minute=median(_succeeded(failing)) if failing else None,
            failures_spread=spread(failing),
            stands_still_by_chance=stands_still_by_chance(evidence, active, thresholds),
            one_by_chance=one_by_chance(evidence, active, failing, thresholds, within),
            successes_before_modified=_successes_before(evidence, failing),
            successes_since_modified=_successes_since(
                evidence, failing if begin < len(active) else active
            ),
            successes_by_chance=_successes_by_chance(evidence, failing),
            quiet_before_modified=_quiet_before(evidence, failing),
            failures_grew=_failures_grew(evidence, failing),
        )
        | _first_success(evidence, failing)
    )


def _since(minute: datetime, onset: datetime | None) -> bool:
    """Whether most of a minute is of what lags: one before that, in which nothing failed, tells
    nothing of it."""
    return onset is None or minute + MINUTE / 2 >= onset


def _active(evidence: Evidence, invocations: Series) -> Minutes:
    """The minutes with invocations, of streams alone where they can be told; one whose errors were
    lost tells nothing of them. An error may be another trigger's: all are held against them."""
    at_work = [(at, count) for at, count in invocations.points if count > 0]
    minutes = [at for at, _ in at_work]
    failed = counts_of(evidence, Metric.ERRORS, minutes) or ()
    batches = (
        counts_of(evidence, Metric.STREAM_INVOCATIONS, minutes)
        if counts_batches(evidence)
        else None
    )
    of_streams = (count for _, count in at_work) if batches is None else batches
    return [
        (at, min(count, mine), bad)
        for (at, count), mine, bad in zip(at_work, of_streams, failed, strict=True)
        if bad is not None and mine
    ]


def _failed_since_success(evidence: Evidence, thresholds: Thresholds) -> float | None:
    """Where a function reports its failures they are no errors, but counted with the records that
    are sent, of which an invocation may lie in two minutes. A minute that was lost tells nothing.
    """
    invocations, mapping = series_of(evidence, Metric.INVOCATIONS), evidence.mapping
    reports = mapping is not None and mapping.reports_partial_batches
    minutes = [at for at, count in invocations.points if count] if invocations else []
    of, among = _REPORTED if reports else (Metric.ERRORS, Metric.INVOCATIONS)
    failed, sent = counts_of(evidence, of, minutes), counts_of(evidence, among, minutes)
    if invocations is None or failed is None or sent is None:
        return None
    nearly, in_vain = thresholds.total_failure_share if reports else 1.0, 0.0
    counts = dict(invocations.points)
    for at, bad, tried in reversed(list(zip(minutes, failed, sent, strict=True))):
        if bad is None or not tried:
            continue
        if bad < nearly * tried:
            break
        in_vain += counts[at]
    return in_vain


_REPORTED = (Metric.FAILED_INVOKE_EVENTS, Metric.INVOKED_EVENTS)


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


def _tried_within(evidence: Evidence, thresholds: Thresholds) -> int:
    """Minutes within which what fails is tried again and again: however long a try is out, and
    each of them, where something hangs until the timeout and all else ends long before."""
    took = (series_of(evidence, Metric.DURATION_MAX_MS) or Series()).values[-4 * LAST_MINUTES :]
    longest, timeout = max(took[-2 * LAST_MINUTES :], default=0.0), _timeout_ms(evidence)
    out = int(longest // 60_000)
    hangs = timeout is not None and longest >= thresholds.timeout_share * timeout
    if hangs and _LONG_BEFORE * median_low(took) <= longest:
        return LAST_MINUTES * (1 + out)
    return LAST_MINUTES + out


def _timeout_ms(evidence: Evidence) -> float | None:
    function = evidence.function
    return 1000.0 * function.timeout_seconds if function and function.timeout_seconds else None


_LONG_BEFORE = 1.5


def _while_on_time(evidence: Evidence, failing: Minutes) -> float | None:
    """Less the last of them, in which what is held had no time to be seen to lag."""
    fine, normal = on_time(evidence), timedelta(seconds=normal_age_seconds(evidence))
    in_time = max(fine, default=None)
    before = [entry for entry in failing if in_time is not None and entry[0] + normal <= in_time]
    if len(before) < LAST_MINUTES:
        return None
    return sum(bad for *_, bad in before) / sum(count for _, count, _ in before)


def _usual_successes(active: Minutes, begin: int) -> float | None:
    """Before the failing began; where nothing fails, before the newest minutes."""
    before = active[:begin] if begin < len(active) else active[:-LAST_MINUTES]
    return median(_succeeded(before)) if before else None


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


def _since_the_change(evidence: Evidence, failing: Minutes) -> Minutes:
    """The minutes after the mapping's last change; and that of the change itself, where halves of
    split batches may have succeeded in it. AWS moves the time as the mapping goes on, and a quick
    function is through with all of them then."""
    changed = evidence.mapping.last_modified if evidence.mapping else None
    if changed is None:
        return failing
    its_own = [entry for entry in failing if entry[0] < changed < entry[0] + MINUTE]
    after = [entry for entry in failing if entry[0] >= changed]
    return [*its_own, *after] if _may_be_halves(evidence, failing, its_own) else after


def _may_be_halves(evidence: Evidence, failing: Minutes, its_own: Minutes) -> bool:
    """Whether nothing at all had succeeded before, and no more did than the halves of a record in
    each lane, which is tried for ever then: what is down, and up for a moment after the restart,
    gets more done."""
    mapping, done = evidence.mapping, sum(_succeeded(its_own))
    if mapping is None or not mapping.bisect_on_error or mapping.retries_bounded or not done:
        return False
    lanes = (evidence.open_shards or 1) * mapping.parallelization_factor
    quiet = _quiet_before(evidence, failing) and not _successes_before(evidence, failing)
    alone = mapping.parallelization_factor == 1
    return bool(quiet) and alone and done <= lanes * (mapping.halvings + 1)


def _successes_since(evidence: Evidence, failing: Minutes) -> float | None:
    """Of the failing minutes only: what succeeded before it failed shows nothing. ``None`` before
    one since the change was published."""
    since = _since_the_change(evidence, failing)
    return sum(_succeeded(since)) if since else None


def _first_success(evidence: Evidence, failing: Minutes) -> Signals:
    changed = evidence.mapping.last_modified if evidence.mapping else None
    since = _since_the_change(evidence, failing) if changed is not None else []
    done = [at for (at, *_), fine in zip(since, _succeeded(since), strict=True) if fine]
    if not done:
        return Signals()
    return Signals(
        first_success_after_minutes=(done[0] - since[0][0]) / MINUTE,
        failed_beside_success=any(bad for at, _, bad in since if at > done[0]),
    )


def _successes_by_chance(evidence: Evidence, failing: Minutes) -> float | None:
    """At the rate that the tries before leave open (Laplace's rule), up to the last success."""
    changed = evidence.mapping.last_modified if evidence.mapping else None
    if changed is None:
        return None
    tried = sum(count for at, count, _ in failing if at + MINUTE <= changed)
    since = list(_since_the_change(evidence, failing))
    while since and not any(_succeeded(since[-1:])):
        since.pop()
    expected = sum(count for _, count, _ in since) / (tried + 2)
    return min(1.0, max(0.0, at_least(round(sum(_succeeded(since))), expected)))


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
