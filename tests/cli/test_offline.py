"""plan and explain on saved evidence: no AWS, every format, every exit code."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from remediator.model import Bundle
from tests.cli.clerk import outside, run
from tests.evidence import BUNDLES, MAPPING, PIPELINES, SAVED, bundle, evidence, slow_consumer

SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.mark.parametrize("name", SAVED)
def test_the_saved_bundles_are_what_the_builders_make(name: str) -> None:
    """If not: make schema."""
    saved = Bundle.model_validate_json((BUNDLES / f"{name}.json").read_text())
    assert saved == bundle(PIPELINES[name]())


@pytest.mark.parametrize(
    ("name", "cause", "code"),
    [
        ("slow-consumer", "slow_consumer", 3),
        ("throttled", "throttling", 3),
        ("poison", "poison_record", 3),
        ("broken-deploy", "function_failure", 0),
        ("recovering", "recovering", 0),
        ("stopped", "consumer_stopped", 0),
    ],
)
def test_a_plan_needs_nothing_but_the_bundle(name: str, cause: str, code: int) -> None:
    answer = run("plan", "--evidence", BUNDLES / f"{name}.json", "--format", "json")
    report = json.loads(answer.stdout)
    assert (report["diagnosis"]["cause"], answer.exit_code) == (cause, code)
    schema = json.loads((SCHEMAS / "report.schema.json").read_text())
    Draft202012Validator(schema).validate(report)


def test_the_same_bundle_gives_the_same_answer_byte_by_byte() -> None:
    words = ("plan", "--evidence", BUNDLES / "poison.json", "--format", "json")
    assert run(*words).stdout == run(*words).stdout


def test_evidence_comes_from_standard_input_too() -> None:
    answer = run("plan", "--evidence", "-", typed=bundle(slow_consumer()).model_dump_json())
    assert "orders: slow consumer" in answer.stdout
    assert answer.exit_code == 3


def test_a_policy_that_says_no_ends_in_four_with_its_guardrail(tmp_path: Path) -> None:
    policy = tmp_path / "frozen.yml"
    policy.write_text("freeze: true\n")
    answer = run("plan", "--evidence", BUNDLES / "slow-consumer.json", "--policy", policy)
    assert answer.exit_code == 4
    assert "freeze: the policy file says freeze" in answer.stdout


def test_explain_cites_the_readings_and_ends_in_zero() -> None:
    words = ("--evidence", BUNDLES / "slow-consumer.json")
    assert "busy_share = 1" in run("explain", *words).stdout
    assert "busy_share = 1" not in run("plan", *words).stdout
    assert run("explain", *words).exit_code == 0


def test_text_says_the_cause_the_forecast_the_plan_and_what_to_do_next() -> None:
    said = run("plan", "--evidence", BUNDLES / "slow-consumer.json").stdout
    for part in (
        "orders: slow consumer",
        "Are invocations throttled, minute after minute?",
        "8 min 24 s",
        "parallelization_factor 8 (planned)",
        "1 → 8",
        "Mind: the mapping restarts",
        f"  $ remediator explain --mapping {MAPPING} --region eu-west-1\n",
    ):
        assert part in said
    assert not [line for line in said.splitlines() if len(line) > 160]


def test_markdown_has_the_same_parts() -> None:
    said = run("plan", "--evidence", BUNDLES / "throttled.json", "-f", "markdown").stdout
    assert said.startswith("## orders: throttling (reservation)\n")
    assert re.search(
        r"\| allow \| reserved_concurrency \| 1 → \d+ \| raise_reserved_concurrency \|", said
    )
    assert "```sh\nremediator explain --mapping" in said


def test_github_gets_an_annotation_for_the_cause_and_one_for_each_change() -> None:
    said = run("plan", "--evidence", BUNDLES / "throttled.json", "-f", "github").stdout
    cause, *changes = said.splitlines()
    assert cause.startswith("::warning title=remediator%3A orders::throttling (reservation).")
    (reservation,) = changes  # the lanes that are refused do, once they are let work
    assert "allow: reserved_concurrency 1 → " in reservation


def test_github_gets_the_whole_page_as_the_steps_summary(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("# before\n")
    world = outside(environ={"GITHUB_STEP_SUMMARY": str(summary)})
    run("plan", "--evidence", BUNDLES / "throttled.json", "-f", "github", world=world)
    assert summary.read_text().startswith("# before\n## orders: throttling (reservation)\n")


def test_a_destination_named_in_the_environment_allows_bounded_retries() -> None:
    queue = {"REMEDIATOR_QUARANTINE_QUEUE_ARN": "arn:aws:sqs:eu-west-1:111122223333:quarantine"}
    words = ("plan", "--evidence", BUNDLES / "poison.json")
    assert "maximum_retry_attempts" in run(*words, world=outside(environ=queue)).stdout
    assert "maximum_retry_attempts" not in run(*words).stdout


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param("", "(top): Invalid JSON: EOF", id="empty"),
        pytest.param("{", "(top): Invalid JSON", id="cut off"),
        pytest.param("[]", "(top): ", id="a list"),
        pytest.param("{}", "evidence: Field required", id="without evidence"),
        pytest.param('{"evidence": {}, "schema_version": 2}', "schema_version", id="newer"),
        pytest.param(
            bundle(evidence()).model_dump_json().replace('"Enabled"', "7"),
            "evidence.mapping.state: Input should be a valid string",
            id="wrong deep inside",
        ),
    ],
)
def test_what_is_no_bundle_is_refused_by_the_place_where_it_is_wrong(
    tmp_path: Path, content: str, complaint: str
) -> None:
    file = tmp_path / "bundle.json"
    file.write_text(content)
    answer = run("plan", "--evidence", file)
    assert answer.exit_code == 1
    assert f"Error: evidence {file}: " in answer.stderr
    assert complaint in answer.stderr
    assert "Expected what 'remediator collect' saves." in answer.stderr
    assert answer.stdout == ""


def test_a_file_that_is_not_there_is_said_to_be_so() -> None:
    answer = run("plan", "--evidence", "nowhere.json")
    assert answer.exit_code == 1
    assert answer.stderr == "Error: evidence nowhere.json: No such file or directory\n"


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(b"\xff\xfe")
    answer = run("plan", "--evidence", file)
    assert answer.exit_code == 1
    assert "expected UTF-8" in answer.stderr


# --- usage -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(["plan"], "name exactly one", id="nothing named"),
        pytest.param(["plan", "--function", "a", "--stream", "b"], "name exactly one", id="two"),
        pytest.param(["plan", "--function", "a b"], "expected a Lambda", id="no function's name"),
        pytest.param(["plan", "--mapping", "orders"], "expected an event", id="no mapping's UUID"),
        pytest.param(
            ["plan", "--evidence", "f", "--function", "a"], "leave", id="evidence and more"
        ),
        pytest.param(["plan", "--format", "xml"], "xml", id="no such format"),
        pytest.param(["apply", "--function", "a"], "say --yes", id="nobody to ask"),
        pytest.param(["approve", "7"], "expected an incident id", id="no incident's id"),
        pytest.param(["approve", "inc-0123456789abcdef0123"], "say --yes", id="nobody to ask, too"),
        pytest.param(["rollback"], "name an incident", id="nothing to roll back"),
        pytest.param(["report", "x"], "expected an incident id", id="no incident to tell"),
        pytest.param(["frobnicate"], "No such command", id="no such command"),
    ],
)
def test_what_was_said_wrongly_ends_in_two(words: list[str], complaint: str) -> None:
    answer = run(*words)
    assert answer.exit_code == 2
    assert complaint in " ".join(answer.stderr.replace("│", " ").split())
