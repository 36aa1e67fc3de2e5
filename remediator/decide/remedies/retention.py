"""Extend retention: first aid when expiry is near. It buys time and loses nothing."""

from remediator.decide.case import Case
from remediator.decide.remedies.base import Pass, Remedy, changes
from remediator.model import Change, RemedyName, SourceKind
from remediator.settings_table import RETENTION

NAME = RemedyName.EXTEND_RETENTION
CAVEATS = (
    "more than 24 hours of retention costs money",
    "what has expired already does not come back",
)


def propose(here: Case) -> tuple[Change, ...] | Pass:
    """Only when the oldest record would expire soon, or before the backlog can be drained."""
    if here.evidence.target.kind is SourceKind.DYNAMODB:
        return Pass("a DynamoDB stream keeps records for 24 hours, always")
    stream, left = here.evidence.stream, here.signals.retention_left_seconds
    if here.signals.contradictions and left is None:
        return Pass(f"the age is not to be believed: {here.signals.contradictions[0]}")
    most = here.signals.maximum_age_seconds
    if most is not None:
        return Pass(f"the mapping drops records at {most:.0f} s: the stream keeps them longer")
    if stream is None or left is None:
        return Pass("the retention or the age was not seen")
    aid = here.policy.first_aid
    if left > aid.expiry_near_seconds:
        return Pass(f"the oldest record expires in {left / 3600:.1f} h: not near")
    hours = min(
        max(aid.extend_to_hours, stream.retention_hours * 2), here.policy.limits.retention_hours
    )
    if hours <= stream.retention_hours:
        return Pass(f"retention is {stream.retention_hours} h already, the most that is allowed")
    return changes(
        NAME,
        here.evidence,
        {RETENTION: hours},
        f"the oldest record expires in {left / 3600:.1f} h",
        CAVEATS,
    )


REMEDY = Remedy(
    NAME,
    propose,
    permissions=("kinesis:IncreaseStreamRetentionPeriod", "kinesis:DecreaseStreamRetentionPeriod"),
    caveats=CAVEATS,
)
