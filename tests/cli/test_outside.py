"""The real outside: this process's own environment, clock and AWS."""

from datetime import UTC, datetime

import pytest

from remediator.cli.outside import Outside, Place, open_office
from remediator.errors import PermanentError
from tests.cli.clerk import outside, run


def test_time_is_now_and_in_utc() -> None:
    before, now, after = datetime.now(UTC), Outside.real().clock(), datetime.now(UTC)
    assert now.tzinfo is UTC
    assert before <= now <= after


def test_somebody_is_named_as_the_one_who_acts() -> None:
    assert Outside.real().user


def test_a_profile_that_is_not_there_is_told_with_what_to_do() -> None:
    world = outside(Outside.real().clients)
    answer = run("plan", "--function", "orders", "--profile", "nobody-has-this", world=world)
    assert answer.exit_code == 1
    assert "nobody-has-this" in answer.stderr
    assert "aws configure list-profiles" in answer.stderr


def test_a_profile_that_is_not_there_raises_what_the_commands_understand() -> None:
    with pytest.raises(PermanentError, match="nobody-has-this"):
        open_office(outside(Outside.real().clients), Place(profile="nobody-has-this"))
