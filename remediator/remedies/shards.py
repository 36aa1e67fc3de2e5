"""Split shards: the fallback. It helps what arrives from now on, never the present backlog."""

from math import ceil

from remediator.model import (
    Cause,
    Change,
    Detail,
    RemedyName,
    Resource,
    ResourceKind,
    Shard,
    SourceKind,
)
from remediator.remedies.base import Pass, Remedy, Situation, changes

NAME = RemedyName.SPLIT_SHARDS
CAVEATS = (
    "the present backlog does not drain faster: it stays in the parent shards",
    "every other consumer of the stream sees the new shards; each costs money",
)


def propose(here: Situation) -> tuple[Change, ...] | Pass:
    """Split the hot shard alone where one shows, else as many as the arrival asks for."""
    evidence = here.evidence
    stream, shards = evidence.stream, evidence.open_shards
    if evidence.target.kind is SourceKind.DYNAMODB:
        return Pass("a DynamoDB stream cannot be resharded by its user")
    if stream is None or not shards:
        return Pass("the stream was not seen")
    if stream.on_demand:
        return Pass("an on-demand stream splits its shards by itself")
    if evidence.mapping and evidence.mapping.tumbling_window_seconds > 0:
        return Pass("the mapping uses tumbling windows, which do not support resharding")
    if here.diagnosis.detail is Detail.CALLS:
        return Pass("readers make too many calls: each would call every new shard as often")
    if here.diagnosis.cause is Cause.SLOW_CONSUMER and not _arrival_exceeds(here):
        return Pass("arrival is within capacity: new shards would not touch the backlog")
    if here.diagnosis.cause is Cause.SLOW_CONSUMER and _lanes_missing(here):
        return Pass("concurrency is what lacks: more shards need more of it, too")
    hot = _hot_shard(here)
    if hot is not None:
        return _split_one(here, hot)
    return _split_all(here, shards)


def _lanes_missing(here: Situation) -> bool:
    """Whether a higher ParallelizationFactor failed only for want of concurrency."""
    flow, shards = here.flow, here.evidence.open_shards
    if flow is None or here.spare_concurrency is None or not shards:
        return False
    room = flow.parallelization_factor < here.policy.limits.parallelization_factor
    return room and here.spare_concurrency < shards


def _arrival_exceeds(here: Situation) -> bool:
    flow = here.flow
    if flow is None or flow.arrival_per_second is None:
        return (here.signals.age_slope or 0) > 0
    capacity = flow.capacity(flow.parallelization_factor)
    return capacity is None or flow.arrival_per_second > capacity * (
        here.policy.forecast.healthy_utilisation
    )


def _hot_shard(here: Situation) -> Shard | None:
    name = here.signals.hot_shard
    shards = here.evidence.shards or ()
    return next((shard for shard in shards if shard.shard_id == name and shard.is_open), None)


def _split_one(here: Situation, shard: Shard) -> tuple[Change, ...] | Pass:
    if shard.last_hash_key <= shard.first_hash_key:
        return Pass(f"{shard.shard_id} holds a single hash key and cannot be split")
    arn = here.evidence.target.source_arn
    return changes(
        NAME,
        Resource(
            kind=ResourceKind.HASH_RANGE,
            id=f"{arn}#{shard.first_hash_key}-{shard.last_hash_key}",
        ),
        {"shards": (1, 2)},
        f"{shard.shard_id} takes far more than its share",
        CAVEATS,
    )


def _split_all(here: Situation, shards: int) -> tuple[Change, ...] | Pass:
    wanted = min(_enough(here, shards), shards * 2, here.policy.limits.shards)
    if wanted <= shards:
        return Pass(f"the policy allows no more than {here.policy.limits.shards} shards")
    return changes(
        NAME,
        Resource(kind=ResourceKind.STREAM, id=here.evidence.target.source_arn),
        {"shard_count": (shards, wanted)},
        "more shards carry what arrives from now on",
        CAVEATS,
    )


def _enough(here: Situation, shards: int) -> int:
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


_NO_STREAM_HAS = 1_000_000
"""Shards; more are not worth counting, and what hardly moves would need infinitely many."""


REMEDY = Remedy(
    NAME,
    propose,
    permissions=("kinesis:UpdateShardCount", "kinesis:SplitShard", "kinesis:MergeShards"),
    caveats=CAVEATS,
)
