"""What is refused: throttles of the function, and of the rest of the account."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from remediator.evidence.arrivals import on_time
from remediator.evidence.explained import normal_age_seconds
from remediator.evidence.metrics import Metric
from remediator.evidence.record import Signals
from remediator.evidence.series import (
    INVOCATION_FAMILY,
    LAST_MINUTES,
    counts_of,
    mean_of,
    minutes_seen,
    newest_of,
    points_of,
    series_of,
)
from remediator.model import Evidence, Series
from remediator.policy import Thresholds

# Of each minute: what was refused, and what was tried in all.
Tried = Sequence[tuple[datetime, float, float]]


def measure_throttles(evidence: Evidence, thresholds: Thresholds, _: Signals) -> Signals:
    minutes = minutes_seen(evidence, INVOCATION_FAMILY)
    throttles = _throttles(evidence, minutes)
    account = newest_of(evidence, Metric.ACCOUNT_THROTTLES, thresholds.recent_minutes)
    found = Signals(
        account_throttles_per_minute=mean_of(account),
        others_throttles_per_minute=mean_of(
            _of_others(evidence)[-len(account) :] if account else ()
        ),
    )
    if throttles is None:
        return found
    invoked = counts_of(evidence, Metric.INVOCATIONS, minutes) or (0.0,) * len(throttles)
    rests = _nothing_runs(evidence)
    seen = [
        (at, refused, refused + (done or 0.0))
        for at, refused, done in zip(minutes, throttles, invoked, strict=True)
        if refused is not None and (done is not None or (refused and at in rests))
    ]
    newest = seen[-LAST_MINUTES:]
    shares = [refused / tried if tried else 0.0 for _, refused, tried in newest]
    if not shares:
        return found
    return found | Signals(
        throttle_share=mean_of(shares),
        throttle_share_before=_while_on_time(evidence, seen),
        throttled_minutes=sum(share >= thresholds.throttle_share for share in shares),
        throttled_but_for_lost=_but_for_lost(newest, shares, minutes, thresholds.throttle_share),
        attempts_per_second=max(tried for *_, tried in newest) / 60,
    )


def _but_for_lost(
    newest: Tried, shares: Sequence[float], minutes: Sequence[datetime], limit: float
) -> bool | None:
    lately = [
        share >= limit
        for (at, *_), share in zip(newest, shares, strict=True)
        if at in minutes[-LAST_MINUTES:]
    ]
    return all(lately) if 0 < len(lately) < LAST_MINUTES else None


def _nothing_runs(evidence: Evidence) -> set[datetime]:
    """Minutes that have none of all that an invocation is told by, and no concurrency, since there
    is some: a count that was lost would be missed by itself."""
    runs = {at for metric in _OF_ONE_THAT_RUNS for at, _ in points_of(evidence, metric)}
    began = min((at for at, _ in points_of(evidence, Metric.CONCURRENT_EXECUTIONS)), default=None)
    tried = {at for at, _ in points_of(evidence, Metric.THROTTLES)}
    return {at for at in tried - runs if began is not None and at > began}


_OF_ONE_THAT_RUNS = (
    Metric.INVOCATIONS,
    Metric.ERRORS,
    Metric.DURATION_MS,
    Metric.CONCURRENT_EXECUTIONS,
)


def _while_on_time(evidence: Evidence, seen: Tried) -> float | None:
    """Less the last of the minutes, in which what is refused had no time to be seen to lag."""
    fine, normal = on_time(evidence), timedelta(seconds=normal_age_seconds(evidence))
    last = max(fine, default=None)
    before = [one for one in seen if last is not None and one[0] in fine and one[0] + normal < last]
    tried = sum(count for *_, count in before)
    if len(before) < LAST_MINUTES or not tried:
        return None
    return sum(refused for _, refused, _ in before) / tried


def _throttles(evidence: Evidence, minutes: Sequence[datetime]) -> tuple[float | None, ...] | None:
    """By minute; where the function's count was lost, or nothing was published for nothing, none in
    the whole account are none of the function."""
    own = counts_of(evidence, Metric.THROTTLES, minutes)
    if own is None:
        return None
    account = dict((series_of(evidence, Metric.ACCOUNT_THROTTLES) or Series()).points)
    if any(count and account.get(at) == 0 for at, count in zip(minutes, own, strict=True)):
        return own  # the account's count leaves out what the function's has
    return tuple(
        0.0 if count is None and account.get(at) == 0 else count
        for at, count in zip(minutes, own, strict=True)
    )


def _of_others(evidence: Evidence) -> tuple[float, ...]:
    """Throttles of the account that are not the function's own, minute by minute."""
    own = dict((series_of(evidence, Metric.THROTTLES) or Series()).points)
    everybody = (series_of(evidence, Metric.ACCOUNT_THROTTLES) or Series()).points
    return tuple(max(0.0, count - own.get(at, 0.0)) for at, count in everybody)
