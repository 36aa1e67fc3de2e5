"""Whether partition keys of a shard should be read, of which one, and how many."""

from typing import NamedTuple

from remediator.decide.case import Case
from remediator.evidence.metrics import Metric
from remediator.evidence.signals import LAST_MINUTES
from remediator.model import Cause, SourceKind

# Of the 2 MB a second that a shard gives to all of its readers.
_MOST_BYTES = 2**20
# Records, where nobody has seen how large they are.
_FEW = 50


class Wanted(NamedTuple):
    """One read of a shard's newest records."""

    shard_id: str
    records: int


def wanted(case: Case) -> Wanted | None:
    """What to read; ``None`` where the policy does not allow it, or keys would decide nothing."""
    evidence, stream, knobs = case.evidence, case.evidence.stream, case.policy.sampling
    if not knobs.enabled or evidence.key_sample is not None:
        return None
    if evidence.target.kind is not SourceKind.KINESIS:
        return None
    if stream is not None and stream.record_distribution == "AUTO":
        return None
    shard = _shard(case)
    return Wanted(shard, min(knobs.records, _that_fit(case))) if shard else None


def _shard(case: Case) -> str | None:
    """The hot one; where keys are said to be few, also the only one that there is."""
    cause, hot = case.diagnosis.cause, case.signals.hot_shard
    open_ones = [shard.shard_id for shard in case.evidence.shards or () if shard.is_open]
    if cause is Cause.HOT_PARTITION_KEY and len(open_ones) == 1:
        return open_ones[0]
    turns_on_keys = {Cause.HOT_PARTITION_KEY, Cause.SLOW_CONSUMER, Cause.READ_CONTENTION}
    return hot if cause in turns_on_keys and hot in open_ones else None


def _that_fit(case: Case) -> int:
    """Records that are no more than a call may take."""
    metrics = case.evidence.metrics
    written, records = metrics.get(Metric.INCOMING_BYTES), metrics.get(Metric.INCOMING_RECORDS)
    if written is None or records is None:
        return _FEW
    count = sum(records.values[-LAST_MINUTES:])
    size = sum(written.values[-LAST_MINUTES:]) / count if count else 0.0
    return max(1, int(_MOST_BYTES / size)) if size else _FEW
