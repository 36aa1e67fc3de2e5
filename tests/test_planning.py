"""From a diagnosis to a wish: the right lever, its size, and what is said where none fits."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from remediator.decide import planning
from remediator.decide.caution import weighed
from remediator.decide.diagnosis import diagnose
from remediator.decide.remedies import FIRST_AID, REMEDIES, TOGETHER, Pass, Remedy
from remediator.evidence.metrics import Metric
from remediator.model import (
    Cause,
    Detail,
    Diagnosis,
    Evidence,
    Plan,
    Reader,
    RemedyName,
    ResourceKind,
    Series,
    Shard,
    SourceKind,
)
from remediator.policy import Autonomy, Limits, Policy, RemedyPolicy
from tests.anything import POLICIES, blinded, evidences
from tests.evidence import (
    NOW,
    PIPELINES,
    QUARANTINE,
    aged,
    by_shard,
    case_of,
    climbing,
    evidence,
    expiring,
    hot_key,
    one_shard_fails,
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

DEFAULTS = Policy()


def plan(
    seen: Evidence,
    policy: Policy = DEFAULTS,
    tried: tuple[RemedyName, ...] = (),
    quarantine_arn: str | None = QUARANTINE,
    **known: Any,
) -> Plan:
    here = case_of(seen, diagnose(seen, policy), policy, quarantine_arn=quarantine_arn, **known)
    return planning.plan("inc", here, tried)


def wished(of: Plan) -> dict[str, tuple[object, object]]:
    """Each setting that is to be changed, from what to what."""
    return {change.setting: (change.before, change.after) for change in of.changes}


# Three tries of the record alone, and as many as it takes to halve a batch of 100 seven times.
BOUNDED = {"maximum_retry_attempts": (-1, 3 + 7), "on_failure_destination": (None, QUARANTINE)}
SPLIT = {"bisect_on_error": (False, True)}
SECOND_LANE = {"parallelization_factor": (1, 2)}
MORE_LANES = {"parallelization_factor": (1, 4)}
NO_FAN_OUT = (RemedyName.ENHANCED_FAN_OUT,)

# --- the lever for each cause --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "wish"),
    [
        pytest.param(
            poison(),
            SPLIT | BOUNDED | MORE_LANES,
            id="poison that is proven, with the lanes that drain what has piled up behind it",
        ),
        pytest.param(
            one_shard_fails(),
            SPLIT | SECOND_LANE,
            id="poison that is suspected in the only lane: all that loses nothing, at once",
        ),
        pytest.param(
            poison(bisect_on_error=True),
            BOUNDED | MORE_LANES,
            id="poison, split already: bound the retries",
        ),
        pytest.param(
            one_shard_fails(bisect_on_error=True),
            SECOND_LANE,
            id="nothing succeeds though split: that is no proof, another lane may tell",
        ),
        pytest.param(PIPELINES["broken-deploy"](), {}, id="a broken deploy: nothing is discarded"),
        pytest.param(read_contention(), {"shards": (1, 2)}, id="contention: more shards"),
        pytest.param(
            read_contention(read_bytes=600_000, read_calls=300),
            {"reads_by": ("shared", "fan-out from 2026-11-23T11:38:59Z")},
            id="contention for calls: a new shard is called as often, one's own reads are not",
        ),
        pytest.param(hot_key(), {}, id="hot key: more lanes gain nothing"),
        pytest.param(saturated(), {}, id="saturated: more would break it"),
        pytest.param(stopped(), {}, id="stopped on purpose: hands off"),
        pytest.param(recovering(), {}, id="recovering: nothing"),
        pytest.param(without(evidence(), "mapping"), {}, id="unknown: nothing"),
        pytest.param(
            expiring(),
            {"retention_hours": (24, 168), "parallelization_factor": (1, 10)},
            id="expiring: first aid beside the lever",
        ),
        pytest.param(
            stopped(iterator_age_ms=23 * 3_600_000, mapping_last_modified=NOW),
            {"retention_hours": (24, 168)},
            id="stopped and expiring: first aid alone",
        ),
    ],
)
def test_each_cause_has_its_lever(seen: Evidence, wish: dict[str, tuple[object, object]]) -> None:
    assert wished(plan(seen)) == wish


def test_a_slow_consumer_gets_more_lanes() -> None:
    (made,) = plan(slow_consumer()).changes
    assert (made.setting, made.before) == ("parallelization_factor", 1)
    assert made.after in range(5, 11)


def test_a_reservation_is_raised_together_with_the_lanes_that_drain_what_waits() -> None:
    """Sized for what drains, and not for the lanes that there are: in one plan, one restart."""
    room, lanes = plan(throttled(iterator_age_ms=climbing(0.8, 20))).changes
    assert (room.setting, room.before) == ("reserved_concurrency", 1)
    assert (lanes.setting, lanes.before) == ("parallelization_factor", 1)
    assert isinstance(room.after, int)
    assert isinstance(lanes.after, int)
    assert room.after >= 4 * lanes.after
    assert lanes.safe_only_with == ("reserved_concurrency",)
    assert "without" in lanes.why


@pytest.mark.parametrize(
    "said", [{"starting_position": "LATEST"}, {"maximum_record_age_seconds": 700}]
)
def test_room_is_made_at_once_for_the_lanes_there_are_where_a_restart_is_asked_for(
    said: dict[str, Any],
) -> None:
    """Else it waited for lanes that somebody has to approve, and took room for them meanwhile."""
    together = plan(refused())
    assert [change.setting for change in together.changes] == [
        "reserved_concurrency",
        "parallelization_factor",
    ]
    (room,) = plan(refused(**said)).changes
    assert (room.setting, room.after) == ("reserved_concurrency", 5)


def refused(**said: Any) -> Evidence:
    """Four lanes, of which a reservation lets two work, while far more comes in than that."""
    usual: dict[str, Any] = {
        "shards": 4,
        "reserved_concurrency": 2,
        "batch_size": 20,
        "iterator_age_ms": climbing(1.0, 8),
        "invocations": since(8, 20, 60),
        "throttles": since(8, 60),
        "duration_ms": since(8, 5_000, 2_000),
        "duration_max_ms": since(8, 6_000, 3_000),
        "concurrent_executions": 2,
        "incoming_records": 2_400,
        "read_records": since(8, 400, 2_400),
    }
    return throttled(**(usual | said))


def test_a_reservation_alone_is_enough_where_little_waits() -> None:
    """It restarts nothing: what needs no restart is weighed as such."""
    seen = throttled(iterator_age_ms=climbing(0.8, 2), incoming_records=[60.0] * 30)
    (made,) = plan(seen).changes
    assert made.setting == "reserved_concurrency"
    assert isinstance(made.after, int)
    assert 4 <= made.after <= 10


def test_lanes_that_are_refused_are_let_work_before_there_are_more_of_them() -> None:
    """A wider reservation shows at once what they get done; a restart of the mapping costs minutes,
    and lanes that nobody needed cost what stands behind, too."""
    seen = throttled()
    assert wished(plan(seen)) == {"reserved_concurrency": (1, 5)}
    (told,) = (one for one in plan(seen).forecast if one.option == "reserved_concurrency 5")
    assert 60 < (told.drains_in_seconds or 0) < DEFAULTS.forecast.patience_seconds


def test_a_slow_consumer_with_a_narrow_reservation_gets_room_and_lanes_at_once() -> None:
    room, lanes = plan(overloaded(reserved_concurrency=4)).changes
    assert (room.setting, lanes.setting) == ("reserved_concurrency", "parallelization_factor")


def test_room_that_nobody_is_refused_is_not_made_without_the_lanes_that_it_is_for() -> None:
    """Alone it would take from the neighbours what nothing of ours uses; and the person who is
    asked for the lanes is asked at once. Where lanes are refused, room alone lets them work."""
    room, lanes = plan(overloaded(reserved_concurrency=4)).changes
    assert room.safe_only_with == (lanes.setting,)
    assert lanes.safe_only_with == (room.setting,)
    refused, _ = plan(throttled(iterator_age_ms=climbing(0.8, 20))).changes
    assert refused.safe_only_with == ()


def test_a_reservation_with_room_for_every_lane_is_not_what_makes_a_consumer_slow() -> None:
    """Nothing is refused: lanes that there are get no more done for a wider one."""
    seen = overloaded(reserved_concurrency=40, mapping={"parallelization_factor": 10})
    assert "reserved_concurrency" not in wished(plan(seen))


def test_lanes_that_rest_keep_their_place_in_the_reservation() -> None:
    """Once what is stuck goes on, they come back to work: a factor that takes their place throttles
    them."""
    seen = poison(reserved_concurrency=4)
    assert "parallelization_factor" not in wished(plan(seen))


def test_what_little_waits_behind_a_record_needs_no_more_lanes() -> None:
    seen = poison()
    here = case_of(seen, diagnose(seen, DEFAULTS), DEFAULTS, quarantine_arn=QUARANTINE)
    assert here.flow is not None
    for arrival, more in ((10.0, True), (0.5, False)):
        flow = here.flow.model_copy(update={"arrival_per_second": arrival})
        found = planning.plan("inc", here._replace(flow=flow))
        assert ("parallelization_factor" in wished(found)) is more


def test_lanes_wait_for_the_record_to_be_given_up() -> None:
    """Without a destination the record stays, and a restart drains nothing."""
    made = {change.setting: change for change in plan(poison()).changes}
    assert "maximum_retry_attempts" in made["parallelization_factor"].safe_only_with
    assert "parallelization_factor" not in wished(plan(poison(), quarantine_arn=None))


def test_a_restart_that_loses_against_waiting_is_not_made() -> None:
    """The arrival has come down, and what waits is gone before the mapping would be back."""
    seen = slow_consumer(
        iterator_age_ms=climbing(0.5, 4),
        incoming_records=[6.0] * 26 + [260.0, 6.0, 6.0, 6.0],
    )
    here = case_of(
        seen, Diagnosis(cause=Cause.SLOW_CONSUMER, path=()), DEFAULTS, quarantine_arn=QUARANTINE
    )
    assert here.flow is not None
    quick = here.flow.model_copy(
        update={
            "done_per_second": None,
            "lane_capacity_per_second": 2.0,
            "arrival_per_second": 0.5,
            "backlog_records": 150.0,
        }
    )
    waiting = planning.plan("inc", here._replace(flow=quick))
    assert waiting.changes == ()
    assert waiting.escalation is None
    assert "nothing done" in waiting.waits
    slow = quick.model_copy(update={"backlog_records": 1500.0})
    no_burst = here.signals.model_copy(update={"burst_left_records": None})
    acting = planning.plan("inc", here._replace(flow=slow, signals=no_burst))
    assert wished(acting)["parallelization_factor"][0] == 1
    assert acting.waits == ""


def until(minutes: int, then: float, now: float, before: float) -> list[float]:
    """One value for the ten minutes up to some minutes ago, another since, a third before."""
    return [before] * (20 - minutes) + [then] * 10 + [now] * minutes


@pytest.mark.parametrize(("minutes", "waits"), [(0, False), (1, True), (3, True), (6, False)])
def test_what_is_done_since_a_function_succeeds_again_is_seen_before_anything_restarts(
    minutes: int, *, waits: bool
) -> None:
    """How far the oldest record moved on while nearly all failed says nothing of it."""
    seen = overloaded(
        errors=until(minutes, 200, 0, 0),
        incoming_records=1_200,
        **aged(climbing(0.9, 12)),
    )
    here = case_of(seen, Diagnosis(cause=Cause.SLOW_CONSUMER, path=()), DEFAULTS)
    assert bool(planning.plan("inc-1", here).waits) is waits


@pytest.mark.parametrize(("minutes", "waits"), [(1, False), (2, True), (3, True), (8, False)])
def test_what_is_done_since_batches_are_quick_again_is_seen_before_anything_restarts(
    minutes: int, *, waits: bool
) -> None:
    took = until(minutes, 20_000, 900, 900)
    seen = overloaded(duration_ms=took, duration_max_ms=took)
    here = case_of(seen, Diagnosis(cause=Cause.SLOW_CONSUMER, path=()), DEFAULTS)
    found = planning.plan("inc-1", here)
    assert ("is over just now" in found.waits) is waits
    assert bool(found.changes) is not waits


@pytest.mark.parametrize(
    ("slope", "busy_ms", "waits"), [(0.1, 300, True), (0.5, 300, False), (0.1, 1000, False)]
)
def test_a_restart_is_not_made_for_what_waits_less_than_it_would_take(
    slope: float, busy_ms: float, *, waits: bool
) -> None:
    """An alarm that somebody has set low, an age that hardly climbs, and lanes that rest."""
    age = climbing(slope, 10, base=5_000)
    seen = overloaded(**aged(age), duration_ms=busy_ms)
    here = case_of(seen, Diagnosis(cause=Cause.SLOW_CONSUMER, path=()), DEFAULTS)
    found = planning.plan("inc-1", here)
    assert ("hardly longer each minute" in found.waits) is waits
    assert bool(found.changes) is not waits


@pytest.mark.parametrize(
    ("left", "seen", "waits"), [(20, 300, True), (20_000, 20_300, False), (0, 0, False)]
)
def test_a_burst_that_is_done_while_the_mapping_would_stand_still_is_left_to_its_lanes(
    left: float, seen: float, *, waits: bool
) -> None:
    """By the work that they have had since; unless it was to be gone by what was seen already."""
    here = case_of(overloaded(), Diagnosis(cause=Cause.SLOW_CONSUMER, path=()), DEFAULTS)
    burst = {
        "burst_left_records": left,
        "burst_left_seen_records": seen,
        "burst_lanes": 3.0,
        "usual_lane_rate": 1.0,
    }
    here = here._replace(signals=here.signals.model_copy(update=burst))
    found = planning.plan("inc-1", here)
    assert ("since the burst it is gone" in found.waits) is waits
    assert bool(found.changes) is not waits


def test_the_accounts_pool_is_not_ours_to_raise() -> None:
    found = plan(throttled(reserved_concurrency=None))
    assert found.changes == ()
    assert "quota" in (found.escalation or "")


def test_a_reservation_that_is_not_there_is_never_made() -> None:
    assert "reserved_concurrency" not in wished(plan(throttled(reserved_concurrency=None)))


# --- how far -------------------------------------------------------------------------------------


def test_a_small_backlog_gets_a_small_factor() -> None:
    small = slow_consumer(
        **aged(climbing(1.0, 6)),
        incoming_records=[6.0] * 24 + [400.0] + [6.0] * 5,
    )
    large = slow_consumer()
    factors = [wished(plan(seen))["parallelization_factor"][1] for seen in (small, large)]
    assert isinstance(factors[0], int)
    assert isinstance(factors[1], int)
    assert 2 <= factors[0] <= factors[1] <= 10


def test_a_factor_stays_within_the_concurrency_that_is_free() -> None:
    seen = overloaded(unreserved_concurrent_executions=824)  # 12 free above a fifth of 820
    assert wished(plan(seen)) == {"parallelization_factor": (1, 4)}


def test_a_raise_goes_in_steps_where_somebody_named_what_stands_behind() -> None:
    careful = Policy(downstream_alarms=("database",))
    assert wished(plan(slow_consumer(), careful)) == {"parallelization_factor": (1, 2)}


@pytest.mark.parametrize(
    ("retries", "destination", "factor"), [(0, None, 2), (-1, None, 8), (0, QUARANTINE, 8)]
)
def test_a_raise_goes_in_steps_where_what_fails_is_lost(
    retries: int, destination: str | None, factor: int
) -> None:
    """The owner's own bound gives it up, and nothing captures it."""
    seen = slow_consumer(maximum_retry_attempts=retries, on_failure_destination=destination)
    assert wished(plan(seen)) == {"parallelization_factor": (1, factor)}


def test_a_raise_goes_in_steps_where_more_fails_than_usual_and_not_for_what_always_fails() -> None:
    always, since_it_lags = [2.0] * 30, [0.0] * 20 + [20.0] * 10
    assert wished(plan(overloaded(errors=since_it_lags))) == {"parallelization_factor": (1, 2)}
    whole = wished(plan(overloaded(errors=always)))
    assert whole == wished(plan(overloaded()))
    assert whole != {"parallelization_factor": (1, 2)}


def test_a_raise_goes_in_steps_where_it_failed_under_the_same_load_and_has_ended() -> None:
    """A person is not asked for it any more; and more lanes are more load."""
    loaded = since(12, 48_000, 24_000)
    failed = [0.0] * 18 + [20.0] * 8 + [0.0] * 4
    over = overloaded(incoming_records=loaded, errors=failed)
    assert wished(plan(over)) == {"parallelization_factor": (1, 2)}
    sound = overloaded(incoming_records=loaded)
    assert wished(plan(sound)) != {"parallelization_factor": (1, 2)}


def test_a_raise_goes_in_steps_where_more_than_the_record_that_is_given_up_may_fail() -> None:
    """What fails of it while its retries are bounded would be captured, good as it is."""
    seen = overloaded(mapping_state="Enabled")
    found = diagnose(seen, DEFAULTS).model_copy(update={"proven": True})
    here = case_of(seen, found, DEFAULTS)
    by_chance = here.signals.model_copy(update={"stands_still_by_chance": 0.2})
    assert not weighed(here).careful
    assert weighed(here._replace(signals=by_chance)).careful


@pytest.mark.parametrize(
    ("comes", "failing", "raises"), [(1, 60, False), (8, 60, True), (1, 10, True)]
)
def test_lanes_are_not_for_what_fails_though_no_more_comes_in(
    comes: int, failing: int, *, raises: bool
) -> None:
    """As where batches run into the timeout since a deploy: more lanes would do so, too."""
    seen = overloaded(incoming_records=since(10, comes * 24_000, 24_000), errors=since(10, failing))
    here = case_of(seen, Diagnosis(cause=Cause.SLOW_CONSUMER, path=()), DEFAULTS)
    changed = wished(planning.plan("inc-1", here))
    assert ("parallelization_factor" in changed) is raises


def test_what_others_were_promised_is_not_planned_with() -> None:
    seen = overloaded(unreserved_concurrent_executions=800)
    assert wished(plan(seen, claimed=32)) == {"parallelization_factor": (1, 3)}
    assert "parallelization_factor" not in wished(plan(seen, claimed=40))


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"parallelization_factor": 10}, id="the factor is at its maximum"),
        pytest.param({"tumbling_window_seconds": 60}, id="tumbling windows: no lever at all"),
    ],
)
def test_where_the_factor_cannot_be_raised_shards_are_the_fallback(said: dict[str, int]) -> None:
    busy = overloaded(
        concurrent_executions=40,
        invocations=2400,
        duration_ms=1000,
        incoming_records=480_000,
        read_records=240_000,
        **said,
    )
    settings_ = set(wished(plan(busy)))
    assert settings_ == (set() if "tumbling_window_seconds" in said else {"shards"})


def test_a_split_says_that_the_backlog_gains_nothing() -> None:
    (made,) = plan(read_contention()).changes
    assert any("does not drain faster" in caveat for caveat in made.caveats)
    assert any("KPL" in caveat for caveat in made.caveats)


def test_a_split_is_not_proposed_where_the_calls_of_the_readers_bind() -> None:
    crowded = read_contention(read_bytes=600_000, read_calls=300)
    words = plan(crowded, tried=NO_FAN_OUT).escalation or ""
    assert "split_shards: readers make too many calls" in words


def test_the_hot_shard_alone_is_split_where_one_shows() -> None:
    hot = by_shard(Metric.SHARD_INCOMING_RECORDS, 100, 9000, 100, 100)
    (made,) = plan(read_contention(shards=4, shard_metrics=hot, read_throttles=900)).changes
    assert made.resource.kind is ResourceKind.HASH_RANGE
    assert (made.before, made.after) == (1, 2)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"on_demand": True}, id="an on-demand stream"),
        pytest.param({"tumbling_window_seconds": 60}, id="tumbling windows"),
    ],
)
def test_what_cannot_be_split_is_left_to_a_person(said: dict[str, Any]) -> None:
    found = plan(read_contention(**said), tried=NO_FAN_OUT)
    assert found.changes == ()
    assert "split_shards" in (found.escalation or "")


def test_a_dynamodb_stream_is_never_resharded_nor_kept_for_longer() -> None:
    crowded = evidence(
        kind=SourceKind.DYNAMODB,
        readers=3,
        iterator_age_ms=[22 * 3_600_000.0 + 30_000 * n for n in range(30)],
        invocations=20,
    )
    found = plan(crowded)
    assert found.cause is Cause.READ_CONTENTION
    assert found.changes == ()


def hanging(**said: Any) -> Evidence:
    """One record runs into the timeout again and again, while the rest succeeds."""
    age, longest = climbing(1.0, 10), since(10, 60_000, 400)
    return poison(
        **aged(age),
        errors=since(10, 1),
        duration_ms=100,
        duration_max_ms=longest,
        timeout_seconds=60,
        **said,
    )


def test_a_record_that_hangs_is_split_from_its_batch_however_sure_it_is_that_it_stands_still() -> (
    None
):
    """What is missing for its proof is that it is alone, and no minute more shows that."""
    found = plan(hanging())
    assert found.cause is Cause.POISON_RECORD
    assert (wished(found), found.waits) == (SPLIT, "")


def a_lane_of_few(minutes: int) -> Evidence:
    """Some records a minute, of which one has failed for so many minutes."""
    age = climbing(1.0, minutes)
    return poison(
        **aged(age),
        invocations=8,
        errors=since(minutes, 3),
        incoming_records=6_000,
        read_records=since(minutes, 4_500, 6_000),
    )


def test_what_time_proves_soon_is_waited_for_and_then_done_in_one_restart() -> None:
    waits, proven = plan(a_lane_of_few(4)), plan(a_lane_of_few(5))
    assert (waits.cause, waits.proven, wished(waits)) == (Cause.POISON_RECORD, False, {})
    assert "shows in a minute" in waits.waits
    assert waits.escalation is None
    assert proven.proven
    assert wished(proven).keys() >= (SPLIT | BOUNDED).keys()


@pytest.mark.parametrize(
    ("errors", "ages", "waits"),
    [
        pytest.param(
            [8.0, 8.0, 8.0, 14.0],
            [20_000.0, 80_000.0, 140_000.0, 200_000.0],
            True,
            id="what the others get done since it fails was not seen yet",
        ),
        pytest.param(
            [0.0, 60.0, 60.0, 60.0],
            [500.0, 500.0, 57_000.0, 117_000.0],
            True,
            id="its own age was not seen for long enough to tell that it is a clock's",
        ),
        pytest.param(
            [60.0] * 4,
            [20_000.0, 80_000.0, 140_000.0, 200_000.0],
            False,
            id="both were seen",
        ),
    ],
)
def test_what_stands_still_just_now_is_not_split_before_the_others_were_heard(
    errors: list[float], ages: list[float], *, waits: bool
) -> None:
    age = [500.0] * 26 + ages
    seen = poison(
        **aged(age),
        youngest_age_ms=500,
        stream_invocations=240,
        errors=[0.0] * 26 + errors,
    )
    made = plan(seen)
    assert made.cause is Cause.POISON_RECORD
    assert (bool(made.waits), made.proven) == (waits, not waits)


# --- when the lever is not to be had -------------------------------------------------------------


def test_without_a_destination_retries_stay_unbounded() -> None:
    """Invariant 1."""
    assert wished(plan(poison(), quarantine_arn=None)) == SPLIT
    assert wished(plan(poison(), destination_usable=False)) == SPLIT
    told = plan(poison(), quarantine_arn=None).changes[0].why
    assert "tried on and on, for there is no on-failure destination" in told


def test_the_mappings_own_destination_is_kept() -> None:
    own = "arn:aws:sns:eu-west-1:111122223333:failed"
    found = plan(poison(on_failure_destination=own))
    assert "on_failure_destination" not in wished(found)


@pytest.mark.parametrize(("theirs", "ours"), [(50, 10), (4, None)])
def test_a_bound_of_the_owner_that_is_far_is_brought_near(theirs: int, ours: int | None) -> None:
    """The restart begins to count anew: fifty tries more would be slower than nothing."""
    found = plan(poison(maximum_retry_attempts=theirs))
    assert wished(found)["on_failure_destination"] == (None, QUARANTINE)
    retries = wished(found).get("maximum_retry_attempts")
    assert retries == (None if ours is None else (theirs, ours))


def test_a_far_bound_beside_a_destination_of_its_own_is_brought_near_as_well() -> None:
    """Splitting alone would begin to count anew, and give nothing up sooner."""
    own = "arn:aws:sns:eu-west-1:111122223333:failed"
    found = poison_found(few_tries(0, maximum_retry_attempts=200, on_failure_destination=own))
    assert wished(found)["maximum_retry_attempts"] == (200, 10)


def few_tries(newest: int, **said: Any) -> Evidence:
    """One record that has failed once in each of ten minutes, or until some minutes ago."""
    return poison(errors=[0.0] * (20 - newest) + [1.0] * 10 + [0.0] * newest, **said)


def test_a_record_that_its_owners_bound_has_given_up_by_now_is_worth_no_restart() -> None:
    """It was tried as often as it may be, and nothing fails any more: what waits behind drains."""
    bounded = poison_found(few_tries(3, maximum_retry_attempts=5))
    assert "it is given up" in bounded.waits
    assert not bounded.changes
    assert bounded.escalation is None
    assert not poison_found(few_tries(3, maximum_retry_attempts=50)).waits
    assert not poison_found(few_tries(3)).waits


def test_a_record_that_goes_to_its_owners_destination_soon_is_left_to_their_bound() -> None:
    own = "arn:aws:sns:eu-west-1:111122223333:failed"
    soon = poison_found(few_tries(0, maximum_retry_attempts=12, on_failure_destination=own))
    assert "begin to count anew" in soon.waits
    assert not soon.changes
    # Where nothing captures it, its whole batch would be lost: that is not waited for.
    assert poison_found(few_tries(0, maximum_retry_attempts=12)).changes


@pytest.mark.parametrize(("a_minute", "waits"), [(6, True), (20, False)])
def test_a_bound_that_does_not_come_is_waited_for_no_longer_than_ours_would_take(
    a_minute: int, *, waits: bool
) -> None:
    """Several records that stand still share the tries that are counted: each has far fewer."""
    own = "arn:aws:sns:eu-west-1:111122223333:failed"
    seen = poison(errors=since(10, a_minute), maximum_retry_attempts=50, on_failure_destination=own)
    assert bool(poison_found(seen).waits) is waits


def poison_found(seen: Evidence) -> Plan:
    """The plan for a record that is proven to be to blame."""
    found = Diagnosis(cause=Cause.POISON_RECORD, path=(), detail=Detail.ISOLATED, proven=True)
    here = case_of(seen, found, DEFAULTS, quarantine_arn=QUARANTINE, destination_usable=True)
    return planning.plan("inc-1", here)


@pytest.mark.parametrize(("minutes", "splits"), [(4, False), (12, True)])
def test_a_function_that_fails_may_succeed_again_before_a_split_would_tell_anything(
    minutes: int, *, splits: bool
) -> None:
    """A split restarts the mapping, and makes more work of what fails for no record's sake."""
    seen = poison(
        errors=since(minutes, 240),
        **aged(climbing(1.0, minutes)),
    )
    found = plan(seen)
    assert found.cause is Cause.FUNCTION_FAILURE
    assert ("bisect_on_error" in wished(found)) is splits


def test_nothing_is_split_while_every_shard_moves_on() -> None:
    """However long the batches take, by whose tries alone that is seen: no record stands still."""
    slowly = climbing(0.6, 15)
    seen = poison(
        errors=since(15, 200),
        **aged(slowly),
        duration_max_ms=60_000,
        timeout_seconds=600,
    )
    found = plan(seen)
    assert found.cause is Cause.FUNCTION_FAILURE
    assert "bisect_on_error" not in wished(found)


def test_a_reservation_is_not_raised_for_lanes_that_were_not_seen() -> None:
    """Of a stream in another account: alone it does nothing for a slow consumer."""
    found = plan(without(slow_consumer(reserved_concurrency=33), "shards", "stream"))
    assert "reserved_concurrency" not in wished(found)


def test_nothing_is_split_for_a_broken_function_whose_mapping_gives_up_what_fails() -> None:
    """More, smaller batches would be more tries, each of which gives good records up."""
    broken = poison(errors=since(10, 240))
    assert "bisect_on_error" in wished(plan(broken))
    given_up = poison(errors=since(10, 240), maximum_retry_attempts=0)
    assert "bisect_on_error" not in wished(plan(given_up))


def test_what_did_not_help_is_not_tried_again() -> None:
    found = plan(slow_consumer(), tried=(RemedyName.RAISE_PARALLELIZATION_FACTOR,))
    assert "parallelization_factor" not in wished(found)
    assert "did not help" in (found.escalation or "")


def test_what_is_switched_off_is_not_wished_and_said() -> None:
    off = Policy(
        remedies={RemedyName.RAISE_PARALLELIZATION_FACTOR: RemedyPolicy(autonomy=Autonomy.OFF)}
    )
    found = plan(slow_consumer(), off)
    assert "parallelization_factor" not in wished(found)
    assert "switched off" in (found.escalation or "")


@pytest.mark.parametrize("name", PIPELINES)
def test_a_plan_acts_or_calls_a_person_or_all_is_well(name: str) -> None:
    found = plan(PIPELINES[name]())
    well = found.cause is Cause.RECOVERING
    lever = any(made.remedy is not RemedyName.EXTEND_RETENTION for made in found.changes)
    assert [lever, found.escalation is not None, well].count(True) == 1


@pytest.mark.parametrize("name", PIPELINES)
def test_what_goes_together_is_in_the_table_and_the_mapping_restarts_once(name: str) -> None:
    found = plan(PIPELINES[name]())
    made = {change.remedy for change in found.changes} - {remedy.name for remedy in FIRST_AID}
    sets = [{remedy.name for remedy in together} for together in TOGETHER.get(found.cause, ())]
    assert len(made) <= 1 or made in sets
    settings = [(str(change.resource), change.setting) for change in found.changes]
    assert len(settings) == len(set(settings))


def test_what_could_not_be_seen_is_said_to_the_person_who_is_called() -> None:
    found = plan(without(evidence(), "mapping"))
    assert "mapping" in (found.escalation or "")


@pytest.mark.parametrize("name", ["slow-consumer", "overloaded", "read-contention", "expiring"])
def test_a_plan_is_forecast_with_every_option(name: str) -> None:
    options = [option.option for option in plan(PIPELINES[name]()).forecast]
    factors = [f"parallelization_factor {factor}" for factor in range(2, 11)]
    assert options[0] == "nothing"
    assert {*factors, "split_shards"} <= set(options)


@pytest.mark.parametrize("name", PIPELINES)
def test_leaving_it_alone_is_always_forecast(name: str) -> None:
    assert plan(PIPELINES[name]()).forecast[0].option == "nothing"


# --- the table -----------------------------------------------------------------------------------

EVERY = {remedy.name: remedy for row in (FIRST_AID, *REMEDIES.values()) for remedy in row}


def test_every_cause_has_a_row_and_every_lever_a_place() -> None:
    assert set(REMEDIES) == set(Cause)
    assert set(EVERY) == set(RemedyName) - {RemedyName.ESCALATE}


@pytest.mark.parametrize("remedy", EVERY.values(), ids=lambda remedy: remedy.name)
def test_every_lever_names_its_permissions_and_its_caveats(remedy: Remedy) -> None:
    assert remedy.permissions
    assert remedy.caveats


@given(seen=evidences() | blinded(), policy=POLICIES)
@settings(max_examples=300, deadline=None)
def test_any_evidence_can_be_planned_for(seen: Evidence, policy: Policy) -> None:
    """No exception; every wish is a change, within AWS's own limits."""
    here = case_of(seen, diagnose(seen, policy), policy, quarantine_arn=QUARANTINE)
    found = planning.plan("inc", here)
    for made in found.changes:
        assert made.before != made.after
        assert made.inverse().inverse().after == made.after
        assert made.why
    for setting, (least, most) in AWS_LIMITS.items():
        after = wished(found).get(setting, (0, least))[1]
        assert isinstance(after, int)
        assert least <= after <= most


AWS_LIMITS = {
    "parallelization_factor": (1, 10),
    "retention_hours": (24, 8760),
    "maximum_retry_attempts": (-1, 10_000),
    "reserved_concurrency": (0, 10_000),
    "shards": (1, 2),
}


@given(seen=evidences(), policy=POLICIES)
@settings(max_examples=200, deadline=None)
def test_every_remedy_answers_any_evidence(seen: Evidence, policy: Policy) -> None:
    here = case_of(seen, diagnose(seen, policy), policy, quarantine_arn=QUARANTINE)
    for remedy in EVERY.values():
        answer = remedy.propose(here)
        assert answer.reason if isinstance(answer, Pass) else answer


def _ranges(seen: Evidence, policy: Policy = DEFAULTS) -> list[str]:
    changes = plan(seen, policy).changes
    assert {(one.setting, one.before, one.after) for one in changes} <= {("shards", 1, 2)}
    return [one.resource.id.partition("#")[2] for one in changes]


def test_every_shard_is_split_once_at_most() -> None:
    huge = Policy(limits=Limits(shards=10_000))
    contended = read_contention(shards=4, read_throttles=900, read_bytes=480e6)
    found = _ranges(contended, huge)
    assert len(set(found)) == len(found) == 4


def test_the_shards_that_take_most_are_split_first_else_the_widest() -> None:
    uneven = read_contention(shards=4, read_throttles=900, read_bytes=480e6)
    cuts = [0, 2**120, 2**126, 2**127, 2**128]
    shards = tuple(
        Shard(shard_id=f"s{n}", first_hash_key=cuts[n], last_hash_key=cuts[n + 1] - 1)
        for n in range(4)
    )
    uneven = uneven.model_copy(update={"shards": shards})
    limited = Policy(limits=Limits(shards=6))
    wide, next_wide = f"{2**127}-{2**128 - 1}", f"{2**126}-{2**127 - 1}"
    assert _ranges(uneven, limited) == [wide, next_wide]
    at = uneven.gathered_at
    busy = {"s1": {Metric.SHARD_INCOMING_RECORDS: Series(points=((at, 900.0),))}}
    measured = uneven.model_copy(update={"shard_metrics": busy})
    assert _ranges(measured, limited) == [f"{2**120}-{2**126 - 1}", wide]


def test_another_mapping_s_tumbling_window_keeps_the_stream_as_it_is() -> None:
    windowed = Reader(name="sums", shared_throughput=True, tumbling_window_seconds=60)
    seen = read_contention().model_copy(update={"readers": (windowed,)})
    found = plan(seen, tried=NO_FAN_OUT)
    assert found.changes == ()
    assert "the mapping of sums uses tumbling windows" in (found.escalation or "")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "Nothing is discarded meanwhile, until the stream's retention is over."),
        (
            {"maximum_retry_attempts": 3},
            "Meanwhile records are given up after 3 retries; nothing is kept of them.",
        ),
        (
            {"maximum_record_age_seconds": 3600, "on_failure_destination": QUARANTINE},
            f"given up once they are 3600 s old; only their place goes to {QUARANTINE}.",
        ),
        (
            {"maximum_retry_attempts": 0, "maximum_record_age_seconds": 60},
            "given up after 0 retries or once they are 60 s old;",
        ),
        (None, "Whether records are discarded meanwhile could not be seen."),
    ],
)
def test_what_is_discarded_meanwhile_is_read_off_the_mapping(
    settings: dict[str, Any] | None, said: str
) -> None:
    seen = PIPELINES["broken-deploy"](mapping=settings)
    diagnosis = Diagnosis(cause=Cause.FUNCTION_FAILURE, path=())
    here = case_of(seen, diagnosis, DEFAULTS)
    assert said in (planning.plan("inc-1", here).escalation or "")


# --- what a person who is called is told ---------------------------------------------------------


def told(seen: Evidence, tried: Sequence[RemedyName] = (), **refused: str) -> str:
    here = case_of(seen, diagnose(seen, Policy()), Policy())
    said = {RemedyName(name): why for name, why in refused.items()}
    return planning.escalation(here, tried, said)


def test_nothing_is_said_to_have_been_tried_that_was_not() -> None:
    for build in PIPELINES.values():
        assert "tried in this incident" not in told(build())


def test_what_was_tried_is_said_and_what_else_there_is_with_its_refusal() -> None:
    raised = RemedyName.RAISE_PARALLELIZATION_FACTOR
    assert f"{raised}: tried in this incident" in told(slow_consumer(), [raised])
    refused = told(slow_consumer(), raise_parallelization_factor="cooldown: until 12:04 UTC")
    assert f"{raised}: cooldown: until 12:04 UTC" in refused
    assert f"{raised}: it fits, and is left to a person" in told(slow_consumer())


@pytest.mark.parametrize(("minutes", "splits"), [(1, False), (5, True)])
def test_a_function_that_was_changed_just_now_is_seen_at_work_before_its_batches_are_split(
    minutes: int, *, splits: bool
) -> None:
    """A fix, perhaps: a restart would hold up what succeeds by now."""
    seen = one_shard_fails(
        function_last_modified=NOW - timedelta(minutes=minutes),
        errors=since(20, 60),
        **aged(climbing(1.0, 20)),
    )
    changed = {made.setting for made in plan(seen).changes}
    assert ("bisect_on_error" in changed) is splits


@pytest.mark.parametrize("minutes", [3, 4, 5])
def test_what_time_proves_sooner_than_a_restart_is_worth_none(minutes: int) -> None:
    seen = poison(
        shards=8,
        parallelization_factor=5,
        **aged(climbing(1.0, minutes)),
        invocations=60,
        errors=since(minutes, 18),
        invoked_events=600,
        failed_invoke_events=since(minutes, 20),
    )
    made = plan(seen)
    nearly = minutes < 5
    assert made.proven is (minutes == 5)
    assert bool(made.waits) is nearly
    assert bool(made.changes) is not nearly
    assert made.escalation is None
