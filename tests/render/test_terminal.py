"""A terminal of any width, and a pipe: what is shown is kept as files, and nothing gets lost."""

from collections.abc import Callable, Mapping
from io import StringIO

import pytest
from rich.console import Console

from remediator.cli.showing import PLAIN_WIDTH
from remediator.cli.tables import TABLES
from remediator.drift import drift, template
from remediator.policy import Policy
from remediator.render import incidents, pages, rules, text
from remediator.render import tree as drawing
from remediator.render.page import Page
from tests.golden import golden
from tests.render.incidents import entries, kept, planned, readings, restored
from tests.render.test_html import TEMPLATE

LONG = "a-function-whose-name-is-as-long-as-aws-allows-" + "x" * 17

# A phone's shell, a terminal, a wide one; in a pipe, where COLUMNS says nothing.
WIDTHS = (60, 80, 120, PLAIN_WIDTH)


def history() -> Page:
    """Two incidents, one of a function with a name as long as AWS allows."""
    state = kept()
    assert state.target is not None
    long = state.target.model_copy(update={"function": LONG})
    return incidents.incidents(
        [state, state.model_copy(update={"target": long})], "of 111122223333"
    )


PAGES: Mapping[str, Callable[[], Page]] = {
    "plan": lambda: pages.report(planned("slow-consumer")),
    "explain": lambda: pages.report(planned("poison"), readings=True),
    "incident": lambda: incidents.incident(restored(), entries(), "remediator"),
    "incident-kept": lambda: incidents.incident(kept(), entries(), "remediator", readings()),
    "history": history,
    "rollback": lambda: incidents.undoing(kept()),
    "drift": lambda: rules.drift(drift(template(TEMPLATE, "t.yml"), readings())),
    "tree": lambda: drawing.page(TABLES),
    "policy": lambda: rules.policy(Policy(), "policies/guardrails.yml"),
}


def shown(page: Page, width: int) -> str:
    out = StringIO()
    text.write(Console(file=out, width=width, highlight=False), page)
    return out.getvalue()


# The tables of the rules stand in docs/, generated.
KEPT = [name for name in PAGES if name not in {"tree", "policy"}]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", KEPT)
def test_each_page_reads_as_it_was_reviewed(name: str, width: int) -> None:
    """If not, and it is meant: WRITE_GOLDEN=1 pytest tests/render/test_terminal.py."""
    said = shown(PAGES[name](), width)
    assert said == golden(f"terminal/{name}-{width}.txt", said)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_sticks_out_but_what_must_not_be_broken(name: str, width: int) -> None:
    page = PAGES[name]()
    whole = {f"  $ {command}" for section in page.sections for command in section.commands}
    whole |= {f"    {line}" for s in page.sections for block in s.blocks for line in block.lines}
    lines = shown(page, width).splitlines()
    wide = [line for line in lines if len(line) > width and line not in whole]
    assert [line for line in wide if len(line.split()) > 1] == []
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 120])
@pytest.mark.parametrize("name", PAGES)
def test_every_word_that_a_wide_terminal_shows_a_narrow_one_shows_too(
    name: str, width: int
) -> None:
    page = PAGES[name]()
    wide, narrow = (set(shown(page, columns).split()) for columns in (1000, width))
    bare = {word.rstrip(":") for word in narrow}
    assert wide - narrow - bare == set()
