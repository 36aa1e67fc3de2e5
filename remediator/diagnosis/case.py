"""What a question is, what it may look at, and how it answers."""

from collections.abc import Callable
from typing import NamedTuple

from remediator.model import (
    Answer,
    Cause,
    Evidence,
    Reading,
)
from remediator.policy import Policy
from remediator.signals import Signals


class Case(NamedTuple):
    """What a question may look at."""

    evidence: Evidence
    signals: Signals
    policy: Policy

    def reading(self, name: str, unit: str = "") -> Reading:
        """A measure as a cited reading."""
        return Reading(name=name, value=getattr(self.signals, name), unit=unit)


class Finding(NamedTuple):
    """A question's answer before it becomes a Step. ``detail`` refines the cause."""

    answer: Answer
    because: str
    readings: tuple[Reading, ...] = ()
    detail: str = ""


class Leaf(NamedTuple):
    """An end of the tree: a cause, and a detail where the question itself decides it."""

    cause: Cause
    detail: str = ""


class Question(NamedTuple):
    """One node of the tree."""

    text: str
    ask: Callable[[Case], Finding]
    yes: "str | Leaf"
    no: "str | Leaf"
    unseen: "str | Leaf"


YES, NO, UNSEEN = Answer.YES, Answer.NO, Answer.UNSEEN


def when(truth: bool, because: str, *readings: Reading, detail: str = "") -> Finding:
    return Finding(YES if truth else NO, because, readings, detail if truth else "")


def unseen(what: str, *readings: Reading) -> Finding:
    return Finding(UNSEEN, f"{what} was not seen", readings)
