"""The question whether few partition keys hold it up: lanes stand idle, or hardly fill a batch."""

from datetime import timedelta

from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.decide.flowing import (
    lags_somewhere,
    one_lane_more,
    slower_and_no_more_comes,
    waits_in_its_lane,
)
from remediator.decide.moving import HARDLY_MOVES
from remediator.decide.saturation import as_quick_as_ever
from remediator.escaping import shortened
from remediator.evidence.age import LONGEST_WAIT_SECONDS
from remediator.evidence.metrics import Metric
from remediator.evidence.series import long_minutes
from remediator.evidence.signals import LAST_MINUTES
from remediator.evidence.since import back_since, minutes_of, only_since
from remediator.model import Detail, Reading


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
    if waits_in_its_lane(case):
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
    if why := _lanes_do_not_tell(case):
        return Finding(NO, why, readings)
    if _few_are_full(case, factor):
        because = "what waits would fill the batches of all of a shard's lanes, and few of them are"
        return Finding(YES, because, readings)
    one_each = _one_lane_of_many(case, factor) and one_lane_more(case)
    one_each = one_each and (signals.climbing_minutes or 0) >= LAST_MINUTES
    few = signals.busy_share is not None and signals.busy_share * _taken(case) < 0.6
    return when(
        (
            one_each
            or (_one_in_each_shard(case) and not _a_shards_lanes_more(case, factor))
            or (_ALL_OF_IT <= signals.busy_lanes < _ALL_OF_IT * factor and lags_somewhere(case))
        )
        and few
        and not _at_its_reservation(case),
        f"only {signals.busy_lanes:.1f} of {signals.lanes} lanes find work: few partition keys",
        *readings,
    )


def _lanes_do_not_tell(case: Case) -> str | None:
    """Why idle lanes are no sign of few keys now, in words."""
    signals, ratio = case.signals, case.policy.thresholds.saturation_ratio
    if _changed_and_hardly_seen_since(case):
        return "the mapping was changed just now: its lanes are not all seen"
    if _nothing_has_ended_yet(case):
        return "batches take minutes, and the oldest record's has not ended"
    if slower_and_no_more_comes(case) and not as_quick_as_ever(signals, ratio):
        return "no more comes in than usual, and each lane gets less done"
    return None


def _changed_and_hardly_seen_since(case: Case) -> bool:
    """Whether the minutes by which the lanes are seen are, in part, of before its last change."""
    evidence, changed = case.evidence, case.evidence.mapping and case.evidence.mapping.last_modified
    if not changed or changed < evidence.gathered_at - timedelta(seconds=evidence.window_seconds):
        return False
    back = back_since(evidence, changed)
    seen = 0 if back is None else minutes_of(only_since(evidence, back))
    return seen < LAST_MINUTES + long_minutes(evidence)


def _taken(case: Case) -> float:
    """Lanes that are taken for each that is at work: what has failed waits in its lane for another
    try, by half of the longest wait."""
    signals = case.signals
    fails, took = signals.error_share or 0.0, (signals.duration_ms or 0.0) / 1000
    return 1.0 + (fails * LONGEST_WAIT_SECONDS / 2 / took if took else 0.0)


def _nothing_has_ended_yet(case: Case) -> bool:
    """Whether the oldest record hardly moves, where batches are out for a minute: what they get
    done shows once they have ended."""
    signals = case.signals
    longest = max(signals.duration_max_ms or 0.0, signals.usual_duration_max_ms or 0.0)
    return longest >= _A_MINUTE_MS and (signals.age_slope or 0.0) >= HARDLY_MOVES


_A_MINUTE_MS = 60_000


def _at_its_reservation(case: Case) -> bool:
    """Whether the function's own reservation may be what lets no more lanes run."""
    reserved, running = case.evidence.reserved_concurrency, case.signals.concurrency
    return reserved is not None and (running is None or running >= reserved)


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
    enough = waits >= factor * most
    few = done * longest / 1000 / most * _taken(case) < _MOST_OF_IT * factor
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


def _one_in_each_shard(case: Case) -> bool:
    return (case.signals.busy_lanes or 0.0) >= _MOST_OF_IT * (case.evidence.open_shards or 1)


def _a_shards_lanes_more(case: Case, factor: int) -> bool:
    """Whether as many lanes have come up with the lag as a whole shard has, of several: one key
    keeps one of them busy, so it is the shard that has too much to do."""
    busy, usual = case.signals.busy_lanes or 0.0, case.signals.usual_busy_lanes
    several = (case.evidence.open_shards or 1) > 1
    return several and usual is not None and busy - usual >= _MOST_OF_IT * factor


# Of a shard's lanes: if fewer work in all shards together, no shard's lanes are all at work.
_MOST_OF_IT, _ALL_OF_IT = 0.75, 0.9


def _keys_do_not_matter(case: Case) -> bool:
    stream = case.evidence.stream
    return stream is not None and stream.record_distribution == "AUTO"
