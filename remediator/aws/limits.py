"""AWS's own limits, checked before anything is sent where the SDK does not check them."""

from collections.abc import Mapping
from typing import TypeAlias

from remediator.errors import PermanentError
from remediator.model import Value

Values: TypeAlias = Mapping[str, Value]


def refusal(message: str) -> PermanentError:
    """What AWS would refuse, or cannot do in one call."""
    return PermanentError(message, code="OutOfRange")


def number(setting: str, value: Value, low: int, high: int) -> int:
    """A whole number within AWS's bounds. Raises PermanentError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise refusal(f"{setting}: AWS takes {low} to {high}, not {value!r}")
    return value


def only(values: Values, *known: str) -> tuple[str, Value]:
    """The one setting to write, where AWS has a call for each: two would not be one write.

    Raises PermanentError for none, for several and for an unknown one.
    """
    if len(values) != 1 or not set(values) <= set(known):
        raise refusal(f"expected one of {', '.join(known)}, got {', '.join(values) or 'nothing'}")
    return next(iter(values.items()))
