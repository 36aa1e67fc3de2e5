"""The questions of one reading: which calls are made, with what, and what they are about."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from remediator.aws import readers, reading, series
from remediator.aws.asking import Question
from remediator.aws.clients import Clients
from remediator.aws.reading import Answer
from remediator.aws.series import Query
from remediator.model import SourceKind, Target

_MOST_MAPPINGS = 100
_MOST_SHARDS = 1000
_MOST_CONSUMERS = 100


def first(clients: Clients, target: Target) -> tuple[Question, ...]:
    """What needs nothing but the target."""
    return (*_of_lambda(clients, target), *_OF_STREAM[target.kind](clients, target))


def _of_lambda(clients: Clients, target: Target) -> tuple[Question, ...]:
    lambda_ = clients.lambda_
    version = {"Qualifier": target.qualifier} if target.qualifier else {}
    name = {"FunctionName": target.function}
    return (
        Question(
            "mapping",
            "lambda",
            lambda_.get_event_source_mapping,
            {"UUID": target.event_source_mapping},
            read=reading.mapping,
        ),
        Question(
            "function",
            "lambda",
            lambda_.get_function,
            name | version,
            read=lambda page: reading.function(target.function, {**page, **_configured(page)}),
        ),
        Question(
            "reserved_concurrency",
            "lambda",
            lambda_.get_function_concurrency,
            name,
            read=reading.reservation,
        ),
        Question("account", "lambda", lambda_.get_account_settings, {}, read=reading.account),
        mappings(clients, "mappings", {}),
    )


def _of_kinesis(clients: Clients, target: Target) -> tuple[Question, ...]:
    stream = {"StreamARN": target.source_arn}
    return (
        Question(
            "stream",
            "kinesis",
            clients.kinesis.describe_stream_summary,
            stream,
            read=reading.kinesis_stream,
        ),
        Question(
            "shards",
            "kinesis",
            clients.kinesis.list_shards,
            stream | {"MaxResults": _MOST_SHARDS},
            read=lambda page: reading.kinesis_shards([page]),
            next_page=by_token,
        ),
    )


def _of_dynamodb(clients: Clients, target: Target) -> tuple[Question, ...]:
    return (
        Question(
            "stream",
            "dynamodb",
            clients.dynamodbstreams.describe_stream,
            {"StreamArn": target.source_arn},
            read=lambda page: reading.table_stream(
                target, page, reading.table_shards([page]), None
            ),
            next_page=_next_shards,
        ),
        Question(
            "replicas",
            "dynamodb",
            clients.dynamodb.describe_table,
            {"TableName": _table(target)},
            read=reading.replicas,
        ),
    )


_OF_STREAM = {SourceKind.KINESIS: _of_kinesis, SourceKind.DYNAMODB: _of_dynamodb}


def _configured(page: Answer) -> Answer:
    return {"Configuration": page["Configuration"]}


def _table(target: Target) -> str:
    """By its ARN: a table of the same name may be in our own account, too."""
    return target.source_arn.partition("/stream/")[0]


def _next_shards(page: Answer) -> Mapping[str, Any] | None:
    last = page["StreamDescription"].get("LastEvaluatedShardId")
    return {"ExclusiveStartShardId": last} if last else None


def by_token(page: Answer) -> Mapping[str, Any] | None:
    token = page.get("NextToken")
    return {"NextToken": token} if token else None


def _by_marker(page: Answer) -> Mapping[str, Any] | None:
    marker = page.get("NextMarker")
    return {"Marker": marker} if marker else None


def consumers(clients: Clients, target: Target) -> Question:
    """The registered consumers of a Kinesis stream."""
    return Question(
        "consumers",
        "kinesis",
        clients.kinesis.list_stream_consumers,
        {"StreamARN": target.source_arn, "MaxResults": _MOST_CONSUMERS},
        read=lambda page: [(one["ConsumerName"], one["ConsumerARN"]) for one in page["Consumers"]],
        next_page=by_token,
    )


def mappings(clients: Clients, about: str, of: Mapping[str, str]) -> Question:
    """Mappings by source, by function, or the account's: of those, the first page."""
    question = Question(
        about,
        "lambda",
        clients.lambda_.list_event_source_mappings,
        {**of, "MaxItems": _MOST_MAPPINGS},
        read=readers.listed,
    )
    return question._replace(next_page=_by_marker) if of else question


def mappings_of(clients: Clients, key: str, names: Iterable[str]) -> tuple[Question, ...]:
    """The mappings of some functions, or of some sources."""
    return tuple(mappings(clients, f"mappings of {name}", {key: name}) for name in names)


def aliases(clients: Clients, function: str) -> Question:
    """The function's aliases, each of which may be fed by mappings of its own."""
    return Question(
        "aliases",
        "lambda",
        clients.lambda_.list_aliases,
        {"FunctionName": function, "MaxItems": 100},
        read=lambda page: [one["Name"] for one in page["Aliases"]],
        next_page=_by_marker,
    )


def metrics(
    clients: Clients, asked: Sequence[Query], window: tuple[datetime, datetime]
) -> Question:
    """All metrics at once; the window's end is left out of it."""
    start, end = window
    return Question(
        "metrics",
        "cloudwatch",
        clients.cloudwatch.get_metric_data,
        {
            "MetricDataQueries": series.as_request(asked),
            "StartTime": start,
            "EndTime": end,
            "ScanBy": "TimestampAscending",
        },
        read=series.complete,
        next_page=by_token,
    )
