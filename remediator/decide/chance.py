"""Whether more fails than before by no more than chance. Pure."""

from math import exp, lgamma, log


def by_chance(failed: float, tried: float, failed_before: float, tried_before: float) -> bool:
    """Whether so many failures of so many tries are no more than what was seen before could bring.

    One more failure than was seen counts: few tries without any say little.
    """
    usually = (failed_before + 1) / (tried_before + 1)
    return _at_least(failed, usually * tried) >= _SELDOM


_SELDOM = 0.05


def _at_least(count: float, expected: float) -> float:
    """How likely so many are where so many were to be expected (Poisson)."""
    if expected <= 0:
        return 1.0
    fewer = (exp(n * log(expected) - expected - lgamma(n + 1)) for n in range(min(int(count), 100)))
    return 1 - sum(fewer)
