"""What is shared with others: a stream with other consumers, an account with other functions."""

from dataclasses import replace
from random import Random

from lab.plant import (
    AccountSpec,
    FunctionSpec,
    MappingSpec,
    NeighbourSpec,
    OutsideReaderSpec,
    World,
)
from lab.scenarios.backlogs import expiry_near
from lab.scenarios.blueprint import (
    CONSUMER,
    NEIGHBOUR,
    STREAM,
    STREAM_ARN,
    Blueprint,
    Happening,
    Scenario,
)
from lab.scenarios.parts import Pipeline, a_line, constant, grows, onset
from lab.scenarios.throttled import by_reservation
from lab.scenarios.uneven import kpl_aggregation
from remediator.model import Cause

OTHER = "orders-totals"
# The remediator's.
OWN_RESERVATION = 5


def _untagged_stream(dice: Random) -> Blueprint:
    """Nobody has opted the stream in: its retention may not be touched."""
    return replace(expiry_near(dice), tagged=False)


def _at_its_limit(dice: Random, shards: int) -> tuple[Pipeline, Blueprint]:
    """Ten lanes a shard, and more traffic than they can do: only shards are left."""
    line = Pipeline(
        shards=shards, seconds_per_record=dice.uniform(1.0, 1.5), batch_size=5, factor=10
    )
    capacity, start = line.capacity_per_second, onset(dice)
    before, after = capacity * dice.uniform(0.3, 0.5), capacity * dice.uniform(1.2, 1.5)
    return line, line.blueprint(grows(before, after, start))


def _windows_of_another(dice: Random) -> Blueprint:
    """Another mapping of the stream keeps totals over tumbling windows."""
    _, plain = _at_its_limit(dice, dice.randint(1, 2))
    totals = Pipeline(shards=1, seconds_per_record=0.002)
    settings = totals.settings(tumbling_window_seconds=dice.choice([60, 300, 900]))
    return replace(
        plain,
        functions=(*plain.functions, FunctionSpec(name=OTHER, behaviour=totals.io_bound())),
        mappings=(
            *plain.mappings,
            MappingSpec(function=OTHER, source_arn=STREAM_ARN, settings=settings),
        ),
    )


def _lanes_of_another(dice: Random) -> Blueprint:
    """Another mapping of the stream has ten busy lanes a shard, too: shards double both."""
    line, plain = _at_its_limit(dice, 2)
    other = Pipeline(shards=2, seconds_per_record=line.seconds_per_record, batch_size=5, factor=10)
    lanes, wanted = 2 * line.shards * line.factor, dice.randint(60, 80)
    limit = OWN_RESERVATION + lanes + wanted + dice.randint(10, 25)
    return replace(
        plain,
        functions=(*plain.functions, FunctionSpec(name=OTHER, behaviour=other.io_bound())),
        mappings=(
            *plain.mappings,
            MappingSpec(function=OTHER, source_arn=STREAM_ARN, settings=other.settings()),
        ),
        neighbours=(NeighbourSpec(name=NEIGHBOUR, concurrency=constant(wanted)),),
        account=AccountSpec(concurrency_limit=limit, minimum_unreserved=10),
    )


def _unlisted_aggregating_consumer(dice: Random) -> Blueprint:
    """An application outside Lambda unpacks the same aggregates; AWS lists it nowhere."""
    unpacking = OutsideReaderSpec(stream=STREAM, calls_per_second=1.0, deaggregates=True)
    return replace(kpl_aggregation(dice), readers=(unpacking,))


def _provisioned_for_another(dice: Random) -> Blueprint:
    """What is provisioned for a neighbour is not free, though it is not in use."""
    line = replace(a_line(dice), shards=dice.randint(3, 5))
    wanted, provisioned = dice.randint(40, 60), dice.randint(200, 400)
    free = line.shards + dice.randint(6, 12)
    limit = OWN_RESERVATION + wanted + provisioned + free
    capacity = line.capacity_per_second
    return line.blueprint(
        grows(capacity * 0.5, capacity * dice.uniform(3, 5), onset(dice)),
        neighbours=(
            NeighbourSpec(name=NEIGHBOUR, concurrency=constant(wanted)),
            NeighbourSpec(
                name="web",
                concurrency=constant(provisioned * 0.1),
                provisioned_concurrency=provisioned,
            ),
        ),
        account=AccountSpec(
            concurrency_limit=limit,
            minimum_unreserved=dice.choice([10, 50]),
            settings_subtract_provisioned=dice.random() < 0.5,
        ),
    )


def _half_empty_small_account(dice: Random) -> Blueprint:
    """The minimum that AWS wants unreserved limits reservations, not what may run."""
    line = replace(a_line(dice), shards=1)
    capacity = line.capacity_per_second
    minimum = dice.choice([50, 100])
    return line.blueprint(
        grows(capacity * 0.5, capacity * dice.uniform(1.5, 2.5), onset(dice)),
        neighbours=(NeighbourSpec(name=NEIGHBOUR, concurrency=constant(dice.randint(15, 25))),),
        account=AccountSpec(
            concurrency_limit=minimum + OWN_RESERVATION + dice.randint(0, 10),
            minimum_unreserved=minimum,
        ),
    )


def _reservation_put_back(dice: Random) -> Blueprint:
    """In mid-incident somebody puts the reservation back to what it was, and means it."""
    plain = by_reservation(dice)
    reserved = plain.functions[0].reserved_concurrency or 0
    at = onset(dice) + dice.uniform(420, 800)

    def put_back(world: World) -> None:
        world.put_function_concurrency(CONSUMER, reserved)

    person = Happening(
        at, "somebody reserves as before", put_back, sets=("reserved_concurrency", reserved)
    )
    return replace(plain, happenings=(person,))


SCENARIOS = (
    Scenario(
        name="untagged_stream_expiry_near",
        title="A backlog of almost a day, on a stream that nobody opted in",
        lesson="The longer retention is refused for want of a tag. That is no reason to let the "
        "records expire: more lanes drain the backlog without it.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"raise_parallelization_factor"}),
        draw=_untagged_stream,
        horizon_seconds=24 * 3600 + 2400,
        watch_from_seconds=23 * 3600,
    ),
    Scenario(
        name="tumbling_windows_of_another_mapping",
        title="Another mapping counts over tumbling windows",
        lesson="More shards would help this consumer, and end the windows of another: its state "
        "is lost where a shard ends. A reshard acts on everybody who reads the stream.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"hands_off"}),
        draw=_windows_of_another,
        horizon_seconds=2400,
    ),
    Scenario(
        name="lanes_of_another_mapping",
        title="Another mapping has ten lanes a shard, too",
        lesson="Twice the shards are twice the lanes of every mapping of the stream. In a small "
        "account that starves the neighbours.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"hands_off"}),
        draw=_lanes_of_another,
        horizon_seconds=2400,
    ),
    Scenario(
        name="unlisted_aggregating_consumer",
        title="An application that unpacks aggregated records",
        lesson="While a shard is split, aggregates hold records of both children: whoever unpacks "
        "them drops half. AWS lists no such consumer, so a reshard is never ours alone.",
        causes=(Cause.HOT_PARTITION_KEY,),
        levers=frozenset({"hands_off", "raise_parallelization_factor"}),
        draw=_unlisted_aggregating_consumer,
        shows_only_when_tried=True,
    ),
    Scenario(
        name="provisioned_for_another",
        title="Concurrency that is provisioned for a neighbour",
        lesson="Provisioned concurrency is claimed whether it is used or not. Free is what is left "
        "of the pool without it; whoever counts it as free starves a neighbour.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"raise_parallelization_factor", "hands_off"}),
        draw=_provisioned_for_another,
    ),
    Scenario(
        name="half_empty_small_account",
        title="A small account, half empty",
        lesson="What AWS wants unreserved limits reservations, not use: where most of a small pool "
        "is idle, a few more lanes starve nobody.",
        causes=(Cause.SLOW_CONSUMER,),
        levers=frozenset({"raise_parallelization_factor"}),
        draw=_half_empty_small_account,
    ),
    Scenario(
        name="reservation_put_back",
        title="Somebody takes the higher reservation back",
        lesson="A reservation that was raised and that a person lowers again is theirs: it is not "
        "raised again at the next look.",
        causes=(Cause.THROTTLING,),
        levers=frozenset({"raise_reserved_concurrency"}),
        draw=_reservation_put_back,
    ),
)
