"""What a remedy is: one lever, the causes it is for, and what it would change."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from remediator import arns
from remediator.decide.case import Case
from remediator.model import (
    Change,
    Detail,
    Evidence,
    RemedyName,
    Value,
)
from remediator.policy import Autonomy
from remediator.setting import Setting
from remediator.settings_table import CAPTURED, DESTINATION, RECORD_AGE, of


class Pass(NamedTuple):
    """A remedy that does not fit here, and why. It stands in the report."""

    reason: str


class Remedy(NamedTuple):
    """One registered lever. ``permissions`` are the IAM actions that its writes need."""

    name: RemedyName
    propose: Callable[[Case], "tuple[Change, ...] | Pass"]
    permissions: tuple[str, ...]
    caveats: tuple[str, ...] = ()
    details: frozenset[Detail] = frozenset(Detail) - {Detail.PAUSED}
    """For which refinements of its causes it is meant."""
    asked_first: Callable[[Case], bool] = lambda _: False
    """Whether a person is asked here, whatever the policy says of this remedy."""
    by_hand: Callable[[Case], tuple[str, ...]] = lambda _: ()
    """Commands by which a person does it, where it would help and is not ours to do."""


def captures(here: Case, destination: Value) -> bool:
    """Whether a destination is known to take what the mapping gives up: a delivery that fails
    drops the record.

    It was seen to; or it is our own standard queue in the mapping's Region, which AWS is going to
    check itself in the call that sets it, and then refuses the whole of it (Lambda Developer
    Guide: kinesis-on-failure-destination).
    """
    if here.destination_usable is not None:
        return here.destination_usable
    mapping = here.evidence.mapping
    is_new = mapping is not None and mapping.on_failure_destination != destination
    return is_new and destination == here.quarantine_arn and _is_plain_queue(here)


def captures_for_a_person(here: Case) -> bool:
    """Whether records are given up to a destination that somebody chose, and it could not be seen
    what becomes of them there: whoever lowers their retries has to know."""
    mapping = here.evidence.mapping
    if mapping is None or mapping.on_failure_destination is None:
        return False
    return mapping.maximum_retry_attempts != -1 and here.destination_usable is None


def _is_plain_queue(here: Case) -> bool:
    queue = arns.parsed(here.quarantine_arn)
    if queue is None or queue.service != "sqs" or queue.resource.endswith(".fifo"):
        return False
    return queue.region == here.evidence.target.region


def age_bound(here: Case) -> int | None:
    """Seconds after which the mapping gives a record up for its age; ``None``: it does not."""
    mapping = here.evidence.mapping
    most = mapping.maximum_record_age_seconds if mapping else -1
    return None if most in RECORD_AGE.never else most


def drops_in_a_restart(here: Case, remedy: RemedyName) -> int | None:
    """The maximum record age that what waits would pass while the mapping restarts: what is older
    is given up. ``None``: there is none, or it is far.

    These are good records (invariant 2): that they are captured is no reason to give them up. Only
    where a record holds its shard they wait for that age anyway, and isolating it saves the rest.
    """
    most, mapping = age_bound(here), here.evidence.mapping
    if most is None or mapping is None:
        return None
    age, isolates = here.signals.age_seconds, remedy is RemedyName.ISOLATE_POISON
    # What a probe tells is acted upon by another restart.
    restarts = 2 if isolates and not here.diagnosis.proven else 1
    longest = _LONGEST * restarts * here.policy.forecast.restart_seconds
    if age is not None and age + longest < most:
        return None
    held = mapping.on_failure_destination
    return None if isolates and held is not None and captures(here, held) else most


# Times the restart that a policy reckons with: what waits must not depend on how long it takes.
_LONGEST = 1.5


def restarting(here: Case, made: tuple[Change, ...]) -> tuple[Change, ...]:
    """Changes of the mapping, with its maximum record age lifted where its restart needs that."""
    if not made:
        return made
    most = drops_in_a_restart(here, made[0].remedy)
    captured = any(of(c) is DESTINATION and captures(here, c.after) for c in made)
    if most is None or captured:
        return made
    lift = made[0].model_copy(
        update={
            "setting": RECORD_AGE.name,
            "before": most,
            "after": -1,
            "why": f"what waits while the mapping restarts would be dropped at {most} s",
            "safe_only_with": (),
        }
    )
    return (lift, *(leaning_on(change, lift.setting) for change in made))


def restart_asks(here: Case, made: Sequence[Change]) -> bool:
    """Whether a person is asked before the mapping restarts for changes: it starts at LATEST, or
    its maximum record age has to be lifted meanwhile."""
    mapping, policy = here.evidence.mapping, here.policy
    if mapping is None or not any(of(change).restarts for change in made):
        return False
    misses = mapping.starting_position == "LATEST" and policy.latest_position is not Autonomy.AUTO
    lifted = any(of(change) is RECORD_AGE for change in made)
    return misses or (lifted and policy.record_age is not Autonomy.AUTO)


def leaning_on(change: Change, setting: str) -> Change:
    """A change that is not made without that of another setting."""
    return change.model_copy(update={"safe_only_with": (*change.safe_only_with, setting)})


def changes(
    remedy: RemedyName,
    evidence: Evidence,
    wanted: Mapping[Setting, Value],
    why: str,
    caveats: tuple[str, ...] = (),
) -> tuple[Change, ...]:
    """One Change for each setting that holds another value by now. What gives records up is safe
    only with what captures them (invariant 1), where both are changed."""
    differ = {row: after for row, after in wanted.items() if row.now(evidence) != after}
    return tuple(
        Change(
            remedy=remedy,
            resource=row.resource(evidence),
            setting=row.name,
            before=row.now(evidence),
            after=after,
            why=why,
            caveats=caveats,
            safe_only_with=tuple(
                other.name
                for other in differ
                if (row, other) in CAPTURED or (other, row) in CAPTURED
            ),
        )
        for row, after in differ.items()
    )
