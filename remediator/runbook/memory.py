"""What an incident's state becomes, and what may be concluded from it. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from remediator.decide import verification
from remediator.errors import PermanentError
from remediator.evidence.signals import MINUTE, alarming_ages
from remediator.model import (
    Answer,
    Cause,
    Change,
    Detail,
    Diagnosis,
    RemedyName,
    Report,
    Status,
    Step,
    Target,
    Verdict,
    VerdictName,
)
from remediator.runbook.desk import Look
from remediator.settings_table import RETRIES, of, raises
from remediator.state import (
    IncidentState,
    Stage,
    TrackedChange,
)

_SLOW = ((Cause.SLOW_CONSUMER, Detail.NONE), (Cause.SLOW_CONSUMER, Detail.CPU_BOUND))
OUTWEIGHED: Mapping[Cause, Sequence[tuple[Cause, Detail]]] = {
    Cause.FUNCTION_FAILURE: (
        (Cause.POISON_RECORD, Detail.SUSPECTED),
        (Cause.POISON_RECORD, Detail.UNDECIDED),
    ),
    Cause.HOT_PARTITION_KEY: _SLOW,
    # What fails, then, fails for what stands behind: no record is to blame, nor its batch.
    Cause.DOWNSTREAM_SATURATED: (
        *_SLOW,
        (Cause.FUNCTION_FAILURE, Detail.PARTIAL),
        (Cause.FUNCTION_FAILURE, Detail.TIMEOUTS),
        (Cause.POISON_RECORD, Detail.ISOLATED),
        (Cause.POISON_RECORD, Detail.SUSPECTED),
        (Cause.POISON_RECORD, Detail.UNDECIDED),
    ),
    # The account's pool was used up: more lanes would ask it for more.
    Cause.THROTTLING: _SLOW,
    # Somebody stopped it and lets it go on: how fast it catches up is theirs to say.
    Cause.CONSUMER_STOPPED: (
        *_SLOW,
        (Cause.THROTTLING, Detail.ACCOUNT),
        (Cause.THROTTLING, Detail.UNCLEAR),
        (Cause.THROTTLING, Detail.SCALING_RATE),
        (Cause.THROTTLING, Detail.REQUEST_RATE),
        (Cause.CONSUMER_STOPPED, Detail.NO_INVOCATIONS),
    ),
}
"""What the readings may say of a cause that our own change has shown to be another."""


LEARNED = {Cause.HOT_PARTITION_KEY, Cause.DOWNSTREAM_SATURATED}


def target_of(state: IncidentState) -> Target:
    if state.target is None:
        raise PermanentError(f"incident {state.incident_id} has no target")
    return state.target


def stage_after(*, watching: bool, pending: bool) -> Stage:
    if pending:
        return Stage.AWAITING_APPROVAL
    return Stage.WATCHING if watching else Stage.CLOSED


def closed(state: IncidentState) -> IncidentState:
    """Nothing is watched any more, and no plan waits for approval."""
    return state.model_copy(
        update={
            "stage": Stage.CLOSED,
            "follow_up_at": None,
            "pending": None,
            "pending_until": None,
        }
    )


def stage_while_waiting(state: IncidentState) -> Stage:
    return Stage.AWAITING_APPROVAL if state.pending is not None else Stage.WATCHING


def with_quiet(state: IncidentState, verdict: Verdict, now: datetime) -> IncidentState:
    """Remember since when it has been quiet, and when it first recovered."""
    if verdict.verdict is not VerdictName.RECOVERED:
        return state.model_copy(update={"quiet_since": None})
    return state.model_copy(
        update={
            "quiet_since": state.quiet_since or now,
            "recovered_at": state.recovered_at or now,
        }
    )


def was_wrong(state: IncidentState, diagnosis: Diagnosis) -> bool:
    """Whether the cause, as it shows now, makes a change of ours a wrong one."""
    in_effect = state.in_effect
    if diagnosis.cause in LEARNED:
        return any(raised(t) for t in in_effect)
    failing = diagnosis.cause is Cause.FUNCTION_FAILURE and diagnosis.detail is not Detail.TIMEOUTS
    return failing and any(of(t.change) is RETRIES for t in in_effect)


def told_nothing(state: IncidentState) -> list[TrackedChange]:
    """Probes that have not shown a record to be to blame. A split helps batches that time out."""
    times_out = state.diagnosis is not None and state.diagnosis.detail is Detail.TIMEOUTS
    if times_out or not verification.probing(state):
        return []
    return [t for t in state.in_effect if t.change.remedy is RemedyName.ISOLATE_POISON]


def raised(tracked: TrackedChange) -> bool:
    """Whether a change is there to get more done; a second lane that only tells causes apart is
    no such raise, and what its records do shows nothing of what stands behind."""
    change = tracked.change
    return raises(change) and change.remedy is not RemedyName.ISOLATE_POISON


def used_up(state: IncidentState, verdict: Verdict, look: Look) -> IncidentState:
    """The remedies in effect did not do it; one that gets more done may go on, a rung further."""
    helped = verification.gained(state.before, look.at, look.signals)
    if helped or verdict.verdict is VerdictName.IMPROVING:
        return state
    used = tuple(dict.fromkeys(t.change.remedy for t in state.in_effect))
    return state.model_copy(update={"tried": tuple(dict.fromkeys((*state.tried, *used)))})


def taught(diagnosis: Diagnosis, state: IncidentState) -> Cause | None:
    """What a diagnosis teaches for the rest of its incident, without any change of ours.

    While a record is being isolated, a lane that fails gets nothing done: that is not the doing
    of what stands behind.
    """
    by_hand = diagnosis.cause is Cause.CONSUMER_STOPPED and diagnosis.detail in {
        Detail.PAUSED,
        Detail.RESERVED_AT_0,
        Detail.DEACTIVATED,
    }
    by_account = diagnosis.cause is Cause.THROTTLING and diagnosis.detail is Detail.ACCOUNT
    isolating = any(t.change.remedy is RemedyName.ISOLATE_POISON for t in state.in_effect)
    saturated = diagnosis.cause is Cause.DOWNSTREAM_SATURATED and not isolating
    return diagnosis.cause if by_hand or by_account or saturated else None


def as_learned(look: Look, state: IncidentState) -> Look:
    """A cause that our own change has shown outweighs what the readings say without it."""
    now = (look.diagnosis.cause, look.diagnosis.detail)
    if state.learned is None or now not in OUTWEIGHED.get(state.learned, ()):
        return look
    step = Step(
        id="learned",
        question="What has this incident shown before?",
        answer=Answer.YES,
        because=f"{state.learned}: {_shown_by(state.diagnosis)}",
    )
    known = look.diagnosis.model_copy(
        update={"cause": state.learned, "path": (*look.diagnosis.path, step), "proven": False}
    )
    return look._replace(diagnosis=known)


def _shown_by(diagnosis: Diagnosis | None) -> str:
    """What our own change has shown, where it did harm; else the detail."""
    if diagnosis is None:
        return ""
    harm = (step.because for step in diagnosis.path if step.id == _DID_HARM)
    return next(harm, diagnosis.detail)


_DID_HARM = "raise_did_harm"


def saturated(diagnosis: Diagnosis, verdict: Verdict) -> Diagnosis:
    """The diagnosis after a raise that did harm: it is what stands behind the function."""
    step = Step(
        id=_DID_HARM,
        question="Has what we raised done harm?",
        answer=Answer.YES,
        because=verdict.because,
        readings=verdict.readings,
    )
    return diagnosis.model_copy(
        update={
            "cause": Cause.DOWNSTREAM_SATURATED,
            "detail": Detail.NONE,
            "proven": False,
            "path": (*diagnosis.path, step),
        }
    )


def announced(
    state: IncidentState, report: Report, kind: str | None = None
) -> tuple[IncidentState, bool]:
    """Whether this is news; the same thing is not told twice (invariant 9)."""
    cause = report.diagnosis.cause.value if report.diagnosis else ""
    key = f"{kind or report.outcome.status}:{cause}:{state.turn}"
    if report.outcome.status is Status.AWAITING_APPROVAL:
        key += f":{report.plan.digest}"
    if key in state.announced:
        return state, False
    return state.model_copy(update={"announced": (*state.announced, key)}), True


def newest_of_each(newest_first: Sequence[TrackedChange]) -> list[TrackedChange]:
    found: list[TrackedChange] = []
    for tracked in newest_first:
        if not any(same_setting(tracked.change, other.change) for other in found):
            found.append(tracked)
    return found


def same_setting(one: Change, other: Change) -> bool:
    return (one.resource, one.setting) == (other.resource, other.setting)


def recovery(state: IncidentState, look: Look) -> dict[str, float]:
    """How long it took, and by how much the forecast was wrong: seconds, positive when late.

    By the metrics: from the end of the last minute whose age was over the alarm.
    """
    over = [
        at
        for at, age in alarming_ages(look.evidence)
        if age >= look.policy.thresholds.alarm_seconds
    ]
    if not over or over[-1] < state.incident.at - MINUTE:
        return {}
    ended = over[-1] + MINUTE
    found = {"recovered_in_seconds": max(0.0, (ended - state.incident.at).total_seconds())}
    acted, forecast = state.before, state.forecast_drains_in_seconds
    if acted is None or forecast is None or not state.in_effect:
        return found
    happened = (ended - acted.at).total_seconds()
    return found | {"forecast_error_seconds": round(happened - forecast, 1)}


def keeping(state: IncidentState, kept: Sequence[TrackedChange], because: str) -> IncidentState:
    """Written down that these stay on purpose, so that nobody waits for them to go back."""
    stays = [t.change for t in kept if not t.endangers]
    changes = tuple(
        t.model_copy(update={"kept": because}) if t.ours_to_undo and t.change in stays else t
        for t in state.changes
    )
    return state.model_copy(update={"changes": changes})


def to_go_back(state: IncidentState) -> tuple[TrackedChange, ...]:
    """What is in effect and not kept on purpose: somebody has to look after it."""
    return tuple(tracked for tracked in state.in_effect if not tracked.kept)


def in_effect_words(state: IncidentState) -> str:
    """What is in effect, as people are told; empty where nothing is."""
    newest = newest_of_each(state.in_effect)
    return ", ".join(
        f"{t.change.setting}={t.change.after} on {t.change.resource} (was {t.change.before})"
        for t in newest
    )


def renewed(state: IncidentState) -> IncidentState:
    """A new alarm for an incident whose looks are used up: it may act again."""
    return state.model_copy(update={"looks_from": state.follow_up_number, "tried": ()})
