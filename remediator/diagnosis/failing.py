"""Questions about what fails: everywhere, in one place, or unseen behind partial responses."""

from datetime import timedelta
from math import ceil, log2

from remediator.diagnosis.case import NO, YES, Case, Finding, unseen, when
from remediator.metrics import Metric
from remediator.model import (
    Reading,
)
from remediator.signals import LAST_MINUTES, Signals


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
    repeated = (signals.error_minutes or 0) >= limits.sustained_minutes
    all_now = (signals.newest_error_share or 0.0) >= limits.total_failure_share
    if sustained or (repeated and (all_now or stuck(case))):
        return Finding(YES, "invocations end in errors, minute after minute", readings)
    if reported and (stuck(case) or signals.age_slope is None):
        return Finding(YES, "the function reports failed records", readings)
    return Finding(NO, "invocations succeed", readings)


def stuck(case: Case) -> bool:
    """Whether the oldest record does not move: its age climbs by a second a second, or, where it
    is tried seldom, by as much as the time between two tries allows."""
    gradient, still = case.signals.age_slope, case.signals.still_minutes
    steep = gradient is not None and gradient >= case.policy.thresholds.stuck_slope
    return steep or (still is not None and still >= LAST_MINUTES)


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


def alone_by_now(case: Case) -> Finding:
    """A batch that times out may be too large; a record that does so alone is a bad one.

    Each halving takes an attempt up to the timeout, and one of the half that succeeds.
    """
    mapping, function = case.evidence.mapping, case.evidence.function
    timeout = function.timeout_seconds if function else None
    if mapping is None or timeout is None:
        return unseen("the mapping or the timeout")
    readings = (
        Reading(name="batch_size", value=mapping.batch_size),
        Reading(name="bisect_on_error", value=mapping.bisect_on_error),
    )
    if mapping.batch_size == 1:
        return Finding(YES, "batches hold one record", readings)
    if not mapping.bisect_on_error or mapping.last_modified is None:
        return Finding(NO, "failed batches are not split", readings)
    knobs, limits = case.policy.forecast, case.policy.thresholds
    takes = timedelta(
        seconds=knobs.restart_seconds
        + case.signals.late_by(limits.metric_delay_seconds)
        + ceil(log2(mapping.batch_size)) * 2 * timeout
    )
    split_for = case.evidence.gathered_at - mapping.last_modified
    return when(
        split_for >= takes,
        f"batches have been split for {split_for.total_seconds():.0f} s, and it takes "
        f"{takes.total_seconds():.0f} s at most",
        *readings,
    )


def halves_succeed(case: Case) -> Finding:
    """Good halves succeed when one record is to blame; nothing does when the function is."""
    signals = case.signals
    readings = (
        case.reading("successes_before_modified", "invocations"),
        case.reading("successes_since_modified", "invocations"),
    )
    successes = signals.successes_since_modified
    if split_already(case).answer is not YES:
        return Finding(NO, "failed batches are not split", readings)
    if successes is None:
        return unseen("what succeeded since batches are split", *readings)
    if _fails_now_and_then(case):
        because = "some succeeded before batches were split, too: that is no single record"
        return Finding(NO, because, readings)
    if signals.successes_before_modified is None and signals.successes_per_minute:
        return unseen("whether the record is alone yet", *readings)
    return when(
        successes > 0,
        f"{successes:.0f} invocations succeeded since the mapping was changed",
        *readings,
        proves=True,
    )


def succeeds_now_and_then(case: Case) -> Finding:
    """One record in the only lane lets nothing pass: what passes now and then, the function
    itself let fail."""
    reading = case.reading("successes_before_modified", "invocations")
    if case.signals.successes_before_modified is None:
        return unseen("what succeeded since it fails", reading)
    often = _fails_now_and_then(case)
    because = "something succeeds now and then" if often else "nothing has succeeded since"
    return when(often, because, reading)


def _fails_now_and_then(case: Case) -> bool:
    """Bounded retries tell that the record was found already: what succeeded were halves."""
    mapping = case.evidence.mapping
    bounded = mapping is not None and mapping.maximum_retry_attempts != -1
    only = case.signals.lanes == 1
    return only and not bounded and bool(case.signals.successes_before_modified)


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
    """What succeeds for another mapping of the function says nothing of this one's records: a
    deploy may have broken these alone (invariant 2). Only shards of this stream can tell then."""
    signals, limits = case.signals, case.policy.thresholds
    readings = (
        case.reading("age_slope", "s/s"),
        case.reading("still_minutes", "min"),
        case.reading("stuck_shards"),
        case.reading("newest_error_share"),
        case.reading("stands_still_by_chance"),
        case.reading("least_successes_per_minute"),
        case.reading("failing_successes_per_minute"),
        case.reading("usual_successes_per_minute"),
    )
    shards, standing = case.evidence.open_shards or 0, signals.stuck_shards
    counted = standing is not None and shards > 1
    if signals.age_slope is None and not counted:
        return unseen("the slope of the age", *readings)
    if counted and not 0 < (standing or 0) <= shards // 2:
        return Finding(NO, f"{standing} of {shards} shards do not move", readings)
    if not counted and not stuck(case):
        return Finding(NO, "every shard still moves on, only slower", readings)
    if signals.newest_error_share == 0 and not signals.failed_events_per_minute:
        return Finding(NO, "nothing fails any more", readings)
    if case.evidence.sibling_mappings and not counted:
        return unseen("which of the function's mappings succeeds", *readings)
    by_chance = signals.stands_still_by_chance
    if signals.lanes != 1 and (by_chance or 0.0) > limits.chance:
        return Finding(NO, "failures here and there could make it stand still as well", readings)
    if not counted and not _others_keep_pace(case):
        return Finding(NO, "successes are down everywhere, not in one place", readings)
    because = "the oldest record does not move while other batches succeed as usual"
    return Finding(YES, because, readings, proves=True)


def _others_keep_pace(case: Case) -> bool:
    """Whether the rest has succeeded all the time, about as often as before.

    In a single lane nothing else can succeed: there, halves of split batches must have, until the
    record was alone, or records beside those that the function reports as failed.
    """
    signals, shards = case.signals, case.evidence.open_shards
    if signals.lanes == 1 and not signals.newest_error_share:
        counted = Metric.INVOKED_EVENTS in case.evidence.metrics
        return counted and bool(signals.processed_per_second)
    if signals.lanes == 1:
        alone = (signals.newest_error_share or 0.0) >= case.policy.thresholds.total_failure_share
        return alone and halves_succeed(case).answer is YES
    least, usual = signals.least_successes_per_minute, signals.usual_successes_per_minute
    if least is None or not usual or not shards:
        return True
    share = 0.5 * ((shards - 1) / shards if shards > 1 else 0.5)
    typical = signals.failing_successes_per_minute
    steady = min(least, least if typical is None else typical) >= share * usual
    return least > 0 and (steady or _as_many_records(signals) or _as_much_work(signals, share))


def _as_much_work(signals: Signals, share: float) -> bool:
    """Fewer invocations may take as much of the lanes' time: of larger batches, again."""
    done, usual = signals.failing_successes_per_minute, signals.usual_successes_per_minute
    takes, took = signals.duration_ms, signals.usual_duration_ms
    if done is None or usual is None or takes is None or took is None:
        return False
    return done * takes >= share * usual * took


def _as_many_records(signals: Signals) -> bool:
    """Fewer invocations may get more records done: batches grow with the traffic."""
    done, used_to = signals.least_processed_per_second, signals.usual_processed_per_second
    few = (signals.error_share or 0.0) < 0.5
    return few and done is not None and bool(used_to) and done >= (used_to or 0.0)


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
        proves=True,
    )
