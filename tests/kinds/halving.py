"""What is shown once failed batches are split."""

from remediator.model import Cause
from tests.evidence import aged, climbing, evidence, one_shard_fails, since
from tests.kinds.readings import Alike, Kinds, split_since

ALIKE: Alike = {
    "one shard, all fails, split: halves succeed": (
        split_since(8, errors=[0] * 10 + [60] * 12 + [50] * 4 + [60] * 4),
        Cause.POISON_RECORD,
        "isolated",
    ),
    "one shard, halves succeed, but so did some before they were split": (
        split_since(8, errors=[0] * 10 + [45] * 12 + [50] * 4 + [60] * 4),
        Cause.FUNCTION_FAILURE,
        "partial",
    ),
    "one shard, all fails now, but something succeeded meanwhile": (
        one_shard_fails(errors=[0] * 20 + [50] * 7 + [60] * 3),
        Cause.FUNCTION_FAILURE,
        "partial",
    ),
    "one shard, all fails, split: nothing succeeds, as where the bad record is the first": (
        split_since(8, errors=since(20, 60)),
        Cause.POISON_RECORD,
        "undecided",
    ),
    "one shard, all fails, split just now: nothing succeeds yet": (
        split_since(3, errors=since(20, 60)),
        Cause.POISON_RECORD,
        "suspected",
    ),
    "one shard of two lanes, all fails: twice as often since there are two": (
        split_since(
            8,
            errors=since(20, 6)[:22] + [12.0] * 8,
            invocations=since(20, 6, 60)[:22] + [12.0] * 8,
            parallelization_factor=2,
        ),
        Cause.FUNCTION_FAILURE,
        "everywhere",
    ),
    "one shard of two lanes, all fails: no oftener, so perhaps in one lane alone": (
        split_since(8, errors=since(20, 60), parallelization_factor=2),
        Cause.POISON_RECORD,
        "undecided",
    ),
}


KINDS: Kinds = {
    "one success since batches are split, where hundreds failed before, may be chance": (
        split_since(8, errors=[0.0] * 10 + [60.0] * 15 + [59.0] + [60.0] * 4),
        Cause.POISON_RECORD,
    ),
    "a record in one of two shards that have too much to do, whose halves fail at once and wait": (
        evidence(
            shards=2,
            batch_size=100,
            timeout_seconds=180,
            bisect_on_error=True,
            **aged(climbing(1.0, 8)),
            youngest_age_ms=climbing(0.6, 8),
            invocations=since(7, 8, 97),
            errors=since(7, 5),
            duration_ms=since(7, 11_000, 490),
            duration_max_ms=since(7, 26_000, 1_400),
            concurrent_executions=2,
            incoming_records=since(8, 880, 200),
            read_records=since(8, 880, 200),
        ),
        Cause.POISON_RECORD,
    ),
    "split from the start, and one in sixty passes long after a record would be alone": (
        split_since(60, errors=[0.0] * 10 + [59.0] * 20),
        Cause.FUNCTION_FAILURE,
    ),
    "split from the start, and several fail at once in shards that are not seen: no record": (
        split_since(
            60,
            errors=since(10, 60),
            parallelization_factor=1,
            shards=None,
            stream=None,
            readers=None,
            concurrent_executions=since(10, 5, 3),
        ),
        Cause.FUNCTION_FAILURE,
    ),
}
