"""Producers: rates over time, keys, sizes, and what stands behind the function."""

from collections import Counter
from random import Random

import pytest

from lab.plant import (
    AccountSpec,
    BackendSpec,
    Behaviour,
    FunctionSpec,
    Keys,
    Outage,
    ProducerSpec,
    RateOfTime,
    World,
)
from lab.plant.account import Backend
from lab.plant.keys import HASH_KEYS, KeySource, KeyTable
from lab.plant.producer import Producer
from lab.plant.rates import burst, constant, diurnal, steps
from tests.lab.plant_worlds import CALM, START

RATES: dict[str, tuple[RateOfTime, dict[float, float]]] = {
    "constant": (constant(7), {0: 7, 1e6: 7}),
    "diurnal": (diurnal(10, 4, 3600), {3600: 14, 3600 + 43_200: 6}),
    "diurnal never negative": (diurnal(1, 4, 0), {43_200: 0}),
    "burst": (burst(5, 50, 100, 160), {99: 5, 100: 50, 159: 50, 160: 5}),
    "steps": (steps([(10, 1), (20, 2)]), {9: 0, 10: 1, 19: 1, 20: 2}),
}


@pytest.mark.parametrize("case", RATES.values(), ids=RATES.keys())
def test_a_rate_is_a_function_of_time(case: tuple[RateOfTime, dict[float, float]]) -> None:
    rate, expected = case
    assert {at: rate(at) for at in expected} == pytest.approx(expected)


def drawn(spec: ProducerSpec, seconds: int) -> list[float]:
    producer = Producer(spec, KeyTable(), "", Random(1))
    return [r.at_seconds for s in range(seconds) for r in producer.draw(float(s), s + 1.0)]


@pytest.mark.parametrize("rate", [0.25, 1.0, 3.0, 250.0])
@pytest.mark.parametrize("spacing", ["even", "poisson"])
def test_as_many_records_come_as_the_rate_says(rate: float, spacing: str) -> None:
    spec = ProducerSpec(stream="s", rate=constant(rate), spacing=spacing)  # type: ignore[arg-type]
    times = drawn(spec, 1000)
    error = 0.001 if spacing == "even" else 4 / (rate * 1000) ** 0.5
    assert len(times) == pytest.approx(rate * 1000, rel=error)
    assert times == sorted(times)


def test_a_changing_rate_is_followed() -> None:
    times = drawn(ProducerSpec(stream="s", rate=lambda s: s / 5), 100)
    assert len(times) == pytest.approx(1000, abs=2)


KEY_SHARES: dict[str, tuple[Keys, float]] = {
    "uniform": (Keys(population=10), 0.1),
    "zipf": (Keys(kind="zipf", population=100, exponent=1.0), 1 / 5.187),
    "hot": (Keys(kind="hot", population=100, hot_share=0.8), 0.8),
    "sequential": (Keys(kind="sequential", population=20), 0.05),
}


@pytest.mark.parametrize("case", KEY_SHARES.values(), ids=KEY_SHARES.keys())
def test_the_commonest_key_has_its_share(case: tuple[Keys, float]) -> None:
    keys, share = case
    source = KeySource(keys, KeyTable(), "k", Random(2))
    commonest = Counter(source.draw(20_000)).most_common(1)[0][1]
    assert commonest / 20_000 == pytest.approx(share, rel=0.1)


def test_aggregated_records_share_one_key_and_spread_over_all_hash_keys() -> None:
    table = KeyTable()
    keys = Keys(kind="aggregated", population=16, records_per_aggregate=50)
    KeySource(keys, table, "", Random(1))
    assert set(table.names) == {"a"}
    assert len(set(table.lane_hashes)) == 1
    assert {hash_key * 16 // HASH_KEYS for hash_key in table.hash_keys} == set(range(16))
    assert set(table.weights) == {50}


def test_sizes_vary_within_their_spread() -> None:
    spec = ProducerSpec(stream="s", rate=constant(100), record_bytes=1000, record_bytes_spread=0.3)
    producer = Producer(spec, KeyTable(), "", Random(1))
    sizes = [r.size_bytes for s in range(10) for r in producer.draw(float(s), s + 1.0)]
    assert 700 <= min(sizes) < 750
    assert 1250 < max(sizes) <= 1300


# What stands behind the function


@pytest.mark.parametrize(("in_flight", "factor"), [(1, 1.0), (10, 1.0), (20, 4.0), (30, 9.0)])
def test_an_overloaded_backend_slows_down(in_flight: int, factor: float) -> None:
    backend = Backend(BackendSpec(name="db", concurrency=10, exponent=2.0), Random(1))
    backend.in_flight = in_flight
    assert backend.latency_factor(0.0) == pytest.approx(factor)


@pytest.mark.parametrize(("in_flight", "share"), [(10, 0.0), (15, 0.25), (40, 1.0)])
def test_an_overloaded_backend_fails(in_flight: int, share: float) -> None:
    spec = BackendSpec(name="db", concurrency=10, errors_per_overload=0.5)
    backend = Backend(spec, Random(1))
    backend.in_flight = in_flight
    fails = sum(backend.fails(0.0) for _ in range(2000))
    assert fails / 2000 == pytest.approx(share, abs=0.05)


def test_an_outage_of_the_backend_reaches_the_function_and_heals() -> None:
    world = World(START, AccountSpec(), CALM, 1)
    outage = Outage(from_seconds=100, to_seconds=200, latency_factor=3.0)
    world.add_backend(BackendSpec(name="db", concurrency=10, outages=(outage,)))
    behaviour = Behaviour(io_seconds_per_invocation=1.0)
    function = world.add_function(FunctionSpec(name="f", behaviour=behaviour, backend="db"))
    seconds = []
    for at in (50.0, 150.0, 250.0):
        assert function.acquire(at)
        run = function.begin(at, 1, None)
        function.end(run)
        seconds.append((run.seconds, run.ending.value))
    assert seconds == [(1.0, "success"), (3.0, "error"), (1.0, "success")]
