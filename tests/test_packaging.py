"""What is shipped: the locks, the version, and the artifact that Lambda runs."""

import hashlib
import json
import marshal
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.tags import platform_tags

from remediator import prepared

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(lock: Path) -> dict[str, str]:
    """Each locked package's entry: version, markers and hashes."""
    entries = re.findall(
        r"^([a-z0-9][\w.-]*)==((?:[^\n]*\\\n)*[^\n]*)", lock.read_text(), re.MULTILINE
    )
    return dict(entries)


def version_in(entry: str) -> str:
    return entry.split(maxsplit=1)[0]


# --- locks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_package_has_a_hash(lock: Path) -> None:
    found = pins(lock)
    assert found
    assert [name for name, entry in found.items() if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_index_and_no_host(lock: Path) -> None:
    options = [
        line
        for line in lock.read_text().splitlines()
        if "://" in line or re.match(r"\s*(-i|-f|--(?!hash=))", line)
    ]
    assert options == []


def test_what_npm_installs_is_locked_with_its_hash_and_names_no_host() -> None:
    lock = json.loads((ROOT / "requirements/node/package-lock.json").read_text())
    named = json.loads((ROOT / "requirements/node/package.json").read_text())["dependencies"]
    locked = {name: entry for name, entry in lock["packages"].items() if name}
    assert set(locked) >= {f"node_modules/{name}" for name in named}
    assert all(entry["integrity"] and "resolved" not in entry for entry in locked.values())


def test_the_function_is_tested_with_the_versions_that_it_ships_with() -> None:
    tested = pins(ROOT / "requirements/dev.txt")
    for lock in ("runtime.txt", "sdk.txt"):
        for name, entry in pins(ROOT / "requirements" / lock).items():
            assert version_in(entry) == version_in(tested[name])


def test_the_functions_lock_is_the_same_for_every_python() -> None:
    """pip reads markers by the Python that builds, not by the one that will run."""
    entries = pins(ROOT / "requirements/runtime.txt").values()
    assert [entry for entry in entries if ";" in entry.split("\\")[0]] == []


def test_what_the_project_names_is_locked() -> None:
    wanted = {re.split(r"[\[<>=~!]", each)[0].lower() for each in PROJECT["dependencies"]}
    locked = set(pins(ROOT / "requirements/runtime.txt")) | set(pins(ROOT / "requirements/sdk.txt"))
    assert wanted - locked == set()


# --- version -------------------------------------------------------------------------------------


def test_the_newest_version_in_the_changelog_is_the_projects() -> None:
    released = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == PROJECT["version"]


# --- the artifact --------------------------------------------------------------------------------


def build(into: Path, *variables: str) -> Path:
    return built_and_told(into, *variables)[0]


def built_and_told(into: Path, *variables: str) -> tuple[Path, str]:
    """The artifact, and what the build said beside."""
    # As SAM would call it: knowing nothing of the make that runs this test.
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    make = shutil.which("make")
    assert make, "make is needed"
    command = [make, "--no-print-directory", "build-RemediatorFunction", f"ARTIFACTS_DIR={into}"]
    run = subprocess.run(
        [*command, *variables],
        cwd=ROOT,
        env=environment,
        check=True,
        stderr=subprocess.PIPE,
        text=True,
    )
    return into, run.stderr


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built for the Python and the machine that run this test."""
    variables = [
        f"LAMBDA_PYTHON={sys.version_info.major}.{sys.version_info.minor}",
        f"LAMBDA_ARCH={platform.machine()}",
    ]
    if sys.platform != "linux":
        variables.append(f"LAMBDA_PLATFORMS={' '.join(platform_tags())}")
    return build(tmp_path_factory.mktemp("artifact"), *variables)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Lambda's runtime brings besides Python: the SDK, and nothing else of ours."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in pins(ROOT / "requirements/sdk.txt"):
        for part in parts_of(name):
            (folder / part.name).symlink_to(part)
    return folder


def parts_of(name: str) -> Iterator[Path]:
    """The modules and folders that a distribution put into site-packages."""
    found = distribution(name)
    tops = {file.parts[0] for file in found.files or () if file.parts[0] not in {"..", "bin"}}
    return (Path(str(found.locate_file(top))) for top in sorted(tops))


def test_the_handler_is_found_in_the_artifact_with_nothing_but_lambdas_own_beside_it(
    artifact: Path, runtime: Path
) -> None:
    program = (
        f"import sys; sys.path[:0] = [{str(artifact)!r}, {str(runtime)!r}]\n"
        "from remediator import handler\n"
        "assert callable(handler.handler)\n"
        "print(handler.__file__)"
    )
    # -I -S: neither the environment nor any site-packages of this machine is seen. -B: no trace.
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program],
        cwd=artifact,
        env={"AWS_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.strip()) == artifact / "remediator/handler.py"


def test_the_artifact_brings_the_policy_file_with_what_it_says_beside_it(artifact: Path) -> None:
    file = artifact / "policies/guardrails.yml"
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert prepared.values(file, sha256) == yaml.safe_load(file.read_text())


@pytest.mark.parametrize("name", ["tests", "lab", "boto3", "botocore", "typer", "rich", "moto"])
def test_the_artifact_leaves_out(artifact: Path, name: str) -> None:
    assert not (artifact / name).exists()


def test_all_of_the_artifact_is_compiled_and_trusted_without_a_look_at_its_source(
    artifact: Path,
) -> None:
    """/var/task is read-only: what is not compiled here is compiled at every cold start."""
    sources = {path.relative_to(artifact) for path in artifact.rglob("*.py")}
    compiled = {
        path.relative_to(artifact).parents[1] / f"{path.name.partition('.')[0]}.py": path
        for path in artifact.rglob(f"*.{sys.implementation.cache_tag}.pyc")
    }
    assert sources <= set(compiled)
    unchecked_hash = (1).to_bytes(4, "little")
    flags = {path.read_bytes()[4:8] for path in compiled.values()}
    assert flags == {unchecked_hash}


def test_what_is_compiled_says_where_it_will_stand(artifact: Path) -> None:
    (compiled,) = (artifact / "remediator/__pycache__").glob("handler.*.pyc")
    assert (
        marshal.loads(compiled.read_bytes()[16:]).co_filename == "/var/task/remediator/handler.py"
    )


def test_an_artifact_is_built_for_another_machine_and_python(tmp_path: Path) -> None:
    built, said = built_and_told(tmp_path, "LAMBDA_PYTHON=3.13", "LAMBDA_ARCH=arm64")
    suffixes = {path.name.partition(".")[2] for path in built.rglob("*.so")}
    assert suffixes == {"cpython-313-aarch64-linux-gnu.so"}
    tags = {path.name.split(".")[-2] for path in built.rglob("*.pyc")}
    assert tags <= {"cpython-313"}
    assert bool(tags) != ("ships no compiled files" in said)


# --- the wheel -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ``pip install .`` puts the project, without what it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".git", ".venv", "out", "build"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    target = folder / "target"
    subprocess.run([*pip, "--target", target, source], check=True, capture_output=True)
    return target


def run_installed(
    installed: Path, program: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """A console script of the project, far from the repository."""
    return subprocess.run(
        [sys.executable, "-P", installed / "bin" / program, *arguments],
        cwd=installed.parent,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_installed_finds_its_policy(installed: Path) -> None:
    bundle = ROOT / "tests/bundles/slow-consumer.json"
    run = run_installed(installed, "remediator", "plan", "--evidence", str(bundle))
    assert run.returncode == 3, run.stderr
    assert "slow consumer" in run.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--version"], "remediator"),
        (["policy", "check"], "The policy is understood"),
        (["schema", "policy"], "Who decides on each remedy"),
        (["iam", "--for", "ci"], "ReadMappings"),
        (["tree"], "Questions"),
        (["doctor", "--help"], "--remediator-function"),
    ],
    ids=lambda arguments: " ".join(arguments) if isinstance(arguments, list) else "",
)
def test_what_is_installed_works_far_from_the_repository(
    installed: Path, arguments: list[str], said: str
) -> None:
    run = run_installed(installed, "remediator", *arguments)
    assert (run.returncode, said in run.stdout) == (0, True), run.stderr


def test_the_installed_lab_finds_the_stack_that_it_deploys(installed: Path) -> None:
    run = run_installed(installed, "remediator-lab", "demo")
    assert run.returncode == 0, run.stderr
    assert "Time to recovery" in run.stdout


def test_the_installed_metadata_names_the_extras_that_the_project_has(installed: Path) -> None:
    (metadata,) = installed.glob("*.dist-info/METADATA")
    extras = set(re.findall(r"^Provides-Extra: (\w+)$", metadata.read_text(), re.MULTILINE))
    assert extras == {"cli", "html", "lab"}
    pages = (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    told = {
        name
        for page in pages
        for names in re.findall(r"pip install '?\.\[([\w,]+)\]", page.read_text("utf-8"))
        for name in names.split(",")
    }
    assert told == extras


# --- what an import costs ------------------------------------------------------------------------


def imported(statement: str) -> dict[str, Any]:
    """What is true of a process of its own once the handler was imported."""
    program = f"import json; from remediator import handler\n{statement}"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_importing_the_handler_leaves_out_what_no_first_event_needs() -> None:
    without = {
        *("aws_xray_sdk", "typer", "rich", "jinja2", "yaml", "moto", "numpy", "lab"),
        *(f"remediator.{room}" for room in ("cli", "contradictions", "drift", "plain_yaml")),
        *(f"remediator.{room}" for room in ("alarming", "widget", "render.html", "render.pages")),
        *(f"remediator.aws.{who}" for who in ("alarm_keeper", "given_up", "inspector", "quota")),
    }
    told = imported("import sys; print(json.dumps({'modules': list(sys.modules)}))")
    assert "remediator.runbook" in told["modules"]
    assert without & set(told["modules"]) == set()


def test_nothing_is_connected_or_unique_once_the_handler_is_imported() -> None:
    """So that a snapshot of it may serve many."""
    told = imported(
        "import boto3, random; from remediator.aws import clients; print(json.dumps({"
        "'session': boto3.DEFAULT_SESSION is not None,"
        "'clients': clients._of_session.cache_info().currsize}))"
    )
    assert told == {"session": False, "clients": 0}


def test_records_are_built_when_they_are_first_used_and_garbage_is_collected_again() -> None:
    told = imported("""
import gc, pydantic
def below(kind):
    return [kind, *(each for one in kind.__subclasses__() for each in below(one))]
ours = [each for each in below(pydantic.BaseModel) if each.__module__.startswith("remediator")]
built = [each.__name__ for each in ours if each.__pydantic_complete__]
print(json.dumps({"built": built, "many": len(ours) > 50, "collecting": gc.isenabled()}))""")
    assert told == {"built": [], "many": True, "collecting": True}


def test_no_distribution_is_searched_for_plugins_of_the_records() -> None:
    told = imported("""
import importlib.metadata
from remediator.model import FollowUp
importlib.metadata.distributions = None  # whoever calls it fails
print(FollowUp(decision="close").model_dump_json())""")
    assert told["decision"] == "close"
