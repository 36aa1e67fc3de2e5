"""Plan + Policy + Circumstances → GuardedPlan: ordered checks, each a Ruling.

Pure. Every change is put to every guardrail in the order of ``GUARDRAILS``; a clip changes the
value that the later ones see, and the most severe ruling is the change's. Invariants 1 to 6.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from remediator.decide.case import Case
from remediator.decide.guardrails import allowing, resharding
from remediator.decide.guardrails.concurrency import downstream_is_well, neighbours_keep_theirs
from remediator.decide.guardrails.inquiry import (
    Circumstances,
    Clip,
    Inquiry,
    Said,
    Word,
)
from remediator.decide.guardrails.ownership import left_to_people
from remediator.decide.guardrails.records import (
    nothing_is_discarded,
    position_is_kept,
    waits_through_a_restart,
)
from remediator.decide.guardrails.undoing import WAITING, Undo, checks, put_back
from remediator.model import (
    Change,
    Decision,
    GuardedChange,
    GuardedPlan,
    Plan,
    Ruling,
)
from remediator.settings_table import lowers, of
from remediator.state import Spent, TrackedChange

GUARDRAILS: Mapping[str, Callable[[Inquiry], Word]] = {
    "freeze": allowing.frozen,
    "maintenance_window": allowing.maintenance,
    "one_journal": allowing.one_journal,
    "unknown_policy": allowing.unknown_policy,
    "opted_in": allowing.not_opted_in,
    "stopped_on_purpose": allowing.stopped_by_a_human,
    "managed_instances": allowing.managed_instances,
    "durable_function": allowing.durable,
    "resource_busy": allowing.busy_resource,
    "human_change": left_to_people,
    "cooldown": allowing.cooling_down,
    "budget": allowing.over_budget,
    "limit": allowing.over_limit,
    "shard_limit": resharding.within_the_limit,
    "tumbling_window": resharding.no_window_is_cut,
    "others_on_the_stream": resharding.others_are_asked,
    "neighbours": neighbours_keep_theirs,
    "discard": nothing_is_discarded,
    "record_age": waits_through_a_restart,
    "downstream": downstream_is_well,
    "latest_position": position_is_kept,
    "autonomy": allowing.autonomy,
}

# Guardrails whose "no" ends by itself: worth another look later.
PASSING = frozenset({"cooldown", "resource_busy", "human_change", "maintenance_window", "budget"})

_SEVERITY = (Decision.ALLOW, Decision.CLIP, Decision.APPROVE, Decision.BLOCK)


def rule(
    change: Change,
    here: Case,
    around: Circumstances,
    beside: Sequence[Change] = (),
    *,
    guardrails: Mapping[str, Callable[[Inquiry], Word]] = GUARDRAILS,
) -> GuardedChange:
    """Put one change to every guardrail; the change returned is clipped where one clipped it.

    ``beside``: the other changes of the plan. What a person is asked names every reason to ask,
    and a refusal that ends by itself ends with the last of them.
    """
    worst = Ruling(decision=Decision.ALLOW, guardrail="policy", reason="within every limit")
    for name, check in guardrails.items():
        word = check(Inquiry(change, here, around, tuple(beside)))
        if word is None:
            continue
        if isinstance(word, Clip):
            change = change.model_copy(update={"after": word.after})
            word = Said(Decision.CLIP, word.reason)
        if word.decision is Decision.APPROVE and around.approved:
            continue
        worst = _more_severe(worst, name, word)
    return GuardedChange(change=change, ruling=worst)


def _more_severe(worst: Ruling, name: str, word: Said) -> Ruling:
    more = _SEVERITY.index(word.decision) - _SEVERITY.index(worst.decision)
    if more > 0:
        return Ruling(guardrail=name, **word._asdict())
    if more < 0 or word.decision not in {Decision.APPROVE, Decision.BLOCK}:
        return worst
    update: dict[str, Any] = {"until": _later(worst.until, word.until)}
    if word.decision is Decision.APPROVE:
        update["reason"] = f"{worst.reason}; {word.reason}"
    return worst.model_copy(update=update)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else max(one, other)


def guard(plan: Plan, here: Case, around: Circumstances) -> GuardedPlan:
    """Rule on every change. Each stands alone, but for those that make each other safe: they
    stand or fall together (``Change.safe_only_with``)."""
    ruled: list[GuardedChange] = []
    for change in plan.changes:
        paid = around._replace(
            beside=_spent_beside(change, ruled, plan, around), splits_beside=_splits(ruled)
        )
        known = [one.change for one in ruled]
        others = [*known, *plan.changes[len(ruled) + 1 :]]
        ruled.append(rule(change, here, paid, others))
    return GuardedPlan(
        plan=plan,
        changes=tuple(_together(ruled)),
        mode=around.mode,
        policy_digest=here.policy.digest,
    )


def guard_undo(
    which: Sequence[TrackedChange],
    here: Case,
    around: Circumstances,
    why: Undo,
    captured: Sequence[TrackedChange] = (),
    beside: Sequence[Change] = (),
) -> GuardedPlan:
    """Rule on putting changes of ours back, and on what is lowered ``beside`` them."""
    rules = checks(why, GUARDRAILS, captured)
    ruled: list[GuardedChange] = []
    for change in (*put_back(which), *beside):
        going = [one.change for one in ruled if one.allowed]
        ruled.append(rule(change, here, around, going, guardrails=rules))
    return GuardedPlan(
        plan=Plan(
            incident_id=around.incident_id,
            target=here.evidence.target,
            cause=here.diagnosis.cause,
            changes=tuple(one.change for one in ruled),
            undo=True,
        ),
        changes=tuple(ruled),
        mode=around.mode,
        policy_digest=here.policy.digest,
    )


def _splits(ruled: Sequence[GuardedChange]) -> int:
    return sum(of(one.change).one_by_one and not lowers(one.change) for one in ruled)


def _spent_beside(
    change: Change, ruled: Sequence[GuardedChange], plan: Plan, around: Circumstances
) -> tuple[Spent, ...]:
    """What goes in one write is one change; the plan's other writes are paid for, too."""
    own = (change.remedy, change.resource.counted_as)
    made = dict.fromkeys(
        (guarded.change.remedy, guarded.change.resource.counted_as)
        for guarded in ruled
        if guarded.allowed
    )
    return tuple(
        Spent(
            incident_id=plan.incident_id,
            mapping=plan.target.known_as,
            remedy=remedy,
            at=around.now,
        )
        for remedy, resource in made
        if (remedy, resource) != own
    )


def _together(ruled: Sequence[GuardedChange]) -> Sequence[GuardedChange]:
    """What is safe only with another change gets the most severe ruling of theirs, if that keeps
    it from acting. What stands alone keeps its own."""
    found = list(ruled)
    while (after := [_with_its_own(guarded, found) for guarded in found]) != found:
        found = after
    return found


def _with_its_own(guarded: GuardedChange, ruled: Sequence[GuardedChange]) -> GuardedChange:
    needed = set(guarded.change.safe_only_with)
    words = [other.ruling for other in ruled if other.change.setting in needed]
    worst = max(words, key=lambda word: _SEVERITY.index(word.decision), default=None)
    if worst is None or worst.decision not in {Decision.APPROVE, Decision.BLOCK}:
        return guarded
    if _SEVERITY.index(worst.decision) <= _SEVERITY.index(guarded.ruling.decision):
        return guarded
    return guarded.model_copy(update={"ruling": worst})


def comes_back(guarded: GuardedPlan) -> bool:
    """Whether some refusal ends by itself, so that looking again makes sense."""
    return any(_passes(change.ruling) for change in guarded.changes)


def free_at(guarded: GuardedPlan) -> datetime | None:
    """When the first of the refusals ends that end by themselves, where that is known."""
    ends = (change.ruling.until for change in guarded.changes if _passes(change.ruling))
    return min((until for until in ends if until is not None), default=None)


def _passes(ruling: Ruling) -> bool:
    return ruling.decision is Decision.BLOCK and ruling.guardrail in PASSING


__all__ = [
    "GUARDRAILS",
    "PASSING",
    "WAITING",
    "Circumstances",
    "Undo",
    "comes_back",
    "free_at",
    "guard",
    "guard_undo",
    "rule",
    "undo_held_back",
]
