"""AWS/Lambda and LambdaInsights: what each invocation, function and mapping emits."""

from collections.abc import Iterator
from itertools import groupby

from lab.plant.function import Function, Logged
from lab.plant.mapping import EventSourceMapping
from lab.plant.metrics import (
    ACCOUNT_LEVEL,
    Bucket,
    Dimensions,
    MetricStore,
    dimensions,
    sample,
)
from lab.plant.parts import Parts

LAMBDA = "AWS/Lambda"
INSIGHTS = "LambdaInsights"


class FunctionLogs:
    """Folds a function's ended invocations into its metrics, stamped with the invocation's time.

    Each goes to FunctionName, to the account (no dimensions) and, for an alias, to Resource.
    """

    def __init__(self, store: MetricStore, function: Function, *, zeros: bool = True) -> None:
        self._store = store
        self._function = function
        self._zeros = zeros

    def fold(self, until: float) -> None:
        """Take what ended by `until` (seconds)."""
        for (resource, minute), entries in groupby(self._ended(until), self._place):
            self._take(resource, minute, list(entries))
        throttles = self._function.throttle_log
        while throttles and throttles[0].at <= until:
            refused = throttles.popleft()
            minute = self._store.minute_of(refused.at)
            for where in self._levels(refused.resource):
                self._bucket("Throttles", where, minute).add(Bucket(1.0, 1.0, 1.0, 1.0))

    def _ended(self, until: float) -> Iterator[Logged]:
        log = self._function.log
        while log and log[0].ended_at <= until:
            yield log.popleft()

    def _place(self, entry: Logged) -> tuple[str | None, int]:
        return entry.resource, self._store.minute_of(entry.started_at)

    def _take(self, resource: str | None, minute: int, entries: list[Logged]) -> None:
        """Invocations of one minute; percentiles are kept of durations and ages."""
        failures = [float(entry.failed) for entry in entries]
        ages = [entry.age_ms for entry in entries if entry.age_ms is not None]
        sets = {
            "Invocations": sample([1.0] * len(entries)),
            "Duration": sample([entry.duration_ms for entry in entries], keep=True),
        }
        if self._zeros or any(failures):
            sets["Errors"] = sample(failures)
        if self._zeros:
            sets["Throttles"] = sample([0.0] * len(entries))
        if ages:
            sets["IteratorAge"] = sample(ages, keep=True)
        for where in self._levels(resource):
            for name, bucket in sets.items():
                self._bucket(name, where, minute).add(bucket)
        if self._function.spec.lambda_insights:
            self._insights(entries, minute)

    def _bucket(self, name: str, where: Dimensions, minute: int) -> Bucket:
        return self._store.series(LAMBDA, name, where).setdefault(minute, Bucket())

    def _levels(self, resource: str | None) -> list[Dimensions]:
        name = self._function.name
        levels = [dimensions(FunctionName=name), ACCOUNT_LEVEL]
        if resource:
            levels.append(dimensions(FunctionName=name, Resource=resource))
        return levels

    def _insights(self, entries: list[Logged], minute: int) -> None:
        function, count = self._function, len(entries)
        used = function.behaviour.memory_used_mb
        readings = {
            "cpu_total_time": [entry.cpu_ms for entry in entries],
            "used_memory_max": [used] * count,
            "total_memory": [float(function.memory_mb)] * count,
            "memory_utilization": [100 * used / function.memory_mb] * count,
        }
        where = dimensions(function_name=function.name)
        for name, values in readings.items():
            series = self._store.series(INSIGHTS, name, where)
            series.setdefault(minute, Bucket()).add(sample(values))


def emit_concurrency(world: Parts, at: float, seconds: float) -> None:
    """ConcurrentExecutions of functions, neighbours and account, for the minute of `at`."""
    account, store = world.account, world.metrics
    now = world.env.now
    got_by = account.watch_neighbours(now, seconds)
    for function in world.functions.values():
        if function.peak_running:
            where = dimensions(FunctionName=function.name)
            store.put(LAMBDA, "ConcurrentExecutions", where, at, sample([function.peak_running]))
        function.peak_running = function.running
    unreserved = float(account.peak_unreserved)
    for name, (got, shortfall) in got_by.items():
        where = dimensions(FunctionName=name)
        store.put(LAMBDA, "ConcurrentExecutions", where, at, sample([got]))
        throttles = sample([float(shortfall > 0)] * max(1, round(shortfall)))
        store.put(LAMBDA, "Throttles", where, at, throttles)
        store.put(LAMBDA, "Throttles", ACCOUNT_LEVEL, at, throttles)
        neighbour = account.neighbours[name]
        if neighbour.reserved_concurrency is None:
            unreserved += max(0.0, got - neighbour.spec.provisioned_concurrency)
    total = account.peak_running + sum(got for got, _ in got_by.values())
    levels = {
        "ConcurrentExecutions": total,
        "UnreservedConcurrentExecutions": unreserved,
        "ClaimedAccountConcurrency": unreserved
        + account.reserved_total
        + account.provisioned_total,
    }
    for name, value in levels.items():
        store.put(LAMBDA, name, ACCOUNT_LEVEL, at, sample([value]))
    account.peak_running, account.peak_unreserved = account.running, account.running_unreserved


def emit_event_counts(store: MetricStore, mapping: EventSourceMapping, at: float) -> None:
    """Deliveries that failed; and the opt-in EventCount metrics, none while it is disabled."""
    counts = mapping.counts
    if counts.delivery_failures:
        failures = sample([1.0] * counts.delivery_failures)
        for where in (dimensions(FunctionName=mapping.function.name), ACCOUNT_LEVEL):
            store.put(LAMBDA, "DestinationDeliveryFailures", where, at, failures)
    if not mapping.settings.event_count_metrics or not mapping.polling:
        return
    values = {
        "PolledEventCount": counts.polled,
        "FilteredOutEventCount": counts.filtered,
        "InvokedEventCount": counts.invoked,
        "FailedInvokeEventCount": counts.failed,
        "DroppedEventCount": counts.dropped,
        "OnFailureDestinationDeliveredEventCount": counts.sent_to_destination,
    }
    where = dimensions(EventSourceMappingUUID=mapping.uuid)
    for name, value in values.items():
        store.put(LAMBDA, name, where, at, sample([float(value)]))
