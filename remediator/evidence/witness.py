"""Who testifies that a mapping's own records succeed: not what else invokes its function.

Five witnesses, each of this mapping alone: its event counts, the batches of streams (where no other
stream feeds the function), the age of the youngest batch, how many are young, what is read of the
stream (where nobody else reads it). What was not seen testifies nothing, in either direction.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from math import inf, log
from statistics import median

from remediator.evidence.age import LONGEST_WAIT_SECONDS
from remediator.evidence.counts import goes_on_at, may_be
from remediator.evidence.course import whole_until
from remediator.evidence.explained import normal_age_seconds
from remediator.evidence.metrics import Metric
from remediator.evidence.record import Signals
from remediator.evidence.series import (
    LAST_MINUTES,
    MINUTE,
    counts_of,
    lanes_of,
    series_of,
    slope,
)
from remediator.model import Evidence, Series, SourceKind
from remediator.policy import Thresholds

Counts = Mapping[datetime, float]

# Records of a shard that a poller may hold unprocessed (undocumented): while a stuck shard's fill
# up, reads go on as if nothing were wrong.
READ_AHEAD_RECORDS = 1000


def measure_witness(evidence: Evidence, thresholds: Thresholds, known: Signals) -> Signals:
    since = known.onset if _fails_as_ever(known) else known.failing_since or known.onset
    if since is None:
        return Signals()
    alone = Signals(
        event_share=_event_share(evidence, since),
        others_move=_others_move(
            evidence, min(since, known.onset or since), thresholds.stuck_slope
        ),
    )
    young = _young(evidence, since, known)
    return alone | young | _batches(evidence, since, known) | _reads(evidence, since)


def _fails_as_ever(known: Signals) -> bool:
    """Whether about as much failed while nothing lagged: then its trouble began with the lag."""
    now, before = known.error_share, known.error_share_before
    return now is not None and before is not None and now <= _AS_EVER * before


_AS_EVER = 1.5


def stream_invocations(evidence: Evidence) -> Counts | None:
    """Invocations with batches of this mapping, by minute; ``None`` where they may be another's."""
    alone = evidence.sibling_mappings == 0 and counts_batches(evidence)
    return _by_minute(evidence, Metric.STREAM_INVOCATIONS) if alone else None


def counts_batches(evidence: Evidence) -> bool:
    """Whether invocations with batches of streams are told from all others. A count above that of
    all invocations is none: whoever gave it gave something else."""
    counts, whole = _by_minute(evidence, Metric.STREAM_INVOCATIONS), _invocations(evidence)
    if not counts or not whole:
        return False
    return all(count <= 1.1 * whole.get(at, 0.0) + 1 for at, count in counts.items())


def _invocations(evidence: Evidence) -> Counts:
    return _by_minute(evidence, Metric.INVOCATIONS)


def _by_minute(evidence: Evidence, metric: Metric) -> Counts:
    return dict((series_of(evidence, metric) or Series()).points)


def _beside(evidence: Evidence, metric: Metric, minutes: Sequence[datetime]) -> Counts:
    """A count in those of the minutes in which it was not lost."""
    seen = counts_of(evidence, metric, minutes) or ()
    return {at: n for at, n in zip(minutes, seen, strict=False) if n is not None}


def _failing(minutes: Sequence[datetime], since: datetime) -> list[datetime]:
    """Whole minutes in which it failed, the newest of them."""
    return [at for at in sorted(minutes) if at > since][-2 * LAST_MINUTES :]


def _usual(of: Callable[[datetime], float], minutes: Sequence[datetime], since: datetime) -> float:
    before = [of(at) for at in minutes if at + MINUTE <= since]
    return median(before) if len(before) >= LAST_MINUTES else 0.0


# That have to succeed before it is more than one that came between two tries.
_FEWEST_RECORDS = 5


def _event_share(evidence: Evidence, since: datetime) -> float | None:
    invoked = _by_minute(evidence, Metric.INVOKED_EVENTS)
    failed = _by_minute(evidence, Metric.FAILED_INVOKE_EVENTS)
    arrived = _by_minute(evidence, Metric.INCOMING_RECORDS)
    minutes = sorted(_beside(evidence, Metric.INVOKED_EVENTS, list(invoked)))
    failing = _failing([at for at in minutes if at in failed or not failed], since)

    def done(at: datetime) -> float:
        return max(0.0, invoked[at] - failed.get(at, 0.0))

    usual = _usual(done, minutes, since) or _usual(arrived.__getitem__, list(arrived), since)
    if not failing or not usual:
        return None
    share = median(map(done, failing)) / usual
    return None if share and sum(map(done, failing)) < _FEWEST_RECORDS else share


def _batches(evidence: Evidence, since: datetime, known: Signals) -> Signals:
    """Every error may have been of another trigger: what is left surely succeeded."""
    counts, whole = stream_invocations(evidence), _invocations(evidence)
    errors = _beside(evidence, Metric.ERRORS, sorted(counts or ()))
    if counts is None or not errors:
        return Signals()
    failing = _failing([at for at in counts if at in errors], since)
    usual = _usual(counts.__getitem__, list(counts), since)
    if not failing or not usual:
        return Signals()
    done = [max(0.0, counts[at] - errors[at]) for at in failing]
    alone = usual >= 0.9 * _usual(whole.__getitem__, list(whole), since)
    each = _usual_records(evidence, usual, since)
    times = (_longer(known, evidence, each) if alone else 1.0) / usual
    return Signals(
        batch_share=times * min(median(done), goes_on_at(done)),
        batch_share_at_most=times * may_be(sum(done)) / len(done),
        others_invoke=not alone,
    )


def _young(evidence: Evidence, since: datetime, known: Signals) -> Signals:
    """A lane of which nothing succeeds grows old with its batch: where about as many as ever are
    younger than what stands still, lanes get on, whatever their function reports. How many are is
    told by the mean: of all ages, no more than so large a share can be above some age. Younger they
    have to be by as long as it takes until every lane has had something to do."""
    counts, means = stream_invocations(evidence), _by_minute(evidence, Metric.MEAN_AGE_MS)
    oldest = _by_minute(evidence, Metric.ITERATOR_AGE_MS)
    youngest = _by_minute(evidence, Metric.YOUNGEST_AGE_MS)
    lanes, stands = lanes_of(evidence), known.still_minutes
    both = [at for at in counts or () if at in means and at in oldest and at in youngest]
    usual = _usual((counts or {}).__getitem__, list(counts or ()), since)
    failing = _failing(both, since)[-LAST_MINUTES:]
    if not counts or not usual or len(failing) < _FEWEST_MINUTES or not lanes or not stands:
        return Signals()
    half = min(oldest[at] for at in failing) / 2
    busy_by = 60_000 * lanes * log(lanes / _HARDLY_A_LANE) / usual if lanes > 1 else 0.0
    if half <= max(busy_by, 1000 * normal_age_seconds(evidence)):
        return Signals()

    def young(at: datetime) -> float:
        old = max(oldest[at] / 2, oldest[at] - max(60_000, busy_by))
        above = (means[at] - youngest[at]) / max(old - youngest[at], 1.0)
        return counts[at] * (1 - min(1.0, max(0.0, above)))

    tried = max(counts[at] for at in failing)
    failed = max(_UNSEEN, 1 - usual * (lanes - 1) / lanes / tried)
    return Signals(
        young_share=median(map(young, failing)) / usual,
        young_by_chance=min(1.0, lanes * failed ** (stands * 60 / LONGEST_WAIT_SECONDS)),
    )


# Of all lanes; of young batches, that may have failed though no more of them came than usual.
_HARDLY_A_LANE, _UNSEEN = 0.5, 0.3
_FEWEST_MINUTES = 2


def _longer(known: Signals, evidence: Evidence, usual_records: float) -> float:
    """Fewer invocations may get as much done: of larger batches, which take longer. By no more than
    a full batch holds: what takes longer still is slower, or hangs."""
    takes, took, mapping = known.duration_ms, known.usual_duration_ms, evidence.mapping
    if takes is None or not took:
        return 1.0
    full = mapping.batch_size / usual_records if mapping else inf
    return max(1.0, min(takes / took, full))


def _usual_records(evidence: Evidence, batches: float, since: datetime) -> float:
    """Of a batch, no fewer than: what was read of the stream, where nobody else reads it."""
    reads, mapping = _own_reads(evidence), evidence.mapping
    if mapping is None or mapping.filters_events:
        return 1.0
    return max(1.0, _usual(reads.__getitem__, list(reads), since) / batches)


def _others_move(evidence: Evidence, since: datetime, stuck_slope: float) -> bool | None:
    """A shard of which nothing succeeds grows older by a second a second, and each of its tries
    says so: where the youngest batch does not, something moves on."""
    if evidence.sibling_mappings != 0:
        return None
    youngest = _by_minute(evidence, Metric.YOUNGEST_AGE_MS)
    oldest = _by_minute(evidence, Metric.ITERATOR_AGE_MS)
    whole = whole_until(evidence)
    seen = [at for at in sorted(youngest) if at in oldest and (whole is None or at <= whole)]
    newest = seen[-LAST_MINUTES:]
    lags = [at for at in newest if at > since]
    if len(newest) < LAST_MINUTES or not lags:
        return None
    ages = [(at, youngest[at] / 1000) for at in newest]
    climbs = slope(ages) or 0.0
    if all(youngest[at] <= oldest[at] / 2 for at in lags) and climbs < stuck_slope / 2:
        return True
    steadily = all(now > was for (_, was), (_, now) in pairwise(ages))
    steadily = steadily and stuck_slope / 2 <= climbs <= _NO_FASTER
    old = all(youngest[at] > oldest[at] / 2 for at in lags)
    return False if steadily or old else None


# Seconds of age a second: by more nothing ages, it jumps.
_NO_FASTER = 1.5


def _reads(evidence: Evidence, since: datetime) -> Signals:
    reads, arrived = _own_reads(evidence), _by_minute(evidence, Metric.INCOMING_RECORDS)
    shards, mapping = evidence.open_shards, evidence.mapping
    errors = _beside(evidence, Metric.ERRORS, sorted(reads))
    both = [at for at in reads if at in arrived and (at in errors or not errors)]
    failing = _failing(both, since)
    usual = _usual(arrived.__getitem__, both, since)
    if not failing or not usual or not shards or mapping is None:
        return Signals()
    usually_read = _usual(reads.__getitem__, both, since)
    if evidence.target.kind is SourceKind.DYNAMODB:
        arrived = dict.fromkeys(both, usually_read)  # capacity units are no records
    elif not 0.8 * usual <= usually_read <= 1.25 * usual:
        return Signals()  # somebody else reads it, or this one was late before
    came, read = sum(arrived[at] for at in failing), sum(reads[at] for at in failing)
    if not came:
        return Signals()
    again = _read_again(evidence, failing, usually_read, since)
    at_most = sum(_beside(evidence, Metric.ERRORS, failing).values())
    return Signals(
        read_share=max(0.0, read - again) / came,
        read_share_at_most=may_be(read) / came,
        read_share_at_least=max(0.0, read - at_most * mapping.batch_size) / came,
        reads_dropped=shards > 1 and 0.9 * (shards - 1) <= shards * read / came <= shards - 0.5,
        reads_outrun=sum(count for at, count in reads.items() if at > since)
        > shards * max(READ_AHEAD_RECORDS, mapping.batch_size * mapping.parallelization_factor),
    )


def _own_reads(evidence: Evidence) -> Counts:
    """What is read for this mapping and nobody else."""
    if evidence.target.consumer_arn is not None:
        return _by_minute(evidence, Metric.PUSHED_RECORDS)
    if evidence.shared_readers != 0:
        return {}
    return _by_minute(evidence, Metric.READ_RECORDS)


def _read_again(
    evidence: Evidence, failing: Sequence[datetime], usually_read: float, since: datetime
) -> float:
    """Records of failed batches, which are read anew for each try, by the usual size of a batch.

    Retries of a mapping with enhanced fan-out are not pushed, so they are not in its count.
    """
    if evidence.target.consumer_arn is not None:
        return 0.0
    failed = _beside(evidence, Metric.FAILED_INVOKE_EVENTS, failing)
    if failed:
        return sum(failed.values())
    counts = stream_invocations(evidence) or _invocations(evidence)
    usual = _usual(counts.__getitem__, list(counts), since)
    each = usually_read / usual if usual else 0.0
    return each * sum(_beside(evidence, Metric.ERRORS, failing).values())
