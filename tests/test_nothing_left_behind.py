"""Every setting is what it was, or owned by an incident that is watched: a story for each rule."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import product

import pytest

from lab.memory_table import memory_journal
from remediator.aws.journal import TableJournal
from remediator.events.requests import Approve, FollowUpDue, Rollback, SetFreeze
from remediator.execution import Executor
from remediator.model import (
    Change,
    ChangeStatus,
    Mode,
    RemedyName,
    Resource,
    ResourceKind,
    Status,
    Value,
)
from remediator.policy import Autonomy, Cooldown, FollowUps, RemedyPolicy, RestoreTo
from remediator.runbook.look import own_ledger
from remediator.state import ChangeState, Freeze, IncidentState, Spent, Stage, TrackedChange
from tests import histories
from tests.histories import NOW
from tests.lives import (
    BOUNDED,
    MAPPING,
    UPDATED_SECONDS,
    acted,
    alarmed,
    by_a_human,
    clear_up,
    started,
    state_of,
    transition,
)
from tests.promises import every_setting_is_accounted_for
from tests.small_account import Author, Setting, Weather
from tests.small_lambda import Disturbance, Fault, Host, Kind

FACTOR = (MAPPING, "parallelization_factor")
RETRIES = (MAPPING, "maximum_retry_attempts")
RETENTION = (ResourceKind.STREAM, "retention_hours")
RESERVED = (ResourceKind.FUNCTION, "reserved_concurrency")
KEEPING = BOUNDED.model_copy(update={"restore": RestoreTo.KEEP})
FEW_LOOKS = BOUNDED.model_copy(update={"follow_up": FollowUps(most=4)})
ASKING = BOUNDED.model_copy(
    update={
        "remedies": {
            RemedyName.RAISE_PARALLELIZATION_FACTOR: RemedyPolicy(autonomy=Autonomy.APPROVE)
        }
    }
)


def setting(host: Host, which: tuple[ResourceKind, str], pipeline: str = "orders") -> Setting:
    host.account.pass_time(UPDATED_SECONDS)
    return host.account.pipelines[pipeline].settings[which]


def say(host: Host, which: tuple[ResourceKind, str], value: int | None) -> None:
    """A person sets it, and AWS is done with that."""
    by_a_human(*which, value)(host)
    host.account.pass_time(UPDATED_SECONDS)


def call_number(host: Host, name: str) -> int:
    """Which call of the last invocation was the first of that name."""
    return host.lived[-1].calls.index(name) + 1


# --- two incidents -------------------------------------------------------------------------------


def raised_twice() -> tuple[Host, str, str]:
    """One incident has kept its factor; a second has gone on from there."""
    careful = KEEPING.model_copy(
        update={"limits": BOUNDED.limits.model_copy(update={"parallelization_factor": 3})}
    )
    host, first = acted(policy=careful)
    host.account.pipelines["orders"].weather = Weather.FAIR
    host.pass_time(2 * 3600)
    assert state_of(host, first).stage is Stage.CLOSED
    assert setting(host, FACTOR).value == 3
    host.policy = BOUNDED
    host.account.pipelines["orders"].weather = Weather.BUSY
    host.account.pipelines["orders"].backlog = 100_000
    host.pass_time(1200)
    second = alarmed(host, "-second")
    assert int(str(setting(host, FACTOR).value)) > 3
    return host, first, second


def test_the_older_of_two_incidents_rolled_back_first_leaves_nothing_of_ours() -> None:
    host, first, second = raised_twice()
    host.invoke(Rollback(incident_id=first))
    assert [t.state for t in state_of(host, first).changes] == [ChangeState.UNDONE]
    host.invoke(Rollback(incident_id=second))
    assert setting(host, FACTOR).value == 1
    every_setting_is_accounted_for(host)


def test_the_newer_rolled_back_first_leaves_what_the_older_has_kept() -> None:
    host, first, second = raised_twice()
    host.invoke(Rollback(incident_id=second))
    assert setting(host, FACTOR).value == 3
    host.invoke(Rollback(incident_id=first))
    assert setting(host, FACTOR).value == 1


def test_an_older_incident_rolled_back_leaves_a_persons_value_alone() -> None:
    host, first, second = raised_twice()
    say(host, FACTOR, 7)
    for incident in (first, second):
        host.invoke(Rollback(incident_id=incident))
    assert setting(host, FACTOR).value == 7


@pytest.mark.parametrize("death", [Kind.CRASH_BEFORE, Kind.CRASH_AFTER])
def test_a_death_anywhere_in_the_rollback_of_the_older_one_forgets_nothing(death: Kind) -> None:
    host, first, _ = raised_twice()
    host.invoke(Rollback(incident_id=first))
    for number in range(1, len(host.lived[-1].calls) + 1):
        host, first, second = raised_twice()
        host.invoke(Rollback(incident_id=first), Fault(death, number))
        host.pass_time(400)
        for incident in (first, second):
            host.invoke(Rollback(incident_id=incident))
            host.pass_time(900)
        assert setting(host, FACTOR).value == 1, number


class Hand:
    """An actuator that counts its writes."""

    def __init__(self, **held: Value) -> None:
        self.held, self.writes = held, list[dict[str, Value]]()

    def read(self, resource: Resource, settings: Sequence[str]) -> Mapping[str, Value]:
        return {name: self.held[name] for name in settings}

    def write(self, resource: Resource, values: Mapping[str, Value]) -> None:
        self.writes.append(dict(values))
        self.held |= values

    def settled(self, resource: Resource) -> bool:
        return True


def reservation(before: int, after: int, minutes: int, turn: int = 1) -> TrackedChange:
    change = Change(
        remedy=RemedyName.RAISE_RESERVED_CONCURRENCY,
        resource=Resource(kind=ResourceKind.FUNCTION, id="orders"),
        setting="reserved_concurrency",
        before=before,
        after=after,
    )
    at = NOW + timedelta(minutes=minutes)
    return TrackedChange(change=change, state=ChangeState.APPLIED, at=at, turn=turn)


def of_two(
    first: Sequence[TrackedChange], second: Sequence[TrackedChange], value: int
) -> tuple[TableJournal, Hand, dict[str, IncidentState]]:
    """Two incidents that have changed one reservation."""
    journal, hand = memory_journal(), Hand(reserved_concurrency=value)
    states = {
        name: histories.state(name, mapping=f"mapping-{name}", changes=tuple(changes))
        for name, changes in (("first", first), ("second", second))
    }
    for state in states.values():
        journal.begin(state)
    return journal, hand, states


def undone(journal: TableJournal, hand: Hand, name: str, turn: int | None = None) -> IncidentState:
    lease = journal.acquire(f"mapping-{name}", "me", NOW, 60)
    state = journal.load(name)
    assert lease
    assert state
    which = [t for t in state.in_effect if turn in {None, t.turn}]
    state, _ = Executor(hand, journal, lambda: NOW).undo(state, lease, which)
    journal.release(lease)
    return state


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
def test_two_incidents_that_raised_in_turns_leave_nothing_whichever_goes_first(
    order: tuple[str, str],
) -> None:
    mine = (reservation(4, 8, 0), reservation(12, 16, 2, turn=2))
    journal, hand, _ = of_two(mine, [reservation(8, 12, 1)], 16)
    for name in order:
        assert not undone(journal, hand, name).in_effect
    assert hand.held == {"reserved_concurrency": 4}


def test_a_value_that_a_newer_incident_has_set_again_is_the_newer_ones() -> None:
    """A person set it back in between, to what both found."""
    journal, hand, _ = of_two([reservation(4, 10, 0)], [reservation(4, 10, 1)], 10)
    assert not undone(journal, hand, "first").in_effect
    assert hand.held == {"reserved_concurrency": 10}
    assert not undone(journal, hand, "second").in_effect
    assert hand.held == {"reserved_concurrency": 4}


# --- what mappings share -------------------------------------------------------------------------


def test_a_reservation_that_two_mappings_share_is_leased_as_the_function() -> None:
    host = started(Weather.BUSY, shares=ResourceKind.FUNCTION)
    host.account.pipelines["orders"].settings[RESERVED].set(1, Author.HUMAN)
    host.account.pass_time(600)
    assert host.journal.acquire("function:orders", "another mapping's", host.now, 600)
    alarmed(host)
    assert setting(host, RESERVED).value == 1
    assert "another invocation changes" in host.reports[-1].outcome.reason


# --- one delivery twice --------------------------------------------------------------------------


def test_a_copy_under_the_same_request_id_does_not_rob_the_live_one_before_its_write() -> None:
    host = started(Weather.BUSY)
    alarm = transition("orders", host.now)

    def again() -> None:
        host.invoke(alarm, request_id=host.running.request_id)

    twin = started(Weather.BUSY)
    alarmed(twin)
    number = call_number(twin, "actuator.write")
    host.invoke(alarm, meanwhile={number: again})
    assert host.reports[-1].outcome.status is Status.APPLIED
    assert [t.state for t in state_of(host, alarm.incident_id).changes] == [ChangeState.APPLIED]


def test_a_write_that_comes_after_its_lease_is_not_made() -> None:
    twin = started(Weather.BUSY)
    alarmed(twin)
    number = call_number(twin, "journal.renew")
    host = started(Weather.BUSY)

    def robbed() -> None:
        there = host.lease("mapping-orders")
        assert there
        host.journal.release(there)
        assert host.journal.acquire("mapping-orders", "the next look", host.now, 60)

    host.invoke(transition("orders", host.now), meanwhile={number: robbed})
    assert host.reports[-1].outcome.status is Status.CONFLICT
    assert "actuator.write" not in host.lived[0].calls


# --- the mode is lowered -------------------------------------------------------------------------


def test_a_change_in_effect_is_told_of_and_watched_though_the_mode_is_plan_now() -> None:
    host, incident = acted(Weather.POISON)
    assert setting(host, RETRIES).value != -1
    host.mode = Mode.PLAN
    host.account.pipelines["orders"].weather = Weather.BUSY
    host.pass_time(1800)
    state = state_of(host, incident)
    assert state.open
    assert any(p["follow_up"] == incident for _, p in host.schedules.values())
    told = "\n".join(notice.text for notice in host.notices)
    assert "mode is plan" in told
    host.mode = Mode.APPLY
    clear_up(host)
    assert setting(host, RETRIES).value == -1


# --- the looks run out ---------------------------------------------------------------------------


def test_bounded_retries_are_put_back_at_the_last_look() -> None:
    host, incident = acted(Weather.POISON, FEW_LOOKS)
    assert setting(host, RETRIES).value != -1
    host.account.pipelines["orders"].weather = Weather.BUSY
    host.pass_time(6 * 3600)
    assert state_of(host, incident).looks_made >= 4
    assert setting(host, RETRIES).value == -1


def test_bounded_retries_held_by_a_freeze_are_watched_until_it_is_lifted() -> None:
    host, incident = acted(Weather.POISON, FEW_LOOKS)
    host.journal.freeze(Freeze(scope="all", reason="a release", by="ada", at=host.now))
    host.pass_time(48 * 3600)
    assert state_of(host, incident).open
    assert setting(host, RETRIES).value != -1
    assert any("maximum_retry_attempts" in notice.text for notice in host.notices[-3:])
    host.journal.unfreeze("all")
    host.pass_time(3 * 3600)
    assert setting(host, RETRIES).value == -1


def test_bounded_retries_go_back_alone_and_unasked_once_other_code_fails() -> None:
    """What was proven was proven of the code before, and what is given up now is good: that ends
    at LATEST, too. The lanes that were raised with it give nothing up."""
    host = started(Weather.POISON)
    orders = host.account.pipelines["orders"]
    orders.starting_position = "LATEST"
    incident = alarmed(host)
    host.invoke(Approve(incident_id=incident, by="ada"))
    assert setting(host, RETRIES).value != -1
    lanes = setting(host, FACTOR).value
    orders.weather, orders.deployed = Weather.BROKEN, host.now
    host.pass_time(600)
    assert setting(host, RETRIES).value == -1
    assert setting(host, FACTOR).value == lanes
    assert state_of(host, incident).open


def test_bounded_retries_at_latest_wait_for_a_persons_word_after_the_last_look_too() -> None:
    host = started(Weather.POISON, FEW_LOOKS)
    host.account.pipelines["orders"].starting_position = "LATEST"
    incident = alarmed(host)
    host.invoke(Approve(incident_id=incident, by="ada"))
    assert setting(host, RETRIES).value != -1
    host.pass_time(48 * 3600)
    state = state_of(host, incident)
    assert state.looks_made >= 4
    assert state.pending is not None
    assert {c.setting for c in state.pending.awaiting_approval} >= {"maximum_retry_attempts"}
    assert any("remediator approve" in notice.text for notice in host.notices[-3:])
    host.invoke(Approve(incident_id=incident, by="ada"))
    assert setting(host, RETRIES).value == -1


def test_a_new_alarm_renews_the_looks_of_an_incident_that_has_used_them_up() -> None:
    host, incident = acted(Weather.BUSY, FEW_LOOKS)
    host.journal.freeze(Freeze(scope="all", reason="a release", by="ada", at=host.now))
    host.pass_time(12 * 3600)
    assert state_of(host, incident).looks_made >= 4
    host.journal.unfreeze("all")
    alarmed(host, "-again")
    assert state_of(host, incident).looks_made < 4


def test_retries_stay_bounded_under_no_policy_of_restoring() -> None:
    host, _ = acted(Weather.POISON, KEEPING)
    host.account.pipelines["orders"].weather = Weather.FAIR
    host.pass_time(3 * 3600)
    assert setting(host, RETRIES).value == -1


# --- people --------------------------------------------------------------------------------------


def test_a_rollback_that_meets_a_running_look_is_made_by_the_next_one() -> None:
    host, incident = acted()
    lease = host.journal.acquire("mapping-orders", "a look", host.now, 30)
    assert lease
    host.invoke(Rollback(incident_id=incident, by="ada"))
    assert host.reports[-1].outcome.status is Status.RECORDED
    host.pass_time(240)
    assert setting(host, FACTOR).value == 1
    assert state_of(host, incident).stage is Stage.CLOSED


def _do(host: Host, wish: Rollback) -> None:
    host.invoke(wish)


def test_a_rollback_in_mid_look_stops_it_and_is_made() -> None:
    twin = started(Weather.BUSY)
    alarmed(twin)
    for number in range(call_number(twin, "sensor.read"), len(twin.lived[0].calls) + 1):
        host = started(Weather.BUSY)
        alarm = transition("orders", host.now)
        wish = Rollback(incident_id=alarm.incident_id, by="ada")
        host.invoke(alarm, meanwhile={number: partial(_do, host, wish)})
        host.pass_time(900)
        assert setting(host, FACTOR).value == 1, number
        assert not state_of(host, alarm.incident_id).open, number


def test_an_approval_that_meets_a_running_look_is_made_by_the_next_one() -> None:
    host, incident = acted(policy=ASKING)
    assert state_of(host, incident).pending
    assert host.journal.acquire("mapping-orders", "a look", host.now, 30)
    host.invoke(Approve(incident_id=incident, by="ada"))
    assert host.reports[-1].outcome.status is Status.RECORDED
    host.pass_time(240)
    assert setting(host, FACTOR).value != 1


def test_an_approval_names_its_plan_and_no_other_is_made() -> None:
    host, incident = acted(policy=ASKING)
    host.invoke(Approve(incident_id=incident, plan="000000000000"))
    assert host.reports[-1].outcome.status is Status.BLOCKED
    assert setting(host, FACTOR).value == 1
    pending = state_of(host, incident).pending
    assert pending
    host.invoke(Approve(incident_id=incident, plan=pending.digest))
    (change,) = pending.proposed
    assert setting(host, FACTOR).value == change.after


def test_looks_do_not_prolong_how_long_a_plan_may_be_approved() -> None:
    host, incident = acted(policy=ASKING)
    first = state_of(host, incident)
    host.pass_time(900)
    later = state_of(host, incident)
    assert later.follow_up_number > first.follow_up_number
    assert later.pending
    assert first.pending
    assert (later.pending.digest, later.pending_until) == (
        first.pending.digest,
        first.pending_until,
    )


def test_a_function_is_rolled_back_at_every_mapping_it_has() -> None:
    host = started(Weather.BUSY, shares=ResourceKind.FUNCTION)
    alarmed(host)
    host.account.pipelines["bills"].backlog = 1e9  # it lags most, and has nothing of ours
    host.account.pass_time(UPDATED_SECONDS)
    assert setting(host, FACTOR).value != 1
    host.invoke(Rollback(function="orders"))
    assert setting(host, FACTOR).value == 1


def test_a_mistyped_function_is_not_called_frozen() -> None:
    host = started(Weather.FAIR)
    told = len(host.reports)
    host.invoke(SetFreeze(scope="odrers", on=True))
    assert len(host.reports) == told, "it was refused"
    assert host.journal.frozen(["odrers"]) is None


@pytest.mark.parametrize(
    ("weather", "which", "value"),
    [
        pytest.param(Weather.OLD, RETENTION, 24, id="retention"),
        pytest.param(Weather.BUSY, RESERVED, 1, id="reservation"),
    ],
)
def test_what_a_person_lowers_again_is_not_raised_again_at_every_look(
    weather: Weather, which: tuple[ResourceKind, str], value: int
) -> None:
    off = RemedyPolicy(autonomy=Autonomy.OFF)
    lanes = (RemedyName.RAISE_PARALLELIZATION_FACTOR, RemedyName.SPLIT_SHARDS)
    freedom = dict.fromkeys(lanes, off) if which is RETENTION else {}
    patient = BOUNDED.model_copy(
        update={"cooldown": Cooldown(human_seconds=7200), "remedies": freedom}
    )
    host = started(weather, patient)
    if which is RESERVED:
        host.account.pipelines["orders"].settings[RESERVED].set(1, Author.HUMAN)
        host.account.pass_time(600)
    before = setting(host, which).value
    alarmed(host)
    raised = setting(host, which)
    assert raised.value != before
    assert raised.author is Author.US
    say(host, which, value)
    for _ in range(10):
        host.pass_time(300)
        assert setting(host, which).value == value
    rulings = [change.ruling for report in host.reports for change in report.plan.changes]
    assert any("left alone for 7200 s" in ruling.reason for ruling in rulings)


# --- freezes -------------------------------------------------------------------------------------


def test_a_freeze_that_comes_after_the_reading_stops_the_write() -> None:
    twin = started(Weather.BUSY)
    alarmed(twin)
    number = call_number(twin, "journal.renew")
    host = started(Weather.BUSY)
    stop = Freeze(scope="all", reason="a release", by="ada", at=host.now)
    host.invoke(
        transition("orders", host.now), meanwhile={number: lambda: host.journal.freeze(stop)}
    )
    assert "actuator.write" not in host.lived[0].calls
    assert setting(host, FACTOR).value == 1


def test_a_rollback_asked_before_a_freeze_waits_until_that_is_lifted() -> None:
    """The last word of a person holds: what was asked in spite of a freeze is done."""
    twin, incident = acted()
    twin.invoke(Rollback(incident_id=incident))
    write = call_number(twin, "actuator.write")
    host, incident = acted()
    host.invoke(Rollback(incident_id=incident), Fault(Kind.CRASH_BEFORE, write))
    host.invoke(SetFreeze(scope="all", on=True, by="ada"))
    host.pass_time(1800)
    assert setting(host, FACTOR).value != 1
    assert state_of(host, incident).open
    host.invoke(SetFreeze(scope="all", on=False, by="ada"))
    host.pass_time(1800)
    assert setting(host, FACTOR).value == 1


def _frozen_by_now(host: Host, scope: str) -> None:
    host.journal.freeze(Freeze(scope=scope, reason="a release", by="ada", at=host.now))


def test_whichever_way_a_freeze_meets_a_rollback_that_runs_it_is_seen_at_the_last_reading() -> None:
    """Of everything, or of the function: all freezes are read at one moment."""
    twin, incident = acted()
    twin.invoke(Rollback(incident_id=incident))
    write = call_number(twin, "actuator.write")
    for scope, number in product(("all", "orders"), range(1, write - 1)):
        host, incident = acted()
        meanwhile = partial(_frozen_by_now, host, scope)
        host.invoke(Rollback(incident_id=incident), meanwhile={number: meanwhile})


def test_a_rollback_asked_in_spite_of_a_freeze_is_finished_in_spite_of_it() -> None:
    twin, incident = acted()
    twin.invoke(Rollback(incident_id=incident))
    write = call_number(twin, "actuator.write")
    host, incident = acted()
    host.invoke(SetFreeze(scope="all", on=True, by="ada"))
    host.invoke(Rollback(incident_id=incident), Fault(Kind.CRASH_BEFORE, write))
    host.pass_time(900)
    assert setting(host, FACTOR).value == 1


def test_the_very_value_of_a_write_that_died_counts_as_ours_whoever_has_set_it() -> None:
    """Nobody can tell: AWS does not say who has set a value."""
    twin, _ = acted(Weather.POISON)
    write = call_number(twin, "actuator.write")
    host = started(Weather.POISON)
    alarm = transition("orders", host.now)
    host.invoke(alarm, Fault(Kind.CRASH_BEFORE, write))
    (intended, *_) = [t.change for t in state_of(host, alarm.incident_id).changes]
    orders = host.account.pipelines["orders"]
    orders.settings[intended.resource.kind, intended.setting].set(intended.after, Author.HUMAN)
    host.invoke(Rollback(incident_id=alarm.incident_id))
    host.pass_time(900)
    which = intended.resource.kind, intended.setting
    assert setting(host, which).value == intended.before


def test_what_was_lowered_has_its_cool_down_though_a_raise_of_the_same_minute_came_to_nothing() -> (
    None
):
    journal = memory_journal()
    factor = RemedyName.RAISE_PARALLELIZATION_FACTOR
    raised = Change(
        remedy=factor,
        resource=Resource(kind=MAPPING, id="mapping-1"),
        setting="parallelization_factor",
        before=1,
        after=4,
    )
    lost = TrackedChange(change=raised, state=ChangeState.ABANDONED, at=NOW, turn=2)
    state = histories.state(mapping="mapping-1", changes=(lost,))
    paid = [
        Spent(
            incident_id=state.incident_id,
            mapping="mapping-1",
            remedy=factor,
            at=NOW,
            turn=turn,
            raised=up,
        )
        for turn, up in ((1, True), (2, True), (0, False))
    ]
    target = histories.target("mapping-1")
    ledger = journal.ledger(target.account_id, target.region)
    journal.spend(target.account_id, target.region, NOW, ledger, None, paid)
    mine = own_ledger(journal.ledger(target.account_id, target.region), state)
    assert [(s.turn, s.raised) for s in mine.spent] == [(1, True), (0, False)]


# --- every way in which a look may die -----------------------------------------------------------


def test_half_an_answer_at_any_call_of_a_look_leaves_a_next_look() -> None:
    host, incident = acted()
    host.pass_time(400)
    looks = [i for i in host.lived if isinstance(i.event, FollowUpDue) and len(i.calls) > 5]
    for number in range(1, len(looks[0].calls) + 1):
        host, incident = acted()
        half = Disturbance(Fault(Kind.MALFORMED, number))
        host.disturbances = dict.fromkeys(range(2, 7), half)  # Lambda's own retries, too
        host.pass_time(900)
        state = state_of(host, incident)
        assert not state.open or any(
            p["follow_up"] == incident for _, p in host.schedules.values()
        ), number
        host.disturbances = {}
        clear_up(host)


def test_looks_that_nobody_scheduled_use_no_looks_up() -> None:
    host, incident = acted()
    before = state_of(host, incident).follow_up_number
    for number in range(before + 1, before + 60):
        host.invoke(FollowUpDue(incident_id=incident, number=number))
    assert state_of(host, incident).follow_up_number == before
    assert state_of(host, incident).open
    clear_up(host)


def test_an_alarm_of_long_ago_that_is_not_there_any_more_is_not_acted_upon() -> None:
    host = started(Weather.BUSY)
    old = transition("orders", host.now)
    host.account.pass_time(3600)
    host.invoke(old)
    assert host.reports[-1].outcome.status is Status.NOTHING_TO_DO
    assert "can not be seen any more" in host.reports[-1].outcome.reason
    assert setting(host, FACTOR).value == 1


# --- one write a resource ------------------------------------------------------------------------


def test_what_goes_back_and_what_is_lowered_of_one_mapping_go_in_one_write() -> None:
    resource = Resource(kind=MAPPING, id="mapping-1")

    def change(setting: str, *, before: Value, after: Value) -> Change:
        return Change(
            remedy=RemedyName.ISOLATE_POISON,
            resource=resource,
            setting=setting,
            before=before,
            after=after,
        )

    split = change("bisect_on_error", before=False, after=True)
    raised = change("parallelization_factor", before=1, after=10)
    made = tuple(
        TrackedChange(change=c, state=ChangeState.APPLIED, at=NOW) for c in (split, raised)
    )
    journal, hand = memory_journal(), Hand(bisect_on_error=True, parallelization_factor=10)
    opened = histories.state(mapping="mapping-1", changes=made)
    journal.begin(opened)
    lease = journal.acquire("mapping-1", "me", NOW, 60)
    assert lease
    executor = Executor(hand, journal, lambda: NOW)
    lower = change("parallelization_factor", before=10, after=4)
    state, results = executor.undo(opened, lease, made[:1], beside=[lower])
    assert hand.writes == [{"bisect_on_error": False, "parallelization_factor": 4}]
    assert all(result.status is ChangeStatus.APPLIED for result in results)
    assert [t.change.after for t in state.in_effect] == [4, 10]


def test_what_cannot_be_made_turn_after_turn_is_told_of_once() -> None:
    """The function that two mappings share is gone: each turn of the other one meets that."""
    host = started(Weather.BUSY, shares=ResourceKind.FUNCTION)
    host.account.pipelines["orders"].settings[RESERVED].set(2, Author.HUMAN)
    host.account.pipelines["bills"].weather = Weather.BUSY
    host.account.pass_time(600)
    host.account.pipelines["orders"].gone = True
    incident = alarmed(host, pipeline="bills")
    host.pass_time(2 * 3600)
    told = [notice.kind for notice in host.notices]
    assert state_of(host, incident).turn > 2
    assert told.count("conflict") <= 1
