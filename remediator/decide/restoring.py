"""What goes back once all is quiet, what stays, and why. Pure."""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from remediator.decide import guardrails, learned
from remediator.decide.case import Case
from remediator.model import Change, Decision, GuardedPlan, RemedyName, Resource, Value
from remediator.policy import RestoreTo
from remediator.settings_table import of, raises
from remediator.state import IncidentState, TrackedChange


class Stays(NamedTuple):
    """A change that does not go back now, and why."""

    tracked: TrackedChange
    because: str
    waits: bool = False
    """Whether a quieter moment, or the end of a block, may let it go back."""
    by_load: bool = False
    """Whether a smaller value than ours might still do."""


def to_restore(state: IncidentState, case: Case) -> tuple[list[TrackedChange], list[Stays]]:
    """What goes back and what stays: the prior value only where it carries today's load.

    A setting that was changed turn after turn goes back turn after turn, the newest first: where
    one of them stays, so do those that it stands on.
    """
    keeps = case.policy.restore is RestoreTo.KEEP
    must = any(_must_go(state, t) for t in state.in_effect)
    back: list[TrackedChange] = []
    stays: list[Stays] = []
    newest: dict[tuple[Resource, str], Value] = {}
    for tracked in state.in_effect:
        change = tracked.change
        held = newest.setdefault((change.resource, change.setting), change.after)
        above = next((s for s in stays if same_setting(change, s.tracked.change)), None)
        why = above or why_it_stays(tracked, case, held=held, must=must)
        if keeps and not _must_go(state, tracked):
            why = Stays(tracked, "by policy")
        if why is None:
            back.append(tracked)
        else:
            stays.append(why._replace(tracked=tracked))
    return back, stays


def _must_go(state: IncidentState, tracked: TrackedChange) -> bool:
    """Bounded retries would give up good records in the next outage (invariant 2), and more lanes
    than what stands behind bears break it at the next burst (invariant 5)."""
    return tracked.endangers or learned.too_much(state, tracked)


def why_it_stays(tracked: TrackedChange, case: Case, *, held: Value, must: bool) -> Stays | None:
    """Why the old value would not do for today's load; ``None``: it would.

    ``held``: what the setting holds now. ``must``: something must not stay, whatever a restart
    costs; splitting failed batches alone may, and harms nobody.
    """
    change, signals = tracked.change, case.signals
    late = _restart_would_be_late(change, case)
    if of(change).takes_over:
        return Stays(tracked, "what was read since the takeover would be processed again")
    if change.remedy is RemedyName.LOWER_BATCH_SIZE:
        return Stays(tracked, f"batches of {change.before} ran into the function's timeout")
    if change.remedy is RemedyName.RESERVE_CONCURRENCY and signals.account_throttles_per_minute:
        return Stays(tracked, "the account's pool is still used up", waits=True)
    if not raises(change) and not of(change).throughput:
        return Stays(tracked, late, waits=True) if late and not must else None
    before, after = change.before, held
    if change.remedy is RemedyName.SPLIT_SHARDS and signals.read_throttle_share != 0:
        return Stays(tracked, "fewer shards have fewer reads to share")
    if isinstance(before, int) and isinstance(after, int) and after:
        if signals.busy_lanes is None or signals.lanes is None:
            return Stays(tracked, "how many lanes are at work was not seen")
        share = case.policy.forecast.healthy_utilisation
        if signals.busy_lanes > share * signals.lanes * before / after:
            busy = f"{signals.busy_lanes:.1f} lanes are at work"
            return Stays(tracked, f"{busy}, too many for the {before} of before", by_load=True)
    return Stays(tracked, late, waits=True) if late and not must else None


def _restart_would_be_late(change: Change, case: Case) -> str:
    """Why the restart of the mapping would delay what arrives by more than its owner allows; empty
    where it would not.

    What must not stay is taken back all the same, and what goes in the same write with it.
    """
    restart, allowed = (case.policy.forecast.restart_seconds, case.policy.thresholds.alarm_seconds)
    arriving = case.signals.arrival_per_second
    idle = arriving is not None and arriving * restart < 1
    if not of(change).restarts or restart < allowed or idle:
        return ""
    return (
        f"putting it back restarts the mapping, which delays what arrives by about {restart} s; "
        f"its alarm allows {allowed} s"
    )


def ruled_out(
    back: Sequence[TrackedChange], guarded: GuardedPlan
) -> tuple[list[TrackedChange], list[Stays]]:
    """What the guardrails let go back, and what they keep, each with their reason."""
    words = {(g.change.resource, g.change.setting): g for g in guarded.changes}
    goes: list[TrackedChange] = []
    stays: list[Stays] = []
    for tracked in back:
        guardedly = words[tracked.change.resource, tracked.change.setting]
        ruling = guardedly.ruling
        waits = ruling.decision is Decision.APPROVE or ruling.guardrail in _PASSING
        if guardedly.allowed:
            goes.append(tracked)
        else:
            stays.append(Stays(tracked, ruling.reason, waits=waits))
    return goes, stays


_PASSING = guardrails.PASSING | guardrails.WAITING


def lowered(stays: Sequence[Stays], case: Case) -> tuple[Change, ...]:
    """The smallest healthy value of what could not go back, where the policy wants that."""
    if case.policy.restore is not RestoreTo.SMALLEST_HEALTHY:
        return ()
    by_load = newest_of_each([kept.tracked for kept in stays if kept.by_load])
    found = (
        _smallest_healthy(tracked, case)
        for tracked in by_load
        if not _restart_would_be_late(tracked.change, case)
    )
    return tuple(change for change in found if change is not None)


def _smallest_healthy(tracked: TrackedChange, case: Case) -> Change | None:
    """ParallelizationFactor alone: shards and reservations are seldom lowered by a little."""
    change, busy = tracked.change, case.signals.busy_lanes
    shards, after = case.evidence.open_shards, change.after
    if not of(change).fine or busy is None or not shards:
        return None
    enough = max(1, ceil(busy / case.policy.forecast.healthy_utilisation / shards))
    if not isinstance(after, int) or enough >= after:
        return None
    why = f"{enough} lanes a shard carry today's load"
    return change.model_copy(update={"before": after, "after": enough, "why": why, "caveats": ()})


def kept_words(stays: Sequence[Stays], lower: Sequence[Change] = ()) -> str:
    """What stays, and why, in words; empty where nothing does."""
    if not stays:
        return ""
    lowered_to = {change.setting: change.after for change in lower}
    why = {id(kept.tracked): kept for kept in stays}
    told = [
        f"{t.change.setting}={lowered_to.get(t.change.setting, t.change.after)} "
        f"({why[id(t)].because})"
        for t in newest_of_each([kept.tracked for kept in stays])
    ]
    return f"; kept: {', '.join(told)}"


def lasting(state: IncidentState, stays: Sequence[Stays]) -> tuple[str, ...]:
    """What a person does about what stays: make it permanent, or put it back."""
    newest = newest_of_each([kept.tracked for kept in stays])
    lines = [
        f"{of(t.change).field}: {t.change.after} in the template of {t.change.resource} "
        "makes it permanent"
        for t in newest
        if of(t.change).field and not of(t.change).never
    ]
    if newest:
        lines.append(f"remediator rollback {state.incident_id} puts back what may go back")
    return tuple(lines)


def newest_of_each(newest_first: Sequence[TrackedChange]) -> list[TrackedChange]:
    found: list[TrackedChange] = []
    for tracked in newest_first:
        if not any(same_setting(tracked.change, other.change) for other in found):
            found.append(tracked)
    return found


def same_setting(one: Change, other: Change) -> bool:
    return (one.resource, one.setting) == (other.resource, other.setting)
