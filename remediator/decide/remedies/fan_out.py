"""Enhanced fan-out: 2 MB a second and shard for this consumer alone, whoever else reads.

What a mapping reads cannot be changed, so another one takes over (``execution.takeover``). Where it
begins is a time, since nobody is told how far the old one has read: so early that nothing is left
out, and what was read by then is read twice. Sources: Kinesis Data Streams Developer Guide,
enhanced-consumers and service-sizes-and-limits; Lambda Developer Guide, with-kinesis.
"""

from datetime import timedelta

from remediator import arns
from remediator.decide.case import Case
from remediator.decide.remedies.base import Pass, Remedy, age_bound
from remediator.execution.takeover import SHARED, through_fan_out
from remediator.model import Change, Detail, MappingState, RemedyName, Resource, SourceKind
from remediator.settings_table import READS_BY

NAME = RemedyName.ENHANCED_FAN_OUT
CAVEATS = (
    (
        "another mapping takes over, with a UUID of its own: what names the old one in templates, "
        "dashboards and alarms has to follow; the old one stays, disabled, and where a deploy "
        "enables it again both read"
    ),
    "for minutes nothing is read: the old one is stopped and at rest before the new one starts",
    (
        "records are processed twice: what was read since the time at which the new mapping "
        "begins; and taken back, what was read since the takeover, for the old one goes on where "
        "it stopped"
    ),
    (
        "where producers aggregate records (KPL), Lambda de-aggregates them for enhanced fan-out "
        "and drops what does not match the partition key: not for such streams"
    ),
    "the consumer's role needs kinesis:SubscribeToShard on the registered consumer",
    "it is paid for by shard and hour, and by what is read",
)
# Before the oldest record that is known to wait, and before the age began to climb: until then
# every shard was read, while one whose reads fail shows no age at all since.
OVERLAP = timedelta(minutes=15)


def propose(here: Case) -> tuple[Change, ...] | Pass:
    """A takeover to a consumer of its own, from before the oldest record that waits."""
    target, mapping = here.evidence.target, here.evidence.mapping
    if target.kind is SourceKind.DYNAMODB:
        return Pass("a DynamoDB stream has no enhanced fan-out: let fewer readers read it")
    if target.consumer_arn is not None:
        return Pass("the mapping has enhanced fan-out already")
    if mapping is None:
        return Pass("the mapping was not seen")
    refusal = _not_ours_to_move(here, mapping) or _no_room(here)
    if refusal is not None:
        return refusal
    ages = (
        here.signals.age_seconds,
        here.signals.highest_age_seconds,
        here.signals.stream_age_seconds,
    )
    known = [age for age in ages if age is not None]
    if not known:
        return Pass("how old what waits is was not seen, so neither where another would begin")
    slope = here.signals.age_slope
    if slope is not None and max(known) + 3600 * max(0.0, slope) < OVERLAP.total_seconds():
        return Pass(
            f"records wait {max(known):.0f} s, and for less in an hour than the "
            f"{OVERLAP.total_seconds():.0f} s and more that would be read again first"
        )
    waits_since = here.at - timedelta(seconds=max(known))
    begins = min(waits_since, here.signals.onset or waits_since) - OVERLAP
    name = arns.successor_name(target.event_source_mapping)
    change = Change(
        remedy=NAME,
        resource=Resource(kind=READS_BY.kind, id=f"{target.source_arn}/consumer/{name}"),
        setting=READS_BY.name,
        before=SHARED,
        after=through_fan_out(begins),
        why="2 MB a second of each shard are this consumer's alone then, whoever else reads",
        caveats=CAVEATS,
    )
    return (change,)


def _not_ours_to_move(here: Case, mapping: MappingState) -> Pass | None:
    """What another mapping could not go on with, or the old one not go back to."""
    target = here.evidence.target
    stream = arns.parsed(target.source_arn)
    if stream is None or stream.account_id != target.account_id:
        return Pass("the stream lies in another account, and so would its consumer")
    if mapping.tumbling_window_seconds:
        return Pass("the mapping has a tumbling window, whose state another one does not take over")
    if mapping.starting_position == "LATEST":
        return Pass(
            "the mapping starts at LATEST: stopped and started again, it may miss records, so that "
            "there would be no way back"
        )
    sample = here.evidence.key_sample
    if sample is not None and sample.aggregated:
        return Pass(
            "producers aggregate records (KPL): de-aggregated for enhanced fan-out, what does not "
            "match the partition key would be dropped"
        )
    most, age = age_bound(here), here.signals.age_seconds
    if most is not None and (age is None or most < _oldest_in_a_takeover(here, age)):
        return Pass(
            f"the mapping gives up records older than {most} s: nothing is read while another one "
            "takes over, and what waits then would be dropped behind what is read twice"
        )
    if mapping.not_to_copy:
        named = ", ".join(mapping.not_to_copy)
        return Pass(f"the mapping has settings that another one cannot be given: {named}")
    return None


def _oldest_in_a_takeover(here: Case, age: float) -> float:
    """Seconds: nothing is read until the other one is there, which takes several writes. Then all
    since ``OVERLAP`` before the oldest is read again first, no faster than it came, at worst."""
    stands = _WRITES * here.policy.forecast.restart_seconds
    return age + stands + age + OVERLAP.total_seconds()


# Of a takeover, each as long as a restart: stopped, registered, begun.
_WRITES = 3


def _no_room(here: Case) -> Pass | None:
    stream, most = here.evidence.stream, here.policy.limits.stream_consumers
    if stream is None or stream.registered_consumers is None:
        return Pass("the stream's registered consumers were not seen")
    there = stream.registered_consumers + (stream.queue_count or 0)
    if there >= most:
        return Pass(f"the stream has {there} consumers and queues, of {most} that it may have")
    return None


REMEDY = Remedy(
    NAME,
    propose,
    permissions=(
        "kinesis:RegisterStreamConsumer",
        "kinesis:DeregisterStreamConsumer",
        "lambda:CreateEventSourceMapping",
        "lambda:UpdateEventSourceMapping",
        "lambda:DeleteEventSourceMapping",
        "lambda:ListTags",
        "lambda:TagResource",
    ),
    caveats=CAVEATS,
    details=frozenset(Detail) - {Detail.TABLE_READERS},
)
