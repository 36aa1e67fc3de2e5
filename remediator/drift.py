"""A template against what is live: what the next deploy of it would change. Pure.

A CloudFormation or SAM template, YAML or JSON (a CDK app's is in ``cdk.out``), is read as far as
that goes without deploying it: literals, parameters with a value, references to its own resources.
What hangs on more (conditions, imports, mappings) is named as not comparable, never guessed.
Sources: CloudFormation Template Reference, SAM Specification; the defaults are Lambda's.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import yaml

from remediator.errors import InputError
from remediator.escaping import shortened
from remediator.model import Evidence, Record, ResourceKind, SourceKind, Target, Value
from remediator.settings_table import SETTINGS, Setting

# CloudFormation takes templates of up to 1 MB.
_LARGEST = 1_000_000


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


class _Unresolved(NamedTuple):
    """An expression whose value only a deploy knows."""

    expression: str


# --- reading -----------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms of functions."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = str(value).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


class Template(NamedTuple):
    """A template's resources, parameters and SAM's globals."""

    name: str
    resources: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, Any]
    function_globals: Mapping[str, Any]


def template(text: str, name: str, parameters: Mapping[str, str] | None = None) -> Template:
    """The template in ``text``; ``name`` stands in the errors, ``parameters`` override defaults.

    Raises InputError for what is none.
    """
    if len(text) > _LARGEST:
        raise InputError(f"{name}: a template has at most {_LARGEST} characters")
    try:
        found = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader with short forms
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{name}: {shortened(error, 200)}") from error
    if not isinstance(found, dict) or not isinstance(found.get("Resources"), dict):
        raise InputError(f"{name}: no Resources: expected a CloudFormation or SAM template")
    defaults = {
        key: part["Default"]
        for key, part in _dict(found.get("Parameters")).items()
        if isinstance(part, dict) and "Default" in part
    }
    return Template(
        name=name,
        resources={
            str(key): part for key, part in found["Resources"].items() if isinstance(part, dict)
        },
        parameters=defaults | dict(parameters or {}),
        function_globals=_dict(_dict(found.get("Globals")).get("Function")),
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _resolved(value: Any, within: Template) -> Any:
    """A literal, a parameter's value, or ``_Unresolved``."""
    if not isinstance(value, dict):
        return value
    match next(iter(value.items()), ("", "")):
        case ("Ref", str(name)) if name in within.parameters:
            return within.parameters[name]
        case ("Ref", str(name)):
            return _Unresolved(f"!Ref {name}")
        case (str(function), argument) if function.startswith("Fn::"):
            short = function.removeprefix("Fn::")
            return _Unresolved(f"!{short} {_said(argument)}")
        case _:
            return value


def _said(argument: Any) -> str:
    """What a function is given, as far as it is short."""
    if isinstance(argument, list) and all(isinstance(part, str) for part in argument):
        return shortened(".".join(argument))
    return shortened(argument) if isinstance(argument, str) else "…"


# --- finding -----------------------------------------------------------------------------------


class Place(NamedTuple):
    """A mapping's place in a template: a resource, or an event of a SAM function."""

    name: str
    properties: Mapping[str, Any]
    function: str | None
    """The function's logical id, where the template has it."""
    function_name: Any
    source: Any


_SAM_SOURCES = {"Kinesis": SourceKind.KINESIS, "DynamoDB": SourceKind.DYNAMODB}


def places(within: Template) -> tuple[Place, ...]:
    """Every mapping of a stream that a template has."""
    return (*_mappings(within), *_events(within))


def _mappings(within: Template) -> Iterator[Place]:
    for name, resource in within.resources.items():
        if resource.get("Type") != "AWS::Lambda::EventSourceMapping":
            continue
        said = _dict(resource.get("Properties"))
        of = said.get("FunctionName")
        yield Place(name, said, _logical_id(of, within), of, said.get("EventSourceArn"))


def _events(within: Template) -> Iterator[Place]:
    for name, resource in within.resources.items():
        if resource.get("Type") != "AWS::Serverless::Function":
            continue
        said = _dict(resource.get("Properties"))
        for event, part in _dict(said.get("Events")).items():
            if isinstance(part, dict) and part.get("Type") in _SAM_SOURCES:
                inner = _dict(part.get("Properties"))
                where = f"{name}.{event}"
                yield Place(where, inner, name, said.get("FunctionName"), inner.get("Stream"))


def _logical_id(reference: Any, within: Template) -> str | None:
    """The resource of the template that a reference is to."""
    if not isinstance(reference, dict):
        return None
    said = reference.get("Ref")
    attribute = reference.get("Fn::GetAtt")
    if isinstance(attribute, str):
        attribute = attribute.split(".", 1)
    if isinstance(attribute, list) and attribute:
        said = attribute[0]
    return said if isinstance(said, str) and said in within.resources else None


def find(within: Template, target: Target, evidence: Evidence, named: str | None = None) -> Place:
    """The place of a live mapping in a template. ``named``: as the person says.

    Raises InputError where none or several may be meant, with those there are.
    """
    there = places(within)
    if named is not None:
        chosen = [place for place in there if place.name == named]
    else:
        fits = [(place, _fit(place, target, evidence, within)) for place in there]
        best = max((fit for _, fit in fits), default=0)
        chosen = [place for place, fit in fits if fit == best and fit > 0]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(shortened(place.name) for place in there) or "none"
    what = f"the mapping of {target.function} on {target.stream}"
    said = f"is not {shortened(named)}" if named else f"may be {len(chosen)} of them"
    raise InputError(
        f"{within.name}: {what} {said if chosen or named else 'was not found'}; its mappings: "
        f"{names}. Say which with --resource NAME"
    )


def _fit(place: Place, target: Target, evidence: Evidence, within: Template) -> int:
    """How surely a place is that mapping's: 0 is no; what cannot be told is less than a match."""
    return _function_fit(place, target, evidence, within) * _stream_fit(place, target, within)


_NO, _PERHAPS, _SURE = 0, 1, 4


def _function_fit(place: Place, target: Target, evidence: Evidence, within: Template) -> int:
    tags = evidence.function.tags if evidence.function else {}
    tagged = tags.get("aws:cloudformation:logical-id")
    if place.function is not None and tagged is not None:
        return _SURE if tagged == place.function else _NO
    properties = _dict(_dict(within.resources.get(place.function or "")).get("Properties"))
    name = properties.get("FunctionName", None if place.function else place.function_name)
    resolved = _resolved(name, within)
    if isinstance(resolved, str):
        return _SURE if _function_in(resolved) == target.function else _NO
    if place.function is not None and name is None:
        generated = f"-{place.function}-" in target.function
        return _SURE if generated else _NO
    return _PERHAPS


def _function_in(text: str) -> str:
    """The function's name in what a mapping may name it by: a name, or a whole or partial ARN."""
    return text.split(":function:", 1)[-1].split(":", 1)[0]


def _stream_fit(place: Place, target: Target, within: Template) -> int:
    resolved = _resolved(place.source, within)
    if isinstance(resolved, str):
        return _SURE if resolved in {target.source_arn, target.consumer_arn} else _NO
    logical_id = _logical_id(place.source, within)
    if logical_id is None:
        return _PERHAPS
    resource = _dict(within.resources.get(logical_id))
    key = "TableName" if str(resource.get("Type", "")).startswith("AWS::DynamoDB") else "Name"
    name = _resolved(_dict(resource.get("Properties")).get(key), within)
    if isinstance(name, str):
        return _SURE if name == target.stream else _NO
    return _PERHAPS + (f"-{logical_id}-" in target.stream)


# --- comparing ---------------------------------------------------------------------------------


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
    Setting("memory_mb", ResourceKind.FUNCTION, "MemorySize", default=128),
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
    stream = _logical_id(place.source, within)
    if stream is not None and within.resources[stream].get("Type") == "AWS::Kinesis::Stream":
        held[ResourceKind.STREAM] = (stream, _dict(within.resources[stream].get("Properties")))
    return tuple(
        _row(setting, *held[setting.kind], evidence, within)
        for setting in sorted(_COMPARED, key=lambda row: list(ResourceKind).index(row.kind))
        if setting.kind in held and _is_said(setting, held[setting.kind][1])
    )


def _of_function(name: str, within: Template) -> Mapping[str, Any]:
    own = _dict(within.resources[name].get("Properties"))
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
    if seen and not isinstance(found, _Unresolved):
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
        value = _resolved(_dict(value).get(part), within)
        if isinstance(value, _Unresolved):
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
    if isinstance(value, _Unresolved):
        return value.expression
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, dict | list):
        return "…"
    if value == "":
        return "empty"
    return "not set" if value is None else shortened(value, 100)


__all__ = ["Row", "Standing", "Template", "drift", "find", "places", "template"]
