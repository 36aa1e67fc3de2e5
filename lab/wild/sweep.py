"""Many worlds on some processes, each for itself: order and number of processes change nothing."""

import gc
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from os import cpu_count
from typing import NamedTuple

from lab.run import collect_seldom
from lab.wild.draw import wild
from lab.wild.play import play
from lab.wild.scores import Outcome, outcome


class Job(NamedTuple):
    """One world, and the policy under which it is played; None: the one that ships."""

    seed: int
    policy: str | None = None


def one(job: Job) -> Outcome:
    """The figures of one world. What it raises names its seed."""
    try:
        found = outcome(play(wild(job.seed), job.policy))
    except Exception as error:
        error.add_note(f"in the world of `remediator-lab wild --seed {job.seed}`")
        raise
    gc.collect()  # a world is one large cycle, and copies of a small process are cheap
    _keep()
    return found


@cache
def _keep() -> None:
    """What the first world leaves is the process's own, not looked through after each other."""
    gc.freeze()


def sweep(jobs: Sequence[Job], processes: int | None = None) -> Iterator[Outcome]:
    """The figures of every world, in the order in which they are done.

    Raises what a world raised; the rest is then not awaited.
    """
    workers = min(processes or cpu_count() or 1, len(jobs)) or 1
    if workers == 1:
        yield from map(one, jobs)
        return
    spawned = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawned, initializer=collect_seldom) as pool:
        try:
            for done in as_completed([pool.submit(one, job) for job in jobs]):
                yield done.result()
        except Exception:
            pool.shutdown(cancel_futures=True)
            raise
