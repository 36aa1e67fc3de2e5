"""What a lane gets done in a second of work, now, usually, and before more of them ran."""

from collections.abc import Sequence
from datetime import datetime
from statistics import median
from typing import NamedTuple

from remediator.evidence.arrivals import on_time
from remediator.evidence.explained import filters_unseen
from remediator.evidence.metrics import Metric
from remediator.evidence.record import Signals
from remediator.evidence.series import LAST_MINUTES, series_of
from remediator.model import Evidence, Series
from remediator.policy import Thresholds


class Stream(NamedTuple):
    """The stream's minutes, and what arrived and was processed in each, where that was seen."""

    minutes: Sequence[datetime]
    arrivals: Sequence[float | None] | None
    processed: Sequence[float | None] | None


def measure_lanes(
    evidence: Evidence, thresholds: Thresholds, known: Signals, stream: Stream
) -> Signals:
    worked = _worked(evidence, stream.minutes, stream.processed)
    in_time = _worked_in_time(evidence, stream.minutes, stream.arrivals)
    usual = _usual_lane_rate(worked or in_time)
    return Signals(
        lane_rate=_lane_rate(evidence, worked, known.duration_ms),
        usual_lane_rate=usual,
        narrow_lane_rate=_narrow_lane_rate(
            evidence, worked, known.usual_concurrency, thresholds.saturation_ratio
        ),
        slowdown=_slowdown(evidence, known.duration_ms, usual),
    )


# Over so many, what was read is what was done: what is read in one may be done in the next.
_READ_AHEAD_MINUTES = 5

# Minutes with work: when, records done, seconds of lane work.
Worked = Sequence[tuple[datetime, float, float]]


def _worked(
    evidence: Evidence, minutes: Sequence[datetime], processed: Sequence[float | None] | None
) -> Worked:
    counts = dict((series_of(evidence, Metric.INVOCATIONS) or Series()).points)
    took = dict((series_of(evidence, Metric.DURATION_MS) or Series()).points)
    work = {at: counts[at] * took[at] / 1000 for at in counts if at in took}
    most, unseen = evidence.mapping.batch_size if evidence.mapping else 0, filters_unseen(evidence)
    return [
        (at, done if unseen else min(done, counts[at] * most), work[at])
        for at, done in zip(minutes, processed or (), strict=False)
        if done is not None and done > 0 and work.get(at, 0.0) > 0
    ]


def _worked_in_time(
    evidence: Evidence, minutes: Sequence[datetime], arrivals: Sequence[float | None] | None
) -> Worked:
    """Where it is not known what was done: while nothing lagged, that was what arrived."""
    kept_up = on_time(evidence)
    return [entry for entry in _worked(evidence, minutes, arrivals) if entry[0] in kept_up]


def _lane_rate(evidence: Evidence, worked: Worked, took_ms: float | None) -> float | None:
    """Records done per second of lane work; no more than full batches are."""
    rate = _pooled(worked[-_READ_AHEAD_MINUTES:])
    if rate is None or evidence.mapping is None:
        return None
    if not took_ms or filters_unseen(evidence):
        return rate
    return min(rate, evidence.mapping.batch_size * 1000 / took_ms)


def _pooled(worked: Worked) -> float | None:
    return sum(done for _, done, _ in worked) / sum(work for *_, work in worked) if worked else None


def _narrow_lane_rate(
    evidence: Evidence, worked: Worked, usual: float | None, ratio: float
) -> float | None:
    """What a lane got done just before more of them ran than usual; ``None`` where no more run."""
    running = series_of(evidence, Metric.CONCURRENT_EXECUTIONS)
    if running is None or usual is None:
        return None
    begin, narrow = None, 0
    for at, count in reversed(running.points):
        narrow = 0 if count >= ratio * max(1.0, usual) else narrow + 1
        if narrow >= LAST_MINUTES:
            break
        begin = begin if narrow else at
    if begin is None:
        return None
    return _pooled([entry for entry in worked if entry[0] < begin][-LAST_MINUTES:])


def _usual_lane_rate(worked: Worked) -> float | None:
    older = worked[: -2 * LAST_MINUTES] or worked[:-LAST_MINUTES]
    return median(done / work for _, done, work in older) if older else None


def _slowdown(evidence: Evidence, took_ms: float | None, usual: float | None) -> float | None:
    if evidence.mapping is None or took_ms is None or not usual or filters_unseen(evidence):
        return None
    return took_ms / 1000 / evidence.mapping.batch_size * usual
