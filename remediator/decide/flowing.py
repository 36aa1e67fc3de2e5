"""Questions about what flows: the end in sight, lanes, keys, capacity."""

from datetime import timedelta
from math import inf

from remediator.decide import forecast
from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.decide.contention import CLIMBS
from remediator.decide.failing import stuck
from remediator.decide.meaning import loses_now
from remediator.evidence.metrics import Metric
from remediator.evidence.signals import LAST_MINUTES, Signals
from remediator.model import (
    Answer,
    Detail,
    Reading,
    SourceKind,
)


def over_soon(case: Case) -> Finding:
    signals, policy = case.signals, case.policy
    flow = forecast.observe(case.evidence, signals, policy.thresholds)
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
    unclear = not signals.falling and _restarted_lately(case)
    if unclear and _age_is_of_the_restart(case):
        return Finding(YES, "the age is that of the mapping's restart, just now", readings)
    ends, patience = _ends_in(case, flow), _patience(case, flow)
    if ends is not None and ends <= patience:
        return Finding(YES, f"it will be over in about {ends:.0f} s without help", readings)
    when = "not in sight" if ends is None else f"about {ends:.0f} s away"
    return Finding(
        NO, f"its end is {when}, beyond the {patience:.0f} s that may be waited", readings
    )


def _nothing_is_wrong(case: Case) -> Finding | None:
    """The age is of something else than records that wait; ``None`` where it is of them."""
    signals, limits = case.signals, case.policy.thresholds
    age = signals.age_seconds
    if age is None:
        return None
    if signals.age_jump_seconds is not None and signals.age_slope is None:
        because = "the age is that of one old record that was read: nothing waits"
        return Finding(YES, because, detail=Detail.OLD_RECORD)
    beyond = CLIMBS if age > signals.normal_age_seconds else 0.5
    level = signals.age_slope is not None and signals.age_slope < beyond
    if level and age < limits.alarm_seconds and not _will_be_late(case):
        return Finding(YES, f"the age is {age:.0f} s, below the alarm")
    if (level or signals.age_slope is None) and age <= signals.normal_age_seconds:
        because = (
            f"the age is {age:.0f} s, and without any lag a record waits for up to "
            f"{signals.normal_age_seconds:.0f} s: for its batch to be collected, and for the one "
            "before to end"
        )
        window = case.evidence.mapping and case.evidence.mapping.batching_window_seconds
        detail = Detail.BATCHING_WINDOW if window else Detail.NONE
        return Finding(YES, because, detail=detail)
    if _is_a_short_spike(case):
        because = "the age is high for less than is taken for a sign, and lanes are idle"
        return Finding(YES, because, detail=Detail.SHORT_SPIKE)
    return None


_CLIMBS_FOR_GOOD, _TRIFLE_SECONDS = 10, 10.0


def _will_be_late(case: Case) -> bool:
    """Whether an age below the alarm has climbed minute after minute, while every lane is busy and
    more comes in than is done."""
    signals, limits = case.signals, case.policy.thresholds
    arrives, done = signals.arrival_per_second, signals.processed_per_second
    return (
        (signals.age_seconds or 0.0) >= _TRIFLE_SECONDS
        and (signals.age_slope or 0.0) > 0
        and (signals.climbing_minutes or 0) >= _CLIMBS_FOR_GOOD
        and (signals.busy_share or 0.0) >= limits.busy_share
        and arrives is not None
        and done is not None
        and arrives > done
    )


def _is_a_short_spike(case: Case) -> bool:
    """Whether the age has been high for a minute only, while lanes had time for more."""
    signals, limits = case.signals, case.policy.thresholds
    idle = signals.busy_share is not None and signals.busy_share < limits.busy_share
    late, most = signals.late_minutes, limits.alarm_seconds + 60 * limits.sustained_minutes
    brief = late is not None and 0 < late < limits.sustained_minutes
    brief = brief and (signals.age_slope or 0.0) < CLIMBS
    return idle and brief and (signals.age_seconds or 0.0) < most


def _ends_in(case: Case, flow: forecast.Flow | None) -> float | None:
    """Seconds until it is over by itself, by the age's own fall or by the forecast.

    While a burst's equally old records are worked off, their age still climbs by a second a
    second: there the forecast speaks, if every lane is busy with it, and if the burst was seen.
    """
    signals = case.signals
    if signals.falling and signals.age_slope:
        return (signals.age_seconds or 0.0) / -signals.age_slope
    busy = (signals.busy_share or 0.0) >= case.policy.thresholds.busy_share
    seen = (signals.age_seconds or 0.0) < case.evidence.window_seconds
    done = signals.head_per_second if seen else None
    if done is None and seen:
        done = signals.processed_per_second
    if flow is None or done is None or not busy:
        return None
    drains = flow.drains_in(done)
    return None if drains in {None, inf} else drains


# Times the patience: what lasts longer is no "soon", and has a cause, though nothing helps.
_LONGEST_PATIENCE = 3.0


def _patience(case: Case, flow: forecast.Flow | None) -> float:
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


def saturates_downstream(case: Case) -> Finding:
    """A longer duration alone says little: batches grow with the backlog. A lane that gets less
    done since more of them run does."""
    signals, ratio = case.signals, case.policy.thresholds.saturation_ratio
    readings = (
        case.reading("lane_rate", "records/s"),
        case.reading("usual_lane_rate", "records/s"),
        case.reading("narrow_lane_rate", "records/s"),
        case.reading("concurrency"),
        case.reading("usual_concurrency"),
        case.reading("busy_lanes"),
        case.reading("usual_busy_lanes"),
        case.reading("duration_ms", "ms"),
        case.reading("usual_duration_ms", "ms"),
        case.reading("duration_max_ms", "ms"),
        case.reading("usual_duration_max_ms", "ms"),
        case.reading("slowdown"),
        case.reading("peak_arrival_per_second", "records/s"),
        case.reading("usual_arrival_per_second", "records/s"),
    )
    rate, usual = signals.lane_rate, signals.usual_lane_rate
    running, before = signals.concurrency, signals.usual_concurrency
    yes = "a lane gets less done since more of them run"
    if _slow_since_a_deploy(case):
        return Finding(
            NO, "the function was changed as it began to lag: the code is slow", readings
        )
    if _as_quick_as_ever(signals, ratio):
        return Finding(NO, "the longest invocation takes no longer than before", readings)
    if _slower_under_more_load(case):
        return Finding(YES, yes, readings)
    if rate is None or usual is None or running is None or before is None:
        return unseen("the course of a lane's work and of concurrency", *readings)
    slower = rate * ratio <= min(usual, signals.narrow_lane_rate or usual)
    wider = running >= ratio * max(1.0, before)
    no = "a lane gets as much done as before, or no more of them run"
    return when(slower and wider, yes if slower and wider else no, *readings)


def _slower_under_more_load(case: Case) -> bool:
    """Whether more came in, so that lanes rest less, and each record takes longer since, even if
    every batch was full: so half of the growth will do. Where no more came in, something else has
    made it slow."""
    signals, ratio = case.signals, case.policy.thresholds.saturation_ratio
    return (
        (signals.slowdown or 0.0) >= (1 + ratio) / 2
        and _times(signals.busy_lanes, signals.usual_busy_lanes, ratio)
        and _times(signals.peak_arrival_per_second, signals.usual_arrival_per_second, ratio)
    )


def _as_quick_as_ever(signals: Signals, ratio: float) -> bool:
    """Whether the longest invocations, which are full batches if any is, take no longer."""
    longest, usual = signals.duration_max_ms, signals.usual_duration_max_ms
    return longest is not None and bool(usual) and longest < (1 + ratio) / 2 * (usual or 0.0)


def _slow_since_a_deploy(case: Case) -> bool:
    """Whether the function was changed, as far as the readings show, when it began to lag."""
    changed = case.evidence.function.last_modified if case.evidence.function else None
    onset, window = case.signals.onset, case.policy.thresholds.deploy_minutes
    if changed is None or onset is None:
        return False
    return onset - timedelta(minutes=window) <= changed <= onset + timedelta(minutes=LAST_MINUTES)


def _times(now: float | None, usual: float | None, ratio: float) -> bool:
    return now is not None and bool(usual) and now >= ratio * (usual or 0.0)


def _maybe_saturated(case: Case) -> bool:
    """Whether lanes look slower, and a reading that would tell why is missing."""
    signals, ratio = case.signals, case.policy.thresholds.saturation_ratio
    blind = case.evidence.readers is None or any(
        metric not in case.evidence.metrics
        for metric in (Metric.READ_RECORDS, Metric.CONCURRENT_EXECUTIONS)
    )
    if not blind or saturates_downstream(case).answer is not Answer.UNSEEN:
        return False
    running, before = signals.concurrency, signals.usual_concurrency
    wider = running is None or before is None or running >= ratio * max(1.0, before)
    if signals.slowdown is not None and _batches_are_full(case):
        return wider and signals.slowdown >= (1 + ratio) / 2
    return wider and _times(signals.duration_ms, signals.usual_duration_ms, ratio)


def _batches_are_full(case: Case) -> bool:
    """Whether enough waits for a full batch in every lane."""
    mapping, lanes, waiting = (
        case.evidence.mapping,
        case.signals.lanes,
        case.signals.backlog_records,
    )
    if mapping is None or lanes is None or waiting is None:
        return False
    return waiting >= lanes * mapping.batch_size


def keys_limit(case: Case) -> Finding:
    signals, mapping = case.signals, case.evidence.mapping
    readings = (
        Reading(
            name="parallelization_factor",
            value=mapping.parallelization_factor if mapping else None,
        ),
        case.reading("busy_lanes"),
        case.reading("lanes"),
        case.reading("concurrency"),
    )
    if mapping is None or signals.busy_lanes is None:
        return unseen("the lanes at work", *readings)
    if _waits_in_its_lane(case):
        return unseen(
            "what the lanes do: a durable execution may wait while it holds one,", *readings
        )
    if _keys_do_not_matter(case):
        return Finding(NO, "the stream spreads its records without regard to keys", readings)
    factor = mapping.parallelization_factor
    if factor == 1:
        return Finding(NO, "with one lane a shard, keys cannot hold it up yet", readings)
    if _restarted_lately(case):
        return Finding(NO, "the mapping was changed just now: its lanes are not all seen", readings)
    one_each = _one_lane_of_many(case, factor) and one_lane_more(case)
    few = signals.busy_share is not None and signals.busy_share < 0.6
    reserved = case.evidence.function.reserved_concurrency if case.evidence.function else None
    return when(
        (
            one_each
            or (few and signals.busy_lanes >= 0.75 * (case.evidence.open_shards or 1))
            or (_ALL_OF_IT <= signals.busy_lanes < _ALL_OF_IT * factor and _lags_somewhere(case))
        )
        and reserved is None
        and few,
        f"only {signals.busy_lanes:.1f} of {signals.lanes} lanes find work: few partition keys",
        *readings,
    )


def _one_lane_of_many(case: Case, factor: int) -> bool:
    """Whether what is at work, or has come up with the lag, is about one lane and not a shard's."""
    busy, usual = case.signals.busy_lanes or 0.0, case.signals.usual_busy_lanes
    shard = _MOST_OF_IT * factor
    came_up = usual is not None and busy - usual < shard and (case.evidence.open_shards or 1) > 1
    return _MOST_OF_IT <= busy < shard or came_up


# Of a shard's lanes: if fewer work in all shards together, no shard's lanes are all at work.
_MOST_OF_IT, _ALL_OF_IT = 0.75, 0.9


def _restarted_lately(case: Case) -> bool:
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


def _ends_well(case: Case) -> bool:
    """Whether AWS says that the last batch went well, where no error was ever counted: a count of
    nothing may be published as nothing. What was withheld is not told by this."""
    mapping = case.evidence.mapping
    counted = Metric.ERRORS in case.evidence.metrics or case.evidence.lacks(Metric.ERRORS)
    return not counted and mapping is not None and mapping.last_processing_result == "OK"


def _waits_in_its_lane(case: Case) -> bool:
    """Whether a busy lane says nothing: a durable execution holds it also while it waits."""
    return case.evidence.function is not None and case.evidence.function.durable


def _keys_do_not_matter(case: Case) -> bool:
    stream = case.evidence.stream
    return stream is not None and stream.record_distribution == "AUTO"


def one_lane_more(case: Case) -> bool:
    """Whether about one lane's work has come up with the lag: of one shard alone. The mean of many
    lanes says nothing of one, and what they do all the time is no sign."""
    signals, limits = case.signals, case.policy.thresholds
    shards, busy, usual = case.evidence.open_shards, signals.busy_lanes, signals.usual_busy_lanes
    if busy is None or busy < limits.busy_share:
        return False
    if shards == 1 or signals.hot_shard is not None:
        return True
    lasts = (signals.late_minutes or 0) >= limits.sustained_minutes
    rise = max(limits.busy_share / 3, 0.1 * (usual or 0.0))
    return lasts and usual is not None and busy - usual >= rise


def capacity_short(case: Case) -> Finding:
    signals, limits = case.signals, case.policy.thresholds
    mapping = case.evidence.mapping
    readings = (
        case.reading("busy_share"),
        case.reading("busy_lanes"),
        case.reading("usual_busy_lanes"),
        case.reading("lanes"),
        case.reading("records_per_batch"),
        case.reading("most_done_per_second", "records/s"),
        case.reading("arrival_per_second", "records/s"),
        case.reading("processed_per_second", "records/s"),
        case.reading("age_slope", "s/s"),
        case.reading("cpu_share"),
    )
    outrun = _outrun(case)
    if (signals.busy_lanes is None and not outrun) or signals.age_seconds is None:
        return unseen("the work of the lanes, or the age", *readings)
    if signals.error_share is None and stuck(case) and not _ends_well(case):
        return unseen("the count of errors, while the oldest record does not move,", *readings)
    if _maybe_saturated(case):
        return unseen("whether lanes slow down as more of them run", *readings)
    if _waits_in_its_lane(case):
        return unseen(
            "what the lanes do: a durable execution may wait while it holds one,", *readings
        )
    full = mapping and (signals.records_per_batch or 0) >= 0.9 * mapping.batch_size
    busy = (signals.busy_share or 0) >= limits.busy_share or one_lane_more(case)
    somewhere = not (full or busy or outrun) and _lags_somewhere(case)
    cpu_bound = (signals.cpu_share or 0) >= limits.cpu_bound_share
    detail = Detail.CPU_BOUND if cpu_bound else Detail.NONE
    because = (
        "a lane is busy all the time"
        if busy
        else "batches are full"
        if full
        else "more comes in than all of its batches could hold"
        if outrun
        else "nothing else is wrong, and the lag climbs all the same: some lane has too much to do"
        if somewhere
        else "lanes are idle and batches are not full: this is not for want of capacity"
    )
    return when(bool(busy or full or outrun or somewhere), because, *readings, detail=detail)


def _outrun(case: Case) -> bool:
    """Whether more comes in than this mapping's batches hold, were they full: whoever else invokes
    the function, its own lanes do not get it done."""
    most, arrives = case.signals.most_done_per_second, case.signals.arrival_per_second
    late = (case.signals.late_minutes or 0) >= case.policy.thresholds.sustained_minutes
    return late and most is not None and arrives is not None and arrives > most


_TABLE = SourceKind.DYNAMODB


def _lags_somewhere(case: Case) -> bool:
    """By elimination, where what else it might be was seen and is not: minute after minute the age
    climbs, nothing fails or is throttled, reads go on. The mean of many lanes may hide one."""
    signals, evidence = case.signals, case.evidence
    beyond = (signals.age_seconds or 0.0) > signals.normal_age_seconds
    lasts = beyond and (signals.climbing_minutes or 0) >= LAST_MINUTES
    lasts = lasts and signals.age_jump_seconds is None
    seen = (signals.error_share is not None or _ends_well(case)) and not evidence.lacks(
        Metric.THROTTLES
    )
    unmetered = evidence.target.consumer_arn is not None or evidence.target.kind is _TABLE
    reads = signals.read_throttled_minutes == 0 or unmetered
    few = (signals.error_share or 0.0) < case.policy.thresholds.error_share
    quiet = few and not signals.throttled_minutes
    climbs = (signals.age_slope or 0.0) >= CLIMBS
    many = (evidence.open_shards or 0) > 1
    one = (signals.busy_lanes or 0.0) >= _MOST_OF_IT
    return lasts and seen and quiet and reads and climbs and many and one
