"""Questions about whether it runs at all: stopped, silent."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise

from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.decide.contention import keeps_up
from remediator.decide.throttling import who_throttles
from remediator.evidence.metrics import Metric
from remediator.evidence.series import MINUTE, series_of
from remediator.evidence.signals import LAST_MINUTES
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
    if _refused_until_now(case):
        because = "nothing at all was let through until just now, by no limit that shows"
        return Finding(YES, because, readings, Detail.RESERVED_AT_0)
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


def _refused_until_now(case: Case) -> bool:
    """Whether somebody has lifted a reservation of 0: for minutes all was refused, though neither
    the reservation of now nor the account's pool is used up, and now it runs; or would."""
    refused = series_of(case.evidence, Metric.THROTTLES)
    invoked = series_of(case.evidence, Metric.INVOCATIONS)
    unclear = case.evidence.account is not None and who_throttles(case) is Detail.UNCLEAR
    has_room = _never_used_up(case)
    if refused is None or invoked is None or not refused.points or not (unclear or has_room):
        return False
    runs = sorted(at for at, count in invoked.points if count)[-_JUST_NOW - 1 :]
    newest = refused.points[-1][0] + MINUTE
    until = [*runs, newest] if has_room and runs and newest > runs[-1] else runs
    gaps = ((then, at) for then, at in pairwise(until) if at - then > LAST_MINUTES * MINUTE)
    gap = next(gaps, None)
    if gap is None:
        return False
    between = [count for at, count in refused.points if gap[0] < at < gap[1]]
    return len(between) >= LAST_MINUTES and all(between)


def _never_used_up(case: Case) -> bool:
    """Whether fewer have run at once, in any minute that was seen, than the function's own
    reservation of now holds: it is there for nobody else."""
    running = series_of(case.evidence, Metric.CONCURRENT_EXECUTIONS)
    reserved = case.evidence.reserved_concurrency
    if not reserved or running is None or not running.points:
        return False
    return max(running.values) < _OF_IT * reserved


_OF_IT = 0.95
# Minutes since when it runs again.
_JUST_NOW = 2


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
