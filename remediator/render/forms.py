"""A message as it is sent: the mail's text, the chat's notification. Pure.

What does not fit a screen is cut; a command that tells all of it is among those offered.
"""

import textwrap
from collections.abc import Sequence
from typing import Any

from remediator.escaping import chat, chat_code, visible
from remediator.model import Report
from remediator.render.message import Message, Row

# A screen. Commands and links stand on lines of their own, and are never broken.
WIDTH, LINES = 64, 25


def mail(told: Message) -> str:
    """One screen of plain text: every line harmless, none of the prose wider than the screen."""
    head = textwrap.wrap(told.subject, WIDTH, max_lines=2, placeholder=" …")
    offers = [visible(line) for one in told.offers for line in (f"{one.what}:", one.command)]
    others = [part for part in (offers, list(told.links)) if part]
    room = LINES - len(head) - sum(map(len, others)) - 1 - len(others)
    parts = [head, _rows_within(told.rows, room), *others]
    return "\n\n".join("\n".join(part) for part in parts)


def _rows_within(rows: Sequence[Row], room: int) -> list[str]:
    """The rows as lines; where there are too many, the longest row gives way."""
    while sum(len(_row(row)) for row in rows) > room:
        longest = max(range(len(rows)), key=lambda n: len(_row(rows[n])))
        height = len(_row(rows[longest]))
        if height == 1:
            break
        shorter = rows[longest]._replace(most=height - 1)
        rows = [*rows[:longest], shorter, *rows[longest + 1 :]]
    return [line for row in rows for line in _row(row)]


def _row(row: Row) -> list[str]:
    return textwrap.wrap(
        f"{row.label}: {visible(row.words)}",
        WIDTH,
        subsequent_indent="  ",
        max_lines=row.most,
        placeholder=" …",
        break_on_hyphens=False,
    )


def chat_notification(told: Message, report: Report) -> dict[str, Any]:
    """The same for a chat: a custom notification of Amazon Q Developer in chat applications.

    News of one incident is one thread. ``additionalContext`` has what a custom action (a button)
    may take as its variables. Source: Amazon Q Developer in chat applications Administrator Guide,
    "Custom notifications".
    """
    target = report.target
    context = {
        "kind": told.kind,
        "incident": report.incident_id,
        "plan": report.plan.digest,
        "function": target.function if target else None,
        "mapping": target.event_source_mapping if target else None,
        "stream": target.stream if target else None,
        "account": report.account_id,
        "region": report.region,
        "remediator": report.remediator,
    }
    return {
        "version": "1.0",
        "source": "custom",
        "content": {
            "textType": "client-markdown",
            "title": f"{told.sign} {chat(_cut(told.subject, 200))}",
            "description": "\n".join(
                f"*{row.label}*: {chat(_cut(row.words, row.most * WIDTH * 2))}" for row in told.rows
            ),
            "nextSteps": [
                *(f"{offer.what}: {chat_code(offer.command)}" for offer in told.offers),
                *told.links,
            ],
            "keywords": [
                chat(word)
                for word in (
                    told.kind,
                    target.function if target else None,
                    report.diagnosis.cause if report.diagnosis else None,
                )
                if word
            ],
        },
        "metadata": {
            "threadId": report.incident_id,
            "summary": chat(_cut(told.subject, 200)),
            "eventType": told.kind,
            "relatedResources": [target.function_arn, target.source_arn] if target else [],
            "additionalContext": {key: visible(value) for key, value in context.items() if value},
        },
    }


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 2]} …"
