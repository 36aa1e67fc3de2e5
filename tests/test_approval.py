"""What a person has approved is made on the ground on which it was asked for."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import permutations
from typing import Any

from lab.memory_table import memory_journal
from remediator.aws.journal import TableJournal
from remediator.decide.guardrails import Circumstances, Undo, guard, guard_undo
from remediator.decide.learned import saturated
from remediator.decide.planning import plan
from remediator.model import (
    Cause,
    ChangeResult,
    ChangeStatus,
    Diagnosis,
    Evidence,
    GuardedPlan,
    Mode,
    Outcome,
    RemedyName,
    Report,
    Status,
    Verdict,
    VerdictName,
)
from remediator.policy import Autonomy, Policy, RemedyPolicy
from remediator.replay import SavedSensor
from remediator.runbook import acting, memory, undoing
from remediator.runbook.session import Deployment, Session
from remediator.runbook.turn import Turn
from remediator.state import IncidentState, Spent, Stage
from tests.evidence import NOW, QUARANTINE, case_of, climbing, evidence, poison, slow_consumer
from tests.histories import state
from tests.test_gone import Clockwork, Hand
from tests.test_proof import found_in, probed
from tests.test_undoing import LANES, ours

POLICY = Policy(mode=Mode.APPLY)
BOUNDS = "maximum_retry_attempts"
BEFORE = {
    BOUNDS: -1,
    "on_failure_destination": None,
    "parallelization_factor": 2,
    "bisect_on_error": False,
}


class Sensor(SavedSensor):
    """Saved evidence, and a destination that is there."""

    def destination_exists(self, arn: str) -> bool | None:
        return arn == QUARANTINE


def proven() -> Evidence:
    """What succeeds since the probe shows the function healthy; an update has to be asked for."""
    return probed(8, errors=[0] * 10 + [60] * 12 + [30] * 8, starting_position="LATEST")


def undecided() -> Evidence:
    return probed(12, starting_position="LATEST")


def asked(seen: Evidence, policy: Policy = POLICY) -> GuardedPlan:
    here = case_of(seen, found_in(seen), policy, quarantine_arn=QUARANTINE, destination_usable=True)
    around = Circumstances(now=NOW, incident_id="incident-1", mode=Mode.APPLY, mapping_known=True)
    return guard(plan("incident-1", here), here, around)


def _session(seen: Evidence, hand: Hand, journal: TableJournal) -> Session:
    return Session(
        sensor=Sensor(seen),
        actuator=hand,
        policy=POLICY,
        deployment=Deployment(mode=Mode.APPLY, quarantine_arn=QUARANTINE),
        clock=lambda: NOW,
        journal=journal,
        scheduler=Clockwork(),
    )


def slow() -> Evidence:
    return slow_consumer(starting_position="LATEST")


def _as_ada_says(
    make: Callable[[Turn, GuardedPlan, str], Report],
    pending: GuardedPlan,
    seen: Evidence,
    hand: Hand,
    journal: TableJournal,
) -> tuple[Hand, Status, IncidentState]:
    """Her word on the incident that the journal holds, and what that has become."""
    there = journal.load("incident-1")
    lease = journal.acquire(seen.target.event_source_mapping, "me", NOW, 60)
    assert there is not None
    assert lease is not None
    report = make(Turn(_session(seen, hand, journal), there, lease), pending, "ada")
    after = journal.load("incident-1")
    assert after is not None
    return hand, report.outcome.status, after


def approved(
    asked_on: Evidence, made_on: Evidence, **said: Any
) -> tuple[Hand, Status, IncidentState]:
    """A plan that was asked for on one reading, and is approved on another."""
    pending = asked(asked_on)
    assert pending.awaiting_approval
    lanes = made_on.mapping.parallelization_factor if made_on.mapping else 0
    hand, journal = Hand({**BEFORE, "parallelization_factor": lanes}), memory_journal()
    target = asked_on.target
    journal.begin(
        state(mapping=target.event_source_mapping).model_copy(
            update={
                "target": target,
                "mapping_seen": made_on.mapping,
                "stage": Stage.AWAITING_APPROVAL,
                "pending": pending,
                "pending_until": NOW + timedelta(hours=1),
            }
            | said
        )
    )
    return _as_ada_says(acting.approved, pending, made_on, hand, journal)


def test_bounded_retries_that_were_approved_as_proven_are_made_while_it_is_proven() -> None:
    hand, status, after = approved(proven(), proven())
    assert status is Status.APPLIED
    assert hand.held["on_failure_destination"] == QUARANTINE
    assert after.in_effect


def test_bounded_retries_that_were_approved_as_proven_are_asked_for_anew_where_it_is_not() -> None:
    hand, status, after = approved(proven(), undecided())
    assert hand.held == BEFORE
    assert status is Status.AWAITING_APPROVAL
    assert after.pending is not None
    assert after.pending.plan.may_capture_good_records


def test_a_split_that_was_approved_is_made_whether_it_looks_like_a_record_or_the_function() -> None:
    """It loses nothing, and is what tells the two apart."""
    fails = partial(poison, starting_position="LATEST")
    a_record = fails(iterator_age_ms=climbing(1.0, 4), errors=[0.0] * 26 + [50.0, 60.0, 60.0, 60.0])
    the_function = fails(iterator_age_ms=climbing(1.0, 12), errors=[0.0] * 18 + [240.0] * 12)
    assert found_in(a_record).cause is Cause.POISON_RECORD
    assert found_in(the_function).cause is Cause.FUNCTION_FAILURE
    for asked_on, made_on in permutations((a_record, the_function)):
        hand, status, _ = approved(asked_on, made_on)
        assert status is Status.APPLIED
        assert hand.held["bisect_on_error"] is True
        assert hand.held[BOUNDS] == BEFORE[BOUNDS]


def test_what_was_approved_is_not_made_once_it_is_known_to_do_harm() -> None:
    """A raise of the same incident was too much for what stands behind the function."""
    assert approved(slow(), slow())[0].held["parallelization_factor"] != 1
    hand, _, after = approved(slow(), slow(), learned=Cause.DOWNSTREAM_SATURATED)
    assert hand.held["parallelization_factor"] == 1
    assert after.cause is Cause.DOWNSTREAM_SATURATED


def test_a_plan_that_people_were_told_of_waits_on_while_a_look_sees_something_else() -> None:
    """What it may do is ruled on when they say yes; what was made meanwhile takes it back."""
    until = NOW + timedelta(hours=1)
    told = state().model_copy(update={"pending": asked(proven()), "pending_until": until})

    def waits(status: Status, *results: ChangeResult, at: datetime = NOW) -> bool:
        outcome = Outcome(status=status, results=results, at=at)
        return memory.waiting(told, POLICY, asked(undecided()), outcome, at)[0] == told.pending

    made = ChangeResult(change=asked(proven()).changes[0].change, status=ChangeStatus.APPLIED)
    assert waits(Status.NOTHING_TO_DO)
    assert waits(Status.ESCALATED)
    assert not waits(Status.APPLIED, made)
    assert not waits(Status.NOTHING_TO_DO, at=until + timedelta(seconds=1))


def test_what_may_capture_good_records_has_a_digest_of_its_own() -> None:
    off = RemedyPolicy(autonomy=Autonomy.OFF)  # what is proven may be drained faster besides
    alone = POLICY.model_copy(update={"remedies": {RemedyName.RAISE_PARALLELIZATION_FACTOR: off}})
    sure, unsure = asked(proven(), alone), asked(undecided(), alone)
    assert {c.setting: c.after for c in sure.proposed} == {
        c.setting: c.after for c in unsure.proposed
    }
    assert sure.digest != unsure.digest


FACTOR = ours(LANES, "parallelization_factor", 1, 4)


def put_back(quiet_since: datetime | None, **said: Any) -> tuple[Hand, Status, IncidentState]:
    """A raise is put back as a person allows, 200 s after it was made.

    The mapping starts at LATEST, so that even what did harm is asked for; meanwhile the raise's
    own cool-down runs."""
    seen = evidence(parallelization_factor=4, starting_position="LATEST")
    here = case_of(seen, found_in(seen), POLICY)
    spent = Spent(
        incident_id="incident-1",
        mapping=seen.target.event_source_mapping,
        remedy=FACTOR.change.remedy,
        at=NOW - timedelta(seconds=200),
        turn=1,
    )
    journal, hand = memory_journal(), Hand({"parallelization_factor": 4})
    at_ease = Circumstances(now=NOW, incident_id="incident-1", mode=Mode.APPLY, mapping_known=True)
    pending = guard_undo([FACTOR], here, at_ease, Undo.HARM)
    assert pending.awaiting_approval
    at = {"account_id": seen.target.account_id, "target": seen.target, "changes": (FACTOR,)}
    more = {
        "quiet_since": quiet_since,
        "mapping_seen": seen.mapping,
        "pending": pending,
        "stage": Stage.AWAITING_APPROVAL,
    }
    journal.begin(state(mapping="mapping-1").model_copy(update=at | more | said))
    ledger = journal.ledger(seen.target.account_id, seen.target.region)
    journal.spend(seen.target.account_id, seen.target.region, NOW, ledger, None, [spent])
    return _as_ada_says(undoing.approved, pending, seen, hand, journal)


def test_a_rollback_of_harm_that_a_person_allows_waits_for_no_cool_down() -> None:
    hand, status, _ = put_back(None)
    assert hand.held == {"parallelization_factor": 1}
    assert status is Status.RESTORED


def test_after_a_rollback_of_harm_that_a_person_allowed_the_incident_is_watched_on() -> None:
    _, _, after = put_back(None)
    assert after.stage is Stage.WATCHING
    assert after.follow_up_at is not None
    assert FACTOR.change.remedy in after.tried


def test_what_a_raise_was_blamed_for_is_learned_where_a_person_takes_it_back() -> None:
    harm = Verdict(verdict=VerdictName.WORSE, because="lanes got slower", saturates=True)
    blamed = saturated(Diagnosis(cause=Cause.SLOW_CONSUMER, path=()), harm)
    _, _, after = put_back(None, diagnosis=blamed, cause=blamed.cause)
    assert after.learned is Cause.DOWNSTREAM_SATURATED
    assert put_back(None)[2].learned is None


def test_after_a_restoring_that_a_person_allowed_the_incident_is_closed() -> None:
    _, _, after = put_back(NOW - timedelta(hours=1))
    assert (after.stage, after.tried) == (Stage.CLOSED, ())
