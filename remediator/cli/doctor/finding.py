"""What a check looks at, and what it finds."""

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from remediator.arns import Arn
from remediator.cli.outside import Office
from remediator.environment import Settings

if TYPE_CHECKING:
    from remediator.wiring import Inspector


class Health(StrEnum):
    """How a check ended: as it should be, worth a thought, or in the way of the job."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """What a check found, and what to do about it."""

    health: Health
    found: str
    advice: str = ""


class Patient(NamedTuple):
    """What is looked at, and by what."""

    office: Office
    inspector: "Inspector"
    arn: str
    here: Arn
    settings: Settings
    """As they are deployed."""
    consumer: str | None
    """The one function that the checks of the pipeline are about; ``None``: several, none named."""


def ok(found: str) -> Finding:
    return Finding(Health.OK, found)


def warn(found: str, advice: str) -> Finding:
    return Finding(Health.WARN, found, advice)


def fail(found: str, advice: str) -> Finding:
    return Finding(Health.FAIL, found, advice)
