"""Page → Markdown, as pull requests and tickets show it."""

from remediator.render.page import Page, Section, Table


def page(shown: Page) -> str:
    """The whole page; ends with a newline."""
    parts = [f"## {_safe(shown.title)}"]
    if shown.facts:
        parts.append("\n".join(f"- **{label}**: {_safe(value)}" for label, value in shown.facts))
    parts += [part for section in shown.sections for part in _section(section)]
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> list[str]:
    parts = [f"### {_safe(section.heading)}"] if section.heading else []
    parts += [_safe(line) for line in section.lines]
    if section.table is not None:
        parts.append(_table(section.table))
    if section.commands:
        parts.append("```sh\n" + "\n".join(section.commands) + "\n```")
    return parts


def _table(table: Table) -> str:
    rows = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows)


def _cell(text: str) -> str:
    return _safe(text).replace("|", "\\|").replace("\n", " ")


def _safe(text: str) -> str:
    """Names and reasons come from outside: they must not become tags or links to anything."""
    return text.replace("<", "&lt;").replace(">", "&gt;").replace("[", "\\[")
