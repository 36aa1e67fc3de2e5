"""What becomes of invocations: errors, failed records, throttles."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import fmean, median

from remediator.metrics import Metric
from remediator.model import Evidence
from remediator.policy import Thresholds
from remediator.signals.series import (
    INVOCATION_FAMILY,
    LAST_MINUTES,
    counts_of,
    mean_of,
    minutes_seen,
    newest_of,
    series_of,
)


def measure_errors(evidence: Evidence, thresholds: Thresholds) -> dict[str, object]:
    failed_events = newest_of(
        series_of(evidence, Metric.FAILED_INVOKE_EVENTS),
        evidence.gathered_at - timedelta(seconds=thresholds.metric_delay_seconds),
        thresholds.recent_minutes,
    )
    found: dict[str, object] = {"failed_events_per_minute": mean_of(failed_events)}
    invocations = series_of(evidence, Metric.INVOCATIONS)
    errors = series_of(evidence, Metric.ERRORS)
    if invocations is None or errors is None or not invocations.points or not errors.points:
        return found
    failed = dict(errors.points)
    active = [(at, count, failed.get(at, 0.0)) for at, count in invocations.points if count > 0]
    newest = active[-LAST_MINUTES:]
    if not newest:
        return found
    over = [min(1.0, bad / count) >= thresholds.error_share for _, count, bad in active]
    run = next((n for n, bad in enumerate(reversed(over)) if not bad), len(over))
    return found | {
        "error_share": min(1.0, _weighted(newest)),
        "error_minutes": sum(bad > 0 for _, _, bad in newest),
        "failing_minutes": sum(over[-LAST_MINUTES:]),
        "failing_since": active[-run][0] if run else None,
        "successes_per_minute": fmean(max(0.0, count - bad) for _, count, bad in newest),
        "least_successes_per_minute": min(max(0.0, count - bad) for _, count, bad in newest),
        "newest_error_share": min(1.0, newest[-1][2] / newest[-1][1]),
        "usual_successes_per_minute": _usual_successes(active, run),
        "successes_since_modified": _successes_since(evidence, active, run),
    }


def _weighted(minutes: Sequence[tuple[datetime, float, float]]) -> float:
    """Errors per invocation over the newest two minutes: an onset must not be averaged away."""
    newest = minutes[-2:]
    return sum(bad for *_, bad in newest) / sum(count for _, count, _ in newest)


def _usual_successes(
    active: Sequence[tuple[datetime, float, float]], failing_run: int
) -> float | None:
    before = active[: len(active) - failing_run] if failing_run else active[:-LAST_MINUTES]
    return median(count - bad for _, count, bad in before) if before else None


def _successes_since(
    evidence: Evidence, active: Sequence[tuple[datetime, float, float]], failing_run: int
) -> float | None:
    """Counted from the first whole minute after the change, and of the failing ones only: what
    succeeded before it failed shows nothing. ``None`` before such a minute was published."""
    changed = evidence.mapping.last_modified if evidence.mapping else None
    failing = active[-failing_run + 1 :] if failing_run > 1 else [] if failing_run else active
    since = [entry for entry in failing if changed is None or entry[0] >= changed]
    return sum(max(0.0, count - bad) for _, count, bad in since) if since else None


def measure_throttles(evidence: Evidence, thresholds: Thresholds) -> dict[str, object]:
    minutes = minutes_seen(evidence, INVOCATION_FAMILY)
    throttles = counts_of(evidence, Metric.THROTTLES, minutes)
    account = newest_of(
        series_of(evidence, Metric.ACCOUNT_THROTTLES),
        evidence.gathered_at,
        thresholds.recent_minutes,
    )
    found: dict[str, object] = {"account_throttles_per_minute": mean_of(account)}
    if throttles is None:
        return found
    invoked = counts_of(evidence, Metric.INVOCATIONS, minutes) or (0.0,) * len(throttles)
    shares = [
        refused / (refused + done) if refused + done else 0.0
        for refused, done in zip(throttles, invoked, strict=True)
    ]
    newest = shares[-LAST_MINUTES:]
    return found | {
        "throttle_share": mean_of(newest),
        "throttled_minutes": sum(share >= thresholds.throttle_share for share in newest),
    }
