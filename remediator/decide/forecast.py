"""The arithmetic: when the backlog will be gone under each option, and what is lost until then.

Pure. Source: docs/concepts.md, the forecast.
Per lane: records per batch / duration × share of successes. Capacity = lanes × lane capacity;
drain time = backlog / (capacity − arrival), plus the restart of the mapping where the option
restarts it. A split gains nothing for the present backlog: it stays in the parent, which the
children wait for (AWS-documented order of shards).
"""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, inf

from remediator.evidence.age import ages
from remediator.evidence.signals import LAST_MINUTES, Signals
from remediator.model import (
    AccountState,
    Cause,
    Change,
    Evidence,
    Option,
    Record,
    SourceKind,
)
from remediator.policy import ForecastKnobs, Policy, Thresholds
from remediator.settings_table import (
    BATCH_SIZE,
    MEMORY,
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
    stood_still_seconds: float | None = None
    """For how long the mapping stood still when it was changed last; ``None``: not seen."""

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
        lanes = self.shards * factor
        return min(lanes, self.most_lanes or lanes) * self.lane_capacity_per_second

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
        if capacity is None or self.arrival_per_second is None or self.backlog_records is None:
            return None
        if self.backlog_records <= 0:
            return 0.0
        spare = capacity - self.arrival_per_second
        waiting = self.backlog_records + delay_seconds * self.arrival_per_second
        return inf if spare <= 0 else delay_seconds + waiting / spare


def observe(evidence: Evidence, signals: Signals, thresholds: Thresholds) -> Flow | None:
    """The flow as it is now; ``None`` when the mapping or its shards were not seen."""
    mapping, shards = evidence.mapping, evidence.open_shards
    if mapping is None or shards is None:
        return None
    now = Flow(
        shards=float(shards),
        parallelization_factor=mapping.parallelization_factor,
        lane_capacity_per_second=_lane_capacity(signals),
        arrival_per_second=_arrival(signals),
        backlog_records=_backlog(signals),
        expires_in_seconds=signals.expires_in_seconds,
        most_lanes=evidence.function.reserved_concurrency if evidence.function else None,
        stood_still_seconds=_stood_still(evidence, signals),
    )
    done = _done(evidence, signals)
    if done is None:
        return _lagging(now, signals, thresholds)
    now = now.model_copy(update={"done_per_second": done})
    return now if _hindered(signals, thresholds) or not done else _as_seen(now, done)


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


def _done(evidence: Evidence, signals: Signals) -> float | None:
    """Records a second that the oldest unread one moves on by; ``None`` where the mapping was
    changed within the minutes by which that is seen.

    While a burst's equally old records are worked off, the oldest hardly moves.
    """
    slope, arrives = signals.age_slope, signals.arrival_per_second
    changed = evidence.mapping.last_modified if evidence.mapping else None
    course = [at for at, _ in ages(evidence)[-_COURSE:]]
    lately = changed is not None and any(at < changed for at in course)
    if slope is None or lately or not signals.backlog_records:
        return None
    if slope >= _HARDLY_MOVES and _is_a_burst(signals):
        return None
    if signals.head_per_second is None and arrives is not None and _keeps_climbing(signals):
        return arrives * (1 - min(1.0, slope))
    return signals.head_per_second


def _is_a_burst(signals: Signals) -> bool:
    """Whether more waits than what arrives now would have made of it, or nobody knows."""
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
    steep = (signals.age_slope or 0.0) >= _CLIMBS and not _is_a_burst(signals)
    return steep and (signals.climbing_minutes or 0) >= LAST_MINUTES


# Seconds of age a second that are no jitter.
_CLIMBS = 0.1


def _hindered(signals: Signals, thresholds: Thresholds) -> bool:
    """Whether what is done says nothing of what the lanes could do."""
    hindered = (
        (signals.error_share, thresholds.error_share),
        (signals.throttle_share, thresholds.throttle_share),
        (signals.read_throttle_share, thresholds.read_throttle_share),
    )
    slow = (signals.age_slope or 0.0) >= _HARDLY_MOVES  # what hardly moves tells no pace
    return slow or any(share is not None and share >= most for share, most in hindered)


# By so many of the newest minutes the course of the age is seen.
_COURSE = 4


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
    if not -1 < slope < _HARDLY_MOVES:
        return part
    own = shards * factor * lane / (1 - slope)
    own = own if flow.arrival_per_second is None else min(own, flow.arrival_per_second)
    return part.model_copy(
        update={"arrival_per_second": own, "backlog_records": own * signals.age_seconds}
    )


# Seconds of age a second, from which its course tells too little of the pace.
_HARDLY_MOVES = 0.9


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
    if signals.backlog_records is not None:
        return signals.backlog_records
    arrival = _arrival(signals)
    return None if arrival is None or signals.age_seconds is None else arrival * signals.age_seconds


def _lane_capacity(signals: Signals) -> float | None:
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


def nothing(flow: Flow) -> Option:
    """The forecast of leaving everything as it is."""
    capacity = flow.as_it_is()
    return _option("nothing", flow, capacity, flow.drains_in(capacity))


def with_factor(flow: Flow, factor: int, knobs: ForecastKnobs) -> Option:
    """The forecast of a ParallelizationFactor: the mapping restarts first, then drains faster."""
    capacity = flow.capacity(factor)
    return _option(
        f"parallelization_factor {factor}",
        flow,
        capacity,
        flow.drains_in(capacity, flow.restart(knobs)),
        "needs distinct partition keys; a single hot key gains nothing",
    )


def with_changes(
    flow: Flow, after: Flow, changes: Sequence[Change], knobs: ForecastKnobs
) -> Option:
    """The forecast of several changes together, with the flow ``after`` them; the mapping restarts
    once, if it is among them."""
    capacity = after.capacity(after.parallelization_factor)
    drains = after.drains_in(capacity, restart_of(flow, changes, knobs))
    return _option(name_of(changes), flow, capacity, drains)


def restart_of(flow: Flow, changes: Sequence[Change], knobs: ForecastKnobs) -> float:
    """Seconds for which the mapping stands still, all changes in one write."""
    return flow.restart(knobs) if any(of(change).restarts for change in changes) else 0


def quicker(change: Change, signals: Signals) -> float:
    """How many times as much a lane gets done with a change of what it works with."""
    before, after, row = change.before, change.after, of(change)
    once, each, cpu = signals.invocation_seconds, signals.record_seconds, signals.cpu_share
    if not isinstance(before, int) or not isinstance(after, int):
        return 1.0
    if row is BATCH_SIZE and once is not None and each is not None:
        return batch_gain(once, each, before, after)
    if row is MEMORY and cpu is not None:
        return memory_gain(cpu, before, after)
    return 1.0


def freed(flow: Flow, signals: Signals, shards: int) -> Flow:
    """The part of a flow that a record has held, once it is isolated: one of the shards, that has
    its share of what arrives, and lanes that get done what they usually do."""
    pace = signals.usual_lane_rate or signals.lane_rate
    failing = 1 - min(signals.error_share or 0.0, _NEARLY_ALL)
    lane, arrival = flow.lane_capacity_per_second, flow.arrival_per_second
    own, age = None if arrival is None else arrival / max(1, shards), signals.age_seconds
    return flow.model_copy(
        update={
            "shards": 1.0,
            "lane_capacity_per_second": pace or (None if lane is None else lane / failing),
            "arrival_per_second": own,
            "backlog_records": None if own is None or age is None else own * age,
        }
    )


_NEARLY_ALL = 0.99


def name_of(changes: Sequence[Change]) -> str:
    """What the option is called that makes them."""
    return " + ".join(f"{change.setting} {change.after}" for change in changes)


def with_batch_size(
    flow: Flow, size: int, times: float, knobs: ForecastKnobs, note: str = ""
) -> Option:
    """The forecast of a larger batch, by which a lane gets ``times`` as much done."""
    return _faster(f"batch_size {size}", flow, times, flow.restart(knobs), note)


def with_memory(flow: Flow, memory_mb: int, times: float) -> Option:
    """The forecast of more memory: nothing restarts."""
    return _faster(f"memory_mb {memory_mb}", flow, times)


def _faster(
    name: str, flow: Flow, times: float, delay_seconds: float = 0, note: str = ""
) -> Option:
    now = flow.capacity(flow.parallelization_factor)
    capacity = None if now is None else now * times
    return _option(name, flow, capacity, flow.drains_in(capacity, delay_seconds), note)


def batch_gain(once: float, each: float, now: int, size: int) -> float:
    """How many times as much a lane gets done with batches of ``size`` instead of ``now``, where an
    invocation costs ``once`` seconds and each of its records ``each``."""
    return (size / (once + each * size)) / (now / (once + each * now))


# Lambda gives CPU in proportion to memory, and a thread uses one vCPU at most
# (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html).
ONE_VCPU_MB = 1769


def memory_gain(cpu_share: float, now_mb: int, then_mb: int) -> float:
    """How many times as fast an invocation becomes; the part that waits stays as it is."""
    busy = min(1.0, cpu_share)
    less = min(now_mb, ONE_VCPU_MB) / min(then_mb, ONE_VCPU_MB)
    return 1 / (1 - busy + busy * less)


def suffices(option: Option, policy: Policy, delay_seconds: float = 0) -> bool:
    """Whether an option drains within the target once it is in effect, and leaves headroom."""
    knobs, arrival, capacity = (
        policy.forecast,
        option.arrival_per_second,
        option.capacity_per_second,
    )
    if arrival is None or capacity is None or option.drains_in_seconds is None:
        return False
    in_time = option.drains_in_seconds - delay_seconds <= knobs.drain_target_seconds
    return in_time and arrival <= knobs.healthy_utilisation * capacity


def with_split(flow: Flow) -> Option:
    """The forecast of twice the shards: nothing is gained until the present backlog is drained."""
    capacity = flow.as_it_is()
    return _option(
        "split_shards",
        flow,
        capacity,
        flow.drains_in(capacity),
        "the present backlog stays in the parent shards and does not drain faster",
    )


def held(flow: Flow, why: str) -> Option:
    """The forecast where something holds the records, whatever the capacity."""
    note = "; ".join(filter(None, (f"never: {why}", _loss_note(flow))))
    return _option("nothing", flow, None, inf).model_copy(update={"note": note})


def _loss_note(flow: Flow) -> str:
    """``first_loss_in_seconds`` is none where nothing is lost, and where nobody knows."""
    return "" if flow.expires_in_seconds is not None else "first loss not known: not seen"


def _option(
    name: str, flow: Flow, capacity: float | None, drains_in: float | None, note: str = ""
) -> Option:
    never = drains_in == inf
    expires = flow.expires_in_seconds
    late = expires is not None and (expires <= 0 or (drains_in or 0.0) > expires)
    lost = expires if late else None
    note = "; ".join(filter(None, (note, _loss_note(flow))))
    if drains_in is None:
        note = "; ".join(filter(None, (note, "cannot be computed: readings are missing")))
    elif never:
        note = "; ".join(filter(None, ("never: arrival exceeds capacity", note)))
    return Option(
        option=name,
        drains_in_seconds=None if drains_in is None or never else round(drains_in, 1),
        first_loss_in_seconds=None if lost is None else round(max(0.0, lost), 1),
        capacity_per_second=_rounded(capacity),
        arrival_per_second=_rounded(flow.arrival_per_second),
        backlog_records=_rounded(flow.backlog_records),
        note=note,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


HELD: Mapping[Cause, str] = {
    Cause.POISON_RECORD: "the record that fails holds its shard, and no factor helps it",
    Cause.FUNCTION_FAILURE: "not before the function succeeds again",
    Cause.CONSUMER_STOPPED: "not before the consumer runs again",
}


def options(
    evidence: Evidence, signals: Signals, policy: Policy, cause: Cause | None = None
) -> tuple[Option, ...]:
    """Every option's forecast, for the report: nothing, each factor, a larger batch, a split.

    Where the cause holds the records, there is no option to be forecast.
    """
    flow = observe(evidence, signals, policy.thresholds)
    if flow is None or evidence.mapping is None:
        return ()
    if cause is not None and cause in HELD:
        return (held(flow, HELD[cause]),)
    knobs, most = policy.forecast, policy.limits.parallelization_factor
    size = evidence.mapping.batch_size
    factors = range(flow.parallelization_factor + 1, most + 1)
    full = (signals.records_per_batch or 0) >= 0.9 * size and size <= 1000
    return (
        nothing(flow),
        *(with_factor(flow, factor, knobs) for factor in factors),
        *((_larger_batch(flow, size, signals, knobs),) if full else ()),
        *((with_split(flow),) if evidence.target.kind is SourceKind.KINESIS else ()),
    )


def _larger_batch(flow: Flow, size: int, signals: Signals, knobs: ForecastKnobs) -> Option:
    once, each = signals.invocation_seconds, signals.record_seconds
    if once is None or each is None:
        note = "only if the function's time is per invocation, and it can take larger batches"
        return with_batch_size(flow, size * 10, 10.0, knobs, note)
    note = f"measured: {once:.2g} s an invocation and {each:.2g} s a record"
    return with_batch_size(flow, size * 10, batch_gain(once, each, size, size * 10), knobs, note)


def smallest_factor(flow: Flow, most: int, policy: Policy) -> int:
    """The smallest ParallelizationFactor that, once the mapping has restarted, drains within the
    target, what has come meanwhile included, and leaves headroom.

    ``most`` bounds it (policy, keys, concurrency). Where none suffices it is ``most``; where the
    readings are missing it is twice the present one, so that a guess stays small.
    """
    now, knobs = flow.parallelization_factor, policy.forecast
    if flow.capacity(now) is None or flow.backlog_records is None:
        return min(most, now * 2)
    arrival = flow.arrival_per_second
    if arrival is None:
        return min(most, now * 2)
    for factor in range(now + 1, most + 1):
        capacity = flow.capacity(factor) or 0.0
        drains = flow.drains_in(capacity, flow.restart(knobs))
        if (
            drains is not None
            and drains - flow.restart(knobs) <= knobs.drain_target_seconds
            and arrival <= knobs.healthy_utilisation * capacity
        ):
            return factor
    return most


def patient_factor(flow: Flow, most: int, policy: Policy) -> int:
    """As ``smallest_factor``, for who has the patience that one has for a burst: enough, and not
    all that could be had."""
    knobs = policy.forecast
    later = knobs.model_copy(
        update={"drain_target_seconds": max(knobs.drain_target_seconds, knobs.patience_seconds)}
    )
    return smallest_factor(flow, most, policy.model_copy(update={"forecast": later}))


def spare_concurrency(
    evidence: Evidence, signals: Signals, policy: Policy, claimed: int
) -> int | None:
    """How many more invocations may run at once without starving a neighbour (invariant 4).

    Inside a reservation that is what the lanes leave that there are, at work or not; else what is
    really free, less what neighbours may come to need and what other incidents have claimed. AWS's
    minimum is not among it: that limits reservations, and not use. Where the use was not seen, a
    small share. ``None``:
    the account was not seen, or whether the function has a reservation.
    """
    reserved = evidence.function.reserved_concurrency if evidence.function else None
    if reserved is not None:
        return max(0, reserved - taken_of_reservation(evidence, signals))
    account = evidence.account
    if account is None or evidence.lacks("reserved_concurrency"):
        return None
    free = _free(account, signals)
    if free is None:
        floor = policy.limits.unreserved_minimum + policy.limits.concurrency_margin + claimed
        unused = account.unreserved_concurrency - floor
        return max(0, int(unused * policy.limits.unseen_pool_share))
    return max(0, int(free) - claimed - neighbours_margin(account, signals, policy))


def taken_of_reservation(evidence: Evidence, signals: Signals) -> int:
    """How much of its own reservation the mapping may take: lanes that rest come back to work once
    something waits for them."""
    mapping, shards = evidence.mapping, evidence.open_shards
    lanes = shards * mapping.parallelization_factor if mapping and shards else 0
    return max(lanes, ceil(signals.busy_lanes or signals.concurrency or 0.0))


def _free(account: AccountState, signals: Signals) -> float | None:
    """What nobody uses or has set aside, by the scarcest count; ``None``: the use was not seen.

    Claimed is what is in use without a reservation, all reservations, and what is provisioned
    (Lambda Developer Guide: monitoring-concurrency).
    """
    counts = []
    if signals.claimed_concurrency is not None:
        counts.append(account.concurrency_limit - signals.claimed_concurrency)
    used = signals.unreserved_in_use
    if used is None and signals.claimed_concurrency is None:
        used = signals.account_concurrency
    if used is not None:
        counts.append(account.unreserved_concurrency - used)
    return min(counts, default=None)


def neighbours_margin(account: AccountState, signals: Signals, policy: Policy) -> int:
    """Concurrency that stays free for the neighbours: their present use may grow by a share."""
    limits = policy.limits
    used = signals.unreserved_in_use
    if used is None and signals.claimed_concurrency is not None:
        reserved = account.concurrency_limit - account.unreserved_concurrency
        used = signals.claimed_concurrency - reserved
    if used is None:
        used = signals.account_concurrency or 0.0
    theirs = max(0.0, used - (signals.concurrency or 0.0))
    least = min(limits.concurrency_margin, account.concurrency_limit // _FIFTH)
    return max(least, ceil(limits.neighbour_growth * theirs))


# Of a small account's limit: more than that is not kept free for its own sake.
_FIFTH = 5


def spare_reservation(
    evidence: Evidence, signals: Signals, policy: Policy, claimed: int, minimum: int | None = None
) -> int | None:
    """By how much this function's reservation may grow (invariant 4; AWS's own rule and more).

    AWS wants a minimum left unreserved, which is the account's own (``minimum``: as AWS has told
    it); neighbours also need what they are using now, and more. ``None``: the account was not seen.
    """
    account = evidence.account
    if account is None:
        return None
    pool = account.unreserved_concurrency
    margin = neighbours_margin(account, signals, policy)
    wanted = policy.limits.unreserved_minimum if minimum is None else minimum
    by_rule = pool - wanted - min(margin, policy.limits.concurrency_margin)
    free = _free(account, signals)
    by_use = pool - margin if free is None else int(free) - margin
    return max(0, min(by_rule, by_use) - claimed)
