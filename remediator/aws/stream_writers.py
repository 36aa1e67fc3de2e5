"""The writers for Kinesis streams: as a whole, and for one range of hash keys.

Shards change by SplitShard and MergeShards alone: what was split is merged again exactly, and a
hand-made layout comes back as it was, while UpdateShardCount makes all shards alike. And its row in
the Service Authorization Reference names no resource, so that a tag of the stream never allows it.

Source: Kinesis API Reference (SplitShard, MergeShards, ListShards, IncreaseStreamRetentionPeriod,
DecreaseStreamRetentionPeriod).
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from remediator.aws import reading
from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors
from remediator.aws.limits import Values, number, only, refusal
from remediator.aws.reading import Answer
from remediator.events import names
from remediator.model import Shard
from remediator.settings_table import RETENTION, SHARDS


class StreamWriter:
    """A Kinesis stream's retention. Its shards are split and merged range by range."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def read(self, name: str, _: Sequence[str]) -> Values:
        """``shard_count`` is looked at only: an incident of an older version may know it."""
        summary = self._summary(name)
        with aws_errors("kinesis"):
            return {
                "shard_count": summary["OpenShardCount"],
                RETENTION.name: summary[RETENTION.field],
            }

    def write(self, name: str, values: Values) -> None:
        hours = number(RETENTION, only(values, RETENTION))
        summary = self._summary(name)
        with aws_errors("kinesis"):
            present = int(summary[RETENTION.field])
        if hours == present:
            return
        kinesis = self._clients.kinesis_writer
        change: Callable[..., Any] = (
            kinesis.increase_stream_retention_period
            if hours > present
            else kinesis.decrease_stream_retention_period
        )
        with aws_errors("kinesis"):
            change(StreamARN=name, RetentionPeriodHours=hours)

    def settled(self, name: str) -> bool:
        summary = self._summary(name)
        with aws_errors("kinesis"):
            return bool(summary["StreamStatus"] == "ACTIVE")

    def _summary(self, name: str) -> Answer:
        with aws_errors("kinesis"):
            answer = self._clients.kinesis.describe_stream_summary(StreamARN=name)
            return answer["StreamDescriptionSummary"]


# --- range of hash keys ------------------------------------------------------------------------


class _Range(NamedTuple):
    """A stream's range of hash keys, both ends in it."""

    stream: str
    first: int
    last: int
    middle: int
    """Where the upper part of it begins, once it is split."""


_RANGE = re.compile(
    r"(?P<stream>[^#]+)#(?P<first>\d{1,39})-(?P<last>\d{1,39})(?:@(?P<middle>\d{1,39}))?"
)


def _range(name: str) -> _Range:
    found = _RANGE.fullmatch(name)
    if found is None or names.stream_arn(found["stream"]) is None:
        raise refusal(f"expected a range as stream-arn#first-last, got {name[:300]!r}")
    first, last = int(found["first"]), int(found["last"])
    middle = int(found["middle"] or (first + last + 1) // 2)
    if found["middle"] and not first < middle <= last:
        raise refusal(f"{middle} does not lie between {first} and {last}: nothing is split there")
    return _Range(found["stream"], first, last, middle)


class RangeWriter:
    """How many open shards a range of hash keys has: one is split in two, two are merged."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def read(self, name: str, _: Sequence[str]) -> Values:
        """``None`` once the range is no longer made of whole shards: somebody else resharded."""
        return {SHARDS.name: len(self._shards(_range(name))) or None}

    def write(self, name: str, values: Values) -> None:
        wanted = only(values, SHARDS)
        span = _range(name)
        present = self._shards(span)
        actions = {(1, 2): self._split, (2, 1): self._merge}
        act = actions.get((len(present), wanted)) if isinstance(wanted, int) else None
        if act is None:
            raise refusal(f"shards of {name}: cannot go from {len(present)} to {wanted!r}")
        act(span, present)

    def settled(self, name: str) -> bool:
        return StreamWriter(self._clients).settled(_range(name).stream)

    def _split(self, span: _Range, present: tuple[Shard, ...]) -> None:
        if span.first == span.last:
            raise refusal("a shard of a single hash key cannot be split")
        with aws_errors("kinesis"):
            self._clients.kinesis_writer.split_shard(
                StreamARN=span.stream,
                ShardToSplit=present[0].shard_id,
                NewStartingHashKey=str(span.middle),
            )

    def _merge(self, span: _Range, present: tuple[Shard, ...]) -> None:
        with aws_errors("kinesis"):
            self._clients.kinesis_writer.merge_shards(
                StreamARN=span.stream,
                ShardToMerge=present[0].shard_id,
                AdjacentShardToMerge=present[1].shard_id,
            )

    def _shards(self, span: _Range) -> tuple[Shard, ...]:
        """The open shards that make up the range without gap or overhang; else none."""
        inside = sorted(
            (shard for shard in self._open(span.stream) if _lies_in(shard, span)),
            key=lambda shard: shard.first_hash_key,
        )
        starts = [shard.first_hash_key for shard in inside] + [span.last + 1]
        ends = [span.first - 1] + [shard.last_hash_key for shard in inside]
        tiles = all(start == end + 1 for start, end in zip(starts, ends, strict=True))
        return tuple(inside) if tiles else ()

    def _open(self, stream: str) -> tuple[Shard, ...]:
        """All open shards, page after page."""
        pages: list[Answer] = []
        arguments: dict[str, Any] = {"StreamARN": stream, "ShardFilter": {"Type": "AT_LATEST"}}
        while True:
            with aws_errors("kinesis"):
                pages.append(self._clients.kinesis.list_shards(**arguments))
                found = reading.kinesis_shards(pages)
            token = pages[-1].get("NextToken")
            if not token:
                return tuple(shard for shard in found if shard.is_open)
            arguments = {"StreamARN": stream, "NextToken": token}


def _lies_in(shard: Shard, span: _Range) -> bool:
    return span.first <= shard.first_hash_key and shard.last_hash_key <= span.last
