"""What an incident has learned, and what of it outweighs the tree. Pure.

Readings alone do not show everything: that a raise did harm, that somebody stopped the consumer
and lets it go on. Two tables say it: what teaches, and what is outweighed then.
"""

from collections.abc import Mapping, Sequence

from remediator.decide import effects, next_step, refuting, verification
from remediator.decide.case import Case
from remediator.evidence.metrics import Metric
from remediator.evidence.series import LAST_MINUTES, points_of
from remediator.model import (
    Answer,
    Cause,
    Detail,
    Diagnosis,
    RemedyName,
    Step,
    Verdict,
    VerdictName,
)
from remediator.settings_table import BATCH_SIZE, RETRIES, lowers, of, raises
from remediator.state import IncidentState, TrackedChange

# The diagnoses that hold for the rest of their incident, without any change of ours.
TEACHES: Mapping[Cause, frozenset[Detail]] = {
    Cause.CONSUMER_STOPPED: frozenset({Detail.PAUSED, Detail.RESERVED_AT_0, Detail.DEACTIVATED}),
    Cause.THROTTLING: frozenset({Detail.ACCOUNT}),
    Cause.DOWNSTREAM_SATURATED: frozenset(Detail),
}

_SLOW = ((Cause.SLOW_CONSUMER, Detail.NONE), (Cause.SLOW_CONSUMER, Detail.CPU_BOUND))
# What the readings may say of a cause that our own change has shown to be another.
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
    # The account's pool is used up: more lanes would ask it for more.
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

# Causes of which every raise of ours is a wrong one. A hot key's lane gains nothing by more lanes,
# and loses nothing: to take them back would stop the mapping once more while it lags.
HARMED_BY_RAISES = frozenset({Cause.DOWNSTREAM_SATURATED})


def was_wrong(state: IncidentState, diagnosis: Diagnosis) -> bool:
    """Whether the cause, as it shows now, makes a change of ours a wrong one."""
    in_effect = state.in_effect
    if diagnosis.cause in HARMED_BY_RAISES:
        blamed = [t for t in in_effect if raised(t)]
        return any(_is_read(diagnosis) or not effects.was_answered(state, t) for t in blamed)
    failing = diagnosis.cause is Cause.FUNCTION_FAILURE
    return failing and any(of(t.change) is RETRIES for t in in_effect)


def _is_read(diagnosis: Diagnosis) -> bool:
    """Whether the newest readings say it, and not only what the incident has learned."""
    return not any(step.id == _LEARNED for step in diagnosis.path)


_LEARNED = "learned"


def too_much(state: IncidentState, tracked: TrackedChange) -> bool:
    """Whether a change of ours is more than what stands behind was seen to bear (invariant 5)."""
    return state.learned in HARMED_BY_RAISES and raised(tracked)


def blames_a_raise(due: Sequence[TrackedChange], diagnosis: Diagnosis) -> bool:
    """Whether a raise is among what is taken back for a cause that makes it a wrong one: the world
    answers without it, whether its own signals or the readings alone have said so."""
    return diagnosis.cause in HARMED_BY_RAISES and any(map(raised, due))


def only_costs(state: IncidentState, case: Case) -> str | None:
    """Why smaller batches of ours only cost by now, in words: nothing fails, the lanes are too slow
    for what comes in, and a batch of before would end in time, were all of its time the records'.
    """
    smaller = (t.change for t in state.in_effect if of(t.change) is BATCH_SIZE)
    change = next((each for each in smaller if lowers(each)), None)
    function, longest = case.evidence.function, case.signals.duration_max_ms
    timeout = function.timeout_seconds if function else None
    if change is None or case.diagnosis.cause not in _SLOW_BY_NOW or case.signals.error_minutes:
        return None
    before, now = change.before, change.after
    if not isinstance(before, int) or not isinstance(now, int) or not timeout or not longest:
        return None
    most = longest * before / now / 1000
    if most >= timeout:
        return None
    return (
        f"nothing fails any more, and batches of {now} only make the lanes slower: one of {before} "
        f"would take {most:.0f} s at most, of {timeout} s"
    )


_SLOW_BY_NOW = frozenset({Cause.SLOW_CONSUMER, Cause.HOT_PARTITION_KEY})


def told_nothing(state: IncidentState) -> list[TrackedChange]:
    """Probes that have not shown a record to be to blame. A split helps batches that time out."""
    times_out = state.diagnosis is not None and state.diagnosis.detail is Detail.TIMEOUTS
    if times_out or not next_step.probing(state):
        return []
    return [t for t in state.in_effect if t.change.remedy is RemedyName.ISOLATE_POISON]


def raised(tracked: TrackedChange) -> bool:
    """Whether a change is there to get more done; a second lane that only tells causes apart is
    no such raise, and what its records do shows nothing of what stands behind."""
    change = tracked.change
    return raises(change) and change.remedy is not RemedyName.ISOLATE_POISON


def used_up(state: IncidentState, verdict: Verdict, case: Case) -> IncidentState:
    """The remedies in effect did not do it; one that gets more done, or was only a first step of
    its way, may go on."""
    seen = effects.effect(state, case.evidence, case.at, case.policy)
    helped = verification.gained(state.before, case.at, seen)
    if helped or verdict.verdict is VerdictName.IMPROVING:
        return state
    used = (t.change.remedy for t in state.in_effect if not _only_begun(t, state, case))
    return state.model_copy(update={"tried": tuple(dict.fromkeys((*state.tried, *used)))})


def _only_begun(tracked: TrackedChange, state: IncidentState, case: Case) -> bool:
    """Whether more of a remedy is to come: a record was only looked for, and is not given up yet;
    or the factor was raised once, and not as far as it may be; or room was made for that raise."""
    remedy, mapping = tracked.change.remedy, case.evidence.mapping
    if remedy is RemedyName.ISOLATE_POISON:
        return next_step.probing(state)
    if remedy is RemedyName.RAISE_RESERVED_CONCURRENCY:
        lanes = [t for t in state.in_effect if _raises_lanes(t) and t.turn == tracked.turn]
        return any(_only_begun(each, state, case) for each in lanes)
    if remedy is not RemedyName.RAISE_PARALLELIZATION_FACTOR or mapping is None:
        return False
    turns = {t.turn for t in state.in_effect if t.change.remedy is remedy}
    most = case.policy.limits.parallelization_factor
    return len(turns) == 1 and mapping.parallelization_factor < most


def _raises_lanes(tracked: TrackedChange) -> bool:
    return tracked.change.remedy is RemedyName.RAISE_PARALLELIZATION_FACTOR


def lasting(diagnosis: Diagnosis, state: IncidentState) -> Cause | None:
    """What a diagnosis teaches for the rest of its incident.

    While a record is being isolated, a lane that fails gets nothing done: that is not the doing
    of what stands behind.
    """
    if diagnosis.detail not in TEACHES.get(diagnosis.cause, ()):
        return None
    isolating = any(t.change.remedy is RemedyName.ISOLATE_POISON for t in state.in_effect)
    isolated = isolating and diagnosis.cause is Cause.DOWNSTREAM_SATURATED
    return None if isolated else diagnosis.cause


def as_learned(case: Case, state: IncidentState) -> Case:
    """A cause that this incident has shown outweighs what the readings say without it, while they
    do not show that it is over."""
    now = (case.diagnosis.cause, case.diagnosis.detail)
    if state.learned is None or now not in OUTWEIGHED.get(state.learned, ()):
        return case
    if refuting.is_over(state.learned, case, state):
        return case
    step = Step(
        id=_LEARNED,
        question="What has this incident shown before?",
        answer=Answer.YES,
        because=f"{state.learned}: {_shown_by(state.diagnosis)}",
    )
    update: dict[str, object] = {"cause": state.learned}
    if _catches_up(case, state):
        update = {"cause": Cause.RECOVERING, "detail": Detail.NONE}
    elif now in _SLOW and _runs_again(case, state):
        update = {"cause": Cause.SLOW_CONSUMER, "detail": Detail.PAUSED}
    path = (*case.diagnosis.path, step)
    known = case.diagnosis.model_copy(update={**update, "path": path, "proven": False})
    return case._replace(diagnosis=known)


def while_it_shows(case: Case, state: IncidentState, verdict: Verdict) -> Case:
    """Where the readings name nothing, after a change of ours: what we acted on, until it shows
    whether that helps; and once it does, what waits becomes less."""
    found, acted = case.diagnosis, state.diagnosis
    if found.cause is not Cause.UNKNOWN or not state.levers_in_effect or acted is None:
        return case
    if verdict.verdict not in {VerdictName.TOO_EARLY, VerdictName.IMPROVING}:
        return case
    helps = verdict.verdict is VerdictName.IMPROVING
    step = Step(
        id="helps",
        question="Does what we changed help?",
        answer=Answer.YES if helps else Answer.UNSEEN,
        because=verdict.because,
        readings=verdict.readings,
    )
    said = (Cause.RECOVERING, Detail.NONE) if helps else (acted.cause, acted.detail)
    update = {"cause": said[0], "detail": said[1], "path": (*found.path, step), "proven": False}
    return case._replace(diagnosis=found.model_copy(update=update))


def _catches_up(case: Case, state: IncidentState) -> bool:
    """Whether what waits becomes less, since what somebody had stopped runs again, or the lanes
    that were too many are gone: that is a word of its own, and no lever is pulled for it either."""
    back = not any(raises(t.change) for t in state.in_effect)
    gone = state.learned is Cause.DOWNSTREAM_SATURATED and back
    return (gone or state.learned is Cause.CONSUMER_STOPPED) and case.signals.falling is True


def _runs_again(case: Case, state: IncidentState) -> bool:
    """Whether what somebody had stopped has run for whole minutes since it was let go on: then the
    stop is over, and what it left is for its lanes to get done. No lever is pulled for it."""
    changed = case.evidence.mapping.last_modified if case.evidence.mapping else None
    if state.learned is not Cause.CONSUMER_STOPPED or changed is None:
        return False
    ran = [at for at, count in points_of(case.evidence, Metric.INVOCATIONS) if count]
    return sum(at >= changed for at in ran) > LAST_MINUTES


def held_against(case: Case, state: IncidentState) -> IncidentState:
    """The incident, without what it has learned wrongly: then a raise that was blamed for it may be
    made again, once."""
    if not refuting.was_mistaken(case, state):
        return state
    blamed = [t for t in effects.taken_back(state) if raised(t)]
    once = len({t.turn for t in blamed}) == 1
    freed = {t.change.remedy for t in blamed} if once else set()
    tried = tuple(name for name in state.tried if name not in freed)
    return state.model_copy(update={"learned": None, "harm": None, "tried": tried})


def _shown_by(diagnosis: Diagnosis | None) -> str:
    """What our own change has shown, where it did harm; else the detail."""
    if diagnosis is None:
        return ""
    harm = (step.because for step in diagnosis.path if step.id == _DID_HARM)
    return next(harm, diagnosis.detail)


_DID_HARM = "raise_did_harm"


def blamed_for_harm(state: IncidentState) -> bool:
    """Whether the last word was that a raise of ours did harm by what stands behind."""
    path = state.diagnosis.path if state.diagnosis else ()
    return any(step.id == _DID_HARM for step in path)


def saturates(case: Case, verdict: Verdict) -> bool:
    """Whether the harm that a raise did is that of what stands behind: not of few keys, nor of a
    limit that throttles, nor of a record that is shown to be bad. Where nothing succeeds with the
    lanes that were raised, the minutes with few of them tell whether it is the function."""
    if not verdict.saturates:
        return False
    found = case.diagnosis
    others = found.cause in {Cause.HOT_PARTITION_KEY, Cause.THROTTLING} or found.proven
    return not others


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
