"""Whether what an incident has learned still holds against the newest readings. Pure.

A lesson of ours is held against them at every look. Where a raise was blamed and taken back, the
world answers: what goes on as it was, minutes after the lanes are few again, is not of the lanes.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from math import sqrt

from remediator.decide.case import Case
from remediator.decide.effects import only_with, snapshot, taken_back
from remediator.decide.overload import fails_a_minute
from remediator.evidence.evenness import OF_ONE_LANE
from remediator.evidence.signals import LAST_MINUTES, measure
from remediator.evidence.since import minutes_of
from remediator.model import Cause
from remediator.settings_table import MEMORY, RELEASED_MEMORY, RETRIES, of, raises
from remediator.state import IncidentState, Snapshot, TrackedChange


def is_over(cause: Cause, case: Case, state: IncidentState) -> bool:
    """Whether the readings of now show that a cause which was learned is over, or no more than
    one look's."""
    return cause in _OVER and _OVER[cause](case, state)


def _pool_is_free(case: Case, _: IncidentState) -> bool:
    """Whether nothing is throttled any more: then more lanes are for the guardrails to say."""
    return case.signals.throttle_share == 0


def _has_caught_up_or_lags_anew(case: Case, state: IncidentState) -> bool:
    """Whether it has run again for long enough to catch up, and does not: or had, when we changed
    it."""
    changed = case.evidence.mapping.last_modified if case.evidence.mapping else None
    if changed is not None and _is_ours(changed, state):
        return case.signals.falling is not True
    late = case.signals.late_by(case.policy.thresholds.metric_delay_seconds)
    shows = timedelta(seconds=case.policy.forecast.restart_seconds + late, minutes=_CATCHING_UP)
    runs = changed is not None and case.at - changed >= shows
    return runs and case.signals.falling is False


def _is_ours(changed: datetime, state: IncidentState) -> bool:
    """Whether a mapping's last change is one of ours, which AWS takes for a while to make."""
    ours = (moment for t in state.changes for moment in (t.at, t.ended_at) if of(t.change).restarts)
    return any(moment and abs(changed - moment) <= _TAKEN_WITHIN for moment in ours)


_TAKEN_WITHIN = timedelta(minutes=2)
# Minutes in which what somebody lets go on is left alone to catch up.
_CATCHING_UP = 5


def fails_by_itself(case: Case) -> bool:
    """Whether nothing at all succeeds: what stands behind lets some of it through, with as many
    lanes as it could bear before."""
    share, limits = case.signals.error_share, case.policy.thresholds
    return share is not None and share >= limits.total_failure_share


def _fails_with_few_lanes(case: Case, state: IncidentState) -> bool:
    """Whether nothing at all succeeds, by the minutes alone in which the lanes that we had raised
    are few again: before that it is their wake."""
    written = _raises_taken_back(state)
    if not written:
        return fails_by_itself(case)
    seen = only_with(written, case.evidence)
    if seen is None or minutes_of(seen) < LAST_MINUTES:
        return False
    return fails_by_itself(case._replace(signals=measure(seen, case.policy.thresholds)))


def _raises_taken_back(state: IncidentState) -> list[tuple[TrackedChange, datetime]]:
    return [(t, t.ended_at) for t in taken_back(state) if raises(t.change) and t.ended_at]


# What shows that a cause which was learned is over.
_OVER: Mapping[Cause, Callable[[Case, IncidentState], bool]] = {
    Cause.THROTTLING: _pool_is_free,
    Cause.CONSUMER_STOPPED: _has_caught_up_or_lags_anew,
    Cause.DOWNSTREAM_SATURATED: _fails_with_few_lanes,
}


def of_other_code(state: IncidentState, case: Case) -> str | None:
    """Why a bound of ours rests on nothing any more, in words: good records succeeded with the code
    that was there when it was made. The function was changed since, not by us, and more fails than
    the tries of the record that was to blame (invariant 2)."""
    function, signals = case.evidence.function, case.signals
    bounds = [t for t in state.in_effect if of(t.change) is RETRIES]
    changed = function.last_modified if function else None
    ours = any(of(t.change) in _OF_THE_FUNCTION for t in state.changes)
    if not bounds or changed is None or ours or not all(changed > t.at for t in bounds):
        return None
    if not signals.error_minutes or fails_a_minute(signals) <= OF_ONE_LANE:
        return None
    return (
        f"the function was changed at {changed:%H:%M}, since it was shown that good records "
        "succeed, and more fails than one record's tries: what is given up now may be good"
    )


_OF_THE_FUNCTION = (MEMORY, RELEASED_MEMORY)


def was_mistaken(case: Case, state: IncidentState) -> bool:
    """Whether it was learned that what stands behind the function bears no more, and that is not
    so: what a raise was blamed for goes on without it, or, where none was made, lanes get as much
    done as before."""
    if state.learned is not Cause.DOWNSTREAM_SATURATED or any(
        raises(t.change) for t in state.in_effect
    ):
        return False
    written = _raises_taken_back(state)
    if not written:
        return _lanes_work_as_before(case)
    seen = only_with(written, case.evidence)
    if state.before is None or state.harm is None or seen is None:
        return False
    if state.before.at > state.harm.at or minutes_of(seen) < LAST_MINUTES:
        return False
    now = snapshot(case.at, measure(seen, case.policy.thresholds))
    return _goes_on(state.before, state.harm, now, case.policy.thresholds.error_share)


def _lanes_work_as_before(case: Case) -> bool:
    """Whether a lane gets done what it usually does, or is nearer to that than to what counts as
    slower: then a single look has shown it slower."""
    rate, usual = case.signals.lane_rate, case.signals.usual_lane_rate
    if rate is None or usual is None:
        return False
    return rate * sqrt(case.policy.thresholds.saturation_ratio) >= usual


def _goes_on(before: Snapshot, harm: Snapshot, now: Snapshot, share: float) -> bool:
    """Whether what was worse with the raise is, without it, nearer to that than to what was."""
    was, then, errors = before.error_share or 0.0, harm.error_share or 0.0, now.error_share
    if then - was >= share:
        return errors is not None and errors >= (was + then) / 2
    for name, is_worse in (("lane_rate", min), ("duration_ms", max)):
        was, then, is_now = (getattr(one, name) for one in (before, harm, now))
        if was and then and is_now and is_worse(was, then) == then:
            return bool(is_worse(is_now, sqrt(was * then)) == is_now)
    return False
