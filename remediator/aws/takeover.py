"""The writer of a takeover: a registered consumer, and a mapping that reads through it.

Source: Lambda API Reference (CreateEventSourceMapping, UpdateEventSourceMapping,
DeleteEventSourceMapping, ListTags), Kinesis API Reference (RegisterStreamConsumer,
DeregisterStreamConsumer, ListStreamConsumers).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from remediator import arns
from remediator.aws import readers, reading
from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors
from remediator.aws.limits import Values, refusal
from remediator.aws.reading import Answer
from remediator.errors import PermanentError
from remediator.execution import takeover
from remediator.execution.takeover import POSITION, Parts, Step
from remediator.settings_table import READS_BY


class _Found(NamedTuple):
    """AWS's answers; ``None`` for what is not there."""

    stream: str
    consumer_name: str
    consumer: Answer | None
    old: Answer | None
    new: Answer | None
    others: bool


class TakeoverWriter:
    """How a mapping's records are read. ``name``: ``stream-arn/consumer/remediator-UUID``."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def read(self, name: str, _: Sequence[str]) -> Values:
        """All parts, and what they come to. Old and new one are found anew each time, by name."""
        parts = _parts(self._find(name))
        return {**parts._asdict(), READS_BY.name: takeover.reads_by(parts)}

    def write(self, name: str, values: Values) -> None:
        """One step: ``values`` names it, and for a creation the position. Raises PermanentError for
        anything else, and for what is not there to be changed."""
        step, *beside = values or ("nothing",)
        acts: Mapping[str, Callable[[_Found], object]] = {
            Step.REGISTER: self._register,
            Step.CREATE: lambda found: self._create(found, values.get(POSITION)),
            Step.STOP_OLD: lambda found: self._enable(found.old, on=False),
            Step.START_NEW: lambda found: self._enable(found.new, on=True, but=found.old),
            Step.STOP_NEW: lambda found: self._enable(found.new, on=False),
            Step.START_OLD: lambda found: self._enable(found.old, on=True, but=found.new),
            Step.DELETE: lambda found: self._delete(found.new),
            Step.DEREGISTER: self._deregister,
        }
        if step not in acts or set(beside) - {POSITION}:
            raise refusal(f"expected one step of a takeover, got {', '.join(values)}")
        acts[step](self._find(name))

    def settled(self, name: str) -> bool:
        return not takeover.busy(_parts(self._find(name)))

    # --- steps -----------------------------------------------------------------------------

    def _register(self, found: _Found) -> None:
        with aws_errors("kinesis"):
            self._clients.kinesis_writer.register_stream_consumer(
                StreamARN=found.stream, ConsumerName=found.consumer_name
            )

    def _deregister(self, found: _Found) -> None:
        with aws_errors("kinesis"):
            arn = _there(found.consumer)["ConsumerARN"]
            self._clients.kinesis_writer.deregister_stream_consumer(ConsumerARN=arn)

    def _create(self, found: _Found, since: object) -> None:
        """Disabled, so that at no moment both read; with the old one's settings and tags."""
        old = _there(found.old)
        uncopied = reading.not_to_copy(old)
        if uncopied:
            raise refusal(f"nobody here knows how another mapping gets its {', '.join(uncopied)}")
        with aws_errors("lambda"):
            wanted: dict[str, Any] = {
                "EventSourceArn": _there(found.consumer)["ConsumerARN"],
                "FunctionName": old["FunctionArn"],
                "Enabled": False,
                "StartingPosition": "AT_TIMESTAMP",
                "StartingPositionTimestamp": takeover.starts_at(f"{since}"),
                **reading.copied(old),
            }
            if tags := self._tags(old):
                wanted["Tags"] = tags
            self._clients.lambda_writer.create_event_source_mapping(**wanted)

    def _tags(self, old: Answer) -> dict[str, str]:
        """AWS keeps those that begin with ``aws:`` to itself."""
        place = old["FunctionArn"].partition(":function:")[0]
        arn = f"{place}:event-source-mapping:{old['UUID']}"
        tags = self._clients.lambda_.list_tags(Resource=arn).get("Tags") or {}
        return {key: value for key, value in tags.items() if not key.startswith("aws:")}

    def _enable(self, one: Answer | None, *, on: bool, but: Answer | None = None) -> None:
        """``but``: the one that must not read then, whatever else was thought a moment ago."""
        if on and but is not None and but["State"] != "Disabled":
            raise refusal(f"mapping {but['UUID']} is {but['State']}: both would read")
        uuid = _there(one)["UUID"]
        with aws_errors("lambda"):
            self._clients.lambda_writer.update_event_source_mapping(UUID=uuid, Enabled=on)

    def _delete(self, new: Answer | None) -> None:
        one = _there(new)
        if one["State"] != "Disabled":
            raise refusal(f"mapping {one['UUID']} is {one['State']}: it is disabled first")
        with aws_errors("lambda"):
            self._clients.lambda_writer.delete_event_source_mapping(UUID=one["UUID"])

    # --- what is there ---------------------------------------------------------------------

    def _find(self, name: str) -> _Found:
        stream, _, consumer_name = name.partition("/consumer/")
        uuid = arns.taken_over(name)
        if uuid is None:
            raise refusal(f"expected stream-arn/consumer/remediator-UUID, got {name[:300]!r}")
        consumer = self._consumer(stream, consumer_name)
        old = self._old(uuid)
        through = self._through(consumer["ConsumerARN"]) if consumer else []
        function = old["FunctionArn"] if old else None
        mine = [one for one in through if function in {None, one["FunctionArn"]}]
        new = mine[0] if mine else None
        return _Found(stream, consumer_name, consumer, old, new, len(through) > len(mine[:1]))

    def _old(self, uuid: str) -> Answer | None:
        try:
            with aws_errors("lambda"):
                found = self._clients.lambda_.get_event_source_mapping(UUID=uuid)
                reading.mapping(found)
                found["State"]
                return found
        except PermanentError as error:
            if error.gone:
                return None
            raise

    def _consumer(self, stream: str, name: str) -> Answer | None:
        pages = self._clients.kinesis.get_paginator("list_stream_consumers")
        with aws_errors("kinesis"):
            found = (one for page in pages.paginate(StreamARN=stream) for one in page["Consumers"])
            return next((one for one in found if one["ConsumerName"] == name), None)

    def _through(self, consumer: str) -> list[Answer]:
        pages = self._clients.lambda_.get_paginator("list_event_source_mappings")
        with aws_errors("lambda"):
            listed = pages.paginate(EventSourceArn=consumer)
            return [one for page in listed for one in readers.listed(page)]


def _there(one: Answer | None) -> Answer:
    if one is None:
        raise PermanentError("it is gone", code="ResourceNotFoundException", gone=True)
    return one


def _parts(found: _Found) -> Parts:
    consumer, old, new = found.consumer, found.old, found.new
    with aws_errors("lambda"):
        since = new.get("StartingPositionTimestamp") if new else None
        return Parts(
            consumer=consumer["ConsumerStatus"] if consumer else None,
            consumer_arn=consumer["ConsumerARN"] if consumer else None,
            old=old["State"] if old else None,
            old_since=_changed(old),
            new=new["State"] if new else None,
            new_since=_changed(new),
            new_uuid=new["UUID"] if new else None,
            starts=takeover.position(reading.utc(since)) if since else None,
            alike=not old or not new or reading.copied(old) == reading.copied(new),
            others=found.others,
        )


def _changed(one: Answer | None) -> str | None:
    moment = one.get("LastModified") if one else None
    return reading.utc(moment).isoformat() if moment else None
