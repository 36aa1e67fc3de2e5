"""What stands still behind partial batch responses, where no error is counted."""

from typing import Any

from remediator.evidence.metrics import Metric
from remediator.model import Cause, Evidence
from tests.evidence import (
    NOW,
    aged,
    climbing,
    evidence,
    poison,
    read_by_own_consumer,
    shard_ages,
    since,
    without,
)
from tests.kinds.readings import (
    Alike,
    Kinds,
    nothing_invoked,
    wait,
    without_minutes,
)


def behind_partial_responses(**said: Any) -> Evidence:
    """Four shards whose oldest record stops; nothing is counted that fails."""
    usual: dict[str, Any] = {
        "shards": 4,
        "reports_partial_batches": True,
        **aged(climbing(1.0, 6)),
        "invocations": since(6, 400, 240),
    }
    return evidence(**(usual | said))


ALIKE: Alike = {
    "poison behind partial batch responses, by its metric": (
        poison(errors=0, reports_partial_batches=True, failed_invoke_events=since(10, 60)),
        Cause.POISON_RECORD,
        "isolated",
    ),
    "poison behind partial batch responses, in the only lane": (
        evidence(
            **aged(climbing()),
            reports_partial_batches=True,
            failed_invoke_events=since(10, 60),
            invoked_events=600,
        ),
        Cause.POISON_RECORD,
        "isolated",
    ),
    "failure: every record of the only lane is reported as failed": (
        evidence(
            **aged(climbing()),
            reports_partial_batches=True,
            failed_invoke_events=since(10, 600),
            invoked_events=600,
        ),
        Cause.FUNCTION_FAILURE,
        "partial",
    ),
    "poison behind partial batch responses, by its shadow": (
        poison(errors=0, reports_partial_batches=True),
        Cause.POISON_RECORD,
        "suspected",
    ),
}


KINDS: Kinds = {
    "nearly every record is reported as failed in every shard": (
        behind_partial_responses(failed_invoke_events=since(6, 590), invoked_events=600),
        Cause.FUNCTION_FAILURE,
    ),
    "changed as the oldest record stopped, behind partial responses": (
        behind_partial_responses(function_last_modified=NOW - wait(7)),
        Cause.FUNCTION_FAILURE,
    ),
    "busy lanes that do again what they did, behind partial responses": (
        behind_partial_responses(invocations=since(6, 700, 240)),
        Cause.POISON_RECORD,
    ),
    "behind partial responses no shard gets on: it is no single record": (
        behind_partial_responses(youngest_age_ms=climbing(0.95, 6)),
        Cause.FUNCTION_FAILURE,
    ),
    "lanes work more than usual, and the longest batch takes far longer: not in vain": (
        behind_partial_responses(
            invocations=since(6, 640, 240),
            duration_max_ms=since(6, 14_000, 500),
            concurrent_executions=4,
            **aged(climbing(0.8, 6)),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "where nothing is invoked, nothing fails behind partial responses": (
        nothing_invoked(
            reports_partial_batches=True,
            mapping_state="Updating",
            mapping_last_modified=NOW - wait(5),
            invocations=[60.0] * 25 + [0.0] * 5,
            duration_ms=[300.0] * 25,
            duration_max_ms=[500.0] * 25,
            errors=[0.0] * 25,
            throttles=[0.0] * 25,
            iterator_age_ms=[400.0] * 25,
            concurrent_executions=1,
        ),
        Cause.RECOVERING,
    ),
    "the only lane fails behind partial responses, and its oldest record moves on a little": (
        evidence(
            **aged(climbing(0.92)),
            reports_partial_batches=True,
            failed_invoke_events=since(10, 60),
            invoked_events=600,
        ),
        Cause.POISON_RECORD,
    ),
    "most shards stand still behind partial responses, where the function was changed just then": (
        behind_partial_responses(
            iterator_age_ms=climbing(1.0, 6),
            invocations=since(6, 400, 240),
            youngest_age_ms=200,
            function_last_modified=NOW - wait(7),
            shard_metrics=shard_ages(0, *[climbing(1.0, 6)] * 3),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "behind partial responses, and by their own ages no shard stands still": (
        behind_partial_responses(
            iterator_age_ms=climbing(0.7, 8),
            stream_iterator_age_ms=0,
            shard_metrics=shard_ages(climbing(0.3, 8), *[0] * 3),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "behind partial responses twice as much comes in, and the age climbs by half a clock's pace": (
        behind_partial_responses(
            **aged(climbing(0.6, 6)),
            incoming_records=since(6, 4800, 2400),
            read_records=since(6, 3200, 2400),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "behind partial responses an age has climbed for long, and a stopped clock would be older": (
        behind_partial_responses(
            **aged(climbing(0.6, 16)),
            invocations=since(16, 280, 240),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "as many records are reported as failed as before it lagged": (
        behind_partial_responses(
            invoked_events=600,
            failed_invoke_events=[12.0] * 24 + [14.0] * 6,
            **aged(climbing(0.7, 6)),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "an age climbs like a clock behind partial responses, though lanes work as ever": (
        behind_partial_responses(
            sibling_mappings=1, invocations=960, duration_ms=500, concurrent_executions=8
        ),
        Cause.POISON_RECORD,
    ),
    "behind partial responses far more is tried than a few records' lanes could": (
        behind_partial_responses(
            invocations=since(6, 300, 60),
            stream_invocations=since(6, 300, 60),
            duration_ms=100,
            youngest_age_ms=200,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "lanes that are as busy as ever get nothing done, behind partial responses": (
        behind_partial_responses(
            invocations=240,
            duration_ms=since(6, 900, 800),
            duration_max_ms=since(6, 2_000, 1_000),
            concurrent_executions=4,
            youngest_age_ms=climbing(1.0, 5),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "behind partial responses, and what arrives in another account's stream is not seen": (
        without(
            behind_partial_responses(youngest_age_ms=climbing(1.0, 5)),
            *(Metric.INCOMING_RECORDS, Metric.INCOMING_BYTES, Metric.READ_RECORDS),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "behind partial responses, and reads are refused to others than its own consumer": (
        read_by_own_consumer(
            behind_partial_responses(read_throttles=1500, read_throttle_share=0.7)
        ),
        Cause.POISON_RECORD,
    ),
    "behind partial responses lanes that are all busy would do far more than comes in": (
        behind_partial_responses(
            batch_size=10,
            invocations=since(10, 240, 60),
            stream_invocations=since(10, 240, 60),
            duration_ms=since(10, 1_000, 900),
            duration_max_ms=1_200,
            concurrent_executions=since(10, 4, 1),
            incoming_records=600,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "most of what is sent fails, and far more is tried than the lanes of a few records could": (
        behind_partial_responses(
            shards=30,
            invocations=since(10, 400, 60),
            stream_invocations=since(10, 400, 60),
            duration_ms=2_000,
            duration_max_ms=4_000,
            concurrent_executions=since(10, 20, 4),
            invoked_events=since(10, 500, 600),
            failed_invoke_events=since(10, 440),
            youngest_age_ms=200,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "behind partial responses two ages are all that was seen yet: that is no course": (
        without_minutes(
            behind_partial_responses(
                shards=13,
                iterator_age_ms=[8_000.0] * 29 + [40_000.0],
                stream_iterator_age_ms=400,
                invocations=240,
                duration_ms=2_000,
                duration_max_ms=5_000,
                concurrent_executions=10,
            ),
            Metric.ITERATOR_AGE_MS,
            *range(28),
        ),
        Cause.RECOVERING,
    ),
    "behind partial responses both shards stand still, by their own ages: no single record": (
        behind_partial_responses(
            shards=2,
            sibling_mappings=1,
            shard_metrics=shard_ages(*[climbing(1.0, 6)] * 2),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "half of the records fails for minutes, and by chance all of what one of the lanes tries": (
        behind_partial_responses(
            shards=12,
            timeout_seconds=600,
            **aged(climbing(1.0, 3)),
            invocations=18,
            duration_ms=40_000,
            duration_max_ms=60_000,
            invoked_events=600,
            failed_invoke_events=since(3, 350),
            concurrent_executions=12,
            youngest_age_ms=400,
        ),
        Cause.FUNCTION_FAILURE,
    ),
}
