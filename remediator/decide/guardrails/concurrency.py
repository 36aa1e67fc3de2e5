"""Neighbours are not starved (invariant 4), and what stands behind is not broken (invariant 5)."""

from collections.abc import Callable, Mapping

from remediator.decide.guardrails.inquiry import Clip, Inquiry, Word, approve, block
from remediator.decide.guardrails.records import captured_from_now_on
from remediator.decide.remedies.concurrency import reservable
from remediator.model import RemedyName
from remediator.settings_table import (
    PARALLELIZATION_FACTOR,
    RESERVED_CONCURRENCY,
    SHARDS,
    lowers,
    of,
    raises,
)

_UNSEEN = "the account's concurrency was not seen"


def neighbours_keep_theirs(ask: Inquiry) -> Word:
    """Invariant 4: what is taken from the pool leaves the others enough."""
    rule = _NEIGHBOURS.get(ask.change.setting)
    return rule(ask) if rule and not lowers(ask.change) else None


def _lanes_fit(ask: Inquiry) -> Word:
    before, after, shards = ask.change.before, ask.change.after, ask.evidence.open_shards
    if not isinstance(before, int) or not isinstance(after, int) or shards is None:
        return block("shards or lanes were not seen, so their concurrency cannot be counted")
    room = [c for c in ask.beside if of(c) is RESERVED_CONCURRENCY and not lowers(c)]
    spare = ask.case.after(room).spare_concurrency
    if spare is None:
        return approve(_UNSEEN)
    fits = before + spare // shards
    if after <= fits:
        return None
    if fits <= before:
        return block("no concurrency is free above the neighbours' share (invariant 4)")
    return Clip(fits, f"{spare} invocations are free above the neighbours' share")


def _shards_fit(ask: Inquiry) -> Word:
    """One more shard brings the lanes of every mapping of the stream, not of ours alone: where the
    others were not seen, at least ours."""
    mapping, lanes = ask.evidence.mapping, ask.evidence.lanes_of_a_shard
    spare = ask.case.spare_concurrency
    if mapping is None:
        return block("the mapping was not seen, so its concurrency cannot be counted")
    if spare is None:
        return approve(_UNSEEN)
    at_least = mapping.parallelization_factor if lanes is None else lanes
    if at_least * (ask.around.splits_beside + 1) > spare:
        return block("no concurrency is free above the neighbours' share (invariant 4)")
    if lanes is None:
        return approve("not every mapping of the stream was seen, so neither were all lanes")
    return None


def _reservation_fits(ask: Inquiry) -> Word:
    before, after = ask.change.before, ask.change.after
    if not isinstance(after, int):
        return None  # lifting a reservation gives the pool back what it took
    if before == 0:
        return block("the function is reserved at 0: stopped on purpose (invariant 3)")
    if before is None:
        return _first_reservation_fits(ask, after)
    spare = ask.case.spare_reservation
    if spare is None:
        return approve(_UNSEEN)
    if not isinstance(before, int):
        return block("what the reservation is now was not seen")
    fits = before + spare
    if after <= fits:
        return None
    if fits <= before:
        return block("the account has no concurrency to spare (invariant 4)")
    return Clip(fits, f"the account can spare {spare}")


def _first_reservation_fits(ask: Inquiry, after: int) -> Word:
    """Taken from a pool that is used up: the others keep AWS's minimum and the policy's margin."""
    may_be = reservable(ask.case)
    if may_be is None:
        return approve(_UNSEEN)
    return (
        block("the account has no concurrency to spare (invariant 4)") if after > may_be else None
    )


_NEIGHBOURS: Mapping[str, Callable[[Inquiry], Word]] = {
    PARALLELIZATION_FACTOR.name: _lanes_fit,
    SHARDS.name: _shards_fit,
    RESERVED_CONCURRENCY.name: _reservation_fits,
}


def downstream_is_well(ask: Inquiry) -> Word:
    """Invariant 5: nothing is raised while an alarm of what stands behind is on or unseen."""
    if not raises(ask.change) or lowers(ask.change):
        return None
    if loses := _loses_what_fails(ask):
        return approve(
            f"{loses}, by the mapping's own settings, and nothing captures it: more calls at once "
            "than what stands behind bears would lose records (invariant 1)"
        )
    if ask.case.warned and not ask.policy.downstream_alarms:
        return approve(
            "errors have come with the load, and no alarm of what stands behind is named in "
            "downstream_alarms: more calls at once may push it over (invariant 5)"
        )
    for name in ask.policy.downstream_alarms:
        state = ask.around.downstream.get(name)
        if state == "ALARM":
            return block(f"downstream alarm {name} is in ALARM (invariant 5)")
        if state is None:
            return block(f"downstream alarm {name} could not be seen (invariant 5)")
    return None


def _loses_what_fails(ask: Inquiry) -> str | None:
    """How records are lost by a failure, by their owner's own choice, or for a destination that is
    gone: not for us to bring more of them about, nor by a probe's second lane, which loses as many
    again in an outage, unless its own write captures them. A reservation lets those lanes work that
    somebody has set."""
    mapping = ask.evidence.mapping
    if mapping is None or not mapping.retries_bounded:
        return None
    if not mapping.loses_what_fails and ask.case.destination_usable is not False:
        return None
    if ask.change.remedy is RemedyName.ISOLATE_POISON and captured_from_now_on(ask):
        return None
    if ask.case.signals.error_minutes or ask.case.signals.failed_event_minutes:
        return "some of it fails and is given up"
    if mapping.reports_partial_batches and ask.case.signals.failed_event_minutes is None:
        return "what the function reports as failed is not counted, and is given up"
    once = mapping.maximum_retry_attempts == 0 and ask.row is not RESERVED_CONCURRENCY
    return "what fails once is given up" if once else None
