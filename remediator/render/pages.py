"""A report → Page: why, what will happen, what may be done."""

from collections.abc import Sequence

from remediator.model import (
    Diagnosis,
    Gap,
    GuardedChange,
    GuardedPlan,
    Mode,
    Option,
    PoisonPacket,
    Report,
    Status,
    Step,
    Target,
)
from remediator.render.page import Page, Section, Table, Tone
from remediator.render.words import duration, moment, name, number, offered, setting, standing


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
                plan_section(plan),
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
        *target_facts(found.target),
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


def target_facts(target: Target | None) -> tuple[tuple[str, str], ...]:
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
    told = duration(option.drains_in_seconds, "never" if never else "not known")
    return f"{told} at best" if option.at_best else told


def chosen_option(plan: GuardedPlan | None) -> str | None:
    """The name of the forecast's option that the plan would take."""
    for guarded in plan.changes if plan else ():
        change = guarded.change
        if change.setting == "parallelization_factor":
            return f"parallelization_factor {change.after}"
        if change.setting in {"shards", "shard_count"}:
            return "split_shards"
    return None


def plan_section(plan: GuardedPlan | None) -> Section | None:
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
