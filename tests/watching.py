"""An incident that is watched: what was made, and what is measured since."""

from datetime import timedelta
from typing import Any

from remediator.decide.effects import Effect
from remediator.decide.verification import judge
from remediator.evidence.signals import Signals
from remediator.model import (
    Cause,
    Change,
    Diagnosis,
    FollowUpDecision,
    Incident,
    RemedyName,
    VerdictName,
)
from remediator.policy import Policy
from remediator.state import ChangeState, IncidentState, Snapshot, Stage, TrackedChange
from tests.changes import change
from tests.evidence import NOW, target

DEFAULTS = Policy()
MAPPING_CHANGE = change("parallelization_factor", 1, 10)
FUNCTION_CHANGE = change("reserved_concurrency", 1, 10)

ISOLATING = MAPPING_CHANGE.model_copy(
    update={"remedy": RemedyName.ISOLATE_POISON, "setting": "bisect_on_error"}
)

BOUNDING = ISOLATING.model_copy(update={"setting": "maximum_retry_attempts", "before": -1})


def seconds_ago(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def state(
    made_seconds_ago: float | None = 600,
    change: Change = MAPPING_CHANGE,
    found: Diagnosis | None = None,
    made: ChangeState = ChangeState.APPLIED,
    **said: Any,
) -> IncidentState:
    """An incident with a slow consumer whose factor was raised some time ago; ``None``: not."""
    found = found or Diagnosis(cause=Cause.SLOW_CONSUMER, path=())
    changes = (
        ()
        if made_seconds_ago is None
        else (TrackedChange(change=change, state=made, at=NOW - seconds_ago(made_seconds_ago)),)
    )
    known: dict[str, Any] = {
        "incident_id": "inc",
        "account_id": "111122223333",
        "region": "eu-west-1",
        "incident": Incident(incident_id="inc", at=NOW - seconds_ago(900)),
        "target": target(),
        "stage": Stage.WATCHING,
        "opened_at": NOW - seconds_ago(900),
        "updated_at": NOW,
        "changes": changes,
        "cause": found.cause,
        "diagnosis": found,
    }
    return IncidentState(**known | said)


BEFORE = Snapshot(
    at=NOW - seconds_ago(600),
    age_seconds=600,
    age_slope=0.8,
    error_share=0.0,
    throttle_share=0.0,
    duration_ms=1000,
    concurrency=1,
    successes_per_minute=60,
    lane_rate=1.0,
    busy_lanes=1.0,
    processed_per_second=1.0,
)
HEALTHY: dict[str, Any] = {
    "age_slope": 0.8,
    "error_share": 0.0,
    "throttle_share": 0.0,
    "duration_ms": 1000.0,
    "concurrency": 1.0,
    "successes_per_minute": 60.0,
    "lane_rate": 1.0,
    "processed_per_second": 1.0,
    "falling": False,
}


def signals(age_seconds: float | None, **said: Any) -> Signals:
    return Signals(**HEALTHY | {"age_seconds": age_seconds} | said)


def tracked(change: Change = MAPPING_CHANGE, made_seconds_ago: float = 600) -> TrackedChange:
    at = NOW - seconds_ago(made_seconds_ago)
    return TrackedChange(change=change, state=ChangeState.APPLIED, at=at)


def shown(after: Signals, minutes: int = 3, *changes: Change) -> Effect:
    """What is seen of some changes in so many whole minutes."""
    return Effect(tuple(map(tracked, changes or (MAPPING_CHANGE,))), minutes, after)


def verdict(
    after: Signals, before: Snapshot | None = BEFORE, *, minutes: int = 3, **known: Any
) -> VerdictName:
    seen = shown(after, minutes)
    return judge(before, NOW, after, DEFAULTS, seen=seen, **known).verdict


def after_an_undo(undone_seconds_ago: float) -> IncidentState:
    """A reservation, and a factor that was raised in the next turn and is taken back."""
    older = tracked(FUNCTION_CHANGE, 1500).model_copy(update={"turn": 1})
    undone = {"turn": 2, "state": ChangeState.UNDONE}
    undone |= {"ended_at": NOW - seconds_ago(undone_seconds_ago)}
    newer = tracked(MAPPING_CHANGE, 900).model_copy(update=undone)
    return state(turn=2).model_copy(update={"changes": (older, newer)})


R, I, U, W, E = (  # noqa: E741 - one letter a verdict keeps the table narrow
    VerdictName.RECOVERED,
    VerdictName.IMPROVING,
    VerdictName.UNCHANGED,
    VerdictName.WORSE,
    VerdictName.TOO_EARLY,
)
D = FollowUpDecision
