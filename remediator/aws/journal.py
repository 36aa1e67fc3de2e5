"""The journal on one table: what survives restarts, and what makes us act once.

==========================  ====================  ===========================================
pk                          sk                    what
==========================  ====================  ===========================================
INCIDENT#<id>               HEAD                  the incident's state now, and its version
INCIDENT#<id>               ENTRIES#<version>     what one commit appended; never changed
MAPPING#<name>              LEASE                 who may act on it, and until when
MAPPING#<uuid>              OPEN#<opened>#<id>    pointer to an incident while it is open
MAPPING#<uuid>              AT#<opened>#<id>      pointer to an incident, for the history
ACCOUNT#<account>#<region>  OPEN#…, AT#…          the same for the account
ACCOUNT#<account>#<region>  LEDGER                claims and budgets, and their version
RESOURCE#<kind>#<name>      BY#<opened>#<id>      pointer to an incident whose change it holds
FREEZE                      <scope>               a stop switch
==========================  ====================  ===========================================

Pointers sort by the time of opening, so the first OPEN one is the incident that was there first.
Whatever belongs together is written by one transaction, so no crash leaves a half of it.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from boto3.dynamodb.conditions import Attr, ConditionBase

from remediator.aws import items
from remediator.aws.table import Check, Drop, Item, Key, Put, RefusedError, Table, Write
from remediator.errors import ConflictError, TemporaryError
from remediator.model import Resource
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

_LEDGER_TRIES = 5


class TableJournal:
    """``ports.Journal`` on a table: DynamoDB's, or one in memory.

    All methods raise TemporaryError (throttled, no answer, others are writing) or PermanentError
    (denied, no such table).

    Leases compare with the ``now`` that callers pass, so with the clocks of different hosts. A
    clock that runs ahead takes a lease early; the holder that lost it is then stopped by the
    fencing token at its next commit, whatever its own clock says. What a token cannot stop is a
    write to AWS that is under way: a lease has to be longer than a turn, and an intent is
    committed under the lease just before each write.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    # --- incidents ------------------------------------------------------------------------------

    def begin(self, state: IncidentState) -> IncidentState | None:
        """Open an incident once, with its first entry. One call."""
        first = Entry(
            incident_id=state.incident_id,
            kind=EntryKind.INCIDENT,
            at=state.updated_at,
            data=state.incident.model_dump(mode="json"),
        )
        head = Put(items.head(state.incident_id), items.head_item(state, None), _ABSENT)
        try:
            self._table.write([head, *self._appended(state, [first]), *self._pointers(state)])
        except RefusedError as refused:
            return items.to_state(refused.items[0])
        return None

    def load(self, incident_id: str) -> IncidentState | None:
        """The incident's present state. One call."""
        return items.to_state(self._table.get(items.head(incident_id)))

    def commit(
        self, state: IncidentState, entries: Sequence[Entry], lease: Lease | None, now: datetime
    ) -> IncidentState:
        """Save the state and append the entries, all or nothing. One call.

        The same commit once more under the same lease, after an answer that was lost, is
        recognised and changes nothing. An incident's mapping, once known, stays what it is.

        Raises ConflictError when the version has moved on, or the lease is lost or expired.
        """
        saved = state.model_copy(update={"version": state.version + 1, "updated_at": now})
        as_it_was = Attr("version").eq(state.version) & (
            Attr("mapping").is_in(["", items.mapping_of(state)])
        )
        head = Put(items.head(state.incident_id), items.head_item(saved, lease), as_it_was)
        appended = self._appended(saved, entries) if entries else ()
        held = [Check(items.lease(lease.mapping), _held_now(lease, now))] if lease else ()
        try:
            self._table.write([head, *appended, *self._pointers(saved), *held])
        except RefusedError as refused:
            _raise_unless_made(refused, saved, lease)
        return saved

    def entries(self, incident_id: str) -> tuple[Entry, ...]:
        """The incident's append-only records, oldest first. One call."""
        home = items.incident(incident_id)
        return items.to_entries(self._table.between(home, "ENTRIES#", f"ENTRIES#{items.LAST}"))

    def open_incident(self, mapping: str) -> IncidentState | None:
        """The incident that is open for a mapping; the oldest, if there are several. Two calls."""
        return next(iter(self._open(items.mapping(mapping))), None)

    def open_incidents(self, account_id: str, region: str) -> tuple[IncidentState, ...]:
        """The account's open incidents, oldest first. Two calls."""
        return self._open(items.account(account_id, region))

    def history(self, mapping: str, limit: int = 20) -> tuple[IncidentState, ...]:
        """A mapping's incidents, newest first. Two calls."""
        return self._newest(items.mapping(mapping), "AT#", limit)

    def recent(
        self, account_id: str, region: str, since: datetime, limit: int = 50
    ) -> tuple[IncidentState, ...]:
        """The account's incidents opened since a time, newest first. Two calls."""
        return self._newest(items.account(account_id, region), f"AT#{items.stamp(since)}", limit)

    def owners(self, resource: Resource) -> tuple[IncidentState, ...]:
        """The incidents whose changes have marked a resource, oldest first. Two calls."""
        home = items.resource(resource.kind, resource.id)
        return self._pointed_at(self._table.between(home, "BY#", f"BY#{items.LAST}"))

    def _open(self, home: str) -> tuple[IncidentState, ...]:
        pointers = self._table.between(home, "OPEN#", f"OPEN#{items.LAST}")
        return tuple(state for state in self._pointed_at(pointers) if state.open)

    def _newest(self, home: str, low: str, limit: int) -> tuple[IncidentState, ...]:
        high = f"AT#{items.LAST}"
        return self._pointed_at(
            self._table.between(home, low, high, newest_first=True, limit=limit)
        )

    def _pointed_at(self, pointers: Sequence[Item]) -> tuple[IncidentState, ...]:
        heads = [items.head(str(pointer["incident_id"])) for pointer in pointers]
        found = self._table.get_all(heads)
        return tuple(state for head in heads if (state := items.to_state(found.get(head))))

    def _appended(self, state: IncidentState, entries: Sequence[Entry]) -> Iterator[Write]:
        """One item for all entries of a commit; the version that is only reached once names it."""
        key = items.incident(state.incident_id), f"ENTRIES#{state.version:09}"
        yield Put(key, items.entries_item(state, tuple(entries)))

    def _pointers(self, state: IncidentState) -> Iterator[Write]:
        place = f"{items.stamp(state.opened_at)}#{state.incident_id}"
        pointer: Item = {"incident_id": state.incident_id}
        kept = pointer | {"expires_at": items.forgotten_at(state)}
        mapping = [items.mapping(state.target.known_as)] if state.target else []
        for home in [items.account(state.account_id, state.region), *mapping]:
            opened: Key = (home, f"OPEN#{place}")
            yield Put(opened, pointer) if state.open else Drop(opened)
            yield Put((home, f"AT#{place}"), kept)
        marked = state.marked
        for resource in dict.fromkeys(tracked.change.resource for tracked in state.changes):
            by: Key = (items.resource(resource.kind, resource.id), f"BY#{place}")
            forgotten = {} if state.open or state.in_effect else kept
            yield Put(by, pointer | forgotten) if resource in marked else Drop(by)

    # --- leases ---------------------------------------------------------------------------------

    def acquire(self, mapping: str, holder: str, now: datetime, seconds: int) -> Lease | None:
        """Take one lease, or ``None`` while somebody else holds it. One call.

        The same holder may take it again, after an answer that was lost; the token grows. So a
        holder is one attempt of one invocation, never a request id: Lambda repeats those.
        """
        item = self._table.update(
            items.lease(mapping),
            {"holder": holder, "held_until": items.stamp_after(now, seconds)},
            _ABSENT | Attr("held_until").lte(items.stamp(now)) | Attr("holder").eq(holder),
            grow_by={"fence": 1},
        )
        return items.to_lease(mapping, item) if item else None

    def renew(self, lease: Lease, now: datetime, seconds: int) -> Lease:
        """Hold on until ``seconds`` from now. One call.

        Raises ConflictError when the lease was lost or has expired.
        """
        item = self._table.update(
            items.lease(lease.mapping),
            {"held_until": items.stamp_after(now, seconds)},
            _held_now(lease, now),
        )
        if item is None:
            raise ConflictError(_lost(lease))
        return items.to_lease(lease.mapping, item)

    def release(self, lease: Lease) -> None:
        """Give the lease back; nothing happens if it was lost already. One call."""
        self._table.update(items.lease(lease.mapping), {"held_until": ""}, _held(lease))

    # --- the account's ledger -------------------------------------------------------------------

    def ledger(self, account_id: str, region: str) -> AccountLedger:
        """What has been claimed and spent in the account. One call."""
        return items.to_ledger(self._table.get((items.account(account_id, region), "LEDGER")))

    def spend(
        self,
        account_id: str,
        region: str,
        now: datetime,
        expected: AccountLedger,
        claim: Claim | None,
        spent: Sequence[Spent],
    ) -> AccountLedger:
        """Claim concurrency and spend budget, compare-and-set against ``expected``. One call.

        Raises ConflictError when another incident was faster.
        """
        ledger = expected.spending(claim, spent, now)
        self._save(items.account(account_id, region), ledger)
        return ledger

    def release_claim(self, account_id: str, region: str, incident_id: str, now: datetime) -> None:
        """Give an incident's claim back. Two calls, more while others write to the ledger."""
        for _ in range(_LEDGER_TRIES):
            ledger = self.ledger(account_id, region)
            if all(claim.incident_id != incident_id for claim in ledger.claims):
                return
            with suppress(ConflictError):
                self._save(items.account(account_id, region), ledger.releasing(incident_id, now))
                return
        raise TemporaryError(f"too many others write to the ledger of {account_id} in {region}")

    def _save(self, home: str, ledger: AccountLedger) -> None:
        """Write version n where version n - 1 lies; the same once more changes nothing."""
        item: Item = {"body": items.packed(ledger.model_dump_json()), "version": ledger.version}
        before = _ABSENT if ledger.version == 1 else Attr("version").eq(ledger.version - 1)
        try:
            self._table.write([Put((home, "LEDGER"), item, before)])
        except RefusedError as refused:
            there = refused.items[0]
            if there is None or there["body"] != item["body"]:
                raise ConflictError("another incident was faster at the ledger") from refused

    # --- freezes --------------------------------------------------------------------------------

    def freeze(self, freeze: Freeze) -> None:
        """Stop all changes of a scope until it is lifted. One call."""
        self._table.write([Put(("FREEZE", freeze.scope), items.freeze_item(freeze))])

    def unfreeze(self, scope: str) -> None:
        """Lift a freeze. One call."""
        self._table.delete(("FREEZE", scope))

    def frozen(self, scopes: Sequence[str], since: datetime | None = None) -> Freeze | None:
        """The first freeze among the scopes, of those set after ``since``. One call."""
        keys: list[Key] = [("FREEZE", scope) for scope in scopes]
        found = self._table.get_all(keys)
        freezes = (items.to_freeze(found[key]) for key in keys if key in found)
        return next((one for one in freezes if since is None or one.at > since), None)

    def freezes(self) -> tuple[Freeze, ...]:
        """All freezes, by scope. One call a page."""
        return tuple(map(items.to_freeze, self._table.between("FREEZE", " ", items.LAST)))


_ABSENT = Attr("pk").not_exists()


def _held(lease: Lease) -> ConditionBase:
    return Attr("holder").eq(lease.holder) & Attr("fence").eq(lease.token)


def _held_now(lease: Lease, now: datetime) -> ConditionBase:
    return _held(lease) & Attr("held_until").gt(items.stamp(now))


def _lost(lease: Lease) -> str:
    return f"the lease of mapping {lease.mapping} is lost or expired (token {lease.token})"


def _raise_unless_made(refused: RefusedError, saved: IncidentState, lease: Lease | None) -> None:
    """Raise ConflictError, unless this very commit was made before under this very lease.

    A commit's first write is the state, its last one the check of the lease.
    """
    there = refused.items[0]
    if lease and refused.failed[-1]:
        raise ConflictError(_lost(lease)) from refused
    wanted = items.head_item(saved, lease)
    if lease is None or there is None or any(there.get(key) != wanted[key] for key in wanted):
        raise ConflictError(_overtaken(saved, there)) from refused


def _overtaken(saved: IncidentState, there: Item | None) -> str:
    if there is not None and there["version"] == saved.version - 1:
        return f"incident {saved.incident_id} is about another mapping: {there['mapping']!s}"
    return f"incident {saved.incident_id} has moved on from version {saved.version - 1}"
