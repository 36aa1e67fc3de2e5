"""Whether what held the records is over just now: what is done since has not shown yet. Pure."""

from collections.abc import Sequence
from math import ceil

from remediator.evidence.metrics import Metric
from remediator.evidence.series import points_of
from remediator.evidence.signals import LAST_MINUTES, Signals
from remediator.model import Evidence
from remediator.policy import Thresholds


def just_over(evidence: Evidence, signals: Signals, limits: Thresholds) -> bool:
    """Whether what was tried failed until just now, or took far longer."""
    return succeeds_again(evidence, signals, limits) or quick_again(evidence, signals, limits)


def succeeds_again(evidence: Evidence, signals: Signals, limits: Thresholds) -> bool:
    """Whether most of what was tried failed until just now, and does no more: how far the oldest
    moved on until then says nothing of what is done since."""
    if signals.newest_error_share is None or _fails(signals, limits):
        return False
    tried = dict(points_of(evidence, Metric.INVOCATIONS)[-_COURSE:])
    failed = points_of(evidence, Metric.ERRORS)
    return any(bad and at in tried and bad >= _HALF * tried[at] for at, bad in failed)


def quick_again(evidence: Evidence, signals: Signals, limits: Thresholds) -> bool:
    """Whether the batches of the newest minutes took half of what those of all the minutes before
    did, or less, and not for failing: what a lane gets done now was not seen yet, nor what came of
    those that were begun before it."""
    if _fails(signals, limits):
        return False
    longest = [value for _, value in points_of(evidence, Metric.DURATION_MAX_MS)]
    mean = [value for _, value in points_of(evidence, Metric.DURATION_MS)]
    out = ceil(max(longest[-_LONG_AGO:], default=0.0) / _A_MINUTE_MS)
    newest = range(_NEWEST, _NEWEST + out + 1)
    return any(_is_quick_since(took, n) for took in (longest, mean) for n in newest)


def _fails(signals: Signals, limits: Thresholds) -> bool:
    return (signals.newest_error_share or 0.0) >= limits.error_share


def _is_quick_since(took: Sequence[float], newest: int) -> bool:
    before = took[-newest - LAST_MINUTES : -newest]
    return len(before) == LAST_MINUTES and max(took[-newest:]) <= _HALF * min(before)


_HALF = 0.5
# Minutes: by which the course of the age is seen, that are the newest, and that were long.
_COURSE, _NEWEST, _LONG_AGO = 5, 2, 10
_A_MINUTE_MS = 60_000
