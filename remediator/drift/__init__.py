"""A template against what is live: what the next deploy of it would change. Pure.

A CloudFormation or SAM template, YAML or JSON (a CDK app's is in ``cdk.out``), is read as far as
that goes without deploying it: literals, parameters with a value, references to its own resources.
What hangs on more (conditions, imports, mappings) is named as not comparable, never guessed.
Sources: CloudFormation Template Reference, SAM Specification; the defaults are Lambda's.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from remediator.drift.finding import find, places, resource_of
from remediator.drift.reading import Template, Unresolved, fields, resolved, template
from remediator.escaping import shortened
from remediator.model import Evidence, Record, ResourceKind, Value
from remediator.setting import Setting
from remediator.settings_table import SETTINGS


class Standing(StrEnum):
    """How a template's value stands to the live one."""

    SAME = "same"
    DRIFTED = "drifted"
    NOT_COMPARABLE = "not comparable"


class Row(Record):
    """One setting: what the template says, and what is live. ``None`` of ``live``: not seen."""

    resource: str
    """Where it stands in the template: a logical id, and the event's name in SAM."""
    kind: ResourceKind
    setting: str
    property: str
    template: str
    """The value, or the expression that was not resolved."""
    live: Value
    standing: Standing
    said: bool
    """Whether the template says it, or Lambda's default is what a deploy would want."""


_SHARD_COUNT = Setting("open_shards", ResourceKind.STREAM, "ShardCount")
# What can be changed, and what bears on it and is often changed by hand.
_COMPARED: tuple[Setting, ...] = (
    *(row for row in SETTINGS.values() if row.field),
    Setting(
        "tumbling_window_seconds",
        ResourceKind.EVENT_SOURCE_MAPPING,
        "TumblingWindowInSeconds",
        default=0,
    ),
    Setting("timeout_seconds", ResourceKind.FUNCTION, "Timeout", default=3),
    _SHARD_COUNT,
)


def drift(within: Template, evidence: Evidence, named: str | None = None) -> tuple[Row, ...]:
    """Every setting of the mapping, its function and its stream that a template decides.

    Raises InputError as ``find`` does.
    """
    place = find(within, evidence.target, evidence, named)
    held = {ResourceKind.EVENT_SOURCE_MAPPING: (place.name, place.properties)}
    if place.function is not None:
        held[ResourceKind.FUNCTION] = (place.function, _of_function(place.function, within))
    stream = resource_of(place.source, within)
    if stream is not None and within.resources[stream].get("Type") == "AWS::Kinesis::Stream":
        held[ResourceKind.STREAM] = (stream, fields(within.resources[stream].get("Properties")))
    return tuple(
        _row(setting, *held[setting.kind], evidence, within)
        for setting in sorted(_COMPARED, key=lambda row: list(ResourceKind).index(row.kind))
        if setting.kind in held and _is_said(setting, held[setting.kind][1])
    )


def _of_function(name: str, within: Template) -> Mapping[str, Any]:
    own = fields(within.resources[name].get("Properties"))
    serverless = within.resources[name].get("Type") == "AWS::Serverless::Function"
    return {**(within.function_globals if serverless else {}), **own}


def _is_said(setting: Setting, properties: Mapping[str, Any]) -> bool:
    """A stream on demand has no number of shards to compare."""
    return setting is not _SHARD_COUNT or setting.field in properties


def _row(
    setting: Setting,
    name: str,
    properties: Mapping[str, Any],
    evidence: Evidence,
    within: Template,
) -> Row:
    found = _inside(properties, setting.field, within)
    seen = setting.seen(evidence)
    live = setting.now(evidence)
    value: Any = setting.default if found is None else found
    standing = Standing.NOT_COMPARABLE
    if seen and not isinstance(found, Unresolved):
        value = _as(value, setting.default)
        standing = Standing.SAME if value == live else Standing.DRIFTED
    return Row(
        resource=name,
        kind=setting.kind,
        setting=setting.name,
        property=setting.field,
        template=_shown(value),
        live=live,
        standing=standing,
        said=found is not None,
    )


def _inside(said: Mapping[str, Any], path: str, within: Template) -> Any:
    value: Any = said
    for part in path.split("."):
        value = resolved(fields(value).get(part), within)
        if isinstance(value, Unresolved):
            return value
    return value


def _as(value: Any, default: Value) -> Any:
    """A value as Lambda takes it: parameters are texts, also of numbers and truths."""
    if isinstance(value, str):
        if value.lower() in {"true", "false"} and isinstance(default, bool):
            return value.lower() == "true"
        if value.removeprefix("-").isdecimal():
            return int(value)
    return value


def _shown(value: Any) -> str:
    if isinstance(value, Unresolved):
        return value.expression
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, dict | list):
        return "…"
    if value == "":
        return "empty"
    return "not set" if value is None else shortened(value, 100)


__all__ = ["Row", "Standing", "Template", "drift", "find", "places", "template"]
