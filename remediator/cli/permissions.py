"""iam: who needs which permissions, and why, as IAM takes it."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, NamedTuple

import typer
import yaml

from remediator.cli import showing
from remediator.cli.failures import complain
from remediator.cli.options import Command, Format
from remediator.environment import ROOT
from remediator.render.page import Page, Section, Table

FILE = ROOT / "policies" / "iam.yml"

Capability = Mapping[str, Any]


class Audience(StrEnum):
    """Who asks AWS."""

    FUNCTION = "function"
    OPERATOR = "operator"
    CI = "ci"


class Share(NamedTuple):
    """What somebody needs of the function's capabilities, and beside them."""

    who: str
    accesses: frozenset[str]
    own: frozenset[str] = frozenset()
    """Of the stack's own things, by the capability's name."""
    beside: Mapping[str, Capability] = {}


# What people do to the remediator itself, which does none of it.
ASKING: Mapping[str, Capability] = {
    "LookAtRemediator": {
        "access": "read",
        "why": "The deployed settings, for --remediator-function, and what doctor looks at.",
        "actions": ["lambda:GetFunctionConfiguration", "lambda:GetPolicy"],
        "resources": ["${RemediatorFunction.Arn}"],
    },
    "LookAtFollowUpRole": {
        "access": "read",
        "why": "Whether the scheduler may take on the role that wakes the remediator (doctor).",
        "actions": ["iam:GetRole"],
        "resources": ["${FollowUpRole.Arn}"],
    },
    "LookAtPermissions": {
        "access": "read",
        "why": "Whether the remediator's role may do what it is meant to (doctor).",
        "actions": ["iam:SimulatePrincipalPolicy"],
        "resources": ["${RemediatorRole.Arn}"],
    },
    "KeepAlarms": {
        "access": "own",
        "why": "One alarm for each chosen function, by name (remediator alarms).",
        "actions": ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"],
        "resources": [
            "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:remediator-age-*"
        ],
    },
    "TakeCapturedRecords": {
        "access": "own",
        "when": "HasCaptureBucket",
        "why": "What the remediator has kept of what was given up (remediator redrive).",
        "actions": ["s3:GetObject", "s3:ListBucket"],
        "resources": [
            "arn:${AWS::Partition}:s3:::${CaptureBucket}",
            "arn:${AWS::Partition}:s3:::${CaptureBucket}/*",
        ],
    },
    "AskRemediator": {
        "access": "own",
        "why": "Approve, roll back, freeze and plan by an event of one's own.",
        "actions": ["lambda:InvokeFunction"],
        "resources": ["${RemediatorFunction.Arn}"],
    },
}

SHARES: Mapping[Audience, Share] = {
    Audience.FUNCTION: Share(
        "the function's own role", frozenset({"read", "change", "records", "own"})
    ),
    Audience.OPERATOR: Share(
        "a person who plans, applies, approves and rolls back by the command line",
        frozenset({"read", "change", "records"}),
        frozenset(
            {
                "KeepJournal",
                "ReadJournalClaims",
                "KeepRecords",
                "ReadQuarantine",
                "ScheduleFollowUps",
                "LendFollowUpRole",
                "SendNotices",
                "PutEvents",
                "ReadFreeze",
                "ReadPolicyConfiguration",
                "ReadPolicyParameter",
            }
        ),
        ASKING,
    ),
    Audience.CI: Share("a pipeline that only plans and collects", frozenset({"read"})),
}

# Parameters that are empty by default: what names them is left out where they are not said.
OPTIONAL = frozenset({"FreezeParameter", "PolicyParameter", "SharedJournal"}) | {
    f"TargetFunction{number}" for number in (2, 3, 4)
}

_PLACE = re.compile(r"\$\{([^}]+)\}")


@cache
def _file() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def conditions() -> Mapping[str, Mapping[str, str]]:
    """The template's conditions: each holds where one of these parameters is as it says."""
    found: Mapping[str, Mapping[str, str]] = _file()["conditions"]
    return found


def capabilities(audience: Audience) -> dict[str, Capability]:
    """What somebody needs, by name, as ``policies/iam.yml`` has it."""
    share = SHARES[audience]
    return {
        name: capability
        for name, capability in _file()["capabilities"].items()
        if capability["access"] in share.accesses or name in share.own
    } | dict(share.beside)


def document(audience: Audience, said: Mapping[str, str]) -> dict[str, Any]:
    """The IAM policy; ``said``: what stands for ``${NAME}``. What is not said stays as it is."""
    statements = (_statement(name, one, said) for name, one in capabilities(audience).items())
    return {"Version": "2012-10-17", "Statement": [one for one in statements if one is not None]}


def _statement(name: str, of: Capability, said: Mapping[str, str]) -> dict[str, Any] | None:
    if not _holds(of.get("when"), said):
        return None
    unsaid = OPTIONAL - {name for name, value in said.items() if value}
    only_where = {
        operator: {key: _named(value, unsaid) for key, value in wanted.items() if key != "when"}
        for operator, wanted in of.get("conditions", {}).items()
        if _holds(wanted.get("when"), said)
    }
    statement = {
        "Sid": name,
        "Effect": "Allow",
        "Action": of["actions"],
        "Resource": _filled(_named(of["resources"], unsaid), said),
    }
    return statement | ({"Condition": _filled(only_where, said)} if only_where else {})


def _named(value: Any, unsaid: frozenset[str]) -> Any:
    """A list without what names something that was not said."""
    if not isinstance(value, list):
        return value
    return [one for one in value if not unsaid & set(_PLACE.findall(one))]


def _holds(condition: str | None, said: Mapping[str, str]) -> bool:
    wanted = conditions()[condition] if condition else {}
    return condition is None or any(
        re.fullmatch(pattern, said.get(name, "")) for name, pattern in wanted.items()
    )


def _filled(value: Any, said: Mapping[str, str]) -> Any:
    match value:
        case str():
            return _PLACE.sub(lambda found: said.get(found[1]) or found[0], value)
        case list():
            return [_filled(inner, said) for inner in value]
        case dict():
            return {key: _filled(inner, said) for key, inner in value.items()}
        case _:
            return value


def places(audience: Audience) -> set[str]:
    """Everything that can be said of this policy."""
    told = yaml.safe_dump(capabilities(audience))
    return set(_PLACE.findall(told)) | {name for of in conditions().values() for name in of}


# --- the command ---------------------------------------------------------------------------------


def iam(
    whom: Annotated[Audience, typer.Option("--for", help="Who asks AWS.")],
    said: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="What ${NAME} stands for, or a parameter of the template. May be repeated.",
        ),
    ] = None,
    shown: Annotated[
        Format,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="json for IAM, or text or markdown: a table with the reasons.",
        ),
    ] = Format.JSON,
) -> None:
    """Print the permissions of the function, of an operator or of CI as an IAM policy.

    What is not said with --set stays as ${NAME}, as CloudFormation's Fn::Sub takes it.
    """
    values = {"AWS::Partition": "aws"} | dict(_pair(one, places(whom)) for one in said or ())
    if shown is not Format.JSON:
        showing.plain_page(_page(whom), shown)
        return
    made = document(whom, values)
    showing.data(made)
    left = sorted(set(_PLACE.findall(str(made))))
    if left:
        complain(f"Left to say with --set NAME=VALUE: {', '.join(left)}")


def _pair(text: str, known: set[str]) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or name not in known:
        raise typer.BadParameter(
            f"expected NAME=VALUE with one of {', '.join(sorted(known))}, got {text}",
            param_hint="'--set'",
        )
    return name, value


def _page(audience: Audience) -> Page:
    table = Table(("capability", "access", "actions", "why"), tuple(_rows(audience)))
    return Page(f"Permissions of {SHARES[audience].who}", sections=(Section("", table=table),))


def _rows(audience: Audience) -> Iterator[tuple[str, str, str, str]]:
    for name, of in capabilities(audience).items():
        yield name, of["access"], ", ".join(of["actions"]), " ".join(of["why"].split())


COMMANDS = (
    Command(
        "iam",
        "Install and remove",
        iam,
        "remediator iam --for ci --set AWS::Region=eu-west-1 "
        "--set AWS::AccountId=111122223333 --set TargetFunction=orders",
    ),
)
