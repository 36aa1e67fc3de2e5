"""What the flow needs of the outside. AWS stands behind these; time is always an argument."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from remediator.model import (
    Alarm,
    Busy,
    Evidence,
    Incident,
    KeySample,
    Record,
    Released,
    Report,
    Resource,
    SourceKind,
    Target,
    Value,
    Watched,
)
from remediator.policy import Capture
from remediator.state import AccountLedger, Claim, Entry, Freeze, IncidentState, Lease, Spent


class DescribedAlarm(Record):
    """An alarm as CloudWatch describes it now."""

    alarm: Alarm
    state_since: datetime | None = None
    watched: Watched | None = None
    """What its metric points at; ``None`` for a composite alarm."""
    children: tuple[str, ...] = ()


class Sensor(Protocol):
    """Reads; never writes."""

    def describe_alarms(self, names: Sequence[str]) -> tuple[DescribedAlarm, ...]:
        """The alarms by name, those that exist.

        Raises PermanentError when it is denied, TemporaryError when it may work later.
        """
        ...

    def find_targets(self, watched: Watched, now: datetime) -> tuple[Target, ...]:
        """The stream mappings behind what is watched, the most lagging one first.

        Raises InputError when there is none, PermanentError when listing them is denied.
        """
        ...

    def read(self, target: Target, now: datetime, window_seconds: int) -> Evidence:
        """All readings of one mapping, side by side. What cannot be read becomes a Gap.

        Raises PermanentError only when nothing can be decided without what was denied (the
        mapping itself), TemporaryError when it may work later.
        """
        ...

    def destination_exists(self, arn: str) -> bool | None:
        """Whether an on-failure destination is there and of a kind that takes failed records.

        ``None`` when that cannot be seen, which proves nothing.
        """
        ...

    def busiest(self, now: datetime) -> tuple[Busy, ...] | None:
        """The account's functions that run most at once, the busiest first; ``None``: not seen."""
        ...

    def sample_keys(
        self, target: Target, shard_id: str, since: datetime, records: int, *, named: bool
    ) -> KeySample:
        """Partition keys of some records of one shard, by one call; nothing else of them.

        ``named``: the most frequent one by its name, too.
        Raises PermanentError or TemporaryError as AWS answers.
        """
        ...

    def released(self, target: Target) -> Released | None:
        """What the target's alias releases, beside $LATEST; ``None``: it names no alias.

        Raises PermanentError or TemporaryError as AWS answers.
        """
        ...


class Actuator(Protocol):
    """The only hand on other people's settings."""

    def read(self, resource: Resource, settings: Sequence[str]) -> Mapping[str, Value]:
        """The present values.

        Raises PermanentError or TemporaryError as AWS answers.
        """
        ...

    def write(self, resource: Resource, values: Mapping[str, Value]) -> None:
        """Set all values of one resource in one call.

        Raises PermanentError or TemporaryError as AWS answers; then nothing was changed.
        """
        ...

    def settled(self, resource: Resource) -> bool:
        """Wait, for a bounded time, until AWS has finished with the resource."""
        ...


class Journal(Protocol):
    """The memory that survives restarts. Every method may raise TemporaryError or PermanentError.

    Writes are conditional: what another invocation did in between is noticed, never overwritten.
    """

    def begin(self, state: IncidentState) -> IncidentState | None:
        """Open an incident once. ``None``: done; else the state that was there already."""
        ...

    def load(self, incident_id: str) -> IncidentState | None:
        """The incident's present state."""
        ...

    def commit(
        self, state: IncidentState, entries: Sequence[Entry], lease: Lease | None, now: datetime
    ) -> IncidentState:
        """Save the state and append the entries, all or nothing; returns the new version.

        Raises ConflictError when the version has moved on or the lease is lost or expired.
        """
        ...

    def entries(self, incident_id: str) -> tuple[Entry, ...]:
        """The incident's append-only records, oldest first."""
        ...

    def acquire(self, mapping: str, holder: str, now: datetime, seconds: int) -> Lease | None:
        """Take one lease (``state.lease_name``), or ``None`` while somebody else holds it."""
        ...

    def renew(self, lease: Lease, now: datetime, seconds: int) -> Lease:
        """Hold on longer. Raises ConflictError when the lease was lost."""
        ...

    def release(self, lease: Lease) -> None:
        """Give the lease back; nothing happens if it was lost already."""
        ...

    def open_incident(self, mapping: str) -> IncidentState | None:
        """The incident that is open for a mapping."""
        ...

    def owners(self, resource: Resource) -> tuple[IncidentState, ...]:
        """The incidents, open or closed, whose changes have marked a resource, oldest first."""
        ...

    def history(self, mapping: str, limit: int = 20) -> tuple[IncidentState, ...]:
        """A mapping's incidents, newest first."""
        ...

    def recent(
        self, account_id: str, region: str, since: datetime, limit: int = 50
    ) -> tuple[IncidentState, ...]:
        """The account's incidents opened since a time, newest first."""
        ...

    def open_incidents(self, account_id: str, region: str) -> tuple[IncidentState, ...]:
        """The account's open incidents."""
        ...

    def ledger(self, account_id: str, region: str) -> AccountLedger:
        """What has been claimed and spent in the account."""
        ...

    def spend(
        self,
        account_id: str,
        region: str,
        now: datetime,
        expected: AccountLedger,
        claim: Claim | None,
        spent: Sequence[Spent],
    ) -> AccountLedger:
        """Claim concurrency and spend budget, compare-and-set against ``expected``.

        Drops what has expired. Raises ConflictError when another incident was faster: read the
        ledger again, rule again.
        """
        ...

    def release_claim(self, account_id: str, region: str, incident_id: str, now: datetime) -> None:
        """Give an incident's claim back."""
        ...

    def freeze(self, freeze: Freeze) -> None:
        """Stop all changes of a scope until it is lifted."""
        ...

    def unfreeze(self, scope: str) -> None:
        """Lift a freeze."""
        ...

    def frozen(self, scopes: Sequence[str], since: datetime | None = None) -> Freeze | None:
        """The first freeze among the scopes, of those set after ``since``: read at one moment."""
        ...

    def freezes(self) -> tuple[Freeze, ...]:
        """All freezes, by scope."""
        ...


class Kept(Record):
    """How many of a range's records are kept now, and why not all of them."""

    records: int = 0
    because: str = ""


class RecordKeeper(Protocol):
    """Keeps what was given up before it expires, where the policy allows it."""

    def messages(self) -> tuple[str, ...]:
        """The messages that tell of it, which stay where they are.

        Raises PermanentError or TemporaryError as AWS answers, PermanentError where looking would
        do something to them.
        """
        ...

    def keep(self, incident_id: str, message: str, kind: SourceKind, limits: Capture) -> Kept:
        """Keep the records of one message, once; what is kept already is never overwritten.

        Raises PermanentError or TemporaryError as AWS answers, PermanentError for more than the
        limits allow, InputError for what is no such message.
        """
        ...


class Scheduler(Protocol):
    """Wakes us up again."""

    def schedule(self, name: str, at: datetime, payload: Mapping[str, Any]) -> None:
        """Invoke ourselves once at ``at`` with ``payload``. The same name twice is one schedule.

        Raises PermanentError or TemporaryError as AWS answers.
        """
        ...


class Notice(Record):
    """News: a screen of plain words for people, a chat's notification, the machine's part."""

    kind: str
    subject: str
    text: str
    chat: Mapping[str, Any] = {}
    """A custom notification of Amazon Q Developer in chat applications; empty: none."""
    incident: Incident | None = None
    detail: Mapping[str, Any] = {}


class LeftOut(Record):
    """In place of a report that is too long for an event; it stands in the journal."""

    left_out: str


class Event(Record):
    """The detail of an EventBridge event, as other systems get it; its schema is published.

    Its source is ``remediator``, its detail type the ``kind``.
    """

    kind: str
    """What happened: a status of the report's outcome, or ``recovered``, ``handed_over``,
    ``frozen``, ``unfrozen``."""
    subject: str
    """The news in one line."""
    text: str
    """One screen for people."""
    incident: Incident | None = None
    detail: Report | LeftOut
    """The report, without its incident."""


class Notifier(Protocol):
    """Tells people and other systems."""

    failed: int
    """How much news could not be sent."""

    def notify(self, notice: Notice) -> None:
        """Send the notice. A failure to send is logged, never raised: news is not the job."""
        ...
