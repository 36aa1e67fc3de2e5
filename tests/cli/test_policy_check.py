"""policy check and schema policy: many files, and what other tools read."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from jsonschema import Draft202012Validator

from remediator.policy import Policy
from remediator.policy_file import parse
from tests.cli.clerk import outside, run
from tests.fuzz.mutating import HOSTILE
from tests.fuzz.test_fuzz import harmless_annotations, harmless_lines
from tests.test_policy import WRONG

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "policies" / "guardrails.yml"


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    file = tmp_path / "wrong.yml"
    file.write_text("mode: plan\nlimits:\n  shards: many\n  shard: 3\n")
    return file


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    file = tmp_path / "odd.yml"
    file.write_text("mode: plan\nbudget: {per_target: 31}\n")
    return file


def test_every_file_is_read_and_one_that_is_wrong_hides_none(wrong: Path, odd: Path) -> None:
    answer = run("policy", "check", wrong, odd, SHIPPED)
    assert answer.exit_code == 1
    assert answer.stdout.count("The policy is understood") == 2
    lines = answer.stderr.splitlines()
    assert [line.split(": ")[:3] for line in lines] == [
        ["Error", f"{wrong}:3", "limits.shards"],
        ["Error", f"{wrong}:4", "limits.shard"],
        ["Warning", f"{odd}:2", "budget.per_target against budget.per_account"],
    ]


def test_a_pattern_stands_for_its_files(wrong: Path, odd: Path) -> None:
    answer = run("policy", "check", wrong.parent / "*.yml", "-f", "json")
    assert answer.exit_code == 1
    second, first = json.loads(answer.stdout)
    assert (first["file"], len(first["errors"]), first["warnings"]) == (str(wrong), 2, [])
    assert (second["file"], second["mode"], len(second["warnings"])) == (str(odd), "plan", 1)


@pytest.mark.parametrize(("words", "code"), [((), 0), (("--strict",), 1)])
def test_a_warning_is_an_error_where_that_is_asked_for(
    odd: Path, words: tuple[str, ...], code: int
) -> None:
    assert run("policy", "check", odd, *words).exit_code == code


def test_a_file_that_is_not_there_is_an_error_of_that_file(tmp_path: Path) -> None:
    answer = run("policy", "check", tmp_path / "none.yml", SHIPPED)
    assert answer.exit_code == 1
    assert f"Error: {tmp_path}/none.yml: No such file" in answer.stderr
    assert "The policy is understood" in answer.stdout


def test_github_shows_each_finding_at_its_file_and_line(
    tmp_path: Path, wrong: Path, odd: Path
) -> None:
    summary = tmp_path / "summary.md"
    world = outside(environ={"GITHUB_STEP_SUMMARY": str(summary)})
    answer = run("policy", "check", wrong, odd, "-f", "github", world=world)
    first, _, third = answer.stdout.splitlines()
    assert first.startswith(f"::error file={wrong},line=3,title=remediator%3A policy::limits.")
    assert third.startswith(f"::warning file={odd},line=2,title=")
    assert (answer.exit_code, answer.stderr) == (1, "")
    assert "The policy is understood" in summary.read_text()


def test_junit_has_a_case_for_each_file_and_counts_those_that_fail(wrong: Path, odd: Path) -> None:
    suites = ET.fromstring(run("policy", "check", wrong, odd, SHIPPED, "-f", "junit").stdout)
    (suite,) = suites
    assert suites.attrib == {"tests": "3", "failures": "1", "errors": "0"}
    cases = {case.attrib["name"]: case for case in suite}
    assert set(cases) == {str(wrong), str(odd), str(SHIPPED)}
    failure = cases[str(wrong)].find("failure")
    assert failure is not None
    assert f"{wrong}:4: limits.shard: unknown setting" in str(failure.text)
    assert [part.tag for part in cases[str(odd)]] == ["system-out"]
    assert list(cases[str(SHIPPED)]) == []


# What SARIF 2.1.0 asks of what is used here (OASIS, sections 3.13, 3.14, 3.19, 3.27 to 3.30).
TEXT: dict[str, Any] = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string", "minLength": 1}},
}
PLACE: dict[str, Any] = {
    "type": "object",
    "required": ["artifactLocation"],
    "properties": {
        "artifactLocation": {
            "type": "object",
            "required": ["uri"],
            "properties": {
                "uri": {"type": "string", "pattern": "^[A-Za-z0-9._~:/%!$&'()*+,;=@-]+$"}
            },
        },
        "region": {
            "type": "object",
            "required": ["startLine"],
            "properties": {"startLine": {"type": "integer", "minimum": 1}},
        },
    },
}
RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["ruleId", "level", "message", "locations"],
    "additionalProperties": False,
    "properties": {
        "ruleId": {"type": "string"},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": TEXT,
        "locations": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "properties": {"physicalLocation": PLACE}},
        },
    },
}
DRIVER: dict[str, Any] = {
    "type": "object",
    "required": ["name", "rules"],
    "properties": {
        "rules": {"type": "array", "items": {"required": ["id"], "type": "object"}},
    },
}
SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "tool": {"required": ["driver"], "properties": {"driver": DRIVER}},
                    "results": {"type": "array", "items": RESULT},
                },
            },
        },
    },
}


def test_sarif_is_of_its_shape_and_every_result_names_a_rule_a_file_and_a_line(
    wrong: Path, odd: Path
) -> None:
    log = json.loads(run("policy", "check", wrong, odd, SHIPPED, "-f", "sarif").stdout)
    Draft202012Validator(SARIF).validate(log)
    (made,) = log["runs"]
    rules = {rule["id"] for rule in made["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in made["results"]} == rules
    assert [result["level"] for result in made["results"]] == ["error", "error", "warning"]
    places = [result["locations"][0]["physicalLocation"] for result in made["results"]]
    assert [place["region"]["startLine"] for place in places] == [3, 4, 2]
    assert places[0]["artifactLocation"]["uri"] == wrong.as_uri()


@pytest.mark.parametrize("shown", ["github", "junit", "sarif", "json"])
@pytest.mark.parametrize("word", [word for word in HOSTILE if "\ud800" not in word])
def test_a_hostile_word_in_a_policy_is_obeyed_nowhere(
    tmp_path: Path, shown: str, word: str
) -> None:
    file = tmp_path / "policy.yml"
    file.write_text(json.dumps({word: word}))
    answer = run("policy", "check", file, "-f", shown)
    assert answer.exit_code == 1
    if shown == "github":
        harmless_annotations(re.sub(r"file=[^:,]+,(line=\d+,)?", "", answer.stdout))
        return
    harmless_lines(answer.stdout)
    if shown == "junit":
        ET.fromstring(answer.stdout)
    else:
        json.loads(answer.stdout)


# --- the schema ------------------------------------------------------------------------------

DOCUMENT: dict[str, Any] = json.loads((ROOT / "schemas" / "policy.schema.json").read_text())
SCHEMA = Draft202012Validator(DOCUMENT)


def test_the_schema_is_one_and_takes_the_shipped_policy() -> None:
    Draft202012Validator.check_schema(DOCUMENT)
    SCHEMA.validate(yaml.safe_load(SHIPPED.read_text()))


def test_the_shipped_policy_tells_an_editor_where_its_schema_is() -> None:
    first = SHIPPED.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (SHIPPED.parent / first.partition("=")[2]).resolve() == (
        ROOT / "schemas" / "policy.schema.json"
    )


def test_the_schema_says_of_each_setting_what_it_protects() -> None:
    whole = DOCUMENT["properties"]
    sections = {
        name: DOCUMENT["$defs"][whole[name]["$ref"].rpartition("/")[2]]["properties"]
        for name in ("limits", "thresholds", "budget", "forecast", "follow_up")
    }
    fields = [*whole.values(), *(one for of in sections.values() for one in of.values())]
    assert [field for field in fields if not field.get("description")] == []
    assert sections["limits"]["shards"]["description"] == (
        "Open shards of a stream; each costs money by the hour."
    )


# All that a schema can say: not what stands twice, nor what two fields mean together.
MARKED = (
    "unknown field",
    "unknown field in a section",
    "word that is not allowed",
    "number beyond AWS's",
    "text for a number",
    "switch for a number",
    "section without fields",
    "unknown remedy",
    "unknown field of a remedy",
    "unknown autonomy",
    "time of day without quotes",
    "time of day that is a number in quotes",
    "time of day with a time zone",
    "unknown day",
    "window without a name",
    "unknown field in an override",
    "wrong value in the second override",
    "override in an override",
    "seconds beyond any calendar",
)


@pytest.mark.parametrize("name", MARKED)
def test_what_the_remediator_refuses_an_editor_marks(name: str) -> None:
    assert not SCHEMA.is_valid(yaml.safe_load(WRONG[name][0]))


@pytest.mark.parametrize(
    "text",
    [
        "limits: {shards: 3}",
        'maintenance_windows: [{name: a, start: "22:00", end: "02:30", days: [mon]}]',
        "overrides: [{match: {tags: {tier: critical}}, set: {limits: {shards: 3}}}]",
        "remedies: {split_shards: {autonomy: approve, per_target: 2}}",
    ],
)
def test_what_the_remediator_understands_an_editor_takes(text: str) -> None:
    assert parse(text) != Policy()
    SCHEMA.validate(yaml.safe_load(text))
