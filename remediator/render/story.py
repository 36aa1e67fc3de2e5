"""An incident as a story: how far behind it was, what was done when, why, what came of it. Pure.

Two sources, one story: the journal's incident with its entries, or a plan's report. The readings of
the time come from evidence, where there is some; else from what the journal has noted at each look.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from remediator.drift import Row
from remediator.evidence.signals import alarming_ages
from remediator.model import (
    Diagnosis,
    Evidence,
    GuardedChange,
    Option,
    PoisonPacket,
    Record,
    Report,
)
from remediator.render import incidents, pages, patch, rules
from remediator.render.page import Section, Table, Tone
from remediator.render.words import by_hand, setting
from remediator.state import ChangeState, Entry, EntryKind, IncidentState, TrackedChange

# Times, and seconds that the oldest record was old then.
Points = tuple[tuple[datetime, float], ...]


class Mark(NamedTuple):
    """Something that happened at a time: the alarm, a change, what was put back, the recovery."""

    at: datetime
    text: str
    kind: str = "change"


class Foretold(NamedTuple):
    """What the forecast said of the option that was taken, and what happened, in seconds."""

    option: str
    foretold: float
    happened: float | None
    """``None``: it is not over."""


class Story(NamedTuple):
    """All that is told of an incident, in order."""

    title: str
    tone: Tone
    facts: tuple[tuple[str, str], ...]
    ages: Points
    ages_from: str
    """Where the ages come from, in words."""
    late_seconds: float | None
    marks: tuple[Mark, ...]
    diagnosis: Diagnosis | None
    asked_at: datetime | None
    options: tuple[Option, ...]
    chosen: str | None
    foretold: Foretold | None
    sections: tuple[Section, ...]
    told_at: datetime


def of_report(
    found: Report,
    evidence: Evidence | None,
    *,
    late_seconds: float | None,
    drifted: Sequence[Row] | None = None,
) -> Story:
    """A plan: nothing has happened yet but what was read."""
    page = pages.report(found)
    alarm = found.incident if found.incident and found.incident.alarm else None
    marks = [Mark(alarm.at, "alarm", "alarm")] if alarm else []
    return Story(
        title=page.title,
        tone=page.tone,
        facts=page.facts,
        ages=tuple(alarming_ages(evidence)) if evidence else (),
        ages_from="CloudWatch, one minute each" if evidence else "",
        late_seconds=late_seconds,
        marks=tuple(marks),
        diagnosis=found.diagnosis,
        asked_at=found.at,
        options=found.forecast,
        chosen=pages.chosen_option(found.guarded_plan),
        foretold=None,
        sections=(
            *(section for section in page.sections if section.heading not in _drawn_of(found)),
            *_planned_to_last(found),
            *_drift(drifted),
        ),
        told_at=found.at,
    )


def of_incident(
    state: IncidentState,
    entries: Sequence[Entry],
    evidence: Evidence | None,
    *,
    told_at: datetime,
    late_seconds: float | None,
    remediator: str | None = None,
    drifted: Sequence[Row] | None = None,
) -> Story:
    """An incident as the journal has it. ``evidence``: the readings of its time, from AWS."""
    page = incidents.incident(state, entries, remediator, evidence)
    ages, ages_from = _ages(entries, evidence)
    leading = _leading(entries)
    options = tuple(filter(None, (_read(Option, one) for one in _told(leading, "forecast") or ())))
    packets = [_told([entry], "poison") for entry in entries if _told([entry], "poison")]
    return Story(
        title=page.title,
        tone=page.tone,
        facts=page.facts,
        ages=ages,
        ages_from=ages_from,
        late_seconds=late_seconds,
        marks=tuple(_marks(state)),
        diagnosis=_diagnosis(leading) or state.diagnosis,
        asked_at=leading[0].at if leading else None,
        options=options,
        chosen=_chosen(state, options),
        foretold=_foretold(state, entries),
        sections=(
            *_rulings(entries),
            *(section for section in page.sections if section.heading != incidents.TIMELINE),
            *(section for packet in packets[-1:] for section in _poison(packet)),
            *_drift(drifted),
            *_commands(state, remediator),
            *(section for section in page.sections if section.heading == incidents.TIMELINE),
        ),
        told_at=told_at,
    )


def _drawn_of(found: Report) -> set[str]:
    """Headings of what the story draws in place of a table."""
    cause = pages.cause(found.diagnosis) if found.diagnosis else ""
    return {f"Cause: {cause}", "Forecast"}


# --- what happened -----------------------------------------------------------------------------


def _ages(entries: Sequence[Entry], evidence: Evidence | None) -> tuple[Points, str]:
    read = alarming_ages(evidence) if evidence else []
    if read:
        return tuple(read), "CloudWatch, one minute each"
    noted = tuple(
        (entry.at, float(entry.data["age_seconds"]))
        for entry in entries
        if entry.kind is EntryKind.EVIDENCE
        and isinstance(entry.data.get("age_seconds"), int | float)
    )
    return noted, "the journal, one for each look"


def _marks(state: IncidentState) -> Iterator[Mark]:
    alarm = state.incident.alarm
    begun = f"alarm {alarm.name}" if alarm else "asked by hand"
    found = [Mark(state.incident.at, begun, "alarm")]
    for tracked in state.changes:
        if tracked.state is ChangeState.ABANDONED:
            continue
        change = tracked.change
        found.append(
            Mark(
                tracked.at,
                f"{change.setting} {setting(change.before)} → {setting(change.after)}",
            )
        )
        if tracked.ended_at is not None:
            found.append(Mark(tracked.ended_at, _ended(tracked), "undone"))
    if state.recovered_at is not None:
        found.append(Mark(state.recovered_at, "seen to have recovered", "recovered"))
    yield from sorted(found, key=lambda mark: mark.at)


def _ended(tracked: TrackedChange) -> str:
    change = tracked.change
    if tracked.state is ChangeState.OVERTAKEN:
        return f"somebody has changed {change.setting} since"
    return f"{change.setting} {setting(change.after)} → {setting(change.before)}, put back"


def _leading(entries: Sequence[Entry]) -> list[Entry]:
    """The entries of the look that led to the first change; else of the newest look."""
    acted = next(
        (entry.at for entry in entries if entry.kind is EntryKind.OUTCOME and _results(entry)), None
    )
    looks = [entry for entry in entries if entry.kind is EntryKind.DIAGNOSIS]
    look = next((one for one in looks if one.at == acted), looks[-1] if looks else None)
    return [entry for entry in entries if look is not None and entry.at == look.at]


def _results(entry: Entry) -> bool:
    return bool(entry.data.get("results"))


def _diagnosis(leading: Iterable[Entry]) -> Diagnosis | None:
    for entry in leading:
        if entry.kind is EntryKind.DIAGNOSIS:
            return _read(Diagnosis, entry.data)
    return None


T = TypeVar("T", bound=Record)


def _read(kind: type[T], data: Any) -> T | None:
    """A record of the journal; ``None`` where another version has written what is not one here."""
    try:
        return kind.model_validate_json(json.dumps(data, default=str), extra="ignore")
    except ValidationError:
        return None


def _told(entries: Iterable[Entry], what: str) -> Any:
    """What people were told beside the outcome; older journals do not have it."""
    for entry in entries:
        if entry.kind is EntryKind.OUTCOME:
            return (entry.data.get("told") or {}).get(what)
    return None


def _chosen(state: IncidentState, options: Sequence[Option]) -> str | None:
    names = {f"{t.change.setting} {t.change.after}" for t in state.changes}
    return next((option.option for option in options if option.option in names), None)


def _foretold(state: IncidentState, entries: Sequence[Entry]) -> Foretold | None:
    foretold, before = state.forecast_drains_in_seconds, state.before
    if foretold is None or before is None:
        return None
    errors = [_told([entry], "forecast_error_seconds") for entry in entries]
    error = next((one for one in errors if one is not None), None)
    happened = foretold + error if error is not None else None
    if happened is None and state.recovered_at is not None:
        happened = (state.recovered_at - before.at).total_seconds()
    newest = next((t.change for t in reversed(state.changes)), None)
    option = f"{newest.setting} {setting(newest.after)}" if newest else "the change"
    return Foretold(option, foretold, happened)


# --- sections ----------------------------------------------------------------------------------


def _rulings(entries: Sequence[Entry]) -> Iterator[Section]:
    """What the guardrails said, allowed and refused, each thing once."""
    rulings = (
        _read(GuardedChange, entry.data) for entry in entries if entry.kind is EntryKind.RULING
    )
    rows = dict.fromkeys(pages.ruling_row(one) for one in rulings if one is not None)
    if rows:
        yield Section("Rulings and refusals", table=Table(pages.RULINGS, tuple(rows)))


def _poison(packet: Any) -> Iterator[Section]:
    read = _read(PoisonPacket, packet)
    if read is not None:
        yield pages.poison(read)


def _commands(state: IncidentState, remediator: str | None) -> Iterator[Section]:
    how = {"remediator": remediator, "region": state.region}
    function = state.target.function if state.target else None
    if function is None:
        return
    commands = [
        by_hand("report", state.incident_id, **how),
        by_hand("history", "--function", function, **how),
        by_hand("freeze", "--function", function, **how),
    ]
    yield Section("To look further, or to stop it", commands=tuple(commands))


def _planned_to_last(found: Report) -> Iterator[Section]:
    planned = found.guarded_plan.proposed if found.guarded_plan else ()
    said = [patch.Held(c.resource.kind, c.setting, c.after) for c in planned]
    section = incidents.lasting(found.target, said, "To make the planned change permanent")
    if section is not None:
        yield section


def _drift(rows: Sequence[Row] | None) -> Iterator[Section]:
    """What the next deploy of a template would change."""
    if rows is not None:
        shown = rules.drift(rows)
        yield Section(shown.title, table=shown.sections[0].table)
