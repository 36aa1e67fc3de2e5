"""A change and its life: intended, made, undone, or overtaken by somebody else's."""

from datetime import datetime
from enum import StrEnum

from remediator.model import Change, InEffect, Record
from remediator.settings_table import gives_up


class ChangeState(StrEnum):
    """How far one change has come. ``intended`` is journalled before the write (invariant 8)."""

    INTENDED = "intended"
    APPLIED = "applied"
    UNDOING = "undoing"
    UNDONE = "undone"
    ABANDONED = "abandoned"
    """Never in effect: not ours to undo, and not paid for."""
    OVERTAKEN = "overtaken"
    """Somebody has changed the setting since: theirs, and not ours to undo."""


class Begun(Record):
    """One write of a change that takes several of them, as it was journalled before it."""

    step: str
    at: datetime


class TrackedChange(Record):
    """A change and its life so far."""

    change: Change
    state: ChangeState
    at: datetime
    turn: int = 0
    """Which turn of the incident made it; a turn is undone as a whole, newest first."""
    detail: str = ""
    refused_as: str = ""
    """AWS's code, where it has refused it for good. Empty: it was not refused, or not by AWS."""
    steps: tuple[Begun, ...] = ()
    """Of a change that takes several writes, those that were begun, oldest first."""
    ended_at: datetime | None = None
    """When it was seen to be no longer ours."""
    kept: str = ""
    """Why it stays on purpose after its incident, as people were told; a person may still have it
    undone. Empty: it goes back."""

    @property
    def ours_to_undo(self) -> bool:
        """Whether the setting may hold our value."""
        return self.state in {ChangeState.INTENDED, ChangeState.APPLIED, ChangeState.UNDOING}

    @property
    def unsettled(self) -> bool:
        """Whether an invocation has begun to write it and not said how that ended."""
        return self.state in {ChangeState.INTENDED, ChangeState.UNDOING}

    @property
    def endangers(self) -> bool:
        """Whether it gives records up while it stays: it must not be left behind."""
        return gives_up(self.change)


def in_effect(tracked: TrackedChange) -> InEffect:
    """A change that may be in effect, as a report tells it."""
    change = tracked.change
    return InEffect(
        resource=str(change.resource),
        setting=change.setting,
        before=change.before,
        after=change.after,
        since=tracked.at,
    )
