"""What is watched → the stream mappings behind it, the most lagging one first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from remediator import names
from remediator.aws import reading, series
from remediator.aws.arns import same_region
from remediator.aws.clients import Clients
from remediator.aws.failures import NOT_FOUND, aws_errors
from remediator.aws.reading import Answer
from remediator.aws.series import Query
from remediator.errors import InputError, PermanentError
from remediator.metrics import Metric
from remediator.model import SourceKind, Target, Watched
from remediator.names import Named

_MOST_LISTED = 5000
"""Mappings looked through at most; 50 pages of the control plane's 15 calls a second."""

_MOST_COMPARED = 100
_LAG_WINDOW_SECONDS = 600
_LAGS = frozenset(
    {Metric.ITERATOR_AGE_MS, Metric.STREAM_ITERATOR_AGE_MS, Metric.CONSUMER_BEHIND_MS}
)


class TargetFinder:
    """Finds mappings by what an alarm or a person names."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def find(self, watched: Watched, now: datetime) -> tuple[Target, ...]:
        """See ``AwsSensor.find_targets``."""
        listed = list(self._listed(watched))
        streams = {
            aim.event_source_mapping: (answer, aim)
            for answer in listed
            if (aim := reading.target(answer)) is not None
        }
        if not streams:
            raise InputError(f"{watched}: {_in_vain(listed)}")
        return self._ordered(list(streams.values()), watched, now)

    # --- listing -------------------------------------------------------------------------------

    def _listed(self, watched: Watched) -> Iterable[Answer]:
        if watched.event_source_mapping:
            return self._by_uuid(names.mapping(watched.event_source_mapping))
        if watched.function:
            return self._by_function(names.function(watched.function), watched.qualifier)
        return self._by_stream(names.stream(watched.stream))

    def _by_uuid(self, named: Named) -> Iterable[Answer]:
        uuid = named.watched.event_source_mapping or ""
        same_region(named.region, self._clients.region, f"mapping {uuid}")
        try:
            with aws_errors("lambda"):
                return [self._clients.lambda_.get_event_source_mapping(UUID=uuid)]
        except PermanentError as error:
            if error.code in NOT_FOUND:
                return []
            raise

    def _by_function(self, named: Named, alias: str | None) -> Iterable[Answer]:
        """By the alias, else by the function, else all mappings that name the function.

        A listing by an unqualified name may leave out the mappings of its aliases, and one by a
        deleted function everything, so the last look goes through all.
        """
        function = named.watched.function or ""
        qualifier = alias or named.watched.qualifier
        same_region(named.region, self._clients.region, f"function {function}")
        looks = (f"{function}:{qualifier}", function) if qualifier else (function,)
        seen: list[Answer] = []
        for name in looks:
            names.function(name)
            seen = self._mappings(FunctionName=name)
            if any(map(_reads_stream, seen)):
                return seen
        return [one for one in self._mappings() if reading.feeds(one, function)] or seen

    def _by_stream(self, named: Named) -> Iterable[Answer]:
        """The stream's own mappings, and those of its registered consumers."""
        text = named.watched.stream or ""
        same_region(named.region, self._clients.region, f"stream {text}")
        arn = text if named.region else self._stream_arn(text)
        shared = self._mappings(EventSourceArn=arn) if arn else []
        if arn is None or ":kinesis:" not in arn:
            return shared
        return [*shared, *self._of_consumers(arn, tolerant=any(map(_reads_stream, shared)))]

    def _of_consumers(self, arn: str, *, tolerant: bool) -> Iterator[Answer]:
        """``tolerant``: without permission to list consumers, do with what was found already."""
        try:
            with aws_errors("kinesis"):
                answer = self._clients.kinesis.list_stream_consumers(StreamARN=arn)
        except PermanentError:
            if tolerant:
                return
            raise
        for consumer in answer.get("Consumers") or ():
            yield from self._mappings(EventSourceArn=consumer["ConsumerARN"])

    def _stream_arn(self, name: str) -> str | None:
        try:
            with aws_errors("kinesis"):
                answer = self._clients.kinesis.describe_stream_summary(StreamName=name)
        except PermanentError as error:
            if error.code in NOT_FOUND:
                return None
            raise
        return answer["StreamDescriptionSummary"]["StreamARN"]

    def _mappings(self, **chosen: str) -> list[Answer]:
        """All pages of a listing; empty for a function that is gone."""
        pages = self._clients.lambda_.get_paginator("list_event_source_mappings")
        limits: Any = {"MaxItems": _MOST_LISTED, "PageSize": 100}
        try:
            with aws_errors("lambda"):
                found = pages.paginate(**chosen, PaginationConfig=limits)
                return [one for page in found for one in page.get("EventSourceMappings") or ()]
        except PermanentError as error:
            if error.code in NOT_FOUND:
                return []
            raise

    # --- order ---------------------------------------------------------------------------------

    def _ordered(
        self, found: Sequence[tuple[Answer, Target]], watched: Watched, now: datetime
    ) -> tuple[Target, ...]:
        """The named alias first, then what is enabled, then by lag."""
        lags = self._lags([aim for _, aim in found], now) if len(found) > 1 else {}
        wanted = watched.qualifier

        def rank(pair: tuple[Answer, Target]) -> tuple[bool, bool, float, str]:
            answer, aim = pair
            uuid = aim.event_source_mapping
            other = wanted is not None and aim.qualifier != wanted
            return other, not reading.is_running(answer), -lags.get(uuid, 0.0), uuid

        return tuple(aim for _, aim in sorted(found, key=rank))

    def _lags(self, aims: Sequence[Target], now: datetime) -> Mapping[str, float]:
        """Milliseconds of lag by mapping; empty when metrics may not be read.

        Raises TemporaryError: a guess at which mapping lags would act on the wrong one.
        """
        asked = [
            (aim, query)
            for aim in aims[:_MOST_COMPARED]
            for query in series.queries(aim)
            if query.metric in _LAGS
        ]
        start, end = series.window(now, _LAG_WINDOW_SECONDS)
        try:
            with aws_errors("cloudwatch"):
                page = self._clients.cloudwatch.get_metric_data(
                    MetricDataQueries=series.as_request([query for _, query in asked]),
                    StartTime=start,
                    EndTime=end,
                )
        except PermanentError:
            return {}
        points, _ = series.collect([page])
        highest = [max(points.get(f"m{n}", {}).values(), default=None) for n in range(len(asked))]
        return {
            aim.event_source_mapping: _lag(aim, asked, highest) for aim in aims[:_MOST_COMPARED]
        }


def _lag(
    aim: Target, asked: Sequence[tuple[Target, Query]], highest: Sequence[float | None]
) -> float:
    """How far one mapping is behind, as far as metrics can tell.

    The function's age mixes all its mappings, the stream's age all its readers, and the mapping
    is in both: so it lags no more than the lesser of them. A function that is never invoked has
    no age of its own.
    """
    first: dict[Metric, float] = {}
    for (owner, query), value in zip(asked, highest, strict=True):
        if owner is aim and value is not None:
            first.setdefault(query.metric, value)
    if aim.kind is SourceKind.KINESIS and aim.consumer_arn:
        first.pop(Metric.STREAM_ITERATOR_AGE_MS, None)
    return min(first.values(), default=0.0)


def _reads_stream(answer: Answer) -> bool:
    return reading.target(answer) is not None


def _in_vain(listed: Sequence[Answer]) -> str:
    if not listed:
        return "expected an event source mapping of a Kinesis or DynamoDB stream, found none"
    sources = sorted({one.get("EventSourceArn") or "without an ARN" for one in listed})
    return (
        "expected an event source mapping of a Kinesis or DynamoDB stream, found only "
        f"{len(listed)} of other sources: {', '.join(sources[:5])}"
    )
