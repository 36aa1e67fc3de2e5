"""Questions about what the readings mean: what a setting explains, what cannot be, what is lost.

They accuse nobody and lead on to the same question whatever the answer; what they find is held
against the readings by the questions after them.
"""

from collections.abc import Iterator

from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.model import OLD_DEFAULT_RETRIES, MappingState, Reading, SourceKind

# What mappings of before 2021 show for "no bound" (Lambda Developer Guide of 2020, Kinesis).
_UNBOUNDED_AGE = 604_800


def settings_explain(case: Case) -> Finding:
    """Whether a setting changes what a reading means, before the reading accuses."""
    mapping = case.evidence.mapping
    if mapping is None:
        return unseen("the mapping's settings")
    readings = (
        Reading(name="batching_window_seconds", value=mapping.batching_window_seconds, unit="s"),
        Reading(name="filters_events", value=mapping.filters_events),
        case.reading("pass_share"),
        Reading(name="maximum_record_age_seconds", value=mapping.maximum_record_age_seconds),
        Reading(name="maximum_retry_attempts", value=mapping.maximum_retry_attempts),
        Reading(name="tumbling_window_seconds", value=mapping.tumbling_window_seconds, unit="s"),
        Reading(name="fan_out_consumer", value=case.evidence.target.consumer_arn is not None),
        Reading(name="alarm_seconds", value=case.policy.thresholds.alarm_seconds, unit="s"),
    )
    said = tuple(_explanations(case, mapping))
    because = "; ".join(said) or "no setting of the mapping changes what the readings mean"
    return Finding(YES if said else NO, because, readings)


def _explanations(case: Case, mapping: MappingState) -> Iterator[str]:
    signals = case.signals
    if mapping.batching_window_seconds:
        yield (
            f"batches are collected for {mapping.batching_window_seconds} s: ages up to "
            f"{signals.normal_age_seconds:.0f} s are normal, and a quiet stream is silent meanwhile"
        )
    if mapping.filters_events:
        counted = signals.pass_share is not None
        how = f"{signals.pass_share:.2%} pass" if counted else "how many pass is not counted"
        yield f"records are filtered, so some arrive that are never invoked: {how}"
    if signals.maximum_age_seconds is not None:
        yield (
            f"records older than {signals.maximum_age_seconds:.0f} s are dropped, so no age shows "
            "how far behind it is"
        )
    elif mapping.maximum_record_age_seconds >= _UNBOUNDED_AGE:
        yield f"a maximum record age of {mapping.maximum_record_age_seconds} s is an old default"
    if mapping.maximum_retry_attempts >= OLD_DEFAULT_RETRIES:
        yield f"{mapping.maximum_retry_attempts} retries are an old default: unbounded in effect"
    if mapping.tumbling_window_seconds:
        yield (
            f"a tumbling window of {mapping.tumbling_window_seconds} s keeps a state for each "
            "shard: what fails holds the whole shard and its state, and the stream may not be "
            "resharded under it"
        )
    if case.evidence.target.kind is SourceKind.DYNAMODB:
        told = signals.arrival_per_second is not None
        how = "estimated from what was read while it kept up" if told else "unseen"
        yield f"a table counts units that are written, not records: what arrives is {how}"
    if case.evidence.target.consumer_arn is not None:
        yield "the mapping has enhanced fan-out: throttled reads of the stream are others'"


def cannot_be(case: Case) -> Finding:
    """Whether readings contradict each other; those are no input to any question."""
    readings = (
        case.reading("age_seconds", "s"),
        case.reading("age_jump_seconds", "s"),
        case.reading("arrived_since_oldest", "records"),
        case.reading("busy_lanes"),
        case.reading("lanes"),
    )
    found = case.signals.contradictions
    because = "; ".join(found) or "the readings agree with each other"
    return Finding(YES if found else NO, because, readings)


def records_lost(case: Case) -> Finding:
    """Whether records are being lost at this moment: the rest can wait, they cannot."""
    signals = case.signals
    readings = (
        case.reading("age_seconds", "s"),
        case.reading("maximum_age_seconds", "s"),
        case.reading("expires_in_seconds", "s"),
        case.reading("dropped_per_minute", "records/min"),
        case.reading("destination_failures_per_minute", "1/min"),
    )
    if signals.age_seconds is None and signals.dropped_per_minute is None:
        return unseen("the age and the count of dropped records", *readings)
    losses = tuple(_losses(case))
    because = "; ".join(losses) or "nothing shows that records are being lost"
    return when(bool(losses), because, *readings)


def _losses(case: Case) -> Iterator[str]:
    signals, mapping = case.signals, case.evidence.mapping
    if signals.drops_for_age and signals.maximum_age_seconds is not None:
        kept = mapping is not None and mapping.on_failure_destination is not None
        yield (
            f"records are given up for their age: it is {signals.age_seconds or 0:.0f} s, and the "
            f"mapping's maximum is {signals.maximum_age_seconds:.0f} s"
            + (" (their places go to the on-failure destination)" if kept else "")
        )
    if signals.dropped_per_minute:
        yield f"{signals.dropped_per_minute:.3g} records a minute are dropped without a destination"
    if signals.destination_failures_per_minute:
        yield "deliveries to the on-failure destination fail, and what they carried is lost"


def loses_now(case: Case) -> bool:
    """Whether waiting costs records."""
    signals = case.signals
    return bool(
        signals.drops_for_age
        or signals.dropped_per_minute
        or signals.destination_failures_per_minute
    )
