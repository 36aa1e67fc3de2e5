"""How even failures are, minute after minute: those of one record are, which is tried at its own
pace, whatever else comes in. Pure."""

from collections.abc import Sequence
from datetime import datetime
from math import ceil, exp, floor, lgamma, log, prod
from statistics import fmean, median

from remediator.evidence.series import LAST_MINUTES

Minutes = Sequence[tuple[datetime, float, float]]
"""When, how many were tried, and how many of them failed."""


def as_even(failing: Minutes) -> float:
    """The chance that failures at random are as even as they are; 1 where too few minutes were
    seen, or more fails than a lane tries."""
    lately = failing[-_NEWEST:]
    if len(lately) < _FEWEST:
        return 1.0
    mean = fmean(bad for *_, bad in lately)
    if mean > OF_ONE_LANE:
        return 1.0
    share = mean / fmean(count for _, count, _ in lately)
    off = max(abs(bad - mean) for *_, bad in lately)
    within = [_within(round(count), share, mean - off, mean + off) for _, count, _ in lately]
    return prod(within) / max(within) if all(within) else 1.0  # their mean is made of them


# Tries of one lane in a minute, at most: AWS waits longer and longer between them.
OF_ONE_LANE = 30.0
# Minutes; what is older may be of another time.
_NEWEST, _FEWEST = 5, 2


def spread(failing: Minutes) -> float | None:
    """The newest minutes' failures against those of the first whole one."""
    if len(failing) <= LAST_MINUTES or not failing[0][2]:
        return None
    return median(bad for *_, bad in failing[-LAST_MINUTES:]) / failing[0][2]


def _within(tried: int, share: float, least: float, most: float) -> float:
    """The chance that so many of the tries fail (binomial)."""
    if not 0 < share < 1:
        return 1.0
    failures = range(max(0, ceil(least)), min(tried, floor(most)) + 1)
    return sum(
        exp(_ways(tried, n) + n * log(share) + (tried - n) * log(1 - share)) for n in failures
    )


def _ways(tried: int, failed: int) -> float:
    """To choose those that fail, as a logarithm: there may be far too many."""
    return lgamma(tried + 1) - lgamma(failed + 1) - lgamma(tried - failed + 1)
