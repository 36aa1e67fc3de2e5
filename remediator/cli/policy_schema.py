"""The policy's JSON Schema, for editors: what is allowed where, and what each value protects.

The fields are the records' own; what is said of them is what the shipped file says above them.
"""

import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from remediator.environment import Settings
from remediator.policy import Policy

# What an override cannot set.
_FOR_ALL = ("version", "overrides")


def policy_schema() -> dict[str, Any]:
    """The schema of a policy file."""
    schema = Policy.model_json_schema()
    shipped = Settings.model_fields["policy_file"].default.read_text(encoding="utf-8")
    for path, said in comments(shipped):
        _describe(schema, path, said)
    fields = {name: of for name, of in schema["properties"].items() if name not in _FOR_ALL}
    some = {"type": "object", "additionalProperties": False, "properties": fields}
    schema["$defs"]["Override"]["properties"]["set"] = some
    return schema


_KEY = re.compile(r"(?P<indent> *)(?P<key>\w+):")


def comments(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is said above each key of a YAML file, by its path; an example of the key ends it."""
    path: list[str] = []
    said: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("#"):
            said.append(bare.removeprefix("#").removeprefix(" "))
            continue
        key = _KEY.match(line)
        if key is not None:
            path[len(key["indent"]) // 2 :] = [key["key"]]
            prose = " ".join(_prose(said, key["key"]))
            if prose:
                yield tuple(path), prose
        said = []


def _prose(said: list[str], key: str) -> Iterator[str]:
    return takewhile(lambda line: not line.startswith(f"{key}:"), said)


def _describe(schema: dict[str, Any], path: tuple[str, ...], said: str) -> None:
    """Set a field's description; what has none of its own, as one remedy among them, is left."""
    at = schema
    for part in path[:-1]:
        at = _resolved(schema, at.get("properties", {}).get(part, {}))
    field = at.get("properties", {}).get(path[-1])
    if field is not None:
        field["description"] = said


def _resolved(schema: dict[str, Any], field: dict[str, Any]) -> dict[str, Any]:
    name = field.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = schema["$defs"].get(name, field)
    return found
