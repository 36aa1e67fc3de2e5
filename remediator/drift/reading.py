"""A template, read as far as that goes without deploying it.

What hangs on more than its own parameters (conditions, imports, mappings) stays an expression.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

from remediator.errors import InputError
from remediator.escaping import shortened

# CloudFormation takes templates of up to 1 MB.
_LARGEST = 1_000_000


class Unresolved(NamedTuple):
    """An expression whose value only a deploy knows."""

    expression: str


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
        for key, part in fields(found.get("Parameters")).items()
        if isinstance(part, dict) and "Default" in part
    }
    return Template(
        name=name,
        resources={
            str(key): part for key, part in found["Resources"].items() if isinstance(part, dict)
        },
        parameters=defaults | dict(parameters or {}),
        function_globals=fields(fields(found.get("Globals")).get("Function")),
    )


def fields(value: Any) -> dict[str, Any]:
    """What a value holds by name; nothing where it is no such thing."""
    return value if isinstance(value, dict) else {}


def resolved(value: Any, within: Template) -> Any:
    """A literal, a parameter's value, or ``Unresolved``."""
    if not isinstance(value, dict):
        return value
    match next(iter(value.items()), ("", "")):
        case ("Ref", str(name)) if name in within.parameters:
            return within.parameters[name]
        case ("Ref", str(name)):
            return Unresolved(f"!Ref {name}")
        case (str(function), argument) if function.startswith("Fn::"):
            short = function.removeprefix("Fn::")
            return Unresolved(f"!{short} {_said(argument)}")
        case _:
            return value


def _said(argument: Any) -> str:
    """What a function is given, as far as it is short."""
    if isinstance(argument, list) and all(isinstance(part, str) for part in argument):
        return shortened(".".join(argument))
    return shortened(argument) if isinstance(argument, str) else "…"
