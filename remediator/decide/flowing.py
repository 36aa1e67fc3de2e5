"""Questions about what flows: lanes, capacity."""

from remediator.decide.case import Case, Finding, unseen, when
from remediator.decide.failing import stuck
from remediator.decide.saturation import maybe_saturated
from remediator.decide.waiting import CLIMBS, late_and_climbs
from remediator.evidence.metrics import Metric
from remediator.evidence.signals import LAST_MINUTES
from remediator.model import (
    Detail,
    SourceKind,
)


def slower_and_no_more_comes(case: Case) -> bool:
    """Whether lanes are slower than usual though no more comes in: their keys are as many as they
    were while it kept up."""
    signals, ratio = case.signals, case.policy.thresholds.saturation_ratio
    rate, usual = signals.lane_rate, signals.usual_lane_rate
    slower = rate is not None and usual is not None and rate * ratio <= usual
    comes, before = signals.arrival_per_second, signals.usual_arrival_per_second
    return slower and comes is not None and before is not None and comes * 2 <= before * (1 + ratio)


def _ends_well(case: Case) -> bool:
    """Whether AWS says that the last batch went well, where no error was ever counted: a count of
    nothing may be published as nothing. What was withheld is not told by this."""
    mapping = case.evidence.mapping
    counted = Metric.ERRORS in case.evidence.metrics or case.evidence.lacks(Metric.ERRORS)
    return not counted and mapping is not None and mapping.last_processing_result == "OK"


def waits_in_its_lane(case: Case) -> bool:
    """Whether a busy lane says nothing: a durable execution holds it also while it waits."""
    return case.evidence.function is not None and case.evidence.function.durable


def one_lane_more(case: Case) -> bool:
    """Whether about one lane's work has come up with the lag: of one shard alone. The mean of many
    lanes says nothing of one, and what they do all the time is no sign."""
    signals, limits = case.signals, case.policy.thresholds
    shards, busy, usual = case.evidence.open_shards, signals.busy_lanes, signals.usual_busy_lanes
    if busy is None or busy < limits.busy_share:
        return False
    if shards == 1 or signals.hot_shard is not None:
        return True
    lasts = (signals.late_minutes or 0) >= limits.sustained_minutes or _is_late_and_climbs(case)
    rise = max(limits.busy_share / 3, 0.1 * (usual or 0.0))
    return lasts and usual is not None and busy - usual >= rise


def _is_late_and_climbs(case: Case) -> bool:
    """Faster than a clock climbs only the age of ever older records that are read."""
    slope = case.signals.age_slope or 0.0
    return late_and_climbs(case.signals, case.policy.thresholds) and slope <= _LIKE_A_CLOCK


_LIKE_A_CLOCK = 1.2


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
    if maybe_saturated(case):
        return unseen("whether lanes slow down as more of them run", *readings)
    if waits_in_its_lane(case):
        return unseen(
            "what the lanes do: a durable execution may wait while it holds one,", *readings
        )
    full = mapping and (signals.records_per_batch or 0) >= 0.9 * mapping.batch_size
    busy = (signals.busy_share or 0) >= limits.busy_share or one_lane_more(case)
    beyond = signals.age_seconds > signals.normal_age_seconds and not signals.falling
    slower = beyond and slower_and_no_more_comes(case)
    somewhere = not (full or busy or outrun or slower) and lags_somewhere(case)
    cpu_bound = (signals.cpu_share or 0) >= limits.cpu_bound_share
    detail = Detail.CPU_BOUND if cpu_bound else Detail.NONE
    because = (
        "a lane is busy all the time"
        if busy
        else "batches are full"
        if full
        else "more comes in than all of its batches could hold"
        if outrun
        else "no more comes in than usual, and each lane gets less done: the function is slow"
        if slower
        else "nothing else is wrong, and the lag climbs all the same: some lane has too much to do"
        if somewhere
        else "lanes are idle and batches are not full: this is not for want of capacity"
    )
    short = busy or full or outrun or slower or somewhere
    return when(bool(short), because, *readings, detail=detail)


def _outrun(case: Case) -> bool:
    """Whether more comes in than this mapping's batches hold, were they full: whoever else invokes
    the function, its own lanes do not get it done."""
    most, arrives = case.signals.most_done_per_second, case.signals.arrival_per_second
    late = (case.signals.late_minutes or 0) >= case.policy.thresholds.sustained_minutes
    return late and most is not None and arrives is not None and arrives > most


_TABLE = SourceKind.DYNAMODB


def lags_somewhere(case: Case) -> bool:
    """By elimination, where what else it might be was seen and is not: minute after minute the age
    climbs, or stays high for long, nothing fails or is throttled, reads go on. The mean of many
    lanes may hide one."""
    signals, evidence = case.signals, case.evidence
    beyond = (signals.age_seconds or 0.0) > signals.normal_age_seconds
    climbs = (signals.climbing_minutes or 0) >= LAST_MINUTES
    climbs = climbs and (signals.age_slope or 0.0) >= CLIMBS
    stays = (signals.late_minutes or 0) >= _FOR_LONG and signals.falling is False
    lasts = beyond and (climbs or stays) and signals.age_jump_seconds is None
    seen = (signals.error_share is not None or _ends_well(case)) and not evidence.lacks(
        Metric.THROTTLES
    )
    unmetered = evidence.target.consumer_arn is not None or evidence.target.kind is _TABLE
    refused = signals.read_throttled_minutes
    reads = (
        refused is not None and refused < case.policy.thresholds.sustained_minutes
    ) or unmetered
    few = (signals.error_share or 0.0) < case.policy.thresholds.error_share
    quiet = few and not signals.throttled_minutes
    many = (evidence.open_shards or 0) > 1
    one = (signals.busy_lanes or 0.0) >= MOST_OF_A_LANE
    return lasts and seen and quiet and reads and many and one


# Of a lane's time, from which it counts as one at work.
MOST_OF_A_LANE = 0.75
# Minutes late, after which an age that does not fall is no longer on its way.
_FOR_LONG = 10
