"""What shows of the newest turn by now. Pure."""

from datetime import datetime, timedelta
from typing import NamedTuple

from remediator.evidence.signals import LAST_MINUTES, Signals, measure
from remediator.evidence.since import back_since, minutes_of, next_minute, only_since
from remediator.model import (
    Evidence,
    RemedyName,
    ResourceKind,
)
from remediator.policy import Policy
from remediator.state import IncidentState, Snapshot, TrackedChange


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
    """What shows of the newest turn that is in effect."""
    made = state.levers_in_effect
    newest = max((t.turn for t in made), default=0)
    levers = tuple(t for t in made if t.turn == newest)
    if not levers:
        return Effect()
    waited = timedelta(seconds=policy.follow_up.unchanged_after_seconds)
    overdue = now - max(t.at for t in levers) >= waited
    arrived = [arrived_at(tracked, evidence) for tracked in levers]
    since = None if None in arrived else max(at for at in arrived if at is not None)
    if since is None:
        return Effect(levers, overdue=overdue)
    seen = only_since(evidence, since)
    return Effect(levers, minutes_of(seen), measure(seen, policy.thresholds), overdue)


def arrived_at(tracked: TrackedChange, evidence: Evidence) -> datetime | None:
    """The first whole minute in which a change is there; ``None`` while it is on its way."""
    match tracked.change.resource.kind:
        case ResourceKind.EVENT_SOURCE_MAPPING | ResourceKind.READER:
            return back_since(evidence, tracked.at)
        case ResourceKind.STREAM | ResourceKind.HASH_RANGE:
            active = evidence.stream is not None and evidence.stream.status == "ACTIVE"
            return next_minute(tracked.at) if active else None
        case ResourceKind.FUNCTION | ResourceKind.ALIAS:
            return next_minute(tracked.at)
