"""What shows of a change: the whole minutes since it is there, and no others."""

from typing import Any

import pytest

from remediator.decide.effects import Effect, effect
from remediator.evidence.metrics import Metric
from remediator.model import Change, Evidence
from tests.evidence import MINUTES, NOW, evidence
from tests.watching import (
    DEFAULTS,
    FUNCTION_CHANGE,
    ISOLATING,
    MAPPING_CHANGE,
    after_an_undo,
    shown,
    signals,
    state,
)


def published(*minutes_ago: int, **said: Any) -> Evidence:
    """Invocations in those minutes alone; the stream's metrics are all there."""
    counts = [0.0] * MINUTES
    for ago in minutes_ago:
        counts[-ago] = 60.0
    return evidence(invocations=counts, **said)


def seen_of(change: Change, made_seconds_ago: float, of: Evidence) -> Effect:
    return effect(state(made_seconds_ago, change), of, NOW, DEFAULTS)


@pytest.mark.parametrize(
    ("change", "made_seconds_ago", "of", "minutes"),
    [
        pytest.param(MAPPING_CHANGE, 280, published(*range(6, 30)), 0, id="it stands still"),
        pytest.param(MAPPING_CHANGE, 280, published(1, *range(6, 30)), 0, id="back this minute"),
        pytest.param(MAPPING_CHANGE, 280, published(1, 2, *range(6, 30)), 1, id="one whole minute"),
        pytest.param(MAPPING_CHANGE, 280, published(1, 2, 3, 4, *range(6, 30)), 3, id="back soon"),
        pytest.param(
            MAPPING_CHANGE, 280, published(1, 2, mapping_state="Updating"), 0, id="not Enabled yet"
        ),
        pytest.param(FUNCTION_CHANGE, 150, evidence(), 1, id="a reservation restarts nothing"),
        pytest.param(FUNCTION_CHANGE, 20, evidence(), 0, id="made this minute"),
    ],
)
def test_a_change_shows_in_the_whole_minutes_since_it_is_there(
    change: Change, made_seconds_ago: float, of: Evidence, minutes: int
) -> None:
    assert seen_of(change, made_seconds_ago, of).minutes == minutes


def test_what_began_since_a_write_counts_from_the_next_minute_on() -> None:
    """In that of the write, and before it, it was none of its doing."""
    failing = published(1, 2, 4, *range(5, 30), errors=[60.0] * MINUTES)
    assert seen_of(MAPPING_CHANGE, 280, failing).failed == (180.0, 180.0)


def test_what_shows_is_of_those_minutes_alone() -> None:
    failing = published(1, 2, 3, *range(6, 30), errors=[60.0] * (MINUTES - 3) + [0.0] * 3)
    seen = seen_of(MAPPING_CHANGE, 280, failing)
    assert seen.signals.error_share == 0
    assert any(failing.metrics[Metric.ERRORS].values)


def test_what_was_taken_back_does_not_show_in_what_is_left() -> None:
    """Errors of the many lanes are none of the reservation's."""
    failing = published(1, 2, 3, *range(7, 30), errors=[60.0] * (MINUTES - 3) + [0.0] * 3)
    seen = effect(after_an_undo(340), failing, NOW, DEFAULTS)
    assert [t.change for t in seen.levers] == [FUNCTION_CHANGE]
    assert (seen.minutes, seen.signals.error_share, seen.overdue) == (2, 0, False)
    assert not effect(after_an_undo(20), failing, NOW, DEFAULTS).shows


@pytest.mark.parametrize(
    ("change", "minutes", "clear"),
    [
        pytest.param(MAPPING_CHANGE, 2, False, id="too few"),
        pytest.param(MAPPING_CHANGE, 3, True, id="lanes work at once or not at all"),
        pytest.param(
            ISOLATING, 5, False, id="a record is tried again and again before it is alone"
        ),
    ],
)
def test_when_it_is_clear_that_a_change_does_nothing(
    change: Change, minutes: int, clear: bool
) -> None:
    assert shown(signals(900), minutes, change).clear is clear


def test_long_after_a_change_all_of_it_is_there_whatever_shows() -> None:
    assert seen_of(MAPPING_CHANGE, 600, published()).clear
    assert not seen_of(MAPPING_CHANGE, 300, published()).clear
