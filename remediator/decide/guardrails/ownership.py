"""What a person has set is a person's (invariant 3)."""

from datetime import datetime, timedelta

from remediator.decide.guardrails.inquiry import Inquiry, Word, block
from remediator.evidence.metrics import Metric
from remediator.model import Evidence, MappingState
from remediator.state import Edit

_RAN = (Metric.INVOCATIONS, Metric.ITERATOR_AGE_MS, Metric.THROTTLES)


def edited_by_a_person(ask: Inquiry) -> Word:
    """A mapping that somebody else changed while the incident was running is left alone."""
    mapping, quiet = ask.evidence.mapping, timedelta(seconds=ask.policy.cooldown.human_seconds)
    if mapping is None or not ask.row.restarts:
        return None
    edit = ask.around.edit
    if edit is None and not ask.around.mapping_known:
        edit = _edit_by_its_time(ask.evidence, mapping, ask.case.signals.onset)
    if edit is None or ask.around.now - edit.at >= quiet:
        return None
    return block(
        f"somebody changed {edit.what} at {edit.at:%R} UTC, in mid-incident: "
        f"left alone for {ask.policy.cooldown.human_seconds} s (invariant 3)",
        edit.at + quiet,
    )


def _edit_by_its_time(
    evidence: Evidence, mapping: MappingState, onset: datetime | None
) -> Edit | None:
    """Where no earlier look is there to compare with: whether it was modified in mid-incident."""
    changed = mapping.last_modified
    if changed is None or onset is None or changed <= onset + timedelta(minutes=1):
        return None
    if not by_a_person(mapping) or began_at(evidence, changed):
        return None
    return Edit(at=changed, what="the mapping")


def by_a_person(mapping: MappingState) -> bool:
    """Whether its last change of state may be a person's: AWS says so, or does not say whose.

    ``LastModified`` moves with AWS's own changes of state as well.
    """
    reason = (mapping.state_transition_reason or "").casefold()
    return not reason or "user" in reason


def began_at(evidence: Evidence, changed: datetime) -> bool:
    """Whether the mapping was created (or let go) then: nothing ran before, and now it does."""
    ran = [
        at
        for metric in _RAN
        if (series := evidence.metrics.get(metric)) is not None
        for at, value in series.points
        if value > 0
    ]
    return bool(ran) and min(ran) + timedelta(minutes=1) > changed
