"""Requests by hand and by our own schedule: look here, approve, roll back, follow up, freeze.

Each request is known by its key; every other key must be one that belongs to it. The models say
what each key may hold, so an event by hand and a command of the CLI are held to the same.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple, TypeAlias

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StrictBool,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from remediator.errors import InputError
from remediator.events import names
from remediator.events.names import Here, Named, shown
from remediator.events.refusing import expected, refusal
from remediator.model import Incident, Mode, Record

Event: TypeAlias = Mapping[Any, Any]
_MOST = 10_000


class _Asked(NamedTuple):
    """By which key, and where."""

    key: str
    here: Here

    def read(self, value: object) -> Named:
        """What is named, unless it is another account's or Region's. Raises InputError."""
        found = _NAMED.get(self.key, names.function)(value)
        self.here.check(found.account_id, found.region)
        return found


_NAMED: Mapping[str, Callable[[object], Named]] = {
    "function": names.function,
    "event_source_mapping": names.mapping,
    "stream": names.stream,
}


def _named(value: object, info: ValidationInfo) -> Named:
    return info.context.read(value) if info.context else names.function(value)


def _words(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise InputError(f"expected text, got {shown(value)}")
    return names.text(value) or ""


def _unless_by_name(value: object) -> object:
    if isinstance(value, dict) and set(value) != {"function"}:
        raise InputError("expected an incident id or {'function': name}")
    return None if isinstance(value, dict) else value


Words: TypeAlias = Annotated[str, PlainValidator(_words)]
IncidentId: TypeAlias = Annotated[str, BeforeValidator(names.incident_id)]
Count: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=_MOST)]
# Bare: what is frozen or rolled back has no alias.
FunctionName: TypeAlias = Annotated[
    str,
    PlainValidator(_named),
    AfterValidator(lambda named: named.watched.function),
]


def _all_or(scope: Any, name: ValidatorFunctionWrapHandler) -> Any:
    everything = isinstance(scope, str) and scope.strip().lower() == "all"
    return "all" if everything else name(scope)


class _Request(Record):
    """What one key asks for. By the key it is read, by the field's name it is made in code."""

    model_config = ConfigDict(validate_by_name=True)


class Approve(_Request):
    """Make the plan that waits for approval; ``plan`` is the digest of the one that was read."""

    incident_id: IncidentId = Field(validation_alias="approve")
    by: Words = ""
    plan: Annotated[Words, StringConstraints(to_lower=True)] = ""


class Rollback(_Request):
    """Undo what is still in effect: of one incident, or of a function's latest one."""

    incident_id: Annotated[IncidentId | None, BeforeValidator(_unless_by_name)] = Field(
        None, validation_alias="rollback"
    )
    function: FunctionName | None = Field(None, validation_alias=AliasPath("rollback", "function"))
    by: Words = ""


class FollowUpDue(_Request):
    """Time to look at an incident again. ``number`` counts the looks; ``None``: whichever."""

    incident_id: IncidentId = Field(validation_alias="follow_up")
    number: Annotated[Count | None, expected(f"a whole number from 0 to {_MOST}")] = None
    tries: Annotated[Count, expected(f"a whole number from 0 to {_MOST}")] = 0
    """How often in a row it could not be made."""
    watch: Annotated[StrictBool, expected("true or false")] = False
    """Whether it only makes up for a look that never came: nobody asks for one now."""


class SetFreeze(_Request):
    """Stop all changes of a scope (``all``, or a function's name), or let them go on."""

    scope: Annotated[FunctionName, WrapValidator(_all_or)] = Field(
        validation_alias=AliasChoices("freeze", "unfreeze")
    )
    on: Annotated[bool, BeforeValidator(lambda said: said is True)] = Field(
        default=True, validation_alias="unfreeze"
    )
    reason: Words = ""
    by: Words = ""


class LookAt(_Request):
    """Look at what is named, now."""

    named: Annotated[Named, PlainValidator(_named)] = Field(validation_alias=AliasChoices(*_NAMED))
    mode: Annotated[Mode | None, expected(" or ".join(Mode))] = None
    request_id: Words = ""

    def incident(self, here: Here) -> Incident:
        """Asked again later it is a new incident, but where a ``request_id`` says otherwise."""
        named, moment = self.named, self.request_id or here.now.isoformat(timespec="seconds")
        return Incident(
            incident_id=names.new_incident_id("by hand", str(named.watched), moment),
            at=here.now,
            account_id=named.account_id or here.account_id,
            region=named.region or here.region,
            watched=named.watched,
            mode=self.mode,
        )


Command: TypeAlias = Approve | Rollback | FollowUpDue | SetFreeze

_REQUESTS: Mapping[str, type[Command | LookAt]] = {
    "approve": Approve,
    "rollback": Rollback,
    "follow_up": FollowUpDue,
    "freeze": SetFreeze,
    "unfreeze": SetFreeze,
    **dict.fromkeys(_NAMED, LookAt),
}
KEYS = tuple(_REQUESTS)


def read(event: Event, here: Here) -> Incident | Command | None:
    """The request in the event; ``None`` when it holds no request's key. Raises InputError."""
    key = next((key for key in _REQUESTS if key in event), None)
    if key is None:
        return None
    request = _REQUESTS[key]
    try:
        asked = _Asked(key, here)
        found = request.model_validate(event, context=asked, by_alias=True, by_name=False)
    except ValidationError as error:
        fields = request.model_fields.items()
        options = [name for name, field in fields if field.validation_alias is None]
        unknown = f"unknown key beside '{key}'; known here: {', '.join((key, *options))}"
        raise refusal(error, request, unknown=unknown) from None
    return found.incident(here) if isinstance(found, LookAt) else found
