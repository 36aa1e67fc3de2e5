"""All scenarios × strategies × seeds, on all cores: a job plays the strategies of one incident."""

import gc
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from os import cpu_count
from typing import NamedTuple

from lab.baselines import (
    DOUBLE_SHARDS,
    NOTHING,
    PF_10,
    STRATEGIES,
    UTILISATION_RESHARD,
    Strategy,
    human,
)
from lab.copies import in_a_copy
from lab.episode import Episode, Timeline
from lab.oracle import search
from lab.play import before_alarm, go_on, play, play_remediator
from lab.scenarios import SCENARIOS
from lab.stage import Levers


class Job(NamedTuple):
    """One incident and the strategies to play; ``slim`` leaves timelines and paths out."""

    scenario: str
    seed: int
    strategies: tuple[str, ...] = STRATEGIES
    policy: str | None = None
    policy_name: str = ""
    slim: bool = True
    to_the_end: bool = False


def incident(job: Job) -> list[Episode]:
    """The episodes of one incident, in the order of the table.

    Until the first alarm the world is the same under all strategies that act at alarms: it is
    played so far once, and from there on in copies.
    """
    scenario, seed = SCENARIOS[job.scenario], job.seed
    wanted = set(job.strategies)
    watching = play(scenario, seed, UTILISATION_RESHARD, to_the_end=job.to_the_end)
    idle = not watching.changes  # then it was the same world as with nothing
    nothing = (
        replace(watching, strategy=NOTHING.name)
        if idle
        else play(scenario, seed, NOTHING, to_the_end=job.to_the_end)
    )
    played = {NOTHING.name: nothing, UTILISATION_RESHARD.name: watching}
    if wanted - {*played, "remediator"}:
        played |= _at_the_alarm(job, nothing)
    if "remediator" in wanted:
        played["remediator"] = play_remediator(
            scenario, seed, nothing=nothing, policy=job.policy, policy_name=job.policy_name
        )
    chosen = [played[name] for name in STRATEGIES if name in wanted]
    return [_slim(episode) for episode in chosen] if job.slim else chosen


def _at_the_alarm(job: Job, nothing: Episode) -> dict[str, Episode]:
    """What acts at alarms: tools, the oracle, and a person who pulls the same levers later."""
    scenario, seed, alarm = SCENARIOS[job.scenario], job.seed, nothing.alarm_at_seconds
    if alarm is None:
        names = (DOUBLE_SHARDS.name, PF_10.name, "oracle", human(Levers()).name)
        return {name: replace(nothing, strategy=name) for name in names}
    stage = before_alarm(scenario, seed, alarm)

    def played(strategy: Strategy) -> Episode:
        go = partial(go_on, stage, scenario, seed, strategy, nothing, to_the_end=job.to_the_end)
        return in_a_copy(go)

    tools = [strategy for strategy in (DOUBLE_SHARDS, PF_10) if strategy.name in job.strategies]
    found = {strategy.name: played(strategy) for strategy in tools}
    if not {"oracle", "human_15_minutes"} & set(job.strategies):
        return found
    levers, best = search(stage, scenario, seed, nothing)
    late = human(levers)
    acts = levers != Levers()
    found[late.name] = played(late) if acts else replace(nothing, strategy=late.name)
    return found | {"oracle": best}


def _slim(episode: Episode) -> Episode:
    notes = tuple(replace(note, path=(), forecast=()) for note in episode.notes)
    return replace(episode, timeline=Timeline(), notes=notes)


def jobs(scenarios: Sequence[str], seeds: Sequence[int]) -> list[Job]:
    """Every incident, the dearest kinds spread over the seeds."""
    return [Job(name, seed) for seed in seeds for name in scenarios]


def play_all(todo: Sequence[Job], processes: int | None = None) -> Iterator[list[Episode]]:
    """The episodes of every job, in the order in which they are done.

    Raises what a job raised; the rest is then not awaited.
    """
    workers = min(processes or cpu_count() or 1, len(todo)) or 1
    spawned = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawned, initializer=collect_seldom) as pool:
        for done in as_completed([pool.submit(incident, job) for job in todo]):
            yield done.result()


def collect_seldom() -> None:
    """A world makes hardly any garbage in cycles, and copies share what is not looked through."""
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
