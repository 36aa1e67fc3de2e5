"""What a mapping writes to its on-failure destination (metadata only, as for SQS and SNS)."""

from typing import Any

from lab.plant.clock import Clock
from lab.plant.function import Ending, Run
from lab.plant.shard import Shard
from lab.plant.stream import Stream


def failure_message(
    *,
    uuid: str,
    function_arn: str,
    stream: Stream,
    shard: Shard,
    records: list[int],
    condition: str,
    invocations: int,
    run: Run | None,
    clock: Clock,
) -> dict[str, Any]:
    """KinesisBatchInfo or DDBStreamBatchInfo as in Lambda's guide; too old: no response."""
    is_dynamodb = stream.is_dynamodb

    def stamp(position: int) -> str:
        at = clock.datetime_at(shard.arrivals[position])
        spec = "seconds" if is_dynamodb else "milliseconds"
        return at.isoformat(timespec=spec).replace("+00:00", "Z")

    now = clock.datetime_at(clock.env.now)

    message: dict[str, Any] = {
        "requestContext": {
            "requestId": f"{uuid}-{shard.number}-{records[0]}",
            "functionArn": function_arn,
            "condition": condition,
            "approximateInvokeCount": invocations,
        },
        "version": "1.0",
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "DDBStreamBatchInfo" if is_dynamodb else "KinesisBatchInfo": {
            "shardId": shard.shard_id,
            "startSequenceNumber": shard.sequence_number(records[0]),
            "endSequenceNumber": shard.sequence_number(records[-1]),
            "approximateArrivalOfFirstRecord": stamp(records[0]),
            "approximateArrivalOfLastRecord": stamp(records[-1]),
            "batchSize": len(records),
            "streamArn": stream.arn,
        },
    }
    if run is not None:
        message["responseContext"] = {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": None if run.ending is Ending.PARTIAL else "Unhandled",
        }
    return message
