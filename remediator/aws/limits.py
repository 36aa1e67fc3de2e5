"""AWS's own limits, checked before anything is sent where the SDK does not check them."""

from collections.abc import Mapping
from typing import TypeAlias

from remediator.errors import PermanentError
from remediator.model import Value
from remediator.setting import Setting

Values: TypeAlias = Mapping[str, Value]


def refusal(message: str) -> PermanentError:
    """What AWS would refuse, or cannot do in one call."""
    return PermanentError(message, code="OutOfRange")


def number(row: Setting, value: Value) -> int:
    """A whole number within AWS's bounds. Raises PermanentError for anything else."""
    low, high = row.bounds or (0, 0)
    fits = isinstance(value, int) and (low <= value <= high or value in row.never)
    if isinstance(value, bool) or not isinstance(value, int) or not fits:
        beside = "".join(f"{one} or " for one in row.never if one < low)
        raise refusal(f"{row.name}: AWS takes {beside}{low} to {high}, not {value!r}")
    return value


def only(values: Values, row: Setting) -> Value:
    """The value of the one setting to write, where AWS has a call for each: two would not be one
    write.

    Raises PermanentError for none, for several and for another one.
    """
    if list(values) != [row.name]:
        raise refusal(f"expected {row.name} alone, got {', '.join(values) or 'nothing'}")
    return values[row.name]
