"""The action, the hook and the example workflow: their very scripts run, and name what exists."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from remediator.cli import app
from tests.evidence import BUNDLES

ROOT = Path(__file__).parents[2]
ACTION: Mapping[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
WORKFLOW = (ROOT / "docs" / "examples" / "plan.yml").read_text()
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
INSTALL, PLAN = ACTION["runs"]["steps"]


def played(tmp_path: Path, **inputs: str) -> tuple[int, str, str]:
    """The action's plan step, as a runner plays it: exit code, what it says, its outputs."""
    bin_ = tmp_path / "bin"
    bin_.mkdir(exist_ok=True)
    command = bin_ / "remediator"
    command.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from remediator.cli import main; main()" "$@"\n'
    )
    command.chmod(0o755)
    given = {name: str(of.get("default", "")) for name, of in ACTION["inputs"].items()} | inputs
    environ = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: given[found[1]], value)
        for name, value in PLAN["env"].items()
    }
    output = tmp_path / "output"
    output.write_text("")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", PLAN["run"]],
        cwd=tmp_path,
        env={
            **environ,
            "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GITHUB_OUTPUT": str(output),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout, output.read_text()


def test_the_action_checks_policies_and_plans_on_every_bundle_of_a_pattern(tmp_path: Path) -> None:
    code, said, output = played(
        tmp_path,
        check=f"{ROOT}/policies/guardrails.yml",
        evidence=f"{BUNDLES}/slow-*.json\n{BUNDLES}/recovering.json\n",
    )
    assert (code, output) == (0, "exit-code=3\n")
    assert ",title=remediator%3A orders::slow consumer." in said
    assert ",title=remediator%3A orders::recovering." in said


@pytest.mark.parametrize(("fail_on", "code"), [("1 2", 0), ("1 2 3", 3)])
def test_the_step_fails_by_the_exit_codes_that_are_named(
    tmp_path: Path, fail_on: str, code: int
) -> None:
    old, new = tmp_path / "old.yml", tmp_path / "new.yml"
    old.write_text("")
    new.write_text("freeze: true\n")
    found, said, output = played(
        tmp_path,
        **{
            "evidence": f"{BUNDLES}/slow-consumer.json",
            "policy": str(new),
            "against": str(old),
            "fail-on": fail_on,
        },
    )
    assert (found, output) == (code, "exit-code=3\n")
    assert "was allow 1 → 8; now block 1 → 8 (freeze)" in said


def test_a_wrong_policy_fails_the_step_though_the_plans_are_fine(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("moed: plan\n")
    code, said, output = played(
        tmp_path, check=str(wrong), evidence=f"{BUNDLES}/slow-consumer.json"
    )
    assert (code, output) == (1, "exit-code=1\n")
    assert f"::error file={wrong},line=1" in said
    assert "slow consumer" in said


def test_what_is_said_to_the_action_is_never_part_of_its_script(tmp_path: Path) -> None:
    assert "${{" not in PLAN["run"] + INSTALL["run"]
    played(tmp_path, evidence="$(touch bad)\n`touch bad`\n; touch bad #", function="")
    assert not (tmp_path / "bad").exists()


def test_every_input_of_the_action_is_used_and_explained() -> None:
    used = set(re.findall(r"inputs\.([\w-]+)", "".join(PLAN["env"].values())))
    assert used == set(ACTION["inputs"])
    assert all(of["description"] for of in ACTION["inputs"].values())


def test_the_example_workflow_says_only_what_the_action_takes() -> None:
    jobs = yaml.safe_load(WORKFLOW)["jobs"]
    ours = [
        step
        for job in jobs.values()
        for step in job["steps"]
        if "iteratorage-remediator@" in step["uses"]
    ]
    assert len(ours) == 2
    assert all(set(step["with"]) <= set(ACTION["inputs"]) for step in ours)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert all(step["uses"].endswith(f"@v{version}") for step in ours)


def test_the_example_workflow_may_read_and_ask_for_a_token_and_nothing_else() -> None:
    assert yaml.safe_load(WORKFLOW)["permissions"] == {"contents": "read", "id-token": "write"}


def test_the_hook_runs_a_command_that_exists_with_what_the_command_line_needs() -> None:
    program, *words = HOOK["entry"].split()
    assert program == "remediator"
    command: Any = get_command(app)
    for word in words:
        command = command.commands[word]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert HOOK["additional_dependencies"] == extras["optional-dependencies"]["cli"]


@pytest.mark.parametrize(
    ("file", "meant"),
    [
        ("policies/guardrails.yml", True),
        ("guardrails.payments.yaml", True),
        ("policies/iam.yml", False),
    ],
)
def test_the_hook_is_about_policies(file: str, *, meant: bool) -> None:
    assert (re.search(HOOK["files"], file) is not None) is meant
