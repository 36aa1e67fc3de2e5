"""Plan + Policy + Circumstances → GuardedPlan: ordered checks, each a Ruling.

Pure. Every change is put to every guardrail in the order of ``GUARDRAILS``; a clip changes the
value that the later ones see, and the most severe ruling is the change's. Invariants 1 to 6.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from remediator.model import (
    Cause,
    Change,
    Decision,
    Evidence,
    GuardedChange,
    GuardedPlan,
    Mode,
    Plan,
    RemedyName,
    ResourceKind,
    Ruling,
)
from remediator.policy import Autonomy, Policy
from remediator.remedies import Situation
from remediator.state import AccountLedger, Freeze, Spent


class Circumstances(NamedTuple):
    """What stands around a plan and is neither evidence nor policy. Defaults: nothing known."""

    now: datetime
    incident_id: str = ""
    mode: Mode = Mode.PLAN
    freeze: Freeze | None = None
    freeze_unreadable: str | None = None
    """Why a configured freeze switch could not be read: then nothing is changed."""
    ledger: AccountLedger = AccountLedger()
    downstream: Mapping[str, str | None] = {}
    """State of each downstream alarm of the policy; ``None``: could not be seen."""
    own_settings: Mapping[str, object] = {}
    """Settings of the mapping as this incident last left them, to tell a human's change."""
    approved: bool = False
    """Whether a person has approved this very plan."""
    beside: tuple[Spent, ...] = ()
    """What this very plan spends on the changes before this one."""
    tags_unseen: bool = False
    """Whether the policy differs by tags that could not be read: which one holds is not known."""


class Inquiry(NamedTuple):
    """What a guardrail looks at."""

    change: Change
    here: Situation
    around: Circumstances

    @property
    def policy(self) -> Policy:
        """The policy as it stands for the target."""
        return self.here.policy

    @property
    def evidence(self) -> Evidence:
        """What was read."""
        return self.here.evidence


class Clip(NamedTuple):
    """A smaller value, and why."""

    after: int
    reason: str


Word = tuple[Decision, str] | Clip | None
"""What a guardrail says: a decision with its reason, a clip, or nothing against it."""

_RAISES_CONCURRENCY = {
    "parallelization_factor",
    "reserved_concurrency",
    "shard_count",
    "shards",
}


def _block(reason: str) -> Word:
    return Decision.BLOCK, reason


def _frozen(ask: Inquiry) -> Word:
    """A freeze, wherever it was set, stops every change; an unreadable switch counts as one."""
    reason = _why_frozen(ask.policy, ask.around)
    return _block(reason) if reason else None


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
    reason = _why_closed(ask.policy, ask.around)
    return _block(reason) if reason else None


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
    if ask.here.diagnosis.cause is not Cause.CONSUMER_STOPPED:
        return None
    if ask.change.remedy is RemedyName.EXTEND_RETENTION:
        return None
    return _block("the consumer was stopped on purpose: it stays so (invariant 3)")


def _unknown_policy(ask: Inquiry) -> Word:
    """Invariant 6: where an override by tag may hold, the tags have to be seen."""
    if not ask.around.tags_unseen:
        return None
    return _block("the function's tags were not seen, and the policy has overrides by tag")


def _managed_instances(ask: Inquiry) -> Word:
    """Functions on managed instances scale by other settings than these."""
    function = ask.evidence.function
    if function is None or not function.runs_on_managed_instances:
        return None
    if ask.change.setting not in {"reserved_concurrency", "parallelization_factor"}:
        return None
    return _block("the function runs on managed instances: its concurrency works differently")


def _busy_resource(ask: Inquiry) -> Word:
    """What AWS is still changing is not changed again."""
    kind = ask.change.resource.kind
    mapping, stream = ask.evidence.mapping, ask.evidence.stream
    if kind is ResourceKind.EVENT_SOURCE_MAPPING and mapping and mapping.state != "Enabled":
        return _block(f"the mapping is {mapping.state}: wait until it is Enabled")
    on_stream = kind in {ResourceKind.STREAM, ResourceKind.HASH_RANGE}
    if on_stream and stream and stream.status != "ACTIVE":
        return _block(f"the stream is {stream.status}: wait until it is ACTIVE")
    return None


def _human_hand(ask: Inquiry) -> Word:
    """A mapping that was edited while the incident was running, and not by us, is left alone."""
    mapping, onset = ask.evidence.mapping, ask.here.signals.onset
    quiet = timedelta(seconds=ask.policy.cooldown.human_seconds)
    if mapping is None or mapping.last_modified is None or onset is None or not quiet:
        return None
    if ask.change.resource.kind is not ResourceKind.EVENT_SOURCE_MAPPING:
        return None
    changed = mapping.last_modified
    ours = [spent.at for spent in ask.around.ledger.spent if spent.mapping == mapping.uuid]
    by_us = any(at - timedelta(minutes=1) <= changed <= at + timedelta(minutes=10) for at in ours)
    during = changed > onset + timedelta(minutes=1)
    if during and not by_us and ask.around.now - changed < quiet:
        return _block(
            f"somebody changed the mapping at {changed:%R} UTC, in mid-incident: "
            f"left alone for {ask.policy.cooldown.human_seconds} s (invariant 3)"
        )
    return None


def _lowers(change: Change) -> bool:
    before, after = change.before, change.after
    return isinstance(before, int) and isinstance(after, int) and after < before


def _cooling_down(ask: Inquiry) -> Word:
    """One change at a time shows its effect before the next one comes."""
    uuid = ask.evidence.target.event_source_mapping
    own = ask.policy.remedy(ask.change.remedy).cooldown_seconds
    cooldown = ask.policy.cooldown
    general = cooldown.lower_seconds if _lowers(ask.change) else cooldown.raise_seconds
    wait = timedelta(seconds=own or general)
    spent = [s for s in ask.around.ledger.spent if s.mapping == uuid]
    last = max((s.at for s in spent if s.remedy is not RemedyName.EXTEND_RETENTION), default=None)
    if any(s.by_hand and s.at == last for s in spent):
        wait = max(wait, timedelta(seconds=cooldown.human_seconds))
    if last is None or ask.around.now - last >= wait:
        return None
    if ask.change.remedy is RemedyName.EXTEND_RETENTION:
        return None  # first aid: it delays nothing and is not judged by its effect
    return _block(f"cool-down until {last + wait:%R} UTC: the last change is still taking effect")


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
    for count, most, what in (
        (len(spent), budget.per_account, "in this account"),
        (len(on_target), budget.per_target, "to this mapping"),
        (len(of_kind), remedy.per_target or budget.per_target, f"of {ask.change.remedy}"),
    ):
        if count >= most:
            return _block(f"{count} changes {what} in {minutes} min; {most} are allowed")
    return None


_LIMITED: Mapping[str, str] = {
    "parallelization_factor": "parallelization_factor",
    "shard_count": "shards",
    "reserved_concurrency": "reserved_concurrency",
    "retention_hours": "retention_hours",
    "maximum_retry_attempts": "retry_attempts",
}


def _over_limit(ask: Inquiry) -> Word:
    """Invariant 6: no setting goes beyond the policy's limit; it is clipped to it."""
    field = _LIMITED.get(ask.change.setting)
    after, before = ask.change.after, ask.change.before
    if field is None or not isinstance(after, int):
        return None
    most = getattr(ask.policy.limits, field)
    if after <= most:
        return None
    if isinstance(before, int) and before >= most:
        return _block(f"{ask.change.setting} is at the policy's limit of {most} already")
    return Clip(most, f"limited to {most} by the policy")


def _shards_over_limit(ask: Inquiry) -> Word:
    """Invariant 6: a split, too, stays within the limit of shards."""
    if ask.change.resource.kind is not ResourceKind.HASH_RANGE:
        return None
    shards, most = ask.evidence.open_shards, ask.policy.limits.shards
    if shards is None or shards + 1 > most:
        return _block(f"{shards} shards, of which the policy allows {most}")
    return None


def _neighbours(ask: Inquiry) -> Word:
    """Invariant 4: what is taken from the pool leaves the others enough."""
    rule = _NEIGHBOURS.get(ask.change.setting)
    return rule(ask) if rule else None


def _lanes_fit(ask: Inquiry) -> Word:
    before, after, shards = ask.change.before, ask.change.after, ask.evidence.open_shards
    if not isinstance(before, int) or not isinstance(after, int) or shards is None:
        return _block("shards or lanes were not seen, so their concurrency cannot be counted")
    spare = ask.here.spare_concurrency
    if spare is None:
        return Decision.APPROVE, "the account's concurrency was not seen"
    fits = before + spare // shards
    if after <= fits:
        return None
    if fits <= before:
        return _block("no concurrency is free above the neighbours' share (invariant 4)")
    return Clip(fits, f"{spare} invocations are free above the neighbours' share")


def _shards_fit(ask: Inquiry) -> Word:
    mapping, spare = ask.evidence.mapping, ask.here.spare_concurrency
    before, after = ask.change.before, ask.change.after
    if mapping is None or not isinstance(before, int) or not isinstance(after, int):
        return _block("the mapping was not seen, so its concurrency cannot be counted")
    if spare is None:
        return Decision.APPROVE, "the account's concurrency was not seen"
    fits = before + spare // mapping.parallelization_factor
    if after <= fits:
        return None
    if fits <= before or ask.change.resource.kind is ResourceKind.HASH_RANGE:
        return _block("no concurrency is free above the neighbours' share (invariant 4)")
    return Clip(fits, f"{spare} invocations are free above the neighbours' share")


def _reservation_fits(ask: Inquiry) -> Word:
    before, after = ask.change.before, ask.change.after
    if not isinstance(after, int):
        return None  # lifting a reservation gives the pool back what it took
    if before == 0:
        return _block("the function is reserved at 0: stopped on purpose (invariant 3)")
    spare = ask.here.spare_reservation
    if spare is None:
        return Decision.APPROVE, "the account's concurrency was not seen"
    fits = (before if isinstance(before, int) else 0) + spare
    if after <= fits:
        return None
    if isinstance(before, int) and fits <= before:
        return _block("the account has no concurrency to spare (invariant 4)")
    return Clip(fits, f"the account can spare {spare}")


_NEIGHBOURS: Mapping[str, Callable[[Inquiry], Word]] = {
    "parallelization_factor": _lanes_fit,
    "shard_count": _shards_fit,
    "shards": _shards_fit,
    "reserved_concurrency": _reservation_fits,
}


def _discards(ask: Inquiry) -> Word:
    """Invariants 1 and 2: bounded retries only for a proven function, and only when captured."""
    change, mapping = ask.change, ask.evidence.mapping
    if change.setting == "maximum_record_age_seconds" and change.after != -1:
        return _block("a maximum record age would discard the backlog (invariant 1)")
    if change.setting != "maximum_retry_attempts" or change.after == -1:
        return None
    if not ask.here.diagnosis.proven:
        return _block("the function is not proven healthy: good records could go (invariant 2)")
    captured = ask.here.quarantine_arn or (mapping.on_failure_destination if mapping else None)
    if captured is None:
        return _block("nothing would capture what is given up (invariant 1)")
    if ask.here.destination_usable is False:
        return _block(f"the destination {captured} cannot be used (invariant 1)")
    return None


def _downstream(ask: Inquiry) -> Word:
    """Invariant 5: nothing is raised while an alarm of what stands behind is on or unseen."""
    if ask.change.setting not in _RAISES_CONCURRENCY or _lowers(ask.change):
        return None
    for name in ask.policy.downstream_alarms:
        state = ask.around.downstream.get(name)
        if state == "ALARM":
            return _block(f"downstream alarm {name} is in ALARM (invariant 5)")
        if state is None:
            return _block(f"downstream alarm {name} could not be seen (invariant 5)")
    return None


def _latest_position(ask: Inquiry) -> Word:
    """A mapping that starts at LATEST may miss records when it is updated."""
    mapping = ask.evidence.mapping
    if ask.change.resource.kind is not ResourceKind.EVENT_SOURCE_MAPPING or mapping is None:
        return None
    if mapping.starting_position != "LATEST" or ask.policy.latest_position is Autonomy.AUTO:
        return None
    reason = "the mapping starts at LATEST: AWS says an update of it may miss records"
    if ask.policy.latest_position is Autonomy.OFF:
        return _block(reason)
    return Decision.APPROVE, reason


def _autonomy(ask: Inquiry) -> Word:
    """Invariant 6: each remedy acts alone, asks first, or is off."""
    word = ask.policy.remedy(ask.change.remedy).autonomy
    if word is Autonomy.OFF:
        return _block(f"{ask.change.remedy} is switched off")
    if word is Autonomy.APPROVE:
        return Decision.APPROVE, f"{ask.change.remedy} needs a person's approval"
    return None


GUARDRAILS: Mapping[str, Callable[[Inquiry], Word]] = {
    "freeze": _frozen,
    "maintenance_window": _maintenance,
    "unknown_policy": _unknown_policy,
    "stopped_on_purpose": _stopped_by_a_human,
    "managed_instances": _managed_instances,
    "resource_busy": _busy_resource,
    "human_change": _human_hand,
    "cooldown": _cooling_down,
    "budget": _over_budget,
    "limit": _over_limit,
    "shard_limit": _shards_over_limit,
    "neighbours": _neighbours,
    "discard": _discards,
    "downstream": _downstream,
    "latest_position": _latest_position,
    "autonomy": _autonomy,
}

PASSING = frozenset({"cooldown", "resource_busy", "human_change", "maintenance_window", "budget"})
"""Guardrails whose "no" ends by itself: worth another look later."""

_SEVERITY = (Decision.ALLOW, Decision.CLIP, Decision.APPROVE, Decision.BLOCK)


def rule(change: Change, here: Situation, around: Circumstances) -> GuardedChange:
    """Put one change to every guardrail; the change returned is clipped where one clipped it."""
    worst = Ruling(decision=Decision.ALLOW, guardrail="policy", reason="within every limit")
    for name, check in GUARDRAILS.items():
        word = check(Inquiry(change, here, around))
        if word is None:
            continue
        if isinstance(word, Clip):
            change = change.model_copy(update={"after": word.after})
            word = (Decision.CLIP, word.reason)
        decision, reason = word
        if decision is Decision.APPROVE and around.approved:
            continue
        if _SEVERITY.index(decision) > _SEVERITY.index(worst.decision):
            worst = Ruling(decision=decision, guardrail=name, reason=reason)
    return GuardedChange(change=change, ruling=worst)


def guard(plan: Plan, here: Situation, around: Circumstances) -> GuardedPlan:
    """Rule on every change. Each stands alone, but for those that make each other safe: they
    stand or fall together (``Change.safe_only_with``)."""
    ruled: list[GuardedChange] = []
    for change in plan.changes:
        paid = around._replace(beside=_spent_beside(change, ruled, plan, around))
        ruled.append(rule(change, here, paid))
    return GuardedPlan(
        plan=plan,
        changes=tuple(_together(ruled)),
        mode=around.mode,
        policy_digest=here.policy.digest,
    )


def _spent_beside(
    change: Change, ruled: Sequence[GuardedChange], plan: Plan, around: Circumstances
) -> tuple[Spent, ...]:
    """What goes in one write is one change; the plan's other writes are paid for, too."""
    own = (change.remedy, change.resource)
    made = dict.fromkeys(
        (guarded.change.remedy, guarded.change.resource) for guarded in ruled if guarded.allowed
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
    return any(
        change.ruling.decision is Decision.BLOCK and change.ruling.guardrail in PASSING
        for change in guarded.changes
    )
