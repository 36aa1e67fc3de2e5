"""Partition keys of some records of one shard. What is in the records is dropped where it came in.

Source: Kinesis API Reference, GetRecords. The four bytes by which a record tells that it holds
several: awslabs/kinesis-aggregation, "KPL Aggregated Record Format".
"""

from collections import Counter
from datetime import datetime
from hashlib import md5

from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors
from remediator.model import KeySample, SampledKey, Target

_AGGREGATE = b"\xf3\x89\x9a\xc2"


def keys(
    clients: Clients, target: Target, shard_id: str, since: datetime, records: int, *, named: bool
) -> KeySample:
    """What came in since then, no more records than said: one of the shard's five calls a second.

    Raises PermanentError or TemporaryError as AWS answers.
    """
    kinesis = clients.kinesis_writer  # not to repeat a read: others want the shard, too
    with aws_errors("kinesis"):
        iterator = kinesis.get_shard_iterator(
            StreamARN=target.source_arn,
            ShardId=shard_id,
            ShardIteratorType="AT_TIMESTAMP",
            Timestamp=since,
        )["ShardIterator"]
        found = kinesis.get_records(
            StreamARN=target.source_arn, ShardIterator=iterator, Limit=records
        )["Records"]
        names = Counter(record["PartitionKey"] for record in found)
        aggregated = sum(record["Data"].startswith(_AGGREGATE) for record in found)
    ordered = names.most_common()
    return KeySample(
        shard_id=shard_id,
        records=len(found),
        keys=tuple(
            SampledKey(
                hash_key=_hash(name), records=count, name=name if named and not place else None
            )
            for place, (name, count) in enumerate(ordered)
        ),
        aggregated=aggregated,
    )


def _hash(partition_key: str) -> int:
    """Where Kinesis puts a key."""
    return int.from_bytes(md5(partition_key.encode(), usedforsecurity=False).digest())
