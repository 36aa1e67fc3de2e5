"""What a person has set is a person's (invariant 3)."""

from datetime import datetime, timedelta

from remediator.decide.guardrails.inquiry import Inquiry, Word, block
from remediator.decide.ownership import edit_by_its_time
from remediator.model import RemedyName


def left_to_people(ask: Inquiry) -> Word:
    """What somebody else changed in mid-incident or in place of ours is left alone for a while; so
    is what fails once they have changed the function, until that shows."""
    return _edited(ask) or _taken_back(ask) or _being_mended(ask)


def _edited(ask: Inquiry) -> Word:
    mapping, edit = ask.evidence.mapping, ask.around.edit
    if mapping is None or not ask.row.restarts:
        return None
    if edit is None and not ask.around.mapping_known:
        edit = edit_by_its_time(ask.evidence, mapping, ask.case.signals.onset)
    if edit is None:
        return None
    return _left_alone(
        ask, edit.at, f"somebody changed {edit.what} at {edit.at:%R} UTC, in mid-incident"
    )


def _taken_back(ask: Inquiry) -> Word:
    """Whatever it is set on, and in whichever incident it was ours."""
    setting, resource = ask.change.setting, ask.change.resource
    at = ask.around.taken.get((resource, setting))
    if at is None:
        return None
    said = f"somebody changed {setting} of {resource} after us: seen at {at:%R} UTC"
    return _left_alone(ask, at, said)


def _left_alone(ask: Inquiry, at: datetime, said: str) -> Word:
    seconds = ask.policy.cooldown.human_seconds
    until = at + timedelta(seconds=seconds)
    if ask.around.now >= until:
        return None
    return block(f"{said}: left alone for {seconds} s (invariant 3)", until)


def _being_mended(ask: Inquiry) -> Word:
    """Whether the function was changed while it fails, and what that does cannot show yet: what
    fails in the readings is what was before, and the mapping's restart would only delay it."""
    function, signals = ask.evidence.function, ask.case.signals
    changed, failing = function.last_modified if function else None, signals.failing_since
    if changed is None or failing is None or not ask.row.restarts:
        return None
    if ask.change.remedy not in _FOR_WHAT_FAILS or changed < failing + _A_MINUTE:
        return None
    late = signals.late_by(ask.policy.thresholds.metric_delay_seconds)
    until = changed + timedelta(seconds=late) + _SHOWS
    if ask.around.now >= until:
        return None
    said = f"somebody changed the function at {changed:%R} UTC, while it fails"
    return block(f"{said}: what that does is not seen yet (invariant 3)", until)


_FOR_WHAT_FAILS = frozenset({RemedyName.ISOLATE_POISON, RemedyName.LOWER_BATCH_SIZE})
_A_MINUTE = timedelta(minutes=1)
# Whole minutes of what the function does since.
_SHOWS = timedelta(minutes=2)
