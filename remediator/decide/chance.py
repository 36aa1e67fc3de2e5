"""Whether more fails than before by no more than chance. Pure."""

from remediator.evidence.counts import at_least


def by_chance(failed: float, tried: float, failed_before: float, tried_before: float) -> bool:
    """Whether so many failures of so many tries are no more than what was seen before could bring.

    One more failure than was seen counts: few tries without any say little.
    """
    usually = (failed_before + 1) / (tried_before + 1)
    return at_least(failed, usually * tried) >= _SELDOM


_SELDOM = 0.05
