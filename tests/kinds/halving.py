"""What is shown once failed batches are split."""

from remediator.model import Cause, Evidence
from tests.evidence import NOW, aged, climbing, evidence, one_shard_fails, since
from tests.kinds.readings import Alike, Kinds, split_since, wait

ALIKE: Alike = {
    "one shard, all fails, split: halves succeed": (
        split_since(8, errors=[0] * 10 + [60] * 12 + [57] * 4 + [60] * 4),
        Cause.POISON_RECORD,
        "isolated",
    ),
    "one shard, all fails, split: more succeeds than the halves of one record": (
        split_since(8, errors=[0] * 10 + [60] * 12 + [50] * 4 + [60] * 4),
        Cause.POISON_RECORD,
        "undecided",
    ),
    "one shard, all fails, split: all halves succeed in the very minute in which it goes on": (
        split_since(8, errors=[0] * 10 + [60] * 12 + [53] + [60] * 7),
        Cause.POISON_RECORD,
        "isolated",
    ),
    "one shard, all fails, split: more than halves succeed in the minute in which it goes on": (
        split_since(8, errors=[0] * 10 + [60] * 12 + [20] + [60] * 7),
        Cause.POISON_RECORD,
        "undecided",
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


def stalled(failures: float) -> Evidence:
    """A second lane has got done what it could, for a minute, until too much was read ahead."""
    errors = [0.0] * 10 + [6.0] * 12 + [6.0] + [failures] * 7
    return one_shard_fails(
        iterator_age_ms=climbing(1.0, 20),
        stream_iterator_age_ms=climbing(1.0, 20),
        invocations=[60.0] * 10 + [6.0] * 12 + [200.0] + [failures] * 7,
        errors=errors,
        batch_size=1,
        parallelization_factor=2,
        mapping_last_modified=NOW - wait(9),
    )


KINDS: Kinds = {
    "a second lane has got records done, and stands still by now as well: it is one record": (
        stalled(6.0),
        Cause.POISON_RECORD,
    ),
    "a second lane has got records done, and fails by now as well: it is no record": (
        stalled(12.0),
        Cause.FUNCTION_FAILURE,
    ),
    "four lanes fail at once, and some get on just after somebody has changed the mapping": (
        one_shard_fails(
            iterator_age_ms=climbing(1.0, 20),
            stream_iterator_age_ms=climbing(1.0, 20),
            errors=[0.0] * 10 + [60.0] * 12 + [20.0] + [60.0] * 7,
            batch_size=10,
            parallelization_factor=4,
            concurrent_executions=4,
            mapping_last_modified=NOW - wait(9),
        ),
        Cause.FUNCTION_FAILURE,
    ),
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
