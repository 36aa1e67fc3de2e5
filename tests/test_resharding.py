"""A reshard that takes several looks: what is left of it is ruled on by the policy of now."""

from functools import partial

import pytest

from remediator.events.requests import Approve
from remediator.execution import RESHARD_PATIENCE
from remediator.model import RemedyName, ResourceKind, Status
from remediator.policy import Autonomy, Policy, RemedyPolicy
from tests.lives import BOUNDED, started, transition
from tests.small_account import Weather
from tests.small_lambda import Host

NO_FACTOR = {RemedyName.RAISE_PARALLELIZATION_FACTOR: RemedyPolicy(autonomy=Autonomy.OFF)}
NO_SPLIT = {**NO_FACTOR, RemedyName.SPLIT_SHARDS: RemedyPolicy(autonomy=Autonomy.OFF)}
OURS = BOUNDED.model_copy(update={"remedies": NO_FACTOR, "streams_of_ours": ("*",)})
SHARED = BOUNDED.model_copy(update={"remedies": NO_FACTOR})
OFF = BOUNDED.model_copy(update={"remedies": NO_SPLIT, "streams_of_ours": ("*",)})


def half_way(policy: Policy) -> Host:
    """The first shard is split, and took so long that the second one waits for the next look."""
    host = started(Weather.BUSY, policy)
    alarm = transition("orders", host.now)
    slow = partial(host.account.pass_time, RESHARD_PATIENCE.total_seconds() + 1)
    if policy is SHARED:
        host.invoke(alarm)
        approval = Approve(incident_id=alarm.incident_id, by="ada")
        number = calls_of(policy, "actuator.write", approved=True)
        host.invoke(approval, meanwhile={number: slow})
    else:
        host.invoke(alarm, meanwhile={calls_of(policy, "actuator.write"): slow})
    (state,) = host.states()
    assert (splits(host), len(state.going_on)) == (1, 1)
    return host


def calls_of(policy: Policy, name: str, *, approved: bool = False) -> int:
    """The number of a call in an invocation that nothing disturbs."""
    host = started(Weather.BUSY, policy)
    alarm = transition("orders", host.now)
    host.invoke(alarm)
    if approved:
        host.invoke(Approve(incident_id=alarm.incident_id, by="ada"))
    return host.lived[-1].calls.index(name) + 1


def splits(host: Host) -> int:
    ranges = host.account.pipelines["orders"].ranges
    return sum(setting.value == 2 for setting in ranges.values())


@pytest.mark.parametrize("policy", [OURS, SHARED], ids=["unasked", "approved"])
def test_the_rest_of_a_reshard_is_made_at_the_next_look(policy: Policy) -> None:
    host = half_way(policy)
    host.pass_time(180)
    assert splits(host) == 2


def test_the_rest_asks_a_person_once_the_stream_is_not_said_to_be_ours_any_more() -> None:
    host = half_way(OURS)
    host.policy = SHARED
    host.pass_time(180)
    (state,) = host.states()
    assert splits(host) == 1
    assert state.pending is not None
    (left,) = state.pending.awaiting_approval
    assert left.resource.kind is ResourceKind.HASH_RANGE
    assert Status.AWAITING_APPROVAL in {report.outcome.status for report in host.reports}


@pytest.mark.parametrize("policy", [OURS, SHARED], ids=["unasked", "approved"])
def test_the_rest_is_not_made_once_the_policy_forbids_it_though_a_person_has_approved(
    policy: Policy,
) -> None:
    host = half_way(policy)
    host.policy = OFF
    host.pass_time(180)
    assert splits(host) == 1
