"""What is watched → the stream mappings behind it, the most lagging one first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import chain
from math import sqrt
from statistics import median
from typing import Any, NamedTuple

from remediator.aws import questions, readers, reading, series
from remediator.aws.asking import ask
from remediator.aws.clients import Clients
from remediator.aws.failures import NOT_FOUND, aws_errors
from remediator.aws.reading import Answer
from remediator.aws.series import Query
from remediator.errors import InputError, PermanentError, TemporaryError
from remediator.events import names
from remediator.events.names import Named
from remediator.evidence.metrics import Metric
from remediator.model import Target, Watched

# Mappings looked through at most; 50 pages of the control plane's 15 calls a second.
_MOST_LISTED = 5000

# Mappings; with two age metrics for an alias they fit into one GetMetricData of 500.
_MOST_COMPARED = 80

_LAG_WINDOW_SECONDS = 3600
_LATELY = timedelta(minutes=10)
_LAGS = frozenset(
    {
        Metric.ITERATOR_AGE_MS,
        Metric.STREAM_ITERATOR_AGE_MS,
        Metric.CONSUMER_BEHIND_MS,
        Metric.INCOMING_RECORDS,
    }
)


# What ranks a mapping, each such that the most comes first; see ``_lag``.
Lag = tuple[float, float, float, bool, float]

_NO_LAG: Lag = (0.0, 0.0, 0.0, True, 0.0)
# Times the usual traffic, from which it is a reason to lag; and how many times the square root of
# the usual count it has to be beyond it, which chance alone is not.
_FAR_MORE, _BEYOND_CHANCE = 1.5, 4.0
# A stream whose own age is this share of the function's explains it; one that lags less may wait
# for what another stream's batches leave it.
_EXPLAINS = 0.8


class TargetFinder:
    """Finds mappings by what an alarm or a person names."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def find(self, watched: Watched, now: datetime) -> tuple[Target, ...]:
        """See ``AwsSensor.find_targets``."""
        listed = list(self._listed(watched))
        streams = {
            target.event_source_mapping: (answer, target)
            for answer in listed
            if (target := reading.target(answer)) is not None
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
        names.same_region(named.region, self._clients.region, f"mapping {uuid}")
        try:
            with aws_errors("lambda"):
                found = self._clients.lambda_.get_event_source_mapping(UUID=uuid)
                reading.mapping(found)
                return [found]
        except PermanentError as error:
            if error.code in NOT_FOUND:
                return []
            raise

    def _by_function(self, named: Named, alias: str | None) -> Iterable[Answer]:
        """By the alias; else by the function and each of its aliases, whose records are all in the
        function's metrics; else all mappings that name the function.

        A listing by an unqualified name may leave out the mappings of its aliases, and one by a
        deleted function everything, so the last look goes through all.
        """
        function = named.watched.function or ""
        qualifier = alias or named.watched.qualifier
        names.same_region(named.region, self._clients.region, f"function {function}")
        looks = (f"{function}:{qualifier}", function) if qualifier else (function,)
        seen: list[Answer] = []
        for name in looks:
            names.function(name)
            seen = self._mappings(FunctionName=name) if qualifier else self._with_aliases(name)
            if any(map(_reads_stream, seen)):
                return seen
        return [one for one in self._mappings() if readers.feeds(one, function)] or seen

    def _with_aliases(self, function: str) -> list[Answer]:
        """Without permission to list aliases, the function's own have to do. Both are asked for in
        threads, so that the lab plays them at one moment. Raises TemporaryError."""
        asked = questions.aliases(self._clients, function)._replace(read=_aliases)
        with ThreadPoolExecutor(max_workers=2) as beside:
            said = beside.submit(ask, asked)
            own = beside.submit(self._mappings, FunctionName=function).result()
        if not any(map(_reads_stream, own)):
            return own
        reply = said.result()
        if isinstance(reply.error, TemporaryError):
            raise reply.error
        aliases = [name for page in reply.pages for name in _aliases(page)]
        named = (self._mappings(FunctionName=f"{function}:{name}") for name in aliases)
        return [*own, *chain.from_iterable(named)]

    def _by_stream(self, named: Named) -> Iterable[Answer]:
        """The stream's own mappings, and those of its registered consumers."""
        text = named.watched.stream or ""
        names.same_region(named.region, self._clients.region, f"stream {text}")
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
                consumers = [one["ConsumerARN"] for one in answer["Consumers"]]
        except PermanentError:
            if tolerant:
                return
            raise
        for consumer in consumers:
            yield from self._mappings(EventSourceArn=consumer)

    def _stream_arn(self, name: str) -> str | None:
        try:
            with aws_errors("kinesis"):
                answer = self._clients.kinesis.describe_stream_summary(StreamName=name)
                return answer["StreamDescriptionSummary"]["StreamARN"]
        except PermanentError as error:
            if error.code in NOT_FOUND:
                return None
            raise

    def _mappings(self, **chosen: str) -> list[Answer]:
        """All pages of a listing; empty for a function that is gone."""
        pages = self._clients.lambda_.get_paginator("list_event_source_mappings")
        limits: Any = {"MaxItems": _MOST_LISTED, "PageSize": 100}
        try:
            with aws_errors("lambda"):
                found = pages.paginate(**chosen, PaginationConfig=limits)
                return [one for page in found for one in readers.listed(page)]
        except PermanentError as error:
            if error.code in NOT_FOUND:
                return []
            raise

    # --- order ---------------------------------------------------------------------------------

    def _ordered(
        self, found: Sequence[tuple[Answer, Target]], watched: Watched, now: datetime
    ) -> tuple[Target, ...]:
        """The named alias first, then what is enabled or was until just now, then by lag, else as
        AWS lists them."""
        lags = self._lags(found, now) if len(found) > 1 else {}
        wanted = watched.qualifier

        def rank(pair: tuple[Answer, Target]) -> tuple[bool, bool, Lag]:
            answer, target = pair
            other = wanted is not None and target.qualifier != wanted
            lag = lags.get(target.event_source_mapping, _NO_LAG)
            return other, not (reading.is_running(answer) or _stopped_just_now(answer, now)), lag

        return tuple(target for _, target in sorted(found, key=rank))

    def _lags(self, found: Sequence[tuple[Answer, Target]], now: datetime) -> Mapping[str, Lag]:
        """The lag by mapping; empty when metrics may not be read.

        Raises TemporaryError: a guess at which mapping lags would act on the wrong one.
        """
        asked = [
            (target, query)
            for _, target in found[:_MOST_COMPARED]
            for query in series.queries(target)
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
                points, _ = series.collect([series.complete(page)])
        except PermanentError:
            return {}
        seen = [_Seen.of(points.get(f"m{n}", {}), now) for n in range(len(asked))]
        return {
            target.event_source_mapping: _lag(target, asked, seen, fails=_fails(answer))
            for answer, target in found[:_MOST_COMPARED]
        }


class _Seen(NamedTuple):
    """One metric's greatest value of late, and the usual one before."""

    lately: float
    usual: float | None

    @classmethod
    def of(cls, points: Mapping[datetime, float], now: datetime) -> "_Seen | None":
        """``None`` where nothing was published of late."""
        lately = [value for at, value in points.items() if at >= now - _LATELY]
        before = [value for at, value in points.items() if at < now - _LATELY]
        return cls(max(lately), median(before) if before else None) if lately else None

    @property
    def growth(self) -> float:
        """How many times the usual; 1 where it is no more than that comes and goes."""
        usual = self.usual or 0.0
        many = self.lately - usual >= _BEYOND_CHANCE * sqrt(usual)
        times = self.lately / usual if usual and many else 1.0
        return times if times >= _FAR_MORE else 1.0


_NONE = _Seen(0.0, None)


def _stopped_just_now(answer: Answer, now: datetime) -> bool:
    """Whether it may be stopped for no longer than what an alarm tells of: then it may be what
    lags."""
    changed = reading.mapping(answer).last_modified
    return changed is not None and timedelta(0) <= now - changed <= _LATELY


def _fails(answer: Answer) -> bool:
    """Whether its last batch went wrong; a hint only, since AWS documents no values."""
    return (reading.mapping(answer).last_processing_result or "").startswith("PROBLEM")


def _lag(
    target: Target,
    asked: Sequence[tuple[Target, Query]],
    seen: Sequence[_Seen | None],
    *,
    fails: bool,
) -> Lag:
    """How far one mapping is behind, as far as metrics can tell.

    A registered consumer's lag is the mapping's own. The function's age mixes all its mappings,
    and only it tells what is not processed yet. The stream's age tells what is not *read* yet, by
    any of its readers: pollers read ahead, so that a low one excuses no mapping, while a high one
    shows which stream it is. Where none shows it, that one lags to which far more comes than usual,
    else that whose last batch went wrong, else that to which more comes. A function that is never
    invoked has no age of its own.
    """
    own: dict[Metric, _Seen] = {}
    for (owner, query), found in zip(asked, seen, strict=True):
        if owner is target and found is not None:
            own.setdefault(query.metric, found)
    witness = Metric.CONSUMER_BEHIND_MS if target.consumer_arn else Metric.STREAM_ITERATOR_AGE_MS
    stream, arriving = own.get(witness, _NONE).lately, own.get(Metric.INCOMING_RECORDS, _NONE)
    behind = own.get(Metric.ITERATOR_AGE_MS, own.get(witness, _NONE)).lately
    shown = stream if stream >= _EXPLAINS * behind else 0.0
    return -behind, -shown, -arriving.growth, not fails, -arriving.lately


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


def _aliases(page: Answer) -> list[str]:
    return [one["Name"] for one in page.get("Aliases", ())]
