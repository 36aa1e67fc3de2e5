"""The pages are true: every command, code, variable, picture, link and test in them is there."""

import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from lab.scenarios import INCIDENTS
from remediator import policy_file
from remediator.cli.showing import EXIT_CODES
from remediator.environment import PREFIX, Settings
from remediator.events.intake import understand
from remediator.events.requests import KEYS
from remediator.policy import Policy
from tests.readme_blocks import (
    BLOCKS,
    FIGURES,
    MEANINGS,
    PAGES,
    PLAYED,
    PROGRAMS,
    ROOT,
    TEMPLATE,
    WIDTH,
    commands,
    environment,
    make_targets,
    shape,
    standing,
    still_true,
)

BY_PAGE = {page.relative_to(ROOT).as_posix(): page.read_text("utf-8") for page in PAGES}
TEXT = "\n".join(BY_PAGE.values())
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def fenced(language: str) -> list[str]:
    """The contents of all code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def code() -> Iterator[str]:
    """Every line of code, in blocks and within sentences, without what the shell has no part in."""
    for shell in fenced("sh"):
        yield from (line.partition("  #")[0] for line in shell.splitlines())
    for shell in fenced("text"):
        yield from (line[2:] for line in shell.splitlines() if line.startswith("$ "))
    prose = re.sub(r"^```.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    yield from (span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", prose))


def typed(program: str) -> list[str]:
    """Every command line of a program, as the README has it."""
    found = [line.removeprefix(".venv/bin/").strip() for line in code()]
    return list(dict.fromkeys(line for line in found if line.startswith(f"{program} ")))


@pytest.mark.parametrize("name", sorted(set(BLOCKS) - PLAYED))
def test_a_generated_block_says_what_the_code_says(name: str) -> None:
    """Where this fails: make readme."""
    assert standing(name) == BLOCKS[name]()


@pytest.mark.parametrize("name", sorted(PLAYED))
def test_a_played_block_has_the_shape_of_what_is_played_now(name: str) -> None:
    """Where this fails: make readme. A second more or less is no untruth."""
    assert shape(standing(name)) == shape(BLOCKS[name]())


def test_a_played_blocks_shape_does_not_hang_on_a_second() -> None:
    told = "remediator\n   +0 s  alarm\n +765 s  recovered, 765 s after the alarm\nnothing  880 s"
    later = "remediator\n   +0 s  alarm\n+1766 s  recovered, 766 s after the alarm\nnothing  never"
    assert shape(told) == shape(later)
    assert shape(told) != shape(told.replace("remediator", "somebody else"))


def test_a_played_block_is_written_anew_only_where_it_is_untrue() -> None:
    told = "remediator\n +765 s  recovered, 765 s after the alarm\nremediator  185 s"
    assert still_true(told, told.replace("185", "186").replace("765", "999"))
    assert not still_true(told, told.replace("185", "240"))
    assert not still_true(told, told.replace("remediator", "somebody else"))


def test_the_readme_is_short_and_its_transcript_fits_a_terminal() -> None:
    readme = BY_PAGE["README.md"]
    assert len(readme.splitlines()) <= 250
    assert max(map(len, standing("demo").splitlines())) <= WIDTH


def test_the_labs_figures_are_about_its_scenarios() -> None:
    assert re.findall(r"^\| `(\w+)`", standing(FIGURES), re.MULTILINE) == list(INCIDENTS)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_generated_table_leaves_no_cell_empty(name: str) -> None:
    assert "|  |" not in standing(name)


@pytest.mark.parametrize("line", [line for program in PROGRAMS for line in typed(program)])
def test_a_command_line_is_understood(line: str) -> None:
    program = line.split(maxsplit=1)[0]
    name = next(known for known in commands(program) if f"{line} ".startswith(f"{known} "))
    arguments = shlex.split(line.removeprefix(name))
    command = commands(program)[name]
    parent = typer.Context(typer.main.get_command(PROGRAMS[program]))
    context = command.make_context(name, arguments, parent, resilient_parsing=not arguments)
    assert context.command is command


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_is_told(program: str) -> None:
    assert set(commands(program)) <= set(typed(program))


@pytest.mark.parametrize("line", typed("make"))
def test_a_make_target_exists(line: str) -> None:
    assert line.split()[1] in make_targets()


def test_the_two_commands_are_among_them() -> None:
    assert {"make demo", "make test"} <= set(typed("make"))


def test_every_exit_code_has_a_meaning() -> None:
    assert set(MEANINGS) == {2, *EXIT_CODES.values()}


def test_the_environment_is_the_templates_and_the_settings() -> None:
    told = set(re.findall(rf"^\| `({PREFIX}\w+)`", TEXT, re.MULTILINE))
    assert told == {name for name in environment() if name.startswith(PREFIX)}
    assert told == {PREFIX + field.upper() for field in Settings.model_fields}


def test_every_variable_that_is_named_is_read_somewhere() -> None:
    read = "".join(
        path.read_text("utf-8")
        for path in (ROOT / "remediator/cli/options.py", ROOT / "template.yml")
    )
    for name in set(re.findall(rf"\b{PREFIX}[A-Z_]+", TEXT)):
        assert name in read


@pytest.mark.parametrize("name", ["FunctionArn", "QuarantineSendPolicyArn"])
def test_an_output_that_is_named_exists(name: str) -> None:
    assert f"`{name}`" in TEXT
    assert name in TEMPLATE["Outputs"]


def test_every_parameter_says_what_it_is() -> None:
    assert all(parameter.get("Description") for parameter in TEMPLATE["Parameters"].values())


@pytest.mark.parametrize("line", [line for block in fenced("json") for line in block.splitlines()])
def test_an_event_is_understood(line: str) -> None:
    found = understand(json.loads(line), NOW)
    assert found.model_dump(exclude_none=True)


def test_every_request_by_hand_is_told() -> None:
    """All but our own schedule's."""
    told = {next(iter(json.loads(line))) for text in fenced("json") for line in text.splitlines()}
    assert told == set(KEYS) - {"follow_up"}


@pytest.mark.parametrize("text", fenced("yaml"))
def test_a_policy_is_one(text: str, tmp_path: Path) -> None:
    file = tmp_path / "guardrails.yml"
    file.write_text(text, "utf-8")
    assert policy_file.load(file) != Policy()


def test_policy_fields_that_are_named_exist() -> None:
    bullets = re.findall(r"^- ((?:`\w+`(?:, )?)+)", BY_PAGE["docs/policy.md"], re.MULTILINE)
    named = {name for bullet in bullets for name in re.findall(r"`(\w+)`", bullet)}
    assert named == set(Policy.model_fields) - {"version"}


@pytest.mark.parametrize(
    "dotted", sorted(set(re.findall(r"`((?:forecast|follow_up|thresholds)\.\w+)`", TEXT)))
)
def test_a_policy_value_that_is_named_exists(dotted: str) -> None:
    section, field = dotted.split(".")
    assert field in type(getattr(Policy(), section)).model_fields


@pytest.mark.parametrize("name", sorted(set(re.findall(r"tests/[\w/]+\.py::test_\w+", TEXT))))
def test_a_test_that_is_named_exists(name: str) -> None:
    file, _, test = name.partition("::")
    assert re.search(rf"^def {test}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE)


def test_every_invariant_names_its_tests() -> None:
    invariants = re.findall(r"^(\d+)\. \*\*", BY_PAGE["docs/concepts.md"], re.MULTILINE)
    rows = re.findall(r"^\| \*\*(\d+)\. (.+)$", BY_PAGE["docs/proof.md"], re.MULTILINE)
    assert [number for number, _ in rows] == invariants
    assert all("::test_" in row for _, row in rows)
    promised = BY_PAGE["README.md"].partition("## What it guarantees")[2].partition("\n## ")[0]
    assert len(re.findall(r"^\| .+ \| `tests/", promised, re.MULTILINE)) == len(invariants)


LINKS = sorted(
    {
        (page, target)
        for page, text in BY_PAGE.items()
        for target in re.findall(r"\]\(([^)]+)\)", text)
        if "://" not in target
    }
)


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_a_link_leads_to_a_file_and_to_a_heading_in_it(page: str, link: str) -> None:
    path, _, anchor = link.partition("#")
    there = (ROOT / page).parent / path if path else ROOT / page
    assert there.exists()
    if anchor:
        headings = re.findall(r"^#+ (.+)$", there.read_text("utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
        assert anchor in anchors


@pytest.mark.parametrize(
    "path",
    sorted(set(re.findall(r"`((?:tests|lab|remediator|policies)/[\w/.-]+)(?:::\w+)?`", TEXT))),
)
def test_a_file_that_is_named_exists(path: str) -> None:
    assert (ROOT / path).exists()


NOT_IN_THE_REPOSITORY = re.compile("|".join(("RUN" + "BOOK", "AWS-" + "FACTS", "PE" + "ERS")))
SOURCES = [
    path
    for room in ("remediator", "lab", "tests", "docs", "schemas", "policies")
    for path in sorted((ROOT / room).rglob("*.*"))
    if path.suffix in {".py", ".md", ".json", ".yml"}
]


def test_nothing_is_cited_that_a_reader_of_the_repository_cannot_open() -> None:
    texts = {path: path.read_text("utf-8") for path in SOURCES}
    assert [path for path, text in texts.items() if NOT_IN_THE_REPOSITORY.search(text)] == []
    cited = {page for text in texts.values() for page in re.findall(r"(?<!> )\bdocs/\w+\.md", text)}
    assert [page for page in sorted(cited) if not (ROOT / page).exists()] == []


def test_every_page_is_led_to_from_the_readme() -> None:
    assert all(f"({page})" in BY_PAGE["README.md"] for page in BY_PAGE if page != "README.md")


def test_the_layout_names_every_room() -> None:
    (layout,) = (text for text in fenced("text") if text.startswith("policies/"))
    named = set(re.findall(r"\w+", layout))
    rooms = {path.stem for path in (ROOT / "remediator").iterdir() if not path.stem.startswith("_")}
    assert rooms <= named


def test_the_metrics_that_are_named_are_published() -> None:
    source = (ROOT / "remediator/handler.py").read_text("utf-8")
    (told,) = re.findall(r"\*\*Metrics\*\*.*?\n\n", TEXT, re.DOTALL)
    names = set(re.findall(r"`([A-Z]\w+)`", told)) - {"Cause_NAME", "Verdict_NAME"}
    assert names
    assert all(f'"{name}"' in source for name in names)
