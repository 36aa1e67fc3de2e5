"""Charts' geometry: values to places between 0 and 100 percent, and lines as SVG paths.

The SVG stretches with the page (``preserveAspectRatio="none"``, strokes that do not scale), and
all text is HTML placed in percent, so that it stays readable at any width.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from operator import itemgetter
from typing import TypeAlias

# A time in seconds and a value; ``None`` is a gap in the line.
Point: TypeAlias = tuple[float, float | None]

_MOST_POINTS = 480
# Room for a sign of 24 pixels, in percent of the narrowest and lowest chart.
_SIGN_WIDTH, _SIGN_HEIGHT = 8.0, 7.6
_TIME_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10800, 21600, 43200, 86400, 172800),
)
_LOG_TIMES = (1, 10, 60, 600, 3600, 21600, 86400, 604800)


@dataclass(frozen=True, slots=True)
class Tick:
    """One mark of an axis: where, in percent from its origin, and what it says."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from ``low`` to ``high`` onto 0..100, linear or logarithmic; outside is clamped."""

    low: float
    high: float
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Percent from the axis' origin."""
        low, high, value = (self._stretched(v) for v in (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.0
        return round(100 * min(1.0, max(0.0, share)), 3)

    def _stretched(self, value: float) -> float:
        return log10(max(value, self.low)) if self.logarithmic else value


def path(points: Sequence[Point], across: Scale, up: Scale) -> str:
    """The SVG path of a line in a box of 100 by 100, broken where values are missing."""
    parts: list[str] = []
    pen_down = False
    for at, value in thinned(points, across):
        if value is None:
            pen_down = False
            continue
        parts.append(f"{'L' if pen_down else 'M'}{across.place(at):g} {100 - up.place(value):g}")
        pen_down = True
    return "".join(parts)


def thinned(points: Sequence[Point], across: Scale) -> list[Point]:
    """The points that lie on the axis; of many, the highest of each bucket, so that peaks stay."""
    inside = [point for point in points if across.low <= point[0] <= across.high]
    size = ceil(len(inside) / _MOST_POINTS)
    if size <= 1:
        return inside
    buckets = (inside[at : at + size] for at in range(0, len(inside), size))
    return [max(bucket, key=lambda p: -1.0 if p[1] is None else p[1]) for bucket in buckets]


def value_at(points: Sequence[Point], seconds: float) -> float | None:
    """The last value at or before a time; ``None`` before the first."""
    index = bisect_right(points, seconds, key=itemgetter(0))
    return points[index - 1][1] if index else None


def highest(lines: Iterable[Sequence[Point]], across: Scale) -> float:
    """The highest value of any line within the axis; 0 when there is none."""
    values = (v for line in lines for at, v in line if v is not None and at <= across.high)
    return max(values, default=0.0)


# --- axes --------------------------------------------------------------------------------------


def time_ticks(scale: Scale, say: Callable[[float], str], most: int = 5) -> tuple[Tick, ...]:
    """Round times on a linear axis, measured from 0: full seconds, minutes, hours or days."""
    span = scale.high - scale.low
    step = next((s for s in _TIME_STEPS if span / s <= most), ceil(span / most / 86400) * 86400)
    return _ticks(scale, step, say)


def count_ticks(scale: Scale, say: Callable[[float], str], most: int = 4) -> tuple[Tick, ...]:
    """Round numbers on a linear axis."""
    span = scale.high - scale.low
    power = 10 ** floor(log10(span / most))
    steps = (power * times for times in (1, 2, 5, 10, 20))
    return _ticks(scale, next(s for s in steps if span / s <= most), say)


def log_time_ticks(scale: Scale, say: Callable[[float], str]) -> tuple[Tick, ...]:
    """Round times on a logarithmic axis."""
    inside = (t for t in _LOG_TIMES if scale.low <= t <= scale.high)
    return tuple(Tick(scale.place(t), say(t)) for t in inside)


def _ticks(scale: Scale, step: float, say: Callable[[float], str]) -> tuple[Tick, ...]:
    numbers = range(ceil(scale.low / step), floor(scale.high / step) + 1)
    return tuple(Tick(scale.place(n * step), say(n * step)) for n in numbers)


def apart(places: Sequence[tuple[float, float]]) -> list[float]:
    """Heights of signs at (x, y), moved up (at the top: down) until none covers another."""
    placed: list[tuple[float, float]] = []
    for x, y in places:
        steps = (y + way * n * _SIGN_HEIGHT for n in range(len(places) + 1) for way in (1, -1))
        free = (h for h in steps if 0 <= h <= 100 and _is_free(x, h, placed))
        placed.append((x, next(free, y)))
    return [y for _, y in placed]


def _is_free(x: float, y: float, placed: Sequence[tuple[float, float]]) -> bool:
    nearly = 0.99  # or a step of exactly one height is too little, by rounding
    return all(
        abs(x - px) >= _SIGN_WIDTH or abs(y - py) >= nearly * _SIGN_HEIGHT for px, py in placed
    )
