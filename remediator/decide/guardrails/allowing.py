"""Guardrails of what is allowed at all: freeze, mode, opt-in, limits, budgets, autonomy."""

from datetime import timedelta

from remediator.decide.guardrails.inquiry import (
    Circumstances,
    Clip,
    Inquiry,
    Word,
    approve,
    block,
)
from remediator.model import (
    Cause,
    Mode,
    RemedyName,
    ResourceKind,
)
from remediator.policy import Autonomy, Policy
from remediator.settings_table import lowers


def frozen(ask: Inquiry) -> Word:
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


def maintenance(ask: Inquiry) -> Word:
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


def one_journal(ask: Inquiry) -> Word:
    """Invariants 4 and 6: one journal for an account and Region, which a second stack joins."""
    claim = ask.around.other_journal
    if claim is None:
        return None
    return block(
        f"deploy with SharedJournal={claim.journal}: that journal, of stack {claim.stack}, has "
        f"this account and Region since {claim.since:%F %R}, and ours is another"
    )


def stopped_by_a_human(ask: Inquiry) -> Word:
    """Invariant 3: a consumer that was stopped on purpose stays so."""
    if ask.case.diagnosis.cause is not Cause.CONSUMER_STOPPED:
        return None
    if ask.change.remedy is RemedyName.EXTEND_RETENTION:
        return None
    return block("the consumer was stopped on purpose: it stays so (invariant 3)")


def unknown_policy(ask: Inquiry) -> Word:
    """Invariant 6: where an override by tag may hold, the tags have to be seen."""
    if not ask.around.tags_unseen:
        return None
    return block("the function's tags were not seen, and the policy has overrides by tag")


def not_opted_in(ask: Inquiry) -> Word:
    """Where functions opt in by a tag, one that was not seen to carry it is left alone."""
    function = ask.evidence.function
    if not ask.policy.tagged_functions_only:
        return None
    if function is not None and function.tags.get("remediator") == "managed":
        return None
    return block("the function was not seen to carry the tag remediator=managed")


# What does not depend on how a function is scaled.
_LOSSLESS = frozenset({RemedyName.ISOLATE_POISON, RemedyName.EXTEND_RETENTION})


def managed_instances(ask: Inquiry) -> Word:
    """Functions on managed instances scale by other settings than these."""
    function = ask.evidence.function
    if function is None or not function.runs_on_managed_instances:
        return None
    if ask.change.remedy in _LOSSLESS:
        return None
    return block("the function runs on managed instances: its concurrency works differently")


def durable(ask: Inquiry) -> Word:
    """An execution of a durable function may wait while it holds its lane: lanes say nothing."""
    function = ask.evidence.function
    if function is None or not function.durable:
        return None
    if ask.change.remedy in _LOSSLESS or lowers(ask.change):
        return None
    return block("the function is durable: an execution may wait while it holds its lane")


def busy_resource(ask: Inquiry) -> Word:
    """What AWS is still changing is not changed again."""
    kind = ask.change.resource.kind
    mapping, stream = ask.evidence.mapping, ask.evidence.stream
    if ask.row.restarts and mapping and mapping.state != "Enabled":
        return block(f"the mapping is {mapping.state}: wait until it is Enabled")
    on_stream = kind in {ResourceKind.STREAM, ResourceKind.HASH_RANGE}
    if on_stream and stream and stream.status != "ACTIVE":
        return block(f"the stream is {stream.status}: wait until it is ACTIVE")
    return None


# Who bounds retries, or makes batches smaller, takes back no raise: nothing swings by it, and what
# fails meanwhile need not wait for long.
_LOWERS_FORWARD = frozenset({RemedyName.ISOLATE_POISON, RemedyName.LOWER_BATCH_SIZE})


def cooling_down(ask: Inquiry) -> Word:
    """One change at a time shows its effect before the next one comes."""
    uuid = ask.evidence.target.known_as
    own = ask.policy.remedy(ask.change.remedy).cooldown_seconds
    cooldown = ask.policy.cooldown
    less = lowers(ask.change) and ask.change.remedy not in _LOWERS_FORWARD
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


def over_budget(ask: Inquiry) -> Word:
    """Invariant 6: only so many changes in a time, for a target, a remedy, an account."""
    budget, remedy = ask.policy.budget, ask.policy.remedy(ask.change.remedy)
    since = ask.around.now - timedelta(seconds=budget.window_seconds)
    paid = (*ask.around.ledger.spent, *ask.around.beside)
    spent = [s for s in paid if s.at > since]
    uuid = ask.evidence.target.known_as
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


def over_limit(ask: Inquiry) -> Word:
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


def autonomy(ask: Inquiry) -> Word:
    """Invariant 6: each remedy acts alone, asks first, or is off."""
    word = ask.policy.remedy(ask.change.remedy).autonomy
    if word is Autonomy.OFF:
        return block(f"{ask.change.remedy} is switched off")
    if word is Autonomy.APPROVE:
        return approve(f"{ask.change.remedy} needs a person's approval")
    return None
