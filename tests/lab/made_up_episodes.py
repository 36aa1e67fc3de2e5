"""Episodes that nothing ran: one incident as it might have gone under every strategy."""

from lab.episode import (
    Episode,
    ForecastLine,
    Note,
    PathStep,
    Setting,
    SettingChange,
    Timeline,
)
from lab.plant import Ledger

ALARM = 600.0
HORIZON = 5400.0
STEP = 10.0
ARRIVAL = 100.0

LEVERS: dict[str, tuple[float, str, Setting, Setting, float] | None] = {
    # After the alarm: when, which setting, before, after, and how long it then takes.
    "nothing": None,
    "double_shards": (20, "shard_count", 4, 8, 3400),
    "utilisation_reshard": (180, "shard_count", 4, 6, 3600),
    "pf_10": (15, "parallelization_factor", 1, 10, 420),
    "human_15_minutes": (900, "parallelization_factor", 1, 4, 700),
    "remediator": (75, "parallelization_factor", 1, 4, 520),
    "oracle": (5, "parallelization_factor", 1, 4, 450),
}

PATH = (
    PathStep(
        question="Is the consumer stopped?",
        answer="no",
        because="The mapping is enabled and the function may run.",
        readings=("mapping state = Enabled",),
    ),
    PathStep(
        question="Is the function throttled?",
        answer="no",
        because="No throttles in the window.",
        readings=("throttles = 0",),
    ),
    PathStep(
        question="Is a record failing again and again?",
        answer="unseen",
        because="The metric of the mapping's events is not switched on.",
    ),
    PathStep(
        question="Is the function too slow for what arrives?",
        answer="yes",
        because="It does 80 records a second, and 100 arrive.",
        readings=("capacity = 80 records/s", "arrival = 100 records/s", "iterator age = 610 s"),
    ),
)

FORECAST = (
    ForecastLine(option="nothing", drains_in_seconds=None, note="never: arrival exceeds capacity"),
    ForecastLine(option="parallelization_factor 4", drains_in_seconds=480.0),
    ForecastLine(option="parallelization_factor 10", drains_in_seconds=390.0),
    ForecastLine(option="split_shards", drains_in_seconds=3000.0, note="not the backlog"),
)

NOTES = (
    Note(
        at_seconds=ALARM + 62,
        cause="slow_consumer",
        status="applied",
        decision="wait",
        path=PATH,
        forecast=FORECAST,
        wished=("raise_parallelization_factor",),
    ),
    Note(at_seconds=ALARM + 420, cause="recovering", verdict="improving", decision="wait"),
    Note(at_seconds=ALARM + 720, cause="recovering", verdict="recovered", decision="close"),
)


def incident(*strategies: str, seed: int = 7) -> list[Episode]:
    """One incident under the strategies named; under all of them when none is."""
    return [_episode(strategy, seed) for strategy in strategies or tuple(LEVERS)]


def _episode(strategy: str, seed: int) -> Episode:
    lever = LEVERS[strategy]
    changed_at = HORIZON if lever is None else ALARM + lever[0]
    takes = 1.0 if lever is None else lever[4]
    ours = strategy == "remediator"
    recovered = changed_at + takes
    return Episode(
        scenario="slow_io_bound",
        strategy=strategy,
        seed=seed,
        true_cause="slow_consumer",
        horizon_seconds=HORIZON,
        threshold_seconds=300.0,
        alarm_at_seconds=ALARM,
        recovered_at_seconds=recovered if recovered < HORIZON else None,
        timeline=_timeline(changed_at, takes, strategy),
        changes=_changes(strategy),
        notes=NOTES if ours else (),
        said_cause="slow_consumer" if ours else "",
        right_cause=True if ours else None,
        ledger=Ledger(
            540_000, 539_000 - 1000 * (lever is None), 0, 0, 1000 * (lever is None), 1000
        ),
        lost=1000 if lever is None else 0,
        starved=strategy == "pf_10",
        neighbour_throttles=240 if strategy == "pf_10" else 0,
    )


def _changes(strategy: str) -> tuple[SettingChange, ...]:
    lever = LEVERS[strategy]
    if lever is None:
        return ()
    after_alarm, setting, before, after, _ = lever
    by = "raise_parallelization_factor" if strategy == "remediator" else strategy
    return (
        SettingChange(
            at_seconds=ALARM + after_alarm, setting=setting, before=before, after=after, by=by
        ),
    )


def _timeline(changed_at: float, takes: float, strategy: str) -> Timeline:
    seconds = tuple(STEP * n for n in range(int(HORIZON / STEP) + 1))
    ages = tuple(_age(at, changed_at, takes) for at in seconds)
    return Timeline(
        seconds=seconds,
        age_seconds=ages,
        backlog_records=tuple(int(ARRIVAL * age) for age in ages),
        concurrency=tuple(
            4 if at < changed_at else 16 if age > 5 else 8
            for at, age in zip(seconds, ages, strict=True)
        ),
        errors_per_minute=tuple(
            12.0 if strategy == "pf_10" and at > changed_at else 0.0 for at in seconds
        ),
        throttles_per_minute=tuple(
            30.0 if strategy == "pf_10" and changed_at < at < changed_at + 300 else 0.0
            for at in seconds
        ),
    )


def _age(at: float, changed_at: float, takes: float) -> float:
    onset = 250.0
    growth = 0.9
    if at <= onset:
        return 1.0
    if at <= changed_at:
        return 1.0 + growth * (at - onset)
    peak = 1.0 + growth * (changed_at - onset)
    return max(1.0, peak * (1 - (at - changed_at) / takes))
