"""Lambda's control plane: states, gaps, refusals, concurrency and configuration."""

from dataclasses import replace
from typing import Any

import pytest

from lab.plant import (
    AccountSpec,
    AwsError,
    Behaviour,
    FunctionSpec,
    MappingSettings,
    NeighbourSpec,
    ProducerSpec,
    StreamSpec,
)
from lab.plant.rates import constant, steps
from tests.lab.plant_worlds import CALM, DISTINCT, ONE_SECOND, QUEUE, Rig, burst, rig

GAP = CALM.mapping_update_gap_seconds


def clogged() -> Rig:
    pipeline = rig(settings=MappingSettings(batch_size=1), producer=burst(1000))
    pipeline.world.run_until(100)
    return pipeline


# Updating a mapping


@pytest.mark.parametrize(
    ("changes", "through", "finally_"),
    [
        ({"ParallelizationFactor": 2}, "Updating", "Enabled"),
        ({"Enabled": False}, "Disabling", "Disabled"),
        ({"Enabled": True}, "Updating", "Enabled"),
    ],
    ids=["setting", "disable", "enable what is enabled"],
)
def test_an_update_passes_through_a_state(
    changes: dict[str, Any], through: str, finally_: str
) -> None:
    pipeline = clogged()
    answer = pipeline.world.update_event_source_mapping(pipeline.mapping.uuid, changes)
    assert answer["State"] == through
    pipeline.world.run_until(100 + GAP + 1)
    assert pipeline.mapping.describe()["State"] == finally_


def test_settings_are_the_old_ones_until_the_update_is_through() -> None:
    pipeline = clogged()
    pipeline.update(ParallelizationFactor=10)
    assert pipeline.mapping.describe()["ParallelizationFactor"] == 1
    pipeline.world.run_until(100 + GAP + 1)
    assert pipeline.mapping.describe()["ParallelizationFactor"] == 10


def test_nothing_begins_during_the_gap_and_what_ran_ends() -> None:
    pipeline = clogged()
    pipeline.update(ParallelizationFactor=10)
    pipeline.world.run_until(100 + GAP + 5)
    begins = [d.began for d in pipeline.deliveries]
    assert not [at for at in begins if 100 < at < 100 + GAP]
    assert max(at for at in begins if at <= 100) + 1 > 100


def test_a_disabled_mapping_resumes_where_it_stopped() -> None:
    pipeline = clogged()
    pipeline.update(Enabled=False)
    pipeline.world.run_until(1000)
    processed = pipeline.world.ledger(pipeline.mapping.uuid).processed
    assert processed == pytest.approx(100, abs=2)
    pipeline.update(Enabled=True)
    assert pipeline.mapping.state == "Enabling"
    pipeline.world.run_until(1000 + GAP + 11)
    delivered = sorted({record for d in pipeline.deliveries for record in d.records})
    assert delivered == list(range(len(delivered)))
    assert pipeline.world.ledger(pipeline.mapping.uuid).processed > processed


@pytest.mark.parametrize("redelivers", [True, False], ids=["redelivered", "not again"])
def test_records_finished_beyond_the_checkpoint_come_again_by_the_knob(redelivers: bool) -> None:
    pipeline = rig(
        settings=MappingSettings(batch_size=1, parallelization_factor=4),
        producer=burst(400, poison_at_seconds=(0.0,)),
        knobs=replace(CALM, restart_redelivers=redelivers),
    )
    pipeline.world.run_until(50)
    pipeline.update(ParallelizationFactor=5)
    pipeline.world.run_until(50 + GAP + 50)
    good = [d.records[0] for d in pipeline.deliveries if d.records[0] != 0]
    assert (len(good) > len(set(good))) == redelivers
    ledger = pipeline.world.ledger(pipeline.mapping.uuid)
    assert ledger.processed == len(set(good))


@pytest.mark.parametrize("state", ["Updating", "Creating", "Deleting"])
def test_a_mapping_in_transition_is_in_use(state: str) -> None:
    pipeline = clogged()
    world, uuid = pipeline.world, pipeline.mapping.uuid
    if state == "Updating":
        pipeline.update(BatchSize=2)
    elif state == "Deleting":
        world.delete_event_source_mapping(uuid)
    else:
        world.add_function(FunctionSpec(name="second"))
        request = {"EventSourceArn": pipeline.stream.arn, "FunctionName": "second"}
        uuid = world.create_event_source_mapping(request)["UUID"]
    assert world.mappings[uuid].state == state
    with pytest.raises(AwsError, match="ResourceInUseException") as refusal:
        world.update_event_source_mapping(uuid, {"BatchSize": 3})
    assert refusal.value.http_status == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"ParallelizationFactor": 11},
        {"ParallelizationFactor": 0},
        {"BatchSize": 10_001},
        {"MaximumRetryAttempts": -2},
        {"MaximumRecordAgeInSeconds": 59},
        {"MaximumRecordAgeInSeconds": 0},
        {"MaximumBatchingWindowInSeconds": 301},
        {"TumblingWindowInSeconds": 901},
    ],
    ids=str,
)
def test_values_outside_the_limits_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(AwsError, match="InvalidParameterValueException"):
        clogged().update(**changes)


def test_a_large_batch_needs_no_window_on_a_stream() -> None:
    clogged().update(BatchSize=100, MaximumBatchingWindowInSeconds=0)


def test_a_destination_needs_the_consumer_s_permission() -> None:
    allowed = FunctionSpec(name="consumer", role_may_send_to=frozenset({QUEUE}))
    destination = {"OnFailure": {"Destination": QUEUE}}
    rig(function=allowed).update(DestinationConfig=destination)
    forbidden = FunctionSpec(name="consumer", role_may_send_to=frozenset())
    with pytest.raises(AwsError, match="does not have permissions"):
        rig(function=forbidden).update(DestinationConfig=destination)


def test_an_unset_destination_is_shown_as_an_empty_object_and_can_be_removed() -> None:
    pipeline = rig(settings=MappingSettings(on_failure_destination=QUEUE))
    shown = pipeline.mapping.describe()["DestinationConfig"]
    assert shown == {"OnFailure": {"Destination": QUEUE}}
    pipeline.update(DestinationConfig={"OnFailure": {"Destination": ""}})
    pipeline.world.run_until(GAP + 1)
    assert pipeline.mapping.describe()["DestinationConfig"] == {"OnFailure": {}}


def test_one_mapping_per_source_and_function() -> None:
    pipeline = rig()
    request = {"EventSourceArn": pipeline.stream.arn, "FunctionName": "consumer"}
    with pytest.raises(AwsError, match="already exists") as refusal:
        pipeline.world.create_event_source_mapping(request)
    assert (refusal.value.code, refusal.value.http_status) == ("ResourceConflictException", 409)


def test_a_fan_out_mapping_beside_the_old_one_processes_everything_twice() -> None:
    pipeline = rig(producer=ProducerSpec(stream="orders", rate=constant(5), keys=DISTINCT))
    world = pipeline.world
    consumer = world.register_stream_consumer(pipeline.stream.arn, "fast")
    request = {"EventSourceArn": consumer["ConsumerARN"], "FunctionName": "consumer"}
    second = world.create_event_source_mapping(request)["UUID"]
    world.run_until(600)
    first = pipeline.mapping.uuid
    assert world.ledger(first).processed == pytest.approx(world.ledger(second).processed, abs=10)


@pytest.mark.parametrize(
    ("position", "produced"), [("LATEST", 600), ("TRIM_HORIZON", 1000), ("AT_TIMESTAMP", 700)]
)
def test_a_new_mapping_begins_where_it_is_told(position: str, produced: int) -> None:
    pipeline = rig(producer=ProducerSpec(stream="orders", rate=constant(1), keys=DISTINCT))
    world = pipeline.world
    world.add_function(FunctionSpec(name="second"))
    world.run_until(400 - GAP)
    request: dict[str, Any] = {
        "EventSourceArn": pipeline.stream.arn,
        "FunctionName": "second",
        "StartingPosition": position,
    }
    if position == "AT_TIMESTAMP":
        request["StartingPositionTimestamp"] = world.clock.datetime_at(300)
    uuid = world.create_event_source_mapping(request)["UUID"]
    world.run_until(1000)
    assert world.ledger(uuid).produced == pytest.approx(produced, abs=2)


def test_a_table_s_stream_has_no_position_by_timestamp() -> None:
    pipeline = rig(stream=StreamSpec(name="orders", table="orders"))
    pipeline.world.add_function(FunctionSpec(name="second"))
    request = {
        "EventSourceArn": pipeline.stream.arn,
        "FunctionName": "second",
        "StartingPosition": "AT_TIMESTAMP",
    }
    with pytest.raises(AwsError, match="Unsupported starting position"):
        pipeline.world.create_event_source_mapping(request)


# Batching


def test_a_window_gathers_records_and_the_next_begins_with_the_end_of_the_last() -> None:
    pipeline = rig(
        settings=MappingSettings(batching_window_seconds=10),
        producer=ProducerSpec(stream="orders", rate=constant(2), keys=DISTINCT),
    )
    pipeline.world.run_until(100)
    gaps = [
        later.began - earlier.ended
        for earlier, later in zip(pipeline.deliveries, pipeline.deliveries[1:], strict=False)
    ]
    assert gaps == pytest.approx([10] * len(gaps))


def test_a_full_batch_does_not_wait_for_its_window() -> None:
    pipeline = rig(settings=MappingSettings(batching_window_seconds=300), producer=burst(250))
    pipeline.world.run_until(60)
    assert pipeline.sizes() == [100, 100]


def test_a_batch_never_mixes_shards() -> None:
    pipeline = rig(stream=StreamSpec(name="orders", shards=4), producer=burst(400))
    pipeline.world.run_until(60)
    assert {len(d.records) for d in pipeline.deliveries} != {400}
    assert len({d.shard.shard_id for d in pipeline.deliveries}) == 4


# Concurrency


@pytest.mark.parametrize(
    ("limit", "reserved", "wanted", "allowed"),
    [
        (1000, None, 900, True),
        (1000, None, 901, False),
        (1000, 100, 900, True),
        (1000, 100, 901, False),
        (100, None, 1, False),
        (1000, 5, 0, True),
    ],
)
def test_the_unreserved_pool_keeps_a_hundred(
    limit: int,
    reserved: int | None,
    wanted: int,
    allowed: bool,
) -> None:
    pipeline = rig(
        account=AccountSpec(concurrency_limit=limit),
        function=FunctionSpec(name="consumer", reserved_concurrency=reserved),
    )
    if allowed:
        pipeline.world.put_function_concurrency("consumer", wanted)
        left = pipeline.world.account.settings()["UnreservedConcurrentExecutions"]
        assert left == limit - wanted
    else:
        with pytest.raises(AwsError, match="below its minimum value of \\[100\\]"):
            pipeline.world.put_function_concurrency("consumer", wanted)


def test_reserving_for_one_starves_a_neighbour() -> None:
    pipeline = rig()
    neighbour = pipeline.world.add_neighbour(
        NeighbourSpec(name="checkout", concurrency=constant(300))
    )
    pipeline.world.run_until(600)
    assert neighbour.starved_seconds == 0
    pipeline.world.put_function_concurrency("consumer", 800)
    pipeline.world.run_until(1200)
    assert neighbour.starved_seconds == pytest.approx(600, abs=61)
    assert neighbour.worst_shortfall == pytest.approx(100)


def test_a_neighbour_s_peak_throttles_the_consumer_while_it_lasts() -> None:
    pipeline = rig(settings=MappingSettings(batch_size=1), producer=burst(1000))
    busy = steps([(0, 100), (100, 1000), (300, 100)])
    pipeline.world.add_neighbour(NeighbourSpec(name="checkout", concurrency=busy))
    counts = []
    for until in (100, 300, 400):
        pipeline.world.run_until(until)
        counts.append(pipeline.world.ledger(pipeline.mapping.uuid).processed)
    assert counts == pytest.approx([100, 101, 195], abs=8)


def test_a_burst_beyond_a_thousand_new_environments_is_throttled() -> None:
    function = rig(account=AccountSpec(concurrency_limit=5000)).world.functions["consumer"]
    started = 0
    while function.acquire(0.0):
        function.begin(0.0, 1, None)
        started += 1
    assert started == 1000
    assert function.acquire(1.0)


# Configuration


def test_a_configuration_update_is_in_progress_and_then_recycles_environments() -> None:
    function = FunctionSpec(
        name="consumer",
        behaviour=Behaviour(io_seconds_per_invocation=1.0, cold_start_seconds=5.0),
    )
    pipeline = rig(settings=MappingSettings(batch_size=1), function=function, producer=burst(500))
    world = pipeline.world
    world.run_until(50)
    before = world.functions["consumer"].configuration()["LastModified"]
    answer = world.update_function_configuration("consumer", memory_mb=2048)
    assert answer["LastUpdateStatus"] == "InProgress"
    with pytest.raises(AwsError, match="An update is in progress") as refusal:
        world.update_function_configuration("consumer", timeout_seconds=30)
    assert refusal.value.http_status == 409
    world.run_until(100)
    configuration = world.functions["consumer"].configuration()
    assert (configuration["MemorySize"], configuration["LastUpdateStatus"]) == (2048, "Successful")
    assert configuration["LastModified"] > before
    walls = [d.ended - d.began for d in pipeline.deliveries]
    assert sum(wall > 5 for wall in walls) == 2


@pytest.mark.parametrize("change", [{"memory_mb": 10_241}, {"timeout_seconds": 901}], ids=str)
def test_a_standard_function_s_limits_hold(change: dict[str, int]) -> None:
    with pytest.raises(AwsError, match="InvalidParameterValueException"):
        rig().world.update_function_configuration("consumer", **change)


@pytest.mark.parametrize(
    ("behaviour", "slow", "fast"),
    [
        pytest.param(Behaviour(cpu_seconds_per_invocation=1.0), 1769 / 512, 1.0, id="CPU"),
        pytest.param(Behaviour(io_seconds_per_invocation=1.0), 1.0, 1.0, id="I/O"),
        pytest.param(
            Behaviour(cpu_seconds_per_invocation=1.0, vcpus_usable=2.0), 1769 / 512, 0.5, id="2 CPU"
        ),
    ],
)
def test_memory_speeds_up_the_cpu_part_only(behaviour: Behaviour, slow: float, fast: float) -> None:
    def seconds(memory_mb: int) -> float:
        spec = FunctionSpec(name="consumer", behaviour=behaviour, memory_mb=memory_mb)
        return rig(function=spec).world.functions["consumer"].begin(0.0, 1, None).seconds

    assert seconds(512) == pytest.approx(slow)
    assert seconds(1769 * 2) == pytest.approx(fast)


def test_a_deploy_changes_the_code_and_when_it_was_last_modified() -> None:
    pipeline = rig(settings=MappingSettings(batch_size=1), producer=burst(500))
    world = pipeline.world
    world.run_until(50)
    before = world.functions["consumer"].configuration()
    world.deploy_function("consumer", Behaviour(error_share=1.0))
    after = world.functions["consumer"].configuration()
    assert after["LastModified"] == world.now() != before["LastModified"]
    assert after["CodeSha256"] != before["CodeSha256"]
    world.run_until(100)
    assert world.ledger(pipeline.mapping.uuid).processed == pytest.approx(50, abs=1)


@pytest.mark.parametrize(
    "call",
    [
        lambda world: world.update_event_source_mapping("no-such", {}),
        lambda world: world.put_function_concurrency("no-such", 1),
        lambda world: world.update_function_configuration("no-such"),
    ],
    ids=["mapping", "concurrency", "configuration"],
)
def test_what_is_not_there_is_not_found(call: Any) -> None:
    with pytest.raises(AwsError, match="ResourceNotFoundException") as refusal:
        call(rig().world)
    assert refusal.value.http_status == 404


def test_the_last_result_tells_what_happened() -> None:
    pipeline = rig(behaviour=ONE_SECOND)
    assert pipeline.mapping.describe()["LastProcessingResult"] == "No records processed"
    pipeline.world.add_producer(burst(1))
    pipeline.world.run_until(10)
    assert pipeline.mapping.describe()["LastProcessingResult"] == "OK"
    pipeline.world.put_function_concurrency("consumer", 0)
    pipeline.world.add_producer(burst(1, at_seconds=20.0))
    pipeline.world.run_until(30)
    assert pipeline.mapping.describe()["LastProcessingResult"] == "PROBLEM: Function call failed"
