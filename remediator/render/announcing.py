"""What people and other systems are told: notices, the poison packet. Pure.

Nothing of a record's payload is in here.
"""

from collections.abc import Mapping
from datetime import timedelta

from remediator.escaping import command
from remediator.evidence.signals import Signals
from remediator.model import (
    Evidence,
    Option,
    PoisonPacket,
    Report,
    SourceKind,
)
from remediator.ports import Notice
from remediator.render import forms, message


def notice(report: Report, kind: str | None = None) -> Notice:
    """The notice of a report, in each of its forms."""
    told = message.message(report, kind or report.outcome.status.value)
    return Notice(
        kind=told.kind,
        subject=told.subject,
        text=forms.mail(told),
        chat=forms.chat_notification(told, report),
        incident=report.incident,
        detail=report.model_dump(mode="json", exclude={"incident"}),
    )


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
    names = {f"{setting} {after}" for setting, after in changes.items()}
    return next((o.drains_in_seconds for o in options if o.option in names), None)
