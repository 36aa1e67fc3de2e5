"""Builders of the records that a journal keeps, with one value for everything not asked for."""

from datetime import UTC, datetime
from typing import Any

from remediator.model import Incident, RemedyName, SourceKind, Target
from remediator.state import Claim, Entry, EntryKind, Freeze, IncidentState, Spent

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
ACCOUNT, REGION = "111122223333", "eu-west-1"


def target(mapping: str = "mapping-1") -> Target:
    return Target(
        function="orders",
        function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders",
        event_source_mapping=mapping,
        source_arn=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders",
        kind=SourceKind.KINESIS,
        stream="orders",
    )


def state(
    incident_id: str = "incident-1", mapping: str | None = None, **fields: Any
) -> IncidentState:
    """An incident as it is when it begins; its target is known when ``mapping`` is given."""
    at = fields.pop("opened_at", NOW)
    return IncidentState(
        incident_id=incident_id,
        account_id=fields.pop("account_id", ACCOUNT),
        region=REGION,
        incident=Incident(incident_id=incident_id, at=at),
        target=target(mapping) if mapping else None,
        opened_at=at,
        updated_at=at,
        **fields,
    )


def entry(incident_id: str = "incident-1", at: datetime = NOW, **data: Any) -> Entry:
    return Entry(incident_id=incident_id, kind=EntryKind.NOTE, at=at, data=data)


def claim(incident_id: str = "incident-1", amount: int = 10, *, expires_at: datetime) -> Claim:
    return Claim(incident_id=incident_id, amount=amount, expires_at=expires_at)


def spent(incident_id: str = "incident-1", at: datetime = NOW) -> Spent:
    return Spent(
        incident_id=incident_id,
        mapping="mapping-1",
        remedy=RemedyName.RAISE_PARALLELIZATION_FACTOR,
        at=at,
    )


def freeze(scope: str = "all", reason: str = "a release is under way") -> Freeze:
    return Freeze(scope=scope, reason=reason, by="ada", at=NOW)
