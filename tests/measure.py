"""The house in numbers: `python -m tests.measure [REVISION]`, as it lies here or as it lay there.

Lines and files by room, the length of functions, long files, and the arrows between rooms, with the
circles among them. A room is a folder of ``remediator``, or a module that lies beside them. Code is
what is neither blank nor comment nor docstring.
"""

import ast
import io
import subprocess
import sys
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PACKAGES = ("remediator", "lab", "tests")
LONG = 300
# All that the product may ever do; the rest is translation.
CORE = ("model", "state", "setting", "settings_table", "decide", "execution")


class Module(NamedTuple):
    """One file: its dotted name, its lines, those that are code, its functions' lengths, and which
    modules it imports."""

    name: str
    lines: int
    code: int
    functions: tuple[int, ...]
    imports: frozenset[str]

    @property
    def room(self) -> str:
        """``decide`` for ``remediator.decide.tree``, ``model`` for ``remediator.model``."""
        return self.name.split(".")[1] if "." in self.name else self.name


def sources(revision: str | None) -> Iterator[tuple[str, str]]:
    """Path and text of every Python file."""
    if revision is None:
        for package in PACKAGES:
            for path in sorted((ROOT / package).rglob("*.py")):
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        return
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", revision, *PACKAGES],
        capture_output=True,
        check=True,
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            found = files.extractfile(member) if member.name.endswith(".py") else None
            if found is not None:
                yield member.name, found.read().decode()


def module(path: str, text: str) -> Module:
    """What is counted of one file."""
    tree = ast.parse(text)
    spans = [
        (node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    said = {line for first, last in spans for line in range(first, last + 1)}
    lines = text.splitlines()
    code = [
        line
        for number, line in enumerate(lines, start=1)
        if number not in said and line.strip() and not line.strip().startswith("#")
    ]
    functions = (
        (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return Module(name, len(lines), len(code), tuple(functions), frozenset(_imports(tree)))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows(modules: list[Module]) -> dict[str, set[str]]:
    """Which room of ``remediator`` imports which others."""
    rooms = {each.room for each in modules}
    found: dict[str, set[str]] = defaultdict(set)
    for each in modules:
        for imported in each.imports:
            parts = imported.split(".")
            if parts[0] == "remediator" and len(parts) > 1 and parts[1] in rooms - {each.room}:
                found[each.room].add(parts[1])
    return found


def circles(graph: Mapping[str, set[str]]) -> int:
    """How many rooms can reach themselves."""

    def reaches(start: str) -> set[str]:
        seen: set[str] = set()
        todo = list(graph.get(start, ()))
        while todo:
            room = todo.pop()
            if room not in seen:
                seen.add(room)
                todo += graph.get(room, ())
        return seen

    return sum(room in reaches(room) for room in graph)


def report(revision: str | None) -> str:
    """All numbers, as text."""
    every = [module(path, text) for path, text in sources(revision)]
    ours = [each for each in every if each.name.split(".")[0] == "remediator"]
    rooms: dict[str, list[Module]] = defaultdict(list)
    for each in ours:
        rooms[each.room].append(each)
    rows = [_row(f"remediator/{room}", found) for room, found in sorted(rooms.items())]
    rows += [
        _row(package, [each for each in every if each.name.split(".")[0] == package])
        for package in PACKAGES
    ]
    rows.append(_row("core", [each for each in ours if each.room in CORE]))
    lengths = sorted(length for each in ours for length in each.functions)
    graph = arrows(ours)
    lines = [f"{'room':28} {'files':>6} {'lines':>7} {'code':>7} {'long':>5}", *rows, ""]
    longest = quantiles(lengths, n=10)[-1]
    lines += [f"functions: {len(lengths)}; median {median(lengths):.0f} lines; p90 {longest:.0f}"]
    lines += [f"files above {LONG} lines: {', '.join(_long(ours)) or 'none'}"]
    lines += [
        f"arrows between rooms: {sum(map(len, graph.values()))}; in a circle: {circles(graph)}"
    ]
    return "\n".join(lines)


def _row(name: str, found: list[Module]) -> str:
    lines, code = sum(each.lines for each in found), sum(each.code for each in found)
    return f"{name:28} {len(found):6} {lines:7} {code:7} {len(_long(found)):5}"


def _long(found: list[Module]) -> list[str]:
    return [each.name for each in found if each.lines > LONG]


if __name__ == "__main__":
    print(report(sys.argv[1] if len(sys.argv) > 1 else None))  # noqa: T201
