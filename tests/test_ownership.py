"""Ours is what holds the value that we set; what else has changed is a person's, whenever."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.decide.ownership import edit_since
from remediator.decide.refusals import told_by
from remediator.errors import PermanentError
from remediator.model import (
    Change,
    Decision,
    MappingState,
    RemedyName,
    Resource,
    ResourceKind,
    Status,
    Value,
)
from remediator.state import ChangeState, Edit, IncidentState, TrackedChange
from tests import histories
from tests.histories import NOW
from tests.lives import BOUNDED, LIVES, MAPPING, acted, alarmed, by_a_human, look, started
from tests.small_account import Weather

SMALL = {"unreserved_minimum": 10, "concurrency_margin": 0}
LANES = Resource(kind=MAPPING, id="mapping-1")
LATER = NOW + timedelta(minutes=3)
USER = "User action"


def mapping(**said: object) -> MappingState:
    fields = {
        "uuid": "mapping-1",
        "function_arn": histories.target().function_arn,
        "source_arn": histories.target().source_arn,
        "state": "Enabled",
        "last_modified": NOW,
        **said,
    }
    return MappingState.model_validate(fields)


def ours(setting: str, before: Value, after: Value, state: ChangeState) -> TrackedChange:
    change = Change(
        remedy=RemedyName.RAISE_PARALLELIZATION_FACTOR,
        resource=LANES,
        setting=setting,
        before=before,
        after=after,
    )
    return TrackedChange(change=change, state=state, at=NOW, turn=1)


def known(*changes: TrackedChange, **said: object) -> IncidentState:
    return histories.state("incident-1", "mapping-1", mapping_seen=mapping(**said), changes=changes)


RAISED = ours("parallelization_factor", 1, 4, ChangeState.APPLIED)


def test_what_holds_the_value_that_we_set_is_ours() -> None:
    now = mapping(parallelization_factor=4, last_modified=LATER, state_transition_reason=USER)
    assert edit_since(known(RAISED), now) is None


@pytest.mark.parametrize("seconds", [1, 60, 599, 86_400])
def test_a_changed_value_is_somebodys_whenever_it_came(seconds: int) -> None:
    at = NOW + timedelta(seconds=seconds)
    now = mapping(parallelization_factor=4, batch_size=50, last_modified=at)
    edit = edit_since(known(RAISED), now)
    assert edit is not None
    assert (edit.at, edit.what) == (at, "batch_size of the mapping")


def test_what_we_put_back_is_ours_too() -> None:
    undone = RAISED.model_copy(update={"state": ChangeState.UNDONE})
    now = mapping(last_modified=LATER)
    assert edit_since(known(undone, parallelization_factor=4), now) is None


def test_while_a_write_of_ours_is_under_way_either_value_is_ours() -> None:
    intended = RAISED.model_copy(update={"state": ChangeState.INTENDED})
    for factor in (1, 4):
        now = mapping(parallelization_factor=factor, last_modified=LATER)
        assert edit_since(known(intended), now) is None


def test_a_setting_that_cannot_be_seen_shows_by_whom_aws_names() -> None:
    by_user = mapping(last_modified=LATER, state_transition_reason=USER)
    by_aws = mapping(last_modified=LATER, state_transition_reason="Lambda initiated")
    assert edit_since(known(), by_user) == Edit(at=LATER, what="the mapping")
    assert edit_since(known(), by_aws) is None


@pytest.mark.parametrize(
    ("seen", "theirs"),
    [
        ({"last_modified": NOW + timedelta(minutes=2)}, True),
        ({"last_modified": NOW + timedelta(minutes=2), "state": "Updating"}, False),
        ({"last_modified": NOW - timedelta(minutes=2)}, False),
    ],
)
def test_who_sets_the_value_that_we_had_set_shows_by_its_time(
    seen: dict[str, object], *, theirs: bool
) -> None:
    """Once our own write was seen to be through, and at rest."""
    held = known(RAISED, parallelization_factor=4, **seen)
    now = mapping(parallelization_factor=4, last_modified=LATER, state_transition_reason=USER)
    assert (edit_since(held, now) is not None) is theirs


VALUES = {
    "parallelization_factor": st.integers(1, 10),
    "batch_size": st.integers(1, 10_000),
    "maximum_retry_attempts": st.integers(-1, 10),
    "bisect_on_error": st.booleans(),
}


@given(setting=st.sampled_from(sorted(VALUES)), data=st.data())
def test_any_value_that_is_neither_seen_nor_ours_is_somebodys(
    setting: str, data: st.DataObject
) -> None:
    before, after, held = (data.draw(VALUES[setting]) for _ in range(3))
    state = data.draw(st.sampled_from([ChangeState.APPLIED, ChangeState.UNDONE]))
    mine = after if state is ChangeState.APPLIED else before
    now = mapping(**{setting: held}, last_modified=LATER)
    found = edit_since(known(ours(setting, before, after, state), **{setting: before}), now)
    assert (found is None) is (held in (before, mine))


# --- the whole flow ------------------------------------------------------------------------------


def test_a_person_who_edits_the_mapping_minutes_after_us_is_left_alone() -> None:
    host, incident = acted(Weather.BUSY)
    by_a_human(MAPPING, "batch_size", 50)(host)
    look(host, incident)
    state = host.journal.load(incident)
    assert state is not None
    assert state.edit is not None
    assert "batch_size" in state.edit.what


def test_a_new_incident_knows_what_the_last_one_left() -> None:
    """The restore of a minute ago is nobody's edit, though the mapping was modified then."""
    life = next(life for life in LIVES if life.name == "rolled back by hand")
    host = life.start()
    life.live(host)
    alarmed(host)
    rulings = [change.ruling for change in host.reports[-1].plan.changes]
    assert "human_change" not in {ruling.guardrail for ruling in rulings}


# --- the account's own minimum -------------------------------------------------------------------


def test_the_minimum_of_unreserved_concurrency_is_learned_from_awss_refusal() -> None:
    text = (
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [50]."
    )
    assert told_by(["denied", text]) == 50
    assert told_by(["denied"]) is None


def test_a_refused_reservation_is_tried_again_within_the_accounts_own_minimum() -> None:
    policy = BOUNDED.model_copy(update={"limits": BOUNDED.limits.model_copy(update=SMALL)})
    host = started(Weather.BUSY, policy)
    orders = host.account.pipelines["orders"]
    host.account.neighbours = 1
    reserved = orders.settings[ResourceKind.FUNCTION, "reserved_concurrency"]
    reserved.value = reserved.theirs = 1
    host.account.pass_time(600)
    least = 168
    refusals: list[int] = []

    def refuse_below(resource: Resource, values: dict[str, Value]) -> None:
        wanted = values.get("reserved_concurrency")
        if isinstance(wanted, int) and host.account.concurrency_limit - wanted < least:
            refusals.append(wanted)
            message = f"decreases the pool below its minimum value of [{least}]."
            raise PermanentError(message, code="InvalidParameterValueException")

    host.watch_write = refuse_below  # type: ignore[assignment]
    alarmed(host)
    assert refusals
    assert host.reports[-1].outcome.status in {Status.APPLIED, Status.PARTLY_APPLIED}
    assert host.account.concurrency_limit - int(reserved.value or 0) >= least
    assert all(c.ruling.decision is not Decision.BLOCK for c in host.reports[-1].plan.changes)
