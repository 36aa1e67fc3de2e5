"""Whether what fails is why it lags: everywhere, since a deploy, or as much as ever."""

from typing import Any

from remediator.evidence.metrics import Metric
from remediator.model import Cause, Evidence
from tests.evidence import (
    NOW,
    aged,
    climbing,
    evidence,
    overloaded,
    poison,
    read_contention,
    since,
    slow_consumer,
)
from tests.kinds.readings import Alike, Kinds, fails_everywhere, wait, without_minutes


def burst_with_a_few_errors(**said: Any) -> Evidence:
    """A lane that is busy all the time, and of which a few batches fail as ever: its age climbs."""
    usual: dict[str, Any] = {
        **aged(climbing(0.8, 8)),
        "errors": since(8, 4, 2),
        "duration_ms": since(8, 1_000, 300),
        "duration_max_ms": 1_200,
        "incoming_records": since(8, 12_000, 600),
        "read_records": since(8, 6_000, 600),
    }
    return evidence(**(usual | said))


def fails_since_a_deploy(**said: Any) -> Evidence:
    """Four shards, none of which has got on since five minutes ago."""
    usual: dict[str, Any] = {
        "shards": 4,
        "batch_size": 100,
        "function_last_modified": NOW - wait(6),
        "iterator_age_ms": climbing(1.0, 5),
        "youngest_age_ms": climbing(1.0, 5),
        "stream_iterator_age_ms": climbing(1.0, 5),
        "invocations": since(5, 24, 160),
        "errors": since(5, 24),
        "duration_ms": 700,
        "duration_max_ms": 1_900,
        "concurrent_executions": 4,
    }
    return evidence(**(usual | said))


ALIKE: Alike = {
    "failure: all four shards": (fails_everywhere(), Cause.FUNCTION_FAILURE, "everywhere"),
    "failure: all four shards, right after a deploy": (
        fails_everywhere(function_last_modified=NOW - wait(13)),
        Cause.FUNCTION_FAILURE,
        "deploy",
    ),
    "failure: some fail, but every shard moves on": (
        poison(**aged(climbing(0.4))),
        Cause.FUNCTION_FAILURE,
        "partial",
    ),
    "slow: no error was ever counted, and the last batch went well": (
        slow_consumer(errors=None),
        Cause.SLOW_CONSUMER,
        "",
    ),
    "unknown: no error was ever counted, and the last batch went wrong": (
        slow_consumer(errors=None, last_processing_result="PROBLEM: Function call failed"),
        Cause.UNKNOWN,
        "",
    ),
}


KINDS: Kinds = {
    "errors that were there long before it lagged are not why": (
        overloaded(errors=since(20, 30), invocations=since(10, 240, 200)),
        Cause.SLOW_CONSUMER,
    ),
    "a few errors beside lanes that are busy with what succeeds are not why": (
        burst_with_a_few_errors(),
        Cause.SLOW_CONSUMER,
    ),
    "failed records that are few are nobody's": (
        overloaded(failed_invoke_events=20, invoked_events=2400),
        Cause.SLOW_CONSUMER,
    ),
    "all that this stream sends fails, while others call the function": (
        poison(invocations=since(10, 300, 400), stream_invocations=240, errors=since(10, 240)),
        Cause.FUNCTION_FAILURE,
    ),
    "far more comes in than would be done if nothing failed": (
        overloaded(
            **aged(climbing(0.95, 10)),
            youngest_age_ms=climbing(0.9, 10),
            errors=since(10, 60),
            incoming_records=since(10, 240_000, 6_000),
            read_records=since(10, 12_000, 6_000),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "a tenth more fails than is little, but four times as much comes in: the load is why": (
        overloaded(errors=since(10, 50)),
        Cause.SLOW_CONSUMER,
    ),
    "all shards fail while another stream's batches go on: that shows nothing of this one": (
        poison(
            sibling_mappings=1,
            invocations=since(10, 300, 480),
            errors=since(10, 290),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "a function that was changed just before, and most of one minute fails": (
        read_contention(
            errors=[0.0] * 29 + [48.0],
            invocations=[60.0] * 29 + [60.0],
            function_last_modified=NOW - wait(3),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "ten times as much comes in, and lanes that wait for another try are taken, too": (
        evidence(
            shards=4,
            batch_size=1,
            **aged(climbing(0.95, 8)),
            incoming_records=since(8, 6000, 600),
            read_records=since(8, 700, 600),
            invocations=since(8, 400, 200),
            errors=since(8, 160),
            duration_ms=300,
            duration_max_ms=500,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "every count of errors since a deploy was lost, and AWS says that the last batch failed": (
        without_minutes(
            fails_since_a_deploy(last_processing_result="PROBLEM: Function call failed"),
            Metric.ERRORS,
            *range(14, 30),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "the counts of errors since it lags were lost: that nothing failed just before tells nothing": (
        without_minutes(
            fails_since_a_deploy(
                last_processing_result="PROBLEM: Function call failed",
                function_last_modified=NOW - wait(4),
                invocations=since(3, 24, 160),
                errors=since(3, 24),
                **dict.fromkeys(
                    ("iterator_age_ms", "youngest_age_ms", "stream_iterator_age_ms"),
                    climbing(1.0, 3),
                ),
            ),
            Metric.ERRORS,
            *range(27, 30),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "every count of errors was lost, and what has become of the last batch AWS does not say": (
        without_minutes(
            fails_since_a_deploy(last_processing_result=None), Metric.ERRORS, *range(14, 30)
        ),
        Cause.UNKNOWN,
    ),
    "what fails in a lane or two, while more comes in than full batches of all lanes would hold": (
        evidence(
            shards=2,
            batch_size=100,
            timeout_seconds=180,
            **aged(climbing(0.8, 2)),
            youngest_age_ms=climbing(0.5, 2),
            invocations=since(3, 5, 97),
            errors=since(2, 2),
            duration_ms=since(3, 25_000, 490),
            duration_max_ms=since(3, 29_000, 1_400),
            concurrent_executions=2,
            incoming_records=since(3, 880, 200),
            read_records=since(3, 880, 200),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "everything fails since a deploy, and a few failed before it, as some always do": (
        poison(
            shards=8,
            invocations=240,
            errors=[0.0] * 16 + [14.0] * 4 + [0.0, 14.0, 0.0, 14.0] + [14.0, 50.0] + [240.0] * 4,
            **aged(climbing(0.9, 4)),
            function_last_modified=NOW - wait(6),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "of the newest minutes two counts are lost, and the batches' own ages count the same": (
        without_minutes(
            poison(
                shards=7,
                stream_invocations=240,
                errors=since(3, 240),
                **aged(climbing(0.9, 3)),
            ),
            Metric.INVOCATIONS,
            27,
            28,
        ),
        Cause.FUNCTION_FAILURE,
    ),
}
