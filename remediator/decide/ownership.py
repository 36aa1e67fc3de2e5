"""Whose a setting is: ours is what holds the value that we set (invariant 3). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from remediator.evidence.course import lags_since
from remediator.evidence.metrics import Metric
from remediator.model import Evidence, MappingState, Resource, ResourceKind, Value
from remediator.settings_table import of
from remediator.state import ChangeState, Edit, IncidentState, TrackedChange

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
    """Whether AWS says that a user has changed it, and it was not us: a setting we cannot see, or
    one to the very value that we had set."""
    if now.last_modified == seen.last_modified or seen.last_modified is None:
        return False
    ours = [t for t in changes if of(t.change).restarts]
    if not all(_was_through(tracked, seen) for tracked in ours):
        return False
    return bool(now.state_transition_reason) and by_a_person(now)


def _was_through(tracked: TrackedChange, seen: MappingState) -> bool:
    """Whether a write of ours was over and done with when the mapping was seen: what moves its time
    after that is another's."""
    modified, ended = seen.last_modified, tracked.ended_at or tracked.at
    over = tracked.state not in {ChangeState.INTENDED, ChangeState.UNDOING}
    at_rest = seen.state == "Enabled" and modified is not None
    return over and at_rest and modified is not None and ended < modified


def edit_by_its_time(
    evidence: Evidence, mapping: MappingState, onset: datetime | None
) -> Edit | None:
    """Where no earlier look is there to compare with: whether it was modified in mid-incident. That
    began before the record came that is the oldest now, where others were late before it."""
    changed, began = mapping.last_modified, lags_since(evidence)
    onset = min((at for at in (onset, began) if at is not None), default=None)
    if changed is None or onset is None or changed <= onset + timedelta(minutes=1):
        return None
    if not by_a_person(mapping) or began_at(evidence, changed):
        return None
    return Edit(at=changed, what="the mapping")


def by_a_person(mapping: MappingState) -> bool:
    """Whether its last change of state may be a person's: AWS says so, or does not say whose.

    ``LastModified`` moves with AWS's own changes of state as well.
    """
    reason = (mapping.state_transition_reason or "").casefold()
    return not reason or "user" in reason


def began_at(evidence: Evidence, changed: datetime) -> bool:
    """Whether the mapping was created (or let go) then: nothing ran before, and now it does."""
    ran = [
        at
        for metric in _RAN
        if (series := evidence.metrics.get(metric)) is not None
        for at, value in series.points
        if value > 0
    ]
    return bool(ran) and min(ran) + timedelta(minutes=1) > changed


_RAN = (Metric.INVOCATIONS, Metric.ITERATOR_AGE_MS, Metric.THROTTLES)


# When somebody was seen to have changed a setting of ours.
Taken = Mapping[tuple[Resource, str], datetime]


def taken_back(states: Iterable[IncidentState]) -> Taken:
    """The settings that somebody has changed since we did, in any of the incidents."""
    found: dict[tuple[Resource, str], datetime] = {}
    for state in states:
        for tracked in state.changes:
            key = tracked.change.resource, tracked.change.setting
            if tracked.state is ChangeState.OVERTAKEN and tracked.ended_at is not None:
                found[key] = max(tracked.ended_at, found.get(key, tracked.ended_at))
    return found
