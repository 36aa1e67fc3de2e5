"""Consumers that are not given the concurrency they need, or were stopped by somebody."""

from dataclasses import replace
from random import Random

from lab.plant import NeighbourSpec, Outage, World
from lab.scenarios.blueprint import CONSUMER, MAPPING, NEIGHBOUR, Blueprint, Happening, Scenario
from lab.scenarios.parts import Pipeline, burst, constant, consumer, grows, onset
from remediator.model import Cause


def _busy_line(dice: Random) -> Pipeline:
    return Pipeline(
        shards=dice.randint(3, 6),
        seconds_per_record=dice.uniform(0.4, 0.8),
        batch_size=dice.choice([5, 10, 20]),
        factor=dice.choice([1, 2]),
    )


def by_reservation(dice: Random) -> Blueprint:
    """All lanes together would carry the load; the reservation lets only some of them run."""
    line = _busy_line(dice)
    lanes = line.shards * line.factor
    reserved = max(2, int(lanes * dice.uniform(0.3, 0.5)))
    allowed = reserved / line.seconds_per_record
    after = min(allowed * dice.uniform(1.25, 1.7), line.capacity_per_second * 0.8)
    return line.blueprint(
        grows(allowed * 0.25, after, onset(dice)),
        functions=consumer(line.io_bound(), reserved_concurrency=reserved),
    )


def _by_account(dice: Random) -> Blueprint:
    """A neighbour takes almost the whole pool for a while; there is nothing left to give."""
    line = _busy_line(dice)
    start = onset(dice)
    left = 1.1 + line.shards * line.factor * dice.uniform(0.0, 0.2)
    end = start + dice.uniform(900, 1300)
    crowd = burst(400, 995 - left, start, end)
    return line.blueprint(
        constant(line.capacity_per_second * dice.uniform(0.5, 0.7)),
        neighbours=(NeighbourSpec(name=NEIGHBOUR, concurrency=crowd),),
        heals_at_seconds=end,
    )


def _stopped(dice: Random, stop: Happening, go: Happening) -> Blueprint:
    """An outage behind the function; before the alarm is out, somebody stops the consumer."""
    line = replace(_busy_line(dice), batch_size=10)
    outage = Outage(
        from_seconds=stop.at_seconds - 260,
        to_seconds=go.at_seconds,
        error_share=0.0,
        latency_factor=dice.uniform(4, 6),
    )
    return line.blueprint(
        constant(line.capacity_per_second * dice.uniform(0.4, 0.6)),
        functions=consumer(line.io_bound(), outages=(outage,)),
        happenings=(stop, go),
        heals_at_seconds=go.at_seconds,
    )


def _paused_mapping(dice: Random) -> Blueprint:
    at = onset(dice) + dice.uniform(240, 280)

    def enable(world: World, *, enabled: bool) -> None:
        world.update_event_source_mapping(MAPPING, {"Enabled": enabled})

    return _stopped(
        dice,
        Happening(at, "somebody disables the mapping", lambda w: enable(w, enabled=False)),
        Happening(at + 1200, "and enables it again", lambda w: enable(w, enabled=True)),
    )


def _reserved_at_zero(dice: Random) -> Blueprint:
    at = onset(dice) + dice.uniform(240, 280)
    return _stopped(
        dice,
        Happening(at, "somebody reserves 0", lambda w: w.put_function_concurrency(CONSUMER, 0)),
        Happening(
            at + 1200,
            "and lifts the reservation",
            lambda w: w.delete_function_concurrency(CONSUMER),
        ),
    )


SCENARIOS = (
    Scenario(
        name="throttled_by_reservation",
        title="The function's own reservation is too small",
        lesson="Throttles are no errors: the batch waits and comes again. A reservation is also a "
        "ceiling; raise it within what the account can spare.",
        causes=(Cause.THROTTLING,),
        levers=frozenset({"raise_reserved_concurrency"}),
        draw=by_reservation,
    ),
    Scenario(
        name="throttled_by_account",
        title="A neighbour uses up the account's concurrency",
        lesson="The pool is shared. To reserve for one is to take from the others, so a person is "
        "asked; what else helps is a higher quota, which takes hours, or the neighbour's end.",
        causes=(Cause.THROTTLING,),
        levers=frozenset({"hands_off", "reserve_concurrency"}),
        draw=_by_account,
    ),
    Scenario(
        name="paused_mapping",
        title="Somebody has disabled the mapping",
        lesson="A deliberate pause is not fought: the records wait safely until they expire. Say "
        "when that is.",
        causes=(Cause.CONSUMER_STOPPED,),
        levers=frozenset({"hands_off"}),
        draw=_paused_mapping,
    ),
    Scenario(
        name="reserved_at_zero",
        title="Somebody has reserved 0 for the function",
        lesson="A reservation of 0 is the emergency stop. Whoever pulled it knows why: leave it, "
        "and say how long the records will keep.",
        causes=(Cause.CONSUMER_STOPPED,),
        levers=frozenset({"hands_off"}),
        draw=_reserved_at_zero,
    ),
)
