"""What is remembered → Page: an incident, its timeline, a history, what an undo would take back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from remediator.model import Evidence, ResourceKind, Target
from remediator.render import patch
from remediator.render.page import Page, Section, Table, Tone
from remediator.render.pages import cause, plan_section, target_facts
from remediator.render.words import by_hand, duration, in_effect, moment, name, setting
from remediator.settings_table import of
from remediator.state import Entry, EntryKind, IncidentState, TrackedChange
from remediator.state import in_effect as effect_of


def incident(
    state: IncidentState,
    entries: Sequence[Entry],
    remediator: str | None = None,
    evidence: Evidence | None = None,
) -> Page:
    """One incident as the journal has it: where it stands, what was changed, the timeline.

    ``remediator``: the deployed function's name, for the commands that are offered. ``evidence``:
    how things are now, where that was read.
    """
    function = state.target.function if state.target else "unknown function"
    return Page(
        title=f"{function}: {name(state.stage)}",
        tone=_stage_tone(state),
        facts=tuple((label, value) for label, value in _incident_facts(state) if value),
        sections=tuple(
            section
            for section in (
                _changes(state.changes, _undo(state, remediator)),
                _pending(state, remediator),
                lasting(state.target, patch.held(state, evidence), _how_lasting(state)),
                _timeline(entries),
            )
            if section is not None
        ),
    )


def _stage_tone(state: IncidentState) -> Tone:
    if state.open:
        return Tone.CAREFUL
    return Tone.GOOD if state.recovered_at else Tone.CALM


def _incident_facts(state: IncidentState) -> tuple[tuple[str, str], ...]:
    alarm = state.incident.alarm
    took = (state.recovered_at - state.incident.at).total_seconds() if state.recovered_at else None
    return (
        *target_facts(state.target),
        ("account", f"{state.account_id}, {state.region}"),
        ("incident", state.incident_id),
        ("in effect", in_effect(tuple(map(effect_of, state.in_effect))) or "nothing of ours"),
        ("alarm", alarm.name if alarm else ""),
        ("opened", moment(state.opened_at)),
        ("last looked at", moment(state.updated_at)),
        ("cause", cause(state.diagnosis) if state.diagnosis else ""),
        ("did not help", ", ".join(state.tried)),
        ("recovered", f"{duration(took)} after it began" if took is not None else ""),
        ("next look", moment(state.follow_up_at)),
    )


def _undo(state: IncidentState, remediator: str | None) -> tuple[str, ...]:
    if not state.in_effect:
        return ()
    how = {"remediator": remediator, "region": state.region}
    return (by_hand("rollback", state.incident_id, **how),)


def _changes(changes: Sequence[TrackedChange], undo: tuple[str, ...]) -> Section | None:
    rows = tuple(
        (
            moment(tracked.at),
            tracked.state,
            tracked.change.setting,
            f"{setting(tracked.change.before)} → {setting(tracked.change.after)}",
            str(tracked.change.resource),
            tracked.detail,
        )
        for tracked in changes
    )
    columns = ("at", "state", "setting", "change", "resource", "detail")
    return Section("Changes", table=Table(columns, rows), commands=undo) if rows else None


def _pending(state: IncidentState, remediator: str | None) -> Section | None:
    if state.pending is None:
        return None
    plan = plan_section(state.pending) or Section("")
    until = f"It waits for a person's word until {moment(state.pending_until)}."
    how = {"remediator": remediator, "region": state.region}
    approve = by_hand("approve", state.incident_id, **how)
    return Section("Plan that waits", (until, *plan.lines), plan.table, (approve,))


def _how_lasting(state: IncidentState) -> str:
    kept = any(tracked.kept for tracked in state.in_effect)
    return "To make it permanent" if kept else "If it should stay: to make it permanent"


def lasting(target: Target | None, said: Iterable[patch.Held], heading: str) -> Section | None:
    """The patch for the template, where a template can say what holds now."""
    made = patch.blocks(target, said) if target else ()
    why = "The next deploy undoes what stands in no template. To say there what holds now:"
    return Section(heading, (why,), blocks=made) if made else None


TIMELINE = "Timeline"


def _timeline(entries: Sequence[Entry]) -> Section | None:
    rows = tuple((moment(e.at), name(e.kind), said(e)) for e in entries)
    return Section(TIMELINE, table=Table(("at", "what", "told"), rows)) if rows else None


def said(entry: Entry) -> str:
    """One journal entry as one line."""
    data = entry.data
    match entry.kind:
        case EntryKind.INCIDENT:
            return _incident_line(data)
        case EntryKind.EVIDENCE:
            return _evidence_line(data)
        case EntryKind.DIAGNOSIS:
            return _joined(name(str(data.get("cause", ""))), data.get("detail"))
        case EntryKind.RULING:
            return _ruling_line(data)
        case EntryKind.OUTCOME:
            return _joined(name(str(data.get("status", ""))), data.get("reason"))
        case EntryKind.VERDICT:
            return _joined(data.get("verdict"), data.get("because"))
        case EntryKind.FOLLOW_UP:
            return _joined(name(str(data.get("decision", ""))), data.get("because"))
        case EntryKind.APPROVAL:
            return f"by {data.get('by') or 'hand'}"
        case _:
            return _change_line(data) if "setting" in data else _plain(data)


def _incident_line(data: Mapping[str, Any]) -> str:
    alarm, watched = data.get("alarm") or {}, data.get("watched") or {}
    if alarm:
        return _joined(f"alarm {alarm.get('name')}", alarm.get("reason"))
    named = (f"{name(key)} {value}" for key, value in watched.items() if value)
    return f"by hand: {', '.join(named)}"


def _evidence_line(data: Mapping[str, Any]) -> str:
    shown = {
        "age_seconds": "age {:.0f} s",
        "age_slope": "slope {:+.2f} s/s",
        "backlog_records": "backlog {:.0f} records",
        "error_share": "errors {:.0%}",
        "throttle_share": "throttles {:.0%}",
    }
    numbers = {key: data[key] for key in shown if isinstance(data.get(key), int | float)}
    return ", ".join(shown[key].format(value) for key, value in numbers.items())


def _ruling_line(data: Mapping[str, Any]) -> str:
    change, ruling = data.get("change", {}), data.get("ruling", {})
    return _joined(
        f"{ruling.get('decision')} {_change_line(change)}",
        f"{ruling.get('guardrail')}, {ruling.get('reason')}",
    )


def _change_line(data: Mapping[str, Any]) -> str:
    text = f"{data.get('setting')} {setting(data.get('before'))} → {setting(data.get('after'))}"
    return _joined(text, data.get("detail"))


def _plain(data: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in data.items())


def _joined(first: object, second: object) -> str:
    return f"{first}: {second}" if second else str(first)


def undoing(state: IncidentState) -> Page:
    """What a rollback would put back, before it does."""
    rows = tuple(
        (
            tracked.change.setting,
            f"{setting(tracked.change.after)} → {setting(tracked.change.before)}",
            str(tracked.change.resource),
            moment(tracked.at),
        )
        for tracked in state.in_effect
    )
    function = state.target.function if state.target else "unknown function"
    if not rows:
        return Page(f"Nothing of incident {state.incident_id} is in effect", Tone.CALM)
    kinds = {tracked.change.resource.kind for tracked in state.in_effect}
    said = [
        "Newest first, and only where the setting still holds our value: a person's change stays."
    ]
    if ResourceKind.EVENT_SOURCE_MAPPING in kinds:
        said.append(
            "The event source mapping restarts: it reads nothing for a minute or more, and the "
            "records wait meanwhile."
        )
    if any(of(tracked.change).takes_over for tracked in state.in_effect):
        said.append(
            "The old mapping goes on where it was stopped: what was read since is processed again."
        )
    columns = ("setting", "back", "resource", "ours since")
    return Page(
        f"A rollback of incident {state.incident_id} ({function}) puts back",
        Tone.CAREFUL,
        (("account", f"{state.account_id}, {state.region}"),),
        (Section("", tuple(said), Table(columns, rows)),),
    )


def relayed(incident_id: str, remediator: str | None, region: str) -> Page:
    """The deployed remediator was asked to do it: how to see what becomes of it."""
    watch = by_hand("report", "--watch", incident_id, remediator=remediator, region=region)
    why = "Only the deployed remediator has the policy that holds, so it was asked to do it."
    return Page("Asked for", Tone.CAREFUL, sections=(Section("", (why,), commands=(watch,)),))


def incidents(found: Iterable[IncidentState], about: str) -> Page:
    """Several incidents, one row each, as given."""
    section = listed(found)
    if section.table is None:
        return Page(f"No incidents {about}", Tone.GOOD)
    return Page(f"Incidents {about}", sections=(section,))


def listed(found: Iterable[IncidentState]) -> Section:
    """The same as one section of a page."""
    rows = tuple(
        (
            f"{state.opened_at:%Y-%m-%d %H:%M}",
            state.incident_id,
            state.target.function if state.target else "",
            name(state.stage),
            cause(state.diagnosis) if state.diagnosis else "",
            _kept(state),
        )
        for state in found
    )
    columns = ("opened (UTC)", "incident", "function", "stage", "cause", "in effect")
    if not rows:
        return Section("", lines=("No incidents.",))
    return Section("", table=Table(columns, rows))


def _kept(state: IncidentState) -> str:
    return ", ".join(f"{t.change.setting} {setting(t.change.after)}" for t in state.in_effect)
