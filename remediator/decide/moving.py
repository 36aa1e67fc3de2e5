"""How far the oldest unread record moves on, by the course of its age. Pure."""

from remediator.evidence.course import ages
from remediator.evidence.signals import LAST_MINUTES, Signals
from remediator.model import Evidence


def done_by_the_oldest(evidence: Evidence, signals: Signals) -> float | None:
    """Records a second that the oldest unread one moves on by, and no more than the batches that
    have ended could hold."""
    moves, most = _moves(evidence, signals), signals.most_done_per_second
    return moves if moves is None or most is None else min(moves, most)


def _moves(evidence: Evidence, signals: Signals) -> float | None:
    """Records a second that the oldest unread one moves on by; ``None`` where the mapping was
    changed within the minutes by which that is seen.

    While a burst's equally old records are worked off, the oldest hardly moves.
    """
    slope, arrives = signals.age_slope, signals.arrival_per_second
    if slope is None or changed_lately(evidence) or not signals.backlog_records:
        return None
    if slope >= HARDLY_MOVES and is_a_burst(signals):
        return None
    if arrives is not None and _keeps_climbing(signals):
        by_course, head = arrives * (1 - min(1.0, slope)), signals.head_per_second
        return by_course if head is None else min(head, by_course)
    return signals.head_per_second


def changed_lately(evidence: Evidence) -> bool:
    """Whether the mapping was changed within the minutes by which the course of the age is seen."""
    changed = evidence.mapping.last_modified if evidence.mapping else None
    course = [at for at, _ in ages(evidence)[-_COURSE:]]
    return changed is not None and any(at < changed for at in course)


def is_a_burst(signals: Signals) -> bool:
    """Whether more waits than what arrives now would have made of it, or nobody knows."""
    if signals.burst_left_records is not None:
        return True
    arrives, age, waiting = (
        signals.arrival_per_second,
        signals.age_seconds,
        signals.backlog_records,
    )
    if arrives is None or age is None or waiting is None:
        return True
    return waiting > _MORE * arrives * age


_MORE = 1.5


def _keeps_climbing(signals: Signals) -> bool:
    steep = (signals.age_slope or 0.0) >= CLIMBS_STEADILY and not is_a_burst(signals)
    return steep and (signals.climbing_minutes or 0) >= LAST_MINUTES


# Seconds of age a second that are no jitter.
CLIMBS_STEADILY = 0.1

# Seconds of age a second, from which its course tells too little of the pace.
HARDLY_MOVES = 0.9
# By so many of the newest minutes the course of the age is seen.
_COURSE = 4
