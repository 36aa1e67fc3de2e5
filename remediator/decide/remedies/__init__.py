"""The one ordered table: for each cause, the levers to try, the first that fits wins.

A new remedy is one new file and its name in this table. ``FIRST_AID`` may accompany any cause.
Where no lever fits, a person is called: escalation needs no entry.
"""

from collections.abc import Mapping

from remediator.decide.remedies import (
    batches,
    concurrency,
    fan_out,
    memory,
    parallelization,
    poison,
    retention,
    shards,
)
from remediator.decide.remedies.base import (
    Pass,
    Remedy,
    captures,
    captures_for_a_person,
    drops_in_a_restart,
)
from remediator.model import Cause

FIRST_AID: tuple[Remedy, ...] = (retention.REMEDY,)

REMEDIES: Mapping[Cause, tuple[Remedy, ...]] = {
    Cause.THROTTLING: (concurrency.REMEDY, concurrency.OWN),
    Cause.POISON_RECORD: (poison.REMEDY,),
    Cause.READ_CONTENTION: (shards.REMEDY, fan_out.REMEDY),
    Cause.SLOW_CONSUMER: (
        parallelization.REMEDY,
        concurrency.REMEDY,
        memory.REMEDY,
        batches.LARGER,
        shards.REMEDY,
    ),
    # More lanes gain nothing here; a hot shard at least can be split.
    Cause.HOT_PARTITION_KEY: (),
    # Raising anything would break it further; what we raised is rolled back by the follow-up.
    Cause.DOWNSTREAM_SATURATED: (),
    # Splits what times out or stands still, which may tell more; never discards.
    Cause.FUNCTION_FAILURE: (batches.SMALLER, poison.REMEDY),
    Cause.CONSUMER_STOPPED: (),
    Cause.RECOVERING: (),
    Cause.UNKNOWN: (poison.REMEDY,),
}

# Which levers may go together in one plan, each sized for the others: taken where the forecast says
# that those alone do not reach the target.
TOGETHER: Mapping[Cause, tuple[tuple[Remedy, ...], ...]] = {
    # What a wider reservation is for: the lanes that drain what waits.
    Cause.THROTTLING: ((parallelization.REMEDY, concurrency.REMEDY),),
    # What piled up behind the record drains with more lanes, and the mapping restarts once.
    Cause.POISON_RECORD: ((poison.REMEDY, parallelization.REMEDY),),
    Cause.SLOW_CONSUMER: (
        (parallelization.REMEDY, concurrency.REMEDY),
        (batches.LARGER, parallelization.REMEDY),
    ),
}

# Causes that need neither a lever nor a person.
QUIET_CAUSES = frozenset({Cause.RECOVERING})

__all__ = [
    "FIRST_AID",
    "QUIET_CAUSES",
    "REMEDIES",
    "TOGETHER",
    "Pass",
    "Remedy",
    "captures",
    "captures_for_a_person",
    "drops_in_a_restart",
]
