"""Shapes of a quantity over time (records per second, concurrency), as plain functions."""

import csv
from bisect import bisect_right
from math import pi, sin
from pathlib import Path

from lab.plant.specs import RateOfTime


def constant(rate: float) -> RateOfTime:
    """The same at all times."""
    return lambda _seconds: rate


def ramp(start: float, end: float, over_seconds: float, from_seconds: float = 0.0) -> RateOfTime:
    """From one value to another in a straight line, flat before and after."""

    def rate(seconds: float) -> float:
        share = min(1.0, max(0.0, (seconds - from_seconds) / over_seconds))
        return start + (end - start) * share

    return rate


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


def replay_csv(path: Path) -> RateOfTime:
    """A recorded rate series: rows `seconds,records_per_second`, a header line is allowed.

    Raises:
        ValueError: a row after the first does not hold two numbers.
    """
    with path.open(newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if rows and not _is_number(rows[0][0]):
        rows = rows[1:]
    return steps([(float(row[0]), float(row[1])) for row in rows])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
