"""Whether one record stands still while others get on."""

from remediator.model import Cause
from tests.evidence import (
    NOW,
    aged,
    climbing,
    evidence,
    one_shard_fails,
    poison,
    read_by_own_consumer,
    shard_ages,
    since,
)
from tests.kinds.readings import Alike, Kinds, fails_everywhere, wait

BOTH_AT_ONCE = evidence(
    shards=2,
    batch_size=10,
    **aged(climbing(1.0, 6)),
    youngest_age_ms=climbing(0.8, 6),
    invocations=since(6, 17, 85),
    errors=since(6, 5),
    duration_ms=since(6, 6300, 560),
    duration_max_ms=since(6, 7200, 1500),
    concurrent_executions=2,
    incoming_records=since(6, 690, 150),
    read_records=since(6, 690, 150),
)


ALIKE: Alike = {
    "poison: one shard of four": (poison(), Cause.POISON_RECORD, "isolated"),
    "one shard, all fails: only suspected": (one_shard_fails(), Cause.POISON_RECORD, "suspected"),
    "one shard of one of two mappings: what succeeds may be the other's": (
        one_shard_fails(sibling_mappings=1, errors=since(10, 30)),
        Cause.POISON_RECORD,
        "suspected",
    ),
    "four shards of one of two mappings: what succeeds may be the other's": (
        poison(sibling_mappings=1),
        Cause.POISON_RECORD,
        "suspected",
    ),
    "one shard of four, which failed as a whole until a minute ago": (
        poison(
            invocations=[240] * 20 + [60] * 9 + [240],
            errors=[0] * 20 + [55] * 9 + [6],
            read_records=[600] * 20 + [60] * 9 + [600],
        ),
        Cause.FUNCTION_FAILURE,
        "everywhere",
    ),
    "poison: successes are down, yet only a record that fails always stands still for so long": (
        poison(errors=since(10, 200)),
        Cause.POISON_RECORD,
        "suspected",
    ),
}


KINDS: Kinds = {
    "poison in three shards of four: successes are down, and what stands still tells": (
        poison(
            invocations=since(10, 100, 240), errors=since(10, 40), read_records=since(10, 160, 600)
        ),
        Cause.POISON_RECORD,
    ),
    "poison in one shard after another, until nothing succeeds": (
        poison(
            invocations=240, errors=[0.0] * 20 + [60, 60, 120, 120, 120, 180, 180, 240, 240, 240]
        ),
        Cause.POISON_RECORD,
    ),
    "the youngest batches of all shards grow older, too: no single place": (
        poison(errors=since(10, 120), youngest_age_ms=climbing(0.95, 10)),
        Cause.FUNCTION_FAILURE,
    ),
    "a record stands still, though its newest minute was cut short": (
        poison(
            iterator_age_ms=[*climbing(1.0, 6)[:-1], 310_000.0],
            stream_iterator_age_ms=0,
            errors=since(6, 60),
            invocations=[240.0] * 29 + [40.0],
            incoming_records=2400,
        ),
        Cause.POISON_RECORD,
    ),
    "shards that are not seen, and many invocations at once that all fail: no single record": (
        fails_everywhere(shards=None, stream=None, readers=None, concurrent_executions=9),
        Cause.FUNCTION_FAILURE,
    ),
    "the lanes that are busy are another mapping's: a record stands still all the same": (
        poison(
            shards=2,
            sibling_mappings=1,
            invocations=480,
            duration_ms=500,
            concurrent_executions=6,
            **aged(climbing(0.87, 5)),
            errors=since(5, 160),
        ),
        Cause.POISON_RECORD,
    ),
    "a record stands still, and the other shard lags, too, since five times as much comes in": (
        BOTH_AT_ONCE,
        Cause.POISON_RECORD,
    ),
    "few of very many lanes fail, and as evenly as one record that is tried at its own pace": (
        poison(
            shards=48,
            parallelization_factor=2,
            **aged(climbing(1.0, 4)),
            incoming_records=18,
            read_records=18,
            invocations=[18.0] * 26 + [25.0, 28.0, 29.0, 27.0],
            errors=[0.0] * 26 + [10.0, 16.0, 17.0, 16.0],
            concurrent_executions=8,
        ),
        Cause.POISON_RECORD,
    ),
    "as many fail, but by far more in one minute than in another: that is no single record": (
        poison(
            shards=48,
            parallelization_factor=2,
            **aged(climbing(1.0, 4)),
            incoming_records=18,
            read_records=18,
            invocations=[18.0] * 26 + [45.0, 38.0, 19.0, 67.0],
            errors=[0.0] * 26 + [30.0, 26.0, 7.0, 52.0],
            concurrent_executions=8,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "a record stands still for less than a window makes normal, and nothing else fails": (
        poison(
            **aged(climbing(1.0, 3)),
            batching_window_seconds=240,
            errors=[0.0] * 27 + [20.0, 20.0, 20.0],
        ),
        Cause.POISON_RECORD,
    ),
    "little comes in, and no more fails than at first, though far more lanes had something": (
        poison(
            shards=20,
            **aged(climbing(1.0, 10)),
            incoming_records=2,
            read_records=2,
            invocations=[2.0] * 20 + [6.0] + [5.0, 6.0] * 3 + [5.0] * 3,
            errors=[0.0] * 20 + [5.0] * 10,
            concurrent_executions=2,
        ),
        Cause.POISON_RECORD,
    ),
    "little comes in, and what fails grows with it": (
        poison(
            shards=20,
            **aged(climbing(1.0, 10)),
            incoming_records=2,
            read_records=2,
            invocations=[2.0] * 20 + [6.0 + 8.0 * n for n in range(10)],
            errors=[0.0] * 20 + [6.0 + 8.0 * n for n in range(10)],
            concurrent_executions=2,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "in the only shard several lanes were at work, and all of them fail": (
        one_shard_fails(
            parallelization_factor=4,
            concurrent_executions=3,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "little comes in, but far too much for one lane of the only shard, and nothing succeeds": (
        one_shard_fails(
            parallelization_factor=10,
            invocations=since(10, 20, 4),
            errors=since(10, 20),
            incoming_records=140,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "most shards stand still, and the others get done what they ever did: several bad records": (
        poison(
            iterator_age_ms=climbing(1.0, 10),
            invocations=since(10, 130, 60),
            errors=since(10, 115),
            youngest_age_ms=400,
            shard_metrics=shard_ages(400, *[climbing(1.0, 10)] * 3),
        ),
        Cause.POISON_RECORD,
    ),
    "most shards stand still, and the others get next to nothing done either": (
        poison(
            iterator_age_ms=climbing(1.0, 10),
            invocations=since(10, 130, 60),
            errors=since(10, 128),
            youngest_age_ms=400,
            shard_metrics=shard_ages(400, *[climbing(1.0, 10)] * 3),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "one lane was at work of ten, and four run at once since everything fails": (
        one_shard_fails(
            parallelization_factor=10,
            errors=since(3, 59),
            **aged(climbing(0.9, 3)),
            concurrent_executions=since(3, 4, 1),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "a consumer of its own, and the shards' ages are those of who shares the stream": (
        read_by_own_consumer(
            poison(
                iterator_age_ms=climbing(1.0, 5),
                errors=since(5, 20),
                shard_metrics=shard_ages(*[400] * 4),
            )
        ),
        Cause.POISON_RECORD,
    ),
    "one old record was read, and a little fails as ever: nothing stands still": (
        evidence(
            shards=2,
            iterator_age_ms=[400.0] * 25 + [7_400_000.0 + 60_000 * n for n in range(5)],
            stream_iterator_age_ms=400,
            errors=[0.0, 1.0] * 15,
        ),
        Cause.RECOVERING,
    ),
    "most shards stand still, and about as much as ever succeeds: each holds a bad record": (
        poison(
            shards=8,
            parallelization_factor=4,
            **aged(climbing(1.0, 10)),
            invocations=since(10, 420, 240),
            errors=since(10, 180),
            youngest_age_ms=400,
            concurrent_executions=8,
            shard_metrics=shard_ages(400, 400, *[climbing(1.0, 10)] * 6),
        ),
        Cause.POISON_RECORD,
    ),
    "two shards fail alike, and ever fewer succeeded as it began: no single place": (
        poison(
            shards=2,
            bisect_on_error=True,
            mapping_last_modified=NOW - wait(60),
            **aged(climbing(0.95, 12)),
            invocations=[12.0] * 16 + [20.0] * 14,
            errors=[0.0] * 16 + [10.0, 16.0] + [18.0] * 9 + [20.0] * 3,
            youngest_age_ms=climbing(0.95, 12),
            concurrent_executions=1,
        ),
        Cause.FUNCTION_FAILURE,
    ),
}
