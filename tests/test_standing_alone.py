"""First aid and levers stand alone; only what makes a change safe holds it back."""

import pytest

from lab.memory_table import memory_journal
from remediator.errors import PermanentError, RemediatorError, TemporaryError
from remediator.execution import Executor
from remediator.model import (
    Change,
    Decision,
    GuardedChange,
    GuardedPlan,
    Mode,
    Plan,
    Resource,
    ResourceKind,
    Ruling,
    Status,
)
from tests import histories
from tests.lives import alarmed, factor, started
from tests.small_account import Author, Weather

UNTAGGED = PermanentError("AccessDeniedException: no such tag", code="AccessDeniedException")


@pytest.mark.parametrize("refusal", [UNTAGGED, TemporaryError("Rate exceeded")])
def test_first_aid_that_is_refused_does_not_keep_the_lanes_from_being_raised(
    refusal: RemediatorError,
) -> None:
    host = started(Weather.OLD)
    host.refused = {"retention_hours": refusal}
    alarmed(host)
    assert factor(host) != 1
    retention = host.account.pipelines["orders"].settings[ResourceKind.STREAM, "retention_hours"]
    assert (retention.value, retention.author) == (24, Author.FIRST)


def test_what_was_not_made_is_told_beside_what_was() -> None:
    host = started(Weather.OLD)
    host.refused = {"retention_hours": UNTAGGED}
    alarmed(host)
    outcome = host.reports[-1].outcome
    assert outcome.status is Status.PARTLY_APPLIED
    assert {done.change.setting: done.in_effect for done in outcome.results} == {
        "retention_hours": False,
        "parallelization_factor": True,
    }


# --- what is safe only with another change -------------------------------------------------------

ORDERS = histories.target("mapping-orders")
LANES = Resource(kind=ResourceKind.EVENT_SOURCE_MAPPING, id="mapping-orders")
SETTINGS = {
    "reserved_concurrency": Resource(kind=ResourceKind.FUNCTION, id="orders"),
    "parallelization_factor": LANES,
    "bisect_on_error": LANES,
}


def wished(**needs: tuple[str, ...]) -> GuardedPlan:
    """All three settings go from 1 to 2; some are safe only with others."""
    changes = tuple(
        Change(
            remedy="raise_parallelization_factor",
            resource=resource,
            setting=setting,
            before=1,
            after=2,
            safe_only_with=needs.get(setting, ()),
        )
        for setting, resource in SETTINGS.items()
    )
    word = Ruling(decision=Decision.ALLOW, guardrail="policy", reason="within every limit")
    return GuardedPlan(
        plan=Plan(incident_id="incident-1", target=ORDERS, cause="slow_consumer", changes=changes),
        changes=tuple(GuardedChange(change=change, ruling=word) for change in changes),
        mode=Mode.APPLY,
    )


class Shelf:
    """Settings that all hold 1, of which some cannot be written."""

    def __init__(self, *refused: str) -> None:
        self.refused, self.held = refused, dict.fromkeys(SETTINGS, 1)

    def read(self, _resource: Resource, settings: tuple[str, ...]) -> dict[str, int]:
        return {setting: self.held[setting] for setting in settings}

    def write(self, _resource: Resource, values: dict[str, int]) -> None:
        if set(self.refused) & set(values):
            raise PermanentError("denied", code="AccessDeniedException")
        self.held |= values

    def settled(self, _resource: Resource) -> bool:
        return True


def made(plan: GuardedPlan, *refused: str) -> dict[str, int]:
    shelf, journal = Shelf(*refused), memory_journal()
    state = histories.state("incident-1", "mapping-orders")
    journal.begin(state)
    lease = journal.acquire("mapping-orders", "we", histories.NOW, 60)
    assert lease is not None
    executor = Executor(shelf, journal, lambda: histories.NOW)  # type: ignore[arg-type]
    executor.apply(state, lease, plan)
    return shelf.held


def test_a_change_is_not_made_without_the_one_that_makes_it_safe() -> None:
    plan = wished(parallelization_factor=("reserved_concurrency",))
    held = made(plan, "reserved_concurrency")
    assert held == {"reserved_concurrency": 1, "parallelization_factor": 1, "bisect_on_error": 2}


def test_what_leans_on_a_change_that_leans_on_another_falls_with_both() -> None:
    plan = wished(
        bisect_on_error=("parallelization_factor",),
        parallelization_factor=("reserved_concurrency",),
    )
    assert set(made(plan, "reserved_concurrency").values()) == {1}


def test_nothing_else_holds_a_change_back() -> None:
    assert made(wished(), "reserved_concurrency") == {
        "reserved_concurrency": 1,
        "parallelization_factor": 2,
        "bisect_on_error": 2,
    }
