"""The tables of the code as pictures: the questions, what each cause leads to, the guardrails.

The tables are handed in, so that this room knows none of the rooms beside it; what is drawn is
what runs.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from remediator.decide.remedies import Remedy
from remediator.model import Cause, Detail
from remediator.render.page import Page, Section, Table
from remediator.render.words import name


class Leaf(Protocol):
    """An end of the tree: a cause, perhaps with a detail."""

    @property
    def cause(self) -> Cause: ...
    @property
    def detail(self) -> str: ...


class Question(Protocol):
    """A question, and where each answer leads: to another question's name or to a leaf."""

    @property
    def text(self) -> str: ...
    @property
    def yes(self) -> str | Leaf: ...
    @property
    def no(self) -> str | Leaf: ...
    @property
    def unseen(self) -> str | Leaf: ...


class Tables(NamedTuple):
    """Everything that decides, in the order in which it is asked."""

    tree: Mapping[str, Question]
    first_aid: Sequence[Remedy]
    remedies: Mapping[Cause, Sequence[Remedy]]
    quiet: Collection[Cause]
    """Causes that need neither a lever nor a person."""
    guardrails: Mapping[str, Callable[..., object]]
    teaches: Mapping[Cause, Collection[str]] = MappingProxyType({})
    """Causes that hold for the rest of their incident, with the details that do."""
    outweighed: Mapping[Cause, Sequence[tuple[Cause, str]]] = MappingProxyType({})
    """What the questions may answer then, and are outweighed."""


def _ends(question: Question) -> tuple[tuple[str, str | Leaf], ...]:
    return (("yes", question.yes), ("no", question.no), ("unseen", question.unseen))


def page(tables: Tables) -> Page:
    """The tables as tables."""
    return Page(
        "How it decides",
        sections=(
            Section("Questions", table=_questions(tables.tree)),
            Section("Remedies, the first that fits", table=_remedies(tables)),
            Section("Outweighed by what an incident has learned", table=learned(tables)),
            Section(
                "Guardrails, each change to each, in this order",
                table=Table(("guardrail", "what it holds"), _guardrails(tables.guardrails)),
            ),
        ),
    )


def _questions(tree: Mapping[str, Question]) -> Table:
    numbers = {key: number for number, key in enumerate(tree, start=1)}
    rows = tuple(
        (
            str(numbers[key]),
            question.text,
            *(_where(end, numbers) for _, end in _ends(question)),
        )
        for key, question in tree.items()
    )
    return Table(("number", "question", "yes", "no", "unseen"), rows)


def _where(end: str | Leaf, numbers: Mapping[str, int]) -> str:
    return f"→ {numbers[end]}" if isinstance(end, str) else _leaf(end)


def _leaf(leaf: Leaf) -> str:
    return name(leaf.cause) + (f" ({name(leaf.detail)})" if leaf.detail else "")


def _remedies(tables: Tables) -> Table:
    first_aid = ("any, as first aid", _levers(tables.first_aid, "nothing"))
    rows = (
        (name(cause), _levers(levers, _WAITED if cause in tables.quiet else _CALLED))
        for cause, levers in tables.remedies.items()
    )
    return Table(("cause", "remedies"), (*rows, first_aid))


def learned(tables: Tables) -> Table:
    """What an incident has learned, how, and which answers of the questions that outweighs."""
    rows = (
        (name(cause), _taught_by(tables.teaches.get(cause)), _findings(answers))
        for cause, answers in tables.outweighed.items()
    )
    return Table(("learned", "by", "outweighs"), tuple(rows))


def _taught_by(details: Collection[str] | None) -> str:
    ours = "what a change of ours did"
    if details is None:
        return ours
    some = "" if set(details) >= set(Detail) else f" ({', '.join(map(name, sorted(details)))})"
    return f"the questions{some}, or {ours}"


def _findings(answers: Sequence[tuple[Cause, str]]) -> str:
    return ", ".join(
        name(cause) + (f" ({name(detail)})" if detail else "") for cause, detail in answers
    )


_WAITED, _CALLED = "it is waited for", "a person is called"


def _levers(remedies: Sequence[Remedy], otherwise: str) -> str:
    return ", then ".join(name(remedy.name) for remedy in remedies) or otherwise


def _guardrails(guardrails: Mapping[str, Callable[..., object]]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name(key), " ".join((check.__doc__ or "").split())) for key, check in guardrails.items()
    )


def mermaid(tree: Mapping[str, Question]) -> str:
    """The questions as a Mermaid flow chart, dashed where a reading is missing."""
    lines = ["flowchart TD"]
    lines += [f'    {key}{{"{_quoted(question.text)}"}}' for key, question in tree.items()]
    leaves = {_leaf_id(leaf): _leaf(leaf) for leaf in _leaves(tree)}
    lines += [f'    {key}(["{_quoted(text)}"])' for key, text in leaves.items()]
    for key, question in tree.items():
        lines += [
            f"    {key} {_ARROWS[answer]} {end if isinstance(end, str) else _leaf_id(end)}"
            for answer, end in _ends(question)
        ]
    return "\n".join(lines) + "\n"


_ARROWS = {"yes": "-->|yes|", "no": "-->|no|", "unseen": "-.->|unseen|"}


def _leaves(tree: Mapping[str, Question]) -> Iterator[Leaf]:
    for question in tree.values():
        yield from (end for _, end in _ends(question) if not isinstance(end, str))


def _leaf_id(leaf: Leaf) -> str:
    return f"cause_{leaf.cause}_{leaf.detail}".rstrip("_")


def _quoted(text: str) -> str:
    return text.replace('"', "#quot;")
