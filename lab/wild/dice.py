"""Priors as fields of a table: how a property is drawn, and under which label it is counted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, fields
from math import exp, log
from random import Random
from typing import Any, NamedTuple, TypeVar

from lab.plant.chance import chance

Value = bool | int | float | str | None
Table = TypeVar("Table")


class Prior(NamedTuple):
    """One property: what it says to people, how it is drawn, how its value is labelled."""

    says: str
    draw: Callable[[Random], Any]
    label: Callable[[Any], str]
    range: str


def one_of(says: str, weights: Mapping[Any, float]) -> Any:
    """A field whose value is one of a few."""
    values, odds = list(weights), list(weights.values())
    total = sum(odds)
    shown = ", ".join(f"{_shown(v)} {odds[n] / total:.0%}" for n, v in enumerate(values))
    return _field(says, lambda dice: dice.choices(values, odds)[0], _shown, shown)


def spread(
    says: str, low: float, high: float, edges: Sequence[float], *, whole: bool = False
) -> Any:
    """A field whose value is spread evenly in its logarithm, labelled by the bin it is in."""

    def draw(dice: Random) -> float:
        value = exp(dice.uniform(log(low), log(high)))
        return round(value) if whole else value

    return _field(says, draw, _binned(edges), f"{low:g} to {high:g}, even in the logarithm")


def seldom(says: str, share: float, low: float, high: float, edges: Sequence[float]) -> Any:
    """A field that is 0 most of the time, and else a whole number, spread in its logarithm."""

    def draw(dice: Random) -> int:
        some = dice.random() < share
        value = exp(dice.uniform(log(low), log(high)))
        return round(value) if some else 0

    label = _binned(edges)
    shown = f"0, and in {share:.0%} {low:g} to {high:g}, even in the logarithm"
    return _field(says, draw, lambda value: label(value) if value else "0", shown)


def flag(says: str, share: float) -> Any:
    """A field that is true in some share."""
    return one_of(says, {True: share, False: 1 - share})


def _field(
    says: str, draw: Callable[[Random], Any], label: Callable[[Any], str], shown: str
) -> Any:
    return field(metadata={"prior": Prior(says, draw, label, shown)})


_WORDS: Mapping[Value, str] = {True: "yes", False: "no", None: "none"}


def _shown(value: Value) -> str:
    return _WORDS[value] if value is None or isinstance(value, bool) else str(value)


def _binned(edges: Sequence[float]) -> Callable[[float], str]:
    def label(value: float) -> str:
        below = [edge for edge in edges if edge <= value]
        above = [edge for edge in edges if edge > value]
        if not below:
            return f"< {above[0]:g}"
        return f"{below[-1]:g}–{above[0]:g}" if above else f"≥ {below[-1]:g}"

    return label


def priors(table: type) -> dict[str, Prior]:
    """The priors of a table's fields, in order."""
    return {f.name: f.metadata["prior"] for f in fields(table)}


def drawn(table: type[Table], seed: int) -> Table:
    """A row of the table. Each field has dice of its own, so that one more moves no other."""
    values = {
        name: prior.draw(chance(seed, "wild", table.__name__, name))
        for name, prior in priors(table).items()
    }
    return table(**values)


def labels(row: object) -> dict[str, str]:
    """The label of every field."""
    return {name: prior.label(getattr(row, name)) for name, prior in priors(type(row)).items()}
