"""iam: what each may do, as IAM takes it, and the examples that rely on it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import lint_file
from cfnlint.decode.cfn_yaml import load

from remediator.cli.permissions import (
    ASKING,
    SHARES,
    Audience,
    capabilities,
    conditions,
    document,
)
from tests.cli.clerk import run
from tests.policy_lint import findings
from tests.test_template import CAPABILITIES, TEMPLATE, as_list, statements_of, written_out

ROOT = Path(__file__).parents[2]
ROLE = ROOT / "docs" / "examples" / "ci-role.yml"
ALL = {
    "FreezeParameter": "/remediator/freeze",
    "SharedJournal": "first-journal",
    "CaptureBucket": "captured-records",
    "TargetFunction2": "payments",
    "TargetFunction3": "invoices-*",
    "TargetFunction4": "stock",
    "TaggedFunctionsOnly": "yes",
    "MemoryLever": "yes",
    "FanOutLever": "yes",
    "PolicyParameter": "/remediator/policy",
    "PolicyConfiguration": "orders/production/guardrails",
}


def printed(audience: str, *said: str) -> dict[str, Any]:
    words = [word for one in said for word in ("--set", one)]
    answer = run("iam", "--for", audience, *words)
    assert answer.exit_code == 0, answer.output
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def actions(found: Mapping[str, Any]) -> set[str]:
    return {action for statement in found["Statement"] for action in statement["Action"]}


@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("said", [{}, ALL], ids=["nothing", "all"])
def test_parliament_finds_nothing_in_what_is_printed(
    audience: Audience, said: dict[str, str]
) -> None:
    stands_for = {"AWS::Partition": "aws", **said}
    ours = {
        "RemediatorRole.Arn": "arn:aws:iam::111122223333:role/remediator",
        "AWS::Partition": "aws",
    }
    assert list(findings(document(audience, stands_for | ours), audience)) == []


def test_what_the_function_is_granted_is_what_the_template_grants_it() -> None:
    made = {one["Sid"]: one for one in document(Audience.FUNCTION, ALL)["Statement"]}
    granted = statements_of("RemediatorRole")
    assert set(made) == set(granted)
    for name, statement in granted.items():
        assert made[name]["Action"] == statement["actions"]


def test_what_the_template_leaves_out_by_default_is_left_out_here_too() -> None:
    plain = {one["Sid"]: one for one in printed("function")["Statement"]}
    assert "ReadFreeze" not in plain
    assert "Condition" not in plain["ChangeConcurrency"]
    assert [r for r in plain["KeepJournal"]["Resource"] if "SharedJournal" in r] == []
    assert "TargetFunction2" not in json.dumps(plain)
    second = printed("function", "TargetFunction2=payments")["Statement"]
    granted = {one["Sid"] for one in second if ":function:payments" in json.dumps(one)}
    assert granted == {"ReadFunction", "ChangeMappings", "ChangeConcurrency"}
    tagged = printed("function", "TaggedFunctionsOnly=yes", "FreezeParameter=/f")["Statement"]
    whole = {one["Sid"]: one for one in tagged}
    assert whole["ReadFreeze"]["Resource"][0].endswith(":parameter/f")
    assert whole["ChangeConcurrency"]["Condition"] == (
        {"StringEquals": {"aws:ResourceTag/remediator": "managed"}}
    )


def test_every_condition_of_the_permissions_is_known() -> None:
    named = {of["when"] for of in CAPABILITIES.values() if "when" in of}
    named |= {
        wanted["when"]
        for of in CAPABILITIES.values()
        for wanted in of.get("conditions", {}).values()
        if "when" in wanted
    }
    assert named == set(conditions())
    said = {name for of in conditions().values() for name in of}
    assert said <= set(TEMPLATE["Parameters"])
    assert set(conditions()) <= set(TEMPLATE["Conditions"])


def test_ci_may_look_and_nothing_else() -> None:
    verbs = {action.split(":")[1] for action in actions(printed("ci"))}
    assert all(verb.startswith(("Get", "List", "Describe")) for verb in verbs)


def test_an_operator_may_do_by_hand_what_the_function_does_but_its_own_log() -> None:
    function, operator = (
        actions(printed(audience, "CaptureBucket=captured"))
        for audience in ("function", "operator")
    )
    beside = {action for of in ASKING.values() for action in of["actions"]}
    assert operator - function == beside - function
    assert {action.split(":")[0] for action in function - operator} == {"logs", "sqs", "xray"}


def test_what_an_audience_is_said_to_need_exists() -> None:
    for audience, share in SHARES.items():
        assert share.own <= set(CAPABILITIES)
        assert all(of["why"] and of["actions"] for of in capabilities(audience).values())


def test_what_is_said_is_filled_in_and_what_is_left_is_told() -> None:
    said = ("AWS::Region=eu-west-1", "AWS::AccountId=111122223333", "TargetFunction=orders")
    words = [word for one in said for word in ("--set", one)]
    whole = run("iam", "--for", "ci", *words)
    assert "${" not in whole.stdout
    assert whole.stderr == ""
    assert "arn:aws:lambda:eu-west-1:111122223333:function:orders" in whole.stdout
    left = run("iam", "--for", "function", *words)
    assert left.stderr.startswith("Left to say with --set NAME=VALUE: DeadLetters.Arn, ")


@pytest.mark.parametrize("wrong", ["Region=eu-west-1", "AWS::Region", ""])
def test_what_nothing_stands_for_is_refused_with_what_there_is(wrong: str) -> None:
    answer = run("iam", "--for", "ci", "--set", wrong)
    assert answer.exit_code == 2
    assert "AWS::Region" in answer.stderr


def test_a_table_tells_the_reasons() -> None:
    said = run("iam", "--for", "ci", "-f", "markdown").stdout
    assert "Settings and state of a mapping." in said


# --- the example role ----------------------------------------------------------------------------


def test_cfn_lint_finds_nothing_in_the_example() -> None:
    assert [str(match) for match in lint_file(ROLE)] == []


def test_the_example_role_grants_exactly_what_is_printed_for_ci() -> None:
    (policy,) = load(str(ROLE))["Resources"]["PlanRole"]["Properties"]["Policies"]
    granted = {
        one["Sid"]: (as_list(one["Action"]), written_out(as_list(one["Resource"])))
        for one in policy["PolicyDocument"]["Statement"]
    }
    said = printed("ci", "AWS::Partition=${AWS::Partition}")["Statement"]
    assert granted == {one["Sid"]: (one["Action"], one["Resource"]) for one in said}


def test_only_the_repository_that_is_named_may_take_the_role_on() -> None:
    role = load(str(ROLE))["Resources"]["PlanRole"]["Properties"]
    (trust,) = written_out(role["AssumeRolePolicyDocument"]["Statement"])
    issuer = "token.actions.githubusercontent.com"
    assert trust["Principal"]["Federated"].endswith(f":oidc-provider/{issuer}")
    assert trust["Condition"] == {
        "StringEquals": {f"{issuer}:aud": "sts.amazonaws.com"},
        "StringLike": {f"{issuer}:sub": "repo:${Repository}:*"},
    }
    assert yaml.safe_load(json.dumps(trust))["Action"] == "sts:AssumeRoleWithWebIdentity"
