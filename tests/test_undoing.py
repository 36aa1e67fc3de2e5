"""To put a value back is a change like any other: guarded the same, and nothing is lost by it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediator.decide.case import Case
from remediator.decide.diagnosis import diagnose
from remediator.decide.effects import Effect, snapshot
from remediator.decide.guardrails import GUARDRAILS, Circumstances, Undo, guard_undo, rule
from remediator.decide.guardrails.undoing import LIFTED, put_back
from remediator.decide.verification import judge
from remediator.events.requests import Approve, Rollback
from remediator.evidence.signals import measure
from remediator.model import (
    Change,
    Decision,
    Evidence,
    GuardedPlan,
    Mode,
    Reader,
    RemedyName,
    Resource,
    ResourceKind,
    Ruling,
    Status,
    Value,
    VerdictName,
)
from remediator.policy import Autonomy, Cooldown, Policy, Thresholds
from remediator.state import AccountLedger, ChangeState, Spent, Stage, TrackedChange
from tests.anything import CIRCUMSTANCES, POLICIES, blinded, evidences
from tests.evidence import MAPPING, NOW, QUARANTINE, STREAM_ARN, case_of, evidence, poison, since
from tests.lives import BOUNDED, acted, alarmed, factor, started, state_of
from tests.small_account import Weather
from tests.small_lambda import Host

CALM = Circumstances(now=NOW, incident_id="ours", mode=Mode.APPLY, mapping_known=True)
LANES = Resource(kind=ResourceKind.EVENT_SOURCE_MAPPING, id=MAPPING)
STREAM = Resource(kind=ResourceKind.STREAM, id=STREAM_ARN)
FUNCTION = Resource(kind=ResourceKind.FUNCTION, id="orders")
RANGE = Resource(kind=ResourceKind.HASH_RANGE, id=f"{STREAM_ARN}#0-1")


def ours(
    resource: Resource, setting: str, before: Value, after: Value, remedy: RemedyName | None = None
) -> TrackedChange:
    change = Change(
        remedy=remedy or RemedyName.RAISE_PARALLELIZATION_FACTOR,
        resource=resource,
        setting=setting,
        before=before,
        after=after,
    )
    return TrackedChange(
        change=change, state=ChangeState.APPLIED, at=NOW - timedelta(hours=1), turn=1
    )


FACTOR = ours(LANES, "parallelization_factor", 1, 4)
RETRIES = ours(LANES, "maximum_retry_attempts", -1, 3, RemedyName.ISOLATE_POISON)
DESTINATION = ours(LANES, "on_failure_destination", None, QUARANTINE, RemedyName.ISOLATE_POISON)
RETENTION = ours(STREAM, "retention_hours", 24, 168, RemedyName.EXTEND_RETENTION)
AGE = ours(LANES, "maximum_record_age_seconds", 60, -1)
SPLIT = ours(RANGE, "shards", 1, 2, RemedyName.SPLIT_SHARDS)
RESERVED = ours(FUNCTION, "reserved_concurrency", 2, 8, RemedyName.RAISE_RESERVED_CONCURRENCY)
ANY_OF_OURS = (FACTOR, RETRIES, DESTINATION, RETENTION, AGE, SPLIT, RESERVED)


def situation(seen: Evidence, policy: Policy) -> Case:
    return case_of(seen, diagnose(seen, policy), policy, destination_usable=True)


def undone(
    which: Sequence[TrackedChange],
    seen: Evidence,
    why: Undo = Undo.RESTORE,
    policy: Policy | None = None,
    around: Circumstances = CALM,
) -> GuardedPlan:
    here = situation(seen, policy or Policy())
    return guard_undo(which, here, around, why, captured=which)


def word(
    which: Sequence[TrackedChange], seen: Evidence, why: Undo = Undo.RESTORE, **said: Any
) -> Ruling:
    """The ruling on the last of them."""
    return undone(which, seen, why, **said).changes[-1].ruling


def settled(**said: Any) -> Evidence:
    """A healthy pipeline after an isolation."""
    return evidence(**{"maximum_retry_attempts": 3, "on_failure_destination": QUARANTINE, **said})


# --- retention -----------------------------------------------------------------------------------


@pytest.mark.parametrize("why", [Undo.RESTORE, Undo.HARM])
def test_retention_is_never_lowered_by_itself(why: Undo) -> None:
    said = word([RETENTION], evidence(retention_hours=168), why)
    assert (said.decision, said.guardrail) == (Decision.BLOCK, "retention_stays")
    assert "168 h until a person lowers it" in said.reason


HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("said", "why"),
    [
        pytest.param({"iterator_age_ms": 30 * HOUR_MS}, "this mapping is", id="we are behind"),
        pytest.param(
            {"stream_iterator_age_ms": 40 * HOUR_MS}, "slowest reader is", id="another is behind"
        ),
        pytest.param(
            {"stream_iterator_age_ms": None}, "not seen: how far", id="the stream is unseen"
        ),
        pytest.param({"readers": None}, "behind any other reader", id="readers are unseen"),
        pytest.param(
            {"maximum_retry_attempts": 3, "on_failure_destination": QUARANTINE},
            "messages hold metadata",
            id="what was given up is in the stream only",
        ),
    ],
)
def test_a_person_s_rollback_does_not_lower_it_either_while_it_is_needed(
    said: dict[str, Any], why: str
) -> None:
    ruled = word([RETENTION], evidence(retention_hours=168, **said), Undo.BY_HAND)
    assert ruled.decision is Decision.BLOCK
    assert why in ruled.reason


def test_a_reader_that_no_metric_shows_keeps_the_retention() -> None:
    seen = evidence(retention_hours=168).model_copy(
        update={"readers": (Reader(name="archive", shared_throughput=False),)}
    )
    assert "reader archive" in word([RETENTION], seen, Undo.BY_HAND).reason


def test_records_that_we_had_captured_keep_the_retention() -> None:
    gone = RETRIES.model_copy(update={"state": ChangeState.UNDONE})
    here = situation(evidence(retention_hours=168), Policy())
    ruled = guard_undo([RETENTION], here, CALM, Undo.BY_HAND, captured=[gone, RETENTION])
    assert "metadata" in ruled.changes[0].ruling.reason


def test_a_person_lowers_it_once_nothing_older_is_needed() -> None:
    assert word([RETENTION], evidence(retention_hours=168), Undo.BY_HAND).decision is Decision.ALLOW


# --- what captures -------------------------------------------------------------------------------


def test_the_destination_goes_with_the_retries_that_it_was_for() -> None:
    assert undone([DESTINATION, RETRIES], settled()).awaiting_approval == ()
    assert len(undone([DESTINATION, RETRIES], settled()).allowed) == 2


@pytest.mark.parametrize(
    ("which", "said"),
    [
        pytest.param([DESTINATION], {}, id="retries stay bounded"),
        pytest.param([DESTINATION, RETRIES], {"errors": 5}, id="something fails"),
        pytest.param([DESTINATION, RETRIES], {"errors": None}, id="failures are unseen"),
        pytest.param([DESTINATION, RETRIES], {"max_record_kib": 10_240}, id="large records"),
        pytest.param(
            [DESTINATION, RETRIES], {"maximum_record_age_seconds": 600}, id="given up for age"
        ),
    ],
)
@pytest.mark.parametrize("why", list(Undo))
def test_the_destination_stays_while_something_may_still_be_given_up(
    which: Sequence[TrackedChange], said: dict[str, Any], why: Undo
) -> None:
    ruled = word(which, settled(**said), why)
    assert (ruled.decision, ruled.guardrail) == (Decision.BLOCK, "destination_in_use")


def test_what_bounds_goes_back_though_what_captures_stays() -> None:
    ruled = undone([DESTINATION, RETRIES], settled(errors=5), Undo.HARM)
    assert [change.setting for change in ruled.allowed] == ["maximum_retry_attempts"]


# --- the same guardrails -------------------------------------------------------------------------


def test_a_mapping_at_latest_is_not_updated_without_approval_to_restore_it() -> None:
    seen = evidence(parallelization_factor=4, starting_position="LATEST")
    for why in (Undo.RESTORE, Undo.HARM):
        assert word([FACTOR], seen, why).decision is Decision.APPROVE
    approved = CALM._replace(approved=True)
    assert word([FACTOR], seen, around=approved).decision is Decision.ALLOW


def test_what_gives_good_records_up_goes_back_at_latest_by_the_approval_that_let_it_be_made() -> (
    None
):
    seen = settled(starting_position="LATEST")
    assert word([RETRIES], seen, Undo.HARM).decision is Decision.APPROVE
    assert word([RETRIES], seen, Undo.GOOD_ONES).decision is Decision.ALLOW


def test_shards_are_not_merged_under_others_without_a_persons_word() -> None:
    for seen in (evidence(shards=2, readers=2), evidence(shards=2, readers=None)):
        assert word([SPLIT], seen).decision is Decision.APPROVE
        assert word([SPLIT], seen, Undo.HARM).decision is Decision.APPROVE


RECENT = Circumstances(
    now=NOW,
    mode=Mode.APPLY,
    mapping_known=True,
    ledger=AccountLedger(
        spent=(
            Spent(
                incident_id="ours",
                mapping=MAPPING,
                remedy=RemedyName.RAISE_PARALLELIZATION_FACTOR,
                at=NOW - timedelta(minutes=5),
            ),
        )
    ),
)


def test_what_did_harm_does_not_wait_for_a_cool_down_and_a_restore_does() -> None:
    seen = evidence(parallelization_factor=4)
    assert word([FACTOR], seen, around=RECENT).guardrail == "cooldown"
    assert word([FACTOR], seen, Undo.HARM, around=RECENT).decision is Decision.ALLOW


def test_the_maximum_record_age_comes_back_only_where_nothing_waits_near_it() -> None:
    busy = evidence(maximum_record_age_seconds=-1)
    assert word([AGE], busy).guardrail == "record_age_returns"
    idle = evidence(maximum_record_age_seconds=-1, incoming_records=0, read_records=0)
    assert word([AGE], idle).decision is Decision.ALLOW
    far = ours(LANES, "maximum_record_age_seconds", 3600, -1)
    assert word([far], busy).decision is Decision.ALLOW


TRIED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@TRIED
@given(
    seen=evidences() | blinded(),
    policy=POLICIES,
    around=CIRCUMSTANCES,
    why=st.sampled_from([Undo.RESTORE, Undo.HARM]),
    which=st.lists(st.sampled_from(ANY_OF_OURS), min_size=1, max_size=4, unique=True),
)
def test_no_undo_loses_records_or_passes_a_guardrail_that_its_change_would_not(
    *,
    seen: Evidence,
    policy: Policy,
    around: Circumstances,
    why: Undo,
    which: list[TrackedChange],
) -> None:
    here = situation(seen, policy)
    ruled = guard_undo(which, here, around, why, captured=which)
    allowed = {change.setting: change for change in ruled.allowed}
    assert "retention_hours" not in allowed
    if "on_failure_destination" in allowed:
        held = seen.mapping.maximum_retry_attempts if seen.mapping else 3
        assert "maximum_retry_attempts" in allowed or held in {-1, 10_000}
    same = {name: check for name, check in GUARDRAILS.items() if name not in LIFTED[why]}
    for change in put_back(which):
        alone = rule(change, here, around, tuple(ruled.allowed), guardrails=same)
        assert alone.allowed or change.setting not in allowed


# --- what is given up and not taken --------------------------------------------------------------


@pytest.mark.parametrize("metric", ["dropped_events", "destination_delivery_failures"])
def test_what_no_destination_takes_ends_the_isolation_however_well_it_goes(metric: str) -> None:
    policy = Policy()
    seen = settled(mapping_last_modified=NOW - timedelta(minutes=10), **{metric: since(3, 2)})
    before = snapshot(NOW, measure(poison(), policy.thresholds))
    signals = measure(seen, policy.thresholds)
    for shown in (Effect((RETRIES,)), Effect((RETRIES,), 3, signals)):
        said = judge(before, NOW, signals, policy, seen=shown, bounded=True)
        assert said.verdict is VerdictName.WORSE
        assert "no destination took them" in said.because
    well = judge(before, NOW, signals, policy, seen=Effect((RETRIES,), 3, signals), bounded=False)
    assert well.verdict is VerdictName.RECOVERED


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        pytest.param({"errors": since(4, 12)}, True, id="two records' tries, and nothing succeeds"),
        pytest.param({"errors": since(4, 12), "maximum_retry_attempts": 40}, False, id="not yet"),
        pytest.param({"errors": since(4, 11)}, False, id="something succeeds"),
        pytest.param({"errors": since(4, 12), "maximum_retry_attempts": -1}, False, id="unbounded"),
        pytest.param(
            {
                "errors": 0,
                "reports_partial_batches": True,
                "invoked_events": 60,
                "failed_invoke_events": since(4, 60),
            },
            True,
            id="as the function reports it",
        ),
    ],
)
def test_what_goes_on_failing_after_a_record_was_given_up_is_not_given_up(
    said: dict[str, Any], ends: bool
) -> None:
    """The age falls by what is given up: that is no reason to wait (invariant 2)."""
    policy = Policy()
    falls = {"iterator_age_ms": [300_000.0 - 9_000 * n for n in range(30)], "invocations": 12}
    seen = settled(**(falls | said))
    before, signals = (
        snapshot(NOW, measure(poison(), policy.thresholds)),
        measure(seen, policy.thresholds),
    )
    shown = Effect((RETRIES,), 4, signals)
    told = judge(before, NOW, signals, policy, seen=shown, bounded=True, mapping=seen.mapping)
    assert (told.verdict is VerdictName.WORSE) is ends
    assert ("what is given up now is good" in told.because) is ends


def test_failed_deliveries_of_before_are_those_of_another_use_of_the_function() -> None:
    seen = settled(
        mapping_last_modified=NOW - timedelta(minutes=10), destination_delivery_failures=1
    )
    assert not measure(seen, Thresholds()).lost_events


# --- the whole flow ------------------------------------------------------------------------------


def quiet_again(host: Host) -> None:
    for pipeline in host.account.pipelines.values():
        pipeline.weather = Weather.FAIR
    host.pass_time(7200)


def retention(host: Host) -> Value:
    orders = host.account.pipelines["orders"]
    return orders.settings[ResourceKind.STREAM, "retention_hours"].value


def test_after_recovery_the_retention_stays_and_the_report_says_so() -> None:
    host, incident = acted(Weather.OLD)
    assert retention(host) == 168
    quiet_again(host)
    host.pass_time(6 * 3600)
    assert retention(host) == 168
    assert state_of(host, incident).stage is Stage.CLOSED
    told = [r for r in host.reports if "retention_hours=168" in r.outcome.reason]
    assert told
    assert "until a person lowers it" in told[-1].outcome.reason


def test_a_rollback_by_hand_leaves_the_retention_while_the_oldest_unread_needs_it() -> None:
    host, incident = acted(Weather.OLD)
    host.invoke(Rollback(incident_id=incident, by="ada"))
    assert retention(host) == 168
    outcome = host.reports[-1].outcome
    assert outcome.status is Status.ROLLED_BACK
    assert "retention_hours=168" in outcome.reason
    assert factor(host) == 1


LIVE = BOUNDED.model_copy(update={"cooldown": Cooldown(raise_seconds=240, lower_seconds=600)})


def test_on_a_live_stream_the_factor_stays_for_the_reason_that_is_so() -> None:
    host, incident = acted(Weather.BUSY, LIVE)
    raised = factor(host)
    quiet_again(host)
    assert factor(host) == raised
    reasons = [r.outcome.reason for r in host.reports if f"factor={raised}" in r.outcome.reason]
    assert reasons
    assert all("restarts the mapping" in why and "alarm allows 60 s" in why for why in reasons)
    assert not any("would not carry the load" in why for why in reasons)
    assert state_of(host, incident).open, "it waits for a quiet moment"


def test_in_a_quiet_moment_the_factor_goes_back_at_the_default_threshold() -> None:
    host, incident = acted(Weather.BUSY, LIVE)
    quiet_again(host)
    host.account.pipelines["orders"].weather = Weather.IDLE
    host.pass_time(7200)
    assert factor(host) == 1
    assert state_of(host, incident).stage is Stage.CLOSED


def test_where_no_quiet_moment_comes_it_stays_on_purpose_with_what_makes_it_permanent() -> None:
    host, incident = acted(Weather.BUSY, LIVE)
    raised = factor(host)
    quiet_again(host)
    host.pass_time(24 * 3600)
    assert factor(host) == raised
    assert state_of(host, incident).stage is Stage.CLOSED
    notes = [note for report in host.reports for note in report.notes]
    assert any(f"ParallelizationFactor: {raised}" in note for note in notes)
    assert any(f"remediator rollback {incident}" in note for note in notes)


def test_a_restore_of_a_mapping_at_latest_waits_for_a_persons_word() -> None:
    host = started(Weather.BUSY, LIVE.model_copy(update={"latest_position": Autonomy.APPROVE}))
    host.account.pipelines["orders"].starting_position = "LATEST"
    incident = alarmed(host)
    host.invoke(Approve(incident_id=incident, by="ada"))
    assert factor(host) != 1
    quiet_again(host)
    host.account.pipelines["orders"].weather = Weather.IDLE
    host.pass_time(7200)
    assert factor(host) != 1
    assert state_of(host, incident).pending is not None
    host.invoke(Approve(incident_id=incident, by="ada"))
    assert factor(host) == 1
    assert state_of(host, incident).stage is Stage.CLOSED
