"""Whether lanes stand idle because there are too few partition keys."""

from remediator.model import Cause
from tests.evidence import NOW, aged, climbing, evidence, hot_key, since
from tests.kinds.readings import Alike, Kinds, wait

ALIKE: Alike = {
    "slow: one lane a shard cannot be short of keys": (
        hot_key(parallelization_factor=1),
        Cause.SLOW_CONSUMER,
        "",
    ),
    "hot key: ten lanes, one at work": (hot_key(), Cause.HOT_PARTITION_KEY, ""),
    "slow: ten lanes, all at work": (
        hot_key(
            invocations=since(10, 600, 30),
            concurrent_executions=10,
            incoming_records=since(10, 120_000, 600),
            read_records=since(10, 60_000, 600),
        ),
        Cause.SLOW_CONSUMER,
        "",
    ),
}


KINDS: Kinds = {
    "every lane is busy, yet far from full: what waits lies in one of them": (
        hot_key(
            batch_size=100,
            invocations=since(10, 120, 60),
            duration_ms=since(10, 4_500, 500),
            duration_max_ms=since(10, 60_000, 1_000),
            timeout_seconds=300,
            concurrent_executions=10,
            incoming_records=since(10, 400, 300),
            read_records=since(10, 340, 300),
            **aged(climbing(0.6, 10)),
        ),
        Cause.HOT_PARTITION_KEY,
    ),
    "every lane is busy, with batches that take as long as full ones and hold a tenth of them": (
        hot_key(
            invocations=since(10, 600, 30),
            concurrent_executions=10,
            mapping_last_modified=NOW - wait(9),
        ),
        Cause.HOT_PARTITION_KEY,
    ),
    "every lane is busy, with a tenth of a batch, which is all that an event of 6 MB holds": (
        hot_key(
            invocations=since(10, 600, 30),
            concurrent_executions=10,
            incoming_bytes=since(10, 12_000 * 500_000, 600 * 500_000),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "few of many lanes find work, and of its reservation much is left": (
        hot_key(reserved_concurrency=12),
        Cause.HOT_PARTITION_KEY,
    ),
    "few of many lanes find work, and no more may run by its reservation": (
        hot_key(reserved_concurrency=2, invocations=since(10, 110, 30)),
        Cause.SLOW_CONSUMER,
    ),
    "few of many lanes find work, whose batches are small, and full ones take as long as ever": (
        hot_key(
            invocations=since(10, 120, 30),
            duration_ms=since(10, 2_000, 1_000),
            duration_max_ms=4_000,
            incoming_records=600,
            read_records=since(10, 400, 600),
        ),
        Cause.HOT_PARTITION_KEY,
    ),
    "few of many lanes work, while half of the tries fail as ever: others wait for theirs": (
        hot_key(errors=since(10, 30, 15)),
        Cause.SLOW_CONSUMER,
    ),
    "few of many lanes find work since there are many, as four minutes show": (
        hot_key(mapping_last_modified=NOW - wait(6)),
        Cause.HOT_PARTITION_KEY,
    ),
    "few of many lanes find work, which are there since two minutes ago": (
        hot_key(mapping_last_modified=NOW - wait(3)),
        Cause.SLOW_CONSUMER,
    ),
    "few lanes are out with batches of minutes, and the oldest record's has not ended": (
        hot_key(
            **aged(climbing(1.0, 10)),
            invocations=since(10, 2, 1),
            duration_ms=90_000,
            duration_max_ms=120_000,
            timeout_seconds=300,
            concurrent_executions=3,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "few of many lanes find work as ever, and its age comes and goes: no key is to blame": (
        evidence(
            shards=5,
            parallelization_factor=2,
            batch_size=6,
            iterator_age_ms=[10_000.0] * 26 + [62_000.0, 75_000.0, 70_000.0, 74_000.0],
            stream_iterator_age_ms=0,
            invocations=since(4, 57, 43),
            duration_ms=3_150,
            duration_max_ms=13_000,
            concurrent_executions=5,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "few of many lanes find work, and each is slower since a deploy: as much comes in as ever": (
        hot_key(
            function_last_modified=NOW - wait(11),
            invocations=since(10, 30, 60),
            duration_ms=since(10, 9_000, 1_000),
            duration_max_ms=since(10, 14_000, 1_500),
            concurrent_executions=since(10, 6, 2),
            timeout_seconds=300,
            incoming_records=600,
            read_records=since(10, 400, 600),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "all the lanes of one of four shards have come up, which no single key could keep busy": (
        hot_key(
            shards=4,
            invocations=since(10, 1_020, 480),
            duration_max_ms=20_000,
            concurrent_executions=since(10, 20, 10),
        ),
        Cause.SLOW_CONSUMER,
    ),
}
