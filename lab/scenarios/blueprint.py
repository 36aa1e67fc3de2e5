"""What a scenario is: a blueprint drawn by a seed, its true cause, and what may be done."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any, Literal

from lab.plant import (
    AccountSpec,
    BackendSpec,
    DestinationSpec,
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

# Remedies by name; `hands_off` is to wait, or to call a person. Some are no remedies yet.
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
    "reserve_concurrency",
    "enhanced_fan_out",
]


@dataclass(frozen=True, slots=True)
class Happening:
    """What somebody or something does to the world at a time, in seconds from its start.

    `sets`: a setting, by the name it has in an episode, that a person wants to be as it then is.
    """

    at_seconds: float
    what: str
    act: Callable[[World], object]
    sets: tuple[str, bool | int | float | str | None] | None = None

    def strike(self, world: World) -> None:
        """Do it."""
        self.act(world)


@dataclass(frozen=True, slots=True)
class OwnAlarm:
    """An alarm of the owner's own on a function's age, which calls the remediator, too."""

    name: str
    threshold_seconds: float
    minutes: int
    function: str = CONSUMER


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """Everything that a world is built from, after the dice are cast.

    `heals_at_seconds`: when the trouble ends by itself or by somebody's hand; what is left from
    then on is a backlog, which more lanes may drain. `tagged`: whether the stream is opted in.
    """

    streams: tuple[StreamSpec, ...]
    functions: tuple[FunctionSpec, ...]
    mappings: tuple[MappingSpec, ...]
    producers: tuple[ProducerSpec, ...]
    readers: tuple[OutsideReaderSpec, ...] = ()
    neighbours: tuple[NeighbourSpec, ...] = (QUIET_NEIGHBOUR,)
    backends: tuple[BackendSpec, ...] = ()
    destinations: tuple[DestinationSpec, ...] = ()
    happenings: tuple[Happening, ...] = ()
    alarms: tuple[OwnAlarm, ...] = ()
    tagged: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)
    """The template's, beside the mode and the target."""
    latency_seconds: float = 0.1
    """One AWS call of the remediator."""
    calls_of_others_per_second: float = 0.0
    """What others take of Lambda's API."""
    heals_at_seconds: float | None = None
    account: AccountSpec = field(default_factory=AccountSpec)
    knobs: Knobs = field(default_factory=Knobs)

    def build(self, seed: int, knobs: Knobs | None = None) -> World:
        """The world at second 0."""
        world = World(START, self.account, knobs or self.knobs, seed)
        parts: tuple[tuple[Callable[[Any], object], Iterable[object]], ...] = (
            (world.add_stream, self.streams),
            (world.add_backend, self.backends),
            (world.add_function, self.functions),
            (world.add_mapping, self.mappings),
            (world.add_producer, self.producers),
            (world.add_outside_reader, self.readers),
            (world.add_neighbour, self.neighbours),
            (world.add_destination, self.destinations),
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
    readings alone cannot tell it, so what is said later counts, too. `may_ask`: nor can trying
    always, and `unknown` is an honest answer, too. `healthy`: nothing is wrong, so nothing at all
    is to be changed. `watch_from_seconds`: before that time there is nothing to see.
    `threshold_seconds`: from what lag on its owner calls it late. `unforeseen_losses`: records
    that nobody could have saved who does what is right. `must_change`: a setting without which
    a lever is pulled in vain.
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
    may_ask: bool = False
    healthy: bool = False
    threshold_seconds: float = 60.0
    unforeseen_losses: int = 0
    must_change: str | None = None

    def blueprint(self, seed: int) -> Blueprint:
        """The incident that a seed makes of it; the same seed makes the same."""
        return self.draw(chance(seed, "scenario", self.name))
