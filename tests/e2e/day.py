"""A day of one consumer: what the endpoint cannot do is played by the lab's plant.

MiniStack keeps settings, calls functions, and evaluates alarms; it publishes no IteratorAge, does
not bisect, and no lane of it is ever busy. So stream, mapping and consumer run in the plant, minute
by minute: what it measures is put into the endpoint's CloudWatch, and what the endpoint's mapping
was set to is set in the plant.
"""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from lab.plant import (
    AccountSpec,
    FunctionSpec,
    Knobs,
    MappingSettings,
    MappingSpec,
    ProducerSpec,
    StreamSpec,
    World,
)
from lab.plant import settings as mapping_settings
from tests.e2e.ministack import ACCOUNT, REGION, MiniStack
from tests.e2e.processes import EndpointError
from tests.e2e.stack import packed

CONSUMER = "orders"
STREAM = "orders"
MINUTE = timedelta(minutes=1)
LOG_GROUP = "/aws/lambda/remediator-remediator"
ALARM = "remediator-iterator-age"
_TURN_WITHIN_SECONDS = 60
_MOST_METRICS = 500
_SETTINGS = (
    "ParallelizationFactor",
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "MaximumRetryAttempts",
    "MaximumRecordAgeInSeconds",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
)
_CODE = b"def handler(event, context):\n    return None\n"


class Day:
    """One consumer of one stream, in the endpoint and in the plant."""

    def __init__(
        self,
        aws: MiniStack,
        function: FunctionSpec,
        producer: ProducerSpec,
        settings: MappingSettings,
        *,
        of_a_table: bool = False,
    ) -> None:
        self.aws = aws
        self.world = World(
            aws.clock.now().replace(second=0, microsecond=0),
            AccountSpec(account_id=ACCOUNT, region=REGION),
            Knobs(cloudwatch_delay_seconds=0.0),
            seed=1,
        )
        spec = _table_stream(aws) if of_a_table else _kinesis_stream(aws)
        stream = self.world.add_stream(spec)
        self.mapping = _consumer(aws, stream.arn, settings)
        self.world.add_function(function)
        self.world.add_mapping(
            MappingSpec(
                function=CONSUMER, source_arn=stream.arn, uuid=self.mapping, settings=settings
            )
        )
        self.world.add_producer(producer)
        self._published: dict[tuple[str, str, str, datetime], float] = {}

    @property
    def now(self) -> datetime:
        """The minute that the plant has come to."""
        return self.world.now()

    def setting(self, name: str) -> Any:
        """What the endpoint's mapping holds, by AWS's name."""
        return self._mapping().get(name)

    def settings(self) -> MappingSettings:
        """All that the endpoint's mapping holds, in the plant's words."""
        held = {name: value for name, value in self._mapping().items() if name in _SETTINGS}
        return mapping_settings.changed(MappingSettings(), held)

    def alarm(self) -> str:
        """The state of the stack's alarm."""
        (alarm,) = self.aws.cloudwatch.describe_alarms(AlarmNames=[ALARM])["MetricAlarms"]
        state: str = alarm["StateValue"]
        return state

    def pass_until(self, reached: Callable[[], bool], within_minutes: int) -> None:
        """Let minutes pass until something is so. Raises EndpointError if it is never."""
        for _ in range(within_minutes):
            if reached():
                return
            self.minute()
        if not reached():
            raise EndpointError(f"not so after {within_minutes} minutes; it is {self.now:%H:%M}")

    def minute(self) -> None:
        """One more minute: plant, metrics, alarm, schedules; nobody is at work afterwards."""
        self._follow_settings()
        self.world.run_until(self.now + MINUTE)
        self.aws.clock.move_to(self.now)
        turns, state = self.turns(), self.alarm()
        self._publish()
        self._wait_for_turns(turns + (state != self.alarm()))
        if due := self._due():
            turns = self.turns()
            self.aws.clock.wake_sleepers()
            self._wait_for_turns(turns + due)

    def _wait_for_turns(self, expected: int) -> None:
        """Wait, at real time, for invocations of the remediator to have ended."""
        until = time.monotonic() + _TURN_WITHIN_SECONDS
        while (ended := self.turns()) < expected:
            if time.monotonic() > until:
                raise EndpointError(f"{ended} turns have ended, where {expected} were begun")
            time.sleep(0.2)

    def turns(self) -> int:
        """Invocations of the remediator that have ended: each leaves a log stream."""
        pages = self.aws.logs.get_paginator("describe_log_streams")
        found = pages.paginate(logGroupName=LOG_GROUP)
        return sum(len(page["logStreams"]) for page in found)

    def failures(self) -> list[str]:
        """What the remediator has logged as errors."""
        pages = self.aws.logs.get_paginator("filter_log_events").paginate(logGroupName=LOG_GROUP)
        lines = [event["message"] for page in pages for event in page["events"]]
        return [line for line in lines if '"level":"ERROR"' in line or "Traceback" in line]

    def _due(self) -> int:
        """How many schedules fire now."""
        listed = self.aws.scheduler.list_schedules(NamePrefix="remediator-")["Schedules"]
        found = []
        for one in listed:
            with suppress(self.aws.scheduler.exceptions.ResourceNotFoundException):
                found.append(self.aws.scheduler.get_schedule(Name=one["Name"]))  # else it has fired
        times = [
            datetime.fromisoformat(one["ScheduleExpression"][3:-1] + "+00:00") for one in found
        ]
        return sum(at <= self.aws.clock.now() for at in times)

    def _mapping(self) -> dict[str, Any]:
        found: dict[str, Any] = self.aws.lambda_.get_event_source_mapping(UUID=self.mapping)
        return found

    def _follow_settings(self) -> None:
        """What was changed in the endpoint since, changes in the plant too."""
        plant = self.world.find_mapping(self.mapping)
        if plant.state != "Enabled":
            return
        if (held := self.settings()) != plant.settings:
            self.world.update_event_source_mapping(self.mapping, mapping_settings.described(held))

    # --- metrics -------------------------------------------------------------------------------

    def _publish(self) -> None:
        """What was measured since, ages last: MiniStack evaluates alarms at each request."""
        data = sorted(self._measured(), key=lambda one: one[0] == "AWS/Lambda")
        for namespace, of_one in groupby(data, key=lambda one: one[0]):
            points = sorted((p for _, p in of_one), key=lambda p: p["MetricName"] == "IteratorAge")
            for start in range(0, len(points), _MOST_METRICS):
                self.aws.cloudwatch.put_metric_data(
                    Namespace=namespace, MetricData=points[start : start + _MOST_METRICS]
                )

    def _measured(self) -> Sequence[tuple[str, dict[str, Any]]]:
        found = []
        for namespace in ("AWS/Kinesis", "AWS/DynamoDB", "AWS/Lambda"):
            for name, dimensions in self.world.metrics.names(namespace):
                found += [(namespace, point) for point in self._points(namespace, name, dimensions)]
        return found

    def _points(
        self, namespace: str, name: str, dimensions: dict[str, str]
    ) -> Sequence[dict[str, Any]]:
        """Of the last minutes, since what takes long is counted where it began."""
        span = max(self.world.start, self.now - 10 * MINUTE), self.now
        stats = {
            stat: dict(self.world.metrics.query(namespace, name, dimensions, stat, 60, *span))
            for stat in ("SampleCount", "Sum", "Minimum", "Maximum")
        }
        key = namespace, name, json.dumps(dimensions, sort_keys=True)
        points = []
        for at, count in stats["SampleCount"].items():
            known = self._published.get((*key, at), 0.0)
            if count > known:
                self._published[*key, at] = count
                share = (count - known) / count
                points.append(
                    {
                        "MetricName": name,
                        "Dimensions": [{"Name": k, "Value": v} for k, v in dimensions.items()],
                        "Timestamp": at,
                        "StatisticValues": {
                            "SampleCount": count - known,
                            "Sum": stats["Sum"][at] * share,
                            "Minimum": stats["Minimum"][at],
                            "Maximum": stats["Maximum"][at],
                        },
                    }
                )
        return points


def _kinesis_stream(aws: MiniStack) -> StreamSpec:
    """One of one shard, in the endpoint."""
    aws.kinesis.create_stream(StreamName=STREAM, ShardCount=1)
    return StreamSpec(name=STREAM)


def _table_stream(aws: MiniStack) -> StreamSpec:
    """That of a table, in the endpoint."""
    table = aws.dynamodb.create_table(
        TableName=STREAM,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    return StreamSpec(name=STREAM, table=STREAM, label=table["LatestStreamLabel"])


def _consumer(aws: MiniStack, source: str, settings: MappingSettings) -> str:
    """Function and mapping in the endpoint; the mapping's UUID."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    role = aws.iam.create_role(
        RoleName=CONSUMER,
        AssumeRolePolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [trust | {"Action": "sts:AssumeRole"}]}
        ),
    )["Role"]["Arn"]
    aws.lambda_.create_function(
        FunctionName=CONSUMER,
        Runtime="python3.13",
        Handler="app.handler",
        Role=role,
        Timeout=60,
        Code={"ZipFile": packed({"app.py": _CODE})},
    )
    made = aws.lambda_.create_event_source_mapping(
        EventSourceArn=source,
        FunctionName=CONSUMER,
        StartingPosition="TRIM_HORIZON",
        **{k: v for k, v in mapping_settings.described(settings).items() if k in _SETTINGS},
    )
    uuid: str = made["UUID"]
    return uuid
