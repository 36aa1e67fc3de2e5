"""Kinesis's control plane: shards, retention, consumers, with its checks and durations."""

from collections.abc import Callable
from typing import Any

from lab.plant.errors import AwsError
from lab.plant.parts import Parts
from lab.plant.shard import Shard
from lab.plant.stream import HOUR_SECONDS, Consumer, Stream, consumer_arn

DAY_SECONDS = 86400.0
LONGEST_RETENTION_HOURS = 8760
SHORTEST_RETENTION_HOURS = 24


class KinesisControl(Parts):
    """Changes take simulated time, during which the stream is UPDATING."""

    def read_records(
        self, arn: str, shard_id: str, from_sequence_number: str, limit: int = 10_000
    ) -> list[dict[str, Any]]:
        """Records of one shard from a sequence number on, as GetRecords shows them.

        What has expired is not there any more.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        stream = self.find_stream(arn)
        shard = self._shard(stream, shard_id)
        first = shard.trimmed(self.env.now - stream.retention_seconds)
        start = max(first, shard.position_of(from_sequence_number))
        end = min(start + limit, shard.visible(self.env.now))
        return [
            {
                "SequenceNumber": shard.sequence_number(position),
                "ApproximateArrivalTimestamp": self.datetime_at(shard.arrivals[position]),
                "Data": bytes(shard.size_bytes(position, position + 1)),
                "PartitionKey": stream.keys.names[shard.keys[position]],
            }
            for position in range(start, end)
        ]

    def split_shard(self, arn: str, shard_id: str, new_starting_hash_key: str) -> None:
        """SplitShard: after `split_seconds` the parent closes and two children open.

        Raises:
            AwsError: ValidationException (on-demand), ResourceInUseException (not ACTIVE),
                ResourceNotFoundException, InvalidArgumentException, LimitExceededException.
        """
        stream = self._reshardable(arn)
        parent = self._open_shard(stream, shard_id)
        middle = int(new_starting_hash_key)
        if not parent.start_hash < middle <= parent.end_hash:
            message = f"NewStartingHashKey {middle} is not in the range of shard {shard_id}"
            raise AwsError("InvalidArgumentException", message)
        self._check_shard_limit(1)
        halves = [(parent.start_hash, middle - 1), (middle, parent.end_hash)]
        self._change(
            stream,
            lambda: stream.change_shards([parent], halves),
            self.knobs.split_seconds,
        )

    def merge_shards(self, arn: str, shard_id: str, adjacent_shard_id: str) -> None:
        """MergeShards: two neighbouring shards become one child.

        Raises:
            AwsError: as SplitShard; InvalidArgumentException if they are not adjacent.
        """
        stream = self._reshardable(arn)
        pair = [self._open_shard(stream, shard_id), self._open_shard(stream, adjacent_shard_id)]
        low, high = sorted(pair, key=lambda shard: shard.start_hash)
        if low.end_hash + 1 != high.start_hash:
            message = f"Shards {shard_id} and {adjacent_shard_id} are not adjacent"
            raise AwsError("InvalidArgumentException", message)
        merged = [(low.start_hash, high.end_hash)]
        self._change(
            stream,
            lambda: stream.change_shards(pair, merged),
            self.knobs.split_seconds,
        )

    def update_shard_count(self, arn: str, n: int) -> None:
        """UpdateShardCount with UNIFORM_SCALING; one `split_seconds` per shard changed.

        Raises:
            AwsError: LimitExceededException after ten in 24 h or beyond the shard limit;
                InvalidArgumentException outside half … double; as SplitShard otherwise.
        """
        stream = self._reshardable(arn)
        present, now = len(stream.open_shards()), self.env.now
        stream.count_updates = [at for at in stream.count_updates if at > now - DAY_SECONDS]
        if len(stream.count_updates) >= self.account.spec.shard_count_updates_per_day:
            message = "UpdateShardCount cannot be called more than 10 times in 24 hours"
            raise AwsError("LimitExceededException", message)
        if not present / 2 <= n <= present * 2 or n < 1:
            message = f"UpdateShardCount cannot scale from {present} to {n} shards in one call"
            raise AwsError("InvalidArgumentException", message)
        self._check_shard_limit(n - present)
        stream.count_updates.append(now)
        seconds = self.knobs.split_seconds * max(1, abs(n - present))
        self._change(stream, lambda: stream.scale_to(n), seconds)

    def increase_retention(self, arn: str, hours: int) -> None:
        """IncreaseStreamRetentionPeriod: in effect after some minutes, revives nothing.

        Raises:
            AwsError: InvalidArgumentException unless longer than now and at most 8760 h;
                ResourceInUseException, ResourceNotFoundException.
        """
        stream = self._active(arn)
        if not stream.retention_hours < hours <= LONGEST_RETENTION_HOURS:
            message = (
                f"Requested retention period ({hours} hours) must be longer than the current "
                f"one ({stream.retention_hours} hours) and at most {LONGEST_RETENTION_HOURS}"
            )
            raise AwsError("InvalidArgumentException", message)

        def apply() -> None:
            stream.retention_seconds = hours * HOUR_SECONDS

        self._change(stream, apply, self.knobs.retention_increase_seconds)

    def decrease_retention(self, arn: str, hours: int) -> None:
        """DecreaseStreamRetentionPeriod: at once.

        Raises:
            AwsError: InvalidArgumentException unless shorter than now and at least 24 h;
                ResourceInUseException, ResourceNotFoundException.
        """
        stream = self._active(arn)
        if not SHORTEST_RETENTION_HOURS <= hours < stream.retention_hours:
            message = (
                f"Requested retention period ({hours} hours) must be shorter than the current "
                f"one ({stream.retention_hours} hours) and at least {SHORTEST_RETENTION_HOURS}"
            )
            raise AwsError("InvalidArgumentException", message)
        stream.retention_seconds = hours * HOUR_SECONDS

    def register_stream_consumer(self, arn: str, name: str) -> dict[str, Any]:
        """RegisterStreamConsumer: CREATING, ACTIVE after a while.

        Raises:
            AwsError: ResourceInUseException for a name that exists, LimitExceededException
                beyond 20 consumers or five in CREATING, ResourceNotFoundException.
        """
        stream = self._kinesis(arn)
        consumers = list(stream.consumers.values())
        if any(consumer.name == name for consumer in consumers):
            raise AwsError("ResourceInUseException", f"Consumer {name} already exists.")
        creating = sum(consumer.status == "CREATING" for consumer in consumers)
        limit = self.account.spec.consumers_per_stream
        if len(consumers) >= limit or creating >= 5:
            raise AwsError(
                "LimitExceededException", f"Stream {stream.name} has too many consumers."
            )
        made = consumer_arn(arn, name, self.now())
        consumer = Consumer(name, made, self.env.now)
        stream.consumers[made] = consumer

        def activate() -> None:
            consumer.status = "ACTIVE"

        self.at(self.env.now + self.knobs.consumer_registration_seconds, activate)
        return self.describe_stream_consumer(made)

    def deregister_stream_consumer(self, arn: str) -> None:
        """DeregisterStreamConsumer.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        self.describe_stream_consumer(arn)
        for stream in self.streams.values():
            stream.consumers.pop(arn, None)

    def describe_stream_consumer(self, arn: str) -> dict[str, Any]:
        """DescribeStreamConsumer's ConsumerDescription.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        for stream in self.streams.values():
            consumer = stream.consumers.get(arn)
            if consumer:
                return stream.describe_consumer(consumer)
        raise AwsError("ResourceNotFoundException", f"Consumer {arn} not found.")

    def _kinesis(self, arn: str) -> Stream:
        stream = self.find_stream(arn)
        if stream.is_dynamodb:
            raise AwsError("ResourceNotFoundException", f"{arn} is not a Kinesis stream.")
        return stream

    def _active(self, arn: str) -> Stream:
        stream = self._kinesis(arn)
        if stream.status != "ACTIVE":
            message = f"Stream {stream.name} is not ACTIVE, instead in state {stream.status}"
            raise AwsError("ResourceInUseException", message)
        return stream

    def _reshardable(self, arn: str) -> Stream:
        stream = self._kinesis(arn)
        if stream.mode == "ON_DEMAND":
            message = "The operation is not supported for the stream's capacity mode: ON_DEMAND"
            raise AwsError("ValidationException", message)
        return self._active(arn)

    @staticmethod
    def _shard(stream: Stream, shard_id: str) -> Shard:
        if shard_id not in stream.shards:
            message = f"Could not find shard {shard_id} in stream {stream.name}"
            raise AwsError("ResourceNotFoundException", message)
        return stream.shards[shard_id]

    def _open_shard(self, stream: Stream, shard_id: str) -> Shard:
        shard = self._shard(stream, shard_id)
        if shard.closed_at is not None:
            raise AwsError("InvalidArgumentException", f"Shard {shard_id} is closed")
        return shard

    def _check_shard_limit(self, more: int) -> None:
        provisioned = [stream for stream in self.streams.values() if not stream.is_dynamodb]
        total = sum(len(stream.open_shards()) for stream in provisioned)
        if total + more > self.account.spec.shard_limit:
            raise AwsError("LimitExceededException", "The account's shard limit would be exceeded.")

    def _change(self, stream: Stream, apply: Callable[[], None], seconds: float) -> None:
        stream.status = "UPDATING"

        def done() -> None:
            stream.status = "ACTIVE"
            apply()

        self.at(self.env.now + seconds, done)
