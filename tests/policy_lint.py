"""parliament over every policy of the template: ``python -m tests.policy_lint``.

It knows AWS's Service Authorization Reference: an action that does not exist, a resource or a
condition that the action does not take, a ``*`` where a resource could be named. The statements of
``policies/iam.yml`` are the template's, which ``tests/test_template.py`` holds.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from parliament import analyze_policy_string

from tests.test_template import RESOURCES, written_out

_STANDS_FOR = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "111122223333",
    "TargetFunction": "orders",
    "TargetFunction2": "payments",
    "TargetFunction3": "invoices-*",
    "TargetFunction4": "",
    "SharedJournal": "first-journal",
    "CaptureBucket": "captured-records",
    "FreezeParameter": "/remediator/freeze",
    "PolicyParameter": "/remediator/policy",
    "Notices": "arn:aws:sns:eu-west-1:111122223333:notices",
    "LogGroup.Arn": "arn:aws:logs:eu-west-1:111122223333:log-group:remediator:*",
}
_ARNS = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:eu-west-1:111122223333:table/{}",
    "AWS::IAM::Role": "arn:aws:iam::111122223333:role/{}",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SQS::Queue": "arn:aws:sqs:eu-west-1:111122223333:{}",
    "AWS::Serverless::Function": "arn:aws:lambda:eu-west-1:111122223333:function:{}",
}

# What it says and is meant so, with the reason.
ACCEPTED: Mapping[tuple[str, str], str] = {
    ("RESOURCE_STAR", "cloudwatch:DescribeAlarms"): "composite alarms are described only with *",
}


class Finding(NamedTuple):
    """One thing that parliament says of one policy."""

    where: str
    issue: str
    about: str


def findings(document: Mapping[str, Any], where: str) -> Iterator[Finding]:
    """What parliament says of a policy document whose intrinsics are written out."""
    text = re.sub(r"\$\{([^}]+)\}", lambda found: _value(found[1]), json.dumps(document))
    for found in analyze_policy_string(text).findings:
        for about in _about(found.detail):
            if (found.issue, about) not in ACCEPTED:
                yield Finding(where, found.issue, about)


def _value(name: str) -> str:
    logical, _, attribute = name.partition(".")
    if name in _STANDS_FOR or attribute != "Arn":
        return _STANDS_FOR[name]
    return _ARNS[RESOURCES[logical]["Type"]].format(logical)


def _in_effect(found: Any) -> Any:
    """With every condition of the template holding: parliament knows nothing of those."""
    match found:
        case dict():
            return {key: _in_effect(inner) for key, inner in found.items() if key != "when"}
        case list():
            return [_in_effect(inner) for inner in found]
        case _:
            return found


def _about(detail: Any) -> Iterator[str]:
    for each in detail if isinstance(detail, list) else [detail]:
        yield str(each["action"]) if isinstance(each, dict) and "action" in each else str(each)


def documents() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every policy of the template, by the resource that it stands in."""
    for name, resource in RESOURCES.items():
        properties = _in_effect(written_out(resource.get("Properties", {})))
        if "PolicyDocument" in properties:
            yield name, properties["PolicyDocument"]
        if resource["Type"] == "AWS::IAM::Role":
            for policy in properties.get("Policies", []):
                yield f"{name}/{policy['PolicyName']}", policy["PolicyDocument"]


def main() -> int:
    """Print what is found; 1 if anything is."""
    found = [each for where, document in documents() for each in findings(document, where)]
    sys.stdout.writelines(f"{each.where}: {each.issue}: {each.about}\n" for each in found)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
