"""The arithmetic of draining, as docs/concepts.md states it, and its limits."""

from datetime import timedelta
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediator import wiring
from remediator.decide import forecast, gains
from remediator.decide.flow import Flow, observe
from remediator.decide.spare import spare_concurrency, spare_reservation
from remediator.evidence.signals import measure
from remediator.model import Cause, Evidence, Incident, Watched
from remediator.policy import ForecastKnobs, Limits, Policy
from remediator.render import markdown, pages
from tests.anything import POLICIES, blinded, evidences
from tests.evidence import (
    NOW,
    READINGS,
    bundle,
    climbing,
    evidence,
    expiring,
    overloaded,
    read_contention,
    since,
    slow_consumer,
    stopped,
    throttled,
    without,
)

KNOBS = ForecastKnobs()
DEFAULTS = Policy()


def flow(
    *,
    shards: float = 1,
    factor: int = 1,
    lane: float | None = 1.0,
    arrival: float | None = 0.0,
    backlog: float | None = 1000.0,
    expires: float | None = 86_400.0,
) -> Flow:
    """One lane that does one record a second, and a thousand that wait: the reference demo."""
    return Flow(
        shards=shards,
        parallelization_factor=factor,
        lane_capacity_per_second=lane,
        arrival_per_second=arrival,
        backlog_records=backlog,
        expires_in_seconds=expires,
    )


def seen_flow(seen: Evidence, policy: Policy = DEFAULTS) -> Flow | None:
    return observe(seen, measure(seen, policy.thresholds), policy.thresholds)


# --- the reference demo --------------------------------------------------------------------------


def test_a_thousand_records_at_one_a_second_take_a_thousand_seconds() -> None:
    assert forecast.nothing(flow()).drains_in_seconds == 1000


def test_ten_lanes_take_a_tenth_after_the_restart() -> None:
    tried = flow().model_copy(update={"tried_lanes": 10.0})
    option = forecast.with_factor(tried, 10, KNOBS)
    assert option.drains_in_seconds == KNOBS.usual_restart_seconds + 100


@pytest.mark.parametrize("tried", [None, 1.0, 5.0])
def test_what_lanes_do_that_were_never_at_work_is_told_as_what_it_is_at_best(
    tried: float | None,
) -> None:
    """There may be one key for them all, and what stands behind may be at its limit."""
    option = forecast.with_factor(flow().model_copy(update={"tried_lanes": tried}), 10, KNOBS)
    assert option.drains_in_seconds == KNOBS.usual_restart_seconds + 100
    assert option.at_best
    assert "more lanes than were ever at work" in option.note


def test_as_many_lanes_as_ran_at_once_are_no_new_territory() -> None:
    """A reservation that is too small was wide enough before; one busy minute alone is a moment."""
    ran = [6.0] * 10 + [1.0] * 20
    seen = slow_consumer(concurrent_executions=ran, reserved_concurrency=1)
    assert seen_flow(seen).tried_lanes == 6  # type: ignore[union-attr]
    once = slow_consumer(concurrent_executions=[1.0] * 29 + [6.0])
    assert seen_flow(once).tried_lanes == 1  # type: ignore[union-attr]


def test_a_larger_batch_helps_as_much_if_the_time_is_per_invocation() -> None:
    option = forecast.with_batch_size(flow(), 10, 10.0, KNOBS)
    assert option.drains_in_seconds == KNOBS.usual_restart_seconds + 100


def test_a_larger_batch_gains_only_what_goes_by_the_invocation() -> None:
    assert gains.batch_gain(1.0, 0.0, 1, 100) == pytest.approx(100)
    assert gains.batch_gain(0.0, 1.0, 1, 100) == pytest.approx(1)
    assert gains.batch_gain(1.0, 0.1, 10, 100) == pytest.approx(2 / 1.1)


def test_more_memory_speeds_up_what_computes_up_to_one_vcpu() -> None:
    assert gains.memory_gain(1.0, 256, 512) == pytest.approx(2)
    assert gains.memory_gain(0.0, 256, 512) == pytest.approx(1)
    assert gains.memory_gain(1.0, 1769, 3008) == pytest.approx(1)


def test_a_split_gains_nothing_for_the_present_backlog() -> None:
    option = forecast.with_split(flow())
    assert option.drains_in_seconds == forecast.nothing(flow()).drains_in_seconds
    assert "does not drain faster" in option.note


def test_the_reference_demo_is_seen_as_it_is() -> None:
    seen = seen_flow(slow_consumer())
    assert seen is not None
    assert seen.lane_capacity_per_second == pytest.approx(1.0)
    assert seen.backlog_records == pytest.approx(500, rel=0.5)


# --- the arithmetic ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "seconds"),
    [
        pytest.param(flow(arrival=0.5), 2000, id="what arrives meanwhile is drained, too"),
        pytest.param(flow(arrival=1.0), None, id="as much arrives as is done: never"),
        pytest.param(flow(arrival=2.0), None, id="more arrives than is done: never"),
        pytest.param(flow(backlog=0.0), 0, id="nothing waits"),
        pytest.param(flow(shards=4, factor=2), 125, id="eight lanes"),
        pytest.param(flow(lane=None), None, id="the lane's pace was not seen"),
        pytest.param(flow(arrival=None), None, id="the arrival was not seen"),
        pytest.param(flow(backlog=None), None, id="the backlog was not seen"),
    ],
)
def test_when_the_backlog_is_gone(of: Flow, seconds: float | None) -> None:
    assert forecast.nothing(of).drains_in_seconds == seconds


def test_never_and_not_known_are_told_apart() -> None:
    assert "never" in forecast.nothing(flow(arrival=2.0)).note
    assert "cannot be computed" in forecast.nothing(flow(lane=None)).note


def test_a_restart_takes_as_long_as_the_mappings_own_did() -> None:
    """Four minutes without an invocation, though records came in; then it polls again."""
    at = NOW - timedelta(minutes=8)
    counts = [60.0] * 22 + [0.0] * 4 + [60.0] * 4
    seen = slow_consumer(invocations=counts, mapping_last_modified=at)
    assert seen_flow(seen).restart(KNOBS) == pytest.approx(240, abs=60)  # type: ignore[union-attr]
    assert seen_flow(slow_consumer()).restart(KNOBS) == KNOBS.usual_restart_seconds  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("of", "never"),
    [
        pytest.param(overloaded(), True, id="the age climbs, and as much keeps coming in"),
        pytest.param(read_contention(), True, id="reads are refused, whatever the lanes could do"),
        pytest.param(slow_consumer(), False, id="a burst is worked off: its age climbs as well"),
    ],
)
def test_an_age_that_climbs_is_not_over_soon_for_what_the_lanes_could_do(
    of: Evidence, never: bool
) -> None:
    flow = seen_flow(of)
    assert flow is not None
    assert (forecast.nothing(flow).drains_in_seconds is None) is never


def test_what_a_batching_window_gathers_is_no_backlog() -> None:
    gathers = evidence(batching_window_seconds=300, iterator_age_ms=120_000)
    assert forecast.options(gathers, measure(gathers, DEFAULTS.thresholds), DEFAULTS)[
        0
    ].drains_in_seconds == (0)


def test_nothing_that_waits_is_gone_sooner_than_a_batch_takes() -> None:
    slow = flow(backlog=1).model_copy(update={"batch_seconds": 40.0})
    assert forecast.nothing(slow).drains_in_seconds == 40
    assert forecast.nothing(flow(backlog=0)).drains_in_seconds == 0


def test_where_about_as_much_comes_in_as_is_done_the_end_is_not_known() -> None:
    """A tenth more or less of either makes the time twice as long, or half."""
    close, clear = flow(arrival=0.9), flow(arrival=0.8)
    assert forecast.nothing(close).drains_in_seconds is None
    assert "cannot be computed" in forecast.nothing(close).note
    assert forecast.nothing(clear).drains_in_seconds == pytest.approx(5000)


def test_no_more_is_done_than_the_batches_that_ended_could_hold() -> None:
    """The oldest record of a burst may have passed many that came with it, and are not done."""
    seen = slow_consumer(iterator_age_ms=climbing(0.5, 10), stream_iterator_age_ms=0)
    signals = measure(seen, DEFAULTS.thresholds)
    moved = {"head_per_second": 50.0, "most_done_per_second": 2.0, "climbing_minutes": 0}
    flow = observe(seen, signals.model_copy(update=moved), DEFAULTS.thresholds)
    assert flow is not None
    assert flow.done_per_second == 2.0


def test_after_a_restart_what_waits_takes_a_batch_at_least() -> None:
    slow = flow(backlog=1).model_copy(update={"batch_seconds": 40.0})
    assert slow.drains_in(10.0, delay_seconds=100) == 140


def test_an_old_record_that_was_read_is_no_backlog() -> None:
    signals = measure(slow_consumer(), DEFAULTS.thresholds)
    jumped = signals.model_copy(update={"age_jump_seconds": 9000.0, "age_slope": None})
    told = forecast.options(slow_consumer(), jumped, DEFAULTS, Cause.RECOVERING)
    assert told[0].drains_in_seconds == 0


def test_what_recovers_since_nothing_waits_is_over_now() -> None:
    """An age within what is normal, though a little more comes in than is read of late."""
    normal = {"age_seconds": 20.0, "normal_age_seconds": 30.0, "age_slope": 0.1}
    signals = measure(overloaded(), DEFAULTS.thresholds).model_copy(update=normal)
    assert forecast.options(overloaded(), signals, DEFAULTS)[0].drains_in_seconds is None
    told = forecast.options(overloaded(), signals, DEFAULTS, Cause.RECOVERING)
    assert told[0].drains_in_seconds == 0


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(
            slow_consumer(mapping_last_modified=NOW - timedelta(minutes=2)),
            id="the mapping was changed just now: what shows is of before",
        ),
        pytest.param(
            slow_consumer(iterator_age_ms=20 * 3_600_000.0),
            id="more waits than the window shows",
        ),
    ],
)
def test_what_the_readings_cannot_tell_is_not_foreseen(of: Evidence) -> None:
    told = forecast.options(of, measure(of, DEFAULTS.thresholds), DEFAULTS)
    assert all("cannot be computed" in one.note for one in told)


def test_an_age_that_climbs_though_more_is_done_than_comes_in_has_no_end_in_sight() -> None:
    seen = overloaded()
    signals = measure(seen, DEFAULTS.thresholds)
    done = {"head_per_second": 2 * (signals.arrival_per_second or 0.0), "climbing_minutes": 2}
    few = signals.model_copy(update={**done, "records_per_batch": None, "age_slope": 0.3})
    told = forecast.options(seen, few, DEFAULTS)[0]
    assert told.drains_in_seconds is None
    assert "cannot be computed" in told.note


def test_a_pace_that_the_course_of_the_age_contradicts_is_not_known() -> None:
    """The lanes are said to do ten times what arrives, nothing refuses them, and the oldest record
    does not move: what holds it is not their number."""
    said = {"age_slope": 1.0, "processed_per_second": 6.0, "duration_ms": 100.0}
    seen = slow_consumer()
    signals = measure(seen, DEFAULTS.thresholds).model_copy(update=said)
    told = forecast.options(seen, signals, DEFAULTS)
    more = signals.model_copy(update={"records_per_batch": 10.0})
    doubted = forecast.options(seen, more, DEFAULTS)
    assert "cannot be computed" not in told[0].note
    assert all("cannot be computed" in one.note for one in doubted)


def test_what_more_lanes_would_do_is_not_known_while_each_is_slower_than_usual() -> None:
    seen = overloaded()
    usual = measure(seen, DEFAULTS.thresholds)
    slower = usual.model_copy(update={"lane_rate": 1.0, "usual_lane_rate": 2.0})
    more = forecast.options(seen, usual, DEFAULTS)[1]
    doubted = forecast.options(seen, slower, DEFAULTS)[1]
    assert more.option == doubted.option == "parallelization_factor 2"
    assert "cannot be computed" not in more.note
    assert "cannot be computed" in doubted.note


def test_what_arrives_during_the_restart_waits_as_well() -> None:
    assert flow(arrival=0.5).drains_in(1.0, delay_seconds=100) == 100 + (1000 + 50) / 0.5


@pytest.mark.parametrize(
    ("of", "lost_in"),
    [
        pytest.param(flow(expires=900), 900, id="expires before it is drained"),
        pytest.param(flow(expires=1100), None, id="drained in time"),
        pytest.param(flow(arrival=2.0, expires=3600), 3600, id="never drained"),
        pytest.param(flow(expires=-5), 0, id="expiring already"),
        pytest.param(flow(expires=None), None, id="the retention was not seen"),
    ],
)
def test_when_the_first_record_is_lost(of: Flow, lost_in: float | None) -> None:
    assert forecast.nothing(of).first_loss_in_seconds == lost_in


def test_expiry_is_said_of_an_old_backlog() -> None:
    seen = expiring()
    loss = forecast.options(seen, measure(seen, Policy().thresholds), Policy())[0]
    assert loss.option == "nothing"
    assert seen_flow(seen).expires_in_seconds == pytest.approx(3600, abs=300)  # type: ignore[union-attr]


# --- which factor --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "most", "factor"),
    [
        pytest.param(flow(backlog=100), 10, 2, id="the smallest that drains in time"),
        pytest.param(flow(backlog=600), 10, 10, id="all of them are needed"),
        pytest.param(flow(backlog=6000), 10, 10, id="none is enough: the most"),
        pytest.param(flow(backlog=6000), 4, 4, id="bounded from above"),
        pytest.param(flow(backlog=0, arrival=3.0), 10, 5, id="with headroom afterwards"),
        pytest.param(flow(backlog=60, arrival=1.0), 10, 4, id="with what comes while it restarts"),
        pytest.param(flow(lane=None), 10, 2, id="readings are missing: a small step"),
        pytest.param(flow(backlog=None, factor=4), 10, 8, id="a small step from where it is"),
        pytest.param(flow(arrival=None, factor=8), 10, 10, id="a small step within bounds"),
    ],
)
def test_the_smallest_factor_that_does_it(of: Flow, most: int, factor: int) -> None:
    assert forecast.smallest_factor(of, most, Policy()) == factor


FLOWS = st.builds(
    Flow,
    shards=st.integers(1, 20).map(float),
    parallelization_factor=st.integers(1, 9),
    lane_capacity_per_second=st.none() | st.floats(0, 1e5),
    arrival_per_second=st.none() | st.floats(0, 1e5),
    backlog_records=st.none() | st.floats(0, 1e9),
    expires_in_seconds=st.none() | st.floats(-1e6, 1e7),
)


@given(of=FLOWS, policy=POLICIES, more=st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_a_factor_is_raised_never_lowered_and_never_beyond_the_most(
    of: Flow, policy: Policy, more: int
) -> None:
    most = min(10, of.parallelization_factor + more)
    assert of.parallelization_factor < forecast.smallest_factor(of, most, policy) <= most


@given(of=FLOWS)
@settings(max_examples=200, deadline=None)
def test_more_lanes_never_drain_more_slowly(of: Flow) -> None:
    times = [of.drains_in(of.capacity(factor)) for factor in range(1, 11)]
    known = [time for time in times if time is not None]
    assert known == sorted(known, reverse=True)
    assert len(known) in {0, 10}


# --- what concurrency is free --------------------------------------------------------------------


# As new accounts have it.
SMALL: dict[str, Any] = {"concurrency_limit": 10, "unreserved_concurrency": 10}


def spare(seen: Evidence, claimed: int = 0, **limits: float) -> int | None:
    policy = Policy(limits=Limits.model_validate(limits))
    return spare_concurrency(seen, measure(seen, policy.thresholds), policy, claimed)


@pytest.mark.parametrize(
    ("seen", "claimed", "free"),
    [
        pytest.param(evidence(), 0, 1000 - 50 - 20, id="less use and the margin"),
        pytest.param(evidence(), 500, 430, id="less what others were promised"),
        pytest.param(evidence(), 5000, 0, id="never below none"),
        pytest.param(without(evidence(), "account"), 0, None, id="the account was not seen"),
        pytest.param(
            evidence(unreserved_concurrent_executions=None, account_concurrent_executions=None),
            0,
            88,
            id="its use was not seen: a small share",
        ),
        pytest.param(
            evidence(unreserved_concurrent_executions=None, account_concurrent_executions=300),
            0,
            1000 - 300 - 60,
            id="the account's whole use stands in, and may grow by a fifth",
        ),
        pytest.param(
            evidence(claimed_account_concurrency=700),
            0,
            1000 - 700 - 20,
            id="less what is provisioned and not in use",
        ),
        pytest.param(
            evidence(claimed_account_concurrency=700, unreserved_concurrency=600),
            0,
            1000 - 700 - 20,
            id="what is reserved is claimed already",
        ),
        pytest.param(
            evidence(**SMALL, unreserved_concurrent_executions=5),
            0,
            3,
            id="half of a small pool is empty: AWS's minimum limits reservations, not use",
        ),
        pytest.param(
            evidence(**SMALL, unreserved_concurrent_executions=10), 0, 0, id="a small pool is full"
        ),
        pytest.param(
            evidence(unreserved_concurrent_executions=since(10, 250, 802), concurrent_executions=2),
            0,
            1000 - 1.05 * 800 - 2,
            id="less what neighbours that come in waves have used at their busiest",
        ),
        pytest.param(
            throttled(reserved_concurrency=10),
            0,
            6,
            id="inside a reservation, beside its four lanes",
        ),
    ],
)
def test_what_may_run_at_once_besides(seen: Evidence, claimed: int, free: int | None) -> None:
    assert spare(seen, claimed) == free


@pytest.mark.parametrize(
    ("minimum", "grows_by"),
    [(None, 1000 - 100 - 20), (50, 1000 - 50 - 20), (10, 1000 - 10 - 20)],
)
def test_a_reservation_leaves_the_minimum_that_is_the_accounts_own(
    minimum: int | None, grows_by: int
) -> None:
    seen, policy = evidence(unreserved_concurrent_executions=1), Policy()
    signals = measure(seen, policy.thresholds)
    assert spare_reservation(seen, signals, policy, 0, minimum) == grows_by


def test_a_reservation_leaves_what_neighbours_have_used_at_their_busiest() -> None:
    policy, usage = Policy(), since(10, 250, 800)
    seen = throttled(reserved_concurrency=10, unreserved_concurrent_executions=usage)
    signals = measure(seen, policy.thresholds)
    assert spare_reservation(seen, signals, policy, 0) == 1000 - 1.05 * 800


SMALLER: dict[str, Any] = {"concurrency_limit": 110, "unreserved_concurrency": 80}


@pytest.mark.parametrize(
    ("use", "told", "grows_by"),
    [
        pytest.param(5, None, 80 - 5 - 20, id="less than the policy's: what is used decides"),
        pytest.param(70, None, 0, id="neighbours use it"),
        pytest.param(5, 50, 80 - 50 - 20, id="as AWS has told"),
        pytest.param(None, None, 0, id="its use was not seen"),
    ],
)
def test_what_is_reserved_already_shows_that_the_accounts_minimum_is_less(
    use: int | None, told: int | None, grows_by: int
) -> None:
    """AWS would have let nobody reserve so much: the policy's minimum is another account's."""
    seen = evidence(
        **SMALLER, unreserved_concurrent_executions=use, account_concurrent_executions=use
    )
    signals = measure(seen, Policy().thresholds)
    assert spare_reservation(seen, signals, Policy(), 0, told) == grows_by
    whole = evidence(concurrency_limit=80, unreserved_concurrency=80)
    assert spare_reservation(whole, measure(whole, Policy().thresholds), Policy(), 0) == 0


def test_refused_lanes_get_as_much_done_as_usual_once_they_are_let() -> None:
    """The oldest record waits for one that is refused, and tells nothing of what the others do."""
    seen = throttled(iterator_age_ms=climbing(0.95, 10))
    signals = measure(seen, Policy().thresholds)
    flow = observe(seen, signals, Policy().thresholds)
    assert flow is not None
    assert signals.usual_lane_rate is not None
    assert (flow.lane_capacity_per_second or 0) >= signals.usual_lane_rate


def test_the_policy_knows_an_account_with_another_minimum() -> None:
    policy = Policy(limits=Limits(unreserved_minimum=10))
    seen = evidence(unreserved_concurrent_executions=1)
    signals = measure(seen, policy.thresholds)
    assert spare_reservation(seen, signals, policy, 0) == 1000 - 10 - 20


# --- for any evidence ----------------------------------------------------------------------------


@given(seen=evidences() | blinded(), policy=POLICIES)
@settings(max_examples=200, deadline=None)
def test_every_option_is_forecast_for_any_evidence(seen: Evidence, policy: Policy) -> None:
    found = forecast.options(seen, measure(seen, policy.thresholds), policy)
    for option in found:
        assert option.drains_in_seconds is None or 0 <= option.drains_in_seconds < inf
        assert option.first_loss_in_seconds is None or option.first_loss_in_seconds >= 0
    assert [option.option for option in found][:1] in ([], ["nothing"])
    assert bool(found) is (seen.mapping is not None and seen.open_shards is not None)


@pytest.mark.parametrize("missing", READINGS)
def test_a_forecast_without_a_reading_makes_no_numbers_up(missing: str) -> None:
    seen = without(overloaded(), missing)
    for option in forecast.options(seen, measure(seen, Policy().thresholds), Policy()):
        computed = option.capacity_per_second is not None and option.backlog_records is not None
        assert computed or option.drains_in_seconds is None


def test_of_a_stopped_mapping_the_first_loss_is_not_known_and_never_none() -> None:
    seen = stopped()
    signals = measure(seen, Policy().thresholds)
    (option,) = forecast.options(seen, signals, Policy(), Cause.CONSUMER_STOPPED)
    assert (option.first_loss_in_seconds, option.backlog_records) == (None, None)
    assert "first loss not known" in option.note
    report = wiring.offline(bundle(seen), Policy(), None).respond(
        Incident(incident_id="inc-0123456789abcdef0123", at=NOW, watched=Watched(function="orders"))
    )
    page = markdown.page(pages.report(report, readings=False))
    assert "| nothing | never | not known |" in page
    assert "**oldest record**: not seen" in page
    assert "**backlog**: not seen" in page
