"""Guardrails: each one's word on a change. The cases are in tests/rulings, a chapter a subject."""

from datetime import UTC, datetime, timedelta

import pytest

from remediator.decide import planning
from remediator.decide.guardrails import GUARDRAILS, Circumstances, comes_back, free_at, guard, rule
from remediator.decide.guardrails.allowing import undo_held_back
from remediator.model import Cause, Decision, Detail, Diagnosis, Mode
from remediator.policy import Autonomy, Budget, MaintenanceWindow, Policy, RemedyPolicy
from remediator.state import AccountLedger, Claim
from tests.changes import change
from tests.chapters import gathered
from tests.evidence import (
    NOW,
    QUARANTINE,
    case_of,
    expiring,
    one_shard_fails,
    overloaded,
    poison,
    slow_consumer,
)
from tests.guarding import (
    CALM,
    DEFAULTS,
    FACTORS,
    NEARLY_FULL,
    NOON,
    RETRIES,
    Words,
    ruling,
    situation,
)
from tests.rulings import allowing, concurrency, ownership, records, resharding

CHAPTERS = (allowing, ownership, resharding, concurrency, records)
WORDS: Words = gathered("WORDS", CHAPTERS)
# What was found out beside the evidence, in some cases.
KNOWN = {**concurrency.KNOWN, **records.KNOWN}


@pytest.mark.parametrize("case", WORDS)
def test_each_guardrail_says(case: str) -> None:
    made, seen, policy, around, decision, guardrail = WORDS[case]
    said = ruling(made, seen, policy, around, **KNOWN.get(case, {}))
    assert (said.decision, said.guardrail) == (decision, guardrail)
    assert said.reason


def test_every_guardrail_has_its_case() -> None:
    assert {guardrail for *_, guardrail in WORDS.values()} == {*GUARDRAILS, "policy"}


def test_a_clip_leaves_what_fits() -> None:
    clipped = rule(
        change("parallelization_factor", 1, 10),
        situation(overloaded(**NEARLY_FULL)),
        CALM,
    )
    # 1020 in the pool, 824 in use, a fifth more for the others: eight lanes a shard.
    assert clipped.change.after == 1 + (1020 - 824 - 164) // 4


def test_what_other_incidents_have_claimed_is_not_free() -> None:
    seen = overloaded(unreserved_concurrent_executions=800)
    claims = (Claim(incident_id="theirs", amount=80, expires_at=NOW + timedelta(minutes=5)),)
    ledger = AccountLedger(claims=claims)
    free = situation(seen).spare_concurrency
    left = situation(seen, claimed=ledger.claimed_by_others("ours", NOW)).spare_concurrency
    assert (free, left) == (200 - 160, 0)  # a fifth of 796 for the neighbours
    assert ledger.claimed_by_others("theirs", NOW) == 0


def test_changes_that_make_each_other_safe_stand_or_fall_together() -> None:
    seen = poison()
    here = situation(seen, quarantine_arn=QUARANTINE, destination_usable=True)
    wish = planning.plan("ours", here)
    assert {made.setting for made in wish.changes} == {
        "bisect_on_error",
        "maximum_retry_attempts",
        "on_failure_destination",
        "parallelization_factor",
    }
    gone = here._replace(destination_usable=False)
    assert guard(wish, here, CALM).allowed == wish.changes
    assert [made.setting for made in guard(wish, gone, CALM).allowed] == ["bisect_on_error"]


@pytest.mark.parametrize(
    ("ours", "bounds"),
    [
        pytest.param(QUARANTINE, True, id="our own queue: AWS itself checks it in that call"),
        pytest.param(QUARANTINE + ".fifo", False, id="a FIFO queue takes none of it"),
        pytest.param("arn:aws:sqs:eu-west-2:111122223333:q", False, id="a queue of another Region"),
        pytest.param("arn:aws:sns:eu-west-1:111122223333:topic", False, id="a topic, unseen"),
    ],
)
def test_what_was_not_seen_to_take_records_captures_nothing(ours: str, *, bounds: bool) -> None:
    here = situation(poison(), quarantine_arn=ours)
    allowed = guard(planning.plan("ours", here), here, CALM).allowed
    assert ("maximum_retry_attempts" in {made.setting for made in allowed}) is bounds


def test_a_destination_of_theirs_that_was_not_seen_is_not_leaned_on() -> None:
    topic = "arn:aws:sns:eu-west-1:111122223333:failed-orders"
    here = situation(poison(on_failure_destination=topic), quarantine_arn=QUARANTINE)
    plan = planning.plan("ours", here)
    assert [made.setting for made in plan.changes] == ["bisect_on_error"]


def test_a_restart_near_the_maximum_record_age_asks_and_names_the_seconds() -> None:
    seen = slow_consumer(maximum_record_age_seconds=60, starting_position="LATEST")
    guarded_plan = guard(planning.plan("ours", situation(seen)), situation(seen), CALM)
    asked = {one.change.setting: one.ruling for one in guarded_plan.changes}
    assert set(asked) == {"maximum_record_age_seconds", "parallelization_factor"}
    for ruled in asked.values():
        assert ruled.decision is Decision.APPROVE
        assert "60 s" in ruled.reason
        assert "LATEST" in ruled.reason


def test_the_factor_is_not_raised_without_the_age_being_lifted() -> None:
    here = situation(slow_consumer(maximum_record_age_seconds=60))
    changes = {made.setting: made for made in planning.plan("ours", here).changes}
    lift = changes["maximum_record_age_seconds"]
    assert (lift.before, lift.after) == (60, -1)
    assert changes["parallelization_factor"].safe_only_with == ("maximum_record_age_seconds",)


def test_a_probe_s_restart_leaves_room_for_that_of_what_it_tells() -> None:
    """Its own would not push what waits past the age; the next one would."""
    proven = poison(maximum_record_age_seconds=1100, on_failure_destination=QUARANTINE)
    suspected = one_shard_fails(maximum_record_age_seconds=1100)
    lifted = ("maximum_record_age_seconds", "bisect_on_error")
    for seen, changed in ((suspected, lifted), (proven, ("bisect_on_error",))):
        made = planning.plan("ours", situation(seen)).changes
        assert tuple(one.setting for one in made)[: len(changed)] == changed


def test_nothing_is_isolated_that_is_given_up_for_its_age_before_a_restart_is_over() -> None:
    made = planning.plan("ours", situation(poison(maximum_record_age_seconds=600)))
    assert made.changes == ()
    assert "sooner than a restart" in (made.escalation or "")


@pytest.mark.parametrize("most", [-1, 604_800, 3600])
def test_an_age_that_is_far_is_left_alone(most: int) -> None:
    here = situation(slow_consumer(maximum_record_age_seconds=most))
    settings_changed = {made.setting for made in planning.plan("ours", here).changes}
    assert settings_changed == {"parallelization_factor"}


@pytest.mark.parametrize(
    ("case", "ends_in"),
    [
        ("somebody changed a value just after we did", timedelta(minutes=6)),
        ("a change that is still taking effect", timedelta(minutes=1)),
        ("a maintenance window", timedelta(minutes=59, seconds=30)),
        ("the mapping's budget is spent", timedelta(minutes=30)),
        ("the mapping is being updated", None),
        ("frozen by somebody", None),
    ],
)
def test_a_refusal_says_when_it_ends(case: str, ends_in: timedelta | None) -> None:
    made, seen, policy, around, *_ = WORDS[case]
    here = situation(seen, policy)
    plan = planning.plan("ours", here).model_copy(update={"changes": (made,)})
    guarded_plan = guard(plan, here, around)
    ends = None if ends_in is None else NOW + ends_in
    assert guarded_plan.changes[0].ruling.until == ends
    assert free_at(guarded_plan) == ends


def test_a_change_says_what_makes_it_safe() -> None:
    here = situation(poison(), quarantine_arn=QUARANTINE, destination_usable=True)
    wish = planning.plan("ours", here)
    assert {made.setting: made.safe_only_with for made in wish.changes} == {
        "bisect_on_error": (),
        "maximum_retry_attempts": ("on_failure_destination",),
        "on_failure_destination": ("maximum_retry_attempts",),
        "parallelization_factor": ("maximum_retry_attempts",),
    }


def test_first_aid_does_not_wait_for_a_remedy_that_is_held_back() -> None:
    policy = Policy(remedies={FACTORS: RemedyPolicy(autonomy=Autonomy.APPROVE)})
    here = situation(expiring(), policy)
    allowed = guard(planning.plan("ours", here), here, CALM).allowed
    assert [made.setting for made in allowed] == ["retention_hours"]


def test_one_plan_does_not_overspend_a_budget_by_its_second_change() -> None:
    policy = Policy(budget=Budget(per_target=1))
    here = situation(expiring(), policy)
    guarded = guard(planning.plan("ours", here), here, CALM)
    assert [made.setting for made in guarded.allowed] == ["retention_hours"]
    assert guarded.changes[1].ruling.guardrail == "budget"


@pytest.mark.parametrize(
    ("case", "again"),
    [
        ("a change that is still taking effect", True),
        ("the mapping is being updated", True),
        ("a maintenance window", True),
        ("downstream is in ALARM", False),
        ("stopped on purpose stays so", False),
        ("another journal has the account", False),
        ("nothing against it", False),
    ],
)
def test_a_no_that_ends_by_itself_is_worth_another_look(case: str, again: bool) -> None:
    made, seen, policy, around, *_ = WORDS[case]
    here = situation(seen, policy)
    plan = planning.plan("ours", here).model_copy(update={"changes": (made,)})
    assert comes_back(guard(plan, here, around)) is again


@pytest.mark.parametrize(
    ("around", "policy", "held"),
    [
        pytest.param(CALM, Policy(), False, id="may be undone"),
        pytest.param(CALM._replace(mode=Mode.PLAN), Policy(), True, id="mode plan"),
        pytest.param(CALM, Policy(freeze=True), True, id="frozen"),
        pytest.param(CALM, Policy(maintenance_windows=(NOON,)), True, id="maintenance"),
    ],
)
def test_to_undo_is_a_change_too(around: Circumstances, policy: Policy, held: bool) -> None:
    assert bool(undo_held_back(policy, around)) is held


def test_a_window_over_midnight_ends_in_the_morning() -> None:
    night = MaintenanceWindow.model_validate({"name": "night", "start": "22:00", "end": "04:00"})
    covered = [hour for hour in range(24) if night.covers(datetime(2026, 11, 23, hour, tzinfo=UTC))]
    assert covered == [0, 1, 2, 3, 22, 23]


@pytest.mark.parametrize("written", ["isolatd", "errors rose from 0% to 20%"])
def test_a_detail_that_is_not_known_decides_nothing(written: str) -> None:
    """What an older version wrote as prose is read, and proves nothing."""
    read = Diagnosis.model_validate({"cause": "poison_record", "path": [], "detail": written})
    assert read.detail is Detail.NONE
    here = case_of(poison(), read, DEFAULTS, quarantine_arn=QUARANTINE)
    assert rule(RETRIES, here, CALM).ruling.guardrail == "discard"


def test_a_detail_is_text_in_a_report() -> None:
    told = Diagnosis(cause=Cause.UNKNOWN, path=()).model_dump(mode="json")
    assert told["detail"] == ""
    assert told["proven"] is False
