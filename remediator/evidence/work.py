"""The lanes at work, the reads, the shards."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from math import ceil
from statistics import fmean

from remediator.evidence.metrics import Metric
from remediator.evidence.once import once
from remediator.evidence.record import Signals
from remediator.evidence.series import (
    INVOCATION_FAMILY,
    LAST_MINUTES,
    LOST_AT_MOST,
    MINUTE,
    STREAM_FAMILY,
    counts_of,
    known,
    lanes_of,
    long_minutes,
    mean_of,
    median_of,
    minutes_seen,
    newest_of,
    series_of,
    slope,
    usual_of,
)
from remediator.evidence.witness import stream_invocations
from remediator.model import Evidence, Series
from remediator.policy import Thresholds


def measure_work(evidence: Evidence, thresholds: Thresholds, known: Signals) -> Signals:
    recent, onset = thresholds.recent_minutes, known.onset
    duration = series_of(evidence, Metric.DURATION_MS)
    running = series_of(evidence, Metric.CONCURRENT_EXECUTIONS)
    lanes = lanes_of(evidence)
    work = work_of(evidence)
    busy = _busy(evidence, work)

    def lately(metric: Metric) -> tuple[float, ...]:
        return newest_of(evidence, metric, recent)

    return Signals(
        duration_ms=mean_of(lately(Metric.DURATION_MS)[-LAST_MINUTES:]),
        usual_duration_ms=usual_of(duration, onset, LAST_MINUTES),
        duration_max_ms=median_of(lately(Metric.DURATION_MAX_MS)[-LAST_MINUTES:]),
        usual_duration_max_ms=usual_of(
            series_of(evidence, Metric.DURATION_MAX_MS), onset, LAST_MINUTES
        ),
        concurrency=max(lately(Metric.CONCURRENT_EXECUTIONS)[-LAST_MINUTES:], default=None),
        usual_concurrency=usual_of(running, onset, LAST_MINUTES),
        account_concurrency=max(lately(Metric.ACCOUNT_CONCURRENT_EXECUTIONS), default=None),
        unreserved_in_use=max(lately(Metric.UNRESERVED_CONCURRENT_EXECUTIONS), default=None),
        others_at_most=_others_at_most(evidence),
        set_aside=_set_aside(evidence),
        claimed_concurrency=max(lately(Metric.CLAIMED_ACCOUNT_CONCURRENCY), default=None),
        lanes=lanes,
        busy_lanes=busy,
        usual_busy_lanes=usual_of(work, onset, LAST_MINUTES),
        busy_share=_busy_share(evidence, busy, running),
        cpu_share=_cpu_share(evidence),
        most_done_per_second=_most_done(evidence),
    )


def _others_at_most(evidence: Evidence) -> float | None:
    """Of all minutes that were seen: who comes in waves comes again. What our own function runs is
    among it where it has no reservation."""
    used = series_of(evidence, Metric.UNRESERVED_CONCURRENT_EXECUTIONS)
    function = evidence.function
    if used is None or function is None:
        return None
    own = (
        {} if function.reserved_concurrency else _by_minute(evidence, Metric.CONCURRENT_EXECUTIONS)
    )
    return max((count - own.get(at, 0.0) for at, count in used.points), default=None)


def _set_aside(evidence: Evidence) -> float | None:
    """Of the newest minutes: what we have reserved just now is in the last of them only."""
    used = _by_minute(evidence, Metric.UNRESERVED_CONCURRENT_EXECUTIONS)
    claimed = series_of(evidence, Metric.CLAIMED_ACCOUNT_CONCURRENCY) or Series()
    apart = [count - used[at] for at, count in claimed.points if at in used]
    return max(apart[-LAST_MINUTES:], default=None)


def _busy_share(evidence: Evidence, busy: float | None, running: Series | None) -> float | None:
    """Where the shards were not seen, so many lanes are taken to be there as ever ran at once."""
    lanes: float | None = lanes_of(evidence)
    if evidence.mapping is not None and evidence.open_shards is None and running:
        lanes = max(running.values, default=None)
    return busy / lanes if busy is not None and lanes else None


@once
def work_of(evidence: Evidence) -> Series | None:
    """Mean number of lanes at work, minute by minute: invocations × duration (Little's law). What
    takes longer than its minute is at work in the next ones, too."""
    counts, durations = (
        series_of(evidence, Metric.INVOCATIONS),
        series_of(evidence, Metric.DURATION_MS),
    )
    if counts is None or durations is None:
        return None
    took, work = dict(durations.points), defaultdict[datetime, float](float)
    for at, count in counts.points:
        over = max(1, ceil(took.get(at, 0.0) / 60_000))
        for minute in (at + n * MINUTE for n in range(over if at in took else 0)):
            work[minute] += count * took[at] / 60_000 / over
    newest = max(minutes_seen(evidence, (*INVOCATION_FAMILY, *STREAM_FAMILY)))
    return Series(points=tuple((at, work[at]) for at in sorted(work) if at <= newest))


def _busy(evidence: Evidence, work: Series | None) -> float | None:
    """Lanes at work now. The newest minutes may be incomplete, which would look idle: take the
    busiest of the newest, and no less than what is still out."""
    if work is None:
        return None
    by_minute, lately = dict(work.points), LAST_MINUTES + long_minutes(evidence)
    newest = minutes_seen(evidence, (*INVOCATION_FAMILY, *STREAM_FAMILY))[-lately:]
    counts = counts_of(evidence, Metric.INVOCATIONS, newest) or (None,) * len(newest)
    seen = known(
        by_minute.get(minute, None if count else count)
        for minute, count in zip(newest, counts, strict=True)
    )
    return max((*seen, *_still_out(evidence)), default=None)


def _still_out(evidence: Evidence) -> tuple[float, ...]:
    """Lanes that run all the time, where fewer invocations than that begin and end: those are out
    for longer than a minute, and are counted only once they have ended."""
    running = (series_of(evidence, Metric.CONCURRENT_EXECUTIONS) or Series()).points[-LAST_MINUTES:]
    batches = stream_invocations(evidence)
    ended = _by_minute(evidence, Metric.INVOCATIONS) if batches is None else batches
    active = [at for at, count in ended.items() if count]
    idle = [at for at in minutes_seen(evidence, STREAM_FAMILY) if active and at < min(active)]
    if running and idle and len(active) < LAST_MINUTES:
        # It has just begun: a part of a minute is no mean of it.
        return (min(running[-1][1], lanes_of(evidence) or running[-1][1]),)
    whole = _by_minute(evidence, Metric.INVOCATIONS)
    out = [count for at, count in running if count > whole.get(at, 0.0)]
    lanes = lanes_of(evidence) or max(out, default=0.0)
    return (min(lanes, *out),) if len(out) == LAST_MINUTES else ()


def _most_done(evidence: Evidence) -> float | None:
    """Records a second, if every batch of this mapping was full that began of late and has ended by
    now, in the best of those minutes."""
    batches = stream_invocations(evidence)
    if not batches or evidence.mapping is None:
        return None
    ended = sorted(batches)[: -long_minutes(evidence) or None][-LAST_MINUTES:]
    most = max((batches[at] for at in ended), default=None)
    return None if most is None else most * evidence.mapping.batch_size / 60


def _by_minute(evidence: Evidence, metric: Metric) -> dict[datetime, float]:
    return dict((series_of(evidence, metric) or Series()).points)


def _cpu_share(evidence: Evidence) -> float | None:
    cpu = series_of(evidence, Metric.CPU_TOTAL_TIME_MS)
    duration = series_of(evidence, Metric.DURATION_MS)
    memory = evidence.function.memory_mb if evidence.function else None
    if cpu is None or duration is None or memory is None or not cpu.points or not duration.points:
        return None
    spent, took = fmean(cpu.values[-LAST_MINUTES:]), fmean(duration.values[-LAST_MINUTES:])
    vcpus = min(1.0, memory / 1769)  # Lambda docs: 1,769 MB is one vCPU; one thread uses one
    paid_for = took * vcpus
    return spent / paid_for if paid_for else None


def measure_reads(evidence: Evidence, thresholds: Thresholds, _: Signals) -> Signals:
    minutes = minutes_seen(evidence, STREAM_FAMILY)[-LAST_MINUTES - LOST_AT_MOST :]
    throttles = counts_of(evidence, Metric.READ_THROTTLES, minutes)
    calls = counts_of(evidence, Metric.READ_CALLS, minutes)
    shares = (_read_shares(evidence, minutes, throttles, calls) or ())[-LAST_MINUTES:]
    shards = evidence.open_shards
    volume = counts_of(evidence, Metric.READ_BYTES, minutes)
    read_bytes = mean_of(known(volume or ())[-LAST_MINUTES:])
    mean_calls = mean_of(known(calls or ())[-LAST_MINUTES:])
    return Signals(
        read_throttle_share=mean_of(shares),
        read_throttled_minutes=None
        if not shares
        else sum(share >= thresholds.read_throttle_share for share in shares),
        read_bytes_share=read_bytes / (60 * 2 * 2**20 * shards)
        if read_bytes is not None and shards
        else None,
        read_calls_share=mean_calls / (60 * 5 * shards)
        if mean_calls is not None and shards
        else None,
        other_shared_readers=evidence.shared_readers,
    )


def _read_shares(
    evidence: Evidence,
    minutes: Sequence[datetime],
    throttles: Sequence[float | None] | None,
    calls: Sequence[float | None] | None,
) -> tuple[float, ...] | None:
    """Share of GetRecords calls that were throttled, by minute; lost minutes are left out."""
    averages = counts_of(evidence, Metric.READ_THROTTLE_SHARE, minutes)
    if averages is not None:
        return tuple(min(1.0, share) for share in known(averages))
    if throttles is None:
        return None
    done = calls or (0.0,) * len(throttles)
    return tuple(
        refused / (refused + call) if refused + call else 0.0
        for refused, call in zip(throttles, done, strict=True)
        if refused is not None and call is not None
    )


def measure_shards(evidence: Evidence, thresholds: Thresholds, _: Signals) -> Signals:
    if not evidence.shard_metrics:
        return Signals()
    shared = evidence.target.consumer_arn is None  # else the age is that of others, who poll
    ages = [
        [(at, value / 1000) for at, value in series.points]
        for metrics in evidence.shard_metrics.values()
        if (series := metrics.get(Metric.SHARD_ITERATOR_AGE_MS)) and series.points
    ]
    return Signals(
        stuck_shards=sum(_stands(points, thresholds) for points in ages)
        if ages and shared
        else None,
        hot_shard=_hot_shard(evidence, thresholds),
    )


def _stands(points: Sequence[tuple[datetime, float]], thresholds: Thresholds) -> bool:
    """Whether a shard's age climbs like a stopped clock: from minute to minute, and not by one jump
    from an age of nothing to that of a record that has waited for its batch."""
    newest = pairwise(age for _, age in points[-LAST_MINUTES:])
    return (
        all(now > was for was, now in newest) and (slope(points) or 0.0) >= thresholds.stuck_slope
    )


def _hot_shard(evidence: Evidence, thresholds: Thresholds) -> str | None:
    incoming = {
        shard: fmean(series.values[-thresholds.recent_minutes :])
        for shard, metrics in evidence.shard_metrics.items()
        if (series := metrics.get(Metric.SHARD_INCOMING_RECORDS)) and series.points
    }
    if len(incoming) < 2:
        return None
    hottest = max(incoming, key=lambda shard: incoming[shard])
    even = sum(incoming.values()) / len(incoming)
    return hottest if even and incoming[hottest] >= thresholds.hot_shard_ratio * even else None
