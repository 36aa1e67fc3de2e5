"""Any Evidence, any Policy, any circumstances: what properties are tried on."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from remediator.decide.guardrails import Circumstances
from remediator.evidence.metrics import Metric
from remediator.model import Evidence, Mode, RemedyName, SourceKind
from remediator.policy import (
    Autonomy,
    Budget,
    Cooldown,
    FirstAid,
    ForecastKnobs,
    Limits,
    MaintenanceWindow,
    Policy,
    RemedyPolicy,
    Thresholds,
)
from remediator.state import AccountLedger, Claim, Edit, Freeze, JournalClaim, Spent
from tests.evidence import (
    MAPPING,
    NOW,
    PIPELINES,
    QUARANTINE,
    climbing,
    evidence,
    falling,
    since,
    without,
)

ALARMS = ("database-busy", "api-errors")


def past(minutes: int = 120) -> st.SearchStrategy[datetime]:
    """A moment within the last minutes."""
    return st.integers(0, minutes * 60).map(lambda seconds: NOW - timedelta(seconds=seconds))


def sometimes(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value, or ``None`` for "not set" or "not seen"."""
    return st.none() | values


def usually(default: object, others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The default, or now and then something else."""
    return st.integers(0, 3).flatmap(lambda n: others if n == 0 else st.just(default))


AMOUNTS = st.floats(0, 1e7, allow_nan=False) | st.sampled_from([0.0, 1.0, 60.0, 240.0, 1000.0])
COURSES = st.one_of(
    AMOUNTS,
    st.lists(AMOUNTS, min_size=1, max_size=30),
    st.builds(climbing, st.floats(0.05, 1.5), st.integers(1, 29), AMOUNTS),
    st.builds(falling, st.floats(0.05, 5), st.integers(1, 29), AMOUNTS),
    st.builds(since, st.integers(1, 29), AMOUNTS, AMOUNTS),
    st.none(),
)
METRICS = [metric for metric in Metric if not metric.startswith("shard_")]
SHARD_METRICS = [metric for metric in Metric if metric.startswith("shard_")]

MAPPINGS = st.fixed_dictionaries(
    {},
    optional={
        "state": usually("Enabled", st.sampled_from(["Disabled", "Updating", "Creating"])),
        "last_modified": sometimes(past(1440)),
        "parallelization_factor": st.integers(1, 10),
        "batch_size": st.integers(1, 10_000),
        "bisect_on_error": st.booleans(),
        "maximum_retry_attempts": st.integers(-1, 10_000),
        "maximum_record_age_seconds": st.sampled_from([-1, 60, 900, 604_800]),
        "on_failure_destination": sometimes(st.just(QUARANTINE)),
        "reports_partial_batches": st.booleans(),
        "tumbling_window_seconds": st.sampled_from([0, 0, 60]),
        "starting_position": usually("TRIM_HORIZON", st.sampled_from(["LATEST", "AT_TIMESTAMP"])),
    },
)
FUNCTIONS = st.fixed_dictionaries(
    {},
    optional={
        "memory_mb": sometimes(st.integers(128, 10_240)),
        "timeout_seconds": sometimes(st.integers(1, 900)),
        "last_modified": sometimes(past()),
        "state": usually("Active", st.sampled_from(["Pending", "Failed", "Inactive"])),
        "reserved_concurrency": sometimes(st.integers(0, 2000)),
        "runs_on_managed_instances": usually(default=False, others=st.booleans()),
    },
)
ACCOUNTS = st.fixed_dictionaries(
    {
        "concurrency_limit": st.integers(10, 5000),
        "unreserved_concurrency": st.integers(0, 5000),
    }
)
STREAMS = st.fixed_dictionaries(
    {},
    optional={
        "status": usually("ACTIVE", st.sampled_from(["UPDATING", "CREATING"])),
        "retention_hours": st.sampled_from([24, 25, 48, 168, 8760]),
        "open_shards": sometimes(st.integers(1, 200)),
        "on_demand": st.booleans(),
    },
)


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    """Any evidence: a known pipeline that was tampered with, or something made up."""
    said: dict[str, Any] = draw(
        st.dictionaries(st.sampled_from(METRICS).map(str), COURSES, max_size=6)
    )
    shards = draw(sometimes(st.integers(1, 9)))
    parts = {
        "mapping": draw(sometimes(MAPPINGS)),
        "function": draw(sometimes(FUNCTIONS)),
        "account": draw(sometimes(ACCOUNTS)),
        "stream": draw(sometimes(STREAMS)),
        "readers": draw(sometimes(st.integers(0, 4))),
        "sibling_mappings": draw(sometimes(st.integers(0, 3))),
        "shard_metrics": draw(
            st.dictionaries(
                st.sampled_from([f"shardId-{n:012}" for n in range(4)]),
                st.dictionaries(st.sampled_from(SHARD_METRICS), COURSES, max_size=3),
                max_size=4,
            )
        ),
    }
    kept = draw(st.sets(st.sampled_from(sorted(parts)), max_size=3))
    said |= {name: parts[name] for name in kept}
    if draw(st.integers(0, 3)):
        build = draw(st.sampled_from(sorted(PIPELINES)))
        tampered = dict(list(said.items())[: draw(st.integers(0, 2))])
        return PIPELINES[build](**tampered | {name: parts[name] for name in list(kept)[:1]})
    kind = draw(st.sampled_from(SourceKind))
    return evidence(kind=kind, shards=shards, **said)


@st.composite
def blinded(draw: st.DrawFn) -> Evidence:
    """Any evidence of which more is missing."""
    seen = draw(evidences())
    return without(seen, *draw(st.sets(st.sampled_from(METRICS), max_size=5)))


AUTONOMY = st.builds(
    RemedyPolicy,
    autonomy=st.sampled_from([Autonomy.AUTO, Autonomy.AUTO, Autonomy.APPROVE, Autonomy.OFF]),
    per_target=sometimes(st.integers(1, 3)),
    cooldown_seconds=sometimes(st.integers(1, 3600)),
)
WINDOWS = st.sampled_from(
    [
        *[()] * 8,
        (MaintenanceWindow.model_validate({"name": "noon", "start": "11:00", "end": "13:00"}),),
        (MaintenanceWindow.model_validate({"name": "night", "start": "22:00", "end": "04:00"}),),
    ]
)


POLICIES = st.builds(
    Policy,
    mode=st.sampled_from(Mode),
    freeze=st.integers(0, 9).map(lambda n: n == 9),
    thresholds=usually(
        Thresholds(),
        st.builds(
            Thresholds,
            sustained_minutes=st.integers(1, 5),
            throttle_share=st.floats(0, 1),
            error_share=st.floats(0, 1),
            stuck_slope=st.floats(0, 1),
            busy_share=st.floats(0, 1),
            alarm_seconds=st.integers(1, 3600),
        ),
    ),
    forecast=st.builds(
        ForecastKnobs,
        drain_target_seconds=st.integers(1, 3600),
        restart_seconds=st.integers(0, 600),
        usual_restart_seconds=st.integers(0, 300),
        healthy_utilisation=st.floats(0.05, 1),
        careful_step=st.floats(1.1, 10),
    ),
    limits=st.builds(
        Limits,
        parallelization_factor=st.integers(1, 10),
        shards=st.integers(1, 64),
        reserved_concurrency=st.integers(1, 1000),
        retention_hours=st.integers(24, 8760),
        retry_attempts=st.integers(0, 10),
        concurrency_margin=st.integers(0, 500),
        neighbour_growth=st.floats(0, 1),
        unreserved_minimum=st.sampled_from([10, 50, 100]),
        unseen_pool_share=st.floats(0, 1),
    ),
    cooldown=usually(
        Cooldown(),
        st.builds(Cooldown, raise_seconds=st.integers(1, 3600), human_seconds=st.integers(0, 3600)),
    ),
    budget=st.builds(
        Budget,
        window_seconds=st.integers(60, 7200),
        per_target=st.integers(1, 4),
        per_account=st.integers(1, 6),
    ),
    first_aid=st.builds(
        FirstAid,
        expiry_near_seconds=st.integers(1, 86_400),
        extend_to_hours=st.integers(25, 8760),
    ),
    latest_position=st.sampled_from(Autonomy),
    record_age=st.sampled_from(Autonomy),
    remedies=usually({}, st.dictionaries(st.sampled_from(RemedyName), AUTONOMY, max_size=3)),
    downstream_alarms=usually((), st.just(ALARMS)),
    maintenance_windows=WINDOWS,
)
LEDGERS = st.builds(
    AccountLedger,
    claims=st.lists(
        st.builds(
            Claim,
            incident_id=st.sampled_from(["ours", "theirs"]),
            amount=st.integers(0, 500),
            expires_at=st.sampled_from([NOW - timedelta(hours=1), NOW + timedelta(hours=1)]),
        ),
        max_size=3,
    ).map(tuple),
    spent=st.lists(
        st.builds(
            Spent,
            incident_id=st.sampled_from(["ours", "theirs"]),
            mapping=st.sampled_from([MAPPING, "another"]),
            remedy=st.sampled_from(RemedyName),
            at=past(180),
        ),
        max_size=5,
    ).map(tuple),
)
CIRCUMSTANCES = st.builds(
    Circumstances,
    now=st.just(NOW),
    incident_id=st.just("ours"),
    mode=st.sampled_from(Mode),
    freeze=usually(None, st.sampled_from([None, Freeze(scope="all", reason="x", by="x", at=NOW)])),
    freeze_unreadable=usually(None, st.sampled_from([None, "denied"])),
    ledger=usually(AccountLedger(), LEDGERS),
    downstream=st.dictionaries(
        st.sampled_from(ALARMS), st.sampled_from(["OK", "ALARM", "INSUFFICIENT_DATA", None])
    ),
    mapping_known=st.booleans(),
    edit=usually(None, st.builds(Edit, at=past(30), what=st.just("batch_size of the mapping"))),
    approved=st.booleans(),
    beside=st.just(()),
    other_journal=usually(
        None, st.just(JournalClaim(stack="another", journal="its-journal", since=NOW))
    ),
)
