"""The remediator as it ships, in mode apply, on the lab's scenarios: what it did, and the end."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from lab.baselines import Strategy
from lab.bridge import Report, remediator
from lab.play import run, staged
from lab.scenarios import CONSUMER, MAPPING, SCENARIOS, Scenario
from lab.stage import Stage

Snapshot = tuple[object, ...]
CHUNK_SECONDS = 60.0


def policy(*lines: str) -> str:
    """A guardrails file with these lines beside the version."""
    return "\n".join(("version: 1", "mode: apply", *lines, ""))


def set_up(scenario: str | Scenario, seed: int = 1, text: str | None = None) -> Stage:
    """The scenario's world at its start; the lab's own ones go by their names."""
    told = SCENARIOS[scenario] if isinstance(scenario, str) else scenario
    strategy = Strategy(name="remediator", what="")
    return staged(told, seed, strategy, remediator, text or policy())


@cache
def played(scenario: str, seed: int = 1) -> Stage:
    """The scenario to its horizon; looked at by several tests."""
    stage = set_up(scenario, seed)
    run(stage, SCENARIOS[scenario])
    return stage


def run_until(stage: Stage, seconds: float) -> None:
    """On to a second of the world."""
    while stage.seconds < seconds - 0.01:
        stage.rehearsal.run_until(min(seconds, stage.seconds + CHUNK_SECONDS))


def run_until_changed(stage: Stage, setting: str, within_seconds: float) -> str:
    """On until the remediator has changed a setting; returns the incident's id."""
    while stage.seconds < within_seconds:
        stage.rehearsal.run_until(stage.seconds + CHUNK_SECONDS)
        for report in results(stage):
            if any(change["setting"] == setting for change in in_effect(report)):
                return str(report["incident_id"])
    raise AssertionError(f"{setting} was not changed: {statuses(stage)}")


def settings(stage: Stage) -> Snapshot:
    """Every setting that a remedy may change, to the last hash key."""
    mapping, stream = stage.mapping, stage.mapping.stream
    shards = tuple((shard.start_hash, shard.end_hash) for shard in stream.open_shards())
    reserved = stage.world.functions[CONSUMER].reserved_concurrency
    return (mapping.settings, reserved, stream.retention_hours, shards)


def results(stage: Stage) -> list[Mapping[str, Any]]:
    """What the handler returned, run after run."""
    return [report.result for report in stage.rehearsal.reports if report.result]


def raised(stage: Stage) -> list[Report]:
    """The runs that raised."""
    return [report for report in stage.rehearsal.reports if report.error]


def in_effect(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The changes of a run that took effect."""
    return [
        result["change"]
        for result in report["outcome"].get("results") or ()
        if result["status"] in {"applied", "settling"}
    ]


def changes(stage: Stage) -> list[tuple[str, object, object]]:
    """Every change that took effect, in order."""
    return [
        (change["setting"], change["before"], change["after"])
        for report in results(stage)
        for change in in_effect(report)
    ]


def statuses(stage: Stage) -> list[str]:
    """How the runs ended."""
    return [report["outcome"]["status"] for report in results(stage)]


def causes(stage: Stage) -> list[str]:
    """The causes that were named, each once, in order."""
    named = [report["diagnosis"]["cause"] for report in results(stage) if report["diagnosis"]]
    return list(dict.fromkeys(named))


def discarded(stage: Stage) -> int:
    """Records that were given up and kept nowhere."""
    return stage.world.ledger(MAPPING).discarded
