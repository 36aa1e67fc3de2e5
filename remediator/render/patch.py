"""Settings → the patch that makes them permanent, in four languages. Pure.

What is in effect and stands in nobody's template is undone by the next deploy that touches its
resource. A patch names what to set where; logical names in capitals are the reader's own.
Sources: CloudFormation Template Reference (AWS::Lambda::EventSourceMapping, AWS::Lambda::Function,
AWS::Kinesis::Stream), SAM Specification (event sources Kinesis and DynamoDB), the Terraform AWS
provider, the CDK's aws-lambda-event-sources.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from remediator.escaping import quoted, quoted_hcl, visible
from remediator.model import Evidence, ResourceKind, SourceKind, Target, Value
from remediator.render.page import Block
from remediator.setting import TemplateNames
from remediator.settings_table import MEMORY, SETTINGS
from remediator.state import IncidentState

_SHARD_COUNT = "shard_count"
# Every setting that a template can say; in the order in which it is said.
NAMES: Mapping[str, TemplateNames] = {
    **{row.name: row.templates for row in SETTINGS.values() if row.templates},
    _SHARD_COUNT: TemplateNames("shard_count", "shardCount"),
}

_KINDS = (ResourceKind.EVENT_SOURCE_MAPPING, ResourceKind.FUNCTION, ResourceKind.STREAM)


def _cloudformation_name(setting: str) -> str:
    row = SETTINGS.get(setting)
    return row.field.split(".", 1)[0] if row else "ShardCount"


class Held(NamedTuple):
    """A setting and the value that should be its template's."""

    kind: ResourceKind
    setting: str
    value: Value


def held(state: IncidentState, evidence: Evidence | None) -> tuple[Held, ...]:
    """What of ours is in effect, each setting's newest value.

    Shards are counted, which only evidence can: a template names their number, not their ranges.
    """
    found: dict[tuple[ResourceKind, str], Held] = {}
    for tracked in state.in_effect:
        change = tracked.change
        one = Held(change.resource.kind, change.setting, change.after)
        if one.kind is ResourceKind.HASH_RANGE:
            counted = evidence.open_shards if evidence else None
            one = Held(ResourceKind.STREAM, _SHARD_COUNT, counted)
        found.setdefault((one.kind, one.setting), one)
    return tuple(found.values())


def _in_a_template(held: Held) -> Held:
    """A template says the memory of a function; its deploy publishes the version with it."""
    behind_an_alias = held.kind is ResourceKind.ALIAS
    return Held(ResourceKind.FUNCTION, MEMORY.name, held.value) if behind_an_alias else held


def blocks(target: Target, held: Iterable[Held]) -> tuple[Block, ...]:
    """The patch in each language; nothing where no template can say it."""
    found = {one.setting: one for one in map(_in_a_template, held) if one.kind in _KINDS}
    counted = found.get(_SHARD_COUNT)
    if counted and counted.value is None:
        del found[_SHARD_COUNT]
    said = [found[setting] for setting in NAMES if setting in found]
    if not said:
        return ()
    by_kind = {kind: [one for one in said if one.kind is kind] for kind in _KINDS}
    return tuple(
        Block(title, language, tuple(write(target, by_kind)))
        for title, language, write in _LANGUAGES
    )


_ByKind = Mapping[ResourceKind, Sequence[Held]]


def _comment(target: Target, kind: ResourceKind) -> str:
    named = {
        ResourceKind.EVENT_SOURCE_MAPPING: f"{target.function} reads {target.stream}, "
        f"mapping {target.event_source_mapping}",
        ResourceKind.FUNCTION: f"function {target.function}",
        ResourceKind.STREAM: f"stream {target.stream}",
    }
    return visible(named[kind])


# --- CloudFormation and SAM --------------------------------------------------------------------

_TYPES = {
    ResourceKind.EVENT_SOURCE_MAPPING: ("THE_MAPPING", "AWS::Lambda::EventSourceMapping"),
    ResourceKind.FUNCTION: ("THE_FUNCTION", "AWS::Lambda::Function"),
    ResourceKind.STREAM: ("THE_STREAM", "AWS::Kinesis::Stream"),
}


def _cloudformation(target: Target, by_kind: _ByKind) -> Iterable[str]:
    yield "Resources:"
    for kind, held in by_kind.items():
        if held:
            name, resource_type = _TYPES[kind]
            yield from _resource(name, resource_type, _comment(target, kind))
            yield from _indented(_properties(held), 3)


def _resource(name: str, resource_type: str, comment: str) -> Iterable[str]:
    yield f"  {name}:  # {comment}"
    yield f"    Type: {resource_type}"
    yield "    Properties:"


def _sam(target: Target, by_kind: _ByKind) -> Iterable[str]:
    yield "Resources:"
    mapping, function, stream = (by_kind[kind] for kind in _KINDS)
    if mapping or function:
        comment = _comment(target, ResourceKind.FUNCTION)
        yield from _resource("THE_FUNCTION", "AWS::Serverless::Function", comment)
        yield from _indented(_properties(function), 3)
    if mapping:
        source = "DynamoDB" if target.kind is SourceKind.DYNAMODB else "Kinesis"
        yield "      Events:"
        yield f"        THE_EVENT:  # {_comment(target, ResourceKind.EVENT_SOURCE_MAPPING)}"
        yield f"          Type: {source}"
        yield "          Properties:"
        yield from _indented(_properties(mapping), 6)
    if stream:
        name, resource_type = _TYPES[ResourceKind.STREAM]
        yield from _resource(name, resource_type, _comment(target, ResourceKind.STREAM))
        yield from _indented(_properties(stream), 3)


def _properties(held: Sequence[Held]) -> Iterable[str]:
    for one in held:
        word = _cloudformation_name(one.setting)
        if one.value in {None, ""}:
            yield f"# without {word}"
        elif one.setting == "on_failure_destination":
            yield from (f"{word}:", "  OnFailure:", f"    Destination: {_literal(one.value)}")
        else:
            yield f"{word}: {_literal(one.value)}"


def _literal(value: Value, quote: Callable[[object], str] = quoted) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return quote(value) if isinstance(value, str) else str(value)


def _indented(lines: Iterable[str], steps: int) -> Iterable[str]:
    return (f"{'  ' * steps}{line}" for line in lines)


# --- Terraform ---------------------------------------------------------------------------------

_TERRAFORM = {
    ResourceKind.EVENT_SOURCE_MAPPING: "aws_lambda_event_source_mapping",
    ResourceKind.FUNCTION: "aws_lambda_function",
    ResourceKind.STREAM: "aws_kinesis_stream",
}


def _terraform(target: Target, by_kind: _ByKind) -> Iterable[str]:
    for kind, held in by_kind.items():
        if not held:
            continue
        name, _ = _TYPES[kind]
        yield f'resource "{_TERRAFORM[kind]}" "{name.lower()}" {{'
        yield f"  # {_comment(target, kind)}"
        for one in held:
            word = NAMES[one.setting].terraform
            if one.value in {None, ""}:
                yield f"  # without {word}"
            elif one.setting == "on_failure_destination":
                yield f"  {word} {{"
                yield f"    on_failure {{ destination_arn = {_literal(one.value, quoted_hcl)} }}"
                yield "  }"
            else:
                yield f"  {word} = {_literal(one.value, quoted_hcl)}"
        yield "}"


# --- CDK ---------------------------------------------------------------------------------------

_DESTINATIONS = {
    "sqs": 'new SqsDlq(Queue.fromQueueArn(this, "OnFailure", {}))',
    "sns": 'new SnsDlq(Topic.fromTopicArn(this, "OnFailure", {}))',
    "s3": 'new S3OnFailureDestination(Bucket.fromBucketArn(this, "OnFailure", {}))',
}


def _cdk(target: Target, by_kind: _ByKind) -> Iterable[str]:
    mapping, function, stream = (by_kind[kind] for kind in _KINDS)
    if mapping:
        table = target.kind is SourceKind.DYNAMODB
        source, of = ("DynamoEventSource", "table") if table else ("KinesisEventSource", "stream")
        yield f"// {_comment(target, ResourceKind.EVENT_SOURCE_MAPPING)}"
        yield f"theFunction.addEventSource(new {source}({of}, {{"
        yield from _props(mapping)
        yield "}));"
    for kind, held, construct in (
        (ResourceKind.FUNCTION, function, 'new Function(this, "TheFunction", {'),
        (ResourceKind.STREAM, stream, 'new Stream(this, "TheStream", {'),
    ):
        if held:
            yield f"// {_comment(target, kind)}"
            yield construct
            yield from _props(held)
            yield "});"


def _props(held: Sequence[Held]) -> Iterable[str]:
    for one in held:
        names = NAMES[one.setting]
        if one.value in {None, ""}:
            yield f"  // without {names.cdk}"
        elif one.setting == "on_failure_destination":
            service = str(one.value).split(":")[2:3]
            made = _DESTINATIONS.get(service[0] if service else "", "{}")
            yield f"  {names.cdk}: {made.format(_literal(one.value))},"
        elif one.value == -1:
            yield f"  // without {names.cdk}: unbounded"
        else:
            yield f"  {names.cdk}: {names.wrapped.format(_literal(one.value))},"


_LANGUAGES: Sequence[tuple[str, str, Callable[[Target, _ByKind], Iterable[str]]]] = (
    ("AWS SAM", "yaml", _sam),
    ("CloudFormation", "yaml", _cloudformation),
    ("Terraform", "hcl", _terraform),
    ("AWS CDK (TypeScript)", "ts", _cdk),
)
