"""Whether readers of the stream take each other's reads."""

from remediator.model import Cause, SourceKind
from tests.evidence import aged, climbing, evidence, falling, read_contention, since
from tests.kinds.readings import Alike, Kinds

ALIKE: Alike = {
    "contention: readers take each other's reads": (
        read_contention(read_bytes=600_000),
        Cause.READ_CONTENTION,
        "mappings",
    ),
    "contention: by a reader that AWS does not list": (
        read_contention(readers=0, read_bytes=600_000),
        Cause.READ_CONTENTION,
        "outside_reader",
    ),
    "no contention: a backlog drained fast touches the limit": (
        read_contention(
            readers=0,
            **aged(falling(3.0, 6)),
        ),
        Cause.RECOVERING,
        "",
    ),
    "no contention: every lane is busy, it is the work that takes long": (
        read_contention(duration_ms=3000, invocations=since(10, 20, 18)),
        Cause.SLOW_CONSUMER,
        "",
    ),
    "too many readers of a DynamoDB stream": (
        evidence(
            kind=SourceKind.DYNAMODB, readers=2, iterator_age_ms=climbing(0.6), invocations=20
        ),
        Cause.READ_CONTENTION,
        "table_readers",
    ),
}


KINDS: Kinds = {
    "most reads are refused since a shard was late, of which no age is seen any more": (
        read_contention(
            shards=2,
            **aged([*climbing(0.9, 12)[:24], *[300.0] * 6]),
            read_throttles=since(12, 400),
            read_throttle_share=since(12, 0.7),
        ),
        Cause.READ_CONTENTION,
    ),
    "few reads are refused since it was late, and by its age it keeps up now": (
        read_contention(
            shards=2,
            **aged([*climbing(0.9, 12)[:24], *[300.0] * 6]),
            read_throttles=since(12, 60),
            read_throttle_share=since(12, 0.2),
        ),
        Cause.RECOVERING,
    ),
    "reads are throttled, and the age falls so slowly that it is no backlog drained fast": (
        read_contention(
            **aged(falling(0.3, 6)),
        ),
        Cause.READ_CONTENTION,
    ),
    "readers take each other's reads, though the age has not reached the alarm": (
        read_contention(**aged(climbing(0.4, 2))),
        Cause.READ_CONTENTION,
    ),
    "reads are refused since it lags, which is for a minute, and the lane rests": (
        read_contention(
            **aged(climbing(0.9, 2)),
            read_throttles=since(1, 100),
            read_throttle_share=since(1, 0.33),
        ),
        Cause.READ_CONTENTION,
    ),
    "one of three shards lags for long, and for a minute a few reads were refused": (
        evidence(
            shards=3,
            **aged(climbing(0.4, 20)),
            invocations=400,
            duration_ms=300,
            concurrent_executions=3,
            read_throttles=[0.0] * 29 + [10.0],
            read_throttle_share=[0.0] * 29 + [0.1],
        ),
        Cause.SLOW_CONSUMER,
    ),
}
