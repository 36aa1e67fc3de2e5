"""How likely failures at random would look like those of one record. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import exp, log
from statistics import median

from remediator.evidence.age import LONGEST_WAIT_SECONDS, still_since
from remediator.evidence.course import ages, course
from remediator.evidence.evenness import OF_ONE_LANE, Minutes, as_even
from remediator.evidence.explained import normal_age_seconds
from remediator.evidence.metrics import Metric
from remediator.evidence.series import LAST_MINUTES, MINUTE, lanes_of, series_of, slope
from remediator.model import Evidence, Series
from remediator.policy import Thresholds


def stands_still_by_chance(
    evidence: Evidence, active: Minutes, thresholds: Thresholds
) -> float | None:
    """The chance that one of the lanes fails at each of its tries, if each try of any lane fails
    as often as all of them together do; over the minutes in which the oldest record stands still.

    The newest of them counts if the record was still tried at its end: else its tries may have been
    made after the record moved on. In a minute whose age is no more than is normal, it waited for
    its batch, for all that shows, and was not tried.
    """
    lanes = lanes_of(evidence) or _most_at_once(evidence)
    normal = normal_age_seconds(evidence)
    tries = _of_one(evidence, course(evidence), active, thresholds, normal)
    if not lanes or tries is None or not any(bad for *_, bad in active[-LAST_MINUTES:]):
        return None
    return min(1.0, lanes * exp(sum(n * share for n, share, _ in tries)))


def one_by_chance(
    evidence: Evidence,
    active: Minutes,
    failing: Minutes,
    thresholds: Thresholds,
    within: int,
) -> float | None:
    """As ``stands_still_by_chance``, by the ages as they are, of no more lanes than could make the
    failures of one of those minutes; and that they come as evenly. ``within``: in so many of the
    newest minutes what fails is tried again."""
    lanes = lanes_of(evidence) or _most_at_once(evidence)
    tries = _of_one(evidence, ages(evidence), active, thresholds)
    if not lanes or tries is None or not any(bad for *_, bad in active[-within:]):
        return None
    whole = sum(n * share for n, share, _ in tries)
    of_few = (
        max(1.0, bad / n) * exp(whole - n * share)
        for n, share, bad in tries
        if n and bad <= OF_ONE_LANE
    )
    return min(1.0, lanes * exp(whole), *of_few) * as_even(failing)


def _of_one(
    evidence: Evidence,
    points: Sequence[tuple[datetime, float]],
    active: Minutes,
    thresholds: Thresholds,
    normal: float = 0.0,
) -> Sequence[tuple[float, float, float]] | None:
    """The minutes in which the oldest record stands still: tries of its lane, the logarithm of the
    share that fails of all, and how many fail. Those in which it was younger than ``normal`` show
    no try of it; the word, which goes by what is likelier, counts them."""
    lanes = lanes_of(evidence) or _most_at_once(evidence)
    if not lanes or not points:
        return None
    since, took = still_since(evidence, points), _failing_seconds(evidence, active, thresholds)
    to_its_end = (slope(points[-2:]) or 0.0) >= thresholds.stuck_slope
    end = points[-1][0] + (MINUTE if to_its_end else timedelta(0))
    waited = {at for at, age in points if age < normal}
    return [  # of logarithms, for a ratio may be too small
        (_tries(count / lanes, took[at]), log(bad) - log(count), bad)
        for at, count, bad in active
        if since < at < end and 0 < bad < count and at not in waited
    ]


def _tries(of_a_lane: float, failing_seconds: float) -> float:
    """Of one failing lane in a minute, no fewer than: the mean of all lanes, or more, where good
    batches take longer than failures and the longest wait after them; and no more than there is
    time for."""
    least = 60 / (LONGEST_WAIT_SECONDS + failing_seconds)
    return min(max(least, of_a_lane), _MOST_TRIES, 60 / max(failing_seconds, 1.0))


# Of one failing lane in a minute: AWS was seen to wait about ten seconds between them.
_MOST_TRIES = 6.0


def _most_at_once(evidence: Evidence) -> float | None:
    running = series_of(evidence, Metric.CONCURRENT_EXECUTIONS)
    return max(running.values, default=None) if running else None


def _failing_seconds(
    evidence: Evidence, minutes: Minutes, thresholds: Thresholds
) -> Mapping[datetime, float]:
    """What a failure takes, by minute. That is not published: it is what the successes, at their
    usual duration, leave of the minute's work, and no more than a success unless it times out."""
    took = dict((series_of(evidence, Metric.DURATION_MS) or Series()).points)
    longest = dict((series_of(evidence, Metric.DURATION_MAX_MS) or Series()).points)
    fine = [took[at] for at, _, bad in minutes if at in took and not bad]
    usual = median(fine) if fine else 0.0
    timeout = evidence.function.timeout_seconds if evidence.function else None

    def of(at: datetime, count: float, bad: float) -> float:
        left = took.get(at, 0.0) * count - usual * (count - bad)
        at_most = longest.get(at, 0.0)
        runs_out = timeout is None or at_most >= thresholds.timeout_share * timeout * 1000
        at_most = at_most if runs_out else took.get(at, 0.0)
        return min(max(0.0, left) / bad, at_most) / 1000 if bad else 0.0

    return {at: of(at, count, bad) for at, count, bad in minutes}
