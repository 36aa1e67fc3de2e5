"""Whether lanes have more to do than they can, whatever fails in them. Pure."""

from math import inf

from remediator.decide.case import Case
from remediator.evidence.signals import Signals

# Of what fails; AWS was seen to wait about so long.
SECONDS_BETWEEN_TRIES = 10


def loaded(case: Case) -> bool:
    """Whether far more comes in than usual."""
    now, usual = case.signals.peak_arrival_per_second, case.signals.usual_arrival_per_second
    times = case.policy.thresholds.saturation_ratio
    return now is not None and bool(usual) and now >= times * (usual or 0.0)


def fails_a_minute(signals: Signals) -> float:
    """Invocations that fail."""
    share, done = signals.error_share or 0.0, signals.successes_per_minute or 0.0
    return done * share / (1 - share) if share < 1 else inf


def failing_share_of_lanes(case: Case) -> float | None:
    """The share of all lanes' time that goes to what fails: its own, and waiting to try again."""
    signals, longest = case.signals, case.signals.duration_max_ms
    if not signals.lanes or longest is None:
        return None
    each = longest / 1000 + SECONDS_BETWEEN_TRIES
    return fails_a_minute(signals) * each / (60 * signals.lanes)


def all_are_taken(case: Case) -> bool:
    """Whether every lane is at work, or waits to try again what has failed in it."""
    signals = case.signals
    waits = fails_a_minute(signals) * SECONDS_BETWEEN_TRIES / 60
    taken = (signals.busy_lanes or 0.0) + waits
    return taken >= case.policy.thresholds.busy_share * (signals.lanes or 1)


def more_than_full_batches_hold(case: Case) -> bool:
    """Whether more comes in than all lanes would get done, were every batch full and none failed:
    each record takes as long as ever, so that what fails has not made them slow."""
    signals, mapping, limits = case.signals, case.evidence.mapping, case.policy.thresholds
    arrives, took, lanes = signals.arrival_per_second, signals.duration_ms, signals.lanes
    alone = case.evidence.sibling_mappings == 0 and signals.others_invoke is not True
    if mapping is None or arrives is None or not took or not lanes or not alone:
        return False
    as_ever = signals.slowdown is not None and signals.slowdown <= _AS_EVER
    busy = (signals.busy_share or 0.0) >= limits.busy_share
    return as_ever and busy and arrives >= _MORE * lanes * mapping.batch_size * 1000 / took


# Times as long as usual: no more than chance. Times as much as would be done: more than that.
_AS_EVER, _MORE = 1.25, 1.5
