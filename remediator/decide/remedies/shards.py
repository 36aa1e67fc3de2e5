"""Split shards: the fallback. It helps what arrives from now on, never the present backlog.

Shards are split one by one, so that merging undoes exactly what was done and a hand-made layout
comes back as it was (Kinesis API Reference: SplitShard, MergeShards; UpdateShardCount would make
all shards alike).
"""

from math import ceil

from remediator.decide.case import Case
from remediator.decide.remedies.base import Pass, Remedy
from remediator.evidence.metrics import Metric
from remediator.model import (
    Cause,
    Change,
    Detail,
    RemedyName,
    Resource,
    Shard,
    SourceKind,
)
from remediator.settings_table import SHARDS

NAME = RemedyName.SPLIT_SHARDS
CAVEATS = (
    "the present backlog does not drain faster: it stays in the parent shards",
    "every other consumer of the stream sees the new shards; each costs money",
    (
        "aggregated records (KPL) on their way may lose sub-records at consumers that "
        "de-aggregate: KCL 2, and Lambda with enhanced fan-out"
    ),
)


def propose(here: Case) -> tuple[Change, ...] | Pass:
    """Split the hot shard alone where one shows, else as many as the arrival asks for."""
    evidence = here.evidence
    stream, shards = evidence.stream, evidence.open_shards
    if evidence.target.kind is SourceKind.DYNAMODB:
        return Pass("a DynamoDB stream cannot be resharded by its user")
    if stream is None or not shards:
        return Pass("the stream was not seen")
    if stream.on_demand:
        return Pass("an on-demand stream splits its shards by itself")
    if window := evidence.tumbling:
        return Pass(f"{window} uses tumbling windows, which do not support resharding")
    if here.diagnosis.detail is Detail.CALLS:
        return Pass("readers make too many calls: each would call every new shard as often")
    if here.diagnosis.cause is Cause.SLOW_CONSUMER and not _arrival_exceeds(here):
        return Pass("arrival is within capacity: new shards would not touch the backlog")
    if here.diagnosis.cause is Cause.SLOW_CONSUMER and _lanes_missing(here):
        return Pass("concurrency is what lacks: more shards need more of it, too")
    hot = _hot_shard(here)
    if hot is not None:
        return _split_one(here, hot)
    return _split_some(here, shards)


def _lanes_missing(here: Case) -> bool:
    """Whether a higher ParallelizationFactor failed only for want of concurrency."""
    flow, shards = here.flow, here.evidence.open_shards
    if flow is None or here.spare_concurrency is None or not shards:
        return False
    room = flow.parallelization_factor < here.policy.limits.parallelization_factor
    return room and here.spare_concurrency < shards


def _arrival_exceeds(here: Case) -> bool:
    flow = here.flow
    if flow is None or flow.arrival_per_second is None:
        return (here.signals.age_slope or 0) > 0
    capacity = flow.capacity(flow.parallelization_factor)
    return capacity is None or flow.arrival_per_second > capacity * (
        here.policy.forecast.healthy_utilisation
    )


def _hot_shard(here: Case) -> Shard | None:
    name = here.signals.hot_shard
    shards = here.evidence.shards or ()
    return next((shard for shard in shards if shard.shard_id == name and shard.is_open), None)


def _split_one(here: Case, shard: Shard) -> tuple[Change, ...] | Pass:
    signals, why = here.signals, f"{shard.shard_id} takes far more than its share"
    share, at = signals.hottest_key_share, _where_its_load_halves(here, shard)
    if not _can_be_split(shard):
        return Pass(f"{shard.shard_id} holds a single hash key and cannot be split")
    if share is not None and share >= here.policy.sampling.hot_key_share:
        return Pass(
            f"one partition key carries {share:.0%} of what {shard.shard_id} takes: a split moves "
            "it whole"
        )
    if at is not None:
        why += (
            f"; split where its load halves: the larger part has {signals.split_share:.0%} of "
            f"{signals.sampled_records} records that were read"
        )
    return _split(here, shard, why, at)


def _where_its_load_halves(here: Case, shard: Shard) -> str | None:
    """Where the upper part begins; ``None``: in the middle, as well as is known."""
    sample, at = here.evidence.key_sample, here.signals.split_at
    seen = sample is not None and sample.shard_id == shard.shard_id
    fits = at is not None and shard.first_hash_key < int(at) <= shard.last_hash_key
    return at if seen and fits else None


def _split_some(here: Case, shards: int) -> tuple[Change, ...] | Pass:
    """As many as are needed, those first that take most; at most each of them once."""
    wanted = min(_enough(here, shards), shards * 2, here.policy.limits.shards)
    if wanted <= shards:
        return Pass(f"the policy allows no more than {here.policy.limits.shards} shards")
    if here.evidence.shards is None:
        return Pass("which shards there are was not seen")
    able = [one for one in here.evidence.shards if one.is_open and _can_be_split(one)]
    chosen = sorted(able, key=lambda shard: _load(here, shard), reverse=True)[: wanted - shards]
    why = f"{wanted} shards instead of {shards} carry what arrives from now on"
    return tuple(change for shard in chosen for change in _split(here, shard, why)) or Pass(
        "every shard holds a single hash key and cannot be split"
    )


def _load(here: Case, shard: Shard) -> tuple[float, int]:
    """What a shard takes, where that is published; else how much of the hash keys it has."""
    series = here.evidence.shard_metrics.get(shard.shard_id, {}).get(Metric.SHARD_INCOMING_RECORDS)
    taken = sum(series.values[-here.policy.thresholds.recent_minutes :]) if series else 0.0
    return taken, shard.last_hash_key - shard.first_hash_key


def _can_be_split(shard: Shard) -> bool:
    return shard.last_hash_key > shard.first_hash_key


def _split(here: Case, shard: Shard, why: str, at: str | None = None) -> tuple[Change, ...]:
    span = f"{here.evidence.target.source_arn}#{shard.first_hash_key}-{shard.last_hash_key}"
    span += f"@{at}" if at else ""
    split = Change(
        remedy=NAME,
        resource=Resource(kind=SHARDS.kind, id=span),
        setting=SHARDS.name,
        before=1,
        after=2,
        why=why,
        caveats=CAVEATS,
    )
    return (split,)


def _enough(here: Case, shards: int) -> int:
    """Shards that carry the arrival with headroom; twice the present where that is not known."""
    flow = here.flow
    if flow is None or not flow.arrival_per_second:
        return shards * 2
    capacity = flow.capacity(flow.parallelization_factor)
    if not capacity or here.diagnosis.cause is Cause.READ_CONTENTION:
        return shards * 2
    each = capacity / flow.shards * here.policy.forecast.healthy_utilisation
    needed = flow.arrival_per_second / each if each else _NO_STREAM_HAS
    return max(shards + 1, ceil(min(needed, _NO_STREAM_HAS)))


# Shards; more are not worth counting, and what hardly moves would need infinitely many.
_NO_STREAM_HAS = 1_000_000


REMEDY = Remedy(
    NAME,
    propose,
    permissions=("kinesis:SplitShard", "kinesis:MergeShards"),
    caveats=CAVEATS,
    asked_first=lambda here: not here.policy.is_ours_alone(here.evidence.target.stream),
)
