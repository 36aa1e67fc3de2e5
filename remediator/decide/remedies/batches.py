"""Change the batch size: larger where time is per invocation, smaller where batches time out.

Source: Lambda Developer Guide, "Configuring Lambda event source mappings for Kinesis": up to
10,000 records and 6 MB an invocation. What a batch costs is measured from batches of different
sizes (``evidence.batches``), not assumed.
"""

from remediator.decide.case import Case
from remediator.decide.forecast import suffices, with_batch_size
from remediator.decide.gains import batch_gain
from remediator.decide.remedies.base import Pass, Remedy, changes, restarting
from remediator.model import Change, Detail, FunctionState, MappingState, RemedyName, Value
from remediator.setting import Setting
from remediator.settings_table import BATCH_SIZE, BISECT

LARGER_CAVEATS = (
    "the mapping restarts: several minutes without polling",
    "the function may assume small batches; a batch that fails is repeated whole",
)
SMALLER_CAVEATS = (
    "the mapping restarts: several minutes without polling",
    "smaller batches make more invocations",
)
# Share of the batch size from which batches count as full: only then can they be larger.
_FULL = 0.9
_WORTH_IT = 1.2
_TIMES = (2, 5, 10, 20, 50, 100)
# Of the function's timeout that a batch may take by the forecast.
_OF_THE_TIMEOUT = 0.5
_QUARTER = 4


def larger(here: Case) -> tuple[Change, ...] | Pass:
    """The smallest size that drains within the target, within half the timeout and the policy."""
    mapping, flow, function = here.evidence.mapping, here.flow, here.evidence.function
    once, each = here.signals.invocation_seconds, here.signals.record_seconds
    if mapping is None or flow is None or function is None or not function.timeout_seconds:
        return Pass("the mapping, its shards or the function's timeout were not seen")
    if (here.signals.records_per_batch or 0) < _FULL * mapping.batch_size:
        return Pass("batches are not full: larger ones would hold no more")
    if once is None or each is None:
        return Pass("what an invocation costs by itself is not known: batches did not differ")
    if mapping.tumbling_window_seconds:
        return Pass("the mapping uses tumbling windows: their state does not survive the change")
    now, most = mapping.batch_size, _OF_THE_TIMEOUT * function.timeout_seconds
    sizes = [
        size
        for size in (now * times for times in _TIMES)
        if size <= here.policy.limits.batch_size and once + each * size <= most
    ]
    gains = {size: batch_gain(once, each, now, size) for size in sizes}
    if not sizes or max(gains.values()) < _WORTH_IT:
        return Pass("time goes by the record, or larger batches would come near the timeout")
    knobs = here.policy.forecast
    enough = (
        n
        for n in sizes
        if suffices(with_batch_size(flow, n, gains[n], knobs), here.policy, flow.restart(knobs))
    )
    size = next(enough, sizes[-1])
    why = (
        f"batches of {size} get {gains[size]:.1f} times as much done: {once:.2g} s go by the batch"
    )
    made = changes(NAME_LARGER, here.evidence, {BATCH_SIZE: size}, why, LARGER_CAVEATS)
    return restarting(here, made)


def smaller(here: Case) -> tuple[Change, ...] | Pass:
    """A size that ends well within the timeout, and splitting for what still does not."""
    mapping, function = here.evidence.mapping, here.evidence.function
    if mapping is None or function is None or not function.timeout_seconds:
        return Pass("the mapping or the function's timeout was not seen")
    if mapping.batch_size == 1:
        return Pass("a batch is one record already, and that runs into the timeout")
    if mapping.tumbling_window_seconds:
        return Pass("the mapping uses tumbling windows: their state does not survive the change")
    refusal = _would_not_help(here, mapping, function.timeout_seconds)
    if refusal is not None:
        return refusal
    size = _within_the_timeout(here, mapping, function)
    wanted: dict[Setting, Value] = {BATCH_SIZE: size}
    if size > 1:
        wanted[BISECT] = True
    why = f"batches of {mapping.batch_size} take longer than the timeout: {size} at a time"
    return restarting(here, changes(NAME_SMALLER, here.evidence, wanted, why, SMALLER_CAVEATS))


def _would_not_help(here: Case, mapping: MappingState, timeout_seconds: float) -> Pass | None:
    """More, smaller batches that time out all the same take more of everything, and lose more where
    what fails is given up."""
    share, once = here.signals.error_share, here.signals.invocation_seconds
    if mapping.retries_bounded:
        return Pass("what fails is given up by the mapping's own settings: more batches would be")
    every = share is not None and share >= here.policy.thresholds.total_failure_share
    if not every and not _ends_late_as_well(here, timeout_seconds):
        return Pass("not every batch runs into the timeout: its size is not why")
    if once is not None and once >= _OF_THE_TIMEOUT * timeout_seconds:
        return Pass("the time goes by the batch, however small it is")
    return None


def _ends_late_as_well(here: Case, timeout_seconds: float) -> bool:
    """Whether what still ends in time takes most of it, on average: the smaller batches of a stream
    and halves of split ones do, where full ones are too large; what hangs leaves the rest quick."""
    failed, mean = here.signals.newest_error_share, here.signals.duration_ms
    if not failed or mean is None or failed >= 1:
        return False
    ended = (mean / 1000 - failed * timeout_seconds) / (1 - failed)
    return ended >= _OF_THE_TIMEOUT * timeout_seconds


def _within_the_timeout(here: Case, mapping: MappingState, function: FunctionState) -> int:
    """By what a record costs, where that was measured; else a quarter, which may take two turns."""
    once, each = here.signals.invocation_seconds, here.signals.record_seconds
    most = max(1, mapping.batch_size // _QUARTER)
    if once is None or not each or not function.timeout_seconds:
        return most
    fits = int((_OF_THE_TIMEOUT * function.timeout_seconds - once) / each)
    return max(1, min(fits, mapping.batch_size // 2))


NAME_LARGER = RemedyName.RAISE_BATCH_SIZE
NAME_SMALLER = RemedyName.LOWER_BATCH_SIZE
_PERMISSIONS = ("lambda:UpdateEventSourceMapping",)
LARGER = Remedy(NAME_LARGER, larger, permissions=_PERMISSIONS, caveats=LARGER_CAVEATS)
SMALLER = Remedy(
    NAME_SMALLER,
    smaller,
    permissions=_PERMISSIONS,
    caveats=SMALLER_CAVEATS,
    details=frozenset({Detail.TIMEOUTS}),
)
