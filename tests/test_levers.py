"""More memory, larger batches, smaller batches: when each is the lever, how far, and when not."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from remediator.decide import planning
from remediator.decide import released as alias
from remediator.decide.case import Case
from remediator.decide.diagnosis import diagnose
from remediator.decide.guardrails import Circumstances, guard
from remediator.decide.remedies import Pass, batches, concurrency, memory
from remediator.evidence.signals import measure
from remediator.model import (
    Busy,
    Cause,
    Change,
    Decision,
    Detail,
    Diagnosis,
    Evidence,
    Mode,
    Released,
    RemedyName,
    ResourceKind,
)
from remediator.policy import Autonomy, Limits, Policy, RemedyPolicy
from tests.evidence import NOW, case_of, evidence, overloaded, since

DEFAULTS = Policy()
LANES, MEMORY, LARGER, SMALLER = (
    RemedyName.RAISE_PARALLELIZATION_FACTOR,
    RemedyName.RAISE_MEMORY,
    RemedyName.RAISE_BATCH_SIZE,
    RemedyName.LOWER_BATCH_SIZE,
)
SLOW = Diagnosis(cause=Cause.SLOW_CONSUMER, path=())
TIMES_OUT = Diagnosis(cause=Cause.FUNCTION_FAILURE, detail=Detail.TIMEOUTS, path=())
# CPU milliseconds of an invocation of 900 ms at 512 MB that does little but compute.
COMPUTES = 0.95 * 900 * 512 / 1769


def free(*names: RemedyName, off: tuple[RemedyName, ...] = ()) -> Policy:
    auto = dict.fromkeys(names, RemedyPolicy(autonomy=Autonomy.AUTO))
    return Policy(remedies=auto | dict.fromkeys(off, RemedyPolicy(autonomy=Autonomy.OFF)))


def wished(
    remedy: Any, seen: Evidence, found: Diagnosis = SLOW, policy: Policy = DEFAULTS
) -> dict[str, object]:
    """What the lever would set, by setting; or the reason why not, under ``pass``."""
    said = remedy(case_of(seen, found, policy))
    if isinstance(said, Pass):
        return {"pass": said.reason}
    return {change.setting: change.after for change in said}


def planned(seen: Evidence, policy: Policy) -> tuple[Change, ...]:
    here = case_of(seen, diagnose(seen, policy), policy)
    return planning.plan("inc", here).changes


# --- memory --------------------------------------------------------------------------------------


def computing(**said: Any) -> Evidence:
    return overloaded(**{"memory_mb": 512, "cpu_total_time_ms": COMPUTES} | said)


def test_a_function_that_computes_all_the_time_gets_more_memory() -> None:
    found = wished(memory.propose, computing())
    assert isinstance(found["memory_mb"], int)
    assert found["memory_mb"] > 512


@pytest.mark.parametrize(
    ("said", "because"),
    [
        pytest.param({"cpu_total_time_ms": COMPUTES / 3}, "it waits", id="it waits for others"),
        pytest.param({"memory_mb": 1769}, "no more CPU", id="it has a whole CPU already"),
        pytest.param({"last_update_status": "InProgress"}, "being updated", id="it is changing"),
    ],
)
def test_memory_that_gains_nothing_or_is_not_ours_to_change_is_left(
    said: dict[str, Any], because: str
) -> None:
    cpu = said.get("cpu_total_time_ms", 0.95 * 900 * min(said.get("memory_mb", 512), 1769) / 1769)
    assert because in str(wished(memory.propose, computing(**{"cpu_total_time_ms": cpu} | said)))


def test_without_insights_memory_is_not_guessed_at() -> None:
    assert "is not known" in str(wished(memory.propose, overloaded(memory_mb=512)))


def test_a_version_keeps_its_memory() -> None:
    seen = computing()
    aliased = seen.model_copy(
        update={"target": seen.target.model_copy(update={"qualifier": "live"})}
    )
    assert "a version's memory is fixed" in str(wished(memory.propose, aliased))


def behind(
    qualifier: str | None,
    function: str = "orders",
    released: Released | None = None,
    **said: Any,
) -> Case:
    seen = computing(**said)
    named = seen.target.model_copy(update={"qualifier": qualifier, "function": function})
    seen = seen.model_copy(update={"target": named, "released": released})
    return case_of(seen, SLOW, DEFAULTS)


@pytest.mark.parametrize(
    ("released", "said"),
    [
        pytest.param(None, "a version's memory is fixed", id="not seen"),
        pytest.param(Released(version="7", alike=False), "would be released", id="other code"),
        pytest.param(Released(version="7", alike=True, routed=True), "shifts", id="two versions"),
    ],
)
def test_behind_an_alias_nothing_else_is_released_than_what_is_released_now(
    released: Released | None, said: str
) -> None:
    case = behind("live", released=released)
    found = memory.propose(case)
    assert isinstance(found, Pass)
    assert said in found.reason
    assert memory.by_hand(case)


def test_where_latest_is_what_the_alias_releases_it_is_one_change_that_a_person_is_asked_for() -> (
    None
):
    case = behind("live", released=Released(version="7", alike=True))
    found = memory.propose(case)
    assert not isinstance(found, Pass)
    (made,) = found
    assert (made.resource.kind, made.resource.id) == (ResourceKind.ALIAS, "orders:live@7")
    assert (made.before, isinstance(made.after, int)) == (512, True)
    assert memory.by_hand(case) == ()
    asked = planning.plan("inc", case._replace(policy=free(off=(LANES, LARGER))))
    ruled = guard(asked, case._replace(policy=free(off=(LANES, LARGER))), Circumstances(now=NOW))
    assert [one.ruling.decision for one in ruled.changes] == [Decision.APPROVE]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({}, True, id="an alias, and memory would help"),
        pytest.param({"qualifier": None}, False, id="no alias"),
        pytest.param({"qualifier": "7"}, False, id="a version"),
        pytest.param({"cpu": COMPUTES / 3}, False, id="memory would not help"),
        pytest.param({"released": Released(version="7", alike=True)}, False, id="it was seen"),
    ],
)
def test_what_an_alias_releases_is_asked_for_only_where_memory_would_help_behind_one(
    said: dict[str, Any], expected: bool
) -> None:
    case = behind(
        said.get("qualifier", "live"),
        released=said.get("released"),
        cpu_total_time_ms=said.get("cpu", COMPUTES),
    )
    assert alias.wanted(case) is expected


# What AWS's command line answers: a version's name, a revision, or that all went well.
AWS = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$*" in
  *"--query Version "*) echo 8 ;;
  *"--query RevisionId "*) echo revision ;;
  *"--query CodeSha256 "*) echo sha ;;
  *) echo same ;;
esac
"""


def test_behind_an_alias_a_person_is_told_the_commands_which_run_as_they_are(
    tmp_path: Path,
) -> None:
    lines = memory.by_hand(behind("live", "it's; rm -rf $(x)"))
    stub, calls = tmp_path / "aws", tmp_path / "calls"
    stub.write_text(AWS)
    stub.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "CALLS": str(calls)}
    script = "set -eu\n" + "\n".join(lines)
    done = subprocess.run(["/bin/sh", "-c", script], env=environ, capture_output=True, check=True)
    assert done.stdout.startswith(b"equal, go on\n")
    said = calls.read_text().splitlines()
    assert all(" --function-name it's; rm -rf $(x) --region " in line for line in said)
    writes = [
        line
        for line in said
        if line.split()[1] in {"publish-version", "update-alias"}
        or line.startswith("lambda update-function-configuration")
    ]
    assert [line.split()[1] for line in writes] == [
        "update-function-configuration",
        "publish-version",
        "update-alias",
    ]
    assert "--revision-id revision" in writes[0]
    assert "--code-sha256 sha" in writes[1]
    assert "--function-version 8 --revision-id revision" in writes[2]


@pytest.mark.parametrize(
    ("qualifier", "said"),
    [
        pytest.param(None, {}, id="the function itself"),
        pytest.param("7", {}, id="a version, which no alias moves"),
        pytest.param("live", {"cpu_total_time_ms": COMPUTES / 3}, id="memory would not help"),
    ],
)
def test_else_there_is_nothing_to_do_by_hand(qualifier: str | None, said: dict[str, Any]) -> None:
    assert memory.by_hand(behind(qualifier, **said)) == ()


def test_the_plan_hands_the_commands_on_before_those_that_only_look() -> None:
    case = behind("live")
    commands = planning.plan("inc", case).next_commands
    assert commands[: len(memory.by_hand(case))] == memory.by_hand(case)


def test_memory_stays_within_the_policy() -> None:
    bounded = Policy(limits=Limits(memory_mb=700))
    assert "not allowed" in str(wished(memory.propose, computing(), SLOW, bounded))


def test_what_a_person_is_asked_for_waits_behind_what_may_be_done_at_once() -> None:
    [first] = planned(computing(), DEFAULTS)
    assert first.remedy is LANES
    [asked] = planned(computing(), free(off=(LANES,)))
    assert asked.remedy is LARGER, "it is faster than more memory, by the forecast"
    [asked] = planned(computing(), free(off=(LANES, LARGER)))
    assert asked.remedy is MEMORY


# --- larger batches ------------------------------------------------------------------------------


def batches_of_both_sizes(once: float, each: float, **said: Any) -> Evidence:
    """Batches were small, and are full since the traffic grew; four lanes are busy all the time."""
    small, full = 20.0, 100.0
    slow, quick = once + each * full, once + each * small
    busy = 60 * 4 / slow
    invocations = since(10, busy, 100.0)
    took = since(10, 1000 * slow, 1000 * quick)
    records = since(10, full * busy, small * 100.0)
    return overloaded(
        **{
            "batch_size": 100,
            "timeout_seconds": 300,
            "invocations": invocations,
            "duration_ms": took,
            "duration_max_ms": took,
            "read_records": records,
            "incoming_records": since(10, 2 * full * busy, small * 100.0),
        }
        | said
    )


def test_what_a_batch_costs_is_read_off_minutes_with_batches_of_different_sizes() -> None:
    found = measure(batches_of_both_sizes(1.0, 0.01), DEFAULTS.thresholds)
    assert found.invocation_seconds == pytest.approx(1.0, rel=0.1)
    assert found.record_seconds == pytest.approx(0.01, rel=0.1)


def test_batches_of_one_size_say_nothing_of_what_a_larger_one_would_cost() -> None:
    found = measure(evidence(), DEFAULTS.thresholds)
    assert (found.invocation_seconds, found.record_seconds) == (None, None)


def test_where_time_goes_by_the_invocation_batches_become_larger() -> None:
    found = wished(batches.larger, batches_of_both_sizes(1.0, 0.001))
    assert isinstance(found["batch_size"], int)
    assert found["batch_size"] > 100


def test_where_time_goes_by_the_record_they_do_not() -> None:
    assert "by the record" in str(wished(batches.larger, batches_of_both_sizes(0.001, 0.05)))


def test_a_larger_batch_ends_well_within_the_timeout() -> None:
    """1 + 0.05 s a record: batches of 200 take 11 s, of 500 would take 26 s."""
    found = wished(batches.larger, batches_of_both_sizes(1.0, 0.05, timeout_seconds=24))
    assert found == {"batch_size": 200} or "pass" in found


def test_a_larger_batch_stays_within_the_policy() -> None:
    bounded = Policy(limits=Limits(batch_size=100))
    seen = batches_of_both_sizes(1.0, 0.001)
    assert "pass" in wished(batches.larger, seen, SLOW, bounded)


# --- smaller batches -----------------------------------------------------------------------------


def timing_out(
    batch_size: int = 400, failed: float = 60, retries: int = -1, mean_ms: float = 10_000
) -> Evidence:
    return evidence(
        batch_size=batch_size,
        maximum_retry_attempts=retries,
        timeout_seconds=10,
        errors=since(10, failed),
        duration_ms=since(10, mean_ms, 900),
        duration_max_ms=since(10, 10_000, 1000),
    )


def test_where_some_batches_still_end_in_time_their_size_is_not_why() -> None:
    quick = timing_out(failed=45, mean_ms=7_700)
    assert "not every batch" in str(wished(batches.smaller, quick, TIMES_OUT))


def test_where_what_ends_in_time_takes_most_of_it_too_the_size_is_why() -> None:
    """A third runs into the timeout, and halves of it take eight seconds of the ten."""
    late = timing_out(failed=20, mean_ms=8_700)
    assert wished(batches.smaller, late, TIMES_OUT) == {"batch_size": 100, "bisect_on_error": True}


def test_where_what_fails_is_given_up_there_are_not_made_more_batches_to_fail() -> None:
    assert "given up" in str(wished(batches.smaller, timing_out(retries=0), TIMES_OUT))


def test_where_every_batch_runs_into_the_timeout_batches_become_smaller_and_are_split() -> None:
    assert wished(batches.smaller, timing_out(), TIMES_OUT) == {
        "batch_size": 100,
        "bisect_on_error": True,
    }


def test_smaller_batches_go_before_splitting_alone_since_nothing_tells_what_will_succeed() -> None:
    made = planned(timing_out(), DEFAULTS)
    assert {change.remedy for change in made} == {RemedyName.LOWER_BATCH_SIZE}


def test_one_record_that_takes_longer_than_the_timeout_has_no_smaller_batch() -> None:
    assert "one record already" in str(wished(batches.smaller, timing_out(batch_size=1), TIMES_OUT))


def test_other_failures_are_no_matter_of_the_batch() -> None:
    assert batches.SMALLER.details == {Detail.TIMEOUTS}


# --- a reservation of its own --------------------------------------------------------------------

CALM = Circumstances(now=NOW, incident_id="inc", mode=Mode.APPLY)
STARVED = Diagnosis(cause=Cause.THROTTLING, detail=Detail.ACCOUNT, path=())


def starved(limit: int = 1000, pool: int = 1000, **said: Any) -> Evidence:
    """Four lanes without a reservation; neighbours use the whole pool."""
    return overloaded(
        concurrency_limit=limit,
        unreserved_concurrency=pool,
        account_concurrent_executions=pool,
        unreserved_concurrent_executions=pool,
        throttles=since(10, 200),
        **said,
    )


def test_a_consumer_that_neighbours_starve_gets_a_share_for_the_lanes_that_it_has() -> None:
    assert wished(concurrency.of_its_own, starved(), STARVED) == {"reserved_concurrency": 5}


def test_a_person_is_asked_and_told_what_the_others_use() -> None:
    assert Policy().remedy(RemedyName.RESERVE_CONCURRENCY).autonomy is Autonomy.APPROVE
    said = concurrency.of_its_own(case_of(starved(), STARVED, DEFAULTS))
    assert not isinstance(said, Pass)
    [change] = said
    assert "use 1000 of it now" in change.why


@pytest.mark.parametrize(
    ("busiest", "told"),
    [
        pytest.param(
            (("reports", 900.0), ("orders", 4.0), ("invoices", 60.0), ("idle", 0.0)),
            "it is taken from the busiest, who are reports (900 at once), invoices (60 at once)",
            id="others, and ourselves",
        ),
        pytest.param((("orders", 4.0),), "not known by name", id="nobody else"),
        pytest.param(None, "not known by name", id="not seen"),
    ],
)
def test_a_person_is_told_whom_it_is_taken_from(
    busiest: tuple[tuple[str, float], ...] | None, told: str
) -> None:
    seen = [Busy(function=name, concurrency=much) for name, much in busiest or ()]
    here = case_of(starved(), STARVED, DEFAULTS)._replace(busiest=tuple(seen) or None)
    said = concurrency.of_its_own(here)
    assert not isinstance(said, Pass)
    assert told in said[0].caveats[-1]


def test_the_others_keep_the_accounts_minimum_and_the_margin() -> None:
    """100 and 20: of 123 no more than 3 may be reserved, and four lanes need four."""
    assert "the account has 3 to give" in str(
        wished(concurrency.of_its_own, starved(123, 123), STARVED)
    )


def test_what_other_incidents_were_promised_is_not_given_twice() -> None:
    here = case_of(starved(126, 126), STARVED, DEFAULTS)
    assert concurrency.reservable(here) == 6
    assert concurrency.reservable(here._replace(claimed=4)) == 2


def test_what_takes_more_than_the_others_can_spare_is_held_back_and_never_cut_to_nothing() -> None:
    here = case_of(starved(), STARVED, free(RemedyName.RESERVE_CONCURRENCY))
    plan = planning.plan("inc", here)
    [change] = plan.changes
    tighter = case_of(starved(122, 122), STARVED, free(RemedyName.RESERVE_CONCURRENCY))
    [ruled] = guard(plan, tighter, CALM).changes
    assert (ruled.ruling.decision, ruled.ruling.guardrail) == (Decision.BLOCK, "neighbours")
    assert change.before is None
