"""Reserved concurrency: raised where it holds the consumer back, set where neighbours do.

A reservation throttles the lanes that there are, or leaves no room for those that a slow consumer
needs. Without one, whoever is busier takes the account's pool: it is a share of one's own.
"""

from math import ceil

from remediator.decide.case import Case
from remediator.decide.remedies.base import Pass, Remedy, changes
from remediator.model import Cause, Change, Detail, RemedyName
from remediator.settings_table import RESERVED_CONCURRENCY

NAME = RemedyName.RAISE_RESERVED_CONCURRENCY
CAVEATS = (
    "what is reserved here is taken from the pool of all other functions",
    "what stands behind the function sees more calls at once",
)
# Lambda's own concurrency may briefly exceed shards × factor (Lambda docs: with-kinesis).
SLACK = 1.2


def propose(here: Case) -> tuple[Change, ...] | Pass:
    """Enough for every lane of the mapping, those included that the same plan adds, within what the
    account can spare."""
    function = here.evidence.function
    if here.evidence.lacks("reserved_concurrency"):
        return Pass("whether the function has a reservation was not seen")
    if function is None or function.reserved_concurrency is None:
        return Pass("the function has no reservation: the account's pool throttles it")
    if here.diagnosis.cause is Cause.THROTTLING and here.diagnosis.detail is not Detail.RESERVATION:
        return Pass("it is not the function's own reservation that throttles")
    if here.diagnosis.cause is Cause.SLOW_CONSUMER and here.flow is None:
        return Pass("the mapping or its shards were not seen: how many lanes it is for")
    now = function.reserved_concurrency
    wanted = min(_needed(here, now), here.policy.limits.reserved_concurrency)
    if wanted <= now:
        if wanted == here.policy.limits.reserved_concurrency:
            return Pass(f"the policy allows a reservation of no more than {wanted}")
        return Pass(f"its reservation of {now} has room for every lane")
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


def of_its_own(here: Case) -> tuple[Change, ...] | Pass:
    """Enough for the lanes that there are, out of what AWS and the policy let be reserved."""
    function, account, mapping = (
        here.evidence.function,
        here.evidence.account,
        here.evidence.mapping,
    )
    if function is None or here.evidence.lacks("reserved_concurrency"):
        return Pass("whether the function has a reservation was not seen")
    if function.reserved_concurrency is not None:
        return Pass("the function has a reservation")
    shards = here.evidence.open_shards
    if account is None or mapping is None or not shards:
        return Pass("the account's concurrency, or the lanes, were not seen")
    lanes = shards * mapping.parallelization_factor * (1 + (here.evidence.sibling_mappings or 0))
    wanted = min(ceil(lanes * SLACK), here.policy.limits.reserved_concurrency)
    may_be = reservable(here) or 0
    if may_be < min(wanted, lanes):
        return Pass(f"{lanes} lanes need a reservation, of which the account has {may_be} to give")
    used = here.signals.unreserved_in_use or here.signals.account_concurrency
    others = "" if used is None else f"; the pool's functions use {used:.0f} of it now"
    return changes(
        OWN_NAME,
        here.evidence,
        {RESERVED_CONCURRENCY: min(wanted, may_be)},
        f"neighbours use the pool up: {lanes} lanes get a share of their own, taken from "
        f"{account.unreserved_concurrency}{others}",
        (*CAVEATS, _taken_from(here)),
    )


def _taken_from(here: Case) -> str:
    """Whom a reservation is taken from, by name, as far as that was seen."""
    own = here.evidence.target.function
    busy = [one for one in here.busiest or () if one.function != own and one.concurrency >= 1]
    others = busy[:_NAMED]
    if not others:
        return "whom it is taken from is not known by name"
    named = ", ".join(f"{one.function} ({one.concurrency:.0f} at once)" for one in others)
    return f"it is taken from the busiest, who are {named}"


_NAMED = 5


def reservable(here: Case) -> int | None:
    """What may be taken out of the pool by AWS's minimum, the policy's margin and what other
    incidents were promised (invariant 4); ``None``: the account was not seen."""
    account, limits = here.evidence.account, here.policy.limits
    if account is None:
        return None
    least = here.unreserved_minimum + limits.concurrency_margin + here.claimed
    return max(0, account.unreserved_concurrency - least)


def _needed(here: Case, now: int) -> int:
    flow, siblings = here.flow, here.evidence.sibling_mappings or 0
    shards = here.evidence.open_shards
    lanes = shards * flow.parallelization_factor if flow and shards else now * 2
    needed: float = lanes * (1 + siblings)
    if here.diagnosis.cause is Cause.SLOW_CONSUMER and needed <= now:
        return now  # of lanes that have room, and are not refused, none waits for more
    if here.diagnosis.cause is Cause.THROTTLING:  # others call the function too
        share = here.signals.throttle_share or 0.0
        refused = now / (1 - share) if share < 1 else now * 2
        needed = max(needed, min(refused, now * 2))
    return ceil(needed * SLACK)


OWN_NAME = RemedyName.RESERVE_CONCURRENCY
OWN = Remedy(
    OWN_NAME,
    of_its_own,
    permissions=("lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"),
    caveats=CAVEATS,
    details=frozenset({Detail.ACCOUNT}),
)
REMEDY = Remedy(
    NAME,
    propose,
    permissions=("lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"),
    caveats=CAVEATS,
)
