"""What can go wrong, by whose fault it is.

RemediatorError
├── InputError       the caller's: an event, a policy or an option that cannot be understood
│   └── FileError    a file of settings, with each place in it that is wrong
├── TemporaryError   nobody's for long: throttled, timed out, a resource in use; retrying helps
├── PermanentError   the world's: denied, gone, refused by AWS; retrying does not help
└── ConflictError    a setting is not what the plan saw: someone else changed it (invariant 3)
"""

from typing import NamedTuple


class RemediatorError(Exception):
    """Base of every error raised on purpose by this package."""


class InputError(RemediatorError, ValueError):
    """Input that cannot be understood; the message says what was expected and where it broke.

    A ValueError, so that pydantic says under which field one of its models met it. It echoes
    input, so it is bounded: a log and a queue take it as it is.
    """

    def __init__(self, message: str = "") -> None:
        long = len(message) > _LONGEST_MESSAGE
        super().__init__(f"{message[:_LONGEST_MESSAGE]} …" if long else message)


_LONGEST_MESSAGE = 8000


class Problem(NamedTuple):
    """One thing that is to be said of a file, and of which line, where that is known."""

    file: str
    line: int | None
    said: str

    def __str__(self) -> str:
        return f"{self.file}{f':{self.line}' if self.line else ''}: {self.said}"


class FileError(InputError):
    """A file that cannot be understood, place by place."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class TemporaryError(RemediatorError):
    """An AWS call that may succeed when tried again (throttling, time-outs, a resource in use)."""


class PermanentError(RemediatorError):
    """An AWS call that will not succeed by trying again (denied, not found, refused).

    ``permission`` names the IAM action that is missing, where that is the reason; ``gone`` says
    that the thing itself does not exist (any more).
    """

    def __init__(
        self, message: str, *, code: str = "", permission: str | None = None, gone: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.permission = permission
        self.gone = gone


class ConflictError(RemediatorError):
    """Compare-and-set failed: the setting is neither what was planned from nor what was wanted."""
