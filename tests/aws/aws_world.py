"""An AWS in the process for these tests: moto, and answers of our own where moto has none.

Every call is recorded and may be answered through botocore's own events, so nothing is patched.
"""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import boto3
import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from remediator.aws.clients import Clients
from remediator.model import SourceKind, Target

NOW = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)
REGION = "eu-west-1"
ACCOUNT = "123456789012"

# Reading the services' models is what takes time: once for all tests.
_LOADER = botocore.session.Session().get_component("data_loader")


def with_revision(parsed: Any, **_: Any) -> None:
    """Moto names no revision of a configuration; AWS does, another one for each."""
    if "MemorySize" in parsed:
        parsed.setdefault("RevisionId", f"{parsed['Version']}-{parsed['MemorySize']}")


Answer = Mapping[str, Any]
Fake = Callable[[Mapping[str, Any]], Answer]


@dataclass(frozen=True)
class Call:
    """One call as botocore was asked to make it."""

    service: str
    operation: str
    params: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.service}:{self.operation}"


class Refused(Exception):  # noqa: N818 - it is AWS's word, not an error of the tests
    """What a fake raises to answer with an AWS error."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


def _limits(_: Mapping[str, Any]) -> Answer:
    return {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}}


@dataclass
class World:
    """One account in one Region."""

    calls: list[Call] = field(default_factory=list)
    fakes: dict[str, Fake] = field(default_factory=lambda: {"lambda:GetAccountSettings": _limits})
    metrics: dict[tuple[str, str, str], list[tuple[datetime, float]]] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    """What every stream's summary says beside what moto says."""
    lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.fakes["cloudwatch:GetMetricData"] = self._metric_data
        core = botocore.session.Session()
        core.register_component("data_loader", _LOADER)
        session = boto3.Session("testing", "testing", region_name=REGION, botocore_session=core)
        session.events.register("before-parameter-build", self._keep_params)
        session.events.register("before-call", self._on_call)
        session.events.register("after-call.kinesis.DescribeStreamSummary", self._amend)
        session.events.register("after-call.lambda.GetFunctionConfiguration", with_revision)
        self.session = session
        self.clients = Clients(session)

    # --- what a test says ----------------------------------------------------------------------

    def answer(self, call: str, answer: Answer) -> None:
        """Let AWS answer a call (``lambda:GetFunction``) with this."""
        self.fakes[call] = lambda _: answer

    def refuse(self, call: str, code: str, message: str = "", status: int = 400) -> None:
        """Let AWS answer a call with an error."""

        def fake(_: Mapping[str, Any]) -> Answer:
            raise Refused(code, message, status)

        self.fakes[call] = fake

    def deny(self, call: str) -> None:
        """Let AWS deny a call."""
        self.refuse(call, "AccessDeniedException", f"User: u is not authorized to {call}", 403)

    def break_off(self, call: str, error: Exception) -> None:
        """Let the call end in an exception of the SDK's own."""

        def fake(_: Mapping[str, Any]) -> Answer:
            raise error

        self.fakes[call] = fake

    def metric(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        *values: float,
        stat: str = "",
    ) -> None:
        """Publish a metric: one value a minute, the last one for the newest whole minute; of every
        statistic alike, or of one that differs."""
        newest = NOW.replace(second=0)
        self.metrics[namespace, name + stat, _key(dimensions)] = [
            (newest - timedelta(minutes=len(values) - n), value) for n, value in enumerate(values)
        ]

    def operations(self) -> list[str]:
        """The calls made so far, as ``service:Operation``."""
        return [str(call) for call in self.calls]

    def params_of(self, call: str) -> Mapping[str, Any]:
        """What the newest call of this kind asked for."""
        return next(made.params for made in reversed(self.calls) if str(made) == call)

    # --- what is there -------------------------------------------------------------------------

    def stream(self, name: str = "orders", shards: int = 1) -> str:
        """A Kinesis stream; returns its ARN."""
        self.session.client("kinesis").create_stream(StreamName=name, ShardCount=shards)
        self.calls.clear()
        return f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}"

    def function(self, name: str = "consumer", **settings: Any) -> str:
        """A function; returns its ARN."""
        role = self._role()
        self.session.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Handler="app.handler",
            Code={"ZipFile": _zipped()},
            **settings,
        )
        self.calls.clear()
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"

    def mapping(self, source: str, function: str = "consumer", **settings: Any) -> str:
        """An event source mapping; returns its UUID."""
        made = self.session.client("lambda").create_event_source_mapping(
            EventSourceArn=source,
            FunctionName=function,
            StartingPosition="TRIM_HORIZON",
            **settings,
        )
        self.calls.clear()
        return made["UUID"]

    def consumer(self, stream: str, name: str) -> str:
        """A registered consumer of a stream, in use already; returns its ARN."""
        kinesis = self.session.client("kinesis")
        made = kinesis.register_stream_consumer(StreamARN=stream, ConsumerName=name)
        kinesis.list_stream_consumers(StreamARN=stream)
        self.calls.clear()
        return made["Consumer"]["ConsumerARN"]

    def shard_metrics_on(self, stream: str, *names: str) -> None:
        """Turn on metrics for each shard of a stream."""
        self.summary["EnhancedMonitoring"] = [{"ShardLevelMetrics": list(names)}]

    def consumers_counted(self, count: int | None) -> None:
        """What a stream's summary says of its consumers; moto says nothing."""
        self.summary["ConsumerCount"] = count

    def mapping_answer(self, source: str, function: str, uuid: str) -> dict[str, Any]:
        """A mapping as AWS would list it, for fakes."""
        return {
            "UUID": uuid,
            "EventSourceArn": source,
            "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}",
            "State": "Enabled",
        }

    def table_pipeline(self, pages: int) -> Target:
        """A table's stream of some pages of shards, a function and a mapping."""
        self.function()
        source = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders/stream/2026-11-23T00:00:00.000"
        uuid = "11111111-2222-3333-4444-555555555555"
        mapping = self.mapping_answer(source, "consumer", uuid)
        self.answer("lambda:GetEventSourceMapping", mapping)
        self.answer("lambda:ListEventSourceMappings", {"EventSourceMappings": [mapping]})
        self.fakes["dynamodb:DescribeStream"] = lambda asked: _table_page(asked, pages)
        return Target(
            function="consumer",
            function_arn=mapping["FunctionArn"],
            event_source_mapping=uuid,
            source_arn=source,
            kind=SourceKind.DYNAMODB,
            stream="orders",
        )

    def _role(self) -> str:
        iam = self.session.client("iam")
        try:
            return iam.get_role(RoleName="consumer")["Role"]["Arn"]
        except iam.exceptions.NoSuchEntityException:
            trust = json.dumps({"Version": "2012-10-17", "Statement": []})
            made = iam.create_role(RoleName="consumer", AssumeRolePolicyDocument=trust)
            return made["Role"]["Arn"]

    # --- botocore's events ---------------------------------------------------------------------

    def _keep_params(self, params: Any, context: dict[str, Any], **_: Any) -> None:
        context["asked"] = dict(params)

    def _on_call(self, model: Any, context: Mapping[str, Any], **_: Any) -> Any:
        service = {"dynamodb-streams": "dynamodb", "eventbridge": "events"}.get(
            found := model.service_model.service_id.hyphenize(), found
        )
        call = Call(service, model.name, context["asked"])
        with self.lock:
            self.calls.append(call)
        fake = self.fakes.get(str(call))
        return None if fake is None else _answered(fake, call)

    def _amend(self, parsed: dict[str, Any], **_: Any) -> None:
        if "StreamDescriptionSummary" in parsed:
            parsed["StreamDescriptionSummary"] |= self.summary

    def _metric_data(self, params: Mapping[str, Any]) -> Answer:
        """GetMetricData as CloudWatch means it; moto forgets the namespace."""
        return {
            "MetricDataResults": [
                {"Id": query["Id"], "StatusCode": "Complete", **self._points(query, params)}
                for query in params["MetricDataQueries"]
            ]
        }

    def _points(self, query: Mapping[str, Any], params: Mapping[str, Any]) -> Answer:
        metric = query["MetricStat"]["Metric"]
        dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
        names = (metric["MetricName"] + query["MetricStat"]["Stat"], metric["MetricName"])
        keys = ((metric["Namespace"], name, _key(dimensions)) for name in names)
        points = next((self.metrics[key] for key in keys if key in self.metrics), [])
        seen = [(at, v) for at, v in points if params["StartTime"] <= at < params["EndTime"]]
        if params.get("ScanBy") != "TimestampAscending":
            seen.reverse()
        return {"Timestamps": [at for at, _ in seen], "Values": [v for _, v in seen]}


def _answered(fake: Fake, call: Call) -> tuple[AWSResponse, Answer]:
    status = 200
    parsed: dict[str, Any]
    try:
        parsed = dict(fake(call.params))
    except Refused as refused:
        status = refused.status
        parsed = {"Error": {"Code": refused.code, "Message": refused.message}}
    metadata = {"ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": 0}}
    return AWSResponse("", status, HTTPHeaders(), None), parsed | metadata


def _table_page(asked: Mapping[str, Any], pages: int) -> Answer:
    number = int(asked.get("ExclusiveStartShardId", "-0").rpartition("-")[2]) + 1
    shard = {"ShardId": f"shardId-{number:020}", "SequenceNumberRange": {}}
    more = {"LastEvaluatedShardId": shard["ShardId"]} if number < pages else {}
    return {"StreamDescription": {"StreamStatus": "ENABLED", "Shards": [shard], **more}}


def _key(dimensions: Mapping[str, str]) -> str:
    return json.dumps(dimensions, sort_keys=True)


def _zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): ...")
    return packed.getvalue()


def kinesis_target(uuid: str, stream: str = "orders", **changed: Any) -> Target:
    """The target that the fixtures' mapping joins."""
    fields: dict[str, Any] = {
        "function": "consumer",
        "function_arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:consumer",
        "event_source_mapping": uuid,
        "source_arn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}",
        "kind": SourceKind.KINESIS,
        "stream": stream,
    }
    return Target(**fields | changed)
