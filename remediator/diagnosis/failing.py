"""Questions about what fails: everywhere, in one place, or unseen behind partial responses."""

from datetime import timedelta

from remediator.diagnosis.case import NO, YES, Case, Finding, unseen, when
from remediator.metrics import Metric
from remediator.model import (
    Reading,
)
from remediator.signals import LAST_MINUTES


def failing(case: Case) -> Finding:
    signals, limits = case.signals, case.policy.thresholds
    readings = (
        case.reading("error_share"),
        case.reading("failing_minutes", f"of the last {LAST_MINUTES}"),
        case.reading("failed_events_per_minute", "records/min"),
        case.reading("age_slope", "s/s"),
    )
    reported = (signals.failed_events_per_minute or 0) > 0
    if signals.failing_minutes is None and not reported:
        return unseen("the count of errors", *readings)
    sustained = (signals.failing_minutes or 0) >= min(limits.sustained_minutes, LAST_MINUTES)
    few_but_stuck = (signals.error_minutes or 0) >= limits.sustained_minutes and stuck(case)
    if sustained or few_but_stuck:
        return Finding(YES, "invocations end in errors, minute after minute", readings)
    if reported and (stuck(case) or signals.age_slope is None):
        return Finding(YES, "the function reports failed records", readings)
    return Finding(NO, "invocations succeed", readings)


def stuck(case: Case) -> bool:
    """Whether the oldest record does not move: its age climbs by a second a second."""
    gradient = case.signals.age_slope
    return gradient is not None and gradient >= case.policy.thresholds.stuck_slope


def everything_fails(case: Case) -> Finding:
    signals, limits = case.signals, case.policy.thresholds
    readings = (
        case.reading("error_share"),
        case.reading("successes_per_minute"),
        Reading(name="open_shards", value=case.evidence.open_shards),
    )
    if signals.error_share is None:
        return Finding(NO, "failed records are reported one by one, the rest succeed", readings)
    total = signals.error_share >= limits.total_failure_share
    because = "nothing succeeds" if total else "some invocations succeed"
    return Finding(YES if total else NO, because, readings)


def just_deployed(case: Case) -> Finding:
    function, since = case.evidence.function, case.signals.failing_since
    changed = function.last_modified if function else None
    readings = (
        Reading(name="function_last_modified", value=changed.isoformat() if changed else None),
        Reading(name="failing_since", value=since.isoformat() if since else None),
    )
    if changed is None or since is None:
        return unseen("when the function was changed", *readings)
    window = timedelta(minutes=case.policy.thresholds.deploy_minutes)
    just = since - window <= changed <= since + timedelta(minutes=2)
    because = "the function was changed just before" if just else "no change of the function then"
    return Finding(YES if just else NO, because, readings)


def times_out(case: Case) -> Finding:
    function, longest = case.evidence.function, case.signals.duration_max_ms
    timeout = function.timeout_seconds if function else None
    readings = (
        case.reading("duration_max_ms", "ms"),
        Reading(name="timeout_seconds", value=timeout, unit="s"),
    )
    if timeout is None or longest is None:
        return unseen("the longest duration or the timeout", *readings)
    share = longest / (timeout * 1000)
    return when(
        share >= case.policy.thresholds.timeout_share,
        f"the longest invocation took {share:.0%} of the timeout",
        *readings,
    )


def split_already(case: Case) -> Finding:
    mapping = case.evidence.mapping
    if mapping is None:
        return unseen("the mapping")
    reading = Reading(name="bisect_on_error", value=mapping.bisect_on_error)
    return when(
        mapping.bisect_on_error and mapping.batch_size > 1,
        "failed batches are split"
        if mapping.bisect_on_error
        else "failed batches are not split, so good records cannot show that they succeed",
        reading,
    )


def halves_succeed(case: Case) -> Finding:
    """Good halves succeed when one record is to blame; nothing does when the function is."""
    reading = case.reading("successes_since_modified", "invocations")
    successes, split = case.signals.successes_since_modified, split_already(case).answer
    if split is not YES:
        return Finding(NO, "failed batches are not split", (reading,))
    if successes is None:
        return unseen("what succeeded since batches are split", reading)
    return when(
        successes > 0,
        f"{successes:.0f} invocations succeeded since the mapping was changed",
        reading,
    )


def one_shard(case: Case) -> Finding:
    shards = case.evidence.open_shards
    reading = Reading(name="open_shards", value=shards)
    if shards is None:
        return unseen("the number of shards", reading)
    return when(
        shards == 1,
        "with one shard, one record can fail every batch"
        if shards == 1
        else f"{shards} shards fail alike: one record cannot do that",
        reading,
    )


def one_is_stuck(case: Case) -> Finding:
    signals, limits = case.signals, case.policy.thresholds
    readings = (
        case.reading("age_slope", "s/s"),
        case.reading("stuck_shards"),
        case.reading("newest_error_share"),
        case.reading("least_successes_per_minute"),
        case.reading("usual_successes_per_minute"),
    )
    shards = case.evidence.open_shards
    if signals.stuck_shards is not None and shards and shards > 1:
        some = 0 < signals.stuck_shards <= shards // 2
        return when(some, f"{signals.stuck_shards} of {shards} shards do not move", *readings)
    if signals.age_slope is None:
        return unseen("the slope of the age", *readings)
    if signals.age_slope < limits.stuck_slope:
        return Finding(NO, "every shard still moves on, only slower", readings)
    if signals.newest_error_share == 0 and not signals.failed_events_per_minute:
        return Finding(NO, "nothing fails any more", readings)
    if not _others_keep_pace(case):
        return Finding(NO, "successes are down everywhere, not in one place", readings)
    because = "the oldest record does not move while other batches succeed as usual"
    return Finding(YES, because, readings)


def _others_keep_pace(case: Case) -> bool:
    """Whether the rest has succeeded all the time, about as often as before.

    In a single lane nothing else can succeed: there, halves of split batches must have, or
    records beside those that the function reports as failed.
    """
    signals, shards = case.signals, case.evidence.open_shards
    if signals.lanes == 1 and not signals.newest_error_share:
        counted = Metric.INVOKED_EVENTS in case.evidence.metrics
        return counted and bool(signals.processed_per_second)
    if signals.lanes == 1:
        failing = (signals.newest_error_share or 0.0) >= 0.5
        return failing and halves_succeed(case).answer is YES
    least, usual = signals.least_successes_per_minute, signals.usual_successes_per_minute
    if least is None or not usual or not shards:
        return True
    share = 0.5 * ((shards - 1) / shards if shards > 1 else 0.5)
    done, used_to = signals.processed_per_second, signals.usual_processed_per_second
    # Fewer invocations may get more records done: batches grow with the traffic.
    few = (signals.error_share or 0.0) < 0.5
    by_records = few and done is not None and bool(used_to) and done >= (used_to or 0.0)
    return least > 0 and (least >= share * usual or by_records)


def stuck_in_silence(case: Case) -> Finding:
    """Partial batch responses hide a poison record: the invocation counts as a success."""
    mapping, signals = case.evidence.mapping, case.signals
    partial = mapping.reports_partial_batches if mapping else None
    readings = (
        Reading(name="reports_partial_batches", value=partial),
        case.reading("age_slope", "s/s"),
        case.reading("busy_share"),
    )
    if partial is False:
        return Finding(NO, "the function does not report partial batches", readings)
    if partial is None or signals.age_slope is None or signals.busy_share is None:
        return unseen("partial responses, the slope or the lanes", *readings)
    idle = signals.busy_share < case.policy.thresholds.busy_share
    flowing = bool(signals.arrival_per_second)
    # With free lanes no healthy shard's age climbs, so half the slope of a stopped clock will do.
    climbing = signals.age_slope >= 0.5 * case.policy.thresholds.stuck_slope
    return when(
        climbing and idle and flowing and not signals.read_throttled_minutes,
        "the oldest record does not move although lanes are free, and failures may be hidden in "
        "partial responses"
        if climbing and idle
        else "records move on, or every lane is busy",
        *readings,
    )
