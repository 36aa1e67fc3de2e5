"""From the remediator's own reports to an episode's notes and changes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from lab.bridge import Report
from lab.episode import ForecastLine, Note, PathStep, RuledOn, SettingChange
from remediator.model import PlannedChange
from remediator.render.differences import ruled

IN_EFFECT = frozenset({"applied", "settling"})
# Status of a run that raised.
CRASHED = "crashed"


def notes_of(reports: Sequence[Report], start: datetime) -> tuple[Note, ...]:
    """One note for each run of the handler."""
    return tuple(_note(report, (report.started - start).total_seconds()) for report in reports)


def changes_of(reports: Sequence[Report], start: datetime) -> tuple[SettingChange, ...]:
    """Every change that took effect, in order; those that were put back are marked on both ends."""
    made: list[SettingChange] = []
    for report in reports:
        at = (report.finished - start).total_seconds()
        for result in _results(report):
            if result["status"] in IN_EFFECT:
                _add(made, _change(result["change"], at))
    return tuple(made)


def _add(made: list[SettingChange], new: SettingChange) -> None:
    for index, old in enumerate(made):
        inverse = (old.setting, old.after, old.before) == (new.setting, new.before, new.after)
        if inverse and not old.undone:
            made[index] = replace(old, undone=True)
            made.append(replace(new, undone=True))
            return
    made.append(new)


def _results(report: Report) -> list[Mapping[str, Any]]:
    result = report.result
    return list(result["outcome"].get("results") or ()) if isinstance(result, Mapping) else []


def _change(change: Mapping[str, Any], at: float) -> SettingChange:
    return SettingChange(
        at_seconds=at,
        setting=change["setting"],
        before=change["before"],
        after=change["after"],
        by=change["remedy"],
    )


def _note(report: Report, at: float) -> Note:
    if report.error is not None:
        return Note(at_seconds=at, status=CRASHED, reason=repr(report.error))
    result = report.result if isinstance(report.result, Mapping) else {}
    diagnosis = result.get("diagnosis") or {}
    outcome = result.get("outcome") or {}
    follow_up = result.get("follow_up") or {}
    changes = (result.get("plan") or {}).get("changes", [])
    return Note(
        at_seconds=at,
        cause=diagnosis.get("cause") or "",
        detail=diagnosis.get("detail") or "",
        status=outcome.get("status") or "",
        reason=outcome.get("reason") or follow_up.get("because") or "",
        verdict=(result.get("verdict") or {}).get("verdict") or "",
        decision=follow_up.get("decision") or "",
        escalation=result.get("escalation") or "",
        path=tuple(map(_step, diagnosis.get("path", []))),
        forecast=tuple(map(_option, result.get("forecast") or ())),
        wished=tuple(dict.fromkeys(change["remedy"] for change in changes)),
        rulings=tuple(map(_ruled_on, changes)),
    )


def _ruled_on(change: Mapping[str, Any]) -> RuledOn:
    what, decided = ruled(PlannedChange.model_validate(change))
    return RuledOn(what=what, said=decided.said, because=decided.because)


def _step(step: Mapping[str, Any]) -> PathStep:
    return PathStep(
        question=step["question"],
        answer=step["answer"],
        because=step["because"],
        readings=tuple(map(_reading, step.get("readings", ()))),
    )


def _reading(reading: Mapping[str, Any]) -> str:
    value = reading["value"]
    if value is None:
        return f"{reading['name']}: not seen"
    shown = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"{reading['name']} = {shown} {reading.get('unit') or ''}".rstrip()


def _option(option: Mapping[str, Any]) -> ForecastLine:
    return ForecastLine(
        option=option["option"],
        drains_in_seconds=option["drains_in_seconds"],
        first_loss_in_seconds=option.get("first_loss_in_seconds"),
        note=option.get("note") or "",
        at_best=option.get("at_best", False),
    )
