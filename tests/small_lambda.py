"""Lambda, the schedules and the ports in memory: where an invocation may die at any call.

Every call of a port goes through ``Host.call``, which lets a little time pass and then whatever a
test has planned for it: the process dies, AWS throttles, denies or does not answer, or the world
moves on in between. After its death a process calls nobody any more: ``finally`` frees no lease.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import count
from typing import Any, cast

from lab.memory_table import MemoryTable
from remediator.aws import items
from remediator.aws.journal import TableJournal
from remediator.errors import InputError, PermanentError, RemediatorError, TemporaryError
from remediator.events.requests import Approve, Command, FollowUpDue, Rollback, SetFreeze
from remediator.model import (
    Evidence,
    Gap,
    Incident,
    Mode,
    Report,
    Resource,
    ResourceKind,
    Target,
    Value,
    Watched,
)
from remediator.policy import Policy
from remediator.ports import (
    Actuator,
    DescribedAlarm,
    Journal,
    Notice,
    Notifier,
    RecordKeeper,
    Scheduler,
    Sensor,
)
from remediator.runbook import Deployment, Runbook
from remediator.state import Claim, Freeze, IncidentState, JournalClaim, Lease
from tests.histories import ACCOUNT, REGION
from tests.small_account import QUARANTINE, Author, SmallAccount

TIMEOUT = timedelta(seconds=120)
CALL_SECONDS = 0.05
# How long the actuator waits for an update to come into effect.
SETTLE_SECONDS = 15.0
# Lambda's own retries of an asynchronous invocation.
RETRIES_AFTER = (timedelta(seconds=60), timedelta(seconds=120))

_MAPPING = ResourceKind.EVENT_SOURCE_MAPPING

Event = Incident | Command
WriteWatcher = Callable[[Resource, Mapping[str, Value]], None]


class Death(BaseException):
    """The process ends here."""


class Kind(StrEnum):
    """What goes wrong at a call."""

    CRASH_BEFORE = "dies before the call"
    CRASH_AFTER = "dies after the call"
    THROTTLED = "is throttled"
    LOST_ANSWER = "gets no answer, though it took effect"
    DENIED = "is denied"
    MALFORMED = "gets half an answer, though it took effect"


# Ports that promise not to raise.
NEVER_RAISE = frozenset({"notifier.notify", "actuator.settled"})


@dataclass(frozen=True)
class Fault:
    """At call number ``at`` (and the ``lasting - 1`` after it) something goes wrong."""

    kind: Kind
    at: int
    lasting: int = 1

    def hits(self, number: int, name: str) -> bool:
        crash = self.kind in {Kind.CRASH_BEFORE, Kind.CRASH_AFTER}
        return self.at <= number < self.at + self.lasting and (crash or name not in NEVER_RAISE)


@dataclass
class Invocation:
    """One run of the handler."""

    request_id: str
    event: Event
    deadline: datetime
    fault: Fault | None = None
    meanwhile: Mapping[int, Callable[[], None]] = field(default_factory=dict)
    """What happens in the world just before the call of that number."""
    calls: list[str] = field(default_factory=list)
    dead: bool = False
    freeze_read_at: datetime | None = None
    """When it last asked whether it may change anything."""
    mode: Mode = Mode.APPLY


@dataclass(frozen=True)
class Disturbance:
    """What strikes one delivery."""

    fault: Fault | None = None
    meanwhile: Mapping[int, Callable[[], None]] = field(default_factory=dict)


@dataclass
class Due:
    """An event that waits to be delivered."""

    at: datetime
    event: Event
    request_id: str
    attempt: int = 1


class Host:
    """One deployment of the remediator in a small account."""

    def __init__(self, policy: Policy, account: SmallAccount | None = None) -> None:
        self.account = account or SmallAccount()
        self.policy = policy
        self.mode = Mode.APPLY
        self.switch: Freeze | None = None
        self.other_journal: JournalClaim | None = None
        self.keeper: RecordKeeper | None = None
        """Keeps what was given up, where a test brings one."""
        self.gaps: tuple[Gap, ...] = ()
        """What cannot be seen, whatever is read."""
        self.refused: dict[str, RemediatorError] = {}
        """Settings whose write AWS refuses, each with what it says."""
        self.destinations_gone = False
        """Whether somebody has deleted what captures."""
        self.broken: InputError | None = None
        """What every invocation ends with before there is a runbook."""
        self.unreadable: RemediatorError | None = None
        """What the journal says instead of an incident's record."""
        self.table = MemoryTable()
        self.journal = TableJournal(self.table)
        self.schedules: dict[str, tuple[datetime, Mapping[str, Any]]] = {}
        self.queue: list[Due] = []
        self.dead_letters: list[Event] = []
        self.notices: list[Notice] = []
        self.reports: list[Report] = []
        self.watch_write: WriteWatcher = lambda *_: None
        self.watch_claim: Callable[[Claim], None] = lambda _: None
        self.watch_end: Callable[[], None] = lambda: None
        """Called when nobody runs any more."""
        self.disturbances: dict[int, Disturbance] = {}
        """By the number of the delivery, 1, 2, 3…, that they strike."""
        self.lived: list[Invocation] = []
        self._running: list[Invocation] = []
        self._ids = count(1)

    @property
    def now(self) -> datetime:
        return self.account.now

    @property
    def woken(self) -> set[str]:
        """The incidents that a schedule will look at again."""
        return {payload["follow_up"] for _, payload in self.schedules.values()}

    def looks(
        self, incident_id: str | None = None
    ) -> dict[str, tuple[datetime, Mapping[str, Any]]]:
        """What is scheduled, of one incident or of all, but for what only watches."""
        return {
            name: (at, payload)
            for name, (at, payload) in self.schedules.items()
            if incident_id in {None, payload["follow_up"]} and not payload.get("watch")
        }

    @property
    def running(self) -> Invocation:
        """The innermost invocation that runs."""
        return self._running[-1]

    def states(self) -> list[IncidentState]:
        """Every incident, the oldest first."""
        found = self.journal.recent(ACCOUNT, REGION, datetime.fromtimestamp(0, UTC), 1000)
        return list(reversed(found))

    def lease(self, mapping: str) -> Lease | None:
        """Who may act on a mapping, or could until a while ago; ``None``: it was given back."""
        item = self.table.get(items.lease(mapping))
        return items.to_lease(mapping, item) if item and item["held_until"] else None

    # --- calls ----------------------------------------------------------------------------------

    def call(self, name: str, effect: Callable[[], Any]) -> Any:
        """One call of a port by the invocation that runs."""
        here = self.running
        self._still_alive(here)
        here.calls.append(name)
        number = len(here.calls)
        meanwhile = here.meanwhile.get(number)
        if meanwhile is not None:
            meanwhile()
        self.account.pass_time(CALL_SECONDS)
        self._still_alive(here)
        if name == "journal.frozen":
            here.freeze_read_at = self.now
        fault = here.fault if here.fault and here.fault.hits(number, name) else None
        if fault:
            self._strike_before(here, fault, name)
        answer = effect()
        if fault:
            self._strike_after(here, fault)
        return answer

    def _still_alive(self, here: Invocation) -> None:
        if here.dead or self.now >= here.deadline:
            here.dead = True
            raise Death

    def _strike_before(self, here: Invocation, fault: Fault, name: str) -> None:
        if fault.kind is Kind.CRASH_BEFORE:
            here.dead = True
            raise Death
        if fault.kind is Kind.THROTTLED:
            raise TemporaryError(f"{name}: Rate exceeded")
        if fault.kind is Kind.DENIED:
            code = "AccessDeniedException"
            raise PermanentError(f"{name}: {code}", code=code, permission=name)

    def _strike_after(self, here: Invocation, fault: Fault) -> None:
        if fault.kind is Kind.MALFORMED:
            raise KeyError("Configuration")
        if fault.kind is Kind.CRASH_AFTER:
            here.dead = True
            raise Death
        if fault.kind is Kind.LOST_ANSWER:
            raise TemporaryError("no answer")

    # --- invocations ----------------------------------------------------------------------------

    def invoke(
        self,
        event: Event,
        fault: Fault | None = None,
        meanwhile: Mapping[int, Callable[[], None]] | None = None,
        *,
        attempt: int = 1,
        request_id: str | None = None,
    ) -> Invocation:
        """Deliver an event once. What fails is tried again later, as Lambda does."""
        strikes = self.disturbances.get(len(self.lived) + 1)
        here = Invocation(
            request_id=request_id or f"request-{next(self._ids)}",
            event=event,
            deadline=self.now + TIMEOUT,
            fault=fault or (strikes.fault if strikes else None),
            meanwhile=meanwhile or (strikes.meanwhile if strikes else {}),
            mode=self.mode,
        )
        self._running.append(here)
        self.lived.append(here)
        try:
            self.reports.append(self._handle(here))
        except InputError:
            pass
        except (RemediatorError, KeyError, Death):
            self._try_again(here, attempt)
        finally:
            self._running.pop()
        if not self._running:
            self.watch_end()
        return here

    def _handle(self, here: Invocation) -> Report:
        if self.broken:
            raise self.broken
        runbook = self._runbook(here)
        event = here.event
        return runbook.respond(event) if isinstance(event, Incident) else runbook.run(event)

    def _try_again(self, here: Invocation, attempt: int) -> None:
        if isinstance(here.event, Approve | Rollback | SetFreeze):
            return  # a person waits for the answer, and sees that there is none
        if attempt > len(RETRIES_AFTER):
            self.dead_letters.append(here.event)
            return
        at = self.now + RETRIES_AFTER[attempt - 1]
        self.queue.append(Due(at, here.event, here.request_id, attempt + 1))

    def _runbook(self, here: Invocation) -> Runbook:
        acting = self.mode is Mode.APPLY
        policy = self.policy.model_copy(update={"mode": self.mode})
        return Runbook(
            sensor=cast("Sensor", _Port(self, "sensor", _Sensor(self))),
            actuator=cast("Actuator", _Port(self, "actuator", _Actuator(self, acting=acting))),
            policy=policy,
            deployment=Deployment(
                mode=self.mode,
                quarantine_arn=QUARANTINE,
                capture_bucket="captured" if self.keeper else None,
            ),
            clock=lambda: self.now,
            holder=f"{here.request_id}#{next(self._ids)}",
            journal=cast("Journal", _Port(self, "journal", _Watched(self))),
            scheduler=cast("Scheduler", _Port(self, "scheduler", _Scheduler(self))),
            notifier=cast("Notifier", _Port(self, "notifier", _Notifier(self))),
            keeper=cast("RecordKeeper", _Port(self, "keeper", self.keeper))
            if self.keeper
            else None,
            freeze_switch=lambda: cast("Freeze | None", self.call("switch", lambda: self.switch)),
            other_journal=lambda: self.other_journal,
        )

    def freezes(self, function: str) -> list[Freeze]:
        """What stops changes for a function now."""
        found = [self.switch, *(self.journal.frozen([scope]) for scope in ("all", function))]
        return [freeze for freeze in found if freeze is not None]

    # --- time -----------------------------------------------------------------------------------

    def send(self, event: Event, after_seconds: float = 1.0) -> None:
        """Let an event be delivered later."""
        at = self.now + timedelta(seconds=after_seconds)
        self.queue.append(Due(at, event, f"request-{next(self._ids)}"))

    def pass_time(self, seconds: float, fault: Fault | None = None, *, twice: bool = False) -> int:
        """Deliver whatever is due meanwhile, the first with ``fault``; returns how much that was.

        ``twice``: each schedule fires twice, as at least once may mean.
        """
        end, delivered = self.now + timedelta(seconds=seconds), 0
        while (due := self._take_due(end)) is not None:
            self.account.pass_time(max(0.0, (due.at - self.now).total_seconds()))
            self.invoke(due.event, fault, attempt=due.attempt, request_id=due.request_id)
            if twice and isinstance(due.event, FollowUpDue):
                self.invoke(due.event)
            fault, delivered = None, delivered + 1
        self.account.pass_time(max(0.0, (end - self.now).total_seconds()))
        return delivered

    def _take_due(self, end: datetime) -> Due | None:
        """The next event or schedule by ``end``; a schedule is gone once it has fired."""
        due = min(self.queue, key=lambda due: due.at, default=None)
        name = min(self.schedules, key=lambda name: self.schedules[name][0], default="")
        fires_at = self.schedules[name][0] if name else None
        if fires_at is not None and fires_at <= end and (due is None or fires_at < due.at):
            return Due(fires_at, self._fired(name), f"request-{next(self._ids)}")
        if due is None or due.at > end:
            return None
        self.queue.remove(due)
        return due

    def _fired(self, name: str) -> FollowUpDue:
        _, payload = self.schedules.pop(name)
        said = {key: value for key, value in payload.items() if key != "follow_up"}
        return FollowUpDue(incident_id=payload["follow_up"], **said)


class _Port:
    """Any port, each call of which goes through the host."""

    def __init__(self, host: Host, name: str, inner: object) -> None:
        self._host, self._name, self._inner = host, name, inner

    def __getattr__(self, method: str) -> Any:
        inner = getattr(self._inner, method)

        def call(*args: Any, **kwargs: Any) -> Any:
            name = f"{self._name}.{method}"
            return self._host.call(name, lambda: inner(*args, **kwargs))

        return call


class _Sensor:
    def __init__(self, host: Host) -> None:
        self._host = host

    def describe_alarms(self, names: Sequence[str]) -> tuple[DescribedAlarm, ...]:
        return ()

    def find_targets(self, watched: Watched, now: datetime) -> tuple[Target, ...]:
        pipelines = self._host.account.pipelines.values()
        named = [p for p in pipelines if watched.event_source_mapping == p.uuid]
        found = named or [p for p in pipelines if watched.function == p.function]
        if not found:
            raise InputError(f"no mapping of function {watched.function} was found")
        lagging = sorted(found, key=lambda pipeline: -pipeline.backlog)
        return tuple(pipeline.target for pipeline in lagging)

    def read(self, target: Target, now: datetime, window_seconds: int) -> Evidence:
        pipelines = self._host.account.pipelines.values()
        pipeline = next(p for p in pipelines if p.uuid == target.event_source_mapping)
        if pipeline.gone:
            raise PermanentError("it is gone", code="ResourceNotFoundException", gone=True)
        return self._host.account.evidence(pipeline, self._host.gaps)

    def destination_exists(self, arn: str) -> bool | None:
        return arn == QUARANTINE and not self._host.destinations_gone

    def busiest(self, now: datetime) -> None:
        """Nobody is seen by name."""


class _Actuator:
    def __init__(self, host: Host, *, acting: bool) -> None:
        self._host, self._acting = host, acting

    def read(self, resource: Resource, settings: Sequence[str]) -> Mapping[str, Value]:
        account = self._host.account
        if account.owner(resource).gone:
            raise PermanentError("it is gone", code="ResourceNotFoundException", gone=True)
        return {name: account.setting(resource, name).value for name in settings}

    def write(self, resource: Resource, values: Mapping[str, Value]) -> None:
        if not self._acting:
            raise PermanentError("a plan changes nothing", code="ReadOnly")
        if self._host.account.owner(resource).gone:
            raise PermanentError("it is gone", code="ResourceNotFoundException", gone=True)
        if self._host.account.owner(resource).update and resource.kind is _MAPPING:
            raise TemporaryError("ResourceInUseException: the mapping is Updating")
        for setting in values:
            if setting in self._host.refused:
                raise self._host.refused[setting]
        self._host.watch_write(resource, values)
        self._host.account.write(resource, values, Author.US)

    def settled(self, resource: Resource) -> bool:
        pipeline = self._host.account.owner(resource)
        if pipeline.gone or (pipeline.update and resource.kind is _MAPPING):
            self._host.account.pass_time(SETTLE_SECONDS)
        return not pipeline.gone and not (pipeline.update and resource.kind is _MAPPING)


class _Scheduler:
    def __init__(self, host: Host) -> None:
        self._host = host

    def schedule(self, name: str, at: datetime, payload: Mapping[str, Any]) -> None:
        self._host.schedules.setdefault(name, (at, payload))


class _Notifier:
    failed = 0

    def __init__(self, host: Host) -> None:
        self._host = host

    def notify(self, notice: Notice) -> None:
        self._host.notices.append(notice)


class _Watched:
    """The journal, and somebody who looks at each claim."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def __getattr__(self, method: str) -> Any:
        inner = getattr(self._host.journal, method)
        if method == "load":
            return self._load
        if method != "spend":
            return inner

        def spend(*args: Any) -> Any:
            ledger = inner(*args)
            claim: Claim | None = args[4]
            if claim is not None:
                self._host.watch_claim(claim)
            return ledger

        return spend

    def _load(self, incident_id: str) -> IncidentState | None:
        if self._host.unreadable:
            raise self._host.unreadable
        return self._host.journal.load(incident_id)
