"""What the partition keys of sampled records say of a shard: one hot key, or where to split it."""

from itertools import accumulate

from remediator.evidence.record import Signals
from remediator.model import Evidence, KeySample, Shard
from remediator.policy import Thresholds

# Fewer say nothing: half of a handful is chance.
_ENOUGH = 50


def measure_keys(evidence: Evidence, _: Thresholds, __: Signals) -> Signals:
    """Missing where the records hold a producer's aggregates, whose keys do not show, and where
    a producer chose the hashes itself (ExplicitHashKey), which AWS does not give back."""
    sample = evidence.key_sample
    if sample is None or sample.records < _ENOUGH or sample.aggregated or not sample.keys:
        return Signals()
    shard = next((one for one in evidence.shards or () if one.shard_id == sample.shard_id), None)
    if shard is None or not _hashed_by_key(sample, shard):
        return Signals()
    found = Signals(
        sampled_records=sample.records,
        hottest_key_share=max(key.records for key in sample.keys) / sample.records,
    )
    return found | _halves(sample)


def _hashed_by_key(sample: KeySample, shard: Shard) -> bool:
    return all(shard.first_hash_key <= key.hash_key <= shard.last_hash_key for key in sample.keys)


def _halves(sample: KeySample) -> Signals:
    """Between which two keys to split: in their middle, so that keys that were not seen are spread
    as well."""
    keys = sorted(sample.keys, key=lambda key: key.hash_key)
    if len(keys) < 2:
        return Signals()
    total = sum(key.records for key in keys)
    below = list(accumulate(key.records for key in keys))[:-1]
    cut = min(range(len(below)), key=lambda n: abs(2 * below[n] - total))
    at = (keys[cut].hash_key + keys[cut + 1].hash_key + 1) // 2
    return Signals(split_at=str(at), split_share=max(below[cut], total - below[cut]) / total)
