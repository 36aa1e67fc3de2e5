"""Evidence before and after → Verdict: a lever by its own sign, the end by the age. Pure.

Source: docs/concepts.md, after acting. Too early is an answer of its own: a mapping that restarts
ages by a second a second, which says nothing of the change.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from remediator.decide.case import Case
from remediator.decide.effects import NOTHING_MADE, Effect, effect, snapshot
from remediator.decide.harm import (
    MINUTES_OF_HARM,
    Harm,
    gives_up_all,
    grew,
    harmed,
    lost,
    more_done,
    one_place_ages,
    reads_nothing,
    slower_for_nothing,
)
from remediator.decide.saturation import as_quick_as_ever
from remediator.evidence.age import late_from
from remediator.evidence.signals import Signals
from remediator.model import (
    Cause,
    MappingState,
    Reading,
    RemedyName,
    Verdict,
    VerdictName,
)
from remediator.policy import Policy
from remediator.state import IncidentState, Snapshot, TrackedChange


def judge(
    before: Snapshot | None,
    now: datetime,
    signals: Signals,
    policy: Policy,
    *,
    seen: Effect = NOTHING_MADE,
    raised: bool = True,
    bounded: bool = False,
    loses: bool = False,
    settled: bool = False,
    shared: bool = False,
    mapping: MappingState | None = None,
    cause: Cause = Cause.UNKNOWN,
) -> Verdict:
    """Compare the pipeline before the change with now.

    ``seen``: what shows of the newest turn. ``raised``: it raised concurrency, so that slower lanes
    are its doing. ``bounded``: it lets records be given up, so that what nothing has captured is
    its doing, however well it goes else; and so is what goes on being given up by ``mapping`` while
    nothing succeeds. ``loses``: what fails is given up by its owner's own
    bound, and nothing captures it: where more fails, an age that falls is no recovery. ``settled``:
    it was well with it for a while, so that what comes now is another thing's. ``shared``: other
    mappings feed the function, too, whose lanes are among those that are seen at work. ``cause``:
    what shows now; a consumer that does not run has no age to recover by.
    """
    # The age is that of all minutes: of the few since the change the oldest may have been in none.
    whole = {"age_seconds": signals.age_seconds, "age_slope": signals.age_slope}
    after = snapshot(now, seen.signals if seen.minutes else signals).model_copy(update=whole)
    told = partial(Verdict, readings=_readings(before, after))
    gone = lost(signals) or gives_up_all(seen, mapping) if bounded else None
    if worse := gone or reads_nothing(seen, whole=signals):
        return told(verdict=VerdictName.WORSE, because=worse)
    if seen.levers and not seen.shows:
        on_its_way = "the change and its metrics are still on their way"
        return told(verdict=VerdictName.TOO_EARLY, because=on_its_way)
    ours = raised and cause is not Cause.CONSUMER_STOPPED  # what was stopped, we did not harm
    harm = harmed(before, after, policy, seen, settled=settled) if ours and seen.levers else None
    views = (signals, seen.signals) if seen.minutes else (signals,)
    fails = loses and harm is not None and harm.saturates
    well = cause not in _NEVER_HEALTHY and all(_healthy(view, policy) for view in views)
    if well and not fails:
        fine = f"the age is {after.age_seconds:.0f} s, below the alarm"
        return told(verdict=VerdictName.RECOVERED, because=fine)
    if ours and not settled:
        harm = harm or _slower(before, after, policy, seen, whole=signals, shared=shared)
    if harm:
        return told(verdict=VerdictName.WORSE, because=harm.because, saturates=harm.saturates)
    works = _works(seen.levers, before, after, policy)
    if works:
        return told(verdict=VerdictName.IMPROVING, because=works)
    name, because = _by_the_age(signals, before, after, seen)
    return told(verdict=name, because=because)


def _by_the_age(
    signals: Signals, before: Snapshot | None, after: Snapshot, seen: Effect
) -> tuple[VerdictName, str]:
    if after.age_seconds is None or before is None or before.age_seconds is None:
        return VerdictName.TOO_EARLY, "the age was not seen"
    if signals.falling or after.age_seconds < 0.8 * before.age_seconds:
        return VerdictName.IMPROVING, "the age falls"
    if seen.levers and seen.minutes < _MINUTES_OF_CAUSE and not seen.overdue:
        return VerdictName.TOO_EARLY, "a minute of it tells nothing yet"
    course = f"the age went from {before.age_seconds:.0f} s to {after.age_seconds:.0f} s"
    return VerdictName.UNCHANGED, course


def _slower(
    before: Snapshot | None,
    after: Snapshot,
    policy: Policy,
    seen: Effect,
    *,
    whole: Signals,
    shared: bool,
) -> Harm | None:
    """Lanes that are slower since, and not for another reason; held against the minutes alone just
    before more of them ran, where those tell: what was seen at first may be of better times."""
    ratio = policy.thresholds.saturation_ratio
    quick = as_quick_as_ever(whole, ratio, seen.signals.duration_max_ms)
    stands = one_place_ages(seen.signals, policy)
    if seen.isolates or seen.minutes < MINUTES_OF_HARM or quick or stands:
        return None
    if shared and not grew(whole.usual_duration_max_ms, seen.signals.duration_max_ms, ratio):
        return None  # of what others do besides, there is less among them now
    narrow = whole.narrow_lane_rate
    if before is not None and before.lane_rate is not None and narrow is not None:
        before = before.model_copy(update={"lane_rate": min(before.lane_rate, narrow)})
    return slower_for_nothing(before, after, ratio, shared=shared)


def _more_lanes_work(before: Snapshot, after: Snapshot, _: Policy) -> str | None:
    """More lanes get more done; or as much each, with more of them at work."""
    if more_done(before, after):
        return "more gets done than before"
    wider = grew(before.concurrency, after.concurrency, _WIDER)
    held = before.lane_rate is not None and (after.lane_rate or 0.0) >= HELD * before.lane_rate
    return "more lanes run, and each gets as much done as before" if wider and held else None


def _lanes_are_quicker(before: Snapshot, after: Snapshot, _: Policy) -> str | None:
    quicker = grew(before.lane_rate, after.lane_rate, _QUICKER)
    return "a lane gets more done than before" if quicker else None


def _throttles_ended(before: Snapshot, after: Snapshot, policy: Policy) -> str | None:
    most, was, now = policy.thresholds.throttle_share, before.throttle_share, after.throttle_share
    ended = was is not None and now is not None and was >= most > now
    return "throttles have ended" if ended else None


def _failures_ended(before: Snapshot, after: Snapshot, policy: Policy) -> str | None:
    most, was, now = policy.thresholds.error_share, before.error_share, after.error_share
    ended = was is not None and now is not None and was >= most > now
    return "failures have ended" if ended else None


def _reads_alone(before: Snapshot, after: Snapshot, _: Policy) -> str | None:
    """With a consumer of its own, what is pushed to it is what it reads."""
    more = more_done(before, after)
    return "more is read than before, by a consumer of its own" if more else None


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
    RemedyName.ENHANCED_FAN_OUT: _reads_alone,
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
    late = late_from(signals, policy.thresholds)
    low = max(signals.age_seconds, signals.highest_age_seconds or 0.0) < late
    if (signals.error_share or 0.0) >= policy.thresholds.total_failure_share:
        return False  # where nothing succeeds, the age that is seen is an old one
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


def held(state: IncidentState, case: Case) -> bool:
    """Whether more lanes were raised, and each of them gets as much done as when there were fewer:
    then the rest of the way needs no care."""
    seen, before = effect(state, case.evidence, case.at, case.policy), state.before
    names = {tracked.change.remedy for tracked in seen.levers}
    if before is None or RemedyName.RAISE_PARALLELIZATION_FACTOR not in names:
        return False
    was, is_now = before.lane_rate, seen.signals.lane_rate
    return was is not None and is_now is not None and is_now >= HELD * was


def settled(state: IncidentState, now: datetime) -> bool:
    """Whether the lag was gone, with all that is in effect, some minutes ago."""
    recovered, made = state.recovered_at, state.levers_in_effect
    if recovered is None or now - recovered < _SETTLED:
        return False
    return all(tracked.at < recovered for tracked in made)


def harm_seen(state: IncidentState, case: Case) -> Snapshot:
    """How it is with what is in effect, as far as that shows."""
    seen = effect(state, case.evidence, case.at, case.policy)
    return snapshot(case.at, seen.signals if seen.minutes else case.signals)


# For so long after the recovery slower lanes and errors are still the raise's doing.
_SETTLED = timedelta(minutes=5)


def gained(before: Snapshot | None, now: datetime, seen: Effect) -> bool:
    """Whether more gets done than before the change: it helped, if perhaps not enough."""
    return before is not None and more_done(before, snapshot(now, seen.signals))
