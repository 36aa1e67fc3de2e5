"""Evidence before and after → Verdict → FollowUp. Judged on the alarm's own metric. Pure.

Source: docs/concepts.md, after acting. Too early is an answer of its own: a mapping that restarts
ages by a second a second, which says nothing of the change.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from remediator.decide.case import Case
from remediator.evidence.signals import LAST_MINUTES, Signals, measure
from remediator.evidence.since import back_since, minutes_of, next_minute, only_since
from remediator.model import (
    Cause,
    Detail,
    Diagnosis,
    Evidence,
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
from remediator.state import IncidentState, Snapshot, TrackedChange


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


class Effect(NamedTuple):
    """What shows of the newest turn by now: the minutes since its levers arrived, and no others."""

    levers: tuple[TrackedChange, ...] = ()
    minutes: int = 0
    """Whole minutes that were published since; 0: nothing of it shows yet."""
    signals: Signals = Signals.model_construct()
    """Of those minutes alone."""
    overdue: bool = False
    """Whether it was made so long ago that all that may come of it is there."""

    @property
    def shows(self) -> bool:
        """Whether anything of it can be judged."""
        return self.minutes > 0 or self.overdue

    @property
    def isolates(self) -> bool:
        """Whether a record is being isolated: what fails meanwhile, and gets nothing done, is no
        doing of the lanes beside it."""
        return any(t.change.remedy is RemedyName.ISOLATE_POISON for t in self.levers)

    @property
    def clear(self) -> bool:
        """Whether enough is seen to say that it does nothing."""
        prompt = all(tracked.change.remedy in _PROMPT for tracked in self.levers)
        return self.overdue or (prompt and self.minutes >= LAST_MINUTES)


NOTHING_MADE = Effect()

# What works at once or not at all. A record that is being isolated is tried again and again first,
# and new shards wait for what their parents hold.
_PROMPT = frozenset(
    {
        RemedyName.RAISE_PARALLELIZATION_FACTOR,
        RemedyName.RAISE_RESERVED_CONCURRENCY,
        RemedyName.RESERVE_CONCURRENCY,
        RemedyName.RAISE_BATCH_SIZE,
        RemedyName.RAISE_MEMORY,
    }
)


def effect(state: IncidentState, evidence: Evidence, now: datetime, policy: Policy) -> Effect:
    """What shows of the newest turn that is in effect."""
    made = state.levers_in_effect
    newest = max((t.turn for t in made), default=0)
    levers = tuple(t for t in made if t.turn == newest)
    if not levers:
        return Effect()
    waited = timedelta(seconds=policy.follow_up.unchanged_after_seconds)
    overdue = now - max(t.at for t in levers) >= waited
    arrived = [arrived_at(tracked, evidence) for tracked in levers]
    since = None if None in arrived else max(at for at in arrived if at is not None)
    if since is None:
        return Effect(levers, overdue=overdue)
    seen = only_since(evidence, since)
    return Effect(levers, minutes_of(seen), measure(seen, policy.thresholds), overdue)


def arrived_at(tracked: TrackedChange, evidence: Evidence) -> datetime | None:
    """The first whole minute in which a change is there; ``None`` while it is on its way."""
    match tracked.change.resource.kind:
        case ResourceKind.EVENT_SOURCE_MAPPING:
            return back_since(evidence, tracked.at)
        case ResourceKind.STREAM | ResourceKind.HASH_RANGE:
            active = evidence.stream is not None and evidence.stream.status == "ACTIVE"
            return next_minute(tracked.at) if active else None
        case ResourceKind.FUNCTION:
            return next_minute(tracked.at)


def judge(
    before: Snapshot | None,
    now: datetime,
    signals: Signals,
    policy: Policy,
    *,
    seen: Effect = NOTHING_MADE,
    raised: bool = True,
    bounded: bool = False,
    cause: Cause = Cause.UNKNOWN,
) -> Verdict:
    """Compare the pipeline before the change with now.

    ``seen``: what shows of the newest turn. ``raised``: it raised concurrency, so that slower lanes
    are its doing. ``bounded``: it lets records be given up, so that what nothing has captured is
    its doing, however well it goes else. ``cause``: what shows now; a consumer that does not run
    has no age to recover by.
    """
    # The age is that of all minutes: of the few since the change the oldest may have been in none.
    whole = {"age_seconds": signals.age_seconds, "age_slope": signals.age_slope}
    after = snapshot(now, seen.signals if seen.minutes else signals).model_copy(update=whole)
    told = partial(Verdict, readings=_readings(before, after))
    if bounded and signals.lost_events:
        lost = f"{signals.lost_events:.0f} events were given up, and no destination took them"
        return told(verdict=VerdictName.WORSE, because=lost)
    if seen.levers and not seen.shows:
        on_its_way = "the change and its metrics are still on their way"
        return told(verdict=VerdictName.TOO_EARLY, because=on_its_way)
    views = (signals, seen.signals) if seen.minutes else (signals,)
    if cause not in _NEVER_HEALTHY and all(_healthy(view, policy) for view in views):
        fine = f"the age is {after.age_seconds:.0f} s, below the alarm"
        return told(verdict=VerdictName.RECOVERED, because=fine)
    ours = raised and cause is not Cause.CONSUMER_STOPPED  # what was stopped, we did not harm
    harm = _harm(before, after, policy, seen) if ours and seen.levers else None
    if harm is None and ours and not seen.isolates and seen.minutes >= _MINUTES_OF_HARM:
        harm = _slower_for_nothing(before, after, policy.thresholds.saturation_ratio)
    if harm:
        return told(verdict=VerdictName.WORSE, because=harm)
    works = _works(seen.levers, before, after, policy)
    if works:
        return told(verdict=VerdictName.IMPROVING, because=works)
    if after.age_seconds is None or before is None or before.age_seconds is None:
        return told(verdict=VerdictName.TOO_EARLY, because="the age was not seen")
    if signals.falling or after.age_seconds < 0.8 * before.age_seconds:
        return told(verdict=VerdictName.IMPROVING, because="the age falls")
    if seen.levers and seen.minutes < _MINUTES_OF_CAUSE and not seen.overdue:
        return told(verdict=VerdictName.TOO_EARLY, because="a minute of it tells nothing yet")
    course = f"the age went from {before.age_seconds:.0f} s to {after.age_seconds:.0f} s"
    return told(verdict=VerdictName.UNCHANGED, because=course)


def _more_lanes_work(before: Snapshot, after: Snapshot, _: Policy) -> str | None:
    """More lanes get more done; or as much each, with more of them at work."""
    if _more_done(before, after):
        return "more gets done than before"
    wider = _grew(before.concurrency, after.concurrency, _WIDER)
    held = before.lane_rate is not None and (after.lane_rate or 0.0) >= HELD * before.lane_rate
    return "more lanes run, and each gets as much done as before" if wider and held else None


def _lanes_are_quicker(before: Snapshot, after: Snapshot, _: Policy) -> str | None:
    quicker = _grew(before.lane_rate, after.lane_rate, _QUICKER)
    return "a lane gets more done than before" if quicker else None


def _throttles_ended(before: Snapshot, after: Snapshot, policy: Policy) -> str | None:
    most, was, now = policy.thresholds.throttle_share, before.throttle_share, after.throttle_share
    ended = was is not None and now is not None and was >= most > now
    return "throttles have ended" if ended else None


def _failures_ended(before: Snapshot, after: Snapshot, policy: Policy) -> str | None:
    most, was, now = policy.thresholds.error_share, before.error_share, after.error_share
    ended = was is not None and now is not None and was >= most > now
    return "failures have ended" if ended else None


# By what each lever is seen to work, in words; None while that is not seen. What has no sign of its
# own is judged by the age.
SIGNS: Mapping[RemedyName, Callable[[Snapshot, Snapshot, Policy], str | None]] = {
    RemedyName.RAISE_PARALLELIZATION_FACTOR: _more_lanes_work,
    RemedyName.RAISE_RESERVED_CONCURRENCY: _throttles_ended,
    RemedyName.RESERVE_CONCURRENCY: _throttles_ended,
    RemedyName.ISOLATE_POISON: _failures_ended,
    RemedyName.LOWER_BATCH_SIZE: _failures_ended,
    RemedyName.RAISE_BATCH_SIZE: _lanes_are_quicker,
    RemedyName.RAISE_MEMORY: _lanes_are_quicker,
}


def _works(
    levers: Sequence[TrackedChange], before: Snapshot | None, after: Snapshot, policy: Policy
) -> str | None:
    """The signs of all the turn's levers; None unless each of them shows that has one."""
    names = dict.fromkeys(tracked.change.remedy for tracked in levers)
    signs = [SIGNS[name] for name in names if name in SIGNS]
    if before is None or not signs:
        return None
    shown = [sign(before, after, policy) for sign in signs]
    return "; ".join(word for word in shown if word) if all(shown) else None


# Times as much a lane, from which it is the change's doing.
_QUICKER = 1.2
# Times as many lanes at work, from which they are the change's doing.
_WIDER = 1.5
# Of what a lane got done before there were more: then the raise has cost none of them anything.
HELD = 0.9


_NEVER_HEALTHY = frozenset({Cause.THROTTLING, Cause.CONSUMER_STOPPED})


def _healthy(signals: Signals, policy: Policy) -> bool:
    """Whether the age is below the alarm, in each of the newest minutes, and not climbing."""
    if signals.age_seconds is None or signals.drops_for_age:
        return False
    late = max(policy.thresholds.alarm_seconds, signals.normal_age_seconds)
    low = max(signals.age_seconds, signals.highest_age_seconds or 0.0) < late
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


# Whole minutes from which it may be said that a change does nothing yet, and what shows beside.
_MINUTES_OF_CAUSE = 2
# Whole minutes after which slower lanes are the change's doing, and not those of a cold start.
_MINUTES_OF_HARM = 2


def _harm(before: Snapshot | None, after: Snapshot, policy: Policy, seen: Effect) -> str | None:
    """A side effect that makes the change worse than the illness (invariant 5).

    Only what raised concurrency can do harm this way; errors go on while a poison record is
    being isolated, and that is no harm of the isolation.
    """
    if before is None:
        return None
    limits = policy.thresholds
    if not seen.isolates and _rose(before.error_share, after.error_share, limits.error_share):
        return f"errors rose from {before.error_share or 0:.0%} to {after.error_share:.0%}"
    if _rose(before.throttle_share, after.throttle_share, limits.throttle_share):
        return f"throttles rose from {before.throttle_share or 0:.0%} to {after.throttle_share:.0%}"
    was = before.neighbours_throttles_per_minute or 0.0
    now = after.neighbours_throttles_per_minute or 0.0
    if now >= was + _STARVING_PER_MINUTE:
        return f"throttles in the account rose from {was:.0f} to {now:.0f} a minute (invariant 4)"
    return None


# Throttles in the whole account that are no accident any more.
_STARVING_PER_MINUTE = 10.0


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


def held(state: IncidentState, case: Case) -> bool:
    """Whether more lanes were raised, and each of them gets as much done as when there were fewer:
    then the rest of the way needs no care."""
    seen, before = effect(state, case.evidence, case.at, case.policy), state.before
    names = {tracked.change.remedy for tracked in seen.levers}
    if before is None or RemedyName.RAISE_PARALLELIZATION_FACTOR not in names:
        return False
    was, is_now = before.lane_rate, seen.signals.lane_rate
    return was is not None and is_now is not None and is_now >= HELD * was


def gained(before: Snapshot | None, now: datetime, seen: Effect) -> bool:
    """Whether more gets done than before the change: it helped, if perhaps not enough."""
    return before is not None and _more_done(before, snapshot(now, seen.signals))


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
    state: IncidentState,
    verdict: Verdict,
    diagnosis: Diagnosis,
    policy: Policy,
    now: datetime,
    *,
    clear: bool = True,
) -> FollowUp:
    """What the follow-up decides; bounded, so that no incident is watched for ever.

    ``clear``: enough was seen to say that what was done does nothing. The last look may still
    close, restore or roll back, but it leaves nothing for another.
    """
    number, looks = state.follow_up_number + 1, state.looks_made + 1
    decision, because = _decide(state, verdict, diagnosis, policy, now, clear=clear)
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
    state: IncidentState,
    verdict: Verdict,
    diagnosis: Diagnosis,
    policy: Policy,
    now: datetime,
    *,
    clear: bool,
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
        slowly = f"{verdict.because}; what waits may drain faster still"
        rung = FollowUpDecision.NEXT_RUNG, slowly
        return rung if slow else (FollowUpDecision.WAIT, verdict.because)
    return _not_better(state, verdict, diagnosis, acted=acted, clear=clear)


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
    *,
    acted: bool,
    clear: bool,
) -> tuple[FollowUpDecision, str]:
    if diagnosis.cause is Cause.RECOVERING:
        return FollowUpDecision.WAIT, "it recovers by itself"
    if not acted:
        return FollowUpDecision.NEXT_RUNG, f"cause: {diagnosis.cause}"
    if diagnosis.cause is not state.cause or _sort(diagnosis.detail) != _sort(_detail(state)):
        return FollowUpDecision.NEXT_RUNG, f"the cause shows as {diagnosis.cause} now"
    if _made_room(state):
        return FollowUpDecision.NEXT_RUNG, "there is room for more lanes now"
    if not clear:
        return FollowUpDecision.WAIT, "no better yet; still within the time that a change may take"
    return FollowUpDecision.NEXT_RUNG, verdict.because


# Contention that shards help: which of them shows may change with the shards themselves.
_ONE_LEVER = frozenset({Detail.BYTES, Detail.MAPPINGS, Detail.OUTSIDE_READER})


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
