"""What many scenarios share: a healthy pipeline, and the ways in which its load grows."""

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from lab.plant import (
    Behaviour,
    FunctionSpec,
    Keys,
    MappingSettings,
    MappingSpec,
    ProducerSpec,
    RateOfTime,
    StreamSpec,
)
from lab.plant.rates import burst, constant, steps
from lab.scenarios.blueprint import CONSUMER, MAPPING, STREAM, STREAM_ARN, Blueprint

MANY_KEYS = Keys(kind="uniform", population=4000)


def onset(dice: Random) -> float:
    """When it begins: after a quarter of an hour of health, not at a full minute."""
    return dice.uniform(900, 1020)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """One stream, one consumer; `seconds_per_record` is what one record costs one lane."""

    shards: int
    seconds_per_record: float
    batch_size: int = 100
    factor: int = 1

    @property
    def capacity_per_second(self) -> float:
        """Records per second of all lanes together."""
        return self.shards * self.factor / self.seconds_per_record

    def io_bound(self, **more: Any) -> Behaviour:
        """A function that waits most of the time."""
        return Behaviour(io_seconds_per_record=self.seconds_per_record, jitter_share=0.1, **more)

    def settings(self, **more: Any) -> MappingSettings:
        """The mapping's settings."""
        return MappingSettings(
            batch_size=self.batch_size, parallelization_factor=self.factor, **more
        )

    def blueprint(self, rate: RateOfTime, **more: Any) -> Blueprint:
        """The pipeline fed at a rate; `more` replaces parts of the blueprint."""
        plain = Blueprint(
            streams=(StreamSpec(name=STREAM, shards=self.shards),),
            functions=consumer(self.io_bound()),
            mappings=mapping(self),
            producers=(feed(rate),),
        )
        return replace(plain, **more)


def a_line(dice: Random) -> Pipeline:
    """A pipeline of moderate size."""
    return Pipeline(
        shards=dice.randint(1, 3),
        seconds_per_record=dice.uniform(0.3, 0.9),
        batch_size=dice.choice([5, 10, 25, 50]),
    )


def outgrown(dice: Random, line: Pipeline) -> tuple[float, float]:
    """Rates: healthy before; afterwards more than one lane a shard can do, less than ten can."""
    capacity = line.capacity_per_second
    return capacity * dice.uniform(0.3, 0.6), capacity * dice.uniform(1.3, 3.5)


def feed(rate: RateOfTime, **more: Any) -> ProducerSpec:
    """A producer of the affected stream, many keys unless told otherwise."""
    plain = ProducerSpec(stream=STREAM, rate=rate, keys=MANY_KEYS, spacing="poisson")
    return replace(plain, **more)


def mapping(pipeline: Pipeline, **settings: Any) -> tuple[MappingSpec, ...]:
    """The affected mapping with some settings of its own."""
    spec = MappingSpec(
        function=CONSUMER,
        source_arn=STREAM_ARN,
        uuid=MAPPING,
        settings=pipeline.settings(**settings),
    )
    return (spec,)


def consumer(behaviour: Behaviour, **more: Any) -> tuple[FunctionSpec, ...]:
    """The affected function."""
    plain = FunctionSpec(name=CONSUMER, behaviour=behaviour, timeout_seconds=180)
    return (replace(plain, **more),)


def grows(before: float, after: float, at_seconds: float) -> RateOfTime:
    """A load that steps up and stays."""
    return steps([(0.0, before), (at_seconds, after)])


__all__ = [
    "MANY_KEYS",
    "Pipeline",
    "a_line",
    "burst",
    "constant",
    "consumer",
    "feed",
    "grows",
    "mapping",
    "onset",
    "outgrown",
]
