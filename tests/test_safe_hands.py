"""Safe hands: whatever strikes, and whenever, the invariants hold and every incident ends.

The real runbook, guardrails, verification and executor work on a small account in memory. Three
ways to disturb them, each counted as one history: a fault at one call of one delivery, something
that happens in the world just before one call, and any mixture of both that hypothesis thinks of.
``tests/promises.py`` looks at every write, at every claim and between any two invocations; in the
end the weather clears up, and then every incident has to be closed and every setting accounted for.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import count, cycle
from math import gcd

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from remediator.events.requests import Approve, Rollback, SetFreeze
from remediator.model import AlarmState, Incident, Mode, ResourceKind, Value
from tests.conftest import HISTORIES
from tests.lives import (
    BETWEEN,
    BOUNDED,
    HUMAN,
    LIVES,
    MAPPING,
    Life,
    by_a_human,
    clear_up,
    happening,
    started,
    transition,
)
from tests.promises import settings_of
from tests.small_account import Weather
from tests.small_lambda import Disturbance, Fault, Host, Kind

Record = Callable[[str, object], None]
# What strikes which delivery of a host.
Disturb = Callable[[Host], dict[int, Disturbance]]
# Number of the delivery, number of the call in it, and the call's name.
Place = tuple[int, int, str]


@cache
def places(life: Life) -> tuple[Place, ...]:
    """Every call of a life that nothing disturbs."""
    host = life.start()
    life.live(host)
    return tuple(
        (delivery, number, name)
        for delivery, invocation in enumerate(host.lived, 1)
        for number, name in enumerate(invocation.calls, 1)
    )


def live_through(life: Life, disturb: Disturb) -> None:
    """One history, to its end."""
    host = life.start()
    host.disturbances = disturb(host)
    life.live(host)
    clear_up(host)


def with_faults(life: Life) -> Iterator[Disturb]:
    """Every kind of fault at every call."""
    for delivery, number, _ in places(life):
        for kind in Kind:
            yield partial(_struck, delivery, Fault(kind, number))


def with_company(life: Life) -> Iterator[Disturb]:
    """Everything that may happen in between, just before every call."""
    for delivery, number, name in places(life):
        for what, happen in BETWEEN.items():
            if what in HUMAN and name == "actuator.write":
                continue
            yield partial(_meanwhile, delivery, number, happen)


def _struck(delivery: int, fault: Fault, _: Host) -> dict[int, Disturbance]:
    return {delivery: Disturbance(fault)}


def _meanwhile(
    delivery: int, number: int, happen: Callable[[Host], None], host: Host
) -> dict[int, Disturbance]:
    return {delivery: Disturbance(meanwhile={number: partial(happen, host)})}


DISTURBED = {"a fault": with_faults, "company": with_company}


def try_each(life: Life, chosen: Sequence[Disturb], record: Record) -> None:
    for disturb in chosen:
        live_through(life, disturb)
    record(HISTORIES, len(chosen))
    assert chosen


# Histories of one life: more than there are kinds of disturbances.
MOST = 8


def spread(every: Sequence[Disturb]) -> Sequence[Disturb]:
    """One in 149, or in as many more as it takes. The kinds follow each other: in steps of a
    number that shares no divisor with theirs none of them is left out."""
    kinds = len(Kind) * len(BETWEEN)
    return every[:: next(n for n in count(max(149, len(every) // MOST)) if gcd(n, kinds) == 1)]


@pytest.mark.parametrize("how", DISTURBED)
@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name)
def test_a_life_with_one_disturbance_keeps_every_promise(
    life: Life, how: str, record_property: Record
) -> None:
    try_each(life, spread(tuple(DISTURBED[how](life))), record_property)


@pytest.mark.long
@pytest.mark.parametrize("how", DISTURBED)
@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name)
def test_a_life_with_a_disturbance_at_any_call_keeps_every_promise(
    life: Life, how: str, record_property: Record
) -> None:
    try_each(life, tuple(DISTURBED[how](life)), record_property)


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name)
def test_undisturbed_it_acts_looks_again_and_ends(life: Life) -> None:
    """Else there would be nothing to disturb."""
    names = [name for _, _, name in places(life)]
    assert "actuator.write" in names
    assert "scheduler.schedule" in names
    live_through(life, lambda _: {})


KILLED = (Kind.CRASH_BEFORE, Kind.CRASH_AFTER, Kind.LOST_ANSWER)


# The levers that are asked for by default; of the others each write is struck by the tests above.
ASKED = ("more memory", "larger batches", "smaller batches", "a reservation of its own")


@pytest.mark.parametrize(
    "life", [life for life in LIVES if life.name in ASKED], ids=lambda life: life.name
)
def test_killed_at_any_write_a_change_is_finished_or_undone(
    life: Life, record_property: Record
) -> None:
    writes = [place for place in places(life) if place[2] == "actuator.write"]
    every = [
        partial(_struck, delivery, Fault(kind, number))
        for (delivery, number, _), kind in zip(writes, cycle(KILLED), strict=False)
    ]
    try_each(life, every, record_property)


def held(host: Host) -> dict[tuple[str, str], Value]:
    """Every setting of the account; a range that was never split is one shard."""
    return {(of.id, name): setting.value for of, name, setting in settings_of(host)}


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name)
def test_rolled_back_every_lever_leaves_the_old_settings_and_what_keeps_records(life: Life) -> None:
    host = life.start()
    before = held(host)
    host.invoke(transition("orders", host.now))
    host.pass_time(1200)
    for _ in range(3):  # one that meets an update is carried out by a later look
        for state in host.states():
            host.invoke(Rollback(incident_id=state.incident_id, by="ada"))
        host.pass_time(300)
    changed = {key for key, value in held(host).items() if value != before.get(key, 1)}
    assert {setting for _, setting in changed} <= {"retention_hours"}


# --- any mixture ---------------------------------------------------------------------------------

SHARED = st.sampled_from([None, ResourceKind.FUNCTION, ResourceKind.STREAM])
PIPELINES = st.sampled_from(["orders", "orders", "bills"])
FAULTS = st.none() | st.builds(
    Fault, st.sampled_from(list(Kind)), at=st.integers(1, 30), lasting=st.sampled_from([1, 1, 3])
)
MEANWHILE = st.dictionaries(st.integers(1, 30), st.sampled_from(sorted(BETWEEN)), max_size=2)
EDITS: Sequence[tuple[ResourceKind, str, Value]] = (
    (MAPPING, "parallelization_factor", 2),
    (MAPPING, "maximum_retry_attempts", 7),
    (MAPPING, "maximum_retry_attempts", -1),
    (MAPPING, "bisect_on_error", True),
    (MAPPING, "on_failure_destination", None),
    (ResourceKind.FUNCTION, "reserved_concurrency", 4),
    (ResourceKind.FUNCTION, "reserved_concurrency", 0),
    (ResourceKind.FUNCTION, "reserved_concurrency", None),
    (ResourceKind.STREAM, "retention_hours", 48),
)


class AnyHistory(RuleBasedStateMachine):
    """Alarms, people, faults, freezes and time, in any order."""

    @initialize(weather=st.sampled_from(list(Weather)), shares=SHARED)
    def begin(self, weather: Weather, shares: ResourceKind | None) -> None:
        self.host = started(weather, BOUNDED, shares)
        self.told: list[Incident] = []
        self.numbers = count(1)

    def _deliver(
        self,
        event: Incident | Approve | Rollback | SetFreeze,
        fault: Fault | None,
        between: dict[int, str],
    ) -> None:
        happenings = {
            number: partial(happening, self.host, what) for number, what in between.items()
        }
        self.host.invoke(event, fault, happenings)

    @rule(pipeline=PIPELINES, fault=FAULTS, between=MEANWHILE)
    def alarm(self, pipeline: str, fault: Fault | None, between: dict[int, str]) -> None:
        word = f"-{next(self.numbers)}"
        self.told.append(transition(pipeline, self.host.now, word=word))
        self._deliver(self.told[-1], fault, between)

    @precondition(lambda self: self.told)
    @rule(data=st.data(), fault=FAULTS)
    def duplicate(self, data: st.DataObject, fault: Fault | None) -> None:
        self.host.invoke(data.draw(st.sampled_from(self.told)), fault)

    @rule(pipeline=PIPELINES, seconds=st.integers(60, 7200))
    def late_alarm(self, pipeline: str, seconds: int) -> None:
        word = f"-{next(self.numbers)}"
        self.told.append(transition(pipeline, self.host.now, word=word))
        self.host.send(self.told[-1], seconds)

    @rule(pipeline=PIPELINES, state=st.sampled_from([AlarmState.OK, AlarmState.INSUFFICIENT_DATA]))
    def clears(self, pipeline: str, state: AlarmState) -> None:
        word = f"-{next(self.numbers)}"
        self.host.invoke(transition(pipeline, self.host.now, state, word))

    @rule(seconds=st.sampled_from([30, 180, 240, 900, 3600]), fault=FAULTS, twice=st.booleans())
    def time_passes(self, seconds: int, fault: Fault | None, *, twice: bool) -> None:
        self.host.pass_time(seconds, fault, twice=twice)

    @rule(pipeline=PIPELINES, weather=st.sampled_from(list(Weather)))
    def weather_changes(self, pipeline: str, weather: Weather) -> None:
        self.host.account.pipelines[pipeline].weather = weather

    @rule(edit=st.sampled_from(EDITS))
    def a_human_edits(self, edit: tuple[ResourceKind, str, Value]) -> None:
        by_a_human(*edit)(self.host)

    @precondition(lambda self: self.told)
    @rule(data=st.data(), fault=FAULTS, between=MEANWHILE)
    def roll_back(self, data: st.DataObject, fault: Fault | None, between: dict[int, str]) -> None:
        incident = data.draw(st.sampled_from(self.told))
        self._deliver(Rollback(incident_id=incident.incident_id), fault, between)

    @precondition(lambda self: self.told)
    @rule(data=st.data(), fault=FAULTS)
    def approve(self, data: st.DataObject, fault: Fault | None) -> None:
        incident = data.draw(st.sampled_from(self.told))
        self.host.invoke(Approve(incident_id=incident.incident_id), fault)

    @rule(on=st.booleans(), scope=st.sampled_from(["all", "orders"]))
    def freeze(self, *, on: bool, scope: str) -> None:
        self.host.invoke(SetFreeze(scope=scope, on=on, reason="a release", by="ada"))

    @rule(mode=st.sampled_from([Mode.APPLY, Mode.APPLY, Mode.PLAN]))
    def deployed_again(self, mode: Mode) -> None:
        self.host.mode = mode

    def teardown(self) -> None:
        if hasattr(self, "host"):
            clear_up(self.host)


def explore(record: Record, *, examples: int, steps: int, derandomize: bool) -> None:
    """Let hypothesis look for a history that breaks a promise."""
    lived = count()

    class Counted(AnyHistory):
        def teardown(self) -> None:
            super().teardown()
            next(lived)

    run_state_machine_as_test(
        Counted,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=derandomize,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    record(HISTORIES, next(lived))


def test_any_mixture_keeps_every_promise(record_property: Record) -> None:
    explore(record_property, examples=80, steps=15, derandomize=True)


@pytest.mark.long
@pytest.mark.parametrize("part", range(20))
def test_any_long_mixture_keeps_every_promise(part: int, record_property: Record) -> None:
    """Ten thousand in all: ``make histories``."""
    explore(record_property, examples=500, steps=30, derandomize=False)
