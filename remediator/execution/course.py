"""What a change that takes several writes is made of: its course, there and back. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from remediator.model import Target, Value
from remediator.state import Begun


class Step(StrEnum):
    """One write of a course; each course names its own."""


class Refused(NamedTuple):
    """It cannot go on this way, and why."""

    reason: str


class Pause(StrEnum):
    """Nothing to write now."""

    DONE = "done"
    WAIT = "wait"


Move = Step | Pause | Refused

# (what is there, the change's value, what was begun, now) → what comes next.
Way = Callable[[Any, Value, Sequence[Begun], datetime], Move]


class Course(NamedTuple):
    """How one kind of resource goes from one end to the other, by what is there."""

    parts: type[Any]
    """A named tuple of what an actuator reads of it."""
    forward: Way
    backward: Way
    written: Callable[[Any, Value], dict[str, Value]]
    """What an actuator is told to write for one step."""
    is_a_persons: Callable[[Any], bool]
    """Of a change that was made: whether somebody has taken it back, or something else in its
    place."""
    arrived: Callable[[Target, Any, bool], Target] = lambda target, _, __: target
    """The pipeline from then on; at the far end, or at the near one."""

    def of(self, held: Mapping[str, Value]) -> Any:
        """What is there, as an actuator has read it."""
        return self.parts(**{name: held[name] for name in self.parts._fields})


def has(begun: Sequence[Begun], step: Step) -> bool:
    """Whether a step was begun."""
    return any(one.step == step for one in begun)
