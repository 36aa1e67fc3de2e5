"""template.yml → the stack that CloudFormation would make of it, as far as the lab needs.

Parameters with their defaults and allowed values, conditions, and the intrinsic functions Ref,
GetAtt, Sub, If, Equals, Not, And, Or and Join. Physical names are ``stack-LogicalId``.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml


class TemplateError(Exception):
    """The template, or a parameter given to it, is not one that CloudFormation would take."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags, read as their long forms."""


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {name: loader.construct_mapping(node, deep=True)}
    raise TemplateError(f"!{suffix} at line {node.start_mark.line + 1}")


_Loader.add_multi_constructor("!", _tagged)


@cache
def load(path: Path) -> Mapping[str, Any]:
    """The template as data. Raises OSError and YAMLError."""
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
    if not isinstance(document, dict):
        raise TemplateError(f"{path}: not a template")
    return document


@dataclass(frozen=True, slots=True)
class _Names:
    """Physical names and ARNs, by resource type: what Ref and GetAtt give."""

    ref: str = "{name}"
    arn: str = ""


_NAMES = {
    "AWS::CloudWatch::Alarm": _Names(arn="arn:aws:cloudwatch:{region}:{account}:alarm:{name}"),
    "AWS::DynamoDB::Table": _Names(arn="arn:aws:dynamodb:{region}:{account}:table/{name}"),
    "AWS::IAM::ManagedPolicy": _Names(ref="arn:aws:iam::{account}:policy/{name}"),
    "AWS::IAM::Role": _Names(arn="arn:aws:iam::{account}:role/{name}"),
    "AWS::Logs::LogGroup": _Names(arn="arn:aws:logs:{region}:{account}:log-group:{name}"),
    "AWS::SNS::Topic": _Names(ref="arn:aws:sns:{region}:{account}:{name}"),
    "AWS::SQS::Queue": _Names(
        ref="https://sqs.{region}.amazonaws.com/{account}/{name}",
        arn="arn:aws:sqs:{region}:{account}:{name}",
    ),
    "AWS::Serverless::Function": _Names(arn="arn:aws:lambda:{region}:{account}:function:{name}"),
}
_NAME_PROPERTIES = ("AlarmName", "TableName", "TopicName", "QueueName", "FunctionName", "RoleName")


@dataclass(slots=True)
class Stack:
    """A template with its parameters: resolved when asked. Raises TemplateError for bad ones."""

    document: Mapping[str, Any]
    name: str
    account_id: str
    region: str
    given: Mapping[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        declared = self.document.get("Parameters", {})
        unknown = sorted(set(self.given) - set(declared))
        if unknown:
            raise TemplateError(f"no such parameters: {', '.join(unknown)}")
        self.parameters = {
            name: _checked(name, spec, self.given) for name, spec in declared.items()
        }

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """The resolved properties of the resources of one type that exist, by logical id."""
        return {
            logical: self.resolve(resource.get("Properties", {}))
            for logical, resource in self.document["Resources"].items()
            if resource["Type"] == kind and self.exists(logical)
        }

    def exists(self, logical: str) -> bool:
        """Whether the resource's condition holds."""
        condition = self.document["Resources"][logical].get("Condition")
        return condition is None or self._condition(condition)

    def ref(self, name: str) -> Any:
        """What ``!Ref`` gives: a parameter, a pseudo parameter, or a resource's own reference."""
        pseudo = {
            "AWS::AccountId": self.account_id,
            "AWS::Region": self.region,
            "AWS::Partition": "aws",
            "AWS::StackName": self.name,
            "AWS::NoValue": None,
        }
        if name in pseudo:
            return pseudo[name]
        return self.parameters[name] if name in self.parameters else self._named(name, "ref")

    def arn(self, logical: str) -> str:
        """The ARN of a resource, also of those whose Ref is one."""
        kind = self.document["Resources"][logical]["Type"]
        return self._named(logical, "arn" if _NAMES.get(kind, _Names()).arn else "ref")

    def physical_name(self, logical: str) -> str:
        """The name that the resource has in the account."""
        properties = self.document["Resources"][logical].get("Properties", {})
        given = next((properties[key] for key in _NAME_PROPERTIES if key in properties), None)
        return f"{self.name}-{logical}" if given is None else str(self.resolve(given))

    def _named(self, logical: str, what: str) -> str:
        if logical not in self.document["Resources"]:
            raise TemplateError(f"no resource or parameter {logical}")
        names = _NAMES.get(self.document["Resources"][logical]["Type"], _Names())
        pattern: str = getattr(names, what)
        return pattern.format(
            name=self.physical_name(logical), account=self.account_id, region=self.region
        )

    def resolve(self, value: Any) -> Any:
        """The value with every intrinsic function applied."""
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and (function := _FUNCTIONS.get(next(iter(value)))):
            return function(self, next(iter(value.values())))
        return {key: self.resolve(item) for key, item in value.items()}

    def _condition(self, name: str) -> bool:
        return bool(self.resolve(self.document["Conditions"][name]))

    def _get_att(self, path: Any) -> str:
        logical, _, attribute = ".".join(path if isinstance(path, list) else [path]).partition(".")
        return self.arn(logical) if attribute == "Arn" else self.physical_name(logical)

    def _sub(self, text: str) -> str:
        def replaced(match: re.Match[str]) -> str:
            name = match[1]
            return self._get_att(name) if "." in name else str(self.ref(name))

        return re.sub(r"\$\{([\w:.]+)\}", replaced, text)

    def _if(self, parts: list[Any]) -> Any:
        condition, then, otherwise = parts
        return self.resolve(then if self._condition(condition) else otherwise)


_FUNCTIONS: dict[str, Callable[[Stack, Any], Any]] = {
    "Ref": Stack.ref,
    "Condition": Stack._condition,  # noqa: SLF001
    "Fn::And": lambda stack, parts: all(stack.resolve(parts)),
    "Fn::Equals": lambda stack, parts: len(set(map(str, stack.resolve(parts)))) == 1,
    "Fn::GetAtt": Stack._get_att,  # noqa: SLF001
    "Fn::If": Stack._if,  # noqa: SLF001
    "Fn::Join": lambda stack, parts: str(parts[0]).join(map(str, stack.resolve(parts[1]))),
    "Fn::Not": lambda stack, parts: not stack.resolve(parts)[0],
    "Fn::Or": lambda stack, parts: any(stack.resolve(parts)),
    "Fn::Sub": Stack._sub,  # noqa: SLF001
}


def _checked(name: str, spec: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    if name not in given and "Default" not in spec:
        raise TemplateError(f"parameter {name} has no default and was not given")
    value = given.get(name, spec.get("Default"))
    allowed = spec.get("AllowedValues")
    if allowed is not None and value not in allowed:
        raise TemplateError(f"parameter {name}: {value!r} is none of {allowed}")
    if "AllowedPattern" in spec and not re.fullmatch(spec["AllowedPattern"], str(value)):
        raise TemplateError(f"parameter {name}: {value!r} does not fit {spec['AllowedPattern']}")
    return value if spec["Type"] == "Number" else str(value)
