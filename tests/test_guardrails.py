"""Guardrails: each one's word on a change, and that no plan exceeds its policy, whatever it is."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import ceil, log2
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediator.decide import planning
from remediator.decide.case import Case
from remediator.decide.guardrails import (
    GUARDRAILS,
    Circumstances,
    comes_back,
    free_at,
    guard,
    rule,
)
from remediator.decide.guardrails.allowing import undo_held_back
from remediator.decide.tree import diagnose
from remediator.evidence.signals import measure
from remediator.model import (
    Cause,
    Change,
    Decision,
    Detail,
    Diagnosis,
    Evidence,
    GuardedPlan,
    Mode,
    Reader,
    RemedyName,
    Resource,
    ResourceKind,
    Ruling,
)
from remediator.policy import (
    Autonomy,
    Budget,
    Cooldown,
    Limits,
    MaintenanceWindow,
    Policy,
    RemedyPolicy,
)
from remediator.state import AccountLedger, Claim, Edit, Freeze, JournalClaim, Spent
from tests.anything import CIRCUMSTANCES, POLICIES, blinded, evidences
from tests.evidence import (
    FUNCTION_ARN,
    MAPPING,
    NOW,
    PIPELINES,
    QUARANTINE,
    STREAM_ARN,
    case_of,
    climbing,
    evidence,
    expiring,
    one_shard_fails,
    overloaded,
    poison,
    recovering,
    since,
    slow_consumer,
    throttled,
    without,
)

DEFAULTS = Policy()
WINDOWED = Reader(
    name="sums", shared_throughput=True, tumbling_window_seconds=60, parallelization_factor=1
)
FOUR_LANES = Reader(name="search", shared_throughput=True, parallelization_factor=4)
CALM = Circumstances(now=NOW, incident_id="ours", mode=Mode.APPLY)
KINDS = {
    "parallelization_factor": (ResourceKind.EVENT_SOURCE_MAPPING, MAPPING),
    "maximum_retry_attempts": (ResourceKind.EVENT_SOURCE_MAPPING, MAPPING),
    "bisect_on_error": (ResourceKind.EVENT_SOURCE_MAPPING, MAPPING),
    "maximum_record_age_seconds": (ResourceKind.EVENT_SOURCE_MAPPING, MAPPING),
    "reserved_concurrency": (ResourceKind.FUNCTION, "orders"),
    "retention_hours": (ResourceKind.STREAM, STREAM_ARN),
    "shards": (ResourceKind.HASH_RANGE, f"{STREAM_ARN}#0-1"),
}
REMEDY_OF = {
    "parallelization_factor": RemedyName.RAISE_PARALLELIZATION_FACTOR,
    "reserved_concurrency": RemedyName.RAISE_RESERVED_CONCURRENCY,
    "shards": RemedyName.SPLIT_SHARDS,
    "retention_hours": RemedyName.EXTEND_RETENTION,
}


def change(setting: str, before: Any, after: Any) -> Change:
    kind, name = KINDS[setting]
    return Change(
        remedy=REMEDY_OF.get(setting, RemedyName.ISOLATE_POISON),
        resource=Resource(kind=kind, id=name),
        setting=setting,
        before=before,
        after=after,
    )


# Four lanes instead of one.
FACTOR = change("parallelization_factor", 1, 4)


def situation(seen: Evidence, policy: Policy = DEFAULTS, **known: Any) -> Case:
    return case_of(seen, diagnose(seen, policy), policy, **known)


def ruling(
    made: Change,
    seen: Evidence,
    policy: Policy = DEFAULTS,
    around: Circumstances = CALM,
    **known: Any,
) -> Ruling:
    return rule(made, situation(seen, policy, **known), around).ruling


def spent(minutes_ago: float, remedy: RemedyName, mapping: str = MAPPING) -> Spent:
    at = NOW - timedelta(minutes=minutes_ago)
    return Spent(incident_id="before", mapping=mapping, remedy=remedy, at=at)


def after(*paid: Spent, **said: Any) -> Circumstances:
    return CALM._replace(ledger=AccountLedger(spent=paid), **said)


# --- each guardrail's word -----------------------------------------------------------------------

SPLIT, FACTORS = RemedyName.SPLIT_SHARDS, RemedyName.RAISE_PARALLELIZATION_FACTOR
RETENTION = change("retention_hours", 24, 168)
RETRIES = change("maximum_retry_attempts", -1, 3)
HALVING = change("bisect_on_error", before=False, after=True)
NOON = MaintenanceWindow.model_validate({"name": "noon", "start": "11:00", "end": "13:00"})
BUSY_ACCOUNT = {"unreserved_concurrent_executions": 880, "account_concurrent_executions": 880}
NEARLY_FULL = {"unreserved_concurrent_executions": 824, "unreserved_concurrency": 1020}
NAMED = Policy(downstream_alarms=("database",))


def pressed(**said: Any) -> Evidence:
    """Few lanes, three times as much as usual comes in, and some invocations fail since."""
    usual = {
        "incoming_records": since(10, 1800, 600),
        "invocations": since(10, 60, 60),
        "errors": since(10, 2),
    }
    return slow_consumer(**(usual | said))


WORDS: Mapping[str, tuple[Change, Evidence, Policy, Circumstances, Decision, str]] = {
    "nothing against it": (FACTOR, slow_consumer(), Policy(), CALM, Decision.ALLOW, "policy"),
    "frozen by the policy": (
        FACTOR,
        slow_consumer(),
        Policy(freeze=True),
        CALM,
        Decision.BLOCK,
        "freeze",
    ),
    "frozen by somebody": (
        FACTOR,
        slow_consumer(),
        Policy(),
        CALM._replace(freeze=Freeze(scope="all", reason="sale", by="ann", at=NOW)),
        Decision.BLOCK,
        "freeze",
    ),
    "the switch cannot be read": (
        FACTOR,
        slow_consumer(),
        Policy(),
        CALM._replace(freeze_unreadable="denied"),
        Decision.BLOCK,
        "freeze",
    ),
    "another journal has the account": (
        FACTOR,
        slow_consumer(),
        Policy(),
        CALM._replace(other_journal=JournalClaim(stack="first", journal="theirs", since=NOW)),
        Decision.BLOCK,
        "one_journal",
    ),
    "a maintenance window": (
        FACTOR,
        slow_consumer(),
        Policy(maintenance_windows=(NOON,)),
        CALM,
        Decision.BLOCK,
        "maintenance_window",
    ),
    "stopped on purpose stays so": (
        FACTOR,
        slow_consumer(mapping_state="Disabled"),
        Policy(),
        CALM,
        Decision.BLOCK,
        "stopped_on_purpose",
    ),
    "but its records may be kept for longer": (
        RETENTION,
        expiring(mapping_state="Disabled"),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "managed instances": (
        FACTOR,
        slow_consumer(runs_on_managed_instances=True),
        Policy(),
        CALM,
        Decision.BLOCK,
        "managed_instances",
    ),
    "managed instances may be isolated": (
        change("bisect_on_error", before=False, after=True),
        poison(runs_on_managed_instances=True),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "managed instances get no shards for their lanes": (
        change("shards", 1, 2),
        slow_consumer(runs_on_managed_instances=True),
        Policy(),
        CALM,
        Decision.BLOCK,
        "managed_instances",
    ),
    "a durable function's lanes say nothing": (
        FACTOR,
        slow_consumer(durable=True),
        Policy(),
        CALM,
        Decision.BLOCK,
        "durable_function",
    ),
    "the mapping is being updated": (
        FACTOR,
        slow_consumer(mapping_state="Updating"),
        Policy(),
        CALM,
        Decision.BLOCK,
        "resource_busy",
    ),
    "the stream is being updated": (
        change("shards", 1, 2),
        slow_consumer(stream_status="UPDATING"),
        Policy(),
        CALM,
        Decision.BLOCK,
        "resource_busy",
    ),
    "a human changed the mapping in mid-incident": (
        FACTOR,
        slow_consumer(mapping_last_modified=NOW - timedelta(minutes=4)),
        Policy(),
        CALM,
        Decision.BLOCK,
        "human_change",
    ),
    "a human changed it before the record came that is the oldest now, while others were late": (
        FACTOR,
        slow_consumer(
            iterator_age_ms=climbing(0.4, 14),
            stream_iterator_age_ms=0,
            mapping_last_modified=NOW - timedelta(minutes=7),
        ),
        Policy(),
        CALM,
        Decision.BLOCK,
        "human_change",
    ),
    "a human changed it before anything was late": (
        FACTOR,
        slow_consumer(
            iterator_age_ms=climbing(0.4, 5),
            stream_iterator_age_ms=0,
            mapping_last_modified=NOW - timedelta(minutes=7),
        ),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "some fails and is given up uncaptured, by its owner's settings: more at once may lose more": (
        FACTOR,
        slow_consumer(maximum_retry_attempts=0, errors=since(5, 2)),
        Policy(),
        CALM,
        Decision.APPROVE,
        "downstream",
    ),
    "what fails once is given up uncaptured, whether anything fails yet or not": (
        FACTOR,
        slow_consumer(maximum_retry_attempts=0),
        Policy(),
        CALM,
        Decision.APPROVE,
        "downstream",
    ),
    "a reservation has room for the lanes that somebody has set, whatever becomes of failures": (
        change("reserved_concurrency", 1, 4),
        throttled(maximum_retry_attempts=0),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "what a function reports as failed is given up uncaptured, and not counted": (
        FACTOR,
        slow_consumer(maximum_retry_attempts=3, reports_partial_batches=True),
        Policy(),
        CALM,
        Decision.APPROVE,
        "downstream",
    ),
    "some fails and is given up to a destination that is gone": (
        FACTOR,
        slow_consumer(
            maximum_retry_attempts=3, on_failure_destination=QUARANTINE, errors=since(5, 2)
        ),
        Policy(),
        CALM,
        Decision.APPROVE,
        "downstream",
    ),
    "some fails and is given up to a destination that takes it": (
        FACTOR,
        slow_consumer(
            maximum_retry_attempts=3, on_failure_destination=QUARANTINE, errors=since(5, 2)
        ),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "what fails is tried again before it is given up, and nothing fails": (
        FACTOR,
        slow_consumer(maximum_retry_attempts=3),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "somebody changed the function while it fails, and what that does is not seen yet": (
        HALVING,
        one_shard_fails(function_last_modified=NOW - timedelta(minutes=1)),
        Policy(),
        CALM,
        Decision.BLOCK,
        "human_change",
    ),
    "somebody changed the function while it fails, and it fails on": (
        HALVING,
        one_shard_fails(function_last_modified=NOW - timedelta(minutes=7)),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "nothing in it differs from what we left": (
        FACTOR,
        slow_consumer(mapping_last_modified=NOW - timedelta(minutes=4)),
        Policy(cooldown=Cooldown(raise_seconds=60)),
        after(spent(4, FACTORS), mapping_known=True),
        Decision.ALLOW,
        "policy",
    ),
    "somebody changed a value just after we did": (
        FACTOR,
        slow_consumer(mapping_last_modified=NOW - timedelta(minutes=4)),
        Policy(cooldown=Cooldown(raise_seconds=60)),
        after(
            spent(5, FACTORS),
            mapping_known=True,
            edit=Edit(at=NOW - timedelta(minutes=4), what="batch_size"),
        ),
        Decision.BLOCK,
        "human_change",
    ),
    "a change near one of ours, and nothing to compare it with": (
        FACTOR,
        slow_consumer(mapping_last_modified=NOW - timedelta(minutes=4)),
        Policy(cooldown=Cooldown(raise_seconds=60)),
        after(spent(5, FACTORS)),
        Decision.BLOCK,
        "human_change",
    ),
    "what AWS itself did to the mapping is nobody's edit": (
        FACTOR,
        slow_consumer(
            mapping_last_modified=NOW - timedelta(minutes=4),
            state_transition_reason="Lambda initiated",
        ),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "a mapping that was created in mid-incident was edited by nobody": (
        FACTOR,
        slow_consumer(
            mapping_last_modified=NOW - timedelta(minutes=8, seconds=30),
            state_transition_reason="User action",
            invocations=[60] * 8,
            duration_ms=[1000] * 8,
            iterator_age_ms=[60_000.0 * n for n in range(1, 9)],
            throttles=[0] * 8,
        ),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "a restart would drop what waits": (
        FACTOR,
        slow_consumer(maximum_record_age_seconds=700),
        Policy(),
        CALM,
        Decision.BLOCK,
        "record_age",
    ),
    "a change that is still taking effect": (
        FACTOR,
        slow_consumer(),
        Policy(),
        after(spent(1, SPLIT)),
        Decision.BLOCK,
        "cooldown",
    ),
    "another mapping's change is another's": (
        FACTOR,
        slow_consumer(),
        Policy(),
        after(spent(1, SPLIT, "another")),
        Decision.ALLOW,
        "policy",
    ),
    "first aid starts no cool-down": (
        FACTOR,
        slow_consumer(),
        Policy(),
        after(spent(1, RemedyName.EXTEND_RETENTION)),
        Decision.ALLOW,
        "policy",
    ),
    "first aid does not wait": (
        RETENTION,
        expiring(),
        Policy(),
        after(spent(1, FACTORS)),
        Decision.ALLOW,
        "policy",
    ),
    "lowering cools down for longer": (
        change("parallelization_factor", 8, 4),
        slow_consumer(parallelization_factor=8),
        Policy(),
        after(spent(10, FACTORS)),
        Decision.BLOCK,
        "cooldown",
    ),
    "who bounds retries isolates a record, and lowers nothing": (
        change("maximum_retry_attempts", 10_000, 10),
        poison(maximum_retry_attempts=10_000, on_failure_destination=QUARANTINE),
        Policy(),
        after(spent(5, RemedyName.ISOLATE_POISON)),
        Decision.ALLOW,
        "policy",
    ),
    "the mapping's budget is spent": (
        FACTOR,
        slow_consumer(),
        Policy(budget=Budget(per_target=2)),
        after(spent(20, SPLIT), spent(30, FACTORS)),
        Decision.BLOCK,
        "budget",
    ),
    "the account's budget is spent": (
        FACTOR,
        slow_consumer(),
        Policy(budget=Budget(per_account=2)),
        after(spent(20, SPLIT, "b"), spent(30, FACTORS, "c")),
        Decision.BLOCK,
        "budget",
    ),
    "the remedy's own budget is spent": (
        FACTOR,
        slow_consumer(),
        Policy(remedies={FACTORS: RemedyPolicy(per_target=1)}),
        after(spent(30, FACTORS)),
        Decision.BLOCK,
        "budget",
    ),
    "what was spent before the window does not count": (
        FACTOR,
        slow_consumer(),
        Policy(budget=Budget(per_target=1)),
        after(spent(61, FACTORS)),
        Decision.ALLOW,
        "policy",
    ),
    "more than the limit": (
        change("parallelization_factor", 1, 10),
        slow_consumer(),
        Policy(limits=Limits(parallelization_factor=4)),
        CALM,
        Decision.CLIP,
        "limit",
    ),
    "one more than the limit": (
        change("parallelization_factor", 1, 5),
        slow_consumer(),
        Policy(limits=Limits(parallelization_factor=4)),
        CALM,
        Decision.CLIP,
        "limit",
    ),
    "as much as the limit": (
        FACTOR,
        slow_consumer(),
        Policy(limits=Limits(parallelization_factor=4)),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "at the limit already": (
        change("parallelization_factor", 4, 8),
        slow_consumer(parallelization_factor=4),
        Policy(limits=Limits(parallelization_factor=4)),
        CALM,
        Decision.BLOCK,
        "limit",
    ),
    "one shard more than allowed": (
        change("shards", 1, 2),
        overloaded(),
        Policy(limits=Limits(shards=4)),
        CALM,
        Decision.BLOCK,
        "shard_limit",
    ),
    "another mapping of the stream has a tumbling window": (
        change("shards", 1, 2),
        slow_consumer().model_copy(update={"readers": (WINDOWED,)}),
        Policy(streams_of_ours=("*",)),
        CALM,
        Decision.BLOCK,
        "tumbling_window",
    ),
    "the policy does not say that the stream is ours alone": (
        change("shards", 1, 2),
        slow_consumer(),
        Policy(),
        CALM,
        Decision.APPROVE,
        "others_on_the_stream",
    ),
    "a merge, too, is everybody's": (
        change("shards", 2, 1),
        slow_consumer(),
        Policy(streams_of_ours=("bills-*",)),
        CALM,
        Decision.APPROVE,
        "others_on_the_stream",
    ),
    "the stream is ours alone": (
        change("shards", 1, 2),
        slow_consumer(),
        Policy(streams_of_ours=("or*",)),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "the lanes of the stream's other mappings do not fit": (
        change("shards", 1, 2),
        slow_consumer(**BUSY_ACCOUNT, unreserved_concurrency=1003).model_copy(
            update={"readers": (FOUR_LANES,)}
        ),
        Policy(streams_of_ours=("*",)),
        CALM,
        Decision.BLOCK,
        "neighbours",
    ),
    "not every mapping of the stream was seen": (
        change("shards", 1, 2),
        without(slow_consumer(), "readers"),
        Policy(streams_of_ours=("*",)),
        CALM,
        Decision.APPROVE,
        "neighbours",
    ),
    "not every mapping was seen, and not even our own lanes fit": (
        change("shards", 1, 2),
        without(slow_consumer(**BUSY_ACCOUNT), "readers"),
        Policy(streams_of_ours=("*",)),
        CALM,
        Decision.BLOCK,
        "neighbours",
    ),
    "neighbours use nearly all": (
        change("parallelization_factor", 1, 10),
        overloaded(**NEARLY_FULL),
        Policy(),
        CALM,
        Decision.CLIP,
        "neighbours",
    ),
    "neighbours use all": (
        FACTOR,
        overloaded(**BUSY_ACCOUNT),
        Policy(),
        CALM,
        Decision.BLOCK,
        "neighbours",
    ),
    "the account was not seen": (
        FACTOR,
        without(slow_consumer(), "account"),
        Policy(),
        CALM,
        Decision.APPROVE,
        "neighbours",
    ),
    "shards were not seen": (
        FACTOR,
        without(slow_consumer(), "shards", "stream"),
        Policy(),
        CALM,
        Decision.BLOCK,
        "neighbours",
    ),
    "a reservation takes from the pool": (
        change("reserved_concurrency", 10, 900),
        throttled(reserved_concurrency=10),
        Policy(limits=Limits(reserved_concurrency=1000)),
        CALM,
        Decision.CLIP,
        "neighbours",
    ),
    "a maximum record age discards the backlog": (
        change("maximum_record_age_seconds", -1, 3600),
        poison(on_failure_destination=QUARANTINE),
        Policy(),
        CALM,
        Decision.BLOCK,
        "discard",
    ),
    "bounded retries that capture": (
        RETRIES,
        poison(on_failure_destination=QUARANTINE),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "nobody has seen whether their destination takes anything": (
        RETRIES,
        poison(on_failure_destination=QUARANTINE),
        Policy(),
        CALM,
        Decision.BLOCK,
        "discard",
    ),
    "their destination is gone": (
        RETRIES,
        poison(on_failure_destination=QUARANTINE),
        Policy(),
        CALM,
        Decision.BLOCK,
        "discard",
    ),
    "what a restart pushes past the age is captured, and good all the same": (
        FACTOR,
        slow_consumer(maximum_record_age_seconds=700, on_failure_destination=QUARANTINE),
        Policy(),
        CALM,
        Decision.BLOCK,
        "record_age",
    ),
    "bounded retries that capture nothing": (
        RETRIES,
        poison(),
        Policy(),
        CALM,
        Decision.BLOCK,
        "discard",
    ),
    "bounded retries on a mere suspicion": (
        RETRIES,
        one_shard_fails(on_failure_destination=QUARANTINE),
        Policy(),
        CALM,
        Decision.BLOCK,
        "discard",
    ),
    "downstream is in ALARM": (
        FACTOR,
        slow_consumer(),
        NAMED,
        CALM._replace(downstream={"database": "ALARM"}),
        Decision.BLOCK,
        "downstream",
    ),
    "downstream could not be seen": (
        FACTOR,
        slow_consumer(),
        NAMED,
        CALM,
        Decision.BLOCK,
        "downstream",
    ),
    "errors came with the load, and nobody named what stands behind": (
        FACTOR,
        pressed(),
        Policy(),
        CALM,
        Decision.APPROVE,
        "downstream",
    ),
    "errors came with the load, and what stands behind is seen to be well": (
        FACTOR,
        pressed(),
        NAMED,
        CALM._replace(downstream={"database": "OK"}),
        Decision.ALLOW,
        "policy",
    ),
    "errors came with the load, and have ended under it": (
        FACTOR,
        pressed(errors=[1.0] * 20 + [30.0] * 7 + [1.0] * 3),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "errors are as frequent as before the load": (
        FACTOR,
        pressed(errors=since(10, 1, 1)),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "downstream is well": (
        FACTOR,
        slow_consumer(),
        NAMED,
        CALM._replace(downstream={"database": "OK"}),
        Decision.ALLOW,
        "policy",
    ),
    "downstream's alarm does not keep us from lowering": (
        change("parallelization_factor", 8, 4),
        slow_consumer(parallelization_factor=8),
        NAMED,
        CALM._replace(downstream={"database": "ALARM"}),
        Decision.ALLOW,
        "policy",
    ),
    "the mapping starts at LATEST": (
        FACTOR,
        slow_consumer(starting_position="LATEST"),
        Policy(),
        CALM,
        Decision.APPROVE,
        "latest_position",
    ),
    "the remedy asks first": (
        FACTOR,
        slow_consumer(),
        Policy(remedies={FACTORS: RemedyPolicy(autonomy=Autonomy.APPROVE)}),
        CALM,
        Decision.APPROVE,
        "autonomy",
    ),
    "somebody has approved": (
        FACTOR,
        slow_consumer(),
        Policy(remedies={FACTORS: RemedyPolicy(autonomy=Autonomy.APPROVE)}),
        CALM._replace(approved=True),
        Decision.ALLOW,
        "policy",
    ),
    "an approval lifts no block": (
        FACTOR,
        slow_consumer(),
        Policy(freeze=True),
        CALM._replace(approved=True),
        Decision.BLOCK,
        "freeze",
    ),
    "the remedy is switched off": (
        FACTOR,
        slow_consumer(),
        Policy(remedies={FACTORS: RemedyPolicy(autonomy=Autonomy.OFF)}),
        CALM,
        Decision.BLOCK,
        "autonomy",
    ),
    "functions opt in by a tag, and this one did not": (
        FACTOR,
        slow_consumer(),
        Policy(tagged_functions_only=True),
        CALM,
        Decision.BLOCK,
        "opted_in",
    ),
    "the tags were not seen, and they matter": (
        FACTOR,
        slow_consumer(),
        Policy(),
        CALM._replace(tags_unseen=True),
        Decision.BLOCK,
        "unknown_policy",
    ),
}


@pytest.mark.parametrize("case", WORDS)
def test_each_guardrail_says(case: str) -> None:
    made, seen, policy, around, decision, guardrail = WORDS[case]
    said = ruling(made, seen, policy, around, **KNOWN.get(case, {}))
    assert (said.decision, said.guardrail) == (decision, guardrail)
    assert said.reason


# What was found out beside the evidence, in some cases.
KNOWN: Mapping[str, Mapping[str, Any]] = {
    "bounded retries that capture": {"destination_usable": True},
    "bounded retries on a mere suspicion": {"destination_usable": True},
    "their destination is gone": {"destination_usable": False},
    "some fails and is given up to a destination that is gone": {"destination_usable": False},
    "some fails and is given up to a destination that takes it": {"destination_usable": True},
    "who bounds retries isolates a record, and lowers nothing": {"destination_usable": True},
    "what a restart pushes past the age is captured, and good all the same": {
        "destination_usable": True
    },
}


def test_every_guardrail_has_its_case() -> None:
    assert {guardrail for *_, guardrail in WORDS.values()} == {*GUARDRAILS, "policy"}


def test_a_clip_leaves_what_fits() -> None:
    clipped = rule(
        change("parallelization_factor", 1, 10),
        situation(overloaded(**NEARLY_FULL)),
        CALM,
    )
    # 1020 in the pool, 824 in use, a fifth more for the others: eight lanes a shard.
    assert clipped.change.after == 1 + (1020 - 824 - 164) // 4


def test_what_other_incidents_have_claimed_is_not_free() -> None:
    seen = overloaded(unreserved_concurrent_executions=800)
    claims = (Claim(incident_id="theirs", amount=80, expires_at=NOW + timedelta(minutes=5)),)
    ledger = AccountLedger(claims=claims)
    free = situation(seen).spare_concurrency
    left = situation(seen, claimed=ledger.claimed_by_others("ours", NOW)).spare_concurrency
    assert (free, left) == (200 - 160, 0)  # a fifth of 796 for the neighbours
    assert ledger.claimed_by_others("theirs", NOW) == 0


def test_changes_that_make_each_other_safe_stand_or_fall_together() -> None:
    seen = poison()
    here = situation(seen, quarantine_arn=QUARANTINE, destination_usable=True)
    wish = planning.plan("ours", here)
    assert {made.setting for made in wish.changes} == {
        "bisect_on_error",
        "maximum_retry_attempts",
        "on_failure_destination",
        "parallelization_factor",
    }
    gone = here._replace(destination_usable=False)
    assert guard(wish, here, CALM).allowed == wish.changes
    assert [made.setting for made in guard(wish, gone, CALM).allowed] == ["bisect_on_error"]


@pytest.mark.parametrize(
    ("ours", "bounds"),
    [
        pytest.param(QUARANTINE, True, id="our own queue: AWS itself checks it in that call"),
        pytest.param(QUARANTINE + ".fifo", False, id="a FIFO queue takes none of it"),
        pytest.param("arn:aws:sqs:eu-west-2:111122223333:q", False, id="a queue of another Region"),
        pytest.param("arn:aws:sns:eu-west-1:111122223333:topic", False, id="a topic, unseen"),
    ],
)
def test_what_was_not_seen_to_take_records_captures_nothing(ours: str, *, bounds: bool) -> None:
    here = situation(poison(), quarantine_arn=ours)
    allowed = guard(planning.plan("ours", here), here, CALM).allowed
    assert ("maximum_retry_attempts" in {made.setting for made in allowed}) is bounds


def test_a_destination_of_theirs_that_was_not_seen_is_not_leaned_on() -> None:
    topic = "arn:aws:sns:eu-west-1:111122223333:failed-orders"
    here = situation(poison(on_failure_destination=topic), quarantine_arn=QUARANTINE)
    plan = planning.plan("ours", here)
    assert [made.setting for made in plan.changes] == ["bisect_on_error"]


def test_a_restart_near_the_maximum_record_age_asks_and_names_the_seconds() -> None:
    seen = slow_consumer(maximum_record_age_seconds=60, starting_position="LATEST")
    guarded_plan = guard(planning.plan("ours", situation(seen)), situation(seen), CALM)
    asked = {one.change.setting: one.ruling for one in guarded_plan.changes}
    assert set(asked) == {"maximum_record_age_seconds", "parallelization_factor"}
    for ruled in asked.values():
        assert ruled.decision is Decision.APPROVE
        assert "60 s" in ruled.reason
        assert "LATEST" in ruled.reason


def test_the_factor_is_not_raised_without_the_age_being_lifted() -> None:
    here = situation(slow_consumer(maximum_record_age_seconds=60))
    changes = {made.setting: made for made in planning.plan("ours", here).changes}
    lift = changes["maximum_record_age_seconds"]
    assert (lift.before, lift.after) == (60, -1)
    assert changes["parallelization_factor"].safe_only_with == ("maximum_record_age_seconds",)


def test_a_probe_s_restart_leaves_room_for_that_of_what_it_tells() -> None:
    """Its own would not push what waits past the age; the next one would."""
    proven = poison(maximum_record_age_seconds=1100, on_failure_destination=QUARANTINE)
    suspected = one_shard_fails(maximum_record_age_seconds=1100)
    lifted = ("maximum_record_age_seconds", "bisect_on_error")
    for seen, changed in ((suspected, lifted), (proven, ("bisect_on_error",))):
        made = planning.plan("ours", situation(seen)).changes
        assert tuple(one.setting for one in made)[: len(changed)] == changed


def test_nothing_is_isolated_that_is_given_up_for_its_age_before_a_restart_is_over() -> None:
    made = planning.plan("ours", situation(poison(maximum_record_age_seconds=600)))
    assert made.changes == ()
    assert "sooner than a restart" in (made.escalation or "")


@pytest.mark.parametrize("most", [-1, 604_800, 3600])
def test_an_age_that_is_far_is_left_alone(most: int) -> None:
    here = situation(slow_consumer(maximum_record_age_seconds=most))
    settings_changed = {made.setting for made in planning.plan("ours", here).changes}
    assert settings_changed == {"parallelization_factor"}


@pytest.mark.parametrize(
    ("case", "ends_in"),
    [
        ("somebody changed a value just after we did", timedelta(minutes=6)),
        ("a change that is still taking effect", timedelta(minutes=1)),
        ("a maintenance window", timedelta(minutes=59, seconds=30)),
        ("the mapping's budget is spent", timedelta(minutes=30)),
        ("the mapping is being updated", None),
        ("frozen by somebody", None),
    ],
)
def test_a_refusal_says_when_it_ends(case: str, ends_in: timedelta | None) -> None:
    made, seen, policy, around, *_ = WORDS[case]
    here = situation(seen, policy)
    plan = planning.plan("ours", here).model_copy(update={"changes": (made,)})
    guarded_plan = guard(plan, here, around)
    ends = None if ends_in is None else NOW + ends_in
    assert guarded_plan.changes[0].ruling.until == ends
    assert free_at(guarded_plan) == ends


def test_a_change_says_what_makes_it_safe() -> None:
    here = situation(poison(), quarantine_arn=QUARANTINE, destination_usable=True)
    wish = planning.plan("ours", here)
    assert {made.setting: made.safe_only_with for made in wish.changes} == {
        "bisect_on_error": (),
        "maximum_retry_attempts": ("on_failure_destination",),
        "on_failure_destination": ("maximum_retry_attempts",),
        "parallelization_factor": ("maximum_retry_attempts",),
    }


def test_first_aid_does_not_wait_for_a_remedy_that_is_held_back() -> None:
    policy = Policy(remedies={FACTORS: RemedyPolicy(autonomy=Autonomy.APPROVE)})
    here = situation(expiring(), policy)
    allowed = guard(planning.plan("ours", here), here, CALM).allowed
    assert [made.setting for made in allowed] == ["retention_hours"]


def test_one_plan_does_not_overspend_a_budget_by_its_second_change() -> None:
    policy = Policy(budget=Budget(per_target=1))
    here = situation(expiring(), policy)
    guarded = guard(planning.plan("ours", here), here, CALM)
    assert [made.setting for made in guarded.allowed] == ["retention_hours"]
    assert guarded.changes[1].ruling.guardrail == "budget"


@pytest.mark.parametrize(
    ("case", "again"),
    [
        ("a change that is still taking effect", True),
        ("the mapping is being updated", True),
        ("a maintenance window", True),
        ("downstream is in ALARM", False),
        ("stopped on purpose stays so", False),
        ("another journal has the account", False),
        ("nothing against it", False),
    ],
)
def test_a_no_that_ends_by_itself_is_worth_another_look(case: str, again: bool) -> None:
    made, seen, policy, around, *_ = WORDS[case]
    here = situation(seen, policy)
    plan = planning.plan("ours", here).model_copy(update={"changes": (made,)})
    assert comes_back(guard(plan, here, around)) is again


@pytest.mark.parametrize(
    ("around", "policy", "held"),
    [
        pytest.param(CALM, Policy(), False, id="may be undone"),
        pytest.param(CALM._replace(mode=Mode.PLAN), Policy(), True, id="mode plan"),
        pytest.param(CALM, Policy(freeze=True), True, id="frozen"),
        pytest.param(CALM, Policy(maintenance_windows=(NOON,)), True, id="maintenance"),
    ],
)
def test_to_undo_is_a_change_too(around: Circumstances, policy: Policy, held: bool) -> None:
    assert bool(undo_held_back(policy, around)) is held


def test_a_window_over_midnight_ends_in_the_morning() -> None:
    night = MaintenanceWindow.model_validate({"name": "night", "start": "22:00", "end": "04:00"})
    covered = [hour for hour in range(24) if night.covers(datetime(2026, 11, 23, hour, tzinfo=UTC))]
    assert covered == [0, 1, 2, 3, 22, 23]


# --- for any evidence, any policy, any circumstances ---------------------------------------------

TRIED = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LIMITS = {
    "parallelization_factor": "parallelization_factor",
    "reserved_concurrency": "reserved_concurrency",
    "retention_hours": "retention_hours",
    "maximum_retry_attempts": "retry_attempts",
}
RAISING = {"parallelization_factor", "reserved_concurrency", "shards"}


def guarded(seen: Evidence, policy: Policy, around: Circumstances) -> GuardedPlan:
    claimed = around.ledger.claimed_by_others("ours", NOW)
    here = situation(seen, policy, claimed=claimed, quarantine_arn=QUARANTINE)
    return guard(planning.plan("ours", here), here, around)


@TRIED
@given(seen=evidences() | blinded(), policy=POLICIES, around=CIRCUMSTANCES)
def test_no_guarded_plan_exceeds_its_policy(
    seen: Evidence, policy: Policy, around: Circumstances
) -> None:
    """Invariants 1 to 6, counted anew from evidence and policy."""
    plan = guarded(seen, policy, around)
    if plan.allowed:
        _nothing_stops_us(policy, around)
        _within_budget(plan, policy, around)
    for made in plan.allowed:
        _within_limits(made, policy, seen)
        _within_autonomy(made, policy, around)
        _neighbours_keep_theirs(made, plan, seen, policy, around)
        _downstream_is_well(made, policy, around)
        _nothing_good_is_discarded(made, plan, seen)
        _from_what_is_there(made, seen)


def _nothing_stops_us(policy: Policy, around: Circumstances) -> None:
    assert not policy.freeze
    assert around.freeze is None
    assert around.freeze_unreadable is None
    assert not any(window.covers(around.now) for window in policy.maintenance_windows)


def _within_budget(plan: GuardedPlan, policy: Policy, around: Circumstances) -> None:
    since = around.now - timedelta(seconds=policy.budget.window_seconds)
    paid = [one for one in around.ledger.spent if one.at > since]
    made = len({(change.remedy, change.resource.counted_as) for change in plan.allowed})
    assert len(paid) + made <= policy.budget.per_account
    assert len([one for one in paid if one.mapping == MAPPING]) + made <= policy.budget.per_target


def _within_limits(made: Change, policy: Policy, seen: Evidence) -> None:
    """Retries are those of one record alone: the halvings of a batch come on top."""
    if made.setting in LIMITS and isinstance(made.after, int):
        batch = seen.mapping.batch_size if seen.mapping else 1
        more = ceil(log2(batch)) if made.setting == "maximum_retry_attempts" else 0
        assert made.after <= getattr(policy.limits, LIMITS[made.setting]) + more


def _within_autonomy(made: Change, policy: Policy, around: Circumstances) -> None:
    word = policy.remedy(made.remedy).autonomy
    assert word is Autonomy.AUTO or (word is Autonomy.APPROVE and around.approved)


def _neighbours_keep_theirs(
    made: Change, plan: GuardedPlan, seen: Evidence, policy: Policy, around: Circumstances
) -> None:
    """Invariant 4: what is in use, the margin and what others were promised stay free. So does
    AWS's minimum, where what is reserved already does not show that the account's own is less."""
    if made.setting not in RAISING or seen.account is None:
        return
    reserved = seen.function.reserved_concurrency if seen.function else None
    if made.setting == "reserved_concurrency" and made.before is None:  # from a pool used up
        assert isinstance(made.after, int)
        left = seen.account.unreserved_concurrency - made.after
        claimed = around.ledger.claimed_by_others("ours", NOW)
        least = policy.limits.unreserved_minimum + policy.limits.concurrency_margin
        assert left >= least + claimed
        return
    added = _added_concurrency(made, seen)
    claimed = around.ledger.claimed_by_others("ours", NOW)
    pool = seen.account.unreserved_concurrency - added
    limits, signals = policy.limits, measure(seen, policy.thresholds)
    least = min(limits.concurrency_margin, seen.account.concurrency_limit // 5)
    used = signals.unreserved_in_use or 0
    theirs = max(0.0, used - (signals.concurrency or 0))
    margin = max(least, limits.neighbour_growth * theirs) + claimed
    if made.setting == "reserved_concurrency":
        limit, unreserved = seen.account.concurrency_limit, seen.account.unreserved_concurrency
        is_less = unreserved < min(limits.unreserved_minimum, limit)
        minimum = 0 if is_less else limits.unreserved_minimum
        assert pool >= max(minimum, used) + least + claimed
    elif reserved is not None:
        room = [one.after for one in plan.allowed if one.setting == "reserved_concurrency"]
        assert added <= max([reserved, *(most for most in room if isinstance(most, int))])
    else:
        assert pool - used >= margin
        assert seen.account.concurrency_limit - (signals.claimed_concurrency or 0) - added >= margin


def _added_concurrency(made: Change, seen: Evidence) -> int:
    assert isinstance(made.before, int)
    assert isinstance(made.after, int)
    each = {
        "parallelization_factor": seen.open_shards or 0,
        "reserved_concurrency": 1,
    }.get(made.setting, seen.mapping.parallelization_factor if seen.mapping else 0)
    return (made.after - made.before) * each


def _downstream_is_well(made: Change, policy: Policy, around: Circumstances) -> None:
    if made.setting in RAISING:
        states = [around.downstream.get(name) for name in policy.downstream_alarms]
        assert not {"ALARM", None} & set(states)


@TRIED
@given(
    seen=evidences() | blinded(),
    policy=POLICIES,
    around=CIRCUMSTANCES,
    cause=st.sampled_from(Cause),
    detail=st.sampled_from(Detail),
    attempts=st.integers(0, 10_000),
)
def test_nothing_bounds_retries_without_proof_whatever_the_diagnosis_is_called(
    *,
    seen: Evidence,
    policy: Policy,
    around: Circumstances,
    cause: Cause,
    detail: Detail,
    attempts: int,
) -> None:
    """Invariant 2: neither the planner nor the guardrail goes by the name of a finding. Where no
    probe has decided, a person may: that is asked for, and never done."""
    asks = (cause, detail) == (Cause.POISON_RECORD, Detail.UNDECIDED)
    named = Diagnosis(cause=cause, path=(), detail=detail)
    here = case_of(seen, named, policy, quarantine_arn=QUARANTINE)
    plan = planning.plan("ours", here)
    wished = {made.setting for made in plan.changes}
    assert asks or "maximum_retry_attempts" not in wished
    bounds = change("maximum_retry_attempts", -1, attempts)
    nobody = around._replace(approved=around.approved and not asks)
    assert not guard(plan.model_copy(update={"changes": (bounds,)}), here, nobody).allowed


@pytest.mark.parametrize("written", ["isolatd", "errors rose from 0% to 20%"])
def test_a_detail_that_is_not_known_decides_nothing(written: str) -> None:
    """What an older version wrote as prose is read, and proves nothing."""
    read = Diagnosis.model_validate({"cause": "poison_record", "path": [], "detail": written})
    assert read.detail is Detail.NONE
    here = case_of(poison(), read, DEFAULTS, quarantine_arn=QUARANTINE)
    assert rule(RETRIES, here, CALM).ruling.guardrail == "discard"


def test_a_detail_is_text_in_a_report() -> None:
    told = Diagnosis(cause=Cause.UNKNOWN, path=()).model_dump(mode="json")
    assert told["detail"] == ""
    assert told["proven"] is False


def _nothing_good_is_discarded(made: Change, plan: GuardedPlan, seen: Evidence) -> None:
    assert made.setting != "maximum_record_age_seconds"
    if made.setting != "maximum_retry_attempts":
        return
    assert plan.plan.cause is Cause.POISON_RECORD
    own = seen.mapping.on_failure_destination if seen.mapping else None
    captured = {one.after for one in plan.allowed if one.setting == "on_failure_destination"}
    assert own or captured


def _from_what_is_there(made: Change, seen: Evidence) -> None:
    """A plan starts from the settings that were seen, and changes them."""
    assert made.before != made.after
    where = {
        ResourceKind.EVENT_SOURCE_MAPPING: seen.mapping,
        ResourceKind.FUNCTION: seen.function,
        ResourceKind.STREAM: seen.stream,
    }.get(made.resource.kind)
    if where is not None:
        assert getattr(where, made.setting) == made.before


@TRIED
@given(
    seen=st.sampled_from([slow_consumer(), poison(), throttled(), overloaded(), evidence()]),
    policy=POLICIES,
    setting=st.sampled_from(sorted(LIMITS)),
    before=st.none() | st.integers(1, 12),
    after_=st.integers(1, 1200),
)
def test_no_wish_however_large_passes_a_limit(
    seen: Evidence, policy: Policy, setting: str, before: int | None, after_: int
) -> None:
    """A guardrail trusts no remedy to have kept within the policy by itself."""
    ruled = rule(change(setting, before, after_), situation(seen, policy), CALM)
    if ruled.allowed:
        _within_limits(ruled.change, policy, seen)


@TRIED
@given(seen=evidences(), policy=POLICIES, around=CIRCUMSTANCES)
def test_undone_newest_first_every_setting_is_what_it_was(
    seen: Evidence, policy: Policy, around: Circumstances
) -> None:
    changes = [one.change for one in guarded(seen, policy, around).changes]
    before = {(made.resource, made.setting): made.before for made in changes}
    world = dict(before)
    for made in (*changes, *(one.inverse() for one in reversed(changes))):
        assert world[made.resource, made.setting] == made.before
        world[made.resource, made.setting] = made.after
    assert world == before


@TRIED
@given(seen=evidences(), policy=POLICIES, around=CIRCUMSTANCES)
def test_the_same_question_gets_the_same_plan(
    seen: Evidence, policy: Policy, around: Circumstances
) -> None:
    shuffled = seen.model_copy(update={"metrics": dict(reversed(list(seen.metrics.items())))})
    again = Evidence.model_validate_json(seen.model_dump_json())
    first = guarded(seen, policy, around)
    assert guarded(shuffled, policy, around) == first
    assert guarded(again, policy, around) == first


@pytest.mark.parametrize("name", PIPELINES)
def test_with_nothing_allowed_nothing_is_changed(name: str) -> None:
    off = {remedy: RemedyPolicy(autonomy=Autonomy.OFF) for remedy in RemedyName}
    assert guarded(PIPELINES[name](), Policy(remedies=off), CALM).changes == ()


def test_quiet_pipelines_are_left_alone() -> None:
    assert FUNCTION_ARN.endswith(evidence().target.function)
    for seen in (evidence(), recovering()):
        plan = guarded(seen, Policy(), CALM)
        assert (plan.changes, plan.plan.escalation) == ((), None)
