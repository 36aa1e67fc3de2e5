"""The freeze switch: whatever it says but a plain "off" stops the changes."""

import pytest

from remediator.aws.switch import FreezeSwitch
from remediator.errors import PermanentError, TemporaryError
from tests.aws.aws_world import World

NAME = "/remediator/freeze"


@pytest.fixture
def switch(aws: World) -> FreezeSwitch:
    return FreezeSwitch(aws.clients, NAME)


def put(aws: World, value: str) -> None:
    aws.clients.ssm.put_parameter(Name=NAME, Value=value, Type="String", Overwrite=True)


@pytest.mark.parametrize("value", ["off", " OFF ", "off: nothing going on"])
def test_off_lets_changes_be_made(aws: World, switch: FreezeSwitch, value: str) -> None:
    put(aws, value)
    assert switch.frozen() is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [("on", "no reason given"), ("on: big sale: hands off", "big sale: hands off"), ("ON:x", "x")],
)
def test_on_stops_them_and_says_why(
    aws: World, switch: FreezeSwitch, value: str, reason: str
) -> None:
    put(aws, value)
    freeze = switch.frozen()
    assert freeze is not None
    assert (freeze.scope, freeze.reason) == ("all", reason)
    assert NAME in freeze.by
    assert freeze.at.tzinfo is not None


def test_each_look_is_a_new_one(aws: World, switch: FreezeSwitch) -> None:
    put(aws, "off")
    assert switch.frozen() is None
    put(aws, "on")
    assert switch.frozen() is not None


@pytest.mark.parametrize("value", ["offf", "true", "o n", ": x"])
def test_an_unclear_switch_is_no_off(aws: World, switch: FreezeSwitch, value: str) -> None:
    put(aws, value)
    with pytest.raises(PermanentError, match="expected 'off', 'on'"):
        switch.frozen()


def test_a_switch_that_is_not_there_is_no_off(switch: FreezeSwitch) -> None:
    with pytest.raises(PermanentError) as caught:
        switch.frozen()
    assert caught.value.code == "ParameterNotFound"


def test_a_switch_that_may_not_be_read_names_the_missing_action(
    aws: World, switch: FreezeSwitch
) -> None:
    aws.deny("ssm:GetParameter")
    with pytest.raises(PermanentError) as caught:
        switch.frozen()
    assert caught.value.permission == "ssm:GetParameter"


def test_a_switch_that_cannot_be_read_now_may_be_read_later(
    aws: World, switch: FreezeSwitch
) -> None:
    aws.refuse("ssm:GetParameter", "ThrottlingException")
    with pytest.raises(TemporaryError):
        switch.frozen()
