"""tree, schema, policy check, and the help: what decides, said from what decides."""

import json
from pathlib import Path

import pytest
from typer.main import get_command

from remediator.cli import app
from remediator.cli.tables import Schema
from remediator.decide.guardrails import GUARDRAILS
from remediator.decide.tree import TREE
from remediator.model import Cause
from tests.cli.clerk import run

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("shown", ["text", "markdown", "json"])
def test_the_tree_shows_every_question_guardrail_and_cause(shown: str) -> None:
    said = " ".join(run("tree", "--format", shown).stdout.split())
    for question in TREE.values():
        assert all(word in said for word in question.text.split())
    for name in (*GUARDRAILS, *Cause):
        assert name.replace("_", " ") in said


def test_every_guardrail_says_what_it_holds() -> None:
    assert [name for name, check in GUARDRAILS.items() if not check.__doc__] == []


def test_the_trees_diagram_has_an_arrow_for_every_answer() -> None:
    diagram = run("tree", "-f", "markdown").stdout.split("```mermaid\n")[1]
    assert diagram.startswith("flowchart TD\n")
    assert diagram.count("|yes|") == diagram.count("|no|") == len(TREE)
    assert diagram.count("-.->|unseen|") == len(TREE)


@pytest.mark.parametrize("of", Schema)
def test_the_published_schemas_are_those_of_the_records(of: str) -> None:
    """If not: make schema."""
    published = (ROOT / "schemas" / f"{of}.schema.json").read_text()
    assert run("schema", of).stdout == published


def test_the_reports_schema_names_what_others_rely_on() -> None:
    schema = json.loads(run("schema", "report").stdout)
    relied_on = "incident_id mode target diagnosis forecast plan outcome follow_up"
    assert set(relied_on.split()) <= set(schema["properties"])
    change = schema["$defs"]["PlannedChange"]["properties"]
    relied_on = "remedy resource setting before after why caveats ruling"
    assert [name for name in change if name in relied_on.split()] == relied_on.split()
    assert set(schema["$defs"]["Cause"]["enum"]) == set(Cause)


def test_the_shipped_policy_is_understood() -> None:
    answer = run("policy", "check")
    assert answer.exit_code == 0
    assert "The policy is understood" in answer.stdout
    assert json.loads(run("policy", "check", "-f", "json").stdout)["mode"] == "plan"


def test_a_wrong_policy_is_refused_by_line_path_and_what_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "policy.yml"
    file.write_text("mode: plan\nlimits:\n  shards: many\n")
    answer = run("policy", "check", file)
    assert answer.exit_code == 1
    assert f"Error: {file}:3: limits.shards: " in answer.stderr
    assert "'many'" in answer.stderr


def test_the_version_is_told() -> None:
    assert run("--version").stdout.startswith("remediator ")


def commands() -> list[list[str]]:
    root = get_command(app)
    found = [[name] for name in getattr(root, "commands", {})]
    return [*found, ["policy", "check"]]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_explains_itself_with_an_example(words: list[str]) -> None:
    answer = run(*words, "--help")
    assert answer.exit_code == 0
    assert "Example" in answer.stdout or words == ["policy"]


def test_the_commands_are_those_that_others_rely_on() -> None:
    relied_on = "plan apply explain approve rollback history report collect tree policy"
    assert set(relied_on.split()) <= {words[0] for words in commands()}


def test_the_exit_codes_are_documented() -> None:
    said = " ".join(run("--help").stdout.split())
    for code in ("0 nothing to do or done", "1 error", "2 usage", "3 changes proposed"):
        assert code in said
