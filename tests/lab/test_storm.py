"""A storm takes no more than its share: of the account's concurrency, of Lambda's control plane."""

from dataclasses import replace
from functools import cache

import pytest

from lab.storm.__main__ import lines
from lab.storm.fleet import CONCURRENCY_LIMIT
from lab.storm.playing import (
    LAMBDA_CONTROL_PER_SECOND,
    NO_BUDGET,
    SHIPPED_BUDGET,
    Figures,
    Storm,
    play,
)
from remediator.model import Status

STORMS = {
    "the policy's budget": Storm(budget=SHIPPED_BUDGET),
    "no budget": Storm(budget=NO_BUDGET),
    "two stacks of one journal": Storm(stacks=2),
    "two stacks of one journal, no budget": Storm(stacks=2, budget=NO_BUDGET),
}


@cache
def blown(storm: str, alarms: int) -> Figures:
    return play(replace(STORMS[storm], alarms=alarms, watched_seconds=600 + alarms))


# One of each budget, one of each number of stacks.
SMALL = [
    pytest.param(storm, 40, id=f"40 alarms, {storm}")
    for storm in ("two stacks of one journal", "no budget")
]
LARGE = [
    pytest.param(storm, 1000, id=f"1000 alarms, {storm}", marks=pytest.mark.long)
    for storm in STORMS
]
every_storm = pytest.mark.parametrize(("storm", "alarms"), [*SMALL, *LARGE])


@every_storm
def test_every_incident_is_looked_at_and_no_duplicate_acts(storm: str, alarms: int) -> None:
    figures = blown(storm, alarms)
    assert len({turn.incident for turn in figures.first_turns}) == alarms
    assert len(figures.delivered_again) == alarms * figures.storm.twice
    assert figures.count(Status.FAILED) == 0


@every_storm
def test_what_has_nothing_to_do_costs_little(storm: str, alarms: int) -> None:
    """An alarm that came already, a look that gave way, a watch that finds no look missed."""
    figures = blown(storm, alarms)
    assert figures.looked_for_nothing
    first = figures.cost(figures.first_turns)
    assert figures.cost(figures.delivered_again) < first / 2
    assert figures.cost(figures.looked_for_nothing) < first / 3


@every_storm
def test_no_mapping_is_changed_again_before_the_first_change_can_show(
    storm: str, alarms: int
) -> None:
    figures = blown(storm, alarms)
    assert figures.changes
    assert figures.closest_changes_seconds is None or figures.closest_changes_seconds >= 240


@every_storm
def test_no_neighbour_is_starved(storm: str, alarms: int) -> None:
    figures = blown(storm, alarms)
    assert figures.least_free >= figures.must_stay_free


@every_storm
def test_the_control_plane_is_left_to_others_by_a_third(storm: str, alarms: int) -> None:
    assert 5 <= blown(storm, alarms).lambda_peak <= LAMBDA_CONTROL_PER_SECOND * 2 / 3


@every_storm
def test_the_last_incident_costs_no_more_than_the_first(storm: str, alarms: int) -> None:
    figures = blown(storm, alarms)
    for status in {turn.status for turn in figures.first_turns}:
        first, last = figures.same_kind(status)
        assert last <= first + 2


def test_the_budget_of_the_account_holds_in_a_storm() -> None:
    """Also where two stacks spend it together."""
    changes = blown("two stacks of one journal", 40).changes
    assert sum(changes.values()) == SHIPPED_BUDGET.per_account


@pytest.mark.long
@pytest.mark.parametrize(
    "storm", [name for name, storm in STORMS.items() if storm.budget == NO_BUDGET]
)
def test_a_large_storm_meets_the_limit_of_the_concurrency(storm: str) -> None:
    figures = blown(storm, 1000)
    assert figures.least_free < CONCURRENCY_LIMIT * 0.06
    assert figures.count(Status.BLOCKED) or figures.count(Status.ESCALATED)


def test_the_figures_say_what_they_are_of() -> None:
    said = "\n".join(lines(blown("two stacks of one journal", 40)))
    assert "40 of 40 incidents" in said
    assert "15 are allowed" in said
