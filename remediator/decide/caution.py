"""Whether the first step is a small one, since something hints that the whole would do harm."""

from collections.abc import Sequence
from datetime import datetime

from remediator.decide import spare
from remediator.decide.case import Case
from remediator.decide.chance import by_chance
from remediator.decide.flow import observe
from remediator.decide.known import slower_lanes
from remediator.evidence.metrics import Metric
from remediator.evidence.signals import LAST_MINUTES, Signals
from remediator.model import (
    Busy,
    Evidence,
    Series,
)
from remediator.policy import Policy


def weighed(
    case: Case,
    *,
    claimed: int = 0,
    unreserved_minimum: int | None = None,
    held: bool = False,
    quarantine_arn: str | None = None,
    destination_usable: bool | None = None,
    busiest: tuple[Busy, ...] | None = None,
) -> Case:
    """The case, with what levers turn on. ``claimed`` is concurrency promised to other incidents;
    ``unreserved_minimum`` what AWS has told to be this account's own. ``held``: a first step has
    cost no lane anything, so that the rest of the way needs no care."""
    evidence, signals, policy = case.evidence, case.signals, case.policy
    return case._replace(
        flow=observe(evidence, signals, policy.thresholds),
        claimed=claimed,
        spare_concurrency=spare.spare_concurrency(evidence, signals, policy, claimed),
        spare_reservation=spare.spare_reservation(
            evidence, signals, policy, claimed, unreserved_minimum
        ),
        unreserved_minimum=policy.limits.unreserved_minimum
        if unreserved_minimum is None
        else unreserved_minimum,
        quarantine_arn=quarantine_arn,
        destination_usable=destination_usable,
        busiest=busiest,
        careful=not held and _careful(evidence, signals, policy, explained=case.diagnosis.proven),
        warned=not case.diagnosis.proven and _warned(evidence, signals, policy),
        untried=not held and _untried(signals, policy),
    )


def _careful(
    evidence: Evidence, signals: Signals, policy: Policy, *, explained: bool = False
) -> bool:
    """Whether a large raise should go in steps: a lane gets less done than before, more fails than
    usual and not for a record that is being given up, or did under this load, what fails is lost at
    once, more than that record may fail while what fails is given up, or somebody named alarms of
    what stands behind."""
    mapping, downstream = evidence.mapping, slower_lanes(evidence, signals, policy.thresholds)
    isolating = mapping is not None and mapping.bisect_on_error
    failing = (signals.error_minutes or 0) > 0 and _fails_more(evidence, signals)
    failing = failing or _fails_under_load(evidence, signals, policy) is not None
    unexplained = failing and not isolating and not explained
    loses = mapping is not None and mapping.loses_what_fails
    chance = signals.stands_still_by_chance or 0.0
    loses = loses or (explained and chance > policy.thresholds.chance)
    return downstream or unexplained or loses or bool(policy.downstream_alarms)


def _fails_more(evidence: Evidence, signals: Signals) -> bool:
    """Whether more fails since it lags than before, and not by chance; also where that was not
    seen."""
    minutes = _counted(evidence)
    since = [at for at in minutes if signals.onset is None or at >= signals.onset]
    before = [at for at in minutes if at not in since]
    return not before or not since or _oftener(evidence, since, before)


def _warned(evidence: Evidence, signals: Signals, policy: Policy) -> bool:
    """Whether errors have come with the load, and go on. What has ended under the same load did not
    come of it; nor do the tries of a record that is shown to be bad."""
    found = _fails_under_load(evidence, signals, policy)
    if found is None:
        return False
    under, before = found
    newest, earlier = under[-LAST_MINUTES:], under[:-LAST_MINUTES]
    ended = bool(earlier) and _oftener(evidence, earlier, newest)
    return not ended or _oftener(evidence, newest, before)


def _fails_under_load(
    evidence: Evidence, signals: Signals, policy: Policy
) -> tuple[list[datetime], list[datetime]] | None:
    """The minutes under a load, and those before, where both signs are there: few lanes while far
    more comes in than usual, and invocations that fail more often since, and not by chance."""
    usual, arriving = signals.usual_arrival_per_second, evidence.metrics.get(_ARRIVING)
    if not usual or arriving is None or (signals.lanes or 0) > _FEW_LANES:
        return None
    many = policy.thresholds.saturation_ratio * 60 * usual
    loaded = {at for at, count in arriving.points if count >= many}
    seen = _counted(evidence)
    under = [at for at in seen if at in loaded]
    before = [at for at in seen if at < min(loaded, default=at)]
    return (under, before) if under and before and _oftener(evidence, under, before) else None


_ARRIVING = Metric.INCOMING_RECORDS


def _counted(evidence: Evidence) -> list[datetime]:
    """Minutes in which both invocations and errors were counted."""
    errors = dict(_points(evidence, Metric.ERRORS))
    return [at for at, _ in _points(evidence, Metric.INVOCATIONS) if at in errors]


def _points(evidence: Evidence, metric: Metric) -> Sequence[tuple[datetime, float]]:
    return (evidence.metrics.get(metric) or Series()).points


def _oftener(evidence: Evidence, now: Sequence[datetime], before: Sequence[datetime]) -> bool:
    """Whether invocations fail more often in some minutes than in others, and not by chance."""
    counts = dict(_points(evidence, Metric.INVOCATIONS))
    errors = dict(_points(evidence, Metric.ERRORS))
    failed = sum(errors[at] for at in now), sum(counts[at] for at in now)
    failed_before = sum(errors[at] for at in before), sum(counts[at] for at in before)
    return not by_chance(*failed, *failed_before)


def _untried(signals: Signals, policy: Policy) -> bool:
    """Whether a raise would go far beyond what was ever seen, and something hints that it may cost:
    there are few lanes, more keeps coming in than ever before, and a record takes longer since, or
    whether anything fails was not seen.

    A burst that is over says nothing of it; nor do lanes that were raised already and get as much
    done each as when they were few.
    """
    usual, now = signals.usual_arrival_per_second, signals.arrival_per_second
    ratio = policy.thresholds.saturation_ratio
    if not usual or now is None or (signals.lanes or 0) > _FEW_LANES:
        return False
    narrow, rate = signals.narrow_lane_rate, signals.lane_rate
    held = narrow is not None and rate is not None and rate >= _HELD * narrow
    hint = (signals.slowdown or 0.0) >= _A_TRACE or signals.error_minutes is None
    return now >= ratio * usual and hint and not held


# Up to so many, a raise multiplies what the service behind has ever seen at once.
_FEW_LANES = 8


# Times as long as usual: less than what counts as slower, and more than chance.
_A_TRACE = 1.1


# Of what a lane got done before there were more: then the raise has cost none of them anything.
_HELD = 0.9
