"""How the journal's records lie in its table: keys, times that sort, and bodies.

Records are read leniently, since a newer version may have written them: a field that is not known
here is left out. What cannot be understood at all is an error of the world, and comes back.
"""

import zlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from remediator.aws.table import Item, Key, Plain
from remediator.errors import PermanentError
from remediator.state import AccountLedger, Entry, Freeze, IncidentState, Lease

# How long a closed incident stays; DynamoDB drops it by the TTL attribute ``expires_at``.
KEPT_FOR = timedelta(days=90)
# Longer bodies are compressed, about tenfold, to stay below AWS's 400 KB for one item. Shorter ones
# stay readable in the console; the usual state has some 10 KB.
PLAIN_CHARACTERS = 100_000

# Sorts after every digit, so after every time and version.
LAST = "~"

_ENTRIES = TypeAdapter(tuple[Entry, ...], config=ConfigDict(defer_build=True))
_STATE = TypeAdapter(IncidentState)
_LEDGER = TypeAdapter(AccountLedger)
_FREEZE = TypeAdapter(Freeze)
T = TypeVar("T")


def account(account_id: str, region: str) -> str:
    """Partition of one account and Region: its pointers and its ledger."""
    return f"ACCOUNT#{account_id}#{region}"


def resource(kind: str, name: str) -> str:
    """Partition of one AWS resource: pointers to the incidents whose changes it holds."""
    return f"RESOURCE#{kind}#{name}"


def mapping(uuid: str) -> str:
    """Partition of one event source mapping: its pointers and its lease."""
    return f"MAPPING#{uuid}"


def incident(incident_id: str) -> str:
    """Partition of one incident: its state and its entries."""
    return f"INCIDENT#{incident_id}"


def head(incident_id: str) -> Key:
    """Where an incident's state lies."""
    return incident(incident_id), "HEAD"


def lease(uuid: str) -> Key:
    """Where a mapping's lease lies."""
    return mapping(uuid), "LEASE"


def stamp(at: datetime) -> str:
    """A time as text of one width, so that it sorts and compares as times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def stamp_after(at: datetime, seconds: int) -> str:
    """The time some seconds later."""
    return stamp(at + timedelta(seconds=seconds))


def mapping_of(state: IncidentState) -> str:
    """The mapping that an incident is about, or nothing while it is unknown."""
    return state.target.known_as if state.target else ""


def forgotten_at(state: IncidentState) -> int:
    """When an incident's records may go: epoch seconds, as DynamoDB's TTL wants them."""
    return int((state.updated_at + KEPT_FOR).timestamp())


def head_item(state: IncidentState, held: Lease | None) -> Item:
    """An incident's state. An open one never expires: its changes are not forgotten."""
    return {
        "body": packed(state.model_dump_json()),
        "version": state.version,
        "mapping": mapping_of(state),
        "written_by": f"{held.holder}#{held.token}" if held else "",
        **({} if state.open else {"expires_at": forgotten_at(state)}),
    }


def to_state(item: Item | None) -> IncidentState | None:
    """The state that lies in an item."""
    return _read(_STATE, item) if item else None


def entries_item(state: IncidentState, entries: tuple[Entry, ...]) -> Item:
    """All that one commit appended. Entries are numbered when they are read."""
    body = _ENTRIES.dump_json(entries, exclude={"__all__": {"number"}}).decode()
    return {"body": packed(body), "expires_at": forgotten_at(state)}


def to_entries(items: tuple[Item, ...]) -> tuple[Entry, ...]:
    """The entries of an incident's items, numbered from 1."""
    found = [entry for item in items for entry in _read(_ENTRIES, item)]
    return tuple(
        entry.model_copy(update={"number": number}) for number, entry in enumerate(found, start=1)
    )


def to_lease(uuid: str, item: Item) -> Lease:
    """The lease that lies in an item."""
    return Lease(
        mapping=uuid,
        holder=str(item["holder"]),
        token=int(item["fence"]),
        expires_at=datetime.fromisoformat(str(item["held_until"])),
    )


def to_ledger(item: Item | None) -> AccountLedger:
    """The ledger that lies in an item; an empty one where there is none."""
    if item is None:
        return AccountLedger()
    return _read(_LEDGER, item)


def freeze_item(freeze: Freeze) -> Item:
    """A stop switch."""
    return {"body": packed(freeze.model_dump_json())}


def to_freeze(item: Item) -> Freeze:
    """The stop switch that lies in an item."""
    return _read(_FREEZE, item)


def _read(kind: TypeAdapter[T], item: Item) -> T:
    """A record; raises PermanentError where it cannot be understood."""
    try:
        found: T = _understood(kind, unpacked(item["body"]))
    except (KeyError, ValidationError, zlib.error) as error:
        where = f"{item.get('pk')!s}, {item.get('sk')!s}"
        said = f"the journal's record {where} cannot be read; a newer version may have written it"
        raise PermanentError(f"{said}: {error}", code="UnreadableRecord") from error
    return found


@lru_cache(maxsize=128)
def _understood(kind: TypeAdapter[Any], text: str) -> Any:
    """A record of a text. A turn reads the same ones again and again, and none of them changes."""
    return kind.validate_json(text, extra="ignore")


def packed(text: str) -> Plain:
    """A body: text, or bytes when it is long."""
    return text if len(text) <= PLAIN_CHARACTERS else zlib.compress(text.encode())


def unpacked(body: Plain) -> str:
    """The text of a body."""
    return zlib.decompress(body).decode() if isinstance(body, bytes) else str(body)
