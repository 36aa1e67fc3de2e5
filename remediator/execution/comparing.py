"""What settings hold, against what was planned and what was ours. Pure."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain

from remediator.execution.grouping import all_of, latest, net_inverse
from remediator.model import Change, ChangeResult, ChangeStatus, Resource, Value
from remediator.setting import Setting
from remediator.settings_table import CAPTURED, lowers, of
from remediator.state import ChangeState

# What settings hold.
Held = Mapping[str, Value]

Settled = dict[ChangeState, list[Change]]

Settle = Callable[[Sequence[Change], Held], Settled]


def unlike(
    resource: Resource, group: Sequence[Change], held: Held | None
) -> list[ChangeResult] | None:
    """Why it is not, or need not be, written over what is held; ``None``: as planned from."""
    if held is None:
        return all_of(group, ChangeStatus.REFUSED, "AWS is still at an update of it")
    if not held:
        return all_of(group, ChangeStatus.CONFLICT, f"{resource} is gone")
    if is_there(group, held):
        return all_of(group, ChangeStatus.ALREADY_SO, "it holds this value already")
    conflict = _conflict(group, held) or _uncaptured(group, held)
    return all_of(group, ChangeStatus.CONFLICT, conflict) if conflict else None


def written(group: Sequence[Change], held: Held) -> dict[str, Value]:
    """What one call sets. Whoever gives up sooner names the destination again: AWS asks whether
    the consumer's role may write there only in a call that names it, and refuses the whole of it
    (Lambda Developer Guide: kinesis-on-failure-destination). Invariant 1."""
    wanted = {change.setting: change.after for change in group}
    sooner = [of(change) for change in group if _gives_up_sooner(change)]
    captured = {
        by.name: held[by.name]
        for row, by in CAPTURED
        if row in sooner and held.get(by.name) is not None
    }
    return captured | wanted


def _gives_up_sooner(change: Change) -> bool:
    never = of(change).never
    return change.after not in never and (change.before in never or lowers(change))


def is_there(group: Sequence[Change], held: Held) -> bool:
    return all(held.get(change.setting, _NOWHERE) == change.after for change in group)


def not_ours(group: Sequence[Change], held: Mapping[str, Value]) -> set[str]:
    """The settings that hold another value than our newest; all of them where it is gone."""
    return {c.setting for c in latest(group) if held.get(c.setting, _NOWHERE) != c.after}


def all_ours(group: Sequence[Change], held: Held) -> bool:
    return not not_ours(group, held)


def _tied(group: Sequence[Change]) -> list[tuple[Setting, Setting]]:
    """Of what gives records up and what captures them, the pairs of which one is changed."""
    changed = [of(change) for change in group]
    return [pair for pair in CAPTURED if pair[0] in changed or pair[1] in changed]


def compared(group: Sequence[Change]) -> list[str]:
    """What is read before a write: what it changes, and what makes that safe."""
    beside = (row.name for row in chain(*_tied(group)))
    return list(dict.fromkeys((*(change.setting for change in group), *beside)))


def as_planned(group: Sequence[Change], held: Held) -> bool:
    return not _conflict(group, held)


def _conflict(group: Sequence[Change], held: Mapping[str, Value]) -> str:
    return "; ".join(
        f"{c.setting} is {held[c.setting]!r}, not {c.before!r} as planned from"
        for c in group
        if held[c.setting] != c.before
    )


def _uncaptured(group: Sequence[Change], held: Mapping[str, Value]) -> str:
    """Invariant 1, on what the settings hold now: retries end only where something captures.

    Also where only the destination goes, and somebody has just bounded the retries. What an old
    mapping shows as its default is unbounded in all but name, and may be put back.
    """
    then = {**held, **{change.setting: change.after for change in group}}
    return "; ".join(
        f"{row.name} is {then[row.name]}, and nothing would capture the record (invariant 1)"
        for row, by in _tied(group)
        if then[row.name] not in row.never and then[by.name] is None
    )


def ends_as(held: Held, *, settle: Settle, group: Sequence[Change], done: ChangeState) -> bool:
    return set(settle(group, held)) == {done}


def settle_intent(group: Sequence[Change], held: Mapping[str, Value]) -> Settled:
    """One write made all of them or none; what is not there, somebody has changed since."""
    settled: Settled = {}
    for change in group:
        there = held.get(change.setting, _NOWHERE) == change.after
        end = ChangeState.APPLIED if there else ChangeState.ABANDONED
        settled.setdefault(end, []).append(change)
    return settled


def settle_undo(group: Sequence[Change], held: Mapping[str, Value]) -> Settled:
    net = {change.setting: change for change in net_inverse(group)}
    settled: Settled = {}
    for change in group:
        settled.setdefault(_undo_stands(net.get(change.setting), held), []).append(change)
    return settled


def _undo_stands(inverse: Change | None, held: Mapping[str, Value]) -> ChangeState:
    value = held.get(inverse.setting, _NOWHERE) if inverse else None
    if inverse is None or value == inverse.after:
        return ChangeState.UNDONE
    return ChangeState.APPLIED if value == inverse.before else ChangeState.OVERTAKEN


# Held by no setting: what is gone equals nothing.
_NOWHERE = "\0"
