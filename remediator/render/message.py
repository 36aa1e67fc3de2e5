"""Report → what a person is told: one screen of a phone, at three in the morning. Pure.

A message is rows of a label and words, commands that run as pasted, and links; ``forms`` gives it
the look of a mail or a chat. Nothing of a record's payload is in here.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

from remediator.escaping import visible
from remediator.model import (
    ChangeStatus,
    Decision,
    InEffect,
    Mode,
    PlannedChange,
    Report,
    Status,
    Step,
    Target,
    Value,
    VerdictName,
)
from remediator.render.words import (
    backlog,
    duration,
    in_effect,
    name,
    offered,
    over,
    setting,
)
from remediator.settings_table import SETTINGS


class Row(NamedTuple):
    """A label with its words; ``most``: how many lines of the screen they may take."""

    label: str
    words: str
    most: int = 2


class Offer(NamedTuple):
    """Something to paste, and what it does."""

    what: str
    command: str


class Message(NamedTuple):
    """News, free of how it looks; ``sign`` is what a chat shows before its subject."""

    kind: str
    sign: str
    subject: str
    rows: tuple[Row, ...]
    offers: tuple[Offer, ...]
    links: tuple[str, ...]


class _Told(NamedTuple):
    """How one kind of news is told: its headline, the label of its reason (empty: its rows say it),
    its sign in a chat."""

    headline: str
    reason: str = "Because"
    sign: str = ":information_source:"


_GOOD, _ASKS, _BAD = ":white_check_mark:", ":raised_hand:", ":rotating_light:"

_NEWS: dict[str, _Told] = {
    Status.PLANNED: _Told("would act", "Not done", _ASKS),
    Status.APPLIED: _Told("acted", sign=":wrench:"),
    Status.PARTLY_APPLIED: _Told("acted in part", sign=_BAD),
    Status.FAILED: _Told("could not act", sign=_BAD),
    Status.CONFLICT: _Told("left a human's change alone", sign=_BAD),
    Status.BLOCKED: _Told("was held back", "Held back", _BAD),
    Status.AWAITING_APPROVAL: _Told("asks for approval", "Asks since", _ASKS),
    Status.NOTHING_TO_DO: _Told("does nothing"),
    Status.ESCALATED: _Told("needs a person", "Needed", _BAD),
    Status.ROLLED_BACK: _Told("rolled back", sign=":leftwards_arrow_with_hook:"),
    Status.RESTORED: _Told("restored", sign=_GOOD),
    Status.RECORDED: _Told("took note", "Noted"),
    "recovered": _Told("saw it recover", "", _GOOD),
    "handed_over": _Told("hands over", "Now", _BAD),
}


def message(report: Report, kind: str) -> Message:
    """The news of a report. ``kind``: what happened, as the event's detail type names it."""
    told = _NEWS.get(kind) or _NEWS.get(report.outcome.status) or _Told(name(kind))
    return Message(
        kind=kind,
        sign=told.sign,
        subject=visible(f"remediator {told.headline}: {_about(report)}"),
        rows=tuple(row for row in _rows(report, told) if row.words),
        offers=_offers(report, kind),
        links=links(report.target) if report.target else (),
    )


def _about(report: Report) -> str:
    """Whom, why and how far behind; what was done, where no consumer was looked at."""
    if report.target is None:
        return report.outcome.reason or report.incident_id
    if report.diagnosis is None:
        return ", ".join(filter(None, (report.target.function, report.outcome.reason)))
    late = report.age_seconds
    roughly = " ".join(duration(late).split()[:2])
    behind = f", {roughly} behind" if late is not None and late >= 1 else ""
    return f"{report.target.function}, {name(report.diagnosis.cause)}{behind}"


# --- rows ----------------------------------------------------------------------------------------


def _rows(report: Report, told: _Told) -> Iterator[Row]:
    yield Row("Where", _where(report))
    yield Row("Since", _since(report))
    if report.diagnosis is not None:
        yield Row("Waiting", _waiting(report), 1)
        yield Row("Why", _why(report))
    if told.reason and report.outcome.reason != report.escalation:
        yield Row(told.reason, report.outcome.reason)
    yield Row(*_changed(report))
    if report.escalation:
        yield Row("Needed", report.escalation, 4)
    if report.recovered_in_seconds is not None:
        yield Row("Took", _took(report), 1)
    elif report.diagnosis is not None and not _is_over(report):
        yield Row("Over", over(report))
    if report.target is not None:
        yield Row("In effect", _held(report))
    yield Row("Mind", " ".join(report.notes))
    if report.follow_up.at is not None:
        yield Row("Next look", _clock(report.follow_up.at, report.at), 1)


def _where(report: Report) -> str:
    target = report.target
    place = ", ".join(filter(None, (report.account_id, report.region)))
    if target is None:
        return place
    qualifier = f":{target.qualifier}" if target.qualifier else ""
    return f"{target.function}{qualifier} reads {target.stream} ({target.kind}), {place}"


def _since(report: Report) -> str:
    incident = report.incident
    if incident is None:
        return ""
    ago = (report.at - incident.at).total_seconds()
    past = f", {duration(ago)} ago" if ago >= 1 else ""
    by = f"alarm {incident.alarm.name}" if incident.alarm else "asked by hand"
    return f"{_clock(incident.at, report.at)}{past} ({by})"


def _clock(at: datetime, now: datetime) -> str:
    """The time of day; with its date, where that is another than today's."""
    return f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M} UTC"


def _waiting(report: Report) -> str:
    age = report.age_seconds
    oldest = "how old the oldest is was not seen" if age is None else f"oldest {duration(age)} old"
    return f"{backlog(report.backlog_records)}, {oldest}"


def _why(report: Report) -> str:
    if report.diagnosis is None:
        return ""
    proof = _proof(report.diagnosis.path)
    return f"{name(report.diagnosis.cause)}{': ' if proof else ''}{proof}"


def _proof(path: tuple[Step, ...]) -> str:
    """What the newest question that was answered with yes leant on; else the last one's."""
    yes = [step for step in path if step.answer == "yes"]
    return (yes or path)[-1].because if path else ""


def _is_over(report: Report) -> bool:
    return report.verdict is not None and report.verdict.verdict is VerdictName.RECOVERED


def _took(report: Report) -> str:
    error = report.forecast_error_seconds
    off = f", {duration(abs(error))} {'later' if error > 0 else 'sooner'}" if error else ""
    return (
        f"{duration(report.recovered_in_seconds)} from the alarm{off}{' than foreseen' * bool(off)}"
    )


_MADE = {ChangeStatus.APPLIED, ChangeStatus.SETTLING, ChangeStatus.ALREADY_SO}


def _changed(report: Report) -> tuple[str, str, int]:
    """What was done; where nothing was, what is proposed."""
    if results := report.outcome.results:
        words = (
            _change(r.change.setting, r.change.before, r.change.after)
            + ("" if r.status in _MADE else f" {name(r.status)}: {r.detail}".rstrip(": "))
            for r in results
        )
        label = "Done" if all(r.status in _MADE for r in results) else "Tried"
        return label, "; ".join(words), 4
    return "Proposed", "; ".join(map(_proposed, report.plan.changes)), 4


def _proposed(planned: PlannedChange) -> str:
    ruling = planned.ruling
    asks = {Decision.APPROVE: " (needs approval)", Decision.BLOCK: f" (no: {ruling.guardrail})"}
    words = _change(planned.setting, planned.before, planned.after)
    return words + asks.get(ruling.decision, "")


def _change(what: str, before: Value, after: Value) -> str:
    return f"{what} {setting(before)} → {setting(after)}"


def _held(report: Report) -> str:
    """What of ours is in effect, first what gives records up, and until when: once it recovered, it
    goes back."""
    if not report.in_effect:
        return "nothing of ours"
    at = report.follow_up.at
    ends = f", until about {_clock(at, report.at)} if it stays quiet" if at else ""
    held = tuple(sorted(report.in_effect, key=_gives_up, reverse=True))
    return in_effect(held) + (ends if _is_over(report) else "")


def _gives_up(one: InEffect) -> bool:
    row = SETTINGS.get(one.setting)
    return row is not None and row.lossy(one.before, one.after)


# --- what to paste, and where to look ------------------------------------------------------------


def _offers(report: Report, kind: str) -> tuple[Offer, ...]:
    """At most three, the most urgent first."""
    incident = report.incident
    watched = incident.watched if incident else None
    function = report.target.function if report.target else watched.function if watched else None
    scope = ("--function", function) if function else ()
    if report.target is None:
        what, verb = _SWITCHES.get(kind, ("", ""))
        return (Offer(what, offered(report, verb, *scope)),) if verb else ()
    found = []
    if report.outcome.status is Status.AWAITING_APPROVAL:
        named = report.incident_id, "--plan", report.plan.digest
        found.append(Offer("Approve", offered(report, "approve", *named)))
    if report.in_effect:
        found.append(Offer("Undo", offered(report, "rollback", report.incident_id)))
    if report.mode is Mode.APPLY:
        found.append(Offer("Stop all changes to it", offered(report, "freeze", *scope)))
    found.append(Offer("Read all of it", offered(report, "report", report.incident_id)))
    return tuple(found[:3])


_SWITCHES = {
    "frozen": ("Let changes go on", "unfreeze"),
    "unfrozen": ("Stop them again", "freeze"),
}

_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}


def links(target: Target) -> tuple[str, ...]:
    """The consumer's page in the console, and its log group's.

    The log group is the one that a function has if nothing else is said. Source: the addresses
    that the console itself shows; in CloudWatch's, "%" of a doubly quoted name is "$".
    """
    partition, region = target.function_arn.split(":")[1], quote(target.region, safe="")
    console = _CONSOLES.get(partition, "console.aws.amazon.com")
    group = quote(quote(f"/aws/lambda/{target.function}", safe=""), safe="").replace("%", "$")
    home = f"https://{region}.{console}"
    function = quote(target.function, safe="")
    return (
        f"{home}/lambda/home?region={region}#/functions/{function}?tab=monitoring",
        f"{home}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}",
    )
