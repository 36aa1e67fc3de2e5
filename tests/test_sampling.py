"""A hot key is told from a hot shard by the keys themselves, where the policy lets them be read."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.decide import planning, sampling
from remediator.decide.advice import advice
from remediator.decide.case import Case
from remediator.decide.diagnosis import diagnosed
from remediator.errors import PermanentError, RemediatorError, TemporaryError
from remediator.evidence.metrics import Metric
from remediator.evidence.signals import measure
from remediator.model import (
    Cause,
    Decision,
    Detail,
    Evidence,
    GuardedChange,
    GuardedPlan,
    Incident,
    KeySample,
    Mode,
    Plan,
    RemedyName,
    Ruling,
    SampledKey,
    SourceKind,
    Target,
)
from remediator.policy import Policy, Sampling, Thresholds
from remediator.replay import NoActuator, SavedSensor
from remediator.runbook.outcomes import asks_the_same
from remediator.runbook.session import Deployment, Session
from tests.evidence import NOW, by_shard, case_of, hot_key, read_contention, shard, slow_consumer

SHARDS = 4
HOT = shard(1, SHARDS)
ALLOWED = Policy(sampling=Sampling(enabled=True))


def uneven(make: Callable[..., Evidence] = read_contention, **said: object) -> Evidence:
    """Four shards, one of which takes nearly all."""
    taken = by_shard(Metric.SHARD_INCOMING_RECORDS, 100, 9000, 100, 100)
    usual = {"shards": SHARDS, "shard_metrics": taken, "read_throttles": 900}
    return make(**(usual | said))


def keys(*records: int, **more: int) -> KeySample:
    """Keys that lie evenly in the hot shard, with so many records each."""
    width = (HOT.last_hash_key - HOT.first_hash_key) // len(records)
    found = [
        SampledKey(hash_key=HOT.first_hash_key + n * width, records=count)
        for n, count in enumerate(records)
    ]
    found.sort(key=lambda key: -key.records)
    return KeySample(
        shard_id=HOT.shard_id, records=sum(records), keys=tuple(found), aggregated=0
    ).model_copy(update=more)


def sampled(seen: Evidence, sample: KeySample) -> Evidence:
    return seen.model_copy(update={"key_sample": sample})


ONE_KEY = keys(10, 450, 10, 10, 20)
MANY = keys(*[10] * 50)
LOPSIDED = keys(*[40] * 10, *[2] * 50)


# --- whether to ask ------------------------------------------------------------------------------

OF_THE_HOT_ONE = sampling.Wanted(HOT.shard_id, 500)
ASKED: Mapping[str, tuple[Evidence, Policy, sampling.Wanted | None]] = {
    "a hot shard": (uneven(), ALLOWED, OF_THE_HOT_ONE),
    "keys are said to be few, and there is one shard": (
        hot_key(),
        ALLOWED,
        sampling.Wanted("shardId-000000000000", 500),
    ),
    "the policy does not allow it": (uneven(), Policy(), None),
    "no shard is hot": (read_contention(shards=4), ALLOWED, None),
    "a cause that does not turn on keys": (
        uneven(throttles=900, invocations=60, errors=0),
        ALLOWED,
        None,
    ),
    "a table's stream": (hot_key(kind=SourceKind.DYNAMODB), ALLOWED, None),
    "records are spread without regard to keys": (
        uneven(record_distribution="AUTO"),
        ALLOWED,
        None,
    ),
    "they were read already": (sampled(uneven(), MANY), ALLOWED, None),
    "large records": (
        uneven(incoming_records=60, incoming_bytes=60 * 2**18),
        ALLOWED,
        sampling.Wanted(HOT.shard_id, 4),
    ),
    "records that nobody has seen the size of": (
        uneven(incoming_bytes=[]),
        ALLOWED,
        sampling.Wanted(HOT.shard_id, 50),
    ),
}


@pytest.mark.parametrize("where", ASKED)
def test_keys_are_asked_for_only_where_they_decide_and_the_policy_allows_it(where: str) -> None:
    seen, policy, expected = ASKED[where]
    assert sampling.wanted(diagnosed(seen, policy)) == expected


# --- what they say -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sample", "hottest", "larger"),
    [
        pytest.param(ONE_KEY, 0.9, 0.92, id="one key"),
        pytest.param(MANY, 0.02, 0.5, id="many alike"),
        pytest.param(LOPSIDED, 0.08, 0.52, id="many, most of them below"),
        pytest.param(keys(100), 1.0, None, id="a single key"),
        pytest.param(keys(20, 20), None, None, id="too few records"),
        pytest.param(keys(400, 100, aggregated=1), None, None, id="a producer's aggregates"),
        pytest.param(
            KeySample(
                shard_id=HOT.shard_id, records=100, keys=(SampledKey(hash_key=0, records=100),)
            ),
            None,
            None,
            id="hashes that the producer chose",
        ),
    ],
)
def test_what_keys_say_of_a_shard(
    sample: KeySample, hottest: float | None, larger: float | None
) -> None:
    found = measure(sampled(uneven(), sample), Thresholds())
    assert found.hottest_key_share == (hottest and pytest.approx(hottest))
    assert found.split_share == (larger and pytest.approx(larger))


@given(st.lists(st.integers(1, 200), min_size=2, max_size=40).filter(lambda some: sum(some) >= 50))
def test_no_cut_between_two_keys_leaves_a_smaller_part_than_the_one_that_is_proposed(
    records: list[int],
) -> None:
    found = measure(sampled(uneven(), keys(*records)), Thresholds())
    assert found.split_at is not None
    at, total = int(found.split_at), sum(records)
    assert HOT.first_hash_key < at <= HOT.last_hash_key
    cuts = [max(sum(records[:n]), sum(records[n:])) for n in range(1, len(records))]
    assert found.split_share == pytest.approx(min(cuts) / total)
    below = sum(k.records for k in keys(*records).keys if k.hash_key < at)
    assert max(below, total - below) == min(cuts)


def proposed(seen: Evidence, policy: Policy = ALLOWED, tried: tuple[RemedyName, ...] = ()) -> Plan:
    case = diagnosed(seen, policy)
    return planning.plan("inc", case_of(seen, case.diagnosis, policy), tried)


def test_without_the_keys_the_shard_is_split_in_the_middle_as_before() -> None:
    (made,) = proposed(uneven()).changes
    assert "@" not in made.resource.id


def test_with_the_keys_it_is_split_where_its_load_halves() -> None:
    seen = sampled(uneven(), LOPSIDED)
    (made,) = proposed(seen).changes
    at = made.resource.id.partition("@")[2]
    assert at == measure(seen, Thresholds()).split_at
    assert int(at) < (HOT.first_hash_key + HOT.last_hash_key) // 2
    assert "52% of 500 records" in made.why


def asked(plan: Plan) -> GuardedPlan:
    ruling = Ruling(decision=Decision.APPROVE, guardrail="others_on_the_stream", reason="ask")
    ruled = tuple(GuardedChange(change=change, ruling=ruling) for change in plan.changes)
    return GuardedPlan(plan=plan, changes=ruled, mode=Mode.APPLY)


def test_a_person_is_not_asked_anew_because_the_next_sample_halves_elsewhere() -> None:
    one, other = (asked(proposed(sampled(uneven(), sample))) for sample in (LOPSIDED, MANY))
    assert one.digest != other.digest
    assert asks_the_same(one, other)


def test_a_split_that_would_move_one_key_whole_is_not_proposed() -> None:
    made = proposed(sampled(uneven(), ONE_KEY), tried=(RemedyName.ENHANCED_FAN_OUT,))
    assert made.changes == ()
    assert "one partition key carries 90%" in (made.escalation or "")


def test_one_hot_key_is_no_slow_consumer_and_no_lever_is_tried() -> None:
    before = diagnosed(uneven(slow_consumer), ALLOWED)
    assert before.diagnosis.cause is Cause.SLOW_CONSUMER
    seen = sampled(uneven(slow_consumer), ONE_KEY)
    found = diagnosed(seen, ALLOWED)
    assert (found.diagnosis.cause, found.diagnosis.detail) == (
        Cause.HOT_PARTITION_KEY,
        Detail.ONE_KEY,
    )
    assert proposed(seen).changes == ()
    for word in ("better key", "fan its records in", "memory", "batches"):
        assert word in advice(found)


def test_keys_that_are_many_are_not_taken_for_few() -> None:
    one = keys(*[10] * 50).model_copy(update={"shard_id": "shardId-000000000000"})
    assert diagnosed(hot_key(), ALLOWED).diagnosis.cause is Cause.HOT_PARTITION_KEY
    found = diagnosed(sampled(hot_key(), one), ALLOWED).diagnosis
    assert found.cause is not Cause.HOT_PARTITION_KEY


def test_a_key_is_named_only_where_it_was_kept_and_harmlessly() -> None:
    first, *rest = ONE_KEY.keys
    for name, said in ((None, "one partition key carries"), ("a\nb", "key (a b) carries")):
        named = first.model_copy(update={"name": name})
        sample = ONE_KEY.model_copy(update={"keys": (named, *rest)})
        path = diagnosed(sampled(uneven(slow_consumer), sample), ALLOWED).diagnosis.path
        assert any(said in step.because for step in path)


# --- asking --------------------------------------------------------------------------------------


class Sensor(SavedSensor):
    """Saved evidence, and keys that can be asked for."""

    def __init__(self, seen: Evidence, answer: KeySample | RemediatorError) -> None:
        super().__init__(seen)
        self.answer = answer
        self.asked: list[tuple[str, timedelta, int, bool]] = []

    def sample_keys(
        self, target: Target, shard_id: str, since: datetime, records: int, *, named: bool
    ) -> KeySample:
        self.asked.append((shard_id, NOW - since, records, named))
        if isinstance(self.answer, RemediatorError):
            raise self.answer
        return self.answer


def read(sensor: Sensor, policy: Policy = ALLOWED) -> Case:
    here = Session(sensor, NoActuator(), policy, Deployment(Mode.PLAN), lambda: NOW)
    return here.read(sensor.find_targets(None, NOW)[0], Incident(incident_id="inc", at=NOW))  # type: ignore[arg-type]


def test_a_look_asks_once_for_the_newest_records_and_decides_by_them() -> None:
    sensor = Sensor(uneven(slow_consumer, incoming_bytes=6000), ONE_KEY)
    assert read(sensor).diagnosis.detail is Detail.ONE_KEY
    assert sensor.asked == [(HOT.shard_id, timedelta(minutes=1), 500, False)]


def test_where_the_policy_does_not_allow_it_nothing_is_asked() -> None:
    sensor = Sensor(uneven(slow_consumer), ONE_KEY)
    assert read(sensor, Policy()).diagnosis.cause is Cause.SLOW_CONSUMER
    assert sensor.asked == []


@pytest.mark.parametrize(
    "error",
    [
        TemporaryError("kinesis:GetRecords: ProvisionedThroughputExceededException: slower"),
        PermanentError("denied", code="AccessDenied", permission="kinesis:GetRecords"),
    ],
)
def test_keys_that_cannot_be_read_are_a_gap_and_it_decides_as_before(
    error: RemediatorError,
) -> None:
    found = read(Sensor(uneven(slow_consumer), error)).diagnosis
    assert found.cause is Cause.SLOW_CONSUMER
    [gap] = [gap for gap in found.gaps if gap.reading == "partition_keys"]
    assert gap.reason == str(error)
