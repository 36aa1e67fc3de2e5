"""How the ports are wired to what the environment and Lambda's context say."""

from datetime import UTC, datetime

import pytest

from remediator import wiring
from remediator.environment import Settings
from remediator.errors import InputError
from remediator.model import Mode
from remediator.wiring import Caller, Runtime
from tests.evidence import target

QUEUE = "arn:aws:sqs:eu-west-1:111122223333:quarantine"


@pytest.mark.parametrize(
    ("environ", "caller", "arn"),
    [
        pytest.param({"AWS_LAMBDA_FUNCTION_NAME": "us"}, None, "us", id="the runtime says"),
        pytest.param({}, "us", "us", id="the context says"),
        pytest.param({}, None, None, id="nobody does"),
    ],
)
def test_who_we_are_where_the_context_has_no_arn(
    environ: dict[str, str], caller: str | None, arn: str | None
) -> None:
    """A follow-up wakes this very function: without its ARN nothing may be changed."""
    runtime = Runtime(environ, lambda: datetime(2026, 11, 23, tzinfo=UTC), lambda _: None)
    found = wiring._own_arn(
        Settings(quarantine_queue_arn=QUEUE), Caller("request-1", None, caller), runtime
    )
    assert found == (arn and f"arn:aws:lambda:eu-west-1:111122223333:function:{arn}")


def test_each_attempt_of_one_request_is_a_lease_holder_of_its_own() -> None:
    """Lambda delivers an event again under its old request id, also while the first one runs."""
    environ = {"AWS_DEFAULT_REGION": "eu-west-1"}
    runtime = Runtime(environ, lambda: datetime(2026, 11, 23, tzinfo=UTC), lambda _: None)
    caller = Caller("request-1", None, "us")
    first, second = (wiring.runbook(Settings(), caller, runtime) for _ in range(2))
    assert first.holder != second.holder
    assert first.holder.startswith("request-1")


def test_where_functions_opt_in_by_a_tag_the_policy_says_so_and_never_the_other_way() -> None:
    told = {"REMEDIATOR_TAGGED_FUNCTIONS_ONLY": "yes"}
    settings = Settings.from_environment(told, needs_journal=False)
    assert wiring.policy_of(settings).tagged_functions_only
    with pytest.raises(InputError, match="expected no or yes, got 'true'"):
        Settings.from_environment({"REMEDIATOR_TAGGED_FUNCTIONS_ONLY": "true"}, needs_journal=False)


def test_one_stack_may_name_several_functions_and_patterns_and_plans_for_all_others() -> None:
    told = {"REMEDIATOR_TARGET_FUNCTION": "orders", "REMEDIATOR_TARGET_FUNCTION_3": "pay-*"}
    environ = {"AWS_DEFAULT_REGION": "eu-west-1"}
    runtime = Runtime(environ, lambda: datetime(2026, 11, 23, tzinfo=UTC), lambda _: None)
    settings = Settings.from_environment(told, needs_journal=False)
    runbook = wiring.runbook(settings, Caller("request-1", None), runtime)
    found = {
        name: runbook.opted_in(target().model_copy(update={"function": name}))
        for name in ("orders", "pay-in", "stock")
    }
    assert found == {"orders": True, "pay-in": True, "stock": False}


def test_a_second_stack_joins_the_first_ones_journal() -> None:
    told = {"REMEDIATOR_JOURNAL_TABLE": "mine", "REMEDIATOR_SHARED_JOURNAL": "the-first-ones"}
    assert Settings.from_environment(told).journal_table == "the-first-ones"


@pytest.mark.parametrize("told", ["9" * 5000, "1e3", "²", "-5", "0"])
def test_a_threshold_that_is_no_whole_number_of_seconds_is_refused_by_name(told: str) -> None:
    environ = {"REMEDIATOR_ITERATOR_AGE_THRESHOLD_SECONDS": told}
    with pytest.raises(InputError, match="THRESHOLD_SECONDS: expected whole seconds"):
        Settings.from_environment(environ, needs_journal=False)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("bucket", [None, "captured"])
def test_records_are_kept_only_where_there_is_a_bucket_and_never_in_mode_plan(
    mode: Mode, bucket: str | None
) -> None:
    now, environ = datetime(2026, 11, 23, tzinfo=UTC), {"AWS_DEFAULT_REGION": "eu-west-1"}
    runtime = Runtime(environ, lambda: now, lambda _: None)
    settings = Settings(mode=mode, quarantine_queue_arn=QUEUE, capture_bucket=bucket)
    made = wiring.runbook(settings, Caller("request-1", None, "us"), runtime)
    assert (made.keeper is not None) is (mode is Mode.APPLY and bucket is not None)
