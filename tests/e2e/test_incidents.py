"""Whole incidents on an AWS that nobody here wrote: alarm → topic → function → mapping → back."""

import json

import pytest

from lab.plant import MappingSettings
from tests.e2e.day import CONSUMER, STREAM
from tests.e2e.days import (
    A_RESTART_IS_NO_ALARM,
    FACTOR,
    alarmed,
    nothing_is_left,
    poisoned_day,
    slow_day,
)
from tests.e2e.ministack import MiniStack
from tests.e2e.operator import Operator
from tests.e2e.stack import remove

FREEZE = "/remediator/freeze"
# What doctor asks about, and the endpoint leaves out: reservations, and conditions of policies.
NOT_TOLD_HERE = {"function", "permissions"}
ASKS = b"version: 1\nremedies:\n  raise_parallelization_factor: {autonomy: approve}\n"


def test_a_poison_record_is_isolated_first_then_captured_then_all_is_put_back(
    aws: MiniStack, code: dict[str, bytes]
) -> None:
    operator = Operator(aws, code, CONSUMER, **A_RESTART_IS_NO_ALARM)
    day = alarmed(poisoned_day(aws))
    was = MappingSettings(batch_size=50, batching_window_seconds=10)

    assert day.settings().bisect_on_error
    assert day.settings().maximum_retry_attempts == -1, "good records may be in the batch"
    day.pass_until(lambda: day.settings().maximum_retry_attempts >= 0, 10)
    assert day.settings().on_failure_destination == operator.outputs["QuarantineQueueArn"]
    day.pass_until(lambda: day.settings() == was, 60)

    records = day.world.ledger(day.mapping)
    assert (records.captured, records.discarded, records.expired) == (1, 0, 0)
    assert nothing_is_left(operator, day)


def test_the_consumer_of_a_tables_stream_is_widened_and_put_back_too(
    aws: MiniStack, code: dict[str, bytes]
) -> None:
    operator = Operator(aws, code, CONSUMER, **A_RESTART_IS_NO_ALARM)
    day = alarmed(slow_day(aws, of_a_table=True))

    assert day.setting(FACTOR) > 1
    day.pass_until(lambda: day.setting(FACTOR) == 1, 40)

    assert nothing_is_left(operator, day)


def test_nothing_is_changed_while_somebody_has_frozen_it(
    aws: MiniStack, code: dict[str, bytes]
) -> None:
    aws.ssm.put_parameter(Name=FREEZE, Value="on: a release is under way", Type="String")
    operator = Operator(aws, code, CONSUMER, FreezeParameter=FREEZE, **A_RESTART_IS_NO_ALARM)
    day = alarmed(slow_day(aws))

    assert day.setting(FACTOR) == 1
    assert operator.run("freeze", "--reason", "wait for me").returncode == 0
    aws.ssm.put_parameter(Name=FREEZE, Value="off", Type="String", Overwrite=True)
    for _ in range(3):
        day.minute()
    assert day.setting(FACTOR) == 1
    assert operator.run("unfreeze").returncode == 0
    day.pass_until(lambda: day.setting(FACTOR) > 1, 10)


def test_beside_another_stacks_journal_nothing_is_changed_until_that_stack_is_gone(
    aws: MiniStack, code: dict[str, bytes]
) -> None:
    first = "/remediator/journals/first"
    aws.ssm.put_parameter(Name=first, Value="its-journal", Type="String")
    operator = Operator(aws, code, CONSUMER, **A_RESTART_IS_NO_ALARM)
    day = alarmed(slow_day(aws))

    assert day.setting(FACTOR) == 1
    assert "SharedJournal=its-journal" in operator.pasted("report").stdout
    aws.ssm.delete_parameter(Name=first)
    day.pass_until(lambda: day.setting(FACTOR) > 1, 10)


def test_what_asks_first_is_made_by_the_command_of_its_message(
    aws: MiniStack, code: dict[str, bytes]
) -> None:
    code |= {"policies/asks.yml": ASKS}
    operator = Operator(
        aws, code, CONSUMER, PolicyFile="policies/asks.yml", **A_RESTART_IS_NO_ALARM
    )
    day = alarmed(slow_day(aws))

    assert day.setting(FACTOR) == 1
    (aws.folder / "asks.yml").write_bytes(ASKS)
    assert operator.pasted("approve", "--yes", "--policy", "asks.yml").returncode == 0
    assert day.setting(FACTOR) > 1


def test_a_newcomer_deploys_is_told_reads_takes_it_back_and_leaves(
    aws: MiniStack, code: dict[str, bytes]
) -> None:
    operator = Operator(aws, code, CONSUMER, **A_RESTART_IS_NO_ALARM)
    day = slow_day(aws)
    day.minute()
    operator.opt_in(CONSUMER, STREAM)
    checks = json.loads(operator.run("doctor", "--format", "json").stdout)
    ailing = {check for check, seen in checks.items() if seen["health"] != "ok"}
    assert ailing <= NOT_TOLD_HERE, checks

    alarmed(day)
    assert day.setting(FACTOR) > 1

    assert "parallelization_factor 1 →" in operator.pasted("report").stdout
    assert operator.pasted("rollback", "--yes").returncode == 0
    assert day.setting(FACTOR) == 1
    assert nothing_is_left(operator, day)

    assert operator.run("uninstall").returncode == 0
    remove(aws)
    kept = aws.dynamodb.describe_table(TableName=operator.outputs["JournalTable"])["Table"]
    assert kept["ItemCount"] > 0, "what was changed outlives the stack"
    assert aws.sqs.get_queue_attributes(QueueUrl=operator.outputs["QuarantineQueueUrl"])
    with pytest.raises(aws.lambda_.exceptions.ResourceNotFoundException):
        aws.lambda_.get_function(FunctionName=operator.outputs["FunctionName"])


# --- everybody held to their policies ------------------------------------------------------------


def test_a_slow_consumer_is_widened_watched_and_put_back_by_the_shipped_role(
    strict_aws: MiniStack, code: dict[str, bytes]
) -> None:
    operator = Operator(strict_aws, code, CONSUMER, **A_RESTART_IS_NO_ALARM)
    day = alarmed(slow_day(strict_aws))

    assert day.setting(FACTOR) > 1
    day.pass_until(lambda: day.alarm() == "OK", 10)
    day.pass_until(lambda: day.setting(FACTOR) == 1, 30)

    assert nothing_is_left(operator, day)
    assert len(operator.told()) == 3, "acted, recovered, put back"


@pytest.mark.parametrize("action", ["dynamodb:*", "scheduler:CreateSchedule"])
def test_what_could_not_be_remembered_or_looked_at_again_is_not_changed(
    strict_aws: MiniStack, code: dict[str, bytes], action: str
) -> None:
    operator = Operator(strict_aws, code, CONSUMER, **A_RESTART_IS_NO_ALARM)
    operator.forbid(action)
    day = alarmed(slow_day(strict_aws))

    assert day.setting(FACTOR) == 1
    assert any("AccessDenied" in line for line in day.failures())
