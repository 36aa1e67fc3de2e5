"""Who stopped it, if anybody: where nothing is invoked though records wait."""

from typing import Any

from remediator.model import Cause, Evidence
from tests.evidence import NOW, aged, climbing, evidence, since, stopped, throttled
from tests.kinds.readings import Alike, Kinds, nothing_invoked, nothing_runs_since, wait


def let_go_on(**said: Any) -> Evidence:
    """Nothing was invoked for ten minutes, in the last two of which the mapping was changed."""
    usual: dict[str, Any] = {
        "mapping_last_modified": NOW - wait(2),
        "stream_iterator_age_ms": 0,
        "read_records": [600.0] * 18,
        "invocations": [60.0] * 20 + [0.0] * 10,
    }
    return nothing_invoked(**(usual | said))


ALIKE: Alike = {
    "stopped: disabled by somebody": (stopped(), Cause.CONSUMER_STOPPED, "paused"),
    "stopped: reserved at 0": (
        throttled(reserved_concurrency=0),
        Cause.CONSUMER_STOPPED,
        "reserved_at_0",
    ),
    "not stopped: reserved at 1": (
        throttled(reserved_concurrency=1),
        Cause.THROTTLING,
        "reservation",
    ),
    "stopped: enabled, but nothing is invoked": (
        nothing_invoked(),
        Cause.CONSUMER_STOPPED,
        "no_invocations",
    ),
    "not stopped: nothing is invoked because all is throttled": (
        nothing_invoked(throttles=since(10, 60)),
        Cause.THROTTLING,
        "unclear",
    ),
    "stopped: the function is gone": (
        evidence(function_state="Failed"),
        Cause.CONSUMER_STOPPED,
        "function_gone",
    ),
}


KINDS: Kinds = {
    "all was refused for minutes by no limit that shows, and now it runs: somebody lets it": (
        throttled(
            reserved_concurrency=None,
            throttles=[0.0] * 20 + [60.0] * 8 + [0.0] * 2,
            invocations=[60.0] * 20 + [0.0] * 8 + [60.0] * 2,
            unreserved_concurrent_executions=50,
            concurrent_executions=[1.0] * 20 + [0.0] * 8 + [1.0] * 2,
        ),
        Cause.CONSUMER_STOPPED,
    ),
    "a mapping that is being enabled had been stopped, whatever stands still behind it": (
        nothing_invoked(mapping_state="Enabling", reports_partial_batches=True),
        Cause.CONSUMER_STOPPED,
    ),
    "nothing was invoked for minutes before the mapping was changed: somebody lets it go on": (
        let_go_on(),
        Cause.CONSUMER_STOPPED,
    ),
    "all was refused for minutes, and no more ever ran than half of the reservation of now": (
        evidence(
            shards=4,
            reserved_concurrency=8,
            throttles=[0.0] * 24 + [60.0] * 5 + [0.0],
            invocations=[240.0] * 24 + [0.0] * 5 + [240.0],
            concurrent_executions=4,
            **aged(climbing(1.0, 6)),
        ),
        Cause.CONSUMER_STOPPED,
    ),
    "all is refused for minutes until now, and the reservation of now has room for all": (
        nothing_runs_since(
            5,
            evidence(
                shards=4,
                reserved_concurrency=8,
                throttles=since(5, 60),
                concurrent_executions=4,
                iterator_age_ms=400,
                stream_iterator_age_ms=climbing(1.0, 5),
            ),
        ),
        Cause.CONSUMER_STOPPED,
    ),
}
