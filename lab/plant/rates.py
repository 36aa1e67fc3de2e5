"""Shapes of a quantity over time (records per second, concurrency), as plain functions."""

from bisect import bisect_right
from math import pi, sin

from lab.plant.specs import RateOfTime


def constant(rate: float) -> RateOfTime:
    """The same at all times."""
    return lambda _seconds: rate


def diurnal(mean: float, swing: float, peak_at_seconds: float, day: float = 86400.0) -> RateOfTime:
    """A sine of the day: mean ± swing, highest at `peak_at_seconds`; never below zero."""
    return lambda s: max(0.0, mean + swing * sin(2 * pi * (s - peak_at_seconds) / day + pi / 2))


def burst(base: float, peak: float, from_seconds: float, to_seconds: float) -> RateOfTime:
    """`base` with a plateau of `peak` between two times."""
    return lambda s: peak if from_seconds <= s < to_seconds else base


def steps(points: list[tuple[float, float]]) -> RateOfTime:
    """Step function: each (seconds, value) holds until the next; zero before the first."""
    times = [seconds for seconds, _ in points]
    values = [0.0, *(value for _, value in points)]
    return lambda seconds: values[bisect_right(times, seconds)]
