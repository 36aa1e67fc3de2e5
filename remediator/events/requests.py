"""Requests by hand and by our own schedule: look here, approve, roll back, follow up, freeze.

Each request is known by its key; every other key must be one that belongs to it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from remediator.errors import InputError
from remediator.events import names
from remediator.events.names import Here, Named, shown
from remediator.model import Incident, Mode, Record


class Approve(Record):
    """Make the plan that waits for approval; ``plan`` is the digest of the one that was read."""

    incident_id: str
    by: str = ""
    plan: str = ""


class Rollback(Record):
    """Undo what is still in effect: of one incident, or of a function's latest one."""

    incident_id: str | None = None
    function: str | None = None
    by: str = ""


class FollowUpDue(Record):
    """Time to look at an incident again. ``number`` counts the looks; ``None``: whichever."""

    incident_id: str
    number: int | None = None


class SetFreeze(Record):
    """Stop all changes of a scope (``all``, or a function's name), or let them go on."""

    scope: str
    on: bool
    reason: str = ""
    by: str = ""


Command: TypeAlias = Approve | Rollback | FollowUpDue | SetFreeze
Event: TypeAlias = Mapping[Any, Any]


def read(event: Event, here: Here) -> Incident | Command | None:
    """The request in the event; ``None`` when it holds no request's key. Raises InputError."""
    key = next((key for key in _REQUESTS if key in event), None)
    if key is None:
        return None
    request = _REQUESTS[key]
    unknown = [name for name in event if name != key and name not in request.options]
    if unknown:
        known = ", ".join((key, *request.options))
        raise InputError(f"unknown key {shown(unknown[0])} beside '{key}'; known here: {known}")
    return request.read(event, here)


def _look_at(key: str, named: Callable[[object], Named]) -> Callable[[Event, Here], Incident]:
    def incident(event: Event, here: Here) -> Incident:
        found = _at(key, lambda: named(event[key]))
        here.check(found.account_id, found.region)
        moment = _request_id(event) or here.now.isoformat(timespec="seconds")
        return Incident(
            incident_id=names.new_incident_id("by hand", str(found.watched), moment),
            at=here.now,
            account_id=found.account_id or here.account_id,
            region=found.region or here.region,
            watched=found.watched,
            mode=_mode(event.get("mode")),
        )

    return incident


def _approve(event: Event, _here: Here) -> Approve:
    return Approve(
        incident_id=_incident_id("approve", event["approve"]),
        by=_text(event, "by"),
        plan=_text(event, "plan").lower(),
    )


def _rollback(event: Event, here: Here) -> Rollback:
    asked, by = event["rollback"], _text(event, "by")
    if not isinstance(asked, dict):
        return Rollback(incident_id=_incident_id("rollback", asked), by=by)
    if set(asked) != {"function"}:
        raise InputError("rollback: expected an incident id or {'function': name}")
    return Rollback(function=_function("rollback.function", asked["function"], here), by=by)


def _follow_up(event: Event, _here: Here) -> FollowUpDue:
    number = event.get("number")
    counts = isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= _MOST
    if number is not None and not counts:
        raise InputError(f"number: expected a whole number from 0 to {_MOST}, got {shown(number)}")
    return FollowUpDue(incident_id=_incident_id("follow_up", event["follow_up"]), number=number)


def _freeze(key: str) -> Callable[[Event, Here], SetFreeze]:
    def freeze(event: Event, here: Here) -> SetFreeze:
        named = event[key]
        everything = isinstance(named, str) and named.strip().lower() == "all"
        scope = "all" if everything else _function(key, named, here)
        reason, by = _text(event, "reason"), _text(event, "by")
        return SetFreeze(scope=scope, on=key == "freeze", reason=reason, by=by)

    return freeze


class _Request(NamedTuple):
    read: Callable[[Event, Here], Incident | Command]
    options: tuple[str, ...]


_REQUESTS: Mapping[str, _Request] = {
    "approve": _Request(_approve, ("by", "plan")),
    "rollback": _Request(_rollback, ("by",)),
    "follow_up": _Request(_follow_up, ("number",)),
    "freeze": _Request(_freeze("freeze"), ("reason", "by")),
    "unfreeze": _Request(_freeze("unfreeze"), ("reason", "by")),
    "function": _Request(_look_at("function", names.function), ("mode", "request_id")),
    "event_source_mapping": _Request(
        _look_at("event_source_mapping", names.mapping), ("mode", "request_id")
    ),
    "stream": _Request(_look_at("stream", names.stream), ("mode", "request_id")),
}
KEYS = tuple(_REQUESTS)
_MOST = 10_000


def _at(key: str, read: Callable[[], Any]) -> Any:
    """As ``read``; its InputError says under which key it broke."""
    try:
        return read()
    except InputError as error:
        raise InputError(f"{key}: {error}") from error


def _incident_id(key: str, value: object) -> str:
    return str(_at(key, lambda: names.incident_id(value)))


def _function(key: str, value: object, here: Here) -> str:
    """A function's bare name: what is frozen or rolled back has no alias."""
    found: Named = _at(key, lambda: names.function(value))
    here.check(found.account_id, found.region)
    return str(found.watched.function)


def _text(event: Event, key: str) -> str:
    value = event.get(key)
    if value is not None and not isinstance(value, str):
        raise InputError(f"{key}: expected text, got {shown(value)}")
    return names.text(value) or ""


def _request_id(event: Event) -> str:
    return _text(event, "request_id")


def _mode(value: object) -> Mode | None:
    if value is None:
        return None
    if isinstance(value, str) and value in set(Mode):
        return Mode(value)
    raise InputError(f"mode: expected {' or '.join(Mode)}, got {shown(value)}")
