"""What a person has set in place of ours is left alone for a while, whatever it is set on. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from remediator.model import Decision, GuardedChange, GuardedPlan, Resource, Ruling
from remediator.state import ChangeState, IncidentState

Taken = Mapping[tuple[Resource, str], datetime]
"""When somebody was seen to have changed a setting of ours."""


def taken_back(states: Iterable[IncidentState]) -> Taken:
    """The settings that somebody has changed since we did, in any of the incidents."""
    found: dict[tuple[Resource, str], datetime] = {}
    for state in states:
        for tracked in state.changes:
            key = tracked.change.resource, tracked.change.setting
            if tracked.state is ChangeState.OVERTAKEN and tracked.ended_at is not None:
                found[key] = max(tracked.ended_at, found.get(key, tracked.ended_at))
    return found


def left_alone(guarded: GuardedPlan, taken: Taken, now: datetime, seconds: int) -> GuardedPlan:
    """The plan, with what a person has taken back within ``seconds`` blocked (invariant 3), and
    with it whatever is safe only beside it."""
    quiet = timedelta(seconds=seconds)
    blocked: set[str] = set()
    ruled: list[GuardedChange] = []
    for one in guarded.changes:
        at = taken.get((one.change.resource, one.change.setting))
        if at is not None and now - at < quiet:
            blocked.add(one.change.setting)
            reason = (
                f"somebody changed {one.change.setting} of {one.change.resource} after us: "
                f"seen at {at:%R} UTC, left alone for {seconds} s (invariant 3)"
            )
            ruled.append(_block(one, reason, at + quiet))
        else:
            ruled.append(one)
    if not blocked:
        return guarded
    ruled = [
        _block(one, f"it is safe only with {', '.join(sorted(lacking))}, which is left alone")
        if one.allowed and (lacking := blocked.intersection(one.change.safe_only_with))
        else one
        for one in ruled
    ]
    return guarded.model_copy(update={"changes": tuple(ruled)})


def _block(one: GuardedChange, reason: str, until: datetime | None = None) -> GuardedChange:
    ruling = Ruling(decision=Decision.BLOCK, guardrail="human_change", reason=reason, until=until)
    return one.model_copy(update={"ruling": ruling})
