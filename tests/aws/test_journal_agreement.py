"""Whatever is asked of them, in whatever order, the journals in memory and on DynamoDB agree.

The machine asks with stale versions, lost leases and old ledgers as readily as with present ones,
and lets two clocks disagree: each request is made at the present time or some seconds beside it.
"""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from lab.memory_journal import MemoryJournal
from remediator.errors import RemediatorError
from remediator.ports import Journal
from remediator.state import AccountLedger, IncidentState, Lease, Stage
from tests.aws.journal_table import dynamo_journal
from tests.histories import ACCOUNT, NOW, REGION, claim, entry, freeze, spent, state, target

INCIDENTS = ("incident-1", "incident-2", "incident-3")
MAPPINGS = ("mapping-1", "mapping-2")
SCOPES = ("all", "orders")
ANY_NUMBER = st.integers(min_value=0, max_value=1_000_000)
SECONDS = st.sampled_from([0, 1, 30, 60])


class Journals(RuleBasedStateMachine):
    """Two journals under the same requests."""

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        self.both: tuple[Journal, Journal] = (
            MemoryJournal(),
            self.open.enter_context(dynamo_journal()),
        )
        self.now = NOW
        self.states: list[IncidentState] = []
        self.leases: list[Lease | None] = [None]
        self.ledgers = [AccountLedger()]
        self.repeat: Callable[[Journal], object] = lambda journal: journal.load("nobody")
        self.touched = "incident-1"

    def teardown(self) -> None:
        self.everything_is_the_same()
        self.open.close()

    def agree(self, ask: Callable[[Journal], object]) -> object:
        """What both answer; which kind of error counts as an answer."""
        self.repeat = ask
        memory, dynamodb = (answer(journal, ask) for journal in self.both)
        assert memory == dynamodb
        return memory

    # --- time, and answers that were lost ------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 29, 30, 60, 86_400]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def the_same_is_asked_once_more(self) -> None:
        self.agree(self.repeat)

    # --- incidents -----------------------------------------------------------------------------

    @rule(
        incident_id=st.sampled_from(INCIDENTS),
        mapping=st.sampled_from([None, *MAPPINGS]),
        opened=st.sampled_from([-60, 0]),
    )
    def begin(self, incident_id: str, mapping: str | None, opened: int) -> None:
        fresh = state(incident_id, mapping, opened_at=self.now + timedelta(seconds=opened))
        there = self.agree(lambda journal: journal.begin(fresh))
        self.touched = incident_id
        self.states.append(there if isinstance(there, IncidentState) else fresh)

    @precondition(lambda self: self.states)
    @rule(
        which=ANY_NUMBER,
        lease=ANY_NUMBER,
        stage=st.sampled_from(Stage),
        mapping=st.sampled_from([None, *MAPPINGS]),
        entries=st.integers(min_value=0, max_value=2),
    )
    def commit(
        self, which: int, lease: int, stage: Stage, mapping: str | None, entries: int
    ) -> None:
        old, now = self.states[-1 - which % min(3, len(self.states))], self.now
        change = {"stage": stage} | ({"target": target(mapping)} if mapping else {})
        wanted = old.model_copy(update=change)
        told = [entry(old.incident_id, now, step=n) for n in range(entries)]
        under = self.leases[lease % len(self.leases)]
        saved = self.agree(lambda journal: journal.commit(wanted, told, under, now))
        self.touched = old.incident_id
        if isinstance(saved, IncidentState):
            self.states.append(saved)

    # --- leases --------------------------------------------------------------------------------

    @rule(
        mapping=st.sampled_from(MAPPINGS),
        holder=st.sampled_from(["first", "second"]),
        seconds=SECONDS,
    )
    def acquire(self, mapping: str, holder: str, seconds: int) -> None:
        now = self.now
        lease = self.agree(lambda journal: journal.acquire(mapping, holder, now, seconds))
        if isinstance(lease, Lease):
            self.leases.append(lease)

    @rule(which=ANY_NUMBER, seconds=SECONDS)
    def renew(self, which: int, seconds: int) -> None:
        lease, now = self.leases[which % len(self.leases)], self.now
        if lease:
            self.agree(lambda journal: journal.renew(lease, now, seconds))

    @rule(which=ANY_NUMBER)
    def release(self, which: int) -> None:
        lease = self.leases[which % len(self.leases)]
        if lease:
            self.agree(lambda journal: journal.release(lease))

    # --- the ledger and the freezes ------------------------------------------------------------

    @rule(
        which=ANY_NUMBER,
        incident_id=st.sampled_from(INCIDENTS),
        seconds=st.sampled_from([None, 0, 60]),
        changes=st.integers(min_value=0, max_value=2),
    )
    def spend(self, which: int, incident_id: str, seconds: int | None, changes: int) -> None:
        seen, now = self.ledgers[-1 - which % min(3, len(self.ledgers))], self.now
        promised = None if seconds is None else claim(incident_id, expires_at=later(now, seconds))
        counted = [spent(incident_id, now)] * changes
        self.agree(lambda journal: journal.spend(ACCOUNT, REGION, now, seen, promised, counted))
        self.ledgers.append(self.both[0].ledger(ACCOUNT, REGION))

    @rule(incident_id=st.sampled_from(INCIDENTS))
    def release_claim(self, incident_id: str) -> None:
        now = self.now
        self.agree(lambda journal: journal.release_claim(ACCOUNT, REGION, incident_id, now))

    @rule(scope=st.sampled_from(SCOPES), reason=st.sampled_from(["one", "two"]))
    def freeze(self, scope: str, reason: str) -> None:
        self.agree(lambda journal: journal.freeze(freeze(scope, reason)))

    @rule(scope=st.sampled_from(SCOPES))
    def unfreeze(self, scope: str) -> None:
        self.agree(lambda journal: journal.unfreeze(scope))

    # --- what has to be the same ---------------------------------------------------------------

    @invariant()
    def what_was_touched_is_the_same(self) -> None:
        memory, dynamodb = self.both
        assert memory.load(self.touched) == dynamodb.load(self.touched)
        assert memory.ledger(ACCOUNT, REGION) == dynamodb.ledger(ACCOUNT, REGION)

    def everything_is_the_same(self) -> None:
        memory, dynamodb = (contents(journal) for journal in self.both)
        assert memory == dynamodb


def later(now: datetime, seconds: int) -> datetime:
    return now + timedelta(seconds=seconds)


def answer(journal: Journal, ask: Callable[[Journal], object]) -> object:
    try:
        return ask(journal)
    except RemediatorError as error:
        return type(error)


def contents(journal: Journal) -> list[object]:
    """All that a journal tells."""
    return [
        *(journal.load(incident_id) for incident_id in INCIDENTS),
        *(journal.entries(incident_id) for incident_id in INCIDENTS),
        *(journal.open_incident(mapping) for mapping in MAPPINGS),
        *(journal.history(mapping, limit) for mapping in MAPPINGS for limit in (1, 20)),
        *(journal.recent(ACCOUNT, REGION, later(NOW, after), 2) for after in (-60, 0, 30)),
        journal.open_incidents(ACCOUNT, REGION),
        journal.ledger(ACCOUNT, REGION),
        *(journal.frozen(scopes) for scopes in (SCOPES, SCOPES[::-1], SCOPES[:1])),
    ]


def agreement(histories: int) -> None:
    run_state_machine_as_test(
        Journals,
        settings=settings(
            max_examples=histories,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_journals_agree() -> None:
    agreement(histories=20)


@pytest.mark.long
def test_the_journals_agree_for_long() -> None:
    agreement(histories=300)
