"""What the journal promises, held by the one on DynamoDB and by the one in memory alike."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from lab.memory_table import memory_journal
from remediator.errors import ConflictError
from remediator.model import Change, RemedyName, Resource, ResourceKind
from remediator.ports import Journal
from remediator.state import (
    AccountLedger,
    ChangeState,
    EntryKind,
    IncidentState,
    Lease,
    Stage,
    TrackedChange,
)
from tests.aws.journal_table import dynamo_journal
from tests.histories import ACCOUNT, NOW, REGION, claim, entry, freeze, spent, state, target

MINUTE = timedelta(minutes=1)
WATCHING = {"stage": Stage.WATCHING}
CLOSED = {"stage": Stage.CLOSED}


@pytest.fixture(params=["memory", "dynamodb"])
def journal(request: pytest.FixtureRequest) -> Iterator[Journal]:
    if request.param == "memory":
        yield memory_journal()
    else:
        with dynamo_journal() as on_dynamodb:
            yield on_dynamodb


def held(journal: Journal, holder: str = "first", seconds: int = 60) -> Lease:
    lease = journal.acquire("mapping-1", holder, NOW, seconds)
    assert lease is not None
    return lease


def begun(journal: Journal, incident_id: str = "incident-1", **fields: object) -> IncidentState:
    opened = state(incident_id, **fields)  # type: ignore[arg-type]
    assert journal.begin(opened) is None
    return opened


# --- incidents ---------------------------------------------------------------------------------


def test_an_incident_begins_once(journal: Journal) -> None:
    first = begun(journal)

    assert journal.begin(state(opened_at=NOW + MINUTE)) == first
    assert journal.load("incident-1") == first


def test_a_second_beginning_returns_what_has_become_of_the_first(journal: Journal) -> None:
    moved = journal.commit(begun(journal).model_copy(update=WATCHING), [], None, NOW)

    assert journal.begin(state()) == moved


def test_an_unknown_incident_is_none_and_has_no_entries(journal: Journal) -> None:
    assert journal.load("nobody") is None
    assert journal.entries("nobody") == ()


def test_an_incident_begins_with_its_own_entry(journal: Journal) -> None:
    opened = begun(journal)

    (only,) = journal.entries("incident-1")
    assert (only.kind, only.number, only.at) == (EntryKind.INCIDENT, 1, NOW)
    assert only.data == opened.incident.model_dump(mode="json")


def test_a_commit_moves_the_version_on_and_saves_everything(journal: Journal) -> None:
    tried = (RemedyName.SPLIT_SHARDS,)
    changed = begun(journal).model_copy(update={"tried": tried, "target": target()})

    saved = journal.commit(changed, [], None, NOW + MINUTE)

    assert (saved.version, saved.updated_at, saved.tried) == (1, NOW + MINUTE, tried)
    assert journal.load("incident-1") == saved


def test_entries_keep_their_order_and_are_numbered_across_commits(journal: Journal) -> None:
    moved = journal.commit(begun(journal), [entry(step=1), entry(step=2)], None, NOW)
    moved = journal.commit(moved, [], None, NOW)
    journal.commit(moved, [entry(step=3)], None, NOW)

    told = [(found.number, found.data.get("step")) for found in journal.entries("incident-1")]
    assert told == [(1, None), (2, 1), (3, 2), (4, 3)]


def test_more_than_nine_commits_stay_in_order(journal: Journal) -> None:
    moved = begun(journal)
    for step in range(12):
        moved = journal.commit(moved, [entry(step=step)], None, NOW)

    assert [found.data["step"] for found in journal.entries("incident-1")[1:]] == [*range(12)]


def test_a_commit_of_hundreds_of_entries_is_still_one(journal: Journal) -> None:
    many = [entry(step=step, why="x" * 1000) for step in range(500)]

    journal.commit(begun(journal), many, None, NOW)

    assert [found.data for found in journal.entries("incident-1")[1:]] == [e.data for e in many]


@pytest.mark.parametrize("incident_id", ["incident-1", "nobody"], ids=["stale", "never begun"])
def test_a_commit_on_another_version_than_the_present_one_writes_nothing(
    journal: Journal, incident_id: str
) -> None:
    old = begun(journal)
    present = journal.commit(old.model_copy(update=WATCHING), [], None, NOW)

    with pytest.raises(ConflictError, match="moved on"):
        journal.commit(state(incident_id), [entry(step="stale")], None, NOW)

    assert journal.load("incident-1") == present
    assert len(journal.entries(incident_id)) <= 1


def test_the_mapping_of_an_incident_does_not_change(journal: Journal) -> None:
    known = begun(journal, mapping="mapping-1")

    with pytest.raises(ConflictError, match="another mapping"):
        journal.commit(known.model_copy(update={"target": target("mapping-2")}), [], None, NOW)

    assert journal.open_incident("mapping-2") is None


def test_an_overlong_state_is_kept_whole(journal: Journal) -> None:
    long = begun(journal).model_copy(
        update={"announced": tuple(f"kind-{n}" for n in range(60_000))}
    )

    saved = journal.commit(long, [], None, NOW)

    assert journal.load("incident-1") == saved


# --- pointers ----------------------------------------------------------------------------------


def test_an_incident_is_found_by_its_mapping_once_that_is_known(journal: Journal) -> None:
    opened = begun(journal)
    assert journal.open_incident("mapping-1") is None

    known = journal.commit(opened.model_copy(update={"target": target()}), [], None, NOW)

    assert journal.open_incident("mapping-1") == known
    assert journal.history("mapping-1") == (known,)


def test_a_closed_incident_is_history(journal: Journal) -> None:
    opened = begun(journal, mapping="mapping-1")
    closed = journal.commit(opened.model_copy(update=CLOSED), [], None, NOW)

    assert journal.open_incident("mapping-1") is None
    assert journal.open_incidents(ACCOUNT, REGION) == ()
    assert journal.history("mapping-1") == (closed,)
    assert journal.recent(ACCOUNT, REGION, NOW) == (closed,)


def test_a_closed_incident_can_be_opened_again(journal: Journal) -> None:
    closed = journal.commit(
        begun(journal, mapping="mapping-1").model_copy(update=CLOSED), [], None, NOW
    )

    opened = journal.commit(closed.model_copy(update=WATCHING), [], None, NOW)

    assert journal.open_incident("mapping-1") == opened
    assert journal.open_incidents(ACCOUNT, REGION) == (opened,)


def test_a_second_incident_waits_behind_the_first_of_its_mapping(journal: Journal) -> None:
    first = begun(journal, "z-first", mapping="mapping-1")
    second = begun(journal, "a-second", mapping="mapping-1", opened_at=NOW + MINUTE)
    assert journal.open_incident("mapping-1") == first

    journal.commit(first.model_copy(update=CLOSED), [], None, NOW + MINUTE)

    assert journal.open_incident("mapping-1") == second


def test_open_incidents_of_one_account_and_region_come_oldest_first(journal: Journal) -> None:
    late = begun(journal, "late", opened_at=NOW + MINUTE)
    early = begun(journal, "early")
    begun(journal, "elsewhere", account_id="444455556666")

    assert journal.open_incidents(ACCOUNT, REGION) == (early, late)
    assert journal.open_incidents(ACCOUNT, "us-east-1") == ()


def test_history_and_recent_come_newest_first_up_to_a_limit(journal: Journal) -> None:
    all_of_them = [
        begun(journal, f"incident-{n}", mapping="mapping-1", opened_at=NOW + n * MINUTE)
        for n in range(5)
    ]

    newest = tuple(reversed(all_of_them))
    assert journal.history("mapping-1") == newest
    assert journal.history("mapping-1", limit=2) == newest[:2]
    assert journal.recent(ACCOUNT, REGION, NOW, limit=3) == newest[:3]
    assert journal.recent(ACCOUNT, REGION, NOW + 2 * MINUTE) == newest[:3]


def test_more_incidents_than_one_call_may_fetch_are_all_found(journal: Journal) -> None:
    for n in range(103):
        begun(journal, f"incident-{n:03}")

    assert len(journal.open_incidents(ACCOUNT, REGION)) == 103


# --- leases ------------------------------------------------------------------------------------


def test_a_mapping_is_leased_to_one_holder_at_a_time(journal: Journal) -> None:
    lease = held(journal)

    assert lease == Lease(mapping="mapping-1", holder="first", token=1, expires_at=NOW + MINUTE)
    assert journal.acquire("mapping-1", "second", NOW, 60) is None
    assert journal.acquire("mapping-2", "second", NOW, 60) is not None


def test_an_expired_lease_goes_to_the_next_holder_with_a_greater_token(journal: Journal) -> None:
    first = held(journal)

    second = journal.acquire("mapping-1", "second", NOW + MINUTE, 60)

    assert second is not None
    assert second.token > first.token


def test_a_lease_given_back_goes_to_the_next_holder_at_once(journal: Journal) -> None:
    first = held(journal)
    journal.release(first)

    second = journal.acquire("mapping-1", "second", NOW, 60)

    assert second is not None
    assert second.token > first.token


def test_the_same_holder_may_take_its_lease_again_and_fences_off_its_first_try(
    journal: Journal,
) -> None:
    opened, first = begun(journal), held(journal)

    again = held(journal)

    assert again.token == first.token + 1
    with pytest.raises(ConflictError, match="lease"):
        journal.commit(opened, [], first, NOW)
    assert journal.commit(opened, [], again, NOW).version == 1


def test_a_renewed_lease_lasts_longer_under_the_same_token(journal: Journal) -> None:
    first = held(journal)

    renewed = journal.renew(first, NOW + MINUTE / 2, 60)

    assert renewed == first.model_copy(update={"expires_at": NOW + 1.5 * MINUTE})
    assert journal.acquire("mapping-1", "second", NOW + MINUTE, 60) is None


@pytest.mark.parametrize("taken", [False, True], ids=["expired", "taken by another"])
def test_a_lost_lease_cannot_be_renewed(journal: Journal, taken: bool) -> None:
    lease = held(journal)
    if taken:
        journal.acquire("mapping-1", "second", NOW + MINUTE, 60)

    with pytest.raises(ConflictError, match="lease"):
        journal.renew(lease, NOW + MINUTE, 60)


def test_giving_back_a_lost_lease_leaves_the_new_holder_alone(journal: Journal) -> None:
    lost = held(journal)
    journal.acquire("mapping-1", "second", NOW + MINUTE, 60)

    journal.release(lost)

    assert journal.acquire("mapping-1", "third", NOW + MINUTE, 60) is None


def test_a_commit_under_a_held_lease_is_made(journal: Journal) -> None:
    opened, lease = begun(journal), held(journal)

    assert journal.commit(opened, [entry()], lease, NOW).version == 1


def lose_by_expiry(journal: Journal, lease: Lease) -> None:
    """Nothing needs to be done: a minute goes by in each of these tests."""


def lose_to_another(journal: Journal, lease: Lease) -> None:
    assert journal.acquire("mapping-1", "second", NOW + MINUTE, 3600)


def lose_by_giving_back(journal: Journal, lease: Lease) -> None:
    journal.release(lease)


@pytest.mark.parametrize("lose", [lose_by_expiry, lose_to_another, lose_by_giving_back])
def test_a_commit_under_a_lost_lease_writes_nothing(
    journal: Journal, lose: Callable[[Journal, Lease], None]
) -> None:
    opened, lease = begun(journal), held(journal)
    lose(journal, lease)

    with pytest.raises(ConflictError, match="lease"):
        journal.commit(opened, [entry()], lease, NOW + MINUTE)

    assert journal.load("incident-1") == opened
    assert len(journal.entries("incident-1")) == 1


# --- repetition after a lost answer ------------------------------------------------------------


def test_a_commit_repeated_under_its_lease_is_recognised_and_appends_nothing(
    journal: Journal,
) -> None:
    opened, lease = begun(journal), held(journal)
    saved = journal.commit(opened, [entry()], lease, NOW)

    assert journal.commit(opened, [entry()], lease, NOW) == saved
    assert len(journal.entries("incident-1")) == 2


def test_a_commit_repeated_without_a_lease_is_a_conflict(journal: Journal) -> None:
    opened = begun(journal)
    journal.commit(opened, [], None, NOW)

    with pytest.raises(ConflictError, match="moved on"):
        journal.commit(opened, [], None, NOW)


def test_a_commit_repeated_after_the_lease_is_lost_is_a_conflict(journal: Journal) -> None:
    opened, lease = begun(journal), held(journal)
    journal.commit(opened, [], lease, NOW)

    with pytest.raises(ConflictError, match="lease"):
        journal.commit(opened, [], lease, NOW + MINUTE)


def test_spending_repeated_counts_once(journal: Journal) -> None:
    ledger = journal.spend(ACCOUNT, REGION, NOW, AccountLedger(), None, [spent()])

    assert journal.spend(ACCOUNT, REGION, NOW, AccountLedger(), None, [spent()]) == ledger
    assert len(journal.ledger(ACCOUNT, REGION).spent) == 1


# --- the account's ledger ----------------------------------------------------------------------


def test_an_account_that_was_never_written_has_an_empty_ledger(journal: Journal) -> None:
    assert journal.ledger(ACCOUNT, REGION) == AccountLedger()


def test_claims_and_budgets_are_seen_by_others_in_the_same_account_and_region(
    journal: Journal,
) -> None:
    promised = claim(expires_at=NOW + MINUTE)

    ledger = journal.spend(ACCOUNT, REGION, NOW, AccountLedger(), promised, [spent()])

    assert journal.ledger(ACCOUNT, REGION) == ledger
    assert (ledger.claims, ledger.spent) == ((promised,), (spent(),))
    assert journal.ledger(ACCOUNT, "us-east-1") == AccountLedger()


def test_two_incidents_cannot_spend_what_they_both_saw_free(journal: Journal) -> None:
    seen = journal.spend(ACCOUNT, REGION, NOW, AccountLedger(), None, [])
    first = claim("incident-1", expires_at=NOW + MINUTE)
    journal.spend(ACCOUNT, REGION, NOW, seen, first, [])

    with pytest.raises(ConflictError, match="faster"):
        journal.spend(ACCOUNT, REGION, NOW, seen, claim("other", expires_at=NOW + MINUTE), [])

    assert journal.ledger(ACCOUNT, REGION).claims == (first,)


def test_the_first_two_incidents_of_an_account_cannot_both_be_first(journal: Journal) -> None:
    journal.spend(ACCOUNT, REGION, NOW, AccountLedger(), None, [spent("incident-1")])

    with pytest.raises(ConflictError, match="faster"):
        journal.spend(ACCOUNT, REGION, NOW, AccountLedger(), None, [spent("incident-2")])


def test_a_claim_is_given_back_with_no_other_harmed(journal: Journal) -> None:
    mine, theirs = claim("mine", expires_at=NOW + MINUTE), claim("theirs", expires_at=NOW + MINUTE)
    ledger = journal.spend(ACCOUNT, REGION, NOW, AccountLedger(), mine, [spent("mine")])
    journal.spend(ACCOUNT, REGION, NOW, ledger, theirs, [])

    journal.release_claim(ACCOUNT, REGION, "mine", NOW)

    left = journal.ledger(ACCOUNT, REGION)
    assert (left.claims, left.spent) == ((theirs,), (spent("mine"),))


def test_giving_back_no_claim_leaves_the_ledger_as_it_is(journal: Journal) -> None:
    ledger = journal.spend(ACCOUNT, REGION, NOW, AccountLedger(), None, [spent()])

    journal.release_claim(ACCOUNT, REGION, "nobody", NOW)

    assert journal.ledger(ACCOUNT, REGION) == ledger


def test_a_thousand_changes_of_one_day_fit_the_ledger(journal: Journal) -> None:
    many = [spent(f"incident-{n}") for n in range(1000)]

    ledger = journal.spend(ACCOUNT, REGION, NOW, AccountLedger(), None, many)

    assert journal.ledger(ACCOUNT, REGION) == ledger


# --- freezes -----------------------------------------------------------------------------------


def test_nothing_is_frozen_at_first(journal: Journal) -> None:
    assert journal.frozen(["all", "orders"]) is None
    assert journal.frozen([]) is None


def test_the_first_freeze_among_the_scopes_is_told(journal: Journal) -> None:
    journal.freeze(freeze("orders"))
    assert journal.frozen(["all", "payments"]) is None
    assert journal.frozen(["all", "orders"]) == freeze("orders")

    journal.freeze(freeze("all"))
    assert journal.frozen(["all", "orders", "all"]) == freeze("all")


def test_a_freeze_that_was_there_before_somebody_asked_is_passed_over(journal: Journal) -> None:
    journal.freeze(freeze("all"))
    later = freeze("orders").model_copy(update={"at": NOW + timedelta(minutes=1)})
    journal.freeze(later)
    assert journal.frozen(["all", "orders"], NOW) == later
    assert journal.frozen(["all", "orders"], later.at) is None


def test_a_second_freeze_of_a_scope_replaces_the_first(journal: Journal) -> None:
    journal.freeze(freeze(reason="one"))
    journal.freeze(freeze(reason="two"))

    assert journal.frozen(["all"]) == freeze(reason="two")


def test_a_freeze_is_lifted_once_or_twice(journal: Journal) -> None:
    journal.freeze(freeze())
    for _ in range(2):
        journal.unfreeze("all")

    assert journal.frozen(["all"]) is None


# --- owners -------------------------------------------------------------------------------------


def _marking(resource: Resource, at: ChangeState, incident_id: str) -> IncidentState:
    change = Change(
        remedy=RemedyName.EXTEND_RETENTION,
        resource=resource,
        setting="retention_hours",
        before=24,
        after=168,
    )
    tracked = TrackedChange(change=change, state=at, at=NOW)
    return state(incident_id, changes=(tracked,))


STREAM = Resource(kind=ResourceKind.STREAM, id="arn:aws:kinesis:eu-west-1:111122223333:stream/a")


@pytest.mark.parametrize(
    ("at", "marks"),
    [(at, at not in {ChangeState.UNDONE, ChangeState.ABANDONED}) for at in ChangeState],
)
def test_a_resource_tells_which_incidents_have_marked_it(
    journal: Journal, at: ChangeState, marks: bool
) -> None:
    wanted = _marking(STREAM, at, "incident-1")
    begun(journal)
    saved = journal.commit(wanted, [], None, NOW)
    assert journal.owners(STREAM) == ((saved,) if marks else ())
    closed = journal.commit(saved.model_copy(update=CLOSED), [], None, NOW)
    assert journal.owners(STREAM) == ((closed,) if marks else ())
