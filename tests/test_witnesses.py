"""Who testifies that good records succeed: what few counts may mean, and what time proves."""

from datetime import timedelta
from typing import Any

import pytest

from remediator.decide import pacing, proving
from remediator.decide.diagnosis import diagnose, diagnosed
from remediator.decide.failing import like_a_clock
from remediator.evidence.counts import at_least, goes_on_at, may_be
from remediator.evidence.signals import measure
from remediator.model import Cause, Evidence, SourceKind
from remediator.policy import FollowUps, Policy
from tests.evidence import NOW, climbing, evidence, poison, since
from tests.histories import state
from tests.kinds.halving import stalled

POLICY = Policy()
KNOBS = FollowUps()


def little_comes(done: list[float], fails: float = 9, **said: Any) -> Evidence:
    """A table of many shards and lanes, to which about nine records a minute come; for a dozen
    minutes ``fails`` tries do in each. ``done``: what succeeded in the newest ones."""
    usual = [9.0, 10.0, 8.0, 9.0, 7.0]
    succeeded = (usual * 6)[: 30 - len(done)] + done
    failed = since(12, fails)
    batches = [fine + bad for fine, bad in zip(succeeded, failed, strict=True)]
    return poison(
        **{
            "kind": SourceKind.DYNAMODB,
            "shards": 19,
            "parallelization_factor": 10,
            "batch_size": 1,
            "iterator_age_ms": climbing(1.0, 12),
            "youngest_age_ms": 60,
            "invocations": batches,
            "stream_invocations": batches,
            "errors": failed,
            "incoming_records": 9,
            "read_records": 9,
            "duration_ms": 900,
            "duration_max_ms": 1500,
            "concurrent_executions": 4,
        }
        | said
    )


@pytest.mark.parametrize("newest", [[8.0, 7.0, 2.0], [3.0, 9.0, 8.0], [9.0, 3.0, 4.0]])
def test_a_minute_of_few_counts_says_nothing_against_those_before_it(newest: list[float]) -> None:
    """Nor do reads, of which it is not known whether those for another try are counted."""
    found = diagnose(little_comes(newest), POLICY)
    assert (found.cause, found.proven) == (Cause.POISON_RECORD, True)


@pytest.mark.parametrize(
    "newest", [[9.0, 9.0, 0.0], [9.0, 1.0, 1.0], [2.0, 2.0, 1.0], [0.0, 0.0, 0.0]]
)
def test_what_has_ended_proves_nothing_however_much_came_before(newest: list[float]) -> None:
    assert not diagnose(little_comes(newest), POLICY).proven


@pytest.mark.parametrize(("batch_size", "share"), [(2, 0.1), (10, 0.5)])
def test_batches_that_take_longer_are_larger_by_no_more_than_full_ones(
    batch_size: int, share: float
) -> None:
    """What takes longer still is slow, or hangs: it gets no more done."""
    seen = poison(
        batch_size=batch_size,
        invocations=since(6, 12.0, 240.0),
        stream_invocations=since(6, 12.0, 240.0),
        incoming_records=240,
        read_records=240,
        errors=0,
        duration_ms=since(6, 100_000.0, 500.0),
    )
    signals = measure(seen, POLICY.thresholds)
    assert signals.batch_share == pytest.approx(share, abs=0.05)


def test_many_counts_have_to_go_on_minute_after_minute() -> None:
    """One shard of four fails: there half of what the others get done is no chance."""
    goes_on, ended = [240.0] * 30, [240.0] * 29 + [120.0]
    for batches, proven in ((goes_on, True), (ended, False)):
        seen = poison(invocations=batches, stream_invocations=batches, read_records=None)
        assert diagnose(seen, POLICY).proven is proven


def test_what_few_counts_may_mean_is_what_would_seldom_bring_no_more() -> None:
    assert may_be(0) == pytest.approx(3.0, abs=0.05)
    assert may_be(100) == pytest.approx(118, abs=1)
    for count in (0, 1, 5, 30):
        assert 1 - at_least(count + 1, may_be(count)) == pytest.approx(0.05, abs=0.003)
    assert goes_on_at([0.0, 0.0, 90.0]) == may_be(90) / 3
    assert goes_on_at([90.0, 90.0, 0.0]) == may_be(0)
    assert goes_on_at([90.0, 0.0, 0.0, 0.0]) == may_be(0) / 3


def test_a_record_that_stands_still_for_long_is_a_clock_by_all_those_minutes() -> None:
    """Of the newest four alone, the beat of its tries is much: each age is that of its last try."""
    late = [0.0, 9.0, 3.0, 8.0, 1.0, 9.0, 2.0, 8.0, 0.0, 9.0, 4.0, 0.0, 9.0, 26.0]
    ages = [age - 1000 * beat for age, beat in zip(climbing(1.0, 14)[-14:], late, strict=True)]
    seen = poison(iterator_age_ms=climbing(1.0, 14)[:-14] + ages)
    signals = measure(seen, POLICY.thresholds)
    assert signals.age_slope is not None
    assert signals.age_slope < 0.9
    assert like_a_clock(signals)


def test_what_time_proves_is_looked_at_once_it_has_and_not_later() -> None:
    """Also where nobody sees how many lanes there are, as of another account's stream."""
    seen = little_comes([9.0], fails=27, shards=None, concurrent_executions=40)
    case = diagnosed(seen, POLICY)
    minutes = proving.proven_in(case)
    assert minutes is not None
    assert case.diagnosis.cause is Cause.POISON_RECORD
    known = state(mapping=seen.target.event_source_mapping).model_copy(
        update={"changes": (), "looks_from": 0, "follow_up_number": 12}
    )
    assert pacing.interval(known, case) == max(KNOBS.every_seconds, int(60 * minutes))


def test_a_lane_that_got_something_done_before_all_stood_still_again_proves_no_record() -> None:
    """What is down, and up for a moment after the restart, looks like it (invariant 2)."""
    found = diagnose(stalled(6.0), POLICY)
    assert (found.cause, found.proven) == (Cause.POISON_RECORD, False)


@pytest.mark.parametrize(("takes_ms", "proven"), [(900, True), (10_000, False)])
def test_a_lane_that_succeeds_proves_no_record_where_good_ones_may_time_out_too(
    takes_ms: float, proven: bool
) -> None:
    """Few tries, and half of them fail: batches may only have become small enough for the rest."""
    seen = evidence(
        batch_size=1,
        parallelization_factor=2,
        timeout_seconds=10,
        mapping_last_modified=NOW - timedelta(minutes=8),
        iterator_age_ms=climbing(1.0, 20),
        stream_iterator_age_ms=climbing(1.0, 20),
        invocations=[4.0] * 10 + [2.0] * 12 + [4.0] * 8,
        errors=[0.0] * 10 + [2.0] * 20,
        duration_ms=takes_ms,
        duration_max_ms=takes_ms,
        incoming_records=4,
        read_records=4,
    )
    assert diagnose(seen, POLICY).proven is proven
