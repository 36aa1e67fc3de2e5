"""Counts of one thing that is published under two names: each tells what the other has lost."""

from remediator.evidence.metrics import Metric
from remediator.evidence.once import once
from remediator.evidence.series import LAST_MINUTES
from remediator.model import Evidence, Series


@once
def told_by_each_other(evidence: Evidence) -> Evidence:
    """With the invocations of minutes in which they were lost, as the ages of batches count them,
    and the other way round: where nothing else invokes the function, both are the same."""
    metrics = evidence.metrics
    whole, batches = metrics.get(Metric.INVOCATIONS), metrics.get(Metric.STREAM_INVOCATIONS)
    if whole is None or batches is None or not _alike(whole, batches):
        return evidence
    both = dict(batches.points) | dict(whole.points)
    filled = Series.model_construct(points=tuple(sorted(both.items())))
    lacking = {
        metric: filled
        for metric, series in ((Metric.INVOCATIONS, whole), (Metric.STREAM_INVOCATIONS, batches))
        if len(series.points) < len(both)
    }
    return evidence.model_copy(update={"metrics": {**metrics, **lacking}}) if lacking else evidence


def _alike(whole: Series, batches: Series) -> bool:
    """Whether they differ by no more than one, in enough minutes that have both."""
    count = dict(batches.points)
    common = [(n, count[at]) for at, n in whole.points if at in count]
    return len(common) >= LAST_MINUTES and all(abs(a - b) <= 1 for a, b in common)
