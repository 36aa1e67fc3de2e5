"""Questions about whether it runs at all: stopped, silent, throttled."""

from remediator.diagnosis.case import NO, YES, Case, Finding, unseen
from remediator.model import (
    Detail,
    Reading,
)
from remediator.signals import LAST_MINUTES

_STOPPED_STATES = {"Disabled", "Disabling", "Deleting"}
_DEAD_FUNCTION_STATES = {"Failed", "Inactive", "Deleted"}


def stopped_on_purpose(case: Case) -> Finding:
    mapping, function = case.evidence.mapping, case.evidence.function
    if mapping is None:
        return unseen("the mapping")
    reserved = function.reserved_concurrency if function else None
    readings = (
        Reading(name="mapping_state", value=mapping.state),
        Reading(name="reserved_concurrency", value=reserved),
    )
    if mapping.state in _STOPPED_STATES:
        return Finding(YES, f"the mapping is {mapping.state}", readings, Detail.PAUSED)
    if reserved == 0:
        return Finding(
            YES, "the function's reserved concurrency is 0", readings, Detail.RESERVED_AT_0
        )
    if function and function.state in _DEAD_FUNCTION_STATES:
        return Finding(YES, f"the function is {function.state}", readings, Detail.FUNCTION_GONE)
    may_run = (
        "whether its concurrency is reserved at 0 was not seen"
        if case.evidence.lacks("reserved_concurrency")
        else "the function may run"
    )
    return Finding(NO, f"the mapping is {mapping.state} and {may_run}", readings)


def fell_silent(case: Case) -> Finding:
    signals, mapping = case.signals, case.evidence.mapping
    readings = (
        case.reading("silent_minutes", "min"),
        case.reading("arrival_per_second", "records/s"),
        case.reading("throttle_share"),
        Reading(
            name="last_processing_result",
            value=mapping.last_processing_result if mapping else None,
        ),
    )
    if signals.silent_minutes is None:
        return unseen("whether anything is invoked", *readings)
    timeout = case.evidence.function.timeout_seconds if case.evidence.function else None
    patience = max(3.0, (timeout or 0) / 60 + 2)
    silent = signals.silent_minutes >= patience
    waiting = bool(signals.arrival_per_second) or bool(signals.backlog_records)
    excused = (
        bool(signals.throttle_share)
        or bool(signals.read_throttled_minutes)
        or (mapping is not None and mapping.state != "Enabled")
    )
    if silent and waiting and not excused:
        because = f"records wait, but nothing was invoked for {signals.silent_minutes:.0f} min"
        return Finding(YES, because, readings, Detail.NO_INVOCATIONS)
    return Finding(NO, "the function is invoked, or nothing waits for it", readings)


def throttled(case: Case) -> Finding:
    signals, limits = case.signals, case.policy.thresholds
    readings = (
        case.reading("throttle_share"),
        case.reading("throttled_minutes", f"of the last {LAST_MINUTES}"),
        case.reading("concurrency"),
        case.reading("unreserved_in_use"),
    )
    if signals.throttled_minutes is None:
        return unseen("the count of throttles", *readings)
    if signals.throttled_minutes < min(limits.sustained_minutes, LAST_MINUTES):
        return Finding(NO, "invocations are not throttled in a sustained way", readings)
    detail = _who_throttles(case)
    because = {
        Detail.RESERVATION: "the function is at its own reserved concurrency",
        Detail.ACCOUNT: "the account's pool of concurrency is used up",
        Detail.UNCLEAR: "it could not be seen which limit throttles",
    }[detail]
    return Finding(YES, f"invocations are throttled: {because}", readings, detail)


def _who_throttles(case: Case) -> Detail:
    function, signals = case.evidence.function, case.signals
    if function is None:
        return Detail.UNCLEAR
    if function.reserved_concurrency is not None:
        return Detail.RESERVATION
    account = case.evidence.account
    if account is None or signals.concurrency is None:
        return Detail.UNCLEAR
    return Detail.ACCOUNT
