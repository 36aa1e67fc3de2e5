"""Which alarm each stream consumer should have, from its own history. Pure.

An alarm that calls every day is switched off within a week, and one that calls when records expire
calls too late: the threshold stands above what is usual and well below the retention.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from fnmatch import fnmatchcase
from math import ceil
from typing import NamedTuple

# Of the names of the alarms that are made here; what has another name is somebody else's.
PREFIX = "remediator-age-"

# How far above its usual worst hour an age is late.
_ROOM = 2.0
# Share of the hours that count as usual: the incidents of the past do not.
_USUAL = 0.95
# Share of the retention by which somebody must have been called.
_LATEST = 0.25


class Consumer(NamedTuple):
    """A function that a stream feeds, and how old its records usually are.

    ``window_seconds``: the longest batching window of its mappings; ``retention_seconds``: the
    shortest of its streams, ``None`` if none was seen; ``hourly_ages``: the highest age of each
    hour with records, in seconds.
    """

    function: str
    window_seconds: int = 0
    retention_seconds: int | None = None
    hourly_ages: tuple[float, ...] = ()


class Verb(StrEnum):
    """What becomes of an alarm."""

    CREATE = "create"
    CHANGE = "change"
    KEEP = "keep"
    REMOVE = "remove"


class Step(NamedTuple):
    """One alarm: what becomes of it and why. Thresholds in whole seconds."""

    verb: Verb
    name: str
    function: str
    before: int | None
    after: int | None
    why: str


def threshold(consumer: Consumer, late_seconds: int) -> tuple[int, str]:
    """The age in seconds above which to call, and why it is that one.

    ``late_seconds``: what the policy calls late.
    """
    candidates = [
        (late_seconds, "what the policy calls late"),
        (
            late_seconds + consumer.window_seconds,
            f"what the policy calls late, after a batching window of {consumer.window_seconds} s",
        ),
    ]
    if consumer.hourly_ages:
        usual = sorted(consumer.hourly_ages)[ceil(_USUAL * len(consumer.hourly_ages)) - 1]
        candidates.append((ceil(_ROOM * usual), f"twice its usual worst age of {usual:.0f} s"))
    chosen, why = max(candidates, key=lambda each: each[0])
    if consumer.retention_seconds is None:
        return chosen, why
    most = int(consumer.retention_seconds * _LATEST)
    hours = consumer.retention_seconds / 3600
    return (chosen, why) if chosen <= most else (most, f"a quarter of the {hours:.0f} h retention")


def steps(
    consumers: Iterable[Consumer],
    existing: Mapping[str, int],
    patterns: Sequence[str],
    late_seconds: int,
    theirs: AbstractSet[str] = frozenset(),
) -> tuple[Step, ...]:
    """What to do so that each consumer that a pattern names has its alarm, and no other has one.

    ``existing``: thresholds of the alarms of ours that are there, by name; ``theirs``: those whose
    threshold a person has set since, which stays. Alarms of functions that no pattern names are
    left alone, also where no stream feeds them any more.
    """
    chosen = sorted(consumers, key=lambda each: each.function)
    by_name = {PREFIX + each.function: each for each in chosen}
    wanted = [
        _left_to_people(step) if step.name in theirs else step
        for each in chosen
        if _named(each, patterns)
        for step in [_wanted(each, existing, late_seconds)]
    ]
    gone = [
        Step(
            Verb.REMOVE,
            name,
            name.removeprefix(PREFIX),
            before,
            None,
            "no stream feeds it any more",
        )
        for name, before in sorted(existing.items())
        if name not in by_name and _matches(name.removeprefix(PREFIX), patterns)
    ]
    return (*wanted, *gone)


def removals(existing: Mapping[str, int], patterns: Sequence[str]) -> tuple[Step, ...]:
    """The alarms of ours that go, for the functions that a pattern names."""
    return tuple(
        Step(Verb.REMOVE, name, function, before, None, "asked for")
        for name, before in sorted(existing.items())
        if _matches(function := name.removeprefix(PREFIX), patterns)
    )


def _named(consumer: Consumer, patterns: Sequence[str]) -> bool:
    return _matches(consumer.function, patterns)


def _matches(function: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(function, pattern) for pattern in patterns)


def _wanted(consumer: Consumer, existing: Mapping[str, int], late_seconds: int) -> Step:
    name = PREFIX + consumer.function
    after, why = threshold(consumer, late_seconds)
    before = existing.get(name)
    verb = Verb.CREATE if before is None else Verb.KEEP if before == after else Verb.CHANGE
    return Step(verb, name, consumer.function, before, after, why)


def _left_to_people(step: Step) -> Step:
    """What a person has set stays, and why it could be another is told."""
    if step.verb is not Verb.CHANGE:
        return step
    why = f"a person has set it; with --force it would be {step.after} s: {step.why}"
    return step._replace(verb=Verb.KEEP, after=step.before, why=why)
