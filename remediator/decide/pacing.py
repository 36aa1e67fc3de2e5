"""When to look again. Pure."""

from datetime import datetime, timedelta

from remediator.decide.case import Case
from remediator.decide.proving import proven_in, proven_soon
from remediator.decide.remedies import QUIET_CAUSES, poison
from remediator.model import GuardedPlan, Verdict, VerdictName
from remediator.policy import Policy
from remediator.settings_table import of, raises
from remediator.state import LEASE_SECONDS, IncidentState

# Looks of an incident that may follow each other quickly; what has not shown then takes time.
QUICK_LOOKS = 6

# A look that comes so late tells that many incidents wait for theirs: then nobody hurries.
LATE = timedelta(minutes=2)

# Between looks while something waits to be put back in a quieter moment.
QUIET_SECONDS = 900

# Between looks when those that may act are used up, for as long as a change is in effect.
SLOW_SECONDS = 3600


# Lambda's own tries, within three minutes, are over by then: each would ask for a look more.
AGAIN_SECONDS = LEASE_SECONDS + 60


def again_seconds(tries: int) -> int:
    """Until a look that could not be made is tried again: later each time, up to an hour."""
    return int(min(SLOW_SECONDS, AGAIN_SECONDS * 2 ** min(tries, 5)))


def _in_time(now: datetime, due: datetime | None) -> bool:
    return due is None or now - due < LATE


def first_interval(policy: Policy, state: IncidentState, now: datetime) -> int:
    """Soon, lest an invocation that dies here is missed for long; unless a storm is on."""
    knobs = policy.follow_up
    return knobs.soon_seconds if _in_time(now, state.incident.at) else knobs.first_seconds


def pause_after(state: IncidentState, case: Case, guarded: GuardedPlan) -> float:
    """Until the metrics can show the change at the soonest; soon where one write follows
    another; later where many incidents wait for their turn."""
    knobs = case.policy.follow_up
    if sum(of(change).one_by_one for change in guarded.allowed) > 1:
        return knobs.soon_seconds
    if any(of(change).in_steps for change in guarded.allowed):
        return knobs.soon_seconds
    if state.turn == 0 and not _in_time(case.at, state.incident.at):
        return knobs.first_seconds
    restarts = any(of(change).restarts for change in guarded.allowed)
    late = min(LATEST, case.signals.late_by(case.policy.thresholds.metric_delay_seconds))
    return max(knobs.soon_seconds, restarts * SHORTEST_RESTART + WHOLE_MINUTE + late)


# Seconds that a mapping stands still for at least, when it is changed.
SHORTEST_RESTART = 30
WHOLE_MINUTE = 60
# By how much metrics are late at most; what is longer is a metric that was not published at all.
LATEST = 300


def quiet(case: Case) -> bool:
    """Whether there is nothing to hurry for; failures in the newest minute are too few to say of
    what, and the next one may tell."""
    begins = (case.signals.newest_error_share or 0.0) >= case.policy.thresholds.error_share
    return case.diagnosis.cause in QUIET_CAUSES and not begins


def _waits_for_more(state: IncidentState, case: Case, verdict: Verdict | None) -> bool:
    """Whether the next minute may show what to do, while each one costs: nothing was done yet, or
    what was done has not shown yet whether it works."""
    made = state.levers_in_effect
    if not made:
        return state.looks_made < QUICK_LOOKS and not quiet(case) and not state.in_effect
    waited = case.at - max(tracked.at for tracked in made)
    fresh = waited < timedelta(seconds=case.policy.follow_up.unchanged_after_seconds)
    return fresh and (_may_lose(state, case) or verdict is None or verdict.verdict not in _CLEAR)


def _may_lose(state: IncidentState, case: Case) -> bool:
    """Whether a raise of ours may make good records fail, and those are gone at once."""
    raised = any(raises(tracked.change) for tracked in state.levers_in_effect)
    mapping = case.evidence.mapping
    return raised and mapping is not None and mapping.loses_what_fails


_CLEAR = frozenset({VerdictName.RECOVERED, VerdictName.IMPROVING})


def gives_up_records(state: IncidentState) -> bool:
    """Whether something of ours may give records up."""
    return any(tracked.endangers for tracked in state.in_effect)


def sees_to_it(state: IncidentState, case: Case) -> bool:
    """Whether all is quiet, or the lag falls, and it is only seen to that what may be given up is
    taken: that is looked at often, and uses no look up."""
    if not gives_up_records(state):
        return False
    if state.quiet_since is None:
        return bool(case.signals.falling)
    return case.at - state.quiet_since < timedelta(seconds=case.policy.follow_up.quiet_seconds)


def _fails_anew(state: IncidentState) -> bool:
    """Whether it was well while records may be given up, and is so no more: what comes now may be
    given up, too, and whether that is taken shows once it has been."""
    return gives_up_records(state) and state.recovered_at is not None and not state.quiet_since


def between_steps(policy: Policy, state: IncidentState) -> int:
    """While a change is half way, perhaps nobody reads: soon, unless that did not help for long."""
    knobs = policy.follow_up
    return knobs.soon_seconds if state.looks_made < knobs.most else knobs.every_seconds


def interval(state: IncidentState, case: Case, verdict: Verdict | None = None) -> int:
    """Every minute until it is clear what a change does; longer while a long drain goes well, so
    that a bounded number of looks covers hours."""
    every = case.policy.follow_up.every_seconds
    if state.looks_made >= case.policy.follow_up.most:
        return max(every, SLOW_SECONDS)
    if state.going_on or poison.waits(case) or proven_soon(case) is not None:
        return case.policy.follow_up.soon_seconds
    if sees_to_it(state, case) or _fails_anew(state):
        return min(every, case.policy.follow_up.soon_seconds)
    if state.quiet_since is not None:
        quiet_until = state.quiet_since + timedelta(seconds=case.policy.follow_up.quiet_seconds)
        left = (quiet_until - case.at).total_seconds()
        if left > 0 and case.at == state.quiet_since:
            return int(min(every, left))  # seen again before it is left alone for long
        return int(max(every, left if left > 0 else QUIET_SECONDS))
    if _waits_for_more(state, case, verdict) and _in_time(case.at, state.follow_up_at):
        return case.policy.follow_up.soon_seconds
    if not state.in_effect:
        # Nothing of ours to judge: look less often, for longer. A new alarm is a look, too.
        # What time proves is looked at once it has, however long that takes.
        proven, seldom = proven_in(case), min(every * (1 + state.looks_made // 3), 1800)
        every = seldom if proven is None else min(seldom, max(every, int(60 * proven)))
    slope = case.signals.age_slope
    if not case.signals.falling or not slope:
        return every
    if _may_lose(state, case):
        return every
    left = (case.signals.age_seconds or 0.0) / -slope
    return int(min(max(every, left / 2), max(every, QUIET_SECONDS)))
