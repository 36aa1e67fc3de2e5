"""A seed becomes a world: what was drawn, what happens, and the blueprint that the lab plays."""

from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil, inf
from typing import Literal

from lab.plant import (
    AccountSpec,
    BackendSpec,
    Behaviour,
    DestinationSpec,
    DirectCalls,
    FunctionSpec,
    Knobs,
    MappingSettings,
    MappingSpec,
    NeighbourSpec,
    OutsideReaderSpec,
    ProducerSpec,
    StreamSpec,
    World,
)
from lab.plant.chance import chance
from lab.plant.descriptions import STREAM_AGE_SECONDS
from lab.plant.keys import HASH_KEYS
from lab.plant.rates import burst, constant, diurnal
from lab.plant.shard import Shard
from lab.plant.stream import consumer_arn
from lab.scenarios import CONSUMER, MAPPING, NEIGHBOUR, Blueprint, Happening, OwnAlarm, Scenario
from lab.scenarios.blueprint import ACCOUNT_ID, REGION, START, STREAM
from lab.scenarios.parts import MANY_KEYS
from lab.wild.priors import Drawn, draw
from lab.wild.site import (
    WATCHED_SECONDS,
    Site,
    Spell,
    fitted,
    queue_arn,
    stream_of,
    usual_age,
)
from lab.wild.stories import STORIES, if_settled
from remediator.model import Cause

Position = Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]
# The remediator's.
OWN_RESERVATION = 5
FAN_OUT = "orders-fan-out"
OTHER_STREAM = "payments"
TOTALS = "orders-totals"


@dataclass(frozen=True, slots=True)
class Wild:
    """One world at random: its properties, and the scenario that the lab plays."""

    drawn: Drawn
    labels: dict[str, str]
    scenario: Scenario
    onset: float
    usual_age: float
    """How old a record becomes that nothing holds."""

    @property
    def seed(self) -> int:
        """Which it is."""
        return self.drawn.seed


def wild(seed: int) -> Wild:
    """The world of a seed; the same seed makes the same."""
    drawn = draw(seed)
    site = fitted(drawn)
    events = drawn.events
    onset = events.onset + site.dice.uniform(0, 60)
    _happen(site, onset)
    blueprint = _blueprint(site)
    scenario = Scenario(
        name="wild",
        title=f"A world at random: {events.cause}, {events.second}",
        lesson="Nobody has made it up: its properties were drawn by chance.",
        causes=(Cause.UNKNOWN,),
        levers=frozenset(),
        draw=lambda _dice: blueprint,
        horizon_seconds=onset + WATCHED_SECONDS,
        threshold_seconds=float(site.threshold),
    )
    return Wild(drawn, _labels(site), scenario, onset, usual_age(drawn, site.batch_seconds))


def _labels(site: Site) -> dict[str, str]:
    """Those of what was built, where that had to differ from what was drawn."""
    built = replace(
        site.drawn,
        source=replace(
            site.drawn.source,
            shards=site.shards,
            record_bytes=float(site.record_bytes),
            uneven=_uneven(site),
        ),
        wiring=replace(
            site.drawn.wiring,
            factor=site.factor,
            batch_size=site.batch,
            threshold=site.threshold,
        ),
        code=replace(site.drawn.code, batch_seconds=site.batch_seconds),
    )
    return built.labels()


def _happen(site: Site, onset: float) -> None:
    """The stories, and what else goes on."""
    events = site.drawn.events
    end = onset + events.lasts if events.lasts else inf
    STORIES[events.cause](site, Spell(onset, end, events.severity, events.gradual))
    later = onset + events.second_later
    end = later + events.lasts if events.lasts else inf
    severity = 1 + 3 * site.dice.random() ** 2
    STORIES[events.second](site, Spell(later, end, severity))
    _person(site, onset + events.person_at)
    if site.drawn.undocumented.lost_minutes:
        site.happenings.append(_losing(site))
    if _uneven(site):
        _split_unevenly(site)
    if events.other_incident:
        _other_incident(site, onset)


def _uneven(site: Site) -> bool:
    """Only where somebody could have split a shard of ours."""
    source = site.drawn.source
    return source.uneven and source.source in {"provisioned", "fan-out"}


def _person(site: Site, at: float) -> None:
    """Somebody means well, in the middle of it."""
    who, factor = site.drawn.events.person, max(1, min(10, site.factor * 2))
    reserve = site.lanes + 2

    def update(**changes: object) -> Happening:
        return Happening(
            at,
            "somebody changes the mapping",
            lambda world: if_settled(world, changes),
        )

    if who == "changes the factor":
        wanted = ("parallelization_factor", factor)
        site.happenings.append(replace(update(ParallelizationFactor=factor), sets=wanted))
    elif who == "disables for a while":
        site.happenings.append(update(Enabled=False))
        later = Happening(at + 600, "and on", lambda w: if_settled(w, {"Enabled": True}))
        site.happenings.append(later)
    elif who == "reserves" and site.reserved != 0:
        site.happenings.append(
            Happening(
                at,
                "somebody reserves",
                lambda world: _reserve(world, reserve),
            )
        )
    elif who == "deploys":
        same = site.behaviour
        deploys = Happening(at, "a deploy", lambda w: w.deploy_function(CONSUMER, same))
        site.happenings.append(deploys)


def _reserve(world: World, wanted: int) -> None:
    if world.account.may_reserve(world.functions[CONSUMER], wanted):
        world.put_function_concurrency(CONSUMER, wanted)


def _losing(site: Site) -> Happening:
    """Minutes of one metric that never come."""
    unknown = site.drawn.undocumented
    end = int(site.drawn.events.onset + WATCHED_SECONDS)
    dice = chance(site.drawn.seed, "wild", "lost minutes")
    lost = [m for m in range(0, end, 60) if dice.random() < unknown.lost_minutes]

    def lose(world: World) -> None:
        for minute in lost:
            world.metrics.lose(unknown.lost_metric, minute, minute + 60)

    return Happening(0.0, "minutes of metrics are lost", lose)


def _split_unevenly(site: Site) -> None:
    """One shard owns most of the hash range, since a split of long ago."""
    edge = int(HASH_KEYS / site.shards * site.dice.uniform(0.05, 0.2))
    arn = site.stream_arn

    def split(world: World) -> None:
        world.split_shard(arn, Shard(0, (0, 0), (), 0).shard_id, str(edge))

    site.happenings.append(Happening(1.0, "an uneven split", split))


def _other_incident(site: Site, onset: float) -> None:
    """Another function of the account lags, too, and its alarm calls as well."""
    lanes = 3
    arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT_ID}:stream/invoices"
    behaviour = Behaviour(io_seconds_per_record=1.0)
    site.streams.append(StreamSpec(name="invoices", shards=lanes))
    site.functions.append(FunctionSpec(name="invoices-consumer", behaviour=behaviour))
    settings = MappingSettings(batch_size=10)
    site.mappings.append(
        MappingSpec(function="invoices-consumer", source_arn=arn, settings=settings)
    )
    rate = burst(lanes * 0.4, lanes * 1.6, onset, onset + 900)
    site.producers.append(ProducerSpec(stream="invoices", rate=rate, keys=MANY_KEYS))
    site.alarms.append(OwnAlarm("invoices-late", 60.0, 2, "invoices-consumer"))


# --- putting it together ---------------------------------------------------------------------


def _blueprint(site: Site) -> Blueprint:
    drawn = site.drawn
    siblings = _siblings(site)
    destinations = _destinations(site)
    arn = _source_arn(site)
    mapping = MappingSpec(
        function=CONSUMER,
        source_arn=arn,
        uuid=MAPPING,
        qualifier="live" if drawn.wiring.alias else None,
        settings=_settings(site, destinations),
        starting_position=_position(site),
        enabled=site.enabled,
        filter_passes=drawn.wiring.filter_passes,
    )
    streams, functions, mappings, producers, readers = siblings
    account, neighbours = _account(site)
    return Blueprint(
        streams=(stream_of(site, fan_out=FAN_OUT), *streams, *site.streams),
        functions=(_function(site), *functions, *site.functions),
        mappings=(mapping, *mappings, *site.mappings),
        producers=(*site.old_records, _feed(site), *site.producers, *producers),
        readers=(*site.readers, *readers),
        neighbours=neighbours,
        backends=_backends(site),
        destinations=destinations,
        happenings=tuple(sorted(site.happenings, key=lambda h: h.at_seconds)),
        alarms=(*site.alarms, *_own_alarms(site)),
        tagged=drawn.source.tagged,
        parameters={
            "IteratorAgeThresholdSeconds": str(site.threshold),
            "EarlyWarningSlope": "0.5" if drawn.wiring.early_warning else "0",
            "AlarmDelivery": "sns" if drawn.wiring.by_sns else "lambda",
        },
        latency_seconds=drawn.undocumented.latency,
        calls_of_others_per_second=drawn.undocumented.calls_of_others,
        account=account,
        knobs=_knobs(drawn),
    )


def _source_arn(site: Site) -> str:
    """The stream's, or its consumer's for fan-out."""
    if site.drawn.source.source != "fan-out":
        return site.stream_arn
    made = START - timedelta(seconds=STREAM_AGE_SECONDS)
    return consumer_arn(site.stream_arn, FAN_OUT, made)


def _position(site: Site) -> Position:
    position = site.drawn.wiring.position if site.enabled else "TRIM_HORIZON"
    latest: Position = "LATEST" if position == "LATEST" else "TRIM_HORIZON"
    return "AT_TIMESTAMP" if position == "AT_TIMESTAMP" and not site.is_table else latest


def _settings(site: Site, destinations: tuple[DestinationSpec, ...]) -> MappingSettings:
    wiring = site.drawn.wiring
    passes = wiring.filter_passes
    return MappingSettings(
        parallelization_factor=site.factor,
        batch_size=site.batch,
        batching_window_seconds=wiring.batching_window,
        bisect_on_error=wiring.bisect,
        maximum_retry_attempts=wiring.retries,
        maximum_record_age_seconds=wiring.record_age,
        on_failure_destination=destinations[0].arn if destinations else None,
        report_batch_item_failures=wiring.partial == "yes",
        tumbling_window_seconds=wiring.tumbling_window,
        filter_patterns=('{"data": {"kind": ["order"]}}',) if passes < 1 else (),
        event_count_metrics=wiring.event_counts,
    )


def _destinations(site: Site) -> tuple[DestinationSpec, ...]:
    kind = site.drawn.wiring.destination
    arn = {
        "topic": queue_arn().replace(":sqs:", ":sns:"),
        "bucket": "arn:aws:s3:::orders-failed",
        "fifo": f"{queue_arn()}.fifo",
    }.get(kind, queue_arn())
    states = {"missing": "missing", "denied": "denies"}
    if kind == "none":
        return ()
    return (DestinationSpec(arn=arn, state=states.get(kind, "takes")),)  # type: ignore[arg-type]


def _feed(site: Site) -> ProducerSpec:
    return ProducerSpec(
        stream=STREAM,
        rate=site.traffic,
        keys=site.keys,
        record_bytes=site.record_bytes * site.keys.records_per_aggregate,
        record_bytes_spread=0.3,
        spacing="poisson" if site.drawn.source.bursty else "even",
        poison_at_seconds=tuple(sorted(site.poison_at)),
    )


def _function(site: Site) -> FunctionSpec:
    drawn = site.drawn
    dice = chance(drawn.seed, "wild", "calls of others")
    calls = DirectCalls(rate=constant(dice.uniform(0.2, 2)), seconds=dice.uniform(0.05, 0.5))
    return FunctionSpec(
        name=CONSUMER,
        behaviour=site.behaviour,
        memory_mb=drawn.code.memory,
        timeout_seconds=site.timeout,
        reserved_concurrency=site.reserved,
        backend="database" if site.backend_lanes else None,
        outages=tuple(site.outages),
        alias="live" if drawn.wiring.alias else None,
        lambda_insights=drawn.code.insights,
        direct_calls=calls if drawn.wiring.other_triggers else None,
    )


def _backends(site: Site) -> tuple[BackendSpec, ...]:
    if not site.backend_lanes:
        return ()
    code = site.drawn.code
    return (
        BackendSpec(
            name="database",
            concurrency=site.backend_lanes,
            exponent=code.backend_exponent,
            errors_per_overload=code.backend_errors,
            outages=tuple(site.backend_outages),
        ),
    )


Siblings = tuple[
    list[StreamSpec],
    list[FunctionSpec],
    list[MappingSpec],
    list[ProducerSpec],
    list[OutsideReaderSpec],
]


def _siblings(site: Site) -> Siblings:
    """Who else reads: other mappings of the function, other functions of the stream."""
    kind = site.drawn.wiring.siblings
    none: Siblings = ([], [], [], [], [])
    if kind == "same stream, KCL":
        reader = OutsideReaderSpec(stream=STREAM, calls_per_second=1.0, deaggregates=True)
        return ([], [], [], [], [] if site.is_table else [reader])
    if kind == "same function, other stream":
        arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT_ID}:stream/{OTHER_STREAM}"
        settings = MappingSettings(batch_size=site.batch)
        other = MappingSpec(function=CONSUMER, source_arn=arn, settings=settings)
        feed = ProducerSpec(
            stream=OTHER_STREAM,
            rate=constant(0.3 * site.batch / site.batch_seconds),
            keys=MANY_KEYS,
            spacing="poisson",
        )
        return ([StreamSpec(name=OTHER_STREAM, shards=2)], [], [other], [feed], [])
    if kind == "none":
        return none
    seconds = 0.1 * site.lanes / max(site.rate, 0.01)
    totals = FunctionSpec(name=TOTALS, behaviour=Behaviour(io_seconds_per_record=seconds))
    window = 300 if kind == "same stream, tumbling" else 0
    settings = MappingSettings(tumbling_window_seconds=window, parallelization_factor=site.factor)
    return (
        [],
        [totals],
        [MappingSpec(function=TOTALS, source_arn=site.stream_arn, settings=settings)],
        [],
        [],
    )


def _account(site: Site) -> tuple[AccountSpec, tuple[NeighbourSpec, ...]]:
    """The pool is made such that a healthy world fits into it."""
    code, dice = site.drawn.code, chance(site.drawn.seed, "wild", "account")
    reserved = site.reserved or 0
    small = code.account == "small"
    wanted = {"quiet": 0.03, "busy": 0.5, "in waves": 0.5}[code.neighbours] * (
        100 if small else 600
    )
    provisioned = 0
    needed = ceil(site.lanes * dice.uniform(1.0, 2.5) + 1.5 * wanted) + 8
    limit = OWN_RESERVATION + reserved + needed if small else 1000 + 3 * site.lanes
    if code.account == "full of provisioned":
        provisioned = max(0, limit - OWN_RESERVATION - reserved - needed)
    least = OWN_RESERVATION + reserved + provisioned + code.minimum_unreserved
    limit = max(limit, least)
    pool = limit - OWN_RESERVATION - reserved - provisioned
    waves = diurnal(wanted, wanted * 0.4, 300.0, 1100.0)
    usual = waves if code.neighbours == "in waves" else constant(wanted)

    def concurrency(seconds: float) -> float:
        crowds = [pool - left for spell, left in site.crowds if spell.share(seconds)]
        return max([usual(seconds), *crowds])

    neighbours = [NeighbourSpec(name=NEIGHBOUR, concurrency=concurrency)]
    if provisioned:
        busy = constant(provisioned * 0.2)
        neighbours.append(
            NeighbourSpec(name="web", concurrency=busy, provisioned_concurrency=provisioned)
        )
    spec = AccountSpec(
        concurrency_limit=limit,
        minimum_unreserved=code.minimum_unreserved,
        settings_subtract_provisioned=dice.random() < 0.5,
    )
    return spec, tuple(neighbours)


def _own_alarms(site: Site) -> list[OwnAlarm]:
    """One that flaps is close to what is usual; a slow one waits for long."""
    alarms = {
        "flaps": OwnAlarm("orders-flapping", max(2.0, site.batch_seconds * 1.2), 1),
        "slow": OwnAlarm("orders-very-late", site.threshold * 2.0, 5),
    }
    found = alarms.get(site.drawn.wiring.own_alarm)
    return [found] if found else []


def _knobs(drawn: Drawn) -> Knobs:
    unknown = drawn.undocumented
    return Knobs(
        mapping_update_gap_seconds=unknown.update_gap,
        mapping_disable_seconds=min(60.0, unknown.update_gap),
        retry_backoff_initial_seconds=unknown.retry_first,
        retry_backoff_cap_seconds=max(unknown.retry_first, unknown.retry_most),
        throttle_backoff_cap_seconds=unknown.throttle_most,
        failing_lane_blocks_shard=unknown.failing_lane_blocks,
        read_ahead_records=int(unknown.read_ahead),
        cloudwatch_delay_seconds=unknown.metric_delay,
        publishes_zeros=unknown.zeros,
        restart_redelivers=unknown.redelivers,
        split_costs_retries=unknown.splits_cost,
        split_seconds=unknown.split_seconds,
    )
