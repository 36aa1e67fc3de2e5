"""Questions about one place that stands still while others get on."""

from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.decide.failing import (
    LIKELY,
    like_a_clock,
    nothing_gets_on,
    reads_run_ahead,
    several_fail_at_once,
    stuck,
    times_out,
)
from remediator.decide.halving import (
    good_ones_would_end,
    halves_succeed,
    is_no_doing_of_the_change,
)
from remediator.decide.overload import SECONDS_BETWEEN_TRIES, loaded
from remediator.decide.silent import most_lanes_try_in_vain
from remediator.evidence.metrics import Metric
from remediator.evidence.signals import LAST_MINUTES, Signals
from remediator.model import Reading


def began_in_one_place(case: Case) -> Finding:
    """Shards may stop one after another, each at a record of its own: then others went on while the
    first stood still already, for longer than by chance."""
    signals = case.signals
    readings = (
        case.reading("one_by_chance"),
        case.reading("failing_successes_per_minute"),
        case.reading("usual_successes_per_minute"),
        case.reading("failures_spread", "times"),
        case.reading("age_slope", "s/s"),
        Reading(name="sibling_mappings", value=case.evidence.sibling_mappings),
    )
    if case.evidence.sibling_mappings != 0:
        return unseen("whether what went on is of this mapping", *readings)
    went_on, usual = signals.failing_successes_per_minute, signals.usual_successes_per_minute
    if signals.one_by_chance is None or went_on is None or not usual:
        return unseen("what succeeded since it fails", *readings)
    first = went_on >= _WENT_ON * usual and signals.one_by_chance <= LIKELY
    first = first or _no_new_place_fails(case, usual)
    return when(
        first and stuck(case),
        "others went on while the oldest record stood still already"
        if first
        else "nothing shows that it began in one place",
        *readings,
    )


# Of the usual: what is next to nothing, and what some of a few places get done.
NOTHING, _WENT_ON = 0.1, 0.25


def _no_new_place_fails(case: Case, usual: float) -> bool:
    """Whether as much fails as when it began, though batches have come for far more lanes since: if
    they failed as well, each would be tried again and again, too. Where little comes in, so little
    that succeeds is all."""
    signals, since = case.signals, case.signals.failing_since
    if signals.failures_spread is None or signals.lanes is None or since is None:
        return False
    minutes = (case.at - since).total_seconds() / 60 - LAST_MINUTES
    at_first, by_now = (min(signals.lanes, usual * max(1.0, n)) for n in (2.0, minutes))
    return by_now >= _FAR_MORE * at_first and signals.failures_spread <= _AS_MANY


_FAR_MORE, _AS_MANY = 2.0, 1.25


def one_shard(case: Case) -> Finding:
    """Where the shards are not seen, as of a stream in another account, several invocations that
    run at once and all fail are of several places as well."""
    shards = case.evidence.open_shards
    readings = (Reading(name="open_shards", value=shards), case.reading("concurrency"))
    if shards is None:
        if several_fail_at_once(case):
            return Finding(NO, "several run at once and fail alike: one record cannot", readings)
        return unseen("the number of shards", *readings)
    if shards == 1 and _several_lanes_had_work(case):
        return Finding(NO, "several lanes were at work, and all of them fail", readings)
    return when(
        shards == 1,
        "with one shard, one record can fail every batch"
        if shards == 1
        else f"{shards} shards fail alike: one record cannot do that",
        *readings,
    )


def _several_lanes_had_work(case: Case) -> bool:
    """Whether more than one lane was at work as a rule; or so many batches have come since it fails
    that they are hardly all one lane's, and nothing has succeeded."""
    signals, lanes = case.signals, case.signals.lanes or 1
    if lanes == 1 or case.evidence.sibling_mappings != 0:
        return False
    if (signals.usual_concurrency or 0.0) >= _TWO or several_fail_at_once(case):
        return True
    since, usual = signals.failing_since, signals.usual_successes_per_minute
    if since is None or usual is None or signals.failing_successes_per_minute != 0:
        return False
    came = usual * ((case.at - since).total_seconds() / 60 - LAST_MINUTES)
    return came > 1 and lanes ** (1 - came) <= _HARDLY


_HARDLY = 0.01


# Invocations at once as a rule, which are several lanes'.
_TWO = 2


def one_is_stuck(case: Case) -> Finding:
    """What succeeds beside it may be another trigger's: whose it is, is asked next."""
    signals = case.signals
    readings = (
        case.reading("age_slope", "s/s"),
        case.reading("still_minutes", "min"),
        case.reading("stuck_shards"),
        case.reading("newest_error_share"),
        case.reading("one_by_chance"),
        case.reading("least_successes_per_minute"),
        case.reading("failing_successes_per_minute"),
        case.reading("usual_successes_per_minute"),
    )
    shards, standing = case.evidence.open_shards or 0, signals.stuck_shards
    counted = standing is not None and shards > 1 and not reads_run_ahead(case)
    if signals.age_slope is None and not counted:
        return unseen("the slope of the age", *readings)
    apart = counted and _stand_apart(case, standing or 0, shards)
    if counted and not (0 < (standing or 0) <= shards // 2 or (standing and apart)):
        return Finding(NO, f"{standing} of {shards} shards do not move", readings)
    if not counted and not stuck(case) and not too_early(case):
        return Finding(NO, "every shard still moves on, only slower", readings)
    failed = (signals.newest_error_share, signals.error_minutes, signals.failed_events_per_minute)
    if signals.newest_error_share is not None and not any(failed):
        return Finding(NO, "nothing fails any more", readings)
    by_chance = signals.one_by_chance
    if by_chance is None:  # no error is counted
        by_chance = _by_the_records_that_fail(signals)
    unlikely = signals.lanes == 1 or shown_by_a_lane(case) or apart
    if nothing_gets_on(case):
        return Finding(NO, "the youngest batches grow older as well: no place gets on", readings)
    if most_lanes_try_in_vain(case):
        return Finding(NO, "far more is tried than the lanes of a few records could", readings)
    chance = None if unlikely else _as_chance_would(case, by_chance)
    if chance is not None:
        return Finding(NO, chance, readings)
    alone = case.evidence.sibling_mappings == 0
    if signals.lanes == 1 and alone and not counted and not rest_of_the_lane(case):
        return Finding(NO, "nothing succeeds beside it", readings)
    because = "the oldest record does not move while other batches succeed"
    return Finding(YES, because, readings)


def _as_chance_would(case: Case, by_chance: float) -> str | None:
    """Why failures at random are a likelier reason than one record, in words."""
    if by_chance > LIKELY:
        return "failures here and there could make it stand still as well"
    if by_chance > case.policy.thresholds.chance and _rest_gets_little_done(case):
        return "the other shards, too, get far less done than usual: it fails here and there"
    return None


def _rest_gets_little_done(case: Case) -> bool:
    """Whether something succeeds in each minute, but less than half of what the other shards get
    done, for all that so few counts may mean: one record holds its own shard, and no other; and
    where each shard has one, nothing succeeds."""
    signals, shards = case.signals, case.evidence.open_shards or 0
    usual, may_be = signals.usual_successes_per_minute, signals.successes_may_be
    alone = case.evidence.sibling_mappings == 0 and not signals.others_invoke
    if shards < _TWO or not alone or not usual or may_be is None or loaded(case):
        return False
    if not signals.least_successes_per_minute:
        return False
    return may_be < _HALF * usual * (shards - 1) / shards


def _by_the_records_that_fail(signals: Signals) -> float:
    """How likely one of the lanes would stand still if each of its tries failed as often as the
    records that are sent do; where those are not counted, only the clock tells."""
    share, still = signals.failed_event_share, signals.still_minutes
    clock = like_a_clock(signals) or signals.age_slope is None
    if not share or still is None or not clock:
        return 0.0 if clock else 1.0
    each = SECONDS_BETWEEN_TRIES + (signals.duration_ms or 0.0) / 1000
    by_chance: float = (signals.lanes or 1) * share ** (60 * still / each)
    return min(1.0, by_chance)


def _stand_apart(case: Case, standing: int, shards: int) -> bool:
    """Whether each shard that stands still holds a bad record of its own: they are few, and the
    rest gets its usual work done; or much of what ever did succeeds, so that failures here and
    there would hold none of them for so long."""
    signals = case.signals
    done, usual = signals.successes_per_minute, signals.usual_successes_per_minute
    alone = case.evidence.sibling_mappings == 0 and bool(signals.others_move)
    as_ever = alone and done is not None and bool(usual) and done >= _HALF * (usual or 0.0)
    if as_ever and (signals.one_by_chance or 1.0) <= case.policy.thresholds.chance:
        return True
    return standing <= _A_FEW and _others_get_all_done(case, shards - standing)


def _others_get_all_done(case: Case, moving: int) -> bool:
    """Whether the shards that move, by their own ages, get done about what they usually do, and
    those that stand still nothing: what fails here and there is alike in all of them."""
    signals, shards = case.signals, case.evidence.open_shards or 0
    done, usual = signals.successes_per_minute, signals.usual_successes_per_minute
    if not signals.others_move or case.evidence.sibling_mappings != 0 or not usual or not moving:
        return False
    return (done or 0.0) >= _HALF * usual * moving / shards


# That a bad record each may hold.
_A_FEW, _HALF = 5, 0.5


def too_early(case: Case) -> bool:
    """Whether the age cannot tell yet what stands still, and goes by nothing else: it is no more
    than a window makes normal, or too few of it were seen since the oldest record came."""
    signals = case.signals
    young = (signals.highest_age_seconds or 0.0) <= signals.normal_age_seconds
    climbs = bool(signals.climbing_minutes) and signals.oldest_slope is None
    hangs = good_ones_would_end(case).answer is YES
    ends = (hangs or times_out(case).answer is NO) and not loaded(case)
    return (young or climbs) and ends and signals.lanes != 1 and not shown_by_a_lane(case)


def shown_by_a_lane(case: Case) -> bool:
    """Whether something succeeds since the only shard has more lanes or splits its batches, and
    nothing did in the minutes before: then it is the change's doing, and this mapping's."""
    signals = case.signals
    alone = case.evidence.open_shards == 1 and case.evidence.sibling_mappings == 0
    since = bool(signals.successes_since_modified) and not is_no_doing_of_the_change(case)
    return alone and bool(signals.quiet_before_modified) and since


def rest_of_the_lane(case: Case) -> bool:
    """In a single lane nothing else can succeed but halves of split batches, until the record is
    alone, and records beside those that the function reports as failed."""
    signals = case.signals
    if not signals.newest_error_share:
        counted = Metric.INVOKED_EVENTS in case.evidence.metrics
        fails = bool(signals.failed_event_share)
        return counted and fails and bool(signals.processed_per_second)
    alone = signals.newest_error_share >= case.policy.thresholds.total_failure_share
    return alone and halves_succeed(case).answer is YES
