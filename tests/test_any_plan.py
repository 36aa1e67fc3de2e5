"""For any evidence, policy and circumstances: no plan that is let through exceeds its policy."""

from datetime import timedelta
from math import ceil, log2

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediator.decide import planning
from remediator.decide.guardrails import Circumstances, guard, rule
from remediator.evidence.signals import measure
from remediator.model import (
    Cause,
    Change,
    Detail,
    Diagnosis,
    Evidence,
    GuardedPlan,
    RemedyName,
    ResourceKind,
)
from remediator.policy import Autonomy, Policy, RemedyPolicy
from tests.anything import CIRCUMSTANCES, POLICIES, blinded, evidences
from tests.changes import change
from tests.evidence import (
    FUNCTION_ARN,
    MAPPING,
    NOW,
    PIPELINES,
    QUARANTINE,
    case_of,
    evidence,
    overloaded,
    poison,
    recovering,
    slow_consumer,
    throttled,
)
from tests.guarding import CALM, situation

TRIED = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LIMITS = {
    "parallelization_factor": "parallelization_factor",
    "reserved_concurrency": "reserved_concurrency",
    "retention_hours": "retention_hours",
    "maximum_retry_attempts": "retry_attempts",
}
RAISING = {"parallelization_factor", "reserved_concurrency", "shards"}


def guarded(seen: Evidence, policy: Policy, around: Circumstances) -> GuardedPlan:
    claimed = around.ledger.claimed_by_others("ours", NOW)
    here = situation(seen, policy, claimed=claimed, quarantine_arn=QUARANTINE)
    return guard(planning.plan("ours", here), here, around)


@TRIED
@given(seen=evidences() | blinded(), policy=POLICIES, around=CIRCUMSTANCES)
def test_no_guarded_plan_exceeds_its_policy(
    seen: Evidence, policy: Policy, around: Circumstances
) -> None:
    """Invariants 1 to 6, counted anew from evidence and policy."""
    plan = guarded(seen, policy, around)
    if plan.allowed:
        _nothing_stops_us(policy, around)
        _within_budget(plan, policy, around)
    for made in plan.allowed:
        _within_limits(made, policy, seen)
        _within_autonomy(made, policy, around)
        _neighbours_keep_theirs(made, plan, seen, policy, around)
        _downstream_is_well(made, policy, around)
        _nothing_good_is_discarded(made, plan, seen)
        _from_what_is_there(made, seen)


def _nothing_stops_us(policy: Policy, around: Circumstances) -> None:
    assert not policy.freeze
    assert around.freeze is None
    assert around.freeze_unreadable is None
    assert not any(window.covers(around.now) for window in policy.maintenance_windows)


def _within_budget(plan: GuardedPlan, policy: Policy, around: Circumstances) -> None:
    since = around.now - timedelta(seconds=policy.budget.window_seconds)
    paid = [one for one in around.ledger.spent if one.at > since]
    made = len({(change.remedy, change.resource.counted_as) for change in plan.allowed})
    assert len(paid) + made <= policy.budget.per_account
    assert len([one for one in paid if one.mapping == MAPPING]) + made <= policy.budget.per_target


def _within_limits(made: Change, policy: Policy, seen: Evidence) -> None:
    """Retries are those of one record alone: the halvings of a batch come on top."""
    if made.setting in LIMITS and isinstance(made.after, int):
        batch = seen.mapping.batch_size if seen.mapping else 1
        more = ceil(log2(batch)) if made.setting == "maximum_retry_attempts" else 0
        assert made.after <= getattr(policy.limits, LIMITS[made.setting]) + more


def _within_autonomy(made: Change, policy: Policy, around: Circumstances) -> None:
    word = policy.remedy(made.remedy).autonomy
    assert word is Autonomy.AUTO or (word is Autonomy.APPROVE and around.approved)


def _neighbours_keep_theirs(
    made: Change, plan: GuardedPlan, seen: Evidence, policy: Policy, around: Circumstances
) -> None:
    """Invariant 4: what is in use, the margin and what others were promised stay free. So does
    AWS's minimum, where what is reserved already does not show that the account's own is less."""
    if made.setting not in RAISING or seen.account is None:
        return
    reserved = seen.function.reserved_concurrency if seen.function else None
    if made.setting == "reserved_concurrency" and made.before is None:  # from a pool used up
        assert isinstance(made.after, int)
        left = seen.account.unreserved_concurrency - made.after
        claimed = around.ledger.claimed_by_others("ours", NOW)
        least = policy.limits.unreserved_minimum + policy.limits.concurrency_margin
        assert left >= least + claimed
        return
    added = _added_concurrency(made, seen)
    claimed = around.ledger.claimed_by_others("ours", NOW)
    pool = seen.account.unreserved_concurrency - added
    limits, signals = policy.limits, measure(seen, policy.thresholds)
    least = min(limits.concurrency_margin, seen.account.concurrency_limit // 5)
    used = signals.unreserved_in_use or 0
    theirs = max(0.0, used - (signals.concurrency or 0))
    margin = max(least, limits.neighbour_growth * theirs) + claimed
    if made.setting == "reserved_concurrency":
        limit, unreserved = seen.account.concurrency_limit, seen.account.unreserved_concurrency
        is_less = unreserved < min(limits.unreserved_minimum, limit)
        minimum = 0 if is_less else limits.unreserved_minimum
        assert pool >= max(minimum, used) + least + claimed
    elif reserved is not None:
        room = [one.after for one in plan.allowed if one.setting == "reserved_concurrency"]
        assert added <= max([reserved, *(most for most in room if isinstance(most, int))])
    else:
        assert pool - used >= margin
        assert seen.account.concurrency_limit - (signals.claimed_concurrency or 0) - added >= margin


def _added_concurrency(made: Change, seen: Evidence) -> int:
    assert isinstance(made.before, int)
    assert isinstance(made.after, int)
    each = {
        "parallelization_factor": seen.open_shards or 0,
        "reserved_concurrency": 1,
    }.get(made.setting, seen.mapping.parallelization_factor if seen.mapping else 0)
    return (made.after - made.before) * each


def _downstream_is_well(made: Change, policy: Policy, around: Circumstances) -> None:
    if made.setting in RAISING:
        states = [around.downstream.get(name) for name in policy.downstream_alarms]
        assert not {"ALARM", None} & set(states)


@TRIED
@given(
    seen=evidences() | blinded(),
    policy=POLICIES,
    around=CIRCUMSTANCES,
    cause=st.sampled_from(Cause),
    detail=st.sampled_from(Detail),
    attempts=st.integers(0, 10_000),
)
def test_nothing_bounds_retries_without_proof_whatever_the_diagnosis_is_called(
    *,
    seen: Evidence,
    policy: Policy,
    around: Circumstances,
    cause: Cause,
    detail: Detail,
    attempts: int,
) -> None:
    """Invariant 2: neither the planner nor the guardrail goes by the name of a finding. Where no
    probe has decided, a person may: that is asked for, and never done."""
    asks = (cause, detail) == (Cause.POISON_RECORD, Detail.UNDECIDED)
    named = Diagnosis(cause=cause, path=(), detail=detail)
    here = case_of(seen, named, policy, quarantine_arn=QUARANTINE)
    plan = planning.plan("ours", here)
    wished = {made.setting for made in plan.changes}
    assert asks or "maximum_retry_attempts" not in wished
    bounds = change("maximum_retry_attempts", -1, attempts)
    nobody = around._replace(approved=around.approved and not asks)
    assert not guard(plan.model_copy(update={"changes": (bounds,)}), here, nobody).allowed


def _nothing_good_is_discarded(made: Change, plan: GuardedPlan, seen: Evidence) -> None:
    assert made.setting != "maximum_record_age_seconds"
    if made.setting != "maximum_retry_attempts":
        return
    assert plan.plan.cause is Cause.POISON_RECORD
    own = seen.mapping.on_failure_destination if seen.mapping else None
    captured = {one.after for one in plan.allowed if one.setting == "on_failure_destination"}
    assert own or captured


def _from_what_is_there(made: Change, seen: Evidence) -> None:
    """A plan starts from the settings that were seen, and changes them."""
    assert made.before != made.after
    where = {
        ResourceKind.EVENT_SOURCE_MAPPING: seen.mapping,
        ResourceKind.FUNCTION: seen.function,
        ResourceKind.STREAM: seen.stream,
    }.get(made.resource.kind)
    if where is not None:
        assert getattr(where, made.setting) == made.before


@TRIED
@given(
    seen=st.sampled_from([slow_consumer(), poison(), throttled(), overloaded(), evidence()]),
    policy=POLICIES,
    setting=st.sampled_from(sorted(LIMITS)),
    before=st.none() | st.integers(1, 12),
    after_=st.integers(1, 1200),
)
def test_no_wish_however_large_passes_a_limit(
    seen: Evidence, policy: Policy, setting: str, before: int | None, after_: int
) -> None:
    """A guardrail trusts no remedy to have kept within the policy by itself."""
    ruled = rule(change(setting, before, after_), situation(seen, policy), CALM)
    if ruled.allowed:
        _within_limits(ruled.change, policy, seen)


@TRIED
@given(seen=evidences(), policy=POLICIES, around=CIRCUMSTANCES)
def test_undone_newest_first_every_setting_is_what_it_was(
    seen: Evidence, policy: Policy, around: Circumstances
) -> None:
    changes = [one.change for one in guarded(seen, policy, around).changes]
    before = {(made.resource, made.setting): made.before for made in changes}
    world = dict(before)
    for made in (*changes, *(one.inverse() for one in reversed(changes))):
        assert world[made.resource, made.setting] == made.before
        world[made.resource, made.setting] = made.after
    assert world == before


@TRIED
@given(seen=evidences(), policy=POLICIES, around=CIRCUMSTANCES)
def test_the_same_question_gets_the_same_plan(
    seen: Evidence, policy: Policy, around: Circumstances
) -> None:
    shuffled = seen.model_copy(update={"metrics": dict(reversed(list(seen.metrics.items())))})
    again = Evidence.model_validate_json(seen.model_dump_json())
    first = guarded(seen, policy, around)
    assert guarded(shuffled, policy, around) == first
    assert guarded(again, policy, around) == first


@pytest.mark.parametrize("name", PIPELINES)
def test_with_nothing_allowed_nothing_is_changed(name: str) -> None:
    off = {remedy: RemedyPolicy(autonomy=Autonomy.OFF) for remedy in RemedyName}
    assert guarded(PIPELINES[name](), Policy(remedies=off), CALM).changes == ()


def test_quiet_pipelines_are_left_alone() -> None:
    assert FUNCTION_ARN.endswith(evidence().target.function)
    for seen in (evidence(), recovering()):
        plan = guarded(seen, Policy(), CALM)
        assert (plan.changes, plan.plan.escalation) == ((), None)
