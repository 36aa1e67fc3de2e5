"""What looks like a cause for a moment, and is none: each is told from what it looks like."""

from typing import Any

import pytest

from remediator.decide.diagnosis import diagnose
from remediator.evidence.metrics import Metric
from remediator.model import Cause, Evidence, Series
from remediator.policy import Policy
from tests.evidence import (
    MINUTE,
    NOW,
    aged,
    climbing,
    evidence,
    one_shard_fails,
    since,
    throttled,
)

POLICY, AGE = Policy(), Metric.ITERATOR_AGE_MS


def cause_of(seen: Evidence) -> Cause:
    return diagnose(seen, POLICY).cause


# --- what is read ahead is not done ---------------------------------------------------------------


def read_ahead(**said: Any) -> Evidence:
    """A lane that has become far slower; its poller reads more than comes in."""
    usual: dict[str, Any] = {
        "invocations": since(7, 10, 60),
        "duration_ms": since(7, 6_000, 300),
        "duration_max_ms": since(7, 6_500, 500),
        # Of long batches, an age is published only now and then.
        "iterator_age_ms": [400.0] * 23,
        "stream_iterator_age_ms": 0,
        "read_records": since(7, 3_000, 600),
    }
    seen = evidence(**(usual | said))
    ages = Series(points=tuple((at - 7 * MINUTE, age) for at, age in seen.metrics[AGE].points))
    return seen.model_copy(update={"metrics": {**seen.metrics, AGE: ages}})


def test_an_age_that_climbs_without_a_burst_is_not_over_soon_whatever_is_read() -> None:
    assert cause_of(read_ahead()) is Cause.SLOW_CONSUMER


def test_a_burst_is_worked_off_while_its_age_climbs() -> None:
    burst = read_ahead(
        invocations=60,
        duration_ms=since(7, 1_000, 300),
        duration_max_ms=since(7, 1_100, 500),
        incoming_records=[600.0] * 23 + [6_000.0] + [600.0] * 6,
    )
    assert cause_of(burst) is Cause.RECOVERING


def test_what_waited_while_nothing_ran_is_worked_off_while_its_age_climbs() -> None:
    let_go_on = read_ahead(
        invocations=[60.0] * 20 + [0.0] * 6 + [60.0] * 4,
        duration_ms=since(4, 1_000, 300),
        duration_max_ms=since(4, 1_100, 500),
    )
    assert cause_of(let_go_on) is Cause.RECOVERING


# --- a little that fails --------------------------------------------------------------------------


def a_few_errors(**said: Any) -> Evidence:
    """Four shards with time to spare, of which a batch fails now and then."""
    usual: dict[str, Any] = {
        "shards": 4,
        "invocations": 12,
        "errors": since(4, 2),
        "duration_ms": 4_000,
        "duration_max_ms": 5_000,
        "iterator_age_ms": since(4, 90_000, 80_000),
    }
    return evidence(**(usual | said))


def test_a_little_that_fails_holds_nothing_up_while_records_move_on() -> None:
    found = cause_of(a_few_errors())
    assert found not in {Cause.FUNCTION_FAILURE, Cause.POISON_RECORD}


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"errors": since(4, 9)}, id="most of it fails"),
        pytest.param({"iterator_age_ms": climbing(1.0, 5)}, id="a record stands still"),
    ],
)
def test_more_than_a_little_or_a_record_that_stands_still_is_a_failure(said: Any) -> None:
    found = cause_of(a_few_errors(**said))
    assert found in {Cause.FUNCTION_FAILURE, Cause.POISON_RECORD}


# --- a lane that is refused has no age ------------------------------------------------------------


LATE_BEFORE = [*climbing(1.0, 10)[:-3], 400.0, 400.0, 400.0]


def test_lanes_that_are_refused_wait_though_what_is_let_through_is_young() -> None:
    most = throttled(
        iterator_age_ms=LATE_BEFORE, stream_iterator_age_ms=0, throttles=since(10, 240)
    )
    assert cause_of(most) is Cause.THROTTLING


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"iterator_age_ms": 400}, id="nothing was late"),
        pytest.param({"throttles": since(10, 20)}, id="few are refused"),
    ],
)
def test_throttles_under_which_nothing_waits_are_no_trouble(said: Any) -> None:
    usual: dict[str, Any] = {"iterator_age_ms": LATE_BEFORE, "throttles": since(10, 240)}
    seen = throttled(**(usual | {"stream_iterator_age_ms": 0} | said))
    assert cause_of(seen) is not Cause.THROTTLING


# --- an outage that has ended ---------------------------------------------------------------------


def failed_until(minutes: int, *, split: int) -> Evidence:
    """The only lane failed for twenty minutes; it is split since some, and succeeds since fewer."""
    return one_shard_fails(
        **aged(climbing(1.0, 20)),
        errors=[0.0] * 10 + [60.0] * (20 - minutes) + [58.0] * minutes,
        bisect_on_error=True,
        mapping_last_modified=NOW - split * MINUTE,
        batch_size=10,
    )


def test_halves_that_succeed_as_soon_as_batches_are_split_prove_a_bad_record() -> None:
    found = diagnose(failed_until(5, split=6), POLICY)
    assert (found.cause, found.proven) == (Cause.POISON_RECORD, True)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(failed_until(2, split=14), id="it begins long after a record would be alone"),
        pytest.param(failed_until(1, split=2), id="whether anything goes on failing is not seen"),
    ],
)
def test_what_succeeds_since_an_outage_ended_proves_no_bad_record(seen: Evidence) -> None:
    """Good records would be given up (invariant 2)."""
    assert not diagnose(seen, POLICY).proven


# --- a failure here and there ---------------------------------------------------------------------


def burst_in_long_batches(**said: Any) -> Evidence:
    """Twenty shards that work off a burst whose records are equally old; a few batches failed."""
    usual: dict[str, Any] = {
        "shards": 20,
        "batch_size": 10,
        "parallelization_factor": 2,
        "timeout_seconds": 300,
        "iterator_age_ms": climbing(1.0, 6),
        "stream_iterator_age_ms": 0,
        "invocations": 31,
        "errors": [0.0] * 25 + [2.0, 2.0, 0.0, 0.0, 0.0],
        "duration_ms": since(6, 70_000, 40_000),
        "duration_max_ms": since(6, 130_000, 60_000),
        "concurrent_executions": since(6, 40, 20),
        "incoming_records": [300.0] * 23 + [6_000.0] + [300.0] * 6,
        "read_records": 310,
    }
    return evidence(**(usual | said))


def test_failures_that_chance_explains_stand_still_for_no_record() -> None:
    found = cause_of(burst_in_long_batches())
    assert found not in {Cause.FUNCTION_FAILURE, Cause.POISON_RECORD}


def test_one_place_that_fails_at_every_try_is_a_record() -> None:
    quick = {"duration_ms": 5_000, "duration_max_ms": 6_000, "concurrent_executions": 3}
    tried = burst_in_long_batches(
        **quick, errors=since(6, 4), incoming_records=300, youngest_age_ms=400
    )
    assert cause_of(tried) is Cause.POISON_RECORD
