"""What is read of a target, and what it means; what few cases turn on is read for those alone."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from remediator.decide import released, sampling
from remediator.decide.case import Case
from remediator.decide.diagnosis import diagnosed
from remediator.errors import PermanentError, TemporaryError
from remediator.model import Evidence, Gap, Target
from remediator.policy import Policy
from remediator.ports import Sensor

_LOG = logging.getLogger(__name__)
# From how far back partition keys are sampled: what comes in now is what a split is for.
_SAMPLED = timedelta(minutes=1)


def read(
    sensor: Sensor,
    target: Target,
    clock: Callable[[], datetime],
    policy: Policy,
    *,
    late_after: float | None,
) -> Case:
    """``late_after``: the age that the incident's alarm calls late, in seconds."""
    evidence = sensor.read(target, clock(), policy.thresholds.metric_window_minutes * 60)
    tags = evidence.function.tags if evidence.function else {}
    policy = policy.for_target(target.function, target.stream, tags).late_after(late_after)
    case = diagnosed(evidence, policy)
    if wanted := sampling.wanted(case):
        case = diagnosed(_sampled(sensor, case, wanted, clock() - _SAMPLED), policy)
    return _with_alias(sensor, case) if released.wanted(case) else case


def _sampled(sensor: Sensor, case: Case, wanted: sampling.Wanted, since: datetime) -> Evidence:
    """The evidence with the keys that the policy lets us read, or with why they are missing."""
    evidence, named = case.evidence, case.policy.sampling.key_names
    try:
        found = sensor.sample_keys(
            evidence.target, wanted.shard_id, since, wanted.records, named=named
        )
    except (PermanentError, TemporaryError) as error:
        lacks = error.permission if isinstance(error, PermanentError) else None
        gap = Gap(reading="partition_keys", reason=str(error), permission=lacks)
        return evidence.model_copy(update={"gaps": (*evidence.gaps, gap)})
    return evidence.model_copy(update={"key_sample": found})


def _with_alias(sensor: Sensor, case: Case) -> Case:
    """The case with what the mapping's alias releases, as far as that can be seen."""
    evidence = case.evidence
    try:
        found = sensor.released(evidence.target)
    except (PermanentError, TemporaryError) as error:
        _LOG.warning("what the alias releases cannot be seen: %s", error)
        return case
    return case._replace(evidence=evidence.model_copy(update={"released": found}))
