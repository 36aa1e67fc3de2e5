"""Chance with a seed: the same world twice gives the same history."""

from random import Random


def chance(seed: int, *name: object) -> Random:
    """A generator of its own for each named part, so that parts do not disturb each other."""
    return Random(f"{seed}/{name}")  # noqa: S311 - a simulation, not a secret
