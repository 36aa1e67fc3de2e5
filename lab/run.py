"""All scenarios × strategies × seeds, on all cores: a job plays the strategies of one incident."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from os import cpu_count
from typing import NamedTuple

from lab.baselines import DOUBLE_SHARDS, NOTHING, PF_10, STRATEGIES, UTILISATION_RESHARD, human
from lab.episode import Episode, Timeline
from lab.oracle import search
from lab.play import play, play_remediator
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
    """The episodes of one incident, in the order of the table."""
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
    for strategy in (DOUBLE_SHARDS, PF_10):
        if strategy.name in wanted:
            played[strategy.name] = play(
                scenario, seed, strategy, nothing=nothing, to_the_end=job.to_the_end
            )
    if wanted & {"oracle", "human_15_minutes"}:
        played |= _with_foresight(job, nothing)
    if "remediator" in wanted:
        played["remediator"] = play_remediator(
            scenario, seed, nothing=nothing, policy=job.policy, policy_name=job.policy_name
        )
    chosen = [played[name] for name in STRATEGIES if name in wanted]
    return [_slim(episode) for episode in chosen] if job.slim else chosen


def _with_foresight(job: Job, nothing: Episode) -> dict[str, Episode]:
    """The oracle, and a person who pulls the same levers later."""
    scenario = SCENARIOS[job.scenario]
    levers, best = search(scenario, job.seed, nothing)
    late = human(levers)
    if levers == Levers():
        return {"oracle": best, late.name: replace(nothing, strategy=late.name)}
    played = play(scenario, job.seed, late, nothing=nothing, to_the_end=job.to_the_end)
    return {"oracle": best, late.name: played}


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
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(incident, job) for job in todo]):
            yield done.result()
