"""Which of a template's mappings is the live one."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from remediator.drift.reading import Template, fields, resolved
from remediator.errors import InputError
from remediator.escaping import shortened
from remediator.model import Evidence, SourceKind, Target


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
        said = fields(resource.get("Properties"))
        of = said.get("FunctionName")
        yield Place(name, said, resource_of(of, within), of, said.get("EventSourceArn"))


def _events(within: Template) -> Iterator[Place]:
    for name, resource in within.resources.items():
        if resource.get("Type") != "AWS::Serverless::Function":
            continue
        said = fields(resource.get("Properties"))
        for event, part in fields(said.get("Events")).items():
            if isinstance(part, dict) and part.get("Type") in _SAM_SOURCES:
                inner = fields(part.get("Properties"))
                where = f"{name}.{event}"
                yield Place(where, inner, name, said.get("FunctionName"), inner.get("Stream"))


def resource_of(reference: Any, within: Template) -> str | None:
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
    properties = fields(fields(within.resources.get(place.function or "")).get("Properties"))
    name = properties.get("FunctionName", None if place.function else place.function_name)
    known = resolved(name, within)
    if isinstance(known, str):
        return _SURE if _function_in(known) == target.function else _NO
    if place.function is not None and name is None:
        generated = f"-{place.function}-" in target.function
        return _SURE if generated else _NO
    return _PERHAPS


def _function_in(text: str) -> str:
    """The function's name in what a mapping may name it by: a name, or a whole or partial ARN."""
    return text.split(":function:", 1)[-1].split(":", 1)[0]


def _stream_fit(place: Place, target: Target, within: Template) -> int:
    known = resolved(place.source, within)
    if isinstance(known, str):
        return _SURE if known in {target.source_arn, target.consumer_arn} else _NO
    logical_id = resource_of(place.source, within)
    if logical_id is None:
        return _PERHAPS
    resource = fields(within.resources.get(logical_id))
    key = "TableName" if str(resource.get("Type", "")).startswith("AWS::DynamoDB") else "Name"
    name = resolved(fields(resource.get("Properties")).get(key), within)
    if isinstance(name, str):
        return _SURE if name == target.stream else _NO
    return _PERHAPS + (f"-{logical_id}-" in target.stream)
