"""Whether it will be over by itself, as soon as any help would be."""

from datetime import timedelta
from math import inf

from remediator.decide import waiting
from remediator.decide.case import NO, YES, Case, Finding, unseen
from remediator.decide.flow import Flow, bursts_in_a_few, observe
from remediator.decide.meaning import loses_now
from remediator.evidence.age import late_from
from remediator.evidence.series import STREAM_FAMILY, minutes_seen
from remediator.evidence.signals import LAST_MINUTES, Signals
from remediator.evidence.work import work_of
from remediator.model import (
    Detail,
)


def over_soon(case: Case) -> Finding:
    signals, policy = case.signals, case.policy
    flow = observe(case.evidence, signals, policy.thresholds)
    readings = (
        case.reading("age_seconds", "s"),
        case.reading("age_slope", "s/s"),
        case.reading("late_minutes", "min"),
        case.reading("backlog_records"),
        case.reading("arrival_per_second", "records/s"),
        case.reading("processed_per_second", "records/s"),
        case.reading("head_per_second", "records/s"),
    )
    if loses_now(case):
        return Finding(NO, "records are being lost: that is not waited for", readings)
    nothing = _nothing_is_wrong(case)
    if nothing is not None:
        return nothing._replace(readings=readings)
    if signals.age_seconds is None or signals.age_slope is None:
        return unseen("the age or its slope", *readings)
    unclear = not signals.falling and restarted_lately(case)
    if unclear and _age_is_of_the_restart(case):
        return Finding(YES, "the age is that of the mapping's restart, just now", readings)
    ends, patience = _ends_in(case, flow), _patience(case, flow)
    if ends is not None and ends <= patience:
        return Finding(YES, f"it will be over in about {ends:.0f} s without help", readings)
    when = "not in sight" if ends is None else f"about {ends:.0f} s away"
    return Finding(
        NO, f"its end is {when}, beyond the {patience:.0f} s that may be waited", readings
    )


def less_waits(case: Case) -> Finding:
    """Asked where nothing that was seen is wrong: a lag that becomes less, or that nobody calls one
    yet, needs no other name."""
    signals = case.signals
    late = late_from(signals, case.policy.thresholds)
    readings = (
        case.reading("age_seconds", "s"),
        case.reading("highest_age_seconds", "s"),
        case.reading("age_slope", "s/s"),
    )
    if loses_now(case):
        return Finding(NO, "records are being lost, whatever the age does", readings)
    if signals.age_seconds is None or signals.highest_age_seconds is None:
        return unseen("the age", *readings)
    if signals.falling:
        return Finding(YES, "nothing else is wrong, and the age falls", readings)
    if max(signals.age_seconds, signals.highest_age_seconds) < late:
        return Finding(YES, "nothing else is wrong, and nothing is late yet", readings)
    return Finding(NO, "what waits becomes no less", readings)


def _nothing_is_wrong(case: Case) -> Finding | None:
    """The age is of something else than records that wait; ``None`` where it is of them."""
    signals, limits = case.signals, case.policy.thresholds
    if signals.age_seconds is None:
        return None
    if waiting.of_an_old_record(signals):
        because = "the age is that of one old record that was read: nothing waits"
        return Finding(YES, because, detail=Detail.OLD_RECORD)
    if waiting.below_the_alarm(signals, limits):
        return Finding(YES, f"the age is {signals.age_seconds:.0f} s, below the alarm")
    if waiting.within_normal(signals):
        because = (
            f"the age is {signals.age_seconds:.0f} s, and without any lag a record waits for up to "
            f"{signals.normal_age_seconds:.0f} s: for its batch to be collected, and for the one "
            "before to end"
        )
        window = case.evidence.mapping and case.evidence.mapping.batching_window_seconds
        detail = Detail.BATCHING_WINDOW if window else Detail.NONE
        return Finding(YES, because, detail=detail)
    if waiting.short_spike(signals, limits):
        because = "the age is high for less than is taken for a sign, and lanes are idle"
        return Finding(YES, because, detail=Detail.SHORT_SPIKE)
    return None


def _ends_in(case: Case, flow: Flow | None) -> float | None:
    """Seconds until it is over by itself, by the age's own fall or by the forecast.

    While a burst's equally old records are worked off, their age still climbs by a second a
    second: there the forecast speaks, if the burst was seen, and every lane is busy with it, or the
    work of those that are tells how much of it is done.
    """
    signals = case.signals
    if signals.falling and signals.age_slope:
        return (signals.age_seconds or 0.0) / -signals.age_slope
    if flow is not None and bursts_in_a_few(signals, case.policy.thresholds):
        return flow.drains_in(flow.as_it_is())
    busy = (signals.busy_share or 0.0) >= case.policy.thresholds.busy_share
    seen = (signals.age_seconds or 0.0) < case.evidence.window_seconds
    done = _done_at_most(signals) if seen else None
    if flow is None or done is None or not busy or not _waits_since_one_time(case):
        return None
    drains = flow.drains_in(done)
    return None if drains in {None, inf} else drains


def _waits_since_one_time(case: Case) -> bool:
    """Whether what waits is about equally old, so that its age climbs while it is worked off: more
    than usual has come in since the oldest did, or in one minute of late, or nothing was done for a
    while. Else an age that climbs tells that what is read is not done."""
    signals = case.signals
    came, peak = signals.arrived_since_oldest, signals.peak_arrival_per_second
    usual, age = signals.usual_arrival_per_second, signals.age_seconds
    if came is None or not usual or not age:
        return True
    return max(came / age, peak or 0.0) >= _MORE_THAN_USUAL * usual or _stood_idle(case)


_MORE_THAN_USUAL = 1.2


def _stood_idle(case: Case) -> bool:
    """Whether no lane was at work in some minute since the oldest record came; of the newest ones
    not all is published."""
    work, onset = work_of(case.evidence), case.signals.onset
    if work is None or onset is None:
        return False
    lanes, minutes = dict(work.points), minutes_seen(case.evidence, STREAM_FAMILY)
    return any(at >= onset and not lanes.get(at) for at in minutes[:-LAST_MINUTES])


def _done_at_most(signals: Signals) -> float | None:
    """Records a second: what the oldest one moves on, else what is read; a burst is read, and
    passed by, at once, but no more is done than the batches that have ended could hold."""
    head, most = signals.head_per_second, signals.most_done_per_second
    done = signals.processed_per_second if head is None else head
    return done if done is None or most is None else min(done, most)


# Times the patience: what lasts longer is no "soon", and has a cause, though nothing helps.
_LONGEST_PATIENCE = 3.0


def _patience(case: Case, flow: Flow | None) -> float:
    """How long is waited: as long as any help would take, since help restarts the mapping."""
    knobs = case.policy.forecast
    if flow is None:
        return knobs.patience_seconds
    best = flow.capacity(case.policy.limits.parallelization_factor)
    helped = flow.drains_in(best, flow.restart(knobs))
    longest = _LONGEST_PATIENCE * knobs.patience_seconds
    return max(
        knobs.patience_seconds, 0.0 if helped in {None, inf} else min(helped or 0.0, longest)
    )


def restarted_lately(case: Case) -> bool:
    """Whether the newest minutes are still, in part, those of the mapping before its change."""
    changed = case.evidence.mapping.last_modified if case.evidence.mapping else None
    late = case.signals.late_by(case.policy.thresholds.metric_delay_seconds)
    shows = timedelta(seconds=case.policy.forecast.restart_seconds + late, minutes=LAST_MINUTES)
    return changed is not None and case.evidence.gathered_at - changed < shows


def _age_is_of_the_restart(case: Case) -> bool:
    """Whether the mapping stood still for the restart, and nothing is older than that."""
    changed = case.evidence.mapping.last_modified if case.evidence.mapping else None
    age, idle = case.signals.age_seconds, case.signals.idle_minutes_since_modified
    if changed is None or age is None or not idle:
        return False
    return age <= (case.evidence.gathered_at - changed).total_seconds() + 90
