"""The case: all that questions, remedies and guardrails look at. And what a question is."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from remediator.decide.forecast import Flow
from remediator.evidence.signals import Signals
from remediator.model import (
    Answer,
    Cause,
    Detail,
    Diagnosis,
    Evidence,
    Reading,
)
from remediator.policy import Policy

NOT_ASKED = Diagnosis(cause=Cause.UNKNOWN, path=())
"""Before the tree's questions are."""


class Case(NamedTuple):
    """What was read of a pipeline, what it means, and what of it levers turn on.

    Questions see the first three; the tree adds the diagnosis, and ``planning.weighed`` the rest.
    """

    evidence: Evidence
    signals: Signals
    policy: Policy
    """As it stands for the target."""
    diagnosis: Diagnosis = NOT_ASKED
    flow: Flow | None = None
    spare_concurrency: int | None = None
    """Invocations that may be added without starving a neighbour; ``None``: not seen."""
    spare_reservation: int | None = None
    unreserved_minimum: int = 100
    """What AWS wants unreserved in this account."""
    quarantine_arn: str | None = None
    destination_usable: bool | None = None
    """Whether the on-failure destination exists and takes what is sent; ``None``: not seen, which
    counts as no (``captures``)."""
    careful: bool = False
    """Whether the evidence gives reason to go in steps."""
    warned: bool = False
    """Whether errors have come with the load, where lanes are few: what stands behind may be at its
    limit already."""
    untried: bool = False
    """Whether nobody knows what many more lanes would do: then no more than today's load needs."""

    @property
    def at(self) -> datetime:
        """When it was looked."""
        return self.evidence.gathered_at

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
