"""Errors, retries, bisecting, partial responses, ages and destinations, as AWS documents them."""

from dataclasses import replace
from itertools import pairwise
from math import ceil, log2
from typing import Any

import pytest

from lab.plant import Behaviour, FunctionSpec, Keys, MappingSettings, Outage, ProducerSpec
from lab.plant.rates import constant
from tests.lab.plant_worlds import CALM, DISTINCT, ONE_SECOND, QUEUE, Rig, burst, rig

REPORTING = replace(ONE_SECOND, reports_item_failures=True)


def poisoned(settings: MappingSettings, behaviour: Behaviour = ONE_SECOND, at: int = 0) -> Rig:
    """Ten good records a second for ten seconds, and the one that comes at `at` is poison."""
    producer = ProducerSpec(
        stream="orders",
        rate=constant(10),
        until_seconds=10.0,
        keys=DISTINCT,
        poison_at_seconds=(float(at),),
    )
    knobs = replace(CALM, poll_interval_seconds=20.0)
    return rig(settings=settings, behaviour=behaviour, producer=producer, knobs=knobs)


def failing(settings: MappingSettings, **function: Any) -> Rig:
    spec = FunctionSpec(name="consumer", behaviour=Behaviour(error_share=1.0), **function)
    return rig(settings=settings, function=spec, producer=burst(1))


@pytest.mark.parametrize("retries", [0, 1, 2, 3])
def test_attempts_are_one_more_than_retries(retries: int) -> None:
    pipeline = failing(MappingSettings(maximum_retry_attempts=retries))
    pipeline.world.run_until(300)
    assert len(pipeline.deliveries) == retries + 1
    assert pipeline.world.ledger(pipeline.mapping.uuid).discarded == 1


def test_by_default_a_failing_batch_is_retried_until_it_expires() -> None:
    pipeline = failing(MappingSettings())
    pipeline.world.run_until(24 * 3600.0 - 60)
    assert pipeline.world.ledger(pipeline.mapping.uuid).queued == 1
    pipeline.world.run_until(24 * 3600.0 + 60)
    assert pipeline.world.ledger(pipeline.mapping.uuid).expired == 1


def test_an_always_failing_record_is_tried_about_eight_times_in_a_minute() -> None:
    pipeline = failing(MappingSettings(batch_size=1, maximum_record_age_seconds=60))
    pipeline.world.run_until(300)
    assert 7 <= len(pipeline.deliveries) <= 10
    assert pipeline.world.ledger(pipeline.mapping.uuid).discarded == 1


def test_the_wait_between_retries_grows_to_its_cap() -> None:
    pipeline = failing(MappingSettings())
    pipeline.world.run_until(120)
    gaps = [b.began - a.ended for a, b in pairwise(pipeline.deliveries)]
    assert gaps[:5] == pytest.approx([1, 2, 4, 8, 10])
    assert max(gaps) == pytest.approx(CALM.retry_backoff_cap_seconds)


@pytest.mark.parametrize("batch", [2, 16, 100])
@pytest.mark.parametrize("place", [0, 1, 9], ids="poison at second {}".format)
def test_bisecting_isolates_one_record_in_log2_splits(batch: int, place: int) -> None:
    settings = MappingSettings(batch_size=batch, bisect_on_error=True, maximum_retry_attempts=0)
    pipeline = poisoned(settings, at=place)
    pipeline.world.run_until(600)
    ledger = pipeline.world.ledger(pipeline.mapping.uuid)
    assert pipeline.mapping.splits <= ceil(log2(batch))
    assert (ledger.discarded, ledger.processed) == (1, 99)


def test_splitting_does_not_consume_retries() -> None:
    settings = MappingSettings(bisect_on_error=True, maximum_retry_attempts=2)
    pipeline = poisoned(settings)
    pipeline.world.run_until(600)
    alone = [d for d in pipeline.deliveries if len(d.records) == 1 and d.ending.value == "error"]
    assert len(alone) == 3
    assert sum(d.ending.value == "error" for d in pipeline.deliveries) > 3


def test_bisecting_without_bounded_retries_keeps_the_shard_blocked() -> None:
    pipeline = poisoned(MappingSettings(bisect_on_error=True), at=5)
    pipeline.world.run_until(3600)
    ledger = pipeline.world.ledger(pipeline.mapping.uuid)
    assert ledger.queued == 50
    assert pipeline.sizes()[-1] == 1


def test_without_bisecting_the_whole_batch_is_given_up_with_its_poison() -> None:
    pipeline = poisoned(MappingSettings(maximum_retry_attempts=1))
    pipeline.world.run_until(600)
    assert pipeline.world.ledger(pipeline.mapping.uuid).discarded == 100


def test_a_poison_record_that_hangs_is_isolated_too() -> None:
    settings = MappingSettings(bisect_on_error=True, maximum_retry_attempts=0)
    pipeline = poisoned(settings, replace(ONE_SECOND, poison="hangs"))
    pipeline.world.run_until(1200)
    ledger = pipeline.world.ledger(pipeline.mapping.uuid)
    assert (ledger.discarded, ledger.processed) == (1, 99)


def test_a_partial_response_keeps_what_came_before_and_restarts_the_retry_count() -> None:
    """As recorded on AWS: batches of 3, MaxRetry 3: once in its batch, then four times alone."""
    settings = MappingSettings(
        batch_size=3,
        maximum_retry_attempts=3,
        report_batch_item_failures=True,
        on_failure_destination=QUEUE,
    )
    producer = ProducerSpec(
        stream="orders",
        rate=constant(1),
        until_seconds=6.0,
        keys=DISTINCT,
        poison_at_seconds=(5.0,),
    )
    knobs = replace(CALM, poll_interval_seconds=20.0)
    pipeline = rig(settings=settings, behaviour=REPORTING, producer=producer, knobs=knobs)
    pipeline.world.run_until(300)
    bad = [d for d in pipeline.deliveries if 5 in d.records]
    assert [len(d.records) for d in bad] == [3, 1, 1, 1, 1]
    (message,) = pipeline.world.destinations[QUEUE]
    assert message["requestContext"]["approximateInvokeCount"] == 4
    assert message["responseContext"]["functionError"] is None


def test_a_partial_failure_is_no_error_in_the_function_s_metrics() -> None:
    settings = MappingSettings(report_batch_item_failures=True)
    pipeline = poisoned(settings, REPORTING)
    world = pipeline.world
    world.run_until(600)
    args = ("AWS/Lambda", "Errors", {"FunctionName": "consumer"}, "Sum", 60)
    assert {v for _, v in world.metrics.query(*args, world.start, world.now())} == {0.0}


def test_item_failures_are_swallowed_where_the_mapping_does_not_ask_for_them() -> None:
    pipeline = poisoned(MappingSettings(), replace(REPORTING, error_share=1.0))
    pipeline.world.run_until(50.5)
    held = {lane.held_by for one in pipeline.mapping.cursors.values() for lane in one.lanes}
    assert held == {""}  # so no failure holds a record, whatever the function says
    pipeline.world.run_until(100)
    assert pipeline.world.ledger(pipeline.mapping.uuid).processed == 100


def test_throttles_do_not_count_as_retries() -> None:
    pipeline = rig(
        settings=MappingSettings(maximum_retry_attempts=0),
        function=FunctionSpec(name="consumer", behaviour=ONE_SECOND, reserved_concurrency=0),
        producer=burst(50),
    )
    pipeline.world.run_until(3600)
    assert pipeline.world.ledger(pipeline.mapping.uuid).queued == 50
    pipeline.world.put_function_concurrency("consumer", 10)
    pipeline.world.run_until(3700)
    assert pipeline.world.ledger(pipeline.mapping.uuid).processed == 50


def test_a_batch_that_was_throttled_has_all_its_retries_left() -> None:
    pipeline = failing(MappingSettings(maximum_retry_attempts=2), reserved_concurrency=0)
    pipeline.world.run_until(600)
    pipeline.world.put_function_concurrency("consumer", 10)
    pipeline.world.run_until(700)
    assert len(pipeline.deliveries) == 3
    assert pipeline.world.ledger(pipeline.mapping.uuid).discarded == 1


def test_the_maximum_age_discards_on_a_throttled_consumer() -> None:
    pipeline = rig(
        settings=MappingSettings(maximum_record_age_seconds=60),
        function=FunctionSpec(name="consumer", behaviour=ONE_SECOND, reserved_concurrency=0),
        producer=burst(50),
    )
    pipeline.world.run_until(300)
    assert pipeline.world.ledger(pipeline.mapping.uuid).discarded == 50


def test_turning_the_maximum_age_on_discards_the_older_backlog_at_once() -> None:
    pipeline = rig(settings=MappingSettings(batch_size=1), producer=burst(1000))
    pipeline.world.run_until(100)
    pipeline.update(MaximumRecordAgeInSeconds=60)
    pipeline.world.run_until(100 + CALM.mapping_update_gap_seconds + 10)
    assert pipeline.world.ledger(pipeline.mapping.uuid).discarded == pytest.approx(900, abs=2)


def test_what_is_given_up_is_captured_where_a_destination_exists() -> None:
    settings = MappingSettings(
        bisect_on_error=True, maximum_retry_attempts=1, on_failure_destination=QUEUE
    )
    pipeline = poisoned(settings, at=3)
    pipeline.world.run_until(600)
    ledger = pipeline.world.ledger(pipeline.mapping.uuid)
    assert (ledger.captured, ledger.discarded) == (1, 0)
    (message,) = pipeline.world.destinations[QUEUE]
    assert message["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert message["requestContext"]["approximateInvokeCount"] == 2
    info = message["KinesisBatchInfo"]
    assert info["batchSize"] == 1
    (record,) = pipeline.world.read_records(
        pipeline.stream.arn, info["shardId"], info["startSequenceNumber"], limit=1
    )
    assert record["SequenceNumber"] == info["endSequenceNumber"]


def test_a_record_that_was_too_old_has_no_response() -> None:
    settings = MappingSettings(maximum_record_age_seconds=60, on_failure_destination=QUEUE)
    pipeline = failing(settings)
    pipeline.world.run_until(300)
    (message,) = pipeline.world.destinations[QUEUE]
    assert message["requestContext"]["condition"] == "RecordAgeExceeded"
    assert "responseContext" not in message


@pytest.mark.parametrize("blocks", [False, True], ids=["lane only", "whole shard"])
def test_a_failing_lane_blocks_others_only_by_the_knob(blocks: bool) -> None:
    knobs = replace(CALM, failing_lane_blocks_shard=blocks)
    pipeline = rig(
        settings=MappingSettings(batch_size=10, parallelization_factor=4),
        producer=burst(400, poison_at_seconds=(0.0,)),
        knobs=knobs,
    )
    pipeline.world.run_until(600)
    processed = pipeline.world.ledger(pipeline.mapping.uuid).processed
    assert processed <= 60 if blocks else processed >= 280


def test_errors_by_outage_heal_with_it() -> None:
    outage = Outage(from_seconds=0, to_seconds=120)
    pipeline = rig(
        function=FunctionSpec(name="consumer", behaviour=ONE_SECOND, outages=(outage,)),
        producer=burst(100, keys=Keys()),
    )
    pipeline.world.run_until(119)
    assert pipeline.world.ledger(pipeline.mapping.uuid).processed == 0
    pipeline.world.run_until(140)
    assert pipeline.world.ledger(pipeline.mapping.uuid).processed == 100


def test_a_batch_that_takes_longer_than_the_timeout_fails_and_a_half_may_not() -> None:
    pipeline = rig(
        settings=MappingSettings(bisect_on_error=True),
        function=FunctionSpec(
            name="consumer", behaviour=Behaviour(io_seconds_per_record=0.1), timeout_seconds=6
        ),
        producer=burst(100),
    )
    pipeline.world.run_until(60)
    assert [d.ending.value for d in pipeline.deliveries] == ["timeout", "success", "success"]
    assert pipeline.deliveries[0].ended - pipeline.deliveries[0].began == 6
