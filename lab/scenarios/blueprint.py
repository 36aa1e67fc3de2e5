"""What a scenario is: a blueprint drawn by a seed, its true cause, and what may be done."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any, Literal

from lab.plant import (
    AccountSpec,
    BackendSpec,
    FunctionSpec,
    Knobs,
    MappingSpec,
    NeighbourSpec,
    OutsideReaderSpec,
    ProducerSpec,
    StreamSpec,
    World,
)
from lab.plant.chance import chance
from lab.plant.rates import constant
from remediator.model import Cause

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
ACCOUNT_ID, REGION = "123456789012", "eu-central-1"
STREAM = "orders"
STREAM_ARN = f"arn:aws:kinesis:{REGION}:{ACCOUNT_ID}:stream/{STREAM}"
CONSUMER = "orders-consumer"
MAPPING = "0a1b2c3d-0000-4000-8000-000000000001"
NEIGHBOUR = "checkout"
QUIET_NEIGHBOUR = NeighbourSpec(name=NEIGHBOUR, concurrency=constant(80))

Lever = Literal[
    "hands_off",
    "raise_parallelization_factor",
    "isolate_poison",
    "split_shards",
    "raise_reserved_concurrency",
    "extend_retention",
    "raise_batch_size",
    "lower_batch_size",
    "raise_memory",
    "enhanced_fan_out",
]
"""Remedies by name; `hands_off` is to wait, or to call a person. Some are no remedies yet."""


@dataclass(frozen=True, slots=True)
class Happening:
    """What somebody or something does to the world at a time, in seconds from its start."""

    at_seconds: float
    what: str
    act: Callable[[World], object]

    def strike(self, world: World) -> None:
        """Do it."""
        self.act(world)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """Everything that a world is built from, after the dice are cast.

    `heals_at_seconds`: when the trouble ends by itself or by somebody's hand; what is left from
    then on is a backlog, which more lanes may drain.
    """

    streams: tuple[StreamSpec, ...]
    functions: tuple[FunctionSpec, ...]
    mappings: tuple[MappingSpec, ...]
    producers: tuple[ProducerSpec, ...]
    readers: tuple[OutsideReaderSpec, ...] = ()
    neighbours: tuple[NeighbourSpec, ...] = (QUIET_NEIGHBOUR,)
    backends: tuple[BackendSpec, ...] = ()
    happenings: tuple[Happening, ...] = ()
    heals_at_seconds: float | None = None
    account: AccountSpec = field(default_factory=AccountSpec)

    def build(self, seed: int, knobs: Knobs | None = None) -> World:
        """The world at second 0."""
        world = World(START, self.account, knobs or Knobs(), seed)
        parts: tuple[tuple[Callable[[Any], object], Iterable[object]], ...] = (
            (world.add_stream, self.streams),
            (world.add_backend, self.backends),
            (world.add_function, self.functions),
            (world.add_mapping, self.mappings),
            (world.add_producer, self.producers),
            (world.add_outside_reader, self.readers),
            (world.add_neighbour, self.neighbours),
        )
        for add, specs in parts:
            for spec in specs:
                add(spec)
        for happening in self.happenings:
            world.at(happening.at_seconds, partial(happening.strike, world))
        return world


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One kind of incident.

    `causes`: the true one first, then others that are no wrong answer. `levers`: what may be
    pulled; `hands_off` in it means that to change nothing is right, too. `shows_only_when_tried`:
    readings alone cannot tell it, so what is said later counts, too. `watch_from_seconds`: before
    that time there is nothing to see.
    """

    name: str
    title: str
    lesson: str
    causes: tuple[Cause, ...]
    levers: frozenset[Lever]
    draw: Callable[[Random], Blueprint]
    horizon_seconds: float = 3000.0
    watch_from_seconds: float = 0.0
    shows_only_when_tried: bool = False

    def blueprint(self, seed: int) -> Blueprint:
        """The incident that a seed makes of it; the same seed makes the same."""
        return self.draw(chance(seed, "scenario", self.name))
