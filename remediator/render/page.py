"""What is said, free of how it looks: a title, a few facts, sections."""

from enum import StrEnum
from typing import NamedTuple


class Tone(StrEnum):
    """How a page's news feels; a terminal shows it as a colour."""

    GOOD = "good"
    CALM = "calm"
    CAREFUL = "careful"
    BAD = "bad"


class Table(NamedTuple):
    """Rows under column headings; every row has as many cells as there are columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Block(NamedTuple):
    """Lines of another language, to be taken over as they are."""

    title: str
    language: str
    lines: tuple[str, ...]


class Section(NamedTuple):
    """One heading: paragraphs, then a table, commands to copy, and blocks of other languages."""

    heading: str
    lines: tuple[str, ...] = ()
    table: Table | None = None
    commands: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()


class Page(NamedTuple):
    """One record's page. ``facts`` are names with values, read first."""

    title: str
    tone: Tone = Tone.CALM
    facts: tuple[tuple[str, str], ...] = ()
    sections: tuple[Section, ...] = ()
