"""The three ways by which CloudWatch tells that an alarm changed state.

A Lambda action, SNS and EventBridge tell the same facts in different places. One table for each
way says where each fact lies; nothing is trusted to be there or to be of its documented type.
Sources: CloudWatch User Guide, "Invoke a Lambda function from an alarm" and "Alarm events and
EventBridge"; Lambda Developer Guide, "Using Lambda with Amazon SNS".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import (
    AliasChoices,
    AliasGenerator,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import from_json

from remediator.errors import InputError
from remediator.events import alarms, names
from remediator.events.names import AlarmArn, shown
from remediator.events.refusing import expected, lenient, refusal
from remediator.model import AlarmState

Event: TypeAlias = Mapping[Any, Any]

_Type = Literal["CloudWatch Alarm State Change", "CloudWatch Alarm Contributor State Change"]
# A composite alarm's rule has at most 500 elements (CloudWatch User Guide, quotas).
_MOST_CHILDREN = 500
# CloudWatch began in 2009. Outside of these, arithmetic with a window might leave the calendar.
_PLAUSIBLE_YEARS = range(2009, 2200)


def _time(value: object) -> datetime | None:
    """A time as AWS writes it: ``+0000`` or ``Z``, with or without fraction; naive is UTC."""
    try:
        found = datetime.fromisoformat(value)  # type: ignore[arg-type]
        found = found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if found.year in _PLAUSIBLE_YEARS else None


def _arns(listed: object) -> tuple[AlarmArn, ...]:
    fields = map(alarms.lowered, listed) if isinstance(listed, list) else ()
    return tuple(arn for child in fields if (arn := names.alarm_arn(child.get("arn"))))


def _expected(words: str, value: object) -> InputError:
    return InputError(f"expected {words}, got {'none' if value is None else shown(value)}")


Text: TypeAlias = Annotated[str | None, PlainValidator(names.text)]
_NONE: Any = None


class Told(BaseModel):
    """What an alarm's change of state tells, wherever its delivery has it.

    A fact may lean on those before it: the name on the ARN, the moment on the event's own.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    kind: Annotated[_Type | None, expected(" or ".join(get_args(_Type)))] = None
    source: Annotated[Literal["aws.cloudwatch"] | None, expected("'aws.cloudwatch'")] = None
    arn: Annotated[AlarmArn | None, PlainValidator(names.alarm_arn)] = None
    account_id: str | None = Field(default=None, validate_default=True)
    region: str | None = Field(default=None, validate_default=True)
    name: str = Field(default=_NONE, validate_default=True)
    state: Annotated[AlarmState, expected(", ".join(AlarmState))] = Field(
        default=_NONE, validate_default=True
    )
    previous_state: Annotated[AlarmState | None, lenient] = None
    sent_at: Annotated[datetime | None, PlainValidator(_time)] = None
    at: datetime = Field(default=_NONE, validate_default=True)
    reason: Text = None
    threshold: Annotated[
        Annotated[float, Field(strict=True, allow_inf_nan=False)] | None, lenient
    ] = None
    metrics: Any = None
    triggered_by: Annotated[tuple[AlarmArn, ...], PlainValidator(_arns)] = ()
    rule: tuple[AlarmArn, ...] = Field(default=_NONE, validate_default=True)
    contributor: Text = None
    attributes: Any = None

    @field_validator("account_id", "region", "name", mode="plain")
    @classmethod
    def _else_of_its_arn(cls, value: object, info: ValidationInfo) -> str | None:
        field = str(info.field_name)
        found = _OF_ARN[field](value) or getattr(info.data["arn"], field, None)
        if found is None and field == "name":
            raise _expected("the alarm's name", None)
        return found

    @field_validator("at", mode="plain")
    @classmethod
    def _moment(cls, value: object, info: ValidationInfo) -> datetime:
        """When the state changed; else when the event was sent, which is a little later."""
        found = _time(value) or info.data["sent_at"]
        if found is None:
            raise _expected("a time such as 2026-11-23T10:15:30.123+0000", value)
        return found

    @field_validator("rule", mode="plain")
    @classmethod
    def _in_rule(cls, value: object, info: ValidationInfo) -> tuple[AlarmArn, ...]:
        found = map(names.text, alarms.in_rule(value) if isinstance(value, str) else ())
        named = tuple(names.alarm_arn(one) or AlarmArn(one, "", "") for one in found if one)
        triggered_by = info.data["triggered_by"]
        if value is not None and not named and not triggered_by:
            raise _expected("a composite alarm's rule that names other alarms", value)
        if len(listed := _names(triggered_by or named)) > _MOST_CHILDREN:
            most = f"at most {_MOST_CHILDREN} alarms below a composite one"
            raise InputError(f"expected {most}, got {len(listed)}")
        return named

    @property
    def children(self) -> tuple[str, ...]:
        """Names of the alarms that a composite alarm was triggered by, else of all in its rule.

        Children live in their parent's account and Region, so a name is enough to look them up.
        """
        return _names(self.triggered_by or self.rule)


_OF_ARN: Mapping[str, Callable[[object], str | None]] = {
    "account_id": names.account_id,
    "region": names.region,
    "name": names.text,
}


def _names(listed: Iterable[AlarmArn]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.name for one in listed))


def _lies_at(**facts: str) -> ConfigDict:
    """Each fact is read where the table has it; what a delivery never tells lies nowhere."""

    def lies(fact: str) -> AliasChoices:
        paths = facts.get(fact, "(nowhere)").split(" or ")
        return AliasChoices(*(AliasPath(*_steps(path)) for path in paths))

    return ConfigDict(alias_generator=AliasGenerator(validation_alias=lies))


def _steps(path: str) -> Iterator[Any]:
    return (int(step) if step.isdigit() else step for step in path.split("."))


def _state_change(root: str) -> dict[str, str]:
    """What Lambda actions and EventBridge have in common."""
    return {
        "source": "source",
        "region": "region",
        "sent_at": "time",
        "name": f"{root}.alarmName",
        "state": f"{root}.state.value",
        "at": f"{root}.state.timestamp",
        "reason": f"{root}.state.reason",
        "threshold": f"{root}.state.reasonData.threshold",
        "triggered_by": f"{root}.state.reasonData.triggeringAlarms",
        "previous_state": f"{root}.previousState.value",
        "metrics": f"{root}.configuration",
        "rule": f"{root}.configuration.alarmRule",
        "contributor": f"{root}.alarmContributor.id",
        "attributes": f"{root}.alarmContributor.attributes",
    }


class _LambdaAction(Told):
    model_config = _lies_at(**_state_change("alarmData"), arn="alarmArn", account_id="accountId")


class _EventBridge(Told):
    model_config = _lies_at(
        **_state_change("detail"), kind="detail-type", arn="resources.0", account_id="account"
    )


class _Notification(Told):
    """The message of SNS. Its Region is a long name, so the ARN's is taken."""

    model_config = _lies_at(
        sent_at="Timestamp",
        name="AlarmName",
        arn="AlarmArn",
        account_id="AWSAccountId",
        state="NewStateValue",
        at="StateChangeTime",
        reason="NewStateReason",
        threshold="Trigger.Threshold or NewStateReasonData.threshold",
        triggered_by="NewStateReasonData.triggeringAlarms or TriggeringChildren",
        previous_state="OldStateValue",
        metrics="Trigger",
        rule="AlarmRule",
        contributor="AlarmContributorId",
        attributes="AlarmContributorAttributes",
    )


def read(event: Event) -> tuple[Told, Any] | None:
    """What is told, and all of the alarm in which it was; ``None`` when the event is no delivery.

    Of SNS, the alarm is without its envelope: the topic may lie in another account. Raises
    InputError.
    """
    if "alarmData" in event:
        return _told(_LambdaAction, _opened(event, "alarmData", "state", "reasonData"))
    if "detail" in event:
        return _told(_EventBridge, _opened(event, "detail", "state", "reasonData"))
    if "Records" in event:
        message, sent_at = _message(event["Records"])
        opened = _opened(message, "NewStateReasonData")
        return _told(_Notification, opened, {"Timestamp": sent_at})
    return None


def _told(model: type[Told], alarm: Any, envelope: Event | None = None) -> tuple[Told, Any]:
    try:
        return model.model_validate({**alarm, **(envelope or {})}), alarm
    except ValidationError as error:
        raise refusal(error, model, f"{_MESSAGE}." if envelope else "") from None


def _opened(value: Any, *path: str) -> Any:
    """A copy in which the JSON text at the path is laid open: its value, or ``None`` when it is no
    JSON (AWS's own samples hold ``[...]``)."""
    if path:
        there = isinstance(value, dict) and path[0] in value
        return {**value, path[0]: _opened(value[path[0]], *path[1:])} if there else value
    try:
        return from_json(value)
    except (TypeError, ValueError):  # the former of what is no text, or no Unicode
        return None


_MESSAGE = "Records.0.Sns.Message"


def _message(records: object) -> tuple[dict[str, Any], object]:
    """The alarm in the one notification of SNS, and when that was sent."""
    match records:
        case [{"Sns": dict() as sns}]:
            message = _opened(sns.get("Message"))
            if isinstance(message, dict):
                return message, sns.get("Timestamp")
            words, got = "a CloudWatch alarm notification in JSON", shown(sns.get("Message"))
            raise InputError(f"{_MESSAGE}: expected {words}, got {got}")
        case [record]:
            source = shown(alarms.lowered(record).get("eventsource"))
            raise InputError(f"Records.0: expected a record of SNS, got one of {source}")
        case _:
            got = str(len(records)) if isinstance(records, list) else shown(records)
            raise InputError(f"Records: expected the one record of an SNS notification, got {got}")
