"""One journal for an account and Region: who said so first has it, and everybody else changes
nothing."""

from datetime import timedelta
from typing import Any

import pytest

from lab.bridge.deployment import TEMPLATE
from remediator import wiring
from remediator.aws.claims import PATH, JournalClaims
from remediator.aws.clients import Clients
from remediator.aws.sensor import AwsSensor
from remediator.environment import Settings
from remediator.errors import PermanentError
from remediator.wiring import Caller, Runtime
from tests.aws.aws_world import NOW, Refused, World, kinesis_target
from tests.iam import CAPABILITIES


def say(world: World, *claims: tuple[str, str, int]) -> None:
    """What stacks say: their name, the journal, since how many minutes; one page each."""
    pages = [
        {"Name": f"{PATH}/{stack}", "Value": journal, "LastModifiedDate": NOW - ago}
        for stack, journal, minutes in claims
        for ago in [timedelta(minutes=minutes)]
    ]

    def page(asked: Any) -> Any:
        assert asked["Path"] == PATH
        at = int(asked.get("NextToken", 0))
        more = {"NextToken": str(at + 1)} if at + 1 < len(pages) else {}
        return {"Parameters": pages[at : at + 1], **more}

    world.fakes["ssm:GetParametersByPath"] = page


OURS = ("second", "ours", 5)
FIRST = ("first", "theirs", 90)


@pytest.mark.parametrize(
    ("claims", "other"),
    [
        pytest.param([], None, id="nobody says anything"),
        pytest.param([OURS], None, id="we alone do"),
        pytest.param([OURS, FIRST], "first", id="another was first"),
        pytest.param([FIRST], "first", id="another, and we say nothing"),
        pytest.param([OURS, ("later", "theirs", 1)], None, id="another came later"),
        pytest.param([OURS, ("first", "ours", 90)], None, id="we have joined the first one"),
        pytest.param(
            [OURS, ("abc", "theirs", 5)], "abc", id="at the same moment: the names decide"
        ),
    ],
)
def test_the_journal_that_was_said_first_is_the_accounts(
    aws: World, claims: list[tuple[str, str, int]], other: str | None
) -> None:
    say(aws, *claims)
    found = JournalClaims(aws.clients, "ours").other()
    assert (found and found.stack) == other


def test_that_it_is_ours_is_asked_once_and_that_it_is_anothers_each_time(aws: World) -> None:
    say(aws, FIRST, OURS)
    asked = JournalClaims(aws.clients, "ours")
    assert asked.other()
    say(aws, OURS)  # the other stack is gone
    assert asked.other() is None
    say(aws, ("later", "theirs", 0), OURS)
    del aws.fakes["ssm:GetParametersByPath"]
    aws.calls.clear()
    assert asked.other() is None
    assert not aws.calls


def test_what_cannot_be_read_keeps_nobody_from_acting_is_told_and_asked_again(
    aws: World, caplog: pytest.LogCaptureFixture
) -> None:
    def denied(_: Any) -> Any:
        raise Refused("AccessDeniedException", "not yours")

    asked = JournalClaims(aws.clients, "ours")
    aws.fakes["ssm:GetParametersByPath"] = denied
    with pytest.raises(PermanentError):
        asked.all()
    assert asked.other() is None
    assert "whose journal this account has cannot be read" in caplog.text
    say(aws, FIRST)
    assert asked.other()


def test_they_are_asked_for_in_one_breath_with_what_is_looked_at(aws: World) -> None:
    say(aws, FIRST)
    aws.function("consumer")
    uuid = aws.mapping(aws.stream("orders"))
    claims = JournalClaims(aws.clients, "ours")
    seen = AwsSensor(aws.clients, claims).read(kinesis_target(uuid), NOW, 600)
    assert [gap for gap in seen.gaps if "claims" in gap.reading] == []
    aws.calls.clear()
    assert claims.other()
    assert not aws.calls


def test_a_stack_of_before_looks_for_no_other_and_one_of_now_does(aws: World) -> None:
    say(aws, FIRST)

    def made(environ: dict[str, str]) -> Any:
        told = {"REMEDIATOR_JOURNAL_TABLE": "ours", "REMEDIATOR_MODE": "apply"}
        settings = Settings.from_environment(told | environ)
        runtime = Runtime(environ, lambda: NOW, lambda _: None)
        return wiring.runbook(settings, Caller("request", None), runtime, Clients(aws.session))

    assert made({}).other_journal() is None
    assert made({"REMEDIATOR_JOURNAL_CLAIM": f"{PATH}/second"}).other_journal().stack == "first"


def test_template_role_and_code_name_the_same_path() -> None:
    (resource,) = CAPABILITIES["ReadJournalClaims"]["resources"]
    assert resource.endswith(f":parameter{PATH}")
    name = f"Name: !Sub {PATH}/${{AWS::StackName}}\n"
    assert name in TEMPLATE.read_text(encoding="utf-8")
