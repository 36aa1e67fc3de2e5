"""From a mapping that shares its stream's reads to one with enhanced fan-out, and back. Pure.

What a mapping reads cannot be changed (UpdateEventSourceMapping takes no EventSourceArn), so
another one takes over: a consumer is registered, a mapping like the old one made, disabled, that
reads through it, the old one stopped, and a minute later the new one started. At no time do both
read, and where one step cannot be made it goes back the way it came. The old mapping stays,
disabled: only it knows how far it has read, and it goes on there.

Sources: Lambda API Reference (CreateEventSourceMapping, UpdateEventSourceMapping), Kinesis API
Reference (RegisterStreamConsumer, DeregisterStreamConsumer); Lambda Developer Guide, with-kinesis.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from remediator.execution import course
from remediator.execution.course import Move, Pause, Refused
from remediator.execution.course import has as _has
from remediator.model import Target, Value
from remediator.state import Begun


class Step(course.Step):
    """One write of a takeover."""

    REGISTER = "register_consumer"
    CREATE = "create_mapping"
    STOP_OLD = "stop_old_mapping"
    START_NEW = "start_new_mapping"
    STOP_NEW = "stop_new_mapping"
    START_OLD = "start_old_mapping"
    DELETE = "delete_new_mapping"
    DEREGISTER = "deregister_consumer"


class Parts(NamedTuple):
    """What is there of it. States are AWS's words, ``None`` for what is not there."""

    consumer: str | None = None
    consumer_arn: str | None = None
    old: str | None = None
    old_since: str | None = None
    """When the old mapping's state last changed (ISO 8601)."""
    new: str | None = None
    new_since: str | None = None
    new_uuid: str | None = None
    starts: str | None = None
    """The new mapping's position, as ``position`` writes it."""
    alike: bool = True
    """Whether the new mapping has every setting of the old one."""
    others: bool = False
    """Whether another mapping reads through the consumer as well."""


# The value of ``reads_by``: the mapping itself reads, and shares each shard with others.
SHARED = "shared"


def through_fan_out(at: datetime) -> str:
    """The value of ``reads_by``: a mapping of its own consumer reads, from ``at`` on."""
    return f"fan-out from {position(at)}"


def position(at: datetime) -> str:
    """A time as it is compared: whole seconds, UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def starts_at(value: Value) -> datetime:
    """The position that a value of ``reads_by`` names. Raises ValueError for any other text."""
    return datetime.fromisoformat(str(value).removeprefix("fan-out from "))


def reads_by(parts: Parts) -> Value:
    """What the parts come to; anything between the two has a value that nobody plans from."""
    if parts.new is None and parts.consumer is None:
        return SHARED
    if parts.new in _RUNS and parts.old not in _RUNS:
        return f"fan-out from {parts.starts}"
    return f"between: old mapping {parts.old}, new {parts.new}, consumer {parts.consumer}"


def written(step: Step, goal: Value) -> dict[str, Value]:
    """What an actuator is told to write for one step."""
    return {step.value: True} | ({POSITION: goal} if step is Step.CREATE else {})


# What a creation is told beside its step: the goal, which says from when on is read.
POSITION = "position"


def forward(parts: Parts, goal: Value, begun: Sequence[Begun], now: datetime) -> Move:
    """The next step to ``goal``; where somebody else has done something meanwhile, that stands."""
    ours = parts.new is None or f"fan-out from {parts.starts}" == goal
    refused = (
        (parts.old is None, "somebody has deleted the mapping"),
        (not begun and parts.consumer, "a consumer of that name is registered already"),
        (not ours or parts.others, "somebody else's mapping reads through the consumer"),
        (
            parts.new is None and _has(begun, Step.STOP_OLD),
            "somebody has deleted the mapping that was to take over",
        ),
        (
            parts.consumer is None and _has(begun, Step.CREATE),
            "somebody has deregistered the consumer",
        ),
        (
            parts.new == "Disabled" and not parts.alike,
            "the two mappings have not the same settings any more",
        ),
        (
            parts.old == "Disabled" and not _has(begun, Step.STOP_OLD),
            "somebody has disabled the mapping",
        ),
        (
            parts.old == "Enabled" and _since(parts.old_since, begun, Step.STOP_OLD),
            "somebody has enabled the mapping again",
        ),
        (parts.new == parts.old == "Enabled", "somebody has enabled the new mapping too soon"),
        (
            parts.new == "Disabled" and _since(parts.new_since, begun, Step.START_NEW),
            "somebody has disabled the mapping that was to take over",
        ),
    )
    if reason := next((reason for when, reason in refused if when), None):
        return Refused(reason)
    if busy(parts):
        return Pause.WAIT
    if parts.consumer is None:
        return Step.REGISTER
    if parts.new is None:
        return Step.CREATE
    if parts.old == "Enabled":
        return Step.STOP_OLD
    if parts.new == "Enabled":
        return Pause.DONE
    return Step.START_NEW if _rests(parts.old_since, now) else Pause.WAIT


def backward(parts: Parts, goal: Value, begun: Sequence[Begun], now: datetime) -> Move:
    """The next step back to where the mapping itself reads; only what was begun is undone."""
    mine = _has(begun, Step.CREATE) and f"fan-out from {parts.starts}" == goal
    new = parts.new if mine else None
    if parts.old is None and new in _RUNS:
        return Refused("somebody has deleted the old mapping: there is nothing to go back to")
    theirs = parts.others or parts.new in _RUNS
    if new is None and theirs and parts.old not in _RUNS:
        return Refused("somebody else's mapping reads through the consumer")
    if new == "Enabled" and _since(parts.new_since, begun, Step.STOP_NEW):
        return Refused("somebody has enabled the new mapping again")
    if busy(parts):
        return Pause.WAIT
    if new == "Enabled":
        return Step.STOP_NEW
    stopped = _has(begun, Step.STOP_OLD) and not _since(parts.old_since, begun, Step.START_OLD)
    if parts.old == "Disabled" and stopped:
        rests = new is None or _rests(parts.new_since, now)
        return Step.START_OLD if rests else Pause.WAIT
    if new is not None:
        return Step.DELETE
    unused = parts.new is None and not parts.others
    if parts.consumer is not None and unused and _has(begun, Step.REGISTER):
        return Step.DEREGISTER
    return Pause.DONE


def taken_over_by_a_person(parts: Parts) -> bool:
    """Of a takeover that was made: whether the old mapping reads again, or is gone. One that is
    paused, or a new one that is, is a person's pause, and no other takeover."""
    return parts.old is None or parts.old in _RUNS


def arrived(target: Target, parts: Parts, there: bool) -> Target:
    """The incident is about the mapping that reads from now on."""
    reader = {"event_source_mapping": target.known_as, "consumer_arn": None}
    if there:
        reader = {"event_source_mapping": parts.new_uuid, "consumer_arn": parts.consumer_arn}
    return target.model_copy(update=reader)


# States of a mapping that reads, or is about to.
_RUNS = frozenset({"Creating", "Enabling", "Enabled", "Updating"})
# For so long a mapping counts as reading after AWS calls it Disabled: its last invocations may
# still run, and the state alone has been seen to come too early.
REST = timedelta(seconds=60)


def busy(parts: Parts) -> bool:
    """Whether AWS is still at one of them."""
    states = {parts.old, parts.new} - {None, "Enabled", "Disabled"}
    return bool(states) or parts.consumer in {"CREATING", "DELETING"}


def _rests(since: str | None, now: datetime) -> bool:
    return since is not None and now - datetime.fromisoformat(since) >= REST


def _since(changed: str | None, begun: Sequence[Begun], step: Step) -> bool:
    """Whether a state that our step should have ended is newer than the step, by more than clocks
    differ: then it is somebody's. One that is older: our write never arrived."""
    last = max((one.at for one in begun if one.step == step), default=None)
    if last is None or changed is None:
        return False
    return datetime.fromisoformat(changed) > last + _CLOCKS


_CLOCKS = timedelta(seconds=5)
