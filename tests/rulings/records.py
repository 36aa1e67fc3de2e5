"""No record is given up that could be kept."""

from collections.abc import Mapping
from typing import Any

from remediator.model import Decision, RemedyName
from remediator.policy import Policy
from tests.changes import change
from tests.evidence import QUARANTINE, one_shard_fails, poison, slow_consumer
from tests.guarding import CALM, FACTOR, RETRIES, Words, after, spent

WORDS: Words = {
    "a restart would drop what waits": (
        FACTOR,
        slow_consumer(maximum_record_age_seconds=700),
        Policy(),
        CALM,
        Decision.BLOCK,
        "record_age",
    ),
    "who bounds retries isolates a record, and lowers nothing": (
        change("maximum_retry_attempts", 10_000, 10),
        poison(maximum_retry_attempts=10_000, on_failure_destination=QUARANTINE),
        Policy(),
        after(spent(5, RemedyName.ISOLATE_POISON)),
        Decision.ALLOW,
        "policy",
    ),
    "a maximum record age discards the backlog": (
        change("maximum_record_age_seconds", -1, 3600),
        poison(on_failure_destination=QUARANTINE),
        Policy(),
        CALM,
        Decision.BLOCK,
        "discard",
    ),
    "bounded retries that capture": (
        RETRIES,
        poison(on_failure_destination=QUARANTINE),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "nobody has seen whether their destination takes anything": (
        RETRIES,
        poison(on_failure_destination=QUARANTINE),
        Policy(),
        CALM,
        Decision.BLOCK,
        "discard",
    ),
    "their destination is gone": (
        RETRIES,
        poison(on_failure_destination=QUARANTINE),
        Policy(),
        CALM,
        Decision.BLOCK,
        "discard",
    ),
    "what a restart pushes past the age is captured, and good all the same": (
        FACTOR,
        slow_consumer(maximum_record_age_seconds=700, on_failure_destination=QUARANTINE),
        Policy(),
        CALM,
        Decision.BLOCK,
        "record_age",
    ),
    "bounded retries that capture nothing": (
        RETRIES,
        poison(),
        Policy(),
        CALM,
        Decision.BLOCK,
        "discard",
    ),
    "bounded retries on a mere suspicion": (
        RETRIES,
        one_shard_fails(on_failure_destination=QUARANTINE),
        Policy(),
        CALM,
        Decision.BLOCK,
        "discard",
    ),
    "the mapping starts at LATEST": (
        FACTOR,
        slow_consumer(starting_position="LATEST"),
        Policy(),
        CALM,
        Decision.APPROVE,
        "latest_position",
    ),
}
# What was found out beside the evidence, in some cases.
KNOWN: Mapping[str, Mapping[str, Any]] = {
    "bounded retries that capture": {"destination_usable": True},
    "bounded retries on a mere suspicion": {"destination_usable": True},
    "their destination is gone": {"destination_usable": False},
    "who bounds retries isolates a record, and lowers nothing": {"destination_usable": True},
    "what a restart pushes past the age is captured, and good all the same": {
        "destination_usable": True
    },
}
