"""What a setting of the mapping does to a reading, before the reading accuses anybody.

A batching window makes ages up to the window and an invocation normal, and silences a quiet stream
for as long. A filter takes records that no invocation ever sees. A maximum record age caps the age
by dropping what is older. With enhanced fan-out of its own, what the mapping reads is what it is
pushed, and the calls of the stream's other readers are not its own.
"""

from datetime import datetime

from remediator.evidence.metrics import Metric
from remediator.evidence.once import once
from remediator.evidence.record import Signals
from remediator.evidence.series import (
    LAST_MINUTES,
    STREAM_FAMILY,
    counts_of,
    known,
    mean_of,
    minutes_seen,
    newest_of,
    series_of,
)
from remediator.model import Evidence, Series
from remediator.policy import Thresholds

# A poll, and the way of the batch to the function.
_SLACK_SECONDS = 5.0
# Minutes of which the longest invocation counts.
_LONGEST_OF = 10
# Share of the maximum record age from which records are about to be dropped: the age is that of a
# record which was still sent, so it never shows the limit itself.
_AT_THE_LIMIT = 0.9


def window_seconds(evidence: Evidence) -> float:
    """For how long the mapping collects a batch before it invokes; 0 where it does not wait."""
    return float(evidence.mapping.batching_window_seconds) if evidence.mapping else 0.0


@once
def normal_age_seconds(evidence: Evidence) -> float:
    """The age that is no lag: a record waits for the batching window, and for the batch before it
    to end."""
    took = (series_of(evidence, Metric.DURATION_MAX_MS) or Series()).values
    before = took[: len(took) // 2]  # those of the newest minutes may be long for what is wrong now
    usual = before if len(before) >= LAST_MINUTES else took
    longest = max(usual[-_LONGEST_OF:], default=0.0) / 1000
    waits = window_seconds(evidence) + longest
    return waits + _SLACK_SECONDS if waits else 0.0


def filters_unseen(evidence: Evidence) -> bool:
    """Whether records are filtered and nobody counts how many pass."""
    filters = evidence.mapping is not None and evidence.mapping.filters_events
    return filters and pass_share(evidence) is None


@once
def pass_share(evidence: Evidence) -> float | None:
    """The share of the records read that pass the mapping's filter, where it is counted."""
    if evidence.mapping is None or not evidence.mapping.filters_events:
        return None
    read = _polled_and_passed(evidence)
    whole = sum(polled for _, polled, _ in read)
    return sum(passed for *_, passed in read) / whole if whole else None


def _polled_and_passed(evidence: Evidence) -> list[tuple[datetime, float, float]]:
    """By minute: records that were read, and those of them that passed the filter."""
    minutes = minutes_seen(evidence, (Metric.POLLED_EVENTS,))
    polled = counts_of(evidence, Metric.POLLED_EVENTS, minutes)
    kept_out = counts_of(evidence, Metric.FILTERED_EVENTS, minutes)
    return [
        (at, some, max(0.0, some - out))
        for at, some, out in zip(minutes, polled or (), kept_out or (), strict=False)
        if some is not None and out is not None
    ]


def measure_filter(evidence: Evidence, _: Thresholds, __: Signals) -> Signals:
    """What a filter lets through, and what of that nobody has taken yet."""
    if evidence.mapping is None or not evidence.mapping.filters_events:
        return Signals()
    read, share = _polled_and_passed(evidence), pass_share(evidence)
    invoked = series_of(evidence, Metric.INVOCATIONS) or Series()
    last = max((at for at, count in invoked.points if count), default=None)
    minutes = minutes_seen(evidence, STREAM_FAMILY)
    written = counts_of(evidence, Metric.INCOMING_RECORDS, minutes)
    return Signals(
        pass_share=share,
        written_per_minute=mean_of((written or ())[-LAST_MINUTES:]),
        polled_per_minute=mean_of(polled for _, polled, _ in read[-LAST_MINUTES:]),
        passed_since_invoked=None
        if share is None
        else sum(passed for at, _, passed in read if last is None or at > last),
    )


def _retention(evidence: Evidence) -> float | None:
    return evidence.stream.retention_hours * 3600.0 if evidence.stream else None


def _maximum_age(evidence: Evidence) -> float | None:
    most = evidence.mapping.maximum_record_age_seconds if evidence.mapping else -1
    return float(most) if most > 0 else None


def measure_losses(evidence: Evidence, thresholds: Thresholds, known_so_far: Signals) -> Signals:
    """What is lost, or soon will be, and what the mapping's own counts say of it."""
    age, minutes = known_so_far.age_seconds, thresholds.recent_minutes
    retention, most = _retention(evidence), _maximum_age(evidence)
    kept = min(known((retention, most)), default=None)
    binds = most is not None and most == kept
    return Signals(
        expires_in_seconds=None if kept is None or age is None else max(0.0, kept - age),
        retention_left_seconds=None if retention is None or age is None else retention - age,
        maximum_age_seconds=most if binds else None,
        drops_for_age=age >= _AT_THE_LIMIT * most if binds and age is not None and most else None,
        dropped_per_minute=_lately(evidence, Metric.DROPPED_EVENTS, minutes),
        destination_failures_per_minute=_failed_deliveries(evidence, minutes),
    )


def _failed_deliveries(evidence: Evidence, minutes: int) -> float | None:
    """Counted for the function: where the mapping has no destination, they are not its own."""
    captures = evidence.mapping is not None and evidence.mapping.on_failure_destination is not None
    return _lately(evidence, Metric.DESTINATION_FAILURES, minutes) if captures else None


def _lately(evidence: Evidence, metric: Metric, minutes: int) -> float | None:
    """By the minute, over the newest minutes; 0 where it was counted, but not of late."""
    series = series_of(evidence, metric)
    if series is None or not series.points:
        return None
    return mean_of(newest_of(evidence, metric, minutes)) or 0.0
