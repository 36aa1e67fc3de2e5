"""What a question is, what it may look at, and how it answers."""

from collections.abc import Callable
from typing import NamedTuple

from remediator.evidence.signals import Signals
from remediator.model import (
    Answer,
    Cause,
    Detail,
    Evidence,
    Reading,
)
from remediator.policy import Policy


class Case(NamedTuple):
    """What a question may look at."""

    evidence: Evidence
    signals: Signals
    policy: Policy

    def reading(self, name: str, unit: str = "") -> Reading:
        """A measure as a cited reading."""
        return Reading(name=name, value=getattr(self.signals, name), unit=unit)


class Finding(NamedTuple):
    """A question's answer before it becomes a Step. ``detail`` refines the cause.

    ``proves``: the answer shows, by this mapping's own records, that its function is healthy.
    """

    answer: Answer
    because: str
    readings: tuple[Reading, ...] = ()
    detail: Detail = Detail.NONE
    proves: bool = False


class Leaf(NamedTuple):
    """An end of the tree: a cause, and a detail where the question itself decides it."""

    cause: Cause
    detail: Detail = Detail.NONE


class Question(NamedTuple):
    """One node of the tree."""

    text: str
    ask: Callable[[Case], Finding]
    yes: "str | Leaf"
    no: "str | Leaf"
    unseen: "str | Leaf"


YES, NO, UNSEEN = Answer.YES, Answer.NO, Answer.UNSEEN


def when(
    truth: bool,
    because: str,
    *readings: Reading,
    detail: Detail = Detail.NONE,
    proves: bool = False,
) -> Finding:
    """``detail`` and ``proves`` belong to the answer "yes"."""
    answer = Finding(NO, because, readings)
    return answer._replace(answer=YES, detail=detail, proves=proves) if truth else answer


def unseen(what: str, *readings: Reading) -> Finding:
    return Finding(UNSEEN, f"{what} was not seen", readings)
