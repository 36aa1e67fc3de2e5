"""Whether it should be asked what the mapping's alias releases."""

from remediator.decide.case import Case
from remediator.model import Cause


def wanted(case: Case) -> bool:
    """Only where more memory would help, and lies behind an alias."""
    qualifier, share = case.evidence.target.qualifier, case.signals.cpu_share
    return (
        case.diagnosis.cause is Cause.SLOW_CONSUMER
        and case.evidence.released is None
        and qualifier is not None
        and not qualifier.isdecimal()
        and share is not None
        and share >= case.policy.thresholds.cpu_bound_share
    )
