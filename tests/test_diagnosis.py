"""The decision tree: every cause, every pair that looks alike, every reading missing in turn."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest

from remediator.decide.tree import ROOT, TREE, Leaf, diagnose
from remediator.evidence.metrics import Metric
from remediator.model import Answer, Cause, Evidence, Gap, Reader, Series, SourceKind
from remediator.policy import Policy, Thresholds
from tests.evidence import (
    NOW,
    PIPELINES,
    READINGS,
    STREAM_ARN,
    climbing,
    evidence,
    falling,
    hot_key,
    one_shard_fails,
    others,
    overloaded,
    poison,
    read_contention,
    recovering,
    saturated,
    since,
    slow_consumer,
    stopped,
    throttled,
    without,
)

POLICY = Policy()


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


# --- pairs that look alike -----------------------------------------------------------------------


# What is published only where something is invoked.
INVOKED = (
    Metric.ITERATOR_AGE_MS,
    Metric.INVOCATIONS,
    Metric.ERRORS,
    Metric.THROTTLES,
    Metric.DURATION_MS,
    Metric.DURATION_MAX_MS,
    Metric.CONCURRENT_EXECUTIONS,
)


def wait(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


def silent(**said: Any) -> Evidence:
    """Records arrive, nothing is invoked any more, and nothing is throttled."""
    return without(
        evidence(**{"stream_iterator_age_ms": climbing()} | said),
        *(metric for metric in INVOKED if metric not in said),
    )


def split_since(minutes: int, *, errors: Any, **said: Any) -> Evidence:
    """One shard that has failed for 20 minutes, and splits failed batches since lately."""
    return one_shard_fails(
        iterator_age_ms=climbing(1.0, 20),
        stream_iterator_age_ms=climbing(1.0, 20),
        errors=errors,
        bisect_on_error=True,
        mapping_last_modified=NOW - wait(minutes),
        **said,
    )


def fails_everywhere(**said: Any) -> Evidence:
    """Four shards, nothing succeeds, and nobody has deployed anything."""
    return poison(**{"errors": since(10, 240)} | said)


ALIKE = {
    "stopped: disabled by somebody": (stopped(), Cause.CONSUMER_STOPPED, "paused"),
    "stopped: reserved at 0": (
        throttled(reserved_concurrency=0),
        Cause.CONSUMER_STOPPED,
        "reserved_at_0",
    ),
    "not stopped: reserved at 1": (
        throttled(reserved_concurrency=1),
        Cause.THROTTLING,
        "reservation",
    ),
    "stopped: enabled, but nothing is invoked": (
        silent(),
        Cause.CONSUMER_STOPPED,
        "no_invocations",
    ),
    "not stopped: nothing is invoked because all is throttled": (
        silent(throttles=since(10, 60)),
        Cause.THROTTLING,
        "unclear",
    ),
    "stopped: the function is gone": (
        evidence(function_state="Failed"),
        Cause.CONSUMER_STOPPED,
        "function_gone",
    ),
    "throttled by the account's pool": (
        throttled(reserved_concurrency=None, unreserved_concurrent_executions=since(10, 1000, 50)),
        Cause.THROTTLING,
        "account",
    ),
    "throttles are no errors": (
        throttled(errors=0, throttles=since(10, 600)),
        Cause.THROTTLING,
        "reservation",
    ),
    "throttles hide a failure, and are what must go first": (
        throttled(errors=since(10, 60)),
        Cause.THROTTLING,
        "reservation",
    ),
    "a single throttled minute is not sustained": (
        overloaded(throttles=since(1, 100)),
        Cause.SLOW_CONSUMER,
        "",
    ),
    "poison: one shard of four": (poison(), Cause.POISON_RECORD, "isolated"),
    "failure: all four shards": (fails_everywhere(), Cause.FUNCTION_FAILURE, "everywhere"),
    "failure: all four shards, right after a deploy": (
        fails_everywhere(function_last_modified=NOW - wait(13)),
        Cause.FUNCTION_FAILURE,
        "deploy",
    ),
    "failure: every batch times out": (
        fails_everywhere(duration_max_ms=since(10, 30_000)),
        Cause.FUNCTION_FAILURE,
        "timeouts",
    ),
    "one shard, all fails: only suspected": (one_shard_fails(), Cause.POISON_RECORD, "suspected"),
    "one shard, all fails, split: halves succeed": (
        split_since(8, errors=[0] * 10 + [60] * 12 + [50] * 4 + [60] * 4),
        Cause.POISON_RECORD,
        "isolated",
    ),
    "one shard, halves succeed, but so did some before they were split": (
        split_since(8, errors=[0] * 10 + [45] * 12 + [50] * 4 + [60] * 4),
        Cause.FUNCTION_FAILURE,
        "partial",
    ),
    "one shard of one of two mappings: what succeeds may be the other's": (
        one_shard_fails(sibling_mappings=1, errors=since(10, 30)),
        Cause.POISON_RECORD,
        "suspected",
    ),
    "four shards of one of two mappings: what succeeds may be the other's": (
        poison(sibling_mappings=1),
        Cause.POISON_RECORD,
        "suspected",
    ),
    "one shard, all fails now, but something succeeded meanwhile": (
        one_shard_fails(errors=[0] * 20 + [50] * 7 + [60] * 3),
        Cause.FUNCTION_FAILURE,
        "partial",
    ),
    "one shard of four, which failed as a whole until a minute ago": (
        poison(
            invocations=[240] * 20 + [60] * 9 + [240],
            errors=[0] * 20 + [55] * 9 + [6],
            read_records=[600] * 20 + [60] * 9 + [600],
        ),
        Cause.FUNCTION_FAILURE,
        "everywhere",
    ),
    "one shard, all fails, split: nothing succeeds, as where the bad record is the first": (
        split_since(8, errors=since(20, 60)),
        Cause.POISON_RECORD,
        "undecided",
    ),
    "one shard, all fails, split just now: nothing succeeds yet": (
        split_since(3, errors=since(20, 60)),
        Cause.POISON_RECORD,
        "suspected",
    ),
    "one shard of two lanes, all fails: twice as often since there are two": (
        split_since(
            8,
            errors=since(20, 6)[:22] + [12.0] * 8,
            invocations=since(20, 6, 60)[:22] + [12.0] * 8,
            parallelization_factor=2,
        ),
        Cause.FUNCTION_FAILURE,
        "everywhere",
    ),
    "one shard of two lanes, all fails: no oftener, so perhaps in one lane alone": (
        split_since(8, errors=since(20, 60), parallelization_factor=2),
        Cause.POISON_RECORD,
        "undecided",
    ),
    "failure: some fail, but every shard moves on": (
        poison(iterator_age_ms=climbing(0.4), stream_iterator_age_ms=climbing(0.4)),
        Cause.FUNCTION_FAILURE,
        "partial",
    ),
    "poison: successes are down, yet only a record that fails always stands still for so long": (
        poison(errors=since(10, 200)),
        Cause.POISON_RECORD,
        "suspected",
    ),
    "poison behind partial batch responses, by its metric": (
        poison(errors=0, reports_partial_batches=True, failed_invoke_events=since(10, 60)),
        Cause.POISON_RECORD,
        "isolated",
    ),
    "poison behind partial batch responses, in the only lane": (
        evidence(
            iterator_age_ms=climbing(),
            stream_iterator_age_ms=climbing(),
            reports_partial_batches=True,
            failed_invoke_events=since(10, 60),
            invoked_events=600,
        ),
        Cause.POISON_RECORD,
        "isolated",
    ),
    "failure: every record of the only lane is reported as failed": (
        evidence(
            iterator_age_ms=climbing(),
            stream_iterator_age_ms=climbing(),
            reports_partial_batches=True,
            failed_invoke_events=since(10, 600),
            invoked_events=600,
        ),
        Cause.FUNCTION_FAILURE,
        "partial",
    ),
    "poison behind partial batch responses, by its shadow": (
        poison(errors=0, reports_partial_batches=True),
        Cause.POISON_RECORD,
        "suspected",
    ),
    "contention: readers take each other's reads": (
        read_contention(read_bytes=600_000),
        Cause.READ_CONTENTION,
        "mappings",
    ),
    "contention: by a reader that AWS does not list": (
        read_contention(readers=0, read_bytes=600_000),
        Cause.READ_CONTENTION,
        "outside_reader",
    ),
    "no contention: a backlog drained fast touches the limit": (
        read_contention(
            readers=0,
            iterator_age_ms=falling(3.0, 6),
            stream_iterator_age_ms=falling(3.0, 6),
        ),
        Cause.RECOVERING,
        "",
    ),
    "no contention: every lane is busy, it is the work that takes long": (
        read_contention(duration_ms=3000, invocations=since(10, 20, 18)),
        Cause.SLOW_CONSUMER,
        "",
    ),
    "too many readers of a DynamoDB stream": (
        evidence(
            kind=SourceKind.DYNAMODB, readers=2, iterator_age_ms=climbing(0.6), invocations=20
        ),
        Cause.READ_CONTENTION,
        "table_readers",
    ),
    "slow: one lane a shard cannot be short of keys": (
        hot_key(parallelization_factor=1),
        Cause.SLOW_CONSUMER,
        "",
    ),
    "hot key: ten lanes, one at work": (hot_key(), Cause.HOT_PARTITION_KEY, ""),
    "slow: ten lanes, all at work": (
        hot_key(
            invocations=since(10, 600, 30),
            concurrent_executions=10,
            incoming_records=since(10, 120_000, 600),
            read_records=since(10, 60_000, 600),
        ),
        Cause.SLOW_CONSUMER,
        "",
    ),
    "saturated: a lane gets less done since more of them run": (
        saturated(),
        Cause.DOWNSTREAM_SATURATED,
        "",
    ),
    "slow: longer, because batches have grown with the backlog": (
        saturated(
            batch_size=1000,
            read_records=since(10, 60_000, 600),
            incoming_records=since(10, 90_000, 600),
        ),
        Cause.SLOW_CONSUMER,
        "",
    ),
    "slow: no error was ever counted, and the last batch went well": (
        slow_consumer(errors=None),
        Cause.SLOW_CONSUMER,
        "",
    ),
    "unknown: no error was ever counted, and the last batch went wrong": (
        slow_consumer(errors=None, last_processing_result="PROBLEM: Function call failed"),
        Cause.UNKNOWN,
        "",
    ),
    "slow: bound by the processor": (
        slow_consumer(cpu_total_time_ms=270, memory_mb=512),
        Cause.SLOW_CONSUMER,
        "cpu_bound",
    ),
    "slow: waits for something": (
        slow_consumer(cpu_total_time_ms=20, memory_mb=512),
        Cause.SLOW_CONSUMER,
        "",
    ),
    "recovering: falls fast enough": (recovering(), Cause.RECOVERING, ""),
    "slow: falls, but so slowly that help comes sooner": (
        overloaded(
            iterator_age_ms=falling(0.2, 15, 7_200_000),
            stream_iterator_age_ms=falling(0.2, 15, 7_200_000),
        ),
        Cause.SLOW_CONSUMER,
        "",
    ),
    "unknown: climbs, while lanes are idle and nothing is wrong": (
        evidence(iterator_age_ms=climbing(0.5), stream_iterator_age_ms=climbing(0.5)),
        Cause.UNKNOWN,
        "",
    ),
}


@pytest.mark.parametrize("case", ALIKE)
def test_what_looks_alike_is_told_apart(case: str) -> None:
    seen, cause, detail = ALIKE[case]
    assert cause_of(seen) == (cause, detail)


def test_bounding_retries_is_not_reached_before_successes_were_seen() -> None:
    """docs/concepts.md, causes: with one shard, do not guess; bisect first."""
    for minutes in range(1, 11):
        seen = split_since(minutes, errors=since(20, 60))
        assert not diagnose(seen, POLICY).proven


def test_shard_metrics_name_the_shards_that_stand_still() -> None:
    stuck = {Metric.SHARD_ITERATOR_AGE_MS: climbing(1.0)}
    fine = {Metric.SHARD_ITERATOR_AGE_MS: 400}
    one = {f"shardId-{n:012}": stuck if n == 2 else fine for n in range(4)}
    all_four = {f"shardId-{n:012}": stuck for n in range(4)}
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
    assert cause_of(silent())[0] is Cause.CONSUMER_STOPPED


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


# --- kinds that worlds at random have shown -------------------------------------------------------


def long_batches(**said: Any) -> Evidence:
    """Four shards whose batches take two minutes, one after another, in every lane."""
    usual: dict[str, Any] = {
        "shards": 4,
        "invocations": [2.0] * 30,
        "duration_ms": 120_000,
        "duration_max_ms": 130_000,
        "timeout_seconds": 300,
        "concurrent_executions": 4,
        "iterator_age_ms": 90_000,
        "stream_iterator_age_ms": 0,
    }
    return evidence(**(usual | said))


def burst_with_a_few_errors(**said: Any) -> Evidence:
    """A lane that is busy all the time, and of which a few batches fail as ever: its age climbs."""
    usual: dict[str, Any] = {
        "iterator_age_ms": climbing(0.8, 8),
        "stream_iterator_age_ms": climbing(0.8, 8),
        "errors": since(8, 4, 2),
        "duration_ms": since(8, 1_000, 300),
        "duration_max_ms": 1_200,
        "incoming_records": since(8, 12_000, 600),
        "read_records": since(8, 6_000, 600),
    }
    return evidence(**(usual | said))


def burst_that_was_read_ahead(**said: Any) -> Evidence:
    """Four lanes at work on full batches of it, each record of which takes as long as ever."""
    usual: dict[str, Any] = {
        "shards": 4,
        "batch_size": 10,
        "iterator_age_ms": climbing(0.8, 6),
        "stream_iterator_age_ms": 0,
        "invocations": since(6, 48, 60),
        "duration_ms": since(6, 5_000, 500),
        "duration_max_ms": since(6, 5_200, 520),
        "concurrent_executions": since(6, 4, 1),
        "incoming_records": [60.0] * 22 + [6_000.0] * 2 + [60.0] * 6,
        "read_records": [60.0] * 22 + [6_000.0] * 2 + [60.0] * 6,
    }
    return evidence(**(usual | said))


def burst_in_one_of_many(records: float) -> Evidence:
    """Sixty idle shards, of which one has a burst of one key: four minutes ago, by one lane."""
    return evidence(
        shards=60,
        batch_size=10,
        iterator_age_ms=climbing(1.0, 3),
        stream_iterator_age_ms=0,
        invocations=since(4, 84, 72),
        duration_ms=since(4, 1_100, 460),
        duration_max_ms=since(4, 5_000, 900),
        concurrent_executions=since(4, 5, 4),
        incoming_records=[72.0] * 26 + [72.0 + records] + [72.0] * 3,
        read_records=[72.0] * 26 + [72.0 + records] + [72.0] * 3,
    )


def behind_partial_responses(**said: Any) -> Evidence:
    """Four shards whose oldest record stops; nothing is counted that fails."""
    usual: dict[str, Any] = {
        "shards": 4,
        "reports_partial_batches": True,
        "iterator_age_ms": climbing(1.0, 6),
        "stream_iterator_age_ms": climbing(1.0, 6),
        "invocations": since(6, 400, 240),
    }
    return evidence(**(usual | said))


def let_go_on(**said: Any) -> Evidence:
    """Nothing was invoked for ten minutes, in the last two of which the mapping was changed."""
    usual: dict[str, Any] = {
        "mapping_last_modified": NOW - wait(2),
        "stream_iterator_age_ms": 0,
        "read_records": [600.0] * 18,
        "invocations": [60.0] * 20 + [0.0] * 10,
    }
    return silent(**(usual | said))


def with_own_consumer(seen: Evidence) -> Evidence:
    """The same, with enhanced fan-out."""
    consumer = f"{STREAM_ARN}/consumer/orders:1"
    return seen.model_copy(
        update={"target": seen.target.model_copy(update={"consumer_arn": consumer})}
    )


def hangs(**said: Any) -> Evidence:
    """One record runs into a timeout of two minutes whenever it is tried, every third minute, and
    is seen only then; all else ends long before."""
    tries = [float(n >= 18 and n % 3 == 0) for n in range(30)]
    age = [60_000.0 * (n - 17) if tried else 400.0 for n, tried in enumerate(tries)]
    usual: dict[str, Any] = {
        "shards": 4,
        "timeout_seconds": 120,
        "batch_size": 10,
        "iterator_age_ms": age,
        "invocations": 60,
        "errors": tries,
        "duration_ms": 4_000,
        "duration_max_ms": [120_000.0 if tried else 6_000.0 for tried in tries],
        "concurrent_executions": 4,
        "youngest_age_ms": 400,
    }
    return evidence(**(usual | said))


def not_published_lately(seen: Evidence, metric: Metric, *, minutes: int) -> Evidence:
    """The same, but for the newest minutes of a metric."""
    older = Series(points=seen.metrics[metric].points[:-minutes])
    return seen.model_copy(update={"metrics": {**seen.metrics, metric: older}})


def without_minutes(seen: Evidence, metric: Metric, *lost: int) -> Evidence:
    """The same, but for some minutes of a metric, the newest of which is 29."""
    kept = (point for n, point in enumerate(seen.metrics[metric].points) if n not in lost)
    series = Series(points=tuple(kept))
    return seen.model_copy(update={"metrics": {**seen.metrics, metric: series}})


def fails_since_a_deploy(**said: Any) -> Evidence:
    """Four shards, none of which has got on since five minutes ago."""
    usual: dict[str, Any] = {
        "shards": 4,
        "batch_size": 100,
        "function_last_modified": NOW - wait(6),
        "iterator_age_ms": climbing(1.0, 5),
        "youngest_age_ms": climbing(1.0, 5),
        "stream_iterator_age_ms": climbing(1.0, 5),
        "invocations": since(5, 24, 160),
        "errors": since(5, 24),
        "duration_ms": 700,
        "duration_max_ms": 1_900,
        "concurrent_executions": 4,
    }
    return evidence(**(usual | said))


def nothing_runs_since(minutes: int, seen: Evidence) -> Evidence:
    """The same, but for the newest minutes of all that is published of what runs."""
    for metric in INVOKED:
        if metric is not Metric.THROTTLES:
            seen = not_published_lately(seen, metric, minutes=minutes)
    return seen


BOTH_AT_ONCE = evidence(
    shards=2,
    batch_size=10,
    iterator_age_ms=climbing(1.0, 6),
    stream_iterator_age_ms=climbing(1.0, 6),
    youngest_age_ms=climbing(0.8, 6),
    invocations=since(6, 17, 85),
    errors=since(6, 5),
    duration_ms=since(6, 6300, 560),
    duration_max_ms=since(6, 7200, 1500),
    concurrent_executions=2,
    incoming_records=since(6, 690, 150),
    read_records=since(6, 690, 150),
)
KINDS: Mapping[str, tuple[Evidence, Cause]] = {
    "an age of a batch that waits for the one before is no lag": (
        long_batches(iterator_age_ms=[60_000.0, 130_000.0] * 15),
        Cause.RECOVERING,
    ),
    "an age beyond that is one, and lanes that are out all the time are at work": (
        long_batches(
            iterator_age_ms=climbing(0.6, 12, base=100_000),
            invocations=[2.0] * 27 + [0.0] * 3,
            incoming_records=since(12, 3000, 100),
            read_records=since(12, 1500, 100),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "an age is not seen to fall while the long invocations of its minute are out": (
        long_batches(
            iterator_age_ms=[*climbing(0.6, 12, base=100_000)[:-2], 80_000.0, 20_000.0],
            incoming_records=since(12, 3000, 100),
            read_records=since(12, 1500, 100),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "poison in three shards of four: successes are down, and what stands still tells": (
        poison(
            invocations=since(10, 100, 240), errors=since(10, 40), read_records=since(10, 160, 600)
        ),
        Cause.POISON_RECORD,
    ),
    "poison in one shard after another, until nothing succeeds": (
        poison(
            invocations=240, errors=[0.0] * 20 + [60, 60, 120, 120, 120, 180, 180, 240, 240, 240]
        ),
        Cause.POISON_RECORD,
    ),
    "errors that were there long before it lagged are not why": (
        overloaded(errors=since(20, 30), invocations=since(10, 240, 200)),
        Cause.SLOW_CONSUMER,
    ),
    "a few errors beside lanes that are busy with what succeeds are not why": (
        burst_with_a_few_errors(),
        Cause.SLOW_CONSUMER,
    ),
    "failed records that are few are nobody's": (
        overloaded(failed_invoke_events=20, invoked_events=2400),
        Cause.SLOW_CONSUMER,
    ),
    "nearly every record is reported as failed in every shard": (
        behind_partial_responses(failed_invoke_events=since(6, 590), invoked_events=600),
        Cause.FUNCTION_FAILURE,
    ),
    "changed as the oldest record stopped, behind partial responses": (
        behind_partial_responses(function_last_modified=NOW - wait(7)),
        Cause.FUNCTION_FAILURE,
    ),
    "busy lanes that do again what they did, behind partial responses": (
        behind_partial_responses(invocations=since(6, 700, 240)),
        Cause.POISON_RECORD,
    ),
    "the youngest batches of all shards grow older, too: no single place": (
        poison(errors=since(10, 120), youngest_age_ms=climbing(0.95, 10)),
        Cause.FUNCTION_FAILURE,
    ),
    "all that this stream sends fails, while others call the function": (
        poison(invocations=since(10, 300, 400), stream_invocations=240, errors=since(10, 240)),
        Cause.FUNCTION_FAILURE,
    ),
    "a deploy as it began to lag made the code slow, and not what stands behind": (
        saturated(function_last_modified=NOW - wait(11)),
        Cause.SLOW_CONSUMER,
    ),
    "lanes run, but full batches take no longer than before: nothing is saturated": (
        saturated(duration_ms=since(10, 5000, 300), duration_max_ms=8000),
        Cause.SLOW_CONSUMER,
    ),
    "more lanes have smaller batches, which take no longer than before: nothing is saturated": (
        saturated(invocations=since(10, 1500, 60), duration_ms=since(10, 330, 300)),
        Cause.SLOW_CONSUMER,
    ),
    "more comes in than its batches hold, whoever else calls the function": (
        evidence(
            iterator_age_ms=climbing(0.6, 8),
            stream_iterator_age_ms=0,
            invocations=400,
            stream_invocations=since(8, 6, 60),
            batch_size=10,
            duration_ms=500,
            concurrent_executions=5,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "records of a day ago, in the first minutes after the mapping was enabled": (
        evidence(
            shards=4,
            mapping_last_modified=NOW - wait(4),
            iterator_age_ms=[80_000_000.0] * 2,
            invocations=[30.0] * 2,
            errors=[0.0] * 2,
            throttles=[0.0] * 2,
            duration_ms=[4000.0] * 2,
            duration_max_ms=[5000.0] * 2,
            concurrent_executions=[4.0] * 2,
            read_records=[4000.0] * 2,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "shards that are not seen: lanes that all run all the time are at their capacity": (
        overloaded(shards=None, stream=None, incoming_records=None, read_records=None),
        Cause.SLOW_CONSUMER,
    ),
    "a record that hangs is out for two minutes: between its tries younger ones are seen": (
        poison(
            iterator_age_ms=[400.0] * 18 + [x for n in range(6) for x in (400.0, 6e4 + 12e4 * n)],
            stream_iterator_age_ms=0,
            youngest_age_ms=50,
            errors=[0.0] * 18 + [0.0, 1.0] * 6,
            duration_max_ms=[500.0] * 18 + [500.0, 120_000.0] * 6,
            timeout_seconds=120,
        ),
        Cause.POISON_RECORD,
    ),
    "what will be over only in an hour is no recovery, though nothing helps": (
        overloaded(
            reserved_concurrency=4,
            iterator_age_ms=climbing(0.22, 12),
            stream_iterator_age_ms=climbing(0.22, 12),
            incoming_records=[6_000.0] * 18 + [60_000.0] * 6 + [20_000.0] * 6,
            read_records=since(12, 24_000, 6_000),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "an age that jumps far while nothing works harder is one old record's": (
        evidence(
            shards=4,
            errors=2,
            invocations=240,
            iterator_age_ms=[400.0] * 27 + [5_000_000.0, 5_060_000.0, 5_120_000.0],
        ),
        Cause.RECOVERING,
    ),
    "an age above the maximum record age cannot be": (
        evidence(
            maximum_record_age_seconds=240,
            iterator_age_ms=[400.0] * 24 + [9e6 + 6e4 * n for n in range(6)],
        ),
        Cause.RECOVERING,
    ),
    "one record stands still while throttles let all others through, and something fails": (
        throttled(
            reserved_concurrency=3,
            iterator_age_ms=climbing(1.0, 10),
            throttles=since(10, 60),
            invocations=since(10, 200, 240),
            errors=since(10, 12),
            duration_max_ms=500,
            youngest_age_ms=300,
        ),
        Cause.POISON_RECORD,
    ),
    "throttles under which no record waits longer than for its batch are no trouble": (
        throttled(iterator_age_ms=[40_000.0, 70_000.0] * 15, batching_window_seconds=120),
        Cause.RECOVERING,
    ),
    "behind partial responses no shard gets on: it is no single record": (
        behind_partial_responses(youngest_age_ms=climbing(0.95, 6)),
        Cause.FUNCTION_FAILURE,
    ),
    "far more comes in than would be done if nothing failed": (
        overloaded(
            iterator_age_ms=climbing(0.95, 10),
            stream_iterator_age_ms=climbing(0.95, 10),
            youngest_age_ms=climbing(0.9, 10),
            errors=since(10, 60),
            incoming_records=since(10, 240_000, 6_000),
            read_records=since(10, 12_000, 6_000),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "a tenth more fails than is little, but four times as much comes in: the load is why": (
        overloaded(errors=since(10, 50)),
        Cause.SLOW_CONSUMER,
    ),
    "every lane is busy, yet far from full: what waits lies in one of them": (
        hot_key(
            batch_size=100,
            invocations=since(10, 120, 60),
            duration_ms=since(10, 4_500, 500),
            duration_max_ms=since(10, 60_000, 1_000),
            timeout_seconds=300,
            concurrent_executions=10,
            incoming_records=since(10, 400, 300),
            read_records=since(10, 340, 300),
            iterator_age_ms=climbing(0.6, 10),
            stream_iterator_age_ms=climbing(0.6, 10),
        ),
        Cause.HOT_PARTITION_KEY,
    ),
    "every lane is busy, with batches that take as long as full ones and hold a tenth of them": (
        hot_key(
            invocations=since(10, 600, 30),
            concurrent_executions=10,
            mapping_last_modified=NOW - wait(9),
        ),
        Cause.HOT_PARTITION_KEY,
    ),
    "every lane is busy, with a tenth of a batch, which is all that an event of 6 MB holds": (
        hot_key(
            invocations=since(10, 600, 30),
            concurrent_executions=10,
            incoming_bytes=since(10, 12_000 * 500_000, 600 * 500_000),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "few of many lanes find work, and of its reservation much is left": (
        hot_key(reserved_concurrency=12),
        Cause.HOT_PARTITION_KEY,
    ),
    "few of many lanes find work, and no more may run by its reservation": (
        hot_key(reserved_concurrency=2, invocations=since(10, 110, 30)),
        Cause.SLOW_CONSUMER,
    ),
    "few of many lanes find work, whose batches are small, and full ones take as long as ever": (
        hot_key(
            invocations=since(10, 120, 30),
            duration_ms=since(10, 2_000, 1_000),
            duration_max_ms=4_000,
            incoming_records=600,
            read_records=since(10, 400, 600),
        ),
        Cause.HOT_PARTITION_KEY,
    ),
    "few of many lanes work, while half of the tries fail as ever: others wait for theirs": (
        hot_key(errors=since(10, 30, 15)),
        Cause.SLOW_CONSUMER,
    ),
    "few of many lanes find work since there are many, as four minutes show": (
        hot_key(mapping_last_modified=NOW - wait(6)),
        Cause.HOT_PARTITION_KEY,
    ),
    "few of many lanes find work, which are there since two minutes ago": (
        hot_key(mapping_last_modified=NOW - wait(3)),
        Cause.SLOW_CONSUMER,
    ),
    "more lanes than ever are out for minutes, and nothing that began in them has ended": (
        long_batches(
            iterator_age_ms=climbing(1.0, 8, base=90_000),
            invocations=[2.0] * 25 + [0.0] * 5,
            concurrent_executions=since(6, 16, 4),
            parallelization_factor=10,
            duration_ms=[40_000.0] * 25,
            duration_max_ms=[45_000.0] * 25,
        ),
        Cause.DOWNSTREAM_SATURATED,
    ),
    "as many lanes as ever are out for minutes": (
        long_batches(
            iterator_age_ms=climbing(1.0, 8, base=90_000),
            invocations=[2.0] * 25 + [0.0] * 5,
            duration_ms=[40_000.0] * 25,
            duration_max_ms=[45_000.0] * 25,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "few lanes are out with batches of minutes, and the oldest record's has not ended": (
        hot_key(
            iterator_age_ms=climbing(1.0, 10),
            stream_iterator_age_ms=climbing(1.0, 10),
            invocations=since(10, 2, 1),
            duration_ms=90_000,
            duration_max_ms=120_000,
            timeout_seconds=300,
            concurrent_executions=3,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "the age is late and climbs, and more lanes work than usual: for a minute that will do": (
        evidence(
            shards=8,
            iterator_age_ms=[900.0, 400.0] * 14 + [30_000.0, 75_000.0],
            stream_iterator_age_ms=0,
            invocations=since(3, 480, 240),
            incoming_records=since(3, 1_200, 600),
            read_records=since(3, 1_200, 600),
            duration_ms=500,
            concurrent_executions=5,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "all is refused since minutes in which nothing of what runs is published": (
        nothing_runs_since(
            2,
            throttled(
                reserved_concurrency=None,
                throttles=since(2, 30),
                unreserved_concurrent_executions=since(2, 1000, 50),
                iterator_age_ms=climbing(1.0, 4),
                stream_iterator_age_ms=climbing(1.0, 4),
            ),
        ),
        Cause.THROTTLING,
    ),
    "all was refused for minutes by no limit that shows, and now it runs: somebody lets it": (
        throttled(
            reserved_concurrency=None,
            throttles=[0.0] * 20 + [60.0] * 8 + [0.0] * 2,
            invocations=[60.0] * 20 + [0.0] * 8 + [60.0] * 2,
            unreserved_concurrent_executions=50,
            concurrent_executions=[1.0] * 20 + [0.0] * 8 + [1.0] * 2,
        ),
        Cause.CONSUMER_STOPPED,
    ),
    "what a burst has brought was read at once, and lanes are as quick with it as ever": (
        burst_that_was_read_ahead(),
        Cause.SLOW_CONSUMER,
    ),
    "what a burst has brought was read at once, and takes thrice as long for each record": (
        burst_that_was_read_ahead(
            invocations=since(6, 16, 60),
            duration_ms=since(6, 15_000, 500),
            duration_max_ms=since(6, 15_500, 520),
        ),
        Cause.DOWNSTREAM_SATURATED,
    ),
    "most reads are refused since a shard was late, of which no age is seen any more": (
        read_contention(
            shards=2,
            iterator_age_ms=[*climbing(0.9, 12)[:24], *[300.0] * 6],
            stream_iterator_age_ms=[*climbing(0.9, 12)[:24], *[300.0] * 6],
            read_throttles=since(12, 400),
            read_throttle_share=since(12, 0.7),
        ),
        Cause.READ_CONTENTION,
    ),
    "few reads are refused since it was late, and by its age it keeps up now": (
        read_contention(
            shards=2,
            iterator_age_ms=[*climbing(0.9, 12)[:24], *[300.0] * 6],
            stream_iterator_age_ms=[*climbing(0.9, 12)[:24], *[300.0] * 6],
            read_throttles=since(12, 60),
            read_throttle_share=since(12, 0.2),
        ),
        Cause.RECOVERING,
    ),
    "reads are throttled, and the age falls so slowly that it is no backlog drained fast": (
        read_contention(
            iterator_age_ms=falling(0.3, 6),
            stream_iterator_age_ms=falling(0.3, 6),
        ),
        Cause.READ_CONTENTION,
    ),
    "a record stands still, though its newest minute was cut short": (
        poison(
            iterator_age_ms=[*climbing(1.0, 6)[:-1], 310_000.0],
            stream_iterator_age_ms=0,
            errors=since(6, 60),
            invocations=[240.0] * 29 + [40.0],
            incoming_records=2400,
        ),
        Cause.POISON_RECORD,
    ),
    "all shards fail while another stream's batches go on: that shows nothing of this one": (
        poison(
            sibling_mappings=1,
            invocations=since(10, 300, 480),
            errors=since(10, 290),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "a function that was changed just before, and most of one minute fails": (
        read_contention(
            errors=[0.0] * 29 + [48.0],
            invocations=[60.0] * 29 + [60.0],
            function_last_modified=NOW - wait(3),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "an age that stays high for long, while most lanes are idle: one has too much to do": (
        evidence(
            shards=8,
            iterator_age_ms=[400.0] * 8 + [540_000.0] * 22,
            stream_iterator_age_ms=[400.0] * 8 + [540_000.0] * 22,
            invocations=240,
            duration_ms=1_000,
            duration_max_ms=5_000,
            concurrent_executions=5,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "a record that hangs for minutes is not seen to fall between its tries": (
        poison(
            iterator_age_ms=[400.0] * 23 + [34e3, 6_000, 138e3, 7_000, 262e3, 47e3, 53e3],
            stream_iterator_age_ms=0,
            youngest_age_ms=50,
            errors=[0.0] * 23 + [1.0, 0.0] * 3 + [0.0],
            duration_max_ms=[500.0] * 23 + [120_000.0, 500.0] * 3 + [500.0],
            timeout_seconds=120,
        ),
        Cause.POISON_RECORD,
    ),
    "lanes work more than usual, and the longest batch takes far longer: not in vain": (
        behind_partial_responses(
            invocations=since(6, 640, 240),
            duration_max_ms=since(6, 14_000, 500),
            concurrent_executions=4,
            iterator_age_ms=climbing(0.8, 6),
            stream_iterator_age_ms=climbing(0.8, 6),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "a burst is read at once and done slowly: it is not over soon": (
        evidence(
            shards=4,
            batch_size=2,
            stream_invocations=since(3, 26, 20),
            invocations=since(3, 26, 20),
            duration_ms=since(3, 9_100, 6_000),
            duration_max_ms=since(3, 19_000, 12_000),
            concurrent_executions=4,
            incoming_records=[12.0] * 27 + [12.0, 2_400.0, 12.0],
            read_records=[12.0] * 27 + [12.0, 2_400.0, 12.0],
            iterator_age_ms=[3_000.0] * 27 + [20_000.0, 40_000.0, 95_000.0],
            stream_iterator_age_ms=0,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "a mapping that is being enabled had been stopped, whatever stands still behind it": (
        silent(mapping_state="Enabling", reports_partial_batches=True),
        Cause.CONSUMER_STOPPED,
    ),
    "nothing was invoked for minutes before the mapping was changed: somebody lets it go on": (
        let_go_on(),
        Cause.CONSUMER_STOPPED,
    ),
    "where nothing is invoked, nothing fails behind partial responses": (
        silent(
            reports_partial_batches=True,
            mapping_state="Updating",
            mapping_last_modified=NOW - wait(5),
            invocations=[60.0] * 25 + [0.0] * 5,
            duration_ms=[300.0] * 25,
            duration_max_ms=[500.0] * 25,
            errors=[0.0] * 25,
            throttles=[0.0] * 25,
            iterator_age_ms=[400.0] * 25,
            concurrent_executions=1,
        ),
        Cause.RECOVERING,
    ),
    "one success since batches are split, where hundreds failed before, may be chance": (
        split_since(8, errors=[0.0] * 10 + [60.0] * 15 + [59.0] + [60.0] * 4),
        Cause.POISON_RECORD,
    ),
    "the only lane fails behind partial responses, and its oldest record moves on a little": (
        evidence(
            iterator_age_ms=climbing(0.92),
            stream_iterator_age_ms=climbing(0.92),
            reports_partial_batches=True,
            failed_invoke_events=since(10, 60),
            invoked_events=600,
        ),
        Cause.POISON_RECORD,
    ),
    "most shards stand still behind partial responses, where the function was changed just then": (
        behind_partial_responses(
            iterator_age_ms=climbing(1.0, 6),
            invocations=since(6, 400, 240),
            youngest_age_ms=200,
            function_last_modified=NOW - wait(7),
            shard_metrics={
                f"shardId-{n:012}": {Metric.SHARD_ITERATOR_AGE_MS: climbing(1.0, 6) if n else 0}
                for n in range(4)
            },
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "few of many lanes find work as ever, and its age comes and goes: no key is to blame": (
        evidence(
            shards=5,
            parallelization_factor=2,
            batch_size=6,
            iterator_age_ms=[10_000.0] * 26 + [62_000.0, 75_000.0, 70_000.0, 74_000.0],
            stream_iterator_age_ms=0,
            invocations=since(4, 57, 43),
            duration_ms=3_150,
            duration_max_ms=13_000,
            concurrent_executions=5,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "throttles that ended minutes ago, since when no count of none is published": (
        not_published_lately(
            overloaded(
                reserved_concurrency=8,
                throttles=180,
                account_throttles=[180.0] * 26 + [0.0] * 4,
            ),
            Metric.THROTTLES,
            minutes=4,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "no more is refused for each that is not than while nothing lagged: it holds no record": (
        overloaded(
            reserved_concurrency=4,
            throttles=1000,
            iterator_age_ms=climbing(0.5, 8),
            stream_iterator_age_ms=climbing(0.5, 8),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "as many are refused as ever, beside another mapping that keeps up: one has no age": (
        overloaded(
            reserved_concurrency=4,
            throttles=1000,
            sibling_mappings=1,
            iterator_age_ms=climbing(0.5, 8),
            stream_iterator_age_ms=climbing(0.5, 8),
        ),
        Cause.THROTTLING,
    ),
    "as many are refused as ever, for want of room for a lane": (
        overloaded(
            shards=5,
            reserved_concurrency=4,
            throttles=1000,
            iterator_age_ms=climbing(0.5, 8),
            stream_iterator_age_ms=climbing(0.5, 8),
        ),
        Cause.THROTTLING,
    ),
    "one old record was read, and for a while lanes have been refused that were not before": (
        evidence(
            shards=4,
            reserved_concurrency=1,
            throttles=since(4, 1000),
            iterator_age_ms=[400.0] * 28 + [9_000_000.0, 9_000_000.0],
            stream_iterator_age_ms=400,
        ),
        Cause.THROTTLING,
    ),
    "far more is refused than while nothing lagged: that is new, and holds what waits": (
        throttled(throttles=since(10, 180, 20)),
        Cause.THROTTLING,
    ),
    "one old record was read while others are refused as ever": (
        evidence(
            reserved_concurrency=4,
            throttles=1000,
            iterator_age_ms=[400.0] * 28 + [9_000_000.0, 9_000_000.0],
            stream_iterator_age_ms=400,
        ),
        Cause.RECOVERING,
    ),
    "shards that are not seen, and many invocations at once that all fail: no single record": (
        fails_everywhere(shards=None, stream=None, readers=None, concurrent_executions=9),
        Cause.FUNCTION_FAILURE,
    ),
    "readers take each other's reads, though the age has not reached the alarm": (
        read_contention(iterator_age_ms=climbing(0.4, 2), stream_iterator_age_ms=climbing(0.4, 2)),
        Cause.READ_CONTENTION,
    ),
    "reads are refused since it lags, which is for a minute, and the lane rests": (
        read_contention(
            iterator_age_ms=climbing(0.9, 2),
            stream_iterator_age_ms=climbing(0.9, 2),
            read_throttles=since(1, 100),
            read_throttle_share=since(1, 0.33),
        ),
        Cause.READ_CONTENTION,
    ),
    "few of many lanes find work, and each is slower since a deploy: as much comes in as ever": (
        hot_key(
            function_last_modified=NOW - wait(11),
            invocations=since(10, 30, 60),
            duration_ms=since(10, 9_000, 1_000),
            duration_max_ms=since(10, 14_000, 1_500),
            concurrent_executions=since(10, 6, 2),
            timeout_seconds=300,
            incoming_records=600,
            read_records=since(10, 400, 600),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "a batch stands still in timeouts, as good ones may, and no witness says a word": (
        poison(
            sibling_mappings=1,
            batch_size=90,
            errors=since(10, 60),
            duration_ms=20_000,
            duration_max_ms=30_000,
            timeout_seconds=30,
            concurrent_executions=4,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "behind partial responses, and by their own ages no shard stands still": (
        behind_partial_responses(
            iterator_age_ms=climbing(0.7, 8),
            stream_iterator_age_ms=0,
            shard_metrics={
                f"shardId-{n:012}": {Metric.SHARD_ITERATOR_AGE_MS: 0 if n else climbing(0.3, 8)}
                for n in range(4)
            },
        ),
        Cause.SLOW_CONSUMER,
    ),
    "behind partial responses twice as much comes in, and the age climbs by half a clock's pace": (
        behind_partial_responses(
            iterator_age_ms=climbing(0.6, 6),
            stream_iterator_age_ms=climbing(0.6, 6),
            incoming_records=since(6, 4800, 2400),
            read_records=since(6, 3200, 2400),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "behind partial responses an age has climbed for long, and a stopped clock would be older": (
        behind_partial_responses(
            iterator_age_ms=climbing(0.6, 16),
            stream_iterator_age_ms=climbing(0.6, 16),
            invocations=since(16, 280, 240),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "as many records are reported as failed as before it lagged": (
        behind_partial_responses(
            invoked_events=600,
            failed_invoke_events=[12.0] * 24 + [14.0] * 6,
            iterator_age_ms=climbing(0.7, 6),
            stream_iterator_age_ms=climbing(0.7, 6),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "an age climbs like a clock behind partial responses, though lanes work as ever": (
        behind_partial_responses(
            sibling_mappings=1, invocations=960, duration_ms=500, concurrent_executions=8
        ),
        Cause.POISON_RECORD,
    ),
    "behind partial responses far more is tried than a few records' lanes could": (
        behind_partial_responses(
            invocations=since(6, 300, 60),
            stream_invocations=since(6, 300, 60),
            duration_ms=100,
            youngest_age_ms=200,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "ten times as much comes in, and lanes that wait for another try are taken, too": (
        evidence(
            shards=4,
            batch_size=1,
            iterator_age_ms=climbing(0.95, 8),
            stream_iterator_age_ms=climbing(0.95, 8),
            incoming_records=since(8, 6000, 600),
            read_records=since(8, 700, 600),
            invocations=since(8, 400, 200),
            errors=since(8, 160),
            duration_ms=300,
            duration_max_ms=500,
        ),
        Cause.SLOW_CONSUMER,
    ),
    "the lanes that are busy are another mapping's: a record stands still all the same": (
        poison(
            shards=2,
            sibling_mappings=1,
            invocations=480,
            duration_ms=500,
            concurrent_executions=6,
            iterator_age_ms=climbing(0.87, 5),
            stream_iterator_age_ms=climbing(0.87, 5),
            errors=since(5, 160),
        ),
        Cause.POISON_RECORD,
    ),
    "a record stands still, and the other shard lags, too, since five times as much comes in": (
        BOTH_AT_ONCE,
        Cause.POISON_RECORD,
    ),
    "most of the newest minute's work runs into the timeout, whatever came in before": (
        evidence(
            shards=3,
            bisect_on_error=True,
            iterator_age_ms=climbing(0.6, 3),
            stream_iterator_age_ms=climbing(0.6, 3),
            incoming_records=since(2, 6000, 180),
            read_records=since(2, 600, 180),
            invocations=[120.0] * 28 + [140.0, 20.0],
            errors=[0.0] * 28 + [3.0, 6.0],
            duration_ms=[300.0] * 28 + [1_200.0, 10_000.0],
            duration_max_ms=[800.0] * 28 + [30_000.0] * 2,
            timeout_seconds=30,
            concurrent_executions=3,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "few of very many lanes fail, and as evenly as one record that is tried at its own pace": (
        poison(
            shards=48,
            parallelization_factor=2,
            iterator_age_ms=climbing(1.0, 4),
            stream_iterator_age_ms=climbing(1.0, 4),
            incoming_records=18,
            read_records=18,
            invocations=[18.0] * 26 + [25.0, 28.0, 29.0, 27.0],
            errors=[0.0] * 26 + [10.0, 16.0, 17.0, 16.0],
            concurrent_executions=8,
        ),
        Cause.POISON_RECORD,
    ),
    "as many fail, but by far more in one minute than in another: that is no single record": (
        poison(
            shards=48,
            parallelization_factor=2,
            iterator_age_ms=climbing(1.0, 4),
            stream_iterator_age_ms=climbing(1.0, 4),
            incoming_records=18,
            read_records=18,
            invocations=[18.0] * 26 + [45.0, 38.0, 19.0, 67.0],
            errors=[0.0] * 26 + [30.0, 26.0, 7.0, 52.0],
            concurrent_executions=8,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "a record stands still for less than a window makes normal, and nothing else fails": (
        poison(
            iterator_age_ms=climbing(1.0, 3),
            stream_iterator_age_ms=climbing(1.0, 3),
            batching_window_seconds=240,
            errors=[0.0] * 27 + [20.0, 20.0, 20.0],
        ),
        Cause.POISON_RECORD,
    ),
    "one of twenty invocations hangs, and all others are as fast as ever": (
        poison(
            batch_size=90,
            iterator_age_ms=climbing(1.0, 6),
            stream_iterator_age_ms=climbing(1.0, 6),
            errors=since(6, 2),
            invocations=40,
            duration_ms=since(6, 4_350, 3_000),
            duration_max_ms=since(6, 30_000, 5_000),
            timeout_seconds=30,
        ),
        Cause.POISON_RECORD,
    ),
    "one of twenty invocations runs into the timeout, and all others are slower, too": (
        poison(
            batch_size=90,
            iterator_age_ms=climbing(1.0, 6),
            stream_iterator_age_ms=climbing(1.0, 6),
            errors=since(6, 2),
            invocations=40,
            duration_ms=since(6, 8_000, 3_000),
            duration_max_ms=since(6, 30_000, 5_000),
            timeout_seconds=30,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "little comes in, and no more fails than at first, though far more lanes had something": (
        poison(
            shards=20,
            iterator_age_ms=climbing(1.0, 10),
            stream_iterator_age_ms=climbing(1.0, 10),
            incoming_records=2,
            read_records=2,
            invocations=[2.0] * 20 + [6.0] + [5.0, 6.0] * 3 + [5.0] * 3,
            errors=[0.0] * 20 + [5.0] * 10,
            concurrent_executions=2,
        ),
        Cause.POISON_RECORD,
    ),
    "little comes in, and what fails grows with it": (
        poison(
            shards=20,
            iterator_age_ms=climbing(1.0, 10),
            stream_iterator_age_ms=climbing(1.0, 10),
            incoming_records=2,
            read_records=2,
            invocations=[2.0] * 20 + [6.0 + 8.0 * n for n in range(10)],
            errors=[0.0] * 20 + [6.0 + 8.0 * n for n in range(10)],
            concurrent_executions=2,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "in the only shard several lanes were at work, and all of them fail": (
        one_shard_fails(
            parallelization_factor=4,
            concurrent_executions=3,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "little comes in, but far too much for one lane of the only shard, and nothing succeeds": (
        one_shard_fails(
            parallelization_factor=10,
            invocations=since(10, 20, 4),
            errors=since(10, 20),
            incoming_records=140,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "most shards stand still, and the others get done what they ever did: several bad records": (
        poison(
            iterator_age_ms=climbing(1.0, 10),
            invocations=since(10, 130, 60),
            errors=since(10, 115),
            youngest_age_ms=400,
            shard_metrics={
                f"shardId-{n:012}": {Metric.SHARD_ITERATOR_AGE_MS: climbing(1.0, 10) if n else 400}
                for n in range(4)
            },
        ),
        Cause.POISON_RECORD,
    ),
    "most shards stand still, and the others get next to nothing done either": (
        poison(
            iterator_age_ms=climbing(1.0, 10),
            invocations=since(10, 130, 60),
            errors=since(10, 128),
            youngest_age_ms=400,
            shard_metrics={
                f"shardId-{n:012}": {Metric.SHARD_ITERATOR_AGE_MS: climbing(1.0, 10) if n else 400}
                for n in range(4)
            },
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "lanes that are as busy as ever get nothing done, behind partial responses": (
        behind_partial_responses(
            invocations=240,
            duration_ms=since(6, 900, 800),
            duration_max_ms=since(6, 2_000, 1_000),
            concurrent_executions=4,
            youngest_age_ms=climbing(1.0, 5),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "behind partial responses, and what arrives in another account's stream is not seen": (
        without(
            behind_partial_responses(youngest_age_ms=climbing(1.0, 5)),
            *(Metric.INCOMING_RECORDS, Metric.INCOMING_BYTES, Metric.READ_RECORDS),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "behind partial responses, and reads are refused to others than its own consumer": (
        with_own_consumer(behind_partial_responses(read_throttles=1500, read_throttle_share=0.7)),
        Cause.POISON_RECORD,
    ),
    "the minutes of throttles that were not lost are throttled, at the reservation": (
        without_minutes(throttled(concurrent_executions=1), Metric.THROTTLES, *range(20, 29)),
        Cause.THROTTLING,
    ),
    "every count of errors since a deploy was lost, and AWS says that the last batch failed": (
        without_minutes(
            fails_since_a_deploy(last_processing_result="PROBLEM: Function call failed"),
            Metric.ERRORS,
            *range(14, 30),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "the counts of errors since it lags were lost: that nothing failed just before tells nothing": (
        without_minutes(
            fails_since_a_deploy(
                last_processing_result="PROBLEM: Function call failed",
                function_last_modified=NOW - wait(4),
                invocations=since(3, 24, 160),
                errors=since(3, 24),
                **dict.fromkeys(
                    ("iterator_age_ms", "youngest_age_ms", "stream_iterator_age_ms"),
                    climbing(1.0, 3),
                ),
            ),
            Metric.ERRORS,
            *range(27, 30),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "every count of errors was lost, and what has become of the last batch AWS does not say": (
        without_minutes(
            fails_since_a_deploy(last_processing_result=None), Metric.ERRORS, *range(14, 30)
        ),
        Cause.UNKNOWN,
    ),
    "a record in one of two shards that have too much to do, whose halves fail at once and wait": (
        evidence(
            shards=2,
            batch_size=100,
            timeout_seconds=180,
            bisect_on_error=True,
            iterator_age_ms=climbing(1.0, 8),
            stream_iterator_age_ms=climbing(1.0, 8),
            youngest_age_ms=climbing(0.6, 8),
            invocations=since(7, 8, 97),
            errors=since(7, 5),
            duration_ms=since(7, 11_000, 490),
            duration_max_ms=since(7, 26_000, 1_400),
            concurrent_executions=2,
            incoming_records=since(8, 880, 200),
            read_records=since(8, 880, 200),
        ),
        Cause.POISON_RECORD,
    ),
    "what fails in a lane or two, while more comes in than full batches of all lanes would hold": (
        evidence(
            shards=2,
            batch_size=100,
            timeout_seconds=180,
            iterator_age_ms=climbing(0.8, 2),
            stream_iterator_age_ms=climbing(0.8, 2),
            youngest_age_ms=climbing(0.5, 2),
            invocations=since(3, 5, 97),
            errors=since(2, 2),
            duration_ms=since(3, 25_000, 490),
            duration_max_ms=since(3, 29_000, 1_400),
            concurrent_executions=2,
            incoming_records=since(3, 880, 200),
            read_records=since(3, 880, 200),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "one key's burst in one of sixty shards, most of which its lane has done by now": (
        burst_in_one_of_many(600),
        Cause.RECOVERING,
    ),
    "one key's burst in one of sixty shards, of which an hour's work is left": (
        burst_in_one_of_many(8_000),
        Cause.SLOW_CONSUMER,
    ),
    "split from the start, and one in sixty passes long after a record would be alone": (
        split_since(60, errors=[0.0] * 10 + [59.0] * 20),
        Cause.FUNCTION_FAILURE,
    ),
    # What a thousand more have shown.
    "split from the start, and several fail at once in shards that are not seen: no record": (
        split_since(
            60,
            errors=since(10, 60),
            parallelization_factor=1,
            shards=None,
            stream=None,
            readers=None,
            concurrent_executions=since(10, 5, 3),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "one lane was at work of ten, and four run at once since everything fails": (
        one_shard_fails(
            parallelization_factor=10,
            errors=since(3, 59),
            iterator_age_ms=climbing(0.9, 3),
            stream_iterator_age_ms=climbing(0.9, 3),
            concurrent_executions=since(3, 4, 1),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "everything fails since a deploy, and a few failed before it, as some always do": (
        poison(
            shards=8,
            invocations=240,
            errors=[0.0] * 16 + [14.0] * 4 + [0.0, 14.0, 0.0, 14.0] + [14.0, 50.0] + [240.0] * 4,
            iterator_age_ms=climbing(0.9, 4),
            stream_iterator_age_ms=climbing(0.9, 4),
            function_last_modified=NOW - wait(6),
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "behind partial responses lanes that are all busy would do far more than comes in": (
        behind_partial_responses(
            batch_size=10,
            invocations=since(10, 240, 60),
            stream_invocations=since(10, 240, 60),
            duration_ms=since(10, 1_000, 900),
            duration_max_ms=1_200,
            concurrent_executions=since(10, 4, 1),
            incoming_records=600,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "most of what is sent fails, and far more is tried than the lanes of a few records could": (
        behind_partial_responses(
            shards=30,
            invocations=since(10, 400, 60),
            stream_invocations=since(10, 400, 60),
            duration_ms=2_000,
            duration_max_ms=4_000,
            concurrent_executions=since(10, 20, 4),
            invoked_events=since(10, 500, 600),
            failed_invoke_events=since(10, 440),
            youngest_age_ms=200,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "one record hangs until the timeout, whenever it is tried, while far more comes in": (
        hangs(incoming_records=since(10, 6_000, 600), read_records=since(10, 6_000, 600)),
        Cause.POISON_RECORD,
    ),
    "one record hangs, and its shard is read ahead, so that no shard's own age climbs": (
        hangs(
            shard_metrics={
                f"shardId-{n:012}": {Metric.SHARD_ITERATOR_AGE_MS: 400} for n in range(4)
            },
        ),
        Cause.POISON_RECORD,
    ),
    "a consumer of its own, and the shards' ages are those of who shares the stream": (
        with_own_consumer(
            poison(
                iterator_age_ms=climbing(1.0, 5),
                errors=since(5, 20),
                shard_metrics={
                    f"shardId-{n:012}": {Metric.SHARD_ITERATOR_AGE_MS: 400} for n in range(4)
                },
            )
        ),
        Cause.POISON_RECORD,
    ),
    "of the newest minutes two counts are lost, and the batches' own ages count the same": (
        without_minutes(
            poison(
                shards=7,
                stream_invocations=240,
                errors=since(3, 240),
                iterator_age_ms=climbing(0.9, 3),
                stream_iterator_age_ms=climbing(0.9, 3),
            ),
            Metric.INVOCATIONS,
            27,
            28,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "one old record was read, and a little fails as ever: nothing stands still": (
        evidence(
            shards=2,
            iterator_age_ms=[400.0] * 25 + [7_400_000.0 + 60_000 * n for n in range(5)],
            stream_iterator_age_ms=400,
            errors=[0.0, 1.0] * 15,
        ),
        Cause.RECOVERING,
    ),
    "a first look, too early for a course of the age, and most runs into the timeout": (
        poison(
            iterator_age_ms=[56_000.0],
            stream_iterator_age_ms=[56_000.0],
            invocations=[240.0],
            errors=[180.0],
            invoked_events=[160.0],
            failed_invoke_events=[110.0],
            duration_ms=[29_000.0],
            duration_max_ms=[30_000.0],
            timeout_seconds=30,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "one of three shards lags for long, and for a minute a few reads were refused": (
        evidence(
            shards=3,
            iterator_age_ms=climbing(0.4, 20),
            stream_iterator_age_ms=climbing(0.4, 20),
            invocations=400,
            duration_ms=300,
            concurrent_executions=3,
            read_throttles=[0.0] * 29 + [10.0],
            read_throttle_share=[0.0] * 29 + [0.1],
        ),
        Cause.SLOW_CONSUMER,
    ),
    "all the lanes of one of four shards have come up, which no single key could keep busy": (
        hot_key(
            shards=4,
            invocations=since(10, 1_020, 480),
            duration_max_ms=20_000,
            concurrent_executions=since(10, 20, 10),
        ),
        Cause.SLOW_CONSUMER,
    ),
    "all is refused for minutes, so that no age of what waits is published": (
        nothing_runs_since(
            5,
            throttled(
                iterator_age_ms=400,
                stream_iterator_age_ms=400,
                invocations=240,
                throttles=since(5, 60),
                batching_window_seconds=300,
            ),
        ),
        Cause.THROTTLING,
    ),
    "most shards stand still, and about as much as ever succeeds: each holds a bad record": (
        poison(
            shards=8,
            parallelization_factor=4,
            iterator_age_ms=climbing(1.0, 10),
            stream_iterator_age_ms=climbing(1.0, 10),
            invocations=since(10, 420, 240),
            errors=since(10, 180),
            youngest_age_ms=400,
            concurrent_executions=8,
            shard_metrics={
                f"shardId-{n:012}": {
                    Metric.SHARD_ITERATOR_AGE_MS: climbing(1.0, 10) if n > 1 else 400
                }
                for n in range(8)
            },
        ),
        Cause.POISON_RECORD,
    ),
    "an age goes on climbing in minutes whose long invocations are still out": (
        overloaded(
            batch_size=10,
            batching_window_seconds=42,
            invocations=since(10, 4, 2),
            duration_ms=60_000,
            duration_max_ms=90_000,
            iterator_age_ms=[20_000.0] * 26 + [58_000.0, 116_000.0, 137_000.0, 199_000.0],
            stream_iterator_age_ms=[20_000.0] * 26 + [58_000.0, 116_000.0, 137_000.0, 199_000.0],
        ),
        Cause.SLOW_CONSUMER,
    ),
    "all of a reservation works, there are lanes for more, and a few are refused every minute": (
        evidence(
            shards=2,
            parallelization_factor=2,
            reserved_concurrency=1,
            iterator_age_ms=climbing(0.4, 8),
            stream_iterator_age_ms=climbing(0.4, 8),
            invocations=since(8, 120, 80),
            duration_ms=500,
            throttles=4,
        ),
        Cause.THROTTLING,
    ),
    "all was refused for minutes, and no more ever ran than half of the reservation of now": (
        evidence(
            shards=4,
            reserved_concurrency=8,
            throttles=[0.0] * 24 + [60.0] * 5 + [0.0],
            invocations=[240.0] * 24 + [0.0] * 5 + [240.0],
            concurrent_executions=4,
            iterator_age_ms=climbing(1.0, 6),
            stream_iterator_age_ms=climbing(1.0, 6),
        ),
        Cause.CONSUMER_STOPPED,
    ),
    "all is refused for minutes until now, and the reservation of now has room for all": (
        nothing_runs_since(
            5,
            evidence(
                shards=4,
                reserved_concurrency=8,
                throttles=since(5, 60),
                concurrent_executions=4,
                iterator_age_ms=400,
                stream_iterator_age_ms=climbing(1.0, 5),
            ),
        ),
        Cause.CONSUMER_STOPPED,
    ),
    "behind partial responses two ages are all that was seen yet: that is no course": (
        without_minutes(
            behind_partial_responses(
                shards=13,
                iterator_age_ms=[8_000.0] * 29 + [40_000.0],
                stream_iterator_age_ms=400,
                invocations=240,
                duration_ms=2_000,
                duration_max_ms=5_000,
                concurrent_executions=10,
            ),
            Metric.ITERATOR_AGE_MS,
            *range(28),
        ),
        Cause.RECOVERING,
    ),
    "behind partial responses both shards stand still, by their own ages: no single record": (
        behind_partial_responses(
            shards=2,
            sibling_mappings=1,
            shard_metrics={
                f"shardId-{n:012}": {Metric.SHARD_ITERATOR_AGE_MS: climbing(1.0, 6)}
                for n in range(2)
            },
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "half of the records fails for minutes, and by chance all of what one of the lanes tries": (
        behind_partial_responses(
            shards=12,
            timeout_seconds=600,
            iterator_age_ms=climbing(1.0, 3),
            stream_iterator_age_ms=climbing(1.0, 3),
            invocations=18,
            duration_ms=40_000,
            duration_max_ms=60_000,
            invoked_events=600,
            failed_invoke_events=since(3, 350),
            concurrent_executions=12,
            youngest_age_ms=400,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "two shards fail alike, and ever fewer succeeded as it began: no single place": (
        poison(
            shards=2,
            bisect_on_error=True,
            mapping_last_modified=NOW - wait(60),
            iterator_age_ms=climbing(0.95, 12),
            stream_iterator_age_ms=climbing(0.95, 12),
            invocations=[12.0] * 16 + [20.0] * 14,
            errors=[0.0] * 16 + [10.0, 16.0] + [18.0] * 9 + [20.0] * 3,
            youngest_age_ms=climbing(0.95, 12),
            concurrent_executions=1,
        ),
        Cause.FUNCTION_FAILURE,
    ),
    "nothing is wrong any more, and the age falls, if not fast": (
        evidence(
            shards=4,
            invocations=240,
            concurrent_executions=2,
            iterator_age_ms=falling(0.4, 8, 1_500_000),
            stream_iterator_age_ms=falling(0.4, 8, 1_500_000),
        ),
        Cause.RECOVERING,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_worlds_at_random_have_shown_gets_its_word(kind: str) -> None:
    seen, cause = KINDS[kind]
    assert cause_of(seen)[0] is cause


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
                shard_metrics={
                    "shardId-000000000000": {Metric.SHARD_ITERATOR_AGE_MS: climbing(1.0, 10)}
                },
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
        iterator_age_ms=climbing(1.0, minutes),
        stream_iterator_age_ms=climbing(1.0, minutes),
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
