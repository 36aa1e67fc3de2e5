"""Questions about what flows: the end in sight, lanes, keys, capacity."""

from datetime import timedelta

from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.decide.failing import stuck
from remediator.decide.flow import HARDLY_MOVES
from remediator.decide.saturation import as_quick_as_ever, maybe_saturated
from remediator.decide.waiting import CLIMBS
from remediator.escaping import shortened
from remediator.evidence.metrics import Metric
from remediator.evidence.series import long_minutes
from remediator.evidence.signals import LAST_MINUTES
from remediator.evidence.since import back_since, minutes_of, only_since
from remediator.model import (
    Detail,
    Reading,
    SourceKind,
)


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
    if sampled := _by_sample(case, factor):
        return sampled
    if factor == 1:
        return Finding(NO, "with one lane a shard, keys cannot hold it up yet", readings)
    if _changed_and_hardly_seen_since(case):
        return Finding(NO, "the mapping was changed just now: its lanes are not all seen", readings)
    if (signals.error_share or 0.0) >= _OFTEN:
        return Finding(NO, "lanes that wait for another try are idle, whatever waits", readings)
    quick = as_quick_as_ever(signals, case.policy.thresholds.saturation_ratio)
    if not quick and _slower_and_no_more_comes(case):
        return Finding(NO, "no more comes in than usual, and each lane gets less done", readings)
    if _few_are_full(case, factor):
        because = "what waits would fill the batches of all of a shard's lanes, and few of them are"
        return Finding(YES, because, readings)
    one_each = _one_lane_of_many(case, factor) and one_lane_more(case)
    one_each = one_each and (signals.climbing_minutes or 0) >= LAST_MINUTES
    few = signals.busy_share is not None and signals.busy_share < 0.6
    return when(
        (
            one_each
            or (few and signals.busy_lanes >= 0.75 * (case.evidence.open_shards or 1))
            or (_ALL_OF_IT <= signals.busy_lanes < _ALL_OF_IT * factor and _lags_somewhere(case))
        )
        and few
        and not _at_its_reservation(case),
        f"only {signals.busy_lanes:.1f} of {signals.lanes} lanes find work: few partition keys",
        *readings,
    )


def _changed_and_hardly_seen_since(case: Case) -> bool:
    """Whether the minutes by which the lanes are seen are, in part, of before its last change."""
    evidence, changed = case.evidence, case.evidence.mapping and case.evidence.mapping.last_modified
    if not changed or changed < evidence.gathered_at - timedelta(seconds=evidence.window_seconds):
        return False
    back = back_since(evidence, changed)
    seen = 0 if back is None else minutes_of(only_since(evidence, back))
    return seen < LAST_MINUTES + long_minutes(evidence)


# Share of the tries that fail, from which what waits between two tries of it is no trifle.
_OFTEN = 0.2


def _at_its_reservation(case: Case) -> bool:
    """Whether the function's own reservation may be what lets no more lanes run."""
    function, running = case.evidence.function, case.signals.concurrency
    reserved = function.reserved_concurrency if function else None
    return reserved is not None and (running is None or running >= reserved)


def _slower_and_no_more_comes(case: Case) -> bool:
    """Whether lanes are slower than usual though no more comes in: their keys are as many as they
    were while it kept up."""
    signals, ratio = case.signals, case.policy.thresholds.saturation_ratio
    rate, usual = signals.lane_rate, signals.usual_lane_rate
    slower = rate is not None and usual is not None and rate * ratio <= usual
    comes, before = signals.arrival_per_second, signals.usual_arrival_per_second
    return slower and comes is not None and before is not None and comes * 2 <= before * (1 + ratio)


def _few_are_full(case: Case, factor: int) -> bool:
    """Whether what is done is less than most of one shard's lanes do whose batches are full, though
    what waits would fill all of them: then it lies in few lanes, however busy the others are. What
    an age that climbs like a clock waits for has not ended yet, and is in no count."""
    signals, mapping = case.signals, case.evidence.mapping
    waits, done = signals.backlog_records, signals.processed_per_second
    took = signals.duration_ms, signals.duration_max_ms, signals.usual_duration_max_ms
    longest = max(one or 0.0 for one in took)
    if mapping is None or waits is None or done is None or not longest:
        return False
    if (signals.busy_lanes or 0.0) < _ALL_OF_IT or mapping.tumbling_window_seconds:
        return False  # no batch crosses a window's end, however much waits
    most = _most_of_a_batch(case, mapping.batch_size)
    enough = waits >= factor * most and (signals.age_slope or 0.0) < HARDLY_MOVES
    few = done * longest / 1000 / most < _MOST_OF_IT * factor
    return enough and few and _lags(case) and not _at_its_reservation(case)


def _most_of_a_batch(case: Case, size: int) -> float:
    """Records that one holds when it is full: of large ones no more than an event's 6 MB in base64
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html)."""
    metrics = case.evidence.metrics
    written, records = metrics.get(Metric.INCOMING_BYTES), metrics.get(Metric.INCOMING_RECORDS)
    volume, count = (sum(series.values) if series else 0.0 for series in (written, records))
    return max(1.0, min(size, _EVENT_BYTES * count / volume)) if count and volume else size


_EVENT_BYTES = 6 * 2**20 * 3 / 4


def _lags(case: Case) -> bool:
    """Whether records wait for longer than is normal, and not less and less."""
    signals = case.signals
    late = (signals.late_minutes or 0) >= case.policy.thresholds.sustained_minutes
    return (
        late and not signals.falling and (signals.age_seconds or 0.0) > signals.normal_age_seconds
    )


def _by_sample(case: Case, factor: int) -> Finding | None:
    """What the keys themselves say, where some were read; ``None`` where that decides nothing."""
    signals, most = case.signals, case.policy.sampling.hot_key_share
    share, sample = signals.hottest_key_share, case.evidence.key_sample
    if share is None or sample is None:
        return None
    readings = case.reading("hottest_key_share"), case.reading("sampled_records", "records")
    of = f"{share:.0%} of {sample.records} records that were read of {sample.shard_id}"
    if share >= most:
        named = f" ({shortened(sample.keys[0].name)})" if sample.keys[0].name else ""
        return Finding(
            YES, f"one partition key{named} carries {of}", readings, detail=Detail.ONE_KEY
        )
    if share * factor <= 1:
        return Finding(NO, f"no partition key carries more than {of}", readings)
    return None


def _one_lane_of_many(case: Case, factor: int) -> bool:
    """Whether what is at work, or has come up with the lag, is about one lane and not a shard's."""
    busy, usual = case.signals.busy_lanes or 0.0, case.signals.usual_busy_lanes
    shard = _MOST_OF_IT * factor
    came_up = usual is not None and busy - usual < shard and (case.evidence.open_shards or 1) > 1
    return _MOST_OF_IT <= busy < shard or came_up


# Of a shard's lanes: if fewer work in all shards together, no shard's lanes are all at work.
_MOST_OF_IT, _ALL_OF_IT = 0.75, 0.9


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
    if maybe_saturated(case):
        return unseen("whether lanes slow down as more of them run", *readings)
    if _waits_in_its_lane(case):
        return unseen(
            "what the lanes do: a durable execution may wait while it holds one,", *readings
        )
    full = mapping and (signals.records_per_batch or 0) >= 0.9 * mapping.batch_size
    busy = (signals.busy_share or 0) >= limits.busy_share or one_lane_more(case)
    beyond = signals.age_seconds > signals.normal_age_seconds and not signals.falling
    slower = beyond and _slower_and_no_more_comes(case)
    somewhere = not (full or busy or outrun or slower) and _lags_somewhere(case)
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


def _lags_somewhere(case: Case) -> bool:
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
    reads = signals.read_throttled_minutes == 0 or unmetered
    few = (signals.error_share or 0.0) < case.policy.thresholds.error_share
    quiet = few and not signals.throttled_minutes
    many = (evidence.open_shards or 0) > 1
    one = (signals.busy_lanes or 0.0) >= _MOST_OF_IT
    return lasts and seen and quiet and reads and many and one


# Minutes late, after which an age that does not fall is no longer on its way.
_FOR_LONG = 10
