"""A turn rules once, against the ledger that it spends from; what it cannot count is an error."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from lab.memory_table import memory_journal
from remediator.aws.journal import TableJournal
from remediator.decide.guardrails import Undo
from remediator.errors import ConflictError, TemporaryError
from remediator.model import Mode, Report, Status
from remediator.policy import Policy
from remediator.ports import Journal
from remediator.replay import SavedSensor
from remediator.runbook import acting
from remediator.runbook.session import Deployment, Session
from remediator.runbook.turn import ATTEMPTS, Turn
from remediator.state import IncidentState
from tests.evidence import NOW, slow_consumer
from tests.histories import state
from tests.test_gone import Clockwork, Hand
from tests.test_memory import LANES, incident

SEEN = slow_consumer()


class Counted:
    """A journal that counts what it is asked; the first ``busy`` spendings come too late."""

    def __init__(self, journal: TableJournal, busy: int) -> None:
        self.calls = Counter[str]()
        self._journal = journal
        self._busy = busy

    def __getattr__(self, name: str) -> Callable[..., Any]:
        self.calls[name] += 1
        if name == "spend" and self.calls[name] <= self._busy:
            return self._too_late
        found: Callable[..., Any] = getattr(self._journal, name)
        return found

    @staticmethod
    def _too_late(*_: object) -> None:
        raise ConflictError("another incident was faster")


def turn(of: IncidentState, busy: int = 0, **held: int) -> tuple[Turn, Counter[str], Hand]:
    journal, hand = Counted(memory_journal(), busy), Hand(dict(held))
    session = Session(
        sensor=SavedSensor(SEEN),
        actuator=hand,
        policy=Policy(mode=Mode.APPLY),
        deployment=Deployment(mode=Mode.APPLY),
        clock=lambda: NOW,
        journal=cast("Journal", journal),
        scheduler=Clockwork(),
    )
    mapping = SEEN.target.event_source_mapping
    session.need_journal().begin(of)
    lease = session.need_journal().acquire(mapping, "me", NOW, 60)
    journal.calls.clear()
    return Turn(session, session.load_incident(of.incident_id), lease), journal.calls, hand


def first(busy: int = 0) -> tuple[Report, Counter[str]]:
    fresh = state(mapping=SEEN.target.event_source_mapping)
    fresh = fresh.model_copy(update={"target": SEEN.target})
    held, calls, _ = turn(fresh, busy, parallelization_factor=1)
    return acting.first(held), calls


def test_an_acting_turn_reads_the_ledger_once_and_spends_from_it() -> None:
    report, calls = first()
    assert report.outcome.status is Status.APPLIED
    assert (calls["ledger"], calls["spend"]) == (1, 1)


def test_where_another_incident_was_faster_it_rules_again_by_what_is_left() -> None:
    report, calls = first(busy=2)
    assert report.outcome.status is Status.APPLIED
    assert (calls["ledger"], calls["spend"]) == (3, 3)


def test_where_others_are_always_faster_nothing_is_made() -> None:
    with pytest.raises(TemporaryError, match="at the same moment"):
        first(busy=ATTEMPTS)


def test_a_cool_down_that_cannot_be_counted_is_an_error_and_nothing_is_undone() -> None:
    raised = incident(LANES, "parallelization_factor", 1, 4)
    held, calls, hand = turn(raised, ATTEMPTS, parallelization_factor=4)
    held.look()
    which = held.state.in_effect
    assert held.rule_undo(which, Undo.HARM).changes
    with pytest.raises(TemporaryError, match="at the same moment"):
        held.undo(which)
    assert calls["spend"] == ATTEMPTS
    assert hand.held == {"parallelization_factor": 4}
    assert held.at - NOW < timedelta(seconds=1)
