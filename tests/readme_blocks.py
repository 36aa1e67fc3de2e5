"""The pages' generated blocks: tables, pictures and transcripts, made from what they tell of.

``make readme`` writes them anew into the README and docs/; ``tests/test_readme.py`` holds the pages
to them. A block stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``, on one page.
"""

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from math import isclose
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer
from cfnlint.decode.cfn_yaml import load
from typer.core import TyperCommand, TyperGroup
from typer.testing import CliRunner

from lab.cli import app as lab_app
from lab.episode import Episode, from_json
from lab.scenarios import INCIDENTS
from lab.scores import misses, scores, told
from lab.wild import priors
from remediator.cli import app
from remediator.cli.showing import EXIT_CODES
from remediator.cli.tables import TABLES
from remediator.decide.remedies import QUIET_CAUSES, Remedy
from remediator.decide.tree import TREE
from remediator.environment import PREFIX, Settings
from remediator.model import Cause, ResourceKind
from remediator.render import tree
from remediator.setting import Setting
from remediator.settings_table import SETTINGS
from tests import matrix
from tests.e2e.cannot import CANNOT

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
# Columns of a transcript in the README.
WIDTH = 80
MAKEFILE = ROOT / "Makefile"
TEMPLATE: Mapping[str, Any] = load(str(ROOT / "template.yml"))
EXAMPLE = "tests/bundles/slow-consumer.json"
FENCE = "```"


def block(name: str) -> re.Pattern[str]:
    """Where a block stands in a text."""
    return re.compile(rf"(<!-- begin {name} -->\n)(.*?)(<!-- end {name} -->)", re.DOTALL)


def standing(name: str) -> str:
    """What the block holds now. Raises ValueError if it does not stand once on all pages."""
    found = [match[2] for page in PAGES for match in block(name).finditer(page.read_text("utf-8"))]
    if len(found) != 1:
        raise ValueError(f"block {name} stands there {len(found)} times")
    return found[0]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


# --- what a command says -------------------------------------------------------------------------


def said(*arguments: str) -> tuple[str, int]:
    """What the command line prints where nobody looks, and its exit code."""
    found = CliRunner().invoke(app, list(arguments), env={"COLUMNS": None})
    return "\n".join(line.rstrip() for line in found.output.splitlines()), found.exit_code


def transcript() -> str:
    """A plan from saved evidence, abridged where a line says "...": a real run of the command."""
    output, code = said("plan", "--evidence", EXAMPLE)
    shown = "\n".join(_abridged(output.split("\n\n")))
    shell = f"$ remediator plan --evidence {EXAMPLE}\n{shown}\n$ echo $?\n{code}\n"
    return f"{FENCE}text\n{shell}{FENCE}\n"


def demo() -> str:
    """The end of ``make demo``, run anew: what was foreseen, and what happened."""
    with TemporaryDirectory() as directory:
        told = subprocess.run(
            [sys.executable, "-c", "from lab.cli import main; main()", "demo"],
            cwd=directory,
            env={**os.environ, "COLUMNS": str(WIDTH), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
            encoding="utf-8",
        ).stdout
    end = told[told.index("Foreseen") : told.index("The picture:")]
    shown = "\n".join(line.rstrip() for line in end.rstrip().splitlines())
    return f"{FENCE}text\n$ make demo\n...\n{shown}\n{FENCE}\n"


_LEFT_OUT = ("What could not be seen", "To look further")


def _abridged(sections: Sequence[str]) -> Iterator[str]:
    for section in sections:
        if section.startswith(_LEFT_OUT):
            continue
        lines = section.splitlines()
        yield from _fewer_options(lines) if lines[0] == "Forecast" else lines
        yield ""


def _fewer_options(lines: Sequence[str]) -> Iterator[str]:
    """The factors between are left out."""
    factors = [line for line in lines if line.startswith("  parallelization_factor")]
    for line in lines:
        if line == factors[1]:
            yield "  ..."
        if line not in factors or line in {factors[0], factors[-1]} or "(planned)" in line:
            yield line


def notice() -> str:
    """What somebody is mailed: the golden file of a notice."""
    told = (ROOT / "tests/golden/messages/acted.txt").read_text(encoding="utf-8")
    return f"{FENCE}text\n{told}{FENCE}\n"


def annotations() -> str:
    """The same plan as GitHub shows it on a pull request."""
    output, _ = said("plan", "--evidence", EXAMPLE, "--format", "github")
    return f"{FENCE}text\n{output.rstrip()}\n{FENCE}\n"


# --- the command line ----------------------------------------------------------------------------


PROGRAMS = {"remediator": app, "remediator-lab": lab_app}


def commands(program: str) -> dict[str, TyperCommand]:
    """Every command of a program, by what is typed for it."""
    return dict(_commands(typer.main.get_command(PROGRAMS[program]), (program,)))


def _commands(group: object, path: tuple[str, ...]) -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(group, TyperCommand):
        yield " ".join(path), group
    elif isinstance(group, TyperGroup):
        for name, command in group.commands.items():
            yield from _commands(command, (*path, name))


def command_table(program: str) -> str:
    rows = [
        (f"`{name}`", inspect.cleandoc(command.help or "").split("\n\n")[0])
        for name, command in commands(program).items()
    ]
    return table(("command", "what it does"), ((n, " ".join(what.split())) for n, what in rows))


MEANINGS = {
    0: "nothing to do, or done",
    1: "error, or a change that could not be made as a whole",
    2: "usage: the command line was not understood",
    3: "changes are proposed",
    4: "changes are proposed, but the policy blocks them",
}


def exit_codes() -> str:
    statuses = {
        code: ", ".join(f"`{status}`" for status, ends in EXIT_CODES.items() if ends == code)
        for code in MEANINGS
    }
    return table(
        ("exit code", "meaning", "`outcome.status` of the report"),
        ((str(code), meaning, statuses[code] or "–") for code, meaning in MEANINGS.items()),
    )


def make_targets() -> dict[str, str]:
    """Every documented target of the Makefile, and what it is for."""
    found = re.findall(r"^([a-zA-Z0-9-]+):.*?## (.+)$", MAKEFILE.read_text("utf-8"), re.MULTILINE)
    return dict(found)


def target_table() -> str:
    return table(
        ("command", "what it does"),
        ((f"`make {name}`", what) for name, what in make_targets().items()),
    )


# --- the deployment ------------------------------------------------------------------------------


def parameter_table() -> str:
    return table(
        ("parameter", "default", "what it is"),
        (
            (f"`{name}`", _default(parameter), " ".join(parameter["Description"].split()))
            for name, parameter in TEMPLATE["Parameters"].items()
        ),
    )


def _default(parameter: Mapping[str, Any]) -> str:
    if "Default" not in parameter:
        return "(must be given)"
    return f"`{parameter['Default']}`" if parameter["Default"] != "" else "(empty)"


def environment() -> Mapping[str, Any]:
    """The function's environment, as the template sets it."""
    function = TEMPLATE["Resources"]["RemediatorFunction"]["Properties"]
    found: Mapping[str, Any] = function["Environment"]["Variables"]
    return found


UNSET = {
    "mode": "the policy file's `mode`",
    "target_function": "a plan may be about any function",
    "target_function_2": "no other function may be changed",
    "target_function_3": "as above",
    "target_function_4": "as above",
    "tagged_functions_only": "the policy file's `tagged_functions_only`",
    "policy_file": "`policies/guardrails.yml`",
    "policy_parameter": "the policy file's",
    "policy_configuration": "the policy file's",
    "shared_journal": "the journal is the stack's own",
    "journal_claim": "no other stack's journal is looked for",
    "journal_table": "the function refuses to run; a plan by hand can do without",
    "notices_topic_arn": "nobody is told by SNS",
    "quarantine_queue_arn": "retries are bounded only with a destination of the mapping's own",
    "follow_up_role_arn": "nothing is changed, since nobody could look again",
    "capture_bucket": "what was given up is not kept",
    "freeze_parameter": "there is no switch outside of the journal",
    "iterator_age_threshold_seconds": "the policy file's `thresholds.alarm_seconds`",
}


def environment_table() -> str:
    names = {field: f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    return table(
        ("variable", "the template sets it to", "where it is not set"),
        (
            (f"`{name}`", _source(environment()[name]), UNSET[field])
            for field, name in names.items()
        ),
    )


def _source(value: Any) -> str:
    match value:
        case {"Ref": name}:
            kind = "the parameter" if name in TEMPLATE["Parameters"] else "the resource"
            return f"{kind} `{name}`"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"`{name}.{attribute}`"
        case _:
            return f"`{value}`"


# --- what decides --------------------------------------------------------------------------------


def picture() -> str:
    return f"{FENCE}mermaid\n{tree.mermaid(TREE)}{FENCE}\n"


def cause_table() -> str:
    return table(
        ("cause", "asked last", "levers, the first that fits"),
        ((f"`{cause}`", _asked_last(cause), _levers(cause)) for cause in Cause),
    )


def _asked_last(cause: Cause) -> str:
    """The questions whose answer is this cause, with the answer."""
    ends = [
        f"{question.text} {answer}"
        for question in TREE.values()
        for answer, end in (("*yes*", question.yes), ("*no*", question.no))
        if not isinstance(end, str) and end.cause is cause
    ]
    return "<br>".join(dict.fromkeys(ends))


def _levers(cause: Cause) -> str:
    levers = [f"`{remedy.name}`" for remedy in TABLES.remedies[cause]]
    if cause in QUIET_CAUSES:
        return "none: it waits, and says when it will be over"
    return ", then ".join([*levers, "a person is called"])


def _all_remedies() -> Mapping[str, Remedy]:
    rows = [*TABLES.remedies.values(), TABLES.first_aid]
    return {remedy.name: remedy for row in rows for remedy in row}


def remedy_table() -> str:
    return table(
        ("remedy", "writes by", "mind"),
        (
            (
                f"`{name}`",
                "<br>".join(f"`{p}`" for p in remedy.permissions),
                "; ".join(remedy.caveats),
            )
            for name, remedy in _all_remedies().items()
        ),
    )


def matrix_table() -> str:
    return table(("incident", "lever", *matrix.SOURCES), matrix.lines())


def guardrail_table() -> str:
    return table(
        ("guardrail", "what it holds"),
        (
            (f"`{name}`", " ".join((check.__doc__ or "").split()))
            for name, check in TABLES.guardrails.items()
        ),
    )


def learned_table() -> str:
    drawn = tree.learned(TABLES)
    return table(drawn.columns, drawn.rows)


def setting_table() -> str:
    """A row for each setting, as the code has it."""
    return table(
        (
            "setting",
            "AWS's name",
            "held by",
            "who feels a change",
            "what it gives up is captured by",
        ),
        (
            (
                f"`{row.name}`",
                f"`{row.field}`" if row.field else _CALLS[row.kind],
                f"{row.kind}".replace("_", " "),
                _felt(row),
                f"`{row.captured_by.name}`" if row.captured_by else "gives up none by itself",
            )
            for row in SETTINGS.values()
        ),
    )


# Of what no setting of AWS's own holds.
_CALLS = {
    ResourceKind.HASH_RANGE: "SplitShard, MergeShards",
    ResourceKind.READER: "RegisterStreamConsumer, CreateEventSourceMapping",
    ResourceKind.ALIAS: "UpdateFunctionConfiguration, PublishVersion, UpdateAlias",
}


def _felt(row: Setting) -> str:
    felt = {
        ResourceKind.EVENT_SOURCE_MAPPING: "the mapping, which restarts",
        ResourceKind.FUNCTION: "whoever invokes the function",
        ResourceKind.STREAM: "every reader of the stream",
        ResourceKind.HASH_RANGE: "every reader and writer of the stream",
        ResourceKind.ALIAS: "whoever invokes the alias",
        ResourceKind.READER: "the mapping, from which another one takes over",
    }[row.kind]
    return felt + (", and the account's pool of concurrency" if row.concurrency else "")


def prior_table() -> str:
    """Everything that may differ between two worlds at random, and how it is drawn."""
    rows = [(prior.says, prior.range) for prior in priors.table().values()]
    return table(["property", "drawn from"], rows)


def not_there() -> str:
    """What the foreign endpoints cannot do."""
    lines = (f"- **{name}.** {one}\n" for name, of_it in CANNOT.items() for one in of_it)
    return "".join(lines)


def reference(name: str) -> str:
    """A schema's models, one table each: what a field is, what it may be, what stands for it."""
    schema = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text("utf-8"))
    models = {schema.get("title", name): schema, **schema.get("$defs", {})}
    return "\n".join(_model(title, of) for title, of in models.items() if "properties" in of)


def _model(title: str, of: Mapping[str, Any]) -> str:
    needed = set(of.get("required", ()))
    rows = (
        (f"`{field}`", _kind(said), _stands_for_it(said, needed=field in needed), _first(said))
        for field, said in of["properties"].items()
    )
    columns = ("field", "type", "default", "what it is")
    return f"**{title}**: {_first(of)}\n\n{table(columns, rows)}"


def _kind(said: Mapping[str, Any]) -> str:
    parts = said.get("anyOf") or [said]
    return " or ".join(dict.fromkeys(map(_one_kind, parts)))


def _one_kind(said: Mapping[str, Any]) -> str:
    if "$ref" in said:
        return str(said["$ref"]).rpartition("/")[2]
    if said.get("type") == "array":
        return f"list of {_kind(said.get('items', {}))}"
    words = said.get("enum") or ([said["const"]] if "const" in said else [])
    return ", ".join(map(str, words)) or str(said.get("type", "any"))


def _stands_for_it(said: Mapping[str, Any], *, needed: bool) -> str:
    if needed or "default" not in said:
        return "must be given" if needed else "–"
    value = said["default"]
    return f"`{json.dumps(value)}`" if not isinstance(value, dict | list) else "–"


def _first(said: Mapping[str, Any]) -> str:
    """The first paragraph of a description, on one line, its code as it is."""
    text = str(said.get("description", "")).split("\n\n")[0]
    return " ".join(text.replace("``", "`").split()) or "–"


BLOCKS: Mapping[str, Callable[[], str]] = {
    "wild-priors": prior_table,
    "demo": demo,
    "transcript": transcript,
    "exit-codes": exit_codes,
    "tree": picture,
    "causes": cause_table,
    "reference-policy": partial(reference, "policy"),
    "reference-report": partial(reference, "report"),
    "reference-event": partial(reference, "event"),
    "remedies": remedy_table,
    "matrix": matrix_table,
    "guardrails": guardrail_table,
    "learned": learned_table,
    "settings": setting_table,
    "parameters": parameter_table,
    "environment": environment_table,
    "commands": partial(command_table, "remediator"),
    "lab-commands": partial(command_table, "remediator-lab"),
    "annotations": annotations,
    "notice": notice,
    "targets": target_table,
    "cannot": not_there,
}


# Played at simulated time, or computed: tests hold their shape, not their numbers.
PLAYED = frozenset({"demo", "transcript", "annotations"})


def shape(text: str) -> list[str]:
    """What of a played block does not hang on a second: its lines without numbers and widths.

    How many looks an incident takes may change with a second, so lines of its course are left out.
    """
    lines = (line for line in text.splitlines() if not _COURSE.match(line))
    bare = (re.sub(r"\d[\d.]*( min| s)?( \d+ s)?|never|none", "#", line) for line in lines)
    return [re.sub(r"\s+", " ", re.sub(r"─+", "─", line)).strip() for line in bare]


_COURSE = re.compile(r"\s*\+\d+ s |\s{13}\S")


def still_true(told: str, made: str) -> bool:
    """Whether a played block may stay: of the same shape, and no figure off by over a tenth.

    Each request takes its simulated time: one more, and every second after it is another one.
    """
    figures = zip(_figures(told), _figures(made), strict=False)
    return shape(told) == shape(made) and all(
        isclose(old, new, rel_tol=0.1, abs_tol=2) for old, new in figures
    )


def _figures(text: str) -> list[float]:
    lines = (line for line in text.splitlines() if not _COURSE.match(line))
    return [float(found) for line in lines for found in re.findall(r"\d+(?:\.\d+)?", line)]


# Measured, not made at each run: written only from a file of ``make lab`` that is handed in.
FIGURES = "lab-figures"
_SHOWN = ("nothing", "double_shards", "pf_10", "human_15_minutes", "remediator", "oracle")


def lab_figures(episodes: list[Episode]) -> str:
    """What a run of the lab has measured of the incidents."""
    episodes = [episode for episode in episodes if episode.scenario in INCIDENTS]
    rows = scores(episodes)
    whole = rows[-1]
    seeds = len({episode.seed for episode in episodes})
    figures = (
        f"Measured by `remediator-lab all --seeds {seeds}`, {whole.incidents} incidents: right "
        f"cause in {whole.right_cause:.0%}, right lever in {whole.right_lever:.0%}, good records "
        f"lost or captured {whole.lost}, neighbours starved {whole.starved}, runs a tenth and a "
        f"minute slower than with nothing {whole.slower_than_nothing}. Where a lever is needed, "
        f"the median time to recovery is {whole.ratio or 0:.2f} times the oracle's. "
        "Medians from the alarm to recovery:\n"
    )
    lines = [
        figures,
        table(
            ("scenario", "right cause", *map(_heading, _SHOWN)),
            (
                (
                    f"`{row.scenario}`",
                    f"{row.right_cause:.0%}",
                    *(told(row.median_seconds.get(name)) for name in _SHOWN),
                )
                for row in rows[:-1]
            ),
        ),
        *(["What missed:\n"] if misses(episodes) else []),
        "".join(f"- {miss}\n" for miss in misses(episodes)),
    ]
    return "\n".join(line for line in lines if line)


def _heading(strategy: str) -> str:
    return strategy.replace("_", " ")


def filled(text: str, made: Mapping[str, str]) -> str:
    """A page with every block as it should be."""
    for name, content in made.items():
        text = block(name).sub(lambda m, new=content: m[1] + new + m[3], text)  # type: ignore[misc]
    return text


def main() -> None:
    """Write the blocks into the pages; the lab's figures from the file that is named, if any."""
    measured = [episode for file in sys.argv[1:] for episode in from_json(Path(file).read_text())]
    made = {name: make() for name, make in BLOCKS.items()}
    for name in PLAYED:
        if still_true(standing(name), made[name]):
            del made[name]
    if measured:
        made[FIGURES] = lab_figures(measured)
    for page in PAGES:
        page.write_text(filled(page.read_text("utf-8"), made), "utf-8")


if __name__ == "__main__":
    main()
