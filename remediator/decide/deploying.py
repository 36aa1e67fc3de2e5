"""The question whether the function was changed just before its trouble began."""

from datetime import datetime, timedelta

from remediator.decide.case import NO, YES, Case, Finding, unseen
from remediator.decide.failing import stuck
from remediator.evidence.metrics import Metric
from remediator.evidence.series import points_of
from remediator.model import Reading


def just_deployed(case: Case) -> Finding:
    """What the oldest record that waits has stood still for longer than, is not why. Where no
    failure is counted, it began with that record; where everything fails, with the first minute of
    which nothing succeeded."""
    function = case.evidence.function
    failing_since = _total_since(case) or case.signals.failing_since
    began = (failing_since, case.signals.onset if stuck(case) or not failing_since else None)
    since = min((at for at in began if at is not None), default=None)
    changed = function.last_modified if function else None
    readings = (
        Reading(name="function_last_modified", value=changed.isoformat() if changed else None),
        Reading(name="failing_since", value=since.isoformat() if since else None),
    )
    if changed is None or since is None:
        return unseen("when the function was changed", *readings)
    window = timedelta(minutes=case.policy.thresholds.deploy_minutes)
    just = since - window <= changed <= since + timedelta(minutes=2)
    because = "the function was changed just before" if just else "no change of the function then"
    return Finding(YES if just else NO, because, readings)


def _total_since(case: Case) -> datetime | None:
    """The minute since which nothing has succeeded any more: what failed here and there before,
    as some always does, is another matter."""
    invoked, errors = (
        points_of(case.evidence, metric) for metric in (Metric.INVOCATIONS, Metric.ERRORS)
    )
    bad, since = dict(errors), None
    for at, count in reversed(invoked):
        if count and at in bad and bad[at] < case.policy.thresholds.total_failure_share * count:
            break
        since = at if count and at in bad else since
    return since
