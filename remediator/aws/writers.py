"""One writer for each kind of resource: how its settings are read, written and seen to settle.

Source: Lambda API Reference (UpdateEventSourceMapping, PutFunctionConcurrency,
DeleteFunctionConcurrency, GetFunction).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from remediator.aws import reading
from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors, whole
from remediator.aws.limits import Values, number, refusal
from remediator.aws.promotion import PromotionWriter
from remediator.aws.stream_writers import RangeWriter, StreamWriter
from remediator.aws.takeover import TakeoverWriter
from remediator.model import ResourceKind, Value
from remediator.setting import Api, Setting
from remediator.settings_table import SETTINGS


class Writer(Protocol):
    """What can be done with one kind of resource. All raise PermanentError or TemporaryError."""

    def read(self, name: str, settings: Sequence[str]) -> Values:
        """The present values, less those that the resource does not have."""
        ...

    def write(self, name: str, values: Values) -> None:
        """Set the values in one call; on an error nothing was changed."""
        ...

    def settled(self, name: str) -> bool:
        """Whether AWS has finished with the resource now."""
        ...


class LambdaWriter:
    """Settings of Lambda's, by the calls that their rows name."""

    def __init__(self, clients: Clients, kind: ResourceKind) -> None:
        self._clients = clients
        self._kind = kind

    def read(self, name: str, settings: Sequence[str]) -> Values:
        """An answer that lacks what proves it whole would read as all of AWS's defaults."""
        held: dict[str, Value] = {}
        for api, rows in self._by_api(settings).items():
            with aws_errors("lambda"):
                answer = whole(getattr(self._clients.lambda_, api.get)(**{api.key: name}))
                if api.proof is not None:
                    answer[api.proof]
                held |= {row.name: reading.setting(row, answer) for row in rows}
        return held

    def write(self, name: str, values: Values) -> None:
        apis = self._by_api(values)
        if len(apis) != 1 or sum(map(len, apis.values())) != len(values):
            known = ", ".join(row.name for row in SETTINGS.values() if row.kind is self._kind)
            raise refusal(f"expected settings of one call, of {known}, got {', '.join(values)}")
        ((api, rows),) = apis.items()
        sent = {row: values[row.name] for row in rows}
        removes = api.delete is not None and None in sent.values()
        call, fields = (api.delete or "", {}) if removes else (api.put, _fields(sent))
        with aws_errors("lambda"):
            getattr(self._clients.lambda_writer, call)(**{api.key: name}, **fields)

    def settled(self, name: str) -> bool:
        """A mapping is at rest, or not; a reservation holds at once, but an update of the function
        itself may be under way."""
        with aws_errors("lambda"):
            if self._kind is ResourceKind.FUNCTION:
                found = self._clients.lambda_.get_function(FunctionName=name)["Configuration"]
                return found.get("LastUpdateStatus") != "InProgress"
            answer = self._clients.lambda_.get_event_source_mapping(UUID=name)
            return answer["State"] in {"Enabled", "Disabled"}

    def _by_api(self, settings: Iterable[str]) -> dict[Api, list[Setting]]:
        found: dict[Api, list[Setting]] = {}
        for row in map(SETTINGS.get, settings):
            if row is not None and row.kind is self._kind and row.api is not None:
                found.setdefault(row.api, []).append(row)
        return found


def _fields(values: Mapping[Setting, Value]) -> dict[str, Any]:
    """Settings as the call wants them; an empty text removes what it would name."""
    fields: dict[str, Any] = {}
    for row, value in values.items():
        sent: Any = value or ""
        if row.bounds is not None:
            sent = number(row, value)
        elif isinstance(row.default, bool):
            sent = bool(value)
        first, *inner = row.field.split(".")
        for part in reversed(inner):
            sent = {part: sent}
        fields[first] = sent
    return fields


def writers(clients: Clients) -> Mapping[ResourceKind, Writer]:
    """The writer for each kind of resource."""
    return {
        **{
            kind: LambdaWriter(clients, kind)
            for kind in (ResourceKind.EVENT_SOURCE_MAPPING, ResourceKind.FUNCTION)
        },
        ResourceKind.STREAM: StreamWriter(clients),
        ResourceKind.HASH_RANGE: RangeWriter(clients),
        ResourceKind.ALIAS: PromotionWriter(clients),
        ResourceKind.READER: TakeoverWriter(clients),
    }
