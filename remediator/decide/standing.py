"""Questions about one place that stands still while others get on."""

from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.decide.failing import LIKELY, like_a_clock, nothing_gets_on, stuck
from remediator.decide.halving import halves_succeed, pass_by_chance
from remediator.evidence.metrics import Metric
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
    first = went_on >= NOTHING * usual and signals.stands_still_by_chance <= LIKELY
    return when(
        first and stuck(case),
        "others went on while the oldest record stood still already"
        if first
        else "nothing shows that it began in one place",
        *readings,
    )


# Of the usual, which is next to nothing.
NOTHING = 0.1


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
    unlikely = signals.lanes == 1 or shown_by_a_lane(case)
    if nothing_gets_on(case):
        return Finding(NO, "the youngest batches grow older as well: no place gets on", readings)
    if not unlikely and by_chance > LIKELY:
        return Finding(NO, "failures here and there could make it stand still as well", readings)
    alone = case.evidence.sibling_mappings == 0
    if signals.lanes == 1 and alone and not counted and not rest_of_the_lane(case):
        return Finding(NO, "nothing succeeds beside it", readings)
    because = "the oldest record does not move while other batches succeed"
    return Finding(YES, because, readings)


def shown_by_a_lane(case: Case) -> bool:
    """Whether something succeeds since the only shard has more lanes or splits its batches, and
    nothing did in the minutes before: then it is the change's doing, and this mapping's."""
    signals = case.signals
    alone = case.evidence.open_shards == 1 and case.evidence.sibling_mappings == 0
    since = bool(signals.successes_since_modified) and not pass_by_chance(signals)
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
