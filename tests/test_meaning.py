"""What a reading means: what a setting explains, what cannot be, and what was merely lost."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from remediator.decide import forecast, planning
from remediator.decide.diagnosis import diagnose
from remediator.evidence.metrics import Metric
from remediator.evidence.signals import Signals
from remediator.evidence.signals import measure as measured
from remediator.model import (
    Cause,
    Detail,
    Diagnosis,
    Evidence,
    Plan,
    RemedyName,
    Series,
    SourceKind,
    Step,
)
from remediator.policy import Policy
from tests.evidence import (
    MINUTES,
    NOW,
    PIPELINES,
    QUARANTINE,
    aged,
    case_of,
    climbing,
    evidence,
    expiring,
    hot_key,
    overloaded,
    poison,
    read_by_own_consumer,
    read_contention,
    since,
    slow_consumer,
    throttled,
    without,
)
from tests.windows import Windowed

POLICY = Policy()


def measure(seen: Evidence) -> Signals:
    return measured(seen, POLICY.thresholds)


def told(seen: Evidence, policy: Policy = POLICY) -> tuple[Cause, Detail]:
    found = diagnose(seen, policy)
    return found.cause, found.detail


def step(found: Diagnosis, name: str) -> Step:
    return next(step for step in found.path if step.id == name)


def planned(seen: Evidence, *tried: RemedyName) -> Plan:
    found = diagnose(seen, POLICY)
    return planning.plan("incident", case_of(seen, found, POLICY), tried)


def remedies(seen: Evidence) -> set[RemedyName]:
    return {change.remedy for change in planned(seen).changes}


def at_minutes(values: Sequence[tuple[int, float]]) -> Series:
    """Datapoints at so many minutes before the newest, oldest first."""
    newest = NOW.replace(second=0) - timedelta(minutes=1)
    return Series(points=tuple((newest - timedelta(minutes=ago), value) for ago, value in values))


def with_series(seen: Evidence, **given: Series) -> Evidence:
    return seen.model_copy(update={"metrics": {**seen.metrics, **given}})


# --- a batching window ---------------------------------------------------------------------------


@pytest.mark.parametrize("oldest", [True, False], ids=["of the first record", "of the last"])
@pytest.mark.parametrize("records_per_minute", [0.3, 20, 600])
@pytest.mark.parametrize("window", [60, 300])
def test_a_healthy_mapping_with_a_window_accuses_nobody_at_any_look(
    window: int, records_per_minute: float, oldest: bool
) -> None:
    world = Windowed(window, records_per_minute, batch_size=10_000, oldest=oldest)
    causes = {diagnose(seen, POLICY).cause for seen in world.looks(seed=1)}
    assert causes == {Cause.RECOVERING}


def test_the_first_age_of_a_quiet_mapping_with_a_window_accuses_nobody_either() -> None:
    """One datapoint has no slope, and needs none: the window explains the age."""
    quiet = evidence(batching_window_seconds=194, incoming_records=1.0, read_records=1.0)
    once = {"iterator_age_ms": 117_000.0, "stream_iterator_age_ms": 117_000.0}
    once |= {"invocations": 2.0, "errors": 0.0, "throttles": 0.0, "duration_ms": 325.0}
    seen = with_series(quiet, **{name: at_minutes([(1, value)]) for name, value in once.items()})
    assert told(seen) == (Cause.RECOVERING, Detail.BATCHING_WINDOW)


def test_an_age_beyond_window_and_invocation_is_late_all_the_same() -> None:
    ages = climbing(0.5, 20)
    late = overloaded(batching_window_seconds=60, **aged(ages))
    assert told(late)[0] is Cause.SLOW_CONSUMER


def test_silence_for_longer_than_window_and_timeout_is_no_waiting_for_a_batch() -> None:
    quiet = evidence(batching_window_seconds=60, function_timeout_seconds=30)
    once = {"invocations": 1.0, "errors": 0.0, "throttles": 0.0, "iterator_age_ms": 800.0}
    cut = {name: at_minutes([(29, value), (20, value)]) for name, value in once.items()}
    gone = without(quiet, Metric.DURATION_MS, Metric.DURATION_MAX_MS)
    assert told(with_series(gone, **cut)) == (Cause.CONSUMER_STOPPED, Detail.NO_INVOCATIONS)


# --- a filter ------------------------------------------------------------------------------------


def filtering(*, counted: bool, **said: Any) -> Evidence:
    """A filter lets one record in a quarter of an hour through; all of them are read at once."""
    seen = evidence(
        filters_events=True,
        counts_events=counted,
        incoming_records=6000,
        read_records=6000,
        polled_events=6000 if counted else None,
        filtered_events=[6000.0] * 17 + [5999.0] + [6000.0] * 12 if counted else None,
        invoked_events=[0.0] * 17 + [1.0] + [0.0] * 12 if counted else None,
        **said,
    )
    once = {
        name: at_minutes([(12, value)])
        for name, value in {
            "invocations": 1.0,
            "errors": 0.0,
            "throttles": 0.0,
            "duration_ms": 120.0,
            "duration_max_ms": 120.0,
            "iterator_age_ms": 900.0,
        }.items()
    }
    return with_series(seen, **once)


@pytest.mark.parametrize("counted", [True, False])
def test_records_that_no_filter_lets_through_are_not_waiting(counted: bool) -> None:
    assert told(filtering(counted=counted))[0] is Cause.RECOVERING


def test_records_that_passed_the_filter_and_are_not_taken_are_waiting() -> None:
    passing = filtering(counted=True)
    through = with_series(
        passing, filtered_events=at_minutes([(n, 5000.0) for n in range(29, -1, -1)])
    )
    assert told(through) == (Cause.CONSUMER_STOPPED, Detail.NO_INVOCATIONS)


def test_a_mapping_that_reads_nothing_any_more_has_stopped_whatever_it_filters() -> None:
    still = filtering(counted=True, stream_iterator_age_ms=climbing(1.0))
    polled = at_minutes([(n, 0.0 if n < 10 else 6000.0) for n in range(29, -1, -1)])
    kept_out = at_minutes([(n, 0.0 if n < 10 else 6000.0) for n in range(29, -1, -1)])
    found = with_series(still, polled_events=polled, filtered_events=kept_out)
    assert told(found) == (Cause.CONSUMER_STOPPED, Detail.NO_INVOCATIONS)


def test_where_nobody_counts_what_passes_silence_is_no_proof() -> None:
    unsure = filtering(counted=False, readers=2)
    found = diagnose(unsure, POLICY)
    assert found.cause is not Cause.CONSUMER_STOPPED
    assert "fell_silent" in {gap.reading for gap in found.gaps}


def test_only_what_passes_the_filter_arrives_for_the_mapping() -> None:
    half = evidence(filters_events=True, polled_events=600, filtered_events=300)
    assert measure(half).arrival_per_second == pytest.approx(5)


# --- a maximum record age ------------------------------------------------------------------------


def capped(**said: Any) -> Evidence:
    """As much comes in again as is done; what is older than a minute is dropped."""
    ages = [500.0] * 18 + [7800.0 * n for n in range(1, 10)] + [75_400.0] * 3
    usual: dict[str, Any] = {
        "kind": SourceKind.DYNAMODB,
        "batch_size": 1,
        "maximum_record_age_seconds": 60,
        "iterator_age_ms": ages,
        "invocations": since(12, 60, 40),
        "duration_ms": since(12, 980, 900),
        "incoming_records": since(12, 90, 40),
        "read_records": since(12, 90, 40),
    }
    return evidence(**(usual | said))


def test_an_age_near_the_maximum_record_age_says_that_records_are_dropped_now() -> None:
    found = diagnose(capped(), POLICY)
    lost = step(found, "records_lost")
    assert (found.cause, lost.answer) == (Cause.SLOW_CONSUMER, "yes")
    assert "60 s" in lost.because


def test_an_age_just_below_the_alarm_is_not_fine_where_a_maximum_age_keeps_it_there() -> None:
    held = capped(iterator_age_ms=since(12, 56_000, 500))
    assert told(held)[0] is Cause.SLOW_CONSUMER


def test_the_first_loss_is_that_of_the_maximum_record_age() -> None:
    seen = capped()
    assert measure(seen).expires_in_seconds == 0
    options = forecast.options(seen, measure(seen), POLICY, Cause.SLOW_CONSUMER)
    assert {option.first_loss_in_seconds for option in options} == {0}


def test_a_maximum_age_beyond_the_retention_changes_nothing() -> None:
    old_default = slow_consumer(maximum_record_age_seconds=604_800, maximum_retry_attempts=10_000)
    plain = slow_consumer()
    assert measure(old_default).expires_in_seconds == measure(plain).expires_in_seconds
    because = step(diagnose(old_default, POLICY), "settings_explain").because
    assert "10000 retries are an old default" in because


def test_no_retention_is_bought_for_records_that_the_mapping_drops_first() -> None:
    assert RemedyName.EXTEND_RETENTION in remedies(expiring())
    assert RemedyName.EXTEND_RETENTION not in remedies(expiring(maximum_record_age_seconds=3600))


@pytest.mark.parametrize("metric", [Metric.DROPPED_EVENTS, Metric.DESTINATION_FAILURES])
def test_what_is_lost_at_this_moment_is_not_waited_for(metric: Metric) -> None:
    said: dict[str, Any] = {str(metric): since(3, 5), "on_failure_destination": QUARANTINE}
    found = diagnose(evidence(**said), POLICY)
    assert found.cause is not Cause.RECOVERING
    assert step(found, "records_lost").answer == "yes"


def test_failed_deliveries_of_a_function_whose_mapping_sends_none_are_not_the_mappings() -> None:
    said: dict[str, Any] = {str(Metric.DESTINATION_FAILURES): since(3, 5)}
    assert told(evidence(**said))[0] is Cause.RECOVERING


def test_a_tables_stream_has_no_split_to_be_forecast() -> None:
    for seen, names in ((capped(), False), (slow_consumer(), True)):
        options = forecast.options(seen, measure(seen), POLICY, Cause.SLOW_CONSUMER)
        assert ("split_shards" in {option.option for option in options}) is names


# --- enhanced fan-out, tumbling windows ----------------------------------------------------------


def test_with_fan_out_of_its_own_throttled_reads_are_others() -> None:
    assert told(read_contention())[0] is Cause.READ_CONTENTION
    assert told(read_by_own_consumer(read_contention()))[0] is not Cause.READ_CONTENTION


def test_with_fan_out_of_its_own_what_is_done_is_what_is_pushed() -> None:
    pushed = read_by_own_consumer(evidence(read_records=60_000, pushed_records=600))
    assert measure(pushed).processed_per_second == pytest.approx(10)
    unseen = read_by_own_consumer(evidence(read_records=60_000))
    assert measure(unseen).processed_per_second is None


def test_a_tumbling_window_is_said_to_hold_its_shard() -> None:
    because = step(
        diagnose(poison(tumbling_window_seconds=120), POLICY), "settings_explain"
    ).because
    assert "tumbling window of 120 s" in because


# --- the alarm's own threshold -------------------------------------------------------------------


def a_little_late(**said: Any) -> Evidence:
    """42 s behind, and a little more each minute: one lane, busy nearly all the time."""
    ages = [400.0] * 15 + [20_000.0 + 1500 * n for n in range(15)]
    usual: dict[str, Any] = {
        **aged(ages),
        "batch_size": 10,
        "duration_ms": 990,
        "duration_max_ms": 1100,
        "incoming_records": 630,
        "read_records": 600,
    }
    return evidence(**(usual | said))


def test_an_alarm_at_ten_seconds_calls_late_what_the_policy_does_not() -> None:
    level = a_little_late(incoming_records=600, iterator_age_ms=since(15, 30_000, 400))
    assert told(level)[0] is Cause.RECOVERING
    assert told(level, POLICY.late_after(10))[0] is Cause.SLOW_CONSUMER


def test_an_alarm_above_the_policys_threshold_changes_nothing() -> None:
    assert POLICY.late_after(600) == POLICY.late_after(None) == POLICY


def test_an_age_that_climbs_to_the_alarm_with_every_lane_busy_is_not_fine() -> None:
    assert told(a_little_late()) == (Cause.SLOW_CONSUMER, Detail.NONE)


# --- what cannot be ------------------------------------------------------------------------------


def one_old_record(**said: Any) -> Evidence:
    """Nothing arrives and nothing is invoked; for two minutes an age of 22 hours is published."""
    idle = evidence(
        shards=2, read_records=0, read_bytes=0, stream_iterator_age_ms=since(2, 82_000_000), **said
    )
    silent = ("iterator_age_ms", "invocations", "errors", "throttles", "duration_ms")
    more = ("duration_max_ms", "concurrent_executions", "incoming_records", "incoming_bytes")
    kept = {name: of for name, of in idle.metrics.items() if name not in {*silent, *more}}
    return idle.model_copy(update={"metrics": kept})


def test_the_age_of_one_old_record_is_no_clog_and_buys_no_retention() -> None:
    found = diagnose(one_old_record(), POLICY)
    assert (found.cause, found.detail) == (Cause.RECOVERING, Detail.OLD_RECORD)
    assert step(found, "cannot_be").answer == "yes"
    assert remedies(one_old_record()) == set()


def test_old_records_that_are_worked_on_in_earnest_are_believed() -> None:
    """As after a start at TRIM_HORIZON: the age jumps, and lanes are busy."""
    begun = slow_consumer(
        iterator_age_ms=since(4, 82_000_000, 400), stream_iterator_age_ms=since(4, 82_000_000, 400)
    )
    assert RemedyName.EXTEND_RETENTION in remedies(begun)


def test_an_odd_minute_that_has_passed_is_no_old_record() -> None:
    ages = climbing(1.0)
    ages[-2] += 600_000
    assert measure(slow_consumer(iterator_age_ms=ages)).contradictions == ()


def test_what_is_worked_off_though_nothing_arrived_is_not_over_at_once() -> None:
    nothing = slow_consumer(incoming_records=0)
    found = diagnose(nothing, POLICY)
    assert found.cause is Cause.SLOW_CONSUMER
    assert step(found, "cannot_be").answer == "yes"
    assert measure(nothing).arrival_per_second is None
    assert measure(nothing).backlog_records is None


def test_a_backlog_from_before_the_window_is_no_contradiction() -> None:
    old = [7_200_000.0 + 60_000 * n for n in range(MINUTES)]
    seen = slow_consumer(incoming_records=0, **aged(old))
    assert measure(seen).contradictions == ()


def test_more_lanes_than_the_mapping_has_are_others_invocations() -> None:
    shared = evidence(invocations=6000, iterator_age_ms=climbing(0.6, 10))
    assert measure(shared).busy_lanes is None
    assert told(shared)[0] is not Cause.SLOW_CONSUMER


@pytest.mark.parametrize(
    ("minutes_ago", "said"),
    [
        pytest.param(2, {"invocations": 6000}, id="in the last three minutes"),
        pytest.param(
            4, {"duration_ms": 50_000, "duration_max_ms": 50_000}, id="and what is long lags behind"
        ),
    ],
)
def test_lanes_that_the_mapping_had_a_moment_ago_are_nobody_elses(
    minutes_ago: int, said: dict[str, Any]
) -> None:
    fewer_since = NOW - timedelta(minutes=minutes_ago)
    many = evidence(**said, mapping_last_modified=fewer_since)
    assert measure(evidence(**said)).contradictions
    assert measure(many).contradictions == ()
    assert measure(many).busy_lanes is not None


def test_no_record_is_older_than_the_stream_keeps_it() -> None:
    ancient = slow_consumer(iterator_age_ms=[1e9 + 60_000 * n for n in range(MINUTES)])
    assert measure(ancient).expires_in_seconds is None
    assert "cannot be" in step(diagnose(ancient, POLICY), "cannot_be").because


# --- one lane among many -------------------------------------------------------------------------


def many_shards(**said: Any) -> Evidence:
    """A hundred shards, whose lanes are at work for three quarters of a percent of the time."""
    usual: dict[str, Any] = {
        "shards": 100,
        "invocations": 900,
        "duration_ms": 50,
        "incoming_records": 6000,
        "read_records": 6000,
        **aged(climbing(0.5, 10)),
    }
    return evidence(**(usual | said))


def test_what_a_hundred_lanes_do_all_the_time_is_not_one_lane_that_is_always_busy() -> None:
    """Nothing else is wrong, and it lags minute after minute: some lane must have too much to do,
    though the mean of all does not show it."""
    assert told(many_shards())[0] is Cause.SLOW_CONSUMER
    assert told(many_shards(parallelization_factor=10))[0] is not Cause.HOT_PARTITION_KEY


def test_one_lane_more_since_it_lags_is_one_shard_at_its_capacity() -> None:
    one_more = many_shards(invocations=since(10, 1900, 900))
    assert told(one_more)[0] is Cause.SLOW_CONSUMER


def test_an_age_that_was_high_for_a_minute_only_is_waited_for_while_lanes_are_idle() -> None:
    spike = evidence(
        kind=SourceKind.DYNAMODB,
        shards=20,
        invocations=900,
        duration_ms=50,
        iterator_age_ms=[400.0] * 29 + [66_000.0],
    )
    assert told(spike) == (Cause.RECOVERING, Detail.SHORT_SPIKE)
    assert remedies(spike) == set()


def test_an_age_seen_once_after_minutes_without_any_is_no_short_spike() -> None:
    """As with long invocations: they are published when they end."""
    whole = overloaded(invocations=60)
    ages = at_minutes([(n, 400.0) for n in range(29, 6, -1)] + [(0, 366_000.0)])
    found = with_series(whole, iterator_age_ms=ages, stream_iterator_age_ms=ages)
    assert told(found) != (Cause.RECOVERING, Detail.SHORT_SPIKE)


# --- a lost minute -------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [1, 2], ids=["one minute", "two minutes"])
@pytest.mark.parametrize("name", PIPELINES)
def test_a_minute_that_one_metric_lost_changes_no_cause(name: str, lost: int) -> None:
    seen = PIPELINES[name]()
    cause = diagnose(seen, POLICY).cause
    for metric, whole in seen.metrics.items():
        for back in (1, 2, 4):
            end = len(whole.points) - back + 1
            torn = Series(points=whole.points[: end - lost] + whole.points[end:])
            assert (metric, back, diagnose(with_series(seen, **{metric: torn}), POLICY).cause) == (
                metric,
                back,
                cause,
            )


def test_a_lost_count_of_errors_is_no_success() -> None:
    seen = poison(errors=since(10, 240))
    torn = Series(points=seen.metrics[Metric.ERRORS].points[:-1])
    assert measure(with_series(seen, errors=torn)).newest_error_share == 1.0


def test_a_lost_minute_of_arrivals_does_not_make_the_backlog_less() -> None:
    seen = overloaded()
    points = seen.metrics[Metric.INCOMING_RECORDS].points
    torn = with_series(seen, incoming_records=Series(points=points[:-4] + points[-3:]))
    assert measure(torn).backlog_records == pytest.approx(measure(seen).backlog_records, rel=0.01)


def test_a_count_that_stops_coming_is_zero_in_the_end() -> None:
    points = evidence().metrics[Metric.INCOMING_RECORDS].points
    kept = without(evidence(), Metric.INCOMING_BYTES)
    over = with_series(kept, incoming_records=Series(points=points[:-5]))
    assert measure(over).arrival_per_second == 0


@pytest.mark.parametrize("late_seconds", [60, 200])
def test_how_late_metrics_are_is_read_off_the_newest_of_them(late_seconds: int) -> None:
    seen = evidence().model_copy(
        update={"gathered_at": NOW.replace(second=0) + timedelta(seconds=late_seconds)}
    )
    assert measure(seen).metric_delay_seconds == late_seconds


# --- contention ----------------------------------------------------------------------------------


def calls_used_up(**said: Any) -> Evidence:
    """Eight readers make every call there is, for a trifle of bytes."""
    usual: dict[str, Any] = {
        "shards": 4,
        "readers": 7,
        "read_calls": 1200,
        "read_bytes": 19_200_000,
        "read_throttles": since(10, 700),
    }
    return read_contention(**(usual | said))


def test_where_calls_bind_no_shard_is_split() -> None:
    assert told(calls_used_up()) == (Cause.READ_CONTENTION, Detail.CALLS)
    assert remedies(calls_used_up()) == {RemedyName.ENHANCED_FAN_OUT}
    words = planned(calls_used_up(), RemedyName.ENHANCED_FAN_OUT).escalation or ""
    assert "5 calls a second" in words


def test_where_bytes_bind_a_split_gives_more() -> None:
    assert told(read_contention()) == (Cause.READ_CONTENTION, Detail.BYTES)
    assert remedies(read_contention()) == {RemedyName.SPLIT_SHARDS}


def test_throttled_reads_of_a_mapping_that_keeps_up_are_no_contention_of_its_own() -> None:
    fine = read_contention(iterator_age_ms=400, stream_iterator_age_ms=climbing(0.5, 10))
    assert told(fine)[0] is Cause.RECOVERING


def table(**said: Any) -> Evidence:
    usual: dict[str, Any] = {
        "kind": SourceKind.DYNAMODB,
        "shards": 4,
        "readers": 2,
        "invocations": 20,
        "iterator_age_ms": climbing(0.4, 10),
    }
    return evidence(**(usual | said))


def test_readers_of_a_table_are_to_be_consolidated_and_there_is_no_fan_out() -> None:
    assert told(table()) == (Cause.READ_CONTENTION, Detail.TABLE_READERS)
    advice = planned(table()).escalation or ""
    assert "Consolidate" in advice
    assert "no enhanced fan-out" in advice


def test_beside_a_global_tables_replication_one_reader_is_all() -> None:
    assert told(table(readers=1))[0] is not Cause.READ_CONTENTION
    assert told(table(readers=1, replicas=2)) == (Cause.READ_CONTENTION, Detail.TABLE_READERS)


# --- states, limits, lanes that say nothing ------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "detail"),
    [
        ("Failed", Detail.FUNCTION_GONE),
        ("Deleting", Detail.FUNCTION_GONE),
        ("Deactivating", Detail.DEACTIVATED),
        ("Deactivated", Detail.DEACTIVATED),
        ("ActiveNonInvocable", Detail.NOT_INVOCABLE),
    ],
)
def test_a_function_that_takes_no_invocations_has_stopped(state: str, detail: Detail) -> None:
    assert told(slow_consumer(function_state=state)) == (Cause.CONSUMER_STOPPED, detail)


@pytest.mark.parametrize("state", ["Active", "Inactive", "Pending", "SomethingNew", None])
def test_a_function_that_wakes_or_is_set_up_has_not_stopped(state: str | None) -> None:
    assert told(slow_consumer(function_state=state))[0] is Cause.SLOW_CONSUMER


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        pytest.param({"claimed_account_concurrency": 990}, Detail.ACCOUNT, id="claimed"),
        pytest.param(
            {"claimed_account_concurrency": 300, "unreserved_concurrent_executions": 1000},
            Detail.UNCLEAR,
            id="what Lambda claims outweighs what is in use",
        ),
        pytest.param({"unreserved_concurrent_executions": 990}, Detail.ACCOUNT, id="in use"),
        pytest.param({}, Detail.UNCLEAR, id="the pool is half empty"),
        pytest.param(
            {"invocations": 500_000, "throttles": 200_000, "duration_ms": 5},
            Detail.REQUEST_RATE,
            id="ten requests a second for each of the concurrency",
        ),
        pytest.param(
            {
                "concurrency_limit": 9000,
                "unreserved_concurrency": 9000,
                "concurrent_executions": since(3, 4000, 100),
            },
            Detail.SCALING_RATE,
            id="it grows by thousands",
        ),
    ],
)
def test_the_accounts_pool_is_used_up_only_where_that_was_seen(
    said: dict[str, Any], detail: Detail
) -> None:
    seen = throttled(**({"reserved_concurrency": None} | said))
    assert told(seen) == (Cause.THROTTLING, detail)


def test_lanes_of_a_durable_function_say_nothing() -> None:
    assert told(hot_key())[0] is Cause.HOT_PARTITION_KEY
    assert told(hot_key(durable=True))[0] is Cause.UNKNOWN
    assert told(slow_consumer(durable=True))[0] is Cause.UNKNOWN


def test_where_records_are_spread_without_keys_no_key_is_hot() -> None:
    assert told(hot_key(record_distribution="AUTO"))[0] is not Cause.HOT_PARTITION_KEY


# --- a table's stream ----------------------------------------------------------------------------


def test_write_units_are_taken_for_records_by_the_ratio_that_showed_while_it_kept_up() -> None:
    """Items of four units each."""
    seen = table(
        readers=0, incoming_records=2400, read_records=[600.0] * 20 + [400.0] * 10, batch_size=10
    )
    assert measure(seen).arrival_per_second == pytest.approx(10, rel=0.05)


def test_where_it_never_kept_up_what_arrives_in_a_tables_stream_is_unseen() -> None:
    behind = table(readers=0, iterator_age_ms=[600_000.0 + 30_000 * n for n in range(MINUTES)])
    assert measure(behind).arrival_per_second is None
