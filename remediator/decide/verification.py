"""Evidence before and after → Verdict → FollowUp. Judged on the alarm's own metric. Pure.

Source: docs/concepts.md, after acting. Too early is an answer of its own: a mapping that restarts
ages by a second a second, which says nothing of the change.
"""

from datetime import datetime, timedelta

from remediator.evidence.signals import Signals
from remediator.model import (
    Cause,
    Detail,
    Diagnosis,
    FollowUp,
    FollowUpDecision,
    Reading,
    RemedyName,
    ResourceKind,
    Verdict,
    VerdictName,
)
from remediator.policy import Policy
from remediator.settings_table import RETRIES, of
from remediator.state import IncidentState, Snapshot


def snapshot(at: datetime, signals: Signals) -> Snapshot:
    """The numbers that a verdict compares."""
    return Snapshot(
        at=at,
        age_seconds=signals.age_seconds,
        age_slope=signals.age_slope,
        error_share=signals.error_share,
        throttle_share=signals.throttle_share,
        duration_ms=signals.duration_ms,
        concurrency=signals.concurrency,
        successes_per_minute=signals.successes_per_minute,
        lane_rate=signals.lane_rate,
        records_per_batch=signals.records_per_batch,
        processed_per_second=signals.processed_per_second,
        head_per_second=signals.head_per_second,
        neighbours_throttles_per_minute=signals.account_throttles_per_minute,
    )


_MINUTES_SEEN = 120
"""Seconds of new datapoints that a verdict wants to see."""


def settled(state: IncidentState, now: datetime, policy: Policy, signals: Signals) -> bool:
    """Whether enough time has passed since the last write for metrics to show its effect.

    A restart may take longer or shorter than usual: when it is over shows in the metrics.
    """
    made = state.levers_in_effect
    last = max((t.at for t in made), default=None)
    waited = timedelta(seconds=policy.follow_up.unchanged_after_seconds)
    if last is None or now - last >= waited:
        return True
    restarts = any(t.at == last and t.change.resource.kind in _RESTARTING for t in made)
    active = signals.active_minutes_since_modified or 0
    if restarts and active < 2:
        return False
    standing = policy.forecast.restart_seconds if restarts and active < _MINUTES_BACK else 0
    late = signals.late_by(policy.thresholds.metric_delay_seconds)
    shown_after = standing + late + _MINUTES_SEEN
    return now - last >= timedelta(seconds=shown_after)


_MINUTES_BACK = 4
"""Minutes with invocations since the change: that of the change, that of the return, two whole."""


_RESTARTING = {
    ResourceKind.EVENT_SOURCE_MAPPING,
    ResourceKind.STREAM,
    ResourceKind.HASH_RANGE,
}


def judge(
    before: Snapshot | None,
    now: datetime,
    signals: Signals,
    policy: Policy,
    *,
    settled: bool,
    raised: bool = True,
    bounded: bool = False,
    cause: Cause = Cause.UNKNOWN,
) -> Verdict:
    """Compare the pipeline before the change with now.

    ``settled``: the change has had the time to show. ``raised``: it raised concurrency, so that
    slower lanes are its doing. ``bounded``: it lets records be given up, so that what nothing has
    captured is its doing, however well it goes else. ``cause``: what shows now; a consumer that
    does not run has no age to recover by.
    """
    after = snapshot(now, signals)
    readings = _readings(before, after)
    if bounded and signals.lost_events:
        return Verdict(
            verdict=VerdictName.WORSE,
            because=f"{signals.lost_events:.0f} events were given up, and no destination took them",
            readings=readings,
        )
    if cause not in _NEVER_HEALTHY and _healthy(after, signals, policy):
        return Verdict(
            verdict=VerdictName.RECOVERED,
            because=f"the age is {after.age_seconds:.0f} s, below the alarm",
            readings=readings,
        )
    ours = raised and cause is not Cause.CONSUMER_STOPPED  # what was stopped, we did not harm
    shows = settled or (signals.active_minutes_since_modified or 0) > _MINUTES_OF_HARM
    harm = _harm(before, after, policy) if ours and shows else None
    if harm is None and ours and settled:
        harm = _slower_for_nothing(before, after, policy.thresholds.saturation_ratio)
    if not settled and not harm:
        return Verdict(
            verdict=VerdictName.TOO_EARLY,
            because="the change and its metrics are still on their way",
            readings=readings,
        )
    if harm:
        return Verdict(verdict=VerdictName.WORSE, because=harm, readings=readings)
    if after.age_seconds is None or before is None or before.age_seconds is None:
        return Verdict(
            verdict=VerdictName.TOO_EARLY, because="the age was not seen", readings=readings
        )
    if signals.falling or after.age_seconds < 0.8 * before.age_seconds:
        because = "the age falls"
        return Verdict(verdict=VerdictName.IMPROVING, because=because, readings=readings)
    return Verdict(
        verdict=VerdictName.UNCHANGED,
        because=f"the age went from {before.age_seconds:.0f} s to {after.age_seconds:.0f} s",
        readings=readings,
    )


_NEVER_HEALTHY = frozenset({Cause.THROTTLING, Cause.CONSUMER_STOPPED})


def _healthy(after: Snapshot, signals: Signals, policy: Policy) -> bool:
    if after.age_seconds is None:
        return False
    if signals.drops_for_age:
        return False
    late = max(policy.thresholds.alarm_seconds, signals.normal_age_seconds)
    low = after.age_seconds < late
    return low and (signals.age_slope is None or signals.age_slope < 0.5)


_PAIRS = (
    ("age_seconds", "s"),
    ("age_slope", "s/s"),
    ("duration_ms", "ms"),
    ("error_share", ""),
    ("throttle_share", ""),
    ("concurrency", ""),
)


def _readings(before: Snapshot | None, after: Snapshot) -> tuple[Reading, ...]:
    return tuple(
        Reading(name=f"{name}_{when}", value=getattr(snap, name), unit=unit)
        for name, unit in _PAIRS
        for when, snap in (("before", before), ("after", after))
        if snap is not None
    )


_MINUTES_OF_HARM = 2
"""Whole minutes of invocations after a change that show errors and throttles for its own: those
need not wait until the age has settled."""


def _harm(before: Snapshot | None, after: Snapshot, policy: Policy) -> str | None:
    """A side effect that makes the change worse than the illness (invariant 5).

    Only what raised concurrency can do harm this way; errors go on while a poison record is
    being isolated, and that is no harm of the isolation.
    """
    if before is None:
        return None
    limits = policy.thresholds
    if _rose(before.error_share, after.error_share, limits.error_share):
        return f"errors rose from {before.error_share or 0:.0%} to {after.error_share:.0%}"
    if _rose(before.throttle_share, after.throttle_share, limits.throttle_share):
        return f"throttles rose from {before.throttle_share or 0:.0%} to {after.throttle_share:.0%}"
    was = before.neighbours_throttles_per_minute or 0.0
    now = after.neighbours_throttles_per_minute or 0.0
    if now >= was + _STARVING_PER_MINUTE:
        return f"throttles in the account rose from {was:.0f} to {now:.0f} a minute (invariant 4)"
    return None


_STARVING_PER_MINUTE = 10.0
"""Throttles in the whole account that are no accident any more."""


def _slower_for_nothing(before: Snapshot | None, after: Snapshot, ratio: float) -> str | None:
    """More lanes, each slower, and together no faster: what stands behind is saturated.

    Only while it still lags as before: smaller batches, too, make a lane slower for its records.
    """
    if before is None or not _lags_as_before(before, after):
        return None
    if after.lane_rate is None or before.lane_rate is None:
        return _longer_for_nothing(before, after, ratio)
    if after.lane_rate * ratio > before.lane_rate:
        return None
    if _more_done(before, after):
        return None
    return (
        f"a lane gets {after.lane_rate:.3g} records a second done instead of "
        f"{before.lane_rate:.3g}, and all together no more"
    )


def _lags_as_before(before: Snapshot, after: Snapshot) -> bool:
    was, now = before.records_per_batch, after.records_per_batch
    smaller = was is not None and now is not None and now < 0.8 * was
    falls = after.age_slope is not None and after.age_slope < 0
    return not smaller and not falls


def _longer_for_nothing(before: Snapshot, after: Snapshot, ratio: float) -> str | None:
    if not _grew(before.duration_ms, after.duration_ms, ratio):
        return None
    if _more_done(before, after):
        return None
    return f"duration rose from {before.duration_ms:.0f} ms to {after.duration_ms:.0f} ms"


def gained(before: Snapshot | None, now: datetime, signals: Signals) -> bool:
    """Whether more gets done than before the change: it helped, if perhaps not enough."""
    return before is not None and _more_done(before, snapshot(now, signals))


def _more_done(before: Snapshot, after: Snapshot) -> bool:
    """By the best witness that was seen both times: where the oldest record has got to, what was
    read, what succeeded."""
    for name in ("head_per_second", "processed_per_second", "successes_per_minute"):
        was, now = getattr(before, name), getattr(after, name)
        if was is not None and now is not None:
            return _grew(was, now, 1.2)
    return False


def _rose(before: float | None, after: float | None, by: float) -> bool:
    """What was not seen before counts as none: AWS may publish nothing for a count of zero."""
    return after is not None and after - (before or 0.0) >= max(by, 0.05)


def _grew(before: float | None, after: float | None, ratio: float) -> bool:
    return before is not None and after is not None and before > 0 and after >= ratio * before


def next_step(
    state: IncidentState, verdict: Verdict, diagnosis: Diagnosis, policy: Policy, now: datetime
) -> FollowUp:
    """What the follow-up decides; bounded, so that no incident is watched for ever.

    The last look may still close, restore or roll back, but it leaves nothing for another.
    """
    number, looks = state.follow_up_number + 1, state.looks_made + 1
    decision, because = _decide(state, verdict, diagnosis, policy, now)
    most = policy.follow_up.most
    ends_it = decision in {FollowUpDecision.CLOSE, FollowUpDecision.RESTORE}
    rolls_back = decision is FollowUpDecision.ROLL_BACK and looks == most
    if looks >= most and not ends_it and not rolls_back:
        decision, because = (
            FollowUpDecision.ESCALATE,
            f"{looks} looks have not seen it recover: a person should take over",
        )
    return FollowUp(decision=decision, because=because, number=number)


def _decide(
    state: IncidentState, verdict: Verdict, diagnosis: Diagnosis, policy: Policy, now: datetime
) -> tuple[FollowUpDecision, str]:
    name, acted = verdict.verdict, bool(state.levers_in_effect)
    if name is VerdictName.WORSE and acted:
        return FollowUpDecision.ROLL_BACK, verdict.because
    if name is VerdictName.RECOVERED:
        return _after_recovery(state, policy, now, acted=bool(state.in_effect))
    if acted and surer(state, diagnosis):
        return FollowUpDecision.NEXT_RUNG, f"it is surer now: {diagnosis.detail}"
    if name is VerdictName.TOO_EARLY and acted:
        return FollowUpDecision.WAIT, verdict.because
    if name is VerdictName.IMPROVING:
        slow = diagnosis.cause is Cause.SLOW_CONSUMER
        rung = FollowUpDecision.NEXT_RUNG, f"{verdict.because}, but too slowly"
        return rung if slow else (FollowUpDecision.WAIT, verdict.because)
    return _not_better(state, verdict, diagnosis, policy, now, acted=acted)


def _after_recovery(
    state: IncidentState, policy: Policy, now: datetime, *, acted: bool
) -> tuple[FollowUpDecision, str]:
    quiet = timedelta(seconds=policy.follow_up.quiet_seconds)
    if not acted:
        return FollowUpDecision.CLOSE, "recovered"
    if state.quiet_since is None or now - state.quiet_since < quiet:
        return FollowUpDecision.WAIT, f"recovered; restored once it was quiet for {quiet}"
    return FollowUpDecision.RESTORE, f"recovered and quiet for {quiet}"


def _not_better(
    state: IncidentState,
    verdict: Verdict,
    diagnosis: Diagnosis,
    policy: Policy,
    now: datetime,
    *,
    acted: bool,
) -> tuple[FollowUpDecision, str]:
    if diagnosis.cause is Cause.RECOVERING:
        return FollowUpDecision.WAIT, "it recovers by itself"
    if not acted:
        return FollowUpDecision.NEXT_RUNG, f"cause: {diagnosis.cause}"
    since = max(tracked.at for tracked in state.levers_in_effect)
    patience = timedelta(seconds=policy.follow_up.unchanged_after_seconds)
    if diagnosis.cause is not state.cause or _sort(diagnosis.detail) != _sort(_detail(state)):
        return FollowUpDecision.NEXT_RUNG, f"the cause shows as {diagnosis.cause} now"
    if _made_room(state):
        return FollowUpDecision.NEXT_RUNG, "there is room for more lanes now"
    if now - since < patience:
        return FollowUpDecision.WAIT, "no better yet; still within the time that a change may take"
    return FollowUpDecision.NEXT_RUNG, verdict.because


_ONE_LEVER = frozenset({Detail.BYTES, Detail.MAPPINGS, Detail.OUTSIDE_READER})
"""Contention that shards help: which of them shows may change with the shards themselves."""


def _sort(detail: Detail) -> Detail:
    return Detail.BYTES if detail in _ONE_LEVER else detail


def _made_room(state: IncidentState) -> bool:
    """Whether all that was done for a slow consumer was to make room for the lanes it needs: a
    wider reservation alone does nothing for it."""
    return state.cause is Cause.SLOW_CONSUMER and all(
        tracked.change.remedy is RemedyName.RAISE_RESERVED_CONCURRENCY
        for tracked in state.levers_in_effect
    )


def surer(state: IncidentState, diagnosis: Diagnosis) -> bool:
    """Whether a record is proven to be to blame now, or no probe has decided it, so that the same
    remedy has more to do."""
    undecided = diagnosis.detail is Detail.UNDECIDED and _detail(state) is not Detail.UNDECIDED
    return probing(state) and (diagnosis.proven or undecided)


def probing(state: IncidentState) -> bool:
    """Whether batches are split, and retries are not bounded: nothing can be lost by it."""
    ours = [
        of(tracked.change)
        for tracked in state.in_effect
        if tracked.change.remedy is RemedyName.ISOLATE_POISON
    ]
    return bool(ours) and RETRIES not in ours


def _detail(state: IncidentState) -> Detail:
    return state.diagnosis.detail if state.diagnosis else Detail.NONE
