"""What shows of the newest turn by now. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from remediator.evidence.signals import LAST_MINUTES, Signals, measure
from remediator.evidence.since import (
    back_since,
    failed_since,
    minutes_of,
    next_minute,
    only_since,
)
from remediator.model import (
    Evidence,
    RemedyName,
    ResourceKind,
)
from remediator.policy import Policy
from remediator.state import ChangeState, IncidentState, Snapshot, TrackedChange


def snapshot(at: datetime, signals: Signals) -> Snapshot:
    """The numbers that a verdict compares."""
    return Snapshot(
        at=at,
        age_seconds=signals.age_seconds,
        age_slope=signals.age_slope,
        error_share=signals.error_share,
        throttle_share=signals.throttle_share,
        duration_ms=signals.duration_ms,
        concurrency=signals.concurrency,
        successes_per_minute=signals.successes_per_minute,
        lane_rate=signals.lane_rate,
        busy_lanes=signals.busy_lanes,
        records_per_batch=signals.records_per_batch,
        processed_per_second=signals.processed_per_second,
        head_per_second=signals.head_per_second,
        neighbours_throttles_per_minute=signals.others_throttles_per_minute,
    )


class Effect(NamedTuple):
    """What shows of the newest turn by now: the minutes since its levers arrived, and no others."""

    levers: tuple[TrackedChange, ...] = ()
    minutes: int = 0
    """Whole minutes that were published since; 0: nothing of it shows yet."""
    signals: Signals = Signals.model_construct()
    """Of those minutes alone."""
    overdue: bool = False
    """Whether it was made so long ago that all that may come of it is there."""
    failed: tuple[float, float] = (0.0, 0.0)
    """How many failed of all that began since it was written, however few of them those minutes
    hold: what takes long is counted in the minute in which it began."""

    @property
    def shows(self) -> bool:
        """Whether anything of it can be judged."""
        return self.minutes > 0 or self.overdue

    @property
    def isolates(self) -> bool:
        """Whether a record is being isolated: what fails meanwhile, and gets nothing done, is no
        doing of the lanes beside it."""
        return any(t.change.remedy is RemedyName.ISOLATE_POISON for t in self.levers)

    @property
    def clear(self) -> bool:
        """Whether enough is seen to say that it does nothing."""
        prompt = all(tracked.change.remedy in _PROMPT for tracked in self.levers)
        return self.overdue or (prompt and self.minutes >= LAST_MINUTES)


NOTHING_MADE = Effect()


# What works at once or not at all. A record that is being isolated is tried again and again first,
# and new shards wait for what their parents hold.
_PROMPT = frozenset(
    {
        RemedyName.RAISE_PARALLELIZATION_FACTOR,
        RemedyName.RAISE_RESERVED_CONCURRENCY,
        RemedyName.RESERVE_CONCURRENCY,
        RemedyName.RAISE_BATCH_SIZE,
        RemedyName.RAISE_MEMORY,
    }
)


def effect(state: IncidentState, evidence: Evidence, now: datetime, policy: Policy) -> Effect:
    """What shows of the newest turn that is in effect, without what was taken back since."""
    made = state.levers_in_effect
    newest = max((t.turn for t in made), default=0)
    levers = tuple(t for t in made if t.turn == newest)
    if not levers:
        return Effect()
    shows, back = [(t, t.at) for t in levers], taken_back(state)
    shows += [(t, t.ended_at) for t in back if t.ended_at is not None]
    waited = timedelta(seconds=policy.follow_up.unchanged_after_seconds)
    written = max(at for _, at in shows)
    overdue, seen = now - written >= waited, only_with(shows, evidence)
    if seen is None:
        return Effect(levers, overdue=overdue)
    signals, failed = measure(seen, policy.thresholds), failed_since(evidence, written)
    return Effect(levers, minutes_of(seen), signals, overdue, failed)


def taken_back(state: IncidentState) -> tuple[TrackedChange, ...]:
    """The changes of this incident that were undone."""
    return tuple(t for t in state.changes if t.state is ChangeState.UNDONE and t.ended_at)


def was_answered(state: IncidentState, tracked: TrackedChange) -> bool:
    """Whether a newer turn was made since, and taken back: what that left alone was judged before
    it, and what comes now is none of its doing."""
    return any(back.turn > tracked.turn for back in taken_back(state))


def only_with(
    written: Sequence[tuple[TrackedChange, datetime]], evidence: Evidence
) -> Evidence | None:
    """The evidence of the minutes alone in which all of some writes are there; ``None`` while one
    of them is on its way."""
    arrived = [_arrived_at(tracked, at, evidence) for tracked, at in written]
    since = [at for at in arrived if at is not None]
    return only_since(evidence, max(since)) if since and len(since) == len(arrived) else None


def _arrived_at(tracked: TrackedChange, at: datetime, evidence: Evidence) -> datetime | None:
    """The first whole minute in which what was written at a time is there; ``None`` while it is on
    its way."""
    match tracked.change.resource.kind:
        case ResourceKind.EVENT_SOURCE_MAPPING | ResourceKind.READER:
            return back_since(evidence, at)
        case ResourceKind.STREAM | ResourceKind.HASH_RANGE:
            active = evidence.stream is not None and evidence.stream.status == "ACTIVE"
            return next_minute(at) if active else None
        case ResourceKind.FUNCTION | ResourceKind.ALIAS:
            return next_minute(at)
