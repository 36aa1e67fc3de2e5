"""The tree as a picture: every question in its order, every cause, and the path that was taken lit.

Questions stand below each other on the left, causes on the right; whatever leads somewhere is a
line. Coordinates are SVG user units.
"""

from collections.abc import Mapping
from typing import NamedTuple

from remediator.model import Answer, Cause, Diagnosis
from remediator.render.tree import Leaf, Question
from remediator.render.words import name

_STEP, _TOP = 30, 22
_QUESTIONS, _CAUSES = 78, 216
WIDTH = 360


class Node(NamedTuple):
    """A question of the tree: its number, its place, how it was answered (empty: not asked)."""

    number: int
    y: float
    answer: str
    text: str


class End(NamedTuple):
    """A cause, and whether it was the one."""

    y: float
    text: str
    lit: bool


class Course(NamedTuple):
    """The picture, placed."""

    nodes: tuple[Node, ...]
    ends: tuple[End, ...]
    lines: tuple[str, ...]
    lit: tuple[str, ...]
    height: float
    alt: str
    questions: float = _QUESTIONS
    causes: float = _CAUSES
    width: float = WIDTH


def course(tree: Mapping[str, Question], diagnosis: Diagnosis | None) -> Course | None:
    """The picture of a diagnosis; ``None`` where nothing was diagnosed."""
    if diagnosis is None:
        return None
    numbers = {key: number for number, key in enumerate(tree, start=1)}
    answers = {step.id: step.answer for step in diagnosis.path if step.id in numbers}
    height = _TOP + _STEP * len(tree)
    ends = _ends(tree, numbers, height)
    lines = {
        key: {
            answer: _line(numbers[key], where, numbers, ends)
            for answer, where in _exits(question).items()
        }
        for key, question in tree.items()
    }
    lit = tuple(lines[key][answer] for key, answer in answers.items())
    asked = ", ".join(str(numbers[key]) for key in answers)
    return Course(
        nodes=tuple(
            Node(numbers[key], _at(numbers[key]), answers.get(key, ""), question.text)
            for key, question in tree.items()
        ),
        ends=tuple(End(y, name(cause), lit=cause is diagnosis.cause) for cause, y in ends.items()),
        lines=tuple(dict.fromkeys(line for of in lines.values() for line in of.values())),
        lit=lit,
        height=height,
        alt=f"The tree of {len(tree)} questions. Asked: {asked}. They led to "
        f"{name(diagnosis.cause)}. The answers follow as a list.",
    )


def _exits(question: Question) -> dict[Answer, str | Leaf]:
    return {
        Answer.YES: question.yes,
        Answer.NO: question.no,
        Answer.UNSEEN: question.unseen,
    }


def _at(number: int) -> float:
    return _TOP + _STEP * (number - 1)


def _ends(
    tree: Mapping[str, Question], numbers: Mapping[str, int], height: float
) -> dict[Cause, float]:
    """Causes down the right side, in the order in which questions lead to them."""
    leading: dict[Cause, list[int]] = {}
    for key, question in tree.items():
        for where in _exits(question).values():
            if not isinstance(where, str):
                leading.setdefault(where.cause, []).append(numbers[key])
    ordered = sorted(leading, key=lambda cause: sum(leading[cause]) / len(leading[cause]))
    room = (height - 2 * _TOP) / max(1, len(ordered) - 1)
    return {cause: round(_TOP + room * place, 1) for place, cause in enumerate(ordered)}


def _line(
    number: int, where: str | Leaf, numbers: Mapping[str, int], ends: Mapping[Cause, float]
) -> str:
    """To the next question straight down, to a later one around on the left, to a cause across."""
    y = _at(number)
    if not isinstance(where, str):
        end, middle = ends[where.cause], (_QUESTIONS + _CAUSES) / 2
        return f"M{_QUESTIONS} {y:g}C{middle:g} {y:g} {middle:g} {end:g} {_CAUSES} {end:g}"
    below = _at(numbers[where])
    if abs(numbers[where] - number) == 1:
        return f"M{_QUESTIONS} {y:g}V{below:g}"
    out = max(4.0, _QUESTIONS - 16 - 6 * abs(numbers[where] - number))
    return f"M{_QUESTIONS} {y:g}C{out:g} {y:g} {out:g} {below:g} {_QUESTIONS} {below:g}"
