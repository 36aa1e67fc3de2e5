"""Questions about whether it runs at all: stopped, silent, throttled."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.decide.contention import keeps_up
from remediator.decide.failing import LIKELY, like_a_clock, stuck
from remediator.evidence.age import LONGEST_WAIT_SECONDS
from remediator.evidence.metrics import Metric
from remediator.evidence.series import MINUTE, series_of
from remediator.evidence.signals import LAST_MINUTES, Signals
from remediator.model import STOPPED_STATES, Detail, Reading

# Function states in which nothing is invoked (Lambda API Reference, FunctionConfiguration).
_NOT_INVOKED: Mapping[str, tuple[Detail, str]] = {
    "Failed": (Detail.FUNCTION_GONE, "it could not be set up and cannot be invoked"),
    "Deleting": (Detail.FUNCTION_GONE, "it is being deleted"),
    "Deactivating": (Detail.DEACTIVATED, "somebody deactivates it"),
    "Deactivated": (Detail.DEACTIVATED, "somebody has deactivated it"),
    "ActiveNonInvocable": (Detail.NOT_INVOCABLE, "it is set up and takes no invocations"),
}
_WAKES: Mapping[str, str] = {
    "Inactive": "it was idle, and the next invocation wakes it",
    "Pending": "it is being set up",
}


def stopped_on_purpose(case: Case) -> Finding:
    mapping, function = case.evidence.mapping, case.evidence.function
    if mapping is None:
        return unseen("the mapping")
    reserved, state = (function.reserved_concurrency, function.state) if function else (None, None)
    readings = (
        Reading(name="mapping_state", value=mapping.state),
        Reading(name="reserved_concurrency", value=reserved),
        Reading(name="function_state", value=state),
    )
    if mapping.state in STOPPED_STATES:
        return Finding(YES, f"the mapping is {mapping.state}", readings, Detail.PAUSED)
    if _stopped_until_now(case):
        because = f"the mapping is {mapping.state}, and was stopped until just now"
        return Finding(YES, because, readings, Detail.PAUSED)
    if reserved == 0:
        return Finding(
            YES, "the function's reserved concurrency is 0", readings, Detail.RESERVED_AT_0
        )
    if state is not None and state in _NOT_INVOKED:
        detail, words = _NOT_INVOKED[state]
        return Finding(YES, f"the function is {state}: {words}", readings, detail)
    return Finding(NO, f"the mapping is {mapping.state} and {_may_run(case, state)}", readings)


def _stopped_until_now(case: Case) -> bool:
    """Whether somebody lets it go on: it is being enabled, or was changed lately and nothing had
    been invoked for minutes before that. An update lets it stand still only afterwards."""
    mapping, silent = case.evidence.mapping, case.signals.silent_minutes
    if mapping is None or mapping.last_modified is None or silent is None:
        return False
    if mapping.state == _ENABLING:
        return True
    late = case.signals.late_by(case.policy.thresholds.metric_delay_seconds)
    since = case.at - timedelta(seconds=late, minutes=silent + 1)
    waits = bool(case.signals.arrival_per_second) and not case.signals.throttle_share
    window = mapping.batching_window_seconds
    before = mapping.last_modified - since
    shows = silent >= _SILENT_MINUTES and before >= timedelta(seconds=window, minutes=silent / 2)
    return mapping.state == "Enabled" and waits and shows and not _runs(case, mapping.last_modified)


def _runs(case: Case, until: datetime) -> bool:
    """Whether something was at work just before a moment: invocations that take minutes are counted
    once they have ended, and are silent until then."""
    running = series_of(case.evidence, Metric.CONCURRENT_EXECUTIONS)
    just = until - LAST_MINUTES * MINUTE
    return (
        any(count for at, count in running.points if just < at + MINUTE <= until)
        if running
        else False
    )


_ENABLING, _SILENT_MINUTES = "Enabling", 5


def _may_run(case: Case, state: str | None) -> str:
    if case.evidence.lacks("reserved_concurrency"):
        return "whether its concurrency is reserved at 0 was not seen"
    if state is not None and state in _WAKES:
        return f"the function may run: {_WAKES[state]}"
    return "the function may run"


def fell_silent(case: Case) -> Finding:
    signals, mapping = case.signals, case.evidence.mapping
    window = mapping.batching_window_seconds if mapping else 0
    readings = (
        case.reading("silent_minutes", "min"),
        case.reading("arrival_per_second", "records/s"),
        case.reading("pass_share"),
        case.reading("passed_since_invoked", "records"),
        case.reading("throttle_share"),
        Reading(name="batching_window_seconds", value=window, unit="s"),
        Reading(
            name="last_processing_result",
            value=mapping.last_processing_result if mapping else None,
        ),
    )
    if signals.silent_minutes is None:
        return unseen("whether anything is invoked", *readings)
    timeout = case.evidence.function.timeout_seconds if case.evidence.function else None
    patience = max(3.0, (window + (timeout or 0)) / 60 + 2)
    filters = mapping is not None and mapping.filters_events
    held = filters and signals.written_per_minute != 0
    waiting = held or bool(signals.arrival_per_second) or bool(signals.backlog_records)
    if signals.silent_minutes < patience or not waiting or _excused(case):
        return Finding(NO, "the function is invoked, or nothing waits for it", readings)
    if filters:
        return _silent_behind_a_filter(case, readings)
    because = f"records wait, but nothing was invoked for {signals.silent_minutes:.0f} min"
    return Finding(YES, because, readings, Detail.NO_INVOCATIONS)


def _excused(case: Case) -> bool:
    """Whether throttles or a change of the mapping say why nothing is invoked."""
    signals, mapping = case.signals, case.evidence.mapping
    return (
        bool(signals.throttle_share)
        or bool(signals.read_throttled_minutes)
        or (mapping is not None and mapping.state != "Enabled")
    )


def _silent_behind_a_filter(case: Case, readings: tuple[Reading, ...]) -> Finding:
    """A filter may let nothing through. Where it is not counted what passes, records that are read
    without delay show that the mapping runs; else nobody can tell."""
    signals = case.signals
    if signals.passed_since_invoked is not None:
        return _by_the_filters_counts(case, readings)
    alone = signals.other_shared_readers == 0 and case.evidence.target.consumer_arn is None
    if alone and signals.processed_per_second and keeps_up(case):
        because = "records are read without delay: the filter lets none of them through"
        return Finding(NO, because, readings)
    return unseen("whether the mapping's filter lets anything through", *readings)


def _by_the_filters_counts(case: Case, readings: tuple[Reading, ...]) -> Finding:
    signals = case.signals
    if signals.polled_per_minute == 0 and signals.written_per_minute:
        return Finding(YES, "records arrive, and none is read", readings, Detail.NO_INVOCATIONS)
    passed = signals.passed_since_invoked or 0.0
    because = f"{passed:.0f} records have passed the filter since anything was invoked"
    return when(passed >= 1, because, *readings, detail=Detail.NO_INVOCATIONS)


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
    if signals.throttled_minutes < min(limits.sustained_minutes, LAST_MINUTES):
        return Finding(NO, "invocations are not throttled in a sustained way", readings)
    if _nothing_lags(signals):
        because = "invocations are throttled, but the age is no more than without any lag"
        return Finding(NO, because, readings)
    if _refused_before(case):
        because = "as many were throttled, minute after minute, while nothing lagged"
        return Finding(NO, because, readings)
    if _stands_still_all_the_same(case):
        because = "throttles would have let the oldest record through by now"
        return Finding(NO, because, readings)
    detail = _who_throttles(case)
    return Finding(YES, f"invocations are throttled: {_THROTTLED_BY[detail]}", readings, detail)


def _nothing_lags(signals: Signals) -> bool:
    """Whether the age is no more than a record waits for its batch in any case."""
    age, highest = signals.age_seconds, signals.highest_age_seconds or 0.0
    return age is not None and max(age, highest) <= signals.normal_age_seconds


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
    mapping, function, shards = (
        case.evidence.mapping,
        case.evidence.function,
        case.evidence.open_shards,
    )
    reserved = function.reserved_concurrency if function else None
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


def _who_throttles(case: Case) -> Detail:
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
