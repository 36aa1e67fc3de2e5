"""What is computed of one evidence once, however many measures ask for it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from remediator.model import Evidence

P = ParamSpec("P")
T = TypeVar("T")

# By identity, since evidence never changes, and holding it, since an identity is given anew when
# its owner is gone. A look has its reading, what is whole of it, and what came since a change.
_ANSWERS: dict[int, tuple[Evidence, dict[Any, Any]]] = {}
_MOST = 8


def once(
    ask: Callable[Concatenate[Evidence, P], T],
) -> Callable[Concatenate[Evidence, P], T]:
    """Asked the same of the same evidence again, it answers what it has answered.

    The answer must be immutable, and what is asked hashable.
    """

    @wraps(ask)
    def answer(evidence: Evidence, /, *args: P.args, **kwargs: P.kwargs) -> T:
        answers, key = _answers_of(evidence), (ask, args, *kwargs.items())
        if key not in answers:
            answers[key] = ask(evidence, *args, **kwargs)
        found: T = answers[key]
        return found

    return answer


def _answers_of(evidence: Evidence) -> dict[Any, Any]:
    held = _ANSWERS.get(id(evidence))
    if held is None:
        if len(_ANSWERS) >= _MOST:
            _ANSWERS.clear()
        held = _ANSWERS.setdefault(id(evidence), (evidence, {}))
    return held[1]
