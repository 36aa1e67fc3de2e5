"""The built artifact under AWS's own runtime interface client, as Lambda runs it."""

import os
from collections.abc import Callable
from pathlib import Path

from tests.e2e import runtime_api
from tests.e2e.conftest import FIGURE
from tests.e2e.day import CONSUMER
from tests.e2e.days import A_RESTART_IS_NO_ALARM, alarmed, slow_day
from tests.e2e.faults import Faults
from tests.e2e.ministack import SITE, MiniStack
from tests.e2e.operator import Operator


def test_it_answers_events_and_an_exception_is_an_invocation_error(
    aws: MiniStack,
    faults: Faults,
    code: dict[str, bytes],
    endpoints_python: Path,
    artifact: Path,
    record_property: Callable[[str, object], None],
) -> None:
    operator = Operator(aws, code, CONSUMER, Mode="plan", **A_RESTART_IS_NO_ALARM)
    alarmed(slow_day(aws))
    command = [str(endpoints_python), "-m", "awslambdaric", "remediator.handler.handler"]
    environ = {
        **aws.environ,
        **operator.environ(),
        "AWS_ENDPOINT_URL": faults.url,
        "PYTHONPATH": os.pathsep.join((str(artifact), str(SITE))),
    }

    with runtime_api.started(command, environ, artifact, aws.folder / "runtime.log") as runtime:
        answered = runtime.invoke({"function": CONSUMER})
        requests = faults.requests()
        refused = runtime.invoke({"function": "nobody"})
        again = runtime.invoke({"function": CONSUMER})
        peak = runtime.peak_mib()

    assert (answered.failed, answered.said["outcome"]["status"]) == (False, "planned")
    assert (refused.failed, refused.said["errorType"]) == (True, "InputError")
    assert not again.failed
    record_property(
        FIGURE,
        f"awslambdaric: ready after {runtime.ready_seconds:.2f} s, peak {peak:.0f} MiB, "
        f"{requests} AWS requests for the first plan",
    )
