"""No record is discarded uncaptured, and no good one at all (invariants 1 and 2)."""

from remediator.decide.case import Case
from remediator.decide.guardrails.inquiry import Inquiry, Word, approve, block
from remediator.decide.remedies import (
    captures,
    captures_for_a_person,
    drops_in_a_restart,
)
from remediator.model import Cause, Detail
from remediator.policy import Autonomy
from remediator.settings_table import DESTINATION, RECORD_AGE, RETRIES


def nothing_is_discarded(ask: Inquiry) -> Word:
    """Invariants 1 and 2: bounded retries only for a proven function, and only when captured."""
    change, mapping = ask.change, ask.evidence.mapping
    if ask.row is RECORD_AGE and change.after != -1:
        return block("a maximum record age would discard the backlog (invariant 1)")
    if ask.row is not RETRIES or change.after == -1:
        return None
    undecided = _undecided(ask.case)
    if not ask.case.diagnosis.proven and not undecided:
        return block("the function is not proven healthy: good records could go (invariant 2)")
    held = mapping.on_failure_destination if mapping else None
    captured = ask.after(DESTINATION, held)
    if not isinstance(captured, str):
        return block("nothing would capture what is given up (invariant 1)")
    if not captures(ask.case, captured):
        told = f"nobody knows whether {captured} takes what is given up (invariant 1)"
        theirs = captured == held and change.before != -1 and captures_for_a_person(ask.case)
        return approve(told) if theirs else block(told)
    if undecided:
        return approve(f"the function is not proven healthy (invariant 2): {change.why}")
    return None


def _undecided(here: Case) -> bool:
    """Whether every step that loses nothing was made and showed nothing: then a person decides."""
    found = here.diagnosis
    asks = found.cause is Cause.POISON_RECORD and found.detail is Detail.UNDECIDED
    return asks and not found.proven


def position_is_kept(ask: Inquiry) -> Word:
    """A mapping that starts at LATEST may miss records when it is updated."""
    mapping = ask.evidence.mapping
    if not ask.row.restarts or mapping is None:
        return None
    if mapping.starting_position != "LATEST" or ask.policy.latest_position is Autonomy.AUTO:
        return None
    reason = "the mapping starts at LATEST: AWS says an update of it may miss records"
    if ask.policy.latest_position is Autonomy.OFF:
        return block(reason)
    return approve(reason)


def waits_through_a_restart(ask: Inquiry) -> Word:
    """Invariant 1: a restart must not push what waits past the mapping's maximum record age."""
    if not ask.row.restarts:
        return None
    most = drops_in_a_restart(ask.case, ask.change.remedy)
    if most is None or captured_from_now_on(ask):
        return None
    restart = ask.policy.forecast.restart_seconds
    told = (
        f"the mapping gives up records older than {most} s: while it restarts (about {restart} s) "
        "it would drop what waits"
    )
    if ask.after(RECORD_AGE, most) != -1:
        return block(f"{told}, and nothing captures it (invariant 1)")
    if ask.policy.record_age is Autonomy.AUTO:
        return None
    if ask.policy.record_age is Autonomy.OFF:
        return block(f"{told}, and by policy that age is not lifted")
    return approve(f"{told}; so the {most} s are lifted in the same update, and put back later")


def captured_from_now_on(ask: Inquiry) -> bool:
    """Whether the same write sets a destination that takes what is given up."""
    wanted = ask.after(DESTINATION, None)
    return isinstance(wanted, str) and captures(ask.case, wanted)
