"""Verdict → FollowUp: wait, keep, put back, or the next lever. Pure."""

from datetime import datetime, timedelta

from remediator.decide.effects import NOTHING_MADE, Effect
from remediator.decide.overload import fails_a_minute
from remediator.evidence.evenness import OF_ONE_LANE
from remediator.evidence.signals import LAST_MINUTES
from remediator.model import (
    Answer,
    Cause,
    Detail,
    Diagnosis,
    FollowUp,
    FollowUpDecision,
    RemedyName,
    Verdict,
    VerdictName,
)
from remediator.policy import Policy
from remediator.settings_table import RETRIES, of, raises
from remediator.state import IncidentState


def next_step(
    state: IncidentState,
    verdict: Verdict,
    diagnosis: Diagnosis,
    policy: Policy,
    now: datetime,
    *,
    clear: bool = True,
    seen: Effect = NOTHING_MADE,
) -> FollowUp:
    """What the follow-up decides; bounded, so that no incident is watched for ever.

    ``clear``: enough was seen to say that what was done does nothing. ``seen``: what shows of the
    newest turn. The last look may still close, restore or roll back, but it leaves nothing for
    another.
    """
    number, looks = state.follow_up_number + 1, state.looks_made + 1
    decision, because = _decide(state, verdict, diagnosis, policy, now, clear=clear, seen=seen)
    most = policy.follow_up.most
    ends_it = decision in {FollowUpDecision.CLOSE, FollowUpDecision.RESTORE}
    rolls_back = decision is FollowUpDecision.ROLL_BACK and looks == most
    if looks >= most and not ends_it and not rolls_back:
        decision, because = (
            FollowUpDecision.ESCALATE,
            f"{looks} looks have not seen it recover: a person should take over",
        )
    return FollowUp(decision=decision, because=because, number=number)


def _decide(
    state: IncidentState,
    verdict: Verdict,
    diagnosis: Diagnosis,
    policy: Policy,
    now: datetime,
    *,
    clear: bool,
    seen: Effect,
) -> tuple[FollowUpDecision, str]:
    name, acted = verdict.verdict, bool(state.levers_in_effect)
    if name is VerdictName.WORSE and acted:
        return FollowUpDecision.ROLL_BACK, verdict.because
    if name is VerdictName.RECOVERED:
        return _after_recovery(state, policy, now, acted=bool(state.in_effect))
    if acted and surer(state, diagnosis):
        return FollowUpDecision.NEXT_RUNG, f"it is surer now: {diagnosis.detail}"
    if name is VerdictName.TOO_EARLY and acted:
        return FollowUpDecision.WAIT, verdict.because
    if acted and _has_its_last_tries(state, diagnosis, seen):
        because = (
            "the record that was shown to be to blame has its last tries, and is given up soon"
        )
        return FollowUpDecision.WAIT, because
    held = _a_record_holds_it(state, diagnosis)
    held = held and (clear or not _may_fail_for_the_raise(seen, diagnosis))
    if name is VerdictName.IMPROVING and held:
        because = f"{verdict.because}, but a record stands still, which none of that moves"
        return FollowUpDecision.NEXT_RUNG, because
    if name is VerdictName.IMPROVING:
        slow = diagnosis.cause is Cause.SLOW_CONSUMER
        unseen = bool(seen.minutes) and seen.signals.age_slope is None
        if slow and not clear and (unseen or _whole_step(state, policy)):
            return FollowUpDecision.WAIT, f"{verdict.because}; whether it is enough shows soon"
        if slow and _over_before_a_restart(seen, policy):
            because = f"{verdict.because}; at the pace since then it is over before another restart"
            return FollowUpDecision.WAIT, because
        slowly = f"{verdict.because}; what waits may drain faster still"
        rung = FollowUpDecision.NEXT_RUNG, slowly
        return rung if slow else (FollowUpDecision.WAIT, verdict.because)
    return _not_better(state, verdict, diagnosis, acted=acted, clear=clear, seen=seen)


def _a_record_holds_it(state: IncidentState, diagnosis: Diagnosis) -> bool:
    """Whether a record shows to be to blame after something else was done than to isolate one."""
    isolating = any(t.change.remedy is RemedyName.ISOLATE_POISON for t in state.levers_in_effect)
    acted = bool(state.levers_in_effect) and not isolating
    return acted and diagnosis.cause is Cause.POISON_RECORD


def _over_before_a_restart(seen: Effect, policy: Policy) -> bool:
    """Whether the oldest record, at the pace of the minutes since the newest turn alone, is on time
    sooner than a mapping goes on that is changed once more."""
    age, slope = seen.signals.age_seconds, seen.signals.age_slope
    if not seen.minutes or age is None or slope is None or slope >= 0:
        return False
    return age / -slope <= policy.forecast.usual_restart_seconds


def _whole_step(state: IncidentState, policy: Policy) -> bool:
    """Whether the newest raise was sized to be enough, and was no careful first step: another
    restart would cost more than the minutes in which it shows whether it is."""
    raised = (t.change for t in state.levers_in_effect if t.change.remedy in _SIZED)
    newest = next(raised, None)
    if newest is None or not isinstance(newest.before, int) or not isinstance(newest.after, int):
        return False
    return newest.after > policy.forecast.careful_step * newest.before


# Raises of which the forecast says how much is enough.
_SIZED = frozenset({RemedyName.RAISE_PARALLELIZATION_FACTOR, RemedyName.RAISE_RESERVED_CONCURRENCY})


def _after_recovery(
    state: IncidentState, policy: Policy, now: datetime, *, acted: bool
) -> tuple[FollowUpDecision, str]:
    quiet = timedelta(seconds=policy.follow_up.quiet_seconds)
    if not acted:
        return FollowUpDecision.CLOSE, "recovered"
    if state.quiet_since is None or now - state.quiet_since < quiet:
        return FollowUpDecision.WAIT, f"recovered; restored once it was quiet for {quiet}"
    return FollowUpDecision.RESTORE, f"recovered and quiet for {quiet}"


def _not_better(
    state: IncidentState,
    verdict: Verdict,
    diagnosis: Diagnosis,
    *,
    acted: bool,
    clear: bool,
    seen: Effect,
) -> tuple[FollowUpDecision, str]:
    if diagnosis.cause is Cause.RECOVERING:
        return FollowUpDecision.WAIT, "it recovers by itself"
    if not acted:
        return FollowUpDecision.NEXT_RUNG, f"cause: {diagnosis.cause}"
    if clear and _goes_on_failing(state, diagnosis):
        because = "records are given up, and all that comes after them fails as well"
        return FollowUpDecision.ROLL_BACK, because
    if not clear and _may_fail_for_the_raise(seen, diagnosis):
        return FollowUpDecision.WAIT, "whether it fails for what was raised shows soon"
    if diagnosis.cause is not state.cause or _sort(diagnosis.detail) != _sort(_detail(state)):
        return FollowUpDecision.NEXT_RUNG, f"the cause shows as {diagnosis.cause} now"
    if _made_room(state):
        return FollowUpDecision.NEXT_RUNG, "there is room for more lanes now"
    if not clear:
        return FollowUpDecision.WAIT, "no better yet; still within the time that a change may take"
    return FollowUpDecision.NEXT_RUNG, verdict.because


def _may_fail_for_the_raise(seen: Effect, diagnosis: Diagnosis) -> bool:
    """Whether what fails, and is not proven to be one record's doing, may be that of lanes raised
    just now: another change on top would hide it, and the raise would stay."""
    failing = diagnosis.cause in _FAILING and not diagnosis.proven
    return failing and any(raises(tracked.change) for tracked in seen.levers) and not seen.isolates


_FAILING = frozenset({Cause.FUNCTION_FAILURE, Cause.POISON_RECORD})


def _has_its_last_tries(state: IncidentState, diagnosis: Diagnosis, seen: Effect) -> bool:
    """Whether retries were bounded by the newest turn, upon proof, and what still fails may all be
    the record's own tries: they come in the minutes in which what has piled up drains, and look
    like a function that fails here and there; and an age that begins to fall, after minutes in
    which it climbed, like lanes that are too few."""
    bounded = any(of(tracked.change) is RETRIES for tracked in seen.levers)
    proven = state.diagnosis is not None and state.diagnosis.proven
    if not (bounded and proven) or seen.overdue:
        return False
    signals, climbs = seen.signals, seen.signals.climbing_minutes
    counted = bool(signals.error_minutes)
    tried = bool(signals.failed_event_minutes) or counted
    if counted and fails_a_minute(signals) > OF_ONE_LANE:
        tried = False
    match diagnosis.cause:
        case Cause.POISON_RECORD:
            return True
        case Cause.FUNCTION_FAILURE:
            return tried and diagnosis.detail is Detail.PARTIAL
        case Cause.SLOW_CONSUMER:
            return tried or (climbs is not None and climbs < LAST_MINUTES)
        case _:
            return tried


def _goes_on_failing(state: IncidentState, diagnosis: Diagnosis) -> bool:
    """Whether retries were bounded by a person's word, without proof, and still nothing succeeds:
    a record that was to blame would have been given up by now, so it is the function, and what is
    given up from here on is good (invariant 2)."""
    bounded = any(of(tracked.change) is RETRIES for tracked in state.in_effect)
    proven = diagnosis.proven or (state.diagnosis is not None and state.diagnosis.proven)
    answers = {step.id: step.answer for step in diagnosis.path}
    return bounded and not proven and answers.get("everything_fails") is Answer.YES


# Contention that shards help: which of them shows may change with the shards themselves.
_ONE_LEVER = frozenset({Detail.BYTES, Detail.MAPPINGS, Detail.OUTSIDE_READER})


def _sort(detail: Detail) -> Detail:
    return Detail.BYTES if detail in _ONE_LEVER else detail


def _made_room(state: IncidentState) -> bool:
    """Whether all that was done for a slow consumer was to make room for the lanes it needs: a
    wider reservation alone does nothing for it."""
    return state.cause is Cause.SLOW_CONSUMER and all(
        tracked.change.remedy is RemedyName.RAISE_RESERVED_CONCURRENCY
        for tracked in state.levers_in_effect
    )


def surer(state: IncidentState, diagnosis: Diagnosis) -> bool:
    """Whether a record is proven to be to blame now, or no probe has decided it, so that the same
    remedy has more to do."""
    undecided = diagnosis.detail is Detail.UNDECIDED and _detail(state) is not Detail.UNDECIDED
    return probing(state) and (diagnosis.proven or undecided)


def probing(state: IncidentState) -> bool:
    """Whether batches are split, and retries are not bounded: nothing can be lost by it."""
    ours = [
        of(tracked.change)
        for tracked in state.in_effect
        if tracked.change.remedy is RemedyName.ISOLATE_POISON
    ]
    return bool(ours) and RETRIES not in ours


def _detail(state: IncidentState) -> Detail:
    return state.diagnosis.detail if state.diagnosis else Detail.NONE
