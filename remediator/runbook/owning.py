"""Whose a mapping's settings are: ours is what holds the value that we set (invariant 3). Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from remediator.decide.guardrails.ownership import by_a_person
from remediator.model import Evidence, MappingState, Resource, ResourceKind, Value
from remediator.settings_table import of
from remediator.state import ChangeState, Edit, IncidentState, TrackedChange


class Noted(Protocol):
    """A look, as far as it matters here."""

    @property
    def evidence(self) -> Evidence:
        """What was read."""

    @property
    def edit(self) -> Edit | None:
        """What somebody else has changed."""


_NOT_SET_BY_ANYBODY = {
    "uuid",
    "source_arn",
    "state",
    "last_modified",
    "last_processing_result",
    "state_transition_reason",
}


def edit_since(known: IncidentState, now: MappingState) -> Edit | None:
    """The latest change of a mapping that was not ours, from what our newest look saw to now.

    Whenever it came: a value that is neither what was seen then nor one of ours is somebody's.
    """
    seen = known.mapping_seen
    if seen is None or now.last_modified is None:
        return known.edit
    names = [
        name
        for name in MappingState.model_fields
        if name not in _NOT_SET_BY_ANYBODY and not _is_ours(known, seen, now, name)
    ]
    if names:
        return Edit(at=now.last_modified, what=f"{', '.join(names)} of the mapping")
    if _touched(known.changes, seen, now):
        return Edit(at=now.last_modified, what="the mapping")
    return known.edit


def noted(look: Noted) -> dict[str, object]:
    """What a look leaves in the incident's state for the next one to compare with."""
    mapping = look.evidence.mapping
    return {"edit": look.edit, **({"mapping_seen": mapping} if mapping else {})}


def _is_ours(known: IncidentState, seen: MappingState, now: MappingState, name: str) -> bool:
    mapping = Resource(kind=ResourceKind.EVENT_SOURCE_MAPPING, id=now.uuid)
    values: list[Value] = [getattr(seen, name)]
    for tracked in known.changes:
        if tracked.change.resource == mapping and tracked.change.setting == name:
            values += _may_hold(tracked)
    return getattr(now, name) in values


def _may_hold(tracked: TrackedChange) -> tuple[Value, ...]:
    before, after = tracked.change.before, tracked.change.after
    match tracked.state:
        case ChangeState.APPLIED:
            return (after,)
        case ChangeState.UNDONE:
            return (before,)
        case ChangeState.INTENDED | ChangeState.UNDOING:
            return (before, after)
        case _:
            return ()


def _touched(changes: Sequence[TrackedChange], seen: MappingState, now: MappingState) -> bool:
    """Whether AWS says that a user has changed it, and it was not us: a setting we cannot see."""
    if now.last_modified == seen.last_modified or seen.last_modified is None:
        return False
    ours = any(of(t.change).restarts for t in changes)
    return not ours and bool(now.state_transition_reason) and by_a_person(now)


_MINIMUM = re.compile(r"below its minimum value of \[?(\d+)\]?")
"""As Lambda refuses PutFunctionConcurrency: the number is the account's own."""


def told_minimum(refusals: Iterable[str]) -> int | None:
    """The unreserved concurrency that AWS wants in this account, where a refusal has told it."""
    found = [match for text in refusals if (match := _MINIMUM.search(text))]
    return int(found[-1][1]) if found else None
