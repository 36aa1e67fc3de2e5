"""The remediator as it ships, in the worlds in which it may be wrong or do harm."""

import pytest

from lab import scores
from lab.baselines import Strategy
from lab.bridge import remediator
from lab.play import staged
from lab.run import Job, incident
from lab.scenarios import WILD

# One seed of each in every run; more seeds, of all of them, in the long one.
ANSWERED = (
    "broken_for_one_stream",
    "poison_first_of_its_batch",
    "poison_with_a_topic_or_bucket",
    "poison_with_a_useless_destination",
    "destination_breaks_later",
    "provisioned_for_another",
    "half_empty_small_account",
    "reservation_put_back",
    "restart_would_drop",
    "untagged_stream_expiry_near",
    "unlisted_aggregating_consumer",
    "record_age_drops",
    "own_fan_out",
    "poison_in_a_tumbling_window",
    "idle_stream_age_spike",
    "table_stream_spikes",
    "early_or_late_metrics",
    "lost_minutes_of_errors",
)


@pytest.mark.parametrize("name", ANSWERED)
def test_the_remediator_is_right_and_harms_nobody_in_a_wild_world(name: str) -> None:
    assert scores.misses(incident(Job(name, 0, ("nothing", "remediator")))) == []


@pytest.mark.parametrize("name", ["own_fan_out", "poison_with_a_topic_or_bucket"])
def test_the_lab_knows_every_call_that_the_remediator_makes(name: str) -> None:
    stage = staged(WILD[name], 0, Strategy(name="remediator", what=""), remediator)
    stage.rehearsal.run_until(1500)
    assert stage.rehearsal.calls
    assert stage.rehearsal.unsupported == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", WILD)
def test_the_remediator_is_right_in_every_wild_world(name: str, seed: int) -> None:
    assert scores.misses(incident(Job(name, seed, ("nothing", "remediator")))) == []
