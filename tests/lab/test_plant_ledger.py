"""Over random small worlds: no record is lost sight of, order per key holds, parents come first."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.plant import (
    AccountSpec,
    AwsError,
    Behaviour,
    FunctionSpec,
    Keys,
    Knobs,
    MappingSettings,
    MappingSpec,
    Outage,
    ProducerSpec,
    StreamSpec,
    World,
)
from lab.plant.function import Ending
from lab.plant.rates import constant
from tests.lab.plant_worlds import QUEUE, START, Rig

SECONDS = 400.0
STEP_SECONDS = 8.0

KNOBS = st.builds(
    Knobs,
    mapping_update_gap_seconds=st.sampled_from([0.0, 30.0]),
    failing_lane_blocks_shard=st.booleans(),
    restart_redelivers=st.booleans(),
    read_ahead_records=st.sampled_from([20, 1000]),
)
SETTINGS = st.builds(
    MappingSettings,
    parallelization_factor=st.integers(1, 4),
    batch_size=st.sampled_from([1, 7, 100]),
    batching_window_seconds=st.sampled_from([0, 0, 5]),
    bisect_on_error=st.booleans(),
    maximum_retry_attempts=st.sampled_from([-1, 0, 2]),
    maximum_record_age_seconds=st.sampled_from([-1, 60]),
    on_failure_destination=st.sampled_from([None, QUEUE]),
    report_batch_item_failures=st.booleans(),
)
BEHAVIOURS = st.builds(
    Behaviour,
    io_seconds_per_invocation=st.sampled_from([0.1, 1.0, 7.0]),
    io_seconds_per_record=st.sampled_from([0.0, 0.05]),
    jitter_share=st.sampled_from([0.0, 0.3]),
    error_share=st.sampled_from([0.0, 0.0, 0.3]),
    poison=st.sampled_from(["raises", "hangs"]),
    reports_item_failures=st.booleans(),
)
KEYS = st.builds(
    Keys, kind=st.sampled_from(["uniform", "zipf", "hot"]), population=st.integers(1, 30)
)
PRODUCERS = st.builds(
    ProducerSpec,
    stream=st.just("orders"),
    rate=st.sampled_from([constant(1.0), constant(6.0)]),
    burst_records=st.sampled_from([0, 200]),
    until_seconds=st.just(300.0),
    keys=KEYS,
    spacing=st.sampled_from(["even", "poisson"]),
    poison_at_seconds=st.lists(st.floats(0, 200), max_size=2).map(tuple),
)
MOVES = st.lists(
    st.tuples(
        st.floats(0, 300),
        st.sampled_from(["factor", "disable", "enable", "split", "merge", "cap", "uncap", "age"]),
    ),
    max_size=4,
)


def make(knobs: Knobs, spec: MappingSettings, behaviour: Behaviour, seed: int) -> Rig:
    world = World(START, AccountSpec(), knobs, seed)
    stream = world.add_stream(StreamSpec(name="orders", shards=2))
    outages = (Outage(from_seconds=100, to_seconds=130, error_share=0.8),)
    world.add_function(
        FunctionSpec(name="f", behaviour=behaviour, timeout_seconds=10, outages=outages)
    )
    mapping = world.add_mapping(MappingSpec(function="f", source_arn=stream.arn, settings=spec))
    return Rig(world, stream, mapping)


def move(pipeline: Rig, what: str) -> None:
    """One change by somebody; AWS may refuse it."""
    world, arn = pipeline.world, pipeline.stream.arn
    updates: dict[str, dict[str, Any]] = {
        "factor": {"ParallelizationFactor": 3},
        "disable": {"Enabled": False},
        "enable": {"Enabled": True},
        "age": {"MaximumRecordAgeInSeconds": 60},
    }
    open_shards = pipeline.stream.open_shards()
    try:
        if what in updates:
            pipeline.update(**updates[what])
        elif what == "split":
            first = open_shards[0]
            middle = (first.start_hash + first.end_hash) // 2
            world.split_shard(arn, first.shard_id, str(middle))
        elif what == "merge":
            world.merge_shards(arn, open_shards[0].shard_id, open_shards[:2][-1].shard_id)
        elif what == "cap":
            world.put_function_concurrency("f", 1)
        else:
            world.delete_function_concurrency("f")
    except AwsError:
        return


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    knobs=KNOBS,
    spec=SETTINGS,
    behaviour=BEHAVIOURS,
    producer=PRODUCERS,
    moves=MOVES,
    seed=st.integers(0, 1000),
)
def test_every_record_is_accounted_for_at_every_instant(
    knobs: Knobs,
    spec: MappingSettings,
    behaviour: Behaviour,
    producer: ProducerSpec,
    moves: list[tuple[float, str]],
    seed: int,
) -> None:
    pipeline = make(knobs, spec, behaviour, seed)
    world, uuid = pipeline.world, pipeline.mapping.uuid
    world.add_producer(producer)
    for at, what in moves:
        world.at(at, lambda what=what: move(pipeline, what))  # type: ignore[misc]
    lost_before = 0
    while world.env.now < SECONDS:
        world.run_until(world.env.now + STEP_SECONDS)
        ledger = world.ledger(uuid)
        parts = (ledger.processed, ledger.captured, ledger.discarded, ledger.expired, ledger.queued)
        assert min(parts) >= 0
        assert ledger.produced == sum(parts)
        assert ledger.captured + ledger.discarded >= lost_before
        lost_before = ledger.captured + ledger.discarded
    pipeline.assert_order_per_key()
    pipeline.assert_parents_first()
    assert_the_witness_agrees(pipeline)


def assert_the_witness_agrees(pipeline: Rig) -> None:
    """What is counted as processed was delivered; what failed for good is counted otherwise."""
    ledger = pipeline.world.ledger(pipeline.mapping.uuid)
    delivered = {(d.shard.shard_id, record) for d in pipeline.deliveries for record in d.records}
    succeeded = {
        (d.shard.shard_id, record)
        for d in pipeline.deliveries
        if d.ending is Ending.SUCCESS
        for record in d.records
    }
    assert len(succeeded) <= ledger.processed + ledger.captured + ledger.discarded
    assert ledger.processed <= len(delivered)


def test_without_limits_every_record_is_delivered_and_processed() -> None:
    pipeline = make(
        Knobs(), MappingSettings(parallelization_factor=4), Behaviour(error_share=0.2), seed=3
    )
    pipeline.world.add_producer(
        ProducerSpec(stream="orders", rate=constant(20), until_seconds=200.0)
    )
    pipeline.world.run_until(1000)
    ledger = pipeline.world.ledger(pipeline.mapping.uuid)
    assert ledger.produced == ledger.processed == pytest.approx(4000, abs=5)


def test_the_same_seed_gives_the_same_history() -> None:
    def history(seed: int) -> list[tuple[float, int]]:
        pipeline = make(Knobs(), MappingSettings(), Behaviour(jitter_share=0.2), seed)
        pipeline.world.add_producer(
            ProducerSpec(stream="orders", rate=constant(5), spacing="poisson")
        )
        pipeline.world.run_until(200)
        return [(d.ended, len(d.records)) for d in pipeline.deliveries]

    assert history(5) == history(5)
    assert history(5) != history(6)
