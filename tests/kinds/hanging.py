"""Whether what runs into the timeout is one record, or all that is sent."""

from typing import Any

from remediator.model import Cause, Evidence
from tests.evidence import aged, climbing, evidence, poison, shard_ages, since
from tests.kinds.readings import Alike, Kinds, fails_everywhere


def hangs(**said: Any) -> Evidence:
    """One record runs into a timeout of two minutes whenever it is tried, every third minute, and
    is seen only then; all else ends long before."""
    tries = [float(n >= 18 and n % 3 == 0) for n in range(30)]
    age = [60_000.0 * (n - 17) if tried else 400.0 for n, tried in enumerate(tries)]
    usual: dict[str, Any] = {
        "shards": 4,
        "timeout_seconds": 120,
        "batch_size": 10,
        "iterator_age_ms": age,
        "invocations": 60,
        "errors": tries,
        "duration_ms": 4_000,
        "duration_max_ms": [120_000.0 if tried else 6_000.0 for tried in tries],
        "concurrent_executions": 4,
        "youngest_age_ms": 400,
    }
    return evidence(**(usual | said))


ALIKE: Alike = {
    "failure: every batch times out": (
        fails_everywhere(duration_max_ms=since(10, 30_000)),
        Cause.FUNCTION_FAILURE,
        "timeouts",
    ),
}


KINDS: Kinds = {
    "a record that hangs is out for two minutes: between its tries younger ones are seen": (
        poison(
            iterator_age_ms=[400.0] * 18 + [x for n in range(6) for x in (400.0, 6e4 + 12e4 * n)],
            stream_iterator_age_ms=0,
            youngest_age_ms=50,
            errors=[0.0] * 18 + [0.0, 1.0] * 6,
            duration_max_ms=[500.0] * 18 + [500.0, 120_000.0] * 6,
            timeout_seconds=120,
        ),
        Cause.POISON_RECORD,
    ),
    "a record that hangs for minutes is not seen to fall between its tries": (
        poison(
            iterator_age_ms=[400.0] * 23 + [34e3, 6_000, 138e3, 7_000, 262e3, 47e3, 53e3],
            stream_iterator_age_ms=0,
            youngest_age_ms=50,
            errors=[0.0] * 23 + [1.0, 0.0] * 3 + [0.0],
            duration_max_ms=[500.0] * 23 + [120_000.0, 500.0] * 3 + [500.0],
            timeout_seconds=120,
        ),
        Cause.POISON_RECORD,
    ),
    "a batch stands still in timeouts, as good ones may, and no witness says a word": (
        poison(
            sibling_mappings=1,
            batch_size=90,
            errors=since(10, 60),
            duration_ms=20_000,
            duration_max_ms=30_000,
            timeout_seconds=30,
            concurrent_executions=4,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "most of the newest minute's work runs into the timeout, whatever came in before": (
        evidence(
            shards=3,
            bisect_on_error=True,
            **aged(climbing(0.6, 3)),
            incoming_records=since(2, 6000, 180),
            read_records=since(2, 600, 180),
            invocations=[120.0] * 28 + [140.0, 20.0],
            errors=[0.0] * 28 + [3.0, 6.0],
            duration_ms=[300.0] * 28 + [1_200.0, 10_000.0],
            duration_max_ms=[800.0] * 28 + [30_000.0] * 2,
            timeout_seconds=30,
            concurrent_executions=3,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "one of twenty invocations hangs, and all others are as fast as ever": (
        poison(
            batch_size=90,
            **aged(climbing(1.0, 6)),
            errors=since(6, 2),
            invocations=40,
            duration_ms=since(6, 4_350, 3_000),
            duration_max_ms=since(6, 30_000, 5_000),
            timeout_seconds=30,
        ),
        Cause.POISON_RECORD,
    ),
    "one of twenty invocations runs into the timeout, and all others are slower, too": (
        poison(
            batch_size=90,
            **aged(climbing(1.0, 6)),
            errors=since(6, 2),
            invocations=40,
            duration_ms=since(6, 8_000, 3_000),
            duration_max_ms=since(6, 30_000, 5_000),
            timeout_seconds=30,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "one record hangs until the timeout, whenever it is tried, while far more comes in": (
        hangs(incoming_records=since(10, 6_000, 600), read_records=since(10, 6_000, 600)),
        Cause.POISON_RECORD,
    ),
    "one record hangs, and its shard is read ahead, so that no shard's own age climbs": (
        hangs(
            shard_metrics=shard_ages(*[400] * 4),
        ),
        Cause.POISON_RECORD,
    ),
    "a first look, too early for a course of the age, and most runs into the timeout": (
        poison(
            **aged([56_000.0]),
            invocations=[240.0],
            errors=[180.0],
            invoked_events=[160.0],
            failed_invoke_events=[110.0],
            duration_ms=[29_000.0],
            duration_max_ms=[30_000.0],
            timeout_seconds=30,
        ),
        Cause.FUNCTION_FAILURE,
    ),
}
