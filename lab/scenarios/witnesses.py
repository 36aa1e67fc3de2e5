"""Who proves what: successes that prove nothing, poison that hides, full batches that time out."""

from dataclasses import replace
from random import Random

from lab.plant import (
    DirectCalls,
    Keys,
    Knobs,
    MappingSpec,
    Outage,
    ProducerSpec,
    StreamSpec,
)
from lab.scenarios.blueprint import CONSUMER, STREAM, STREAM_ARN, Blueprint, Scenario
from lab.scenarios.failing import healthy_line, poisoned
from lab.scenarios.parts import Pipeline, burst, constant, consumer, feed, mapping, onset
from remediator.model import Cause

PAYMENTS = "payments"
PAYMENTS_ARN = f"{STREAM_ARN.rpartition('/')[0]}/{PAYMENTS}"
ANALYTICS = "orders-analytics"
ONE_KEY = Keys(kind="uniform", population=1)


def _knobs(dice: Random) -> Knobs:
    """Whether a half keeps the retries of the whole, and whether a failing lane halts its shard,
    nobody has measured."""
    return Knobs(
        split_costs_retries=dice.random() < 0.3, failing_lane_blocks_shard=dice.random() < 0.3
    )


def _broken_for_one_stream(dice: Random) -> Blueprint:
    """A change of this stream's records, which the function cannot read any more; what comes from
    elsewhere it processes as ever."""
    line = healthy_line(dice, dice.randint(1, 4))
    start = onset(dice)
    outage = Outage(
        from_seconds=start, to_seconds=start + dice.uniform(1000, 1500), source_arn=STREAM_ARN
    )
    calls = DirectCalls(rate=constant(dice.uniform(2, 10)), seconds=dice.uniform(0.05, 0.3))
    rate = constant(line.capacity_per_second * dice.uniform(0.3, 0.5))
    payments = MappingSpec(function=CONSUMER, source_arn=PAYMENTS_ARN, settings=line.settings())
    sibling = dice.random() < 0.5
    return line.blueprint(
        rate,
        streams=(
            StreamSpec(name=STREAM, shards=line.shards, consumers=(ANALYTICS,)),
            StreamSpec(name=PAYMENTS, shards=2),
        ),
        functions=consumer(line.io_bound(), outages=(outage,), direct_calls=calls),
        mappings=(*mapping(line), *([payments] if sibling else [])),
        producers=(feed(rate), feed(constant(0.5 / line.seconds_per_record), stream=PAYMENTS)),
        heals_at_seconds=outage.to_seconds,
        knobs=_knobs(dice),
    )


def _first_of_its_batch(dice: Random) -> Blueprint:
    """A trickle: batches hold a record or two, and the bad one is the first of its own."""
    line = Pipeline(shards=1, seconds_per_record=dice.uniform(0.05, 0.2))
    rate = constant(dice.uniform(0.4, 1.2))
    producers = (feed(rate, poison_at_seconds=(onset(dice),)),)
    return line.blueprint(rate, producers=producers, knobs=_knobs(dice))


def _records_in_a_row(dice: Random) -> Blueprint:
    """Several bad records of one key, so in one shard, one after another."""
    line = healthy_line(dice, dice.randint(3, 5))
    rate, at = constant(line.capacity_per_second * dice.uniform(0.2, 0.4)), onset(dice)
    times = tuple(at + dice.uniform(0, 90) for _ in range(dice.randint(3, 6)))
    bad = ProducerSpec(
        stream=STREAM, rate=constant(0.2), keys=ONE_KEY, spacing="poisson", poison_at_seconds=times
    )
    return line.blueprint(rate, producers=(feed(rate), bad), knobs=_knobs(dice))


def _in_several_shards(dice: Random) -> Blueprint:
    """Bad records of many keys: two shards of some stand still, or all of them."""
    line = healthy_line(dice, dice.randint(2, 5))
    rate, at = constant(line.capacity_per_second * dice.uniform(0.25, 0.5)), onset(dice)
    times = tuple(at + dice.uniform(0, 60) for _ in range(dice.randint(3, 8)))
    producers = (feed(rate, poison_at_seconds=times),)
    return line.blueprint(rate, producers=producers, knobs=_knobs(dice))


def _one_of_two_mappings(dice: Random) -> Blueprint:
    """The function has two streams, and one of them a bad record."""
    line = healthy_line(dice, dice.randint(1, 4))
    plain = poisoned(line, dice, dice.uniform(0.25, 0.5))
    payments = MappingSpec(function=CONSUMER, source_arn=PAYMENTS_ARN, settings=line.settings())
    return replace(
        plain,
        streams=(*plain.streams, StreamSpec(name=PAYMENTS, shards=2)),
        mappings=(*plain.mappings, payments),
        producers=(
            *plain.producers,
            feed(constant(0.5 / line.seconds_per_record), stream=PAYMENTS),
        ),
        knobs=_knobs(dice),
    )


def _full_batches_split_long_ago(dice: Random) -> Blueprint:
    """Batches are split since long ago; each new full one times out, and so do its halves, before
    quarters or eighths pass."""
    timeout = dice.choice([15, 30])
    seconds = dice.uniform(0.15, 0.3)
    line = Pipeline(
        shards=dice.randint(1, 3),
        seconds_per_record=seconds,
        batch_size=int(timeout / seconds * dice.uniform(4, 14)),
    )
    capacity, start = line.capacity_per_second, onset(dice)
    burst_records = line.batch_size * line.shards * dice.uniform(1.5, 2.5)
    rate = burst(capacity * dice.uniform(0.1, 0.2), burst_records / 60, start, start + 60)
    return line.blueprint(
        rate,
        functions=consumer(line.io_bound(), timeout_seconds=timeout),
        mappings=mapping(line, bisect_on_error=True),
        knobs=_knobs(dice),
    )


SCENARIOS = (
    Scenario(
        name="broken_for_one_stream",
        title="Broken for one stream's records, fine for all others",
        lesson="The function succeeds for a queue, for people, for another stream: that proves "
        "nothing of this stream's records, which are good. Nothing of them may be given up. In a "
        "single lane it looks like one bad record, until a second lane tells.",
        causes=(Cause.FUNCTION_FAILURE, Cause.POISON_RECORD),
        levers=frozenset({"hands_off", "isolate_poison", "raise_parallelization_factor"}),
        draw=_broken_for_one_stream,
        may_ask=True,
    ),
    Scenario(
        name="poison_first_of_its_batch",
        title="A poison record that is the first of its batch",
        lesson="Nothing succeeds before it, so splitting batches shows nothing. Other lanes would: "
        "a factor above one lets other keys pass; where that does not tell, a person must.",
        causes=(Cause.POISON_RECORD,),
        levers=frozenset({"isolate_poison", "raise_parallelization_factor", "hands_off"}),
        draw=_first_of_its_batch,
        may_ask=True,
    ),
    Scenario(
        name="poison_records_in_a_row",
        title="Several poison records, one after another",
        lesson="One is captured, and the next one stops the shard again: what is captured is "
        "counted against the suspects, and good records stay.",
        causes=(Cause.POISON_RECORD,),
        levers=frozenset({"isolate_poison"}),
        draw=_records_in_a_row,
        may_ask=True,
    ),
    Scenario(
        name="poison_in_several_shards",
        title="Poison records in several shards at once",
        lesson="More than one shard stands still, and yet the function is sound. Splitting loses "
        "nothing and tells the causes apart: take the harmless step first. Where every shard has "
        "one, nothing succeeds, as if the function failed.",
        causes=(Cause.POISON_RECORD, Cause.FUNCTION_FAILURE),
        levers=frozenset({"isolate_poison", "raise_parallelization_factor"}),
        draw=_in_several_shards,
        shows_only_when_tried=True,
        may_ask=True,
    ),
    Scenario(
        name="poison_in_one_of_two_mappings",
        title="Two streams, one of them with a poison record",
        lesson="Errors and ages are metrics of the function: the other stream's successes hide "
        "the record and prove nothing. Lossless steps on the mapping that stands still tell.",
        causes=(Cause.POISON_RECORD,),
        levers=frozenset({"isolate_poison", "raise_parallelization_factor"}),
        draw=_one_of_two_mappings,
        shows_only_when_tried=True,
        may_ask=True,
    ),
    Scenario(
        name="full_batches_split_long_ago",
        title="Full batches time out, and are split since long ago",
        lesson="Each new full batch runs into the timeout before its halves pass: nothing is alone "
        "by now, and no record is bad. Smaller batches help.",
        causes=(Cause.FUNCTION_FAILURE,),
        levers=frozenset({"hands_off", "lower_batch_size", "raise_parallelization_factor"}),
        draw=_full_batches_split_long_ago,
        may_ask=True,
    ),
)
