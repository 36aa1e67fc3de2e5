"""Why a slow consumer is left alone for now: a restart would lose, or hardly win. Pure."""

from collections.abc import Sequence
from math import inf

from remediator.decide import forecast
from remediator.decide.case import Case
from remediator.decide.easing import just_over
from remediator.decide.waiting import CLIMBS
from remediator.model import Cause, Change
from remediator.policy import ForecastKnobs

# Of the time that a cheaper set takes: forecasts are no better than that.
BY_FAR = 0.8


def why(here: Case, alone: float | None, helped: float | None, made: Sequence[Change]) -> str:
    """In words; empty where changes are to be made.

    ``alone`` and ``helped``: seconds until what waits is gone, with nothing done and with the
    changes; infinite for never, ``None`` where it is not known.
    """
    if here.diagnosis.cause is not Cause.SLOW_CONSUMER:
        return ""
    if _waits_as_well(alone, helped, here.policy.forecast):
        told = "unknown" if helped is None else f"{helped:.0f} s"
        return (
            f"what waits is gone in about {alone:.0f} s with nothing done; with "
            f"{forecast.name_of(made)} it would take {told}, the mapping's restart included"
        )
    if alone is None and just_over(here.evidence, here.signals, here.policy.thresholds):
        return (
            "what held the records is over just now, and how fast what waits becomes less shows in "
            "the next minutes: a restart would only hold it up"
        )
    return _worked_off(here, made) or _hardly_late(here, made)


def _waits_as_well(alone: float | None, helped: float | None, knobs: ForecastKnobs) -> bool:
    """Whether what waits is gone about as soon with nothing done, which costs nothing: a restart
    that loses, or hardly wins, is not made."""
    if alone is None or alone == inf:
        return False
    soon = alone <= knobs.drain_target_seconds
    return soon or (helped is not None and alone * BY_FAR <= helped)


def _worked_off(here: Case, made: Sequence[Change]) -> str:
    """Why a restart is not made for a burst that is over, and of which the lanes get the rest done
    while the mapping would stand still. Of one that was to be gone by what was seen, and is not,
    their work tells nothing."""
    signals, flow = here.signals, here.flow
    left, lanes, rate = signals.burst_left_records, signals.burst_lanes, signals.usual_lane_rate
    if flow is None or left is None or not signals.burst_left_seen_records or not lanes or not rate:
        return ""
    stands = forecast.restart_of(flow, made, here.policy.forecast)
    if left / (lanes * rate) >= stands:
        return ""
    return (
        f"by the work that lanes have had since the burst it is gone in about "
        f"{left / (lanes * rate):.0f} s: the mapping's restart would take {stands:.0f} s"
    )


def _hardly_late(here: Case, made: Sequence[Change]) -> str:
    """Why a restart is not made for records that wait a little longer than is normal, and not
    longer and longer, while lanes have time for more."""
    signals, flow = here.signals, here.flow
    if (signals.busy_share or 0.0) >= here.policy.thresholds.busy_share:
        return ""
    stands = forecast.restart_of(flow, made, here.policy.forecast) if flow else 0.0
    if not stands or signals.age_seconds is None or (signals.age_slope or 0.0) >= CLIMBS:
        return ""
    late = max(0.0, signals.age_seconds - signals.normal_age_seconds)
    if late >= stands:
        return ""
    return (
        f"records wait {late:.0f} s longer than is normal, and hardly longer each minute: the "
        f"mapping's restart alone would add about {stands:.0f} s"
    )
