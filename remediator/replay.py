"""Saved evidence in place of AWS: a plan offline is a plan with another sensor.

A bundle comes from a file that anybody may have written: it is read strictly, and what no AWS could
have said is refused with the path of its field.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ValidationError

from remediator.errors import InputError, PermanentError
from remediator.escaping import field_path, visible
from remediator.events import names
from remediator.model import (
    Bundle,
    Evidence,
    KeySample,
    Released,
    Resource,
    Series,
    Target,
    Value,
    Watched,
)
from remediator.ports import DescribedAlarm
from remediator.settings_table import SETTINGS


class SavedSensor:
    """Reads nothing but one saved Evidence (port: Sensor)."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def describe_alarms(self, names: Sequence[str]) -> tuple[DescribedAlarm, ...]:  # noqa: ARG002 - the port's
        """None: alarms are not saved. A downstream alarm of the policy counts as unseen."""
        return ()

    def find_targets(self, watched: Watched, now: datetime) -> tuple[Target, ...]:  # noqa: ARG002 - the port's
        """The one that the evidence is about, whatever is asked for."""
        return (self._evidence.target,)

    def read(self, target: Target, now: datetime, window_seconds: int) -> Evidence:  # noqa: ARG002 - the port's
        """The saved evidence."""
        return self._evidence

    def destination_exists(self, arn: str) -> bool | None:  # noqa: ARG002 - the port's
        """``None``: it cannot be seen from here."""
        return None

    def busiest(self, now: datetime) -> None:
        """``None``: it cannot be seen from here."""

    def sample_keys(
        self,
        target: Target,  # noqa: ARG002 - the port's
        shard_id: str,
        since: datetime,  # noqa: ARG002
        records: int,  # noqa: ARG002
        *,
        named: bool,  # noqa: ARG002
    ) -> KeySample:
        """Raises PermanentError, always: what was sampled stands in the evidence."""
        raise PermanentError(f"offline: {shard_id} cannot be read", code="Offline")

    def released(self, target: Target) -> Released | None:
        """Raises PermanentError, always: what was asked for stands in the evidence."""
        raise PermanentError(f"offline: {target.qualifier} cannot be read", code="Offline")


class NoActuator:
    """Changes nothing (port: Actuator)."""

    def read(self, resource: Resource, settings: Sequence[str]) -> Mapping[str, Value]:  # noqa: ARG002 - the port's
        """Raises PermanentError, always."""
        raise PermanentError(f"offline: {resource} cannot be read", code="Offline")

    def write(self, resource: Resource, values: Mapping[str, Value]) -> None:  # noqa: ARG002 - the port's
        """Raises PermanentError, always."""
        raise PermanentError(f"offline: {resource} cannot be changed", code="Offline")

    def settled(self, resource: Resource) -> bool:  # noqa: ARG002 - the port's
        """Nothing was written, so nothing is to be waited for."""
        return True


# --- a bundle's reader -------------------------------------------------------------------------


def bundle(text: str, name: str) -> Bundle:
    """A saved bundle; ``name`` stands in the errors.

    Raises InputError, one line that names the field, for what is none and for what cannot be.
    """
    try:
        found = Bundle.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        more = error.error_count() - 1
        others = f" (and {more} more)" if more else ""
        raise _wrong(name, first["loc"], message + others) from error
    for location, complaint in _implausible(found):
        raise _wrong(name, location, complaint)
    return found


def _wrong(name: str, location: Sequence[int | str], message: str) -> InputError:
    path = field_path(location)
    return InputError(
        f"evidence {visible(name)}: {path}: {visible(message)[:300]}. "
        "Expected what 'remediator collect' saves."
    )


Found = Iterator[tuple[tuple[int | str, ...], str]]


def _implausible(value: object, path: tuple[int | str, ...] = ()) -> Found:
    """Everything that no AWS could have said, with its path."""
    if isinstance(value, Series):
        yield from _out_of_step(value, path)
    if isinstance(value, BaseModel):
        parts: Any = ((field, getattr(value, field)) for field in type(value).model_fields)
    elif isinstance(value, Mapping):
        too_long = ((*path, key) for key in value if len(key) > _LONGEST)
        yield from ((place, "the name is too long") for place in too_long)
        parts = value.items()
    elif isinstance(value, tuple):
        parts = enumerate(value)
    else:
        complaint = _complaint(value, path)
        if complaint:
            yield path, complaint
        return
    for part, inner in parts:
        yield from _implausible(inner, (*path, part))


def _out_of_step(series: Series, path: tuple[int | str, ...]) -> Found:
    """A series' point that does not come after the one before: oldest first, each minute once."""
    times = [at for at, _ in series.points]
    for number, (earlier, later) in enumerate(pairwise(times), 1):
        if all(at.tzinfo for at in (earlier, later)) and earlier >= later:
            yield (*path, "points", number, 0), "expected a later time than the point before has"


def _complaint(value: object, path: tuple[int | str, ...]) -> str:
    field = next((part for part in reversed(path) if isinstance(part, str)), "")
    if isinstance(value, datetime):
        return _time_complaint(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = _RANGES.get(field, (0, _MOST))
        fits = low <= value <= high  # nothing compares with NaN
        return "" if fits else f"expected a number from {low} to {high:.6g}"
    if isinstance(value, str):
        return _text_complaint(value, ".".join(map(str, path)))
    return ""


def _time_complaint(value: datetime) -> str:
    if value.tzinfo is None:
        return "expected a time with its zone, such as 2026-11-23T10:15:30Z"
    return "" if value.year in _YEARS else "expected a time from 2009 to 2199"


def _text_complaint(value: str, path: str) -> str:
    if len(value) > _LONGEST:
        return f"expected at most {_LONGEST} characters"
    read = _NAMES.get(path)
    if read is None:
        return ""
    try:
        named = read(value)
    except InputError as error:
        return str(error)
    whole = named.account_id and named.region
    return "" if whole or path not in _ARNS else "expected a whole ARN"


_LONGEST = 4096
_YEARS = range(2009, 2200)
# More than any metric of AWS can be: a minute's records of the largest stream are far below.
_MOST = 1e15

# By the field's name; every other number is not negative and not beyond ``_MOST``.
_RANGES: Mapping[str, tuple[int, float]] = {
    "window_seconds": (60, 30 * 86_400),
    "period_seconds": (1, 86_400),
    **{
        row.name: (min((row.bounds[0], *row.never)), row.bounds[1])
        for row in SETTINGS.values()
        if row.bounds is not None
    },
    "tumbling_window_seconds": (0, 900),
    "memory_mb": (1, 1_000_000),
    "timeout_seconds": (1, 86_400),
    "concurrency_limit": (0, 10**7),
    "unreserved_concurrency": (0, 10**7),
    "open_shards": (0, 10**6),
    "first_hash_key": (0, 2**128 - 1),
    "last_hash_key": (0, 2**128 - 1),
}

_NAMES: Mapping[str, Callable[[object], names.Named]] = {
    "evidence.target.function": names.function,
    "evidence.target.function_arn": names.function,
    "evidence.target.event_source_mapping": names.mapping,
    "evidence.target.source_arn": names.stream,
}
# Of these, account and Region are taken.
_ARNS = ("evidence.target.function_arn", "evidence.target.source_arn")
