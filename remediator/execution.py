"""Making changes safely: journalled first, compare-and-set, undone newest first.

Source: invariants 3, 7 and 8. All changes of one resource go in one write, because together they
are what makes each other safe (bounded retries with their destination), and because each write
restarts a mapping. A death between two
lines of this file leaves an ``intended`` or ``undoing`` change behind, which ``recover`` settles
by looking at what the setting holds now.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from remediator.errors import PermanentError, TemporaryError
from remediator.model import (
    Change,
    ChangeResult,
    ChangeStatus,
    GuardedPlan,
    Resource,
    ResourceKind,
    Value,
)
from remediator.ports import Actuator, Journal
from remediator.state import (
    ChangeState,
    Entry,
    EntryKind,
    IncidentState,
    Lease,
    TrackedChange,
)

Held = Mapping[str, Value]
"""What settings hold."""
Settled = dict[ChangeState, list[Change]]
Settle = Callable[[Sequence[Change], Held], Settled]


class Executor(NamedTuple):
    """The hand that writes: an actuator, a journal and a clock."""

    actuator: Actuator
    journal: Journal
    clock: Callable[[], datetime]

    def apply(
        self, state: IncidentState, lease: Lease, guarded: GuardedPlan
    ) -> tuple[IncidentState, tuple[ChangeResult, ...]]:
        """Make the allowed changes, one resource after the other.

        Each stands alone, but for those that another one makes safe (``Change.safe_only_with``):
        they are not made without it. Raises TemporaryError as AWS answers, once all have had their
        turn; the intent stays in the journal for ``recover``. Raises ConflictError when the lease
        was lost.
        """
        results: list[ChangeResult] = []
        late: TemporaryError | None = None
        for resource, whole in _by_resource(guarded.allowed):
            group, unsafe = _apart(whole, results)
            results += unsafe
            if not group:
                continue
            state = self._track(state, lease, group, ChangeState.INTENDED, EntryKind.INTENT)
            try:
                made = self._set(resource, group)
            except TemporaryError as error:
                late = late or error
                results += _all(group, ChangeStatus.FAILED, str(error))
                continue
            state = self._note(state, lease, group, made)
            results += made
        if late is not None:
            raise late
        return state, tuple(results)

    def undo(
        self, state: IncidentState, lease: Lease, which: Sequence[TrackedChange]
    ) -> tuple[IncidentState, tuple[ChangeResult, ...]]:
        """Put the old values back; a human's change is left alone.

        Several turns on one resource are undone in one write, from what the newest has set to
        what the oldest has found, so that a mapping restarts once. Only shards go back a turn at
        a time, since AWS halves their number at most: the rest stays in effect. So does what AWS
        refuses to take back: it is still ours. Raises as ``apply``.
        """
        results: list[ChangeResult] = []
        for resource, whole in _by_resource(tracked.change for tracked in which):
            group, later = (whole[:1], whole[1:]) if _in_steps(whole) else (whole, [])
            state, made = self._take_back(state, lease, resource, group)
            results += made
            if any(done.status is ChangeStatus.CONFLICT for done in made):
                state = self.overtaken(state, lease)
                rest = [change for change in group if _is_applied(state, change)]
                state, made = self._take_back(state, lease, resource, rest)
                results += made
            results += _all(later, ChangeStatus.SKIPPED, "AWS halves at most: the rest comes later")
        return state, tuple(results)

    def _take_back(
        self, state: IncidentState, lease: Lease, resource: Resource, group: Sequence[Change]
    ) -> tuple[IncidentState, list[ChangeResult]]:
        """Undo one resource's changes; they stay ours unless it was done."""
        if not group:
            return state, []
        state = self._move(state, lease, group, ChangeState.UNDOING, EntryKind.UNDOING)
        made = self._set(resource, _net_inverse(group))
        undone = all(done.in_effect or done.status is ChangeStatus.ALREADY_SO for done in made)
        detail = next((done.detail for done in made), "")
        if undone:
            end, kind = ChangeState.UNDONE, EntryKind.UNDONE
        else:
            end, kind = ChangeState.APPLIED, EntryKind.NOT_APPLIED
        return self._move(state, lease, group, end, kind, detail=detail), made

    def recover(self, state: IncidentState, lease: Lease) -> IncidentState:
        """Settle what a dead invocation left: look what the settings hold, believe only that.

        While AWS is still at an update, it shows the old values: that tells nothing yet, and the
        next look settles it.
        """
        for unsettled, settle, done in (
            (ChangeState.INTENDED, _settle_intent, ChangeState.APPLIED),
            (ChangeState.UNDOING, _settle_undo, ChangeState.UNDONE),
        ):
            left = [t.change for t in reversed(state.changes) if t.state is unsettled]
            for resource, group in _by_resource(left):
                held = self._at_rest(
                    resource, group, partial(_ends_as, settle=settle, group=group, done=done)
                )
                if held is None:
                    continue
                for end, settled in settle(group, held).items():
                    state = self._move(
                        state,
                        lease,
                        settled,
                        end,
                        EntryKind.NOTE,
                        detail="found after an interruption",
                    )
        return state

    def overtaken(self, state: IncidentState, lease: Lease) -> IncidentState:
        """Give up every change whose setting somebody else has changed since (invariant 3)."""
        applied = [t.change for t in state.changes if t.state is ChangeState.APPLIED]
        for resource, group in _by_resource(applied):
            held = self._at_rest(resource, group, partial(_all_ours, group))
            if held is None:
                continue
            lost = _not_ours(group, held)
            if "maximum_retry_attempts" in lost and held.get("maximum_retry_attempts") != -1:
                lost.add("on_failure_destination")  # what captures belongs to what gives up
            gone = [change for change in group if change.setting in lost]
            if gone:
                state = self._move(
                    state,
                    lease,
                    gone,
                    ChangeState.OVERTAKEN,
                    EntryKind.NOTE,
                    detail="somebody changed the setting since: it is theirs now",
                )
        return state

    def _at_rest(
        self, resource: Resource, group: Sequence[Change], expected: Callable[[Held], bool]
    ) -> Held | None:
        """What the settings hold for good; nothing where the resource is gone.

        ``None``: not to be told yet, since AWS is still at an update and shows the old values.
        """
        held = self._read(resource, group)
        if held is None:
            return {}
        if expected(held):
            return held
        if not self.actuator.settled(resource):
            return None
        return self._read(resource, group) or {}

    def _read(self, resource: Resource, group: Sequence[Change]) -> Mapping[str, Value] | None:
        """The values, or ``None`` when the resource is gone. Raises what else goes wrong."""
        try:
            return self.actuator.read(resource, _compared(group))
        except PermanentError as error:
            if error.gone:
                return None
            raise

    def _set(self, resource: Resource, group: Sequence[Change]) -> list[ChangeResult]:
        """Compare, write, wait until it has settled. Nothing to set is done already."""
        if not group:
            return []
        try:
            held = self._at_rest(resource, group, partial(_as_planned, group))
            if held is None:
                return _all(group, ChangeStatus.REFUSED, "AWS is still at an update of it")
            if not held:
                return _all(group, ChangeStatus.CONFLICT, f"{resource} is gone")
            if all(held[change.setting] == change.after for change in group):
                return _all(group, ChangeStatus.ALREADY_SO, "it holds this value already")
            conflict = _conflict(group, held) or _uncaptured(group, held)
            if conflict:
                return _all(group, ChangeStatus.CONFLICT, conflict)
            self.actuator.write(resource, {change.setting: change.after for change in group})
        except PermanentError as error:
            status = ChangeStatus.CONFLICT if error.gone else ChangeStatus.REFUSED
            return _all(group, status, str(error))
        done = self.actuator.settled(resource)
        return _all(group, ChangeStatus.APPLIED if done else ChangeStatus.SETTLING)

    # --- journal ---------------------------------------------------------------------------

    def _track(
        self,
        state: IncidentState,
        lease: Lease,
        group: Sequence[Change],
        to: ChangeState,
        kind: EntryKind,
    ) -> IncidentState:
        now = self.clock()
        tracked = tuple(TrackedChange(change=c, state=to, at=now, turn=state.turn) for c in group)
        state = state.model_copy(update={"changes": (*state.changes, *tracked), "updated_at": now})
        return self.journal.commit(state, _entries(state, kind, group, now), lease, now)

    def _note(
        self,
        state: IncidentState,
        lease: Lease,
        group: Sequence[Change],
        made: Sequence[ChangeResult],
    ) -> IncidentState:
        ours = all(done.in_effect for done in made)
        return self._move(
            state,
            lease,
            group,
            ChangeState.APPLIED if ours else ChangeState.ABANDONED,
            EntryKind.APPLIED if ours else EntryKind.NOT_APPLIED,
            detail=made[0].detail,
        )

    def _move(
        self,
        state: IncidentState,
        lease: Lease,
        group: Sequence[Change],
        to: ChangeState,
        kind: EntryKind,
        detail: str = "",
    ) -> IncidentState:
        now = self.clock()
        moved = tuple(
            t.model_copy(update={"state": to, "detail": detail or t.detail})
            if t.change in group and t.ours_to_undo
            else t
            for t in state.changes
        )
        state = state.model_copy(update={"changes": moved, "updated_at": now})
        return self.journal.commit(state, _entries(state, kind, group, now, detail), lease, now)


def _by_resource(changes: Iterable[Change]) -> list[tuple[Resource, list[Change]]]:
    """Changes by what one call can write, in the order in which they first appear.

    A mapping takes all its settings at once; a stream has a call for each of them.
    """
    groups: dict[tuple[Resource, str], list[Change]] = {}
    for change in changes:
        together = change.resource.kind is ResourceKind.EVENT_SOURCE_MAPPING
        key = change.resource, "" if together else change.setting
        groups.setdefault(key, []).append(change)
    return [(resource, group) for (resource, _), group in groups.items()]


def _net_inverse(newest_first: Sequence[Change]) -> list[Change]:
    """One change a setting: from the newest value of ours back to the oldest of theirs."""
    net: dict[str, Change] = {}
    for change in newest_first:
        inverse = change.inverse()
        known = net.get(change.setting)
        if known is None:
            net[change.setting] = inverse
        elif known.after == change.after:  # else somebody came in between: theirs is the older one
            net[change.setting] = known.model_copy(update={"after": inverse.after})
    return [change for change in net.values() if change.before != change.after]


def _not_ours(group: Sequence[Change], held: Mapping[str, Value]) -> set[str]:
    """The settings that hold another value than our newest; all of them where it is gone."""
    return {c.setting for c in _latest(group) if held.get(c.setting, _NOWHERE) != c.after}


def _all_ours(group: Sequence[Change], held: Held) -> bool:
    return not _not_ours(group, held)


def _latest(group: Sequence[Change]) -> list[Change]:
    """The last change of each setting: only its value can be expected to be there."""
    return list({change.setting: change for change in group}.values())


def _all(group: Sequence[Change], status: ChangeStatus, detail: str = "") -> list[ChangeResult]:
    return [ChangeResult(change=change, status=status, detail=detail) for change in group]


def _apart(
    whole: Sequence[Change], results: Sequence[ChangeResult]
) -> tuple[list[Change], list[ChangeResult]]:
    """What may be made, and what may not, since what makes it safe was not made."""
    group, unsafe = list(whole), list[ChangeResult]()
    while lacking := [(c, lack) for c in group if (lack := _lacks(c, (*results, *unsafe)))]:
        group = [change for change in group if all(change != left for left, _ in lacking)]
        unsafe += [
            ChangeResult(
                change=change,
                status=ChangeStatus.SKIPPED,
                detail=f"it is safe only with {lack}, which was not made",
            )
            for change, lack in lacking
        ]
    return group, unsafe


def _lacks(change: Change, results: Sequence[ChangeResult]) -> str | None:
    """Which change, of those that make this one safe, was not made."""
    made = {ChangeStatus.APPLIED, ChangeStatus.SETTLING, ChangeStatus.ALREADY_SO}
    undone = {result.change.setting for result in results if result.status not in made}
    return next((setting for setting in change.safe_only_with if setting in undone), None)


def _in_steps(group: Sequence[Change]) -> bool:
    """UpdateShardCount goes from half to twice the present count (Kinesis API Reference)."""
    return group[0].setting == "shard_count"


def _is_applied(state: IncidentState, change: Change) -> bool:
    return any(t.change == change and t.state is ChangeState.APPLIED for t in state.changes)


_CAPTURE = ("maximum_retry_attempts", "on_failure_destination")


def _compared(group: Sequence[Change]) -> list[str]:
    """What is read before a write: what it changes, and what makes that safe."""
    changed = [change.setting for change in group]
    return list(dict.fromkeys((*changed, *(_CAPTURE if set(_CAPTURE) & set(changed) else ()))))


def _as_planned(group: Sequence[Change], held: Held) -> bool:
    return not _conflict(group, held)


def _conflict(group: Sequence[Change], held: Mapping[str, Value]) -> str:
    return "; ".join(
        f"{c.setting} is {held[c.setting]!r}, not {c.before!r} as planned from"
        for c in group
        if held[c.setting] != c.before
    )


def _uncaptured(group: Sequence[Change], held: Mapping[str, Value]) -> str:
    """Invariant 1, on what the settings hold now: retries end only where something captures."""
    ours = {change.setting: change.after for change in group}
    attempts = ours.get("maximum_retry_attempts", -1)
    if attempts == -1 or ({**held, **ours})["on_failure_destination"] is not None:
        return ""
    return f"retries end after {attempts}, and nothing would capture the record (invariant 1)"


def _ends_as(held: Held, *, settle: Settle, group: Sequence[Change], done: ChangeState) -> bool:
    return set(settle(group, held)) == {done}


def _settle_intent(group: Sequence[Change], held: Mapping[str, Value]) -> Settled:
    """One write made all of them or none; what is not there, somebody has changed since."""
    settled: Settled = {}
    for change in group:
        there = held.get(change.setting, _NOWHERE) == change.after
        end = ChangeState.APPLIED if there else ChangeState.ABANDONED
        settled.setdefault(end, []).append(change)
    return settled


def _settle_undo(group: Sequence[Change], held: Mapping[str, Value]) -> Settled:
    net = {change.setting: change for change in _net_inverse(group)}
    settled: Settled = {}
    for change in group:
        settled.setdefault(_undo_stands(net.get(change.setting), held), []).append(change)
    return settled


def _undo_stands(inverse: Change | None, held: Mapping[str, Value]) -> ChangeState:
    value = held.get(inverse.setting, _NOWHERE) if inverse else None
    if inverse is None or value == inverse.after:
        return ChangeState.UNDONE
    return ChangeState.APPLIED if value == inverse.before else ChangeState.OVERTAKEN


_NOWHERE = "\0"
"""Held by no setting: what is gone equals nothing."""


def _entries(
    state: IncidentState,
    kind: EntryKind,
    group: Sequence[Change],
    now: datetime,
    detail: str = "",
) -> list[Entry]:
    return [
        Entry(
            incident_id=state.incident_id,
            kind=kind,
            at=now,
            data=change.model_dump(mode="json") | ({"detail": detail} if detail else {}),
        )
        for change in group
    ]
