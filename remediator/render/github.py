"""Report → workflow commands that GitHub shows on a pull request.

Source: GitHub Docs, "Workflow commands for GitHub Actions".
"""

from collections.abc import Sequence

from remediator.drift import Row, Standing
from remediator.escaping import annotation, annotation_property
from remediator.model import GuardedChange, Report, Status
from remediator.render.pages import cause
from remediator.render.words import duration, name, setting

_LEVELS = {
    Status.BLOCKED: "error",
    Status.FAILED: "error",
    Status.CONFLICT: "error",
    Status.PARTLY_APPLIED: "error",
    Status.ESCALATED: "warning",
    Status.PLANNED: "warning",
    Status.AWAITING_APPROVAL: "warning",
}


def annotations(report: Report, file: str | None = None) -> str:
    """One line for the cause, one for each change, at a bundle's file; ends with a newline."""
    subject = report.target.function if report.target else report.incident_id
    title = f"remediator: {subject}"
    level = _LEVELS.get(report.outcome.status, "notice")
    found = cause(report.diagnosis) if report.diagnosis else name(report.outcome.status)
    lines = [command(level, title, f"{found}. {_summary(report)}", file=file)]
    plan = report.guarded_plan
    lines += [
        command(level, title, _change(guarded), file=file)
        for guarded in (plan.changes if plan else ())
    ]
    return "\n".join(lines) + "\n"


def _summary(report: Report) -> str:
    nothing = next((o for o in report.forecast if o.option == "nothing"), None)
    said = [f"Outcome: {name(report.outcome.status)}"]
    if nothing is not None and nothing.drains_in_seconds is not None:
        said.append(f"without help it is over in {duration(nothing.drains_in_seconds)}")
    if report.escalation:
        said.append(report.escalation)
    return "; ".join(said)


def _change(guarded: GuardedChange) -> str:
    change, ruling = guarded.change, guarded.ruling
    return (
        f"{ruling.decision}: {change.setting} {setting(change.before)} → {setting(change.after)} "
        f"({ruling.guardrail}: {ruling.reason})"
    )


def drift(rows: Sequence[Row], file: str) -> str:
    """One line for each setting that the template's next deploy would change."""
    said = [
        command(
            "warning",
            f"remediator: {row.resource}",
            f"{row.property}: the template says {row.template}, live is {setting(row.live)}",
            file=file,
        )
        for row in rows
        if row.standing is Standing.DRIFTED
    ]
    return "".join(f"{line}\n" for line in said)


def command(
    level: str, title: str, message: str, *, file: str | None = None, line: int | None = None
) -> str:
    """One workflow command; with a file and a line, GitHub shows it there in a pull request."""
    place = {"file": file, "line": line, "title": title}
    said = ",".join(
        f"{key}={annotation_property(value)}" for key, value in place.items() if value is not None
    )
    return f"::{level} {said}::{annotation(message)}"
