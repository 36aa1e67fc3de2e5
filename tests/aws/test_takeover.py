"""The writer of a takeover: one step a call, every setting copied, and never two that read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from remediator.arns import successor_name
from remediator.aws.takeover import TakeoverWriter
from remediator.errors import PermanentError, TemporaryError
from remediator.execution.takeover import Parts, Step, through_fan_out, written
from tests.aws.aws_world import ACCOUNT, NOW, REGION, World

OLD, NEW = "0a1b2c3d-0000-4000-8000-000000000001", "0a1b2c3d-0000-4000-8000-000000000002"
STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders"
NAME = f"{STREAM}/consumer/{successor_name(OLD)}"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:consumer:live"
BEGINS = datetime(2026, 11, 23, 11, tzinfo=UTC)
GOAL = through_fan_out(BEGINS)
SETTINGS: Mapping[str, Any] = {
    "BatchSize": 250,
    "BisectBatchOnFunctionError": True,
    "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-west-1:1:failed"}},
    "FilterCriteria": {"Filters": [{"Pattern": "{}"}]},
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "KMSKeyArn": "arn:aws:kms:eu-west-1:1:key/a",
    "MaximumBatchingWindowInSeconds": 5,
    "MaximumRecordAgeInSeconds": 3600,
    "MaximumRetryAttempts": 7,
    "MetricsConfig": {"Metrics": ["EventCount"]},
    "ParallelizationFactor": 4,
}
WRITES: Mapping[Step, str] = {
    Step.REGISTER: "kinesis:RegisterStreamConsumer",
    Step.CREATE: "lambda:CreateEventSourceMapping",
    Step.STOP_OLD: "lambda:UpdateEventSourceMapping",
    Step.START_NEW: "lambda:UpdateEventSourceMapping",
    Step.STOP_NEW: "lambda:UpdateEventSourceMapping",
    Step.START_OLD: "lambda:UpdateEventSourceMapping",
    Step.DELETE: "lambda:DeleteEventSourceMapping",
    Step.DEREGISTER: "kinesis:DeregisterStreamConsumer",
}


class Account:
    """Old and new mapping, each in the state that is said; every write is only recorded."""

    def __init__(self, old: str | None = "Disabled", new: str | None = "Disabled") -> None:
        self.aws = World()
        self.writer = TakeoverWriter(self.aws.clients)
        self.set(old, new)
        self.aws.answer("lambda:ListTags", {"Tags": {"remediator": "managed", "aws:stack": "a"}})
        consumer = {
            "ConsumerName": successor_name(OLD),
            "ConsumerARN": f"{NAME}:1",
            "ConsumerStatus": "ACTIVE",
        }
        self.aws.answer("kinesis:ListStreamConsumers", {"Consumers": [consumer]})
        for call in WRITES.values():
            self.aws.answer(call, {})

    def set(self, old: str | None, new: str | None, **more: Any) -> None:
        shared = {"FunctionArn": FUNCTION, "LastModified": NOW, **SETTINGS}
        mapping = {"UUID": OLD, "State": old, "EventSourceArn": STREAM, **shared, **more}
        position = {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": BEGINS}
        heir = {"UUID": NEW, "State": new, "EventSourceArn": f"{NAME}:1", **shared, **position}
        if old is None:
            self.aws.refuse("lambda:GetEventSourceMapping", "ResourceNotFoundException", "", 404)
        else:
            self.aws.answer("lambda:GetEventSourceMapping", mapping)
        self.aws.answer(
            "lambda:ListEventSourceMappings", {"EventSourceMappings": [heir] if new else []}
        )

    def write(self, step: Step) -> Mapping[str, Any]:
        self.writer.write(NAME, written(step, GOAL))
        return self.aws.params_of(WRITES[step])

    def parts(self) -> Parts:
        held: Any = self.writer.read(NAME, [])
        return Parts(**{name: held[name] for name in Parts._fields})


def test_another_mapping_gets_every_setting_and_tag_of_the_old_one_and_is_disabled() -> None:
    asked = Account(old="Enabled", new=None).write(Step.CREATE)
    assert asked == {
        "EventSourceArn": f"{NAME}:1",
        "FunctionName": FUNCTION,
        "Enabled": False,
        "StartingPosition": "AT_TIMESTAMP",
        "StartingPositionTimestamp": BEGINS,
        "Tags": {"remediator": "managed"},
        **SETTINGS,
    }


@pytest.mark.parametrize(
    "setting",
    [
        {"TumblingWindowInSeconds": 60},
        {"FilterCriteriaError": {"ErrorCode": "KMSDenied"}},
        {"SelfManagedEventSource": {"Endpoints": {"KAFKA": ["a"]}}},
        {"LoggingConfig": {"SystemLogLevel": "INFO"}},
        {"SomethingNewerThanWe": True},
    ],
    ids=lambda one: next(iter(one)),
)
def test_a_mapping_with_a_setting_that_cannot_be_copied_gets_no_heir(
    setting: Mapping[str, Any],
) -> None:
    account = Account()
    account.set("Enabled", None, **setting)
    with pytest.raises(PermanentError, match=next(iter(setting))):
        account.write(Step.CREATE)
    assert "lambda:CreateEventSourceMapping" not in account.aws.operations()


@pytest.mark.parametrize(
    ("step", "uuid", "enabled"),
    [
        (Step.STOP_OLD, OLD, False),
        (Step.START_NEW, NEW, True),
        (Step.STOP_NEW, NEW, False),
        (Step.START_OLD, OLD, True),
    ],
)
def test_a_mapping_is_started_or_stopped_and_nothing_else_of_it(
    step: Step, uuid: str, *, enabled: bool
) -> None:
    assert Account().write(step) == {"UUID": uuid, "Enabled": enabled}


@pytest.mark.parametrize("state", ["Enabled", "Enabling", "Updating", "Disabling", "Creating"])
@pytest.mark.parametrize(
    ("step", "other"), [(Step.START_NEW, "old"), (Step.START_OLD, "new"), (Step.DELETE, "new")]
)
def test_neither_starts_while_the_other_may_read_and_what_reads_is_not_deleted(
    step: Step, other: str, state: str
) -> None:
    account = Account(**{other: state})
    with pytest.raises(PermanentError, match=state):
        account.write(step)
    assert WRITES[step] not in account.aws.operations()


def test_what_is_there_is_found_by_its_name() -> None:
    account = Account(old="Enabled")
    assert account.parts() == Parts(
        consumer="ACTIVE",
        consumer_arn=f"{NAME}:1",
        old="Enabled",
        old_since=NOW.isoformat(),
        new="Disabled",
        new_since=NOW.isoformat(),
        new_uuid=NEW,
        starts="2026-11-23T11:00:00Z",
    )
    assert account.writer.settled(NAME)
    account.set(None, None)
    assert account.parts() == Parts(consumer="ACTIVE", consumer_arn=f"{NAME}:1")
    account.set("Disabling", "Disabled", BatchSize=1)
    assert not account.parts().alike
    assert not account.writer.settled(NAME)


def test_every_error_that_a_step_can_return_passes_or_stays() -> None:
    """As the SDK's models name them; one that is gone says so."""
    passes = {"ResourceInUseException", "ResourceConflictException", "ServiceException"}
    passes |= {"TooManyRequestsException"}
    account = Account()
    for step, call in WRITES.items():
        service, operation = call.split(":")
        model = account.aws.session.client(service).meta.service_model  # type: ignore[call-overload]
        for shape in model.operation_model(operation).error_shapes:
            account.aws.refuse(call, shape.name)
            with pytest.raises((TemporaryError, PermanentError)) as caught:
                account.write(step)
            assert isinstance(caught.value, TemporaryError) is (shape.name in passes)
        account.aws.answer(call, {})


@pytest.mark.parametrize("values", [{}, {"both": True}, {Step.STOP_OLD: True, Step.DELETE: True}])
def test_it_takes_one_step_at_a_time_and_nothing_else(values: Mapping[str, Any]) -> None:
    account = Account()
    with pytest.raises(PermanentError, match="one step"):
        account.writer.write(NAME, values)
    with pytest.raises(PermanentError, match="remediator-UUID"):
        account.writer.read(f"{STREAM}/consumer/somebody", [])
