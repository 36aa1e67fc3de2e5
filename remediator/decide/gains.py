"""What a change does to what a lane gets done. Pure."""

from remediator.decide.flow import Flow
from remediator.evidence.signals import Signals
from remediator.model import Change
from remediator.settings_table import BATCH_SIZE, MEMORY, RELEASED_MEMORY, of


def quicker(change: Change, signals: Signals) -> float:
    """How many times as much a lane gets done with a change of what it works with."""
    before, after, row = change.before, change.after, of(change)
    once, each, cpu = signals.invocation_seconds, signals.record_seconds, signals.cpu_share
    if not isinstance(before, int) or not isinstance(after, int):
        return 1.0
    if row is BATCH_SIZE and once is not None and each is not None:
        return batch_gain(once, each, before, after)
    if row in {MEMORY, RELEASED_MEMORY} and cpu is not None:
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


def batch_gain(once: float, each: float, now: int, size: int) -> float:
    """How many times as much a lane gets done with batches of ``size`` instead of ``now``, where an
    invocation costs ``once`` seconds and each of its records ``each``."""
    if not (once or each):  # too short to be measured: nothing is to be gained
        return 1.0
    return (size / (once + each * size)) / (now / (once + each * now))


# Lambda gives CPU in proportion to memory, and a thread uses one vCPU at most
# (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html).
ONE_VCPU_MB = 1769


def memory_gain(cpu_share: float, now_mb: int, then_mb: int) -> float:
    """How many times as fast an invocation becomes; the part that waits stays as it is."""
    busy = min(1.0, cpu_share)
    less = min(now_mb, ONE_VCPU_MB) / min(then_mb, ONE_VCPU_MB)
    return 1 / (1 - busy + busy * less)
