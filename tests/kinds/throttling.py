"""Whether what is refused holds what waits."""

from remediator.evidence.metrics import Metric
from remediator.model import Cause
from tests.evidence import aged, climbing, evidence, overloaded, since, throttled
from tests.kinds.readings import (
    Alike,
    Kinds,
    not_published_lately,
    nothing_runs_since,
    without_minutes,
)

ALIKE: Alike = {
    "throttled by the account's pool": (
        throttled(reserved_concurrency=None, unreserved_concurrent_executions=since(10, 1000, 50)),
        Cause.THROTTLING,
        "account",
    ),
    "throttles are no errors": (
        throttled(errors=0, throttles=since(10, 600)),
        Cause.THROTTLING,
        "reservation",
    ),
    "throttles hide a failure, and are what must go first": (
        throttled(errors=since(10, 60)),
        Cause.THROTTLING,
        "reservation",
    ),
    "a single throttled minute is not sustained": (
        overloaded(throttles=since(1, 100)),
        Cause.SLOW_CONSUMER,
        "",
    ),
}


KINDS: Kinds = {
    "one record stands still while throttles let all others through, and something fails": (
        throttled(
            reserved_concurrency=3,
            iterator_age_ms=climbing(1.0, 10),
            throttles=since(10, 60),
            invocations=since(10, 200, 240),
            errors=since(10, 12),
            duration_max_ms=500,
            youngest_age_ms=300,
        ),
        Cause.POISON_RECORD,
    ),
    "throttles under which no record waits longer than for its batch are no trouble": (
        throttled(iterator_age_ms=[40_000.0, 70_000.0] * 15, batching_window_seconds=120),
        Cause.RECOVERING,
    ),
    "all is refused since minutes in which nothing of what runs is published": (
        nothing_runs_since(
            2,
            throttled(
                reserved_concurrency=None,
                throttles=since(2, 30),
                unreserved_concurrent_executions=since(2, 1000, 50),
                **aged(climbing(1.0, 4)),
            ),
        ),
        Cause.THROTTLING,
    ),
    "throttles that ended minutes ago, since when no count of none is published": (
        not_published_lately(
            overloaded(
                reserved_concurrency=8,
                throttles=180,
                account_throttles=[180.0] * 26 + [0.0] * 4,
            ),
            Metric.THROTTLES,
            minutes=4,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "no more is refused for each that is not than while nothing lagged: it holds no record": (
        overloaded(
            reserved_concurrency=4,
            throttles=1000,
            **aged(climbing(0.5, 8)),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "as many are refused as ever, beside another mapping that keeps up: one has no age": (
        overloaded(
            reserved_concurrency=4,
            throttles=1000,
            sibling_mappings=1,
            **aged(climbing(0.5, 8)),
        ),
        Cause.THROTTLING,
    ),
    "as many are refused as ever, for want of room for a lane": (
        overloaded(
            shards=5,
            reserved_concurrency=4,
            throttles=1000,
            **aged(climbing(0.5, 8)),
        ),
        Cause.THROTTLING,
    ),
    "one old record was read, and for a while lanes have been refused that were not before": (
        evidence(
            shards=4,
            reserved_concurrency=1,
            throttles=since(4, 1000),
            iterator_age_ms=[400.0] * 28 + [9_000_000.0, 9_000_000.0],
            stream_iterator_age_ms=400,
        ),
        Cause.THROTTLING,
    ),
    "far more is refused than while nothing lagged: that is new, and holds what waits": (
        throttled(throttles=since(10, 180, 20)),
        Cause.THROTTLING,
    ),
    "one old record was read while others are refused as ever": (
        evidence(
            reserved_concurrency=4,
            throttles=1000,
            iterator_age_ms=[400.0] * 28 + [9_000_000.0, 9_000_000.0],
            stream_iterator_age_ms=400,
        ),
        Cause.RECOVERING,
    ),
    "the minutes of throttles that were not lost are throttled, at the reservation": (
        without_minutes(throttled(concurrent_executions=1), Metric.THROTTLES, *range(20, 29)),
        Cause.THROTTLING,
    ),
    "all is refused for minutes, so that no age of what waits is published": (
        nothing_runs_since(
            5,
            throttled(
                **aged(400),
                invocations=240,
                throttles=since(5, 60),
                batching_window_seconds=300,
            ),
        ),
        Cause.THROTTLING,
    ),
    "all of a reservation works, there are lanes for more, and a few are refused every minute": (
        evidence(
            shards=2,
            parallelization_factor=2,
            reserved_concurrency=1,
            **aged(climbing(0.4, 8)),
            invocations=since(8, 120, 80),
            duration_ms=500,
            throttles=4,
        ),
        Cause.THROTTLING,
    ),
}
