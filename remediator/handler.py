"""The Lambda entry: any event in, the JSON report out.

It raises when the world is broken or the event cannot be understood, so that Lambda retries and
the dead-letter queue fills. Time, environment and waiting come in here and nowhere else.
"""

from remediator import cold_start  # first of all, on purpose

# isort: split
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from remediator import arns, wiring
from remediator.environment import Settings
from remediator.errors import InputError
from remediator.events.intake import understand
from remediator.events.requests import FollowUpDue
from remediator.model import Incident, Report, Status
from remediator.wiring import Caller, Runtime

SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "remediator")
NAMESPACE = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "IteratorAgeRemediator")

cold_start.resume()
logger = Logger(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)


def real_runtime() -> Runtime:
    """The process's own environment, clock and patience."""
    return Runtime(
        environ=os.environ,
        clock=lambda: datetime.fromtimestamp(time.time(), UTC),
        sleep=lambda seconds: time.sleep(seconds),
    )


@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any] | str:
    """Lambda's entry. Returns the report (see ``remediator.model.Report``), or a dashboard's HTML.

    Raises InputError for an event that cannot be understood, TemporaryError or PermanentError
    when the world is broken.
    """
    return serve(event, context, real_runtime())


def serve(event: object, context: Any, runtime: Runtime) -> dict[str, Any] | str:
    """As ``handler``, with the environment, the clock and the patience of ``runtime``."""
    caller = _caller(context)
    logger.append_keys(request_id=caller.request_id)
    try:
        if isinstance(event, dict) and not _WIDGET.isdisjoint(event):
            return _widget(event, caller, runtime)
        report = _answer(event, caller, runtime)
    except Exception as error:
        logger.exception("the event was not answered", error=type(error).__name__)
        metrics.add_metric(name="Failures", unit=MetricUnit.Count, value=1)
        raise
    _count(report)
    logger.info("answered", report=_summary(report))
    return report.model_dump(mode="json")


# What only a dashboard's custom widget says.
_WIDGET = frozenset({"widgetContext", "describe"})


def _widget(event: Mapping[str, Any], caller: Caller, runtime: Runtime) -> dict[str, Any] | str:
    """What a dashboard shows in our widget, and does at its buttons."""
    from remediator import widget  # noqa: PLC0415 - an alarm's answer does not wait for it

    settings = Settings.from_environment(runtime.environ)
    account, region = _home(caller, settings)
    return widget.answer(event, widget.Place(settings, caller, runtime, account, region))


def _answer(event: object, caller: Caller, runtime: Runtime) -> Report:
    settings = Settings.from_environment(runtime.environ)
    account, region = _home(caller, settings)
    asked = understand(
        event,
        runtime.clock(),
        default_function=settings.only_function,
        account_id=account,
        region=region,
    )
    try:
        runbook = wiring.runbook(settings, caller, runtime)
    except InputError:  # a policy that cannot be read: what is in effect is looked at later
        if isinstance(asked, FollowUpDue):
            wiring.come_back(settings, caller, runtime, asked)
        raise
    report = runbook.respond(asked) if isinstance(asked, Incident) else runbook.run(asked)
    if runbook.notifier is not None and runbook.notifier.failed:
        unsent = runbook.notifier.failed
        metrics.add_metric(name="NoticesFailed", unit=MetricUnit.Count, value=unsent)
    return report


def _caller(context: Any) -> Caller:
    """Lambda's context, which local tools fill in more or less."""
    arn, name = (getattr(context, at, None) for at in ("invoked_function_arn", "function_name"))
    return Caller(
        request_id=str(getattr(context, "aws_request_id", None) or "no-request-id"),
        function_arn=arn if isinstance(arn, str) and arns.parsed(arn) else None,
        function_name=name if isinstance(name, str) and name else None,
    )


def _home(caller: Caller, settings: Settings) -> tuple[str | None, str | None]:
    """Our own account and Region, where all that we know of ourselves agrees on them.

    An event about another's resource is refused (see ``remediator.events.intake``).
    """
    known = (caller.function_arn, settings.quarantine_queue_arn, settings.notices_topic_arn)
    found = [arn for arn in map(arns.parsed, known) if arn]
    accounts, regions = {arn.account_id for arn in found}, {arn.region for arn in found}
    return (
        accounts.pop() if len(accounts) == 1 else None,
        regions.pop() if len(regions) == 1 else None,
    )


def _count(report: Report) -> None:
    """The metrics that a dashboard wants: causes, verdicts, actions, refusals, recovery."""
    outcome = report.outcome
    metrics.add_metric(name="Incidents", unit=MetricUnit.Count, value=1)
    if report.diagnosis:
        metrics.add_metric(name=f"Cause_{report.diagnosis.cause}", unit=MetricUnit.Count, value=1)
    if report.verdict:
        metrics.add_metric(name=f"Verdict_{report.verdict.verdict}", unit=MetricUnit.Count, value=1)
    done = sum(result.in_effect for result in outcome.results)
    metrics.add_metric(name="Actions", unit=MetricUnit.Count, value=done)
    refused = outcome.status in {Status.BLOCKED, Status.AWAITING_APPROVAL}
    metrics.add_metric(name="Refusals", unit=MetricUnit.Count, value=int(refused))
    for name, seconds in (
        ("TimeToRecovery", report.recovered_in_seconds),
        ("ForecastError", report.forecast_error_seconds),
    ):
        if seconds is not None:
            metrics.add_metric(name=name, unit=MetricUnit.Seconds, value=seconds)


def _summary(report: Report) -> Mapping[str, Any]:
    """What a log line says; never a stream record's payload."""
    return report.model_dump(
        mode="json",
        include={"incident_id", "mode", "target", "outcome", "follow_up", "plan", "verdict"},
    ) | {"cause": report.diagnosis.cause if report.diagnosis else None}
