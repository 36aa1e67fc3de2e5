"""What several chapters are made of: readings, and how a chapter tells which cause they get."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from remediator.evidence.metrics import Metric
from remediator.model import Cause, Evidence, Series
from tests.evidence import (
    NOW,
    aged,
    climbing,
    evidence,
    one_shard_fails,
    poison,
    since,
    without,
)

# Pairs that look alike, with the detail by which they are told apart.
Alike = Mapping[str, tuple[Evidence, Cause, str]]
# Kinds that worlds at random have shown.
Kinds = Mapping[str, tuple[Evidence, Cause]]

# What is published only where something is invoked.
INVOKED = (
    Metric.ITERATOR_AGE_MS,
    Metric.INVOCATIONS,
    Metric.ERRORS,
    Metric.THROTTLES,
    Metric.DURATION_MS,
    Metric.DURATION_MAX_MS,
    Metric.CONCURRENT_EXECUTIONS,
)


def wait(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


def nothing_invoked(**said: Any) -> Evidence:
    """Records arrive, nothing is invoked any more, and nothing is throttled."""
    return without(
        evidence(**{"stream_iterator_age_ms": climbing()} | said),
        *(metric for metric in INVOKED if metric not in said),
    )


def split_since(minutes: int, *, errors: Any, **said: Any) -> Evidence:
    """One shard that has failed for 20 minutes, and splits failed batches since lately."""
    return one_shard_fails(
        **aged(climbing(1.0, 20)),
        errors=errors,
        bisect_on_error=True,
        mapping_last_modified=NOW - wait(minutes),
        **said,
    )


def fails_everywhere(**said: Any) -> Evidence:
    """Four shards, nothing succeeds, and nobody has deployed anything."""
    return poison(**{"errors": since(10, 240)} | said)


def long_batches(**said: Any) -> Evidence:
    """Four shards whose batches take two minutes, one after another, in every lane."""
    usual: dict[str, Any] = {
        "shards": 4,
        "invocations": [2.0] * 30,
        "duration_ms": 120_000,
        "duration_max_ms": 130_000,
        "timeout_seconds": 300,
        "concurrent_executions": 4,
        "iterator_age_ms": 90_000,
        "stream_iterator_age_ms": 0,
    }
    return evidence(**(usual | said))


def not_published_lately(seen: Evidence, metric: Metric, *, minutes: int) -> Evidence:
    """The same, but for the newest minutes of a metric."""
    older = Series(points=seen.metrics[metric].points[:-minutes])
    return seen.model_copy(update={"metrics": {**seen.metrics, metric: older}})


def without_minutes(seen: Evidence, metric: Metric, *lost: int) -> Evidence:
    """The same, but for some minutes of a metric, the newest of which is 29."""
    kept = (point for n, point in enumerate(seen.metrics[metric].points) if n not in lost)
    series = Series(points=tuple(kept))
    return seen.model_copy(update={"metrics": {**seen.metrics, metric: series}})


def nothing_runs_since(minutes: int, seen: Evidence) -> Evidence:
    """The same, but for the newest minutes of all that is published of what runs."""
    for metric in INVOKED:
        if metric is not Metric.THROTTLES:
            seen = not_published_lately(seen, metric, minutes=minutes)
    return seen
