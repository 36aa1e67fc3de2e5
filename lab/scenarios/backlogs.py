"""Backlogs to which more lanes are not, or not alone, the answer."""

from dataclasses import replace
from random import Random

from lab.plant import BackendSpec, World
from lab.scenarios.blueprint import MAPPING, Blueprint, Happening, Scenario
from lab.scenarios.parts import (
    Pipeline,
    a_line,
    burst,
    constant,
    consumer,
    feed,
    grows,
    mapping,
    onset,
)
from remediator.model import Cause

EXPIRY_SECONDS = 24 * 3600.0
LOAD_SECONDS = 900.0


def _saturating_backend(dice: Random) -> Blueprint:
    """What stands behind takes fewer calls than there are lanes: all of them make it slow."""
    line = replace(a_line(dice), shards=dice.randint(3, 4))
    capacity = line.capacity_per_second
    before, after = capacity * dice.uniform(0.2, 0.3), capacity * dice.uniform(0.8, 1.1)
    database = BackendSpec(
        name="orders-database",
        concurrency=line.shards * dice.uniform(0.5, 0.8),
        exponent=dice.uniform(1.3, 2.0),
        errors_per_overload=dice.choice([0.0, 0.05]),
    )
    start = onset(dice)
    end = start + dice.uniform(500, 700)
    return line.blueprint(
        burst(before, after, start, end),
        functions=consumer(line.io_bound(), backend=database.name),
        backends=(database,),
        heals_at_seconds=end,
    )


def _saturates_when_pushed(dice: Random) -> Blueprint:
    """What stands behind carries today's lanes, and hardly one more: it shows only when tried."""
    line = replace(a_line(dice), shards=dice.randint(2, 4))
    capacity = line.capacity_per_second
    database = BackendSpec(
        name="orders-database",
        concurrency=line.shards * dice.uniform(1.05, 1.3),
        exponent=dice.uniform(1.5, 2.0),
        errors_per_overload=dice.choice([0.0, 0.05]),
    )
    return line.blueprint(
        grows(capacity * 0.5, capacity * dice.uniform(1.2, 1.6), onset(dice)),
        functions=consumer(line.io_bound(), backend=database.name),
        backends=(database,),
    )


def _pushed_with_few_lanes(dice: Random) -> Blueprint:
    """Two lanes, and a load that grows for a while: errors come with it, before any raise."""
    line = replace(a_line(dice), shards=2)
    capacity = line.capacity_per_second
    database = BackendSpec(
        name="orders-database",
        concurrency=line.shards * dice.uniform(1.1, 1.35),
        exponent=dice.uniform(1.5, 2.5),
        errors_per_overload=dice.uniform(0.1, 0.3),
        errors_from=0.5,
    )
    start = onset(dice)
    end = start + dice.uniform(700, 1000)
    return line.blueprint(
        burst(capacity * 0.2, capacity * dice.uniform(1.15, 1.35), start, end),
        functions=consumer(line.io_bound(), backend=database.name),
        backends=(database,),
        heals_at_seconds=end,
    )


def _producer_burst(dice: Random) -> Blueprint:
    """Drained at the present capacity before help could have restarted the mapping."""
    line = a_line(dice)
    capacity = line.capacity_per_second
    usual = dice.uniform(0.2, 0.5)
    start, length = onset(dice), dice.uniform(60, 120)
    peak = usual + dice.uniform(260, 380) * (1 - usual) / length
    return line.blueprint(burst(capacity * usual, capacity * peak, start, start + length))


def expiry_near(dice: Random) -> Blueprint:
    """A load of yesterday that nobody has read; half an hour before it expires somebody notices."""
    line = Pipeline(shards=dice.randint(1, 2), seconds_per_record=dice.uniform(0.5, 0.8))
    notices = EXPIRY_SECONDS - dice.uniform(1500, 2000)
    capacity = line.capacity_per_second
    load = feed(constant(capacity * dice.uniform(3, 5)), until_seconds=LOAD_SECONDS)
    trickle = constant(capacity * dice.uniform(0.1, 0.3))
    (spec,) = mapping(line)

    def switch_on(world: World) -> None:
        world.update_event_source_mapping(MAPPING, {"Enabled": True})
        world.add_producer(feed(trickle))

    return line.blueprint(
        trickle,
        producers=(load,),
        mappings=(replace(spec, enabled=False),),
        happenings=(Happening(notices, "somebody enables the mapping", switch_on),),
    )


SCENARIOS = (
    Scenario(
        name="saturating_backend",
        title="The database behind is at its limit",
        lesson="Each further call makes every call slower: more lanes get less done. Take back "
        "what was raised, and help the database first.",
        causes=(Cause.DOWNSTREAM_SATURATED,),
        levers=frozenset({"hands_off", "raise_parallelization_factor"}),
        draw=_saturating_backend,
        shows_only_when_tried=True,
    ),
    Scenario(
        name="saturates_when_pushed",
        title="The database behind has no reserve",
        lesson="Nothing tells beforehand that more lanes will get less done. So a raise is "
        "watched, taken back when it does harm, and not tried again.",
        causes=(Cause.DOWNSTREAM_SATURATED,),
        levers=frozenset({"hands_off", "raise_parallelization_factor"}),
        draw=_saturates_when_pushed,
        shows_only_when_tried=True,
    ),
    Scenario(
        name="producer_burst",
        title="A burst that will be over soon",
        lesson="The age climbs although the consumer is fine: a restart of the mapping would cost "
        "more than it gains. Wait, and say when it will be over.",
        causes=(Cause.RECOVERING,),
        levers=frozenset({"hands_off"}),
        draw=_producer_burst,
    ),
    Scenario(
        name="expiry_near",
        title="A backlog of almost a day",
        lesson="What is older than the retention is gone for good. A longer retention buys time "
        "and loses nothing; more lanes then drain the backlog.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"raise_parallelization_factor", "extend_retention"}),
        draw=expiry_near,
        horizon_seconds=EXPIRY_SECONDS + 2400,
        watch_from_seconds=EXPIRY_SECONDS - 3600,
    ),
)

WILD = (
    Scenario(
        name="pushed_with_few_lanes",
        title="Two lanes, and errors that come with the load",
        lesson="From two lanes to ten is a long step in the dark, and errors that appear with the "
        "load are a warning: a small step first, and the next one when that has held.",
        causes=(Cause.DOWNSTREAM_SATURATED, Cause.SLOW_CONSUMER),
        levers=frozenset({"hands_off", "raise_parallelization_factor"}),
        draw=_pushed_with_few_lanes,
        horizon_seconds=3600,
        shows_only_when_tried=True,
    ),
)
