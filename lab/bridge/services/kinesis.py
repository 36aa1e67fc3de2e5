"""Kinesis' and DynamoDB Streams' control planes."""

from typing import Any
from zlib import crc32

from lab.bridge.services.base import Aws, Operation, Params, page
from lab.plant import AwsError
from lab.plant.stream import Stream

_OPEN_ONLY = "AT_LATEST"
_FROM_START = {"FROM_TRIM_HORIZON", "AT_TRIM_HORIZON"}


def _stream(aws: Aws, params: Params) -> Stream:
    """The Kinesis stream that is named. Raises AwsError when there is none, or it is not ours."""
    arn = params.get("StreamARN") or aws.world.stream_arn(str(params.get("StreamName")))
    stream = aws.world.find_stream(arn)
    if stream.spec.account_id:
        message = f"Not authorized: {arn} is of another account, and no resource policy allows it"
        raise AwsError("AccessDeniedException", message)
    return stream


def describe_stream_summary(aws: Aws, params: Params) -> dict[str, Any]:
    """DescribeStreamSummary."""
    return {"StreamDescriptionSummary": _stream(aws, params).summary()}


def list_shards(aws: Aws, params: Params) -> dict[str, Any]:
    """ListShards; with AT_LATEST the open ones only."""
    if "NextToken" in params and "StreamName" in params:
        raise AwsError(
            "InvalidArgumentException", "NextToken and StreamName cannot be provided together."
        )
    name, _, position = str(params.get("NextToken", "")).rpartition("|")
    stream = _stream(aws, {"StreamARN": name} if name else params)
    shards = _filtered(stream.list_shards(), params.get("ShardFilter", {}).get("Type"))
    shown, rest = page(shards, position or None, min(1000, params.get("MaxResults", 1000)))
    return {"Shards": shown, "NextToken": f"{stream.arn}|{rest}" if rest else None}


def _filtered(shards: list[dict[str, Any]], wanted: str | None) -> list[dict[str, Any]]:
    if wanted is None or wanted in _FROM_START:
        return shards
    if wanted != _OPEN_ONLY:
        raise NotImplementedError(f"the lab knows no ShardFilter {wanted}")
    return [s for s in shards if "EndingSequenceNumber" not in s["SequenceNumberRange"]]


def list_stream_consumers(aws: Aws, params: Params) -> dict[str, Any]:
    """ListStreamConsumers: the enhanced fan-out ones."""
    consumers = [_listed(consumer) for consumer in _stream(aws, params).list_consumers()]
    shown, token = page(consumers, params.get("NextToken"), params.get("MaxResults", 100))
    return {"Consumers": shown, "NextToken": token}


def _listed(consumer: dict[str, Any]) -> dict[str, Any]:
    """A list's entry does not say which stream it is of."""
    return {key: value for key, value in consumer.items() if key != "StreamARN"}


def register_stream_consumer(aws: Aws, params: Params) -> dict[str, Any]:
    """RegisterStreamConsumer."""
    made = aws.world.register_stream_consumer(_stream(aws, params).arn, params["ConsumerName"])
    return {"Consumer": _listed(made)}


def deregister_stream_consumer(aws: Aws, params: Params) -> dict[str, Any]:
    """DeregisterStreamConsumer, by the consumer's ARN."""
    aws.world.deregister_stream_consumer(params["ConsumerARN"])
    return {}


def describe_limits(aws: Aws, _: Params) -> dict[str, Any]:
    """DescribeLimits."""
    streams = aws.world.streams.values()
    summaries = [stream.summary() for stream in streams if not stream.is_dynamodb]
    on_demand = [s for s in summaries if _mode(s) == "ON_DEMAND"]
    return {
        "ShardLimit": aws.world.account.spec.shard_limit,
        "OpenShardCount": sum(s["OpenShardCount"] for s in summaries if _mode(s) == "PROVISIONED"),
        "OnDemandStreamCount": len(on_demand),
        "OnDemandStreamCountLimit": 50,
    }


def _mode(summary: dict[str, Any]) -> str:
    return str(summary["StreamModeDetails"]["StreamMode"])


def split_shard(aws: Aws, params: Params) -> dict[str, Any]:
    """SplitShard: the stream is UPDATING for a while."""
    arn = _stream(aws, params).arn
    aws.world.split_shard(arn, params["ShardToSplit"], params["NewStartingHashKey"])
    return {}


def merge_shards(aws: Aws, params: Params) -> dict[str, Any]:
    """MergeShards: the stream is UPDATING for a while."""
    arn = _stream(aws, params).arn
    aws.world.merge_shards(arn, params["ShardToMerge"], params["AdjacentShardToMerge"])
    return {}


def update_shard_count(aws: Aws, params: Params) -> dict[str, Any]:
    """UpdateShardCount with UNIFORM_SCALING."""
    before = _stream(aws, params).summary()
    aws.world.update_shard_count(before["StreamARN"], params["TargetShardCount"])
    return {
        "StreamName": before["StreamName"],
        "StreamARN": before["StreamARN"],
        "CurrentShardCount": before["OpenShardCount"],
        "TargetShardCount": params["TargetShardCount"],
    }


def increase_retention(aws: Aws, params: Params) -> dict[str, Any]:
    """IncreaseStreamRetentionPeriod."""
    aws.world.increase_retention(_stream(aws, params).arn, params["RetentionPeriodHours"])
    return {}


def decrease_retention(aws: Aws, params: Params) -> dict[str, Any]:
    """DecreaseStreamRetentionPeriod."""
    aws.world.decrease_retention(_stream(aws, params).arn, params["RetentionPeriodHours"])
    return {}


def list_tags_for_stream(aws: Aws, params: Params) -> dict[str, Any]:
    """ListTagsForStream."""
    tags = aws.tags.get(_stream(aws, params).arn, {})
    return {
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        "HasMoreTags": False,
    }


def describe_table_stream(aws: Aws, params: Params) -> dict[str, Any]:
    """DynamoDB Streams' DescribeStream, at most 100 shards a page."""
    stream = aws.world.streams.get(params["StreamArn"])
    if stream is None or not stream.is_dynamodb:
        raise AwsError(
            "ResourceNotFoundException",
            f"Requested resource not found: Stream: {params['StreamArn']} not found",
        )
    shards = [_table_shard(shard) for shard in stream.list_shards()]
    after = params.get("ExclusiveStartShardId")
    start = next((i + 1 for i, s in enumerate(shards) if s["ShardId"] == after), 0)
    shown = shards[start : start + min(100, params.get("Limit", 100))]
    more = start + len(shown) < len(shards)
    return {
        "StreamDescription": {
            "StreamArn": stream.arn,
            "StreamLabel": stream.spec.label,
            "StreamStatus": "ENABLED",
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            "TableName": stream.spec.table,
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "Shards": shown,
            "LastEvaluatedShardId": shown[-1]["ShardId"] if more else None,
        }
    }


def describe_table(aws: Aws, params: Params) -> dict[str, Any] | None:
    """DynamoDB's DescribeTable, of a table whose stream the plant has."""
    table = str(params["TableName"]).rpartition("table/")[2]
    streams = [s for s in aws.world.streams.values() if s.is_dynamodb and s.spec.table == table]
    if not streams:
        return None
    (stream,) = streams
    return {
        "Table": {
            "TableName": table,
            "TableArn": aws.arn("dynamodb", f"table/{table}"),
            "TableStatus": "ACTIVE",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "StreamSpecification": {
                "StreamEnabled": True,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
            "LatestStreamArn": stream.arn,
            "LatestStreamLabel": stream.spec.label,
            "Replicas": [{"RegionName": name} for name in stream.spec.replicas] or None,
        }
    }


def _table_shard(shard: dict[str, Any]) -> dict[str, Any]:
    """DynamoDB's shard ids have a tail; the SDK refuses any that is shorter than 28 characters."""
    named = {key: _with_tail(shard[key]) for key in ("ShardId", "ParentShardId") if key in shard}
    return shard | named


def _with_tail(shard_id: str) -> str:
    return f"{shard_id}-{crc32(shard_id.encode()):08x}"


OPERATIONS: dict[str, Operation] = {
    "DecreaseStreamRetentionPeriod": decrease_retention,
    "DeregisterStreamConsumer": deregister_stream_consumer,
    "DescribeLimits": describe_limits,
    "DescribeStreamSummary": describe_stream_summary,
    "IncreaseStreamRetentionPeriod": increase_retention,
    "ListShards": list_shards,
    "ListStreamConsumers": list_stream_consumers,
    "ListTagsForStream": list_tags_for_stream,
    "MergeShards": merge_shards,
    "RegisterStreamConsumer": register_stream_consumer,
    "SplitShard": split_shard,
    "UpdateShardCount": update_shard_count,
}
TABLE_OPERATIONS: dict[str, Operation] = {"DescribeTable": describe_table}
TABLE_STREAM_OPERATIONS: dict[str, Operation] = {"DescribeStream": describe_table_stream}
