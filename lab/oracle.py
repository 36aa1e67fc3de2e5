"""The best levers that the plant allows, pulled at the moment of the alarm, found by trying.

From just before the alarm each candidate is tried in a copy of the process, and given up as soon
as it is later than the best so far. A candidate that loses a record, captures a good one or starves
the neighbour does not count. What people stopped on purpose stays stopped.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import inf

from lab.baselines import oracle
from lab.copies import in_a_copy
from lab.episode import Episode
from lab.play import STARVED_SECONDS, go_on
from lab.scenarios import Scenario
from lab.stage import Levers, Stage

FIRST_FACTORS = (10, 5, 3, 2)
# What is tried beside another lever; the factors around the best come last.
PAIRED_FACTORS = (None, 10, 3)
# What has not helped for so long after the alarm is no candidate.
SEARCH_SECONDS = 1200.0
SETTLED_SECONDS = 300.0
CHUNK_SECONDS = 20.0
# Any lever restarts the mapping for so long: nothing beats a lag that is gone before.
QUICK_SECONDS = 90.0


def search(stage: Stage, scenario: Scenario, seed: int, nothing: Episode) -> tuple[Levers, Episode]:
    """The best levers, and the episode in which they are pulled.

    ``stage``: the world just before its alarm.
    """
    best = _best_levers(stage, nothing)
    if best == Levers():
        return best, replace(nothing, strategy="oracle")
    played = in_a_copy(partial(go_on, stage, scenario, seed, oracle(best), nothing))
    if _seconds(played) < _seconds(nothing) and _harmless(played, nothing):
        return best, played
    return Levers(), replace(nothing, strategy="oracle")


def _seconds(episode: Episode) -> float:
    return inf if episode.recovery_seconds is None else episode.recovery_seconds


def _harmless(episode: Episode, nothing: Episode) -> bool:
    worse = episode.lost > nothing.lost or episode.others_hurt > nothing.others_hurt
    return not (episode.starved or episode.captured_good or episode.overridden or worse)


def _best_levers(stage: Stage, nothing: Episode) -> Levers:
    alarm = nothing.alarm_at_seconds
    if alarm is None or _seconds(nothing) <= QUICK_SECONDS:
        return Levers()
    best, shortest = Levers(), min(_seconds(nothing), SEARCH_SECONDS)
    for candidates in _rounds(stage, nothing):
        for levers in candidates(best):
            took = in_a_copy(partial(attempt, stage, levers, alarm, shortest, nothing))
            if took < shortest:
                best, shortest = levers, took
    return best


def attempt(
    stage: Stage,
    levers: Levers,
    alarm: float,
    limit: float,
    nothing: Episode,
    settled_seconds: float = SETTLED_SECONDS,
) -> float:
    """Seconds from the alarm until the lag is gone when levers are pulled; infinite when that is
    not before the limit, or does harm. It uses the stage up: see ``lab.copies``."""
    stage.rehearsal.run_until(alarm + 1.0)
    stage.pull(levers)
    recorder = stage.recorder
    while True:
        stage.rehearsal.run_until(stage.seconds + CHUNK_SECONDS)
        settled = recorder.settled_seconds(nothing.threshold_seconds)
        if settled >= settled_seconds and stage.seconds - alarm >= settled_seconds:
            break
        if stage.seconds - alarm - settled >= limit:
            return inf
    recovered = recorder.recovered_at(alarm, nothing.threshold_seconds)
    ledger = recorder.ledger()
    harm = (
        recorder.captured_good()
        or ledger.discarded + ledger.expired > nothing.lost
        or recorder.overridden
        or recorder.others_hurt() > nothing.others_hurt
        or recorder.starved_seconds > nothing.neighbour_throttles + STARVED_SECONDS
    )
    return inf if harm or recovered is None else recovered - alarm


Candidates = Callable[[Levers], Iterator[Levers]]


def _rounds(stage: Stage, nothing: Episode) -> list[Candidates]:
    """Single levers, pairs (with the best single one, if one helps), and the factors around."""
    singles = _singles(stage, nothing)

    def pairs(best: Levers) -> Iterator[Levers]:
        few = [levers for levers in singles if levers.factor in PAIRED_FACTORS]
        firsts = few if best == Levers() else [best]
        tried = {Levers(), *firsts, *singles}
        for both in (_both(first, second) for first in firsts for second in few):
            if both not in tried:
                tried.add(both)
                yield both

    def around(best: Levers) -> Iterator[Levers]:
        if best.factor is not None:
            for factor in range(2, 11):
                if abs(factor - best.factor) <= 2 and factor not in FIRST_FACTORS:
                    yield replace(best, factor=factor)

    return [lambda _best: iter(singles), pairs, around]


def _singles(stage: Stage, nothing: Episode) -> list[Levers]:
    """What could have any effect here, the most likely first."""
    levers: list[Levers] = []
    reserved = stage.mapping.function.reserved_concurrency
    if reserved:
        spare = stage.world.account.unreserved_pool - stage.world.account.spec.minimum_unreserved
        wider = {min(reserved * times, reserved + spare) for times in (2, 4, 10)} - {reserved}
        levers += [Levers(reserved=wanted) for wanted in sorted(wider)]
    if any(nothing.timeline.errors_per_minute):
        levers += [Levers(bisect=True, bounded=True), Levers(bisect=True)]
    present = stage.mapping.settings.parallelization_factor
    levers += [Levers(factor=factor) for factor in FIRST_FACTORS if factor > present]
    if not stage.mapping.stream.is_dynamodb:
        levers.append(Levers(double_shards=True))
    return levers


def _both(one: Levers, other: Levers) -> Levers:
    return Levers(
        factor=one.factor or other.factor,
        reserved=one.reserved or other.reserved,
        bisect=one.bisect or other.bisect,
        bounded=one.bounded or other.bounded,
        double_shards=one.double_shards or other.double_shards,
    )
