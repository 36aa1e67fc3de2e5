"""The three ways by which CloudWatch tells that an alarm changed state.

A Lambda action, SNS and EventBridge tell the same facts in different places. One table for each
way says where each fact lies; nothing is trusted to be there or to be of its documented type.
Sources: CloudWatch User Guide, "Invoke a Lambda function from an alarm" and "Alarm events and
EventBridge"; Lambda Developer Guide, "Using Lambda with Amazon SNS".
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from remediator.errors import InputError
from remediator.events import names
from remediator.events.names import shown

Path: TypeAlias = tuple[str | int, ...]
Event: TypeAlias = Mapping[Any, Any]


def _state_change(root: str) -> dict[str, Path]:
    """What Lambda actions and EventBridge have in common."""
    return {
        "name": (root, "alarmName"),
        "state": (root, "state", "value"),
        "at": (root, "state", "timestamp"),
        "reason": (root, "state", "reason"),
        "data": (root, "state", "reasonData"),
        "previous": (root, "previousState", "value"),
        "metrics": (root, "configuration"),
        "rule": (root, "configuration", "alarmRule"),
        "contributor": (root, "alarmContributor", "id"),
        "attributes": (root, "alarmContributor", "attributes"),
        "source": ("source",),
        "region": ("region",),
        "time": ("time",),
    }


_LAMBDA_ACTION: Mapping[str, Path] = _state_change("alarmData") | {
    "arn": ("alarmArn",),
    "account": ("accountId",),
}
_EVENTBRIDGE: Mapping[str, Path] = _state_change("detail") | {
    "arn": ("resources", 0),
    "account": ("account",),
}
_SNS_PART, _MESSAGE = "Records.0.Sns", "Records.0.Sns.Message"
_SNS: Mapping[str, Path] = {  # its Region is a long name, so the ARN's is taken
    "name": (_MESSAGE, "AlarmName"),
    "arn": (_MESSAGE, "AlarmArn"),
    "account": (_MESSAGE, "AWSAccountId"),
    "state": (_MESSAGE, "NewStateValue"),
    "at": (_MESSAGE, "StateChangeTime"),
    "reason": (_MESSAGE, "NewStateReason"),
    "data": (_MESSAGE, "NewStateReasonData"),
    "previous": (_MESSAGE, "OldStateValue"),
    "metrics": (_MESSAGE, "Trigger"),
    "threshold": (_MESSAGE, "Trigger", "Threshold"),
    "rule": (_MESSAGE, "AlarmRule"),
    "children": (_MESSAGE, "TriggeringChildren"),
    "contributor": (_MESSAGE, "AlarmContributorId"),
    "attributes": (_MESSAGE, "AlarmContributorAttributes"),
    "time": (_SNS_PART, "Timestamp"),
}


class Facts(NamedTuple):
    """An event, and where each fact lies in it."""

    event: Event
    paths: Mapping[str, Path]

    @property
    def alarm(self) -> object:
        """What tells of the alarm: all of it, but not the envelope of SNS, whose topic may lie in
        another account."""
        return self.event.get(_MESSAGE, self.event)

    def of(self, fact: str) -> Any:
        return look(self.event, self.paths[fact]) if fact in self.paths else None

    def text(self, fact: str) -> str | None:
        return names.text(self.of(fact))


def look(value: Any, path: Path) -> Any:
    """What lies at ``path``; ``None`` when nothing does."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _lambda_action(event: Event) -> Facts:
    return Facts(event, _LAMBDA_ACTION)


def _eventbridge(event: Event) -> Facts:
    kind = event.get("detail-type")
    if kind is not None and kind not in _DETAIL_TYPES:
        raise InputError(f"detail-type: expected {' or '.join(_DETAIL_TYPES)}, got {shown(kind)}")
    return Facts(event, _EVENTBRIDGE)


_DETAIL_TYPES = ("CloudWatch Alarm State Change", "CloudWatch Alarm Contributor State Change")


def _sns(event: Event) -> Facts:
    records = event["Records"]
    if not isinstance(records, list) or len(records) != 1:
        got = len(records) if isinstance(records, list) else shown(records)
        raise InputError(f"Records: expected the one record of an SNS notification, got {got}")
    sns = look(records, (0, "Sns"))
    if not isinstance(sns, dict):
        source = look(records, (0, "eventSource")) or look(records, (0, "EventSource"))
        raise InputError(f"Records.0: expected a record of SNS, got one of {shown(source)}")
    message = parsed(sns.get("Message"))
    if not isinstance(message, dict):
        raise InputError(
            f"{_MESSAGE}: expected a CloudWatch alarm notification in JSON, got "
            f"{shown(sns.get('Message'))}"
        )
    return Facts({_SNS_PART: sns, _MESSAGE: message}, _SNS)


DELIVERIES: Mapping[str, Callable[[Event], Facts]] = {
    "alarmData": _lambda_action,
    "detail": _eventbridge,
    "Records": _sns,
}


def parsed(value: object) -> Any:
    """A JSON text's value; ``None`` when it is none (AWS's own samples hold ``[...]``)."""
    if not isinstance(value, str):
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
