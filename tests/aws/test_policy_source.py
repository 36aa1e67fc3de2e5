"""The policy from outside of the artifact: validated, the last good one kept, and never a crash."""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from remediator import wiring
from remediator.aws import policy_source
from remediator.aws.policy_source import PolicyKeeper
from remediator.environment import Settings
from remediator.model import Mode
from remediator.policy import Policy
from tests.aws.aws_world import NOW, Refused, World

PARAMETER = "/remediator/policy"
CONFIGURATION = "orders/production/guardrails"
FOUR = "limits: {parallelization_factor: 4}\n"


class Source:
    """One source of policies, as AWS answers for it now."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.text: str | None = None
        self.error: str | None = None
        world.fakes |= {
            "ssm:GetParameter": self._parameter,
            "appconfigdata:StartConfigurationSession": self._session,
            "appconfigdata:GetLatestConfiguration": self._configuration,
        }

    def says(self, text: str) -> None:
        """A person has changed it, and the minute is over."""
        self.text, self.error = text, None
        self._forget()

    def fails(self, code: str) -> None:
        self.error = code
        self._forget()

    def _forget(self) -> None:
        provider = policy_source.keeper(self.world.clients, self.name)._provider
        if provider is not None:
            provider.clear_cache()

    def _found(self) -> str:
        if self.error is not None:
            raise Refused(self.error, "no")
        assert self.text is not None
        return self.text

    def _parameter(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        assert asked["Name"] == PARAMETER
        return {"Parameter": {"Name": PARAMETER, "Value": self._found()}}

    def _session(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        assert (
            asked["ApplicationIdentifier"],
            asked["EnvironmentIdentifier"],
            asked["ConfigurationProfileIdentifier"],
        ) == tuple(CONFIGURATION.split("/"))
        return {"InitialConfigurationToken": "first"}

    def _configuration(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        body = io.BytesIO(self._found().encode())
        return {"Configuration": body, "NextPollConfigurationToken": "next"}


@pytest.fixture(params=[PARAMETER, CONFIGURATION], ids=["ssm", "appconfig"])
def source(request: pytest.FixtureRequest) -> Source:
    return Source(World(), request.param)


def rules(source: Source, **said: Any) -> tuple[Policy, Any]:
    """The policy that holds, and what a report says of it."""
    field = "policy_parameter" if source.name == PARAMETER else "policy_configuration"
    settings = Settings(**{field: source.name}, **said)
    return wiring.rules(settings, source.world.clients)


def test_the_policy_is_what_stands_at_its_source(source: Source) -> None:
    source.says(FOUR)
    policy, told = rules(source)
    assert policy.limits.parallelization_factor == 4
    assert (told.file, told.problem) == (source.name, "")
    assert told.sha256 == hashlib.sha256(FOUR.encode()).hexdigest()


def test_a_change_holds_without_a_build_and_is_asked_for_once_a_minute(source: Source) -> None:
    source.says(FOUR)
    rules(source)
    source.world.calls.clear()
    rules(source)
    assert source.world.calls == []
    source.says(FOUR.replace("4", "5"))
    assert rules(source)[0].limits.parallelization_factor == 5


@pytest.mark.parametrize("text", ["limits: {parallelization_factor: many}", "a: [", "  \n", "[]"])
def test_what_cannot_be_understood_changes_nothing_and_says_why(source: Source, text: str) -> None:
    source.says(FOUR)
    rules(source)
    source.says(text)
    policy, told = rules(source, mode=Mode.APPLY)
    assert (policy.limits.parallelization_factor, policy.mode) == (4, Mode.APPLY)
    assert source.name in told.problem
    source.says(FOUR.replace("4", "6"))
    policy, told = rules(source, mode=Mode.APPLY)
    assert (policy.limits.parallelization_factor, told.problem) == (6, "")


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "Unheard"])
def test_what_cannot_be_read_changes_nothing_and_says_why(source: Source, code: str) -> None:
    source.says(FOUR)
    rules(source)
    source.fails(code)
    policy, told = rules(source, mode=Mode.APPLY)
    assert (policy.limits.parallelization_factor, policy.mode) == (4, Mode.APPLY)
    assert told.problem != ""


def test_where_none_was_ever_good_nothing_is_changed(source: Source) -> None:
    source.fails("AccessDeniedException")
    policy, told = rules(source, mode=Mode.APPLY)
    assert policy.mode is Mode.PLAN
    assert told.file == "policies/guardrails.yml"
    assert told.problem.endswith("until it can be read the mode is plan")


def test_a_parameter_stands_in_the_place_of_what_the_source_says(source: Source) -> None:
    source.says("mode: plan\n")
    policy, _ = rules(source, mode=Mode.APPLY, iterator_age_threshold_seconds=90)
    assert (policy.mode, policy.thresholds.alarm_seconds) == (Mode.APPLY, 90)


def test_offline_the_file_holds() -> None:
    policy, told = wiring.rules(Settings(policy_parameter=PARAMETER))
    assert (policy.version, told.file, told.problem) == (1, "policies/guardrails.yml", "")


@pytest.mark.parametrize("name", ["orders", "orders/production", "a/b/c/d"])
def test_a_source_that_is_none_is_told_and_is_no_crash(name: str) -> None:
    found = PolicyKeeper(World().clients, name).current()
    assert found.loaded is None
    assert name in found.problem


def test_a_runbook_works_under_it() -> None:
    source = Source(World(), PARAMETER)
    source.says(FOUR)
    settings = Settings(policy_parameter=PARAMETER)
    runtime = wiring.Runtime({}, lambda: NOW, lambda _: None)
    desk = wiring.runbook(settings, wiring.Caller("r", None), runtime, source.world.clients)
    assert desk.policy.limits.parallelization_factor == 4
    assert desk.deployment.policy_source is not None
    assert desk.deployment.policy_source.file == PARAMETER


def test_a_file_of_other_line_ends_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "policy.yml"
    file.write_bytes(FOUR.replace("\n", "\r\n").encode())
    _, told = wiring.rules(Settings(policy_file=file))
    assert told.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
