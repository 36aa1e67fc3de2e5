"""What hangs: tries that run into the timeout, seldom, while all else ends long before."""

from remediator.decide.case import YES, Case, Finding
from remediator.decide.failing import times_out
from remediator.evidence.metrics import Metric
from remediator.evidence.series import points_of
from remediator.evidence.signals import LAST_MINUTES


def what_stands_times_out(case: Case) -> Finding:
    """Whether what fails runs into the timeout: in the newest minutes, or whenever it is tried."""
    found, function = times_out(case), case.evidence.function
    timeout = function.timeout_seconds if function else None
    took = dict(points_of(case.evidence, Metric.DURATION_MAX_MS))
    failed = points_of(case.evidence, Metric.ERRORS)[-3 * LAST_MINUTES :]
    longest = min((took[at] for at, count in failed if count and at in took), default=None)
    if found.answer is YES or timeout is None or longest is None:
        return found
    share = longest / (timeout * 1000)
    because = f"whenever it fails, the longest invocation takes {share:.0%} of the timeout"
    hangs = share >= case.policy.thresholds.timeout_share
    return Finding(YES, because, found.readings) if hangs else found


def all_else_ends_long_before(case: Case, timeout: float) -> bool:
    """Whether what fails is one try now and then, as long as the timeout, and the longest of the
    minutes without one never comes near it."""
    took = dict(points_of(case.evidence, Metric.DURATION_MAX_MS))
    lately = points_of(case.evidence, Metric.ERRORS)[-4 * LAST_MINUTES :]
    fine = [took[at] for at, count in lately if not count and at in took]
    one = all(count <= 1 for _, count in lately) and any(count for _, count in lately)
    enough = len(fine) >= LAST_MINUTES
    return one and enough and max(fine) < NEAR * timeout * 1000


# Of the timeout.
NEAR = 0.75
