"""Small worlds and toy functions for the bridge's tests."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3

from lab.bridge import Conditions, LambdaContext, Rehearsal
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

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FUNCTION = "orders-consumer"


def world(*, records_per_second: float = 0.0, shards: int = 1, **knobs: float) -> World:
    """One stream, one consumer that takes 0.1 s a record, one mapping."""
    made = World(START, AccountSpec(), Knobs(**knobs), seed=1)  # type: ignore[arg-type]
    stream = made.add_stream(StreamSpec(name="orders", shards=shards))
    slow = Behaviour(io_seconds_per_record=0.1)
    made.add_function(FunctionSpec(name=FUNCTION, behaviour=slow, alias="live"))
    made.add_mapping(MappingSpec(function=FUNCTION, source_arn=stream.arn))
    if records_per_second:
        made.add_producer(ProducerSpec(stream="orders", rate=lambda _: records_per_second))
    return made


def mapping_of(made: World) -> str:
    """The UUID of the world's only mapping."""
    return next(iter(made.mappings))


def rehearsal(
    made: World,
    work: Callable[[Any, LambdaContext, Runtime], Any],
    conditions: Conditions | None = None,
    **parameters: str,
) -> Rehearsal:
    """A toy function deployed with the real template."""
    return Rehearsal(made, FUNCTION, parameters, conditions=conditions, function=work)


def answer(made: World, work: Callable[[], Any], conditions: Conditions | None = None) -> Any:
    """What ``work`` returns when it runs as the function; what it raised is raised.

    Its streams have opted in unless the conditions tell of tags.
    """
    tagged = {arn: {"remediator": "managed"} for arn in made.streams}
    ours = rehearsal(made, lambda *_: work(), conditions or Conditions(tags=tagged))
    report = ours.invoke({})
    if report.error is not None:
        raise report.error
    return report.result


def client(service: str) -> Any:
    """A plain boto3 client, as anybody would make it."""
    return boto3.client(service)  # type: ignore[call-overload]
