"""The worlds in which a remediator may be wrong or do harm: each is what it says, in the plant."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, get_args

import pytest

from lab.baselines import NOTHING, Strategy, pulling
from lab.episode import Episode
from lab.oracle import search
from lab.plant import World
from lab.play import alarm_at, before_alarm, play, run, staged
from lab.scenarios import CONSUMER, INCIDENTS, MAPPING, SCENARIOS, WILD, Lever
from lab.scenarios.reading import TABLE
from lab.stage import Levers, Stage
from remediator.model import Cause

STREAM = {"StreamName": "orders"}
FUNCTION = {"FunctionName": CONSUMER}


@cache
def told(name: str, seed: int = 0) -> Stage:
    """The scenario to its horizon, where nobody does anything."""
    stage = staged(WILD[name], seed, NOTHING)
    run(stage, WILD[name])
    return stage


@cache
def fate(name: str, levers: Levers, seed: int = 0) -> Episode:
    """What becomes of it when these levers are pulled at the alarm."""
    return play(WILD[name], seed, pulling("test", "", levers))


def updating(name: str, changes: Mapping[str, Any], seed: int = 0) -> Episode:
    """What becomes of it when the mapping is updated at the alarm, by whatever name."""

    def act(stage: Stage) -> None:
        stage.world.update_event_source_mapping(MAPPING, dict(changes))

    return play(WILD[name], seed, Strategy(name="test", what="", at_first_alarm=act))


def series(stage: Stage, namespace: str, metric: str, stat: str, **where: str) -> list[float]:
    """All datapoints of a metric that CloudWatch shows at the end."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    points = stage.world.metrics.query(namespace, metric, where, stat, 60, start, stage.world.now())
    return [value for _, value in points]


def of_function(stage: Stage, metric: str, stat: str = "Sum") -> list[float]:
    return series(stage, "AWS/Lambda", metric, stat, **FUNCTION)


def poison(world: World) -> list[int]:
    """How many poison records each shard of the stream has, of those with any."""
    shards = world.mappings[MAPPING].stream.shards.values()
    return [len(shard.poison) for shard in shards if shard.poison]


def oldest(stage: Stage) -> float:
    """The greatest lag from the alarm on."""
    alarm = alarm_at(stage) or 0.0
    return max(age for at, age in stage.recorder.ages if at >= alarm)


# --- what each world is --------------------------------------------------------------------


def _broken_for_one_stream(stage: Stage) -> None:
    errors, invocations = (sum(of_function(stage, name)) for name in ("Errors", "Invocations"))
    assert 10 < errors < 0.5 * invocations
    assert stage.mapping.stream.list_consumers()
    assert poison(stage.world) == []


def _first_of_its_batch(stage: Stage) -> None:
    (bad,) = (s.poison for s in stage.mapping.stream.shards.values())
    (cursor,) = stage.mapping.cursors.values()
    assert cursor.checkpoint in bad


def _records_in_a_row(stage: Stage) -> None:
    (bad,) = poison(stage.world)
    assert bad > 1


def _in_several_shards(stage: Stage) -> None:
    assert len(poison(stage.world)) > 1


def _one_of_two_mappings(stage: Stage) -> None:
    assert poison(stage.world) == [1]
    other = next(m for m in stage.recorder.mappings if m.uuid != MAPPING)
    assert stage.world.oldest_unprocessed_age_seconds(other.uuid) < 60
    assert oldest(stage) > 1000


def _full_batches(stage: Stage) -> None:
    assert poison(stage.world) == []
    assert stage.mapping.splits > 0
    assert sum(of_function(stage, "Errors")) > 0


def _good_destination(stage: Stage) -> None:
    assert poison(stage.world) == [1]
    assert set(stage.world.destination_states.values()) == {"takes"}


def _useless_destination(stage: Stage) -> None:
    destination = stage.mapping.settings.on_failure_destination
    assert destination is not None
    assert not stage.world.deliver(destination, {})


def _breaks_later(stage: Stage) -> None:
    assert sum(poison(stage.world)) == 5
    assert set(stage.world.destination_states.values()) == {"denies"}


def _untagged(stage: Stage) -> None:
    tags = stage.rehearsal.aws.tags
    assert all(not tags[arn] for arn in stage.world.streams)
    assert stage.recorder.ledger().expired > 500


def _factor_is_spent(stage: Stage) -> None:
    assert stage.mapping.settings.parallelization_factor == 10
    assert oldest(stage) > 300
    assert sum(m.stream is stage.mapping.stream for m in stage.world.mappings.values()) == 2
    assert stage.recorder.others_hurt() == 0


def _unlisted_consumer(stage: Stage) -> None:
    assert stage.mapping.stream.list_consumers() == []
    assert any(reader.deaggregates for reader in stage.mapping.stream.outside_readers)
    assert stage.recorder.others_hurt() == 0


def _provisioned(stage: Stage) -> None:
    account = stage.world.account
    assert account.provisioned_total >= 60
    free = account.unreserved_pool - account.neighbours_want(stage.seconds)
    assert 0 < free - len(stage.mapping.stream.shards) <= 12
    claimed, unreserved = (
        max(series(stage, "AWS/Lambda", name, "Maximum"))
        for name in ("ClaimedAccountConcurrency", "UnreservedConcurrentExecutions")
    )
    assert claimed - unreserved >= account.provisioned_total


def _small_account(stage: Stage) -> None:
    account = stage.world.account
    wanted = account.neighbours_want(stage.seconds)
    assert wanted + 10 < 0.6 * account.unreserved_pool
    assert account.unreserved_pool - wanted < account.spec.minimum_unreserved


def _put_back(stage: Stage) -> None:
    assert sum(of_function(stage, "Throttles")) > 10
    assert stage.recorder.overridden == set()


def _few_lanes(stage: Stage) -> None:
    errors, invocations = of_function(stage, "Errors"), of_function(stage, "Invocations")
    early, late = (
        sum(errors[part]) / sum(invocations[part]) for part in (slice(3, 15), slice(18, 27))
    )
    assert late > early
    assert late < 0.25
    assert oldest(stage) > 60


def _window(stage: Stage) -> None:
    window = stage.mapping.settings.batching_window_seconds
    assert max(of_function(stage, "IteratorAge", "Maximum")) < 1000 * (window + 10)
    assert sum(of_function(stage, "Errors")) == 0
    assert stage.recorder.ledger().queued < 5


def _filter(stage: Stage) -> None:
    read = sum(series(stage, "AWS/Kinesis", "GetRecords.Records", "Sum", **STREAM))
    assert 0 < sum(of_function(stage, "Invocations")) < 0.01 * read
    assert oldest(stage) < 5


def _drops(stage: Stage) -> None:
    limit = stage.mapping.settings.maximum_record_age_seconds
    assert max(of_function(stage, "IteratorAge", "Maximum")) <= 1000 * limit
    assert stage.recorder.ledger().discarded > 500


def _spared(stage: Stage) -> None:
    assert stage.recorder.ledger().discarded == 0
    assert oldest(stage) > 0.5 * stage.mapping.settings.maximum_record_age_seconds


def _fan_out(stage: Stage) -> None:
    throttled = series(stage, "AWS/Kinesis", "ReadProvisionedThroughputExceeded", "Sum", **STREAM)
    assert min(throttled[1:]) > 60
    assert stage.mapping.is_fan_out
    assert oldest(stage) > 60


def _tumbling(stage: Stage) -> None:
    assert stage.mapping.settings.tumbling_window_seconds > 0
    assert poison(stage.world) == [1]
    assert oldest(stage) > 1000


def _unbounded_in_all_but_name(stage: Stage) -> None:
    ledger = stage.recorder.ledger()
    assert (ledger.captured, ledger.discarded) == (0, 0)
    assert oldest(stage) > 1000


def _ten_seconds(stage: Stage) -> None:
    names = [name for _, name, state in stage.rehearsal.transitions if state == "ALARM"]
    assert names[0] == "orders-late"
    alarm = alarm_at(stage) or 0.0
    assert all(age < 60 for at, age in stage.recorder.ages if at < alarm)


def _spike(stage: Stage) -> None:
    assert max(of_function(stage, "IteratorAge", "Maximum")) > 500_000
    assert max(age for _, age in stage.recorder.ages) < 5


def _spikes(stage: Stage) -> None:
    late = [at for at, age in stage.recorder.ages if age > 60]
    assert late
    assert len(late) < 0.3 * len(stage.recorder.ages)
    units = series(stage, "AWS/DynamoDB", "ConsumedWriteCapacityUnits", "Sum", TableName=TABLE)
    assert sum(units) > 0


def _idle_shards(stage: Stage) -> None:
    assert len(stage.mapping.stream.open_shards()) >= 60
    busy = [lane.busy for c in stage.mapping.cursors.values() for lane in c.lanes]
    assert sum(busy) < 0.1 * len(busy)
    assert stage.recorder.ledger().queued < 10


def _delay(stage: Stage) -> None:
    delay = stage.world.knobs.cloudwatch_delay_seconds
    assert 20 <= delay <= 300
    assert oldest(stage) > 60


def _lost_minutes(stage: Stage, metric: str) -> None:
    there, lost = of_function(stage, "Invocations"), of_function(stage, metric)
    assert 0 < len(lost) < 0.8 * len(there)
    assert sum(lost) > 10


TRUTHS: dict[str, Callable[[Stage], None]] = {
    "broken_for_one_stream": _broken_for_one_stream,
    "poison_first_of_its_batch": _first_of_its_batch,
    "poison_records_in_a_row": _records_in_a_row,
    "poison_in_several_shards": _in_several_shards,
    "poison_in_one_of_two_mappings": _one_of_two_mappings,
    "full_batches_split_long_ago": _full_batches,
    "poison_with_a_topic_or_bucket": _good_destination,
    "poison_with_a_useless_destination": _useless_destination,
    "destination_breaks_later": _breaks_later,
    "untagged_stream_expiry_near": _untagged,
    "tumbling_windows_of_another_mapping": _factor_is_spent,
    "lanes_of_another_mapping": _factor_is_spent,
    "unlisted_aggregating_consumer": _unlisted_consumer,
    "provisioned_for_another": _provisioned,
    "half_empty_small_account": _small_account,
    "reservation_put_back": _put_back,
    "pushed_with_few_lanes": _few_lanes,
    "batching_window": _window,
    "filter_passes_little": _filter,
    "record_age_drops": _drops,
    "restart_would_drop": _spared,
    "own_fan_out": _fan_out,
    "poison_in_a_tumbling_window": _tumbling,
    "old_default_retries": _unbounded_in_all_but_name,
    "late_at_ten_seconds": _ten_seconds,
    "idle_stream_age_spike": _spike,
    "table_stream_spikes": _spikes,
    "many_idle_shards": _idle_shards,
    "early_or_late_metrics": _delay,
    "lost_minutes_of_errors": partial(_lost_minutes, metric="Errors"),
    "lost_minutes_of_throttles": partial(_lost_minutes, metric="Throttles"),
}


@pytest.mark.parametrize("name", WILD)
def test_a_wild_world_is_what_it_says_and_calls(name: str) -> None:
    stage = told(name)
    assert alarm_at(stage) is not None
    assert stage.recorder.captured_good() == 0
    TRUTHS[name](stage)


@pytest.mark.parametrize("name", WILD)
def test_a_wild_scenario_says_its_truth_and_teaches_it(name: str) -> None:
    scenario = WILD[name]
    assert scenario.causes
    assert Cause.UNKNOWN not in scenario.causes
    assert scenario.levers <= set(get_args(Lever))
    assert 80 <= len(scenario.lesson) <= 320
    assert scenario.lesson.endswith(".")
    first, again, other = (scenario.blueprint(seed) for seed in (1, 1, 2))
    assert (first.streams, first.account, first.knobs) == (
        again.streams,
        again.account,
        again.knobs,
    )
    assert repr(first) != repr(other)


def test_all_scenarios_are_incidents_or_wild_and_none_is_both() -> None:
    assert [*INCIDENTS, *WILD] == list(SCENARIOS)
    assert len(SCENARIOS) == len(INCIDENTS) + len(WILD)


# --- what harms there, and what does not ---------------------------------------------------


@pytest.mark.parametrize(
    "name", ["tumbling_windows_of_another_mapping", "unlisted_aggregating_consumer"]
)
def test_a_reshard_hurts_those_who_read_the_stream_too(name: str) -> None:
    assert fate(name, Levers(double_shards=True)).others_hurt > 0


def test_more_shards_are_more_lanes_of_every_mapping_and_starve_the_neighbour() -> None:
    nothing = told("lanes_of_another_mapping").recorder.starved_seconds
    pushed = fate("lanes_of_another_mapping", Levers(double_shards=True))
    assert pushed.neighbour_throttles > nothing + 60


def test_what_is_provisioned_for_another_is_not_free() -> None:
    nothing = told("provisioned_for_another").recorder.starved_seconds
    pushed = fate("provisioned_for_another", Levers(factor=10))
    assert pushed.neighbour_throttles > nothing + 60


def test_more_lanes_in_a_half_empty_account_starve_nobody_and_help() -> None:
    raised = fate("half_empty_small_account", Levers(factor=4))
    assert raised.neighbour_throttles == 0
    assert raised.recovery_seconds is not None


def test_a_restart_drops_what_would_have_been_processed_in_time() -> None:
    raised = fate("restart_would_drop", Levers(factor=2))
    assert raised.lost > 0


@pytest.mark.parametrize("name", ["broken_for_one_stream", "full_batches_split_long_ago"])
def test_bounded_retries_would_give_up_good_records(name: str) -> None:
    seeds = (seed for seed in range(50) if name[0] == "b" or _costly(name, seed))
    assert fate(name, Levers(bounded=True), next(seeds)).captured_good > 0


def _costly(name: str, seed: int) -> bool:
    """Splitting costs retries, and three splits are too few."""
    drawn = WILD[name].blueprint(seed)
    (function,), (mapping,) = drawn.functions, drawn.mappings
    takes = function.behaviour.io_seconds_per_record * mapping.settings.batch_size
    return drawn.knobs.split_costs_retries and takes > 9 * function.timeout_seconds


def test_bounding_with_a_destination_that_takes_nothing_loses_the_record() -> None:
    bounded = {"BisectBatchOnFunctionError": True, "MaximumRetryAttempts": 3}
    played = updating("poison_with_a_useless_destination", bounded)
    assert (played.lost, played.captured_good, played.ledger.captured) == (1, 0, 0)


def test_a_topic_or_a_bucket_captures_the_record() -> None:
    bounded = {"BisectBatchOnFunctionError": True, "MaximumRetryAttempts": 3}
    played = updating("poison_with_a_topic_or_bucket", bounded)
    assert (played.lost, played.captured_good, played.ledger.captured) == (0, 0, 1)


def test_a_destination_that_breaks_drops_all_that_comes_after() -> None:
    bounded = {"BisectBatchOnFunctionError": True, "MaximumRetryAttempts": 3}
    played = updating("destination_breaks_later", bounded)
    assert played.ledger.captured >= 1
    assert played.lost > WILD["destination_breaks_later"].unforeseen_losses


def test_splitting_shows_nothing_where_the_bad_record_is_the_first_and_other_lanes_do() -> None:
    free = next(
        seed
        for seed in range(12)
        if not WILD["poison_first_of_its_batch"].blueprint(seed).knobs.failing_lane_blocks_shard
    )
    split, wider = (
        fate("poison_first_of_its_batch", levers, free).ledger.processed
        for levers in (Levers(bisect=True), Levers(bisect=True, factor=2))
    )
    assert split < wider
    assert split == told("poison_first_of_its_batch", free).recorder.ledger().processed


def test_raising_again_what_a_person_has_put_back_is_seen() -> None:
    def insist(stage: Stage) -> None:
        stage.reserve(40)
        stage.world.at(stage.seconds + 60, partial(insist, stage))

    strategy = Strategy(name="test", what="", at_first_alarm=insist)
    played = play(WILD["reservation_put_back"], 0, strategy)
    assert played.overridden == ("reserved_concurrency",)


def test_the_oracle_does_not_hurt_others_either() -> None:
    name = "unlisted_aggregating_consumer"
    nothing = play(WILD[name], 0, NOTHING)
    stage = before_alarm(WILD[name], 0, nothing.alarm_at_seconds or 0.0)
    levers, _ = search(stage, WILD[name], 0, nothing)
    assert not levers.double_shards
