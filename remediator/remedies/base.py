"""What a remedy is: one lever, the causes it is for, and what it would change."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from remediator.forecast import Flow
from remediator.model import (
    Change,
    Diagnosis,
    Evidence,
    RemedyName,
    Resource,
    ResourceKind,
    Value,
)
from remediator.policy import Policy
from remediator.signals import Signals


class Situation(NamedTuple):
    """Everything that a remedy may look at."""

    evidence: Evidence
    signals: Signals
    diagnosis: Diagnosis
    policy: Policy
    flow: Flow | None
    spare_concurrency: int | None = None
    """Invocations that may be added without starving a neighbour; ``None``: not seen."""
    spare_reservation: int | None = None
    quarantine_arn: str | None = None
    destination_usable: bool | None = None
    """Whether the on-failure destination exists and takes what is sent; ``None``: not seen."""
    careful: bool = False
    """Whether the evidence gives reason to go in steps."""


class Pass(NamedTuple):
    """A remedy that does not fit here, and why. It stands in the report."""

    reason: str


class Remedy(NamedTuple):
    """One registered lever. ``permissions`` are the IAM actions that its writes need."""

    name: RemedyName
    propose: Callable[[Situation], "tuple[Change, ...] | Pass"]
    permissions: tuple[str, ...]
    caveats: tuple[str, ...] = ()
    reversible: bool = True


def mapping_resource(evidence: Evidence) -> Resource:
    """The mapping, as a resource to change."""
    return Resource(kind=ResourceKind.EVENT_SOURCE_MAPPING, id=evidence.target.event_source_mapping)


def changes(
    remedy: RemedyName,
    resource: Resource,
    wanted: Mapping[str, tuple[Value, Value]],
    why: str,
    caveats: tuple[str, ...] = (),
    together: frozenset[str] = frozenset(),
) -> tuple[Change, ...]:
    """One Change for each setting whose value differs: ``{setting: (before, after)}``.

    ``together``: settings that are safe only with each other.
    """
    differ = {setting for setting, (before, after) in wanted.items() if before != after}
    return tuple(
        Change(
            remedy=remedy,
            resource=resource,
            setting=setting,
            before=before,
            after=after,
            why=why,
            caveats=caveats,
            safe_only_with=tuple(sorted((together & differ) - {setting}))
            if setting in together
            else (),
        )
        for setting, (before, after) in wanted.items()
        if before != after
    )
