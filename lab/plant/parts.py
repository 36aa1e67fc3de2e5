"""The world's parts and its clock; what the control planes stand on."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from lab.plant.account import Account, Backend, Neighbour
from lab.plant.alarms import Alarms
from lab.plant.chance import chance
from lab.plant.clock import Clock
from lab.plant.errors import AwsError
from lab.plant.function import Function
from lab.plant.knobs import Knobs
from lab.plant.metrics import MetricStore
from lab.plant.specs import AccountSpec
from lab.plant.stream import Consumer, Stream


class Parts:
    """Streams and functions by name, and simulated time (`env.now`: seconds)."""

    def __init__(self, start: datetime, account: AccountSpec, knobs: Knobs, seed: int) -> None:
        self.clock = Clock(start)
        self.env, self.start = self.clock.env, self.clock.start
        self.after, self.datetime_at = self.clock.after, self.clock.datetime_at
        self.knobs = knobs
        self.seed = seed
        self.account = Account(account)
        self.streams: dict[str, Stream] = {}
        self.functions: dict[str, Function] = {}
        self.backends: dict[str, Backend] = {}
        self.destinations: dict[str, list[dict[str, Any]]] = {}
        """Messages by destination."""
        self.destination_states: dict[str, str] = {}
        """Those that are told of: takes, missing, denies."""
        delay = knobs.cloudwatch_delay_seconds
        self.metrics = MetricStore(self.start, lambda: self.env.now, delay)
        self.alarms = Alarms(self.metrics, delay, knobs.alarm_extra_periods)
        self._uuids = chance(seed, "uuids")

    @property
    def neighbours(self) -> dict[str, Neighbour]:
        """The account's other functions."""
        return self.account.neighbours

    # Time

    def now(self) -> datetime:
        """Simulated time, aware, UTC."""
        return self.datetime_at(self.env.now)

    def run_until(self, until: datetime | float) -> None:
        """Let time pass."""
        seconds = self.clock.seconds_at(until)
        if seconds > self.env.now:
            self.env.run(until=seconds)

    def at(self, when: datetime | float, callback: Callable[[], None]) -> None:
        """Run something at a simulated time; a time in the past means now."""
        delay = max(0.0, self.clock.seconds_at(when) - self.env.now)
        self.after(delay, lambda _event: callback())

    # Names

    def stream_arn(self, name: str, account_id: str | None = None) -> str:
        """The ARN of a Kinesis stream, of this account unless told otherwise."""
        return self._arn("kinesis", f"stream/{name}", account_id)

    def table_stream_arn(self, table: str, label: str) -> str:
        """The ARN of a DynamoDB table's stream."""
        return self._arn("dynamodb", f"table/{table}/stream/{label}")

    def function_arn(self, name: str) -> str:
        """The unqualified ARN of a function."""
        return self._arn("lambda", f"function:{name}")

    def _arn(self, service: str, rest: str, account_id: str | None = None) -> str:
        account = self.account.spec
        return f"arn:aws:{service}:{account.region}:{account_id or account.account_id}:{rest}"

    # Finding

    def find_function(self, reference: str) -> tuple[Function, str | None]:
        """A function and the qualifier, from a name, an ARN or a qualified one.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        name, _, qualifier = reference.rpartition(":function:")[2].partition(":")
        if name not in self.functions:
            message = f"Function not found: {self.function_arn(name)}"
            raise AwsError("ResourceNotFoundException", message, 404)
        return self.functions[name], qualifier or None

    def find_stream(self, arn: str) -> Stream:
        """A Kinesis or DynamoDB stream.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        if arn not in self.streams:
            account = self.account.spec.account_id
            message = f"Stream {arn} under account {account} not found."
            raise AwsError("ResourceNotFoundException", message)
        return self.streams[arn]

    def find_source(self, arn: str) -> tuple[Stream, Consumer | None]:
        """What a mapping reads: a stream, or one of its enhanced fan-out consumers.

        Raises:
            AwsError: InvalidParameterValueException.
        """
        for stream in self.streams.values():
            if arn == stream.arn:
                return stream, None
            if arn in stream.consumers:
                return stream, stream.consumers[arn]
        raise AwsError("InvalidParameterValueException", f"Stream not found: {arn}")

    def check_destination(self, function: Function, destination: str | None) -> None:
        """Whether the function's execution role may write to a destination: all that AWS asks.

        Raises:
            AwsError: InvalidParameterValueException.
        """
        allowed = function.spec.role_may_send_to
        denied = self.destination_states.get(destination or "") == "denies"
        if destination and (denied or (allowed is not None and destination not in allowed)):
            message = (
                "The provided execution role does not have permissions to call SendMessage "
                f"on the destination {destination}. Please ensure the role can perform it."
            )
            raise AwsError("InvalidParameterValueException", message)

    def deliver(self, destination: str, message: dict[str, Any]) -> bool:
        """Write to an on-failure destination; whether it has taken it.

        FIFO queues and topics, and what is in another Region, never do.
        """
        state = self.destination_states.get(destination, "takes")
        elsewhere = destination.split(":")[3] not in {"", self.account.spec.region}
        if state != "takes" or elsewhere or destination.endswith(".fifo"):
            return False
        self.destinations.setdefault(destination, []).append(message)
        return True
