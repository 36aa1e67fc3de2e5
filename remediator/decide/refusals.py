"""What AWS has refused in an incident, and what of the next plan that decides. Pure.

A refusal is a fact: a number that AWS names, a destination that takes nothing, a right that is
missing. The same write is not tried again; what is planned instead is another one.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain

from remediator.settings_table import CAPTURED
from remediator.state import IncidentState, TrackedChange

# A role or a queue's policy may be mended meanwhile, and nobody tells: it is tried once more then.
_HOLDS_FOR = timedelta(hours=1)

# As Lambda refuses PutFunctionConcurrency: the number is the account's own.
_MINIMUM = re.compile(r"below its minimum value of \[?(\d+)\]?")


def told_minimum(state: IncidentState | None) -> int | None:
    """The unreserved concurrency that AWS wants in this account, where a refusal has told it."""
    return told_by(tracked.detail for tracked in state.changes) if state else None


def told_by(refusals: Iterable[str]) -> int | None:
    """As ``told_minimum``, in AWS's words."""
    found = [match for text in refusals if (match := _MINIMUM.search(text))]
    return int(found[-1][1]) if found else None


def uncaptured(state: IncidentState | None, now: datetime) -> bool:
    """Whether AWS has refused to give records up to the destination, as it does where the
    consumer's role may not write there."""
    return state is not None and any(map(_of_what_captures, _lately(state.changes, now)))


def _lately(changes: Iterable[TrackedChange], now: datetime) -> list[TrackedChange]:
    refused = (tracked for tracked in changes if tracked.refused_as)
    return [tracked for tracked in refused if now - tracked.at < _HOLDS_FOR]


def _of_what_captures(tracked: TrackedChange) -> bool:
    return any(tracked.change.setting == row.name for row in chain(*CAPTURED))


def taught(state: IncidentState, now: datetime) -> IncidentState | None:
    """The incident as the refusals of its newest turn leave it; ``None``: they teach nothing, so
    that the same would be planned again.

    A number or a destination is found again in the changes themselves. Whatever else was refused,
    AWS will refuse whichever way it is asked: then it is another lever's turn.
    """
    newest = [t for t in state.changes if t.refused_as and t.turn == state.turn]
    earlier = [tracked for tracked in state.changes if tracked.turn < state.turn]
    least = told_by(tracked.detail for tracked in newest)
    if least is not None and least != told_by(tracked.detail for tracked in earlier):
        return state
    captures = any(map(_of_what_captures, newest))
    if captures and not any(map(_of_what_captures, _lately(earlier, now))):
        return state
    tried = tuple(dict.fromkeys((*state.tried, *(t.change.remedy for t in newest))))
    return state.model_copy(update={"tried": tried}) if tried != state.tried else None
