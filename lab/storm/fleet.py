"""A thousand pipelines of one account, as AWS's APIs show them: settings, metrics, and who asks.

Each is one stream of one shard that brings 30 records a second, a function that takes 0.1 s for
each, and a mapping. More lanes take effect on the concurrency in use at once and show in the
metrics two minutes later. Nothing is simulated record by record: a storm tries the account's
limits, and the plant of the lab tries the pipelines.

It is asked by the SDK's requests, whose number is what a storm is about, and its ages are a formula
of the factors that were set, so that a thousand pipelines cost nothing while nobody asks. The
tests' small account is another coarse one, and no duplicate: it stands behind the ports, holds what
people, deploys and faults do to a few pipelines minute by minute, and has no requests to count.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from lab.bridge import wire
from lab.plant import AwsError

ACCOUNT, REGION = "111122223333", "eu-central-1"
CONCURRENCY_LIMIT = 3000
OWN_RESERVATION = 5
NEIGHBOURS_IN_USE = 500
METRIC_DELAY = timedelta(seconds=120)
LANE_PER_SECOND = 10.0
ARRIVAL_PER_SECOND = 30.0
ALARM_AT_SECONDS = 300.0

Params = Mapping[str, Any]


def arn(service: str, rest: str) -> str:
    """An ARN of the fleet's account."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


@dataclass(slots=True)
class Pipeline:
    """One stream, function and mapping. ``factors`` are the factors that were set, with times."""

    name: str
    onset: datetime
    factors: list[tuple[datetime, int]]

    @property
    def uuid(self) -> str:
        """The mapping's id."""
        return f"00000000-0000-4000-8000-{int(self.name.rpartition('-')[2]):012}"

    def factor(self, at: datetime) -> int:
        """The ParallelizationFactor at a time."""
        return next(value for since, value in reversed(self.factors) if since <= at)

    def modified(self) -> datetime:
        """When the mapping was last changed."""
        return self.factors[-1][0]

    def age_seconds(self, at: datetime) -> float:
        """The iterator age: it climbs while the capacity is short, and falls when it is not."""
        waiting, since = 0.0, self.onset
        for until, factor in self._phases(at):
            seconds = max(0.0, (until - since).total_seconds())
            grown = (ARRIVAL_PER_SECOND - factor * LANE_PER_SECOND) * seconds
            waiting, since = max(0.0, waiting + grown), max(since, until)
        return waiting / ARRIVAL_PER_SECOND

    def _phases(self, at: datetime) -> list[tuple[datetime, int]]:
        ends = [since for since, _ in self.factors[1:]] + [at]
        return [(min(end, at), factor) for end, (_, factor) in zip(ends, self.factors, strict=True)]


class Asked(NamedTuple):
    """One request to AWS."""

    at: datetime
    name: str
    incident: str


@dataclass
class Fleet:
    """The account, asked by one worker at a time."""

    start: datetime
    size: int
    reserved: int = OWN_RESERVATION
    """Concurrency of the remediators' own."""
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    in_use: list[tuple[datetime, int]] = field(default_factory=list)
    """Concurrency of all pipelines, whenever it changed."""

    def __post_init__(self) -> None:
        onset = self.start - timedelta(seconds=ALARM_AT_SECONDS * 1.5)
        before = self.start - timedelta(days=30)
        for number in range(self.size):
            name = f"consumer-{number:04}"
            self.pipelines[name] = Pipeline(name, onset, [(before, 1)])
        self.in_use.append((before, self.size))
        self._by_uuid = {pipeline.uuid: pipeline for pipeline in self.pipelines.values()}
        self._incident, self._now = "", self.start
        self._take_time: Callable[[], datetime] = lambda: self.start
        self._schedules: dict[str, tuple[datetime, Any]] = {}
        self._taken = 0

    def serve(self, incident: str, take_time: Callable[[], datetime]) -> None:
        """Who asks from now on, and how long an answer takes: ``take_time`` returns its moment."""
        self._incident, self._take_time = incident, take_time

    def note(self, name: str) -> None:
        """Somebody asks AWS for something."""
        self.asked.append(Asked(self._now, name, self._incident))

    def now(self) -> datetime:
        """The moment of the request that is answered."""
        return self._now

    def take_schedules(self) -> list[tuple[datetime, Any]]:
        """When and with what the remediator wants to be woken, since it was last asked here."""
        new = list(self._schedules.values())[self._taken :]
        self._taken = len(self._schedules)
        return new

    # --- the SDK's requests ---------------------------------------------------------------------

    def answer(self, service: str, operation: str, request: AWSPreparedRequest) -> AWSResponse:
        """Answer one request of boto3. Raises KeyError for what the storm does not know."""
        model = wire.operation_model(service, operation)
        self._now = self._take_time()
        self.note(f"{service}:{operation}")
        try:
            result = _ANSWERS[f"{service}:{operation}"](self, wire.decode(model, request))
        except AwsError as error:
            return wire.refuse(model, request.url, error)
        return wire.respond(model, request.url, result)

    def _named(self, asked: Params) -> Pipeline:
        if "UUID" in asked:
            return self._by_uuid[asked["UUID"]]
        named = asked.get("FunctionName") or asked.get("EventSourceArn") or asked["StreamARN"]
        return self.pipelines[str(named).replace("/", ":").rpartition(":")[2]]

    def mapping(self, asked: Params) -> dict[str, Any]:
        """GetEventSourceMapping."""
        pipeline = self._named(asked)
        return {
            "UUID": pipeline.uuid,
            "EventSourceArn": arn("kinesis", f"stream/{pipeline.name}"),
            "FunctionArn": arn("lambda", f"function:{pipeline.name}"),
            "State": "Enabled",
            "LastModified": pipeline.modified().timestamp(),
            "ParallelizationFactor": pipeline.factor(self.now()),
            "BatchSize": 100,
            "StartingPosition": "TRIM_HORIZON",
        }

    def mappings(self, asked: Params) -> dict[str, Any]:
        """ListEventSourceMappings, by what they name or all: at most 100 a page."""
        if {"FunctionName", "EventSourceArn"} & set(asked):
            return {"EventSourceMappings": [self.mapping(asked)]}
        uuids = sorted(self._by_uuid)
        start = int(asked.get("Marker") or 0)
        shown = [self.mapping({"UUID": uuid}) for uuid in uuids[start : start + 100]]
        more = start + 100 < len(uuids)
        return {"EventSourceMappings": shown} | ({"NextMarker": str(start + 100)} if more else {})

    def update(self, asked: Params) -> dict[str, Any]:
        """UpdateEventSourceMapping, of the factor."""
        pipeline, now = self._named(asked), self.now()
        grown = asked["ParallelizationFactor"] - pipeline.factor(now)
        pipeline.factors.append((now, asked["ParallelizationFactor"]))
        self.in_use.append((now, self.in_use[-1][1] + grown))
        return self.mapping(asked)

    def function(self, asked: Params) -> dict[str, Any]:
        """GetFunction."""
        name = self._named(asked).name
        configuration = {
            "FunctionName": name,
            "FunctionArn": arn("lambda", f"function:{name}"),
            "MemorySize": 512,
            "Timeout": 60,
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "LastModified": "2026-10-01T00:00:00.000+0000",
        }
        return {"Configuration": configuration}

    def account(self, _: Params) -> dict[str, Any]:
        """GetAccountSettings."""
        unreserved = CONCURRENCY_LIMIT - self.reserved
        limit = {
            "ConcurrentExecutions": CONCURRENCY_LIMIT,
            "UnreservedConcurrentExecutions": unreserved,
        }
        return {"AccountLimit": limit}

    def stream(self, asked: Params) -> dict[str, Any]:
        """DescribeStreamSummary."""
        name = self._named(asked).name
        summary = {
            "StreamName": name,
            "StreamARN": arn("kinesis", f"stream/{name}"),
            "StreamStatus": "ACTIVE",
            "RetentionPeriodHours": 24,
            "OpenShardCount": 1,
            "ConsumerCount": 0,
            "EnhancedMonitoring": [],
        }
        return {"StreamDescriptionSummary": summary}

    def shards(self, _: Params) -> dict[str, Any]:
        """ListShards."""
        keys = {"StartingHashKey": "0", "EndingHashKey": str(2**128 - 1)}
        shard = {"ShardId": "shardId-000000000000", "HashKeyRange": keys}
        return {"Shards": [shard | {"SequenceNumberRange": {"StartingSequenceNumber": "1"}}]}

    def create_schedule(self, asked: Params) -> dict[str, Any]:
        """CreateSchedule. The same name twice is refused."""
        stamp = asked["ScheduleExpression"].removeprefix("at(").removesuffix(")")
        at = datetime.fromisoformat(stamp).replace(tzinfo=self.start.tzinfo)
        if asked["Name"] in self._schedules:
            raise AwsError("ConflictException", f"Schedule {asked['Name']} already exists.", 409)
        self._schedules[asked["Name"]] = at, json.loads(asked["Target"]["Input"])
        return {"ScheduleArn": arn("scheduler", f"schedule/default/{asked['Name']}")}

    # --- metrics --------------------------------------------------------------------------------

    def metrics(self, asked: Params) -> dict[str, Any]:
        """GetMetricData: what there is of it, minute by minute, two minutes late."""
        return {
            "MetricDataResults": [
                self._series(query) | {"Id": query["Id"], "StatusCode": "Complete"}
                for query in asked["MetricDataQueries"]
            ]
        }

    def _series(self, query: Params) -> dict[str, Any]:
        metric = query["MetricStat"]["Metric"]
        names = {dimension["Value"] for dimension in metric.get("Dimensions", ())}
        pipeline = next((self.pipelines[name] for name in names if name in self.pipelines), None)
        newest = (self.now() - METRIC_DELAY).replace(second=0, microsecond=0)
        minutes = [newest - timedelta(minutes=back) for back in range(20, 0, -1)]
        values = [self._value(metric["MetricName"], pipeline, minute) for minute in minutes]
        seen = [(at, value) for at, value in zip(minutes, values, strict=True) if value is not None]
        return {
            "Timestamps": [at.timestamp() for at, _ in seen],
            "Values": [value for _, value in seen],
        }

    def _value(self, name: str, pipeline: Pipeline | None, at: datetime) -> float | None:
        if pipeline is None:
            whole = {"UnreservedConcurrentExecutions", "ConcurrentExecutions"}
            return float(NEIGHBOURS_IN_USE + self.lanes(at)) if name in whole else None
        end = at + timedelta(minutes=1)
        age, lanes = pipeline.age_seconds(end), pipeline.factor(at)
        rate = LANE_PER_SECOND * lanes if age > 0 else ARRIVAL_PER_SECOND
        values = {
            "IteratorAge": 1000 * age,
            "GetRecords.IteratorAgeMilliseconds": 1000 * age,
            "Invocations": 60 * rate / 100,
            "Errors": 0.0,
            "Throttles": 0.0,
            "Duration": 10_000.0,
            "ConcurrentExecutions": float(lanes),
            "IncomingRecords": 60 * ARRIVAL_PER_SECOND,
            "GetRecords.Records": 60 * rate,
            "GetRecords.Success": 60.0,
        }
        return values.get(name)

    def lanes(self, at: datetime) -> int:
        """Concurrency of all pipelines together at a time."""
        return self.in_use[bisect_right(self.in_use, (at, 10**9)) - 1][1]


_ANSWERS: Mapping[str, Callable[[Fleet, Params], dict[str, Any]]] = {
    "lambda:ListEventSourceMappings": Fleet.mappings,
    "lambda:GetEventSourceMapping": Fleet.mapping,
    "lambda:ListAliases": lambda *_: {"Aliases": []},
    "lambda:UpdateEventSourceMapping": Fleet.update,
    "lambda:GetFunction": Fleet.function,
    "lambda:GetFunctionConcurrency": lambda *_: {},
    "lambda:GetAccountSettings": Fleet.account,
    "kinesis:DescribeStreamSummary": Fleet.stream,
    "kinesis:ListShards": Fleet.shards,
    "cloudwatch:GetMetricData": Fleet.metrics,
    "cloudwatch:DescribeAlarms": lambda *_: {"MetricAlarms": [], "CompositeAlarms": []},
    "scheduler:CreateSchedule": Fleet.create_schedule,
    "events:PutEvents": lambda *_: {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]},
}
