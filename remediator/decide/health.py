"""Is it shown that this mapping's own records succeed? What proves that its function is healthy."""

from remediator.decide.case import NO, YES, Case, Finding, unseen
from remediator.decide.failing import like_a_clock, nothing_gets_on, times_out
from remediator.decide.silent import most_lanes_try_in_vain
from remediator.decide.standing import NOTHING, rest_of_the_lane, shown_by_a_lane
from remediator.evidence.age import LONGEST_WAIT_SECONDS
from remediator.evidence.metrics import Metric
from remediator.evidence.signals import Signals
from remediator.model import Reading


def own_records_succeed(case: Case) -> Finding:
    """Proof of health is positive, and comes from this mapping's own records: what other triggers
    of its function get done shows nothing, and some of them AWS does not list (invariant 2)."""
    signals = case.signals
    readings = (
        case.reading("stuck_shards"),
        case.reading("event_share"),
        case.reading("batch_share"),
        case.reading("others_move"),
        case.reading("young_share"),
        case.reading("read_share"),
        case.reading("reads_dropped"),
        case.reading("failed_event_share"),
        Reading(name="sibling_mappings", value=case.evidence.sibling_mappings),
    )
    if signals.lanes == 1:
        beside = rest_of_the_lane(case)
        if beside and not signals.newest_error_share and not _keeps_failing(case):
            return unseen("whether it is one record that fails again and again", *readings)
        if beside and _all_that_is_sent_fails(case):
            return unseen("any record that succeeds beside those that fail", *readings)
        said = "records beside the bad one succeed" if beside else None
        return _said(said, None, readings)
    good, bad = testimony(case)
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


def testimony(case: Case) -> _Words:
    """What the first witness says that says anything: for health, or against it, or nothing."""
    witnesses = (_by_a_lane, _by_shards, _by_events, _by_batches, _by_young_ones, _by_reads)
    words = (witness(case) for witness in witnesses)
    return next((word for word in words if word != _SILENT), _SILENT)


def _healthy_share(case: Case) -> float:
    """What all shards but one get done; with one shard, all lanes but one. Of how many places there
    are nobody knows, as in a stream of another account, nearly all."""
    if case.evidence.open_shards is None:
        return 1.0
    places = max(case.evidence.open_shards or 1, 1)
    places = places if places > 1 else case.signals.lanes or 1
    return (places - 1) / places


def _by_a_lane(case: Case) -> _Words:
    said = "records succeed since the mapping was changed, and none did just before"
    return (said, None) if shown_by_a_lane(case) else _SILENT


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
    seen = len(shards) > 1 and all(shard.shard_id in ages for shard in shards if shard.is_open)
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
    return _for_or_against(share, share, _healthy_share(case), said)


def _for_or_against(share: float, at_most: float | None, healthy: float, said: str) -> _Words:
    """About as much as healthy places get done, or next to nothing, and no more than that for all
    that so few counts may mean (``at_most``); between them it is not told: the mapping may have
    restarted."""
    if share > 0 and share >= _HALF * healthy:
        return said, None
    few = at_most is not None and at_most < _HALF * healthy
    return (None, said) if few and share <= NOTHING * healthy else _SILENT


_HALF, _NEARLY = 0.5, 0.9


def _by_batches(case: Case) -> _Words:
    """A function that reports partial batches succeeds whatever it reports: there its batches tell
    nothing. Nor do young batches, there or elsewhere: the first try of a record is always young,
    and with lanes to spare there is always one, though every record fails."""
    signals, mapping = case.signals, case.evidence.mapping
    share, partial = signals.batch_share, mapping is None or mapping.reports_partial_batches
    if partial or share is None:
        return _SILENT
    said = f"of the stream's batches, {share:.0%} of the usual succeed"
    good, bad = _for_or_against(share, signals.batch_share_at_most, _healthy_share(case), said)
    return good, None if signals.others_invoke or signals.others_move else bad


def _by_young_ones(case: Case) -> _Words:
    """Batches that are young as often as ever: nothing but a success lets a lane go on to them."""
    share = case.signals.young_share
    if share is None or not case.signals.others_move:
        return _SILENT
    said = f"of the stream's batches, {share:.0%} of the usual are young, so that lanes get on"
    return (said, None) if share >= _MOST_OF_IT * _healthy_share(case) else _SILENT


_MOST_OF_IT = 0.75


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
        told = _others_move_in_one_lane(case) and not most_lanes_try_in_vain(case)
        by_one, beyond = by_one and told, False
    if by_one or beyond:
        return f"reads of the stream go on at {share:.0%} of what arrives", None
    said = f"reads of the stream are down to {share:.0%} of what arrives"
    bad = _for_or_against(share, signals.read_share_at_most, enough, said)[1]
    return None, bad if alone else None


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


def _all_that_is_sent_fails(case: Case) -> bool:
    """Whether by the mapping's own counts nothing that is sent succeeds any more: some did in the
    minute in which that began."""
    share = case.signals.failed_event_share
    return share is not None and share >= case.policy.thresholds.total_failure_share


def _beyond_chance(case: Case) -> bool:
    """Whether it is sure enough to lose records by (invariant 2): failures at random would not look
    like it, and the rest gets done what it usually does. Where failures are errors and it is not
    told how likely those are by chance, as where none is of the newest minutes, it is not sure. Nor
    is it by a lane that succeeds, where what fails runs into the timeout, as good ones may: batches
    that have become smaller end in time, too."""
    chance, signals = by_chance(case), case.signals
    if signals.lanes == 1 or (shown_by_a_lane(case) and times_out(case).answer is not YES):
        return True
    unlikely = _seldom_by_reports(case) if chance is None else _seldom(case, chance)
    return unlikely and _all_but_chance(case)


def _seldom_by_reports(case: Case) -> bool:
    """Where failures are no errors, but reported by the function record by record: whether the
    oldest one would not fail at every try if records failed at random, as many as do."""
    signals, mapping = case.signals, case.evidence.mapping
    if mapping is None or not mapping.reports_partial_batches or signals.error_minutes:
        return False
    share, took = signals.failed_event_share, (signals.duration_max_ms or 0.0) / 60_000
    tries = (signals.still_minutes or 0.0) / (LONGEST_WAIT_SECONDS / 60 + took)
    return share is None or _seldom(case, share**tries)


def by_chance(case: Case) -> float | None:
    """How likely failures at random would look like it: by those that are counted; else, where
    young batches tell, by those that may hide."""
    counted = case.signals.stands_still_by_chance
    if counted is None and testimony(case) == _by_young_ones(case):
        return case.signals.young_by_chance
    return counted


def _seldom(case: Case, chance: float) -> bool:
    return chance <= case.policy.thresholds.chance


def _all_but_chance(case: Case) -> bool:
    """Whether it stands like a clock and keeps failing, while the rest gets done what it does."""
    return like_a_clock(case.signals) and rest_gets_on(case)


def rest_gets_on(case: Case) -> bool:
    """Whether it keeps failing in one place, while the rest gets done what it does."""
    signals, shards = case.signals, case.evidence.open_shards or 0
    if not _keeps_failing(case) or nothing_gets_on(case):
        return False
    counted = signals.stuck_shards is not None and shards > 1
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
    """Whether the rest has succeeded all the time, about as often as before, or less often by as
    much as less comes in, even in the busiest minute."""
    signals, shards = case.signals, case.evidence.open_shards
    goes_on, usual = signals.successes_may_be, signals.usual_successes_per_minute
    if goes_on is None or not usual or not shards:
        return True
    came, usually = signals.peak_arrival_per_second, signals.usual_arrival_per_second
    usual *= min(1.0, came / usually) if came and usually else 1.0
    share = 0.5 * ((shards - 1) / shards if shards > 1 else 0.5)
    typical = signals.failing_successes_per_minute
    steady = min(goes_on, goes_on if typical is None else typical) >= share * usual
    some = bool(signals.successes_per_minute)
    return some and (steady or _as_many_records(signals) or _as_much_work(signals, share))
