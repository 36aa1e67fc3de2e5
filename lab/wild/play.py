"""Plays one world at random: with nothing, with the best of a few lever sets, with the remediator.

Until the first alarm the three are one world, which is played once; from there on in copies.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import ceil, inf
from typing import Any, NamedTuple

from lab.baselines import Strategy
from lab.bridge import Function, LambdaContext, Report, remediator
from lab.copies import in_a_copy
from lab.episode import Episode, Note
from lab.oracle import attempt
from lab.play import CHUNK_SECONDS, alarm_at, episode_of, run, staged
from lab.recorder import SETTLED_SECONDS
from lab.reports import changes_of, notes_of
from lab.scenarios import CONSUMER
from lab.stage import Levers, Stage
from lab.wild.draw import Wild
from lab.wild.truth import NO_MORE_LANES, Sample, Witness, holders
from remediator.model import Status
from remediator.policy import Limits
from remediator.wiring import Runtime

# After the alarm's minute, and before the remediator's first line.
BEFORE_CALL_SECONDS = 0.5
APPROVAL_SECONDS = 300.0
# Any lever restarts the mapping: nothing beats a lag that is gone before.
QUICK_SECONDS = 90.0
# What has not helped for so long after the alarm is no candidate.
SEARCH_SECONDS = 1200.0
SEEN_SHARE = 0.1
# How many lever sets are tried for the oracle.
MOST_SETS = 4


class Nothing(NamedTuple):
    """What becomes of the world when nobody does anything."""

    episode: Episode
    samples: tuple[Sample, ...]


class Oracle(NamedTuple):
    """The best lever set and the seconds it takes; no levers where none helps."""

    levers: Levers
    seconds: float


class Played(NamedTuple):
    """All that was seen of one world."""

    world: Wild
    nothing: Nothing
    oracle: Oracle
    ours: Episode
    samples: tuple[Sample, ...]
    ages: tuple[tuple[float, float], ...]
    """(seconds, age of the oldest record) with the remediator."""
    calls: int
    unsupported: tuple[str, ...]
    approved: bool
    """Whether something was made because a person approved it."""


class Approving:
    """The remediator, and a person who says yes, a while later, to each plan that waits for it.

    They read the plan and believe it.
    """

    def __init__(self, function: Function) -> None:
        self.send: Callable[[Any, float], None] | None = None
        self._function = function
        self._asked: set[tuple[str, str]] = set()

    def __call__(self, event: Any, context: LambdaContext, runtime: Runtime) -> Any:
        """Answer the event, and let the person read the answer."""
        result = self._function(event, context, runtime)
        if self.send and result["outcome"]["status"] == Status.AWAITING_APPROVAL:
            incident, plan = result["incident_id"], result["plan"]["digest"]
            if (incident, plan) not in self._asked:
                self._asked.add((incident, plan))
                said = {"approve": incident, "by": "somebody", "plan": plan}
                self.send(said, APPROVAL_SECONDS)
        return result


def _ignored(_event: Any, _context: LambdaContext, _runtime: Runtime) -> None:
    """Nobody answers."""


def play(world: Wild, policy: str | None = None, function: Function = remediator) -> Played:
    """One world under the remediator, as it ships or under a policy."""
    strategy = Strategy(name="remediator", what="")
    approving = Approving(function)
    stage = staged(world.scenario, world.seed, strategy, approving, policy)
    stage.rehearsal.keep_in_memory()
    if world.drawn.events.approves != "nobody":
        approving.send = stage.rehearsal.send
    witness = Witness(stage.world)
    _until_somebody_is_called(stage, world.scenario.horizon_seconds)
    nothing = in_a_copy(partial(_with_nothing, stage, world, witness))
    oracle = _oracle(stage, world, nothing)
    run(stage, world.scenario)
    reports = [report for report in stage.rehearsal.reports if _is_ours(report)]
    ours = episode_of(
        stage,
        world.scenario,
        world.seed,
        notes_of(reports, stage.world.start),
        changes_of(reports, stage.world.start),
        nothing.episode,
    )
    return Played(
        world,
        nothing,
        oracle,
        ours,
        tuple(witness.samples),
        tuple(stage.recorder.ages),
        len(stage.rehearsal.calls),
        tuple(sorted(set(stage.rehearsal.unsupported))),
        any(_was_approved(report) for report in reports),
    )


def _was_approved(report: Report) -> bool:
    asked = isinstance(report.event, dict) and "approve" in report.event
    return asked and bool(changes_of([report], report.started))


def _until_somebody_is_called(stage: Stage, end: float) -> None:
    """Run to just after the minute of the first alarm, of whatever function."""
    seconds = 0.0
    while seconds < end:
        seconds += CHUNK_SECONDS
        stage.rehearsal.run_until(min(end, seconds + BEFORE_CALL_SECONDS))
        if any(state == "ALARM" for _, _, state in stage.rehearsal.transitions):
            return
        if alarm_at(stage) is not None:
            return


def _with_nothing(stage: Stage, world: Wild, witness: Witness) -> Nothing:
    stage.rehearsal.redeploy(_ignored)
    stage.by = "nothing"
    run(stage, world.scenario)
    episode = episode_of(stage, world.scenario, world.seed, (), (), None)
    return Nothing(episode, tuple(witness.samples))


def _is_ours(report: Report) -> bool:
    """Whether it is about the function that the world is about."""
    result = report.result if isinstance(report.result, dict) else {}
    target = result.get("target") or {}
    return target.get("function") in {CONSUMER, None}


# --- the oracle --------------------------------------------------------------------------------


def _oracle(stage: Stage, world: Wild, nothing: Nothing) -> Oracle:
    """The best of a few lever sets, chosen by what binds, pulled at the moment of the alarm."""
    alarm, alone = nothing.episode.alarm_at_seconds, nothing.episode.recovery_seconds
    if alarm is None or (alone is not None and alone <= QUICK_SECONDS):
        return Oracle(Levers(), inf if alone is None else alone)
    best = Oracle(Levers(), inf if alone is None else alone)
    longest = min(SEARCH_SECONDS, world.scenario.horizon_seconds - alarm - QUICK_SECONDS)
    for levers in lever_sets(stage, nothing.samples, alarm)[:MOST_SETS]:
        limit = min(best.seconds, longest)
        tried = partial(_attempt, stage, levers, alarm, limit, nothing.episode)
        took = in_a_copy(tried)
        if took < best.seconds:
            best = Oracle(levers, took)
    return best


def _attempt(stage: Stage, levers: Levers, alarm: float, limit: float, nothing: Episode) -> float:
    stage.rehearsal.redeploy(_ignored)
    return attempt(stage, levers, alarm, limit, nothing, SETTLED_SECONDS)


def lever_sets(stage: Stage, samples: Sequence[Sample], alarm: float) -> list[Levers]:
    """What may help against what held the shards around the alarm and after it, of what the policy
    and the role that ship allow anybody: under a tumbling window no more than a reservation, and no
    split of a stream that has not opted in."""
    held = holders(samples, alarm - 300.0, alarm + 900.0)
    words = {word for word, share in held.items() if share >= SEEN_SHARE}
    if stage.mapping.settings.tumbling_window_seconds:
        wider = _reservations(stage) if "throttle" in words else []
        return [levers for levers in wider if levers.factor is None]
    sets: list[Levers] = []
    factors = _factors(stage)
    if words & {"poison", "function", "timeout", "backend"}:
        sets += [Levers(bisect=True, bounded=True)]
        sets += [Levers(bisect=True, bounded=True, factor=factor) for factor in factors[:1]]
    if "throttle" in words:
        sets += _reservations(stage)
    if words & _MORE_LANES:
        sets += [Levers(factor=factor) for factor in factors]
    stream, tags = stage.mapping.stream, stage.rehearsal.conditions.tags
    if not stream.is_dynamodb and tags.get(stream.arn) and words & _MORE_SHARDS:
        sets += [Levers(double_shards=True)]
    return sets


_MORE_LANES = {
    *("lanes", "one key", "lanes, one key", "slowed", "saturated", "saturated, lanes"),
    *("poison", "reads", NO_MORE_LANES),
}
_MORE_SHARDS = {"reads", "lanes", "lanes, one key", NO_MORE_LANES}


def _factors(stage: Stage) -> list[int]:
    """The most, and what lies between."""
    now = stage.mapping.settings.parallelization_factor
    return sorted({10, ceil((now * 10) ** 0.5), min(10, now * 2)} - {now}, reverse=True)


def _reservations(stage: Stage) -> list[Levers]:
    """More for the function, where it has a reservation and the account can spare it, with the
    margin that the policy leaves to the neighbours (of a small account a fifth: invariant 4)."""
    mapping, account = stage.mapping, stage.world.account
    now = mapping.function.reserved_concurrency
    if not now:
        return []
    lanes = len(mapping.stream.open_shards()) * mapping.settings.parallelization_factor
    margin = min(Limits().concurrency_margin, account.spec.concurrency_limit // 5)
    spare = now + account.unreserved_pool - account.spec.minimum_unreserved - margin
    wider = [min(wanted, spare) for wanted in (lanes, 4 * now) if min(wanted, spare) > now]
    return [Levers(reserved=wanted) for wanted in dict.fromkeys(wider)] + [
        Levers(reserved=wanted, factor=factor)
        for wanted in wider[:1]
        for factor in _factors(stage)[:1]
    ]


def told(notes: Sequence[Note]) -> list[Note]:
    """The looks at which a cause was named."""
    return [note for note in notes if note.cause]


__all__ = ["Nothing", "Oracle", "Played", "lever_sets", "play", "told"]
