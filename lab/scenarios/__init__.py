"""Every kind of incident that the lab plays, in one ordered table."""

from collections.abc import Mapping

from lab.scenarios import backlogs, failing, reading, slow, throttled, uneven
from lab.scenarios.blueprint import (
    CONSUMER,
    MAPPING,
    NEIGHBOUR,
    Blueprint,
    Happening,
    Lever,
    Scenario,
)

SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        *slow.SCENARIOS,
        *uneven.SCENARIOS,
        *backlogs.SCENARIOS,
        *throttled.SCENARIOS,
        *failing.SCENARIOS,
        *reading.SCENARIOS,
    )
}

__all__ = [
    "CONSUMER",
    "MAPPING",
    "NEIGHBOUR",
    "SCENARIOS",
    "Blueprint",
    "Happening",
    "Lever",
    "Scenario",
]
