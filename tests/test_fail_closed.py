"""What was not seen allows nothing, and what is refused is not forgotten: a story for each rule."""

from collections.abc import Callable
from datetime import time, timedelta

import pytest

from remediator.events.requests import Approve, FollowUpDue, Rollback
from remediator.model import Gap, Mode, RemedyName, Status
from remediator.policy import (
    Autonomy,
    Budget,
    Cooldown,
    FollowUps,
    MaintenanceWindow,
    Match,
    Override,
    RemedyPolicy,
)
from remediator.state import ChangeState, Freeze, JournalClaim, Stage
from tests.histories import ACCOUNT, REGION
from tests.lives import (
    BOUNDED,
    MAPPING,
    UPDATED_SECONDS,
    acted,
    alarmed,
    by_a_human,
    clear_up,
    factor,
    look,
    started,
    state_of,
    transition,
)
from tests.small_account import QUARANTINE, Author, Weather
from tests.small_lambda import Disturbance, Fault, Host, Kind

BY_TAG = Override(match=Match(tags={"team": "payments"}), set={"remedies": {}})


def test_unread_tags_block_where_the_policy_differs_by_tag() -> None:
    host = started(Weather.BUSY, BOUNDED.model_copy(update={"overrides": (BY_TAG,)}))
    host.gaps = (Gap(reading="tags", reason="denied", permission="lambda:ListTags"),)
    alarmed(host)
    assert host.reports[-1].outcome.status is Status.BLOCKED
    assert "unknown_policy" in host.reports[-1].outcome.reason


def test_unread_tags_block_nothing_where_no_override_asks_for_them() -> None:
    host = started(Weather.BUSY)
    host.gaps = (Gap(reading="tags", reason="denied"),)
    alarmed(host)
    assert host.reports[-1].outcome.status is Status.APPLIED


def test_beside_another_journal_nothing_is_changed_and_a_person_is_told_what_to_do() -> None:
    host = started(Weather.BUSY)
    host.other_journal = JournalClaim(stack="first", journal="theirs", since=host.now)
    alarmed(host)
    outcome = host.reports[-1].outcome
    assert outcome.status is Status.BLOCKED
    assert "SharedJournal=theirs" in outcome.reason
    assert "SharedJournal=theirs" in " ".join(host.notices[-1].text.split())
    assert factor(host) == 1


def test_what_is_in_effect_is_put_back_whosever_journal_it_is_now() -> None:
    host, incident = acted(Weather.SATURATED)
    raised = factor(host)
    host.other_journal = JournalClaim(stack="first", journal="theirs", since=host.now)
    for _ in range(4):
        look(host, incident)
    assert factor(host) == 1 != raised


def test_an_unread_reservation_is_not_taken_for_none() -> None:
    host = started(Weather.BUSY)
    host.gaps = (Gap(reading="reserved_concurrency", reason="denied"),)
    alarmed(host)
    assert host.reports[-1].outcome.status is Status.AWAITING_APPROVAL
    assert factor(host) == 1


def test_a_denied_read_does_not_give_a_change_up() -> None:
    host, incident = acted()
    reads = 1 + _call(host, incident, "actuator.read")
    look(host, incident, Fault(Kind.DENIED, reads))
    assert [t.state for t in state_of(host, incident).changes] == [ChangeState.APPLIED]
    host.pass_time(3600)
    clear_up(host)


def _call(host: Host, incident: str, name: str) -> int:
    """How many calls a look makes before the first of that name."""
    twin, same = acted()
    assert same == incident
    look(twin, incident)
    return twin.lived[-1].calls.index(name)


def test_a_refused_rollback_stays_ours_and_is_tried_again() -> None:
    host, incident = acted()
    raised = factor(host)
    host.invoke(Rollback(incident_id=incident), Fault(Kind.DENIED, _write_of_rollback()))
    assert host.reports[-1].outcome.status is Status.FAILED
    assert factor(host) == raised
    assert [t.state for t in state_of(host, incident).changes] == [ChangeState.APPLIED]
    look(host, incident)
    assert factor(host) == 1
    assert state_of(host, incident).stage is Stage.CLOSED


def _write_of_rollback() -> int:
    twin, incident = acted()
    twin.invoke(Rollback(incident_id=incident))
    return twin.lived[-1].calls.index("actuator.write") + 1


def test_a_rollback_that_died_half_way_is_finished_by_the_next_look() -> None:
    host, incident = acted()
    host.invoke(Rollback(incident_id=incident), Fault(Kind.CRASH_BEFORE, _write_of_rollback()))
    assert factor(host) != 1
    host.pass_time(600)
    assert factor(host) == 1
    assert state_of(host, incident).stage is Stage.CLOSED


def test_a_rollback_that_dies_anywhere_after_its_write_has_spent_its_cool_down() -> None:
    twin, incident = acted()
    twin.invoke(Rollback(incident_id=incident))
    written, calls = _write_of_rollback(), len(twin.lived[-1].calls)
    assert written < calls
    for death in range(written, calls + 1):
        host, incident = acted()
        host.invoke(Rollback(incident_id=incident), Fault(Kind.CRASH_AFTER, death))
        assert factor(host) == 1, "it died after the write"
        spent = host.journal.ledger(ACCOUNT, REGION).spent
        assert any(s.mapping == "mapping-orders" and not s.raised for s in spent), death


def test_a_mapping_rolled_back_by_hand_is_left_alone_though_the_rollback_died() -> None:
    patient = BOUNDED.model_copy(update={"cooldown": Cooldown(human_seconds=3600)})
    host, incident = acted(policy=patient)
    host.invoke(Rollback(incident_id=incident), Fault(Kind.CRASH_AFTER, _write_of_rollback()))
    host.pass_time(600)  # the next look finishes what was begun
    assert state_of(host, incident).stage is Stage.CLOSED
    host.invoke(transition("orders", host.now, word="-again"))
    assert host.reports[-1].outcome.status is Status.BLOCKED
    assert "cool-down" in host.reports[-1].outcome.reason
    assert factor(host) == 1


def _resharded() -> tuple[Host, str]:
    """A host whose orders' stream is its own alone, and was resharded in the first turn."""
    no_factor = {RemedyName.RAISE_PARALLELIZATION_FACTOR: RemedyPolicy(autonomy=Autonomy.OFF)}
    ours = {"remedies": no_factor, "streams_of_ours": ("orders",)}
    return acted(Weather.SATURATED, BOUNDED.model_copy(update=ours))


def test_every_shard_that_was_split_is_merged_again_in_one_rollback() -> None:
    host, incident = _resharded()
    orders = host.account.pipelines["orders"]
    assert [change.change.setting for change in state_of(host, incident).changes] == ["shards"] * 2
    assert len(orders.whole_shards()) == 4
    host.invoke(Rollback(incident_id=incident))
    assert orders.whole_shards() == [(0, 2**127 - 1), (2**127, 2**128 - 1)]
    assert not state_of(host, incident).open


def test_a_reshard_of_several_shards_is_paid_for_as_one_change() -> None:
    host, _ = _resharded()
    spent = host.journal.ledger(ACCOUNT, REGION).spent
    assert [one.remedy for one in spent] == [RemedyName.SPLIT_SHARDS]


def test_a_stream_that_is_not_said_to_be_ours_alone_is_not_resharded_unasked() -> None:
    no_factor = {RemedyName.RAISE_PARALLELIZATION_FACTOR: RemedyPolicy(autonomy=Autonomy.OFF)}
    host, incident = acted(Weather.SATURATED, BOUNDED.model_copy(update={"remedies": no_factor}))
    assert len(host.account.pipelines["orders"].whole_shards()) == 2
    assert state_of(host, incident).stage is Stage.AWAITING_APPROVAL
    host.invoke(Approve(incident_id=incident))
    assert len(host.account.pipelines["orders"].whole_shards()) == 4


def test_a_human_who_came_to_one_of_several_settings_keeps_only_that_one() -> None:
    host, incident = acted(Weather.POISON)
    by_a_human(MAPPING, "maximum_retry_attempts", 7)(host)
    host.account.pass_time(UPDATED_SECONDS)
    host.invoke(Rollback(incident_id=incident))
    host.account.pass_time(UPDATED_SECONDS)
    orders = host.account.pipelines["orders"]
    assert orders.of_mapping("bisect_on_error") is False
    assert orders.of_mapping("maximum_retry_attempts") == 7
    assert orders.of_mapping("on_failure_destination"), "a human's retries lean on it"


def test_a_destination_removed_at_the_last_moment_keeps_retries_unbounded() -> None:
    host = started(Weather.POISON)
    orders = host.account.pipelines["orders"]
    orders.settings[MAPPING, "on_failure_destination"].set(QUARANTINE, Author.HUMAN)
    read = _first_call(Weather.POISON, "actuator.read")

    def remove() -> None:
        orders.settings[MAPPING, "on_failure_destination"].set(None, Author.HUMAN)

    host.invoke(transition("orders", host.now), meanwhile={read: remove})
    assert orders.of_mapping("maximum_retry_attempts") == -1
    assert host.reports[-1].outcome.status is Status.CONFLICT


def _first_call(weather: Weather, name: str) -> int:
    twin, _ = acted(weather)
    return twin.lived[0].calls.index(name) + 1


def test_a_plan_of_a_closed_incident_can_not_be_approved_any_more() -> None:
    freedom = {RemedyName.RAISE_PARALLELIZATION_FACTOR: RemedyPolicy(autonomy=Autonomy.APPROVE)}
    host, incident = acted(policy=BOUNDED.model_copy(update={"remedies": freedom}))
    host.invoke(Rollback(incident_id=incident))
    host.invoke(Approve(incident_id=incident))
    assert host.reports[-1].outcome.status is Status.NOTHING_TO_DO
    assert factor(host) == 1


def test_a_look_that_finds_the_mapping_busy_comes_back() -> None:
    host, incident = acted()
    host.journal.acquire("mapping-orders", "somebody else", host.now, 3600)
    look(host, incident)
    assert host.reports[-1].outcome.status is Status.IN_PROGRESS
    assert any(payload["follow_up"] == incident for _, payload in host.schedules.values())


def test_an_alarm_of_which_every_delivery_dies_is_taken_up_by_the_first_look() -> None:
    read = _first_call(Weather.BUSY, "sensor.read")
    after_them = BOUNDED.model_copy(update={"follow_up": FollowUps(soon_seconds=240)})
    host = started(Weather.BUSY, after_them)
    deaths = (read, 3, 6)  # the second finds the first one's lease, the third takes its own
    host.disturbances = {
        delivery: Disturbance(Fault(Kind.CRASH_BEFORE, at)) for delivery, at in enumerate(deaths, 1)
    }
    incident = alarmed(host)
    host.pass_time(200)
    assert len(host.dead_letters) == 1
    assert factor(host) == 1
    look(host, incident)
    assert host.reports[-1].outcome.status is Status.IN_PROGRESS, "the dead one's lease lives"
    look(host, incident)
    assert factor(host) != 1


def test_a_budget_that_is_spent_stops_what_a_human_has_reset() -> None:
    once = BOUNDED.model_copy(update={"budget": Budget(window_seconds=7200, per_target=1)})
    host, incident = acted(policy=once)
    counts_until = host.now + timedelta(seconds=7200 - UPDATED_SECONDS)
    by_a_human(MAPPING, "parallelization_factor", 1)(host)
    for _ in range(9):
        look(host, incident)
        assert factor(host) == 1 or host.now > counts_until
    assert any("budget" in report.outcome.reason for report in host.reports)


def test_a_mapping_that_is_gone_closes_its_incident() -> None:
    host, incident = acted()
    host.account.pipelines["orders"].gone = True
    look(host, incident)
    assert state_of(host, incident).stage is Stage.CLOSED
    assert state_of(host, incident).in_effect == ()


@pytest.mark.parametrize("weather", [Weather.BROKEN, Weather.BUSY, Weather.SATURATED])
def test_the_number_of_looks_is_bounded_whatever_they_see(weather: Weather) -> None:
    few = BOUNDED.model_copy(update={"follow_up": FollowUps(most=6)})
    host, incident = acted(weather, few)
    for _ in range(50):
        host.pass_time(3600)
    looks = [i for i in host.lived if "sensor.read" in i.calls and isinstance(i.event, FollowUpDue)]
    assert len(looks) <= 7
    assert state_of(host, incident).stage is Stage.CLOSED


def _a_freeze(host: Host) -> None:
    host.journal.freeze(Freeze(scope="all", reason="a release", by="ada", at=host.now))


def _a_lower_mode(host: Host) -> None:
    host.mode = Mode.PLAN


def _a_maintenance_window(host: Host) -> None:
    always = MaintenanceWindow(name="night", start=time(0, 0), end=time(23, 59, 59))
    host.policy = host.policy.model_copy(update={"maintenance_windows": (always,)})


@pytest.mark.parametrize("stop", [_a_freeze, _a_lower_mode, _a_maintenance_window])
def test_what_is_stopped_is_not_even_rolled_back_by_itself(stop: Callable[[Host], None]) -> None:
    host, incident = acted(Weather.SATURATED)
    raised = factor(host)
    stop(host)
    for _ in range(4):
        look(host, incident)
    assert factor(host) == raised
    assert host.reports[-1].outcome.status is Status.BLOCKED
