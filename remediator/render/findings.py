"""What is found in files of settings, as other tools read it: annotations, JUnit, SARIF.

Sources: GitHub Docs, "Workflow commands for GitHub Actions"; JUnit's own XML as Jenkins and GitLab
read it; OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from remediator.errors import Problem
from remediator.escaping import json_text, printed, visible
from remediator.render import github

TOOL = "remediator policy check"
TITLE = "remediator: policy"


class Level(StrEnum):
    """How grave a finding is: the file is refused, or it is only odd."""

    ERROR = "error"
    WARNING = "warning"


# What each level is called in SARIF, and what it says of a file.
RULES: Mapping[Level, tuple[str, str]] = {
    Level.ERROR: ("wrong-policy", "The policy cannot be understood, and is refused as a whole."),
    Level.WARNING: ("contradiction", "Each value is allowed, but together they cannot be meant."),
}


class Finding(NamedTuple):
    """One thing that is to be said of a file."""

    level: Level
    problem: Problem


def annotations(found: Iterable[Finding]) -> str:
    """One workflow command each, at its file and line; every line ends with a newline."""
    lines = (
        github.command(
            one.level, TITLE, one.problem.said, file=one.problem.file, line=one.problem.line
        )
        for one in found
    )
    return "".join(f"{line}\n" for line in lines)


def junit(files: Sequence[str], found: Sequence[Finding]) -> str:
    """A test case for each file: it fails by its errors, its warnings stand beside."""
    cases = [_case(file, [one for one in found if one.problem.file == file]) for file in files]
    failed = sum(case.find("failure") is not None for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failed), "errors": "0"}
    root = ET.Element("testsuites", counts)
    ET.SubElement(root, "testsuite", {"name": TOOL, **counts}).extend(cases)
    ET.indent(root)
    return printed(ET.tostring(root, encoding="unicode")) + "\n"


def _case(file: str, found: Sequence[Finding]) -> ET.Element:
    case = ET.Element("testcase", {"classname": TOOL, "name": visible(file)})
    told = {level: [_line(one) for one in found if one.level is level] for level in Level}
    if told[Level.ERROR]:
        message = {"message": told[Level.ERROR][0], "type": RULES[Level.ERROR][0]}
        ET.SubElement(case, "failure", message).text = "\n".join(told[Level.ERROR])
    if told[Level.WARNING]:
        ET.SubElement(case, "system-out").text = "\n".join(told[Level.WARNING])
    return case


def _line(one: Finding) -> str:
    return visible(one.problem)


def sarif(found: Iterable[Finding], version: str) -> str:
    """A SARIF log, as GitHub's code scanning takes it."""
    driver = {
        "name": TOOL,
        "version": version,
        "rules": [
            {"id": name, "shortDescription": {"text": said}} for name, said in RULES.values()
        ],
    }
    run = {"tool": {"driver": driver}, "results": list(map(_result, found))}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json_text(json.dumps(log, indent=2, ensure_ascii=False))


def _result(one: Finding) -> dict[str, Any]:
    problem = one.problem
    region = {"region": {"startLine": problem.line}} if problem.line else {}
    place = {"artifactLocation": {"uri": _uri(problem.file)}, **region}
    return {
        "ruleId": RULES[one.level][0],
        "level": one.level.value,
        "message": {"text": problem.said},
        "locations": [{"physicalLocation": place}],
    }


def _uri(file: str) -> str:
    """Relative as it was named, else a file's URI: SARIF wants one that is escaped."""
    path = Path(file)
    return path.as_uri() if path.is_absolute() else _relative(path)


def _relative(path: Path) -> str:
    root = Path("/")
    return (root / path).as_uri().removeprefix(root.as_uri())
