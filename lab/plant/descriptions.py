"""How AWS would describe streams, shards, consumers and functions; times are datetimes."""

from typing import Any

from lab.plant.shard import Shard

DAY_SECONDS = 86400.0
# Streams were made this long before the world's start.
STREAM_AGE_SECONDS = 30 * DAY_SECONDS
_PARENTS = ("ParentShardId", "AdjacentParentShardId")


def shard(shown: Shard, *, is_dynamodb: bool) -> dict[str, Any]:
    """A shard as ListShards or, without hash keys, DynamoDB's DescribeStream shows it."""
    sequence = {"StartingSequenceNumber": shown.sequence_number(0)}
    if shown.closed_at is not None:
        last = max(0, len(shown.arrivals) - 1)
        sequence["EndingSequenceNumber"] = shown.sequence_number(last)
    described: dict[str, Any] = {"ShardId": shown.shard_id, "SequenceNumberRange": sequence}
    described |= dict(zip(_PARENTS, shown.parents, strict=False))
    if not is_dynamodb:
        described["HashKeyRange"] = {
            "StartingHashKey": str(shown.start_hash),
            "EndingHashKey": str(shown.end_hash),
        }
    return described
