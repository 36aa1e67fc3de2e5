"""The decision tree: every cause, every kind of incident, every reading missing in turn.

The kinds are in tests/kinds, a chapter a question.
"""

from collections.abc import Mapping
from itertools import combinations

import pytest

from remediator.decide.diagnosis import diagnose
from remediator.decide.tree import ROOT, TREE, Leaf
from remediator.evidence.metrics import Metric
from remediator.model import Answer, Cause, Evidence, Gap, Reader, SourceKind
from remediator.policy import Policy, Thresholds
from tests.chapters import gathered
from tests.evidence import (
    PIPELINES,
    READINGS,
    aged,
    climbing,
    evidence,
    one_shard_fails,
    others,
    poison,
    read_contention,
    shard_ages,
    since,
    slow_consumer,
    throttled,
    without,
)
from tests.kinds import (
    beginning,
    contention,
    ending,
    failing,
    flowing,
    halving,
    hanging,
    keys,
    running,
    saturation,
    silent,
    standing,
    throttling,
)
from tests.kinds.readings import Alike, Kinds, nothing_invoked, split_since
from tests.kinds.running import let_go_on
from tests.kinds.standing import BOTH_AT_ONCE

POLICY = Policy()
CHAPTERS = (
    running,
    throttling,
    failing,
    beginning,
    standing,
    halving,
    hanging,
    silent,
    contention,
    ending,
    saturation,
    keys,
    flowing,
)
ALIKE: Alike = gathered("ALIKE", CHAPTERS)
KINDS: Kinds = gathered("KINDS", CHAPTERS)


def cause_of(seen: Evidence, policy: Policy = POLICY) -> tuple[Cause, str]:
    found = diagnose(seen, policy)
    return found.cause, found.detail


# --- every cause ---------------------------------------------------------------------------------

CAUSES: Mapping[str, tuple[Cause, str]] = {
    "healthy": (Cause.RECOVERING, ""),
    "slow-consumer": (Cause.SLOW_CONSUMER, ""),
    "overloaded": (Cause.SLOW_CONSUMER, ""),
    "throttled": (Cause.THROTTLING, "reservation"),
    "poison": (Cause.POISON_RECORD, "isolated"),
    "one-shard-fails": (Cause.POISON_RECORD, "suspected"),
    "broken-deploy": (Cause.FUNCTION_FAILURE, "deploy"),
    "read-contention": (Cause.READ_CONTENTION, "bytes"),
    "hot-key": (Cause.HOT_PARTITION_KEY, ""),
    "saturated": (Cause.DOWNSTREAM_SATURATED, ""),
    "stopped": (Cause.CONSUMER_STOPPED, "paused"),
    "recovering": (Cause.RECOVERING, ""),
    "expiring": (Cause.SLOW_CONSUMER, ""),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_each_pipeline_gets_its_cause(name: str) -> None:
    assert cause_of(PIPELINES[name]()) == CAUSES[name]


def test_every_cause_is_among_them() -> None:
    told = {cause for cause, _ in CAUSES.values()}
    assert told | {Cause.UNKNOWN} == set(Cause)


def test_nothing_seen_at_all_is_unknown_with_its_gaps() -> None:
    found = diagnose(without(evidence(), *READINGS), POLICY)
    assert found.cause is Cause.UNKNOWN
    assert {gap.reading for gap in found.gaps} >= set(READINGS)


# --- every kind -----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ALIKE)
def test_what_looks_alike_is_told_apart(case: str) -> None:
    seen, cause, detail = ALIKE[case]
    assert cause_of(seen) == (cause, detail)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_worlds_at_random_have_shown_gets_its_word(kind: str) -> None:
    seen, cause = KINDS[kind]
    assert cause_of(seen)[0] is cause


# --- what single questions ask --------------------------------------------------------------------


def test_bounding_retries_is_not_reached_before_successes_were_seen() -> None:
    """docs/concepts.md, causes: with one shard, do not guess; bisect first."""
    for minutes in range(1, 11):
        seen = split_since(minutes, errors=since(20, 60))
        assert not diagnose(seen, POLICY).proven


def test_shard_metrics_name_the_shards_that_stand_still() -> None:
    one = shard_ages(400, 400, climbing(1.0), 400)
    all_four = shard_ages(*[climbing(1.0)] * 4)
    assert cause_of(poison(shard_metrics=one)) == (Cause.POISON_RECORD, "isolated")
    assert cause_of(poison(shard_metrics=all_four))[0] is Cause.FUNCTION_FAILURE


def test_a_reader_with_its_own_throughput_takes_nothing_from_a_dynamodb_stream_or_a_shard() -> None:
    apart = (Reader(name="fan-out", shared_throughput=False), *others(1))
    seen = read_contention(kind=SourceKind.KINESIS).model_copy(update={"readers": apart})
    found = diagnose(seen, POLICY)
    step = next(step for step in found.path if step.id == "reads_contended")
    told = {reading.name: reading.value for reading in step.readings}
    assert told["other_shared_readers"] == 1


def test_thresholds_are_the_policys() -> None:
    patient = Policy(thresholds=Thresholds(throttle_share=0.9, sustained_minutes=2))
    assert cause_of(throttled())[0] is Cause.THROTTLING
    assert cause_of(throttled(), patient)[0] is not Cause.THROTTLING


@pytest.mark.parametrize(
    "kind",
    [
        "poison in three shards of four: successes are down, and what stands still tells",
        "poison in one shard after another, until nothing succeeds",
        "busy lanes that do again what they did, behind partial responses",
        "one success since batches are split, where hundreds failed before, may be chance",
        "the only lane fails behind partial responses, and its oldest record moves on a little",
        "one record hangs until the timeout, whenever it is tried, while far more comes in",
        "most shards stand still, and about as much as ever succeeds: each holds a bad record",
    ],
)
def test_what_is_only_likelier_proves_nothing(kind: str) -> None:
    """The word goes by what is likelier; what is captured, by what is shown (invariant 2)."""
    assert not diagnose(KINDS[kind][0], POLICY).proven


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(
            poison(
                invocations=since(10, 120, 240),
                errors=since(10, 60),
                invoked_events=since(10, 1100, 2400),
                failed_invoke_events=since(10, 100),
                incoming_records=since(10, 1000, 2400),
                read_records=since(10, 1000, 2400),
            ),
            id="the rest succeeds less often, by as much as less comes in",
        ),
        pytest.param(
            poison(
                shards=1,
                parallelization_factor=5,
                invocations=240,
                stream_invocations=240,
                errors=since(10, 50),
                duration_ms=1000,
                concurrent_executions=5,
                shard_metrics=shard_ages(climbing(1.0, 10)),
            ),
            id="of the only shard's lanes, its own age says nothing against the others",
        ),
        pytest.param(
            poison(
                errors=[20.0] * 20 + [28.0] * 10,
                invoked_events=2400,
                failed_invoke_events=[20.0] * 20 + [28.0] * 10,
            ),
            id="what fails did so before: the usual is that of before it lagged",
        ),
        pytest.param(
            BOTH_AT_ONCE,
            id="the other shard lags, too, since far more comes in, and its lane is full of work",
        ),
    ],
)
def test_what_is_shown_at_the_first_look_needs_no_second_one(seen: Evidence) -> None:
    assert cause_of(seen) == (Cause.POISON_RECORD, "isolated")
    assert diagnose(seen, POLICY).proven


@pytest.mark.parametrize(("minutes", "detail"), [(3, "suspected"), (12, "undecided")])
def test_a_split_has_told_nothing_until_what_fails_has_been_split(
    minutes: int, detail: str
) -> None:
    """However long batches are split already: the record is among those that fail."""
    seen = one_shard_fails(
        **aged(climbing(1.0, minutes)),
        errors=since(minutes, 60),
        bisect_on_error=True,
        batch_size=100,
        duration_max_ms=20_000,
        timeout_seconds=60,
    )
    assert cause_of(seen) == (Cause.POISON_RECORD, detail)


def test_what_is_at_work_for_minutes_was_not_stopped_though_nothing_is_counted() -> None:
    """An invocation is counted once it has ended."""
    at_work = let_go_on(concurrent_executions=4)
    assert diagnose(at_work, POLICY).path[0].answer is Answer.NO
    stopped_since = let_go_on(concurrent_executions=[4.0] * 20 + [0.0] * 10)
    assert diagnose(stopped_since, POLICY).path[0].answer is Answer.YES


# --- what is missing -----------------------------------------------------------------------------


@pytest.mark.parametrize("missing", READINGS)
@pytest.mark.parametrize("name", PIPELINES)
def test_a_missing_reading_never_makes_a_wrong_cause(name: str, missing: str) -> None:
    found = diagnose(without(PIPELINES[name](), missing), POLICY)
    assert found.cause in {CAUSES[name][0], Cause.UNKNOWN}
    assert missing in {gap.reading for gap in found.gaps}


# Causes by which nothing is raised and nothing is discarded.
LEVERLESS = {
    Cause.UNKNOWN,
    Cause.CONSUMER_STOPPED,
    Cause.DOWNSTREAM_SATURATED,
    Cause.FUNCTION_FAILURE,
    Cause.RECOVERING,
}


@pytest.mark.parametrize("name", PIPELINES)
def test_two_missing_readings_pull_no_wrong_lever(name: str) -> None:
    blind_spots = {("stream", "shards")}  # whose loss alone makes lanes uncountable
    wrong = [
        (gone, found.cause)
        for gone in combinations(READINGS, 2)
        if gone not in blind_spots
        and (found := diagnose(without(PIPELINES[name](), *gone), POLICY)).cause
        not in LEVERLESS | {CAUSES[name][0]}
    ]
    assert wrong == []


def test_a_count_that_was_never_published_is_not_zero() -> None:
    found = diagnose(without(poison(), Metric.ERRORS), POLICY)
    step = next(step for step in found.path if step.id == "failing")
    assert step.answer is Answer.UNSEEN
    assert "failing" in {gap.reading for gap in found.gaps}


def test_where_invocations_are_not_counted_their_other_traces_show_that_it_runs() -> None:
    assert cause_of(without(evidence(), Metric.INVOCATIONS))[0] is not Cause.CONSUMER_STOPPED
    assert cause_of(nothing_invoked())[0] is Cause.CONSUMER_STOPPED


# --- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PIPELINES)
def test_every_step_says_why_and_cites_its_readings(name: str) -> None:
    path = diagnose(PIPELINES[name](), POLICY).path
    assert path[0].id == ROOT
    assert all(step.because for step in path)
    assert all(step.readings for step in path)


def test_the_same_evidence_gives_the_same_diagnosis() -> None:
    for build in PIPELINES.values():
        assert diagnose(build(), POLICY) == diagnose(build(), POLICY)


def test_every_question_can_be_reached_and_no_path_runs_in_a_circle() -> None:
    order = list(TREE)
    reached = {ROOT}
    for name, question in TREE.items():
        for end in (question.yes, question.no, question.unseen):
            if isinstance(end, str):
                assert order.index(end) > order.index(name)
                reached.add(end)
    assert reached == set(TREE)


def test_the_leaves_are_all_causes() -> None:
    ends = [end for q in TREE.values() for end in (q.yes, q.no, q.unseen)]
    assert {end.cause for end in ends if isinstance(end, Leaf)} == set(Cause)


def test_a_reservation_that_was_not_seen_is_not_said_to_let_the_function_run() -> None:
    unseen = slow_consumer().model_copy(
        update={"gaps": (Gap(reading="reserved_concurrency", reason="denied"),)}
    )
    first = diagnose(unseen, POLICY).path[0]
    assert first.id == "stopped_on_purpose"
    assert "was not seen" in first.because
