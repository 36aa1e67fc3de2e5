"""What happens in a world: each story changes the site for a spell. What it comes to is the plant's
affair; a story may well do nobody any harm."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil

from lab.plant import (
    Behaviour,
    FunctionSpec,
    Keys,
    MappingSpec,
    Outage,
    OutsideReaderSpec,
    ProducerSpec,
    World,
)
from lab.plant.metrics import dimensions, sample
from lab.plant.rates import burst, constant
from lab.scenarios.blueprint import CONSUMER, MAPPING, STREAM, Happening
from lab.wild.site import Site, Spell

ONE_KEY = Keys(kind="uniform", population=1)
SHARD_READ_BYTES = 2_097_152
SHARD_WRITE_BYTES = 1_048_576
DAY_SECONDS = 86_400.0
Story = Callable[[Site, Spell], None]


def _nothing(_site: Site, _spell: Spell) -> None:
    """All is as ever."""


def _more_traffic(site: Site, spell: Spell) -> None:
    most = (0.75 + 0.4 * spell.severity) / site.load
    site.scalings.append(spell.scaling(most))


def _burst(site: Site, spell: Spell) -> None:
    short = replace(spell, end=spell.start + site.dice.uniform(30, 200), gradual=False)
    site.scalings.append(short.scaling(1 + 2.5 * spell.severity / site.load))


def _more_for(site: Site, spell: Spell, keys: Keys, lanes: float) -> None:
    each = site.batch / site.batch_seconds
    rate = each * lanes * (0.55 + 0.35 * spell.severity)
    feed = burst(0.0, rate, spell.start, spell.end)
    site.producers.append(
        ProducerSpec(
            stream=STREAM, rate=feed, keys=keys, spacing="poisson", record_bytes=site.record_bytes
        )
    )


def _one_key(site: Site, spell: Spell) -> None:
    _more_for(site, spell, ONE_KEY, 1)


def _one_shard(site: Site, spell: Spell) -> None:
    """Keys that lie in the hash range of one shard."""
    site.shards = max(2, site.shards)
    end = 1.0 / site.shards
    keys = Keys(kind="uniform", population=500, hashed_from=0.0, hashed_to=end * 0.999)
    _more_for(site, spell, keys, site.factor)


def _deploys(site: Site, spell: Spell, bad: Behaviour) -> None:
    """New code, which is rolled back when the spell is over."""
    good = site.behaviour

    def put(behaviour: Behaviour) -> Callable[[World], object]:
        return lambda world: world.deploy_function(CONSUMER, behaviour)

    site.happenings.append(Happening(spell.start, "a deploy", put(bad)))
    site.happenings.append(Happening(spell.end, "it is rolled back", put(good)))


def _slower_code(site: Site, spell: Spell) -> None:
    _deploys(site, spell, site.slower((0.75 + 0.4 * spell.severity) / site.load))


def _poison(site: Site, spell: Spell) -> None:
    site.poison_at.append(spell.start)


def _poisons(site: Site, spell: Spell) -> None:
    number = 1 + ceil(2 * spell.severity)
    site.poison_at += [spell.start + site.dice.uniform(0, 400) for _ in range(number)]


def _poison_hangs(site: Site, spell: Spell) -> None:
    site.behaviour = replace(site.behaviour, poison="hangs")
    site.timeout = min(site.timeout, 120)
    _poison(site, spell)


def _bad_deploy(site: Site, spell: Spell) -> None:
    share = 1.0 if spell.severity > 1.4 else 0.9
    _deploys(site, spell, replace(site.behaviour, error_share=share))


def _this_stream(site: Site, spell: Spell) -> None:
    site.outages.append(
        Outage(from_seconds=spell.start, to_seconds=spell.end, source_arn=site.stream_arn)
    )


def _outage(site: Site, spell: Spell) -> None:
    share = site.dice.choice([0.97, 1.0, 1.0])
    site.outages.append(Outage(from_seconds=spell.start, to_seconds=spell.end, error_share=share))


def _partial_outage(site: Site, spell: Spell) -> None:
    site.outages.append(
        Outage(from_seconds=spell.start, to_seconds=spell.end, error_share=0.2 * spell.severity)
    )


def _timeouts(site: Site, spell: Spell) -> None:
    """A burst fills the batches, and full ones do not end in time."""
    fixed = site.drawn.code.per_batch
    site.timeout = max(3, int(site.batch_seconds * (fixed + (1 - fixed) * 0.6)))
    site.load = min(site.load, 0.3)
    short = replace(spell, end=spell.start + 90, gradual=False)
    site.scalings.append(short.scaling(1 + 3 * spell.severity / site.load))


def _reservation(site: Site, spell: Spell) -> None:
    """It was enough until the traffic grew."""
    if site.lanes < 2:
        site.factor = 2
    site.reserved = max(1, int(site.lanes * min(0.8, site.load * 1.2)))
    most = site.reserved / site.lanes * (0.9 + 0.35 * spell.severity) / site.load
    site.scalings.append(spell.scaling(most))


def _neighbour(site: Site, spell: Spell) -> None:
    """Almost the whole pool is wanted: what is left is for some of the lanes."""
    site.crowds.append((spell, site.lanes * site.load * 1.5 / spell.severity))


def _backend_slows(site: Site, spell: Spell) -> None:
    times = 1 + (0.75 + 0.4 * spell.severity) / site.load
    site.backend_lanes = site.backend_lanes or site.lanes * 12.0
    site.backend_outages.append(
        Outage(
            from_seconds=spell.start, to_seconds=spell.end, error_share=0.0, latency_factor=times
        )
    )


def _backend_full(site: Site, spell: Spell) -> None:
    site.backend_lanes = max(0.9, site.lanes * site.dice.uniform(0.5, 0.9))
    site.load = min(site.load, 0.3)
    site.scalings.append(spell.scaling((0.5 + 0.3 * spell.severity) / site.load))


def _heavy(site: Site, share_of_write: float) -> None:
    """Records so large that reading is what counts, and a consumer that is quick."""
    site.shards, site.factor, site.batch = min(site.shards, 2), 1, 100
    site.record_bytes = int(site.dice.uniform(60_000, 110_000))
    rate = site.shards * SHARD_WRITE_BYTES * share_of_write / site.record_bytes
    site.batch_seconds = 0.05 * site.shards * site.batch / rate
    site.load = 0.05
    quick = 0.05 * site.shards / rate
    site.behaviour = replace(site.behaviour, io_seconds_per_record=quick, error_share=0.0)
    site.behaviour = replace(
        site.behaviour,
        io_seconds_per_invocation=0.0,
        cpu_seconds_per_invocation=0.0,
        cpu_seconds_per_record=0.0,
    )
    site.timeout = max(site.timeout, 60)


def _greedy(site: Site, spell: Spell) -> None:
    _heavy(site, 0.75)
    reader = OutsideReaderSpec(
        stream=STREAM,
        calls_per_second=15.0 * spell.severity,
        bytes_per_second=SHARD_READ_BYTES * 0.55,
        from_seconds=spell.start,
        to_seconds=spell.end,
    )
    site.readers.append(reader)


def _more_readers(site: Site, spell: Spell) -> None:
    """Other functions read the same stream, and then there is more to read."""
    _heavy(site, 0.2)
    number = 2 if site.is_table else 4 + int(spell.severity)
    for n in range(len(site.functions), len(site.functions) + number):
        name = f"orders-reader-{n}"
        behaviour = Behaviour(io_seconds_per_record=0.002)
        site.functions.append(FunctionSpec(name=name, behaviour=behaviour))
        site.mappings.append(MappingSpec(function=name, source_arn=site.stream_arn))
    limit = 2.0 / (number + 1) / 0.2
    site.scalings.append(spell.scaling(max(1.0, min(4.5, limit * 1.3))))


def if_settled(world: World, changes: dict[str, object]) -> None:
    """A person who meets an update in progress comes back a little later."""
    mapping = world.mappings[MAPPING]
    if mapping.state in {"Enabled", "Disabled"}:
        world.update_event_source_mapping(MAPPING, changes)
    else:
        world.at(world.env.now + 20, lambda: if_settled(world, changes))


def _paused(site: Site, spell: Spell) -> None:
    def enable(*, enabled: bool) -> Callable[[World], object]:
        return lambda world: if_settled(world, {"Enabled": enabled})

    _until(
        site,
        spell,
        ("somebody disables the mapping", enable(enabled=False)),
        ("and enables it", enable(enabled=True)),
    )


def _reserved_at_zero(site: Site, spell: Spell) -> None:
    before = site.reserved

    def back(world: World) -> None:
        if before is None:
            world.delete_function_concurrency(CONSUMER)
        else:
            world.put_function_concurrency(CONSUMER, before)

    _until(
        site,
        spell,
        ("somebody reserves 0", lambda w: w.put_function_concurrency(CONSUMER, 0)),
        ("and takes it back", back),
    )


Deed = tuple[str, Callable[[World], object]]


def _until(site: Site, spell: Spell, stop: Deed, go: Deed) -> None:
    """A backlog is there already when somebody stops the consumer."""
    site.scalings.append(spell.scaling(1.3 / site.load))
    site.happenings.append(Happening(spell.start + 150, *stop))
    site.happenings.append(Happening(spell.end, *go))


def _age_spike(site: Site, spell: Spell) -> None:
    """The age of an old record is published, though nothing waits."""
    age, minutes = spell.severity * 4_000.0, site.dice.choice([3, 4, 5])

    def spike(world: World) -> None:
        for minute in range(minutes):
            reading = sample([(age + 60.0 * minute) * 1000])
            at = world.env.now - 60.0 * (minutes - 1 - minute)
            where = dimensions(FunctionName=CONSUMER)
            world.metrics.put("AWS/Lambda", "IteratorAge", where, at, reading)

    site.happenings.append(Happening(spell.start, "an old record's age is published", spike))


def _expiry_near(site: Site, spell: Spell) -> None:
    """Yesterday's records lie unread; somebody switches the mapping on."""
    site.enabled = False
    oldest = DAY_SECONDS - spell.start - site.dice.uniform(900, 2500)
    records = site.capacity * 500 * spell.severity
    written = ProducerSpec(
        stream=STREAM,
        rate=constant(records / 300),
        at_seconds=-oldest,
        until_seconds=-oldest + 300,
        keys=site.keys,
        record_bytes=site.record_bytes,
    )
    site.old_records.append(written)
    enable: dict[str, object] = {"Enabled": True}
    site.happenings.append(
        Happening(
            spell.start,
            "somebody enables the mapping",
            lambda world: if_settled(world, enable),
        )
    )


STORIES: Mapping[str, Story] = {
    "nothing": _nothing,
    "nothing else": _nothing,
    "more traffic": _more_traffic,
    "burst": _burst,
    "more traffic for one key": _one_key,
    "more traffic for one shard": _one_shard,
    "slower code": _slower_code,
    "poison record": _poison,
    "poison records": _poisons,
    "poison hangs": _poison_hangs,
    "bad deploy": _bad_deploy,
    "broken for this stream": _this_stream,
    "outage": _outage,
    "partial outage": _partial_outage,
    "timeouts": _timeouts,
    "reservation too small": _reservation,
    "neighbour takes the pool": _neighbour,
    "backend slows": _backend_slows,
    "backend full": _backend_full,
    "greedy reader": _greedy,
    "more readers": _more_readers,
    "paused": _paused,
    "reserved at 0": _reserved_at_zero,
    "age spike": _age_spike,
    "expiry near": _expiry_near,
}
