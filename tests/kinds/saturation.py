"""Whether what stands behind the function is why its batches take longer."""

from typing import Any

from remediator.model import Cause, Evidence
from tests.evidence import NOW, climbing, evidence, saturated, since
from tests.kinds.readings import Alike, Kinds, long_batches, wait


def burst_that_was_read_ahead(**said: Any) -> Evidence:
    """Four lanes at work on full batches of it, each record of which takes as long as ever."""
    usual: dict[str, Any] = {
        "shards": 4,
        "batch_size": 10,
        "iterator_age_ms": climbing(0.8, 6),
        "stream_iterator_age_ms": 0,
        "invocations": since(6, 48, 60),
        "duration_ms": since(6, 5_000, 500),
        "duration_max_ms": since(6, 5_200, 520),
        "concurrent_executions": since(6, 4, 1),
        "incoming_records": [60.0] * 22 + [6_000.0] * 2 + [60.0] * 6,
        "read_records": [60.0] * 22 + [6_000.0] * 2 + [60.0] * 6,
    }
    return evidence(**(usual | said))


ALIKE: Alike = {
    "saturated: a lane gets less done since more of them run": (
        saturated(),
        Cause.DOWNSTREAM_SATURATED,
        "",
    ),
    "slow: longer, because batches have grown with the backlog": (
        saturated(
            batch_size=1000,
            read_records=since(10, 60_000, 600),
            incoming_records=since(10, 90_000, 600),
        ),
        Cause.SLOW_CONSUMER,
        "",
    ),
}


KINDS: Kinds = {
    "a deploy as it began to lag made the code slow, and not what stands behind": (
        saturated(function_last_modified=NOW - wait(11)),
        Cause.SLOW_CONSUMER,
    ),
    "lanes run, but full batches take no longer than before: nothing is saturated": (
        saturated(duration_ms=since(10, 5000, 300), duration_max_ms=8000),
        Cause.SLOW_CONSUMER,
    ),
    "more lanes have smaller batches, which take no longer than before: nothing is saturated": (
        saturated(invocations=since(10, 1500, 60), duration_ms=since(10, 330, 300)),
        Cause.SLOW_CONSUMER,
    ),
    "more lanes than ever are out for minutes, and nothing that began in them has ended": (
        long_batches(
            iterator_age_ms=climbing(1.0, 8, base=90_000),
            invocations=[2.0] * 25 + [0.0] * 5,
            concurrent_executions=since(6, 16, 4),
            parallelization_factor=10,
            duration_ms=[40_000.0] * 25,
            duration_max_ms=[45_000.0] * 25,
        ),
        Cause.DOWNSTREAM_SATURATED,
    ),
    "more lanes than ever are out for minutes, and no longer than batches took before": (
        long_batches(
            iterator_age_ms=climbing(1.0, 8, base=90_000),
            invocations=[2.0] * 25 + [0.0] * 5,
            concurrent_executions=since(6, 16, 4),
            parallelization_factor=10,
            duration_ms=[3_000.0] * 15 + [200_000.0] * 10,
            duration_max_ms=[4_000.0] * 15 + [240_000.0] * 10,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "as many lanes as ever are out for minutes": (
        long_batches(
            iterator_age_ms=climbing(1.0, 8, base=90_000),
            invocations=[2.0] * 25 + [0.0] * 5,
            duration_ms=[40_000.0] * 25,
            duration_max_ms=[45_000.0] * 25,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "what a burst has brought was read at once, and lanes are as quick with it as ever": (
        burst_that_was_read_ahead(),
        Cause.SLOW_CONSUMER,
    ),
    "what a burst has brought was read at once, and takes thrice as long for each record": (
        burst_that_was_read_ahead(
            invocations=since(6, 16, 60),
            duration_ms=since(6, 15_000, 500),
            duration_max_ms=since(6, 15_500, 520),
        ),
        Cause.DOWNSTREAM_SATURATED,
    ),
}
