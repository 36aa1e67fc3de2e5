"""A storm takes no more than its share: of the account's concurrency, of Lambda's control plane."""

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

BUDGETS = {"the policy's budget": SHIPPED_BUDGET, "no budget": NO_BUDGET}


@cache
def blown(budget: str, alarms: int) -> Figures:
    return play(Storm(alarms=alarms, budget=BUDGETS[budget], watched_seconds=600 + alarms))


SMALL = [pytest.param(budget, 40, id=f"40 alarms, {budget}") for budget in BUDGETS]
LARGE = [
    pytest.param(budget, 1000, id=f"1000 alarms, {budget}", marks=pytest.mark.long)
    for budget in BUDGETS
]
every_storm = pytest.mark.parametrize(("budget", "alarms"), [*SMALL, *LARGE])


@every_storm
def test_every_incident_is_looked_at_and_no_duplicate_acts(budget: str, alarms: int) -> None:
    figures = blown(budget, alarms)
    assert len({turn.incident for turn in figures.first_turns}) == alarms
    assert len(figures.delivered_again) == alarms * figures.storm.twice
    assert figures.count(Status.FAILED) == 0


@every_storm
def test_what_has_nothing_to_do_costs_little(budget: str, alarms: int) -> None:
    """An alarm that came already, a look that gave way, a watch that finds no look missed."""
    figures = blown(budget, alarms)
    assert figures.looked_for_nothing
    first = figures.cost(figures.first_turns)
    assert figures.cost(figures.delivered_again) < first / 2
    assert figures.cost(figures.looked_for_nothing) < first / 3


@every_storm
def test_no_mapping_is_changed_again_before_the_first_change_can_show(
    budget: str, alarms: int
) -> None:
    figures = blown(budget, alarms)
    assert figures.changes
    assert figures.closest_changes_seconds is None or figures.closest_changes_seconds >= 240


@every_storm
def test_no_neighbour_is_starved(budget: str, alarms: int) -> None:
    figures = blown(budget, alarms)
    assert figures.least_free >= figures.must_stay_free


@every_storm
def test_the_control_plane_is_left_to_others_by_a_third(budget: str, alarms: int) -> None:
    assert 5 <= blown(budget, alarms).lambda_peak <= LAMBDA_CONTROL_PER_SECOND * 2 / 3


@every_storm
def test_the_last_incident_costs_no_more_than_the_first(budget: str, alarms: int) -> None:
    figures = blown(budget, alarms)
    for status in {turn.status for turn in figures.first_turns}:
        first, last = figures.same_kind(status)
        assert last <= first + 2


def test_the_budget_of_the_account_holds_in_a_storm() -> None:
    assert sum(blown("the policy's budget", 40).changes.values()) == SHIPPED_BUDGET.per_account


@pytest.mark.long
def test_a_large_storm_meets_the_limit_of_the_concurrency() -> None:
    figures = blown("no budget", 1000)
    assert figures.least_free < CONCURRENCY_LIMIT * 0.06
    assert figures.count(Status.BLOCKED) or figures.count(Status.ESCALATED)


def test_the_figures_say_what_they_are_of() -> None:
    said = "\n".join(lines(blown("the policy's budget", 40)))
    assert "40 of 40 incidents" in said
    assert "15 are allowed" in said
