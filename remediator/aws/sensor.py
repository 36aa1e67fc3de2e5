"""The sensor: everything that is known of one mapping, side by side.

    first   mapping, function, reservation, account limits, stream, shards, the account's mappings
    then    all metrics in one question, and the stream's registered consumers if it has any

That is nine calls at most; large accounts, and answers of many pages, take more (``neighbours``).

What cannot be read becomes a Gap with its reason and the missing permission. Only without the
mapping itself can nothing be decided.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from remediator.aws import (
    busiest,
    described,
    destinations,
    neighbours,
    promotion,
    questions,
    reading,
    sampled,
    series,
)
from remediator.aws.asking import ask_all
from remediator.aws.claims import JournalClaims
from remediator.aws.clients import Clients
from remediator.aws.neighbours import Replies
from remediator.aws.series import Query
from remediator.aws.targets import TargetFinder
from remediator.model import (
    Busy,
    Evidence,
    FunctionState,
    Gap,
    KeySample,
    Released,
    Shard,
    SourceKind,
    StreamState,
    Target,
    Watched,
)
from remediator.ports import DescribedAlarm


class AwsSensor:
    """Reads; never writes (port: Sensor). ``claims``: asked for in the same breath."""

    def __init__(self, clients: Clients, claims: JournalClaims | None = None) -> None:
        self._clients = clients
        self._claims = claims

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
        """Whether an on-failure destination is there and of a kind that takes failed records.

        ``None`` when that cannot be seen, which proves nothing.
        """
        return destinations.look(self._clients, arn).exists

    def busiest(self, now: datetime) -> tuple[Busy, ...] | None:
        """The account's functions that run most at once, the busiest first; ``None``: not seen."""
        return busiest.functions(self._clients, now)

    def sample_keys(
        self, target: Target, shard_id: str, since: datetime, records: int, *, named: bool
    ) -> KeySample:
        """Partition keys of some records of one shard, by one call that is not repeated.

        Raises PermanentError or TemporaryError as AWS answers.
        """
        return sampled.keys(self._clients, target, shard_id, since, records, named=named)

    def released(self, target: Target) -> Released | None:
        """What the target's alias releases, beside $LATEST; ``None``: it names no alias.

        Raises PermanentError or TemporaryError as AWS answers.
        """
        alias = target.qualifier
        return promotion.released(self._clients, target.function, alias) if alias else None

    def read(self, target: Target, now: datetime, window_seconds: int) -> Evidence:
        """All readings of one mapping. What cannot be read becomes a Gap.

        Raises PermanentError when the mapping is gone or may not be read, TemporaryError when
        reading it may work later.
        """
        seen = _look(self._clients, target, series.window(now, window_seconds), self._claims)
        replies, given = seen.replies, series.answers(seen.asked, seen.replies["metrics"].pages)
        around = neighbours.seen(target, replies)
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
            readers=around.readers,
            sibling_mappings=around.sibling_mappings,
            metrics=given.metrics,
            shard_metrics=given.shard_metrics,
            gaps=(
                *_gaps(replies),
                *around.gaps,
                *given.gaps,
                *series.kept_elsewhere(target),
            ),
        )


class _Seen(NamedTuple):
    """All replies, and what had to be understood of them to ask on."""

    replies: Replies
    stream: StreamState | None
    shards: tuple[Shard, ...] | None
    asked: tuple[Query, ...]


def _look(
    clients: Clients,
    target: Target,
    window: tuple[datetime, datetime],
    claims: JournalClaims | None,
) -> _Seen:
    """Ask everything. Raises what keeps the mapping itself from being read."""
    beside = claims.question() if claims else None
    replies = ask_all([*questions.first(clients, target), *([beside] if beside else [])])
    if claims and beside:
        claims.hear(replies.pop(beside.about))
    if error := replies["mapping"].error:
        raise error
    stream, shards = _stream(target, replies), _shards(target, replies)
    asked = series.queries(target, stream, shards or ())
    second = [questions.metrics(clients, asked, window)]
    if _may_have_consumers(target, stream):
        second.append(questions.consumers(clients, target))
    if neighbours.all_are_listed(replies["mappings"]):
        replies |= ask_all(second)
    else:
        replies |= ask_all([*second, *neighbours.by_name(clients, target)])
        replies |= ask_all(neighbours.by_name_found(clients, target, replies))
    return _Seen(replies, stream, shards, asked)


def _may_have_consumers(target: Target, stream: StreamState | None) -> bool:
    """Whether to list consumers: DynamoDB has none, and a summary that says 0 has said it all."""
    counted = stream.registered_consumers if stream else None
    return target.kind is SourceKind.KINESIS and counted != 0


def _stream(target: Target, replies: Replies) -> StreamState | None:
    reply = replies["stream"]
    if not reply.pages:
        return None
    if target.kind is SourceKind.KINESIS:
        return reading.kinesis_stream(reply.first)
    shards, table = _shards(target, replies), replies["replicas"]
    copies = reading.replicas(table.first) if table.whole else None
    return reading.table_stream(target, reply.first, shards, copies)


def _shards(target: Target, replies: Replies) -> tuple[Shard, ...] | None:
    """All shards, or ``None``: a part of them would be taken for the whole."""
    if target.kind is SourceKind.DYNAMODB:
        reply = replies["stream"]
        return reading.table_shards(reply.pages) if reply.whole else None
    reply = replies["shards"]
    return reading.kinesis_shards(reply.pages) if reply.whole else None


def _function(target: Target, replies: Replies) -> FunctionState | None:
    found, reserved = replies["function"], replies["reserved_concurrency"]
    if not found.whole and not reserved.whole:
        return None
    state = reading.function(target.function, found.first)
    if not reserved.whole:
        return state
    return state.model_copy(update={"reserved_concurrency": reading.reservation(reserved.first)})


def _gaps(replies: Replies) -> Iterator[Gap]:
    """What the replies leave open, beside the neighbours and what CloudWatch withheld."""
    told = neighbours.own_questions(replies)
    yield from (reply.gap for about, reply in replies.items() if reply.gap and about not in told)
    account = replies["account"]
    if account.whole and reading.account(account.first) is None:
        yield Gap(reading="account", reason="AWS answered without the limits")
    if replies["function"].first.get("TagsError"):
        yield Gap(reading="tags", reason="denied", permission="lambda:ListTags")
