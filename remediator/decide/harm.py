"""What a change does beside what it is for, that is worse than the illness. Pure."""

from typing import NamedTuple

from remediator.decide.chance import by_chance
from remediator.decide.effects import Effect
from remediator.decide.failing import CLOCK
from remediator.decide.saturation import takes_longer
from remediator.evidence.signals import LAST_MINUTES, Signals
from remediator.model import MappingState
from remediator.policy import Policy
from remediator.settings_table import of
from remediator.state import Snapshot


class Harm(NamedTuple):
    """What is worse, in words."""

    because: str
    saturates: bool = False
    """Whether it is what stands behind the function that bears no more: lanes get slower, or
    fail. That a limit refuses invocations says nothing of it."""


def harmed(
    before: Snapshot | None, after: Snapshot, policy: Policy, seen: Effect, *, settled: bool = False
) -> Harm | None:
    """A side effect that makes the change worse than the illness (invariant 5).

    Only what raised concurrency can do harm this way; errors go on while a poison record is
    being isolated, and that is no harm of the isolation; nor are lanes that are refused at times,
    where all together get more done. ``settled``: all was well with it for a while, so that only
    what the neighbours lack may still be its doing.
    """
    if before is None:
        return None
    limits = policy.thresholds
    fails = None if settled or seen.isolates else _fails(before, after, limits.error_share, seen)
    if fails is not None:
        errors = f"errors rose from {before.error_share or 0:.0%} to {fails:.0%}"
        return Harm(errors, saturates=True)
    refused = _rose(before.throttle_share, after.throttle_share, limits.throttle_share)
    if refused and not settled and not more_done(before, after):
        throttles = f"from {before.throttle_share or 0:.0%} to {after.throttle_share:.0%}"
        return Harm(f"throttles rose {throttles}")
    was = before.neighbours_throttles_per_minute or 0.0
    now = after.neighbours_throttles_per_minute or 0.0
    if now >= was + _STARVING_PER_MINUTE:
        refused_others = f"rose from {was:.0f} to {now:.0f} a minute (invariant 4)"
        return Harm(f"throttles in the account {refused_others}")
    return None


def _fails(before: Snapshot, after: Snapshot, by: float, seen: Effect) -> float | None:
    """The share that fails since, where that is more than before, and neither an accident nor
    chance. Where next to nothing of the whole minutes has ended, and many of all that began since
    the write fail, by that: what takes as long as the timeout is counted in the minute in which it
    began. A few cold starts that fail in the minute in which the mapping goes on tell nothing."""
    share = after.error_share
    rose = _rose(before.error_share, share, by)
    if rose and not (_by_accident(seen) or _by_chance(before, seen)):
        return share
    failed, tried = seen.failed
    ended = 60 * (seen.signals.attempts_per_second or 0.0) * min(seen.minutes, LAST_MINUTES)
    many = failed >= max(_FEW, _MANY * tried)
    told = ended >= _MOST * tried or (seen.signals.error_share is not None and not rose)
    if told or not many or not _rose(before.error_share, failed / tried, by):
        return None
    return None if _chance_brings(before, failed, tried) else failed / tried


def _by_accident(seen: Effect) -> bool:
    """Whether but a few of few invocations have failed, in a single minute."""
    tried, share = seen.signals.attempts_per_second, seen.signals.error_share
    if seen.overdue or (seen.signals.failing_minutes or 0) >= MINUTES_OF_HARM or tried is None:
        return False
    return 60 * tried * (share or 0.0) < _FEW


def _by_chance(before: Snapshot, seen: Effect) -> bool:
    """Whether what few invocations have shown before could have brought as many failures now."""
    tried, share = seen.signals.attempts_per_second, seen.signals.error_share
    if tried is None or share is None:
        return False
    now = 60 * tried * min(seen.minutes, LAST_MINUTES)
    return _chance_brings(before, share * now, now)


def _chance_brings(before: Snapshot, failed: float, tried: float) -> bool:
    was, succeeded = before.error_share or 0.0, before.successes_per_minute
    if succeeded is None or was >= 1:
        return False
    earlier = LAST_MINUTES * succeeded / (1 - was)
    return by_chance(failed, tried, was * earlier, earlier)


_MOST, _MANY = 0.5, 0.25
# Failures in a minute.
_FEW = 3
# Whole minutes after which what is slower is the change's doing, and not that of a cold start.
MINUTES_OF_HARM = 2
# Throttles of the account's other functions that are no accident any more.
_STARVING_PER_MINUTE = 10.0


def lost(signals: Signals) -> str | None:
    """What was given up and nothing has captured, in words."""
    if not signals.lost_events:
        return None
    return f"{signals.lost_events:.0f} events were given up, and no destination took them"


def gives_up_all(seen: Effect, mapping: MappingState | None) -> str | None:
    """Whether nothing has succeeded for longer than a record that is to blame is tried, in words:
    that one has been given up by then, and what is given up after it is good (invariant 2)."""
    in_vain = seen.signals.failed_since_success if seen.minutes else None
    if mapping is None or not mapping.retries_bounded or in_vain is None:
        return None
    of_one = mapping.maximum_retry_attempts + 1 + mapping.halvings
    if in_vain <= _RECORDS_IN_A_ROW * of_one:
        return None
    return (
        f"{in_vain:.0f} invocations in a row have failed, of {of_one} at most that a record is "
        "given: what is given up now is good"
    )


# Bad ones may lie side by side.
_RECORDS_IN_A_ROW = 2


def reads_nothing(seen: Effect, *, whole: Signals) -> str | None:
    """A mapping that has taken over and reads nothing, long after it should: what it reads by is
    refused to it."""
    taken_over = any(of(tracked.change).takes_over for tracked in seen.levers)
    if not taken_over or not seen.overdue or seen.minutes or not whole.arrival_per_second:
        return None
    return "the mapping that has taken over has read nothing, though records arrive"


def slower_for_nothing(
    before: Snapshot | None, after: Snapshot, ratio: float, *, shared: bool = False
) -> Harm | None:
    """More lanes, each slower, and together no faster: what stands behind is saturated.

    Only while it still lags as before: smaller batches, too, make a lane slower for its records.
    Where no more lanes run than before, something else has made them slow. ``shared``: lanes of
    other mappings are seen at work, too, and what these get done is not: then it goes by how long
    an invocation takes.
    """
    if before is None or not _lags_as_before(before, after) or not _more_run(before, after):
        return None
    slower = _slower_lanes(before, after, ratio, shared=shared)
    return Harm(slower, saturates=True) if slower else None


def one_place_ages(signals: Signals, policy: Policy) -> bool:
    """Whether what comes in is read as it comes, and yet the oldest grows older: then one place
    stands still, and lanes that have nothing more to do are slow for no other reason. Where far
    more is read, pollers only read ahead; where every lane is at work, what is read waits for them.
    """
    done, came, climbs = (
        signals.processed_per_second,
        signals.arrival_per_second,
        signals.age_slope,
    )
    idle = (signals.busy_share or 0.0) < policy.thresholds.busy_share
    if done is None or not came or climbs is None or not idle:
        return False
    as_it_comes = _ALL_OF_IT * came <= done <= _NO_MORE * came
    return as_it_comes and climbs >= policy.thresholds.stuck_slope / 2


# Of what arrives, between which it is read as it comes: reads and writes are not counted at one
# moment.
_ALL_OF_IT, _NO_MORE = 0.95, 1.2


def _slower_lanes(before: Snapshot, after: Snapshot, ratio: float, *, shared: bool) -> str | None:
    if shared or after.lane_rate is None or before.lane_rate is None:
        return _longer_for_nothing(before, after, ratio)
    longer = takes_longer(before.duration_ms, after.duration_ms, ratio)
    if after.lane_rate * ratio > before.lane_rate or not longer:
        return None
    if more_done(before, after) or _more_together(before, after):
        return None
    return (
        f"a lane gets {after.lane_rate:.3g} records a second done instead of "
        f"{before.lane_rate:.3g}, and all together no more"
    )


def _lags_as_before(before: Snapshot, after: Snapshot) -> bool:
    was, now = before.records_per_batch, after.records_per_batch
    smaller = was is not None and now is not None and now < 0.8 * was
    falls = after.age_slope is not None and after.age_slope < 0
    return not smaller and not falls


def _more_run(before: Snapshot, after: Snapshot) -> bool:
    was, now = before.concurrency, after.concurrency
    return was is None or now is None or now > was


def _more_together(before: Snapshot, after: Snapshot) -> bool:
    """Whether all lanes at work get more done, each by what it gets done: of what is read in the
    best minute some waits, and batches hold no more than they do."""
    was, now = (
        one.lane_rate * one.busy_lanes if one.lane_rate and one.busy_lanes else None
        for one in (before, after)
    )
    return grew(was, now, _MORE_DONE)


def _longer_for_nothing(before: Snapshot, after: Snapshot, ratio: float) -> str | None:
    if not grew(before.duration_ms, after.duration_ms, ratio):
        return None
    if more_done(before, after):
        return None
    return f"duration rose from {before.duration_ms:.0f} ms to {after.duration_ms:.0f} ms"


def more_done(before: Snapshot, after: Snapshot) -> bool:
    """By the best witness that was seen both times: where the oldest record has got to, what was
    read, what succeeded. How much more it is than nothing, the next one says. Of more successes
    whose batches may be smaller, while the oldest grows older by a second a second, nobody can."""
    names = ["head_per_second", "processed_per_second", "successes_per_minute"]
    if after.records_per_batch is None and (after.age_slope or 0.0) >= CLOCK:
        names.pop()
    for name in names:
        was, now = getattr(before, name), getattr(after, name)
        if was is not None and now is not None and (was or not now):
            return grew(was, now, _MORE_DONE)
    return False


# Times as much, from which it is more.
_MORE_DONE = 1.2


def _rose(before: float | None, after: float | None, by: float) -> bool:
    """What was not seen before counts as none: AWS may publish nothing for a count of zero."""
    return after is not None and after - (before or 0.0) >= max(by, 0.05)


def grew(before: float | None, after: float | None, ratio: float) -> bool:
    return before is not None and after is not None and before > 0 and after >= ratio * before
