"""Record → Page: what is said of a report, an incident, a history, a policy, a freeze."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from remediator.alarming import Step as AlarmStep
from remediator.alarming import Verb
from remediator.drift import Row, Standing
from remediator.model import (
    Diagnosis,
    Evidence,
    Gap,
    GuardedChange,
    GuardedPlan,
    Mode,
    Option,
    PoisonPacket,
    Report,
    ResourceKind,
    Status,
    Step,
    Target,
)
from remediator.policy import Policy
from remediator.render import patch
from remediator.render.page import Page, Section, Table, Tone
from remediator.render.words import (
    by_hand,
    duration,
    in_effect,
    moment,
    name,
    number,
    offered,
    setting,
    standing,
)
from remediator.state import Entry, EntryKind, Freeze, IncidentState, TrackedChange
from remediator.state import in_effect as effect_of

# --- a report ----------------------------------------------------------------------------------


def report(found: Report, *, readings: bool = False) -> Page:
    """A report: why, what will happen, what may be done. ``readings``: cite them, step by step."""
    plan = found.guarded_plan
    return Page(
        title=_title(found),
        tone=_TONES.get(found.outcome.status, Tone.CALM),
        facts=_facts(found),
        sections=tuple(
            section
            for section in (
                _notes(found),
                *_diagnosis(found.diagnosis, readings=readings),
                _forecast(found.forecast, plan),
                _plan(plan),
                _results(found),
                _afterwards(found),
                poison(found.poison) if found.poison else None,
                _escalation(found),
            )
            if section is not None
        ),
    )


_TONES = {
    Status.PLANNED: Tone.CAREFUL,
    Status.APPLIED: Tone.GOOD,
    Status.PARTLY_APPLIED: Tone.BAD,
    Status.FAILED: Tone.BAD,
    Status.CONFLICT: Tone.BAD,
    Status.BLOCKED: Tone.BAD,
    Status.AWAITING_APPROVAL: Tone.CAREFUL,
    Status.NOTHING_TO_DO: Tone.GOOD,
    Status.ESCALATED: Tone.BAD,
    Status.ROLLED_BACK: Tone.CAREFUL,
    Status.RESTORED: Tone.GOOD,
}


def _title(found: Report) -> str:
    if found.target is None:
        return found.outcome.reason or name(found.outcome.status)
    told = cause(found.diagnosis) if found.diagnosis else name(found.outcome.status)
    return f"{found.target.function}: {told}"


def headline(found: Report) -> str:
    """A report in a few words: of whom, why, and what becomes of it."""
    return f"{_title(found)}: {name(found.outcome.status)}"


def cause(diagnosis: Diagnosis) -> str:
    """The cause in words, with its detail."""
    detail = f" ({name(diagnosis.detail)})" if diagnosis.detail else ""
    return f"{name(diagnosis.cause)}{detail}"


def _facts(found: Report) -> tuple[tuple[str, str], ...]:
    incident, outcome = found.incident, found.outcome
    by_hand = incident is None or incident.alarm is None
    on_paper = found.mode is Mode.PLAN and by_hand and not outcome.results
    facts = [
        *_target_facts(found.target),
        *standing(found),
        ("incident", "" if on_paper else found.incident_id),
        ("alarm", incident.alarm.name if incident and incident.alarm else ""),
        ("looked at" if found.diagnosis else "at", moment(found.at)),
        ("mode", found.mode),
        ("outcome", f"{name(outcome.status)}{': ' if outcome.reason else ''}{outcome.reason}"),
    ]
    if found.escalation and outcome.reason == found.escalation:
        facts[-1] = ("outcome", name(outcome.status))
    return tuple((label, value) for label, value in facts if value)


def _notes(found: Report) -> Section | None:
    return Section("Mind", found.notes) if found.notes else None


def _target_facts(target: Target | None) -> tuple[tuple[str, str], ...]:
    if target is None:
        return ()
    qualifier = f":{target.qualifier}" if target.qualifier else ""
    return (
        ("function", target.function + qualifier),
        ("mapping", target.event_source_mapping),
        ("stream", f"{target.stream} ({target.kind})"),
    )


def _diagnosis(diagnosis: Diagnosis | None, *, readings: bool) -> tuple[Section, ...]:
    if diagnosis is None:
        return ()
    columns = ("question", "answer", "because", *(("readings",) if readings else ()))
    path = Table(columns, tuple(_step(step, readings=readings) for step in diagnosis.path))
    why = Section(f"Cause: {cause(diagnosis)}", table=path)
    return (why, _gaps(diagnosis.gaps)) if diagnosis.gaps else (why,)


def _step(step: Step, *, readings: bool) -> tuple[str, ...]:
    cited = "; ".join(str(reading) for reading in step.readings)
    return (step.question, step.answer, step.because, *((cited,) if readings else ()))


def _gaps(gaps: Sequence[Gap]) -> Section:
    rows = dict.fromkeys((gap.reading, gap.reason, gap.permission or "") for gap in gaps)
    return Section(
        "What could not be seen", table=Table(("reading", "why", "permission"), tuple(rows))
    )


def _forecast(options: Sequence[Option], plan: GuardedPlan | None) -> Section | None:
    if not options:
        return None
    chosen = chosen_option(plan)
    before = (None, *options)
    rows = tuple(
        (
            f"{option.option}{' (planned)' if option.option == chosen else ''}",
            _drains(option),
            _first_loss(option),
            number(option.capacity_per_second),
            "" if last and last.note == option.note else option.note,
        )
        for last, option in zip(before, options, strict=False)
    )
    first = options[0]
    flow = [
        f"backlog {number(first.backlog_records)} records" if first.backlog_records else "",
        f"arrival {number(first.arrival_per_second)}/s" if first.arrival_per_second else "",
    ]
    lines = tuple(filter(None, [", ".join(filter(None, flow))]))
    columns = ("option", "backlog gone in", "first loss in", "records/s", "note")
    return Section("Forecast", lines, Table(columns, rows))


def _first_loss(option: Option) -> str:
    unknown = "first loss not known" in option.note
    return duration(option.first_loss_in_seconds, "not known" if unknown else "none")


def _drains(option: Option) -> str:
    never = "never" in option.note
    return duration(option.drains_in_seconds, "never" if never else "not known")


def chosen_option(plan: GuardedPlan | None) -> str | None:
    """The name of the forecast's option that the plan would take."""
    for guarded in plan.changes if plan else ():
        change = guarded.change
        if change.setting == "parallelization_factor":
            return f"parallelization_factor {change.after}"
        if change.setting in {"shards", "shard_count"}:
            return "split_shards"
    return None


def _plan(plan: GuardedPlan | None) -> Section | None:
    if plan is None or not plan.changes:
        return None
    rows = tuple(map(ruling_row, plan.changes))
    said = dict.fromkeys(
        line
        for guarded in plan.changes
        for line in (_why(guarded.change.why), *map(_caveat, guarded.change.caveats))
        if line
    )
    return Section("Plan", tuple(said), Table(RULINGS, rows))


RULINGS = ("ruling", "setting", "change", "remedy", "guardrail")


def ruling_row(guarded: GuardedChange) -> tuple[str, ...]:
    """A change and what was ruled on it; its columns are ``RULINGS``."""
    change, ruling = guarded.change, guarded.ruling
    return (
        ruling.decision,
        change.setting,
        f"{setting(change.before)} → {setting(change.after)}",
        change.remedy,
        f"{ruling.guardrail}: {ruling.reason}",
    )


def _why(why: str) -> str:
    return f"Why: {why}." if why else ""


def _caveat(caveat: str) -> str:
    return f"Mind: {caveat}."


def _results(found: Report) -> Section | None:
    results = found.outcome.results
    if not results:
        return None
    rows = tuple(
        (
            name(result.status),
            result.change.setting,
            f"{setting(result.change.before)} → {setting(result.change.after)}",
            str(result.change.resource),
            result.detail,
        )
        for result in results
    )
    undo = (offered(found, "rollback", found.incident_id),) if found.in_effect else ()
    table = Table(("result", "setting", "change", "resource", "detail"), rows)
    return Section("What was done", table=table, commands=undo)


def _afterwards(found: Report) -> Section | None:
    verdict, step = found.verdict, found.follow_up
    recovered = found.recovered_in_seconds
    lines = [
        f"Verdict: {name(verdict.verdict)}, {verdict.because}." if verdict else "",
        f"Recovered {duration(recovered)} after the alarm." if recovered is not None else "",
        f"Next look: {moment(step.at)}. {step.because}" if step.at else "",
    ]
    said = tuple(line for line in lines if line)
    return Section("What comes next", said) if said else None


def poison(packet: PoisonPacket) -> Section:
    """Where the record that fails lies, and how to fetch it."""
    facts = (
        ("source", packet.source_arn),
        ("shard", packet.shard_id or "not known: one of several"),
        ("arrived", moment(packet.oldest_arrival)),
        ("expires", moment(packet.expires_at)),
        ("from sequence number", packet.first_sequence_number or ""),
        ("to sequence number", packet.last_sequence_number or ""),
    )
    rows = tuple((label, value) for label, value in facts if value)
    return Section(
        "The record that fails", table=Table(("what", "where"), rows), commands=packet.fetch
    )


def _escalation(found: Report) -> Section | None:
    if not found.escalation and not found.next_commands:
        return None
    heading = "A person is needed" if found.escalation else "To look further"
    lines = (found.escalation,) if found.escalation else ()
    return Section(heading, lines, commands=found.next_commands)


# --- an incident from the journal ----------------------------------------------------------------


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
        *_target_facts(state.target),
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
    plan = _plan(state.pending) or Section("")
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
    columns = ("setting", "back", "resource", "ours since")
    return Page(
        f"A rollback of incident {state.incident_id} ({function}) puts back",
        Tone.CAREFUL,
        (("account", f"{state.account_id}, {state.region}"),),
        (Section("", tuple(said), Table(columns, rows)),),
    )


def incidents(found: Iterable[IncidentState], about: str) -> Page:
    """Several incidents, one row each, as given."""
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
        return Page(f"No incidents {about}", Tone.GOOD)
    return Page(f"Incidents {about}", sections=(Section("", table=Table(columns, rows)),))


def _kept(state: IncidentState) -> str:
    return ", ".join(f"{t.change.setting} {setting(t.change.after)}" for t in state.in_effect)


# --- drift -------------------------------------------------------------------------------------


def drift(rows: Sequence[Row]) -> Page:
    """A template against what is live: what its next deploy would change."""
    drifted = sum(row.standing is Standing.DRIFTED for row in rows)
    order = (Standing.DRIFTED, Standing.NOT_COMPARABLE, Standing.SAME)
    shown = tuple(
        (
            row.standing,
            row.resource,
            row.property,
            row.template + ("" if row.said else " (not said)"),
            setting(row.live),
        )
        for row in sorted(rows, key=lambda row: order.index(row.standing))
    )
    title = f"The template's next deploy would change {drifted} of {len(rows)} settings"
    if not drifted:
        title = "The template says what is live"
    columns = ("standing", "in the template", "property", "template", "live")
    tone = Tone.CAREFUL if drifted else Tone.GOOD
    return Page(title, tone, sections=(Section("", table=Table(columns, shown)),))


# --- policy and freeze ---------------------------------------------------------------------------


def policy(found: Policy, file: str) -> Page:
    """A policy that was understood: its mode, its fingerprint, who decides on each remedy."""
    rows = tuple(
        (remedy.value, str(found.remedy(remedy).autonomy), number(found.remedy(remedy).per_target))
        for remedy in sorted(found.remedies)
    )
    facts = (
        ("file", file),
        ("mode", found.mode.value),
        ("frozen", "yes" if found.freeze else ""),
        ("digest", found.digest),
        ("overrides", str(len(found.overrides)) if found.overrides else ""),
        ("downstream alarms", ", ".join(found.downstream_alarms)),
        ("maintenance windows", ", ".join(w.name for w in found.maintenance_windows)),
    )
    table = Table(("remedy", "autonomy", "most per target"), rows)
    return Page(
        "The policy is understood",
        Tone.GOOD,
        tuple((label, value) for label, value in facts if value),
        (Section("Remedies", table=table),) if rows else (),
    )


def alarm_steps(steps: Sequence[AlarmStep], *, done: bool) -> Page:
    """What becomes of the alarms of chosen functions, one row each."""
    if not steps:
        return Page("No stream consumer goes by that name, and no alarm of ours is left", Tone.CALM)
    moved = [one for one in steps if one.verb is not Verb.KEEP]
    rows = tuple(
        (one.verb.value, one.function, duration(one.before), duration(one.after), one.why)
        for one in steps
    )
    table = Table(("what", "function", "calls above", "will call above", "because"), rows)
    told = "changed" if done else "to change"
    title = f"Alarms: {len(moved)} {told}, {len(steps) - len(moved)} as they should be"
    return Page(title, Tone.CAREFUL if moved else Tone.GOOD, sections=(Section("", table=table),))


def freeze(found: Freeze | None, scopes: Sequence[str]) -> Page:
    """Whether changes are stopped, by whom and why."""
    about = " or ".join(scopes)
    if found is None:
        return Page(f"Not frozen: {about}", Tone.GOOD)
    facts = (
        ("scope", found.scope),
        ("by", found.by),
        ("since", moment(found.at)),
        ("reason", found.reason),
    )
    return Page(f"Frozen: {found.scope}", Tone.BAD, facts)


def freezes(found: Sequence[Freeze]) -> Page:
    """Everything that is stopped, one row each."""
    if not found:
        return Page("Nothing is frozen", Tone.GOOD)
    rows = tuple((one.scope, one.by, moment(one.at), one.reason) for one in found)
    table = Table(("scope", "by", "since", "reason"), rows)
    return Page(f"Frozen: {len(found)}", Tone.BAD, sections=(Section("", table=table),))
