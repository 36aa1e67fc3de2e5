"""What the minutes since a change show, and nothing of before: the change is judged by them.

Pure. A minute counts from its start, and once it is whole: that of the change, and that in which a
mapping polls again, are partly of before.
"""

from datetime import datetime

from remediator.evidence.metrics import Metric
from remediator.evidence.once import once
from remediator.evidence.series import (
    INVOCATION_FAMILY,
    MINUTE,
    STREAM_FAMILY,
    counts_of,
    minutes_seen,
    points_of,
    without_incomplete_minute,
)
from remediator.model import Evidence, Series

_TRIES = (Metric.INVOCATIONS, Metric.THROTTLES)
# Published with each invocation, where those are not counted.
_SIGNS_OF_TRIES = (Metric.DURATION_MS, Metric.ITERATOR_AGE_MS)


def minutes_of(evidence: Evidence) -> int:
    """How many minutes it tells of."""
    return len(minutes_seen(evidence, (*INVOCATION_FAMILY, *STREAM_FAMILY)))


def failed_since(evidence: Evidence, written: datetime) -> tuple[float, float]:
    """How many invocations failed, and of how many, that began in the whole minutes after a write:
    as far as they have ended, also in the minute in which the mapping began to poll again."""
    after = next_minute(written)
    minutes = [at for at, _ in points_of(evidence, Metric.INVOCATIONS) if at >= after]
    tried = counts_of(evidence, Metric.INVOCATIONS, minutes) or ()
    failed = counts_of(evidence, Metric.ERRORS, minutes) or ()
    seen = [(bad, of) for bad, of in zip(failed, tried, strict=False) if bad is not None and of]
    return sum(bad for bad, _ in seen), sum(of for _, of in seen)


def next_minute(moment: datetime) -> datetime:
    """The start of the first minute that is wholly after a moment."""
    return moment.replace(second=0, microsecond=0) + MINUTE


def back_since(evidence: Evidence, written: datetime) -> datetime | None:
    """The first whole minute in which a mapping polls again that was changed at ``written``;
    ``None`` while it is still being changed, or while nothing of it was published."""
    mapping = evidence.mapping
    if mapping is None or mapping.state != "Enabled":
        return None
    after = next_minute(written)
    counted = Metric.INVOCATIONS in evidence.metrics
    tries = (
        at
        for metric in (_TRIES if counted else _SIGNS_OF_TRIES)
        for at, value in points_of(evidence, metric)
        if at >= after and (value > 0 or not counted)
    )
    first = min(tries, default=None)
    return None if first is None else first + MINUTE


@once
def only_since(evidence: Evidence, since: datetime) -> Evidence:
    """The evidence with the datapoints alone of the whole minutes since a moment."""
    evidence = without_incomplete_minute(evidence)

    def cut(metrics: dict[str, Series]) -> dict[str, Series]:
        kept = {
            name: Series.model_construct(
                points=tuple(point for point in series.points if point[0] >= since)
            )
            for name, series in metrics.items()
        }
        return {name: series for name, series in kept.items() if series.points}

    return evidence.model_copy(
        update={
            "metrics": cut(dict(evidence.metrics)),
            "shard_metrics": {shard: cut(dict(of)) for shard, of in evidence.shard_metrics.items()},
        }
    )
