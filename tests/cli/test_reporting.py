"""report --html and drift: from the journal and AWS, from saved evidence, and what is refused."""

import json
from pathlib import Path

import pytest

from remediator.errors import TemporaryError
from tests.cli.clerk import Pipeline, run
from tests.cli.test_live import CONSUMER, acted
from tests.evidence import BUNDLES

__all__ = ["acted"]

POISON = BUNDLES / "poison.json"
TEMPLATE = """
Resources:
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: %s
      EventSourceArn: !Ref Stream
      BatchSize: 1
      ParallelizationFactor: %d
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    file = tmp_path / "template.yml"
    file.write_text(TEMPLATE % ("consumer", 1))
    return file


# --- report ------------------------------------------------------------------------------------


def test_an_incident_becomes_one_page_with_what_was_read_done_and_foreseen(
    slow: Pipeline, acted: str, tmp_path: Path
) -> None:
    file = tmp_path / "incident.html"
    answer = slow.act("report", acted, "--html", file)
    assert (answer.exit_code, answer.stdout) == (0, "")
    assert f"Wrote {file}" in answer.stderr
    page = file.read_text()
    for part in (
        "parallelization_factor 1 → 8",
        "CloudWatch, one minute each",
        "parallelization_factor 8 (chosen)",
        "policy: within every limit",
        "ParallelizationFactor: 8",
        f"remediator rollback {acted}",
    ):
        assert part in page


def test_it_is_told_from_the_journal_where_aws_cannot_be_read(slow: Pipeline, acted: str) -> None:
    slow.aws.refuse("lambda:GetEventSourceMapping", "AccessDeniedException")
    answer = slow.act("report", acted, "--html", "-")
    assert "Told from the journal alone" in answer.stderr
    assert "the journal, one for each look" in answer.stdout


def test_the_text_says_the_patch_and_what_a_template_s_next_deploy_would_change(
    slow: Pipeline, acted: str, template: Path
) -> None:
    said = slow.act("report", acted, "--template", template).stdout
    assert "parallelizationFactor: 8," in said
    assert "The template's next deploy would change 1 of" in said
    assert "drifted" in said


def test_a_saved_bundle_becomes_a_page_too_without_aws(tmp_path: Path) -> None:
    file = tmp_path / "plan.html"
    answer = run("report", "--evidence", POISON, "--html", file)
    assert answer.exit_code == 0
    page = file.read_text()
    assert "poison record" in page
    assert "aws kinesis get-shard-iterator" in page
    assert "BisectBatchOnFunctionError: true" in page


def test_a_saved_bundle_is_told_as_text_with_its_readings() -> None:
    said = run("report", "--evidence", POISON).stdout
    assert "error_share = " in said


@pytest.mark.parametrize("words", [(), ("inc-0123456789abcdef0123", "--evidence", POISON)])
def test_it_is_of_an_incident_or_of_evidence(words: tuple[object, ...]) -> None:
    assert run("report", *words).exit_code == 2


def test_a_page_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    answer = run("report", "--evidence", POISON, "--html", tmp_path / "no" / "x.html")
    assert answer.exit_code == 1
    assert "No such file or directory" in answer.stderr


# --- drift -------------------------------------------------------------------------------------


def test_drift_ends_in_three_where_the_next_deploy_would_change_what_is_live(
    slow: Pipeline, acted: str, template: Path
) -> None:
    answer = slow.run("drift", "--template", template, *CONSUMER)
    assert answer.exit_code == 3
    assert "drifted" in answer.stdout


def test_drift_ends_in_zero_where_the_template_says_what_is_live(
    slow: Pipeline, template: Path
) -> None:
    answer = slow.run("drift", "--template", template, *CONSUMER)
    assert (answer.exit_code, answer.stdout.splitlines()[0]) == (
        0,
        "The template says what is live",
    )
    assert slow.writes() == []


def test_drift_of_a_bundle_needs_no_aws_and_shows_as_json_or_on_a_pull_request(
    tmp_path: Path,
) -> None:
    file = tmp_path / "t.yml"
    file.write_text(TEMPLATE % ("orders", 4))
    words = ("drift", "--template", file, "--evidence", BUNDLES / "slow-consumer.json")
    rows = json.loads(run(*words, "--format", "json").stdout)["rows"]
    row = next(row for row in rows if row["standing"] == "drifted")
    assert (row["setting"], row["template"], row["live"]) == ("parallelization_factor", "4", 1)
    shown = run(*words, "--format", "github").stdout
    assert shown.startswith(f"::warning file={file},title=remediator%3A Mapping::Parallelization")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "--template"),
        (("--template", "none.yml", "--evidence", POISON), 1, "No such file"),
        (("--template", POISON, "--evidence", POISON), 1, "no Resources"),
        (("--template", POISON, "--evidence", POISON, "--parameter", "x"), 2, "KEY=VALUE"),
    ],
)
def test_what_cannot_be_compared_is_said(words: tuple[object, ...], code: int, said: str) -> None:
    answer = run("drift", *words)
    assert answer.exit_code == code
    assert said in answer.output


def test_an_aws_that_does_not_answer_is_an_error(slow: Pipeline, template: Path) -> None:
    slow.aws.refuse("lambda:ListEventSourceMappings", "TooManyRequestsException")
    answer = slow.run("drift", "--template", template, *CONSUMER)
    assert answer.exit_code == 1
    assert TemporaryError.__name__ not in answer.output
