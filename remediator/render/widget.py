"""Open incidents → HTML for a CloudWatch dashboard: small, plain, its own escaping at every word.

Jinja2 is not in the artifact, and these few lines do not need it. JavaScript is not allowed there;
``cwdb-action`` belongs to the element just before it.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from remediator.escaping import markup, markup_json
from remediator.model import Answer, Mode, Report, Step
from remediator.render.pages import cause
from remediator.render.words import duration, moment, name, setting
from remediator.state import Freeze, IncidentState

# Incidents on one page; the command line lists them all.
MOST = 10

MANUAL = """## Open incidents of the IteratorAge remediator

What is open, the path through the questions, what is in effect, what waits for approval; buttons to
approve and to undo. It takes no parameters. Whoever opens the dashboard needs
`lambda:InvokeFunction` on the function, and may then use the buttons, too.
"""

_STYLE = (
    "<style>.ia h3{margin:.9em 0 .2em}.ia ol{margin:.2em 0 .4em 1.4em}.ia .lit{font-weight:600}"
    ".ia .no{opacity:.65}.ia td,.ia th{padding:.1em .8em .1em 0;text-align:left}"
    ".ia .bad{color:#b22}.ia .careful{color:#a60}</style>"
)


class Shown(NamedTuple):
    """All that the page tells."""

    states: tuple[IncidentState, ...]
    freeze: Freeze | str | None
    """The freeze of everything; a text: why that cannot be seen."""
    endpoint: str
    """The function that the buttons call: our own ARN."""
    mode: Mode
    now: datetime
    done: Report | None = None
    """What a button has just done."""
    problem: str = ""


def page(shown: Shown) -> str:
    """The whole page."""
    return f'{_STYLE}<div class="ia">{"".join(_parts(shown))}</div>'


def _parts(shown: Shown) -> Iterator[str]:
    if shown.problem:
        yield _line(shown.problem, "bad")
    if shown.done is not None:
        outcome = shown.done.outcome
        reason = f": {outcome.reason}" if outcome.reason else ""
        yield _line(f"{shown.done.incident_id}: {name(outcome.status)}{reason}", "lit")
    if isinstance(shown.freeze, Freeze):
        yield _line(f"Frozen by {shown.freeze.by}: {shown.freeze.reason}", "careful")
    elif shown.freeze is not None:
        yield _line(f"Whether changes are frozen cannot be seen: {shown.freeze}", "bad")
    if shown.mode is Mode.PLAN:
        yield _line("Mode plan: nothing is changed, and nothing undone.", "no")
    if not shown.states:
        yield _line("No incident is open.", "lit")
    newest = sorted(shown.states, key=lambda state: state.opened_at, reverse=True)
    for state in newest[:MOST]:
        yield from _incident(state, shown)
    if len(newest) > MOST:
        yield _line(f"and {len(newest) - MOST} more: remediator history --open", "no")


def _incident(state: IncidentState, shown: Shown) -> Iterator[str]:
    function = state.target.function if state.target else "unknown function"
    told = cause(state.diagnosis) if state.diagnosis else name(state.cause or "looking")
    yield f"<h3>{markup(function)}: {markup(told)}</h3>"
    since = duration((shown.now - state.opened_at).total_seconds())
    yield _line(f"{state.incident_id}, {name(state.stage)}, open for {since}")
    if state.diagnosis is not None:
        yield f"<ol>{''.join(map(_step, state.diagnosis.path))}</ol>"
    if state.in_effect:
        yield _table(
            ("in effect", "change", "since"),
            (
                (
                    tracked.change.setting,
                    f"{setting(tracked.change.before)} → {setting(tracked.change.after)}",
                    moment(tracked.at),
                )
                for tracked in state.in_effect
            ),
        )
        yield _button(
            "Undo",
            {"rollback": state.incident_id},
            f"Put back what is in effect of {function}? A mapping restarts for minutes.",
            shown.endpoint,
        )
    if state.pending is not None and state.pending_until and shown.now <= state.pending_until:
        yield _table(
            ("waits for approval", "change", "why asked"),
            (
                (
                    one.change.setting,
                    f"{setting(one.change.before)} → {setting(one.change.after)}",
                    one.ruling.reason,
                )
                for one in state.pending.changes
                if one.change in state.pending.proposed
            ),
        )
        yield _button(
            "Approve",
            {"approve": state.incident_id, "plan": state.pending.digest},
            f"Make exactly this plan for {function}?",
            shown.endpoint,
        )


def _step(step: Step) -> str:
    lit = step.answer is Answer.YES
    said = f"{step.question} {step.answer}: {step.because}"
    return f'<li class="{"lit" if lit else "no"}">{markup(said)}</li>'


def _line(text: str, kind: str = "") -> str:
    return f'<div class="{kind}">{markup(text)}</div>'


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{markup(column)}</th>" for column in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{markup(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _button(label: str, asked: Mapping[str, str], question: str, endpoint: str) -> str:
    """A button, and what it does: it asks, then invokes ``endpoint`` with what is asked for."""
    return (
        f'<a class="btn">{markup(label)}</a>'
        f'<cwdb-action action="call" display="widget" endpoint="{markup(endpoint)}" '
        f'confirmation="{markup(question)}">{markup_json(asked)}</cwdb-action> '
    )
