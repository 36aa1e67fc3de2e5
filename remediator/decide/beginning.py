"""Questions about what has only just begun to fail, or has begun to succeed beside it. Pure."""

from remediator.decide.case import NO, YES, Case, Finding, unseen, when
from remediator.decide.failing import (
    NO_MORE_THAN,
    a_little_beside_the_work,
    failed_before,
    nothing_gets_on,
    several_fail_at_once,
    stuck,
)
from remediator.decide.halving import AS_OF_A_SECOND_LANE
from remediator.decide.standing import shown_by_a_lane, too_early
from remediator.evidence.metrics import Metric
from remediator.evidence.series import series_of
from remediator.evidence.signals import LAST_MINUTES, Signals


def begins_in_one_place(case: Case) -> Finding:
    """A record that is tried seldom is one failure of many invocations, and its age tells little
    until it was tried a few times: the newest try may lie at the start of its minute. That such
    failures come by chance in one lane alone is told by their count."""
    signals, limits = case.signals, case.policy.thresholds
    readings = (
        case.reading("error_minutes"),
        case.reading("error_share"),
        case.reading("error_share_before"),
        case.reading("one_by_chance"),
        case.reading("age_slope", "s/s"),
        case.reading("climbing_minutes", "min"),
        case.reading("busy_share"),
        case.reading("read_throttled_minutes", "min"),
    )
    by_chance = 1.0 if signals.one_by_chance is None else signals.one_by_chance
    again = (signals.error_minutes or 0) >= limits.sustained_minutes
    again = again and not failed_before(signals) and not _as_much_before(case)
    apart = by_chance <= limits.chance and not nothing_gets_on(case)
    climbs = (signals.age_seconds or 0.0) > signals.normal_age_seconds and not signals.falling
    early = climbs and not stuck(case) and too_early(case)
    busy = a_little_beside_the_work(case) and _busier_than_usual(signals)
    refused = (signals.read_throttled_minutes or 0) >= limits.sustained_minutes
    begins = again and apart and early and not busy and not refused
    return when(
        begins,
        "the age climbs since a little fails, minute after minute and hardly by chance, and the "
        "lanes have time to spare, or as much as ever"
        if begins
        else "nothing shows that something has begun to fail in one place",
        *readings,
    )


def _busier_than_usual(signals: Signals) -> bool:
    """Lanes that are as busy as while they kept up do not lag for that."""
    now, usual = signals.busy_lanes, signals.usual_busy_lanes
    return now is None or usual is None or now > _AS_EVER * usual


_AS_EVER = 1.1


def _as_much_before(case: Case) -> bool:
    """Whether about as much failed in all the minutes before the newest, however little that is."""
    failed, tried = (
        dict(found.points) if found else {}
        for found in (
            series_of(case.evidence, metric) for metric in (Metric.ERRORS, Metric.INVOCATIONS)
        )
    )
    at = sorted(tried)[:-LAST_MINUTES]
    before = sum(failed.get(minute, 0.0) for minute in at)
    among = sum(tried[minute] for minute in at)
    share = case.signals.error_share or 0.0
    return bool(among) and share <= NO_MORE_THAN * before / among


def a_second_lane_succeeded(case: Case) -> Finding:
    """Other lanes of a shard go on beside the one that fails until as much is read ahead of it as
    may be, and stand still then: what they got done in between hints at one record. It proves none
    (invariant 2): what is down, and up for a moment after a restart, looks like it."""
    signals = case.signals
    readings = (
        case.reading("lanes"),
        case.reading("quiet_before_modified"),
        case.reading("successes_since_modified", "invocations"),
        case.reading("successes_by_chance"),
        case.reading("failures_grew", "times"),
    )
    if signals.lanes == 1 or several_fail_at_once(case) or not shown_by_a_lane(case):
        return Finding(NO, "nothing shows that a second lane got anything done", readings)
    if signals.failures_grew is None:
        return unseen("whether more than one lane fails by now", *readings)
    if signals.failures_grew >= AS_OF_A_SECOND_LANE:
        return Finding(NO, "more than one lane fails by now", readings)
    because = "records succeeded since the mapping was changed, and no second lane fails since"
    return Finding(YES, because, readings)
