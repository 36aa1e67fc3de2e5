"""Questions about what splitting failed batches has shown, and whether it was long enough."""

from math import inf

from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.evidence.signals import Signals
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
    the longest of before of one record only, so many of them take no longer than the timeout."""
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
    if _fails_a_minute(case.signals) > _TRIES_OF_ONE * (1 + 60 / timeout):
        return Finding(NO, "more fails than one lane could try in that time", readings)
    because = f"a full batch of good records would take {most:.0f} s at most, of {timeout} s"
    return when(most < timeout, because, *readings)


def _fails_a_minute(signals: Signals) -> float:
    share, done = signals.error_share or 0.0, signals.successes_per_minute or 0.0
    return done * share / (1 - share) if share < 1 else inf


# Times as many tries as one lane makes, which may lie in one minute.
_TRIES_OF_ONE = 1.5


def _isolation_takes(case: Case, mapping: MappingState, each: float) -> float:
    """Seconds from the change until a record is alone, and shown to be. ``each``: of a halving."""
    knobs, limits = case.policy.forecast, case.policy.thresholds
    halvings = mapping.halvings + 1
    shown = knobs.restart_seconds + case.signals.late_by(limits.metric_delay_seconds)
    return shown + halvings * (each + _SECONDS_BETWEEN_TRIES)


# Of a failed batch; AWS was seen to wait about so long.
_SECONDS_BETWEEN_TRIES = 10


def halves_succeed(case: Case) -> Finding:
    """Good halves succeed when one record is to blame. That none does proves nothing: the bad
    record may be the first of its batch, and sooner or later it is."""
    signals = case.signals
    readings = (
        case.reading("successes_before_modified", "invocations"),
        case.reading("quiet_before_modified"),
        case.reading("successes_since_modified", "invocations"),
        case.reading("successes_by_chance"),
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
    if successes > 0 and pass_by_chance(signals):
        return unseen("whether what succeeds is more than chance", *readings)
    return when(
        successes > 0,
        f"{successes:.0f} invocations succeeded since the mapping was changed, none just before",
        *readings,
        proves=True,
    )


def pass_by_chance(signals: Signals) -> bool:
    """Whether a function that fails nearly always would let as many pass now and then."""
    chance = signals.successes_by_chance
    return chance is None or chance > _LIKELY


_LIKELY = 0.05


def succeeds_now_and_then(case: Case) -> Finding:
    """One record in the only lane lets nothing pass: what passes now and then, the function
    itself let fail."""
    reading = case.reading("successes_before_modified", "invocations")
    if case.signals.successes_before_modified is None:
        return unseen("what succeeded since it fails", reading)
    often = _fails_now_and_then(case)
    because = "something succeeds now and then" if often else "nothing has succeeded since"
    return when(often, because, reading)


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
    if signals.lanes is None or shards is None:
        return unseen("the number of lanes", *readings)
    if shards > 1:
        return Finding(YES, f"{shards} shards fail alike, split or not", readings)
    if signals.lanes == 1:
        return Finding(NO, "there is one lane: one record can fail every batch", readings)
    if case.evidence.sibling_mappings != 0 or signals.failures_grew is None:
        return unseen("whether more than one lane fails", *readings)
    return when(
        signals.failures_grew >= _AS_OF_A_SECOND_LANE,
        f"there are {signals.failures_grew:.1f} times as many failures as before there was a "
        "second lane"
        if signals.failures_grew >= _AS_OF_A_SECOND_LANE
        else "no second lane is seen to fail",
        *readings,
    )


_AS_OF_A_SECOND_LANE = 1.5


def probes_are_over(case: Case) -> Finding:
    """Whether the steps that lose nothing have been made, for long enough to show."""
    mapping, longest = case.evidence.mapping, case.signals.duration_max_ms
    if mapping is None:
        return unseen("the mapping")
    readings = (
        Reading(name="batch_size", value=mapping.batch_size),
        Reading(name="bisect_on_error", value=mapping.bisect_on_error),
        Reading(name="parallelization_factor", value=mapping.parallelization_factor),
    )
    if mapping.batch_size > 1 and not mapping.bisect_on_error:
        return Finding(NO, "failed batches are not split yet", readings)
    if mapping.last_modified is None:
        return unseen("when the mapping was changed", *readings)
    takes = _isolation_takes(case, mapping, (longest or 0.0) / 1000)
    since = (case.evidence.gathered_at - mapping.last_modified).total_seconds()
    because = f"the mapping is as it is for {since:.0f} s, and a probe shows after {takes:.0f} s"
    return when(since >= takes, because, *readings)
