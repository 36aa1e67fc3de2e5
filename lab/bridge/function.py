"""What is deployed: the remediator's own handler, at simulated time through its runtime."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from remediator import handler
from remediator.wiring import Runtime


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """Lambda's context object, as far as code reads it."""

    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: int
    aws_request_id: str
    remaining_ms: Callable[[], int]
    function_version: str = "$LATEST"

    def get_remaining_time_in_millis(self) -> int:
        """Until the function's timeout, in simulated time."""
        return self.remaining_ms()


Function = Callable[[Any, LambdaContext, Runtime], Any]


def remediator(event: Any, context: LambdaContext, runtime: Runtime) -> Any:
    """``remediator.handler.serve``, unmodified; its log lines and metrics go nowhere."""
    with _quiet():
        return handler.serve(event, context, runtime)


@contextmanager
def _quiet() -> Iterator[None]:
    """A rehearsal's output is its reports: no log of this process, no metric of this account."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
        handler.metrics.clear_metrics()
