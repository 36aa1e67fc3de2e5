"""Values in words: times, numbers, settings and where an incident stands, as a person says them."""

from datetime import datetime, timedelta

from remediator.escaping import command
from remediator.model import InEffect, Option, Report, Status, Value

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
    """Four significant digits, or all before the point; nothing for what is not known."""
    return "" if value is None else f"{value:,.4g}" if value < 1e4 else f"{value:,.0f}"


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


# --- where it stands ---------------------------------------------------------------------------


def standing(found: Report) -> tuple[tuple[str, str], ...]:
    """What every report and every notice names: where, how old, how much, until when, and what
    of ours is in effect."""
    facts = [("account", ", ".join(filter(None, (found.account_id, found.region))))]
    if found.diagnosis is not None:
        facts += [
            ("oldest record", _old(found.age_seconds)),
            ("backlog", backlog(found.backlog_records)),
            ("over", over(found)),
        ]
    if found.target is not None:
        facts.append(("in effect", in_effect(found.in_effect) or "nothing of ours"))
    return tuple((label, value) for label, value in facts if value)


def _old(seconds: float | None) -> str:
    return "not seen" if seconds is None else f"{duration(seconds)} old"


def backlog(records: float | None) -> str:
    """How much waits."""
    return "not seen" if records is None else f"about {number(round(records))} records"


def over(found: Report) -> str:
    """When the backlog is gone: as things are, and with what is planned."""
    nothing = next((o for o in found.forecast if o.option == "nothing"), None)
    if nothing is None:
        return "not known"
    told = f"{_drained(nothing, found.at)} as things are"
    planned = _chosen(found)
    if planned is None or planned is nothing:
        return told
    when = "done" if found.outcome.status in _DONE else "planned"
    return f"{told}; {_drained(planned, found.at)} with what is {when}"


_DONE = frozenset({Status.APPLIED, Status.PARTLY_APPLIED})


def _chosen(found: Report) -> Option | None:
    """The forecast's option that the plan would take."""
    names = {f"{change.setting} {change.after}" for change in found.plan.changes}
    return next((option for option in found.forecast if option.option in names), None)


def _drained(option: Option, at: datetime) -> str:
    seconds = option.drains_in_seconds
    if seconds is None:
        return "never" if "never" in option.note else "not known when"
    if option.at_best:
        return f"in {duration(seconds)} at best"
    until = f" (at {at + timedelta(seconds=seconds):%H:%M} UTC)" if seconds < 86_400 else ""
    return f"in {duration(seconds)}{until}"


def in_effect(held: tuple[InEffect, ...]) -> str:
    """Settings that hold our values, with what would be put back."""
    return "; ".join(f"{e.setting} {setting(e.before)} → {setting(e.after)}" for e in held)


def offered(found: Report, verb: str, *words: object) -> str:
    """A command of this program that runs as pasted."""
    return by_hand(verb, *words, remediator=found.remediator, region=found.region)


def by_hand(
    verb: str, *words: object, remediator: str | None = None, region: str | None = None
) -> str:
    """A command of this program, with the deployment and the Region that it needs."""
    deployment = ("--remediator-function", remediator) if remediator else ()
    return command(
        "remediator", verb, *words, *deployment, *(("--region", region) if region else ())
    )
