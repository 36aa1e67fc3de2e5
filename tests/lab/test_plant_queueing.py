"""The plant against queueing theory, where a closed form exists."""

import pytest

from lab.plant import (
    Behaviour,
    FunctionSpec,
    Keys,
    Knobs,
    MappingSettings,
    NeighbourSpec,
    ProducerSpec,
    StreamSpec,
)
from lab.plant.rates import constant
from tests.lab.plant_worlds import DISTINCT, ONE_SECOND, Rig, burst, rig

FAST_POLLS = Knobs(poll_interval_seconds=0.2, backoff_jitter_share=0.0)
ONE_BY_ONE = MappingSettings(batch_size=1)
SERVICE_SECONDS = 20.0


def mean_wait(pipeline: Rig) -> float:
    """Mean time from a record's arrival to the begin of its invocation."""
    waits = [d.began - d.shard.arrivals[d.records[0]] for d in pipeline.deliveries]
    return sum(waits) / len(waits)


def one_server(utilisation: float, spacing: str) -> Rig:
    producer = ProducerSpec(
        stream="orders",
        rate=constant(utilisation / SERVICE_SECONDS),
        spacing=spacing,  # type: ignore[arg-type]
        keys=DISTINCT,
    )
    behaviour = Behaviour(io_seconds_per_invocation=SERVICE_SECONDS)
    return rig(settings=ONE_BY_ONE, behaviour=behaviour, producer=producer, knobs=FAST_POLLS)


@pytest.mark.parametrize("utilisation", [0.5, 0.9])
def test_with_even_arrivals_nobody_waits(utilisation: float) -> None:
    """D/D/1 below saturation: no queue, only the wait for the next poll."""
    pipeline = one_server(utilisation, "even")
    pipeline.world.run_until(50_000)
    assert mean_wait(pipeline) <= FAST_POLLS.poll_interval_seconds


@pytest.mark.parametrize("utilisation", [0.5, 0.7])
def test_with_poisson_arrivals_the_wait_is_that_of_m_d_1(utilisation: float) -> None:
    """Pollaczek-Khinchine for constant service: u / (2 (1 - u)) service times."""
    pipeline = one_server(utilisation, "poisson")
    pipeline.world.run_until(300_000)
    expected = SERVICE_SECONDS * utilisation / (2 * (1 - utilisation))
    assert mean_wait(pipeline) == pytest.approx(expected, rel=0.08)


def test_above_saturation_the_age_grows_without_bound() -> None:
    pipeline = one_server(1.25, "even")
    pipeline.world.run_until(10_000)
    early = pipeline.world.oldest_unprocessed_age_seconds(pipeline.mapping.uuid)
    pipeline.world.run_until(20_000)
    late = pipeline.world.oldest_unprocessed_age_seconds(pipeline.mapping.uuid)
    assert late == pytest.approx(2 * early, rel=0.05)
    assert early == pytest.approx(10_000 * (1 - 1 / 1.25), rel=0.05)


def finished_per_second(pipeline: Rig, seconds: float) -> float:
    pipeline.world.run_until(seconds)
    return pipeline.world.ledger(pipeline.mapping.uuid).processed / seconds


@pytest.mark.parametrize("cap", [1, 3, 7])
def test_a_reservation_caps_the_throughput_at_cap_over_duration(cap: int) -> None:
    pipeline = rig(
        settings=MappingSettings(batch_size=1, parallelization_factor=10),
        function=FunctionSpec(name="consumer", behaviour=ONE_SECOND, reserved_concurrency=cap),
        stream=StreamSpec(name="orders", shards=2),
        producer=burst(20_000),
    )
    # A lane that runs dry frees its slot; a throttled one takes it only after its backoff.
    assert finished_per_second(pipeline, 600) == pytest.approx(cap, rel=0.03)


def test_neighbours_leave_the_pool_s_rest_and_no_more() -> None:
    pipeline = rig(
        settings=MappingSettings(batch_size=1, parallelization_factor=10),
        producer=burst(20_000),
    )
    pipeline.world.add_neighbour(NeighbourSpec(name="checkout", concurrency=constant(996)))
    assert finished_per_second(pipeline, 600) == pytest.approx(4, rel=0.02)


def test_each_shard_is_a_server_of_its_own() -> None:
    pipeline = rig(
        settings=ONE_BY_ONE,
        stream=StreamSpec(name="orders", shards=4),
        producer=burst(20_000, keys=Keys(population=5000)),
    )
    assert finished_per_second(pipeline, 600) == pytest.approx(4, rel=0.02)
