"""Records that cannot be processed, and functions that fail on good ones."""

from dataclasses import replace
from random import Random

from lab.plant import Behaviour, Outage, World
from lab.scenarios.blueprint import CONSUMER, Blueprint, Happening, Scenario
from lab.scenarios.parts import (
    Pipeline,
    burst,
    constant,
    consumer,
    feed,
    grows,
    mapping,
    onset,
)
from remediator.model import Cause


def healthy_line(dice: Random, shards: int) -> Pipeline:
    """A pipeline with time to spare."""
    return Pipeline(
        shards=shards,
        seconds_per_record=dice.uniform(0.2, 0.5),
        batch_size=dice.choice([20, 50, 100]),
    )


def poisoned(line: Pipeline, dice: Random, load: float) -> Blueprint:
    """One record that cannot be processed, in a steady load."""
    rate = constant(line.capacity_per_second * load)
    at = onset(dice)
    return line.blueprint(rate, producers=(feed(rate, poison_at_seconds=(at,)),))


def _poison_on_one_of_many(dice: Random) -> Blueprint:
    return poisoned(healthy_line(dice, dice.randint(3, 5)), dice, dice.uniform(0.25, 0.5))


def _poison_on_a_single_shard(dice: Random) -> Blueprint:
    """Batches are gathered for a while, so that the record seldom comes first in its batch."""
    line = healthy_line(dice, 1)
    window = dice.randint(8, 20)
    plain = poisoned(line, dice, dice.uniform(0.4, 0.6))
    return replace(plain, mappings=mapping(line, batching_window_seconds=window))


def _poison_in_partial_batches(dice: Random) -> Blueprint:
    line = healthy_line(dice, dice.randint(2, 4))
    counts_events = dice.random() < 0.5
    plain = poisoned(line, dice, dice.uniform(0.25, 0.5))
    return replace(
        plain,
        functions=consumer(line.io_bound(reports_item_failures=True)),
        mappings=mapping(line, report_batch_item_failures=True, event_count_metrics=counts_events),
    )


def failure_by_deploy(dice: Random) -> Blueprint:
    """A deploy with a bug, which is rolled back after a while."""
    line = healthy_line(dice, dice.randint(1, 4))
    start = onset(dice)
    healed = start + 1500
    good = line.io_bound()
    bad = replace(good, error_share=1.0, seconds_until_error=dice.uniform(0.05, 2))

    def deploy(world: World, behaviour: Behaviour) -> None:
        world.deploy_function(CONSUMER, behaviour)

    return line.blueprint(
        constant(line.capacity_per_second * dice.uniform(0.3, 0.6)),
        functions=consumer(good),
        happenings=(
            Happening(start, "a deploy with a bug", lambda world: deploy(world, bad)),
            Happening(healed, "the deploy is rolled back", lambda world: deploy(world, good)),
        ),
        heals_at_seconds=healed,
    )


def _failure_by_outage(dice: Random) -> Blueprint:
    """Not quite everything fails, as it is in life; then it heals."""
    line = healthy_line(dice, dice.randint(1, 4))
    start = onset(dice)
    outage = Outage(
        from_seconds=start,
        to_seconds=start + dice.uniform(700, 1200),
        error_share=dice.choice([0.97, 1.0]),
    )
    return line.blueprint(
        constant(line.capacity_per_second * dice.uniform(0.3, 0.5)),
        functions=consumer(line.io_bound(), outages=(outage,)),
        heals_at_seconds=outage.to_seconds,
    )


def _timeouts_of_large_batches(dice: Random) -> Blueprint:
    """Small batches pass; once a backlog fills them, no batch is done before the timeout."""
    timeout = dice.choice([15, 30])
    seconds = dice.uniform(0.15, 0.3)
    line = Pipeline(
        shards=dice.randint(1, 3),
        seconds_per_record=seconds,
        batch_size=int(timeout / seconds * dice.uniform(1.3, 2.5)),
    )
    capacity, start = line.capacity_per_second, onset(dice)
    burst_records = line.batch_size * line.shards * dice.uniform(4, 6)
    peak = capacity * 0.3 + burst_records / 60
    return line.blueprint(
        burst(capacity * dice.uniform(0.2, 0.35), peak, start, start + 60),
        functions=consumer(line.io_bound(), timeout_seconds=timeout),
    )


def _two_causes_at_once(dice: Random) -> Blueprint:
    """A poison record in one shard, while the traffic outgrows all of them."""
    line = healthy_line(dice, dice.randint(2, 4))
    capacity, start = line.capacity_per_second, onset(dice)
    rate = grows(capacity * 0.4, capacity * dice.uniform(1.3, 2), start)
    poison = (start + dice.uniform(0, 60),)
    return line.blueprint(rate, producers=(feed(rate, poison_at_seconds=poison),))


SCENARIOS = (
    Scenario(
        name="poison_on_one_of_many",
        title="A poison record in one of many shards",
        lesson="One record fails whenever it is processed, and its shard stands still while the "
        "others go on. Split the batch, retry a few times, keep what fails at the destination.",
        causes=(Cause.POISON_RECORD,),
        levers=frozenset({"isolate_poison"}),
        draw=_poison_on_one_of_many,
    ),
    Scenario(
        name="poison_on_a_single_shard",
        title="A poison record in the only shard",
        lesson="Everything seems to fail. Splitting batches loses nothing and tells a bad record "
        "from a broken function; only then are retries bounded.",
        causes=(Cause.POISON_RECORD,),
        levers=frozenset({"isolate_poison"}),
        draw=_poison_on_a_single_shard,
    ),
    Scenario(
        name="poison_in_partial_batches",
        title="A poison record hidden by partial batch responses",
        lesson="A function that reports failed items returns successes: no error is counted, yet "
        "its shard stands still.",
        causes=(Cause.POISON_RECORD,),
        levers=frozenset({"isolate_poison"}),
        draw=_poison_in_partial_batches,
    ),
    Scenario(
        name="failure_by_deploy",
        title="A deploy broke the function",
        lesson="Everything fails everywhere, right after a deploy. The records are good: nothing "
        "may be discarded; the deploy must be rolled back.",
        causes=(Cause.FUNCTION_FAILURE,),
        levers=frozenset({"hands_off"}),
        draw=failure_by_deploy,
    ),
    Scenario(
        name="failure_by_outage",
        title="What stands behind the function is down, and heals",
        lesson="The function fails on good records until the outage is over. Wait, discard "
        "nothing; with a single shard, splitting batches is a harmless way to be sure.",
        causes=(Cause.FUNCTION_FAILURE,),
        levers=frozenset({"hands_off", "isolate_poison"}),
        draw=_failure_by_outage,
        shows_only_when_tried=True,
    ),
    Scenario(
        name="timeouts_of_large_batches",
        title="Batches too large for the timeout",
        lesson="A backlog fills the batches, full batches run into the timeout, and the backlog "
        "grows. Halved batches pass: split on error, and make batches smaller.",
        causes=(Cause.FUNCTION_FAILURE,),
        levers=frozenset({"isolate_poison", "lower_batch_size"}),
        draw=_timeouts_of_large_batches,
    ),
    Scenario(
        name="two_causes_at_once",
        title="A poison record, and too much traffic",
        lesson="One remedy at a time, so that its effect can be told: isolate the record, look "
        "again, then widen.",
        causes=(Cause.POISON_RECORD, Cause.SLOW_CONSUMER),
        levers=frozenset({"isolate_poison", "raise_parallelization_factor"}),
        draw=_two_causes_at_once,
    ),
)
