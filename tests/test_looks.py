"""When an incident is looked at again: soon while nothing was done, else when it can show."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from remediator.decide import pacing
from remediator.decide.diagnosis import diagnose
from remediator.decide.planning import plan
from remediator.events.requests import FollowUpDue
from remediator.model import AlarmState, Cause, GuardedPlan, Mode, RemedyName, ResourceKind, Status
from remediator.policy import Autonomy, Cooldown, FollowUps, Policy, RemedyPolicy
from remediator.state import IncidentState
from tests.evidence import aged, case_of, climbing, falling, poison, recovering, since
from tests.histories import state
from tests.lives import BOUNDED, by_a_human, started, state_of, transition
from tests.small_account import Weather
from tests.small_lambda import Host
from tests.test_approval import FACTOR
from tests.test_undoing import RETRIES

KNOBS = FollowUps()
_MAPPING = ResourceKind.EVENT_SOURCE_MAPPING
FROZEN = BOUNDED.model_copy(update={"freeze": True})
# What the calls of one invocation take at most.
CALL_SECONDS = 30


def next_looks(host: Host, incident_id: str) -> list[tuple[int, float]]:
    """What is scheduled of an incident: the look's number, and seconds from now."""
    return sorted(
        (payload["number"], (at - host.now).total_seconds())
        for at, payload in host.looks(incident_id).values()
    )


def alarmed(host: Host, late_seconds: float = 0) -> str:
    alarm = transition("orders", host.now - timedelta(seconds=late_seconds))
    host.invoke(alarm)
    return alarm.incident_id


def about(seconds: float, expected: float) -> bool:
    return expected - CALL_SECONDS <= seconds <= expected


def test_an_alarm_that_falls_silent_while_records_are_late_is_an_incident() -> None:
    """No age comes while batches take minutes, or somebody is stuck: that is no recovery."""
    host = started(Weather.BUSY)
    fell_silent = transition("orders", host.now, AlarmState.INSUFFICIENT_DATA)
    host.invoke(fell_silent)
    assert host.reports[-1].outcome.status is Status.APPLIED
    assert next_looks(host, fell_silent.incident_id)


def test_a_quiet_stream_whose_alarm_falls_silent_is_none() -> None:
    host = started(Weather.FAIR)
    host.invoke(transition("orders", host.now, AlarmState.INSUFFICIENT_DATA))
    assert host.reports[-1].outcome.status is Status.RECORDED
    assert not host.looks()
    assert not list(host.states())


def test_while_nothing_was_changed_it_looks_again_within_a_minute() -> None:
    host = started(Weather.BUSY, FROZEN)
    incident = alarmed(host)
    ((number, seconds),) = next_looks(host, incident)
    assert number == 1
    assert about(seconds, KNOBS.soon_seconds)


def test_quick_looks_are_few() -> None:
    host = started(Weather.BUSY, FROZEN)
    incident = alarmed(host)
    pauses = []
    for number in range(1, 9):
        host.pass_time(next_looks(host, incident)[0][1])
        ((following, seconds),) = next_looks(host, incident)
        assert following == number + 1
        pauses.append(seconds)
    assert about(pauses[0], KNOBS.soon_seconds)
    assert pauses[-1] > KNOBS.every_seconds
    assert pauses == sorted(pauses, key=lambda pause: round(pause, -1))


def test_a_change_is_looked_at_when_it_can_show_and_the_early_look_gives_way() -> None:
    host = started(Weather.BUSY)
    incident = alarmed(host)
    (early, soon), (late, shows) = next_looks(host, incident)
    assert (early, late) == (1, 2)
    assert about(soon, KNOBS.soon_seconds)
    assert KNOBS.soon_seconds < shows < KNOBS.first_seconds
    host.invoke(FollowUpDue(incident_id=incident, number=early))
    assert host.reports[-1].outcome.status is Status.DUPLICATE


def test_in_a_storm_nobody_hurries() -> None:
    """An alarm that comes minutes late tells that many wait for their turn."""
    host = started(Weather.BUSY, FROZEN)
    incident = alarmed(host, late_seconds=300)
    ((_, seconds),) = next_looks(host, incident)
    assert about(seconds, KNOBS.first_seconds)


def test_the_next_look_after_a_block_is_when_it_ends() -> None:
    """Whoever has set the retention back is left alone for half an hour: until then, every look
    would see the same."""
    off = RemedyPolicy(autonomy=Autonomy.OFF)
    lanes = (RemedyName.RAISE_PARALLELIZATION_FACTOR, RemedyName.SPLIT_SHARDS)
    patient = BOUNDED.model_copy(
        update={"cooldown": Cooldown(human_seconds=1800), "remedies": dict.fromkeys(lanes, off)}
    )
    host = started(Weather.OLD, patient)
    incident = alarmed(host)
    by_a_human(ResourceKind.STREAM, "retention_hours", 24)(host)
    while host.reports[-1].outcome.status is not Status.BLOCKED:
        host.pass_time(30)
    state = host.journal.load(incident)
    assert state is not None
    ends = max(t.ended_at for t in state.changes if t.ended_at) + timedelta(seconds=1800)
    seen = len(host.lived)
    host.pass_time((ends - host.now).total_seconds() - 5)
    waited = [i for i in host.lived[seen:] if "sensor.read" in i.calls]
    assert not waited
    host.pass_time(CALL_SECONDS)
    retention = host.account.pipelines["orders"].settings[ResourceKind.STREAM, "retention_hours"]
    assert retention.value == 168


def passed_until(
    host: Host, incident_id: str, so: Callable[[IncidentState], bool]
) -> IncidentState:
    for _ in range(120):
        if so(state_of(host, incident_id)):
            break
        host.pass_time(60)
    return state_of(host, incident_id)


def test_while_records_may_be_given_up_it_looks_often_and_uses_no_looks_up() -> None:
    host = started(Weather.POISON)
    incident = alarmed(host)
    passed_until(host, incident, pacing.gives_up_records)
    host.account.pipelines["orders"].weather = Weather.FAIR
    state = passed_until(host, incident, lambda known: known.quiet_since is not None)
    assert pacing.gives_up_records(state)
    host.pass_time(300)
    later = host.journal.load(incident)
    assert later is not None
    assert later.follow_up_number >= state.follow_up_number + 3
    assert later.looks_made == state.looks_made


def test_a_destination_that_is_gone_is_seen_before_anything_is_lost_to_it() -> None:
    host = started(Weather.POISON)
    incident = alarmed(host)
    passed_until(host, incident, pacing.gives_up_records)
    host.account.pipelines["orders"].weather = Weather.FAIR
    passed_until(host, incident, lambda known: known.quiet_since is not None)
    host.destinations_gone = True
    state = passed_until(host, incident, lambda known: not pacing.gives_up_records(known))
    assert not pacing.gives_up_records(state)
    host.pass_time(60)
    assert host.account.pipelines["orders"].settings[_MAPPING, "maximum_retry_attempts"].value == -1
    told = next(one for one in host.reports if one.outcome.status is Status.ROLLED_BACK)
    assert "not there any more" in told.outcome.reason


def test_what_comes_after_a_recovery_is_looked_at_often_while_records_may_be_given_up() -> None:
    """Whether the destination still takes it shows at the first one that is sent there."""
    seen = poison()
    case = case_of(seen, diagnose(seen, Policy()), Policy())
    known = state(mapping=seen.target.event_source_mapping, changes=(RETRIES,))
    waited = known.model_copy(update={"looks_from": 0, "follow_up_number": 9})
    was_well = waited.model_copy(update={"recovered_at": case.at - timedelta(hours=1)})
    assert pacing.interval(was_well, case) == KNOBS.soon_seconds
    assert pacing.interval(waited, case) == KNOBS.every_seconds


def test_a_plan_that_only_calls_a_person_says_why_and_not_that_the_mode_is_plan() -> None:
    off = {RemedyName.ISOLATE_POISON: RemedyPolicy(autonomy=Autonomy.OFF)}
    host = started(Weather.BROKEN, BOUNDED.model_copy(update={"remedies": off}))
    host.mode = Mode.PLAN
    alarmed(host)
    outcome = host.reports[-1].outcome
    assert outcome.status is Status.ESCALATED
    assert "mode is plan" not in outcome.reason
    assert outcome.reason == host.reports[-1].escalation


def test_a_long_drain_is_looked_at_after_a_quarter_of_an_hour_however_slow_it_is() -> None:
    """How the age falls now says little of the next hour."""
    seen = recovering(iterator_age_ms=falling(0.2, 6, 18_000_000))
    case = case_of(seen, diagnose(seen, Policy()), Policy())
    known = state(mapping=seen.target.event_source_mapping, changes=(FACTOR,))
    assert case.signals.falling
    assert pacing.interval(known, case) == pacing.QUIET_SECONDS


def test_metrics_that_were_not_published_put_no_look_off() -> None:
    seen = recovering()
    case = case_of(seen, diagnose(seen, Policy()), Policy())
    known = state(mapping=seen.target.event_source_mapping).model_copy(update={"turn": 1})
    nothing = GuardedPlan(plan=plan("incident-1", case), mode=Mode.APPLY, policy_digest="")
    late = case._replace(signals=case.signals.model_copy(update={"metric_delay_seconds": 3000.0}))
    assert pacing.pause_after(known, late, nothing) == pacing.WHOLE_MINUTE + pacing.LATEST


@pytest.mark.parametrize("given_up", [True, False])
def test_a_lag_that_falls_is_looked_at_often_only_where_records_may_be_given_up(
    *, given_up: bool
) -> None:
    """A destination that breaks meanwhile is seen at its first record."""
    seen = recovering(iterator_age_ms=falling(1.0, 6, 1_800_000))
    ours = RETRIES if given_up else FACTOR
    case = case_of(seen, diagnose(seen, Policy()), Policy())
    assert case.signals.falling
    known = state(mapping=seen.target.event_source_mapping, changes=(ours,))
    often = pacing.interval(known, case) == KNOBS.soon_seconds
    assert (often, pacing.sees_to_it(known, case)) == (given_up, given_up)


@pytest.mark.parametrize(("errors", "soon"), [(0, False), ([0.0] * 29 + [40.0], True)])
def test_failures_that_have_just_begun_are_looked_at_soon_whatever_it_looks_like(
    errors: float | list[float], *, soon: bool
) -> None:
    seen = recovering(errors=errors)
    case = case_of(seen, diagnose(seen, Policy()), Policy())
    assert case.diagnosis.cause is Cause.RECOVERING
    known = state(mapping=seen.target.event_source_mapping).model_copy(update={"changes": ()})
    assert (pacing.interval(known, case) == KNOBS.soon_seconds) is soon
    assert pacing.quiet(case) is not soon


@pytest.mark.parametrize("split", [False, True])
def test_what_the_next_minute_proves_is_looked_at_in_a_minute_whatever_is_in_effect(
    *, split: bool
) -> None:
    """Also where batches are split already, so that people are asked meanwhile."""
    seen = poison(
        bisect_on_error=split,
        shards=8,
        parallelization_factor=5,
        **aged(climbing(1.0, 4)),
        invocations=60,
        errors=since(4, 18),
        invoked_events=600,
        failed_invoke_events=since(4, 20),
    )
    case = case_of(seen, diagnose(seen, Policy()), Policy())
    known = state(mapping=seen.target.event_source_mapping, changes=(FACTOR,))
    assert pacing.interval(known, case) == KNOBS.soon_seconds
