"""A setting that several incidents of ours have changed, one on top of the other.

What holds the value of any of them is ours. Who looks for an own value looks below the newer ones
(``_below``), and who undoes an older one has the newer one go back further (``_pass_on``). What
somebody else has changed since is found here, and what a dead invocation has left.
"""

from collections.abc import Callable, Sequence
from functools import partial

from remediator.execution.comparing import (
    Held,
    all_ours,
    ends_as,
    not_ours,
    settle_intent,
    settle_undo,
)
from remediator.execution.grouping import all_of, by_resource, latest, runs
from remediator.execution.stepping import Stepper
from remediator.model import Change, ChangeResult, ChangeStatus, Resource
from remediator.settings_table import CAPTURED, of
from remediator.state import ChangeState, Entry, EntryKind, IncidentState, Lease, TrackedChange


class Stack(Stepper):
    """Whose the value of a setting is."""

    def recover(self, state: IncidentState, lease: Lease, *, onward: bool = True) -> IncidentState:
        """Settle what a dead invocation left: look what the settings hold, believe only that.

        While AWS is still at an update, it shows the old values: that tells nothing yet, and the
        next look settles it. What takes several writes goes on, unless it is to be taken back
        anyway (``onward``).
        """
        for tracked in state.changes if onward else ():
            if not tracked.unsettled or not of(tracked.change).in_steps:
                continue
            if tracked.steps or tracked.state is ChangeState.UNDOING:
                with self._alone(tracked.change.resource, lease) as leases:
                    if leases is not None:
                        state, _ = self._walk(state, leases, tracked.change)
            else:
                end, kind = ChangeState.ABANDONED, EntryKind.NOTE
                state = self._move(state, lease, [tracked.change], end, kind, detail=FOUND)
        for unsettled, settle, done in (
            (ChangeState.INTENDED, settle_intent, ChangeState.APPLIED),
            (ChangeState.UNDOING, settle_undo, ChangeState.UNDONE),
        ):
            left = [t.change for t in reversed(state.changes) if t.state is unsettled]
            left = [change for change in left if not of(change).in_steps]
            for resource, group in by_resource(left):
                expected = partial(ends_as, settle=settle, group=group, done=done)
                held = self._below(state, resource, group, expected)
                if held is None:
                    continue
                for end, settled in settle(group, held).items():
                    state = self._move(state, lease, settled, end, EntryKind.NOTE, detail=FOUND)
        return state

    def overtaken(self, state: IncidentState, lease: Lease) -> IncidentState:
        """Give up every change whose setting somebody else has changed since (invariant 3)."""
        applied = [t.change for t in state.changes if t.state is ChangeState.APPLIED]
        for change in applied:
            if of(change).in_steps and self._is_a_persons(change):
                state = self._move(
                    state, lease, [change], ChangeState.OVERTAKEN, EntryKind.NOTE, detail=_THEIRS
                )
        applied = [change for change in applied if not of(change).in_steps]
        for resource, group in by_resource(applied):
            held = self._below(state, resource, group, partial(all_ours, group))
            if held is None:
                continue
            lost = not_ours(group, held)
            lost |= {  # what captures belongs to what gives up
                by.name
                for row, by in CAPTURED
                if row.name in lost and held.get(row.name) != row.never[0]
            }
            gone = [change for change in group if change.setting in lost]
            if gone:
                state = self._move(
                    state,
                    lease,
                    gone,
                    ChangeState.OVERTAKEN,
                    EntryKind.NOTE,
                    detail=_THEIRS,
                )
        return state

    def _pass_on(
        self, state: IncidentState, lease: Lease, resource: Resource, newest_first: Sequence[Change]
    ) -> tuple[IncidentState, list[Change], list[ChangeResult]]:
        """Have newer incidents put back what ours has found, where they have built on our value.

        Returns what is left to be undone here. The newer one is told first: a death in between
        leaves both sides saying the same (``_below`` then finds the old value, so: undone).
        """
        group = list(reversed(newest_first))
        held = self._at_rest(resource, group, partial(all_ours, group)) if group else None
        others = self._others(state, resource) if held else []
        results: list[ChangeResult] = []
        for run in runs(newest_first) if others else ():
            told = self._tell_newer(state, resource, run, others, held or {})
            if told is None:
                continue
            detail = f"incident {told} has changed it since, and puts this back with its own"
            state = self._move(
                state, lease, run, ChangeState.UNDONE, EntryKind.UNDONE, detail=detail
            )
            results += all_of(run, ChangeStatus.ALREADY_SO, detail)
        gone = [done.change for done in results]
        return state, [change for change in newest_first if change not in gone], results

    def _tell_newer(
        self,
        state: IncidentState,
        resource: Resource,
        newest_first: Sequence[Change],
        others: Sequence[IncidentState],
        held: Held,
    ) -> str | None:
        """Re-base the change that was made on ours; the incident that has made it.

        A newer one that has set the very value that is held is whose it is now: a person must have
        been there in between.
        """
        setting, now = newest_first[0].setting, self.clock()
        value, first = newest_first[0].after, newest_first[-1].before
        mine = [t for t in state.changes if t.change in newest_first and t.ours_to_undo]
        since, until = min(t.at for t in mine), max(t.at for t in mine)
        for other in others:
            theirs = [t for t in other.changes if _is_of(t, resource, setting) and t.at >= since]
            if any(held[setting] == value == t.change.after and t.at > until for t in theirs):
                return other.incident_id
            at = next(
                (
                    n
                    for n, t in enumerate(other.changes)
                    if t in theirs and held[setting] != value and t.change.before in (value, first)
                ),
                None,
            )
            if at is None:
                continue
            found = other.changes[at]
            if found.change.before == first and first != value:
                return other.incident_id  # told already, before a death
            changes = list(other.changes)
            based = found.change.model_copy(update={"before": first})
            changes[at] = found.model_copy(update={"change": based})
            moved = other.model_copy(update={"changes": tuple(changes), "updated_at": now})
            entry = Entry(
                incident_id=other.incident_id,
                kind=EntryKind.NOTE,
                at=now,
                data={"setting": setting, "goes_back_to": first, "for": state.incident_id},
            )
            self.journal.commit(moved, [entry], None, now)
            return other.incident_id
        return None

    def _below(
        self,
        state: IncidentState,
        resource: Resource,
        group: Sequence[Change],
        expected: Callable[[Held], bool],
    ) -> Held | None:
        """As ``_at_rest``, less what newer incidents of ours have changed on top of our values."""
        held = self._at_rest(resource, group, expected)
        if not held or expected(held):
            return held
        below = dict(held)
        others = self._others(state, resource)
        for change in latest(group):
            newer = [t for other in others for t in other.in_effect]
            newer = [t for t in newer if _is_of(t, resource, change.setting)]
            while below[change.setting] != change.after:
                top = next((t for t in newer if t.change.after == below[change.setting]), None)
                if top is None:
                    break
                newer.remove(top)
                below[change.setting] = top.change.before
        return below

    def _others(self, state: IncidentState, resource: Resource) -> list[IncidentState]:
        """The other incidents whose changes the resource holds, the newest first."""
        return [
            other
            for other in reversed(self.journal.owners(resource))
            if other.incident_id != state.incident_id
        ]


_THEIRS = "somebody changed the setting since: it is theirs now"
# Of a change whose write nobody has seen: the setting holds its value, so it counts as ours. A
# person who has set the very same value in between cannot be told from that.
FOUND = "found after an interruption"


def _is_of(tracked: TrackedChange, resource: Resource, setting: str) -> bool:
    change = tracked.change
    return tracked.ours_to_undo and (change.resource, change.setting) == (resource, setting)
