"""What neighbours keep, and what stands behind the function bears."""

from collections.abc import Mapping
from typing import Any

from remediator.model import Decision, Evidence, Reader, RemedyName
from remediator.policy import Limits, Policy
from tests.changes import change
from tests.evidence import QUARANTINE, overloaded, since, slow_consumer, throttled, without
from tests.guarding import CALM, FACTOR, NEARLY_FULL, Words

FOUR_LANES = Reader(name="search", shared_throughput=True, parallelization_factor=4)
BUSY_ACCOUNT = {"unreserved_concurrent_executions": 880, "account_concurrent_executions": 880}
NAMED = Policy(downstream_alarms=("database",))


def pressed(**said: Any) -> Evidence:
    """Few lanes, three times as much as usual comes in, and some invocations fail since."""
    usual = {
        "incoming_records": since(10, 1800, 600),
        "invocations": since(10, 60, 60),
        "errors": since(10, 2),
    }
    return slow_consumer(**(usual | said))


WORDS: Words = {
    "the lanes of the stream's other mappings do not fit": (
        change("shards", 1, 2),
        slow_consumer(**BUSY_ACCOUNT, unreserved_concurrency=1003).model_copy(
            update={"readers": (FOUR_LANES,)}
        ),
        Policy(streams_of_ours=("*",)),
        CALM,
        Decision.BLOCK,
        "neighbours",
    ),
    "not every mapping of the stream was seen": (
        change("shards", 1, 2),
        without(slow_consumer(), "readers"),
        Policy(streams_of_ours=("*",)),
        CALM,
        Decision.APPROVE,
        "neighbours",
    ),
    "not every mapping was seen, and not even our own lanes fit": (
        change("shards", 1, 2),
        without(slow_consumer(**BUSY_ACCOUNT), "readers"),
        Policy(streams_of_ours=("*",)),
        CALM,
        Decision.BLOCK,
        "neighbours",
    ),
    "neighbours use nearly all": (
        change("parallelization_factor", 1, 10),
        overloaded(**NEARLY_FULL),
        Policy(),
        CALM,
        Decision.CLIP,
        "neighbours",
    ),
    "neighbours use all": (
        FACTOR,
        overloaded(**BUSY_ACCOUNT),
        Policy(),
        CALM,
        Decision.BLOCK,
        "neighbours",
    ),
    "the account was not seen": (
        FACTOR,
        without(slow_consumer(), "account"),
        Policy(),
        CALM,
        Decision.APPROVE,
        "neighbours",
    ),
    "shards were not seen": (
        FACTOR,
        without(slow_consumer(), "shards", "stream"),
        Policy(),
        CALM,
        Decision.BLOCK,
        "neighbours",
    ),
    "a reservation takes from the pool": (
        change("reserved_concurrency", 10, 900),
        throttled(reserved_concurrency=10),
        Policy(limits=Limits(reserved_concurrency=1000)),
        CALM,
        Decision.CLIP,
        "neighbours",
    ),
    "downstream is in ALARM": (
        FACTOR,
        slow_consumer(),
        NAMED,
        CALM._replace(downstream={"database": "ALARM"}),
        Decision.BLOCK,
        "downstream",
    ),
    "downstream could not be seen": (
        FACTOR,
        slow_consumer(),
        NAMED,
        CALM,
        Decision.BLOCK,
        "downstream",
    ),
    "errors came with the load, and nobody named what stands behind": (
        FACTOR,
        pressed(),
        Policy(),
        CALM,
        Decision.APPROVE,
        "downstream",
    ),
    "errors came with the load, and what stands behind is seen to be well": (
        FACTOR,
        pressed(),
        NAMED,
        CALM._replace(downstream={"database": "OK"}),
        Decision.ALLOW,
        "policy",
    ),
    "errors came with the load, and have ended under it": (
        FACTOR,
        pressed(errors=[1.0] * 20 + [30.0] * 7 + [1.0] * 3),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "errors are as frequent as before the load": (
        FACTOR,
        pressed(errors=since(10, 1, 1)),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "downstream is well": (
        FACTOR,
        slow_consumer(),
        NAMED,
        CALM._replace(downstream={"database": "OK"}),
        Decision.ALLOW,
        "policy",
    ),
    "downstream's alarm does not keep us from lowering": (
        change("parallelization_factor", 8, 4),
        slow_consumer(parallelization_factor=8),
        NAMED,
        CALM._replace(downstream={"database": "ALARM"}),
        Decision.ALLOW,
        "policy",
    ),
    "some fails and is given up uncaptured, by its owner's settings: more at once may lose more": (
        FACTOR,
        slow_consumer(maximum_retry_attempts=0, errors=since(5, 2)),
        Policy(),
        CALM,
        Decision.APPROVE,
        "downstream",
    ),
    "what fails once is given up uncaptured, whether anything fails yet or not": (
        FACTOR,
        slow_consumer(maximum_retry_attempts=0),
        Policy(),
        CALM,
        Decision.APPROVE,
        "downstream",
    ),
    "a reservation has room for the lanes that somebody has set, whatever becomes of failures": (
        change("reserved_concurrency", 1, 4),
        throttled(maximum_retry_attempts=0),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "what a function reports as failed is given up uncaptured, and not counted": (
        FACTOR,
        slow_consumer(maximum_retry_attempts=3, reports_partial_batches=True),
        Policy(),
        CALM,
        Decision.APPROVE,
        "downstream",
    ),
    "some fails and is given up to a destination that is gone": (
        FACTOR,
        slow_consumer(
            maximum_retry_attempts=3, on_failure_destination=QUARANTINE, errors=since(5, 2)
        ),
        Policy(),
        CALM,
        Decision.APPROVE,
        "downstream",
    ),
    "a probe's second lane, where what fails is given up to a destination that is gone": (
        FACTOR.model_copy(update={"remedy": RemedyName.ISOLATE_POISON}),
        slow_consumer(
            maximum_retry_attempts=3, on_failure_destination=QUARANTINE, errors=since(5, 2)
        ),
        Policy(),
        CALM,
        Decision.APPROVE,
        "downstream",
    ),
    "some fails and is given up to a destination that takes it": (
        FACTOR,
        slow_consumer(
            maximum_retry_attempts=3, on_failure_destination=QUARANTINE, errors=since(5, 2)
        ),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "what fails is tried again before it is given up, and nothing fails": (
        FACTOR,
        slow_consumer(maximum_retry_attempts=3),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
}
# What was found out beside the evidence, in some cases.
KNOWN: Mapping[str, Mapping[str, Any]] = {
    "some fails and is given up to a destination that is gone": {"destination_usable": False},
    "a probe's second lane, where what fails is given up to a destination that is gone": {
        "destination_usable": False
    },
    "some fails and is given up to a destination that takes it": {"destination_usable": True},
}
