"""Readings that cannot be: they contradict each other, so they are a finding and not an input.

An age that jumps by more than the time that passed is that of one old record that was read (an
idle stream, a new shard, a first record), not of records that wait. Records cannot be worked off
that never arrived. More lanes cannot work than the mapping has. No record is older than the stream
keeps it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import NamedTuple

from remediator.evidence.metrics import Metric
from remediator.evidence.record import Signals
from remediator.evidence.series import (
    INVOCATION_FAMILY,
    LAST_MINUTES,
    STREAM_FAMILY,
    long_minutes,
    minutes_seen,
    series_of,
)
from remediator.model import Evidence, Series
from remediator.policy import Thresholds

# Between the greatest ages of two minutes lie up to two minutes; more is no queue's doing.
_JUMP_SLACK_SECONDS = 120.0
_NEWEST_AGES = 6
# What fails or is throttled ages by a second a second, and is tried again within a minute.
_BY_NO_TROUBLE_SECONDS = 600
# Lanes: what is worked on in earnest may well be old, as after a start at TRIM_HORIZON.
_AT_WORK = 0.5
_FAR_TOO_MANY = 1.5
# Longer invocations may all be stamped in one minute, which then has more than its share.
_SHORT_MS, _LONGEST_OF = 60_000, 10
_LATE_SECONDS = 60
_HOUR = 3600


class Contradiction(NamedTuple):
    """What cannot be, in words, and the measures that are not to be believed for it, emptied."""

    words: str
    unbelievable: Signals


def age_jump_seconds(points: Sequence[tuple[datetime, float]], normal: float) -> float | None:
    """By how much more than time allows the age jumped in the newest minutes; ``None`` where it did
    not, where it has come back since, or has gone on like a clock, as of a record that is held
    (which would have been seen before, were it by very much). Within what is ``normal``, ages come
    and go."""
    newest, slack = points[-_NEWEST_AGES:], _JUMP_SLACK_SECONDS + normal
    excess = [
        now - before - (at - was).total_seconds() for (was, before), (at, now) in pairwise(newest)
    ]
    last = max((n for n, over in enumerate(excess) if over > slack), default=None)
    if last is None:
        return None
    after = [age for _, age in newest[last + 1 :]]
    if after[-1] < after[0] - excess[last] / 2:
        return None
    went_on = len(after) > LAST_MINUTES and all(now > was for was, now in pairwise(after))
    return None if went_on and excess[last] < _BY_NO_TROUBLE_SECONDS else excess[last]


def without_contradictions(evidence: Evidence, _: Thresholds, known: Signals) -> Signals:
    """The measures that cannot be, emptied; what was found, in the order of the table below."""
    every = [found for rule in _RULES if (found := rule(evidence, known))]
    return reduce(or_, (found.unbelievable for found in every), Signals()) | Signals(
        contradictions=tuple(found.words for found in every)
    )


def _old_record(evidence: Evidence, known: Signals) -> Contradiction | None:
    if known.age_jump_seconds is None or _works_harder(evidence, known):
        return None
    suffers = (known.error_minutes, known.failed_events_per_minute, known.throttled_minutes)
    by_so_much = known.age_jump_seconds >= _BY_NO_TROUBLE_SECONDS
    if not by_so_much and any((*suffers, known.read_throttled_minutes)):
        return None
    return Contradiction(
        f"the age jumped by {known.age_jump_seconds:.0f} s more than the time that passed, while "
        "no lane is at work more than usual: it is that of one old record that was read, not of "
        "records that wait",
        Signals(
            age_slope=None,
            oldest_slope=None,
            still_minutes=None,
            stands_still_by_chance=None,
            one_by_chance=None,
            expires_in_seconds=None,
            retention_left_seconds=None,
        ),
    )


def _works_harder(evidence: Evidence, known: Signals) -> bool:
    """Whether lanes are at work in earnest, and more than usual or since the mapping was changed:
    what it then reads may well be old."""
    busy, usual = known.busy_lanes or 0.0, known.usual_busy_lanes
    if busy < _AT_WORK:
        return False
    changed = evidence.mapping.last_modified if evidence.mapping else None
    lately = changed is None or evidence.gathered_at - changed < _SETTLED
    return lately or usual is None or busy > _MORE_THAN_USUAL * usual


_MORE_THAN_USUAL = 1.5
_SETTLED = timedelta(minutes=10)


def _older_than_kept(evidence: Evidence, known: Signals) -> Contradiction | None:
    kept = evidence.stream.retention_hours * _HOUR if evidence.stream else None
    age = known.age_seconds
    if kept is None or age is None or age <= kept + _HOUR:
        return None
    return Contradiction(
        f"an age of {age / _HOUR:.0f} h cannot be in a stream that keeps records for "
        f"{kept / _HOUR:.0f} h",
        Signals(expires_in_seconds=None, retention_left_seconds=None),
    )


def _older_than_sent(evidence: Evidence, known: Signals) -> Contradiction | None:
    """What is past the mapping's maximum record age is given up before it is sent."""
    most = evidence.mapping.maximum_record_age_seconds if evidence.mapping else -1
    age = known.age_seconds
    if most <= 0 or age is None or age <= most + _LATE_METRICS_SECONDS:
        return None
    return Contradiction(
        f"an age of {age:.0f} s cannot be where records older than {most} s are given up",
        Signals(
            age_jump_seconds=age - most,
            age_slope=None,
            oldest_slope=None,
            still_minutes=None,
            backlog_records=None,
            drops_for_age=None,
            expires_in_seconds=None,
            retention_left_seconds=None,
        ),
    )


# By so much the age may have been carried on, by late metrics, beyond what was seen.
_LATE_METRICS_SECONDS = 600


def _too_many_lanes(evidence: Evidence, known: Signals) -> Contradiction | None:
    busy, lanes = known.busy_lanes or 0.0, known.lanes
    took = (series_of(evidence, Metric.DURATION_MAX_MS) or Series()).values[-_LONGEST_OF:]
    short = 0 < max(took, default=0.0) < _SHORT_MS
    if not lanes or not short or evidence.sibling_mappings or busy <= _FAR_TOO_MANY * lanes:
        return None
    if _changed_among_the_newest(evidence):
        return None  # there may have been more lanes in some of those minutes
    return Contradiction(
        f"{busy:.1f} lanes are at work where the mapping has {lanes}: others invoke the "
        "function, too, so its work tells nothing of this mapping's",
        Signals(
            busy_lanes=None,
            usual_busy_lanes=None,
            busy_share=None,
            lane_rate=None,
            usual_lane_rate=None,
        ),
    )


def _changed_among_the_newest(evidence: Evidence) -> bool:
    """Whether the mapping is another one since the minutes of which the lanes at work are told."""
    changed = evidence.mapping.last_modified if evidence.mapping else None
    newest = minutes_seen(evidence, (*INVOCATION_FAMILY, *STREAM_FAMILY))
    told = newest[-LAST_MINUTES - long_minutes(evidence) :]
    return changed is not None and bool(told) and changed > told[0]


def _never_arrived(_: Evidence, known: Signals) -> Contradiction | None:
    climbs = (known.age_seconds or 0.0) >= _LATE_SECONDS and (known.age_slope or 0.0) > 0
    works = (known.busy_lanes or 0.0) >= _AT_WORK and (known.successes_per_minute or 0.0) > 0
    if known.arrived_since_oldest != 0.0 or not climbs or not works:
        return None
    return Contradiction(
        "nothing has arrived since the oldest record is said to have come, though lanes are at "
        "work and the age climbs: what arrives is not what is counted",
        Signals(
            arrival_per_second=None,
            peak_arrival_per_second=None,
            usual_arrival_per_second=None,
            head_per_second=None,
            backlog_records=None,
        ),
    )


_RULES: Sequence[Callable[[Evidence, Signals], Contradiction | None]] = (
    _old_record,
    _older_than_kept,
    _older_than_sent,
    _too_many_lanes,
    _never_arrived,
)
