"""Signs on the main chart: who changed what and when, and where each lag was gone."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from lab.episode import Setting, SettingChange
from lab.page import words
from lab.page.clock import Clock
from lab.page.strategies import Strategy
from remediator.render.html.geometry import Point, Scale, apart, value_at

# Percent of the narrowest chart that a sign takes.
_SIGN_WIDTH = 4.5
# Percent of a wide chart that a change's text takes; narrow ones show none.
_TEXT_WIDTH = 27.0


class Axes(NamedTuple):
    """What places a sign: time across, age up, on either scale."""

    clock: Clock
    up: Scale
    log: Scale


class Sign(NamedTuple):
    """A change: a number in the strategy's lane and a dot on its line."""

    number: int
    label: str
    at: str
    text: str
    by: str
    x: float
    lane_x: float
    """Where the number stands; beside ``x`` when two changes are close."""
    straight: float
    log: float
    side: str
    """Where the text has room: ``right``, ``left`` or nowhere."""
    inside: bool
    """Whether it happened within the chart's time; else only the list tells of it."""


class Lane(NamedTuple):
    """All changes of one strategy."""

    who: Strategy
    signs: tuple[Sign, ...]


class End(NamedTuple):
    """Where a lag was gone, or the line's end: the strategy's letter, and how far it was moved."""

    who: Strategy
    x: float
    straight: float
    straight_at: float
    log: float
    log_at: float


# --- lanes -------------------------------------------------------------------------------------


def lanes(
    who: Sequence[Strategy], points: Sequence[Sequence[Point]], axes: Axes
) -> tuple[Lane, ...]:
    """A lane for each strategy that changed anything."""
    return tuple(
        Lane(strategy, _signs(strategy, line, axes))
        for strategy, line in zip(who, points, strict=True)
        if strategy.episode.changes
    )


def _signs(strategy: Strategy, line: Sequence[Point], axes: Axes) -> tuple[Sign, ...]:
    changes = sorted(strategy.episode.changes, key=lambda change: change.at_seconds)
    signs = [_sign(strategy, line, axes, n, change) for n, change in enumerate(changes, start=1)]
    inside = [sign for sign in signs if sign.inside]
    places = _side_by_side([sign.x for sign in inside])
    edges = [0.0, *places, 100.0]
    sides = [_side(*edges[n : n + 3], first=n == 0) for n in range(len(places))]
    placed = [
        sign._replace(lane_x=place, side=side)
        for sign, place, side in zip(inside, places, sides, strict=True)
    ]
    return (*placed, *signs[len(inside) :])


def _side_by_side(places: Sequence[float]) -> list[float]:
    """Places pushed on until none covers the one before; from the right edge back."""
    moved = list(places)
    for before, after in pairwise(range(len(moved))):
        moved[after] = max(moved[after], moved[before] + _SIGN_WIDTH)
    over = max(0.0, max(moved, default=0.0) - 100)
    return [max(0.0, place - over) if over else place for place in moved]


def _side(before: float, here: float, after: float, *, first: bool) -> str:
    if after - here >= _TEXT_WIDTH:
        return "right"
    return "left" if first and here - before >= _TEXT_WIDTH else ""


def _sign(
    strategy: Strategy, line: Sequence[Point], axes: Axes, number: int, change: SettingChange
) -> Sign:
    age = value_at(line, change.at_seconds) or 0.0
    x = axes.clock.place(change.at_seconds)
    return Sign(
        number=number,
        label=f"{strategy.letter}{number}",
        at=axes.clock.say(change.at_seconds),
        text=f"{words.setting(change.setting)} "
        f"{words.value(change.before)} → {words.value(change.after)}",
        by=_by(strategy, change, number),
        x=x,
        lane_x=x,
        straight=axes.up.place(age),
        log=axes.log.place(age),
        side="",
        inside=change.at_seconds <= axes.clock.scale.high,
    )


def _by(strategy: Strategy, change: SettingChange, number: int) -> str:
    who = strategy.title
    if change.by not in {"", strategy.episode.strategy}:
        who = f"{who}: {change.by.replace('_', ' ')}"
    if not change.undone:
        return who
    earlier = sorted(strategy.episode.changes, key=lambda c: c.at_seconds)[: number - 1]
    undoes = any((c.setting, c.before, c.after) == _inverse(change) for c in earlier)
    return f"{who}, {'put back' if undoes else 'later put back'}"


def _inverse(change: SettingChange) -> tuple[str, Setting, Setting]:
    return change.setting, change.after, change.before


# --- ends --------------------------------------------------------------------------------------


def ends(who: Sequence[Strategy], points: Sequence[Sequence[Point]], axes: Axes) -> tuple[End, ...]:
    """Each strategy's letter where its lag was gone, moved up where two would meet."""
    placed = [_end(strategy, line, axes) for strategy, line in zip(who, points, strict=True)]
    straight = apart([(end.x, end.straight) for end in placed])
    logs = apart([(end.x, end.log) for end in placed])
    return tuple(
        end._replace(straight=up, log=log)
        for end, up, log in zip(placed, straight, logs, strict=True)
    )


def _end(strategy: Strategy, line: Sequence[Point], axes: Axes) -> End:
    last = axes.clock.scale.high
    recovered = strategy.episode.recovered_at_seconds
    at = last if recovered is None else min(recovered, last)
    age = value_at(line, at) or 0.0
    if recovered is not None:
        age = min(age, strategy.episode.threshold_seconds)  # the line is drawn in coarse steps
    straight, log = axes.up.place(age), axes.log.place(age)
    return End(strategy, axes.clock.place(at), straight, straight, log, log)
