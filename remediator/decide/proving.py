"""When a record that stands still will be proven to be to blame, by nothing but time."""

from math import log

from remediator.decide.case import Case
from remediator.decide.failing import like_a_clock
from remediator.decide.health import by_chance, rest_gets_on, testimony
from remediator.decide.silent import lanes_or_most_at_once
from remediator.evidence.metrics import Metric
from remediator.evidence.signals import LAST_MINUTES
from remediator.model import Cause


def proven_soon(case: Case) -> float | None:
    """Minutes until time alone proves it, where that is sooner than a restart could show."""
    minutes, knobs = proven_in(case), case.policy.forecast
    late = case.signals.late_by(case.policy.thresholds.metric_delay_seconds)
    soon = minutes is not None and 60 * (minutes - 1) <= knobs.usual_restart_seconds + late
    return minutes if soon else None


def proven_in(case: Case) -> float | None:
    """Minutes until time alone proves it, where nothing has yet."""
    found = case.diagnosis
    waits = found.cause is Cause.POISON_RECORD and not found.proven
    return shows_in(case) if waits else None


def shows_in(case: Case) -> float | None:
    """Minutes until it is proven by itself, if the record goes on standing still and nothing else
    is missing for it. ``None``: time alone will not tell.

    Each minute makes failures at random less likely by as much as each of those before; and where
    the age has not been seen for long since the oldest record came, or what the others get done
    since it fails, the next one may show that.
    """
    signals, enough = case.signals, case.policy.thresholds.chance
    chance, still, lanes = by_chance(case), signals.still_minutes, lanes_or_most_at_once(case)
    if _began_just_now(case):
        return 1.0
    if chance is None or not still or not lanes or lanes == 1:
        return None
    if testimony(case)[0] is None or not rest_gets_on(case):
        return None
    too_young = signals.oldest_slope is None and not like_a_clock(signals)
    if chance <= enough:
        return 1.0 if too_young else None
    if chance >= 1 or not (too_young or like_a_clock(signals)):
        return None
    each = (log(lanes) - log(chance)) / still
    return (log(chance) - log(enough)) / each


def _began_just_now(case: Case) -> bool:
    """Whether no whole minute of it was seen yet, though a place stands still that is one of
    several: what the others get done shows in the next one. Where no failure is counted, that is
    seen by how many batches are young."""
    signals, mapping = case.signals, case.evidence.mapping
    alone = case.evidence.sibling_mappings == 0 and (signals.lanes or 1) > 1
    begins = signals.failing_since is not None and signals.failing_successes_per_minute is None
    if mapping is not None and mapping.reports_partial_batches:
        seen = signals.young_share is not None or Metric.MEAN_AGE_MS not in case.evidence.metrics
        begins = not seen and (signals.still_minutes or 0) <= LAST_MINUTES
    return alone and begins and bool(signals.others_move)
