"""tree, schema: what decides, without AWS."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from remediator.cli import showing
from remediator.cli.options import Command, Format, Shown
from remediator.cli.policy_schema import policy_schema
from remediator.decide.guardrails import GUARDRAILS
from remediator.decide.learned import OUTWEIGHED, TEACHES
from remediator.decide.remedies import FIRST_AID, QUIET_CAUSES, REMEDIES
from remediator.decide.tree import TREE
from remediator.model import Bundle, Report
from remediator.ports import Event
from remediator.render import markdown
from remediator.render import tree as drawing
from remediator.render.page import Table

PANEL = "About the rules"

TABLES = drawing.Tables(TREE, FIRST_AID, REMEDIES, QUIET_CAUSES, GUARDRAILS, TEACHES, OUTWEIGHED)


class Schema(StrEnum):
    """What has a published JSON Schema."""

    REPORT = "report"
    EVIDENCE = "evidence"
    EVENT = "event"
    POLICY = "policy"


def tree(shown: Shown = Format.TEXT) -> None:
    """Show how it decides: questions, remedies, what is learned, guardrails: the tables that run.

    As Markdown with a Mermaid diagram.
    """
    page = drawing.page(TABLES)
    if shown is Format.JSON:
        showing.data({section.heading: _records(section.table) for section in page.sections})
    elif shown is Format.TEXT:
        showing.plain_page(page, shown)
    else:
        typer.echo(markdown.page(page) + f"\n```mermaid\n{drawing.mermaid(TREE)}```")


def _records(table: Table | None) -> list[dict[str, str]]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows] if table else []


def schema(
    of: Annotated[
        Schema,
        typer.Argument(help="The report, the evidence bundle, the EventBridge event, the policy."),
    ],
) -> None:
    """Print a JSON Schema: of the report, the evidence that collect saves, the event sent, or the
    policy."""
    showing.data(schemas()[of])


def schemas() -> dict[Schema, dict[str, Any]]:
    """The published schemas, made from the records themselves."""
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {
        Schema.REPORT: draft | Report.model_json_schema(mode="serialization"),
        Schema.EVIDENCE: draft | Bundle.model_json_schema(mode="serialization"),
        Schema.EVENT: draft | Event.model_json_schema(mode="serialization"),
        Schema.POLICY: draft | policy_schema(),
    }


COMMANDS = (
    Command("tree", PANEL, tree, "remediator tree --format markdown > docs/tree.md"),
    Command("schema", PANEL, schema, "remediator schema report > report.schema.json"),
)
