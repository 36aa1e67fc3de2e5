"""Alarms as CloudWatch describes them: their state, since when, and what they watch.

Source: CloudWatch API Reference, DescribeAlarms and PutCompositeAlarm (AlarmRule).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors
from remediator.aws.reading import utc
from remediator.errors import InputError
from remediator.events import alarms as spellings
from remediator.events import names
from remediator.model import Alarm, AlarmState, Watched
from remediator.ports import DescribedAlarm

# AWS takes no more in one DescribeAlarms.
_MOST_NAMES = 100


def alarms(clients: Clients, wanted: Sequence[str]) -> tuple[DescribedAlarm, ...]:
    """The alarms by name or ARN, those that exist.

    Raises InputError for an ARN of another Region, PermanentError when it is denied,
    TemporaryError when it may work later.
    """
    named = list(dict.fromkeys(_name(one, clients.region) for one in wanted))
    chunks = (named[start : start + _MOST_NAMES] for start in range(0, len(named), _MOST_NAMES))
    return tuple(found for chunk in chunks for found in _described(clients, chunk))


def _name(wanted: str, region: str) -> str:
    arn = names.alarm_arn(wanted)
    if arn is None:
        return wanted
    names.same_region(arn.region, region, f"alarm {arn.name}")
    return arn.name


def _described(clients: Clients, chunk: Sequence[str]) -> tuple[DescribedAlarm, ...]:
    """All types: without naming them, AWS describes metric alarms alone."""
    with aws_errors("cloudwatch"):
        answer = clients.cloudwatch.describe_alarms(
            AlarmNames=chunk,
            AlarmTypes=["MetricAlarm", "CompositeAlarm", "LogAlarm"],
            MaxRecords=_MOST_NAMES,
        )
        return (
            *map(_metric_alarm, answer.get("MetricAlarms") or ()),
            *map(_composite_alarm, answer.get("CompositeAlarms") or ()),
            *map(_log_alarm, answer.get("LogAlarms") or ()),
        )


def _metric_alarm(found: Mapping[str, Any]) -> DescribedAlarm:
    return DescribedAlarm(alarm=_alarm(found), state_since=_since(found), watched=_watched(found))


def _log_alarm(found: Mapping[str, Any]) -> DescribedAlarm:
    """An alarm on a log query: it has a state, and watches nothing of ours."""
    return DescribedAlarm(alarm=_alarm(found), state_since=_since(found))


def _composite_alarm(found: Mapping[str, Any]) -> DescribedAlarm:
    children = spellings.in_rule(found.get("AlarmRule") or "")
    return DescribedAlarm(alarm=_alarm(found), state_since=_since(found), children=children)


def _alarm(found: Mapping[str, Any]) -> Alarm:
    return Alarm(
        name=found["AlarmName"],
        arn=found.get("AlarmArn"),
        state=_state(found.get("StateValue")),
        reason=found.get("StateReason") or "",
        threshold=found.get("Threshold"),
        late_after_seconds=spellings.late_after_seconds(
            {key: value for key, value in found.items() if value}, found.get("Threshold")
        ),
    )


def _state(value: str | None) -> AlarmState:
    """A state that is none of the three says nothing, as insufficient data does."""
    known = {state.value: state for state in AlarmState}
    return known.get(value or "", AlarmState.INSUFFICIENT_DATA)


def _since(found: Mapping[str, Any]) -> Any:
    """When the state changed; the older field also moves when only its reason did."""
    moment = found.get("StateTransitionedTimestamp") or found.get("StateUpdatedTimestamp")
    return utc(moment) if moment else None


def _watched(found: Mapping[str, Any]) -> Watched | None:
    """What its metrics point at; ``None`` when they name nothing of ours, or several things, or
    something of another account or Region than the alarm's own."""
    filled = {key: value for key, value in found.items() if value}
    arn = names.alarm_arn(found.get("AlarmArn"))
    try:
        named = spellings.watched_by(spellings.metrics(filled))
    except InputError:
        return None
    if named is None or (arn and _from_elsewhere(filled, arn)):
        return None
    return named.watched


def _from_elsewhere(found: Mapping[str, Any], ours: names.AlarmArn) -> bool:
    return any(
        (account or ours.account_id, region or ours.region) != (ours.account_id, ours.region)
        for account, region in names.places(found)
    )
