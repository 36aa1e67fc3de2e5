"""What the examples name exists, and what the pages count is what the template makes."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_file
from cfnlint.decode.cfn_yaml import load

from remediator.cli import accounts
from remediator.evidence.metrics import METRICS
from remediator.model import SourceKind
from tests.test_template import RESOURCES, TEMPLATE

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
TERRAFORM = (ROOT / "docs" / "examples" / "terraform" / "main.tf").read_text()
DEPLOY = (ROOT / "docs" / "deploy.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def bare(text: str) -> str:
    """HCL without comments and without what stands in quotes."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE))


# --- Terraform and CDK ---------------------------------------------------------------------------


def test_the_terraform_module_closes_what_it_opens() -> None:
    for opening, closing in ("{}", "[]", "()"):
        assert bare(TERRAFORM).count(opening) == bare(TERRAFORM).count(closing) > 0


def test_the_terraform_module_sets_parameters_of_the_template_and_uses_its_outputs() -> None:
    (merged,) = re.findall(r"parameters = merge\(\{(.*?)\}", TERRAFORM, re.DOTALL)
    assert set(re.findall(r"^\s+(\w+)\s+=", merged, re.MULTILINE)) <= set(TEMPLATE["Parameters"])
    assert set(re.findall(r'outputs\["(\w+)"\]', TERRAFORM)) <= set(TEMPLATE["Outputs"])


def test_every_variable_of_the_terraform_module_is_explained_and_used() -> None:
    declared = re.findall(r'^variable "(\w+)" \{\n\s+description', TERRAFORM, re.MULTILINE)
    assert len(declared) == TERRAFORM.count('variable "')
    assert set(re.findall(r"\bvar\.(\w+)", TERRAFORM)) == set(declared)


def test_the_terraform_module_plans_until_somebody_says_apply() -> None:
    (mode,) = re.findall(r'variable "mode" \{(.*?)\n\}', TERRAFORM, re.DOTALL)
    assert 'default     = "plan"' in mode


def test_the_cdk_note_sets_parameters_of_the_template() -> None:
    (note,) = re.findall(r"```ts\n(.*?)```", DEPLOY, re.DOTALL)
    (given,) = re.findall(r"parameters: \{(.*?)\}", note)
    assert set(re.findall(r"(\w+):", given)) <= set(TEMPLATE["Parameters"])
    assert set(re.findall(r'getResource\("(\w+)"\)', note)) <= set(RESOURCES)


# --- many accounts -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stackset.yml", "central-bus.yml", "to-central-bus.yml"])
def test_cfn_lint_finds_nothing_in_the_examples_for_many_accounts(name: str) -> None:
    assert [str(match) for match in lint_file(EXAMPLES / name)] == []


def test_the_stack_set_sets_parameters_of_the_template() -> None:
    (made,) = load(str(EXAMPLES / "stackset.yml"))["Resources"].values()
    given = {one["ParameterKey"] for one in made["Properties"]["Parameters"]}
    assert given <= set(TEMPLATE["Parameters"])


def test_the_example_of_accounts_is_one_that_is_taken_and_the_role_is_the_examples() -> None:
    listed = accounts.load(EXAMPLES / "accounts.yml")
    (role,) = (one.role for one in listed.accounts if one.role)
    made = load(str(EXAMPLES / "to-central-bus.yml"))["Resources"]["OperatorRole"]["Properties"]
    pattern = made["RoleName"]["Fn::Sub"].replace("${AWS::Region}", "eu-central-1")
    assert role.endswith(f":role/{pattern}")


# --- costs ---------------------------------------------------------------------------------------

# The template's conditions that hold by default.
DEFAULTS = {"WatchesOneFunction", "HasEarlyWarning"}


def alarms() -> Iterator[Mapping[str, Any]]:
    for resource in RESOURCES.values():
        made = resource.get("Condition", "WatchesOneFunction") in DEFAULTS
        if made and resource["Type"] == "AWS::CloudWatch::Alarm":
            yield resource["Properties"]


def test_the_alarm_metrics_that_are_counted_are_the_templates() -> None:
    metrics = sum(
        sum("MetricStat" in one for one in alarm.get("Metrics", [{"MetricStat": 1}]))
        for alarm in alarms()
    )
    assert f"| alarms | {metrics} alarm metrics" in OPERATIONS


@pytest.mark.parametrize("kind", SourceKind)
def test_the_metrics_of_a_look_that_are_counted_are_those_that_are_read(kind: SourceKind) -> None:
    name = {SourceKind.KINESIS: "Kinesis", SourceKind.DYNAMODB: "DynamoDB"}[kind]
    assert f"{len(METRICS[kind])} metrics ({name})" in OPERATIONS


def test_the_memory_and_concurrency_that_are_counted_are_the_functions() -> None:
    memory = RESOURCES["RemediatorFunction"]["Properties"]["MemorySize"]
    assert f"{memory} MB" in OPERATIONS
