"""Every kind of incident that the lab plays, in ordered tables.

``INCIDENTS`` are the ones that a runbook has. ``WILD`` are those in which a remediator that has
learned from the first ones alone is wrong, or does harm: each stands for what has happened.
"""

from collections.abc import Mapping

from lab.scenarios import (
    backlogs,
    destinations,
    failing,
    misread,
    reading,
    settings,
    shared,
    slow,
    throttled,
    uneven,
    witnesses,
)
from lab.scenarios.blueprint import (
    CONSUMER,
    MAPPING,
    NEIGHBOUR,
    Blueprint,
    Happening,
    Lever,
    OwnAlarm,
    Scenario,
)

INCIDENTS: Mapping[str, Scenario] = {
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
WILD: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        *witnesses.SCENARIOS,
        *destinations.SCENARIOS,
        *shared.SCENARIOS,
        *backlogs.WILD,
        *settings.SCENARIOS,
        *misread.SCENARIOS,
    )
}
SCENARIOS: Mapping[str, Scenario] = {**INCIDENTS, **WILD}

__all__ = [
    "CONSUMER",
    "INCIDENTS",
    "MAPPING",
    "NEIGHBOUR",
    "SCENARIOS",
    "WILD",
    "Blueprint",
    "Happening",
    "Lever",
    "OwnAlarm",
    "Scenario",
]
