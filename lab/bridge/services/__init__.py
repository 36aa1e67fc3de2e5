"""The plant's services: what each operation does, by service and operation."""

from lab.bridge.services import cloudwatch, kinesis, lambda_, scheduler
from lab.bridge.services.base import Operation

SERVICES: dict[str, dict[str, Operation]] = {
    "cloudwatch": cloudwatch.OPERATIONS,
    "dynamodb": kinesis.TABLE_OPERATIONS,
    "dynamodbstreams": kinesis.TABLE_STREAM_OPERATIONS,
    "kinesis": kinesis.OPERATIONS,
    "lambda": lambda_.OPERATIONS,
    "scheduler": scheduler.OPERATIONS,
}
