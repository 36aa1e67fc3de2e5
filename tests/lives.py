"""Lives of an incident, from its alarm to its end: what the faults of the tests are put into."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remediator.events.names import new_incident_id
from remediator.events.requests import Approve, FollowUpDue, Rollback
from remediator.model import (
    Alarm,
    AlarmState,
    Incident,
    Mode,
    RemedyName,
    ResourceKind,
    Value,
    Watched,
)
from remediator.policy import Autonomy, Budget, Limits, Policy, RemedyPolicy
from remediator.state import Freeze, IncidentState
from tests.histories import ACCOUNT, REGION
from tests.promises import AT_THE_END, Promises, begun_in_plan, settings_of
from tests.small_account import Author, SmallAccount, Weather
from tests.small_lambda import Fault, Host

HOUR = 3600.0
# Tight enough that budgets and claims are met.
BOUNDED = Policy(
    mode=Mode.APPLY,
    budget=Budget(per_target=4, per_account=6),
    limits=Limits(concurrency_margin=10),
)
# Until an update of a mapping has come into effect.
UPDATED_SECONDS = 60


def transition(
    function: str, at: datetime, state: AlarmState = AlarmState.ALARM, word: str = ""
) -> Incident:
    """One transition of the alarm on a pipeline's mapping."""
    return Incident(
        incident_id=new_incident_id(function, state, f"{at:%H%M%S}", word),
        at=at,
        account_id=ACCOUNT,
        region=REGION,
        alarm=Alarm(name=f"lag-{function}", state=state),
        watched=Watched(event_source_mapping=f"mapping-{function}"),
    )


def started(weather: Weather, policy: Policy = BOUNDED, shares: ResourceKind | None = None) -> Host:
    """A host whose orders have suffered for ten minutes; its promises are watched.

    ``shares``: what the bills' mapping has in common with the orders'.
    """
    host = Host(policy, SmallAccount(shares))
    Promises(host)
    host.account.pipelines["orders"].weather = weather
    host.account.pass_time(600)
    return host


def alarmed(host: Host, word: str = "", pipeline: str = "orders") -> str:
    """A pipeline's alarm is delivered; returns the incident's id."""
    alarm = transition(pipeline, host.now, word=word)
    host.invoke(alarm)
    return alarm.incident_id


def acted(weather: Weather = Weather.BUSY, policy: Policy = BOUNDED) -> tuple[Host, str]:
    """A host whose orders' incident has had its first turn."""
    host = started(weather, policy)
    incident = alarmed(host)
    host.account.pass_time(UPDATED_SECONDS)
    return host, incident


def state_of(host: Host, incident_id: str) -> IncidentState:
    state = host.journal.load(incident_id)
    assert state is not None
    return state


def factor(host: Host) -> object:
    """The ParallelizationFactor, once no update is under way."""
    host.account.pass_time(UPDATED_SECONDS)
    return host.account.pipelines["orders"].of_mapping("parallelization_factor")


def look(host: Host, incident_id: str, fault: Fault | None = None) -> None:
    """The next look is due now; one that gave way to a later one has come to nothing."""
    state = host.journal.load(incident_id)
    made = state.follow_up_number if state else 0
    looks = host.looks(incident_id)
    name = next(name for name, (_, payload) in looks.items() if payload["number"] > made)
    at, payload = host.schedules.pop(name)
    host.account.pass_time(max(0.0, (at - host.now).total_seconds()))
    host.invoke(FollowUpDue(incident_id=incident_id, number=payload["number"]), fault)


def clear_up(host: Host) -> None:
    """Fair weather, no freeze, and time enough for every look; then all must be over."""
    for pipeline in host.account.pipelines.values():
        pipeline.weather = Weather.FAIR
    host.switch, host.mode = None, Mode.APPLY
    for scope in ("all", "orders", "bills"):
        host.journal.unfreeze(scope)
    for _ in range(60):
        if not (host.pass_time(1800) or host.queue or host.woken):
            break
    most = host.policy.follow_up.most
    for incident in {payload["follow_up"] for _, payload in host.looks().values()}:
        slow = host.journal.load(incident)
        assert slow is not None
        assert slow.in_effect, "an endless loop of looks"
        assert slow.looks_made >= most, "an endless loop of looks"
    for state in host.states():
        owned = state.incident_id in host.woken or begun_in_plan(state)
        assert owned or not state.open, f"{state.incident_id} is {state.stage}"
    for holds in AT_THE_END:
        holds(host)


@dataclass(frozen=True)
class Life:
    """``live`` takes a fresh host through an incident; ``start`` makes that host."""

    name: str
    start: Callable[[], Host]
    live: Callable[[Host], None]


def _recovers(host: Host) -> None:
    host.invoke(transition("orders", host.now))
    host.pass_time(1800)
    host.account.pipelines["orders"].weather = Weather.FAIR
    host.pass_time(HOUR)


def _goes_on(host: Host) -> None:
    host.invoke(transition("orders", host.now))
    host.pass_time(HOUR)


def _is_rolled_back(host: Host) -> None:
    alarm = transition("orders", host.now)
    host.invoke(alarm)
    host.pass_time(420)
    host.invoke(Rollback(incident_id=alarm.incident_id, by="ada"))
    host.pass_time(600)


def _is_approved(host: Host) -> None:
    alarm = transition("orders", host.now)
    host.invoke(alarm)
    host.pass_time(60)
    host.invoke(Approve(incident_id=alarm.incident_id, by="ada"))
    host.pass_time(1800)


def _two_at_once(host: Host) -> None:
    host.invoke(transition("orders", host.now))
    host.invoke(transition("bills", host.now))
    host.pass_time(HOUR)


def _reserved() -> Host:
    host = started(Weather.BUSY)
    orders = host.account.pipelines["orders"]
    orders.settings[ResourceKind.FUNCTION, "reserved_concurrency"].set(1, Author.HUMAN)
    host.account.pass_time(600)
    return host


def _both_expire() -> Host:
    host = _both_busy(ResourceKind.STREAM)
    for pipeline in host.account.pipelines.values():
        pipeline.weather = Weather.OLD
    return host


def _older_first(host: Host) -> None:
    """The incident that has raised it is over, another one raises it further, and then the older
    one is rolled back."""
    first = transition("orders", host.now)
    host.invoke(first)
    host.pass_time(1800)
    orders = host.account.pipelines["orders"]
    orders.weather = Weather.FAIR
    host.pass_time(2 * HOUR)
    orders.weather = Weather.BUSY
    host.pass_time(1200)
    host.invoke(transition("orders", host.now, word="-second"))
    host.pass_time(60)
    host.invoke(Rollback(incident_id=first.incident_id, by="ada"))
    host.pass_time(HOUR)


def _in_mode_plan_meanwhile(host: Host) -> None:
    host.invoke(transition("orders", host.now))
    host.pass_time(300)
    host.mode = Mode.PLAN
    host.pass_time(1800)
    host.mode = Mode.APPLY
    host.pass_time(HOUR)


def _frozen_for_long(host: Host) -> None:
    """The looks run out meanwhile."""
    host.invoke(transition("orders", host.now))
    host.pass_time(300)
    host.journal.freeze(Freeze(scope="all", reason="a release", by="ada", at=host.now))
    host.account.pipelines["orders"].weather = Weather.FAIR
    host.pass_time(12 * HOUR)


def _needs_approval() -> Host:
    freedom = {RemedyName.RAISE_PARALLELIZATION_FACTOR: RemedyPolicy(autonomy=Autonomy.APPROVE)}
    return started(Weather.BUSY, BOUNDED.model_copy(update={"remedies": freedom}))


def _shards_only() -> Host:
    """ParallelizationFactor may not be raised, so shards are split, turn after turn."""
    freedom = {RemedyName.RAISE_PARALLELIZATION_FACTOR: RemedyPolicy(autonomy=Autonomy.OFF)}
    ours = {"remedies": freedom, "streams_of_ours": ("*",)}
    return started(Weather.BUSY, BOUNDED.model_copy(update=ours))


# What is asked for by default, and what would be done before it.
LANES = RemedyName.RAISE_PARALLELIZATION_FACTOR


def _lever(name: RemedyName, weather: Weather, **of_orders: Any) -> Host:
    """A lever that is asked for by default is made by itself here, and lanes may not be added."""
    freedom = {
        LANES: RemedyPolicy(autonomy=Autonomy.OFF),
        name: RemedyPolicy(autonomy=Autonomy.AUTO),
    }
    host = started(Weather.FAIR, BOUNDED.model_copy(update={"remedies": freedom}))
    orders = host.account.pipelines["orders"]
    for attribute, value in of_orders.items():
        setattr(orders, attribute, value)
    host.account.pass_time(1200)
    orders.weather = weather
    host.account.pass_time(600)
    return host


def _computing() -> Host:
    return _lever(RemedyName.RAISE_MEMORY, Weather.BUSIER, computes=True)


def _dear() -> Host:
    """Most of an invocation's time goes by the batch."""
    return _lever(RemedyName.RAISE_BATCH_SIZE, Weather.BUSY, once_seconds=9.0)


def _starved() -> Host:
    """Neighbours use all of the account's pool but one."""
    freedom = {RemedyName.RESERVE_CONCURRENCY: RemedyPolicy(autonomy=Autonomy.AUTO)}
    host = started(Weather.FAIR, BOUNDED.model_copy(update={"remedies": freedom}))
    host.account.neighbours = host.account.concurrency_limit - 1
    host.account.pipelines["orders"].weather = Weather.BUSY
    host.account.pass_time(600)
    return host


def _both_busy(shares: ResourceKind | None = None, reserved: int | None = None) -> Host:
    host = started(Weather.BUSY, shares=shares)
    orders = host.account.pipelines["orders"]
    orders.settings[ResourceKind.FUNCTION, "reserved_concurrency"].set(reserved, Author.HUMAN)
    host.account.pipelines["bills"].weather = Weather.BUSY
    host.account.pass_time(600)
    return host


LIVES = (
    Life("busy, then fair", lambda: started(Weather.BUSY), _recovers),
    Life("a poison record", lambda: started(Weather.POISON), _recovers),
    Life("saturated downstream", lambda: started(Weather.SATURATED), _goes_on),
    Life("about to expire", lambda: started(Weather.OLD), _recovers),
    Life("throttled by its reservation", _reserved, _recovers),
    Life("approved", _needs_approval, _is_approved),
    Life("rolled back by hand", lambda: started(Weather.OLD), _is_rolled_back),
    Life("shards alone", _shards_only, _recovers),
    Life("two at once", _both_busy, _two_at_once),
    Life("one function", lambda: _both_busy(ResourceKind.FUNCTION, 2), _two_at_once),
    Life("one stream", _both_expire, _two_at_once),
    Life("the older is rolled back first", lambda: started(Weather.BUSY), _older_first),
    Life("in mode plan meanwhile", lambda: started(Weather.POISON), _in_mode_plan_meanwhile),
    Life("more memory", _computing, _recovers),
    Life("larger batches", _dear, _recovers),
    Life("smaller batches", lambda: started(Weather.LARGE), _recovers),
    Life("a reservation of its own", _starved, _recovers),
    Life("frozen for long", lambda: started(Weather.POISON), _frozen_for_long),
)


# --- what may happen in between ------------------------------------------------------------------


def _of_orders(host: Host) -> list[str]:
    return [state.incident_id for state in host.journal.history("mapping-orders")]


def _again(host: Host) -> None:
    """The delivery that runs is delivered once more, under its own request id."""
    host.invoke(host.running.event, request_id=host.running.request_id)


def _other_alarm(host: Host) -> None:
    host.invoke(transition("orders", host.now, word="-other"))


def _neighbour(host: Host) -> None:
    host.account.pipelines["bills"].weather = Weather.BUSY
    host.invoke(transition("bills", host.now))


def _cleared(host: Host) -> None:
    host.invoke(transition("orders", host.now, AlarmState.OK))


def _rolled_back(host: Host) -> None:
    for incident_id in _of_orders(host)[:1]:
        host.invoke(Rollback(incident_id=incident_id, by="ada"))


def _approved(host: Host) -> None:
    for incident_id in _of_orders(host)[:1]:
        host.invoke(Approve(incident_id=incident_id, by="ada"))


def by_a_human(kind: ResourceKind, setting: str, value: Value) -> Callable[[Host], None]:
    """Somebody sets a value of the orders."""

    def edit(host: Host) -> None:
        pipeline = host.account.pipelines["orders"]
        resource = next(
            resource
            for resource, name, _ in settings_of(host)
            if name == setting and pipeline.owns(resource)
        )
        assert resource.kind is kind
        host.account.write(resource, {setting: value}, Author.HUMAN)

    return edit


def _frozen(host: Host) -> None:
    host.journal.freeze(Freeze(scope="all", reason="a release", by="ada", at=host.now))


def _planned_only(host: Host) -> None:
    host.mode = Mode.PLAN


def _function_frozen(host: Host) -> None:
    host.journal.freeze(Freeze(scope="orders", reason="a release", by="ada", at=host.now))


def _acting_again(host: Host) -> None:
    host.mode = Mode.APPLY


def _made_up(host: Host) -> None:
    for incident_id in _of_orders(host)[:1]:
        host.invoke(FollowUpDue(incident_id=incident_id, number=9000))


def _removed(host: Host) -> None:
    host.account.pipelines["orders"].gone = True


MAPPING = ResourceKind.EVENT_SOURCE_MAPPING
BETWEEN: dict[str, Callable[[Host], None]] = {
    "the same delivery": _again,
    "another alarm of the mapping": _other_alarm,
    "a neighbour's alarm": _neighbour,
    "the alarm clears": _cleared,
    "a rollback": _rolled_back,
    "an approval": _approved,
    "a human's factor": by_a_human(MAPPING, "parallelization_factor", 3),
    "a human's retries": by_a_human(MAPPING, "maximum_retry_attempts", 7),
    "a human's retention": by_a_human(ResourceKind.STREAM, "retention_hours", 48),
    "a human's reservation": by_a_human(ResourceKind.FUNCTION, "reserved_concurrency", 2),
    "a freeze": _frozen,
    "a lower mode": _planned_only,
    "a function is frozen": _function_frozen,
    "the mode goes up again": _acting_again,
    "a look that is not due": _made_up,
    "the mapping is deleted": _removed,
}
# Not tried between the compare and the write: AWS has no conditional update of these settings.
HUMAN = frozenset(name for name in BETWEEN if name.startswith("a human") or "deleted" in name)


def happening(host: Host, what: str) -> None:
    """Let something happen, unless it is a person's edit in just that moment."""
    if what in HUMAN and host.running.calls[-1] == "actuator.write":
        return
    BETWEEN[what](host)
