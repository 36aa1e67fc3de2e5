"""Values in words."""

from datetime import UTC, datetime

import pytest

from remediator.model import Value
from remediator.render.words import duration, moment, name, number, setting


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.6, "1 min"),
        (45, "45 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (7800, "2 h 10 min"),
        (86_400, "1 d"),
        (90_000, "1 d 1 h"),
        (90_061, "1 d 1 h"),
        (-30, "-30 s"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_duration_that_is_not_known_is_said_as_asked() -> None:
    assert (duration(None), duration(None, "never")) == ("", "never")


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "not set"), (0, "0"), (-1, "-1"), (True, "on"), (False, "off"), ("arn:x", "arn:x")],
)
def test_not_set_differs_from_zero(value: Value, said: str) -> None:
    assert setting(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, ""), (0, "0"), (0.1, "0.1"), (1234.56, "1,235"), (2_500_000, "2,500,000")],
)
def test_numbers_keep_four_digits(value: float | None, said: str) -> None:
    assert number(value) == said


def test_a_moment_is_in_utc() -> None:
    assert moment(datetime(2026, 11, 23, 9, 5, 7, tzinfo=UTC)) == "2026-11-23 09:05:07 UTC"
    assert moment(None) == ""


def test_names_lose_their_underscores() -> None:
    assert name("slow_consumer") == "slow consumer"
