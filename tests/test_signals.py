"""What series of minutes amount to: late, incomplete and missing datapoints included."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from remediator.evidence.metrics import KINESIS_SHARD_METRICS, METRICS, Metric
from remediator.evidence.signals import Signals
from remediator.evidence.signals import measure as measured
from remediator.model import Evidence, Reader, Series, SourceKind
from remediator.policy import Policy
from tests.anything import POLICIES, blinded, evidences
from tests.evidence import (
    MINUTES,
    NOW,
    READINGS,
    aged,
    climbing,
    evidence,
    expiring,
    falling,
    overloaded,
    poison,
    read_contention,
    recovering,
    saturated,
    since,
    slow_consumer,
    stopped,
    throttled,
    without,
)


def measure(seen: Evidence) -> Signals:
    return measured(seen, Policy().thresholds)


# --- the age -------------------------------------------------------------------------------------


@pytest.mark.parametrize("slope", [0.1, 0.5, 1.0, -0.5, -2.0])
def test_the_slope_is_that_of_the_newest_minutes(slope: float) -> None:
    ages = climbing(slope) if slope > 0 else falling(-slope, 5)
    assert measure(evidence(iterator_age_ms=ages)).age_slope == pytest.approx(slope, abs=0.01)


def test_one_odd_minute_does_not_set_the_slope() -> None:
    ages = climbing(1.0)
    ages[-2] += 600_000
    assert measure(evidence(iterator_age_ms=ages)).age_slope == pytest.approx(1.0, abs=0.05)


def test_the_beat_of_the_tries_does_not_set_the_slope() -> None:
    """An age is seen when it is tried: every 40 s it grows by 40 s in a minute, or by 80."""
    ages = [400.0] * 20 + [float(20_000 + 40_000 * (n * 60 // 40)) for n in range(1, 11)]
    assert measure(evidence(iterator_age_ms=ages)).age_slope == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(
    ("ages", "still"),
    [
        pytest.param(climbing(1.0, 10), 11, id="since the climb began"),
        pytest.param(climbing(0.5, 10), 2, id="it moves on, only slower"),
        pytest.param(400, 1, id="it keeps up"),
    ],
)
def test_how_long_the_oldest_record_has_stood_still(ages: Any, still: float) -> None:
    assert measure(evidence(iterator_age_ms=ages)).still_minutes == still


def test_the_age_is_that_of_now_not_of_the_newest_datapoint() -> None:
    newest = climbing(1.0)[-1] / 1000
    late = evidence(iterator_age_ms=climbing(1.0)).model_copy(
        update={"gathered_at": NOW + timedelta(minutes=2)}
    )
    on_time, later = measure(evidence(iterator_age_ms=climbing(1.0))), measure(late)
    assert on_time.age_seconds is not None
    assert later.age_seconds is not None
    assert newest <= on_time.age_seconds <= newest + 60
    assert later.age_seconds == pytest.approx(on_time.age_seconds + 120, abs=1)


def test_a_falling_age_is_falling_and_a_climbing_one_is_not() -> None:
    assert measure(recovering()).falling is True
    assert measure(slow_consumer()).falling is False


def test_the_functions_age_is_preferred_and_the_streams_stands_in_for_it() -> None:
    both = evidence(iterator_age_ms=60_000, stream_iterator_age_ms=400)
    assert measure(both).age_seconds == pytest.approx(60)
    only_stream = without(both, Metric.ITERATOR_AGE_MS)
    assert measure(only_stream).age_seconds == pytest.approx(0.4)


def test_an_age_that_ends_while_records_arrive_goes_on_by_the_clock() -> None:
    quiet = evidence(iterator_age_ms=climbing(1.0)[:-5], stream_iterator_age_ms=None)
    cut = {
        Metric.ITERATOR_AGE_MS: quiet.metrics[Metric.ITERATOR_AGE_MS].model_copy(
            update={
                "points": tuple(
                    (at - timedelta(minutes=5), value)
                    for at, value in quiet.metrics[Metric.ITERATOR_AGE_MS].points
                )
            }
        )
    }
    silent = quiet.model_copy(update={"metrics": {**quiet.metrics, **cut}})
    assert measure(silent).age_slope == 1.0


def test_expiry_is_the_retention_less_the_age() -> None:
    week = expiring(retention_hours=168)
    left, longer = measure(expiring()).expires_in_seconds, measure(week).expires_in_seconds
    assert left == pytest.approx(3600, abs=120)
    assert longer == pytest.approx(3600 + 144 * 3600, abs=120)


# --- late and missing datapoints -----------------------------------------------------------------


def test_a_minute_that_is_still_coming_in_does_not_count() -> None:
    whole = slow_consumer(incoming_records=600.0, read_records=60)
    half = slow_consumer(
        incoming_records=[600.0] * (MINUTES - 1) + [100.0],
        read_records=60,
        invocations=[60.0] * (MINUTES - 1) + [5.0],
    )
    assert measure(half).busy_lanes == pytest.approx(measure(whole).busy_lanes or 0, rel=0.1)


def test_a_minute_in_which_only_a_burst_has_ended_counts() -> None:
    """Every count of a half minute is halved: the pollers never rest, and invocations go on."""
    burst = evidence(incoming_records=[600.0] * (MINUTES - 3) + [9000.0, 9000.0, 600.0])
    assert measure(burst).arrival_per_second == pytest.approx(10)


def test_a_count_without_a_datapoint_is_zero_where_its_family_was_published() -> None:
    seen = evidence(throttles=[50.0])
    assert measure(seen).throttled_minutes == 1


def test_the_functions_own_throttles_are_none_of_its_neighbours() -> None:
    seen = evidence(throttles=since(5, 40), account_throttles=since(5, 45))
    found = measure(seen)
    assert (found.account_throttles_per_minute, found.others_throttles_per_minute) == (45, 5)


SIGNAL_OF: list[tuple[str, tuple[str, ...]]] = [
    (Metric.ERRORS, ("error_share", "failing_minutes", "failing_since", "successes_per_minute")),
    (Metric.THROTTLES, ("throttle_share", "throttled_minutes")),
    (Metric.DURATION_MS, ("busy_lanes", "busy_share", "duration_ms", "lane_rate")),
    (Metric.CONCURRENT_EXECUTIONS, ("concurrency", "usual_concurrency")),
    (Metric.INCOMING_RECORDS, ("arrival_per_second", "backlog_records")),
    (Metric.INVOCATIONS, ("idle_minutes_since_modified", "busy_lanes", "error_share")),
    (Metric.UNRESERVED_CONCURRENT_EXECUTIONS, ("unreserved_in_use",)),
    (
        Metric.ACCOUNT_THROTTLES,
        ("account_throttles_per_minute", "others_throttles_per_minute"),
    ),
    ("mapping", ("lanes", "busy_share", "records_per_batch")),
    ("readers", ("other_shared_readers", "processed_per_second")),
    ("stream", ("expires_in_seconds",)),
]


@pytest.mark.parametrize(("missing", "signals"), SIGNAL_OF, ids=lambda each: str(each)[:24])
def test_what_leans_on_a_missing_reading_is_missing_too(
    missing: str, signals: tuple[str, ...]
) -> None:
    """Missing is None, never 0."""
    whole, blind = measure(overloaded()), measure(without(overloaded(), missing))
    for name in signals:
        assert getattr(blind, name) is None
    assert any(getattr(whole, name) is not None for name in signals)


ROOMS = Path(__file__).parent.parent / "remediator"


def source(*but: str) -> str:
    return "".join(path.read_text() for path in ROOMS.rglob("*.py") if path.name not in but)


def test_every_metric_that_is_asked_for_is_read() -> None:
    asked = {*METRICS[SourceKind.KINESIS], *METRICS[SourceKind.DYNAMODB], *KINESIS_SHARD_METRICS}
    code = source("metrics.py")
    assert asked == set(Metric)
    assert not [metric for metric in asked if f"Metric.{metric.name}" not in code]


def test_every_signal_is_read() -> None:
    code = source("record.py")
    assert not [name for name in Signals.model_fields if not re.search(rf'[."]{name}\b', code)]


def test_nothing_seen_is_nothing_measured() -> None:
    assert measure(without(evidence(), *READINGS)) == Signals()


# --- outcomes ------------------------------------------------------------------------------------


def test_throttles_are_no_errors_and_errors_no_throttles() -> None:
    refused, failed = measure(throttled()), measure(poison())
    assert (refused.error_share, failed.throttle_share) == (0.0, 0.0)
    assert refused.throttle_share == pytest.approx(0.75)
    assert failed.error_share == pytest.approx(0.25)


def test_failing_begins_where_its_unbroken_run_began() -> None:
    seen = measure(evidence(errors=since(7, 60)))
    assert seen.failing_since == NOW.replace(second=0) - timedelta(minutes=7)
    assert seen.usual_successes_per_minute == 60


@pytest.mark.parametrize(
    ("errors", "changed_minutes_ago", "successes"),
    [
        pytest.param(since(20, 60), 4.5, 0, id="nothing has succeeded"),
        pytest.param(since(20, 50), 4.5, 40, id="halves succeed, minute after minute"),
        pytest.param(since(10, 60), 25.5, 0, id="what succeeded before it failed shows nothing"),
        pytest.param(since(20, 60), 0.4, None, id="no minute since was published"),
        pytest.param(0, 4.5, 240, id="all is well"),
    ],
)
def test_successes_are_counted_from_the_mappings_change(
    errors: Any, changed_minutes_ago: float, successes: float | None
) -> None:
    changed = NOW - timedelta(minutes=changed_minutes_ago)
    seen = measure(evidence(errors=errors, mapping_last_modified=changed))
    assert seen.successes_since_modified == successes


@pytest.mark.parametrize(
    ("errors", "changed_minutes_ago", "successes"),
    [
        pytest.param(since(10, 60), 3000, 0, id="one record holds the only lane"),
        pytest.param(since(10, 50), 3000, 90, id="it fails now and then"),
        pytest.param([0] * 20 + [50] * 6 + [60] * 4, 4.5, 50, id="now and then, before the change"),
        pytest.param([0] * 20 + [60] * 6 + [50] * 4, 4.5, 0, id="only since the change"),
    ],
)
def test_what_succeeds_while_it_fails_is_counted_up_to_the_mappings_change(
    errors: Any, changed_minutes_ago: float, successes: float
) -> None:
    changed = NOW - timedelta(minutes=changed_minutes_ago)
    seen = measure(evidence(errors=errors, mapping_last_modified=changed))
    assert seen.successes_before_modified == successes


def test_where_batches_were_split_from_the_start_nobody_knows_what_succeeded_before() -> None:
    split = evidence(errors=since(10, 50), bisect_on_error=True)
    assert measure(split).successes_before_modified is None


def test_a_good_minute_or_two_do_not_end_a_failure() -> None:
    """What has healed a minute ago is not judged by that minute alone."""
    healing = measure(evidence(errors=[0] * 10 + [55] * 18 + [0, 0]))
    healed = measure(evidence(errors=[0] * 10 + [55] * 17 + [0, 0, 0]))
    assert (healing.failing_successes_per_minute, healing.usual_successes_per_minute) == (5, 60)
    assert healed.failing_since is None


def test_chance_explains_a_standstill_where_most_tries_fail_and_not_where_few_do() -> None:
    """Four lanes, six tries a minute each at most."""
    few = measure(poison())
    most = measure(poison(errors=[0] * 26 + [220] * 4, iterator_age_ms=climbing(1.0, 4)))
    assert few.stands_still_by_chance is not None
    assert most.stands_still_by_chance is not None
    assert few.stands_still_by_chance < 1e-6
    assert most.stands_still_by_chance > 0.1


def test_failures_at_random_are_seldom_as_even_as_those_of_one_record() -> None:
    """About as many fail of about as many tries."""
    even = measure(poison(errors=[0.0] * 25 + [25.0, 20.0, 21.0, 20.0, 21.0]))
    uneven = measure(poison(errors=[0.0] * 25 + [25.0, 12.0, 31.0, 10.0, 30.0]))
    assert even.one_by_chance is not None
    assert even.stands_still_by_chance is not None
    assert uneven.one_by_chance is not None
    assert uneven.stands_still_by_chance is not None
    assert even.one_by_chance < 0.1 * even.stands_still_by_chance
    assert uneven.one_by_chance > 0.5 * uneven.stands_still_by_chance


def test_no_more_lanes_stand_still_by_chance_than_the_failures_of_a_minute_could_be_of() -> None:
    """Ninety-six lanes, of which few have anything to do."""
    few = measure(
        poison(
            shards=48,
            parallelization_factor=2,
            iterator_age_ms=climbing(1.0, 3),
            invocations=[18.0] * 27 + [25.0, 28.0, 29.0],
            errors=[0.0] * 27 + [10.0, 20.0, 7.0],
        )
    )
    assert few.one_by_chance is not None
    assert few.stands_still_by_chance is not None
    assert few.one_by_chance < few.stands_still_by_chance / 2


# --- work and flow -------------------------------------------------------------------------------


def test_busy_lanes_follow_littles_law() -> None:
    seen = measure(evidence(shards=4, invocations=240, duration_ms=500))
    assert (seen.busy_lanes, seen.lanes, seen.busy_share) == (2.0, 4, 0.5)


def test_a_reservation_bounds_the_lanes() -> None:
    assert measure(evidence(shards=4, parallelization_factor=10)).lanes == 40
    seen = evidence(shards=4, parallelization_factor=10, reserved_concurrency=5)
    assert measure(seen).lanes == 5


def test_a_backlog_is_what_arrived_within_the_age() -> None:
    seen = measure(evidence(incoming_records=600, **aged(600_000)))
    assert seen.backlog_records == pytest.approx(6000, rel=0.15)


def test_a_burst_that_is_over_does_not_set_the_arrival() -> None:
    burst = [6.0] * (MINUTES - 2) + [9000.0, 6.0]
    assert measure(evidence(incoming_records=burst)).arrival_per_second == pytest.approx(0.1)


def test_what_is_done_is_where_the_oldest_record_has_got_to_not_what_was_read() -> None:
    seen = measure(
        evidence(
            incoming_records=600,
            read_records=since(4, 6000, 600),
            **aged(climbing(0.5)),
        )
    )
    assert seen.head_per_second == pytest.approx(5, rel=0.1)
    assert seen.processed_per_second == 100


def test_where_nothing_lags_the_oldest_record_tells_nothing_of_what_is_done() -> None:
    assert measure(evidence()).head_per_second is None


def test_a_lane_gets_no_more_done_than_full_batches_are() -> None:
    seen = measure(evidence(batch_size=10, read_records=6000, invocations=60, duration_ms=1000))
    assert seen.lane_rate == pytest.approx(10)


def test_how_slow_a_record_is_even_if_every_batch_were_full() -> None:
    """Usual: 600 records in 60 invocations of 0.3 s. Now each takes 9 s, of 100 at most."""
    seen = measure(evidence(batch_size=100, duration_ms=since(6, 9000, 300)))
    assert seen.slowdown == pytest.approx(3, rel=0.1)


def test_what_was_slow_before_more_lanes_ran_is_not_slow_for_them() -> None:
    slow_first = saturated(duration_ms=since(15, 5000, 300))
    wide_first = saturated()
    assert (measure(slow_first).narrow_lane_rate or 0) < 5
    assert (measure(wide_first).narrow_lane_rate or 0) > 20


def test_a_lane_gets_less_done_where_what_stands_behind_slows_down() -> None:
    seen = measure(saturated())
    assert seen.lane_rate is not None
    assert seen.usual_lane_rate is not None
    assert seen.lane_rate < seen.usual_lane_rate / 2


@pytest.mark.parametrize(
    ("memory_mb", "cpu_ms", "share"),
    [
        pytest.param(1769, 300, 1.0, id="a whole processor, all of it used"),
        pytest.param(885, 150, 1.0, id="half a processor, all of it used"),
        pytest.param(3538, 300, 1.0, id="two processors, one thread"),
        pytest.param(1769, 30, 0.1, id="it waits for something else"),
    ],
)
def test_the_share_of_the_processor(memory_mb: int, cpu_ms: float, share: float) -> None:
    seen = evidence(memory_mb=memory_mb, cpu_total_time_ms=cpu_ms, duration_ms=300)
    assert measure(seen).cpu_share == pytest.approx(share, rel=0.01)


# --- reads ---------------------------------------------------------------------------------------


def test_read_shares_are_of_two_megabytes_and_five_calls_a_shard() -> None:
    seen = measure(evidence(shards=2, read_bytes=2 * 60 * 2 * 2**20, read_calls=2 * 60 * 5))
    assert (seen.read_bytes_share, seen.read_calls_share) == (1.0, 1.0)


def test_a_reader_with_its_own_throughput_or_one_that_is_off_shares_nothing() -> None:
    readers = (
        Reader(name="shares", shared_throughput=True),
        Reader(name="fan-out", shared_throughput=False),
        Reader(name="off", shared_throughput=True, enabled=False),
    )
    seen = evidence().model_copy(update={"readers": readers})
    assert measure(seen).other_shared_readers == 1


def test_throttled_reads_are_counted_where_their_share_was_not_published() -> None:
    seen = without(read_contention(), Metric.READ_THROTTLE_SHARE)
    assert measure(seen).read_throttle_share == pytest.approx(100 / 300)


# --- shards --------------------------------------------------------------------------------------


def shard_metrics(of: Callable[[int], dict[Metric, Any]]) -> Evidence:
    return evidence(shards=4, shard_metrics={f"shardId-{n:012}": of(n) for n in range(4)})


def test_a_hot_shard_takes_far_more_than_its_share() -> None:
    hot = shard_metrics(lambda n: {Metric.SHARD_INCOMING_RECORDS: 900 if n == 1 else 100})
    even = shard_metrics(lambda _: {Metric.SHARD_INCOMING_RECORDS: 300})
    assert measure(hot).hot_shard == "shardId-000000000001"
    assert measure(even).hot_shard is None


def test_shards_that_do_not_move_are_counted() -> None:
    one = shard_metrics(lambda n: {Metric.SHARD_ITERATOR_AGE_MS: climbing(1.0) if n == 3 else 400})
    assert measure(one).stuck_shards == 1


# --- for any evidence ----------------------------------------------------------------------------


@given(seen=evidences() | blinded(), policy=POLICIES)
@settings(max_examples=300, deadline=None)
def test_any_evidence_can_be_measured(seen: Evidence, policy: Policy) -> None:
    found = measured(seen, policy.thresholds)
    shares = (found.error_share, found.throttle_share, found.read_throttle_share)
    assert all(share is None or 0 <= share <= 1 for share in shares)
    assert found.age_seconds is None or found.age_seconds >= 0
    assert found.backlog_records is None or found.backlog_records >= 0
    assert found == measured(seen, policy.thresholds)


@pytest.mark.parametrize("state", ["Disabling", "Disabled", "Deleting"])
def test_the_age_of_a_stopped_mapping_is_not_that_of_the_streams_other_readers(state: str) -> None:
    found = measure(stopped(mapping_state=state, stream_iterator_age_ms=400))
    assert found.age_seconds is None
    assert found.backlog_records is None
    assert found.expires_in_seconds is None


def test_a_stopped_mapping_s_own_last_ages_tell_how_old_it_is_by_now() -> None:
    ten_minutes_ago = NOW - timedelta(minutes=10)
    seen = stopped(iterator_age_ms=90_000, mapping_last_modified=ten_minutes_ago)
    points = seen.metrics[Metric.ITERATOR_AGE_MS].points
    own = Series(points=tuple(point for point in points if point[0] < ten_minutes_ago))
    found = measure(
        seen.model_copy(update={"metrics": {**seen.metrics, Metric.ITERATOR_AGE_MS: own}})
    )
    assert found.age_seconds == pytest.approx(90 + 600, abs=90)


def test_an_age_that_goes_on_after_the_mapping_was_stopped_is_a_siblings() -> None:
    seen = stopped(
        iterator_age_ms=[90_000.0] * 30, mapping_last_modified=NOW - timedelta(minutes=10)
    )
    assert measure(seen).age_seconds is None


def test_failures_too_rare_for_a_share_of_theirs_to_be_a_number_are_no_crash() -> None:
    seen = poison(errors=since(10, 5e-324), invocations=600)
    assert measure(seen).stands_still_by_chance is not None


def test_what_was_measured_once_is_remembered_of_that_evidence_and_of_no_other() -> None:
    thresholds = Policy().thresholds
    stricter = thresholds.model_copy(update={"recent_minutes": thresholds.recent_minutes + 5})
    seen, other = slow_consumer(), throttled()
    first = measured(seen, thresholds)
    assert measured(seen, thresholds) is first
    assert measured(seen.model_copy(), thresholds) is not first
    assert measured(seen.model_copy(), thresholds) == first
    assert measured(other, thresholds) != first
    assert measured(seen, stricter) == measured(seen.model_copy(), stricter)


def test_however_many_others_are_measured_each_has_its_own_signals() -> None:
    kinds = (slow_consumer, throttled, poison, recovering, read_contention, saturated, stopped)
    seen = [kind() for kind in (*kinds, *kinds)]
    first = [measure(one) for one in seen]
    assert [measure(one) for one in reversed(seen)] == first[::-1]
