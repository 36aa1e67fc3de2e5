"""Questions about what fails: everywhere, in one place, or unseen behind partial responses."""

from datetime import timedelta
from math import inf

from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.evidence.metrics import Metric
from remediator.evidence.signals import LAST_MINUTES, Signals
from remediator.model import MappingState, Reading


def failing(case: Case) -> Finding:
    signals, limits = case.signals, case.policy.thresholds
    readings = (
        case.reading("error_share"),
        case.reading("error_share_before"),
        case.reading("failing_minutes", f"of the last {LAST_MINUTES}"),
        case.reading("failed_events_per_minute", "records/min"),
        case.reading("age_slope", "s/s"),
    )
    reported = _reports_failures(case)
    if signals.failing_minutes is None and not reported:
        return unseen("the count of errors", *readings)
    enough = min(limits.sustained_minutes, LAST_MINUTES)
    sustained = (signals.failing_minutes or 0) >= enough
    repeated = (signals.error_minutes or 0) >= limits.sustained_minutes or _all_that_was_seen(case)
    all_now = (signals.newest_error_share or 0.0) >= limits.total_failure_share
    stands = stuck(case) and (signals.stands_still_by_chance or 0.0) <= _LIKELY
    if (sustained or repeated) and not all_now:
        for_long = (signals.still_minutes or 0) >= _FOR_LONG
        sure = stands and (for_long or _like_a_clock(signals))
        if not sure and _failed_before(signals):
            return Finding(NO, "as much failed before anything lagged", readings)
        if _a_little_beside_the_work(case) and not sure:
            because = "little fails, and the lanes are busy with what succeeds"
            return Finding(NO, because, readings)
    gravely = (signals.newest_error_share or 0.0) >= _GRAVELY
    if sustained or (repeated and (all_now or gravely or stands)):
        return Finding(YES, "invocations end in errors, minute after minute", readings)
    many = (signals.failed_event_share or 0.0) >= _GRAVELY
    if reported and (many or stuck(case) or signals.age_slope is None):
        return Finding(YES, "the function reports failed records", readings)
    return Finding(NO, "invocations succeed", readings)


def _reports_failures(case: Case) -> bool:
    """Whether the mapping's own counts show failed records; a few are nobody's."""
    signals, share = case.signals, case.signals.failed_event_share
    few = share is not None and share < case.policy.thresholds.error_share
    return bool(signals.failed_events_per_minute) and not few


# Minutes in which a lane that moves on at all has moved on by more than the beat of its tries.
_FOR_LONG = 8
# Of the newest minute, from which there is no need to wait for another one like it.
_GRAVELY = 0.25


def _all_that_was_seen(case: Case) -> bool:
    """Whether it fails in the only one of the newest minutes whose errors were not lost."""
    signals = case.signals
    return signals.seen_minutes == 1 and signals.failing_minutes == 1 and stuck(case)


def _like_a_clock(signals: Signals) -> bool:
    """A lane with far too much to do moves on a little."""
    gradient = signals.age_slope if signals.oldest_slope is None else signals.oldest_slope
    return (gradient or 0.0) >= _CLOCK


_CLOCK = 0.9


def _a_little_beside_the_work(case: Case) -> bool:
    """Whether the lanes work all the time, and what fails takes little of it: it must be tried
    again, but waiting for that is no work."""
    signals, limits = case.signals, case.policy.thresholds
    failed, mean, longest = signals.error_share, signals.duration_ms, signals.duration_max_ms
    if failed is None or not mean or longest is None:
        return False
    each = longest / mean if times_out(case).answer is YES else 1.0
    return (signals.busy_share or 0.0) >= limits.busy_share and failed * max(each, 1) <= _A_LITTLE


# Of the lanes' work.
_A_LITTLE = 0.15


def _failed_before(signals: Signals) -> bool:
    """Whether what fails now did so minute after minute, while nothing lagged: it is not why."""
    now, before = signals.error_share, signals.error_share_before
    return now is not None and before is not None and now <= _NO_MORE_THAN * before


_NO_MORE_THAN = 1.5


def stuck(case: Case) -> bool:
    """Whether the oldest record does not move: its age climbs by a second a second, or, where it
    is tried seldom, by as much as the time between two tries allows."""
    signals, steepest = case.signals, case.policy.thresholds.stuck_slope
    still, gradient = signals.still_minutes, signals.age_slope
    if signals.oldest_slope is not None:
        gradient = max(gradient or 0.0, signals.oldest_slope)
    if gradient is None:
        return False
    seldom = still is not None and still >= LAST_MINUTES and gradient >= _SELDOM * steepest
    return steepest <= gradient <= _NO_FASTER or (seldom and gradient <= _NO_FASTER)


_SELDOM = 0.9
# Seconds of age a second: by more it does not age, but jump.
_NO_FASTER = 1.5


def everything_fails(case: Case) -> Finding:
    signals, limits = case.signals, case.policy.thresholds
    readings = (
        case.reading("error_share"),
        case.reading("failed_event_share"),
        case.reading("successes_per_minute"),
        Reading(name="open_shards", value=case.evidence.open_shards),
    )
    reported = signals.failed_event_share if (signals.lanes or 0) > 1 else None
    if signals.error_share is None and reported is None:
        return Finding(NO, "failed records are reported one by one, the rest succeed", readings)
    total = max(signals.error_share or 0.0, reported or 0.0) >= limits.total_failure_share
    because = "nothing succeeds" if total else "some invocations succeed"
    return Finding(YES if total else NO, because, readings)


def just_deployed(case: Case) -> Finding:
    """What the oldest record that waits has stood still for longer than, is not why. Where no
    failure is counted, it began with that record."""
    function, failing_since = case.evidence.function, case.signals.failing_since
    began = (failing_since, case.signals.onset if stuck(case) or not failing_since else None)
    since = min((at for at in began if at is not None), default=None)
    changed = function.last_modified if function else None
    readings = (
        Reading(name="function_last_modified", value=changed.isoformat() if changed else None),
        Reading(name="failing_since", value=since.isoformat() if since else None),
    )
    if changed is None or since is None:
        return unseen("when the function was changed", *readings)
    window = timedelta(minutes=case.policy.thresholds.deploy_minutes)
    just = since - window <= changed <= since + timedelta(minutes=2)
    because = "the function was changed just before" if just else "no change of the function then"
    return Finding(YES if just else NO, because, readings)


def times_out(case: Case) -> Finding:
    function, longest = case.evidence.function, case.signals.duration_max_ms
    timeout = function.timeout_seconds if function else None
    readings = (
        case.reading("duration_max_ms", "ms"),
        Reading(name="timeout_seconds", value=timeout, unit="s"),
    )
    if timeout is None or longest is None:
        return unseen("the longest duration or the timeout", *readings)
    share = longest / (timeout * 1000)
    return when(
        share >= case.policy.thresholds.timeout_share,
        f"the longest invocation took {share:.0%} of the timeout",
        *readings,
    )


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
    return when(
        successes > 0,
        f"{successes:.0f} invocations succeeded since the mapping was changed, none just before",
        *readings,
        proves=True,
    )


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


def began_in_one_place(case: Case) -> Finding:
    """Shards may stop one after another, each at a record of its own: then others went on while the
    first stood still already, for longer than by chance."""
    signals = case.signals
    readings = (
        case.reading("stands_still_by_chance"),
        case.reading("failing_successes_per_minute"),
        case.reading("usual_successes_per_minute"),
        case.reading("age_slope", "s/s"),
    )
    went_on, usual = signals.failing_successes_per_minute, signals.usual_successes_per_minute
    if signals.stands_still_by_chance is None or went_on is None or not usual:
        return unseen("what succeeded since it fails", *readings)
    first = went_on >= _NOTHING * usual and signals.stands_still_by_chance <= _LIKELY
    return when(
        first and stuck(case),
        "others went on while the oldest record stood still already"
        if first
        else "nothing shows that it began in one place",
        *readings,
    )


def one_shard(case: Case) -> Finding:
    shards = case.evidence.open_shards
    reading = Reading(name="open_shards", value=shards)
    if shards is None:
        return unseen("the number of shards", reading)
    return when(
        shards == 1,
        "with one shard, one record can fail every batch"
        if shards == 1
        else f"{shards} shards fail alike: one record cannot do that",
        reading,
    )


def one_is_stuck(case: Case) -> Finding:
    """What succeeds beside it may be another trigger's: whose it is, is asked next."""
    signals = case.signals
    readings = (
        case.reading("age_slope", "s/s"),
        case.reading("still_minutes", "min"),
        case.reading("stuck_shards"),
        case.reading("newest_error_share"),
        case.reading("stands_still_by_chance"),
        case.reading("least_successes_per_minute"),
        case.reading("failing_successes_per_minute"),
        case.reading("usual_successes_per_minute"),
    )
    shards, standing = case.evidence.open_shards or 0, signals.stuck_shards
    counted = standing is not None and shards > 1
    if signals.age_slope is None and not counted:
        return unseen("the slope of the age", *readings)
    if counted and not 0 < (standing or 0) <= shards // 2:
        return Finding(NO, f"{standing} of {shards} shards do not move", readings)
    if not counted and not stuck(case):
        return Finding(NO, "every shard still moves on, only slower", readings)
    failed = (signals.newest_error_share, signals.error_minutes, signals.failed_events_per_minute)
    if signals.newest_error_share is not None and not any(failed):
        return Finding(NO, "nothing fails any more", readings)
    by_chance = signals.stands_still_by_chance
    if by_chance is None:  # no error is counted, so that only the clock tells
        by_chance = 0.0 if _like_a_clock(signals) or signals.age_slope is None else 1.0
    unlikely = signals.lanes == 1 or _shown_by_a_lane(case)
    if signals.others_move is False and shards > 1 and not counted:
        return Finding(NO, "the youngest batches grow older as well: no place gets on", readings)
    if not unlikely and by_chance > _LIKELY:
        return Finding(NO, "failures here and there could make it stand still as well", readings)
    alone = case.evidence.sibling_mappings == 0
    if signals.lanes == 1 and alone and not counted and not _rest_of_the_lane(case):
        return Finding(NO, "nothing succeeds beside it", readings)
    because = "the oldest record does not move while other batches succeed"
    return Finding(YES, because, readings)


# How likely it may be that failures at random look like one record that stands still, and yet the
# word is of a record. It proves nothing: what is captured needs more.
_LIKELY = 0.3


def _beyond_chance(case: Case) -> bool:
    """Whether it is sure enough to lose records by (invariant 2): failures at random would not look
    like it, and the rest gets done what it usually does."""
    signals, limits = case.signals, case.policy.thresholds
    shards, standing = case.evidence.open_shards or 0, signals.stuck_shards
    counted = standing is not None and shards > 1
    if signals.lanes == 1 or _shown_by_a_lane(case):
        return True
    if not _like_a_clock(signals):
        return False
    chance = signals.stands_still_by_chance
    if chance is not None and chance > limits.chance:
        return False
    return counted or case.evidence.sibling_mappings != 0 or _others_keep_pace(case)


def _others_keep_pace(case: Case) -> bool:
    """Whether the rest has succeeded all the time, about as often as before."""
    signals, shards = case.signals, case.evidence.open_shards
    least, usual = signals.least_successes_per_minute, signals.usual_successes_per_minute
    if least is None or not usual or not shards:
        return True
    share = 0.5 * ((shards - 1) / shards if shards > 1 else 0.5)
    typical = signals.failing_successes_per_minute
    steady = min(least, least if typical is None else typical) >= share * usual
    return least > 0 and (steady or _as_many_records(signals) or _as_much_work(signals, share))


def _shown_by_a_lane(case: Case) -> bool:
    """Whether something succeeds since the only shard has more lanes or splits its batches, and
    nothing did in the minutes before: then it is the change's doing, and this mapping's."""
    signals = case.signals
    alone = case.evidence.open_shards == 1 and case.evidence.sibling_mappings == 0
    return alone and bool(signals.quiet_before_modified) and bool(signals.successes_since_modified)


def _rest_of_the_lane(case: Case) -> bool:
    """In a single lane nothing else can succeed but halves of split batches, until the record is
    alone, and records beside those that the function reports as failed."""
    signals = case.signals
    if not signals.newest_error_share:
        counted = Metric.INVOKED_EVENTS in case.evidence.metrics
        return counted and bool(signals.processed_per_second)
    alone = signals.newest_error_share >= case.policy.thresholds.total_failure_share
    return alone and halves_succeed(case).answer is YES


def own_records_succeed(case: Case) -> Finding:
    """Proof of health is positive, and comes from this mapping's own records: what other triggers
    of its function get done shows nothing, and some of them AWS does not list (invariant 2)."""
    signals = case.signals
    readings = (
        case.reading("stuck_shards"),
        case.reading("event_share"),
        case.reading("batch_share"),
        case.reading("others_move"),
        case.reading("read_share"),
        case.reading("reads_dropped"),
        Reading(name="sibling_mappings", value=case.evidence.sibling_mappings),
    )
    if signals.lanes == 1:
        beside = _rest_of_the_lane(case)
        said = "records beside the bad one succeed" if beside else None
        return _said(said, None, readings)
    witnesses = (_by_a_lane, _by_shards, _by_events, _by_batches, _by_reads)
    words = (witness(case) for witness in witnesses)
    good, bad = next((word for word in words if word != _SILENT), _SILENT)
    if good is not None and not _beyond_chance(case):
        return unseen("whether this is more than chance", *readings)
    return _said(good, bad, readings)


def _said(good: str | None, bad: str | None, readings: tuple[Reading, ...]) -> Finding:
    if good is not None:
        return Finding(YES, good, readings, proves=True)
    if bad is not None:
        return Finding(NO, bad, readings)
    return unseen("whether what succeeds is of this mapping's own records", *readings)


_Words = tuple[str | None, str | None]
# What a witness says: for health, or against it, or nothing.
_SILENT: _Words = (None, None)


def _healthy_share(case: Case) -> float:
    """What all shards but one get done; with one shard, all lanes but one."""
    places = max(case.evidence.open_shards or 1, 1)
    places = places if places > 1 else case.signals.lanes or 1
    return (places - 1) / places


def _by_a_lane(case: Case) -> _Words:
    said = "records succeed since the mapping was changed, and none did just before"
    return (said, None) if _shown_by_a_lane(case) else _SILENT


def _by_shards(case: Case) -> _Words:
    """Of all open shards, by the readers that share the stream: an own consumer is none of them.

    What is read is not done yet: pollers read ahead, and most of them where little comes in. So
    batches must succeed as well, or be young where nothing but a success lets a lane go on.
    """
    evidence, signals = case.evidence, case.signals
    shards, standing = evidence.shards or (), signals.stuck_shards
    ages = {
        name for name, of in evidence.shard_metrics.items() if Metric.SHARD_ITERATOR_AGE_MS in of
    }
    seen = bool(shards) and all(shard.shard_id in ages for shard in shards if shard.is_open)
    if not seen or evidence.target.consumer_arn is not None or not standing:
        return _SILENT
    partial = evidence.mapping is None or evidence.mapping.reports_partial_batches
    alone = evidence.sibling_mappings == 0
    done = alone and bool(signals.least_successes_per_minute) and not partial
    if not (done or _others_move_in_one_lane(case)):
        return _SILENT
    rest = (evidence.open_shards or 0) - standing
    return f"{rest} of the stream's shards move on", None


def _by_events(case: Case) -> _Words:
    share = case.signals.event_share
    if share is None:
        return _SILENT
    said = f"by the mapping's own counts, {share:.0%} of the usual records succeed"
    return _for_or_against(share, _healthy_share(case), said)


def _for_or_against(share: float, healthy: float, said: str) -> _Words:
    """About as much as healthy places get done, or next to nothing; between them it is not told:
    the mapping may have restarted."""
    if share > 0 and share >= _HALF * healthy:
        return said, None
    return (None, said) if share <= _NOTHING * healthy else _SILENT


_HALF, _NOTHING, _NEARLY = 0.5, 0.1, 0.9


def _by_batches(case: Case) -> _Words:
    """A function that reports partial batches succeeds whatever it reports: there its batches tell
    nothing. Nor do young batches, there or elsewhere: the first try of a record is always young,
    and with lanes to spare there is always one, though every record fails."""
    signals, mapping = case.signals, case.evidence.mapping
    share, partial = signals.batch_share, mapping is None or mapping.reports_partial_batches
    if partial or share is None:
        return _SILENT
    said = f"of the stream's batches, {share:.0%} of the usual succeed"
    good, bad = _for_or_against(share, _healthy_share(case), said)
    return good, None if signals.others_invoke or signals.others_move else bad


def _by_reads(case: Case) -> _Words:
    """A stuck shard is not read on, once its poller holds as much as it can. Where other mappings
    feed the function, what is read has to show that: come down by about one shard's share."""
    signals, shards = case.signals, case.evidence.open_shards or 1
    share, at_least = signals.read_share, signals.read_share_at_least
    if share is None or at_least is None or shards == 1:
        return _SILENT
    enough = _NEARLY * _healthy_share(case)
    alone = case.evidence.sibling_mappings == 0
    by_one = signals.reads_dropped and (share >= enough / 2 if alone else at_least >= enough)
    beyond = alone and signals.reads_outrun and share >= enough
    if _reads_tell_little(case):
        by_one, beyond = by_one and _others_move_in_one_lane(case), False
    if by_one or beyond:
        return f"reads of the stream go on at {share:.0%} of what arrives", None
    if alone and share <= _NOTHING * enough:
        return None, f"reads of the stream are down to {share:.0%} of what arrives"
    return _SILENT


def _reads_tell_little(case: Case) -> bool:
    """Whether reads for another try cannot be told from reads of what comes, since failures behind
    partial responses are not counted. Then a second witness has to say the same."""
    mapping, counted = case.evidence.mapping, Metric.FAILED_INVOKE_EVENTS in case.evidence.metrics
    return mapping is None or (mapping.reports_partial_batches and not counted)


def _others_move_in_one_lane(case: Case) -> bool:
    """Batches that stay young, where each shard has one lane only: no record gets a first try
    beside one that is stuck."""
    mapping = case.evidence.mapping
    one = mapping is not None and mapping.parallelization_factor == 1
    return one and bool(case.signals.others_move)


def _as_much_work(signals: Signals, share: float) -> bool:
    """Fewer invocations may take as much of the lanes' time: of larger batches, again."""
    done, usual = signals.failing_successes_per_minute, signals.usual_successes_per_minute
    takes, took = signals.duration_ms, signals.usual_duration_ms
    if done is None or usual is None or takes is None or took is None:
        return False
    return done * takes >= share * usual * took


def _as_many_records(signals: Signals) -> bool:
    """Fewer invocations may get more records done: batches grow with the traffic."""
    done, used_to = signals.least_processed_per_second, signals.usual_processed_per_second
    few = (signals.error_share or 0.0) < 0.5
    return few and done is not None and bool(used_to) and done >= (used_to or 0.0)


def stuck_in_silence(case: Case) -> Finding:
    """Partial batch responses hide a poison record: the invocation counts as a success."""
    mapping, signals = case.evidence.mapping, case.signals
    partial = mapping.reports_partial_batches if mapping else None
    readings = (
        Reading(name="reports_partial_batches", value=partial),
        case.reading("failed_events_per_minute", "records/min"),
        case.reading("age_slope", "s/s"),
        case.reading("busy_share"),
        case.reading("busy_lanes"),
        case.reading("usual_busy_lanes"),
    )
    if partial is False:
        return Finding(NO, "the function does not report partial batches", readings)
    if partial is None or signals.age_slope is None or signals.busy_share is None:
        return unseen("partial responses, the slope or the lanes", *readings)
    counted = Metric.FAILED_INVOKE_EVENTS in case.evidence.metrics
    if counted and not signals.failed_events_per_minute:
        return Finding(NO, "the mapping's own counts show no failed record", readings)
    idle = signals.busy_share < case.policy.thresholds.busy_share or _works_in_vain(signals)
    flowing = bool(signals.arrival_per_second)
    # With free lanes no healthy shard's age climbs, so half the slope of a stopped clock will do.
    least = 0.5 * case.policy.thresholds.stuck_slope
    climbing = least <= signals.age_slope <= _NO_FASTER
    return when(
        climbing and idle and flowing and not signals.read_throttled_minutes,
        "the oldest record does not move although lanes are free, or do the same again: failures "
        "may be hidden in partial responses"
        if climbing and idle
        else "records move on, or every lane is busy",
        *readings,
    )


def _works_in_vain(signals: Signals) -> bool:
    """Whether lanes work more than usual though no more comes in and nothing takes longer: they do
    again what they did before."""
    busy, usual = signals.busy_lanes, signals.usual_busy_lanes
    came, usually = signals.peak_arrival_per_second, signals.usual_arrival_per_second
    takes, took = signals.duration_ms, signals.usual_duration_ms
    if None in {busy, usual, came, usually, takes, took}:
        return False
    more = (busy or 0.0) >= _MORE * (usual or 0.0)
    explained = (came or 0.0) > _AS_BEFORE * (usually or 0.0)
    return more and not explained and (takes or 0.0) <= _AS_BEFORE * (took or 0.0)


_MORE, _AS_BEFORE = 1.3, 1.15
