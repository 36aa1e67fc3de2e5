"""An incident as the journal has it, from the alarm to the end: what a report is told from."""

from datetime import datetime, timedelta
from typing import Any

from remediator.model import (
    Alarm,
    AlarmState,
    Change,
    Evidence,
    Incident,
    Mode,
    Option,
    Report,
    Watched,
)
from remediator.policy import Policy
from remediator.runbook.turn import TOLD
from remediator.state import (
    ChangeState,
    Entry,
    EntryKind,
    IncidentState,
    Snapshot,
    Stage,
    TrackedChange,
)
from remediator.wiring import offline
from tests.changes import change
from tests.evidence import ACCOUNT, NOW, PIPELINES, REGION, bundle, evidence, target

INCIDENT = "inc-0123456789abcdef0123"
ALARMED = Incident(
    incident_id=INCIDENT,
    at=NOW - timedelta(minutes=9),
    account_id=ACCOUNT,
    region=REGION,
    alarm=Alarm(name="orders-iterator-age", state=AlarmState.ALARM, late_after_seconds=60),
    watched=Watched(function="orders"),
)
LATER = NOW + timedelta(minutes=30)
LANES = change("parallelization_factor", 1, 8)


# As it might be: what is foreseen is not what these tests are about.
FORECAST = (
    Option(option="nothing", drains_in_seconds=504, backlog_records=454, arrival_per_second=0.1),
    Option(
        option="parallelization_factor 2",
        drains_in_seconds=428,
        capacity_per_second=2,
        note="needs distinct partition keys; a single hot key gains nothing",
    ),
    Option(option="parallelization_factor 8", drains_in_seconds=240, capacity_per_second=8),
    Option(
        option="split_shards",
        drains_in_seconds=504,
        note="the present backlog stays in the parent shards and does not drain faster",
    ),
)


def planned(pipeline: str) -> Report:
    """The plan at the incident's first look."""
    asked = ALARMED.model_copy(update={"alarm": None, "mode": Mode.PLAN})
    found = offline(bundle(PIPELINES[pipeline]()), Policy(), None).respond(asked)
    return found.model_copy(update={"forecast": FORECAST}) if pipeline == "slow-consumer" else found


def tracked(change: Change, state: ChangeState, **said: Any) -> TrackedChange:
    return TrackedChange(change=change, state=state, at=NOW, turn=1, **said)


def state(*changes: TrackedChange, **said: Any) -> IncidentState:
    """The incident's memory."""
    kept = {
        "incident_id": INCIDENT,
        "account_id": ACCOUNT,
        "region": REGION,
        "incident": ALARMED,
        "target": target(),
        "stage": Stage.CLOSED,
        "opened_at": ALARMED.at,
        "updated_at": LATER,
        "turn": 1,
        "before": Snapshot(at=NOW, age_seconds=630),
        "forecast_drains_in_seconds": 240.0,
        "changes": changes,
        "recovered_at": NOW + timedelta(minutes=5),
        "diagnosis": planned("slow-consumer").diagnosis,
    }
    return IncidentState.model_validate(kept | said)


def restored() -> IncidentState:
    """Raised, recovered, and put back."""
    ended = NOW + timedelta(minutes=20)
    return state(tracked(LANES, ChangeState.UNDONE, ended_at=ended))


def kept() -> IncidentState:
    """Raised, recovered, and kept on purpose."""
    return state(tracked(LANES, ChangeState.APPLIED, kept="today's load needs it"))


def entries(pipeline: str = "slow-consumer") -> tuple[Entry, ...]:
    """What was noted on the way."""
    report = planned(pipeline)
    assert report.guarded_plan is not None
    told = report.model_dump(mode="json", include=TOLD, exclude_defaults=True)
    results = [{"change": LANES.model_dump(mode="json"), "status": "applied", "detail": ""}]
    outcome = {"status": "applied", "reason": "", "results": results, "told": told}
    ended = {"status": "recorded", "told": {"forecast_error_seconds": -55.0}}
    change = LANES.model_dump(mode="json")
    diagnosis = report.diagnosis.model_dump(mode="json") if report.diagnosis else {}
    rulings = [one.model_dump(mode="json") for one in report.guarded_plan.changes]
    facts: list[tuple[datetime, EntryKind, dict[str, Any]]] = [
        (ALARMED.at, EntryKind.INCIDENT, ALARMED.model_dump(mode="json")),
        (NOW, EntryKind.EVIDENCE, {"age_seconds": 630.0, "backlog_records": 454.0}),
        (NOW, EntryKind.DIAGNOSIS, diagnosis),
        *((NOW, EntryKind.RULING, one) for one in rulings),
        (NOW, EntryKind.OUTCOME, outcome),
        (NOW, EntryKind.APPLIED, change),
        (NOW + timedelta(minutes=5), EntryKind.EVIDENCE, {"age_seconds": 20.0}),
        (NOW + timedelta(minutes=5), EntryKind.VERDICT, {"verdict": "recovered"}),
        (NOW + timedelta(minutes=5), EntryKind.OUTCOME, ended),
        (NOW + timedelta(minutes=20), EntryKind.UNDONE, change),
    ]
    return tuple(
        Entry(incident_id=INCIDENT, kind=kind, at=at, data=data, number=number)
        for number, (at, kind, data) in enumerate(facts, start=1)
    )


def readings() -> Evidence:
    """What CloudWatch has of its time: half an hour before, half an hour after."""
    climb = [400.0] * 20 + [60_000.0 * n for n in range(1, 11)]
    fall = [max(400.0, 600_000 - 130_000 * n) for n in range(1, 31)]
    return evidence(at=LATER, iterator_age_ms=[*climb, *fall], parallelization_factor=8)
