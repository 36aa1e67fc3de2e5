"""Whether the age is of something else than records that wait. Pure."""

from remediator.evidence.age import late_from
from remediator.evidence.course import ages
from remediator.evidence.signals import Signals
from remediator.model import Evidence
from remediator.policy import Thresholds

# Seconds of age a second; less is the beat of the batches. Of no more than is normal, ages come and
# go.
CLIMBS, CLIMBS_WITHIN_NORMAL = 0.2, 0.5


def nothing_waits(signals: Signals, limits: Thresholds) -> bool:
    """Whether no record waits for more than its batch, whatever its age."""
    return of_an_old_record(signals) or within_normal(signals) or short_spike(signals, limits)


def of_an_old_record(signals: Signals) -> bool:
    """Whether the age is that of one old record that was read."""
    return signals.age_jump_seconds is not None and signals.age_slope is None


def below_the_alarm(signals: Signals, limits: Thresholds) -> bool:
    """Whether nothing is late, nor will be."""
    age = signals.age_seconds
    level = signals.age_slope is not None and _is_level(signals)
    return (
        age is not None
        and level
        and age < limits.alarm_seconds
        and not _will_be_late(signals, limits)
    )


def within_normal(signals: Signals) -> bool:
    """Whether the age is no more than without any lag."""
    age = signals.age_seconds
    return age is not None and age <= signals.normal_age_seconds and _is_level(signals)


def short_spike(signals: Signals, limits: Thresholds) -> bool:
    """Whether the age has been high for a minute only, while lanes had time for more."""
    idle = signals.busy_share is not None and signals.busy_share < limits.busy_share
    late, most = signals.late_minutes, limits.alarm_seconds + 60 * limits.sustained_minutes
    brief = late is not None and 0 < late < limits.sustained_minutes
    brief = brief and (signals.age_slope or 0.0) < CLIMBS
    return idle and brief and (signals.age_seconds or 0.0) < most


def late_and_climbs(signals: Signals, limits: Thresholds) -> bool:
    """Whether records wait for longer than their owner calls late, and ever longer: so does what
    has published no age since, while records arrive."""
    late = (signals.age_seconds or 0.0) >= late_from(signals, limits)
    return late and (signals.age_slope or 0.0) >= CLIMBS


def was_late(evidence: Evidence, signals: Signals, limits: Thresholds, *, newest: int) -> bool:
    """Whether it lagged in one of so many ages, whatever the newest of all says: that may be of
    what gets on alone."""
    was = max((age for _, age in ages(evidence)[-newest:]), default=0.0)
    return was >= late_from(signals, limits)


def _is_level(signals: Signals) -> bool:
    """Also where no course of the age is seen."""
    beyond = (signals.age_seconds or 0.0) > signals.normal_age_seconds
    return (signals.age_slope or 0.0) < (CLIMBS if beyond else CLIMBS_WITHIN_NORMAL)


_CLIMBS_FOR_GOOD, _TRIFLE_SECONDS = 10, 10.0


def _will_be_late(signals: Signals, limits: Thresholds) -> bool:
    """Whether an age below the alarm has climbed minute after minute, while every lane is busy and
    more comes in than is done."""
    arrives, done = signals.arrival_per_second, signals.processed_per_second
    return (
        (signals.age_seconds or 0.0) >= _TRIFLE_SECONDS
        and (signals.age_slope or 0.0) > 0
        and (signals.climbing_minutes or 0) >= _CLIMBS_FOR_GOOD
        and (signals.busy_share or 0.0) >= limits.busy_share
        and arrives is not None
        and done is not None
        and arrives > done
    )
