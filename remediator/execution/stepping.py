"""A change that takes several writes: one step after another, each journalled before it is made.

What is there says which step comes next (``course``), so that a look that finds a dead one's work
goes on from it. Where a step is refused, or somebody has come in between, it turns round and goes
back; a change stays unsettled, and somebody looks after it, until it has arrived at either end.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from remediator.errors import PermanentError, TemporaryError
from remediator.execution import promotion, takeover
from remediator.execution.course import Course, Move, Pause, Refused, Step
from remediator.execution.writing import WRITES, Writer, _entries
from remediator.model import Change, ChangeResult, ChangeStatus, ResourceKind
from remediator.state import (
    LEASE_SECONDS,
    Begun,
    ChangeState,
    EntryKind,
    IncidentState,
    Lease,
    TrackedChange,
)

# For how long a turn begins with further steps.
PATIENCE = timedelta(seconds=45)


COURSES: Mapping[ResourceKind, Course] = {
    ResourceKind.READER: Course(
        takeover.Parts,
        takeover.forward,
        takeover.backward,
        takeover.written,
        takeover.taken_over_by_a_person,
        takeover.arrived,
    ),
    ResourceKind.ALIAS: Course(
        promotion.Parts,
        promotion.forward,
        promotion.backward,
        promotion.written,
        promotion.is_a_persons,
    ),
}


class Stepper(Writer):
    """What goes on with a change in steps."""

    def _walk(
        self, state: IncidentState, leases: Sequence[Lease], change: Change
    ) -> tuple[IncidentState, ChangeResult]:
        """As far as this turn gets: forward where it is intended, back where it is being undone.

        Never raises as AWS answers: what could not be done now goes on at the next look. Raises
        ConflictError when the lease was lost.
        """
        until, failed = self.clock() + PATIENCE, 0
        while True:
            tracked = _newest(state, change)
            back = tracked.state is ChangeState.UNDOING
            try:
                parts, move = self._at_rest_or_next(tracked)
            except (TemporaryError, PermanentError) as error:
                return state, _later(change, str(error))
            if move is Pause.DONE:
                return self._arrived(state, leases[0], tracked, parts)
            if move is Pause.WAIT or self.clock() > until:
                return state, _later(change, tracked.detail)
            if isinstance(move, Refused):
                if back or not tracked.steps:
                    return self._give_up(state, leases[0], tracked, move.reason)
                state = self._turn_round(state, leases[0], change, move.reason)
            elif isinstance(move, Step):
                state, trouble = self._step(state, leases, change, move)
                failed += trouble is not None
                if trouble is None or (trouble.passes and not trouble.held and failed < WRITES):
                    continue
                if back or trouble.passes:
                    return state, _later(change, trouble.said, trouble.status)
                state = self._turn_round(state, leases[0], change, trouble.said)

    def _at_rest_or_next(self, tracked: TrackedChange) -> tuple[Any, Move]:
        """What comes next, once AWS is through with the last step or the bounded wait is over."""
        parts, move = self._next(tracked)
        if move is Pause.WAIT and self.actuator.settled(tracked.change.resource):
            return self._next(tracked)
        return parts, move

    def _step(
        self, state: IncidentState, leases: Sequence[Lease], change: Change, step: Step
    ) -> tuple[IncidentState, "_Trouble | None"]:
        """Journal one step and make it, unless what is there asks for another one by then."""
        for lease in leases:
            self.journal.renew(lease, self.clock(), LEASE_SECONDS)
        if (stopped := self.held_back()) is not None:
            return state, _Trouble(f"half way: {stopped}", ChangeStatus.SKIPPED, held=True)
        state = self._begin(state, leases[0], change, step)
        try:
            if self._next(_newest(state, change))[1] is step:
                way = COURSES[change.resource.kind]
                self.actuator.write(change.resource, way.written(step, change.after))
        except TemporaryError as error:
            return state, _Trouble(str(error), ChangeStatus.SETTLING)
        except PermanentError as error:
            return state, _Trouble(str(error), ChangeStatus.FAILED)
        return state, None

    def _is_a_persons(self, change: Change) -> bool:
        way = COURSES[change.resource.kind]
        return way.is_a_persons(self._there(change))

    def _there(self, change: Change) -> Any:
        way = COURSES[change.resource.kind]
        return way.of(self.actuator.read(change.resource, way.parts._fields))

    def _next(self, tracked: TrackedChange) -> tuple[Any, Move]:
        change, parts = tracked.change, self._there(tracked.change)
        course = COURSES[change.resource.kind]
        way = course.forward if tracked.state is ChangeState.INTENDED else course.backward
        return parts, way(parts, change.after, tracked.steps, self.clock())

    # --- journal ---------------------------------------------------------------------------

    def _begin(
        self, state: IncidentState, lease: Lease, change: Change, step: Step
    ) -> IncidentState:
        now = self.clock()
        begun = (*_newest(state, change).steps, Begun(step=step.value, at=now))
        state = _with(state, change, now, steps=begun)
        entries = _entries(state, EntryKind.INTENT, [change], now, f"step: {step}")
        return self.journal.commit(state, entries, lease, now)

    def _turn_round(
        self, state: IncidentState, lease: Lease, change: Change, reason: str
    ) -> IncidentState:
        """Remembered with the way back's first line: it is not to be tried again."""
        tried = tuple(dict.fromkeys((*state.tried, change.remedy)))
        state = state.model_copy(update={"tried": tried})
        return self._move(
            state, lease, [change], ChangeState.UNDOING, EntryKind.UNDOING, detail=reason
        )

    def _give_up(
        self, state: IncidentState, lease: Lease, tracked: TrackedChange, reason: str
    ) -> tuple[IncidentState, ChangeResult]:
        """Nothing was begun, or what is there is somebody's now."""
        change = tracked.change
        begun = tracked.state is ChangeState.UNDOING
        end = ChangeState.OVERTAKEN if begun else ChangeState.ABANDONED
        kind = EntryKind.NOTE if begun else EntryKind.NOT_APPLIED
        state = self._move(state, lease, [change], end, kind, detail=reason)
        return state, ChangeResult(change=change, status=ChangeStatus.CONFLICT, detail=reason)

    def _arrived(
        self,
        state: IncidentState,
        lease: Lease,
        tracked: TrackedChange,
        parts: Any,
    ) -> tuple[IncidentState, ChangeResult]:
        """At either end."""
        change, there = tracked.change, tracked.state is ChangeState.INTENDED
        now, target = self.clock(), state.target
        if target is not None:
            target = COURSES[change.resource.kind].arrived(target, parts, there)
        state = _with(state.model_copy(update={"target": target}), change, now, at=now)
        end = ChangeState.APPLIED if there else ChangeState.UNDONE
        kind = EntryKind.APPLIED if there else EntryKind.UNDONE
        detail = tracked.detail
        state = self._move(state, lease, [change], end, kind)
        turned = not there and change.remedy in state.tried and bool(detail)
        status = ChangeStatus.REFUSED if turned else ChangeStatus.APPLIED
        return state, ChangeResult(change=change, status=status, detail=detail)


class _Trouble(NamedTuple):
    """What came of a step that was not made."""

    said: str
    status: ChangeStatus
    held: bool = False
    """Whether somebody said stop: then it stays as it is."""

    @property
    def passes(self) -> bool:
        """Whether it may be made later."""
        return self.held or self.status is ChangeStatus.SETTLING


def _newest(state: IncidentState, change: Change) -> TrackedChange:
    return next(t for t in reversed(state.changes) if t.change == change and t.ours_to_undo)


def _with(state: IncidentState, change: Change, now: datetime, **fields: object) -> IncidentState:
    changed = tuple(
        t.model_copy(update=fields) if t.change == change and t.ours_to_undo else t
        for t in state.changes
    )
    return state.model_copy(update={"changes": changed, "updated_at": now})


def _later(
    change: Change, detail: str, status: ChangeStatus = ChangeStatus.SETTLING
) -> ChangeResult:
    told = "it takes several writes, and goes on at the next look"
    return ChangeResult(
        change=change, status=status, detail=f"{told}: {detail}" if detail else told
    )
