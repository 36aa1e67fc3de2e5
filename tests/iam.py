"""policies/iam.yml as IAM would weigh it: for every call the actions that it asks for, and on what.

What a call asks for follows the Service Authorization Reference. Only what these statements need
is known: Allow, wildcards, ``ArnLike`` and ``StringEquals``.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from remediator.cli.permissions import OPTIONAL

CAPABILITIES: Mapping[str, Any] = yaml.safe_load(
    (Path(__file__).parents[1] / "policies" / "iam.yml").read_text(encoding="utf-8")
)["capabilities"]


class Place(NamedTuple):
    """What ``${...}`` stands for in one stack, and what is true of others' resources."""

    account: str
    region: str
    values: Mapping[str, str]
    """By what stands between the braces: TargetFunction, Journal.Arn…"""
    tags: Mapping[str, Mapping[str, str]] = {}
    """By ARN."""
    functions: Mapping[str, str] = {}
    """The function's ARN by mapping."""
    conditions: frozenset[str] = frozenset()
    """The template's conditions that hold."""

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"


class Ask(NamedTuple):
    """One action on one resource, with what IAM knows of the request."""

    action: str
    resource: str
    context: Mapping[str, str] = {}


class Call(NamedTuple):
    """A call as the SDK made it."""

    service: str
    operation: str
    params: Mapping[str, Any]


def allowing(ask: Ask, place: Place) -> str | None:
    """Which capability allows it; ``None``: denied."""
    return next((name for name in CAPABILITIES if _allows(CAPABILITIES[name], ask, place)), None)


def _allows(statement: Mapping[str, Any], ask: Ask, place: Place) -> bool:
    return (
        ask.action in statement["actions"]
        and any(_like(each, ask.resource, place) for each in statement["resources"])
        and all(
            _holds(operator, wanted, ask, place)
            for operator, wanted in statement.get("conditions", {}).items()
        )
    )


def _holds(operator: str, wanted: Mapping[str, Any], ask: Ask, place: Place) -> bool:
    if wanted.get("when", "") not in {"", *place.conditions}:
        return True
    return all(
        any(_COMPARE[operator](value, ask.context.get(key, ""), place) for value in _listed(values))
        for key, values in wanted.items()
        if key != "when"
    )


def _listed(values: str | list[str]) -> list[str]:
    return [values] if isinstance(values, str) else values


def _like(pattern: str, text: str, place: Place) -> bool:
    filled = re.sub(r"\$\{([^}]+)\}", lambda found: _value(found[1], place), pattern)
    return re.fullmatch(re.escape(filled).replace(r"\*", ".*"), text) is not None


def _equal(wanted: str, text: str, _: Place) -> bool:
    return wanted == text


_COMPARE: Mapping[str, Callable[[str, str, Place], bool]] = {
    "ArnLike": _like,
    "StringEquals": _equal,
}


def _value(name: str, place: Place) -> str:
    pseudo = {"AWS::Partition": "aws", "AWS::Region": place.region, "AWS::AccountId": place.account}
    return (pseudo | dict.fromkeys(OPTIONAL, "") | dict(place.values))[name]


# --- what a call asks for ------------------------------------------------------------------------


def asked(call: Call, place: Place) -> Iterable[Ask]:
    """The actions that IAM is asked about for one call."""
    special = _SPECIAL.get(f"{call.service}:{call.operation}")
    if special is not None:
        return special(call, place)
    resource = _RESOURCES[call.service](call, place)
    action = f"{_SIGNED_AS.get(call.service, call.service)}:{call.operation}"
    return [Ask(action, resource, _context(call, resource, place))]


# Whose actions a service's calls are, where that is not its own name.
_SIGNED_AS = {"dynamodbstreams": "dynamodb", "appconfigdata": "appconfig"}


def _context(call: Call, resource: str, place: Place) -> Mapping[str, str]:
    tags = {f"aws:ResourceTag/{k}": v for k, v in place.tags.get(resource, {}).items()}
    created = call.params.get("FunctionName", "") if call.operation == _CREATES else ""
    function = place.functions.get(call.params.get("UUID", ""), created)
    return tags | {"lambda:FunctionArn": function}


_CREATES = "CreateEventSourceMapping"


def _of_lambda(call: Call, place: Place) -> str:
    if "UUID" in call.params:
        return place.arn("lambda", f"event-source-mapping:{call.params['UUID']}")
    if call.operation in {"GetAccountSettings", "ListEventSourceMappings", _CREATES}:
        return "*"
    if "Resource" in call.params:
        return str(call.params["Resource"])
    version = f":{call.params['Qualifier']}" if "Qualifier" in call.params else ""
    return place.arn("lambda", f"function:{call.params['FunctionName']}{version}")


def _of_kinesis(call: Call, place: Place) -> str:
    named = call.params.get("StreamName")
    if "ConsumerARN" in call.params:
        return str(call.params["ConsumerARN"])
    return place.arn("kinesis", f"stream/{named}") if named else str(call.params["StreamARN"])


def _of_sqs(call: Call, place: Place) -> str:
    if "QueueUrl" in call.params:
        account, name = str(call.params["QueueUrl"]).split("/")[-2:]
        return f"arn:aws:sqs:{place.region}:{account}:{name}"
    account = call.params.get("QueueOwnerAWSAccountId", place.account)
    return f"arn:aws:sqs:{place.region}:{account}:{call.params['QueueName']}"


def _table(name: str, place: Place) -> str:
    return name if name.startswith("arn:") else place.arn("dynamodb", f"table/{name}")


_RESOURCES: Mapping[str, Callable[[Call, Place], str]] = {
    "lambda": _of_lambda,
    "kinesis": _of_kinesis,
    "dynamodbstreams": lambda call, _: str(call.params["StreamArn"]),
    "dynamodb": lambda call, place: _table(call.params["TableName"], place),
    "cloudwatch": lambda *_: "*",
    "sqs": _of_sqs,
    "sns": lambda call, _: str(call.params["TopicArn"]),
    "s3": lambda call, _: "/".join(
        ["arn:aws:s3:::" + call.params["Bucket"], *filter(None, [call.params.get("Key")])]
    ),
    "events": lambda _, place: place.arn("events", "event-bus/default"),
    # A path is asked for as such, whatever lies under it.
    "ssm": lambda call, place: place.arn(
        "ssm", f"parameter{call.params.get('Name') or call.params['Path']}"
    ),
    # By names here, by ids in truth; what comes later is of the session's profile.
    "appconfigdata": lambda call, place: place.arn(
        "appconfig",
        f"application/{call.params.get('ApplicationIdentifier')}"
        f"/environment/{call.params.get('EnvironmentIdentifier')}"
        f"/configuration/{call.params.get('ConfigurationProfileIdentifier')}",
    ),
}


def _function_with_tags(call: Call, place: Place) -> list[Ask]:
    """GetFunction leaves the tags out without ListTags."""
    resource = _of_lambda(call, place)
    bare = place.arn("lambda", f"function:{call.params['FunctionName']}")
    return [Ask("lambda:GetFunction", resource), Ask("lambda:ListTags", bare)]


def _schedule(call: Call, place: Place) -> list[Ask]:
    name = f"schedule/default/{call.params['Name']}"
    role = call.params["Target"]["RoleArn"]
    lent = {"iam:PassedToService": "scheduler.amazonaws.com"}
    return [
        Ask("scheduler:CreateSchedule", place.arn("scheduler", name)),
        Ask("iam:PassRole", role, lent),
    ]


_PARTS = {
    "Put": "PutItem",
    "Delete": "DeleteItem",
    "Update": "UpdateItem",
    "ConditionCheck": "ConditionCheckItem",
}


def _transaction(call: Call, place: Place) -> list[Ask]:
    """A transaction needs the permissions of its parts; there is none of its own."""
    return [
        Ask(f"dynamodb:{_PARTS[kind]}", place.arn("dynamodb", f"table/{part['TableName']}"))
        for item in call.params["TransactItems"]
        for kind, part in item.items()
    ]


def _batch(call: Call, place: Place) -> list[Ask]:
    tables = call.params["RequestItems"]
    return [Ask("dynamodb:BatchGetItem", place.arn("dynamodb", f"table/{name}")) for name in tables]


def _creation(call: Call, place: Place) -> list[Ask]:
    """With tags it needs TagResource as well, on what does not exist yet."""
    made = Ask(f"lambda:{_CREATES}", "*", _context(call, "*", place))
    tagged = Ask("lambda:TagResource", place.arn("lambda", "event-source-mapping:new"))
    return [made, tagged] if call.params.get("Tags") else [made]


_SPECIAL: Mapping[str, Callable[[Call, Place], Iterable[Ask]]] = {
    "lambda:GetFunction": _function_with_tags,
    f"lambda:{_CREATES}": _creation,
    "scheduler:CreateSchedule": _schedule,
    "dynamodb:TransactWriteItems": _transaction,
    "dynamodb:BatchGetItem": _batch,
    "dynamodb:DescribeStream": lambda call, _: [
        Ask("dynamodb:DescribeStream", call.params["StreamArn"])
    ],
}
