"""Many bundles in one call, and what a change of the policy would decide differently."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.cli.clerk import Pipeline, outside, run
from tests.evidence import BUNDLES
from tests.fuzz.mutating import HOSTILE
from tests.fuzz.test_fuzz import harmless_annotations

SLOW = BUNDLES / "slow-consumer.json"
LANES = "event_source_mapping 11111111-2222-3333-4444-555555555555 parallelization_factor"


def policy(tmp_path: Path, text: str, name: str = "policy.yml") -> Path:
    file = tmp_path / name
    file.write_text(text)
    return file


# --- many at once ----------------------------------------------------------------------------


def test_bundles_may_simply_be_named_one_after_the_other() -> None:
    answer = run("plan", SLOW, BUNDLES / "recovering.json")
    assert answer.exit_code == 3
    assert [line.rsplit(": ", 1)[1] for line in answer.stderr.splitlines()] == [
        "planned (exit code 3)",
        "nothing to do (exit code 0)",
    ]


def test_a_pattern_stands_for_every_file_that_fits_it_in_order() -> None:
    answer = run("plan", "--evidence", BUNDLES / "*.json")
    assert [line.split(": ")[0] for line in answer.stderr.splitlines()] == (
        [str(file) for file in sorted(BUNDLES.glob("*.json"))]
    )


def test_what_is_named_twice_is_answered_once() -> None:
    assert run("plan", SLOW, "--evidence", BUNDLES / "slow-*.json").stderr == ""


def test_a_pattern_that_nothing_fits_is_an_error_and_the_others_are_answered() -> None:
    answer = run("plan", "nowhere/*.json", SLOW)
    assert (answer.exit_code, "orders: slow consumer" in answer.stdout) == (1, True)
    assert "nowhere/*.json: No such file" in answer.stderr


def test_the_gravest_of_many_is_the_commands(tmp_path: Path) -> None:
    frozen = policy(tmp_path, "freeze: true\n")
    some = [BUNDLES / f"{name}.json" for name in ("recovering", "slow-consumer")]
    assert run("plan", some[0], "--policy", frozen).exit_code == 0
    assert run("plan", *some, "--policy", frozen).exit_code == 4


def test_on_github_each_of_several_bundles_is_annotated_at_its_own_file() -> None:
    said = run("plan", SLOW, BUNDLES / "recovering.json", "-f", "github").stdout.splitlines()
    files = [re.match(r"::\w+ file=([^,]+),title=", line) for line in said]
    assert [found and found[1] for found in files] == [
        str(SLOW),
        str(SLOW),
        str(BUNDLES / "recovering.json"),
    ]
    assert "file=" not in run("plan", SLOW, "-f", "github").stdout


@pytest.mark.parametrize("verb", ["plan", "explain"])
def test_evidence_and_something_in_aws_are_not_named_together(verb: str) -> None:
    assert run(verb, SLOW, "--function", "orders").exit_code == 2


# --- two policies ----------------------------------------------------------------------------


def test_the_same_policy_decides_the_same() -> None:
    shipped = BUNDLES.parents[1] / "policies" / "guardrails.yml"
    answer = run("plan", BUNDLES / "*.json", "--against", shipped)
    assert answer.exit_code == 0
    assert "No decision differs, in 6 looked at" in answer.stdout


def test_a_changed_policy_shows_each_ruling_before_and_after_with_its_reason(
    tmp_path: Path,
) -> None:
    old = policy(tmp_path, "")
    new = policy(
        tmp_path,
        """limits: {parallelization_factor: 4}
remedies:
  raise_parallelization_factor: {autonomy: approve}
  raise_reserved_concurrency: {autonomy: "off"}
""",
        "new.yml",
    )
    words = ("plan", BUNDLES / "*.json", "--against", old, "--policy", new)
    answer = run(*words, "--format", "json")
    assert answer.exit_code == 3
    lanes, *throttled = json.loads(answer.stdout)
    assert lanes == {
        "evidence": str(SLOW),
        "subject": "orders",
        "what": LANES,
        "was": "allow 1 → 8",
        "now": "approve 1 → 4 (autonomy)",
        "because": "raise_parallelization_factor needs a person's approval",
    }
    (reservation,) = throttled
    assert reservation["what"].endswith("reserved_concurrency")
    assert reservation["was"].startswith("allow 1 → ")
    assert reservation["now"] == "not planned"
    assert "raise_reserved_concurrency: switched off by the policy" in reservation["because"]
    said = run(*words).stdout
    assert "2 decisions differ, in 2 of 6 looked at" in said
    assert "approve 1 → 4 (autonomy)" in said


def test_a_cause_that_is_told_differently_is_a_difference_too(tmp_path: Path) -> None:
    old = policy(tmp_path, "")
    new = policy(tmp_path, "thresholds: {throttle_share: 0.9}\n", "new.yml")
    words = ("plan", BUNDLES / "throttled.json", "--against", old, "--policy", new, "-f", "json")
    cause, *changes = json.loads(run(*words).stdout)
    assert (cause["what"], cause["was"]) == ("cause", "throttling (reservation)")
    assert not cause["now"].startswith("throttling")
    assert changes
    assert all(one["was"] != one["now"] for one in changes)


def test_on_github_each_difference_is_an_annotation_and_the_table_is_on_the_runs_page(
    tmp_path: Path,
) -> None:
    old, summary = policy(tmp_path, ""), tmp_path / "summary.md"
    new = policy(tmp_path, "freeze: true\n", "new.yml")
    world = outside(environ={"GITHUB_STEP_SUMMARY": str(summary)})
    words = ("plan", SLOW, "--against", old, "--policy", new, "-f", "github")
    answer = run(*words, world=world)
    assert answer.stdout == (
        f"::warning title=remediator%3A orders::{SLOW}: {LANES}: was allow 1 → 8; now block 1 → 8 "
        "(freeze): the policy file says freeze\n"
    )
    assert "block 1 → 8 (freeze)" in summary.read_text()


@pytest.mark.parametrize("word", [word for word in HOSTILE if "\0" not in word and word < "x"])
def test_a_hostile_file_name_is_obeyed_by_nothing(tmp_path: Path, word: str) -> None:
    try:
        file = tmp_path / word.replace("/", "")[:200]
        file.write_text(SLOW.read_text())
    except (OSError, ValueError):
        pytest.skip("no file may be named so")
    old, new = policy(tmp_path, ""), policy(tmp_path, "freeze: true\n", "new.yml")
    answer = run("plan", file, "--against", old, "--policy", new, "-f", "github")
    assert answer.exit_code == 3
    harmless_annotations(answer.stdout)


def test_a_wrong_old_policy_is_an_error(tmp_path: Path) -> None:
    answer = run("plan", SLOW, "--against", policy(tmp_path, "moed: plan\n"))
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert "moed: unknown setting" in answer.stderr


def test_two_policies_are_compared_on_what_aws_says_now(slow: Pipeline, tmp_path: Path) -> None:
    old, new = policy(tmp_path, ""), policy(tmp_path, "freeze: true\n", "new.yml")
    words = ("plan", "--function", "consumer", "--against", old, "--policy", new, "-f", "json")
    answer = slow.run(*words)
    assert answer.exit_code == 3
    (difference,) = json.loads(answer.stdout)
    assert (difference["was"], difference["now"]) == ("allow 1 → 8", "block 1 → 8 (freeze)")
    assert slow.writes() == []


# --- under which rules -----------------------------------------------------------------------


def test_a_report_names_the_policy_file_and_the_digest_of_its_very_bytes(tmp_path: Path) -> None:
    file = policy(tmp_path, "limits: {parallelization_factor: 4}\n")
    named = json.loads(run("plan", SLOW, "--policy", file, "-f", "json").stdout)["policy"]
    assert (named["file"], named["sha256"]) == (
        str(file),
        hashlib.sha256(file.read_bytes()).hexdigest(),
    )
    file.write_text("# the same rules in other words\nlimits:\n  parallelization_factor: 4\n")
    other = json.loads(run("plan", SLOW, "--policy", file, "-f", "json").stdout)["policy"]
    assert (other["sha256"] == named["sha256"], other["digest"] == named["digest"]) == (False, True)


def test_the_shipped_policy_is_named_as_it_lies_in_the_artifact() -> None:
    named = json.loads(run("plan", SLOW, "-f", "json").stdout)["policy"]
    assert named["file"] == "policies/guardrails.yml"


def test_a_parameter_in_the_files_place_shows_in_the_digest_of_what_is_in_effect() -> None:
    late = outside(environ={"REMEDIATOR_ITERATOR_AGE_THRESHOLD_SECONDS": "90"})
    plain, changed = (
        json.loads(run("plan", SLOW, "-f", "json", world=world).stdout)["policy"]
        for world in (outside(), late)
    )
    assert plain["sha256"] == changed["sha256"]
    assert plain["digest"] != changed["digest"]
