"""What goes back after recovery: turn after turn, and only where less carries the load."""

from datetime import timedelta
from itertools import pairwise

import pytest

from remediator.decide import restoring
from remediator.decide.case import Case
from remediator.decide.diagnosis import diagnosed
from remediator.model import (
    Cause,
    Change,
    Evidence,
    Incident,
    RemedyName,
    Resource,
    ResourceKind,
    Value,
)
from remediator.policy import Policy, RestoreTo
from remediator.state import ChangeState, IncidentState, TrackedChange
from tests.evidence import MAPPING, NOW, evidence, target

ORDERS = Resource(kind=ResourceKind.FUNCTION, id="orders")
LANES = Resource(kind=ResourceKind.EVENT_SOURCE_MAPPING, id=MAPPING)
# A restart of the mapping delays nothing, so that only the load decides.
STILL = Policy().model_copy(
    update={"forecast": Policy().forecast.model_copy(update={"restart_seconds": 0})}
)


def incident(resource: Resource, setting: str, *values: int) -> IncidentState:
    """One in which a setting was raised from each value to the next, turn after turn."""
    made = tuple(
        TrackedChange(
            change=Change(
                remedy=RemedyName.RAISE_RESERVED_CONCURRENCY,
                resource=resource,
                setting=setting,
                before=before,
                after=after,
            ),
            state=ChangeState.APPLIED,
            at=NOW - timedelta(hours=1),
            turn=turn,
        )
        for turn, (before, after) in enumerate(pairwise(values), 1)
    )
    return IncidentState(
        incident_id="inc",
        account_id="111122223333",
        region="eu-west-1",
        incident=Incident(incident_id="inc", at=NOW),
        target=target(),
        opened_at=NOW,
        updated_at=NOW,
        changes=made,
    )


def looked(seen: Evidence, policy: Policy = STILL) -> Case:
    return diagnosed(seen, policy)


def lanes_at_work(lanes: float, factor: int) -> Evidence:
    """That many of the lanes of one shard."""
    return evidence(parallelization_factor=factor, invocations=60 * lanes, duration_ms=1000)


@pytest.mark.parametrize(
    ("busy", "back"),
    [
        pytest.param(0.5, [(4, 8), (2, 4), (1, 2)], id="all of it, newest first"),
        pytest.param(2.5, [(4, 8)], id="as far as the load lets it"),
        pytest.param(6.0, [], id="nothing: all of it is needed"),
    ],
)
def test_what_was_raised_turn_after_turn_goes_back_turn_after_turn(
    busy: float, back: list[tuple[Value, Value]]
) -> None:
    state = incident(LANES, "parallelization_factor", 1, 2, 4, 8)
    goes, stays = restoring.to_restore(state, looked(lanes_at_work(busy, factor=8)))
    assert [(t.change.before, t.change.after) for t in goes] == back
    assert len(goes) + len(stays) == 3


def test_a_turn_that_stays_keeps_those_that_it_stands_on() -> None:
    """Else the oldest would be undone from a value that is not there any more."""
    state = incident(ORDERS, "reserved_concurrency", 1, 3, 24)
    busy = evidence(
        parallelization_factor=10, reserved_concurrency=24, invocations=600, duration_ms=500
    )
    goes, stays = restoring.to_restore(state, looked(busy))
    assert goes == []
    assert [one.tracked.change.after for one in stays] == [24, 3]


@pytest.mark.parametrize("restore", RestoreTo)
def test_lanes_that_were_shown_to_be_too_many_go_back_whatever_their_restart_costs(
    restore: RestoreTo,
) -> None:
    """The next burst would break what stands behind (invariant 5)."""
    slow = STILL.forecast.model_copy(update={"restart_seconds": 300})
    policy = STILL.model_copy(update={"forecast": slow, "restore": restore})
    state = incident(LANES, "parallelization_factor", 1, 8)
    look = looked(lanes_at_work(0.5, factor=8), policy)
    assert restoring.to_restore(state, look)[0] == []
    learned = state.model_copy(update={"learned": Cause.DOWNSTREAM_SATURATED})
    goes, stays = restoring.to_restore(learned, look)
    assert [t.change.after for t in goes] == [8]
    assert stays == []


@pytest.mark.parametrize("restore", RestoreTo)
def test_lanes_that_carry_todays_load_stay_though_there_were_too_many(restore: RestoreTo) -> None:
    policy = STILL.model_copy(update={"restore": restore})
    state = incident(LANES, "parallelization_factor", 1, 8).model_copy(
        update={"learned": Cause.DOWNSTREAM_SATURATED}
    )
    assert restoring.to_restore(state, looked(lanes_at_work(6.0, factor=8), policy))[0] == []


def test_only_the_newest_value_is_lowered() -> None:
    least = STILL.model_copy(update={"restore": RestoreTo.SMALLEST_HEALTHY})
    state = incident(LANES, "parallelization_factor", 1, 2, 8)
    look = looked(lanes_at_work(3.0, factor=8), least)
    _, stays = restoring.to_restore(state, look)
    lowered = restoring.lowered(stays, look)
    assert [(change.before, change.after) for change in lowered] == [(8, 5)]
    assert restoring.kept_words(stays, lowered).count("=") == 1
