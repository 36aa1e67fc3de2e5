"""What may run at once besides: the account's free concurrency, and what may be reserved of it."""

from math import ceil, inf

from remediator.evidence.signals import Signals
from remediator.model import (
    AccountState,
    Evidence,
)
from remediator.policy import Policy


def spare_concurrency(
    evidence: Evidence, signals: Signals, policy: Policy, claimed: int
) -> int | None:
    """How many more invocations may run at once without starving a neighbour (invariant 4).

    Inside a reservation that is what the lanes leave that there are, at work or not; else what is
    really free, less what neighbours may come to need and what other incidents have claimed. AWS's
    minimum is not among it: that limits reservations, and not use. Where the use was not seen, a
    small share. Nor may less be left to them than they have used at their busiest. ``None``:
    the account was not seen, or whether the function has a reservation.
    """
    reserved = evidence.reserved_concurrency
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
    margin = neighbours_margin(account, signals, policy)
    left = _left_by_the_busiest(account, evidence, signals)
    return max(0, int(min(free - margin, left)) - claimed)


def _left_by_the_busiest(account: AccountState, evidence: Evidence, signals: Signals) -> float:
    """What would be free, should the neighbours use as much as they have at their busiest, and a
    little more: no two peaks are alike."""
    most, function = signals.others_at_most, evidence.function
    if most is None or function is None:
        return inf
    pool = account.unreserved_concurrency
    if signals.set_aside is not None:
        pool = min(pool, account.concurrency_limit - int(signals.set_aside))
    ours = 0.0 if function.reserved_concurrency else signals.concurrency or 0.0
    return pool - _ANOTHER_PEAK * most - ours


_ANOTHER_PEAK = 1.05


def taken_of_reservation(evidence: Evidence, signals: Signals) -> int:
    """How much of its own reservation the mapping may take: lanes that rest come back to work once
    something waits for them. Where other mappings feed the function, as many as ever ran at once
    lately."""
    mapping, shards = evidence.mapping, evidence.open_shards
    lanes = shards * mapping.parallelization_factor if mapping and shards else 0
    busy, peak = signals.busy_lanes, signals.concurrency
    at_work = max(busy or 0.0, peak or 0.0) if evidence.sibling_mappings else busy or peak or 0.0
    return max(lanes, ceil(at_work))


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
    it); neighbours also need what they are using now, and more. Where more is reserved already than
    the policy's minimum would have let anybody reserve, the account's own is less: then what is
    used decides, and AWS refuses what is too much, and tells. ``None``: the account was not seen.
    """
    account = evidence.account
    if account is None:
        return None
    pool, free = account.unreserved_concurrency, _free(account, signals)
    margin = neighbours_margin(account, signals, policy)
    wanted = policy.limits.unreserved_minimum if minimum is None else minimum
    contradicted = pool < min(wanted, account.concurrency_limit)
    if contradicted and minimum is None and free is not None:
        wanted = 0
    by_rule = pool - wanted - min(margin, policy.limits.concurrency_margin)
    by_use = min(
        (pool if free is None else free) - margin, _left_by_the_busiest(account, evidence, signals)
    )
    return max(0, min(by_rule, int(by_use)) - claimed)
