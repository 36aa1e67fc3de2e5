"""Isolate a poison record: first what loses nothing; retries are bounded when health is proven.

Source: docs/concepts.md, causes, and invariants 1 and 2. All settings go in one call, so that
there is no moment in which retries are bounded and nothing captures what is given up, and so that
the mapping restarts once. AWS itself checks in that call that the consumer's role may write to the
destination.

Where the probes have shown nothing, a person is asked: the plan says how much would be captured at
most, and the guardrails never let it through by themselves.
"""

from datetime import timedelta
from math import ceil

from remediator.decide.case import Case
from remediator.decide.proving import proven_soon
from remediator.decide.remedies.base import (
    Pass,
    Remedy,
    age_bound,
    captures,
    captures_for_a_person,
    changes,
    restarting,
)
from remediator.evidence.metrics import Metric
from remediator.evidence.series import (
    LAST_MINUTES,
    MINUTE,
    points_of,
    without_incomplete_minute,
)
from remediator.model import Cause, Change, Detail, MappingState, RemedyName, Value
from remediator.policy import Autonomy
from remediator.setting import Setting
from remediator.settings_table import BISECT, DESTINATION, PARALLELIZATION_FACTOR, RETRIES

NAME = RemedyName.ISOLATE_POISON
CAVEATS = (
    "the mapping restarts: several minutes without polling",
    (
        "records given up go to the on-failure destination as metadata: fetch them from the stream "
        "before they expire"
    ),
)
Wanted = dict[Setting, Value]


def propose(here: Case) -> tuple[Change, ...] | Pass:
    """What loses nothing while the function may be broken; else the bounded retries, too."""
    mapping, diagnosis = here.evidence.mapping, here.diagnosis
    if mapping is None:
        return Pass("the mapping was not seen")
    refusal = _left_alone(here, mapping)
    if refusal is not None:
        return refusal
    if diagnosis.proven:
        return _proven(here, mapping)
    probes = _probes(here, mapping)
    if probes:
        return _changes(here, probes, "; ".join(_WHY[setting] for setting in probes))
    if diagnosis.cause is Cause.POISON_RECORD and diagnosis.detail is Detail.UNDECIDED:
        return _asked(here, mapping)
    if mapping.batch_size == 1:
        return Pass("with batches of one record, splitting them tells nothing")
    return Pass("failed batches are split already")


def waits(here: Case) -> str:
    """Why nothing is changed yet, where time proves it by itself, and sooner than a split could:
    that costs a restart, what it shows has to be published, and what is proven then takes another
    one. Empty: there is no reason to."""
    found = here.diagnosis
    if found.cause is Cause.POISON_RECORD and (gone := _given_up_by_its_owner(here)):
        return gone
    minutes = proven_soon(here)
    # What is undecided was split already.
    if minutes is None or found.detail is Detail.UNDECIDED:
        return ""
    soon = "a minute" if minutes <= 1 else f"{ceil(minutes)} minutes"
    return (
        f"a record stands still while the rest succeeds; that this is no chance shows in {soon}, "
        "which is sooner than by a restart"
    )


def _given_up_by_its_owner(here: Case) -> str:
    """Why the mapping's own bound is left to do it: it has, or it will, to its own destination, no
    later than a restart and what a record is given by us. Empty: there is no such bound, or more
    fails than one record's tries, and for longer than ours take: then several share them."""
    signals, mapping = here.signals, here.evidence.mapping
    errors, came = points_of(without_incomplete_minute(here.evidence), Metric.ERRORS), signals.onset
    if mapping is None or not mapping.retries_bounded or not errors or came is None:
        return ""
    since = [(at, count) for at, count in errors if at + MINUTE > came]
    failed = sum(count for _, count in since)
    tries = _tries(mapping, mapping.maximum_retry_attempts, split=mapping.bisect_on_error)
    left = tries - failed
    if left <= 0 and signals.error_share == 0 and signals.failing_minutes == 0:
        return (
            "what stood still was tried as often as the mapping's own settings let it be, and "
            "nothing has failed since: it is given up, and a restart would hold up what waits "
            "behind it"
        )
    if not failed or mapping.on_failure_destination is None or here.destination_usable is False:
        return ""
    each = (since[-1][0] + MINUTE - came).total_seconds() / failed
    left -= (here.at - since[-1][0] - MINUTE).total_seconds() / each  # not published yet
    ours = float(here.policy.forecast.usual_restart_seconds)
    ours += each * _tries(mapping, here.policy.limits.retry_attempts, split=True)
    if each * left > ours or each * (failed - tries) > max(each * tries, ours):
        return ""
    return (
        f"the mapping's own bound gives the record up in about {each * max(0.0, left):.0f} s, to "
        f"its own destination: a restart would begin to count anew, and take about {ours:.0f} s"
    )


def _tries(mapping: MappingState, retries: int, *, split: bool) -> int:
    """How often a record is tried until it is given up, alone by then."""
    return retries + 1 + (mapping.halvings if split else 0)


def _left_alone(here: Case, mapping: MappingState) -> Pass | None:
    """Where splitting cannot help, or would do more than split."""
    cause, detail = here.diagnosis.cause, here.diagnosis.detail
    if mapping.tumbling_window_seconds:
        return Pass(
            f"the mapping aggregates over windows of {mapping.tumbling_window_seconds} s: what "
            "fails holds the window's state of its shard, the restart would cut windows short, and "
            "what is given up would be missing from their sums: that is a person's choice"
        )
    if cause is Cause.FUNCTION_FAILURE and detail is Detail.DEPLOY:
        return Pass("the function was changed just before, and fails on good records since")
    if not here.diagnosis.proven and _changed_just_now(here):
        return Pass("the function was changed just now: what it does since then was not seen yet")
    if cause is Cause.FUNCTION_FAILURE and mapping.retries_bounded:
        return Pass(
            "what fails is given up by the mapping's own settings: nothing stays to be told"
        )
    if cause in _UNSURE and detail is not Detail.TIMEOUTS:
        return _tells_nothing(here) or _soon_over(here)
    return _soon_over(here)


def _tells_nothing(here: Case) -> Pass | None:
    """Where the function itself is likelier to blame, a split only makes more work of what fails:
    it is for a record that stands still, once it has done so for longer than a function that will
    succeed again by itself may need."""
    since = here.signals.failing_since or here.signals.onset
    long = timedelta(seconds=_TIMES * here.policy.forecast.patience_seconds)
    if not _stands_still(here):
        return Pass("no record stands still in one place: there is nothing to isolate")
    blamed = here.diagnosis.cause is Cause.FUNCTION_FAILURE
    if blamed and since is not None and here.at - since < long:
        return Pass(
            f"it fails for less than {long.total_seconds():.0f} s: it may succeed again before a "
            "restart would have told more, and halves of batches are more work"
        )
    return None


# The patience that one has for a burst.
_TIMES = 2.0


def _soon_over(here: Case) -> Pass | None:
    """What holds a shard is given up for its age before a restart would have isolated it, and what
    waits through that restart would be, too."""
    most, age = age_bound(here), here.signals.age_seconds
    if most is None or age is None or age + here.policy.forecast.restart_seconds < most:
        return None
    return Pass(
        f"what holds its shard is given up for its age, {most} s, sooner than a restart of about "
        f"{here.policy.forecast.restart_seconds} s would isolate it"
    )


def _changed_just_now(here: Case) -> bool:
    """Whether the newest minutes do not all show what the function does since it was changed."""
    function = here.evidence.function
    changed = function.last_modified if function else None
    late = here.signals.late_by(here.policy.thresholds.metric_delay_seconds)
    return changed is not None and here.at - changed < timedelta(seconds=late + 60 * LAST_MINUTES)


_UNSURE = {Cause.FUNCTION_FAILURE, Cause.UNKNOWN}


def _stands_still(here: Case) -> bool:
    """Whether invocations fail while the oldest record does not move: a split may tell why. Where
    many fail that is to be seen by the age itself, and not by seldom tries."""
    signals, steep = here.signals, here.policy.thresholds.stuck_slope
    fails = (signals.error_minutes or 0) > 0 or (signals.failed_events_per_minute or 0) > 0
    few = max(signals.error_share or 0.0, signals.failed_event_share or 0.0) < _MANY
    still = few and (signals.still_minutes or 0) >= LAST_MINUTES
    return fails and (still or (signals.age_slope or 0.0) >= steep)


_MANY = 0.5


def _split(mapping: MappingState) -> Wanted:
    if mapping.batch_size == 1 or mapping.bisect_on_error:
        return {}
    return {BISECT: True}


def _probes(here: Case, mapping: MappingState) -> Wanted:
    """The steps that lose nothing and can tell causes apart: all in one write, one restart."""
    lane = _second_lane(here, mapping) if here.diagnosis.cause is Cause.POISON_RECORD else {}
    return _split(mapping) | lane


_WHY = {
    BISECT: "splitting failed batches isolates the record, and loses nothing",
    PARALLELIZATION_FACTOR: "in a second lane other keys succeed, unless the function is broken",
}


def _second_lane(here: Case, mapping: MappingState) -> Wanted:
    """In the only lane nothing but the bad record is tried: another lane shows more. Left out
    where concurrency is not surely there, or somebody wants to be asked for it."""
    function, factor = here.evidence.function, RemedyName.RAISE_PARALLELIZATION_FACTOR
    only = here.evidence.open_shards == 1 and mapping.parallelization_factor == 1
    spare = here.spare_concurrency is not None and here.spare_concurrency >= 1
    asked = here.policy.remedy(factor).autonomy is not Autonomy.AUTO
    if not only or not spare or asked or here.policy.limits.parallelization_factor < _LANES:
        return {}
    if function is None or function.runs_on_managed_instances or function.reserved_concurrency == 1:
        return {}
    return {PARALLELIZATION_FACTOR: _LANES}


# Enough to tell; what drains the backlog is another remedy's question. And retries at most.
_LANES, _MOST_OF_AWS = 2, 10_000


def _proven(here: Case, mapping: MappingState) -> tuple[Change, ...] | Pass:
    """Split and bound. Where nothing would capture the record, it is at least isolated, and why it
    is not given up is told: it will hold its shard until somebody sees to it."""
    split, bounded = _split(mapping), _bounded(here, mapping)
    if not isinstance(bounded, Pass):
        why = "other batches succeed: split, retry a few times, then capture the record"
        return _changes(here, split | bounded, why)
    why = f"{_WHY[BISECT]}; it is tried on and on, for {bounded.reason}"
    return _changes(here, split, why) if split else bounded


def _asked(here: Case, mapping: MappingState) -> tuple[Change, ...] | Pass:
    bounded = _bounded(here, mapping)
    if isinstance(bounded, Pass):
        return bounded
    why = (
        "splitting has not decided whether a record or the function is to blame: if it is the "
        f"function, {_captured_at_most(here)} would be captured before the next look"
    )
    return _changes(here, bounded, why)


def _captured_at_most(here: Case) -> str:
    """What waits, and what arrives until the next look: no more can be given up."""
    waiting, arrives = here.signals.backlog_records, here.signals.arrival_per_second
    if waiting is None or arrives is None:
        return "all records that wait (how many was not seen)"
    most = waiting + arrives * here.policy.follow_up.first_seconds
    return f"at most {most:.0f} good records"


def _changes(here: Case, wanted: Wanted, why: str) -> tuple[Change, ...]:
    return restarting(here, changes(NAME, here.evidence, wanted, why, CAVEATS))


def _bounded(here: Case, mapping: MappingState) -> Wanted | Pass:
    """Bounded retries with a destination; Pass where nothing would capture the record."""
    destination = mapping.on_failure_destination or here.quarantine_arn
    if destination is None:
        return Pass("there is no on-failure destination to capture the record")
    if here.destination_usable is False:
        return Pass(f"the destination {destination} is gone, or the consumer may not write to it")
    now = mapping.maximum_retry_attempts
    # That splitting costs no retry is documented and was not measured: its tries come on top.
    enough = min(_MOST_OF_AWS, here.policy.limits.retry_attempts + mapping.halvings)
    if mapping.retries_bounded and mapping.on_failure_destination and now <= enough:
        return Pass(f"retries are bounded already ({now})")
    if not captures(here, destination) and not captures_for_a_person(here):
        return Pass(f"whether the destination {destination} takes what is given up was not seen")
    return {
        # What counted the tries so far begins anew with the restart: a bound that is far is a wait.
        RETRIES: min(now, enough) if mapping.retries_bounded else enough,
        DESTINATION: destination,
    }


REMEDY = Remedy(NAME, propose, permissions=("lambda:UpdateEventSourceMapping",), caveats=CAVEATS)
