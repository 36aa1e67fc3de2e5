"""What was given up and not captured: the destination did not take it."""

from datetime import datetime

from remediator.evidence.metrics import Metric
from remediator.evidence.record import Signals
from remediator.evidence.series import MINUTE, series_of
from remediator.model import Evidence
from remediator.policy import Thresholds


def measure_lost(evidence: Evidence, _: Thresholds, __: Signals) -> Signals:
    """Events lost since the mapping was last changed; missing where neither count was published.

    A delivery that fails drops what it was to deliver (Lambda Developer Guide:
    monitoring-metrics-types). Failures of before are those of another use of the function.
    """
    changed = evidence.mapping.last_modified if evidence.mapping else None
    if changed is None:
        return Signals()
    dropped = _since(evidence, Metric.DROPPED_EVENTS, changed)
    refused = _since(evidence, Metric.DESTINATION_FAILURES, changed)
    if refused and _before(evidence, Metric.DESTINATION_FAILURES, changed):
        refused = None
    seen = [count for count in (dropped, refused) if count is not None]
    return Signals(lost_events=sum(seen) if seen else None)


def _since(evidence: Evidence, metric: Metric, moment: datetime) -> float | None:
    series = series_of(evidence, metric)
    if series is None or not series.points:
        return None
    return sum(value for at, value in series.points if at + MINUTE > moment)


def _before(evidence: Evidence, metric: Metric, moment: datetime) -> float:
    series = series_of(evidence, metric)
    return sum(value for at, value in series.points if at + MINUTE <= moment) if series else 0.0
