"""What people and other systems are told: notices, the poison packet. Pure.

Plain words first, the machine's part after. Nothing of a record's payload is in here.
"""

from collections.abc import Mapping
from datetime import timedelta

from remediator.escaping import command, visible
from remediator.evidence.signals import Signals
from remediator.model import (
    ChangeResult,
    Evidence,
    Option,
    PoisonPacket,
    Report,
    SourceKind,
    Status,
)
from remediator.ports import Notice
from remediator.wording import name, offered, setting, standing

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
    headline = _HEADLINES.get(report.outcome.status, report.outcome.status.value)
    if kind == "recovered":
        headline = "saw it recover"
    about = _about(report)
    return Notice(
        kind=kind,
        subject=f"remediator {headline}: {visible(about)}",
        text="\n".join(map(visible, _lines(report, headline, about))),
        incident=report.incident,
        detail=report.model_dump(mode="json", exclude={"incident"}),
    )


def _about(report: Report) -> str:
    """Whom and why in a few words: what was done, where no consumer was looked at."""
    if report.target is None:
        return report.outcome.reason or report.incident_id
    if report.diagnosis is None:
        return ", ".join(filter(None, (report.target.function, report.outcome.reason)))
    return f"{report.target.function}, {report.diagnosis.cause}"


def _lines(report: Report, headline: str, about: str) -> list[str]:
    lines = [f"The remediator {headline} (mode {report.mode}): {about}."]
    lines += [f"Incident: {report.incident_id}."] if report.target else []
    lines += [f"{label[0].upper()}{label[1:]}: {value}." for label, value in standing(report)]
    if report.diagnosis:
        lines += [f"Cause: {report.diagnosis.cause}."]
        lines += [
            f"- {step.question} {step.answer}: {step.because}" for step in report.diagnosis.path
        ]
    for guarded in report.guarded_plan.changes if report.guarded_plan else ():
        change, ruling = guarded.change, guarded.ruling
        lines.append(
            f"{change.setting}: {setting(change.before)} -> {setting(change.after)} "
            f"({ruling.decision}, {ruling.guardrail}: {ruling.reason}). {change.why}"
        )
    lines += [f"Outcome: {name(report.outcome.status)}. {report.outcome.reason}".strip()]
    lines += [_result(result) for result in report.outcome.results]
    lines += [*report.notes, *filter(None, (report.escalation, _next(report)))]
    return [*lines, *_offers(report)]


def _result(result: ChangeResult) -> str:
    change = result.change
    detail = f", {result.detail}" if result.detail else ""
    return (
        f"- {name(result.status)}: {change.setting} {setting(change.before)} -> "
        f"{setting(change.after)} of {change.resource}{detail}"
    )


def _offers(report: Report) -> list[str]:
    """Commands that run as pasted."""
    lines = []
    if report.outcome.status is Status.AWAITING_APPROVAL:
        named = report.incident_id, "--plan", report.plan.digest
        lines.append(f"Approve with: {offered(report, 'approve', *named)}")
    if report.in_effect:
        lines.append(f"Undo with: {offered(report, 'rollback', report.incident_id)}")
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
    """Two steps, since an iterator has to be asked for; the shards first, where one of several
    fails. In a shell they run as pasted, one after the other."""
    target = evidence.target
    dynamodb = target.kind is SourceKind.DYNAMODB
    service = "dynamodbstreams" if dynamodb else "kinesis"
    where = ("--region", target.region)
    position: tuple[str, ...] = ("TRIM_HORIZON",)
    if since and not dynamodb:
        position = ("AT_TIMESTAMP", "--timestamp", since)
    listing = (
        ("describe-stream", "--query", "StreamDescription.Shards[].ShardId")
        if dynamodb
        else ("list-shards", "--query", "Shards[].ShardId")
    )
    stream = ("--stream-arn", target.source_arn)
    iterator = command(
        *("aws", service, "get-shard-iterator", *stream),
        *("--shard-id", shard or "SHARD_ID", "--shard-iterator-type", *position),
        *("--query", "ShardIterator", "--output", "text", *where),
    )
    records = command("aws", service, "get-records", "--limit", "10", *where)
    named = () if shard else (command("aws", service, *listing, *stream, *where),)
    return (*named, f"ITERATOR=$({iterator})", f'{records} --shard-iterator "$ITERATOR"')


def drain_time(options: tuple[Option, ...], changes: Mapping[str, object]) -> float | None:
    """The forecast of a ParallelizationFactor that was chosen, to be compared with what happens.

    Other levers have none: when a poison record is isolated or a split is drained, nobody knows.
    """
    factor = changes.get("parallelization_factor")
    name = f"parallelization_factor {factor}"
    return next((o.drains_in_seconds for o in options if o.option == name), None)
