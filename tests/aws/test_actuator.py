"""The only hand on other people's settings: one call a write, AWS's limits kept, waits bounded."""

import logging
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from remediator.aws.actuator import AwsActuator, ReadOnlyActuator
from remediator.errors import PermanentError, TemporaryError
from remediator.model import Resource, ResourceKind, Value
from tests.aws.aws_world import ACCOUNT, REGION, World

STREAM_ARN = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders"
QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:quarantine"
LAST = 2**128 - 1

FUNCTION = Resource(kind=ResourceKind.FUNCTION, id="consumer")
STREAM = Resource(kind=ResourceKind.STREAM, id=STREAM_ARN)


def hash_range(first: int, last: int) -> Resource:
    return Resource(kind=ResourceKind.HASH_RANGE, id=f"{STREAM_ARN}#{first}-{last}")


class Naps(list[float]):
    """A sleep that only counts."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
def actuator(aws: World, naps: Naps) -> AwsActuator:
    return AwsActuator(aws.clients, naps)


@pytest.fixture
def mapping(aws: World) -> Resource:
    aws.function()
    uuid = aws.mapping(aws.stream(shards=2))
    return Resource(kind=ResourceKind.EVENT_SOURCE_MAPPING, id=uuid)


def writes(aws: World) -> list[str]:
    reading = ("Get", "List", "Describe")
    return [str(call) for call in aws.calls if not call.operation.startswith(reading)]


# --- event source mappings ---------------------------------------------------------------------

MAPPING_SETTINGS: dict[str, Value] = {
    "parallelization_factor": 10,
    "batch_size": 500,
    "batching_window_seconds": 5,
    "bisect_on_error": True,
    "maximum_retry_attempts": 3,
    "maximum_record_age_seconds": 3600,
    "on_failure_destination": QUEUE_ARN,
}


def test_a_change_is_told_where_the_root_logger_stands_at_warning(
    aws: World, actuator: AwsActuator, mapping: Resource, caplog: pytest.LogCaptureFixture
) -> None:
    assert logging.getLogger().getEffectiveLevel() >= logging.WARNING
    aws.answer("lambda:UpdateEventSourceMapping", {})
    actuator.write(mapping, MAPPING_SETTINGS)
    assert [f"changed {mapping}"] == [record.getMessage() for record in caplog.records]


def test_all_settings_of_a_mapping_are_written_by_one_call(
    aws: World, actuator: AwsActuator, mapping: Resource
) -> None:
    aws.answer("lambda:UpdateEventSourceMapping", {})
    actuator.write(mapping, MAPPING_SETTINGS)
    assert aws.operations() == ["lambda:UpdateEventSourceMapping"]
    assert aws.params_of("lambda:UpdateEventSourceMapping") == {
        "UUID": mapping.id,
        "ParallelizationFactor": 10,
        "BatchSize": 500,
        "MaximumBatchingWindowInSeconds": 5,
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 3,
        "MaximumRecordAgeInSeconds": 3600,
        "DestinationConfig": {"OnFailure": {"Destination": QUEUE_ARN}},
    }


def test_what_is_written_is_read_back(actuator: AwsActuator, mapping: Resource) -> None:
    before = actuator.read(mapping, list(MAPPING_SETTINGS))
    actuator.write(mapping, MAPPING_SETTINGS)
    assert actuator.read(mapping, list(MAPPING_SETTINGS)) == MAPPING_SETTINGS
    assert before["parallelization_factor"] == 1


def test_an_untouched_mapping_has_the_documented_defaults(
    aws: World, actuator: AwsActuator, mapping: Resource
) -> None:
    aws.answer("lambda:GetEventSourceMapping", {"UUID": mapping.id})
    assert actuator.read(mapping, list(MAPPING_SETTINGS)) == {
        "parallelization_factor": 1,
        "batch_size": 100,
        "batching_window_seconds": 0,
        "bisect_on_error": False,
        "maximum_retry_attempts": -1,
        "maximum_record_age_seconds": -1,
        "on_failure_destination": None,
    }


def test_a_destination_is_taken_away_by_an_empty_one(
    aws: World, actuator: AwsActuator, mapping: Resource
) -> None:
    actuator.write(mapping, {"on_failure_destination": None})
    asked = aws.params_of("lambda:UpdateEventSourceMapping")
    assert asked["DestinationConfig"] == {"OnFailure": {"Destination": ""}}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("parallelization_factor", 0),
        ("parallelization_factor", 11),
        ("parallelization_factor", True),
        ("parallelization_factor", None),
        ("batch_size", 0),
        ("batch_size", 10_001),
        ("batching_window_seconds", 301),
        ("maximum_retry_attempts", -2),
        ("maximum_retry_attempts", 10_001),
        ("maximum_record_age_seconds", 59),
        ("maximum_record_age_seconds", 604_801),
        ("enabled", False),
        ("reserved_concurrency", 5),
    ],
)
def test_what_aws_would_refuse_of_a_mapping_is_not_sent(
    aws: World, actuator: AwsActuator, mapping: Resource, setting: str, value: Value
) -> None:
    with pytest.raises(PermanentError, match=setting):
        actuator.write(mapping, {setting: value})
    assert aws.operations() == []


# --- functions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "call"),
    [
        (0, "lambda:PutFunctionConcurrency"),
        (50, "lambda:PutFunctionConcurrency"),
        (None, "lambda:DeleteFunctionConcurrency"),
    ],
)
def test_a_reservation_is_put_or_taken_away(
    aws: World, actuator: AwsActuator, mapping: Resource, value: int | None, call: str
) -> None:
    actuator.write(FUNCTION, {"reserved_concurrency": value})
    assert writes(aws) == [call]
    assert actuator.read(FUNCTION, ["reserved_concurrency"]) == {"reserved_concurrency": value}


# --- streams -----------------------------------------------------------------------------------


def test_retention_goes_up_and_down_by_the_call_for_its_direction(
    aws: World, actuator: AwsActuator, mapping: Resource
) -> None:
    for hours in (168, 168, 24):
        actuator.write(STREAM, {"retention_hours": hours})
        assert actuator.read(STREAM, ["retention_hours"]) == {"retention_hours": hours}
    assert writes(aws) == [
        "kinesis:IncreaseStreamRetentionPeriod",
        "kinesis:DecreaseStreamRetentionPeriod",
    ]


@pytest.mark.parametrize("hours", [23, 8761])
def test_retention_stays_within_a_day_and_a_year(
    aws: World, actuator: AwsActuator, mapping: Resource, hours: int
) -> None:
    with pytest.raises(PermanentError, match="24 to 8760"):
        actuator.write(STREAM, {"retention_hours": hours})
    assert writes(aws) == []


def test_a_stream_takes_one_setting_at_a_time(
    aws: World, actuator: AwsActuator, mapping: Resource
) -> None:
    with pytest.raises(PermanentError, match="expected retention_hours alone"):
        actuator.write(STREAM, {"retention_hours": 48, "shard_count": 4})
    assert writes(aws) == []


def test_a_stream_s_number_of_shards_is_read_and_never_set_as_a_whole(
    aws: World, actuator: AwsActuator, mapping: Resource
) -> None:
    """An incident that an older version opened may know the number; what is split is a range."""
    assert actuator.read(STREAM, ["shard_count"]) == {"shard_count": 2}
    with pytest.raises(PermanentError, match="expected retention_hours alone"):
        actuator.write(STREAM, {"shard_count": 4})
    assert writes(aws) == []


# --- ranges of hash keys -----------------------------------------------------------------------


def test_a_shard_is_split_in_the_middle_and_merged_again(
    aws: World, actuator: AwsActuator, mapping: Resource
) -> None:
    upper = hash_range(2**127, LAST)
    actuator.write(upper, {"shards": 2})
    assert aws.params_of("kinesis:SplitShard")["NewStartingHashKey"] == str(3 * 2**126)
    assert actuator.read(upper, ["shards"]) == {"shards": 2}
    actuator.write(upper, {"shards": 1})
    assert actuator.read(upper, ["shards"]) == {"shards": 1}
    assert writes(aws) == ["kinesis:SplitShard", "kinesis:MergeShards"]


def test_a_shard_is_split_where_it_is_said_and_merged_again(
    aws: World, actuator: AwsActuator, mapping: Resource
) -> None:
    part = Resource(kind=ResourceKind.HASH_RANGE, id=f"{hash_range(0, 2**127 - 1).id}@12345")
    actuator.write(part, {"shards": 2})
    assert aws.params_of("kinesis:SplitShard")["NewStartingHashKey"] == "12345"
    assert actuator.read(part, ["shards"]) == {"shards": 2}
    actuator.write(part, {"shards": 1})
    assert actuator.read(part, ["shards"]) == {"shards": 1}


@pytest.mark.parametrize("at", [0, 2**127])
def test_nothing_is_split_where_a_shard_would_be_left_empty(
    aws: World, actuator: AwsActuator, mapping: Resource, at: int
) -> None:
    part = Resource(kind=ResourceKind.HASH_RANGE, id=f"{hash_range(0, 2**127 - 1).id}@{at}")
    with pytest.raises(PermanentError, match="nothing is split there"):
        actuator.write(part, {"shards": 2})
    assert writes(aws) == []


@pytest.mark.parametrize(
    ("first", "last", "shards"),
    [
        pytest.param(0, LAST, 2, id="the whole stream"),
        pytest.param(0, 2**127 - 1, 1, id="one shard"),
        pytest.param(0, 2**126, None, id="a part of a shard"),
        pytest.param(1, LAST, None, id="a shard and a part"),
    ],
)
def test_a_range_counts_only_whole_shards(
    actuator: AwsActuator, mapping: Resource, first: int, last: int, shards: int | None
) -> None:
    assert actuator.read(hash_range(first, last), ["shards"]) == {"shards": shards}


@pytest.mark.parametrize(
    ("first", "last", "wanted"),
    [
        pytest.param(0, LAST, 2, id="has two already"),
        pytest.param(0, 2**127 - 1, 1, id="has one already"),
        pytest.param(0, 2**127 - 1, 3, id="three at once"),
        pytest.param(5, 6, 2, id="no whole shard"),
    ],
)
def test_a_range_that_is_not_as_thought_is_left_alone(
    aws: World, actuator: AwsActuator, mapping: Resource, first: int, last: int, wanted: int
) -> None:
    with pytest.raises(PermanentError, match="cannot go from"):
        actuator.write(hash_range(first, last), {"shards": wanted})
    assert writes(aws) == []


@pytest.mark.parametrize("name", ["", "x#1-2", f"{STREAM_ARN}#1", f"{STREAM_ARN}#a-b", STREAM_ARN])
def test_a_malformed_range_reaches_no_call(aws: World, actuator: AwsActuator, name: str) -> None:
    with pytest.raises(PermanentError, match="expected a range"):
        actuator.read(Resource(kind=ResourceKind.HASH_RANGE, id=name), ["shards"])
    assert aws.operations() == []


# --- settling ----------------------------------------------------------------------------------


def states(aws: World, call: str, *answers: Mapping[str, Any]) -> None:
    """Let AWS answer with these in turn, and with the last one from then on."""
    left = list(answers)
    aws.fakes[call] = lambda _: left.pop(0) if len(left) > 1 else left[0]


def state_of(stream: str) -> dict[str, Any]:
    return {"StreamDescriptionSummary": {"StreamStatus": stream}}


def update_of(function: str) -> dict[str, Any]:
    return {"Configuration": {"LastUpdateStatus": function}}


@pytest.mark.parametrize(
    ("resource", "call", "busy", "done"),
    [
        pytest.param(
            Resource(kind=ResourceKind.EVENT_SOURCE_MAPPING, id="1" * 36),
            "lambda:GetEventSourceMapping",
            {"State": "Updating"},
            {"State": "Enabled"},
            id="mapping",
        ),
        pytest.param(
            FUNCTION,
            "lambda:GetFunction",
            update_of("InProgress"),
            update_of("Successful"),
            id="function",
        ),
        pytest.param(
            STREAM,
            "kinesis:DescribeStreamSummary",
            state_of("UPDATING"),
            state_of("ACTIVE"),
            id="stream",
        ),
        pytest.param(
            hash_range(0, LAST),
            "kinesis:DescribeStreamSummary",
            state_of("UPDATING"),
            state_of("ACTIVE"),
            id="hash range",
        ),
    ],
)
def test_a_resource_is_waited_for_a_bounded_number_of_times(
    aws: World,
    actuator: AwsActuator,
    naps: Naps,
    resource: Resource,
    call: str,
    busy: dict[str, Any],
    done: dict[str, Any],
) -> None:
    states(aws, call, busy, busy, done)
    assert actuator.settled(resource)
    assert naps == [1, 2]
    naps.clear()
    states(aws, call, busy)
    assert not actuator.settled(resource)
    longer = [15] if resource.kind is ResourceKind.HASH_RANGE else []
    assert naps == [1, 2, 4, 8, *longer]


def test_a_mapping_that_is_disabled_has_settled(
    aws: World, actuator: AwsActuator, naps: Naps
) -> None:
    aws.answer("lambda:GetEventSourceMapping", {"State": "Disabled"})
    assert actuator.settled(Resource(kind=ResourceKind.EVENT_SOURCE_MAPPING, id="1" * 36))
    assert naps == []


def test_not_to_see_the_end_of_a_write_is_no_error(aws: World, actuator: AwsActuator) -> None:
    aws.deny("kinesis:DescribeStreamSummary")
    assert not actuator.settled(STREAM)


# --- what AWS refuses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", ["ResourceInUseException", "ResourceConflictException", "TooManyRequestsException"]
)
def test_a_resource_in_use_may_be_written_later(
    aws: World, actuator: AwsActuator, mapping: Resource, code: str
) -> None:
    aws.refuse("lambda:UpdateEventSourceMapping", code)
    with pytest.raises(TemporaryError, match=code):
        actuator.write(mapping, {"parallelization_factor": 2})


def test_a_write_without_an_answer_may_be_tried_later(
    aws: World, actuator: AwsActuator, mapping: Resource
) -> None:
    aws.break_off("lambda:UpdateEventSourceMapping", ReadTimeoutError(endpoint_url="https://x"))
    with pytest.raises(TemporaryError, match="no answer"):
        actuator.write(mapping, {"parallelization_factor": 2})


def test_a_denied_write_names_the_missing_action(
    aws: World, actuator: AwsActuator, mapping: Resource
) -> None:
    aws.deny("lambda:UpdateEventSourceMapping")
    with pytest.raises(PermanentError) as caught:
        actuator.write(mapping, {"parallelization_factor": 2})
    assert caught.value.permission == "lambda:UpdateEventSourceMapping"


def test_a_consumer_that_may_not_write_to_the_destination_is_told(
    aws: World, actuator: AwsActuator, mapping: Resource
) -> None:
    words = "The function execution role does not have permissions to call SendMessage on SQS"
    aws.refuse("lambda:UpdateEventSourceMapping", "InvalidParameterValueException", words)
    with pytest.raises(PermanentError, match="does not have permissions") as caught:
        actuator.write(mapping, {"on_failure_destination": QUEUE_ARN})
    assert (caught.value.code, caught.value.permission) == ("InvalidParameterValueException", None)


def test_a_setting_that_a_resource_does_not_have_is_no_none(
    actuator: AwsActuator, mapping: Resource
) -> None:
    with pytest.raises(PermanentError, match="has no shard_count"):
        actuator.read(mapping, ["batch_size", "shard_count"])


# --- plans -------------------------------------------------------------------------------------


def test_a_plan_s_actuator_reads_the_same_and_writes_nothing(aws: World, mapping: Resource) -> None:
    plan = ReadOnlyActuator(aws.clients)
    assert plan.read(mapping, ["parallelization_factor"]) == {"parallelization_factor": 1}
    for resource, setting in [(mapping, "batch_size"), (FUNCTION, "reserved_concurrency")]:
        with pytest.raises(PermanentError) as caught:
            plan.write(resource, {setting: 5})
        assert caught.value.code == "ReadOnly"
    assert plan.settled(mapping)
    assert writes(aws) == []


@pytest.mark.parametrize(
    ("call", "resource", "setting"),
    [
        ("lambda:GetFunctionConcurrency", FUNCTION, "reserved_concurrency"),
        ("kinesis:DescribeStreamSummary", STREAM, "retention_hours"),
        ("kinesis:ListShards", hash_range(0, LAST), "shards"),
    ],
)
def test_settings_that_cannot_be_read_of_the_answer_may_be_read_later(
    aws: World, actuator: AwsActuator, call: str, resource: Resource, setting: str
) -> None:
    headers = {"HTTPHeaders": {"content-length": "0"}}
    aws.fakes[call] = lambda _: {}
    aws.session.events.register(
        f"after-call.{call.replace(':', '.')}",
        lambda parsed, **_: parsed.update(ResponseMetadata=headers),
    )
    with pytest.raises(TemporaryError, match="cannot be read"):
        actuator.read(resource, [setting])


def test_after_a_write_without_answer_there_is_a_pause(
    aws: World, actuator: AwsActuator, mapping: Resource, naps: Naps
) -> None:
    aws.refuse("lambda:UpdateEventSourceMapping", "TooManyRequestsException", "slow down", 429)
    with pytest.raises(TemporaryError):
        actuator.write(mapping, {"parallelization_factor": 2})
    assert naps == [2]
