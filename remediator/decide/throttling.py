"""The question whether invocations are refused, and by which limit."""

from collections.abc import Mapping

from remediator.decide.case import NO, YES, Case, Finding, unseen
from remediator.decide.failing import LIKELY, like_a_clock, stuck
from remediator.decide.waiting import CLIMBS, was_late
from remediator.evidence.age import LONGEST_WAIT_SECONDS
from remediator.evidence.metrics import Metric
from remediator.evidence.series import points_of
from remediator.evidence.signals import LAST_MINUTES, Signals
from remediator.model import Detail


def throttled(case: Case) -> Finding:
    signals, limits = case.signals, case.policy.thresholds
    readings = (
        case.reading("throttle_share"),
        case.reading("throttle_share_before"),
        case.reading("throttled_minutes", f"of the last {LAST_MINUTES}"),
        case.reading("attempts_per_second", "1/s"),
        case.reading("concurrency"),
        case.reading("unreserved_in_use"),
        case.reading("claimed_concurrency"),
    )
    if signals.throttled_minutes is None:
        return unseen("the count of throttles", *readings)
    if _waits_for_room(case):
        because = "all of the function's own reservation works, and more is refused every minute"
        return Finding(YES, because, readings, Detail.RESERVATION)
    lasts = signals.throttled_minutes >= min(limits.sustained_minutes, LAST_MINUTES)
    if not lasts and not _but_for_lost_minutes(case):
        return Finding(NO, "invocations are not throttled in a sustained way", readings)
    if _nothing_lags(signals) and not _some_are_refused(case):
        because = "invocations are throttled, but the age is no more than without any lag"
        return Finding(NO, because, readings)
    if _refused_before(case):
        because = "as many were throttled, minute after minute, while nothing lagged"
        return Finding(NO, because, readings)
    if _stands_still_all_the_same(case):
        because = "throttles would have let the oldest record through by now"
        return Finding(NO, because, readings)
    detail = who_throttles(case)
    return Finding(YES, f"invocations are throttled: {_THROTTLED_BY[detail]}", readings, detail)


def _but_for_lost_minutes(case: Case) -> bool:
    """Whether each of the newest minutes is throttled whose count was not lost, by its own limit
    that is used up, while what waits gets older."""
    signals, reserved = case.signals, case.evidence.reserved_concurrency
    at_it = reserved is not None and (signals.concurrency or 0.0) >= reserved
    older = (signals.age_slope or 0.0) >= CLIMBS
    return signals.throttled_but_for_lost is True and older and at_it


def _waits_for_room(case: Case) -> bool:
    """Whether all of the function's own reservation works all the time, the mapping has lanes for
    more, and each minute some of it is refused: few, since who is refused waits before it asks
    again, but what waits has nowhere else to go."""
    signals, mapping = case.signals, case.evidence.mapping
    reserved = case.evidence.reserved_concurrency
    if mapping is None or not reserved or _nothing_lags(signals) or signals.falling:
        return False
    lanes = (case.evidence.open_shards or 1) * mapping.parallelization_factor
    refused = points_of(case.evidence, Metric.THROTTLES)[-LAST_MINUTES:]
    always = len(refused) == LAST_MINUTES and all(count for _, count in refused)
    works = (signals.busy_lanes or 0.0) >= _WORKS * reserved
    return always and works and (signals.concurrency or 0.0) >= reserved and lanes > reserved


_WORKS = 0.9


def _nothing_lags(signals: Signals) -> bool:
    """Whether the age is no more than a record waits for its batch in any case. Where all is
    refused, minute after minute, no age is published of what waits."""
    if (signals.silent_minutes or 0) >= LAST_MINUTES:
        return False
    age, highest = signals.age_seconds, signals.highest_age_seconds or 0.0
    return age is not None and max(age, highest) <= signals.normal_age_seconds


def _some_are_refused(case: Case) -> bool:
    """Whether most tries are refused, for want of room, since something was late: the age is that
    of what is let through, and a lane that is refused has none."""
    signals, limits = case.signals, case.policy.thresholds
    late = was_late(case.evidence, signals, limits, newest=_LATELY)
    return late and (signals.throttle_share or 0.0) >= _MOST and not _has_room(case)


_MOST, _LATELY = 0.5, 15


def _refused_before(case: Case) -> bool:
    """Whether no more is refused, for each that is not, than while nothing lagged, and not for want
    of room for the mapping's lanes: who else calls the function is refused then, or a lane that
    asks too early, and no record waits for it. Beside another mapping nobody knows: one that is
    always refused has no age, and the other's is fine."""
    now, before = case.signals.throttle_share, case.signals.throttle_share_before
    if now is None or before is None or not _has_room(case):
        return False
    return now * (1 - before) <= _NO_MORE_THAN * before * (1 - now)


def _has_room(case: Case) -> bool:
    """Whether the function's own reservation has room for every lane of its only mapping."""
    mapping, shards = case.evidence.mapping, case.evidence.open_shards
    reserved = case.evidence.reserved_concurrency
    if mapping is None or reserved is None or not shards or case.evidence.sibling_mappings != 0:
        return False
    return reserved >= shards * mapping.parallelization_factor


_NO_MORE_THAN = 1.5


def _stands_still_all_the_same(case: Case) -> bool:
    """Whether throttles at random would hardly hold one record for so long, and something fails, or
    they are so few that they hardly hold anything."""
    signals = case.signals
    share, still = signals.throttle_share, signals.still_minutes
    fails = bool(signals.failing_minutes or signals.failed_events_per_minute)
    if share is None or still is None or not (stuck(case) and like_a_clock(signals)):
        return False
    if not fails and share > _FEW:
        return False
    by_chance: float = share ** (still * 60 / LONGEST_WAIT_SECONDS)
    return (signals.lanes or 1) * by_chance <= LIKELY


_FEW = 0.1


_THROTTLED_BY: Mapping[Detail, str] = {
    Detail.RESERVATION: "the function is at its own reserved concurrency",
    Detail.ACCOUNT: "the account's pool of concurrency is used up",
    Detail.REQUEST_RATE: "more invocations a second than ten times the concurrency allows; the "
    "concurrency itself is not used up",
    Detail.SCALING_RATE: "the function grows faster than 1,000 in ten seconds; the account's pool "
    "is not used up",
    Detail.UNCLEAR: "it could not be seen which limit throttles",
}
# Share of a limit that the greatest use in a minute shows: its peak lies between two samples.
_USED_UP = 0.95
# Requests a second for each of the concurrency (Lambda Developer Guide, scaling behaviour).
_REQUESTS_PER_LANE = 10
_SCALES_BY = 1000


def who_throttles(case: Case) -> Detail:
    """The limit that the readings show. The account's pool is said to be used up only where its use
    was seen to be; it may as well be the rate of requests, or of growth."""
    function, signals, account = case.evidence.function, case.signals, case.evidence.account
    if function is None:
        return Detail.UNCLEAR
    reserved, running = function.reserved_concurrency, signals.concurrency
    if reserved is not None:
        idle = running is not None and running < _USED_UP * reserved
        fast = _too_many_requests(case, reserved)
        return Detail.REQUEST_RATE if idle and fast else Detail.RESERVATION
    if account is None:
        return Detail.UNCLEAR
    if _pool_used_up(case):
        return Detail.ACCOUNT
    if _too_many_requests(case, account.unreserved_concurrency):
        return Detail.REQUEST_RATE
    grew = (running or 0.0) - (signals.usual_concurrency or 0.0)
    return Detail.SCALING_RATE if running is not None and grew >= _SCALES_BY else Detail.UNCLEAR


def _pool_used_up(case: Case) -> bool:
    """By what Lambda itself decides by, else by the use of what is not reserved."""
    signals, account = case.signals, case.evidence.account
    if account is None:
        return False
    if signals.claimed_concurrency is not None:
        return signals.claimed_concurrency >= _USED_UP * account.concurrency_limit
    used = signals.unreserved_in_use
    return used is not None and used >= _USED_UP * account.unreserved_concurrency


def _too_many_requests(case: Case, concurrency: int) -> bool:
    attempts = case.signals.attempts_per_second
    return attempts is not None and attempts >= _USED_UP * _REQUESTS_PER_LANE * concurrency
