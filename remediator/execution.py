"""Making changes safely: journalled first, compare-and-set, undone newest first.

Source: invariants 3, 7 and 8. All changes of one resource go in one write, because together they
are what makes each other safe (bounded retries with their destination), and because each write
restarts a mapping. A death between two
lines of this file leaves an ``intended`` or ``undoing`` change behind, which ``recover`` settles
by looking at what the setting holds now.

A setting may have been changed by several incidents of ours, one on top of the other: what holds
the value of any of them is ours. Who looks for an own value looks below the newer ones
(``_below``), and who undoes an older one has the newer one go back further (``_pass_on``).
What mappings share (a function's reservation, a stream) is changed under a lease of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
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
from remediator.settings_table import CAPTURED, Setting, lowers, of
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

Held = Mapping[str, Value]
"""What settings hold."""
Settled = dict[ChangeState, list[Change]]
Settle = Callable[[Sequence[Change], Held], Settled]


class Executor(NamedTuple):
    """The hand that writes: an actuator, a journal and a clock."""

    actuator: Actuator
    journal: Journal
    clock: Callable[[], datetime]
    held_back: Callable[[], str | None] = lambda: None
    """Why nothing may be written at this very moment (a freeze); asked just before each write."""

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
        state = state.model_copy(update={"going_on": _one_after_another(guarded.allowed)})
        for resource, whole in _by_resource(guarded.allowed):
            group, unsafe = _apart(whole, results)
            results += unsafe
            if not group:
                continue
            if self._takes_longer(resource, results, began):
                results += _all(group, ChangeStatus.SKIPPED, _GOES_ON)
                continue
            with self._alone(resource, lease) as leases:
                if leases is None:
                    results += _all(group, ChangeStatus.REFUSED, _elsewhere(resource))
                    continue
                state = self._track(state, lease, group, ChangeState.INTENDED, EntryKind.INTENT)
                try:
                    made = self._set(resource, group, leases)
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
        back, new = _groups(tracked.change for tracked in which), _groups(beside)
        for resource, part in dict.fromkeys((*back, *new)):
            whole, extra = (found.get((resource, part), []) for found in (back, new))
            if self._takes_longer(resource, results, began):
                results += _all([*whole, *extra], ChangeStatus.SKIPPED, _GOES_ON)
                continue
            with self._alone(resource, lease) as leases:
                if leases is None:
                    results += _all([*whole, *extra], ChangeStatus.REFUSED, _elsewhere(resource))
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
        made = self._set(resource, [*_net_inverse(group), *extra], leases)
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

    def _pass_on(
        self, state: IncidentState, lease: Lease, resource: Resource, newest_first: Sequence[Change]
    ) -> tuple[IncidentState, list[Change], list[ChangeResult]]:
        """Have newer incidents put back what ours has found, where they have built on our value.

        Returns what is left to be undone here. The newer one is told first: a death in between
        leaves both sides saying the same (``_below`` then finds the old value, so: undone).
        """
        group = list(reversed(newest_first))
        held = self._at_rest(resource, group, partial(_all_ours, group)) if group else None
        others = self._others(state, resource) if held else []
        results: list[ChangeResult] = []
        for run in _runs(newest_first) if others else ():
            told = self._tell_newer(state, resource, run, others, held or {})
            if told is None:
                continue
            detail = f"incident {told} has changed it since, and puts this back with its own"
            state = self._move(
                state, lease, run, ChangeState.UNDONE, EntryKind.UNDONE, detail=detail
            )
            results += _all(run, ChangeStatus.ALREADY_SO, detail)
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
                expected = partial(_ends_as, settle=settle, group=group, done=done)
                held = self._below(state, resource, group, expected)
                if held is None:
                    continue
                for end, settled in settle(group, held).items():
                    state = self._move(
                        state,
                        lease,
                        settled,
                        end,
                        EntryKind.NOTE,
                        detail=FOUND,
                    )
        return state

    def overtaken(self, state: IncidentState, lease: Lease) -> IncidentState:
        """Give up every change whose setting somebody else has changed since (invariant 3)."""
        applied = [t.change for t in state.changes if t.state is ChangeState.APPLIED]
        for resource, group in _by_resource(applied):
            held = self._below(state, resource, group, partial(_all_ours, group))
            if held is None:
                continue
            lost = _not_ours(group, held)
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
                    detail="somebody changed the setting since: it is theirs now",
                )
        return state

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
        for change in _latest(group):
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
            return self.actuator.read(resource, _compared(group))
        except PermanentError as error:
            if error.gone:
                return None
            raise

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
                    self.actuator.write(resource, _written(group, held))
                except TemporaryError:
                    if self._took_effect(resource, group):
                        break
                    if not left:
                        raise
                else:
                    break
        except PermanentError as error:
            status = ChangeStatus.CONFLICT if error.gone else ChangeStatus.REFUSED
            return _all(group, status, str(error))
        done = self.actuator.settled(resource)
        return _all(group, ChangeStatus.APPLIED if done else ChangeStatus.SETTLING)

    def _refused(
        self, resource: Resource, group: Sequence[Change], leases: Sequence[Lease]
    ) -> tuple[list[ChangeResult] | None, Held]:
        """Why this must not be written at this moment, or need not; ``None``: write over what is
        held.

        The last two things that are asked, with nothing in between, are whether somebody said
        stop, and what the settings hold. Raises ConflictError when a lease was lost: whoever has
        it now settles our intent.
        """
        refused = _unlike(
            resource, group, self._at_rest(resource, group, partial(_as_planned, group))
        )
        if refused is not None:
            return refused, {}
        for lease in leases:
            self.journal.renew(lease, self.clock(), LEASE_SECONDS)
        stopped = self.held_back()
        if stopped is not None:
            return _all(group, ChangeStatus.REFUSED, stopped), {}
        held = self._read(resource, group) or {}
        return _unlike(resource, group, held), held

    def _took_effect(self, resource: Resource, group: Sequence[Change]) -> bool:
        """Whether a write that was not answered is there. Raises TemporaryError while AWS is at
        an update: the next look settles it."""
        held = self._at_rest(resource, group, partial(_is_there, group))
        if held is None:
            raise TemporaryError(f"{resource} was written without an answer, and is being updated")
        return bool(held) and _is_there(group, held)

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
            t.model_copy(
                update={
                    "state": to,
                    "detail": detail or t.detail,
                    "ended_at": now if to in _ENDS else None,
                }
            )
            if t.change in group and t.ours_to_undo
            else t
            for t in state.changes
        )
        state = state.model_copy(update={"changes": moved, "updated_at": now})
        return self.journal.commit(state, _entries(state, kind, group, now, detail), lease, now)


RESHARD_PATIENCE = timedelta(seconds=45)
"""For how long a turn begins with further shards."""

_GOES_ON = "AWS reshards one after another: it goes on at the next look"

WRITES = 3
"""How often a change is written where AWS does not answer or is busy; each time compared anew."""

FOUND = "found after an interruption"
"""Of a change whose write nobody has seen: the setting holds its value, so it counts as ours. A
person who has set the very same value in between cannot be told from that."""

_ENDS = {ChangeState.UNDONE, ChangeState.ABANDONED, ChangeState.OVERTAKEN}


def _elsewhere(resource: Resource) -> str:
    return f"another invocation changes {resource} right now"


def _is_of(tracked: TrackedChange, resource: Resource, setting: str) -> bool:
    change = tracked.change
    return tracked.ours_to_undo and (change.resource, change.setting) == (resource, setting)


def _unlike(
    resource: Resource, group: Sequence[Change], held: Held | None
) -> list[ChangeResult] | None:
    """Why it is not, or need not be, written over what is held; ``None``: as planned from."""
    if held is None:
        return _all(group, ChangeStatus.REFUSED, "AWS is still at an update of it")
    if not held:
        return _all(group, ChangeStatus.CONFLICT, f"{resource} is gone")
    if _is_there(group, held):
        return _all(group, ChangeStatus.ALREADY_SO, "it holds this value already")
    conflict = _conflict(group, held) or _uncaptured(group, held)
    return _all(group, ChangeStatus.CONFLICT, conflict) if conflict else None


def _written(group: Sequence[Change], held: Held) -> dict[str, Value]:
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


def _is_there(group: Sequence[Change], held: Held) -> bool:
    return all(held.get(change.setting, _NOWHERE) == change.after for change in group)


def _by_resource(changes: Iterable[Change]) -> list[tuple[Resource, list[Change]]]:
    """Changes by what one call can write, in the order in which they first appear."""
    return [(resource, group) for (resource, _), group in _groups(changes).items()]


def _one_after_another(changes: Sequence[Change]) -> tuple[Change, ...]:
    return tuple(change for change in changes if of(change).one_by_one)


def _groups(changes: Iterable[Change]) -> dict[tuple[Resource, str], list[Change]]:
    """As ``_by_resource``. A mapping takes all its settings at once; a stream has a call for each
    of them."""
    groups: dict[tuple[Resource, str], list[Change]] = {}
    for change in changes:
        key = change.resource, "" if of(change).restarts else change.setting
        groups.setdefault(key, []).append(change)
    return groups


def _runs(newest_first: Sequence[Change]) -> list[list[Change]]:
    """The changes of each setting, apart where another one came in between, newest first."""
    runs: list[list[Change]] = []
    for setting in dict.fromkeys(change.setting for change in newest_first):
        above: Change | None = None
        for change in newest_first:
            if change.setting != setting:
                continue
            if above is not None and above.before == change.after:
                runs[-1].append(change)
            else:
                runs.append([change])
            above = change
    return runs


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


def _is_applied(state: IncidentState, change: Change) -> bool:
    return any(t.change == change and t.state is ChangeState.APPLIED for t in state.changes)


def _tied(group: Sequence[Change]) -> list[tuple[Setting, Setting]]:
    """Of what gives records up and what captures them, the pairs of which one is changed."""
    changed = [of(change) for change in group]
    return [pair for pair in CAPTURED if pair[0] in changed or pair[1] in changed]


def _compared(group: Sequence[Change]) -> list[str]:
    """What is read before a write: what it changes, and what makes that safe."""
    beside = (row.name for row in chain(*_tied(group)))
    return list(dict.fromkeys((*(change.setting for change in group), *beside)))


def _as_planned(group: Sequence[Change], held: Held) -> bool:
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
