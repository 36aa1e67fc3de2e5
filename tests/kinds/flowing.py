"""Whether the capacity is too small: lanes always busy, or batches always full."""

from remediator.model import Cause
from tests.evidence import NOW, aged, climbing, evidence, overloaded, since, slow_consumer
from tests.kinds.readings import Alike, Kinds, wait

ALIKE: Alike = {
    "slow: bound by the processor": (
        slow_consumer(cpu_total_time_ms=270, memory_mb=512),
        Cause.SLOW_CONSUMER,
        "cpu_bound",
    ),
    "slow: waits for something": (
        slow_consumer(cpu_total_time_ms=20, memory_mb=512),
        Cause.SLOW_CONSUMER,
        "",
    ),
}


KINDS: Kinds = {
    "more comes in than its batches hold, whoever else calls the function": (
        evidence(
            iterator_age_ms=climbing(0.6, 8),
            stream_iterator_age_ms=0,
            invocations=400,
            stream_invocations=since(8, 6, 60),
            batch_size=10,
            duration_ms=500,
            concurrent_executions=5,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "records of a day ago, in the first minutes after the mapping was enabled": (
        evidence(
            shards=4,
            mapping_last_modified=NOW - wait(4),
            iterator_age_ms=[80_000_000.0] * 2,
            invocations=[30.0] * 2,
            errors=[0.0] * 2,
            throttles=[0.0] * 2,
            duration_ms=[4000.0] * 2,
            duration_max_ms=[5000.0] * 2,
            concurrent_executions=[4.0] * 2,
            read_records=[4000.0] * 2,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "shards that are not seen: lanes that all run all the time are at their capacity": (
        overloaded(shards=None, stream=None, incoming_records=None, read_records=None),
        Cause.SLOW_CONSUMER,
    ),
    "the age is late and climbs, and more lanes work than usual: for a minute that will do": (
        evidence(
            shards=8,
            iterator_age_ms=[900.0, 400.0] * 14 + [30_000.0, 75_000.0],
            stream_iterator_age_ms=0,
            invocations=since(3, 480, 240),
            incoming_records=since(3, 1_200, 600),
            read_records=since(3, 1_200, 600),
            duration_ms=500,
            concurrent_executions=5,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "an age that stays high for long, while most lanes are idle: one has too much to do": (
        evidence(
            shards=8,
            **aged([400.0] * 8 + [540_000.0] * 22),
            invocations=240,
            duration_ms=1_000,
            duration_max_ms=5_000,
            concurrent_executions=5,
        ),
        Cause.SLOW_CONSUMER,
    ),
}
