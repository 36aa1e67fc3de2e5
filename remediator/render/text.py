"""Page → a terminal, by Rich. Without colours it is plain text that can be piped."""

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from remediator.render.page import Page, Section, Table, Tone

_STYLES = {
    Tone.GOOD: "bold green",
    Tone.CALM: "bold",
    Tone.CAREFUL: "bold yellow",
    Tone.BAD: "bold red",
}
_WORDS = {
    "allow": "green",
    "applied": "green",
    "already so": "green",
    "clip": "yellow",
    "approve": "yellow",
    "block": "red",
    "conflict": "red",
    "refused": "red",
    "failed": "red",
    "yes": "bold",
    "unseen": "yellow",
}
"""Words of a table that are worth a colour, wherever they stand alone in a cell."""


def write(console: Console, shown: Page) -> None:
    """Print the whole page. Commands are never broken, so that they can be copied."""
    console.print(Text(shown.title, style=_STYLES[shown.tone]))
    if shown.facts:
        console.print(_facts(shown.facts))
    for section in shown.sections:
        _section(console, section)


def _section(console: Console, section: Section) -> None:
    console.print()
    if section.heading:
        console.print(Text(section.heading, style="bold"))
    for line in section.lines:
        console.print(_indented(Text(line)))
    if section.table is not None:
        console.print(_indented(_table(section.table)))
    for command in section.commands:
        console.print(Text(f"  $ {command}"), soft_wrap=True)


def _indented(part: RenderableType) -> RenderableType:
    return Padding(part, (0, 0, 0, 2), expand=False)


def _facts(facts: tuple[tuple[str, str], ...]) -> RenderableType:
    grid = Grid.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in facts:
        grid.add_row(label, Text(value))
    return _indented(grid)


def _table(table: Table) -> Grid:
    used = [n for n, _ in enumerate(table.columns) if any(row[n] for row in table.rows)]
    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for n in used:
        short = max(len(row[n]) for row in table.rows) <= _SHORT
        grid.add_column(table.columns[n], overflow="fold", no_wrap=short)
    for row in table.rows:
        grid.add_row(*(Text(row[n], style=_WORDS.get(row[n], "")) for n in used))
    return grid


_SHORT = 24
"""Cells of this many characters are not worth breaking."""
