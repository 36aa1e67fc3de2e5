"""Making changes safely: journalled first, compare-and-set, undone newest first.

Source: invariants 3, 7 and 8. All changes of one resource go in one write, because together they
are what makes each other safe (bounded retries with their destination), and because each write
restarts a mapping. A death between two lines of this room leaves an ``intended`` or ``undoing``
change behind, which ``recover`` settles by looking at what the setting holds now. What mappings
share (a function's reservation, a stream) is changed under a lease of its own.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from remediator.errors import TemporaryError
from remediator.execution.grouping import (
    all_of,
    apart,
    by_resource,
    groups,
    net_inverse,
    one_after_another,
)
from remediator.execution.stacking import FOUND, Stack
from remediator.execution.writing import elsewhere
from remediator.model import Change, ChangeResult, ChangeStatus, GuardedPlan, Resource, ResourceKind
from remediator.settings_table import of
from remediator.state import ChangeState, EntryKind, IncidentState, Lease, TrackedChange


class Executor(Stack):
    """What makes changes, and takes them back."""

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
        began = self.clock()
        state = state.model_copy(update={"going_on": one_after_another(guarded.allowed)})
        for resource, whole in by_resource(guarded.allowed):
            group, unsafe = apart(whole, results)
            results += unsafe
            if not group:
                continue
            if self._takes_longer(resource, results, began):
                results += all_of(group, ChangeStatus.SKIPPED, _GOES_ON)
                continue
            with self._alone(resource, lease) as leases:
                if leases is None:
                    results += all_of(group, ChangeStatus.REFUSED, elsewhere(resource))
                    continue
                state = self._track(state, lease, group, ChangeState.INTENDED, EntryKind.INTENT)
                if of(group[0]).in_steps:
                    state, done = self._walk(state, leases, group[0])
                    results.append(done)
                    continue
                try:
                    made = self._set(resource, group, leases)
                except TemporaryError as error:
                    late = late or error
                    results += all_of(group, ChangeStatus.FAILED, str(error))
                    continue
                state = self._note(state, lease, group, made)
                results += made
        if late is not None:
            raise late
        return state, tuple(results)

    def undo(
        self,
        state: IncidentState,
        lease: Lease,
        which: Sequence[TrackedChange],
        beside: Sequence[Change] = (),
    ) -> tuple[IncidentState, tuple[ChangeResult, ...]]:
        """Put the old values back; a human's change is left alone.

        Several turns on one resource are undone in one write, from what the newest has set to
        what the oldest has found, so that a mapping restarts once; ``beside`` are new changes
        that go in the same write of their resource. Shards are merged one after another: what does
        not fit into one turn stays in effect for the next. So does what AWS refuses to take
        back: it is still ours. Raises as ``apply``.
        """
        results: list[ChangeResult] = []
        began = self.clock()
        state = state.model_copy(update={"going_on": ()})
        back, new = groups(tracked.change for tracked in which), groups(beside)
        for resource, part in dict.fromkeys((*back, *new)):
            whole, extra = (found.get((resource, part), []) for found in (back, new))
            if self._takes_longer(resource, results, began):
                results += all_of([*whole, *extra], ChangeStatus.SKIPPED, _GOES_ON)
                continue
            with self._alone(resource, lease) as leases:
                if leases is None:
                    results += all_of([*whole, *extra], ChangeStatus.REFUSED, elsewhere(resource))
                    continue
                state, made = self._undo_one(state, leases, resource, whole, extra)
                results += made
        return state, tuple(results)

    def _undo_one(
        self,
        state: IncidentState,
        leases: Sequence[Lease],
        resource: Resource,
        whole: Sequence[Change],
        extra: Sequence[Change],
    ) -> tuple[IncidentState, list[ChangeResult]]:
        lease = leases[0]
        if whole and of(whole[0]).in_steps:
            state = self._move(state, lease, whole, ChangeState.UNDOING, EntryKind.UNDOING)
            state, done = self._walk(state, leases, whole[0])
            return state, [done]
        state, left, results = self._pass_on(state, lease, resource, whole)
        state, made = self._take_back(state, leases, resource, left, extra)
        results += made
        if any(done.status is ChangeStatus.CONFLICT for done in made):
            state = self.overtaken(state, lease)
            rest = [change for change in left if _is_applied(state, change)]
            state, made = self._take_back(state, leases, resource, rest, ())
            results += made
        return state, results

    def _take_back(
        self,
        state: IncidentState,
        leases: Sequence[Lease],
        resource: Resource,
        group: Sequence[Change],
        extra: Sequence[Change],
    ) -> tuple[IncidentState, list[ChangeResult]]:
        """Undo one resource's changes; they stay ours unless it was done."""
        lease = leases[0]
        if not group and not extra:
            return state, []
        if group:
            state = self._move(state, lease, group, ChangeState.UNDOING, EntryKind.UNDOING)
        if extra:
            state = self._track(state, lease, extra, ChangeState.INTENDED, EntryKind.INTENT)
        made = self._set(resource, [*net_inverse(group), *extra], leases)
        if extra:
            state = self._note(state, lease, extra, made)
        undone = all(done.in_effect or done.status is ChangeStatus.ALREADY_SO for done in made)
        detail = next((done.detail for done in made), "")
        if undone:
            end, kind = ChangeState.UNDONE, EntryKind.UNDONE
        else:
            end, kind = ChangeState.APPLIED, EntryKind.NOT_APPLIED
        if group:
            state = self._move(state, lease, group, end, kind, detail=detail)
        return state, made

    def _takes_longer(
        self, resource: Resource, results: Sequence[ChangeResult], began: datetime
    ) -> bool:
        """Whether the next shard has to wait for a later look: AWS is at the last one still, or
        this turn's time is used up."""
        if resource.kind is not ResourceKind.HASH_RANGE:
            return False
        made = [done for done in results if of(done.change).one_by_one]
        settling = any(done.status is ChangeStatus.SETTLING for done in made)
        return settling or bool(made and self.clock() - began > RESHARD_PATIENCE)


# For how long a turn begins with further shards.
RESHARD_PATIENCE = timedelta(seconds=45)


_GOES_ON = "AWS reshards one after another: it goes on at the next look"


def _is_applied(state: IncidentState, change: Change) -> bool:
    return any(t.change == change and t.state is ChangeState.APPLIED for t in state.changes)


__all__ = ["FOUND", "Executor"]
