"""What a few counts may mean: so few come and go by chance (Poisson). Pure."""

from collections.abc import Sequence
from math import exp, lgamma, log, sqrt

from remediator.evidence.series import LAST_MINUTES


def at_least(count: float, expected: float) -> float:
    """How likely so many are where so many were to be expected."""
    if expected <= 0:
        return 1.0
    fewer = (exp(n * log(expected) - expected - lgamma(n + 1)) for n in range(min(int(count), 100)))
    return 1 - sum(fewer)


def may_be(count: float) -> float:
    """How many may be usual where so many came: with more than that, so few seldom would (one in
    twenty; the approximation of Wilson and Hilferty)."""
    more = count + 1
    return float(more * (1 - 1 / (9 * more) + _ONE_IN_TWENTY / (3 * sqrt(more))) ** 3)


_ONE_IN_TWENTY = 1.645


def goes_on_at(counts: Sequence[float]) -> float:
    """Of a minute, as many as the newest of them may mean: of the last one alone, of the last two,
    of the last three. What has ended shows in one of them, however many came before."""
    newest = [counts[-n:] for n in range(1, min(LAST_MINUTES, len(counts)) + 1)]
    return min(may_be(sum(some)) / len(some) for some in newest)
