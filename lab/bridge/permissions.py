"""What the deployed role may change only where a tag says so: the conditions in iam.yml."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lab.bridge.calls import Call, denied
from lab.bridge.services.base import Aws

POLICY = Path(__file__).resolve().parents[2] / "policies" / "iam.yml"
_TAG = "aws:ResourceTag/"


def check_tags(aws: Aws, call: Call) -> None:
    """Raises AwsError, as IAM denies, where a stream lacks the tags that the role asks for."""
    wanted = _conditions().get(call.name, {})
    stream = _stream(aws, call.params)
    tags = aws.tags.get(stream, {}) if stream else {}
    if stream and any(tags.get(name) not in values for name, values in wanted.items()):
        raise denied(call).error


def _stream(aws: Aws, params: Mapping[str, Any]) -> str | None:
    name = params.get("StreamName")
    return params.get("StreamARN") or (aws.arn("kinesis", f"stream/{name}") if name else None)


@cache
def _conditions() -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Tags and the values that will do, by action."""
    capabilities = yaml.safe_load(POLICY.read_text(encoding="utf-8"))["capabilities"]
    return {
        action: _tags(capability.get("conditions", {}))
        for capability in capabilities.values()
        for action in capability["actions"]
    }


def _tags(conditions: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Sequence[str]]:
    return {
        key.removeprefix(_TAG): [value] if isinstance(value, str) else value
        for keys in conditions.values()
        for key, value in keys.items()
        if key.startswith(_TAG)
    }
