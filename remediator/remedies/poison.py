"""Isolate a poison record: bisect first; bound the retries only when the function is proven.

Source: docs/concepts.md, causes, and invariants 1 and 2. All settings go in one call, so that
there is no moment in which retries are bounded and nothing captures what is given up. AWS itself
checks in that call that the consumer's role may write to the destination.
"""

from remediator.model import Cause, Change, Detail, MappingState, RemedyName, Value
from remediator.remedies.base import (
    Pass,
    Remedy,
    Situation,
    captures,
    changes,
    mapping_resource,
    restarting,
)

NAME = RemedyName.ISOLATE_POISON
CAVEATS = (
    "the mapping restarts: several minutes without polling",
    (
        "records given up go to the on-failure destination as metadata: fetch them from the stream "
        "before they expire"
    ),
)

_TOGETHER = frozenset({"maximum_retry_attempts", "on_failure_destination"})
"""Retries end only where something captures what is given up (invariant 1)."""


def propose(here: Situation) -> tuple[Change, ...] | Pass:
    """Bisect alone while failure of the function is possible; else bound the retries too."""
    mapping, diagnosis = here.evidence.mapping, here.diagnosis
    if mapping is None:
        return Pass("the mapping was not seen")
    if diagnosis.cause is Cause.FUNCTION_FAILURE and diagnosis.detail is not Detail.TIMEOUTS:
        return Pass("the function fails on good records: splitting batches does not help it")
    wanted: dict[str, tuple[Value, Value]] = {}
    if mapping.batch_size > 1:
        wanted["bisect_on_error"] = (mapping.bisect_on_error, True)
    elif not diagnosis.proven:
        return Pass("with batches of one record, splitting them tells nothing")
    why = "splitting failed batches isolates the record, and loses nothing"
    if diagnosis.proven:
        bounded = _bounded(here, mapping)
        if isinstance(bounded, Pass) and mapping.bisect_on_error:
            return bounded
        if not isinstance(bounded, Pass):
            wanted |= bounded
            why = "other batches succeed: split, retry a few times, then capture the record"
    found = changes(NAME, mapping_resource(here.evidence), wanted, why, CAVEATS, _TOGETHER)
    return restarting(here, found) or Pass("failed batches are split already")


def _bounded(here: Situation, mapping: MappingState) -> dict[str, tuple[Value, Value]] | Pass:
    """Bounded retries with a destination; Pass where nothing would capture the record."""
    destination = mapping.on_failure_destination or here.quarantine_arn
    if destination is None:
        return Pass("there is no on-failure destination to capture the record")
    if here.destination_usable is False:
        return Pass(f"the destination {destination} is gone, or the consumer may not write to it")
    if not captures(here, destination):
        return Pass(f"whether the destination {destination} takes what is given up was not seen")
    if mapping.maximum_retry_attempts != -1 and mapping.on_failure_destination:
        return Pass(f"retries are bounded already ({mapping.maximum_retry_attempts})")
    attempts = (
        here.policy.limits.retry_attempts
        if mapping.maximum_retry_attempts == -1
        else mapping.maximum_retry_attempts
    )
    return {
        "maximum_retry_attempts": (mapping.maximum_retry_attempts, attempts),
        "on_failure_destination": (mapping.on_failure_destination, destination),
    }


REMEDY = Remedy(
    NAME,
    propose,
    permissions=("lambda:UpdateEventSourceMapping", "sqs:GetQueueUrl"),
    caveats=CAVEATS,
)
