"""GetMetricData: one question for all metrics of a mapping, and its answer as series.

A metric that may be kept under several dimensions is asked for under each, and the first of them
that has datapoints is taken. Source: CloudWatch API Reference, GetMetricData.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, NamedTuple

from remediator.aws.reading import is_kinesis, utc
from remediator.events import names
from remediator.evidence.metrics import KINESIS_SHARD_METRICS, METRICS, Metric, Scope, Source
from remediator.model import Gap, Series, Shard, StreamState, Target

# AWS takes no more in one GetMetricData.
MOST_QUERIES = 500

PERIOD_SECONDS = 60
PERMISSION = "cloudwatch:GetMetricData"

Dimensions = Mapping[str, str]


class Query(NamedTuple):
    """One metric under one set of dimensions; of ``shard_id``, where it is a shard's."""

    metric: Metric
    source: Source
    dimensions: Dimensions
    shard_id: str | None = None


class Answers(NamedTuple):
    """What CloudWatch gave: series by metric, shards' series by shard, and what it withheld."""

    metrics: dict[str, Series]
    shard_metrics: dict[str, dict[str, Series]]
    gaps: tuple[Gap, ...]


def window(now: datetime, seconds: int) -> tuple[datetime, datetime]:
    """The window's start and end: whole minutes, the running one left out."""
    end = utc(now).replace(second=0, microsecond=0)
    return end - timedelta(seconds=seconds), end


def queries(
    target: Target, stream: StreamState | None = None, shards: Iterable[Shard] = ()
) -> tuple[Query, ...]:
    """All metrics of a mapping, and those of its stream's shards that are turned on."""
    whole = [
        Query(metric, source, dimensions)
        for metric, source in METRICS[target.kind].items()
        for dimensions in _dimensions(source.scope, target)
    ]
    return (*whole, *_shard_queries(target, stream, shards, MOST_QUERIES - len(whole)))


def _dimensions(scope: Scope, target: Target) -> tuple[Dimensions, ...]:
    """Where a metric may be kept, the most telling place first."""
    if scope in _OF_STREAM and owner_elsewhere(target):
        return ()  # a stream of this name in our account is another one
    function, consumer = {"FunctionName": target.function}, _consumer_name(target)
    qualified = {
        "FunctionName": target.function,
        "Resource": f"{target.function}:{target.qualifier}",
    }
    table = {"TableName": target.stream}
    label = target.source_arn.rpartition("/stream/")[2]
    places: Mapping[Scope, tuple[Dimensions, ...]] = {
        Scope.FUNCTION: (qualified, function) if target.qualifier else (function,),
        Scope.ACCOUNT: ({},),
        Scope.MAPPING: ({"EventSourceMappingUUID": target.event_source_mapping},),
        Scope.INSIGHTS: ({"function_name": target.function},),
        Scope.STREAM: ({"StreamName": target.stream},),
        Scope.CONSUMER: ({"StreamName": target.stream, "ConsumerName": consumer},)
        if consumer
        else (),
        Scope.TABLE: (table,),
        Scope.TABLE_STREAM: ({**table, "StreamLabel": label, "Operation": "GetRecords"},),
    }
    return places[scope]


_OF_STREAM = frozenset({Scope.STREAM, Scope.CONSUMER, Scope.SHARD, Scope.TABLE, Scope.TABLE_STREAM})


def owner_elsewhere(target: Target) -> str | None:
    """The account of the stream where that is not the function's: its metrics are kept there."""
    source = names.stream_arn(target.source_arn)
    return source.account_id if source and source.account_id != target.account_id else None


def _consumer_name(target: Target) -> str | None:
    """The registered consumer that a mapping reads through, if it does."""
    source = names.stream_arn(target.consumer_arn)
    return source.consumer if source else None


def kept_elsewhere(target: Target) -> tuple[Gap, ...]:
    """One gap for each metric that CloudWatch keeps in the account of the stream alone."""
    owner = owner_elsewhere(target)
    if owner is None:
        return ()
    reason = f"the stream lies in account {owner}, and so do its metrics"
    return tuple(
        Gap(reading=metric.value, reason=reason)
        for metric, source in METRICS[target.kind].items()
        if source.scope in _OF_STREAM
        and (source.scope is not Scope.CONSUMER or target.consumer_arn)
    )


def _shard_queries(
    target: Target, stream: StreamState | None, shards: Iterable[Shard], room: int
) -> tuple[Query, ...]:
    """Shards' metrics, the open shards' first, for as many shards as one call has room for."""
    if stream is None or not is_kinesis(target) or owner_elsewhere(target):
        return ()
    on = {
        metric: source
        for metric, source in KINESIS_SHARD_METRICS.items()
        if source.name in stream.shard_metrics or "ALL" in stream.shard_metrics
    }
    open_first = sorted(shards, key=lambda shard: not shard.is_open)
    return tuple(
        Query(
            metric, source, {"StreamName": target.stream, "ShardId": shard.shard_id}, shard.shard_id
        )
        for shard in open_first[: room // len(on) if on else 0]
        for metric, source in on.items()
    )


def as_request(asked: Sequence[Query], period_seconds: int = PERIOD_SECONDS) -> list[Any]:
    """The queries as GetMetricData wants them, with ids m0, m1…"""
    return [
        {
            "Id": f"m{index}",
            "MetricStat": {
                "Metric": {
                    "Namespace": query.source.namespace,
                    "MetricName": query.source.name,
                    "Dimensions": [
                        {"Name": name, "Value": value} for name, value in query.dimensions.items()
                    ],
                },
                "Period": period_seconds,
                "Stat": query.source.stat,
            },
        }
        for index, query in enumerate(asked)
    ]


def answers(asked: Sequence[Query], pages: Iterable[Mapping[str, Any]]) -> Answers:
    """The pages of one GetMetricData, put together.

    A series that is incomplete lacks its newest end, which would look like silence: it is left
    out and becomes a gap.
    """
    series, status = collect(pages)
    found = Answers({}, {}, _withheld(asked, status))
    withheld = {gap.reading for gap in found.gaps}
    for index, query in enumerate(asked):
        points = series.get(f"m{index}")
        if points and query.metric not in withheld:
            place = (
                found.shard_metrics.setdefault(query.shard_id, {})
                if query.shard_id
                else found.metrics
            )
            place.setdefault(query.metric.value, Series(points=tuple(sorted(points.items()))))
    return found


def complete(page: Mapping[str, Any]) -> Mapping[str, Any]:
    """The page, if it is one: without its list of results it would read as no datapoints."""
    collect([{"MetricDataResults": page["MetricDataResults"]}])
    return page


def collect(
    pages: Iterable[Mapping[str, Any]],
) -> tuple[dict[str, dict[datetime, float]], dict[str, str]]:
    """Datapoints and last status by query id; what is not a finite number is dropped."""
    series: dict[str, dict[datetime, float]] = {}
    status: dict[str, str] = {}
    for page in pages:
        for result in page.get("MetricDataResults") or ():
            status[result["Id"]] = result.get("StatusCode") or "Complete"
            series.setdefault(result["Id"], {}).update(
                (utc(at), float(value))
                for at, value in zip(
                    result.get("Timestamps") or (), result.get("Values") or (), strict=False
                )
                if isfinite(value)
            )
    return series, status


def _withheld(asked: Sequence[Query], status: Mapping[str, str]) -> tuple[Gap, ...]:
    """One gap for each metric that CloudWatch did not give whole."""
    words = {
        query.metric: status.get(f"m{index}", "Complete")
        for index, query in enumerate(asked)
        if status.get(f"m{index}", "Complete") != "Complete"
    }
    return tuple(
        Gap(
            reading=metric.value,
            reason=f"CloudWatch answered {word}",
            permission=PERMISSION if word == "Forbidden" else None,
        )
        for metric, word in words.items()
    )
