"""A journal in memory with the semantics of the one on DynamoDB.

For storms, in which DynamoDB is not what is tried. ``tests/aws/test_journal.py`` and
``tests/aws/test_journal_agreement.py`` hold the two equal.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from remediator.errors import ConflictError
from remediator.model import Record, Resource
from remediator.state import (
    AccountLedger,
    Claim,
    Entry,
    EntryKind,
    Freeze,
    IncidentState,
    Lease,
    Spent,
)

R = TypeVar("R", bound=Record)


class MemoryJournal:
    """``ports.Journal`` in dictionaries; what is kept went through JSON, as it does in a table."""

    def __init__(self) -> None:
        self._states: dict[str, IncidentState] = {}
        self._written_by: dict[str, Lease | None] = {}
        self._entries: dict[str, list[Entry]] = {}
        self._leases: dict[str, Lease] = {}
        self._ledgers: dict[tuple[str, str], AccountLedger] = {}
        self._freezes: dict[str, Freeze] = {}

    # --- incidents ------------------------------------------------------------------------------

    def begin(self, state: IncidentState) -> IncidentState | None:
        if state.incident_id in self._states:
            return self._states[state.incident_id]
        self._states[state.incident_id] = _kept(state)
        self._written_by[state.incident_id] = None
        first = Entry(
            incident_id=state.incident_id,
            kind=EntryKind.INCIDENT,
            at=state.updated_at,
            data=state.incident.model_dump(mode="json"),
        )
        self._append(state.incident_id, [first])
        return None

    def load(self, incident_id: str) -> IncidentState | None:
        return self._states.get(incident_id)

    def commit(
        self, state: IncidentState, entries: Sequence[Entry], lease: Lease | None, now: datetime
    ) -> IncidentState:
        if lease and not self._holds(lease, now):
            raise ConflictError(f"the lease of mapping {lease.mapping} is lost or expired")
        saved = state.model_copy(update={"version": state.version + 1, "updated_at": now})
        if self._is_repeated(saved, lease):
            return saved
        there = self._states.get(state.incident_id)
        if there is None or there.version != state.version:
            raise ConflictError(f"incident {state.incident_id} has moved on")
        if there.target and _mapping(there) != _mapping(state):
            raise ConflictError(f"incident {state.incident_id} is about another mapping")
        self._states[state.incident_id] = _kept(saved)
        self._written_by[state.incident_id] = lease
        self._append(state.incident_id, entries)
        return saved

    def entries(self, incident_id: str) -> tuple[Entry, ...]:
        return tuple(self._entries.get(incident_id, ()))

    def open_incident(self, mapping: str) -> IncidentState | None:
        return next((state for state in self._of(mapping) if state.open), None)

    def open_incidents(self, account_id: str, region: str) -> tuple[IncidentState, ...]:
        return tuple(state for state in self._in(account_id, region) if state.open)

    def owners(self, resource: Resource) -> tuple[IncidentState, ...]:
        return tuple(state for state in self._sorted() if resource in state.marked)

    def history(self, mapping: str, limit: int = 20) -> tuple[IncidentState, ...]:
        return tuple(reversed(self._of(mapping)))[:limit]

    def recent(
        self, account_id: str, region: str, since: datetime, limit: int = 50
    ) -> tuple[IncidentState, ...]:
        states = reversed(self._in(account_id, region))
        return tuple(state for state in states if state.opened_at >= since)[:limit]

    def _append(self, incident_id: str, entries: Sequence[Entry]) -> None:
        log = self._entries.setdefault(incident_id, [])
        for entry in entries:
            log.append(_kept(entry).model_copy(update={"number": len(log) + 1}))

    def _is_repeated(self, saved: IncidentState, lease: Lease | None) -> bool:
        writer = self._written_by.get(saved.incident_id)
        same_writer = lease is not None and writer is not None and _right(lease) == _right(writer)
        return same_writer and self._states[saved.incident_id] == _kept(saved)

    def _sorted(self) -> list[IncidentState]:
        return sorted(self._states.values(), key=lambda state: (state.opened_at, state.incident_id))

    def _of(self, mapping: str) -> list[IncidentState]:
        return [state for state in self._sorted() if _mapping(state) == mapping]

    def _in(self, account_id: str, region: str) -> list[IncidentState]:
        wanted = (account_id, region)
        return [state for state in self._sorted() if (state.account_id, state.region) == wanted]

    # --- leases ---------------------------------------------------------------------------------

    def acquire(self, mapping: str, holder: str, now: datetime, seconds: int) -> Lease | None:
        there = self._leases.get(mapping)
        if there and there.expires_at > now and there.holder != holder:
            return None
        lease = Lease(
            mapping=mapping,
            holder=holder,
            token=there.token + 1 if there else 1,
            expires_at=now + timedelta(seconds=seconds),
        )
        self._leases[mapping] = lease
        return lease

    def renew(self, lease: Lease, now: datetime, seconds: int) -> Lease:
        if not self._holds(lease, now):
            raise ConflictError(f"the lease of mapping {lease.mapping} is lost or expired")
        expires_at = now + timedelta(seconds=seconds)
        self._leases[lease.mapping] = lease.model_copy(update={"expires_at": expires_at})
        return self._leases[lease.mapping]

    def release(self, lease: Lease) -> None:
        there = self._leases.get(lease.mapping)
        if there and _right(there) == _right(lease):
            long_ago = datetime.min.replace(tzinfo=lease.expires_at.tzinfo)
            self._leases[lease.mapping] = there.model_copy(update={"expires_at": long_ago})

    def _holds(self, lease: Lease, now: datetime) -> bool:
        there = self._leases.get(lease.mapping)
        return there is not None and _right(there) == _right(lease) and there.expires_at > now

    # --- the account's ledger -------------------------------------------------------------------

    def ledger(self, account_id: str, region: str) -> AccountLedger:
        return self._ledgers.get((account_id, region), AccountLedger())

    def spend(
        self,
        account_id: str,
        region: str,
        now: datetime,
        expected: AccountLedger,
        claim: Claim | None,
        spent: Sequence[Spent],
    ) -> AccountLedger:
        there, ledger = self.ledger(account_id, region), expected.spending(claim, spent, now)
        if there != ledger and there.version != expected.version:
            raise ConflictError("another incident was faster at the ledger")
        self._ledgers[account_id, region] = ledger
        return ledger

    def release_claim(self, account_id: str, region: str, incident_id: str, now: datetime) -> None:
        ledger = self.ledger(account_id, region)
        if any(claim.incident_id == incident_id for claim in ledger.claims):
            self._ledgers[account_id, region] = ledger.releasing(incident_id, now)

    # --- freezes --------------------------------------------------------------------------------

    def freeze(self, freeze: Freeze) -> None:
        self._freezes[freeze.scope] = freeze

    def unfreeze(self, scope: str) -> None:
        self._freezes.pop(scope, None)

    def frozen(self, scopes: Sequence[str]) -> Freeze | None:
        return next((self._freezes[scope] for scope in scopes if scope in self._freezes), None)

    def freezes(self) -> tuple[Freeze, ...]:
        return tuple(self._freezes[scope] for scope in sorted(self._freezes))


def _kept(record: R) -> R:
    return type(record).model_validate_json(record.model_dump_json())


def _mapping(state: IncidentState) -> str:
    return state.target.event_source_mapping if state.target else ""


def _right(lease: Lease) -> tuple[str, int]:
    return lease.holder, lease.token
