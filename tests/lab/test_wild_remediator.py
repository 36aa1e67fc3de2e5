"""The remediator as it ships, in the worlds in which it may be wrong or do harm."""

import pytest

from lab import scores
from lab.baselines import Strategy
from lab.bridge import remediator
from lab.play import staged
from lab.run import Job, incident
from lab.scenarios import WILD
from remediator.model import Cause

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


@pytest.mark.parametrize("seed", [12, 19, 22])
def test_lanes_that_bring_down_what_stands_behind_go_back_before_anything_else_is_tried(
    seed: int,
) -> None:
    """What they begin fails, or hangs until its timeout: no record is to blame, nor its batch."""
    nothing, ours = incident(Job("pushed_with_few_lanes", seed, ("nothing", "remediator")))
    assert [change.setting for change in ours.changes] == ["parallelization_factor"] * 2
    assert ours.changes[1].after == ours.changes[0].before
    assert ours.said_cause == Cause.DOWNSTREAM_SATURATED
    assert ours.captured_good == ours.lost == nothing.lost == 0
    assert ours.recovered_at_seconds is not None


# What no mechanism mends, by name and seed (docs/proof.md, limits).
LIMITS = {
    ("pushed_with_few_lanes", 0): "that two more calls at once are too many shows only with them: "
    "to try it and to take it back costs two restarts",
}


EVERY = [
    pytest.param(
        *(name, seed),
        marks=[pytest.mark.xfail(strict=True, reason=LIMITS[name, seed])]
        if (name, seed) in LIMITS
        else [],
    )
    for name in WILD
    for seed in range(3)
]


@pytest.mark.long
@pytest.mark.parametrize(("name", "seed"), EVERY)
def test_the_remediator_is_right_in_every_wild_world(name: str, seed: int) -> None:
    assert scores.misses(incident(Job(name, seed, ("nothing", "remediator")))) == []


@pytest.mark.parametrize(("name", "seed"), LIMITS)
def test_what_is_a_limit_costs_time_and_nothing_else(name: str, seed: int) -> None:
    """The smallest step is tried, and taken back; nobody is harmed by it."""
    episodes = incident(Job(name, seed, ("nothing", "remediator")))
    (line,) = scores.misses(episodes)
    assert line.startswith(f"{name} seed {seed}: recovered ")
    raised, back = episodes[1].changes
    assert (raised.before, raised.after, back.after) == (1, 2, 1)
    assert back.at_seconds - raised.at_seconds < 360
