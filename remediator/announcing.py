"""What people and other systems are told: notices, the poison packet. Pure.

Plain words first, the machine's part after. Nothing of a record's payload is in here.
"""

from collections.abc import Mapping
from datetime import timedelta

from remediator.model import (
    Evidence,
    Option,
    PoisonPacket,
    Report,
    SourceKind,
    Status,
)
from remediator.ports import Notice
from remediator.signals import Signals

_HEADLINES = {
    Status.PLANNED: "would act",
    Status.APPLIED: "acted",
    Status.PARTLY_APPLIED: "acted in part",
    Status.FAILED: "could not act",
    Status.CONFLICT: "left a human's change alone",
    Status.BLOCKED: "was held back",
    Status.AWAITING_APPROVAL: "asks for approval",
    Status.NOTHING_TO_DO: "does nothing",
    Status.ESCALATED: "needs a person",
    Status.ROLLED_BACK: "rolled back",
    Status.RESTORED: "restored",
    Status.RECORDED: "took note",
}


def notice(report: Report, kind: str | None = None) -> Notice:
    """The notice of a report: who, what, why, what next."""
    kind = kind or report.outcome.status.value
    target = report.target.function if report.target else "unknown target"
    cause = report.diagnosis.cause.value if report.diagnosis else "no diagnosis"
    headline = _HEADLINES.get(report.outcome.status, report.outcome.status.value)
    if kind == "recovered":
        headline = "saw it recover"
    return Notice(
        kind=kind,
        subject=f"remediator {headline}: {target}, {cause}",
        text="\n".join(_lines(report, headline, target, cause)),
        incident=report.incident,
        detail=report.model_dump(mode="json", exclude={"incident"}),
    )


def _lines(report: Report, headline: str, target: str, cause: str) -> list[str]:
    lines = [f"The remediator {headline} for {target} (mode {report.mode}).", f"Cause: {cause}."]
    if report.diagnosis:
        lines += [
            f"- {step.question} {step.answer}: {step.because}" for step in report.diagnosis.path
        ]
    for guarded in report.guarded_plan.changes if report.guarded_plan else ():
        change, ruling = guarded.change, guarded.ruling
        lines.append(
            f"{change.setting}: {change.before} -> {change.after} ({ruling.decision}, "
            f"{ruling.guardrail}: {ruling.reason}). {change.why}"
        )
    lines += [f"Outcome: {report.outcome.status}. {report.outcome.reason}".strip()]
    lines += [line for line in (report.escalation, _next(report)) if line]
    if report.outcome.status is Status.AWAITING_APPROVAL:
        named = f"{report.incident_id} --plan {report.plan.digest}"
        lines.append(f"Approve with: remediator approve {named}")
    if any(result.in_effect for result in report.outcome.results):
        lines.append(f"Undo with: remediator rollback {report.incident_id}")
    return lines


def _next(report: Report) -> str:
    follow_up = report.follow_up
    if follow_up.at is None:
        return follow_up.because
    return f"Next look at {follow_up.at:%F %T} UTC. {follow_up.because}".strip()


def poison_packet(evidence: Evidence, signals: Signals) -> PoisonPacket:
    """Where the record that blocks its shard lies, and how to fetch it before it expires."""
    target, stuck = evidence.target, _stuck_shard(evidence)
    arrived = (
        evidence.gathered_at - timedelta(seconds=signals.age_seconds)
        if signals.age_seconds is not None
        else None
    )
    hours = evidence.stream.retention_hours if evidence.stream else 24
    return PoisonPacket(
        source_arn=target.source_arn,
        shard_id=stuck,
        oldest_arrival=arrived,
        newest_arrival=None,
        expires_at=arrived + timedelta(hours=hours) if arrived else None,
        fetch=_fetch_commands(evidence, stuck, arrived.isoformat() if arrived else None),
    )


def _stuck_shard(evidence: Evidence) -> str | None:
    """The oldest shard by its own metrics, or the only one there is."""
    ages = {
        shard: series.values[-1]
        for shard, metrics in evidence.shard_metrics.items()
        if (series := metrics.get("shard_iterator_age_ms")) and series.points
    }
    if ages:
        return max(ages, key=lambda shard: ages[shard])
    is_open = [shard.shard_id for shard in evidence.shards or () if shard.is_open]
    return is_open[0] if len(is_open) == 1 else None


def _fetch_commands(evidence: Evidence, shard: str | None, since: str | None) -> tuple[str, ...]:
    target = evidence.target
    name = shard or "SHARD_ID"
    if target.kind is SourceKind.DYNAMODB:
        return (
            (
                f"aws dynamodbstreams get-shard-iterator --stream-arn {target.source_arn} "
                f"--shard-id {name} --shard-iterator-type TRIM_HORIZON"
            ),
            "aws dynamodbstreams get-records --shard-iterator ITERATOR --limit 10",
        )
    position = f"AT_TIMESTAMP --timestamp {since}" if since else "TRIM_HORIZON"
    return (
        (
            f"aws kinesis get-shard-iterator --stream-arn {target.source_arn} --shard-id {name} "
            f"--shard-iterator-type {position}"
        ),
        "aws kinesis get-records --shard-iterator ITERATOR --limit 10",
    )


def drain_time(options: tuple[Option, ...], changes: Mapping[str, object]) -> float | None:
    """The forecast of a ParallelizationFactor that was chosen, to be compared with what happens.

    Other levers have none: when a poison record is isolated or a split is drained, nobody knows.
    """
    factor = changes.get("parallelization_factor")
    name = f"parallelization_factor {factor}"
    return next((o.drains_in_seconds for o in options if o.option == name), None)
