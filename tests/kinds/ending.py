"""Whether it lags at all, and whether that will be over soon without help."""

from remediator.model import Cause, Evidence
from tests.evidence import aged, climbing, evidence, falling, overloaded, recovering, since
from tests.kinds.readings import Alike, Kinds, long_batches


def burst_in_one_of_many(records: float) -> Evidence:
    """Sixty idle shards, of which one has a burst of one key: four minutes ago, by one lane."""
    return evidence(
        shards=60,
        batch_size=10,
        iterator_age_ms=climbing(1.0, 3),
        stream_iterator_age_ms=0,
        invocations=since(4, 84, 72),
        duration_ms=since(4, 1_100, 460),
        duration_max_ms=since(4, 5_000, 900),
        concurrent_executions=since(4, 5, 4),
        incoming_records=[72.0] * 26 + [72.0 + records] + [72.0] * 3,
        read_records=[72.0] * 26 + [72.0 + records] + [72.0] * 3,
    )


ALIKE: Alike = {
    "recovering: falls fast enough": (recovering(), Cause.RECOVERING, ""),
    "slow: falls, but so slowly that help comes sooner": (
        overloaded(
            **aged(falling(0.2, 15, 7_200_000)),
        ),
        Cause.SLOW_CONSUMER,
        "",
    ),
    "unknown: climbs, while lanes are idle and nothing is wrong": (
        evidence(**aged(climbing(0.5))),
        Cause.UNKNOWN,
        "",
    ),
}


KINDS: Kinds = {
    "an age of a batch that waits for the one before is no lag": (
        long_batches(iterator_age_ms=[60_000.0, 130_000.0] * 15),
        Cause.RECOVERING,
    ),
    "an age beyond that is one, and lanes that are out all the time are at work": (
        long_batches(
            iterator_age_ms=climbing(0.6, 12, base=100_000),
            invocations=[2.0] * 27 + [0.0] * 3,
            incoming_records=since(12, 3000, 100),
            read_records=since(12, 1500, 100),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "an age is not seen to fall while the long invocations of its minute are out": (
        long_batches(
            iterator_age_ms=[*climbing(0.6, 12, base=100_000)[:-2], 80_000.0, 20_000.0],
            incoming_records=since(12, 3000, 100),
            read_records=since(12, 1500, 100),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "what will be over only in an hour is no recovery, though nothing helps": (
        overloaded(
            reserved_concurrency=4,
            **aged(climbing(0.22, 12)),
            incoming_records=[6_000.0] * 18 + [60_000.0] * 6 + [20_000.0] * 6,
            read_records=since(12, 24_000, 6_000),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "an age that jumps far while nothing works harder is one old record's": (
        evidence(
            shards=4,
            errors=2,
            invocations=240,
            iterator_age_ms=[400.0] * 27 + [5_000_000.0, 5_060_000.0, 5_120_000.0],
        ),
        Cause.RECOVERING,
    ),
    "an age above the maximum record age cannot be": (
        evidence(
            maximum_record_age_seconds=240,
            iterator_age_ms=[400.0] * 24 + [9e6 + 6e4 * n for n in range(6)],
        ),
        Cause.RECOVERING,
    ),
    "a burst is read at once and done slowly: it is not over soon": (
        evidence(
            shards=4,
            batch_size=2,
            stream_invocations=since(3, 26, 20),
            invocations=since(3, 26, 20),
            duration_ms=since(3, 9_100, 6_000),
            duration_max_ms=since(3, 19_000, 12_000),
            concurrent_executions=4,
            incoming_records=[12.0] * 27 + [12.0, 2_400.0, 12.0],
            read_records=[12.0] * 27 + [12.0, 2_400.0, 12.0],
            iterator_age_ms=[3_000.0] * 27 + [20_000.0, 40_000.0, 95_000.0],
            stream_iterator_age_ms=0,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "one key's burst in one of sixty shards, most of which its lane has done by now": (
        burst_in_one_of_many(600),
        Cause.RECOVERING,
    ),
    "one key's burst in one of sixty shards, of which an hour's work is left": (
        burst_in_one_of_many(8_000),
        Cause.SLOW_CONSUMER,
    ),
    "an age goes on climbing in minutes whose long invocations are still out": (
        overloaded(
            batch_size=10,
            batching_window_seconds=42,
            invocations=since(10, 4, 2),
            duration_ms=60_000,
            duration_max_ms=90_000,
            **aged([20_000.0] * 26 + [58_000.0, 116_000.0, 137_000.0, 199_000.0]),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "nothing is wrong any more, and the age falls, if not fast": (
        evidence(
            shards=4,
            invocations=240,
            concurrent_executions=2,
            **aged(falling(0.4, 8, 1_500_000)),
        ),
        Cause.RECOVERING,
    ),
}
