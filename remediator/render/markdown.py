"""Page → Markdown, as pull requests and tickets show it. All of it passes ``escaping``."""

from remediator.escaping import fenced, markdown
from remediator.render.page import Page, Section, Table


def page(shown: Page) -> str:
    """The whole page; ends with a newline."""
    parts = [f"## {markdown(shown.title)}"]
    if shown.facts:
        parts.append("\n".join(f"- **{label}**: {markdown(value)}" for label, value in shown.facts))
    parts += [part for section in shown.sections for part in _section(section)]
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> list[str]:
    parts = [f"### {markdown(section.heading)}"] if section.heading else []
    parts += [markdown(line) for line in section.lines]
    if section.table is not None:
        parts.append(_table(section.table))
    if section.commands:
        parts.append(fenced(section.commands))
    for block in section.blocks:
        parts += [markdown(block.title), fenced(block.lines, block.language)]
    return parts


def _table(table: Table) -> str:
    rows = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    head, rule, *body = rows
    lines = [[markdown(cell) for cell in head], rule, *([markdown(c) for c in row] for row in body)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
