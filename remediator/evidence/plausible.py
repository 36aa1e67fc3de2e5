"""Readings that cannot be: they contradict each other, so they are a finding and not an input.

An age that jumps by more than the time that passed is that of one old record that was read (an
idle stream, a new shard, a first record), not of records that wait. Records cannot be worked off
that never arrived. More lanes cannot work than the mapping has. No record is older than the stream
keeps it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from remediator.evidence.series import LAST_MINUTES
from remediator.model import Evidence

Known = Mapping[str, object]

_JUMP_SLACK_SECONDS = 120.0
"""Between the greatest ages of two minutes lie up to two minutes; more is no queue's doing."""
_NEWEST_AGES = 6
_AT_WORK = 0.5
"""Lanes: what is worked on in earnest may well be old, as after a start at TRIM_HORIZON."""
_FAR_TOO_MANY = 1.5
_SHORT_MS = 60_000
"""Longer invocations may all be stamped in one minute, which then has more than its share."""
_LATE_SECONDS = 60
_HOUR = 3600


class Contradiction(NamedTuple):
    """What cannot be, in words, and the measures that are not to be believed for it."""

    words: str
    unbelievable: tuple[str, ...]


def age_jump_seconds(points: Sequence[tuple[datetime, float]]) -> float | None:
    """By how much more than time allows the age jumped in the newest minutes; ``None`` where it did
    not, where it has come back since, or has gone on like a clock, as of a record that is held."""
    newest = points[-_NEWEST_AGES:]
    excess = [
        now - before - (at - was).total_seconds() for (was, before), (at, now) in pairwise(newest)
    ]
    last = max((n for n, over in enumerate(excess) if over > _JUMP_SLACK_SECONDS), default=None)
    if last is None:
        return None
    after = [age for _, age in newest[last + 1 :]]
    if after[-1] < after[0] - excess[last] / 2:
        return None
    went_on = len(after) > LAST_MINUTES and all(now > was for was, now in pairwise(after))
    return None if went_on else excess[last]


def find_contradictions(evidence: Evidence, known: Known) -> tuple[Contradiction, ...]:
    """All that is found, in the order of the table below."""
    found = (rule(evidence, known) for rule in _RULES)
    return tuple(each for each in found if each is not None)


def without_contradictions(evidence: Evidence, known: Known) -> dict[str, object]:
    """The measures, less those that cannot be; what was found stands beside them."""
    found = find_contradictions(evidence, known)
    gone = {name: None for each in found for name in each.unbelievable}
    return {**known, **gone, "contradictions": tuple(each.words for each in found)}


def _number(known: Known, name: str) -> float:
    value = known.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _old_record(_: Evidence, known: Known) -> Contradiction | None:
    jump = known.get("age_jump_seconds")
    suffers = ("error_minutes", "failed_events_per_minute", "throttled_minutes")
    if not isinstance(jump, float) or _number(known, "busy_lanes") >= _AT_WORK:
        return None
    if any(_number(known, name) for name in (*suffers, "read_throttled_minutes")):
        return None
    return Contradiction(
        f"the age jumped by {jump:.0f} s more than the time that passed, while no lane is at work: "
        "it is that of one old record that was read, not of records that wait",
        ("age_slope", "still_minutes", "expires_in_seconds", "retention_left_seconds"),
    )


def _older_than_kept(evidence: Evidence, known: Known) -> Contradiction | None:
    kept = evidence.stream.retention_hours * _HOUR if evidence.stream else None
    age = known.get("age_seconds")
    if kept is None or not isinstance(age, float) or age <= kept + _HOUR:
        return None
    return Contradiction(
        f"an age of {age / _HOUR:.0f} h cannot be in a stream that keeps records for "
        f"{kept / _HOUR:.0f} h",
        ("expires_in_seconds", "retention_left_seconds"),
    )


def _too_many_lanes(evidence: Evidence, known: Known) -> Contradiction | None:
    busy, lanes = _number(known, "busy_lanes"), _number(known, "lanes")
    short = 0 < _number(known, "duration_ms") < _SHORT_MS
    if not lanes or not short or evidence.sibling_mappings or busy <= _FAR_TOO_MANY * lanes:
        return None
    return Contradiction(
        f"{busy:.1f} lanes are at work where the mapping has {lanes:.0f}: others invoke the "
        "function, too, so its work tells nothing of this mapping's",
        ("busy_lanes", "usual_busy_lanes", "busy_share", "lane_rate", "usual_lane_rate"),
    )


def _never_arrived(_: Evidence, known: Known) -> Contradiction | None:
    climbs = _number(known, "age_seconds") >= _LATE_SECONDS and _number(known, "age_slope") > 0
    works = _number(known, "busy_lanes") >= _AT_WORK and _number(known, "successes_per_minute") > 0
    if known.get("arrived_since_oldest") != 0.0 or not climbs or not works:
        return None
    return Contradiction(
        "nothing has arrived since the oldest record is said to have come, though lanes are at "
        "work and the age climbs: what arrives is not what is counted",
        (
            "arrival_per_second",
            "peak_arrival_per_second",
            "usual_arrival_per_second",
            "head_per_second",
            "backlog_records",
        ),
    )


_RULES: Sequence[Callable[[Evidence, Known], Contradiction | None]] = (
    _old_record,
    _older_than_kept,
    _too_many_lanes,
    _never_arrived,
)
