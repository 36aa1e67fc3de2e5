"""What an incident has learned is held against the newest readings at every look."""

from datetime import timedelta
from typing import Any

import pytest

from remediator.decide.case import Case
from remediator.decide.diagnosis import diagnosed
from remediator.decide.learned import as_learned, held_against, saturates, was_wrong, while_it_shows
from remediator.decide.planning import plan
from remediator.decide.remedies import REMEDIES
from remediator.evidence.signals import measure
from remediator.model import (
    Cause,
    Detail,
    Diagnosis,
    Evidence,
    Incident,
    RemedyName,
    Verdict,
    VerdictName,
)
from remediator.policy import Policy
from remediator.state import ChangeState, IncidentState, Snapshot, Stage, TrackedChange
from tests.changes import change
from tests.evidence import (
    MINUTES,
    NOW,
    aged,
    climbing,
    evidence,
    falling,
    poison,
    slow_consumer,
    target,
)
from tests.watching import seconds_ago, state

DEFAULTS = Policy()
RAISE = RemedyName.RAISE_PARALLELIZATION_FACTOR


def minutes_ago(minutes: float) -> Any:
    return NOW - timedelta(minutes=minutes)


def raised_and_taken_back(turn: int = 1, back_minutes_ago: float = 6) -> TrackedChange:
    return TrackedChange(
        change=change("parallelization_factor", 1, 10),
        state=ChangeState.UNDONE,
        at=minutes_ago(back_minutes_ago + 6),
        turn=turn,
        ended_at=minutes_ago(back_minutes_ago),
    )


BEFORE = Snapshot(at=minutes_ago(12), error_share=0.0, duration_ms=300, lane_rate=30.0)
FAILED = BEFORE.model_copy(update={"at": minutes_ago(6), "error_share": 0.5})
SLOWER = BEFORE.model_copy(update={"at": minutes_ago(6), "duration_ms": 900, "lane_rate": 10.0})


def incident(harm: Snapshot | None, *changes: TrackedChange) -> IncidentState:
    """What stands behind the function was blamed for what a raise did."""
    return IncidentState(
        incident_id="inc",
        account_id="111122223333",
        region="eu-west-1",
        incident=Incident(incident_id="inc", at=minutes_ago(15)),
        target=target(),
        stage=Stage.WATCHING,
        opened_at=minutes_ago(15),
        updated_at=NOW,
        changes=changes,
        turn=len(changes),
        cause=Cause.DOWNSTREAM_SATURATED,
        diagnosis=Diagnosis(cause=Cause.DOWNSTREAM_SATURATED, path=()),
        learned=Cause.DOWNSTREAM_SATURATED,
        before=BEFORE,
        harm=harm,
        tried=(RAISE,),
    )


def case(of: Evidence) -> Case:
    return Case(of, measure(of, DEFAULTS.thresholds), DEFAULTS)


def failing(share: float) -> Evidence:
    return evidence(invocations=60.0, errors=[0.0] * (MINUTES - 20) + [60.0 * share] * 20)


def taking(duration_ms: float) -> Evidence:
    return evidence(duration_ms=[300.0] * (MINUTES - 12) + [duration_ms] * 12)


@pytest.mark.parametrize(
    ("harm", "now", "withdrawn"),
    [
        pytest.param(FAILED, failing(0.6), True, id="it fails as with many lanes"),
        pytest.param(FAILED, failing(0.1), False, id="it fails far less"),
        pytest.param(SLOWER, taking(1000.0), True, id="it is as slow as with many lanes"),
        pytest.param(SLOWER, taking(320.0), False, id="it is as quick as before"),
        pytest.param(None, failing(0.6), False, id="what it was blamed for was not written down"),
    ],
)
def test_what_goes_on_without_the_raise_was_none_of_its_doing(
    harm: Snapshot | None, now: Evidence, withdrawn: bool
) -> None:
    """The world answers, minutes after the lanes are few again."""
    state = held_against(case(now), incident(harm, raised_and_taken_back()))
    assert (state.learned is None) is withdrawn
    assert (RAISE not in state.tried) is withdrawn


def test_the_answer_is_waited_for() -> None:
    """Its first minutes are still of the many lanes."""
    soon = incident(FAILED, raised_and_taken_back(back_minutes_ago=3))
    assert held_against(case(failing(0.6)), soon) is soon


def test_a_raise_that_was_taken_back_twice_is_not_made_a_third_time() -> None:
    twice = incident(FAILED, raised_and_taken_back(1, 20), raised_and_taken_back(2))
    state = held_against(case(failing(0.6)), twice)
    assert state.learned is None
    assert RAISE in state.tried


def test_a_single_look_that_shows_lanes_slower_teaches_nothing_once_they_are_not() -> None:
    """Where no raise of ours has shown it."""
    quick, slow = taking(300.0), taking(900.0)
    assert held_against(case(quick), incident(None)).learned is None
    assert held_against(case(slow), incident(None)).learned is Cause.DOWNSTREAM_SATURATED


def test_a_lesson_that_holds_outweighs_what_the_readings_say_without_it() -> None:
    busy = evidence(iterator_age_ms=[60_000.0 * n for n in range(MINUTES)], invocations=200.0)
    found = diagnosed(busy, DEFAULTS)
    assert found.diagnosis.cause is Cause.SLOW_CONSUMER
    state = incident(SLOWER, raised_and_taken_back())
    assert as_learned(found, state).diagnosis.cause is Cause.DOWNSTREAM_SATURATED


def stopped_by_somebody(*changes: TrackedChange) -> IncidentState:
    """It was learned that somebody had stopped it, and lets it go on."""
    update = {"learned": Cause.CONSUMER_STOPPED, "cause": Cause.CONSUMER_STOPPED}
    return incident(None, *changes).model_copy(update=update)


def behind(minutes_since_it_was_changed: float, **said: Any) -> Case:
    """Lanes are busy, and it lags more and more."""
    ages = [60_000.0 * n for n in range(MINUTES)]
    changed = minutes_ago(minutes_since_it_was_changed)
    usual = {"iterator_age_ms": ages, "invocations": 200.0, "mapping_last_modified": changed}
    return diagnosed(evidence(**{**usual, **said}), DEFAULTS)


@pytest.mark.parametrize(
    ("back_minutes_ago", "cause"),
    [
        pytest.param(3, Cause.DOWNSTREAM_SATURATED, id="by minutes of the many lanes"),
        pytest.param(8, Cause.FUNCTION_FAILURE, id="by minutes of the few"),
    ],
)
def test_what_fails_in_the_wake_of_a_raise_is_not_of_the_function_by_itself(
    back_minutes_ago: float, cause: Cause
) -> None:
    """Batches that many lanes have begun run into the timeout long after they are few again."""
    fails = evidence(
        batch_size=100,
        timeout_seconds=30,
        invocations=60.0,
        errors=[0.0] * (MINUTES - 8) + [60.0] * 8,
        duration_ms=[300.0] * (MINUTES - 8) + [30_000.0] * 8,
        duration_max_ms=[500.0] * (MINUTES - 8) + [30_000.0] * 8,
        iterator_age_ms=[400.0] * (MINUTES - 8) + [60_000.0 * n for n in range(1, 9)],
    )
    found = diagnosed(fails, DEFAULTS)
    assert found.diagnosis.cause is Cause.FUNCTION_FAILURE
    state = incident(FAILED, raised_and_taken_back(back_minutes_ago=back_minutes_ago))
    assert as_learned(found, state).diagnosis.cause is cause


def test_what_lags_on_once_we_have_changed_it_had_run_for_long() -> None:
    """The change of its mapping is ours, and nobody has let it go on just then."""
    ours = raised_and_taken_back().model_copy(
        update={"state": ChangeState.APPLIED, "ended_at": None, "at": minutes_ago(4)}
    )
    just_now = behind(4)
    assert as_learned(just_now, stopped_by_somebody()).diagnosis.cause is Cause.CONSUMER_STOPPED
    assert as_learned(just_now, stopped_by_somebody(ours)).diagnosis.cause is Cause.SLOW_CONSUMER


def test_what_is_throttled_long_after_it_was_let_go_on_is_not_of_the_stop() -> None:
    throttled = {"throttles": 600.0, "unreserved_concurrent_executions": 1000.0}
    soon, late = behind(4, **throttled), behind(20, **throttled)
    assert late.diagnosis.cause is Cause.THROTTLING
    assert as_learned(soon, stopped_by_somebody()).diagnosis.cause is Cause.CONSUMER_STOPPED
    assert as_learned(late, stopped_by_somebody()).diagnosis.cause is Cause.THROTTLING


def test_what_a_record_that_is_shown_to_be_bad_makes_fail_is_not_of_what_stands_behind() -> None:
    """Whatever was raised when it came."""
    worse = Verdict(verdict=VerdictName.WORSE, because="errors rose", saturates=True)
    isolated = diagnosed(poison(), DEFAULTS)
    suspected = diagnosed(poison(sibling_mappings=1), DEFAULTS)
    assert isolated.diagnosis.proven
    assert not saturates(isolated, worse)
    assert saturates(suspected, worse)


def test_where_nothing_succeeds_with_the_raised_lanes_the_few_ones_have_to_show_it_too() -> None:
    """Too many calls at once may make every one of them run into the timeout."""
    worse = Verdict(verdict=VerdictName.WORSE, because="errors rose", saturates=True)
    hanging = Diagnosis(cause=Cause.FUNCTION_FAILURE, detail=Detail.TIMEOUTS, path=())
    assert saturates(diagnosed(poison(), DEFAULTS)._replace(diagnosis=hanging), worse)


def test_lanes_that_a_hot_key_does_not_use_are_not_taken_back_while_it_lags() -> None:
    """They cost another restart, and harm nobody. What stands behind bears no more of them."""
    ours = raised_and_taken_back().model_copy(
        update={"state": ChangeState.APPLIED, "ended_at": None, "at": minutes_ago(8)}
    )
    state = incident(None, ours)
    assert not was_wrong(state, Diagnosis(cause=Cause.HOT_PARTITION_KEY, path=()))
    assert was_wrong(state, Diagnosis(cause=Cause.DOWNSTREAM_SATURATED, path=()))


@pytest.mark.parametrize(
    ("verdict", "word"),
    [
        (VerdictName.TOO_EARLY, Cause.SLOW_CONSUMER),
        (VerdictName.IMPROVING, Cause.RECOVERING),
        (VerdictName.UNCHANGED, Cause.UNKNOWN),
    ],
)
def test_where_the_readings_name_nothing_a_change_of_ours_does_until_it_has_shown(
    verdict: VerdictName, word: Cause
) -> None:
    made = raised_and_taken_back().model_copy(
        update={"state": ChangeState.APPLIED, "ended_at": None}
    )
    acted = Diagnosis(cause=Cause.SLOW_CONSUMER, path=())
    state = incident(None, made).model_copy(
        update={"cause": acted.cause, "diagnosis": acted, "learned": None}
    )
    nameless = case(poison())._replace(diagnosis=Diagnosis(cause=Cause.UNKNOWN, path=()))

    seen = while_it_shows(nameless, state, Verdict(verdict=verdict, because="as it went"))

    assert seen.diagnosis.cause is word
    assert not seen.diagnosis.proven


def test_a_word_that_the_readings_give_is_not_outweighed_by_what_we_acted_on() -> None:
    state = incident(None, raised_and_taken_back())
    named = case(poison())
    verdict = Verdict(verdict=VerdictName.IMPROVING, because="more gets done")

    assert while_it_shows(named, state, verdict) is named


def test_what_waits_less_and_less_once_too_many_lanes_are_gone_recovers() -> None:
    age = [400.0] * 10 + [600_000.0 - 24_000 * n for n in range(20)]
    busy = evidence(**aged(age), invocations=200.0)
    found = case(busy)._replace(diagnosis=Diagnosis(cause=Cause.SLOW_CONSUMER, path=()))
    back, there = (
        raised_and_taken_back(),
        raised_and_taken_back().model_copy(update={"state": ChangeState.APPLIED, "ended_at": None}),
    )

    assert as_learned(found, incident(SLOWER, back)).diagnosis.cause is Cause.RECOVERING
    assert as_learned(found, incident(SLOWER, there)).diagnosis.cause is Cause.DOWNSTREAM_SATURATED


@pytest.mark.parametrize(
    ("minutes", "word"),
    [(2, (Cause.CONSUMER_STOPPED, Detail.PAUSED)), (6, (Cause.SLOW_CONSUMER, Detail.PAUSED))],
)
def test_what_runs_again_for_minutes_is_not_stopped_and_no_lever_of_ours_is_for_it(
    minutes: float, word: tuple[Cause, Detail]
) -> None:
    slow = Diagnosis(cause=Cause.SLOW_CONSUMER, path=())
    stopped = Diagnosis(cause=Cause.CONSUMER_STOPPED, path=(), detail=Detail.PAUSED)
    state = stopped_by_somebody().model_copy(update={"diagnosis": stopped})

    seen = as_learned(behind(minutes)._replace(diagnosis=slow), state).diagnosis

    assert seen.cause is word[0]
    assert not [lever for lever in REMEDIES[seen.cause] if Detail.PAUSED in lever.details]


@pytest.mark.parametrize(
    ("age", "let_go_on", "word"),
    [
        pytest.param(climbing(0.9, 20), 60, Cause.CONSUMER_STOPPED, id="let go on just now"),
        pytest.param(climbing(0.9, 20), 360, Cause.SLOW_CONSUMER, id="it runs, and is too slow"),
        pytest.param(falling(0.3, 6, 3_000_000), 360, Cause.RECOVERING, id="it catches up"),
    ],
)
def test_what_somebody_stopped_and_lets_go_on_is_theirs_and_has_its_word(
    age: list[float], let_go_on: float, word: Cause
) -> None:
    """In no case is anything of ours made: how fast it catches up is theirs to say."""
    seen = slow_consumer(
        **aged(age),
        mapping_last_modified=NOW - seconds_ago(let_go_on),
    )
    here = diagnosed(seen, DEFAULTS)
    assert here.diagnosis.cause is Cause.SLOW_CONSUMER
    stopped = state(None, learned=Cause.CONSUMER_STOPPED)
    known = as_learned(here, stopped)
    assert known.diagnosis.cause is word
    assert not plan("incident-1", known).changes
