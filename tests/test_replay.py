"""Saved evidence in place of AWS: it answers for its own target, and has no hands."""

import subprocess
import sys
from datetime import timedelta

import pytest

from remediator import replay, wiring
from remediator.errors import InputError, PermanentError
from remediator.evidence.metrics import Metric
from remediator.model import Incident, Resource, ResourceKind, Series, Status, Watched
from remediator.policy import Policy
from remediator.replay import NoActuator, SavedSensor
from tests.evidence import MAPPING, NOW, bundle, evidence, slow_consumer

RESOURCE = Resource(kind=ResourceKind.EVENT_SOURCE_MAPPING, id=MAPPING)
INCIDENT = Incident(incident_id="inc-1", at=NOW, watched=Watched(function="orders"))


def test_the_saved_evidence_is_all_that_is_seen() -> None:
    saved = evidence()
    sensor = SavedSensor(saved)
    later = NOW + timedelta(days=1)
    assert sensor.find_targets(Watched(function="another"), later) == (saved.target,)
    assert sensor.read(saved.target, later, 60) is saved
    assert sensor.describe_alarms(["database-busy"]) == ()
    assert sensor.destination_exists("arn:aws:sqs:eu-west-1:111122223333:quarantine") is None


def test_nothing_can_be_read_or_changed_behind_it() -> None:
    hands = NoActuator()
    with pytest.raises(PermanentError, match="cannot be read"):
        hands.read(RESOURCE, ["parallelization_factor"])
    with pytest.raises(PermanentError, match="cannot be changed"):
        hands.write(RESOURCE, {"parallelization_factor": 2})
    assert hands.settled(RESOURCE)


@pytest.mark.parametrize("told", [(0, 0), (1, 0), (0, 1, 1, 2)])
def test_a_series_that_is_out_of_step_is_refused_with_the_point_that_is(told: list[int]) -> None:
    """No AWS tells a minute twice or going back, and what is computed takes that as given."""
    saved = bundle(slow_consumer())
    minutes = [NOW - timedelta(minutes=10 - at) for at in told]
    age = Series(points=tuple((at, 90_000.0) for at in minutes))
    metrics = {**saved.evidence.metrics, Metric.ITERATOR_AGE_MS: age}
    spoilt = saved.evidence.model_copy(update={"metrics": metrics})
    wrong = next(n for n in range(1, len(told)) if told[n] <= told[n - 1])
    where = rf"evidence\.metrics\.iterator_age_ms\.points\.{wrong}\.0: expected a later time"
    with pytest.raises(InputError, match=where):
        replay.bundle(bundle(spoilt).model_dump_json(), "b.json")


def test_a_plan_offline_is_made_at_the_time_of_the_evidence() -> None:
    report = wiring.offline(bundle(slow_consumer()), Policy(), None).respond(INCIDENT)
    assert (report.at, report.outcome.status) == (NOW, Status.PLANNED)


def test_a_downstream_alarm_is_not_seen_offline_so_nothing_is_raised() -> None:
    policy = Policy(downstream_alarms=("database-busy",))
    report = wiring.offline(bundle(slow_consumer()), policy, None).respond(INCIDENT)
    assert report.outcome.status is Status.BLOCKED
    assert "database-busy could not be seen" in report.outcome.reason


def test_the_function_needs_nothing_that_only_people_need() -> None:
    loads = "import sys, remediator.handler; print({'rich', 'typer'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"
