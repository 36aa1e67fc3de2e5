"""Enhanced fan-out as a lever: when it is one, from when it reads, how it is judged and taken back;
and the looks while it is half way."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from remediator.arns import successor_name
from remediator.decide import planning
from remediator.decide.effects import effect, snapshot
from remediator.decide.guardrails import Circumstances, Undo, guard, guard_undo
from remediator.decide.remedies import Pass, fan_out
from remediator.decide.restoring import to_restore
from remediator.decide.verification import judge
from remediator.errors import TemporaryError
from remediator.events.requests import FollowUpDue, Rollback
from remediator.evidence.signals import measure
from remediator.execution.takeover import starts_at
from remediator.model import (
    Cause,
    Change,
    Decision,
    Detail,
    Diagnosis,
    Evidence,
    KeySample,
    Mode,
    RemedyName,
    Report,
    SourceKind,
    Status,
    Target,
    VerdictName,
)
from remediator.policy import Autonomy, Limits, Policy, RemedyPolicy
from remediator.ports import Notice, Notifier, Scheduler, Sensor
from remediator.runbook.by_hand import roll_back
from remediator.runbook.follow_up import follow_up
from remediator.runbook.session import Deployment, Session
from remediator.state import ChangeState, TrackedChange
from tests.evidence import NOW, aged, case_of, climbing, read_contention, since
from tests.histories import freeze
from tests.stepwise import ID
from tests.test_takeover import AFTER, BEFORE, NEW, OLD, Account, Incident, handed_over, there
from tests.watching import state

CONTENDED = Diagnosis(cause=Cause.READ_CONTENTION, detail=Detail.CALLS, path=())
FREE = Policy(remedies={RemedyName.ENHANCED_FAN_OUT: RemedyPolicy(autonomy=Autonomy.AUTO)})
CALM = Circumstances(now=NOW, incident_id="inc", mode=Mode.APPLY)


def proposed(seen: Evidence, policy: Policy = FREE) -> tuple[Change, ...] | Pass:
    return fan_out.propose(case_of(seen, CONTENDED, policy))


def moved(seen: Evidence) -> Change:
    said = proposed(seen)
    assert not isinstance(said, Pass)
    (change,) = said
    return change


def test_a_takeover_is_not_for_a_lag_that_is_less_than_what_it_would_read_again() -> None:
    """All since a quarter of an hour before the oldest record, though reads are refused."""
    age = climbing(0.05, 10)
    seen = read_contention(**aged(age))
    refused = proposed(seen)
    assert isinstance(refused, Pass)
    assert "read again first" in refused.reason


def test_it_begins_before_the_oldest_record_that_waits_and_before_the_age_began_to_climb() -> None:
    seen = read_contention()
    change, signals = moved(seen), case_of(seen, CONTENDED, FREE).signals
    begins = starts_at(change.after)
    assert signals.onset is not None
    assert signals.age_seconds is not None
    assert begins <= signals.onset - fan_out.OVERLAP
    assert begins <= NOW - timedelta(seconds=signals.age_seconds) - fan_out.OVERLAP
    assert change.resource.id.endswith(
        f"/consumer/{successor_name(seen.target.event_source_mapping)}"
    )
    assert any("KPL" in said for said in change.caveats)
    assert any("processed twice" in said for said in change.caveats)
    assert any("UUID" in said for said in change.caveats)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"kind": SourceKind.DYNAMODB}, "no enhanced fan-out"),
        ({"tumbling_window_seconds": 60}, "tumbling window"),
        ({"starting_position": "LATEST"}, "no way back"),
        ({"maximum_record_age_seconds": 600}, "older than 600 s"),
        ({"not_to_copy": ("LoggingConfig",)}, "LoggingConfig"),
        ({"registered_consumers": 20}, "20 consumers"),
        ({"registered_consumers": 15, "queue_count": 5}, "20 consumers"),
        ({"registered_consumers": None}, "were not seen"),
    ],
    ids=[
        "table",
        "window",
        "latest",
        "an age that a takeover would pass",
        "unknown setting",
        "full",
        "full of queues",
        "not counted",
    ],
)
def test_where_it_does_not_fit_it_says_why(said: Mapping[str, Any], why: str) -> None:
    found = proposed(read_contention(**said))
    assert isinstance(found, Pass)
    assert why in found.reason


def test_a_record_age_that_is_far_is_no_reason_against_a_takeover() -> None:
    found = moved(read_contention(maximum_record_age_seconds=14_400))
    assert found.after != found.before


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ({"consumer_arn": "arn:…/consumer/a:1"}, "already"),
        ({"source_arn": "arn:aws:kinesis:eu-west-1:999999999999:stream/orders"}, "another account"),
    ],
    ids=["its own already", "another account's stream"],
)
def test_nor_where_another_reads_already_or_the_stream_is_somebody_else_s(
    target: Mapping[str, str], why: str
) -> None:
    seen = read_contention()
    seen = seen.model_copy(update={"target": seen.target.model_copy(update=target)})
    found = proposed(seen)
    assert isinstance(found, Pass)
    assert why in found.reason


def test_nor_where_a_sample_shows_that_producers_aggregate() -> None:
    sample = KeySample(shard_id="shardId-000000000000", records=100, aggregated=3)
    found = proposed(read_contention().model_copy(update={"key_sample": sample}))
    assert isinstance(found, Pass)
    assert "KPL" in found.reason


def test_the_policy_says_how_many_consumers_a_stream_may_have() -> None:
    seen = read_contention(registered_consumers=20)
    assert not isinstance(proposed(seen, Policy(limits=Limits(stream_consumers=50))), Pass)


def test_a_person_is_asked_by_default_and_nobody_where_the_policy_says_so() -> None:
    for policy, decision in ((Policy(), Decision.APPROVE), (FREE, Decision.ALLOW)):
        here = case_of(read_contention(on_demand=True), CONTENDED, policy)
        wish = planning.plan("inc", here)
        (ruled,) = guard(wish, here, CALM).changes
        assert (ruled.change.remedy, ruled.ruling.decision) == (fan_out.NAME, decision)


# --- verdict, restoring, undoing -----------------------------------------------------------------


def handed(seen: Evidence) -> tuple[Evidence, TrackedChange]:
    """The pipeline since another mapping reads it, and the change."""
    change = moved(read_contention())
    target = seen.target.model_copy(
        update={"event_source_mapping": NEW, "consumer_arn": f"{change.resource.id}:1"}
    )
    tracked = TrackedChange(
        change=change, state=ChangeState.APPLIED, at=NOW - timedelta(minutes=20), turn=1
    )
    return seen.model_copy(update={"target": target}), tracked


def test_it_works_where_more_is_read_than_before() -> None:
    before = snapshot(NOW - timedelta(minutes=25), measure(read_contention(), FREE.thresholds))
    seen, tracked = handed(
        read_contention(pushed_records=since(15, 60_000, 0), iterator_age_ms=300_000)
    )
    known = state(1200, change=tracked.change, before=before)
    shown = effect(known, seen, NOW, FREE)
    verdict = judge(before, NOW, measure(seen, FREE.thresholds), FREE, seen=shown, raised=False)
    assert verdict.verdict is VerdictName.IMPROVING
    assert "consumer of its own" in verdict.because


def test_one_that_reads_nothing_long_after_is_worse_than_the_old_one() -> None:
    seen, tracked = handed(read_contention(invocations=since(30, 0, 60)))
    known = state(1500, change=tracked.change)
    shown = effect(known, seen, NOW, FREE)
    verdict = judge(None, NOW, measure(seen, FREE.thresholds), FREE, seen=shown, raised=False)
    assert verdict.verdict is VerdictName.WORSE
    assert "read nothing" in verdict.because


def test_once_all_is_quiet_it_stays_since_to_go_back_would_read_again() -> None:
    seen, tracked = handed(read_contention())
    back, stays = to_restore(state(None, changes=(tracked,)), case_of(seen, CONTENDED, FREE))
    assert back == []
    assert "again" in stays[0].because


@pytest.mark.parametrize(
    ("why", "result", "decision"),
    [
        (Undo.HARM, "OK", Decision.APPROVE),
        (Undo.RESTORE, "OK", Decision.APPROVE),
        (Undo.BY_HAND, "OK", Decision.ALLOW),
        (Undo.HARM, "PROBLEM: the role may not subscribe", Decision.ALLOW),
    ],
    ids=["harm", "restore", "by hand", "it was never let read"],
)
def test_what_would_be_read_again_is_a_person_s_to_say(
    why: Undo, result: str, decision: Decision
) -> None:
    seen, tracked = handed(read_contention(last_processing_result=result))
    here = case_of(seen, CONTENDED, FREE)
    (ruled,) = guard_undo([tracked], here, CALM, why).changes
    assert ruled.ruling.decision is decision


# --- looks half way ------------------------------------------------------------------------------


@dataclass
class Looks:
    """The runbook on that small account; its sensor notes whom it is asked for, and is busy."""

    incident: Incident
    mode: Mode = Mode.APPLY
    asked: list[Target] = field(default_factory=list)
    woken: list[datetime] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def account(self) -> Account:
        return self.incident.account

    def session(self) -> Session:
        return Session(
            sensor=cast("Sensor", self),
            actuator=self.account,
            policy=FREE.model_copy(update={"mode": self.mode}),
            deployment=Deployment(self.mode),
            clock=lambda: self.account.now,
            journal=self.incident.journal,
            scheduler=cast("Scheduler", self),
            notifier=cast("Notifier", self),
        )

    def look(self) -> Report:
        self.account.pass_time(61)
        number = self.incident.state.follow_up_number + 1
        due = FollowUpDue(incident_id=ID, number=number)
        return follow_up(self.session(), due)

    def take_back(self) -> Report:
        return roll_back(self.session(), Rollback(incident_id=ID, by="ada"))

    def read(self, target: Target, *_: object) -> Evidence:
        self.asked.append(target)
        raise TemporaryError("throttled")

    def schedule(self, _: str, at: datetime, payload: Mapping[str, Any]) -> None:
        if "watch" not in payload:
            self.woken.append(at)

    failed = 0

    def notify(self, notice: Notice) -> None:
        self.told.append(notice.kind)


def begun() -> Looks:
    incident = Incident()
    incident.make()
    return Looks(incident)


def test_half_way_nothing_is_concluded_from_what_shows_and_it_is_looked_soon() -> None:
    looks = begun()
    report = looks.look()
    assert (report.outcome.status, looks.asked) == (Status.RECORDED, [])
    assert "register_consumer" in report.outcome.reason
    assert looks.woken[-1] - looks.account.now <= timedelta(seconds=60)


def test_once_it_has_arrived_the_look_is_at_the_mapping_that_reads() -> None:
    looks = begun()
    while not looks.asked:
        with suppress(TemporaryError):
            looks.look()
    assert there(looks.account) == AFTER
    assert [(one.event_source_mapping, one.known_as) for one in looks.asked] == [(NEW, OLD)]


@pytest.mark.parametrize("mode", [Mode.PLAN, Mode.APPLY], ids=["a lower mode", "a freeze"])
def test_a_stop_half_way_is_told_once_and_nothing_is_written(mode: Mode) -> None:
    looks = begun()
    written = list(looks.account.written)
    looks.mode = mode
    if mode is Mode.APPLY:
        looks.incident.journal.freeze(freeze())
    for _ in range(3):
        report = looks.look()
        assert report.outcome.status is Status.BLOCKED
    assert looks.account.written == written
    assert looks.told == ["blocked"]


def test_a_person_s_rollback_half_way_goes_back_at_once() -> None:
    looks = begun()
    looks.take_back()
    for _ in range(8):
        if looks.incident.life is ChangeState.UNDONE:
            break
        looks.look()
    assert (there(looks.account), looks.incident.life) == (BEFORE, ChangeState.UNDONE)
    assert not looks.incident.state.open


def test_a_person_s_rollback_of_a_closed_incident_goes_back_as_well() -> None:
    looks = Looks(handed_over())
    looks.take_back()
    for _ in range(8):
        if looks.incident.life is ChangeState.UNDONE:
            break
        looks.look()
    assert there(looks.account) == BEFORE
