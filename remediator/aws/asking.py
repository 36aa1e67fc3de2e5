"""Asking AWS many things at once, where each may fail without the others.

A Question is one call, or a few pages of one. Its Reply holds the pages, or why there are none.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from remediator.aws.failures import NOT_FOUND, aws_errors
from remediator.aws.reading import Answer
from remediator.errors import PermanentError, RemediatorError
from remediator.model import Gap

_AT_ONCE = 8
# Of one answer: a bound for what would never end, far above what real pipelines have.
_MOST_PAGES = 10

_CUT_SHORT = "the list is longer than one reading may fetch"


def _single(_: Answer) -> Mapping[str, Any] | None:
    return None


def _anything(answer: Answer) -> object:
    return answer


class Question(NamedTuple):
    """One call to AWS; ``next_page`` gives the arguments of the page after an answer.

    ``read`` is tried on each page: what it cannot read is no answer.
    """

    about: str
    service: str
    call: Callable[..., Any]
    arguments: Mapping[str, Any]
    read: Callable[[Answer], object] = _anything
    next_page: Callable[[Answer], Mapping[str, Any] | None] = _single


class Reply(NamedTuple):
    """The answers to one question; ``gap`` says what is missing of them, if anything is."""

    pages: tuple[Answer, ...] = ()
    gap: Gap | None = None
    error: RemediatorError | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self.gap is None

    @property
    def first(self) -> Answer:
        """The first or only page; empty when there is none."""
        return self.pages[0] if self.pages else {}


def ask_all(questions: Iterable[Question]) -> dict[str, Reply]:
    """All questions side by side, by what they are about."""
    asked = tuple(questions)
    if not asked:
        return {}
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        replies = pool.map(ask, asked)
        return {question.about: reply for question, reply in zip(asked, replies, strict=True)}


def ask(question: Question) -> Reply:
    """One question, page after page. Never raises what AWS does: it becomes the reply's gap."""
    pages: list[Answer] = []
    arguments = dict(question.arguments)
    try:
        while True:
            with aws_errors(question.service):
                pages.append(question.call(**arguments))
                question.read(pages[-1])
                following = question.next_page(pages[-1])
            if following is None:
                return Reply(tuple(pages))
            if len(pages) >= _MOST_PAGES:
                return Reply(tuple(pages), Gap(reading=question.about, reason=_CUT_SHORT))
            arguments |= following
    except RemediatorError as error:
        return Reply(gap=_gap(question.about, error), error=error)


def _gap(about: str, error: RemediatorError) -> Gap:
    permission = error.permission if isinstance(error, PermanentError) else None
    return Gap(reading=about, reason=_because(error), permission=permission)


def _because(error: RemediatorError) -> str:
    """The reason in few words; the long ones name the caller's session, which helps nobody."""
    if isinstance(error, PermanentError) and error.permission:
        return "denied"
    if isinstance(error, PermanentError) and error.code in NOT_FOUND:
        return "is gone"
    return str(error)[:300]
