"""What an incident's state becomes. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from remediator.decide.case import Case
from remediator.decide.restoring import newest_of_each
from remediator.errors import PermanentError
from remediator.evidence.signals import MINUTE, alarming_ages
from remediator.model import GuardedPlan, Outcome, Report, Status, Target, Verdict, VerdictName
from remediator.policy import Policy
from remediator.runbook import outcomes
from remediator.state import ChangeState, IncidentState, Stage, TrackedChange


def target_of(state: IncidentState) -> Target:
    if state.target is None:
        raise PermanentError(f"incident {state.incident_id} has no target")
    return state.target


# Nothing is watched any more, and no plan waits for approval.
CLOSED = {"stage": Stage.CLOSED, "follow_up_at": None, "pending": None, "pending_until": None}


def stage_of(state: IncidentState, *, watching: bool = True) -> Stage:
    """A plan that waits for a person is what an incident waits for."""
    if state.pending is not None:
        return Stage.AWAITING_APPROVAL
    return Stage.WATCHING if watching else Stage.CLOSED


def waiting(
    state: IncidentState, policy: Policy, guarded: GuardedPlan, outcome: Outcome, now: datetime
) -> tuple[GuardedPlan | None, datetime | None]:
    """The plan that waits for approval, and until when.

    A look that sees something else for once does not take it back: whoever was told of it may say
    yes, and then it is ruled on anew. What was made meanwhile does.
    """
    there, until = state.pending, state.pending_until
    valid = there is not None and until is not None and now <= until
    if outcome.status is not Status.AWAITING_APPROVAL:
        return (there, until) if valid and not outcome.results else (None, None)
    if valid and there is not None and outcomes.asks_the_same(there, guarded):
        return there, until
    return guarded, now + timedelta(seconds=policy.approval_valid_seconds)


def with_quiet(state: IncidentState, verdict: Verdict, now: datetime) -> IncidentState:
    """Remember since when it has been quiet, and when it first recovered."""
    if verdict.verdict is not VerdictName.RECOVERED:
        return state.model_copy(update={"quiet_since": None})
    return state.model_copy(
        update={"quiet_since": state.quiet_since or now, "recovered_at": state.recovered_at or now}
    )


def announced(
    state: IncidentState, report: Report, kind: str | None = None
) -> tuple[IncidentState, bool]:
    """Whether this is news; the same thing is not told twice (invariant 9), and a turn that has
    made nothing is none."""
    cause = report.diagnosis.cause.value if report.diagnosis else ""
    made = (t.turn for t in state.changes if t.state is not ChangeState.ABANDONED)
    key = f"{kind or report.outcome.status}:{cause}:{max(made, default=0)}"
    if report.outcome.status is Status.AWAITING_APPROVAL:
        key += f":{report.plan.digest}"
    if key in state.announced:
        return state, False
    return state.model_copy(update={"announced": (*state.announced, key)}), True


def recovery(state: IncidentState, case: Case) -> dict[str, float]:
    """How long it took, and by how much the forecast was wrong: seconds, positive when late.

    By the metrics: from the end of the last minute whose age was over the alarm.
    """
    over = [
        at
        for at, age in alarming_ages(case.evidence)
        if age >= case.policy.thresholds.alarm_seconds
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


def in_effect_words(state: IncidentState) -> str:
    """What is in effect, as people are told; empty where nothing is."""
    newest = newest_of_each(state.in_effect)
    return ", ".join(
        f"{t.change.setting}={t.change.after} on {t.change.resource} (was {t.change.before})"
        for t in newest
    )
