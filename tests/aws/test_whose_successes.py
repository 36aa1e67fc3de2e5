"""From AWS's answers to a plan: what else feeds a function never bounds this mapping's retries."""

from collections.abc import Callable, Sequence

import pytest

from remediator.aws.sensor import AwsSensor
from remediator.decide import planning
from remediator.decide.diagnosis import diagnose
from remediator.model import Evidence, Plan
from remediator.policy import Policy
from tests.aws.aws_world import NOW, World, kinesis_target
from tests.evidence import QUARANTINE, case_of, climbing, since

AGE = climbing(1.0, 12)


def publish(aws: World, **changed: Sequence[float]) -> None:
    """Four shards, of which one stands still, while the function as a whole does well."""
    function, stream = {"FunctionName": "consumer"}, {"StreamName": "orders"}
    told = {
        "IteratorAge": AGE,
        "Invocations": since(12, 264, 300),
        "Errors": since(12, 24),
        "Throttles": [0.0] * 30,
        "Duration": [300.0] * 30,
        "IncomingRecords": [2400.0] * 30,
        "GetRecords.Records": [2400.0] * 30,
        "GetRecords.IteratorAgeMilliseconds": AGE,
    } | changed
    for name, values in told.items():
        of_stream = name.startswith(("Incoming", "GetRecords"))
        namespace = "AWS/Kinesis" if of_stream else "AWS/Lambda"
        aws.metric(namespace, name, stream if of_stream else function, *values)
    aws.metric("AWS/Lambda", "IteratorAge", function, *[400.0] * 30, stat="Minimum")


def incident(aws: World, feeds: Callable[[World], None] = lambda _: None) -> Evidence:
    stream = aws.stream(shards=4)
    aws.function()
    uuid = aws.mapping(stream, BatchSize=100)
    feeds(aws)
    return AwsSensor(aws.clients).read(kinesis_target(uuid), NOW, 3600)


def plan(seen: Evidence) -> Plan:
    here = case_of(seen, diagnose(seen, Policy()), Policy(), quarantine_arn=QUARANTINE)
    return planning.plan("inc", here)


def _another_stream(aws: World) -> None:
    aws.mapping(aws.stream("audit"))


def _hidden_by_a_consumer(aws: World) -> None:
    aws.consumers_counted(1)
    _another_stream(aws)


def _cannot_be_listed(aws: World) -> None:
    aws.deny("lambda:ListEventSourceMappings")


def _by_hand(aws: World) -> None:
    """Nothing lists who calls a function directly; that nothing of the stream is read tells."""
    publish(aws, **{"GetRecords.Records": since(12, 0, 2400)})


@pytest.mark.parametrize(
    "feeds", [_another_stream, _hidden_by_a_consumer, _cannot_be_listed, _by_hand]
)
def test_what_else_feeds_the_function_never_bounds_retries(
    aws: World, feeds: Callable[[World], None]
) -> None:
    publish(aws)
    seen = incident(aws, feeds)
    assert not diagnose(seen, Policy()).proven
    assert {change.setting for change in plan(seen).changes} <= {"bisect_on_error"}


def test_a_poison_record_of_one_shard_is_proven_by_what_is_read(aws: World) -> None:
    aws.consumers_counted(0)
    publish(aws, **{"GetRecords.Records": since(12, 1800, 2400)})
    assert "maximum_retry_attempts" in {change.setting for change in plan(incident(aws)).changes}
