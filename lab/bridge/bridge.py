"""The bridge: each request of an unmodified boto3 client is answered by the plant, as AWS would.

Order of events in one call: time passes (``latency_seconds``, the plant runs on; not for calls from
other threads, which run side by side), an injected fault may strike, the quota is taken, the
operation takes effect, the answer goes back. Services of which only the surface matters (the
journal's table, topics, queues, buckets, the event bus, parameters) are moto's, in this process.
Everything else is denied, as AWS denies what a role was not given, and remembered as
``unsupported``: what the remediator asks for, the lab must be taught.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import RLock, get_ident
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.core.models import botocore_stubber

from lab.bridge import wire
from lab.bridge.calls import Call, Fault, FaultPlan, denied
from lab.bridge.clock import Clock
from lab.bridge.moto_quick import hurry
from lab.bridge.network import plugged
from lab.bridge.permissions import check_tags
from lab.bridge.quotas import Buckets
from lab.bridge.services import SERVICES
from lab.bridge.services.base import Aws
from lab.plant import AwsError

hurry()
MOTO_SERVICES = frozenset({"dynamodb", "events", "s3", "sns", "sqs", "ssm", "sts"})


class UnsupportedCallError(Exception):
    """The lab does not know this call, and nobody could be told so."""


class Bridge:
    """Answers the SDK's requests from the plant, at simulated time, and remembers them."""

    def __init__(
        self,
        aws: Aws,
        clock: Clock,
        *,
        latency_seconds: float = 0.1,
        faults: FaultPlan | None = None,
        lambda_calls_of_others_per_second: float = 0.0,
    ) -> None:
        self.aws = aws
        self.clock = clock
        self.latency_seconds = latency_seconds
        self.faults = faults
        self.calls: list[Call] = []
        self.unsupported: list[str] = []
        self._buckets = Buckets(lambda_calls_of_others_per_second)
        self._lock = RLock()
        self._home = get_ident()

    @contextmanager
    def plugged(self) -> Iterator[None]:
        """Within, every boto3 request of this process ends here.

        Raises RuntimeError inside of moto's ``mock_aws``, which would answer first.
        """
        if botocore_stubber.enabled:
            raise RuntimeError("moto's mock_aws is active; the lab brings its own moto")
        self._home = get_ident()
        with plugged(self.answer, self.sleep, self.aws.world.account.spec.region):
            yield

    def sleep(self, seconds: float) -> None:
        """Let the plant run on, also when it is another thread that waits."""
        with self._lock:
            self.clock.sleep(seconds)

    def answer(self, service: str, operation: str, request: AWSPreparedRequest) -> AWSResponse:
        """Answer one request. Raises what a fault raises."""
        with self._lock:
            model = wire.operation_model(service, operation)
            params = wire.decode(model, request)
            call = self._begin(service, operation, params, _attempt(request))
            try:
                response = self._perform(call, request)
            except AwsError as error:
                self._end(call, error.code)
                return wire.refuse(model, request.url, error)
            except BaseException as error:
                self._end(call, type(error).__name__)
                raise
            self._end(call, None if response.status_code < 300 else str(response.status_code))
            return response

    def count(self, service: str, operation: str) -> None:
        """Remember a call that somebody else answers in AWS's place; it takes its time."""
        with self._lock:
            self._begin(service, operation, {})
            self._pass_time()

    def _begin(
        self, service: str, operation: str, params: dict[str, Any], attempt: int = 1
    ) -> Call:
        call = Call(
            number=len(self.calls) + 1,
            service=service,
            operation=operation,
            params=params,
            at=self.clock.now(),
            attempt=attempt,
        )
        self.calls.append(call)
        return call

    def _end(self, call: Call, error: str | None) -> None:
        self.calls[call.number - 1] = replace(call, error=error)

    def _perform(self, call: Call, request: AWSPreparedRequest) -> AWSResponse:
        fault = self.faults(call) if self.faults else None
        self._pass_time()
        if fault is not None and not fault.applied:
            self._strike(fault)
        self._buckets.take(call.service, call.operation, dict(call.params), self.clock.now())
        response = self._effect(call, request)
        if fault is not None:
            self._strike(fault)
        return response

    def _pass_time(self) -> None:
        """What threads ask side by side costs no time of its own."""
        if get_ident() == self._home:
            self.clock.sleep(self.latency_seconds)

    def _strike(self, fault: Fault) -> None:
        self.clock.sleep(fault.after_seconds)
        raise fault.error

    def _effect(self, call: Call, request: AWSPreparedRequest) -> AWSResponse:
        check_tags(self.aws, call)
        operation = SERVICES.get(call.service, {}).get(call.operation)
        if operation is None and call.service in MOTO_SERVICES:
            return from_moto(request, self.aws.world.account.spec.account_id)
        if operation is None:
            self.unsupported.append(call.name)
            raise denied(call).error
        model = wire.operation_model(call.service, call.operation)
        result = operation(self.aws, dict(call.params))
        if result is None:
            return from_moto(request, self.aws.world.account.spec.account_id)
        return wire.respond(model, request.url, result)


def _attempt(request: AWSPreparedRequest) -> int:
    """Which try this is, as the SDK's retry says it in ``amz-sdk-request``."""
    header: Any = request.headers.get("amz-sdk-request", "attempt=1")
    text = header.decode() if isinstance(header, bytes) else str(header)
    return int(text.partition("attempt=")[2].partition(";")[0] or 1)


def from_moto(request: AWSPreparedRequest, account_id: str) -> AWSResponse:
    """Moto's answer to a request. Raises UnsupportedCallError when it has none."""
    request.headers["x-moto-account-id"] = account_id
    answered = botocore_stubber.process_request(request)
    if answered is None:
        raise UnsupportedCallError(f"moto does not know {request.url}")
    status, headers, body = answered
    packed = body.encode() if isinstance(body, str) else bytes(body)
    return wire.raw_response(str(request.url), status, dict(headers), packed)


def forget_moto() -> None:
    """Empty moto's account: tables, topics, queues of the rehearsal before this one."""
    BackendDict.reset()
    reset_model_data()  # moto keeps every item of every copy of a table that it ever made


FaultFactory = Callable[[Call], Fault]


def at_call(number: int, fault: FaultFactory) -> FaultPlan:
    """A plan: the fault at the call of that number, once."""
    return lambda call: fault(call) if call.number == number else None


def at_operation(name: str, fault: FaultFactory, *, times: int = 1) -> FaultPlan:
    """A plan: the fault at the first ``times`` calls of ``service:operation``."""
    seen: list[int] = []

    def plan(call: Call) -> Fault | None:
        if call.name != name or len(seen) >= times:
            return None
        seen.append(call.number)
        return fault(call)

    return plan
