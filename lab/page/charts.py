"""The charts of the page: one line a strategy, the alarm, the threshold, and who changed what."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from lab.episode import Timeline
from lab.page import words
from lab.page.clock import Clock, between
from lab.page.marks import Axes, End, Lane, ends, lanes
from lab.page.strategies import Strategy
from remediator.render.html.geometry import (
    Point,
    Scale,
    Tick,
    count_ticks,
    highest,
    log_time_ticks,
    path,
    time_ticks,
    value_at,
)

_TABLE_STEPS = 8
_LAST_HOLDS_SECONDS = 60
# The highest peak against the lowest, from which a logarithmic axis shows more.
_LOG_HELPS_FROM = 6


class Measure(NamedTuple):
    """What a chart shows of a timeline."""

    name: str
    title: str
    about: str
    read: Callable[[Timeline], Sequence[float]]
    say: Callable[[float], str]
    in_time: bool = False


MEASURES = (
    Measure(
        "age",
        "How far behind: IteratorAge",
        "The age of the oldest record that is not done with.",
        lambda t: t.age_seconds,
        words.duration,
        in_time=True,
    ),
    Measure(
        "backlog",
        "Backlog",
        "Records that wait.",
        lambda t: t.backlog_records,
        words.count,
    ),
    Measure(
        "concurrency",
        "Concurrency",
        "Invocations that run at once.",
        lambda t: t.concurrency,
        words.count,
    ),
    Measure(
        "errors",
        "Errors",
        "Failed invocations a minute.",
        lambda t: t.errors_per_minute,
        words.count,
    ),
    Measure(
        "throttles",
        "Throttles",
        "Refused invocations a minute.",
        lambda t: t.throttles_per_minute,
        words.count,
    ),
)


class Line(NamedTuple):
    """One strategy's line; ``log`` is its path on a logarithmic axis."""

    who: Strategy
    straight: str
    log: str


class Chart(NamedTuple):
    """One chart, placed."""

    measure: Measure
    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    log_ticks: tuple[Tick, ...]
    """Empty when a logarithmic axis would not help."""
    limit: float | None
    log_limit: float | None
    alarm: float | None
    lanes: tuple[Lane, ...]
    ends: tuple[End, ...]
    alt: str
    table: tuple[tuple[str, tuple[str, ...]], ...]
    """Time, then one value a strategy: the chart for who cannot see it."""
    empty: bool


def charts(who: Sequence[Strategy], clock: Clock) -> tuple[Chart, ...]:
    """All charts, the main one first."""
    return tuple(_chart(measure, who, clock) for measure in MEASURES)


def hover_data(who: Sequence[Strategy], clock: Clock) -> dict[str, Any]:
    """What the script shows when somebody hovers."""
    return {
        "times": [clock.say(at) for at in clock.steps],
        "who": [{"letter": s.letter, "title": s.title} for s in who],
        "values": {
            measure.name: [
                [_said(measure, points, at) for at in clock.steps]
                for points in _all_points(measure, who)
            ]
            for measure in MEASURES
        },
    }


def _chart(measure: Measure, who: Sequence[Strategy], clock: Clock) -> Chart:
    points = _all_points(measure, who)
    threshold = who[0].episode.threshold_seconds if measure.in_time else 0.0
    top = highest(points, clock.scale)
    up = Scale(0, 1.08 * max(top, 1.15 * threshold) or 1)
    log = Scale(1, max(up.high, 10), logarithmic=True)
    axes = Axes(clock, up, log)
    return Chart(
        measure=measure,
        lines=tuple(
            Line(s, path(p, clock.scale, up), path(p, clock.scale, log) if measure.in_time else "")
            for s, p in zip(who, points, strict=True)
        ),
        ticks=(time_ticks if measure.in_time else count_ticks)(up, measure.say),
        log_ticks=log_time_ticks(log, measure.say)
        if _log_helps(measure, who, points, clock)
        else (),
        limit=up.place(threshold) if threshold else None,
        log_limit=log.place(threshold) if threshold else None,
        alarm=None if clock.alarm is None else clock.place(clock.alarm),
        lanes=lanes(who, points, axes) if measure.in_time else (),
        ends=ends(who, points, axes) if measure.in_time else (),
        alt=_alt(measure, who, points, clock),
        table=_table(measure, points, clock),
        empty=top == 0,
    )


def _all_points(measure: Measure, who: Sequence[Strategy]) -> list[list[Point]]:
    timelines = (strategy.episode.timeline for strategy in who)
    return [list(zip(t.seconds, measure.read(t), strict=True)) for t in timelines]


def _log_helps(
    measure: Measure, who: Sequence[Strategy], points: Sequence[Sequence[Point]], clock: Clock
) -> bool:
    peaks = [highest([line], clock.scale) for line in points]
    return measure.in_time and len(who) > 1 and max(peaks) > _LOG_HELPS_FROM * max(1.0, min(peaks))


# --- in words ------------------------------------------------------------------------------------


def _said(measure: Measure, points: Sequence[Point], at: float) -> str:
    """The value at a time; a dash where the run had not begun or was over (it may end early)."""
    over = not points or at > points[-1][0] + _LAST_HOLDS_SECONDS
    value = None if over else value_at(points, at)
    return "–" if value is None else measure.say(value)


def _alt(
    measure: Measure, who: Sequence[Strategy], points: Sequence[Sequence[Point]], clock: Clock
) -> str:
    peaks = (
        f"{s.title}: at most {measure.say(highest([line], clock.scale))}"
        for s, line in zip(who, points, strict=True)
    )
    return f"{measure.title} over time. {'; '.join(peaks)}."


def _table(
    measure: Measure, points: Sequence[Sequence[Point]], clock: Clock
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (clock.say(at), tuple(_said(measure, line, at) for line in points))
        for at in between(clock.scale, _TABLE_STEPS)
    )
