"""The arithmetic: when the backlog will be gone under each option, and what is lost until then.

Pure. Source: docs/concepts.md, the forecast.
Per lane: records per batch / duration × share of successes. Capacity = lanes × lane capacity;
drain time = backlog / (capacity − arrival), plus the restart of the mapping where the option
restarts it. A split gains nothing for the present backlog: it stays in the parent, which the
children wait for (AWS-documented order of shards).
"""

from collections.abc import Mapping, Sequence
from math import inf

from remediator.decide.flow import Flow, observe
from remediator.decide.gains import batch_gain
from remediator.decide.known import as_far_as_known
from remediator.decide.waiting import nothing_waits
from remediator.evidence.signals import Signals
from remediator.model import (
    Cause,
    Change,
    Evidence,
    Option,
    SourceKind,
)
from remediator.policy import ForecastKnobs, Policy
from remediator.settings_table import of


def nothing(flow: Flow) -> Option:
    """The forecast of leaving everything as it is."""
    capacity = flow.as_it_is()
    return _option("nothing", flow, capacity, flow.drains_in(capacity))


def with_factor(flow: Flow, factor: int, knobs: ForecastKnobs) -> Option:
    """The forecast of a ParallelizationFactor: the mapping restarts first, then drains faster."""
    capacity = flow.capacity(factor)
    found = _option(
        f"parallelization_factor {factor}",
        flow,
        capacity,
        flow.drains_in(capacity, flow.restart(knobs)),
        "a single hot key gains nothing",
    )
    return _of_lanes(found, flow, flow.lanes(factor))


def with_changes(
    flow: Flow, after: Flow, changes: Sequence[Change], knobs: ForecastKnobs
) -> Option:
    """The forecast of several changes together, with the flow ``after`` them; the mapping restarts
    once, if it is among them."""
    capacity = after.capacity(after.parallelization_factor)
    drains = after.drains_in(capacity, restart_of(flow, changes, knobs))
    found = _option(name_of(changes), flow, capacity, drains)
    return _of_lanes(found, flow, after.lanes(after.parallelization_factor))


def _of_lanes(option: Option, flow: Flow, lanes: float) -> Option:
    """An option with so many lanes. What more of them do than are there, or were ever at work at
    once, nobody has seen: whether there are keys for them, and what stands behind bears it."""
    there, tried = flow.shards * flow.parallelization_factor, flow.tried_lanes
    seen = lanes <= there or (tried is not None and lanes <= _HARDLY_MORE * tried)
    if seen or not option.drains_in_seconds:
        return option
    note = "; ".join(filter(None, (_UNTRIED, option.note)))
    return option.model_copy(update={"at_best": True, "note": note})


# Times as many lanes as were at work: no new territory.
_HARDLY_MORE = 1.25
_UNTRIED = "more lanes than were ever at work"


def restart_of(flow: Flow, changes: Sequence[Change], knobs: ForecastKnobs) -> float:
    """Seconds for which the mapping stands still, all changes in one write; a takeover stops one
    and starts another."""
    if any(of(change).takes_over for change in changes):
        return 2 * flow.restart(knobs)
    return flow.restart(knobs) if any(of(change).restarts for change in changes) else 0


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
    never, known = drains_in == inf, drains_in
    if (
        drains_in
        and not never
        and (capacity or 0.0) < _CLEARLY_MORE * (flow.arrival_per_second or 0)
    ):
        known = None
    expires = flow.expires_in_seconds
    late = expires is not None and (expires <= 0 or (drains_in or 0.0) > expires)
    lost = expires if late else None
    note = "; ".join(filter(None, (note, _loss_note(flow))))
    if drains_in is None:
        note = "; ".join(
            filter(None, (note, "cannot be computed: readings are missing, or contradict it"))
        )
    elif known is None:
        why = "cannot be computed: about as much comes in as is done"
        note = "; ".join(filter(None, (note, why)))
    elif never:
        note = "; ".join(filter(None, ("never: arrival exceeds capacity", note)))
    return Option(
        option=name,
        drains_in_seconds=None if known is None or never else round(known, 1),
        first_loss_in_seconds=None if lost is None else round(max(0.0, lost), 1),
        capacity_per_second=_rounded(capacity),
        arrival_per_second=_rounded(flow.arrival_per_second),
        backlog_records=_rounded(flow.backlog_records),
        note=note,
    )


# Times what comes in: of less, a tenth more or less of either doubles the time, or halves it.
_CLEARLY_MORE = 1.2


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
    if cause is Cause.RECOVERING and nothing_waits(signals, policy.thresholds):
        flow = flow.model_copy(update={"backlog_records": 0.0})
    flow = as_far_as_known(flow, evidence, signals, policy)
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
