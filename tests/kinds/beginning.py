"""What has only just begun to fail, in one place."""

from typing import Any

from remediator.model import Cause, Evidence
from tests.evidence import climbing, evidence, since
from tests.kinds.readings import Alike, Kinds


def tried_seldom(**said: Any) -> Evidence:
    """Three shards; one record fails since two minutes ago, and is tried once a minute by now."""
    usual: dict[str, Any] = {
        "shards": 3,
        "iterator_age_ms": [0.0] * 28 + [35_000.0, 66_000.0],
        "stream_iterator_age_ms": [0.0] * 28 + [35_000.0, 66_000.0],
        "invocations": [430.0] * 28 + [320.0, 300.0],
        "errors": [0.0] * 28 + [7.0, 1.0],
        "duration_ms": 250,
        "duration_max_ms": 420,
        "concurrent_executions": 3,
        "incoming_records": 2900,
        "read_records": 2900,
    }
    return evidence(**(usual | said))


ALIKE: Alike = {
    "one of three shards holds a record that is tried seldom: little fails, the age tells little": (
        tried_seldom(),
        Cause.POISON_RECORD,
        "suspected",
    ),
}


KINDS: Kinds = {
    "a record that is tried seldom, of lanes that are as busy as while they kept up": (
        tried_seldom(duration_ms=[330.0] * 28 + [420.0] * 2, duration_max_ms=600),
        Cause.POISON_RECORD,
    ),
    "a little fails as the age begins to climb, and it did before: it is not why": (
        tried_seldom(errors=[8.0] * 28 + [7.0, 5.0]),
        Cause.SLOW_CONSUMER,
    ),
    "a little fails as the age begins to climb, and the lanes work all the time": (
        tried_seldom(duration_ms=since(2, 520, 250), duration_max_ms=since(2, 900, 420)),
        Cause.SLOW_CONSUMER,
    ),
    "a little fails as the age begins to climb, while readers take each other's reads": (
        tried_seldom(
            errors=[0.0] * 28 + [1.0, 1.0],
            read_throttles=since(3, 300),
            read_throttle_share=since(3, 0.4),
        ),
        Cause.READ_CONTENTION,
    ),
    "a record hangs until the timeout, and the pace of the oldest is its own": (
        evidence(
            shards=2,
            batch_size=5,
            timeout_seconds=30,
            iterator_age_ms=climbing(0.85, 4),
            stream_iterator_age_ms=climbing(0.85, 4),
            invocations=[256.0] * 26 + [140.0] * 4,
            errors=since(4, 1.5),
            duration_ms=since(4, 600, 240),
            duration_max_ms=since(4, 30_000, 310),
            concurrent_executions=2,
            incoming_records=900,
            read_records=since(4, 880, 900),
        ),
        Cause.POISON_RECORD,
    ),
    "two shards: most fails in both, as what gets done shows, and chance may hold one of them": (
        evidence(
            shards=2,
            batch_size=50,
            iterator_age_ms=climbing(0.4, 3),
            stream_iterator_age_ms=climbing(0.4, 3),
            invocations=[230.0] * 27 + [60.0, 79.0, 74.0],
            errors=[0.0] * 27 + [33.0, 51.0, 45.0],
            duration_ms=since(3, 1500, 300),
            duration_max_ms=since(3, 4000, 600),
            concurrent_executions=2,
            incoming_records=950,
            read_records=since(3, 650, 950),
        ),
        Cause.FUNCTION_FAILURE,
    ),
}
