"""The world: one account, its parts, its control planes, and what happens every minute."""

from datetime import datetime
from functools import partial
from operator import attrgetter

import simpy

from lab.plant.account import Backend, Neighbour
from lab.plant.chance import chance
from lab.plant.direct import CallsOfOthers
from lab.plant.function import Function
from lab.plant.kinesis_control import KinesisControl
from lab.plant.knobs import Knobs
from lab.plant.lambda_control import LambdaControl
from lab.plant.lambda_metrics import FunctionLogs, emit_concurrency, emit_event_counts
from lab.plant.mapped import EventCounts
from lab.plant.mapping import EventSourceMapping
from lab.plant.producer import Producer
from lab.plant.specs import (
    AccountSpec,
    BackendSpec,
    DestinationSpec,
    FunctionSpec,
    Ledger,
    MappingSpec,
    NeighbourSpec,
    OutsideReaderSpec,
    ProducerSpec,
    StreamSpec,
)
from lab.plant.stream import Stream
from lab.plant.stream_metrics import emit_fan_out, emit_stream

TICK_SECONDS = 1.0
MINUTE_SECONDS = 60.0
ON_DEMAND_SPLIT_BYTES_PER_SECOND = 500_000


class World(LambdaControl, KinesisControl):
    """A simulated account. The same arguments and calls give the same history."""

    def __init__(self, start: datetime, account: AccountSpec, knobs: Knobs, seed: int) -> None:
        super().__init__(start, account, knobs, seed)
        self._minute_began = 0.0
        self._ticking: set[str] = set()
        self._splitting: set[str] = set()
        self._next_minute()

    # Building

    def add_stream(self, spec: StreamSpec) -> Stream:
        """A stream with uniform shards; give `table` for the stream of a DynamoDB table."""
        arn = (
            self.table_stream_arn(spec.table, spec.label)
            if spec.table
            else self.stream_arn(spec.name, spec.account_id)
        )
        rng = chance(self.seed, "stream", arn)
        self.streams[arn] = stream = Stream(spec, arn, rng, self.clock)
        if stream.is_dynamodb:
            self._roll_over_later(stream)
        return stream

    def add_backend(self, spec: BackendSpec) -> Backend:
        """What functions may name as their backend."""
        self.backends[spec.name] = Backend(spec, chance(self.seed, "backend", spec.name))
        return self.backends[spec.name]

    def add_function(self, spec: FunctionSpec) -> Function:
        """A function; its backend, if any, must exist.

        Raises:
            KeyError: no such backend.
        """
        backend = self.backends[spec.backend] if spec.backend else None
        function = Function(
            spec,
            arn=self.function_arn(spec.name),
            account=self.account,
            backend=backend,
            clock=self.clock,
            rng=chance(self.seed, "function", spec.name),
        )
        self.functions[spec.name] = function
        self.account.reserving.append(function)
        self.metrics.add_source(
            FunctionLogs(self.metrics, function, zeros=self.knobs.publishes_zeros).fold
        )
        if spec.direct_calls:
            CallsOfOthers(function, spec.direct_calls, self.clock, self.seed)
        return function

    def add_mapping(self, spec: MappingSpec) -> EventSourceMapping:
        """A mapping that has long been there: enabled, it polls from now on.

        Raises:
            AwsError: as CreateEventSourceMapping would.
        """
        mapping = self._new_mapping(spec)
        if spec.enabled:
            mapping.start()
        return mapping

    def add_producer(self, spec: ProducerSpec) -> Producer:
        """A producer of the stream with that name (a table's stream has its own name too).

        Raises:
            StopIteration: no such stream.
        """
        stream = self._stream_named(spec.stream)
        number = len(stream.producers)
        rng = chance(self.seed, "producer", stream.arn, number)
        producer = Producer(spec, stream.keys, f"p{number}-", rng)
        stream.add_producer(producer)
        stream.put_before(producer, self.env.now)
        if stream.arn not in self._ticking:
            self._ticking.add(stream.arn)
            self._tick(stream)
        return producer

    def add_outside_reader(self, spec: OutsideReaderSpec) -> None:
        """A consumer outside Lambda that shares the stream's read limits."""
        self._stream_named(spec.stream).outside_readers.append(spec)

    def add_destination(self, spec: DestinationSpec) -> None:
        """What is behind an ARN; those that nobody tells of take whatever comes."""
        self.destination_states[spec.arn] = spec.state

    def add_neighbour(self, spec: NeighbourSpec) -> Neighbour:
        """Another function of the account, seen only by the concurrency it uses."""
        neighbour = Neighbour(spec, spec.reserved_concurrency)
        self.account.neighbours[spec.name] = neighbour
        self.account.reserving.append(neighbour)
        return neighbour

    # Results

    def ledger(self, mapping_uuid: str) -> Ledger:
        """Where the records of a mapping are now.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        return self.find_mapping(mapping_uuid).ledger(self.env.now)

    def oldest_unprocessed_age_seconds(self, mapping_uuid: str) -> float:
        """Age of the oldest record that is not done with and not expired; 0 if there is none.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        now = self.env.now
        cursors = self.find_mapping(mapping_uuid).cursors.values()
        arrivals = [cursor.oldest_arrival(now) for cursor in cursors]
        return max((now - at for at in arrivals if at is not None), default=0.0)

    # Time passing

    def _stream_named(self, name: str) -> Stream:
        return next(stream for stream in self.streams.values() if stream.name == name)

    def _tick(self, stream: Stream) -> None:
        now = self.env.now
        stream.tick(now, now + TICK_SECONDS)
        if all(producer.is_finished(now + TICK_SECONDS) for producer in stream.producers):
            self._ticking.discard(stream.arn)
        else:
            self.after(TICK_SECONDS, lambda _event: self._tick(stream))

    def _next_minute(self) -> None:
        """Whole minutes are those of the wall clock."""
        epoch = self.start.timestamp() + self.env.now
        minutes = int((epoch + 1e-6) // MINUTE_SECONDS) + 1
        self.after(minutes * MINUTE_SECONDS - epoch, self._minute)

    def _minute(self, _event: simpy.Event) -> None:
        start, end = self._minute_began, self.env.now
        for mapping in self.mappings.values():
            for cursor in mapping.cursors.values():
                cursor.poller.count_idle_polls()
            emit_event_counts(self.metrics, mapping, start)
            emit_fan_out(self.metrics, mapping, start)
            mapping.counts = EventCounts()
        for stream in self.streams.values():
            self._grow_on_demand(stream, start, end)
            emit_stream(self.metrics, stream, start, end)
        emit_concurrency(self, start, end - start)
        self._minute_began = end
        self.alarms.evaluate(self.now())
        self._next_minute()

    def _grow_on_demand(self, stream: Stream, start: float, end: float) -> None:
        """An on-demand stream splits, late, the shards that take more than 500 KB/s."""
        if stream.mode != "ON_DEMAND":
            return
        for shard in stream.open_shards():
            size = shard.size_bytes(shard.trimmed(start), shard.trimmed(end))
            busy = size / max(1.0, end - start) > ON_DEMAND_SPLIT_BYTES_PER_SECOND
            if busy and shard.shard_id not in self._splitting:
                self._splitting.add(shard.shard_id)
                middle = (shard.start_hash + shard.end_hash) // 2 + 1
                halves = [(shard.start_hash, middle - 1), (middle, shard.end_hash)]
                split = partial(stream.change_shards, [shard], halves)
                self.at(end + self.knobs.on_demand_split_delay_seconds, split)

    def _roll_over_later(self, stream: Stream) -> None:
        """DynamoDB closes its shards now and then; each gets one child."""

        def roll_over(_event: simpy.Event) -> None:
            shards = sorted(stream.open_shards(), key=attrgetter("number"))
            ranges = [(shard.start_hash, shard.end_hash) for shard in shards]
            stream.change_shards(shards, ranges)
            self._roll_over_later(stream)

        self.after(self.knobs.dynamodb_shard_rollover_seconds, roll_over)
