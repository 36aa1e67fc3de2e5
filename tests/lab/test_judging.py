"""Which diagnosis and which levers a run is judged by."""

from dataclasses import replace

import pytest

from lab.episode import Episode, Note, SettingChange
from lab.judging import judged
from lab.scenarios import SCENARIOS
from remediator.model import Cause, RemedyName, Status

HORIZON = 3600.0
PF, ISOLATE = RemedyName.RAISE_PARALLELIZATION_FACTOR, RemedyName.ISOLATE_POISON
AID = RemedyName.EXTEND_RETENTION
HEALED = SCENARIOS["failure_by_deploy"].blueprint(0).heals_at_seconds or 0.0


def episode(
    scenario: str,
    said: list[tuple[float, Cause]],
    pulled: list[tuple[float, RemedyName]],
    strategy: str = "remediator",
) -> Episode:
    """A run in which the remediator said and did some things, at these seconds."""
    return Episode(
        scenario=scenario,
        strategy=strategy,
        seed=0,
        true_cause=SCENARIOS[scenario].causes[0],
        horizon_seconds=HORIZON,
        threshold_seconds=60,
        alarm_at_seconds=1200,
        recovered_at_seconds=None,
        notes=tuple(Note(at_seconds=at, cause=cause) for at, cause in said),
        changes=tuple(
            SettingChange(at_seconds=at, setting="any", before=1, after=2, by=by)
            for at, by in pulled
        ),
    )


@pytest.mark.parametrize(
    ("scenario", "said", "pulled", "right"),
    [
        pytest.param(
            "slow_io_bound",
            [(1201, Cause.UNKNOWN), (1500, Cause.SLOW_CONSUMER), (2000, Cause.RECOVERING)],
            [(1501, PF)],
            True,
            id="the one that led to the lever",
        ),
        pytest.param(
            "slow_io_bound",
            [(1201, Cause.THROTTLING), (1500, Cause.SLOW_CONSUMER)],
            [(1202, PF)],
            False,
            id="not one that came after the lever",
        ),
        pytest.param(
            "slow_io_bound",
            [(1201, Cause.UNKNOWN), (1500, Cause.SLOW_CONSUMER)],
            [(1202, AID), (1501, PF)],
            True,
            id="first aid is no lever",
        ),
        pytest.param(
            "slow_io_bound",
            [(1201, Cause.SLOW_CONSUMER), (3000, Cause.UNKNOWN)],
            [],
            False,
            id="without a lever where one was needed, the last",
        ),
        pytest.param(
            "failure_by_deploy",
            [(1201, Cause.FUNCTION_FAILURE), (HEALED + 300, Cause.SLOW_CONSUMER)],
            [(HEALED + 301, PF)],
            True,
            id="where waiting is right, the first",
        ),
        pytest.param(
            "failure_by_deploy",
            [(1201, Cause.RECOVERING), (1500, Cause.FUNCTION_FAILURE)],
            [],
            True,
            id="that says more than recovering",
        ),
        pytest.param(
            "producer_burst",
            [(1201, Cause.SLOW_CONSUMER), (1500, Cause.RECOVERING)],
            [],
            False,
            id="a burst must be known at once",
        ),
        pytest.param(
            "kpl_aggregation",
            [(1201, Cause.SLOW_CONSUMER), (1800, Cause.HOT_PARTITION_KEY)],
            [(1202, PF)],
            True,
            id="what only trying shows may come later",
        ),
        pytest.param("slow_io_bound", [], [], False, id="silence is no diagnosis"),
        pytest.param(
            "broken_for_one_stream", [(1201, Cause.UNKNOWN)], [], True, id="to ask is honest there"
        ),
        pytest.param("failure_by_deploy", [(1201, Cause.UNKNOWN)], [], False, id="and is not here"),
    ],
)
def test_the_diagnosis_that_counts(
    scenario: str,
    said: list[tuple[float, Cause]],
    pulled: list[tuple[float, RemedyName]],
    right: bool,
) -> None:
    run = judged(episode(scenario, said, pulled), SCENARIOS[scenario])
    assert run.right_cause is right


@pytest.mark.parametrize(
    ("scenario", "pulled", "right"),
    [
        pytest.param("slow_io_bound", [(1202, PF)], True, id="the lever"),
        pytest.param("slow_io_bound", [(1202, ISOLATE)], False, id="another one"),
        pytest.param("slow_io_bound", [], False, id="none where one is needed"),
        pytest.param("producer_burst", [], True, id="none where none is needed"),
        pytest.param("producer_burst", [(1202, PF)], False, id="one where none is needed"),
        pytest.param("producer_burst", [(1202, AID)], True, id="first aid never hurts"),
        pytest.param(
            "idle_stream_age_spike", [(1202, AID)], False, id="but is paid for where all is well"
        ),
        pytest.param("idle_stream_age_spike", [], True, id="nothing where all is well"),
        pytest.param("old_default_retries", [(1202, ISOLATE)], False, id="one pulled in vain"),
        pytest.param(
            "poison_on_one_of_many", [(1202, ISOLATE), (1600, PF)], True, id="lanes afterwards"
        ),
        pytest.param("poison_on_one_of_many", [(1202, PF)], False, id="lanes instead"),
        pytest.param(
            "poison_on_one_of_many", [(1202, PF), (1600, ISOLATE)], False, id="lanes first"
        ),
        pytest.param("failure_by_deploy", [(HEALED - 60, PF)], False, id="before it healed"),
        pytest.param("failure_by_deploy", [(HEALED + 60, PF)], True, id="after it healed"),
    ],
)
def test_the_levers_that_are_right(
    scenario: str,
    pulled: list[tuple[float, RemedyName]],
    right: bool,
) -> None:
    run = judged(episode(scenario, [(1201, Cause.UNKNOWN)], pulled), SCENARIOS[scenario])
    assert run.right_lever is right


def test_only_the_remediator_is_judged() -> None:
    run = judged(episode("slow_io_bound", [], [(1202, PF)], "pf_10"), SCENARIOS["slow_io_bound"])
    assert run.right_cause is None
    assert run.right_lever is None


@pytest.mark.parametrize(
    ("wished", "right"),
    [
        pytest.param(RemedyName.SPLIT_SHARDS, True, id="the lever that helps"),
        pytest.param(PF, False, id="a lever that does not"),
    ],
)
def test_to_ask_a_person_for_the_right_lever_is_right(wished: RemedyName, right: bool) -> None:
    said = episode("read_contention_by_mappings", [], [])
    asks = Note(
        at_seconds=1201,
        cause=Cause.READ_CONTENTION,
        status=Status.AWAITING_APPROVAL,
        wished=(wished,),
    )
    asked = judged(replace(said, notes=(asks,)), SCENARIOS["read_contention_by_mappings"])
    assert asked.right_lever is right
