"""Values in words: times, numbers and settings as a person says them."""

from datetime import datetime

from remediator.model import Value

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float | None, otherwise: str = "") -> str:
    """Seconds as the two largest units: ``2 h 10 min``, ``45 s``. ``None``: ``otherwise``."""
    if seconds is None:
        return otherwise
    left = round(seconds)
    if left < 0:
        return f"-{duration(-left)}"
    parts: list[str] = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break  # 1 d 5 s would look exact and is not
    return " ".join(parts[:2]) or "0 s"


def moment(at: datetime | None) -> str:
    """A time in UTC, to the second."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def number(value: float | None) -> str:
    """Four significant digits; nothing for what is not known."""
    return "" if value is None else f"{value:,.4g}" if value < 1e6 else f"{value:,.0f}"


def setting(value: Value) -> str:
    """A setting's value; ``None`` is "not set", which differs from 0."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def name(word: str) -> str:
    """``slow_consumer`` as ``slow consumer``."""
    return word.replace("_", " ")
