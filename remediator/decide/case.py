"""The case: all that questions, remedies and guardrails look at. And what a question is."""

from collections.abc import Callable, Sequence
from datetime import datetime
from math import prod
from typing import NamedTuple

from remediator.decide.flow import Flow
from remediator.decide.gains import freed, quicker
from remediator.decide.spare import taken_of_reservation
from remediator.evidence.signals import Signals
from remediator.model import (
    Answer,
    Busy,
    Cause,
    Change,
    Detail,
    Diagnosis,
    Evidence,
    Reading,
    RemedyName,
)
from remediator.policy import Policy
from remediator.settings_table import RESERVED_CONCURRENCY, of

# Before the tree's questions are.
NOT_ASKED = Diagnosis.model_construct(cause=Cause.UNKNOWN, path=())


class Case(NamedTuple):
    """What was read of a pipeline, what it means, and what of it levers turn on.

    Questions see the first three; the tree adds the diagnosis, and ``caution.weighed`` the rest.
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
    claimed: int = 0
    """Concurrency promised to other incidents, which the account need not show yet."""
    unreserved_minimum: int = 100
    """What AWS wants unreserved in this account."""
    quarantine_arn: str | None = None
    destination_usable: bool | None = None
    """Whether the on-failure destination exists and takes what is sent; ``None``: not seen, which
    counts as no (``captures``)."""
    busiest: tuple[Busy, ...] | None = None
    """The account's functions that run most at once; ``None``: not asked for, or not seen."""
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

    def after(self, made: Sequence[Change]) -> "Case":
        """The case that changes make: what goes with them in one write is sized for it."""
        flow, spare = self.flow, self.spare_concurrency
        if flow is not None and any(one.remedy is RemedyName.ISOLATE_POISON for one in made):
            flow = freed(flow, self.signals, self.evidence.open_shards or 1)
        for change in made:
            if of(change) is RESERVED_CONCURRENCY and isinstance(change.after, int):
                spare = max(0, change.after - self._taken)
        times = prod(quicker(change, self.signals) for change in made)
        flow = flow.after(made, times) if flow else None
        return self._replace(flow=flow, spare_concurrency=spare)

    def widened(self) -> "Case":
        """As if the function's own reservation were as wide as the account can spare."""
        reserved, spare = self.evidence.reserved_concurrency, self.spare_reservation
        if reserved is None or spare is None:
            return self
        most = min(reserved + spare, max(reserved, self.policy.limits.reserved_concurrency))
        flow = self.flow.model_copy(update={"most_lanes": most}) if self.flow else None
        return self._replace(flow=flow, spare_concurrency=max(0, most - self._taken))

    @property
    def _taken(self) -> int:
        return taken_of_reservation(self.evidence, self.signals)

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
