"""Bundles, names and files that somebody else has written: refused in words, obeyed by nothing."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remediator.errors import InputError
from remediator.policy_file import parse
from tests.cli.clerk import outside, run
from tests.evidence import BUNDLES
from tests.fuzz.mutating import HOSTILE
from tests.fuzz.test_fuzz import harmless_annotations, harmless_lines, harmless_markdown

ROOT = Path(__file__).parents[2]
SAVED = BUNDLES / "slow-consumer.json"


def saved(**changed: Any) -> dict[str, Any]:
    """A bundle with some places changed: ``mapping__batch_size=-1``."""
    made: dict[str, Any] = json.loads(SAVED.read_text())
    for path, value in changed.items():
        *holders, last = path.split("__")
        part = made["evidence"]
        for key in holders:
            part = part[int(key) if key.isdecimal() else key]
        part[int(last) if last.isdecimal() else last] = value
    return made


def written(tmp_path: Path, value: object) -> Path:
    file = tmp_path / "bundle.json"
    file.write_text(value if isinstance(value, str) else json.dumps(value))
    return file


# --- what cannot be ------------------------------------------------------------------------------

POINT = "metrics__iterator_age_ms__points__0__1"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (POINT, float("nan")),
        (POINT, float("inf")),
        (POINT, float("-inf")),
        (POINT, 1e300),
        (POINT, -1.0),
        ("gathered_at", "2026-11-23T12:00:30"),
        ("gathered_at", "0001-01-01T00:00:00Z"),
        ("gathered_at", 7),
        ("metrics__iterator_age_ms__points__0__0", "2026-11-23T12:00:30"),
        ("mapping__batch_size", True),
        ("mapping__batch_size", 0),
        ("mapping__batch_size", 10**30),
        ("mapping__parallelization_factor", 11),
        ("mapping__maximum_retry_attempts", -2),
        ("mapping__last_modified", "2026-11-23T12:00:30"),
        ("function__memory_mb", "512"),
        ("function__reserved_concurrency", -1),
        ("account__concurrency_limit", 10**40),
        ("stream__retention_hours", 0),
        ("shards__0__last_hash_key", 2**128),
        ("sibling_mappings", False),
        ("window_seconds", 0),
        ("target__function_arn", "orders"),
        ("target__source_arn", "::error::x"),
        ("target__function", "a b"),
    ],
)
def test_what_no_aws_could_have_said_is_refused_with_its_field_in_one_line(
    tmp_path: Path, field: str, value: object
) -> None:
    file = written(tmp_path, saved(**{field: value}))
    answer = run("plan", "--evidence", file)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert len(answer.stderr.splitlines()) == 1
    assert f"evidence.{field.replace('__', '.')}: " in answer.stderr


def test_a_bundle_may_be_nested_as_deep_as_it_likes(tmp_path: Path) -> None:
    answer = run("plan", "--evidence", written(tmp_path, "[" * 100_000))
    assert (answer.exit_code, len(answer.stderr.splitlines())) == (1, 1)


# --- hostile words --------------------------------------------------------------------------------


def hostile(word: str) -> dict[str, Any]:
    """A bundle that holds a word wherever one may stand."""
    made = saved(
        mapping__uuid=word,
        mapping__state=word,
        mapping__last_processing_result=word,
        mapping__on_failure_destination=word,
        function__name=word,
        stream__name=word,
        target__stream=word,
        shards=[{"shard_id": word}],
        readers=[{"name": word, "shared_throughput": True}],
        gaps=[{"reading": word, "reason": word, "permission": word}],
    )
    made["evidence"]["shard_metrics"] = {word: {word: {"points": []}}}
    return made


@pytest.mark.parametrize("word", [word for word in HOSTILE if "\ud800" not in word and word < "x"])
@pytest.mark.parametrize("shown", ["text", "json", "markdown", "github"])
@pytest.mark.parametrize("verb", ["plan", "explain"])
def test_a_hostile_word_in_a_bundle_is_obeyed_nowhere(
    tmp_path: Path, verb: str, shown: str, word: str
) -> None:
    summary = tmp_path / "summary.md"
    world = outside(environ={"GITHUB_STEP_SUMMARY": str(summary)})
    words = (verb, "--evidence", written(tmp_path, hostile(word)), "--format", shown)
    answer = run(*words, world=world)
    assert answer.exit_code in {0, 3, 4}
    assert answer.stderr == ""
    if shown == "github":
        harmless_annotations(answer.stdout)
        harmless_markdown(summary.read_text())
    elif shown == "markdown":
        harmless_markdown(answer.stdout)
    else:
        harmless_lines(answer.stdout)


COMPLAINTS: dict[str, Callable[[Path, str], list[object]]] = {
    "key": lambda tmp, word: ["plan", "--evidence", written(tmp, {word: 1})],
    "inner key": lambda tmp, word: ["plan", "--evidence", written(tmp, {"evidence": {word: word}})],
    "file": lambda _, word: ["plan", "--evidence", f"/nowhere/{word.replace('/', '')[:200]}"],
    "function": lambda _, word: ["plan", "--function", word],
    "format": lambda _, word: ["plan", "--format", word],
    "incident": lambda _, word: ["approve", word],
    "command": lambda _, word: [word],
    "option": lambda _, word: ["plan", f"--{word}"],
    "policy": lambda tmp, word: ["policy", "check", written(tmp, json.dumps({word: word}))],
    "yaml": lambda tmp, word: ["policy", "check", written(tmp, f"a: {word}\n{word}")],
}


@pytest.mark.parametrize("word", [word for word in HOSTILE if "\ud800" not in word])
@pytest.mark.parametrize("words", COMPLAINTS.values(), ids=COMPLAINTS)
def test_a_hostile_word_in_a_complaint_is_obeyed_nowhere(
    tmp_path: Path, word: str, words: Callable[[Path, str], list[object]]
) -> None:
    answer = run(*words(tmp_path, word))
    assert answer.exit_code in {1, 2}
    assert answer.stdout == ""
    assert answer.stderr != ""
    harmless_lines(answer.stderr)


def test_a_mistake_of_ours_ends_in_a_traceback_that_is_obeyed_nowhere() -> None:
    def broken(profile: str | None, region: str | None) -> Any:
        raise ZeroDivisionError("\n::error::x \x1b[2J")

    answer = run("plan", "--function", "orders", world=outside(broken))
    assert answer.exit_code == 1
    assert "ZeroDivisionError" in answer.stderr
    harmless_lines(answer.stderr)


# --- several bundles, and none that says anything ----------------------------------------------


def test_every_bundle_that_is_named_is_answered_and_the_gravest_code_is_the_commands() -> None:
    some = [BUNDLES / f"{name}.json" for name in ("recovering", "slow-consumer", "throttled")]
    words = [word for file in some for word in ("--evidence", file)]
    answer = run("plan", *words)
    assert answer.exit_code == 3
    assert answer.stderr.splitlines() == [
        f"{some[0]}: orders: recovering: nothing to do (exit code 0)",
        f"{some[1]}: orders: slow consumer: planned (exit code 3)",
        f"{some[2]}: orders: throttling (reservation): planned (exit code 3)",
    ]
    causes = [
        one["diagnosis"]["cause"] for one in json.loads(run("plan", *words, "-f", "json").stdout)
    ]
    assert causes == ["recovering", "slow_consumer", "throttling"]


def test_a_bundle_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    bad = written(tmp_path, "{}")
    answer = run("plan", "--evidence", bad, "--evidence", SAVED)
    assert answer.exit_code == 1
    assert "orders: slow consumer" in answer.stdout
    assert answer.stderr.splitlines()[0].startswith(f"Error: evidence {bad}: evidence: Field")
    assert run("explain", "--evidence", bad, "--evidence", SAVED).exit_code == 1


def test_a_plan_that_could_see_nothing_is_no_success(tmp_path: Path) -> None:
    blind = saved(
        **dict.fromkeys(("mapping", "function", "account", "stream", "shards", "readers")),
        sibling_mappings=None,
        metrics={},
        gaps=[{"reading": "metrics", "reason": "denied", "permission": "cloudwatch:GetMetricData"}],
    )
    answer = run("plan", "--evidence", written(tmp_path, blind))
    assert answer.exit_code == 1
    assert "nothing could be told of orders: grant cloudwatch:GetMetricData" in answer.stderr


# --- Region, policy, installation --------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "environ", "region"),
    [
        ([], {"AWS_REGION": "eu-west-3"}, "eu-west-3"),
        (["--region", "eu-north-1"], {"AWS_REGION": "eu-west-3"}, "eu-north-1"),
        ([], {}, None),
    ],
)
def test_the_region_is_the_one_that_is_said_or_the_environments(
    said: list[str], environ: dict[str, str], region: str | None
) -> None:
    asked: list[str | None] = []

    def clients(profile: str | None, where: str | None) -> Any:
        asked.append(where)
        raise InputError("far enough")

    run("plan", "--function", "orders", *said, world=outside(clients, environ=environ))
    assert asked == [region]


def test_a_policy_with_thousands_of_wrong_keys_is_refused_with_a_few_of_them() -> None:
    with pytest.raises(InputError) as refused:
        parse("\n".join(f"{'k' * 300}{number}: 1" for number in range(1000)), "p.yml")
    lines = str(refused.value).splitlines()
    assert lines[-1] == "p.yml: and 980 more fields are wrong"
    assert len(lines) == 21
    assert max(map(len, lines)) < 400


@pytest.mark.parametrize(
    ("entry", "missing", "extra"),
    [
        *(("remediator.entry", module, "cli") for module in ("typer", "rich")),
        *(("lab.entry", module, "lab") for module in ("typer", "moto", "simpy", "numpy", "jinja2")),
    ],
)
def test_a_command_that_was_installed_without_its_extra_says_which_in_one_line(
    entry: str, missing: str, extra: str
) -> None:
    hidden = f"import sys; sys.modules[{missing!r}] = None; from {entry} import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", hidden], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert len(ran.stderr.splitlines()) == 1
    assert f"pip install 'iteratorage-remediator[{extra}]'" in ran.stderr


def test_the_commands_that_are_installed_are_these_entries() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    assert 'remediator = "remediator.entry:main"\n' in project
    assert 'remediator-lab = "lab.entry:main"\n' in project
