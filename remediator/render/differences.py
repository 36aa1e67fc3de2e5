"""What two policies decide differently of the same evidence: one row for each thing decided."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from remediator.model import Decision, PlannedChange, Report
from remediator.render import github
from remediator.render.page import Page, Section, Table, Tone
from remediator.render.pages import cause
from remediator.render.words import setting

NOT_PLANNED = "not planned"


class Decided(NamedTuple):
    """What was decided of one thing, in words, and why."""

    said: str
    because: str = ""


class Difference(NamedTuple):
    """One thing that is decided differently now."""

    evidence: str
    """Which incident: a bundle's file, a scenario and its seed."""
    subject: str
    what: str
    """A setting of a resource, or the cause."""
    was: str
    now: str
    because: str
    """Why it is as it is now."""


def decisions(found: Report) -> dict[str, Decided]:
    """All that a report decided, by what it was decided of."""
    decided = {}
    if found.diagnosis is not None:
        last = found.diagnosis.path[-1].because if found.diagnosis.path else ""
        decided["cause"] = Decided(cause(found.diagnosis), last)
    return decided | dict(map(ruled, found.plan.changes))


def ruled(change: PlannedChange) -> tuple[str, Decided]:
    """One change's setting, and what was ruled: as "clip 1 → 4 (limit)". What simply may be needs
    no guardrail's name."""
    ruling = change.ruling
    by = "" if ruling.decision is Decision.ALLOW else f" ({ruling.guardrail})"
    said = f"{ruling.decision} {setting(change.before)} → {setting(change.after)}{by}"
    return f"{change.resource} {change.setting}", Decided(said, ruling.reason)


def differences(
    evidence: str,
    subject: str,
    was: Mapping[str, Decided],
    now: Mapping[str, Decided],
    otherwise: str = "",
) -> Iterator[Difference]:
    """What differs; ``otherwise``: why something is not planned any more."""
    none = Decided(NOT_PLANNED, otherwise)
    for what in dict.fromkeys([*was, *now]):
        old, new = was.get(what, none), now.get(what, none)
        if old.said != new.said:
            yield Difference(evidence, subject, what, old.said, new.said, new.because)


def between(evidence: str, was: Report, now: Report) -> tuple[Difference, ...]:
    """What two reports about the same evidence decided differently."""
    subject = now.target.function if now.target else now.incident_id
    why = now.outcome.reason or now.escalation or "it is not among the plan's changes"
    return tuple(differences(evidence, subject, decisions(was), decisions(now), why))


_COLUMNS = ("evidence", "function", "of what", "was", "now", "because")


def page(found: Sequence[Difference], old: str, new: str, of: int) -> Page:
    """What differs between two policies over ``of`` incidents."""
    if not found:
        return Page(f"No decision differs, in {of} looked at", Tone.GOOD, _policies(old, new))
    touched = len({one.evidence for one in found})
    return Page(
        title=f"{_count(len(found))}, in {touched} of {of} looked at",
        tone=Tone.CAREFUL,
        facts=_policies(old, new),
        sections=(Section("", table=Table(_COLUMNS, tuple(tuple(one) for one in found))),),
    )


def _policies(old: str, new: str) -> tuple[tuple[str, str], ...]:
    return ("was", old), ("now", new)


def _count(differing: int) -> str:
    return "1 decision differs" if differing == 1 else f"{differing} decisions differ"


def annotations(found: Iterable[Difference]) -> str:
    """One workflow command for each difference; every line ends with a newline."""
    lines = (
        github.command(
            "warning",
            f"remediator: {one.subject}",
            f"{one.evidence}: {one.what}: was {one.was}; now {one.now}: {one.because}",
        )
        for one in found
    )
    return "".join(f"{line}\n" for line in lines)
