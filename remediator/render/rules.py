"""What holds → Page: a policy, its freezes, alarms that ought to be, drift of a template."""

from collections.abc import Sequence

from remediator.alarming import Step as AlarmStep
from remediator.alarming import Verb
from remediator.drift import Row, Standing
from remediator.policy import Policy
from remediator.render.page import Page, Section, Table, Tone
from remediator.render.words import duration, moment, number, setting
from remediator.state import Freeze


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
