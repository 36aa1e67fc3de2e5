"""Crash, throttling and denial at each AWS call of an incident, with the real SDK below.

The incident is one that clogs, is helped and recovers, in the lab. The faults strike the SDK's own
requests: a throttled one is tried again by the SDK, a process that died makes no more calls, and
Lambda delivers the event again. Afterwards nothing may be lost, changed twice or forgotten.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import boto3
import pytest

from lab.bridge import Conditions, LambdaContext, Rehearsal, remediator
from lab.bridge.calls import Call, Fault, crashed, denied, throttled, timed_out
from lab.plant import (
    AccountSpec,
    Behaviour,
    FunctionSpec,
    Knobs,
    MappingSpec,
    ProducerSpec,
    StreamSpec,
    World,
)
from lab.plant.rates import steps
from lab.scenarios.blueprint import START
from remediator.aws.journal import TableJournal
from remediator.aws.table import DynamoTable
from remediator.state import ChangeState, IncidentState, Stage
from remediator.wiring import Runtime
from tests.conftest import HISTORIES

Record = Callable[[str, object], None]
FUNCTION = "orders-consumer"
POLICY = """
version: 1
mode: apply
follow_up: {quiet_seconds: 300}
"""
END_SECONDS = 3600
FAULTS: dict[str, Callable[[Call], Fault]] = {
    "crash before": crashed,
    "crash after": partial(crashed, applied=True),
    "throttle": throttled,
    "deny": denied,
    "no answer": timed_out,
    "lost answer": partial(timed_out, applied=True),
}


@dataclass
class Strikes:
    """A fault at one call. A process that died calls nobody any more, until it is started anew."""

    number: int
    kind: str
    _dead: bool = False
    _struck: list[str] = field(default_factory=list)

    def __call__(self, call: Call) -> Fault | None:
        if self._dead:
            return crashed(call)
        if call.number != self.number:
            return None
        self._struck.append(call.name)
        self._dead = self.kind.startswith("crash")
        return FAULTS[self.kind](call)

    def started_anew(self, event: Any, context: LambdaContext, runtime: Runtime) -> Any:
        """The handler in a process that lives."""
        self._dead = False
        return remediator(event, context, runtime)


def _world() -> World:
    """10 records a second of one lane; 30 arrive for nine minutes, then 2."""
    world = World(START, AccountSpec(), Knobs(), seed=1)
    stream = world.add_stream(StreamSpec(name="orders"))
    slow = Behaviour(io_seconds_per_record=0.1)
    world.add_function(FunctionSpec(name=FUNCTION, behaviour=slow))
    world.add_mapping(MappingSpec(function=FUNCTION, source_arn=stream.arn))
    rate = steps([(0.0, 2.0), (300.0, 30.0), (840.0, 2.0)])
    world.add_producer(ProducerSpec(stream="orders", rate=rate))
    return world


def lived(strikes: Strikes) -> Rehearsal:
    rehearsal = Rehearsal(
        _world(),
        FUNCTION,
        {"Mode": "apply", "IteratorAgeThresholdSeconds": 200},
        POLICY,
        conditions=Conditions(faults=strikes),
        function=strikes.started_anew,
    )
    rehearsal.run_until(END_SECONDS)
    return rehearsal


@cache
def calls_undisturbed() -> int:
    return len(lived(Strikes(0, "throttle")).calls)


def states(rehearsal: Rehearsal) -> tuple[IncidentState, ...]:
    """Every incident, as the journal has it."""
    spec = rehearsal.world.account.spec
    table = rehearsal.deployment.environ["REMEDIATOR_JOURNAL_TABLE"]
    with rehearsal._bridge.plugged():
        journal = TableJournal(DynamoTable(boto3.client("dynamodb"), table))
        return journal.recent(spec.account_id, spec.region, rehearsal.world.start)


def factors(rehearsal: Rehearsal) -> list[int]:
    """Every ParallelizationFactor that took effect, in order."""
    updates = [c for c in rehearsal.calls if c.name == "lambda:UpdateEventSourceMapping"]
    applied = [c for c in updates if c.error is None or "ReadTimeout" in c.error]
    crashed_after = [c for c in updates if c.error == "Crashed"]
    return [c.params["ParallelizationFactor"] for c in (*applied, *crashed_after)]


def check(number: int, kind: str) -> None:
    rehearsal = lived(Strikes(number, kind))
    what = f"{kind} at call {number}"
    ledger = rehearsal.world.ledger(next(iter(rehearsal.world.mappings)))
    assert (ledger.discarded, ledger.expired, ledger.captured) == (0, 0, 0), what
    known = states(rehearsal)
    assert known, what
    for state in known:
        told = any(state.incident_id in str(letter.event) for letter in rehearsal.dead_letters)
        assert state.stage is Stage.CLOSED or told, f"{what}: {state.stage}"
        unsettled = {ChangeState.INTENDED, ChangeState.UNDOING}
        assert not unsettled & {t.state for t in state.changes} or told, what
    (mapping,) = rehearsal.world.mappings.values()
    ours = {t.change.after for s in known for t in s.in_effect}
    assert mapping.settings.parallelization_factor in {1, *ours}, what


def try_calls(record: Record, kind: str, *, one_in: int, first: int) -> None:
    numbers = range(first, calls_undisturbed() + 1, one_in)
    for number in numbers:
        check(number, kind)
    record(HISTORIES, len(numbers))


@pytest.mark.parametrize(("first", "kind"), list(enumerate(FAULTS, 3)), ids=str)
def test_a_fault_at_some_aws_calls_leaves_nothing_behind(
    first: int, kind: str, record_property: Record
) -> None:
    try_calls(record_property, kind, one_in=37, first=first)


@pytest.mark.long
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_at_any_aws_call_leaves_nothing_behind(kind: str, record_property: Record) -> None:
    try_calls(record_property, kind, one_in=1, first=1)


def test_undisturbed_the_lever_is_pulled_and_put_back() -> None:
    rehearsal = lived(Strikes(0, "throttle"))
    assert max(factors(rehearsal)) > 1
    assert [state.stage for state in states(rehearsal)][-1:] == [Stage.CLOSED]
