"""The chart of a story: the age over time, from when it is late, and what was changed when."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from remediator.render.html.geometry import (
    Point,
    Scale,
    Tick,
    apart,
    path,
    time_ticks,
    value_at,
)
from remediator.render.story import Mark, Story
from remediator.render.words import duration

# Points further apart are not joined, unless they are looks of the journal.
_GAP = timedelta(minutes=5)
_TABLE_ROWS = 12


class Sign(NamedTuple):
    """A mark, placed: percent from the left and from the bottom."""

    number: int
    mark: Mark
    x: float
    y: float


class Chart(NamedTuple):
    """Placed, in percent; nothing left to reckon."""

    line: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    limit: float | None
    signs: tuple[Sign, ...]
    alt: str
    table: tuple[tuple[str, str], ...]


def chart(story: Story) -> Chart | None:
    """The chart; ``None`` where there is nothing to draw."""
    if not story.ages:
        return None
    first = min(story.ages[0][0], *(mark.at for mark in story.marks), story.ages[0][0])
    last = max(story.ages[-1][0], *(mark.at for mark in story.marks), story.ages[-1][0])
    zero = first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    across = Scale(_since(zero, first), max(_since(zero, last), _since(zero, first) + 60))
    points = _points(story, zero)
    highest = max(age for _, age in story.ages)
    up = Scale(0, 1.08 * max(highest, 1.15 * (story.late_seconds or 0)) or 1)
    heights = [up.place(value_at(points, _since(zero, m.at)) or 0) for m in story.marks]
    places = [across.place(_since(zero, mark.at)) for mark in story.marks]
    raised = apart(list(zip(places, heights, strict=True)))
    several_days = last.date() != first.date()
    return Chart(
        line=path(points, across, up),
        x_ticks=time_ticks(across, lambda s: _said(zero, s, several_days=several_days), most=4),
        y_ticks=time_ticks(up, lambda s: duration(s) if s else "0"),
        limit=up.place(story.late_seconds) if story.late_seconds else None,
        signs=tuple(
            Sign(number, mark, x, y)
            for number, (mark, x, y) in enumerate(
                zip(story.marks, places, raised, strict=True), start=1
            )
        ),
        alt=_alt(story, highest),
        table=_table(story),
    )


def _since(zero: datetime, at: datetime) -> float:
    return (at - zero).total_seconds()


def _said(zero: datetime, seconds: float, *, several_days: bool) -> str:
    at = zero + timedelta(seconds=seconds)
    return f"{at:%d %b %H:%M}" if several_days else f"{at:%H:%M}"


def _points(story: Story, zero: datetime) -> list[Point]:
    """The line, broken where minutes are missing."""
    found: list[Point] = []
    dense = "minute" in story.ages_from
    for place, (at, age) in enumerate(story.ages):
        if dense and place and at - story.ages[place - 1][0] > _GAP:
            found.append((_since(zero, story.ages[place - 1][0]) + 1, None))
        found.append((_since(zero, at), age))
    return found


def _alt(story: Story, highest: float) -> str:
    (first, _), (last, now) = story.ages[0], story.ages[-1]
    return (
        f"The age of the oldest record from {first:%H:%M} to {last:%H:%M} UTC: "
        f"at most {duration(highest)}, in the end {duration(now)}."
    )


def _table(story: Story) -> tuple[tuple[str, str], ...]:
    """The line in numbers, for who cannot see it."""
    step = max(1, len(story.ages) // _TABLE_ROWS)
    kept = story.ages[::step]
    shown = kept if kept[-1] == story.ages[-1] else (*kept, story.ages[-1])
    return tuple((f"{at:%Y-%m-%d %H:%M} UTC", duration(age)) for at, age in shown)
