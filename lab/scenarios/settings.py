"""Settings that explain a reading, or make a change dangerous: nothing here is what it seems."""

from dataclasses import replace
from datetime import timedelta
from random import Random

from lab.plant import Knobs, OutsideReaderSpec, StreamSpec
from lab.plant.descriptions import STREAM_AGE_SECONDS
from lab.plant.stream import consumer_arn
from lab.scenarios.blueprint import (
    START,
    STREAM,
    STREAM_ARN,
    Blueprint,
    OwnAlarm,
    Scenario,
)
from lab.scenarios.failing import healthy_line, poisoned
from lab.scenarios.parts import (
    Pipeline,
    a_line,
    burst,
    constant,
    grows,
    mapping,
    onset,
    outgrown,
)
from remediator.model import Cause


def _batching_window(dice: Random) -> Blueprint:
    """A quiet stream: what comes waits for the window to end, alone or in small company."""
    line = Pipeline(shards=dice.randint(2, 4), seconds_per_record=dice.uniform(0.1, 0.4))
    window = dice.randint(180, 300)
    rate = constant(line.shards * dice.uniform(0.004, 0.008))
    return line.blueprint(rate, mappings=mapping(line, batching_window_seconds=window))


def _filter_passes_little(dice: Random) -> Blueprint:
    """Many records are read, and one of them in some minutes is for this function."""
    line = Pipeline(shards=dice.randint(1, 3), seconds_per_record=dice.uniform(0.1, 0.4))
    rate = dice.uniform(5, 15)
    counts = dice.random() < 0.5
    (spec,) = mapping(
        line,
        filter_patterns=('{"data": {"kind": ["refund"]}}',),
        event_count_metrics=counts,
    )
    passes = 1 / (rate * dice.uniform(250, 400))
    return line.blueprint(constant(rate), mappings=(replace(spec, filter_passes=passes),))


def _record_age_drops(dice: Random) -> Blueprint:
    """The age stays below the limit because what is older is dropped."""
    line = replace(a_line(dice), batch_size=10)
    age = dice.randint(120, 240)
    return line.blueprint(
        grows(*outgrown(dice, line), onset(dice)),
        mappings=mapping(line, maximum_record_age_seconds=age),
    )


def _restart_would_drop(dice: Random) -> Blueprint:
    """A burst that the consumer catches up with in time, unless it is stopped in between."""
    line = Pipeline(shards=1, seconds_per_record=dice.uniform(0.1, 0.2), batch_size=10)
    usual, oldest, length = dice.uniform(0.5, 0.7), dice.uniform(160, 240), dice.uniform(60, 120)
    capacity, start = line.capacity_per_second, onset(dice)
    limit = round(oldest + dice.uniform(50, 80))
    peak = capacity * (1 + oldest / length)
    return line.blueprint(
        burst(capacity * usual, peak, start, start + length),
        mappings=mapping(line, maximum_record_age_seconds=limit),
        knobs=Knobs(mapping_update_gap_seconds=dice.uniform(120, 180)),
    )


FAN_OUT = "orders-fan-out"


def _own_fan_out(dice: Random) -> Blueprint:
    """Others throttle each other; ours has a lane of its own, and too much to do."""
    line = a_line(dice)
    arn = consumer_arn(STREAM_ARN, FAN_OUT, START - timedelta(seconds=STREAM_AGE_SECONDS))
    start = onset(dice)
    greedy = OutsideReaderSpec(
        stream=STREAM, calls_per_second=dice.uniform(10, 20), from_seconds=0.0
    )
    (spec,) = mapping(line)
    return line.blueprint(
        grows(*outgrown(dice, line), start),
        streams=(StreamSpec(name=STREAM, shards=line.shards, consumers=(FAN_OUT,)),),
        mappings=(replace(spec, source_arn=arn),),
        readers=(greedy,),
    )


def _poison_in_a_tumbling_window(dice: Random) -> Blueprint:
    line = healthy_line(dice, dice.randint(3, 5))
    window = dice.choice([60, 120, 300])
    plain = poisoned(line, dice, dice.uniform(0.25, 0.5))
    return replace(plain, mappings=mapping(line, tumbling_window_seconds=window))


def _old_default_retries(dice: Random) -> Blueprint:
    """A mapping of years ago: its limits are so high that they are none."""
    line = healthy_line(dice, dice.randint(3, 5))
    plain = poisoned(line, dice, dice.uniform(0.25, 0.5))
    old = mapping(line, maximum_retry_attempts=10_000, maximum_record_age_seconds=604_800)
    return replace(plain, mappings=old)


OWN_ALARM_SECONDS = 10.0


def _late_at_ten_seconds(dice: Random) -> Blueprint:
    """It falls behind slowly: long before the usual minute its owner calls it late."""
    line = replace(a_line(dice), batch_size=5)
    capacity = line.capacity_per_second
    return line.blueprint(
        grows(capacity * dice.uniform(0.4, 0.6), capacity * dice.uniform(1.02, 1.04), onset(dice)),
        alarms=(OwnAlarm("orders-late", OWN_ALARM_SECONDS, 3),),
    )


SCENARIOS = (
    Scenario(
        name="batching_window",
        title="A batching window on a quiet stream",
        lesson="Whoever waits up to five minutes for a batch sees ages of up to five minutes, and "
        "long silences. Nothing is wrong, and nothing is to be done.",
        causes=(Cause.RECOVERING,),
        levers=frozenset({"hands_off"}),
        draw=_batching_window,
        healthy=True,
    ),
    Scenario(
        name="filter_passes_little",
        title="A filter that lets little pass",
        lesson="Records arrive and are read, and the function is hardly ever invoked: the filter "
        "leaves them out. That is what it is for.",
        causes=(Cause.RECOVERING,),
        levers=frozenset({"hands_off"}),
        draw=_filter_passes_little,
        healthy=True,
    ),
    Scenario(
        name="record_age_drops",
        title="A maximum record age that drops what is late",
        lesson="The age stops climbing just below the limit, because what is older is dropped: "
        "records are being lost now. A restart drops more unless the limit is lifted with it.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"raise_parallelization_factor", "hands_off"}),
        draw=_record_age_drops,
    ),
    Scenario(
        name="restart_would_drop",
        title="A restart would make records too old",
        lesson="The backlog is young enough to be processed in time, but not if the mapping stands "
        "still for minutes: then the maximum record age drops what waits.",
        causes=(Cause.RECOVERING, Cause.SLOW_CONSUMER),
        levers=frozenset({"hands_off", "raise_parallelization_factor"}),
        draw=_restart_would_drop,
    ),
    Scenario(
        name="own_fan_out",
        title="Enhanced fan-out of our own, and others that throttle each other",
        lesson="Throttled reads are those of the shared readers. A consumer with enhanced fan-out "
        "has its own two megabytes: if it lags, it is slow.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"raise_parallelization_factor"}),
        draw=_own_fan_out,
    ),
    Scenario(
        name="poison_in_a_tumbling_window",
        title="A poison record under a tumbling window",
        lesson="The window's state is lost where a shard ends and may be wrong where a record is "
        "left out: no reshard, and its owner decides about the record.",
        causes=(Cause.POISON_RECORD,),
        levers=frozenset({"isolate_poison", "hands_off"}),
        draw=_poison_in_a_tumbling_window,
        may_ask=True,
    ),
    Scenario(
        name="old_default_retries",
        title="Limits of years ago that are none",
        lesson="10,000 retries and a week of age were Lambda's defaults once: retries are bounded "
        "in name only, and a poison record stays where it is.",
        causes=(Cause.POISON_RECORD,),
        levers=frozenset({"isolate_poison"}),
        draw=_old_default_retries,
        must_change="maximum_retry_attempts",
    ),
    Scenario(
        name="late_at_ten_seconds",
        title="An owner who calls ten seconds late",
        lesson="What is late says the alarm, by its threshold and its period. An age of 40 seconds "
        "is no health where somebody has asked to be called at ten.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"raise_parallelization_factor"}),
        draw=_late_at_ten_seconds,
        threshold_seconds=OWN_ALARM_SECONDS,
        horizon_seconds=2400,
    ),
)
