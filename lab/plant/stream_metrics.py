"""AWS/Kinesis and AWS/DynamoDB: what a stream emits each minute."""

from math import ceil

from lab.plant.mapping import EventSourceMapping
from lab.plant.metrics import Bucket, Dimensions, MetricStore, dimensions, sample
from lab.plant.shard import MinuteCounts, Shard
from lab.plant.stream import Stream

KINESIS = "AWS/Kinesis"
DYNAMODB = "AWS/DynamoDB"
GET_RECORDS_LATENCY_MS = 15.0
WRITE_UNIT_BYTES = 1024


def emit_stream(store: MetricStore, stream: Stream, start: float, end: float) -> None:
    """The metrics of [start, end) for the stream and, where enabled, its shards."""
    for shard in stream.shards.values():
        stream.reading(shard).count_outside_reads(end)
    if stream.spec.account_id:
        for shard in stream.shards.values():
            shard.counts = MinuteCounts()
        return
    if stream.is_dynamodb:
        _emit_writes(store, stream, start, end)
        _emit_dynamodb(store, stream, start)
        return
    total = _Minute()
    for shard in stream.shards.values():
        minute = _Minute()
        minute.add(shard, start, end)
        total.add(shard, start, end)
        if stream.shard_level_metrics and (shard.closed_at is None or minute.calls.count):
            where = dimensions(StreamName=stream.name, ShardId=shard.shard_id)
            minute.put(store, where, start, SHARD_METRICS)
        shard.counts = MinuteCounts()
    total.put(store, dimensions(StreamName=stream.name), start, STREAM_METRICS)


class _Minute:
    """The statistic sets of one minute, of one shard or of all."""

    def __init__(self) -> None:
        self.incoming_records = Bucket()
        self.incoming_bytes = Bucket()
        self.age = Bucket()
        self.calls = Bucket()
        self.records = Bucket()
        self.bytes = Bucket()
        self.latency = Bucket()
        self.read_throttled = Bucket()
        self.write_throttled = Bucket()

    def add(self, shard: Shard, start: float, end: float) -> None:
        counts = shard.counts
        first, last = shard.trimmed(start), shard.trimmed(end)
        if shard.closed_at is None or last > first:
            self.incoming_records.add(sample([float(last - first)]))
            self.incoming_bytes.add(sample([float(shard.size_bytes(first, last))]))
            self.write_throttled.add(sample([float(counts.rejected_writes)]))
        all_calls, calls = counts.calls + counts.throttled_calls, counts.calls
        if all_calls:
            throttled = counts.throttled_calls
            self.calls.add(_flags(calls, all_calls))
            self.read_throttled.add(_flags(throttled, all_calls))
        if calls:
            low = min(counts.age_min_ms, counts.age_max_ms)
            self.age.add(Bucket(counts.age_sum_ms, calls, low, counts.age_max_ms))
            self.records.add(_spread(counts.records, calls))
            self.bytes.add(_spread(counts.bytes, calls))
            self.latency.add(_spread(GET_RECORDS_LATENCY_MS * calls, calls))

    def put(self, store: MetricStore, where: Dimensions, at: float, names: dict[str, str]) -> None:
        for name, field in names.items():
            bucket: Bucket = getattr(self, field)
            if bucket.count:
                store.put(KINESIS, name, where, at, bucket)


STREAM_METRICS = {
    "IncomingRecords": "incoming_records",
    "IncomingBytes": "incoming_bytes",
    "GetRecords.IteratorAgeMilliseconds": "age",
    "GetRecords.Success": "calls",
    "GetRecords.Records": "records",
    "GetRecords.Bytes": "bytes",
    "GetRecords.Latency": "latency",
    "ReadProvisionedThroughputExceeded": "read_throttled",
    "WriteProvisionedThroughputExceeded": "write_throttled",
}
SHARD_METRICS = {
    "IncomingRecords": "incoming_records",
    "IncomingBytes": "incoming_bytes",
    "IteratorAgeMilliseconds": "age",
    "OutgoingRecords": "records",
    "OutgoingBytes": "bytes",
    "ReadProvisionedThroughputExceeded": "read_throttled",
    "WriteProvisionedThroughputExceeded": "write_throttled",
}


def emit_fan_out(store: MetricStore, mapping: EventSourceMapping, at: float) -> None:
    """SubscribeToShardEvent.* of an enhanced fan-out mapping."""
    theirs = mapping.stream.spec.account_id is not None
    if mapping.consumer is None or theirs or not mapping.polling:
        return
    where = dimensions(StreamName=mapping.stream.name, ConsumerName=mapping.consumer.name)
    counts = mapping.counts
    values = {
        "SubscribeToShardEvent.MillisBehindLatest": counts.millis_behind,
        "SubscribeToShardEvent.Records": float(counts.pushed),
        "SubscribeToShardEvent.Bytes": float(counts.pushed_bytes),
        "SubscribeToShardEvent.Success": 1.0,
        "SubscribeToShard.Success": 1.0,
    }
    for name, value in values.items():
        store.put(KINESIS, name, where, at, sample([value]))


def _emit_writes(store: MetricStore, stream: Stream, start: float, end: float) -> None:
    """What the table's writes have cost: a unit for each KB that was begun, not for each write."""
    units = 0
    for shard in stream.shards.values():
        written = range(shard.trimmed(start), shard.trimmed(end))
        units += sum(ceil(shard.size_bytes(at, at + 1) / WRITE_UNIT_BYTES) for at in written)
    if units:
        where = dimensions(TableName=str(stream.spec.table))
        store.put(DYNAMODB, "ConsumedWriteCapacityUnits", where, start, sample([float(units)]))


def _emit_dynamodb(store: MetricStore, stream: Stream, at: float) -> None:
    """AWS/DynamoDB has no age and no throttling of the stream's reads."""
    where = dimensions(
        TableName=str(stream.spec.table), StreamLabel=stream.spec.label, Operation="GetRecords"
    )
    calls = sum(shard.counts.calls for shard in stream.shards.values())
    records = sum(shard.counts.records for shard in stream.shards.values())
    size = sum(shard.counts.bytes for shard in stream.shards.values())
    for shard in stream.shards.values():
        shard.counts = MinuteCounts()
    if calls:
        latency = _spread(GET_RECORDS_LATENCY_MS * calls, calls)
        store.put(DYNAMODB, "SuccessfulRequestLatency", where, at, latency)
    if records:
        store.put(DYNAMODB, "ReturnedRecordsCount", where, at, _spread(records, calls))
        store.put(DYNAMODB, "ReturnedBytes", where, at, _spread(size, calls))


def _flags(ones: float, count: float) -> Bucket:
    """A set of zeros and ones."""
    return Bucket(ones, count, float(ones == count), float(ones > 0))


def _spread(total: float, count: float) -> Bucket:
    """A set of equal values."""
    return Bucket(total, count, total / count, total / count)
