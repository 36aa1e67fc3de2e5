"""Questions about what splitting failed batches has shown, and whether it was long enough."""

from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.decide.failing import (
    several_fail_at_once,
    times_out,
)
from remediator.decide.hanging import NEAR, all_else_ends_long_before
from remediator.decide.overload import SECONDS_BETWEEN_TRIES, fails_a_minute, loaded
from remediator.evidence.signals import LAST_MINUTES
from remediator.model import MappingState, Reading


def split_already(case: Case) -> Finding:
    mapping = case.evidence.mapping
    if mapping is None:
        return unseen("the mapping")
    reading = Reading(name="bisect_on_error", value=mapping.bisect_on_error)
    return when(
        mapping.bisect_on_error and mapping.batch_size > 1,
        "failed batches are split"
        if mapping.bisect_on_error
        else "failed batches are not split, so good records cannot show that they succeed",
        reading,
    )


def alone_by_now(case: Case) -> Finding:
    """A batch that times out may be too large; a record that does so alone is a bad one.

    Each halving takes an attempt up to the timeout, and one of the half that succeeds. What else
    times out says nothing: new batches are full at first. Only the oldest record tells: once it
    has not moved for so long since batches are split, it has been tried alone.
    """
    mapping, function = case.evidence.mapping, case.evidence.function
    timeout = function.timeout_seconds if function else None
    still = case.signals.still_minutes
    if mapping is None or timeout is None:
        return unseen("the mapping or the timeout")
    readings = (
        Reading(name="batch_size", value=mapping.batch_size),
        Reading(name="bisect_on_error", value=mapping.bisect_on_error),
        case.reading("still_minutes", "min"),
    )
    if mapping.batch_size == 1:
        return Finding(YES, "batches hold one record", readings)
    if not mapping.bisect_on_error or mapping.last_modified is None:
        return Finding(NO, "failed batches are not split", readings)
    if still is None:
        return unseen("for how long the oldest record has not moved", *readings)
    takes = _isolation_takes(case, mapping, 2 * timeout)
    split_for = (case.evidence.gathered_at - mapping.last_modified).total_seconds()
    stands = min(still * 60, split_for)
    return when(
        stands >= takes,
        f"the oldest record has not moved for {stands:.0f} s of splitting, and it takes "
        f"{takes:.0f} s at most until it is alone",
        *readings,
    )


def good_ones_would_end(case: Case) -> Finding:
    """Whether even a full batch of good records would end in time, so that one record hangs: were
    the longest of before of one record only, so many of them take no longer than the timeout. Or
    whether the function gets all else done as fast as ever, and has never come near the timeout."""
    mapping, function = case.evidence.mapping, case.evidence.function
    usual = case.signals.usual_duration_max_ms
    timeout = function.timeout_seconds if function else None
    readings = (
        case.reading("usual_duration_max_ms", "ms"),
        Reading(name="batch_size", value=mapping.batch_size if mapping else None),
        Reading(name="timeout_seconds", value=timeout, unit="s"),
    )
    if mapping is None or usual is None or timeout is None:
        return unseen("how long good records take, or the timeout", *readings)
    most = usual * mapping.batch_size / 1000
    if fails_a_minute(case.signals) > _TRIES_OF_ONE * (1 + 60 / timeout):
        return Finding(NO, "more fails than one lane could try in that time", readings)
    if all_else_ends_long_before(case, timeout):
        return Finding(YES, "in minutes in which nothing fails all ends long before that", readings)
    if _as_fast_as_ever(case, timeout):
        return Finding(YES, "all else takes as long as ever, and never came near that", readings)
    because = f"a full batch of good records would take {most:.0f} s at most, of {timeout} s"
    return when(most < timeout, because, *readings)


def _as_fast_as_ever(case: Case, timeout: float) -> bool:
    """Of the newest minute, less what ran into the timeout; batches that have grown are slower."""
    signals, limits = case.signals, case.policy.thresholds
    takes, took, failed = (
        signals.duration_ms,
        signals.usual_duration_ms,
        signals.newest_error_share,
    )
    longest = signals.usual_duration_max_ms or 0.0
    alone = case.evidence.sibling_mappings == 0 and not loaded(case)
    if not alone or takes is None or not took or failed is None or failed >= 1:
        return False
    good = (takes - failed * timeout * 1000) / (1 - failed)
    return good <= _AS_EVER * took and longest < NEAR * limits.timeout_share * timeout * 1000


_AS_EVER = 1.25


def times_out_as_good_ones_may(case: Case) -> Finding:
    """Nothing shows that the rest succeeds: a batch that has become too large stands still, too."""
    found = times_out(case)
    if found.answer is YES and YES in {alone_by_now(case).answer, good_ones_would_end(case).answer}:
        return Finding(NO, "good records would have ended in time by now", found.readings)
    return found


# Times as many tries as one lane makes, which may lie in one minute.
_TRIES_OF_ONE = 1.5


def _isolation_takes(
    case: Case, mapping: MappingState, each: float, *, restarts: bool = True
) -> float:
    """Seconds from the change until a record is alone, and shown to be. ``each``: of a halving."""
    knobs, limits = case.policy.forecast, case.policy.thresholds
    shown = case.signals.late_by(limits.metric_delay_seconds) + restarts * knobs.restart_seconds
    return shown + _alone_after(mapping, each)


def _alone_after(mapping: MappingState, each: float) -> float:
    """Seconds of tries until a record is alone, and has failed once more."""
    return (mapping.halvings + 1) * (each + SECONDS_BETWEEN_TRIES)


def halves_succeed(case: Case) -> Finding:
    """Good halves succeed when one record is to blame. That none does proves nothing: the bad
    record may be the first of its batch, and sooner or later it is."""
    signals = case.signals
    readings = (
        case.reading("successes_before_modified", "invocations"),
        case.reading("quiet_before_modified"),
        case.reading("successes_since_modified", "invocations"),
        case.reading("successes_by_chance"),
        case.reading("first_success_after_minutes", "min"),
        case.reading("failed_beside_success"),
        Reading(name="sibling_mappings", value=case.evidence.sibling_mappings),
    )
    successes = signals.successes_since_modified
    if split_already(case).answer is not YES:
        return Finding(NO, "failed batches are not split", readings)
    if successes is None:
        return unseen("what succeeded since batches are split", *readings)
    if _fails_now_and_then(case):
        because = "some succeeded before batches were split, too: that is no single record"
        return Finding(NO, because, readings)
    if successes > 0 and case.evidence.sibling_mappings != 0:
        return unseen("whether what succeeds is of this mapping", *readings)
    if successes > 0 and not signals.quiet_before_modified:
        return unseen("whether nothing succeeded before, so that these are halves", *readings)
    if successes > 0 and is_no_doing_of_the_change(case):
        return unseen("whether that is the change's doing, and neither chance nor later", *readings)
    if _more_than_halves(case, successes):
        return unseen("whether these are halves: one record has fewer,", *readings)
    return when(
        successes > 0,
        f"{successes:.0f} invocations succeeded since the mapping was changed, none just before",
        *readings,
        proves=True,
    )


def _more_than_halves(case: Case, successes: float) -> bool:
    """Whether more has succeeded than the halves of a record in each lane: it is tried for ever,
    and its lane gets nothing done beyond them. A function that was up for a moment does more. Twice
    as many may be: a restart delivers what was done before once more."""
    mapping, lanes = case.evidence.mapping, case.signals.lanes
    if mapping is None or lanes is None or mapping.retries_bounded:
        return False
    return mapping.parallelization_factor == 1 and successes > 2 * lanes * (mapping.halvings + 1)


def is_no_doing_of_the_change(case: Case) -> bool:
    """Whether what succeeds since the mapping was changed would have without it: a function that
    fails nearly always lets as many pass now and then; and where an outage has ended since, it
    begins long after a record would have been alone, and nothing goes on failing beside it."""
    chance, first = case.signals.successes_by_chance, case.signals.first_success_after_minutes
    if chance is None or chance > _LIKELY or not case.signals.failed_beside_success:
        return True
    mapping, each = case.evidence.mapping, (case.signals.duration_max_ms or 0.0) / 1000
    return mapping is not None and 60 * ((first or 0.0) - 1) > _alone_after(mapping, each)


_LIKELY = 0.05


def succeeds_now_and_then(case: Case) -> Finding:
    """One record in the only lane lets nothing pass: what passes now and then, the function
    itself let fail."""
    readings = (
        case.reading("successes_before_modified", "invocations"),
        case.reading("successes_per_minute"),
        case.reading("usual_successes_per_minute"),
    )
    if _lets_a_few_pass(case):
        because = "fewer succeed than in any healthy lane, long after a bad record would be alone"
        return Finding(YES, because, readings)
    if case.signals.successes_before_modified is None:
        return unseen("what succeeded since it fails", *readings)
    often = _fails_now_and_then(case)
    because = "something succeeds now and then" if often else "nothing has succeeded since"
    return when(often, because, *readings)


def _lets_a_few_pass(case: Case) -> bool:
    """Whether something succeeds minute after minute, but far less than in a healthy lane, though
    a bad record would have been alone for long: no halves are left to succeed."""
    signals, mapping = case.signals, case.evidence.mapping
    passed, usual = signals.successes_per_minute, signals.usual_successes_per_minute
    goes_on = bool(passed) and bool(signals.failing_successes_per_minute)
    if mapping is None or not goes_on or not usual or case.evidence.sibling_mappings != 0:
        return False
    alone_since = _over_for(case, mapping)
    long = alone_since is not None and alone_since >= 60 * LAST_MINUTES
    return long and (passed or 0.0) * (signals.lanes or 1) <= _NEXT_TO_NOTHING * usual


# Of what a lane usually gets done.
_NEXT_TO_NOTHING = 0.1


def _fails_now_and_then(case: Case) -> bool:
    """Bounded retries tell that the record was found already: what succeeded were halves. And
    halves may be what succeeded where batches were split from the start."""
    mapping, signals = case.evidence.mapping, case.signals
    bounded = mapping is not None and mapping.retries_bounded
    some = bool(signals.successes_before_modified) and not signals.quiet_before_modified
    return signals.lanes == 1 and not bounded and some


def every_lane_fails(case: Case) -> Finding:
    """One record cannot fail several lanes. Whether a failing lane halts its whole shard is not
    known: where no second lane is seen to fail, that shows nothing."""
    signals, shards = case.signals, case.evidence.open_shards
    readings = (
        case.reading("lanes"),
        case.reading("failures_grew", "times"),
        Reading(name="sibling_mappings", value=case.evidence.sibling_mappings),
    )
    if several_fail_at_once(case):
        return Finding(YES, "several run at once, and all of them fail", readings)
    if signals.lanes is None or shards is None:
        return unseen("the number of lanes", *readings)
    if shards > 1:
        return Finding(YES, f"{shards} shards fail alike, split or not", readings)
    if signals.lanes == 1:
        return Finding(NO, "there is one lane: one record can fail every batch", readings)
    if case.evidence.sibling_mappings != 0 or signals.failures_grew is None:
        return unseen("whether more than one lane fails", *readings)
    return when(
        signals.failures_grew >= AS_OF_A_SECOND_LANE,
        f"there are {signals.failures_grew:.1f} times as many failures as before there was a "
        "second lane"
        if signals.failures_grew >= AS_OF_A_SECOND_LANE
        else "no second lane is seen to fail",
        *readings,
    )


# Times as many failures, from which they are of more than one lane.
AS_OF_A_SECOND_LANE = 1.5


def probes_are_over(case: Case) -> Finding:
    """Whether the steps that lose nothing have been made, for long enough to show."""
    mapping = case.evidence.mapping
    if mapping is None:
        return unseen("the mapping")
    readings = (
        Reading(name="batch_size", value=mapping.batch_size),
        Reading(name="bisect_on_error", value=mapping.bisect_on_error),
        Reading(name="parallelization_factor", value=mapping.parallelization_factor),
    )
    if mapping.batch_size > 1 and not mapping.bisect_on_error:
        return Finding(NO, "failed batches are not split yet", readings)
    over = _over_for(case, mapping)
    if over is None:
        return unseen("when the mapping was changed", *readings)
    told = f"it has failed like this for {abs(over):.0f} s"
    if over < 0:
        return Finding(NO, f"{told} less than a probe takes to show", readings)
    return Finding(YES, f"{told} longer than a probe takes to show", readings)


def _over_for(case: Case, mapping: MappingState) -> float | None:
    """Seconds for which a record would have been alone, and shown to be; negative: until then. It
    is tried since the mapping was changed, or since it fails, whichever is later."""
    signals, changed = case.signals, mapping.last_modified
    if changed is None:
        return None
    began = signals.failing_since or signals.onset or changed
    each = (signals.duration_max_ms or 0.0) / 1000
    takes = _isolation_takes(case, mapping, each, restarts=began < changed)
    return (case.evidence.gathered_at - max(began, changed)).total_seconds() - takes
