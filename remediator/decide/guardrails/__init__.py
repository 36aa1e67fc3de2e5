"""Plan + Policy + Circumstances → GuardedPlan: ordered checks, each a Ruling.

Pure. Every change is put to every guardrail in the order of ``GUARDRAILS``; a clip changes the
value that the later ones see, and the most severe ruling is the change's. Invariants 1 to 6.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from remediator.decide.case import Case
from remediator.decide.guardrails import resharding
from remediator.decide.guardrails.concurrency import downstream_is_well, neighbours_keep_theirs
from remediator.decide.guardrails.inquiry import (
    Circumstances,
    Clip,
    Inquiry,
    Said,
    Word,
    approve,
    block,
)
from remediator.decide.guardrails.ownership import left_to_people
from remediator.decide.guardrails.records import (
    nothing_is_discarded,
    position_is_kept,
    waits_through_a_restart,
)
from remediator.decide.guardrails.undoing import WAITING, Undo, checks, put_back
from remediator.model import (
    Cause,
    Change,
    Decision,
    GuardedChange,
    GuardedPlan,
    Mode,
    Plan,
    RemedyName,
    ResourceKind,
    Ruling,
)
from remediator.policy import Autonomy, Policy
from remediator.settings_table import lowers, of
from remediator.state import Spent, TrackedChange


def _frozen(ask: Inquiry) -> Word:
    """A freeze, wherever it was set, stops every change; an unreadable switch counts as one."""
    reason = _why_frozen(ask.policy, ask.around)
    return block(reason) if reason else None


def _why_frozen(policy: Policy, around: Circumstances) -> str | None:
    freeze = around.freeze
    if policy.freeze:
        return "the policy file says freeze"
    if around.freeze_unreadable:
        return f"the freeze switch cannot be read: {around.freeze_unreadable}"
    if freeze is not None:
        return f"frozen ({freeze.scope}) by {freeze.by} at {freeze.at:%F %R}: {freeze.reason}"
    return None


def _maintenance(ask: Inquiry) -> Word:
    """Nothing is changed inside a maintenance window."""
    reason, now = _why_closed(ask.policy, ask.around), ask.around.now
    if reason is None:
        return None
    return block(reason, max(w.ends(now) for w in ask.policy.maintenance_windows if w.covers(now)))


def _why_closed(policy: Policy, around: Circumstances) -> str | None:
    window = next((w for w in policy.maintenance_windows if w.covers(around.now)), None)
    return f"maintenance window {window.name} until {window.end:%R} UTC" if window else None


def undo_held_back(policy: Policy, around: Circumstances) -> str | None:
    """Why nothing of ours may be taken back now, ``None`` if it may (invariant 6).

    To undo is a change, too: a plan makes none, and neither does what is frozen.
    """
    if around.mode is Mode.PLAN:
        return "mode is plan"
    return _why_frozen(policy, around) or _why_closed(policy, around)


def _stopped_by_a_human(ask: Inquiry) -> Word:
    """Invariant 3: a consumer that was stopped on purpose stays so."""
    if ask.case.diagnosis.cause is not Cause.CONSUMER_STOPPED:
        return None
    if ask.change.remedy is RemedyName.EXTEND_RETENTION:
        return None
    return block("the consumer was stopped on purpose: it stays so (invariant 3)")


def _unknown_policy(ask: Inquiry) -> Word:
    """Invariant 6: where an override by tag may hold, the tags have to be seen."""
    if not ask.around.tags_unseen:
        return None
    return block("the function's tags were not seen, and the policy has overrides by tag")


def _not_opted_in(ask: Inquiry) -> Word:
    """Where functions opt in by a tag, one that was not seen to carry it is left alone."""
    function = ask.evidence.function
    if not ask.policy.tagged_functions_only:
        return None
    if function is not None and function.tags.get("remediator") == "managed":
        return None
    return block("the function was not seen to carry the tag remediator=managed")


# What does not depend on how a function is scaled.
_LOSSLESS = frozenset({RemedyName.ISOLATE_POISON, RemedyName.EXTEND_RETENTION})


def _managed_instances(ask: Inquiry) -> Word:
    """Functions on managed instances scale by other settings than these."""
    function = ask.evidence.function
    if function is None or not function.runs_on_managed_instances:
        return None
    if ask.change.remedy in _LOSSLESS:
        return None
    return block("the function runs on managed instances: its concurrency works differently")


def _durable(ask: Inquiry) -> Word:
    """An execution of a durable function may wait while it holds its lane: lanes say nothing."""
    function = ask.evidence.function
    if function is None or not function.durable:
        return None
    if ask.change.remedy in _LOSSLESS or lowers(ask.change):
        return None
    return block("the function is durable: an execution may wait while it holds its lane")


def _busy_resource(ask: Inquiry) -> Word:
    """What AWS is still changing is not changed again."""
    kind = ask.change.resource.kind
    mapping, stream = ask.evidence.mapping, ask.evidence.stream
    if ask.row.restarts and mapping and mapping.state != "Enabled":
        return block(f"the mapping is {mapping.state}: wait until it is Enabled")
    on_stream = kind in {ResourceKind.STREAM, ResourceKind.HASH_RANGE}
    if on_stream and stream and stream.status != "ACTIVE":
        return block(f"the stream is {stream.status}: wait until it is ACTIVE")
    return None


def _cooling_down(ask: Inquiry) -> Word:
    """One change at a time shows its effect before the next one comes."""
    uuid = ask.evidence.target.event_source_mapping
    own = ask.policy.remedy(ask.change.remedy).cooldown_seconds
    cooldown = ask.policy.cooldown
    # Whoever bounds retries isolates a record: no setting swings by it.
    less = lowers(ask.change) and ask.change.remedy is not RemedyName.ISOLATE_POISON
    general = cooldown.lower_seconds if less else cooldown.raise_seconds
    wait = timedelta(seconds=own or general)
    spent = [s for s in ask.around.ledger.spent if s.mapping == uuid]
    last = max((s.at for s in spent if s.remedy is not RemedyName.EXTEND_RETENTION), default=None)
    if any(s.by_hand and s.at == last for s in spent):
        wait = max(wait, timedelta(seconds=cooldown.human_seconds))
    if last is None or ask.around.now - last >= wait:
        return None
    if ask.change.remedy is RemedyName.EXTEND_RETENTION:
        return None  # first aid: it delays nothing and is not judged by its effect
    until = last + wait
    return block(f"cool-down until {until:%R} UTC: the last change is still taking effect", until)


def _over_budget(ask: Inquiry) -> Word:
    """Invariant 6: only so many changes in a time, for a target, a remedy, an account."""
    budget, remedy = ask.policy.budget, ask.policy.remedy(ask.change.remedy)
    since = ask.around.now - timedelta(seconds=budget.window_seconds)
    paid = (*ask.around.ledger.spent, *ask.around.beside)
    spent = [s for s in paid if s.at > since]
    uuid = ask.evidence.target.event_source_mapping
    on_target = [s for s in spent if s.mapping == uuid]
    of_kind = [s for s in on_target if s.remedy is ask.change.remedy]
    minutes = budget.window_seconds // 60
    for counted, most, what in (
        (spent, budget.per_account, "in this account"),
        (on_target, budget.per_target, "to this mapping"),
        (of_kind, remedy.per_target or budget.per_target, f"of {ask.change.remedy}"),
    ):
        if len(counted) >= most:
            oldest = sorted(s.at for s in counted)[len(counted) - most]
            until = oldest + timedelta(seconds=budget.window_seconds)
            return block(
                f"{len(counted)} changes {what} in {minutes} min; {most} are allowed", until
            )
    return None


def _over_limit(ask: Inquiry) -> Word:
    """Invariant 6: no setting goes beyond the policy's limit; it is clipped to it."""
    limit, after, before = ask.row.limit, ask.change.after, ask.change.before
    if limit is None or not isinstance(after, int):
        return None
    most = limit(ask.policy.limits, ask.evidence)
    if after <= most:
        return None
    if isinstance(before, int) and before >= most and not lowers(ask.change):
        return block(f"{ask.change.setting} is at the policy's limit of {most} already")
    return Clip(most, f"limited to {most} by the policy")


def _autonomy(ask: Inquiry) -> Word:
    """Invariant 6: each remedy acts alone, asks first, or is off."""
    word = ask.policy.remedy(ask.change.remedy).autonomy
    if word is Autonomy.OFF:
        return block(f"{ask.change.remedy} is switched off")
    if word is Autonomy.APPROVE:
        return approve(f"{ask.change.remedy} needs a person's approval")
    return None


GUARDRAILS: Mapping[str, Callable[[Inquiry], Word]] = {
    "freeze": _frozen,
    "maintenance_window": _maintenance,
    "unknown_policy": _unknown_policy,
    "opted_in": _not_opted_in,
    "stopped_on_purpose": _stopped_by_a_human,
    "managed_instances": _managed_instances,
    "durable_function": _durable,
    "resource_busy": _busy_resource,
    "human_change": left_to_people,
    "cooldown": _cooling_down,
    "budget": _over_budget,
    "limit": _over_limit,
    "shard_limit": resharding.within_the_limit,
    "tumbling_window": resharding.no_window_is_cut,
    "others_on_the_stream": resharding.others_are_asked,
    "neighbours": neighbours_keep_theirs,
    "discard": nothing_is_discarded,
    "record_age": waits_through_a_restart,
    "downstream": downstream_is_well,
    "latest_position": position_is_kept,
    "autonomy": _autonomy,
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
            mapping=plan.target.event_source_mapping,
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
