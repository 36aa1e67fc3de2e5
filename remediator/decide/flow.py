"""What comes in, what gets done and what waits, as observed; the forecasts stand on it. Pure."""

from collections.abc import Iterable
from math import inf

from remediator.decide.easing import quick_again, succeeds_again
from remediator.decide.moving import HARDLY_MOVES, done_by_the_oldest
from remediator.evidence.metrics import Metric
from remediator.evidence.signals import Signals
from remediator.model import (
    Change,
    Evidence,
    Record,
)
from remediator.policy import ForecastKnobs, Thresholds
from remediator.settings_table import (
    PARALLELIZATION_FACTOR,
    RESERVED_CONCURRENCY,
    of,
)


class Flow(Record):
    """The lagging part of a pipeline, in records and seconds; ``None`` where it was not seen."""

    shards: float
    """How many shards lag: all of them, or fewer where only some lanes are busy."""
    parallelization_factor: int
    lane_capacity_per_second: float | None
    arrival_per_second: float | None
    backlog_records: float | None
    expires_in_seconds: float | None
    """Until the first record is lost, to the retention or to the mapping's maximum record age."""
    most_lanes: int | None = None
    """The function's own reservation, which no factor goes beyond; ``None``: there is none."""
    done_per_second: float | None = None
    """What is done as it is, whatever keeps it from more; ``None``: that was not seen."""
    batch_seconds: float = 0.0
    """What a batch takes: nothing that waits is done sooner."""
    stood_still_seconds: float | None = None
    """For how long the mapping stood still when it was changed last; ``None``: not seen."""
    tried_lanes: float | None = None
    """How many have ever been at work at once, as far as is seen; ``None``: that was not seen."""

    def restart(self, knobs: ForecastKnobs) -> float:
        """Seconds for which it would stand still again: as the last time, else as is usual."""
        stood = self.stood_still_seconds
        return knobs.usual_restart_seconds if stood is None else stood

    def as_it_is(self) -> float | None:
        """Records per second with nothing changed."""
        could, done = self.capacity(self.parallelization_factor), self.done_per_second
        return could if done is None else done if could is None else min(could, done)

    def capacity(self, factor: int) -> float | None:
        """Records per second with ``factor`` lanes a shard."""
        if self.lane_capacity_per_second is None:
            return None
        return self.lanes(factor) * self.lane_capacity_per_second

    def lanes(self, factor: int) -> float:
        """How many may be at work at once with ``factor`` of them a shard."""
        lanes = self.shards * factor
        return min(lanes, self.most_lanes or lanes)

    def after(self, changes: Iterable[Change], times: float = 1.0) -> "Flow":
        """The flow as changes would make it, once they are there: with its lanes, each of which
        gets ``times`` as much done. New shards change nothing of what waits."""
        made = {of(change): change.after for change in changes}
        factor, most = made.get(PARALLELIZATION_FACTOR), made.get(RESERVED_CONCURRENCY)
        lane = self.lane_capacity_per_second
        return self.model_copy(
            update={
                **({"parallelization_factor": factor} if isinstance(factor, int) else {}),
                **({"most_lanes": most} if RESERVED_CONCURRENCY in made else {}),
                "lane_capacity_per_second": None if lane is None else lane * times,
            }
        )

    def drains_in(self, capacity: float | None, delay_seconds: float = 0) -> float | None:
        """Seconds until the backlog is gone; ``inf`` for never, ``None`` where unknown."""
        if self.backlog_records is not None and self.backlog_records <= 0:
            return 0.0
        if capacity is None or self.arrival_per_second is None or self.backlog_records is None:
            return None
        spare = capacity - self.arrival_per_second
        waiting = self.backlog_records + delay_seconds * self.arrival_per_second
        if spare <= 0:
            return inf
        return delay_seconds + max(waiting / spare, self.batch_seconds)


def observe(evidence: Evidence, signals: Signals, thresholds: Thresholds) -> Flow | None:
    """The flow as it is now; ``None`` when the mapping or its shards were not seen."""
    mapping, shards = evidence.mapping, evidence.open_shards
    if mapping is None or shards is None:
        return None
    eased = succeeds_again(evidence, signals, thresholds)
    now = Flow(
        shards=float(shards),
        parallelization_factor=mapping.parallelization_factor,
        lane_capacity_per_second=_lane_capacity(signals, thresholds, eased=eased),
        arrival_per_second=_arrival(signals),
        backlog_records=_backlog(signals),
        expires_in_seconds=signals.expires_in_seconds,
        most_lanes=evidence.reserved_concurrency,
        batch_seconds=(signals.duration_ms or 0.0) / 1000,
        stood_still_seconds=_stood_still(evidence, signals),
        tried_lanes=_tried(evidence, signals),
    )
    if bursts_in_a_few(signals, thresholds):
        return _burst(now, signals)
    if quick_again(evidence, signals, thresholds) or (
        eased and (evidence.sibling_mappings != 0 or not _keeps_up(now))
    ):
        return now.model_copy(update={"lane_capacity_per_second": None})
    done = None if eased else done_by_the_oldest(evidence, signals)
    if done is None:
        return _lagging(now, signals, thresholds)
    now = now.model_copy(update={"done_per_second": done})
    return now if _hindered(signals, thresholds) or not done else _as_seen(now, done)


def bursts_in_a_few(signals: Signals, thresholds: Thresholds) -> bool:
    """Whether what lags is a burst that is over and keeps only some lanes at work, which nothing
    hinders."""
    idle = signals.busy_share is not None and signals.busy_share < thresholds.busy_share
    return signals.burst_left_records is not None and idle and not _refused(signals, thresholds)


def _burst(flow: Flow, signals: Signals) -> Flow:
    """The lanes alone that work a burst off, with their share of what comes in besides."""
    lanes, left = signals.burst_lanes or 0.0, signals.burst_left_records
    part = min(1.0, lanes / flow.lanes(flow.parallelization_factor))
    rate, arrival = signals.usual_lane_rate, flow.arrival_per_second
    return flow.model_copy(
        update={
            "shards": max(1.0, round(lanes / flow.parallelization_factor)),
            "lane_capacity_per_second": rate,
            "arrival_per_second": None if arrival is None else arrival * part,
            "backlog_records": left,
            "done_per_second": None if rate is None else rate * lanes,
        }
    )


def _tried(evidence: Evidence, signals: Signals) -> float | None:
    """The most that ran at once, in two of the minutes that were seen (one may be a moment's), or
    that were at work all the time before it lagged."""
    running = evidence.metrics.get(Metric.CONCURRENT_EXECUTIONS)
    twice = sorted(running.values)[-2:-1] if running else []
    usual = [] if signals.usual_busy_lanes is None else [signals.usual_busy_lanes]
    return max((*twice, *usual), default=None)


def _stood_still(evidence: Evidence, signals: Signals) -> float | None:
    """By whole minutes without an invocation, once there are some again."""
    idle, mapping = signals.idle_minutes_since_modified, evidence.mapping
    if not idle or mapping is None or mapping.last_modified is None or signals.silent_minutes:
        return None
    seen = evidence.gathered_at - mapping.last_modified
    within = seen.total_seconds() <= evidence.window_seconds and idle <= _LONGEST_MINUTES
    return 60.0 * idle if within else None


# More without an invocation are no restart: nothing came in.
_LONGEST_MINUTES = 10


def _keeps_up(flow: Flow) -> bool:
    """Whether the lanes get done more than comes in, as they did before they were held."""
    capacity, arrives = flow.as_it_is(), flow.arrival_per_second
    return capacity is not None and arrives is not None and capacity > arrives


def _hindered(signals: Signals, thresholds: Thresholds) -> bool:
    """Whether what is done says nothing of what the lanes could do."""
    slow = (signals.age_slope or 0.0) >= HARDLY_MOVES  # what hardly moves tells no pace
    return slow or _refused(signals, thresholds)


def _refused(signals: Signals, thresholds: Thresholds) -> bool:
    shares = (
        (signals.error_share, thresholds.error_share),
        (signals.throttle_share, thresholds.throttle_share),
        (signals.read_throttle_share, thresholds.read_throttle_share),
    )
    return any(share is not None and share >= most for share, most in shares)


def _as_seen(flow: Flow, moves: float) -> Flow:
    """With lanes that do together what is seen to be done. What a lane could do says less: of many
    lanes it is the slowest one that the age waits for."""
    lanes = flow.shards * flow.parallelization_factor
    each = moves / min(lanes, flow.most_lanes or lanes)
    return flow.model_copy(update={"lane_capacity_per_second": each})


def _lagging(flow: Flow, signals: Signals, thresholds: Thresholds) -> Flow:
    """The part that lags alone, where only some lanes are busy, from the slope of its age: that of
    a saturated shard grows by 1 − capacity / arrival each second. Lanes that are throttled rest,
    and lag all the same."""
    busy = signals.busy_share is None or signals.busy_share >= thresholds.busy_share
    throttled = (signals.throttle_share or 0.0) >= thresholds.throttle_share
    if busy or throttled or signals.busy_lanes is None:
        return flow
    factor, lane = flow.parallelization_factor, flow.lane_capacity_per_second
    shards = min(flow.shards, max(1.0, round(signals.busy_lanes / factor)))
    part, slope = flow.model_copy(update={"shards": shards}), signals.age_slope
    if shards == flow.shards or lane is None or slope is None or signals.age_seconds is None:
        return part
    if not -1 < slope < HARDLY_MOVES:
        return part
    own = shards * factor * lane / (1 - slope)
    own = own if flow.arrival_per_second is None else min(own, flow.arrival_per_second)
    return part.model_copy(
        update={"arrival_per_second": own, "backlog_records": own * signals.age_seconds}
    )


def _arrival(signals: Signals) -> float | None:
    """As seen, else from what is done: the age grows by 1 − done / arrival each second."""
    slope = signals.age_slope
    if signals.arrival_per_second is not None or signals.processed_per_second is None:
        return signals.arrival_per_second
    return (
        None
        if slope is None or not -1 < slope < 0.95
        else signals.processed_per_second / (1 - slope)
    )


def _backlog(signals: Signals) -> float | None:
    """What waits, and not what a batching window gathers."""
    age = signals.age_seconds
    if age is not None and age <= signals.normal_age_seconds and not (signals.age_slope or 0.0) > 0:
        return 0.0
    if signals.backlog_records is not None:
        return signals.backlog_records
    arrival = _arrival(signals)
    return None if arrival is None or signals.age_seconds is None else arrival * signals.age_seconds


def _lane_capacity(signals: Signals, thresholds: Thresholds, *, eased: bool) -> float | None:
    """Where lanes are refused, the oldest record waits for one that is, and tells less of what the
    others get done than what is usual; so it does of lanes that were held until just now."""
    lane, usual = _lane_as_seen(signals), signals.usual_lane_rate
    refused = (signals.throttle_share or 0.0) >= thresholds.throttle_share
    return max(lane or 0.0, usual) if (refused or eased) and usual is not None else lane


def _lane_as_seen(signals: Signals) -> float | None:
    healthy = 1 - (signals.error_share or 0)
    if signals.records_per_batch is not None and signals.duration_ms:
        return signals.records_per_batch * 1000 / signals.duration_ms * healthy
    if signals.processed_per_second is not None and signals.busy_lanes:
        return signals.processed_per_second / signals.busy_lanes
    if (
        signals.arrival_per_second
        and signals.busy_lanes
        and signals.age_slope is not None
        and signals.age_slope < 1
    ):
        return signals.arrival_per_second * (1 - signals.age_slope) / signals.busy_lanes
    return None
