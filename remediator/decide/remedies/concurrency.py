"""Raise reserved concurrency: for a consumer that its own reservation holds back.

It throttles the lanes that there are, or leaves no room for the lanes that a slow consumer needs.
"""

from math import ceil

from remediator.decide.case import Case
from remediator.decide.forecast import smallest_factor
from remediator.decide.remedies.base import Pass, Remedy, changes
from remediator.model import Cause, Change, Detail, MappingState, RemedyName
from remediator.settings_table import RESERVED_CONCURRENCY

NAME = RemedyName.RAISE_RESERVED_CONCURRENCY
CAVEATS = (
    "what is reserved here is taken from the pool of all other functions",
    "what stands behind the function sees more calls at once",
)
SLACK = 1.2
"""Lambda's own concurrency may briefly exceed shards × factor (Lambda docs: with-kinesis)."""


def propose(here: Case) -> tuple[Change, ...] | Pass:
    """Enough for every lane of the mapping, within what the account can spare."""
    function = here.evidence.function
    if here.evidence.lacks("reserved_concurrency"):
        return Pass("whether the function has a reservation was not seen")
    if function is None or function.reserved_concurrency is None:
        return Pass("the function has no reservation: the account's pool throttles it")
    if here.diagnosis.cause is Cause.THROTTLING and here.diagnosis.detail is not Detail.RESERVATION:
        return Pass("it is not the function's own reservation that throttles")
    now = function.reserved_concurrency
    wanted = min(_needed(here, now), here.policy.limits.reserved_concurrency)
    if wanted <= now:
        return Pass(f"the policy allows a reservation of no more than {wanted}")
    if here.spare_reservation is not None:
        wanted = min(wanted, now + here.spare_reservation)
        if wanted <= now:
            return Pass("the account has no concurrency to spare: ask for a higher quota")
    return changes(
        NAME,
        here.evidence,
        {RESERVED_CONCURRENCY: wanted},
        f"every lane of the mapping can run: {wanted} instead of {now}",
        CAVEATS,
    )


def _needed(here: Case, now: int) -> int:
    mapping, shards = here.evidence.mapping, here.evidence.open_shards
    lanes = shards * _factor(here, mapping) if mapping and shards else now * 2
    siblings = here.evidence.sibling_mappings or 0
    share = here.signals.throttle_share or 0.0
    refused = now / (1 - share) if share < 1 else now * 2  # others call the function too
    return ceil(max(lanes * (1 + siblings), min(refused, now * 2)) * SLACK)


def _factor(here: Case, mapping: MappingState) -> int:
    """Lanes a shard: those that there are, or those that a slow consumer is going to need."""
    if here.diagnosis.cause is not Cause.SLOW_CONSUMER or here.flow is None:
        return mapping.parallelization_factor
    return smallest_factor(here.flow, here.policy.limits.parallelization_factor, here.policy)


REMEDY = Remedy(
    NAME,
    propose,
    permissions=("lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"),
    caveats=CAVEATS,
)
