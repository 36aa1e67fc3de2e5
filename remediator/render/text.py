"""Page → a terminal, by Rich. Without colours it is plain text that can be piped.

Nothing is cut and no word is broken, however narrow the terminal is: an id that lost characters
cannot be copied. Of a table that does not fit, the last columns are folded below their row; where
not even two fit, it is shown row by row. Everything passes ``escaping``.
"""

import textwrap
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from remediator.escaping import printed, visible
from remediator.render.page import Page, Section, Table, Tone

_STYLES = {
    Tone.GOOD: "bold green",
    Tone.CALM: "bold",
    Tone.CAREFUL: "bold yellow",
    Tone.BAD: "bold red",
}
# Words of a table that are worth a colour, wherever they stand alone in a cell.
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

_INDENT, _GAP = 2, 2
# Cells of this many characters are not worth breaking.
_SHORT = 36
# Prose in a narrower column is no joy to read.
_READABLE = 24


def write(console: Console, shown: Page) -> None:
    """Print the whole page. Commands are never broken, so that they can be copied."""
    with console.capture() as captured:
        _page(console, shown)
    lines = (line.rstrip(" ") for line in captured.get().split("\n"))
    console.file.write(printed("\n".join(lines)))
    console.file.flush()


def write_entry(console: Console, head: str, told: str) -> None:
    """Print one line of a course of events; what is too long goes on below its beginning."""
    first, *rest = _wrapped(visible(told), console.width - len(head) - _GAP)
    lines = [f"{head}{' ' * _GAP}{first}", *(" " * (len(head) + _GAP) + line for line in rest)]
    console.file.write("".join(f"{printed(line.rstrip())}\n" for line in lines))
    console.file.flush()


def _page(console: Console, shown: Page) -> None:
    _paragraph(console, shown.title, style=_STYLES[shown.tone], indent=0)
    _pairs(console, [(label, visible(value)) for label, value in shown.facts])
    for section in shown.sections:
        _section(console, section)


def _section(console: Console, section: Section) -> None:
    console.print()
    if section.heading:
        _paragraph(console, section.heading, style="bold", indent=0)
    for line in section.lines:
        _paragraph(console, line)
    if section.table is not None:
        _table(console, section.table)
    for command in section.commands:
        _unbroken(console, Text(f"  $ {visible(command)}"))
    for block in section.blocks:
        _paragraph(console, block.title)
        for line in block.lines:
            _unbroken(console, Text(f"    {visible(line)}"))


def _unbroken(console: Console, line: Text) -> None:
    console.print(line, soft_wrap=True)


def _paragraph(console: Console, told: str, *, style: str = "", indent: int = _INDENT) -> None:
    for line in _wrapped(visible(told), console.width - indent):
        _unbroken(console, Text(" " * indent + line, style=style))


def _wrapped(told: str, width: int) -> list[str]:
    """Lines that end between words only; a word that is too long sticks out."""
    how = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.wrap(told, max(width, 1), **how) or [""]  # type: ignore[arg-type]


def _pairs(console: Console, pairs: Sequence[tuple[str, str]]) -> None:
    widest = max((len(label) for label, _ in pairs), default=0)
    start = _INDENT + widest + _GAP
    for label, value in pairs:
        if start + _longest_word(value) > console.width:
            _below(console, label, value)
            continue
        first, *rest = _wrapped(value, console.width - start)
        head = Text(" " * _INDENT).append(label.ljust(widest), style="dim")
        _unbroken(console, head.append(" " * _GAP).append(first, style=_WORDS.get(first, "")))
        for line in rest:
            _unbroken(console, Text(" " * start + line))


def _below(console: Console, label: str, value: str) -> None:
    """A value whose words find no room beside its label."""
    _unbroken(console, Text(" " * _INDENT + label, style="dim"))
    _paragraph(console, value, style=_WORDS.get(value, ""), indent=2 * _INDENT)


# --- tables --------------------------------------------------------------------------------------


def _table(console: Console, table: Table) -> None:
    used = [n for n, _ in enumerate(table.columns) if any(row[n] for row in table.rows)]
    columns = [table.columns[n] for n in used]
    rows = [[visible(row[n]) for n in used] for row in table.rows]
    for kept in range(len(columns), min(2, len(columns)) - 1, -1):
        shown = [row[:kept] for row in rows]
        widths = _widths(columns[:kept], shown, console.width - _INDENT)
        if widths is not None:
            _folded(console, columns, rows, widths)
            return
    _row_by_row(console, columns, rows)


def _folded(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
) -> None:
    """As many columns as have a width; of each row the rest below it, each with its name."""
    kept = len(widths)
    if kept == len(columns):
        console.print(_indented(_grid(columns, rows, widths)))
        return
    console.print(_indented(_grid(columns[:kept], (), widths)))
    for row in rows:
        console.print(_indented(_grid(columns[:kept], [row[:kept]], widths, header=False)))
        rest = zip(columns[kept:], row[kept:], strict=True)
        told = " · ".join(f"{name}: {cell}" for name, cell in rest if cell)
        if told:
            _paragraph(console, told, style="dim", indent=3 * _INDENT)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """How wide each column is, so that no word is broken; ``None`` when they do not fit."""
    cells = list(zip(columns, *rows, strict=True))
    wanted = [max(map(cell_len, column)) for column in cells]
    least = [
        most if most <= _SHORT else max(_READABLE, *map(_longest_word, column))
        for most, column in zip(wanted, cells, strict=True)
    ]
    spare = width - sum(least) - _GAP * (len(columns) - 1)
    if spare < 0:
        return None
    widths = least
    while spare and widths != wanted:
        widths, spare = _wider(widths, wanted, spare)
    return widths


def _wider(widths: list[int], wanted: list[int], spare: int) -> tuple[list[int], int]:
    """What is spare, shared out evenly among the columns that want more."""
    hungry = [n for n, width in enumerate(widths) if width < wanted[n]]
    share = max(1, spare // len(hungry))
    wider = list(widths)
    for n in hungry:
        more = min(share, wanted[n] - wider[n], spare)
        wider[n], spare = wider[n] + more, spare - more
    return wider, spare


def _longest_word(cell: str) -> int:
    return max(map(cell_len, cell.split()), default=0)


def _grid(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    *,
    header: bool = True,
) -> Grid:
    grid = Grid(
        box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim", show_header=header
    )
    for name, width in zip(columns, widths, strict=True):
        grid.add_column(name, width=width, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell, style=_WORDS.get(cell, "")) for cell in row))
    return grid


def _row_by_row(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for place, row in enumerate(rows):
        if place:
            console.print()
        _pairs(console, [pair for pair in zip(columns, row, strict=True) if pair[1]])


def _indented(part: RenderableType) -> RenderableType:
    return Padding(part, (0, 0, 0, _INDENT), expand=False)
