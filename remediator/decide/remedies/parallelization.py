"""Raise ParallelizationFactor: the only lever on the backlog that is already there."""

from remediator.decide.case import Case
from remediator.decide.failing import fails_without_load
from remediator.decide.forecast import patient_factor, smallest_factor
from remediator.decide.remedies.base import (
    Pass,
    Remedy,
    changes,
    restarting,
)
from remediator.model import Cause, Change, RemedyName
from remediator.settings_table import PARALLELIZATION_FACTOR

NAME = RemedyName.RAISE_PARALLELIZATION_FACTOR
CAVEATS = (
    "the mapping restarts: several minutes without polling",
    "order is kept per partition key; a single hot key gains nothing",
    "what stands behind the function sees more calls at once",
)


def propose(here: Case) -> tuple[Change, ...] | Pass:
    """The smallest factor that drains within the target, within keys, concurrency and policy."""
    mapping, flow = here.evidence.mapping, here.flow
    if mapping is None or flow is None:
        return Pass("the mapping or its shards were not seen")
    if mapping.tumbling_window_seconds > 0:
        return Pass("the mapping uses tumbling windows: their state does not survive the change")
    if here.diagnosis.cause is Cause.SLOW_CONSUMER and fails_without_load(here):
        return Pass("much of it fails though no more comes in than usual: so would more lanes")
    now, most = mapping.parallelization_factor, here.policy.limits.parallelization_factor
    if now >= most:
        return Pass(f"ParallelizationFactor is {now} already, the most that is allowed ({most})")
    most = min(most, _affordable(here, now))
    if most <= now:
        return Pass("no concurrency is free for more lanes")
    step = max(now + 1, int(min(now * here.policy.forecast.careful_step, most)))
    if here.careful:
        most = min(most, step)
    elif here.untried:
        most = min(most, max(step, patient_factor(flow, most, here.policy)))
    factor = smallest_factor(flow, most, here.policy)
    made = changes(
        NAME,
        here.evidence,
        {PARALLELIZATION_FACTOR: factor},
        f"{factor} lanes a shard drain the backlog that is already there",
        CAVEATS,
    )
    return restarting(here, made)


def _affordable(here: Case, now: int) -> int:
    """The factor that the free concurrency allows; unbounded where that was not seen."""
    shards = here.evidence.open_shards
    if here.spare_concurrency is None or not shards:
        return 10
    return now + here.spare_concurrency // shards


REMEDY = Remedy(
    NAME,
    propose,
    permissions=("lambda:UpdateEventSourceMapping",),
    caveats=CAVEATS,
)
