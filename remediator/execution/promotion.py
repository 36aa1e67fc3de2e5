"""More memory for what an alias releases, and back. Pure.

A version's memory is fixed. So $LATEST, which is the same but for that, gets the memory, a version
is published of it, and the alias moves there. Back, the alias moves to the version that it had, and
$LATEST gets what it had. Nothing else is ever released by it: where $LATEST is no longer the same,
it does not go on. A version that was published stays; nobody invokes it.

Source: Lambda API Reference (UpdateFunctionConfiguration, PublishVersion, UpdateAlias).
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from remediator.execution import course
from remediator.execution.course import Move, Pause, Refused, has
from remediator.model import Value
from remediator.state import Begun


class Step(course.Step):
    """One write of a promotion."""

    RAISE_LATEST = "raise_latest"
    MOVE_ALIAS = "move_alias"
    """To a version that is published of $LATEST; where there is one already, it is that."""
    MOVE_BACK = "move_alias_back"
    LOWER_LATEST = "lower_latest"


class Points(StrEnum):
    """Where the alias points."""

    OLD = "old"
    OURS = "ours"
    """To another version that is the same but for its memory."""
    ELSEWHERE = "elsewhere"


class Parts(NamedTuple):
    """What is there of it; memory in MB."""

    points: str | None = None
    """``None``: the alias is gone."""
    memory_mb: int | None = None
    """Of the version that the alias points to."""
    old_mb: int | None = None
    """Of the version that it pointed to; ``None``: that is gone."""
    latest_mb: int | None = None
    alike: bool = False
    """Whether $LATEST is what the alias released, but for its memory."""
    routed: bool = False
    """Whether the alias shifts a share of its traffic to another version."""
    busy: bool = False
    """Whether AWS is still at $LATEST."""


def memory_released(parts: Parts) -> Value:
    """What the parts come to; what lies between the two has a value that nobody plans from."""
    at_rest = parts.points == Points.OURS or parts.latest_mb == parts.old_mb
    if at_rest:
        return parts.memory_mb
    return f"between: alias at {parts.memory_mb} MB, $LATEST at {parts.latest_mb} MB"


def written(step: Step, goal: Value) -> dict[str, Value]:
    """What an actuator is told to write for one step: its name, and the goal beside it."""
    return {step.value: goal}


def forward(parts: Parts, goal: Value, begun: Sequence[Begun], _: datetime) -> Move:
    """The next step to ``goal``; where somebody else has done something meanwhile, that stands."""
    moved = parts.points == Points.OURS and parts.memory_mb == goal
    refused = (
        (parts.points is None, "somebody has deleted the alias"),
        (parts.old_mb is None, "somebody has deleted the version that the alias had"),
        (parts.routed, "the alias shifts traffic to another version"),
        (not parts.alike, "$LATEST is not what the alias releases: it would be released, too"),
        (
            parts.points != Points.OLD and not (moved and has(begun, Step.MOVE_ALIAS)),
            "somebody has moved the alias",
        ),
        (
            parts.latest_mb not in {parts.old_mb, goal if has(begun, Step.RAISE_LATEST) else None},
            "somebody has changed the memory of $LATEST",
        ),
    )
    if reason := next((reason for when, reason in refused if when), None):
        return Refused(reason)
    if parts.busy:
        return Pause.WAIT
    if moved:
        return Pause.DONE
    return Step.MOVE_ALIAS if parts.latest_mb == goal else Step.RAISE_LATEST


def backward(parts: Parts, goal: Value, begun: Sequence[Begun], _: datetime) -> Move:
    """The next step back; only what was begun is undone, and only where it is still ours."""
    if parts.busy:
        return Pause.WAIT
    if has(begun, Step.MOVE_ALIAS) and parts.points == Points.OURS and parts.memory_mb == goal:
        if parts.old_mb is None:
            return Refused("somebody has deleted the version that the alias had")
        if parts.routed:
            return Refused("the alias shifts traffic to another version")
        return Step.MOVE_BACK
    # What it holds is ours, also where the code is another by now: no code is released by it.
    if has(begun, Step.RAISE_LATEST) and parts.latest_mb == goal and parts.old_mb is not None:
        return Step.LOWER_LATEST
    return Pause.DONE


def is_a_persons(parts: Parts) -> bool:
    """Of a promotion that was made: whether the alias points elsewhere by now."""
    return parts.points != Points.OURS
