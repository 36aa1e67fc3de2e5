"""Whose successes prove a function healthy, and what is done while nothing proves it."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from remediator.decide import planning
from remediator.decide.diagnosis import diagnose
from remediator.decide.guardrails import Circumstances, guard
from remediator.evidence.metrics import Metric
from remediator.model import (
    Cause,
    Decision,
    Detail,
    Diagnosis,
    Evidence,
    GuardedPlan,
    Mode,
    RemedyName,
)
from remediator.policy import Autonomy, Policy, RemedyPolicy
from tests.anything import POLICIES, blinded, evidences
from tests.evidence import (
    NOW,
    QUARANTINE,
    aged,
    case_of,
    climbing,
    evidence,
    one_shard_fails,
    poison,
    read_by_own_consumer,
    shard_ages,
    since,
    slow_consumer,
    without,
)

POLICY = Policy()
BOUNDS = "maximum_retry_attempts"


def found_in(seen: Evidence) -> Diagnosis:
    return diagnose(seen, POLICY)


def plan(seen: Evidence, policy: Policy = POLICY, **known: Any) -> GuardedPlan:
    """The plan as the guardrails let it through when nobody has approved anything."""
    here = case_of(seen, diagnose(seen, policy), policy, quarantine_arn=QUARANTINE, **known)
    return guard(planning.plan("inc", here), here, Circumstances(now=NOW, mode=Mode.APPLY))


def allowed(seen: Evidence, policy: Policy = POLICY, **known: Any) -> dict[str, object]:
    return {change.setting: change.after for change in plan(seen, policy, **known).allowed}


def ages_of_shards(*stuck: int, of: int = 4) -> dict[str, dict[Metric, Any]]:
    return shard_ages(*(climbing() if n in stuck else 400 for n in range(of)))


def hides_its_failures(**said: Any) -> Evidence:
    """A shard of four stands still behind partial responses: a few tries of its record are as old
    as that, and all others as young as ever."""
    old = [400.0] * 20 + [20_000.0 + 60_000 * n for n in range(10)]
    usual = {
        "errors": 0,
        "reports_partial_batches": True,
        "read_records": None,
        **aged(old),
        "youngest_age_ms": 10,
        "mean_age_ms": [max(200.0, age / 30) for age in old],
        "invocations": since(10, 186, 240),
        "stream_invocations": since(10, 186, 240),
    }
    return poison(**usual | said)


# --- what proves ---------------------------------------------------------------------------------

OWN = {
    "the reads of the stream, of which nobody else reads": poison(),
    "the reads of the stream, come down by one shard": poison(read_records=since(10, 455, 600)),
    "the same, although another mapping feeds the function": poison(
        sibling_mappings=1,
        batch_size=1,
        errors=since(10, 6),
        read_records=since(10, 455, 600),
    ),
    "what is pushed to the mapping's own consumer": read_by_own_consumer(
        poison(readers=3, read_records=0, pushed_records=since(10, 450, 600))
    ),
    "the mapping's event counts": poison(
        sibling_mappings=1,
        read_records=None,
        invoked_events=since(10, 610, 600),
        failed_invoke_events=since(10, 160),
    ),
    "the ages of the shards, and batches that succeed where nothing else feeds it": poison(
        read_records=None, shard_metrics=ages_of_shards(2)
    ),
    "the batches of streams, where no other stream feeds the function": poison(
        readers=2, stream_invocations=240
    ),
    "reads that are less by one shard, and batches that stay young in one lane a shard": poison(
        errors=0,
        reports_partial_batches=True,
        youngest_age_ms=400,
        read_records=since(10, 455, 600),
    ),
    "as many batches as ever that are young, whatever the function reports": hides_its_failures(),
}


@pytest.mark.parametrize("witness", OWN)
def test_health_is_proven_by_this_mappings_own_records(witness: str) -> None:
    found = found_in(OWN[witness])
    assert found.cause is Cause.POISON_RECORD
    assert found.proven
    assert BOUNDS in allowed(OWN[witness])


@pytest.mark.parametrize(("reported", "proven"), [(20, True), (300, False)])
def test_records_that_are_reported_as_failed_may_fail_at_random_too(
    reported: int, *, proven: bool
) -> None:
    """Of half of them the oldest could be one at each of the few tries that were seen of it."""
    seen = poison(
        errors=0,
        reports_partial_batches=True,
        youngest_age_ms=400,
        read_records=since(10, 455, 600),
        invoked_events=600,
        failed_invoke_events=since(10, reported),
        duration_max_ms=60_000,
        timeout_seconds=600,
    )
    assert found_in(seen).proven is proven


OTHERS = {
    "another mapping of the function": poison(sibling_mappings=1),
    "nobody asked whether there is another mapping": poison(sibling_mappings=None),
    "whether there is another mapping could not be seen": without(poison(), "sibling_mappings"),
    "another trigger, by the batches that are of streams": poison(
        invocations=since(10, 264, 300),
        errors=since(10, 24),
        stream_invocations=since(10, 24, 60),
    ),
    "another trigger, by the reads that have ended": poison(read_records=since(10, 0, 600)),
    "another trigger, while nothing is read but what fails": poison(
        read_records=since(10, 240, 600)
    ),
    "another reader of the stream": poison(readers=1, read_records=1200),
    "a reader of the stream that AWS does not list": poison(read_records=1200),
    "other shared readers, while our own consumer gets nothing": read_by_own_consumer(
        poison(pushed_records=since(10, 0, 600))
    ),
    "shards that are read on, where another mapping may feed the function": poison(
        sibling_mappings=None, read_records=None, shard_metrics=ages_of_shards(2)
    ),
    "shards of which half are not seen": poison(
        sibling_mappings=1,
        shard_metrics=dict(list(ages_of_shards(1).items())[:2]),
    ),
    "the other readers' ages, where our own consumer is none of them": read_by_own_consumer(
        poison(shard_metrics=ages_of_shards(2), sibling_mappings=1)
    ),
    "next to nothing, of shards that nobody has counted": poison(
        shards=None,
        stream=None,
        read_records=None,
        reports_partial_batches=True,
        errors=0,
        invoked_events=600,
        failed_invoke_events=since(10, 588),
    ),
    "an invocation that succeeds whatever it reports": poison(
        errors=0,
        reports_partial_batches=True,
        stream_invocations=240,
        read_records=None,
        youngest_age_ms=climbing(1.0, 10, 300),
    ),
    "first tries, which are young in lanes to spare though every record fails": poison(
        errors=0, reports_partial_batches=True, read_records=None, youngest_age_ms=400
    ),
    "few that are young, where most are as old as what stands still": hides_its_failures(
        mean_age_ms=climbing(0.5, 10)
    ),
    "young batches, of so little that lanes may be tried for the first time": hides_its_failures(
        shards=40,
        invocations=since(10, 6, 6),
        stream_invocations=since(10, 6, 6),
        incoming_records=60,
    ),
    "young batches, many more than ever, as of lanes that are tried again": hides_its_failures(
        invocations=since(10, 960, 240), stream_invocations=since(10, 960, 240)
    ),
    "young batches, where another stream feeds the function": hides_its_failures(
        sibling_mappings=1
    ),
    "young batches, for as short as failures at random might take": hides_its_failures(
        **aged(climbing(1.0, 3))
    ),
    "both, where each shard has lanes to spare": poison(
        errors=0,
        reports_partial_batches=True,
        youngest_age_ms=400,
        read_records=since(10, 455, 600),
        parallelization_factor=5,
    ),
    "the rest of lanes whose batches are collected for as long as the oldest stands": poison(
        shards=1,
        parallelization_factor=4,
        batching_window_seconds=300,
        batch_size=10,
        invocations=24,
        errors=since(10, 14),
        concurrent_executions=5,
        iterator_age_ms=climbing(1.0, 6, 30_000),
        invoked_events=240,
        failed_invoke_events=since(10, 140),
    ),
    "what the only lane got done in the minute in which all that is sent began to fail": poison(
        shards=1,
        errors=0,
        reports_partial_batches=True,
        **aged(climbing(1.0, 3)),
        invocations=[240.0] * 27 + [100.0, 6.0, 6.0],
        invoked_events=[600.0] * 27 + [300.0, 30.0, 30.0],
        failed_invoke_events=[0.0] * 27 + [20.0, 30.0, 30.0],
    ),
    "shards of which one read an old record just now, and did not stand still": poison(
        errors=since(10, 6),
        read_records=None,
        shard_metrics=ages_of_shards()
        | {"shardId-000000000002": {Metric.SHARD_ITERATOR_AGE_MS: since(1, 350_000, 0)}},
    ),
    "the rest, where no error is of the newest minutes": poison(
        errors=[0.0] * 20 + [60.0] * 7 + [0.0] * 3,
        invoked_events=600,
        failed_invoke_events=since(10, 150),
        duration_max_ms=170_000,
        timeout_seconds=600,
    ),
    "reads for another try, which are not told from reads of what comes": poison(
        errors=0, reports_partial_batches=True, read_records=since(10, 455, 600)
    ),
    "reads that go on while more batches are tried than records came": poison(
        shards=37,
        batch_size=5,
        errors=0,
        reports_partial_batches=True,
        **aged(climbing(1.0, 13)),
        invocations=since(13, 335, 14),
        stream_invocations=since(13, 335, 14),
        duration_ms=since(13, 4_650, 8_000),
        duration_max_ms=9_000,
        concurrent_executions=since(13, 34, 3),
        incoming_records=20,
        read_records=since(10, 18.3, 20),
        youngest_age_ms=400,
    ),
}


@pytest.mark.parametrize("whose", OTHERS)
def test_what_others_get_done_proves_nothing(whose: str) -> None:
    seen = OTHERS[whose]
    assert not found_in(seen).proven
    assert not {change.setting for change in plan(seen).plan.changes} & {
        BOUNDS,
        "on_failure_destination",
    }


def test_a_count_of_stream_batches_above_all_invocations_is_none() -> None:
    """Whoever answers with another statistic of the metric has not told how many there were."""
    ages = climbing(1.0, 10, 400)
    seen = poison(readers=1, stream_invocations=ages, youngest_age_ms=ages)
    assert not found_in(seen).proven


@given(seen=evidences() | blinded(), policy=POLICIES)
@settings(max_examples=200, deadline=None)
def test_no_evidence_proves_health_without_a_witness_of_its_own(
    seen: Evidence, policy: Policy
) -> None:
    """Where another mapping feeds the function, or may, only what is counted for this one tells."""
    found = diagnose(seen, policy)
    if not found.proven or seen.sibling_mappings == 0:
        return
    own = {Metric.INVOKED_EVENTS, Metric.READ_RECORDS, Metric.PUSHED_RECORDS}
    assert seen.shard_metrics or own & set(seen.metrics)


# --- what loses nothing is done, whatever is not proven ------------------------------------------

SPLIT = {"bisect_on_error": True}

UNSURE = {
    "a second mapping of the function": poison(sibling_mappings=1),
    "several poisoned shards: successes are down by more than one shard's": poison(
        shards=2, errors=since(10, 240), invocations=240
    ),
    "several poisoned shards of many": poison(errors=since(10, 200)),
    "every shard fails, and nobody has deployed anything": poison(errors=since(10, 240)),
}


@pytest.mark.parametrize("why", UNSURE)
def test_a_split_that_may_tell_is_made_by_itself(why: str) -> None:
    assert allowed(UNSURE[why]) == SPLIT


def test_a_person_is_called_for_a_broken_function_although_a_split_may_tell_more() -> None:
    made = plan(poison(errors=since(10, 240)))
    assert made.allowed
    assert "fix it" in (made.plan.escalation or "")


def test_both_probes_of_a_single_lane_go_in_one_write() -> None:
    seen = one_shard_fails()
    made = plan(seen).allowed
    assert {change.setting: change.after for change in made} == SPLIT | {
        "parallelization_factor": 2
    }
    assert len({(change.remedy, change.resource) for change in made}) == 1


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(one_shard_fails(unreserved_concurrent_executions=890), id="nothing is free"),
        pytest.param(one_shard_fails(account=None), id="what is free was not seen"),
        pytest.param(one_shard_fails(reserved_concurrency=1), id="one invocation is reserved"),
        pytest.param(one_shard_fails(runs_on_managed_instances=True), id="managed instances"),
    ],
)
def test_a_second_lane_is_a_probe_only_where_it_harms_nobody(seen: Evidence) -> None:
    assert allowed(seen) == SPLIT


def test_a_second_lane_is_no_probe_where_somebody_wants_to_be_asked_for_more() -> None:
    asks = RemedyPolicy(autonomy=Autonomy.APPROVE)
    policy = Policy(remedies={RemedyName.RAISE_PARALLELIZATION_FACTOR: asks})
    assert allowed(one_shard_fails(), policy) == SPLIT


def test_where_every_record_moves_on_there_is_nothing_to_split() -> None:
    moving = poison(**aged(climbing(0.4)))
    assert plan(moving).plan.changes == ()
    assert "nothing to isolate" in (plan(moving).plan.escalation or "")


def test_a_clog_of_which_nothing_fails_is_not_split() -> None:
    unknown = evidence(**aged(climbing(0.9)))
    assert found_in(unknown).cause is Cause.UNKNOWN
    assert plan(unknown).plan.changes == ()


# --- what the probes show ------------------------------------------------------------------------


def probed(minutes: int, **said: Any) -> Evidence:
    """One shard that has failed for 20 minutes; split, and of two lanes, since lately."""
    usual = {
        **aged(climbing(1.0, 20)),
        "errors": since(20, 60),
        "bisect_on_error": True,
        "parallelization_factor": 2,
        "mapping_last_modified": NOW - timedelta(minutes=minutes),
    }
    return one_shard_fails(**(usual | said))


def test_what_succeeds_in_the_second_lane_proves_the_function() -> None:
    """The bad record may be the first of its batch: then no half of its lane ever succeeds."""
    seen = probed(8, errors=[0] * 10 + [60] * 12 + [30] * 8)
    assert found_in(seen).proven
    assert BOUNDS in {change.setting for change in plan(seen).plan.changes}


def test_what_succeeds_since_the_probe_may_be_another_mappings() -> None:
    seen = probed(8, errors=[0] * 10 + [60] * 12 + [30] * 8, sibling_mappings=1)
    assert not found_in(seen).proven


def test_nothing_succeeds_and_no_second_lane_is_seen_a_person_is_asked() -> None:
    seen = probed(12)
    assert (found_in(seen).cause, found_in(seen).detail) == (
        Cause.POISON_RECORD,
        Detail.UNDECIDED,
    )
    guarded = plan(seen)
    assert guarded.allowed == ()
    asked = {change.setting: change for change in guarded.awaiting_approval}
    assert set(asked) == {BOUNDS, "on_failure_destination"}
    assert "at most" in asked[BOUNDS].why
    assert "before the next look" in asked[BOUNDS].why


def test_bounding_that_is_not_proven_goes_through_with_a_persons_word_alone() -> None:
    seen = probed(12)
    here = case_of(seen, found_in(seen), POLICY, quarantine_arn=QUARANTINE)
    approved = Circumstances(now=NOW, mode=Mode.APPLY, approved=True)
    assert BOUNDS in {
        change.setting for change in guard(planning.plan("inc", here), here, approved).allowed
    }


@pytest.mark.parametrize("usable", [False, None])
def test_nobody_is_asked_for_a_bound_that_captures_nothing(usable: bool | None) -> None:
    seen = probed(12)
    here = case_of(
        seen,
        found_in(seen),
        POLICY,
        quarantine_arn=QUARANTINE if usable is False else None,
        destination_usable=usable,
    )
    wish = planning.plan("inc", here)
    assert BOUNDS not in {change.setting for change in wish.changes}
    assert wish.escalation


def test_a_probe_that_was_made_just_now_is_waited_for() -> None:
    assert found_in(probed(4)).detail is Detail.SUSPECTED


# --- timeouts ------------------------------------------------------------------------------------


def times_out(split_for: int, still: int, **said: Any) -> Evidence:
    return poison(
        duration_max_ms=30_000,
        timeout_seconds=30,
        bisect_on_error=True,
        mapping_last_modified=NOW - timedelta(minutes=split_for),
        **aged(climbing(1.0, still)),
        errors=since(still, 60),
        **said,
    )


def test_new_full_batches_that_time_out_are_no_proof_of_a_bad_record() -> None:
    """Batches are split for long, but the oldest record has stood still for less than it takes."""
    found = found_in(times_out(split_for=28, still=8))
    assert (found.cause, found.detail) == (Cause.FUNCTION_FAILURE, Detail.TIMEOUTS)


def test_a_record_that_stood_still_through_all_halvings_is_a_bad_one() -> None:
    found = found_in(times_out(split_for=28, still=26, batch_size=10))
    assert (found.cause, found.detail) == (Cause.POISON_RECORD, Detail.ISOLATED)


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("retries", "after"),
    [
        pytest.param(10_000, 10, id="the old default: unbounded in all but name"),
        pytest.param(361, 10, id="more than an hour of tries"),
        pytest.param(-1, 10, id="unbounded"),
        pytest.param(5, None, id="bounded by a person"),
    ],
)
def test_retries_that_are_unbounded_in_all_but_name_are_lowered(
    retries: int, after: int | None
) -> None:
    seen = poison(
        bisect_on_error=True,
        maximum_retry_attempts=retries,
        maximum_record_age_seconds=604_800,
        on_failure_destination=QUARANTINE,
    )
    assert allowed(seen, destination_usable=True).get(BOUNDS) == after
    for change in plan(seen, destination_usable=True).allowed:
        if change.setting == BOUNDS:
            assert (change.before, change.inverse().after) == (retries, retries)


def test_lowering_the_retries_to_a_destination_that_was_not_seen_is_asked_for() -> None:
    """Somebody chose it for what is given up; whether it takes that, they know."""
    seen = poison(
        bisect_on_error=True, maximum_retry_attempts=10_000, on_failure_destination=QUARANTINE
    )
    guarded = plan(seen)
    assert guarded.allowed == ()
    asked = {change.setting: change.after for change in guarded.awaiting_approval}
    assert asked == {BOUNDS: 10, "parallelization_factor": 4}


@pytest.mark.parametrize(("batch", "retries"), [(1, 3), (2, 4), (100, 10), (1000, 13)])
def test_a_record_is_tried_as_often_as_its_batch_is_halved_and_thrice(
    batch: int, retries: int
) -> None:
    assert allowed(poison(batch_size=batch))[BOUNDS] == retries


@pytest.mark.parametrize("build", [poison, one_shard_fails])
def test_a_mapping_with_a_tumbling_window_is_left_alone_and_told_why(build: Any) -> None:
    made = plan(build(tumbling_window_seconds=120)).plan
    assert made.changes == ()
    assert "windows of 120 s" in (made.escalation or "")


def test_a_broken_deploy_is_not_split() -> None:
    seen = poison(errors=since(10, 240), function_last_modified=NOW - timedelta(minutes=13))
    assert plan(seen).plan.changes == ()


def test_a_block_by_an_unproven_function_names_the_invariant() -> None:
    seen = slow_consumer()
    here = case_of(seen, found_in(seen), POLICY, quarantine_arn=QUARANTINE)
    bound = plan(poison()).plan
    ruled = guard(bound, here, Circumstances(now=NOW, mode=Mode.APPLY)).changes
    word = next(one.ruling for one in ruled if one.change.setting == BOUNDS)
    assert (word.decision, word.guardrail) == (Decision.BLOCK, "discard")
