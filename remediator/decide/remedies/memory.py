"""Raise the function's memory: where its CPU holds it back. No restart of the mapping.

Source: Lambda API Reference, UpdateFunctionConfiguration.
"""

from remediator.decide.case import Case
from remediator.decide.forecast import ONE_VCPU_MB, memory_gain, suffices, with_memory
from remediator.decide.remedies.base import Pass, Remedy, changes
from remediator.model import Change, FunctionState, RemedyName
from remediator.settings_table import MEMORY

NAME = RemedyName.RAISE_MEMORY
CAVEATS = (
    "memory is paid for in proportion, for as long as an invocation runs",
    "new execution environments start cold",
)
SIZES_MB = (256, 512, 768, 1024, 1280, 1536, ONE_VCPU_MB)
# Times as fast, below which it is not worth its price.
_WORTH_IT = 1.2


def propose(here: Case) -> tuple[Change, ...] | Pass:
    """The smallest size that drains within the target, within the policy and one vCPU."""
    function, flow, share = here.evidence.function, here.flow, here.signals.cpu_share
    if function is None or function.memory_mb is None or flow is None:
        return Pass("the function's memory, or what it gets done, was not seen")
    refusal = _not_ours_to_change(here, function)
    if refusal is not None:
        return refusal
    if share is None:
        return Pass("whether CPU holds it back is not known: Lambda Insights shows it")
    if share < here.policy.thresholds.cpu_bound_share:
        return Pass(f"it waits, it does not compute: CPU is busy for {share:.0%} of what is paid")
    now = function.memory_mb
    sizes = [mb for mb in SIZES_MB if now < mb <= here.policy.limits.memory_mb]
    if not sizes or memory_gain(share, now, sizes[-1]) < _WORTH_IT:
        return Pass(f"memory is {now} MB: more gives a thread no more CPU, or is not allowed")
    enough = (
        mb
        for mb in sizes
        if suffices(with_memory(flow, mb, memory_gain(share, now, mb)), here.policy)
    )
    size = next(enough, sizes[-1])
    times = memory_gain(share, now, size)
    return changes(
        NAME,
        here.evidence,
        {MEMORY: size},
        f"{size} MB make an invocation {times:.1f} times as fast: its CPU is busy for {share:.0%}",
        CAVEATS,
    )


def _not_ours_to_change(here: Case, function: FunctionState) -> Pass | None:
    qualifier = here.evidence.target.qualifier
    if qualifier is not None:
        return Pass(
            f"the mapping invokes {qualifier}, and a version's memory is fixed: publish one with "
            "more, and point the alias at it"
        )
    if function.last_update_status == "InProgress":
        return Pass("the function is being updated")
    return None


REMEDY = Remedy(
    NAME,
    propose,
    permissions=("lambda:UpdateFunctionConfiguration",),
    caveats=CAVEATS,
)
