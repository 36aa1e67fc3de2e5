"""The metrics of an incident: our names, and where CloudWatch keeps each of them.

One table per place a metric can come from. A DynamoDB stream has no metric of its own for its
age, its read throttles and what is written to it, so ``incoming_records`` is there only a proxy:
the write capacity that the table consumed (one unit for each write of up to 1 KB).

Sources: Lambda Developer Guide, "Types of metrics for Lambda functions"; Kinesis Data Streams
Developer Guide, "Monitoring with CloudWatch"; DynamoDB Developer Guide, "Metrics and dimensions";
CloudWatch User Guide, "Metrics collected by Lambda Insights".
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from remediator.model import SourceKind


class Metric(StrEnum):
    """Keys of ``Evidence.metrics`` and ``Evidence.shard_metrics``; units stand in the names."""

    ITERATOR_AGE_MS = "iterator_age_ms"
    YOUNGEST_AGE_MS = "youngest_age_ms"
    MEAN_AGE_MS = "mean_age_ms"
    STREAM_INVOCATIONS = "stream_invocations"
    INVOCATIONS = "invocations"
    ERRORS = "errors"
    THROTTLES = "throttles"
    DURATION_MS = "duration_ms"
    DURATION_MAX_MS = "duration_max_ms"
    CONCURRENT_EXECUTIONS = "concurrent_executions"
    ACCOUNT_CONCURRENT_EXECUTIONS = "account_concurrent_executions"
    UNRESERVED_CONCURRENT_EXECUTIONS = "unreserved_concurrent_executions"
    CLAIMED_ACCOUNT_CONCURRENCY = "claimed_account_concurrency"
    ACCOUNT_THROTTLES = "account_throttles"
    STREAM_ITERATOR_AGE_MS = "stream_iterator_age_ms"
    INCOMING_RECORDS = "incoming_records"
    INCOMING_BYTES = "incoming_bytes"
    READ_RECORDS = "read_records"
    READ_BYTES = "read_bytes"
    READ_CALLS = "read_calls"
    READ_THROTTLES = "read_throttles"
    READ_THROTTLE_SHARE = "read_throttle_share"
    POLLED_EVENTS = "polled_events"
    FILTERED_EVENTS = "filtered_events"
    INVOKED_EVENTS = "invoked_events"
    FAILED_INVOKE_EVENTS = "failed_invoke_events"
    DROPPED_EVENTS = "dropped_events"
    DESTINATION_FAILURES = "destination_delivery_failures"
    CPU_TOTAL_TIME_MS = "cpu_total_time_ms"
    CONSUMER_BEHIND_MS = "consumer_behind_ms"
    PUSHED_RECORDS = "pushed_records"
    SHARD_INCOMING_RECORDS = "shard_incoming_records"
    SHARD_ITERATOR_AGE_MS = "shard_iterator_age_ms"


class Scope(StrEnum):
    """What a metric is counted for, which decides its dimensions."""

    FUNCTION = "function"
    """FunctionName; for an alias or a version also with Resource."""
    ACCOUNT = "account"
    """No dimensions: the whole account in this Region."""
    MAPPING = "mapping"
    """EventSourceMappingUUID; opt-in by the mapping's MetricsConfig."""
    INSIGHTS = "insights"
    """function_name; only where the Lambda Insights extension is installed."""
    STREAM = "stream"
    """StreamName."""
    CONSUMER = "consumer"
    """StreamName and ConsumerName: one registered consumer (enhanced fan-out)."""
    SHARD = "shard"
    """StreamName and ShardId; only where the stream's enhanced monitoring has them."""
    TABLE_STREAM = "table_stream"
    """TableName, StreamLabel and Operation=GetRecords."""
    TABLE = "table"
    """TableName."""


class Source(NamedTuple):
    """Where CloudWatch keeps a metric."""

    namespace: str
    name: str
    stat: str
    scope: Scope


# The same for both kinds of stream.
LAMBDA_METRICS: Mapping[Metric, Source] = {
    Metric.ITERATOR_AGE_MS: Source("AWS/Lambda", "IteratorAge", "Maximum", Scope.FUNCTION),
    # IteratorAge comes with stream batches only, one sample for each: the lowest tells whether any
    # shard moves on, the mean how many were young, and how many there are which invocations were of
    # streams at all.
    Metric.YOUNGEST_AGE_MS: Source("AWS/Lambda", "IteratorAge", "Minimum", Scope.FUNCTION),
    Metric.MEAN_AGE_MS: Source("AWS/Lambda", "IteratorAge", "Average", Scope.FUNCTION),
    Metric.STREAM_INVOCATIONS: Source("AWS/Lambda", "IteratorAge", "SampleCount", Scope.FUNCTION),
    Metric.INVOCATIONS: Source("AWS/Lambda", "Invocations", "Sum", Scope.FUNCTION),
    Metric.ERRORS: Source("AWS/Lambda", "Errors", "Sum", Scope.FUNCTION),
    Metric.THROTTLES: Source("AWS/Lambda", "Throttles", "Sum", Scope.FUNCTION),
    Metric.DURATION_MS: Source("AWS/Lambda", "Duration", "Average", Scope.FUNCTION),
    Metric.DURATION_MAX_MS: Source("AWS/Lambda", "Duration", "Maximum", Scope.FUNCTION),
    Metric.CONCURRENT_EXECUTIONS: Source(
        "AWS/Lambda", "ConcurrentExecutions", "Maximum", Scope.FUNCTION
    ),
    Metric.ACCOUNT_CONCURRENT_EXECUTIONS: Source(
        "AWS/Lambda", "ConcurrentExecutions", "Maximum", Scope.ACCOUNT
    ),
    Metric.UNRESERVED_CONCURRENT_EXECUTIONS: Source(
        "AWS/Lambda", "UnreservedConcurrentExecutions", "Maximum", Scope.ACCOUNT
    ),
    Metric.CLAIMED_ACCOUNT_CONCURRENCY: Source(
        "AWS/Lambda", "ClaimedAccountConcurrency", "Maximum", Scope.ACCOUNT
    ),
    Metric.ACCOUNT_THROTTLES: Source("AWS/Lambda", "Throttles", "Sum", Scope.ACCOUNT),
    Metric.DESTINATION_FAILURES: Source(
        "AWS/Lambda", "DestinationDeliveryFailures", "Sum", Scope.FUNCTION
    ),
    Metric.POLLED_EVENTS: Source("AWS/Lambda", "PolledEventCount", "Sum", Scope.MAPPING),
    Metric.FILTERED_EVENTS: Source("AWS/Lambda", "FilteredOutEventCount", "Sum", Scope.MAPPING),
    Metric.INVOKED_EVENTS: Source("AWS/Lambda", "InvokedEventCount", "Sum", Scope.MAPPING),
    Metric.FAILED_INVOKE_EVENTS: Source(
        "AWS/Lambda", "FailedInvokeEventCount", "Sum", Scope.MAPPING
    ),
    Metric.DROPPED_EVENTS: Source("AWS/Lambda", "DroppedEventCount", "Sum", Scope.MAPPING),
    Metric.CPU_TOTAL_TIME_MS: Source("LambdaInsights", "cpu_total_time", "Average", Scope.INSIGHTS),
}

KINESIS_METRICS: Mapping[Metric, Source] = {
    Metric.STREAM_ITERATOR_AGE_MS: Source(
        "AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "Maximum", Scope.STREAM
    ),
    Metric.INCOMING_RECORDS: Source("AWS/Kinesis", "IncomingRecords", "Sum", Scope.STREAM),
    Metric.INCOMING_BYTES: Source("AWS/Kinesis", "IncomingBytes", "Sum", Scope.STREAM),
    Metric.READ_RECORDS: Source("AWS/Kinesis", "GetRecords.Records", "Sum", Scope.STREAM),
    Metric.READ_BYTES: Source("AWS/Kinesis", "GetRecords.Bytes", "Sum", Scope.STREAM),
    Metric.READ_CALLS: Source("AWS/Kinesis", "GetRecords.Success", "SampleCount", Scope.STREAM),
    Metric.READ_THROTTLES: Source(
        "AWS/Kinesis", "ReadProvisionedThroughputExceeded", "Sum", Scope.STREAM
    ),
    Metric.READ_THROTTLE_SHARE: Source(
        "AWS/Kinesis", "ReadProvisionedThroughputExceeded", "Average", Scope.STREAM
    ),
    Metric.CONSUMER_BEHIND_MS: Source(
        "AWS/Kinesis", "SubscribeToShardEvent.MillisBehindLatest", "Maximum", Scope.CONSUMER
    ),
    Metric.PUSHED_RECORDS: Source(
        "AWS/Kinesis", "SubscribeToShardEvent.Records", "Sum", Scope.CONSUMER
    ),
}

KINESIS_SHARD_METRICS: Mapping[Metric, Source] = {
    Metric.SHARD_INCOMING_RECORDS: Source("AWS/Kinesis", "IncomingRecords", "Sum", Scope.SHARD),
    Metric.SHARD_ITERATOR_AGE_MS: Source(
        "AWS/Kinesis", "IteratorAgeMilliseconds", "Maximum", Scope.SHARD
    ),
}

DYNAMODB_METRICS: Mapping[Metric, Source] = {
    Metric.INCOMING_RECORDS: Source(
        "AWS/DynamoDB", "ConsumedWriteCapacityUnits", "Sum", Scope.TABLE
    ),
    Metric.READ_RECORDS: Source("AWS/DynamoDB", "ReturnedRecordsCount", "Sum", Scope.TABLE_STREAM),
    Metric.READ_BYTES: Source("AWS/DynamoDB", "ReturnedBytes", "Sum", Scope.TABLE_STREAM),
    Metric.READ_CALLS: Source(
        "AWS/DynamoDB", "SuccessfulRequestLatency", "SampleCount", Scope.TABLE_STREAM
    ),
}

# All metrics of one mapping but the shards', by the kind of its stream.
METRICS: Mapping[SourceKind, Mapping[Metric, Source]] = {
    SourceKind.KINESIS: {**LAMBDA_METRICS, **KINESIS_METRICS},
    SourceKind.DYNAMODB: {**LAMBDA_METRICS, **DYNAMODB_METRICS},
}
