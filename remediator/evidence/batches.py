"""What a batch costs: once for each invocation, and again for each record.

Measured from minutes in which batches differed in size, never assumed: the mean duration of a
minute is then a straight line over its mean batch.
"""

from collections.abc import Sequence
from datetime import datetime
from statistics import StatisticsError, correlation, linear_regression

from remediator.evidence.flow import read_by_minute
from remediator.evidence.metrics import Metric
from remediator.evidence.record import Signals
from remediator.evidence.series import counts_of, minutes_seen
from remediator.model import Evidence
from remediator.policy import Thresholds

_FEWEST_MINUTES = 8
# The largest mean batch against the smallest: with less, the line is drawn through noise.
_SPREAD = 1.5
# Correlation from which a line is believed; where durations hardly differ, nothing correlates.
_FIT = 0.8
# Spread of the durations, against their mean, below which a batch costs the same at any size.
_FLAT = 0.1


def measure_batches(evidence: Evidence, _: Thresholds, __: Signals) -> Signals:
    points = _points(evidence)
    sizes = [size for size, _ in points]
    if len(points) < _FEWEST_MINUTES or max(sizes) < _SPREAD * min(sizes):
        return Signals()
    seconds = [took for _, took in points]
    mean = sum(seconds) / len(seconds)
    if max(seconds) - min(seconds) <= _FLAT * mean:
        return Signals(invocation_seconds=mean, record_seconds=0.0)
    return _line(sizes, seconds)


def _line(sizes: Sequence[float], seconds: Sequence[float]) -> Signals:
    try:
        if correlation(sizes, seconds) < _FIT:
            return Signals()
        each, once = linear_regression(sizes, seconds)
    except StatisticsError:
        return Signals()
    return Signals(invocation_seconds=max(0.0, once), record_seconds=each)


def _points(evidence: Evidence) -> list[tuple[float, float]]:
    """Records an invocation and seconds an invocation, of each minute without errors."""
    minutes = minutes_seen(evidence, (Metric.INVOCATIONS,))
    counts = counts_of(evidence, Metric.INVOCATIONS, minutes)
    records = _records(evidence, minutes)
    errors = counts_of(evidence, Metric.ERRORS, minutes)
    took = evidence.metrics.get(Metric.DURATION_MS)
    if counts is None or records is None or took is None or errors is None:
        return []
    by_minute = dict(took.points)
    return [
        (handed / count, by_minute[at] / 1000)
        for at, count, handed, failed in zip(minutes, counts, records, errors, strict=True)
        if count and handed and at in by_minute and failed == 0
    ]


def _records(evidence: Evidence, minutes: Sequence[datetime]) -> Sequence[float | None] | None:
    """Records handed to the function: counted, else read, where nothing else feeds it and nothing
    is filtered."""
    counted = counts_of(evidence, Metric.INVOKED_EVENTS, minutes)
    if counted is not None:
        return counted
    mapping = evidence.mapping
    if mapping is None or mapping.filters_events or evidence.sibling_mappings != 0:
        return None
    return read_by_minute(evidence, minutes)
