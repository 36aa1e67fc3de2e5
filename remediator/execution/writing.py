"""One write: under its lease, compared at the last moment, journalled before and after."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import NamedTuple

from remediator.errors import PermanentError, TemporaryError
from remediator.execution.comparing import Held, as_planned, compared, is_there, unlike, written
from remediator.execution.grouping import all_of
from remediator.model import Change, ChangeResult, ChangeStatus, Resource, Value
from remediator.ports import Actuator, Journal
from remediator.state import (
    LEASE_SECONDS,
    ChangeState,
    Entry,
    EntryKind,
    IncidentState,
    Lease,
    TrackedChange,
    lease_name,
)


class Writer(NamedTuple):
    """An actuator, a journal and a clock."""

    actuator: Actuator
    journal: Journal
    clock: Callable[[], datetime]
    held_back: Callable[[], str | None] = lambda: None
    """Why nothing may be written at this very moment (a freeze); asked just before each write."""

    @contextmanager
    def _alone(self, resource: Resource, lease: Lease) -> Iterator[tuple[Lease, ...] | None]:
        """Hold the lease of what several mappings share, too; ``None``: another one holds it."""
        name = lease_name(resource)
        if name == lease.mapping:
            yield (lease,)
            return
        shared = self.journal.acquire(name, lease.holder, self.clock(), LEASE_SECONDS)
        try:
            yield (lease, shared) if shared else None
        finally:
            if shared is not None:
                self.journal.release(shared)

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
            return self.actuator.read(resource, compared(group))
        except PermanentError as error:
            if error.gone:
                return None
            raise

    def _set(
        self, resource: Resource, group: Sequence[Change], leases: Sequence[Lease]
    ) -> list[ChangeResult]:
        """Compare, write, wait until it has settled. Nothing to set is done already.

        A write that AWS did not answer is not repeated blindly: somebody may have come in between,
        and it may have taken effect. It is compared and written anew.
        """
        if not group:
            return []
        try:
            for left in reversed(range(WRITES)):
                refused, held = self._refused(resource, group, leases)
                if refused is not None:
                    return refused
                try:
                    self.actuator.write(resource, written(group, held))
                except TemporaryError:
                    if self._took_effect(resource, group):
                        break
                    if not left:
                        raise
                else:
                    break
        except PermanentError as error:
            if error.gone:
                return all_of(group, ChangeStatus.CONFLICT, str(error))
            return all_of(group, ChangeStatus.REFUSED, str(error), error.code or "Unknown")
        done = self.actuator.settled(resource)
        return all_of(group, ChangeStatus.APPLIED if done else ChangeStatus.SETTLING)

    def _refused(
        self, resource: Resource, group: Sequence[Change], leases: Sequence[Lease]
    ) -> tuple[list[ChangeResult] | None, Held]:
        """Why this must not be written at this moment, or need not; ``None``: write over what is
        held.

        The last two things that are asked, with nothing in between, are whether somebody said
        stop, and what the settings hold. Raises ConflictError when a lease was lost: whoever has
        it now settles our intent.
        """
        refused = unlike(
            resource, group, self._at_rest(resource, group, partial(as_planned, group))
        )
        if refused is not None:
            return refused, {}
        for lease in leases:
            self.journal.renew(lease, self.clock(), LEASE_SECONDS)
        stopped = self.held_back()
        if stopped is not None:
            return all_of(group, ChangeStatus.REFUSED, stopped), {}
        held = self._read(resource, group) or {}
        return unlike(resource, group, held), held

    def _took_effect(self, resource: Resource, group: Sequence[Change]) -> bool:
        """Whether a write that was not answered is there. Raises TemporaryError while AWS is at
        an update: the next look settles it."""
        held = self._at_rest(resource, group, partial(is_there, group))
        if held is None:
            raise TemporaryError(f"{resource} was written without an answer, and is being updated")
        return bool(held) and is_there(group, held)

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
        left = tuple(change for change in state.going_on if change not in group)
        state = state.model_copy(
            update={"changes": (*state.changes, *tracked), "going_on": left, "updated_at": now}
        )
        return self.journal.commit(state, _entries(state, kind, group, now), lease, now)

    def _note(
        self,
        state: IncidentState,
        lease: Lease,
        group: Sequence[Change],
        made: Sequence[ChangeResult],
    ) -> IncidentState:
        """How what was intended has ended; the same change of an earlier turn stays what it is."""
        ours = all(done.in_effect for done in made)
        return self._move(
            state,
            lease,
            group,
            ChangeState.APPLIED if ours else ChangeState.ABANDONED,
            EntryKind.APPLIED if ours else EntryKind.NOT_APPLIED,
            detail=made[0].detail,
            refused_as=made[0].code,
            which=lambda tracked: tracked.state is ChangeState.INTENDED,
        )

    def _move(
        self,
        state: IncidentState,
        lease: Lease,
        group: Sequence[Change],
        to: ChangeState,
        kind: EntryKind,
        detail: str = "",
        refused_as: str = "",
        which: Callable[[TrackedChange], bool] = lambda tracked: tracked.ours_to_undo,
    ) -> IncidentState:
        now = self.clock()
        moved = tuple(
            t.model_copy(
                update={
                    "state": to,
                    "detail": detail or t.detail,
                    "refused_as": refused_as,
                    "ended_at": now if to in _ENDS else None,
                }
            )
            if t.change in group and which(t)
            else t
            for t in state.changes
        )
        state = state.model_copy(update={"changes": moved, "updated_at": now})
        return self.journal.commit(state, _entries(state, kind, group, now, detail), lease, now)


# How often a change is written where AWS does not answer or is busy; each time compared anew.
WRITES = 3


_ENDS = {ChangeState.UNDONE, ChangeState.ABANDONED, ChangeState.OVERTAKEN}


def elsewhere(resource: Resource) -> str:
    return f"another invocation changes {resource} right now"


def _entries(
    state: IncidentState, kind: EntryKind, group: Sequence[Change], now: datetime, detail: str = ""
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
