"""How long a single incident waits: from the event to the first write, at simulated time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lab.bridge import Rehearsal
from lab.bridge.function import LambdaContext, remediator
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
from remediator.wiring import Runtime

CONSUMER = "orders-consumer"
WRITE = "lambda:UpdateEventSourceMapping"
_LONGEST_SECONDS = 1800.0


@dataclass
class Waits:
    """The handler that ships, with a note of each time it sleeps."""

    slept: list[tuple[datetime, float]] = field(default_factory=list)

    def __call__(self, event: Any, context: LambdaContext, runtime: Runtime) -> Any:
        """One invocation."""

        def sleep(seconds: float) -> None:
            self.slept.append((runtime.clock(), seconds))
            runtime.sleep(seconds)

        return remediator(event, context, runtime._replace(sleep=sleep))


@dataclass(frozen=True)
class FirstWrite:
    """One turn, until it writes."""

    seconds: float
    waiting_seconds: float
    calls: int


def clogging() -> World:
    """0.1 s a record and one lane: 10 records/s, where 30 records/s arrive."""
    world = World(datetime(2026, 11, 23, 12, tzinfo=UTC), AccountSpec(), Knobs(), seed=1)
    stream = world.add_stream(StreamSpec(name="orders"))
    world.add_function(FunctionSpec(name=CONSUMER, behaviour=Behaviour(io_seconds_per_record=0.1)))
    world.add_mapping(MappingSpec(function=CONSUMER, source_arn=stream.arn))
    world.add_producer(ProducerSpec(stream="orders", rate=lambda _: 30.0))
    return world


def first_write() -> FirstWrite:
    """Play an incident until the mapping was written to. Raises LookupError if it never was."""
    waits = Waits()
    rehearsal = Rehearsal(
        clogging(), CONSUMER, {"Mode": "apply"}, "version: 1\nmode: apply\n", function=waits
    )
    for until in _minutes():
        rehearsal.run_until(until)
        written = next((call for call in rehearsal.calls if call.name == WRITE), None)
        if written is not None:
            break
    else:
        raise LookupError("nothing was written")
    turn = next(r for r in rehearsal.reports if r.started <= written.at <= r.finished)
    return FirstWrite(
        seconds=(written.at - turn.started).total_seconds(),
        waiting_seconds=sum(s for at, s in waits.slept if turn.started <= at < written.at),
        calls=sum(turn.started <= call.at <= written.at for call in rehearsal.calls),
    )


def _minutes() -> Iterator[float]:
    at = 0.0
    while at < _LONGEST_SECONDS:
        at += 60.0
        yield at


def line() -> str:
    """The figures in one line."""
    found = first_write()
    return (
        f"from the event to the first write: {found.seconds:.1f} s simulated ({found.calls} AWS "
        f"calls, 0.1 s each if not side by side), {found.waiting_seconds:.1f} s of it waited for "
        "Lambda's control plane\n"
    )
