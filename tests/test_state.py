"""What the memory of an incident and the account's ledger say of themselves."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator import policy_file
from remediator.errors import InputError
from remediator.model import Change, RemedyName, Resource, ResourceKind
from remediator.state import (
    SPENT_COUNTS_FOR,
    AccountLedger,
    ChangeState,
    IncidentState,
    Stage,
    TrackedChange,
)
from tests.histories import NOW, claim, spent, state, target

MINUTE = timedelta(minutes=1)


def tracked(after: int, at_state: ChangeState) -> TrackedChange:
    change = Change(
        remedy=RemedyName.RAISE_PARALLELIZATION_FACTOR,
        resource=Resource(kind=ResourceKind.EVENT_SOURCE_MAPPING, id="mapping-1"),
        setting="parallelization_factor",
        before=after - 1,
        after=after,
    )
    return TrackedChange(change=change, state=at_state, at=NOW)


# --- incidents -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", Stage)
def test_an_incident_is_open_until_it_is_closed(stage: Stage) -> None:
    assert state(stage=stage).open is (stage is not Stage.CLOSED)


@pytest.mark.parametrize(
    ("at_state", "ours"),
    [
        pytest.param(ChangeState.INTENDED, True, id="it may have been written before a crash"),
        pytest.param(ChangeState.APPLIED, True, id="it is in effect"),
        pytest.param(ChangeState.UNDOING, True, id="it may still be in effect"),
        pytest.param(ChangeState.UNDONE, False, id="it is gone"),
        pytest.param(ChangeState.ABANDONED, False, id="it is somebody else's"),
    ],
)
def test_a_change_is_ours_to_undo_while(at_state: ChangeState, ours: bool) -> None:
    assert tracked(2, at_state).ours_to_undo is ours


def test_what_is_in_effect_comes_newest_first() -> None:
    changes = (
        tracked(2, ChangeState.APPLIED),
        tracked(3, ChangeState.UNDONE),
        tracked(4, ChangeState.INTENDED),
    )

    assert state(changes=changes).in_effect == (changes[2], changes[0])


def test_a_state_survives_being_saved() -> None:
    full = state(
        "incident-1",
        "mapping-1",
        changes=(tracked(2, ChangeState.APPLIED),),
        tried=(RemedyName.SPLIT_SHARDS,),
        follow_up_at=NOW + MINUTE,
        announced=("applied",),
    )

    assert IncidentState.model_validate_json(full.model_dump_json()) == full
    assert full.target == target("mapping-1")


# --- the account's ledger ------------------------------------------------------------------------


def test_a_claim_counts_for_others_until_it_expires() -> None:
    ledger = AccountLedger(claims=(claim("mine", 10, expires_at=NOW + MINUTE),))

    assert ledger.claimed_by_others("mine", NOW) == 0
    assert ledger.claimed_by_others("theirs", NOW) == 10
    assert ledger.claimed_by_others("theirs", NOW + MINUTE) == 0


def test_two_claims_of_one_incident_add_up() -> None:
    ledger = AccountLedger()
    for amount in (10, 5):
        ledger = ledger.spending(claim("mine", amount, expires_at=NOW + MINUTE), [], NOW)

    assert ledger.claimed_by_others("theirs", NOW) == 15


def test_giving_a_claim_back_takes_all_of_one_incident_and_none_of_another() -> None:
    later = NOW + MINUTE
    claims = tuple(claim(who, expires_at=later) for who in ("mine", "theirs", "mine"))

    left = AccountLedger(claims=claims, spent=(spent(),), version=4).releasing("mine", NOW)

    assert (left.claims, left.spent, left.version) == ((claims[1],), (spent(),), 5)


@pytest.mark.parametrize(
    ("age", "kept"),
    [(SPENT_COUNTS_FOR - timedelta(seconds=1), True), (SPENT_COUNTS_FOR, False)],
    ids=["almost a day", "a day"],
)
def test_a_change_is_remembered_for(age: timedelta, kept: bool) -> None:
    old = spent(at=NOW - age)

    assert (old in AccountLedger(spent=(old,)).spending(None, [], NOW).spent) is kept


AMOUNTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.integers(min_value=1, max_value=100),
        st.integers(min_value=-60, max_value=60),
    )
)


@given(AMOUNTS, st.sampled_from(["a", "b", "c", "nobody"]))
def test_forgetting_what_has_expired_changes_nobodys_sum(
    made: list[tuple[str, int, int]], incident_id: str
) -> None:
    claims = tuple(
        claim(who, amount, expires_at=NOW + timedelta(seconds=left)) for who, amount, left in made
    )
    ledger = AccountLedger(claims=claims)

    tidied = ledger.spending(None, [], NOW)

    assert tidied.claimed_by_others(incident_id, NOW) == ledger.claimed_by_others(incident_id, NOW)
    assert all(kept.expires_at > NOW for kept in tidied.claims)
    assert tidied.version == ledger.version + 1


@pytest.mark.parametrize(
    "text",
    [
        "budget: {{window_seconds: {0}}}",
        "cooldown: {{raise_seconds: {0}}}",
        "cooldown: {{lower_seconds: {0}}}",
        "remedies: {{split_shards: {{cooldown_seconds: {0}}}}}",
    ],
    ids=["budget", "cool-down up", "cool-down down", "a remedy's cool-down"],
)
def test_no_policy_may_look_back_further_than_the_ledger_remembers(text: str) -> None:
    longest = int(SPENT_COUNTS_FOR.total_seconds())

    policy_file.parse(text.format(longest))
    with pytest.raises(InputError, match=f"less than or equal to {longest}"):
        policy_file.parse(text.format(longest + 1))
