"""What AWS refuses is a fact of the incident: it is not asked again, and what is planned is new."""

from datetime import timedelta

from remediator.decide import refusals
from remediator.errors import PermanentError
from remediator.events.requests import Approve
from remediator.model import RemedyName, Resource, Status, Value
from remediator.policy import Autonomy, RemedyPolicy
from remediator.state import ChangeState
from tests.histories import NOW
from tests.lives import BOUNDED, alarmed, factor, look, started, state_of
from tests.small_account import Weather
from tests.small_lambda import Host

LANES = RemedyName.RAISE_PARALLELIZATION_FACTOR
ASKED = BOUNDED.model_copy(
    update={"remedies": {LANES: RemedyPolicy(autonomy=Autonomy.APPROVE)}},
)
NO_RIGHT = "the role does not have permissions to call SendMessage on the destination"


def refusing(host: Host, setting: str, said: str) -> list[Value]:
    """AWS refuses whatever would set it; what was wanted."""
    wanted: list[Value] = []

    def refuse(_: Resource, values: dict[str, Value]) -> None:
        if setting in values:
            wanted.append(values[setting])
            raise PermanentError(said, code="InvalidParameterValueException")

    host.watch_write = refuse  # type: ignore[assignment]
    return wanted


def test_what_aws_refuses_is_not_tried_again_and_the_next_lever_is_planned_at_once() -> None:
    host = started(Weather.BUSY)
    wanted = refusing(host, "parallelization_factor", "not for this source")
    incident = alarmed(host)
    told = host.reports[-1]
    assert told.outcome.status is Status.AWAITING_APPROVAL
    assert {change.remedy for change in told.plan.changes} == {RemedyName.SPLIT_SHARDS}
    assert any("not for this source" in note for note in told.notes)
    for _ in range(3):
        look(host, incident)
    assert len(wanted) == 1
    assert factor(host) == 1


def test_an_approved_plan_that_aws_refuses_is_planned_anew_in_the_same_look() -> None:
    host = started(Weather.BUSY, ASKED)
    wanted = refusing(host, "parallelization_factor", "not for this source")
    incident = alarmed(host)
    host.invoke(Approve(incident_id=incident, by="ada"))
    assert len(wanted) == 1
    pending = state_of(host, incident).pending
    assert pending is not None
    assert LANES not in {change.change.remedy for change in pending.changes}


def test_a_destination_that_aws_refuses_takes_nothing_for_an_hour() -> None:
    host = started(Weather.POISON)
    wanted = refusing(host, "maximum_retry_attempts", NO_RIGHT)
    incident = alarmed(host)
    host.pass_time(1800)
    assert len(wanted) == 1
    known = state_of(host, incident)
    at = max(tracked.at for tracked in known.changes if tracked.refused_as)
    assert refusals.uncaptured(known, at + timedelta(minutes=59))
    assert not refusals.uncaptured(known, at + timedelta(hours=1))
    assert not refusals.uncaptured(None, NOW)


def test_what_a_freeze_holds_back_is_no_refusal_of_awss() -> None:
    host = started(Weather.BUSY)
    incident = alarmed(host)
    known = state_of(host, incident)
    held = tuple(t.model_copy(update={"state": ChangeState.ABANDONED}) for t in known.changes)
    frozen = known.model_copy(update={"changes": held})
    refused = tuple(t.model_copy(update={"refused_as": "AccessDenied"}) for t in held)
    assert refusals.taught(frozen, host.now) is None
    taught = refusals.taught(frozen.model_copy(update={"changes": refused}), host.now)
    assert taught is not None
    assert taught.tried == (LANES,)
    assert refusals.taught(taught, host.now) is None


def test_what_was_made_beside_what_aws_refused_is_told_before_anything_else_is_planned() -> None:
    """An answer that only asks for the next lever would leave a change of ours unsaid."""
    host = started(Weather.OLD)
    wanted = refusing(host, "parallelization_factor", "not for this source")
    incident = alarmed(host)
    told = host.reports[-1].outcome
    assert told.status is Status.PARTLY_APPLIED
    assert {result.change.setting for result in told.results if result.in_effect} == {
        "retention_hours"
    }
    assert "not for this source" in told.reason
    look(host, incident)
    assert len(wanted) == 1
