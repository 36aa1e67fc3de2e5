"""The sensor: everything that is known of one mapping, in at most nine calls, side by side.

    first   mapping, function, reservation, account limits, stream, shards, the stream's mappings
    then    all metrics in one question, and the stream's registered consumers if it has any
    spare   further pages of a long answer, else the function's other mappings

What cannot be read becomes a Gap with its reason and the missing permission. Only without the
mapping itself can nothing be decided.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from remediator.aws import described, destinations, questions, reading, series
from remediator.aws.asking import Question, Reply, Spare, ask, ask_all
from remediator.aws.clients import Clients
from remediator.aws.series import Query
from remediator.aws.targets import TargetFinder
from remediator.model import (
    Evidence,
    FunctionState,
    Gap,
    Reader,
    Shard,
    SourceKind,
    StreamState,
    Target,
    Watched,
)
from remediator.ports import DescribedAlarm

MOST_CALLS = 9
"""AWS calls of one reading, however long its answers are."""

Replies = Mapping[str, Reply]


class AwsSensor:
    """Reads; never writes (port: Sensor)."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def describe_alarms(self, names: Sequence[str]) -> tuple[DescribedAlarm, ...]:
        """The alarms by name or ARN, those that exist.

        Raises PermanentError when it is denied, TemporaryError when it may work later, InputError
        for an ARN of another Region.
        """
        return described.alarms(self._clients, names)

    def find_targets(self, watched: Watched, now: datetime) -> tuple[Target, ...]:
        """The stream mappings behind what is watched, the most lagging one first.

        Raises InputError when there is none or the name is malformed or of another Region,
        PermanentError when listing them is denied, TemporaryError when it may work later.
        """
        return TargetFinder(self._clients).find(watched, now)

    def destination_exists(self, arn: str) -> bool | None:
        """Whether an on-failure destination exists; ``None`` when that cannot be seen."""
        return destinations.exists(self._clients, arn)

    def read(self, target: Target, now: datetime, window_seconds: int) -> Evidence:
        """All readings of one mapping. What cannot be read becomes a Gap.

        Raises PermanentError when the mapping is gone or may not be read, TemporaryError when
        reading it may work later.
        """
        seen = _look(self._clients, target, series.window(now, window_seconds))
        replies, given = seen.replies, series.answers(seen.asked, seen.replies["metrics"].pages)
        return Evidence(
            gathered_at=reading.utc(now),
            target=target,
            window_seconds=window_seconds,
            period_seconds=series.PERIOD_SECONDS,
            mapping=reading.mapping(replies["mapping"].first),
            function=_function(target, replies),
            account=reading.account(replies["account"].first),
            stream=seen.stream,
            shards=seen.shards,
            readers=_readers(target, replies),
            sibling_mappings=_siblings(target, replies["sibling_mappings"]),
            metrics=given.metrics,
            shard_metrics=given.shard_metrics,
            gaps=(*_gaps(replies), *given.gaps),
        )


class _Seen(NamedTuple):
    """All replies, and what had to be understood of them to ask on."""

    replies: Replies
    stream: StreamState | None
    shards: tuple[Shard, ...] | None
    asked: tuple[Query, ...]


def _look(clients: Clients, aim: Target, window: tuple[datetime, datetime]) -> _Seen:
    """Ask everything. Raises what keeps the mapping itself from being read."""
    first = questions.first(clients, aim)
    spare = Spare(MOST_CALLS - len(first) - 1)
    replies = ask_all(first, spare)
    if error := replies["mapping"].error:
        raise error
    stream, shards = _stream(aim, replies["stream"]), _shards(aim, replies)
    asked = series.queries(aim, stream, shards or ())
    second = [questions.metrics(clients, asked, window)]
    if _may_have_consumers(aim, stream) and spare.take():
        second.append(questions.consumers(clients, aim))
    replies |= ask_all(second, spare)
    replies |= _ask_if_spare(questions.siblings(clients, aim), spare)
    return _Seen(replies, stream, shards, asked)


def _may_have_consumers(aim: Target, stream: StreamState | None) -> bool:
    """Whether to list consumers: DynamoDB has none, and a summary that says 0 has said it all."""
    counted = stream.registered_consumers if stream else None
    return aim.kind is SourceKind.KINESIS and counted != 0


def _ask_if_spare(question: Question, spare: Spare) -> dict[str, Reply]:
    if spare.take():
        return {question.about: ask(question, spare)}
    gap = Gap(reading=question.about, reason=f"not asked: a reading makes {MOST_CALLS} calls")
    return {question.about: Reply(gap=gap)}


def _stream(aim: Target, reply: Reply) -> StreamState | None:
    if not reply.pages:
        return None
    if aim.kind is SourceKind.KINESIS:
        return reading.kinesis_stream(reply.first)
    shards = reading.table_shards(reply.pages) if reply.whole else None
    return reading.table_stream(aim, reply.first, shards)


def _shards(aim: Target, replies: Replies) -> tuple[Shard, ...] | None:
    """All shards, or ``None``: a part of them would be taken for the whole."""
    if aim.kind is SourceKind.DYNAMODB:
        reply = replies["stream"]
        return reading.table_shards(reply.pages) if reply.whole else None
    reply = replies["shards"]
    complete = reply.whole and not reply.first.get("NextToken")
    return reading.kinesis_shards(reply.pages) if complete else None


def _function(aim: Target, replies: Replies) -> FunctionState | None:
    found, reserved = replies["function"], replies["reserved_concurrency"]
    if not found.whole and not reserved.whole:
        return None
    state = reading.function(aim.function, found.first)
    if not reserved.whole:
        return state
    return state.model_copy(
        update={"reserved_concurrency": reserved.first.get("ReservedConcurrentExecutions")}
    )


def _readers(aim: Target, replies: Replies) -> tuple[Reader, ...] | None:
    listed = replies["readers"]
    if not listed.whole or listed.first.get("NextMarker"):
        return None
    registered = replies["consumers"].first if "consumers" in replies else {}
    return (
        *reading.other_mappings(listed.first, aim),
        *reading.consumers(registered, aim.consumer_arn),
    )


def _siblings(aim: Target, reply: Reply) -> int | None:
    return reading.siblings(reply.first, aim) if reply.whole else None


def _gaps(replies: Replies) -> Iterator[Gap]:
    """What the replies leave open, beside what CloudWatch withheld."""
    yield from (reply.gap for reply in replies.values() if reply.gap)
    for about, token in (("shards", "NextToken"), ("readers", "NextMarker")):
        if about in replies and replies[about].first.get(token):
            yield Gap(reading=about, reason="the list is longer than one reading may fetch")
    account = replies["account"]
    if account.whole and reading.account(account.first) is None:
        yield Gap(reading="account", reason="AWS answered without the limits")
    if replies["function"].first.get("TagsError"):
        yield Gap(reading="tags", reason="denied", permission="lambda:ListTags")
