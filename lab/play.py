"""Plays one scenario under one strategy: the world runs, and an Episode comes out.

Recovery: from the first call of the alarms (ALARM, or the silence of a metric that was there
before) until the lag, which is the age of the oldest unprocessed record in the plant, is below the
threshold (the template's default, or what the owner calls late) and stays there for a quarter of an
hour, or to the end of the run. After that the remediator may restore, which restarts the mapping:
its lag is not counted. A run ends at the horizon; that of a strategy which takes nothing back ends
when the lag is gone.
"""

from collections.abc import Mapping
from typing import Any

from lab.baselines import NOTHING, Strategy
from lab.bridge import Function, LambdaContext, remediator
from lab.episode import Episode, Note, SettingChange
from lab.judging import judged
from lab.recorder import SETTLED_SECONDS, settings_of
from lab.reports import changes_of, notes_of
from lab.scenarios import Scenario
from lab.stage import Stage, set_up
from remediator.wiring import Runtime

CHUNK_SECONDS = 60.0
# The rehearsal's clock counts microseconds: it may stop this much short.
CLOCK_SECONDS = 0.001
# How much longer than with ``nothing`` a neighbour must be throttled to count as starved.
STARVED_SECONDS = 60.0


def _ignored(_event: Any, _context: LambdaContext, _runtime: Runtime) -> None:
    """Deployed in the remediator's place: alarms call, nobody answers."""


def play(
    scenario: Scenario,
    seed: int,
    strategy: Strategy,
    *,
    to_the_end: bool = False,
    nothing: Episode | None = None,
) -> Episode:
    """One run of a strategy that acts upon the plant directly."""
    stage = staged(scenario, seed, strategy)
    run(stage, scenario, None if to_the_end else SETTLED_SECONDS)
    return episode_of(stage, scenario, seed, (), tuple(stage.changes), nothing)


def play_remediator(
    scenario: Scenario,
    seed: int,
    *,
    policy: str | None = None,
    policy_name: str = "",
    nothing: Episode | None = None,
) -> Episode:
    """One run of the remediator, as it ships, in mode apply; always to the horizon."""
    idle = Strategy(name="remediator", what="")
    stage = staged(scenario, seed, idle, remediator, policy)
    run(stage, scenario)
    notes = notes_of(stage.rehearsal.reports, stage.world.start)
    changes = changes_of(stage.rehearsal.reports, stage.world.start)
    return episode_of(stage, scenario, seed, notes, changes, nothing, policy_name)


def run(stage: Stage, scenario: Scenario, settled_seconds: float | None = None) -> None:
    """Let the story pass, to its end or until the lag has been gone for a while."""
    end = scenario.horizon_seconds
    while end - stage.seconds > CLOCK_SECONDS:
        stage.rehearsal.run_until(min(end, stage.seconds + CHUNK_SECONDS))
        alarm = alarm_at(stage)
        if settled_seconds is None or alarm is None or stage.seconds - alarm < settled_seconds:
            continue
        if stage.recorder.settled_seconds(scenario.threshold_seconds) >= settled_seconds:
            return


def alarm_at(stage: Stage) -> float | None:
    """When the template's alarms first called: ALARM, or silence after there was a metric."""
    known: set[str] = set()
    for at, name, state in stage.rehearsal.transitions:
        if name in stage.alarms_of_others:
            continue
        if state == "ALARM" or (state == "INSUFFICIENT_DATA" and name in known):
            return (at - stage.world.start).total_seconds()
        known.add(name)
    return None


def staged(
    scenario: Scenario,
    seed: int,
    strategy: Strategy,
    function: Function = _ignored,
    policy: str | None = None,
) -> Stage:
    """A world at its start, in which the strategy hears the alarms."""
    asks = function is not _ignored
    stage = set_up(scenario, seed, function, by=strategy.name, policy=policy, asks=asks)
    strategy.at_start(stage)
    _listen(stage, strategy)
    return stage


def before_alarm(scenario: Scenario, seed: int, alarm: float) -> Stage:
    """A world in which nobody has acted, a moment before its first alarm: to go on from."""
    stage = staged(scenario, seed, NOTHING)
    stage.rehearsal.run_until(alarm - 1.0)
    return stage


def go_on(
    stage: Stage,
    scenario: Scenario,
    seed: int,
    strategy: Strategy,
    nothing: Episode,
    *,
    to_the_end: bool = False,
) -> Episode:
    """One run of a strategy that acts at alarms, from just before the first one. It uses the stage
    up: see ``lab.copies``."""
    stage.by = strategy.name
    _listen(stage, strategy)
    run(stage, scenario, None if to_the_end else SETTLED_SECONDS)
    return episode_of(stage, scenario, seed, (), tuple(stage.changes), nothing)


def _listen(stage: Stage, strategy: Strategy) -> None:
    called: list[float] = []

    def heard(alarm: Any) -> None:
        if alarm.state.value == "ALARM":
            strategy.at_alarm(stage)
        first = alarm_at(stage)
        if first is not None and not called:
            called.append(first)
            strategy.at_first_alarm(stage)

    stage.rehearsal.aws.alarms.on_transition.append(heard)


def episode_of(
    stage: Stage,
    scenario: Scenario,
    seed: int,
    notes: tuple[Note, ...],
    changes: tuple[SettingChange, ...],
    nothing: Episode | None,
    policy_name: str = "",
) -> Episode:
    """What a run has come to."""
    recorder, alarm = stage.recorder, alarm_at(stage)
    ledger = recorder.ledger()
    usual = nothing.neighbour_throttles if nothing else recorder.starved_seconds
    facts: Mapping[str, Any] = {
        "alarm_at_seconds": alarm,
        "recovered_at_seconds": recorder.recovered_at(alarm, scenario.threshold_seconds),
        "timeline": recorder.timeline(),
        "ledger": ledger,
        "lost": ledger.discarded + ledger.expired,
        "captured_good": recorder.captured_good(),
        "starved": recorder.starved_seconds > usual + STARVED_SECONDS,
        "neighbour_throttles": round(recorder.starved_seconds),
        "overridden": tuple(sorted(recorder.overridden)),
        "others_hurt": recorder.others_hurt(),
        "final_settings": settings_of(stage.world),
    }
    episode = Episode(
        scenario=scenario.name,
        strategy=stage.by,
        seed=seed,
        true_cause=scenario.causes[0],
        horizon_seconds=scenario.horizon_seconds,
        threshold_seconds=scenario.threshold_seconds,
        changes=changes,
        notes=notes,
        policy=policy_name,
        **facts,
    )
    return judged(episode, scenario)
