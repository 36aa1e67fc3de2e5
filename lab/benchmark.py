"""How fast the plant is, and how soon an incident is acted upon: `python -m lab.benchmark`."""

import logging
import sys
from datetime import UTC, datetime
from time import perf_counter

from lab import first_write
from lab.plant import (
    AccountSpec,
    AlarmSpec,
    Behaviour,
    FunctionSpec,
    Keys,
    Knobs,
    MappingSettings,
    MappingSpec,
    ProducerSpec,
    StreamSpec,
    World,
)
from lab.plant.rates import constant

HOUR_SECONDS = 3600.0
SHARDS = 4
RECORDS_PER_SECOND = 100.0


def hour(records_per_second: float, parallelization_factor: int = 1) -> World:
    """A world of four shards with one mapping and its alarm, before its hour has passed."""
    world = World(datetime(2026, 11, 23, tzinfo=UTC), AccountSpec(), Knobs(), seed=1)
    stream = world.add_stream(StreamSpec(name="orders", shards=SHARDS))
    world.add_function(
        FunctionSpec(name="orders", behaviour=Behaviour(io_seconds_per_invocation=0.2))
    )
    settings = MappingSettings(parallelization_factor=parallelization_factor)
    world.add_mapping(MappingSpec(function="orders", source_arn=stream.arn, settings=settings))
    keys = Keys(population=10_000)
    world.add_producer(ProducerSpec(stream="orders", rate=constant(records_per_second), keys=keys))
    world.alarms.put(
        AlarmSpec(
            name="age",
            namespace="AWS/Lambda",
            metric="IteratorAge",
            dimensions={"FunctionName": "orders"},
            stat="Maximum",
            threshold=60_000,
        )
    )
    return world


def timed(records_per_second: float) -> tuple[float, int]:
    """Seconds of real time for one simulated hour, and the records that were processed."""
    world = hour(records_per_second)
    began = perf_counter()
    world.run_until(HOUR_SECONDS)
    took = perf_counter() - began
    (uuid,) = world.mappings
    return took, world.ledger(uuid).processed


def main() -> None:
    """Print both times and their ratio, to be read against the doubling of the records."""
    times = []
    for factor in (1, 2):
        took, records = timed(RECORDS_PER_SECOND * factor)
        times.append(took)
        sys.stdout.write(
            f"{SHARDS} shards, {RECORDS_PER_SECOND * factor:.0f} records/s, one hour: "
            f"{took:.2f} s for {records} records ({1e6 * took / records:.1f} µs each)\n"
        )
    sys.stdout.write(f"twice the records takes {times[1] / times[0]:.2f} times as long\n")
    logging.disable(logging.CRITICAL)
    sys.stdout.write(first_write.line())


if __name__ == "__main__":
    main()
