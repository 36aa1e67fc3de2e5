"""What of a flow its readings can tell. Pure."""

from collections.abc import Mapping
from datetime import timedelta

from remediator.decide.flow import Flow
from remediator.decide.moving import (
    CLIMBS_STEADILY,
    HARDLY_MOVES,
    changed_lately,
    is_a_burst,
)
from remediator.evidence.signals import Signals
from remediator.model import Evidence
from remediator.policy import Policy, Thresholds


def as_far_as_known(flow: Flow, evidence: Evidence, signals: Signals, policy: Policy) -> Flow:
    """The flow without what its readings cannot tell.

    Of more than the window shows, that is how much waits; of a mapping that was changed just now,
    that and how much is done. So is what is done where the course of the age contradicts the pace
    (lanes that could do far more, while nothing refuses them and the oldest record does not move),
    and what more lanes would do where each is slower than usual.
    """
    if (signals.age_seconds or 0.0) >= evidence.window_seconds and flow.backlog_records:
        flow = flow.model_copy(update={"backlog_records": None})
    if changed_lately(evidence):
        return flow.model_copy(update={**_NO_PACE, "backlog_records": None})
    if _climbs_all_the_same(signals, flow.as_it_is()):
        return flow.model_copy(update=_NO_PACE)
    if slower_lanes(evidence, signals, policy.thresholds):
        flow = flow.model_copy(update={"lane_capacity_per_second": None})
    could, slope = flow.as_it_is(), signals.age_slope or 0.0
    done, refused = signals.processed_per_second, signals.throttle_share or 0.0
    if could is None or done is None or refused >= policy.thresholds.throttle_share:
        return flow
    if slope >= HARDLY_MOVES and done < _FAR_LESS * could:
        return flow.model_copy(update=_NO_PACE)
    return flow


_NO_PACE: Mapping[str, float | None] = {"lane_capacity_per_second": None, "done_per_second": None}
# Of what the lanes could do: then it is not their number that counts.
_FAR_LESS = 0.5


def _climbs_all_the_same(signals: Signals, done: float | None) -> bool:
    """Whether the age climbs although more is done than comes in, and no burst is worked off: then
    it is of a part of the lanes, of whose pace that says nothing."""
    arrives, slope = signals.arrival_per_second, signals.age_slope
    if arrives is None or done is None or slope is None:
        return False
    return done > arrives and slope >= CLIMBS_STEADILY and not is_a_burst(signals)


def slower_lanes(evidence: Evidence, signals: Signals, thresholds: Thresholds) -> bool:
    """Whether a lane gets less done than usual, and not for new code: then what stands behind may
    be at its limit, and what more lanes would do nobody knows."""
    ratio, rate, usual = thresholds.saturation_ratio, signals.lane_rate, signals.usual_lane_rate
    slower = rate is not None and usual is not None and rate * ratio <= usual
    a_little = (signals.slowdown or 0.0) >= (1 + ratio) / 2
    return (slower or a_little) and not _deployed_at_onset(evidence, signals, thresholds)


def _deployed_at_onset(evidence: Evidence, signals: Signals, thresholds: Thresholds) -> bool:
    """Whether the function was changed when the lag began: then it is the code that is slow."""
    changed = evidence.function.last_modified if evidence.function else None
    if changed is None or signals.onset is None:
        return False
    return abs(signals.onset - changed) <= timedelta(minutes=thresholds.deploy_minutes)
