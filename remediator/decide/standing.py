"""Questions about one place that stands still: a record, and does the rest succeed?"""

from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.decide.failing import LIKELY, like_a_clock, nothing_gets_on, stuck
from remediator.decide.halving import halves_succeed, pass_by_chance
from remediator.evidence.metrics import Metric
from remediator.evidence.signals import Signals
from remediator.model import Reading


def began_in_one_place(case: Case) -> Finding:
    """Shards may stop one after another, each at a record of its own: then others went on while the
    first stood still already, for longer than by chance."""
    signals = case.signals
    readings = (
        case.reading("stands_still_by_chance"),
        case.reading("failing_successes_per_minute"),
        case.reading("usual_successes_per_minute"),
        case.reading("age_slope", "s/s"),
        Reading(name="sibling_mappings", value=case.evidence.sibling_mappings),
    )
    if case.evidence.sibling_mappings != 0:
        return unseen("whether what went on is of this mapping", *readings)
    went_on, usual = signals.failing_successes_per_minute, signals.usual_successes_per_minute
    if signals.stands_still_by_chance is None or went_on is None or not usual:
        return unseen("what succeeded since it fails", *readings)
    first = went_on >= _NOTHING * usual and signals.stands_still_by_chance <= LIKELY
    return when(
        first and stuck(case),
        "others went on while the oldest record stood still already"
        if first
        else "nothing shows that it began in one place",
        *readings,
    )


def one_shard(case: Case) -> Finding:
    """Where the shards are not seen, as of a stream in another account, several invocations that
    run at once and all fail are of several places as well."""
    shards, at_once = case.evidence.open_shards, case.signals.concurrency or 0.0
    readings = (Reading(name="open_shards", value=shards), case.reading("concurrency"))
    if shards is None:
        share, limits = case.signals.error_share or 0.0, case.policy.thresholds
        alone = case.evidence.sibling_mappings == 0
        if alone and share >= limits.total_failure_share and at_once >= _SEVERAL:
            because = f"{at_once:.0f} run at once and fail alike: one record cannot do that"
            return Finding(NO, because, readings)
        return unseen("the number of shards", *readings)
    return when(
        shards == 1,
        "with one shard, one record can fail every batch"
        if shards == 1
        else f"{shards} shards fail alike: one record cannot do that",
        *readings,
    )


# Invocations at once, of which two may be one lane's old and new one.
_SEVERAL = 3


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
        by_chance = 0.0 if like_a_clock(signals) or signals.age_slope is None else 1.0
    unlikely = signals.lanes == 1 or _shown_by_a_lane(case)
    if nothing_gets_on(case):
        return Finding(NO, "the youngest batches grow older as well: no place gets on", readings)
    if not unlikely and by_chance > LIKELY:
        return Finding(NO, "failures here and there could make it stand still as well", readings)
    alone = case.evidence.sibling_mappings == 0
    if signals.lanes == 1 and alone and not counted and not _rest_of_the_lane(case):
        return Finding(NO, "nothing succeeds beside it", readings)
    because = "the oldest record does not move while other batches succeed"
    return Finding(YES, because, readings)


def _beyond_chance(case: Case) -> bool:
    """Whether it is sure enough to lose records by (invariant 2): failures at random would not look
    like it, and the rest gets done what it usually does."""
    signals, limits = case.signals, case.policy.thresholds
    shards, standing = case.evidence.open_shards or 0, signals.stuck_shards
    counted = standing is not None and shards > 1
    if signals.lanes == 1 or _shown_by_a_lane(case):
        return True
    if not like_a_clock(signals) or not _keeps_failing(case):
        return False
    chance = signals.stands_still_by_chance
    if chance is not None and chance > limits.chance:
        return False
    return counted or case.evidence.sibling_mappings != 0 or _others_keep_pace(case)


def _keeps_failing(case: Case) -> bool:
    """Whether what fails is seen minute after minute; and where no error is counted, so that only
    the mapping's own counts tell, whether the oldest record of a lane does not move at all."""
    signals, enough = case.signals, case.policy.thresholds.sustained_minutes
    if signals.error_minutes or signals.failed_event_minutes is None:
        return True
    pace = signals.age_slope if signals.oldest_slope is None else signals.oldest_slope
    still = signals.lanes != 1 or (pace or 0.0) >= _NOT_AT_ALL
    return (signals.failed_event_minutes or 0) >= enough and still


_NOT_AT_ALL = 0.95


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
    since = bool(signals.successes_since_modified) and not pass_by_chance(signals)
    return alone and bool(signals.quiet_before_modified) and since


def _rest_of_the_lane(case: Case) -> bool:
    """In a single lane nothing else can succeed but halves of split batches, until the record is
    alone, and records beside those that the function reports as failed."""
    signals = case.signals
    if not signals.newest_error_share:
        counted = Metric.INVOKED_EVENTS in case.evidence.metrics
        fails = bool(signals.failed_event_share)
        return counted and fails and bool(signals.processed_per_second)
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
        if beside and not signals.newest_error_share and not _keeps_failing(case):
            return unseen("whether it is one record that fails again and again", *readings)
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
    if rest < standing:
        return None, f"{standing} of the stream's shards do not move, and {rest} do"
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
