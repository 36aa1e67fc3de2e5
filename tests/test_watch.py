"""However the looks at an incident die, somebody looks again: watches make up for them."""

from collections.abc import Callable
from functools import partial
from itertools import count

import pytest

from remediator.decide import pacing
from remediator.errors import InputError, PermanentError
from remediator.events.requests import FollowUpDue, Rollback
from remediator.model import AlarmState, Mode, Status
from tests.lives import clear_up, started, transition
from tests.small_account import Weather
from tests.small_lambda import Disturbance, Fault, Host, Kind

# The first look after the alarm's own turn, and what Lambda makes of it before it gives up.
THRICE = (2, 3, 4)


def killed_before(number: int, _: Host) -> Disturbance:
    return Disturbance(Fault(Kind.CRASH_BEFORE, number))


def killed_after(number: int, _: Host) -> Disturbance:
    return Disturbance(Fault(Kind.CRASH_AFTER, number))


def out_of_time(number: int, host: Host) -> Disturbance:
    return Disturbance(meanwhile={number: partial(host.account.pass_time, 121)})


def disturbed(host: Host, death: Callable[[int, Host], Disturbance], number: int) -> None:
    """The alarm's turn, and a look that dies at that call in each of its three tries."""
    host.disturbances = {delivery: death(number, host) for delivery in THRICE}
    host.invoke(transition("orders", host.now))
    host.pass_time(420)


@pytest.mark.parametrize("death", [killed_before, killed_after, out_of_time])
def test_a_look_that_dies_at_any_call_in_all_its_tries_is_made_up_for(
    death: Callable[[int, Host], Disturbance],
) -> None:
    """Also at the very first one, before it could ask for anything."""
    for number in count(1):
        host = started(Weather.POISON)
        disturbed(host, death, number)
        looks = host.lived[1:4]
        if not any(look.dead for look in looks):
            break
        (state,) = host.states()
        assert state.incident_id in host.woken
        host.pass_time(1200)
        made = host.lived[4:]
        assert any("sensor.read" in look.calls and not look.dead for look in made), number
        clear_up(host)
    assert number > 7


def test_a_look_that_never_begins_is_made_up_for_once_it_can() -> None:
    """A policy that cannot be read, code that does not start: nothing of ours runs at all."""
    host = started(Weather.POISON)
    host.invoke(transition("orders", host.now))
    host.broken = InputError("policy file policies/guardrails.yml: no such file")
    host.pass_time(7200)
    host.broken = None
    before = len(host.reports)
    host.pass_time(6 * 3600)
    assert any(report.diagnosis for report in host.reports[before:])
    clear_up(host)


def test_a_watch_does_nothing_while_the_looks_come() -> None:
    host = started(Weather.BUSY)
    host.invoke(transition("orders", host.now))
    (state,) = host.states()
    looks = state.follow_up_number
    host.invoke(FollowUpDue(incident_id=state.incident_id, watch=True))
    assert host.reports[-1].outcome.status is Status.DUPLICATE
    assert "nothing to make up for" in host.reports[-1].outcome.reason
    (state,) = host.states()
    assert state.follow_up_number == looks


def test_watches_end_by_themselves_once_the_incident_is_closed_or_was_never_begun() -> None:
    host = started(Weather.BUSY)
    host.invoke(transition("orders", host.now))
    clear_up(host)
    host.pass_time(3 * 86_400)
    assert not host.schedules
    host.invoke(FollowUpDue(incident_id="inc-0123456789abcdef0123", watch=True))
    assert not host.schedules


def test_mode_plan_leaves_no_schedule_behind() -> None:
    host = started(Weather.BUSY)
    host.mode = Mode.PLAN
    host.invoke(transition("orders", host.now))
    assert not host.schedules


def test_a_record_that_cannot_be_read_is_come_back_to_ever_more_slowly() -> None:
    host = started(Weather.POISON)
    host.invoke(transition("orders", host.now))
    (state,) = host.states()
    host.unreadable = PermanentError("its record cannot be read")
    told, asked = len(host.notices), len(host.lived)
    host.pass_time(6 * 3600)
    looks = [look for look in host.lived[asked:] if not _is_watch(look.event)]
    assert len(looks) < 60
    notices = host.notices[told:]
    assert len(notices) == 1  # though two looks were asked for by then, and neither can be made
    assert all(state.incident_id in notice.text for notice in notices)
    assert all("could not be made" in notice.text for notice in notices)
    host.unreadable = None
    clear_up(host)


def test_what_is_come_back_to_under_one_name_is_the_look_that_is_due_by_then() -> None:
    """A person and an alarm's end meet somebody who died with the lease: each asks for a look of
    its own, and what cannot be made of them is come back to once."""
    host = started(Weather.BUSY)
    host.mode = Mode.PLAN  # no watch makes up for it
    host.invoke(transition("orders", host.now))
    host.mode = Mode.APPLY
    (state,) = host.states()
    undo = Rollback(incident_id=state.incident_id)
    host.invoke(undo, Fault(Kind.CRASH_BEFORE, 6))  # its lease stays
    host.invoke(undo)
    host.invoke(transition("orders", host.now, AlarmState.OK))
    host.invoke(undo)
    host.pass_time(1800)
    assert not host.states()[0].open
    clear_up(host)


def _is_watch(event: object) -> bool:
    return isinstance(event, FollowUpDue) and event.watch


@pytest.mark.parametrize("tries", range(12))
def test_the_pause_doubles_up_to_an_hour(tries: int) -> None:
    host = started(Weather.POISON)
    host.invoke(transition("orders", host.now))
    (state,) = host.states()
    host.schedules.clear()
    host.unreadable = PermanentError("its record cannot be read")
    host.invoke(FollowUpDue(incident_id=state.incident_id, number=2, tries=tries))
    ((at, payload),) = host.schedules.values()
    pause = (at - host.now).total_seconds()
    assert payload["tries"] == tries + 1
    assert min(pacing.SLOW_SECONDS, 240 * 2**tries) - 1 <= pause <= pacing.SLOW_SECONDS
