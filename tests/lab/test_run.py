"""The closed loop: incidents played under the strategies, and the figures that come of it."""

from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab import scores
from lab.baselines import NOTHING, PF_10, STRATEGIES, pulling
from lab.cli import app
from lab.copies import in_a_copy
from lab.episode import Episode, SettingChange, Timeline, from_json, to_json
from lab.judging import deciding_note, judged
from lab.oracle import search
from lab.plant import Ledger
from lab.play import before_alarm, go_on, play, play_remediator
from lab.run import Job, incident, jobs, play_all
from lab.scenarios import INCIDENTS, SCENARIOS, Scenario
from lab.stage import Levers, Stage
from remediator.model import Cause

DEMO = SCENARIOS["reference_demo"]
# Whose lever is known, and whose answer is to wait; the rest is played in the long run.
FAST = ("slow_cpu_bound", "throttled_by_reservation", "poison_on_one_of_many", "producer_burst")
LONG_SEEDS = range(3)


def outcome(name: str, seed: int) -> dict[str, Episode]:
    played = incident(Job(name, seed, ("nothing", "remediator", "oracle")))
    return {episode.strategy: episode for episode in played}


# --- the closed loop ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAST)
def test_the_remediator_finds_the_cause_pulls_the_lever_and_harms_nobody(name: str) -> None:
    played = outcome(name, seed=0)
    ours = played["remediator"]
    assert ours.right_cause, ours.said_cause
    assert ours.right_lever, ours.changes
    assert scores.extra_lost(played) == 0
    assert not ours.starved
    assert not scores.is_slower(played)
    assert scores.misses(list(played.values())) == []


def test_the_demo_is_drained_four_times_as_fast_and_shards_change_nothing() -> None:
    played = {e.strategy: e for e in incident(Job("reference_demo", 1, slim=False))}
    seconds = {name: scores.seconds(episode) for name, episode in played.items()}
    assert seconds["double_shards"] == seconds["nothing"] > 700
    assert seconds["remediator"] < 0.3 * seconds["nothing"]
    assert seconds["remediator"] <= 1.1 * seconds["oracle"]
    ours = played["remediator"]
    raised = ours.changes[0]
    assert (raised.setting, raised.before, raised.after) == ("parallelization_factor", 1, 10)
    assert ours.changes[-1].after == 1
    assert all(change.undone for change in ours.changes)
    note = deciding_note(ours, DEMO)
    assert note is not None
    assert note.path[-1].answer == "yes"


def test_the_same_seed_plays_the_same_run() -> None:
    first, second = (play_remediator(DEMO, 1) for _ in range(2))
    assert first == second


@pytest.mark.long
@pytest.mark.parametrize("seed", LONG_SEEDS)
@pytest.mark.parametrize("name", INCIDENTS)
def test_no_scenario_loses_a_good_record_or_starves_a_neighbour(name: str, seed: int) -> None:
    episodes = incident(Job(name, seed, ("nothing", "remediator")))
    played = {episode.strategy: episode for episode in episodes}
    assert scores.extra_lost(played) == 0
    assert scores.others_hurt(played) == 0
    assert not played["remediator"].starved
    assert not played["remediator"].overridden
    assert not any(note.status == "crashed" for note in played["remediator"].notes)


@pytest.mark.long
def test_the_right_cause_is_found_in_at_least_95_of_100_incidents() -> None:
    todo = [
        job._replace(strategies=("nothing", "remediator"))
        for job in jobs(list(INCIDENTS), range(4))
    ]
    episodes = [episode for played in play_all(todo) for episode in played]
    total = scores.score("all", episodes)
    assert total.right_cause is not None
    assert total.right_cause >= 0.95, scores.misses(episodes)


# --- strategies --------------------------------------------------------------------------------


def test_levers_are_pulled_at_the_alarm_and_kept_in_the_record() -> None:
    episode = play(DEMO, 1, PF_10)
    (change,) = episode.changes
    assert (change.by, change.setting, change.after) == ("pf_10", "parallelization_factor", 10)
    assert change.at_seconds == episode.alarm_at_seconds
    assert episode.final_settings["parallelization_factor"] == 10


def test_what_aws_refuses_is_left() -> None:
    too_many = pulling("greedy", "", Levers(reserved=5000))
    assert play(DEMO, 1, too_many).changes == ()


def test_the_oracle_is_at_least_as_fast_as_whatever_else_was_tried() -> None:
    nothing = play(DEMO, 1, NOTHING)
    levers, best = search(at_the_alarm(DEMO, nothing), DEMO, 1, nothing)
    assert levers.factor is not None
    assert scores.seconds(best) <= scores.seconds(play(DEMO, 1, PF_10))


def test_the_oracle_lets_a_burst_pass() -> None:
    scenario = SCENARIOS["producer_burst"]
    nothing = play(scenario, 1, NOTHING)
    levers, best = search(at_the_alarm(scenario, nothing), scenario, 1, nothing)
    assert levers == Levers()
    assert scores.seconds(best) == scores.seconds(nothing)


def at_the_alarm(scenario: Scenario, nothing: Episode) -> Stage:
    assert nothing.alarm_at_seconds is not None
    return before_alarm(scenario, 1, nothing.alarm_at_seconds)


@pytest.mark.parametrize("name", ["reference_demo", "poison_on_one_of_many"])
def test_what_goes_on_from_the_alarm_is_what_was_played_from_the_start(name: str) -> None:
    scenario = SCENARIOS[name]
    nothing = play(scenario, 1, NOTHING)
    stage = at_the_alarm(scenario, nothing)
    went_on = in_a_copy(partial(go_on, stage, scenario, 1, PF_10, nothing))
    played = play(scenario, 1, PF_10, nothing=nothing)
    assert replace(went_on, timeline=Timeline()) == replace(played, timeline=Timeline())


def test_a_copy_leaves_the_original_as_it_was() -> None:
    seen = [0]

    def count() -> float:
        seen[0] += 1
        return float(seen[0])

    assert [in_a_copy(count), in_a_copy(count)] == [1.0, 1.0]
    assert seen == [0]


def test_a_copy_that_dies_is_told() -> None:
    with pytest.raises(RuntimeError, match="died without an answer"):
        in_a_copy(lambda: 1 / 0)


# --- figures -----------------------------------------------------------------------------------


def made(strategy: str, took: float | None, **more: object) -> Episode:
    plain = Episode(
        scenario="slow_io_bound",
        strategy=strategy,
        seed=0,
        true_cause="slow_consumer",
        horizon_seconds=3600,
        threshold_seconds=60,
        alarm_at_seconds=1000,
        recovered_at_seconds=None if took is None else 1000 + took,
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def right(strategy: str, took: float | None, **more: object) -> Episode:
    return made(
        strategy, took, said_cause="slow_consumer", right_cause=True, right_lever=True, **more
    )


def test_an_incident_without_a_fault_misses_nothing() -> None:
    episodes = [made("nothing", None), right("remediator", 220), made("oracle", 200)]
    (row, total) = scores.scores(episodes)
    assert row.ratio == pytest.approx(1.1)
    assert (row.right_cause, row.lost, row.starved, row.slower_than_nothing) == (1.0, 0, 0, 0)
    assert row.median_seconds == {"nothing": inf, "remediator": 220, "oracle": 200}
    assert total == replace(row, scenario="all")
    assert scores.misses(episodes) == []


@pytest.mark.parametrize(
    ("ours", "fault"),
    [
        pytest.param(
            {"said_cause": "recovering", "right_cause": False}, "said recovering", id="cause"
        ),
        pytest.param({"right_lever": False}, "pulled nothing", id="lever"),
        pytest.param({"lost": 3}, "3 good records", id="lost"),
        pytest.param({"captured_good": 2}, "2 good records", id="captured"),
        pytest.param({"starved": True}, "starved", id="starved"),
        pytest.param(
            {"overridden": ("reserved_concurrency",)}, "overrode a person: reserved", id="person"
        ),
        pytest.param({"others_hurt": 7}, "7 lost at other consumers", id="others"),
        pytest.param(
            {"recovered_at_seconds": 1600}, "recovered 600 s, with nothing 500 s", id="slow"
        ),
    ],
)
def test_each_fault_is_named(ours: dict[str, object], fault: str) -> None:
    episodes = [made("nothing", 500), replace(right("remediator", 400), **ours)]  # type: ignore[arg-type]
    (line,) = scores.misses(episodes)
    assert line.startswith("slow_io_bound seed 0: ")
    assert fault in line


def test_slower_is_what_is_so_by_a_tenth_and_by_a_minute() -> None:
    for nothing, ours, slower in ((500, 549, False), (500, 561, True), (3000, 3290, False)):
        played = {"nothing": made("nothing", nothing), "remediator": right("remediator", ours)}
        assert scores.is_slower(played) is slower


def test_a_loss_that_nobody_could_foresee_is_no_fault_and_the_next_one_is() -> None:
    for lost, counted in ((1, 0), (3, 2)):
        named = {"scenario": "destination_breaks_later"}
        played = {
            "nothing": replace(made("nothing", None), **named),  # type: ignore[arg-type]
            "remediator": replace(right("remediator", 5, lost=lost), **named),  # type: ignore[arg-type]
        }
        assert scores.extra_lost(played) == counted


def test_what_is_lost_with_nothing_too_is_not_the_remediators_fault() -> None:
    episodes = [made("nothing", None, lost=5), right("remediator", 400, lost=5)]
    assert scores.misses(episodes) == []


def test_draining_after_the_trouble_is_over_is_a_right_lever() -> None:
    scenario = SCENARIOS["failure_by_outage"]
    heals_at = scenario.blueprint(0).heals_at_seconds
    assert heals_at is not None

    def raised(at: float) -> bool | None:
        change = SettingChange(
            at_seconds=at,
            setting="parallelization_factor",
            before=1,
            after=4,
            by="raise_parallelization_factor",
        )
        return judged(made("remediator", None, changes=(change,)), scenario).right_lever

    assert raised(heals_at + 1)
    assert not raised(heals_at - 1)


# --- records and commands ----------------------------------------------------------------------


def test_an_episode_goes_to_json_and_back() -> None:
    timeline = Timeline(seconds=(0.0, 30.0), age_seconds=(1.0, 2.5))
    episode = right("remediator", 5, timeline=timeline, ledger=Ledger(9, 4, 1, 1, 1, 2))
    assert from_json(to_json([episode, made("nothing", None)])) == [
        episode,
        made("nothing", None),
    ]


def test_every_incident_is_played_once_for_each_seed() -> None:
    todo = jobs(["slow_io_bound", "reference_demo"], range(2))
    assert {(job.scenario, job.seed) for job in todo} == {
        ("slow_io_bound", 0),
        ("reference_demo", 0),
        ("slow_io_bound", 1),
        ("reference_demo", 1),
    }
    assert {job.strategies for job in todo} == {STRATEGIES}


def test_run_tells_the_incident_and_draws_it(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    arguments = ["--strategy", "nothing", "--strategy", "remediator", "--html", str(page)]
    result = CliRunner().invoke(app, ["run", "reference_demo", *arguments])
    assert result.exit_code == 0, result.output
    assert "slow_consumer" in result.output
    assert "recovered" in result.output
    assert "<svg" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [["compare"], ["run", "slow_io_bound"]])
def test_a_policy_that_would_be_refused_is_an_error_and_nothing_is_played(
    tmp_path: Path, command: list[str]
) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text("version: 1\nlimits: {parallelization_factor: many}\n", encoding="utf-8")
    result = CliRunner().invoke(app, [*command, "--policy", str(broken)], env={"COLUMNS": "400"})
    assert result.exit_code == 2
    assert "parallelization_factor" in result.output
    assert "never" not in result.output


@pytest.mark.parametrize("command", [["all"], ["wild"]])
def test_figures_that_have_nowhere_to_go_are_not_played_for(
    tmp_path: Path, command: list[str]
) -> None:
    result = CliRunner().invoke(app, [*command, "--output", str(tmp_path)], env={"COLUMNS": "400"})
    assert result.exit_code == 2
    assert "is a directory" in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["run", "slow_moon"], "no such scenario", id="scenario"),
        pytest.param(["run", "slow_io_bound", "--strategy", "luck"], "there are", id="strategy"),
        pytest.param(["compare", "--policy", "nowhere.yml"], "does not exist", id="policy"),
    ],
)
def test_what_is_not_known_is_refused_with_what_there_is(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "400"})
    assert result.exit_code == 2
    assert told in result.output


@pytest.mark.parametrize("words", [["compare"], ["run", "reference_demo"]])
def test_a_policy_that_cannot_be_read_is_refused_and_not_played(
    tmp_path: Path, words: list[str]
) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text("mode: apply\nlimitz: {}\n")
    result = CliRunner().invoke(app, [*words, "--policy", str(broken)], env={"COLUMNS": "400"})
    assert result.exit_code == 2
    assert "broken.yml:2: limitz: unknown setting" in result.output
    assert "never" not in result.output


def test_list_names_every_scenario_and_every_cause_but_unknown() -> None:
    result = CliRunner().invoke(app, ["list"], env={"COLUMNS": "200"})
    assert all(name in result.output for name in SCENARIOS)
    assert all(cause in result.output for cause in Cause if cause is not Cause.UNKNOWN)
