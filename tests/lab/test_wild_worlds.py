"""Worlds at random: drawn by their seeds, judged by the plant, counted with intervals."""

import pickle
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from math import inf
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.baselines import NOTHING
from lab.cli import app
from lab.episode import ForecastLine, Note, SettingChange
from lab.plant import (
    AccountSpec,
    AwsError,
    BackendSpec,
    Behaviour,
    DestinationSpec,
    FunctionSpec,
    Keys,
    Knobs,
    MappingSettings,
    MappingSpec,
    NeighbourSpec,
    ProducerSpec,
    StreamSpec,
    World,
)
from lab.plant.rates import constant
from lab.play import alarm_at, staged
from lab.recorder import Recorder
from lab.scenarios import CONSUMER, INCIDENTS, MAPPING, NEIGHBOUR, SCENARIOS, WILD
from lab.scenarios.blueprint import STREAM
from lab.stage import Levers
from lab.wild import slices
from lab.wild.bearing import more_would_saturate
from lab.wild.dice import drawn
from lab.wild.draw import wild
from lab.wild.play import Nothing, Played, lever_sets, play
from lab.wild.priors import TABLES, Source, draw, table
from lab.wild.scores import (
    Outcome,
    Word,
    forecast_error,
    free_of_holders,
    from_json,
    outcome,
    to_json,
)
from lab.wild.stories import if_settled
from lab.wild.sweep import Job, sweep
from lab.wild.truth import NO_MORE_LANES, Sample, Witness, ends_soon, right_causes
from remediator.model import Cause
from tests.lab.plant_worlds import QUEUE, START

# Seeds of every run; `make wild` plays a thousand others.
SMALL_DRAW = (3, 9, 17, 29)
# A world with a poison record among others, that a lever of ours isolates.
ISOLATED = 67
# A world in which an update waits for somebody, who comes.
APPROVED = 54
# Where nothing is saturated before somebody pushes.
PUSHED = {"saturates_when_pushed", "pushed_with_few_lanes"}
# These take a simulated day; what binds in them binds in others, too.
DAYS = {"expiry_near", "untagged_stream_expiry_near"}


@cache
def played(seed: int) -> Outcome:
    return outcome(play(wild(seed)))


# --- how worlds are drawn ----------------------------------------------------------------------


def test_the_same_seed_draws_the_same_world() -> None:
    assert draw(7) == draw(7)
    assert wild(7).labels == wild(7).labels


def test_two_seeds_draw_two_worlds() -> None:
    assert draw(7) != draw(8)


def test_every_label_of_every_property_is_drawn_by_some_seed() -> None:
    seen: dict[str, set[str]] = {name: set() for name in table()}
    for seed in range(400):
        for name, label in draw(seed).labels().items():
            seen[name].add(label)
    assert all(len(labels) > 1 for labels in seen.values()), seen
    assert len(seen["cause"]) > 20
    assert {"none", "same function, other stream"} <= seen["siblings"]


def test_a_property_more_would_move_no_other_one() -> None:
    """Each has dice of its own, named after it: the order and the number of fields are nothing."""
    rows = [drawn(Source, seed) for seed in range(30)]
    assert [draw(seed).source for seed in range(30)] == rows


def test_no_property_has_two_meanings() -> None:
    names = [name for rows in TABLES for name in rows.__dataclass_fields__]
    assert len(names) == len(set(names))


def test_every_world_of_thirty_can_be_built() -> None:
    for seed in range(30):
        world = wild(seed)
        world.scenario.blueprint(seed).build(seed)


@pytest.mark.parametrize("seed", [8, 57, 65, 175, 6117])
def test_what_happens_may_happen_twice(seed: int) -> None:
    """The second time beside the first, with parts of its own: readers with names of their own."""
    world = wild(seed)
    assert world.labels["cause"] == world.labels["second"]
    world.scenario.blueprint(seed).build(seed)


def test_somebody_who_meets_an_update_in_progress_comes_back() -> None:
    world = wild(8).scenario.blueprint(8).build(8)
    world.env.run(until=world.env.now + 60)
    world.update_event_source_mapping(MAPPING, {"BatchSize": 7})
    assert world.mappings[MAPPING].state == "Updating"
    if_settled(world, {"Enabled": False})
    world.env.run(until=world.env.now + 900)
    assert world.mappings[MAPPING].state == "Disabled"


# --- what is true, read off the plant ------------------------------------------------------------


def right_in(name: str) -> set[Cause]:
    """What it is right to say in a named scenario, three minutes after its alarm."""
    scenario = SCENARIOS[name]
    stage = staged(scenario, 1, NOTHING)
    witness = Witness(stage.world)
    while alarm_at(stage) is None:
        stage.rehearsal.run_until(stage.seconds + 60.0)
    alarm = alarm_at(stage) or 0.0
    waits = scenario.causes[0] is Cause.RECOVERING
    stage.rehearsal.run_until(alarm + (1200.0 if waits else 180.0))
    delay, threshold = stage.world.knobs.cloudwatch_delay_seconds, scenario.threshold_seconds
    right = set(right_causes(witness.samples, alarm + 180.0, delay, threshold))
    soon = waits and ends_soon(witness.samples, alarm, threshold)
    return right | ({Cause.RECOVERING} if soon else set())


@pytest.mark.parametrize("name", [name for name in INCIDENTS if name not in DAYS | PUSHED])
def test_the_plant_tells_the_cause_of_every_named_incident(name: str) -> None:
    assert SCENARIOS[name].causes[0] in right_in(name)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in WILD if name not in DAYS | PUSHED])
def test_the_plant_tells_the_cause_of_every_named_wild_world(name: str) -> None:
    assert SCENARIOS[name].causes[0] in right_in(name)


@pytest.mark.parametrize("name", sorted(PUSHED))
def test_what_is_not_saturated_before_it_is_pushed_is_slow(name: str) -> None:
    assert Cause.SLOW_CONSUMER in right_in(name)


@pytest.mark.parametrize(
    ("bears", "exponent", "rate", "too_much"),
    [
        pytest.param(2.0, 1.0, 4.0, True, id="what it gains in lanes it loses in speed"),
        pytest.param(8.0, 1.0, 4.0, False, id="it bears what comes in"),
        pytest.param(2.0, 0.5, 4.0, False, id="it slows by less than is gained"),
        pytest.param(2.0, 1.0, 1.5, False, id="little comes in"),
    ],
)
def test_whether_more_lanes_would_be_too_much_is_read_off_the_plant(
    bears: float, exponent: float, rate: float, too_much: bool
) -> None:
    """A lane takes a second a record."""
    plant = World(START, AccountSpec(), Knobs(), seed=1)
    plant.add_backend(BackendSpec(name="db", concurrency=bears, exponent=exponent))
    source = plant.add_stream(StreamSpec(name="orders"))
    second = Behaviour(io_seconds_per_record=1.0)
    plant.add_function(FunctionSpec(name="consumer", behaviour=second, backend="db"))
    mapping = plant.add_mapping(MappingSpec(function="consumer", source_arn=source.arn))
    plant.add_producer(ProducerSpec(stream="orders", rate=constant(rate)))
    plant.run_until(600)
    (cursor,) = mapping.cursors.values()
    assert more_would_saturate(cursor, 600.0) is too_much


@pytest.mark.parametrize(
    ("before", "right"),
    [
        pytest.param(0.29, "saturated, lanes", id="it was as slow while the lane kept up"),
        pytest.param(0.8, "saturated", id="the lane has never kept up with it"),
    ],
)
def test_what_stands_behind_is_not_alone_to_blame_where_it_is_as_slow_as_ever(
    before: float, right: str
) -> None:
    """Nothing shows that it is slow. A record takes a second by itself, and two with it."""
    plant = World(START, AccountSpec(), Knobs(), seed=1)
    plant.add_backend(BackendSpec(name="db", concurrency=0.5, exponent=1.0))
    source = plant.add_stream(StreamSpec(name="orders"))
    second = Behaviour(io_seconds_per_record=1.0)
    plant.add_function(FunctionSpec(name=CONSUMER, behaviour=second, backend="db"))
    one = MappingSettings(batch_size=1)
    plant.add_mapping(MappingSpec(function=CONSUMER, source_arn=source.arn, settings=one))
    plant.add_producer(ProducerSpec(stream="orders", rate=lambda at: before if at < 600 else 0.8))
    witness = Witness(plant)
    plant.run_until(1200)
    assert {word for word, _ in witness.samples[-1].held_by} == {right}


def test_where_more_lanes_have_shown_to_be_too_much_both_words_are_right() -> None:
    samples = [Sample(10.0 * n, 100.0 + 10 * n, ((NO_MORE_LANES, 1),)) for n in range(60)]
    right = right_causes(samples, 500.0, 120.0, 60.0)
    assert right == {Cause.SLOW_CONSUMER, Cause.DOWNSTREAM_SATURATED}


def test_where_nothing_lags_there_is_nothing_to_do_but_to_wait() -> None:
    samples = [Sample(10.0 * n, 3.0, ()) for n in range(60)]
    assert right_causes(samples, 500.0, 120.0, 60.0) == {Cause.RECOVERING}


def test_two_things_that_bind_are_two_right_answers() -> None:
    both = (("lanes", 1), ("poison", 1))
    samples = [Sample(10.0 * n, 100.0 + 10 * n, both) for n in range(60)]
    right = right_causes(samples, 500.0, 120.0, 60.0)
    assert right == {Cause.SLOW_CONSUMER, Cause.POISON_RECORD}


def test_what_holds_hardly_ever_is_no_right_answer() -> None:
    words = [(("poison", 1),) if n % 10 == 0 else (("lanes", 1),) for n in range(60)]
    samples = [Sample(10.0 * n, 100.0 + 10 * n, words[n]) for n in range(60)]
    assert right_causes(samples, 500.0, 120.0, 60.0) == {Cause.SLOW_CONSUMER}


def test_what_holds_for_a_moment_beside_what_only_waits_is_no_right_answer() -> None:
    words = [(("function", 1),) if n % 10 == 0 else (("waits", 1),) for n in range(60)]
    samples = [Sample(10.0 * n, 100.0 + 10 * n, words[n]) for n in range(60)]
    assert right_causes(samples, 500.0, 120.0, 60.0) == {Cause.RECOVERING}


def test_what_holds_the_oldest_record_is_right_though_many_shards_lag_for_another_reason() -> None:
    held = (("poison", 1), ("works", 30))
    samples = [Sample(10.0 * n, 100.0 + 10 * n, held, "poison") for n in range(60)]
    assert Cause.POISON_RECORD in right_causes(samples, 500.0, 120.0, 60.0)
    samples = [one._replace(oldest="works") for one in samples]
    assert Cause.POISON_RECORD not in right_causes(samples, 500.0, 120.0, 60.0)


def test_what_fell_in_the_minutes_that_could_be_read_was_recovering() -> None:
    ages = [500.0 - 10 * n if n < 38 else 120.0 + 10 * (n - 38) for n in range(60)]
    samples = [Sample(10.0 * n, age, (("lanes", 1),)) for n, age in enumerate(ages)]
    assert right_causes(samples, 590.0, 10.0, 60.0) == {Cause.SLOW_CONSUMER}
    late = right_causes(samples, 590.0, 220.0, 60.0)
    assert late == {Cause.SLOW_CONSUMER, Cause.RECOVERING}


def test_a_lane_that_keeps_up_with_long_batches_is_slow_and_may_be_left_alone() -> None:
    samples = [Sample(10.0 * n, 100.0 + 10 * n, (("works", 1),)) for n in range(60)]
    right = right_causes(samples, 500.0, 120.0, 60.0)
    assert right == {Cause.SLOW_CONSUMER, Cause.RECOVERING}


def test_where_nothing_succeeds_at_all_a_record_and_the_function_look_alike() -> None:
    held = right_in("poison_first_of_its_batch")
    assert {Cause.POISON_RECORD, Cause.FUNCTION_FAILURE} <= held


def test_what_the_owners_own_bound_gives_up_is_not_of_our_making() -> None:
    """More is given up where more is done: only a bound that somebody else has set is theirs."""
    plant = world()
    plant.add_stream(StreamSpec(name=STREAM))
    broken = FunctionSpec(name=CONSUMER, behaviour=Behaviour(error_share=1.0))
    plant.add_function(broken)
    settings = MappingSettings(maximum_retry_attempts=0, on_failure_destination=QUEUE)
    arn = next(iter(plant.streams.values())).arn
    mapping = MappingSpec(function=CONSUMER, source_arn=arn, uuid=MAPPING, settings=settings)
    plant.add_destination(DestinationSpec(arn=QUEUE))
    plant.add_mapping(mapping)
    plant.add_neighbour(NeighbourSpec(name=NEIGHBOUR, concurrency=constant(0)))
    plant.add_producer(ProducerSpec(stream=STREAM, rate=constant(1.0)))
    recorder = Recorder(plant, 0.0)
    plant.run_until(300)
    assert plant.ledger(MAPPING).captured > 100
    assert recorder.captured_good() == 0
    plant.update_event_source_mapping(MAPPING, {"MaximumRetryAttempts": 1})
    plant.run_until(900)
    assert recorder.captured_good() > 100


# --- what the plant has learned for it -----------------------------------------------------------


def world() -> World:
    return World(START, AccountSpec(), Knobs(), 1)


@pytest.mark.parametrize(("lost", "slower"), [(0, True), (500, False)])
def test_an_age_that_is_low_by_losing_records_is_no_recovery(lost: int, slower: bool) -> None:
    found = play(wild(ISOLATED))
    alarm = found.nothing.episode.alarm_at_seconds
    assert alarm is not None
    soon = replace(found.nothing.episode, recovered_at_seconds=alarm + 60, lost=lost)
    late = replace(found.ours, recovered_at_seconds=None, lost=0)
    harm = outcome(found._replace(nothing=Nothing(soon, found.nothing.samples), ours=late)).harm
    assert ("slower than nothing" in harm) is slower


@pytest.mark.parametrize(
    ("of_theirs", "lost", "harms"),
    [
        pytest.param(0, 0, True, id="it would have been processed"),
        pytest.param(0, 400, False, id="what would have been lost is kept"),
        pytest.param(0, 100, True, id="no more than some of it"),
        pytest.param(298, 0, False, id="as much is, but for chance, by their own bound"),
    ],
)
def test_good_records_that_are_kept_instead_of_lost_are_no_harm(
    *, of_theirs: int, lost: int, harms: bool
) -> None:
    found = play(wild(ISOLATED))
    usual = replace(found.nothing.episode, lost=lost, captured_good=of_theirs)
    kept = replace(found.ours, lost=0, captured_good=300)
    harm = outcome(found._replace(nothing=Nothing(usual, found.nothing.samples), ours=kept)).harm
    assert any(kind.startswith("captured good ones") for kind in harm) is harms


def test_a_consumer_that_gets_on_again_within_its_owners_lanes_starves_nobody() -> None:
    found = play(wild(ISOLATED))
    starved = replace(found.ours, starved=True)
    factor = "parallelization_factor"
    raised = (SettingChange(at_seconds=0.0, setting=factor, before=1, after=2, by=""),)
    kinds = [
        outcome(found._replace(ours=replace(starved, changes=changes))).harm
        for changes in ((), raised)
    ]
    assert [any(kind.startswith("starved") for kind in harm) for harm in kinds] == [False, True]


def test_records_from_before_the_start_are_old() -> None:
    plant = world()
    plant.add_stream(StreamSpec(name="s", shards=2))
    plant.add_producer(
        ProducerSpec(stream="s", rate=constant(5.0), at_seconds=-3600.0, until_seconds=-3500.0)
    )
    (stream,) = plant.streams.values()
    arrivals = sorted(at for shard in stream.shards.values() for at in shard.arrivals)
    assert len(arrivals) == pytest.approx(500, abs=2)
    assert arrivals[0] >= -3600.0
    assert arrivals[-1] <= -3500.0


def test_keys_can_be_bound_to_a_part_of_the_hash_range() -> None:
    plant = world()
    plant.add_stream(StreamSpec(name="s", shards=4))
    keys = Keys(population=50, hashed_from=0.0, hashed_to=0.249)
    plant.add_producer(ProducerSpec(stream="s", rate=constant(5.0), keys=keys))
    plant.run_until(60)
    (stream,) = plant.streams.values()
    counts = [len(shard.arrivals) for shard in stream.open_shards()]
    assert counts[0] > 200
    assert counts[1:] == [0, 0, 0]


def test_a_stream_of_another_account_has_no_metrics_here() -> None:
    plant = world()
    plant.add_stream(StreamSpec(name="s", account_id="210987654321"))
    plant.add_producer(ProducerSpec(stream="s", rate=constant(5.0)))
    plant.run_until(600)
    assert plant.metrics.names("AWS/Kinesis") == []


# --- the figures of a world ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", SMALL_DRAW)
def test_in_a_world_at_random_nothing_is_lost_or_captured_unasked(seed: int) -> None:
    o = played(seed)
    assert not {"lost", "captured good ones", "overrode"} & o.harm.keys()
    assert o.crashed == 0
    assert o.unsupported == ()


def test_a_person_may_approve_what_waits() -> None:
    asked = play(wild(APPROVED))
    assert asked.world.drawn.wiring.position == "LATEST"
    assert asked.approved
    assert asked.ours.changes


def test_order_and_number_of_processes_change_nothing() -> None:
    seeds = SMALL_DRAW[:2]
    alone = [played(seed) for seed in seeds]
    beside = sorted(sweep([Job(seed) for seed in reversed(seeds)], 2), key=lambda o: o.seed)
    assert beside == alone


def test_a_refusal_of_the_plant_can_be_told_by_another_process() -> None:
    refused = pickle.loads(pickle.dumps(AwsError("ResourceConflictException", "exists", 409)))
    assert (str(refused), refused.http_status) == ("ResourceConflictException: exists", 409)


def test_outcomes_survive_json() -> None:
    some = [made_up(1), replace(made_up(2), forecast_error=inf)]
    assert from_json(to_json(some)) == some


def made_up(seed: int, said: str = "slow_consumer", **labels: str) -> Outcome:
    word = Word(at=1000.0, said=said, right=("slow_consumer",))
    return Outcome(seed=seed, labels=labels, alarm_at=900.0, first=word, last=word)


def of(shards: str, said: str, seeds: Sequence[int]) -> list[Outcome]:
    return [made_up(seed, said, shards=shards) for seed in seeds]


def test_the_worst_slice_comes_first_with_the_seeds_that_missed() -> None:
    outcomes = of("1", "slow_consumer", range(40)) + of("2", "slow_consumer", range(40, 60))
    outcomes += of("2", "poison_record", range(60, 80))
    found = slices.slices(outcomes, least=30)
    worst = found[0]
    assert (worst.name, worst.label, worst.share) == ("shards", "2", slices.Share(20, 40))
    assert worst.missed == tuple(range(60, 80))


def test_a_slice_of_few_worlds_says_nothing() -> None:
    outcomes = of("1", "slow_consumer", range(40)) + of("2", "poison_record", range(40, 60))
    assert {s.label for s in slices.slices(outcomes, least=30)} == {"1"}


def test_an_interval_of_no_miss_is_no_point() -> None:
    low, high = slices.Share(100, 100).interval
    assert 0.95 < low < 0.97
    assert high == 1.0


def test_misses_are_counted_by_kind_the_most_frequent_first() -> None:
    outcomes = of("1", "unknown", [1, 2]) + of("1", "throttling", [3])
    first = slices.misses(outcomes)[0]
    assert first.seeds == (1, 2)
    assert "unknown" in first.kind


def test_a_quantile_of_runs_that_never_end_is_never() -> None:
    assert slices.quantile([1.0, inf, inf], 0.5).value == inf
    assert slices.quantile([], 0.5).value is None


# --- the command ---------------------------------------------------------------------------------


def test_the_command_writes_data_and_report(tmp_path: Path) -> None:
    out = tmp_path / "wild.json"
    seed = str(SMALL_DRAW[1])
    arguments = ["wild", "--worlds", "1", "--first-seed", seed, "--output", str(out)]
    answer = CliRunner().invoke(app, [*arguments, "--processes", "1"])
    assert answer.exit_code == 0, answer.output
    assert [o.seed for o in from_json(out.read_bytes())] == [SMALL_DRAW[1]]
    assert "first word right" in out.with_suffix(".md").read_text(encoding="utf-8")


def test_two_policies_are_compared_over_the_same_worlds(tmp_path: Path) -> None:
    """Frozen it does nothing; as it ships it isolates the record, and the lag is gone."""
    still = tmp_path / "still.yml"
    still.write_text("freeze: true\n", encoding="utf-8")
    arguments = ["wild", "--worlds", "1", "--first-seed", str(ISOLATED), "--processes", "1"]
    answer = CliRunner().invoke(app, [*arguments, "--against", str(still)])
    assert answer.exit_code == 0, answer.output
    rows = (re.split(r"\s{2,}", line.strip()) for line in answer.stdout.split("\n"))
    figures = {row[0]: row[1:] for row in rows if len(row) > 2}
    assert figures["recovered where a lever exists"] == ["0.0%", "100.0%"]
    assert float(figures["AWS calls, median"][0]) > 0


def test_a_policy_that_the_remediator_would_refuse_is_compared_with_nothing(tmp_path: Path) -> None:
    odd = tmp_path / "odd.yml"
    odd.write_text("freez: true\n", encoding="utf-8")
    answer = CliRunner().invoke(app, ["wild", "--worlds", "1", "--against", str(odd)])
    assert answer.exit_code != 0
    assert "freez" in answer.output


def test_a_batch_that_takes_longer_now_is_no_backlog() -> None:
    """What holds the oldest record is its own batch: the backlog is gone, though the age stays."""
    looks = tuple(
        Sample(10.0 * n, 300.0, (("works" if n >= 5 else "lanes", 1),)) for n in range(20)
    )
    assert next(free_of_holders(looks, 0.0)) == 50.0
    assert next(free_of_holders(looks[:8], 0.0), None) is None


def foreseen(at: float, option: str, seconds: float | None) -> Note:
    """A look's forecast of one option; ``None``: it could not be computed."""
    note = "" if seconds is not None else "cannot be computed"
    line = ForecastLine(option=option, drains_in_seconds=seconds, note=note)
    return Note(at_seconds=at, cause="slow_consumer", forecast=(line,))


RAISED = SettingChange(
    at_seconds=110, setting="parallelization_factor", before=1, after=10, by="somebody"
)
AGAIN = replace(RAISED, at_seconds=250, before=10, after=4)
WIDER = "parallelization_factor 10"


@pytest.mark.parametrize(
    ("notes", "changes", "error"),
    [
        pytest.param([foreseen(100, "nothing", 400)], [], 0.0, id="left as it is"),
        pytest.param([foreseen(100, WIDER, 200)], [RAISED], 0.5, id="what was done"),
        pytest.param(
            [foreseen(0, "nothing", 900), foreseen(100, WIDER, 200)],
            [RAISED],
            0.5,
            id="not of what was then not left as it is",
        ),
        pytest.param(
            [foreseen(100, WIDER, None), foreseen(300, "nothing", 100)],
            [RAISED],
            0.5,
            id="what is no figure leaves it to the next one",
        ),
        pytest.param(
            [foreseen(100, WIDER, None), foreseen(200, "nothing", 100)],
            [RAISED, AGAIN],
            None,
            id="it was changed again before it could show",
        ),
        pytest.param([foreseen(100, WIDER, None)], [RAISED], None, id="none was given"),
    ],
)
def test_a_forecast_is_held_against_what_happened(
    notes: list[Note], changes: list[SettingChange], error: float | None
) -> None:
    """The backlog is gone at 500 s."""
    assert forecast_error(gone_at(500.0, notes, changes)) == error


@cache
def a_world() -> Played:
    return play(wild(SMALL_DRAW[2]))


def gone_at(seconds: float, notes: list[Note], changes: list[SettingChange]) -> Played:
    """A world whose oldest record is young from then on."""
    one = a_world()
    ages = tuple((at, 900.0 if at < seconds else 0.0) for at in map(float, range(0, 1000, 5)))
    ours = replace(one.ours, notes=tuple(notes), changes=tuple(changes))
    return one._replace(ours=ours, ages=ages, samples=())


def test_one_world_is_told_with_its_properties_and_its_truth() -> None:
    answer = CliRunner().invoke(app, ["wild", "--seed", str(SMALL_DRAW[2])])
    assert answer.exit_code == 0, answer.output
    assert "What was drawn" in answer.output
    assert "function 100%" in answer.output
    assert "first word" in answer.output
    told = answer.output[answer.output.rindex("first word") :]
    assert "over after" in told
    assert "None" not in told


def test_zeros_may_be_missing() -> None:
    assert Knobs().publishes_zeros
    seeds = range(40)
    assert {draw(seed).undocumented.zeros for seed in seeds} == {True, False}


def test_the_oracle_splits_no_stream_that_has_not_opted_in() -> None:
    contended = INCIDENTS["read_contention_by_mappings"]
    shut = replace(contended, draw=lambda dice: replace(contended.draw(dice), tagged=False))
    reads = [Sample(60.0 * minute, 90.0, (("reads", 1),)) for minute in range(10)]
    split = [
        any(levers.double_shards for levers in lever_sets(staged(each, 0, NOTHING), reads, 300.0))
        for each in (contended, shut)
    ]
    assert split == [True, False]


def test_a_destination_that_somebody_has_set_stays_theirs_for_the_oracle_too() -> None:
    """Where it takes nothing, AWS refuses to bound the retries: then there is no such lever."""
    stage = staged(SCENARIOS["poison_with_a_useless_destination"], 0, NOTHING)
    theirs = stage.mapping.settings
    stage.pull(Levers(bisect=True, bounded=True))
    assert stage.mapping.settings == theirs
