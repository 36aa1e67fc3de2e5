"""AWS's lists of mappings and consumers → who reads a stream, and whom a mapping feeds. Pure."""

from collections.abc import Iterable

from remediator.aws.reading import Answer, function_of, given_or, is_running
from remediator.model import Reader, Target


def listed(answer: Answer) -> tuple[Answer, ...]:
    """The mappings of one page (AWS: ListEventSourceMappings), each with what we read of it."""
    page = tuple(answer["EventSourceMappings"])
    for one in page:
        _mapping_reader(one)
    return page


def readers_of(
    mappings: Iterable[Answer], registered: Iterable[Answer], target: Target
) -> tuple[Reader, ...]:
    """The other readers of the stream: mappings, and registered consumers that feed none.

    ``mappings`` may be of any source.
    """
    others = [one for one in mappings if one["UUID"] != target.event_source_mapping]
    sources = {one.get("EventSourceArn") or "" for one in others}
    return (
        *(_mapping_reader(one) for one in others if _reads(one, target.source_arn)),
        *(
            Reader(
                name=consumer["ConsumerName"],
                shared_throughput=False,
                enabled=consumer.get("ConsumerStatus") == "ACTIVE",
            )
            for consumer in registered
            if consumer["ConsumerARN"] not in {*sources, target.consumer_arn}
        ),
    )


def _reads(mapping: Answer, stream: str) -> bool:
    source = mapping.get("EventSourceArn") or ""
    return source == stream or source.startswith(f"{stream}/consumer/")


def _mapping_reader(mapping: Answer) -> Reader:
    function = mapping.get("FunctionArn", "").partition(":function:")[2]
    return Reader(
        name=function or mapping["UUID"],
        shared_throughput="/consumer/" not in (mapping.get("EventSourceArn") or ""),
        enabled=is_running(mapping),
        event_source_mapping=mapping["UUID"],
        function=function or None,
        tumbling_window_seconds=given_or(mapping.get("TumblingWindowInSeconds"), 0),
        parallelization_factor=given_or(mapping.get("ParallelizationFactor"), 1),
    )


def siblings(mappings: Iterable[Answer], target: Target) -> int:
    """How many other running mappings feed the same function, by whatever name, of any source."""
    return len(
        {
            one["UUID"]
            for one in mappings
            if one["UUID"] != target.event_source_mapping
            and is_running(one)
            and feeds(one, target.function)
        }
    )


def feeds(mapping: Answer, function: str) -> bool:
    """Whether a mapping names the function, or an alias or a version of it."""
    watched = function_of(mapping)
    return watched is not None and watched.function == function
