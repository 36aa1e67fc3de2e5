"""Which functions of the account run most at once: whom a reservation is taken from, by name."""

from datetime import datetime, timedelta
from typing import Any

from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors
from remediator.errors import RemediatorError
from remediator.model import Busy

MINUTES = 10
# At most one such query a call, over three hours at most, and the labels are the functions' names
# (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-limits.html).
QUERY = (
    'SELECT MAX(ConcurrentExecutions) FROM SCHEMA("AWS/Lambda", FunctionName) '
    "GROUP BY FunctionName ORDER BY MAX() DESC LIMIT 6"
)


def functions(clients: Clients, now: datetime) -> tuple[Busy, ...] | None:
    """The busiest first, in one call (cloudwatch:GetMetricData); ``None``: that was not seen.

    It only names them, so nothing depends on it: whatever AWS says instead is no answer.
    """
    query: Any = {"Id": "busiest", "Expression": QUERY, "Period": 60}
    try:
        with aws_errors("cloudwatch"):
            found = clients.cloudwatch.get_metric_data(
                MetricDataQueries=[query], StartTime=now - timedelta(minutes=MINUTES), EndTime=now
            )
            busy = [
                Busy(function=one["Label"], concurrency=max(one["Values"]))
                for one in found["MetricDataResults"]
                if one.get("Label") and one.get("Values")
            ]
    except RemediatorError:
        return None
    return tuple(sorted(busy, key=lambda one: (-one.concurrency, one.function)))
